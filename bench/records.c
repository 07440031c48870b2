/* SPDX-License-Identifier: Apache-2.0
 * bench/records: what the loop of a code_change takes outside of the runtime.
 *
 *	records array|list [LAPS]
 *
 * A million records are made into larger ones and back (bench/modules/records.h); each time the old ones
 * are kept until that is done, and then freed.  Memory that is free stays at hand, as in a process where
 * something lies above it.  A JSON line on stdout, µs; medians.
 */
#include "config.h"

#include <err.h>
#include <malloc.h>
#include <stdio.h>
#include <time.h>

#include "modules/records.h"
#include "samples.h"

#define WARM 1 /* laps that are not counted */

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void *
turn(void *old, bool list, bool up, struct samples *s)
{
	int64_t begin = now();
	void *new = records_convert(old, list, up);

	if (new == NULL)
		errx(1, "out of memory");
	if (s != NULL)
		samples_add(s, now() - begin);
	records_free(old, list);
	return new;
}

int
main(int argc, char **argv)
{
	struct samples up = {0}, down = {0};
	bool list = argc > 1 && strcmp(argv[1], "list") == 0;
	int laps = argc > 2 ? atoi(argv[2]) : 5;

	if (argc < 2 || argc > 3 || (!list && strcmp(argv[1], "array") != 0) || laps < 1) {
		fputs("usage: records array|list [LAPS]\n", stderr);
		return 64;
	}
	(void)mallopt(M_TRIM_THRESHOLD, 1 << 30);
	void *records = records_new(list);
	if (records == NULL)
		errx(1, "out of memory");
	for (int i = 0; i < WARM + laps; i++) {
		records = turn(records, list, true, i < WARM ? NULL : &up);
		records = turn(records, list, false, i < WARM ? NULL : &down);
	}
	records_free(records, list);
	printf("{\"laps\":%d,\"up_us\":%.1f,\"down_us\":%.1f}\n", laps, (double)samples_at(&up, 50) / 1e3,
	    (double)samples_at(&down, 50) / 1e3);
	samples_fini(&up);
	samples_fini(&down);
	return 0;
}
