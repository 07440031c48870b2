/* SPDX-License-Identifier: Apache-2.0
 * Measured values, kept one by one: percentiles are exact, not read off a histogram.
 */
#ifndef BENCH_SAMPLES_H
#define BENCH_SAMPLES_H

#include <stddef.h>
#include <stdint.h>

struct samples {
	int64_t *values; /* owned */
	size_t count, cap;
	int sorted;
};

/* Out of memory ends the program: a measurement with holes is none. */
void samples_add(struct samples *s, int64_t value);
/* The value at `percent` (0: the least, 50: the median, 100: the greatest); 0 where none is. */
int64_t samples_at(struct samples *s, double percent);
void samples_fini(struct samples *s);

#endif
