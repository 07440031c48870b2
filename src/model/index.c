/* SPDX-License-Identifier: Apache-2.0
 * Sorted names.  Sorting and not hashing: names come from files, and no choice of them makes it
 * slow.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "model/model_priv.h"

int
model_index_init(struct model_index *ix, size_t cap)
{
	ix->count = 0;
	ix->entries = calloc(cap + 1, sizeof(*ix->entries));
	return ix->entries != NULL ? 0 : -1;
}

void
model_index_add(struct model_index *ix, const char *name, size_t value)
{
	ix->entries[ix->count++] = (struct model_index_entry){name, value};
}

static int
by_name(const void *va, const void *vb)
{
	const struct model_index_entry *a = va, *b = vb;
	int c = strcmp(a->name, b->name);
	return c != 0 ? c : (a->value > b->value) - (a->value < b->value);
}

void
model_index_sort(struct model_index *ix)
{
	qsort(ix->entries, ix->count, sizeof(*ix->entries), by_name);
}

const struct model_index_entry *
model_index_find(const struct model_index *ix, const char *name)
{
	size_t lo = 0, hi = ix->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (strcmp(ix->entries[mid].name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ix->count && strcmp(ix->entries[lo].name, name) == 0 ? &ix->entries[lo] : NULL;
}

void
model_index_fini(struct model_index *ix)
{
	free(ix->entries);
	*ix = (struct model_index){0};
}
