/* SPDX-License-Identifier: Apache-2.0
 * What bench/dispatch calls; in a file of its own, so that no compiler sees through the call.
 */
#include "config.h"

#include "dispatch_target.h"

void
dispatch_target(struct relw *rw, void *state, const struct relw_event *event)
{
	uint64_t *n = state;
	(void)rw;

	*n += event->key;
}
