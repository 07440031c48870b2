/* SPDX-License-Identifier: Apache-2.0
 * Sorted names, each with a number: filled, sorted once, then found by bisection.  Sorting and not
 * hashing: names come from files, and no choice of them makes it slow.
 */
#ifndef BASE_INDEX_H
#define BASE_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "base/must.h"

struct rel_index_entry {
	const char *name;    /* borrowed */
	uint64_t head;       /* its first bytes */
	size_t value;
};
struct rel_index {
	size_t count;
	struct rel_index_entry *entries; /* by name, then by value */
};

/* Room for `cap` entries; -1: no memory.  Who keeps entries elsewhere, sets them and needs no fini. */
int rel_index_init(struct rel_index *ix, size_t cap) RTE_MUST_CHECK;
void rel_index_fini(struct rel_index *ix);
void rel_index_add(struct rel_index *ix, const char *name, size_t value);
void rel_index_sort(struct rel_index *ix);
/* The entry with the lowest value of that name; NULL: none. */
const struct rel_index_entry *rel_index_find(const struct rel_index *ix, const char *name);

#endif
