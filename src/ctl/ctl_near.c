/* SPDX-License-Identifier: Apache-2.0
 * "Did you mean …": the name with the smallest edit distance, where that is small.
 */
#include "config.h"

#include <string.h>

#include "ctl/ctl.h"

#define LONGEST 40

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;
	return m < c ? m : c;
}

/* Levenshtein's distance; two neighbours swapped count as one edit. */
static size_t
distance(const char *a, const char *b)
{
	size_t before[LONGEST + 1], row[LONGEST + 1], next[LONGEST + 1];
	size_t la = strlen(a), lb = strlen(b);
	if (la > LONGEST || lb > LONGEST)
		return LONGEST;
	for (size_t k = 0; k <= lb; k++)
		row[k] = before[k] = k;
	for (size_t i = 1; i <= la; i++) {
		next[0] = i;
		for (size_t k = 1; k <= lb; k++) {
			size_t swap = row[k - 1] + (a[i - 1] != b[k - 1]);
			next[k] = min3(row[k] + 1, next[k - 1] + 1, swap);
			if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] &&
			    before[k - 2] + 1 < next[k])
				next[k] = before[k - 2] + 1;
		}
		memcpy(before, row, sizeof(row));
		memcpy(row, next, sizeof(next));
	}
	return row[lb];
}

void
ctl_near_offer(struct ctl_near *n, const char *name)
{
	size_t d = distance(n->word, name);
	size_t length = strlen(n->word), other = strlen(name);
	/* One edit a word of three letters, and one more for each three after that. */
	if (d > (length < other ? length : other) / 3 + (length > 2 ? 1 : 0) || d >= length)
		return;
	if (n->best == NULL || d < n->distance) {
		n->best = name;
		n->distance = d;
	}
}

const char *
ctl_near_best(const struct ctl_near *n)
{
	return n->best;
}
