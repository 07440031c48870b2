/* SPDX-License-Identifier: Apache-2.0
 * One layout, written as different graphs of types: a list whose nodes are one type or two that look
 * alike, and a struct that is used twice or has a twin.
 */
#include "worker/relworker.h"

struct pair {
	int x;
	int y;
};

#ifdef TWIN
struct twin {
	int x;
	int y;
};
struct even;
struct odd {
	struct even *next;
	long value;
};
struct even {
	struct odd *next;
	long value;
};
struct both {
	struct even *list;
	struct pair first;
	struct twin second;
};
#else
struct one {
	struct one *next;
	long value;
};
struct both {
	struct one *list;
	struct pair first;
	struct pair second;
};
#endif

RELW_STATE(both, struct both);

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {RELW_MODULE("twin", "1")};
