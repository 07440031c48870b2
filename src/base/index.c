/* SPDX-License-Identifier: Apache-2.0
 * Sorted names: see index.h.  An entry holds the first bytes of its name as a number that sorts as they
 * do, so that few comparisons read the names, which lie all over the memory.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "base/index.h"

int
rel_index_init(struct rel_index *ix, size_t cap)
{
	ix->count = 0;
	ix->entries = calloc(cap + 1, sizeof(*ix->entries));
	return ix->entries != NULL ? 0 : -1;
}

void
rel_index_fini(struct rel_index *ix)
{
	free(ix->entries);
	*ix = (struct rel_index){0};
}

static struct rel_index_entry
entry_of(const char *name, size_t value)
{
	struct rel_index_entry e = {.name = name, .value = value};
	const char *s = name;
	for (size_t i = 0; i < sizeof(e.head); i++)
		e.head = e.head << 8 | (unsigned char)(*s != '\0' ? *s++ : '\0');
	return e;
}

static int
compare(const struct rel_index_entry *a, const struct rel_index_entry *b)
{
	if (a->head != b->head)
		return a->head < b->head ? -1 : 1;
	if ((a->head & 0xff) == 0)
		return 0; /* both have ended */
	return strcmp(a->name + sizeof(a->head), b->name + sizeof(b->head));
}

void
rel_index_add(struct rel_index *ix, const char *name, size_t value)
{
	ix->entries[ix->count++] = entry_of(name, value);
}

static int
by_name(const void *va, const void *vb)
{
	const struct rel_index_entry *a = va, *b = vb;
	int c = compare(a, b);
	return c != 0 ? c : (a->value > b->value) - (a->value < b->value);
}

void
rel_index_sort(struct rel_index *ix)
{
	if (ix->count > 1)
		qsort(ix->entries, ix->count, sizeof(*ix->entries), by_name);
}

const struct rel_index_entry *
rel_index_find(const struct rel_index *ix, const char *name)
{
	const struct rel_index_entry want = entry_of(name, 0);
	size_t lo = 0, hi = ix->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (compare(&ix->entries[mid], &want) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ix->count && compare(&ix->entries[lo], &want) == 0 ? &ix->entries[lo] : NULL;
}
