/* SPDX-License-Identifier: Apache-2.0
 * maps: the mappings of a process, by proc(5).  Nothing here allocates: it may run in a forked copy of a
 * process with threads.
 */
#ifndef STACK_MAPS_H
#define STACK_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct maps {
	int fd;
	size_t have, at;
	char buf[8192];               /* a line at least, or it is an error */
};

struct mapping {
	uintptr_t lo, hi;             /* [lo, hi) */
	bool readable, writable, executable, shared;
	const char *name;             /* a path, "[heap]" and the like, or ""; till the next one */
};

/* 0, or a negative errno; then there is nothing to close. */
int maps_open(struct maps *m, pid_t pid);
/* 1, 0 after the last, or a negative errno: then the rest is not known. */
int maps_next(struct maps *m, struct mapping *ret);
void maps_close(struct maps *m);

#endif
