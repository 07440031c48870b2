/* SPDX-License-Identifier: Apache-2.0
 * Test modules "swap_first" and "swap_second" (SWAP_SECOND), in versions 1 and 2 (SWAP).  The first one
 * calls the second one, as the caller of both does.
 */
#include "swap.h"

static int
version(struct relw *rw)
{
#ifdef SWAP_SECOND
	(void)rw;
	return SWAP;
#else
	return RELW_IMPORT(rw, 0, struct swap)->version(RELW_CALLEE(rw, 0)) == SWAP ? SWAP : -1;
#endif
}

static const struct swap interface = {version};
#ifdef SWAP_SECOND
#define NAME "swap_second"
#else
#define NAME "swap_first"
static const struct relw_import imports[] = {{"swap_second", "swap/1"}, {0}};
#endif

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE(NAME, SWAP == 1 ? "1" : "2"),
    .interface_name = "swap/1",
    .interface = &interface,
#ifndef SWAP_SECOND
    .imports = imports,
#endif
};
