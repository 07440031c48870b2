/* SPDX-License-Identifier: Apache-2.0
 * Measured values: see samples.h.
 */
#include "config.h"

#include <err.h>
#include <stdlib.h>

#include "samples.h"

void
samples_add(struct samples *s, int64_t value)
{
	if (s->count == s->cap) {
		size_t cap = s->cap == 0 ? 1024 : s->cap * 2;
		int64_t *values = reallocarray(s->values, cap, sizeof(*values));
		if (values == NULL)
			err(1, "samples");
		s->values = values;
		s->cap = cap;
	}
	s->values[s->count++] = value;
	s->sorted = 0;
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

int64_t
samples_at(struct samples *s, double percent)
{
	if (s->count == 0)
		return 0;
	if (!s->sorted)
		qsort(s->values, s->count, sizeof(*s->values), compare);
	s->sorted = 1;
	/* nearest rank: the least value that at least `percent` of all do not exceed */
	double rank = percent / 100 * (double)s->count;
	size_t i = (size_t)rank;
	if ((double)i == rank && i > 0)
		i--;
	return s->values[i < s->count ? i : s->count - 1];
}

void
samples_fini(struct samples *s)
{
	free(s->values);
	*s = (struct samples){0};
}
