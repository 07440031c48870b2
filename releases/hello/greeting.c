/* SPDX-License-Identifier: Apache-2.0
 * Module `greeting`: decides what a client's line is answered with.  A module without a state of
 * its own: no init(), no code_change(), nothing that could stand in the way of a change.  Its new
 * version is loaded (`load_module`) and is called from the next event on.
 *
 * Every release of hello builds it from this file with its own GREETING_VSN, GREETING_TEXT and
 * GREETING_HEALTH; see releases/local.mk.
 */
#include "greeting.h"

#ifndef GREETING_HEALTH
#define GREETING_HEALTH 0
#endif

static const char *
answer(struct relw *rw, const char *line, size_t len, size_t *ret_len)
{
	(void)rw;
	(void)line;
	(void)len;
	*ret_len = sizeof(GREETING_TEXT "\n") - 1;
	return GREETING_TEXT "\n";
}

static int
check(struct relw *rw)
{
	(void)rw;
	return GREETING_HEALTH;
}

static const struct greeting interface = {.answer = answer, .check = check};

/* The one symbol that a module exports. */
RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE(GREETING_MODULE, GREETING_VSN),
	.interface_name = GREETING_INTERFACE,
	.interface = &interface,
};
