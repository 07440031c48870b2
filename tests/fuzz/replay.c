/* SPDX-License-Identifier: Apache-2.0
 * The corpus through a fuzz target, without a fuzzer: TAP, a line a folder.
 *
 *	TARGET [--random N] DIR…    every file below each DIR, then N inputs of pseudo-random bytes
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fts.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX (1u << 20)

static uint8_t input[INPUT_MAX];

static size_t
replay_dir(char *dir)
{
	char *roots[] = {dir, NULL};
	size_t files = 0;
	FTS *walk = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	if (walk == NULL)
		err(1, "%s", dir);
	for (FTSENT *e; (e = fts_read(walk)) != NULL;) {
		if (e->fts_info != FTS_F)
			continue;
		FILE *f = fopen(e->fts_accpath, "rb");
		if (f == NULL)
			err(1, "%s", e->fts_path);
		size_t n = fread(input, 1, sizeof(input), f);
		fclose(f);
		fprintf(stderr, "# %s\n", e->fts_path); /* the last one named is the one that aborts */
		LLVMFuzzerTestOneInput(input, n);
		files++;
	}
	fts_close(walk);
	return files;
}

/* xorshift: the same inputs on every machine. */
static void
random_inputs(long count)
{
	uint64_t x = 88172645463325252u;
	for (long i = 0; i < count; i++) {
		size_t n = 8 + (size_t)i % 248;
		for (size_t k = 0; k < n; k++) {
			x ^= x << 13;
			x ^= x >> 7;
			x ^= x << 17;
			input[k] = (uint8_t)(x >> 32);
		}
		LLVMFuzzerTestOneInput(input, n);
	}
}

int
main(int argc, char **argv)
{
	int at = 1, tests = 0, failed = 0;
	if (argc > 2 && strcmp(argv[1], "--random") == 0) {
		random_inputs(atol(argv[2]));
		printf("ok %d - %s inputs of random bytes\n", ++tests, argv[2]);
		at = 3;
	}
	for (; at < argc; at++) {
		size_t files = replay_dir(argv[at]);
		failed += files == 0;
		printf("%s %d - %zu files of %s\n", files > 0 ? "ok" : "not ok", ++tests, files, argv[at]);
	}
	printf("1..%d\n", tests);
	return failed > 0;
}
