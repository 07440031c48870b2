/* SPDX-License-Identifier: Apache-2.0
 * Module `greeting` that does what no module may: its first answer leaves the address of a function of its own
 * where the next version finds it, which calls it (native-code.md, row L2).
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "greeting.h"

#define LEFT "STALE_GREETING"

__attribute__((noinline)) static const char *
text(void)
{
	return GREETING_TEXT "\n";
}

static const char *
answer(struct relw *rw, const char *line, size_t len, size_t *ret_len)
{
	const char *left = getenv(LEFT);
	const char *(*volatile fn)(void) = text;
	char address[32];
	(void)rw;
	(void)line;
	(void)len;
	if (left != NULL)
		fn = (const char *(*)(void))(uintptr_t)strtoull(left, NULL, 16);
	snprintf(address, sizeof(address), "%jx", (uintmax_t)(uintptr_t)fn);
	setenv(LEFT, address, 1);
	*ret_len = sizeof(GREETING_TEXT "\n") - 1;
	return fn()[0] != '\0' ? text() : "";
}

static int
check(struct relw *rw)
{
	(void)rw;
	return 0;
}

static const struct greeting interface = {.answer = answer, .check = check};

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE(GREETING_MODULE, GREETING_VSN),
	.interface_name = GREETING_INTERFACE,
	.interface = &interface,
};
