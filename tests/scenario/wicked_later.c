/* SPDX-License-Identifier: Apache-2.0
 * Listener 0.1.1 with an end of its own after the decision, in rebind, and an init that refuses: the
 * upgrade is made, and then its worker cannot start in it.  Used by 75-starts.bats.
 */
#define _GNU_SOURCE /* as the file that is included below */

#include <stdlib.h>

#include <relworker.h>

static void
rebind(struct relw *rw, void *state)
{
	(void)rw;
	(void)state;
	abort();
}

/* Like a function, so that the table's `.init = init` finds the one below. */
#define init(rw, ret_state) good_init(rw, ret_state)
static int (init)(struct relw *rw, void **ret_state);

#undef RELW_MODULE
#define RELW_MODULE(module, version)                                                               \
	.abi = RELW_ABI, .size = sizeof(struct relw_module), .name = (module), .vsn = (version),   \
	.rebind = rebind

#include "listener-0.1.1.c"

static int
(init)(struct relw *rw, void **ret_state)
{
	return good_init(rw, ret_state) != 0 ? -1 : relw_refuse(rw, "not on this machine");
}
