/* SPDX-License-Identifier: Apache-2.0
 * A module's file before the loader has touched it: what object.c has read and looked at already,
 * for dynamic.c to read on from.
 */
#ifndef WORKER_IMAGE_PRIV_H
#define WORKER_IMAGE_PRIV_H

#include <link.h>
#include <stdint.h>

#include "base/base.h"

#define IMAGE_SEGMENTS_MAX 64

#pragma GCC visibility push(hidden)

struct image {
	const char *path;             /* borrowed; errors begin with it */
	int fd;
	uint64_t size;
	ElfW(Ehdr) head;
	ElfW(Phdr) segments[IMAGE_SEGMENTS_MAX]; /* head.e_phnum; what is to be loaded is inside the file */
};

/* Refuses what the loader would do to the process and nobody could undo.  Blocks on the disk. */
int worker_dynamic_check(const struct image *im, struct rel_err *err) RTE_MUST_CHECK;

#pragma GCC visibility pop

#endif
