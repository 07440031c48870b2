/* SPDX-License-Identifier: Apache-2.0
 * Interface "pair_b/1" of the test modules pair_a and pair_b: notes are parts that pair_b makes and
 * pair_a keeps in its state.
 */
#ifndef TEST_PAIR_H
#define TEST_PAIR_H

#include "worker/relworker.h"

struct pair_b {
	void *(*note_new)(struct relw *rw, int n);
	int (*note_text)(struct relw *rw, const void *note, char *buf, size_t size);
	void (*note_free)(struct relw *rw, void *note);
};

#endif
