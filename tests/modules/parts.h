/* SPDX-License-Identifier: Apache-2.0
 * Interface "parts/1" of the test modules parts_a, parts_b and parts_c, each the owner of a type of part;
 * parts_holder keeps parts of all three in its state, and a part of parts_b has one of parts_c inside.
 * Each part is in the ledger while it lives, by its owner and its layout.
 */
#ifndef TEST_PARTS_H
#define TEST_PARTS_H

#include "worker/relworker.h"

struct ledger {
	int live[3][2];
};

struct parts {
	void *(*make)(struct relw *rw, struct ledger *l, int n);
	int (*value)(struct relw *rw, const void *part); /* n, of a whole part; else less than 0 */
	void (*drop)(struct relw *rw, void *part);
};

#endif
