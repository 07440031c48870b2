/* SPDX-License-Identifier: Apache-2.0
 * What the modules fault_*.c share: each is the callback module "fault", built as FAULT 1, 2 and 3, all of one
 * layout.  Version 1 leaves something behind that a later one uses when it is called with "use".
 */
#ifndef TEST_MODULES_FAULT_H
#define TEST_MODULES_FAULT_H

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "worker/relworker.h"

#define FAULT_STR(x)  FAULT_STR_(x)
#define FAULT_STR_(x) #x
#define FAULT_VSN     FAULT_STR(FAULT)

static inline bool
fault_asks(const char *request, const char *word)
{
	size_t n = strlen(word);
	return strlen(request) == n + 2 && strncmp(request + 1, word, n) == 0;
}

static inline int
fault_reply(char **ret, int n)
{
	char text[] = {(char)('0' + n / 100 % 10), (char)('0' + n / 10 % 10), (char)('0' + n % 10), '\0'};
	while (text[0] == '0' && text[1] != '\0')
		memmove(text, text + 1, sizeof(text) - 1);
	*ret = strdup(text);
	return *ret != NULL ? 0 : -1;
}

#endif
