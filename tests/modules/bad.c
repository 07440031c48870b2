/* SPDX-License-Identifier: Apache-2.0
 * Test modules that must not start, each for one reason.
 */
#include "worker/relworker.h"

#ifndef BAD_INIT
static int
init(struct relw *rw, void **ret_state)
{
	(void)rw;
	*ret_state = 0;
	return 0;
}
#endif

static void
event(struct relw *rw, void *state, const struct relw_event *e)
{
	(void)rw;
	(void)state;
	(void)e;
}

#ifdef BAD_SYMBOL
RELW_EXPORT const struct relw_module relw_other = {
#else
RELW_EXPORT const struct relw_module relw_module = {
#endif
#ifdef BAD_ABI
    .abi = RELW_ABI + 1,
#else
    .abi = RELW_ABI,
#endif
#ifdef BAD_SIZE
    .size = sizeof(struct relw_module) - 8,
#else
    .size = sizeof(struct relw_module),
#endif
#ifdef BAD_NAME
    .name = "other",
#else
    .name = "bad",
#endif
#ifdef BAD_VSN
    .vsn = "one\ntwo",
#else
    .vsn = "1",
#endif
#ifdef BAD_FLAGS
    .flags = 1u << 30,
#endif
#ifdef BAD_INTERFACE
    .interface_name = "bad/1",
#endif
#ifdef BAD_TWICE
    .functions = (const struct relw_function[]){{.name = "f", .event = event},
	{.name = "f", .event = event}, {0}},
#elif defined(BAD_FUNCTION)
    .functions = (const struct relw_function[]){{.name = "f"}, {0}},
#endif
#ifdef BAD_TYPES
    .state_types = (const struct relw_state_type[]){{.name = "t"}, {.name = "t"}, {0}},
#endif
#ifdef BAD_IMPORT
    .imports = (const struct relw_import[]){{"absent", "absent/1"}, {0}},
#endif
    .handle_event = event,
#ifndef BAD_INIT
    .init = init,
#endif
};
