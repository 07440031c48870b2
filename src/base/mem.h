/* SPDX-License-Identifier: Apache-2.0
 * Memory: cleanup on leaving a scope, ownership moves, and arenas.
 *
 *	CLEANUP(rel_arena_free) struct rel_arena *a = rel_arena_new(limit);
 *	…
 *	*ret = MOVE(a);		the cleanup then finds NULL
 *
 * A destructor takes T **, frees, and sets NULL; it accepts NULL and half-built objects.
 * An arena holds many small objects that die together (a document, a model); it has a limit, so
 * input cannot eat the machine.  Not thread-safe.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

#include "base/must.h"

#define CLEANUP(f) __attribute__((cleanup(f)))
#define MOVE(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) moved_ = (p);                                                        \
		(p) = NULL;                                                                        \
		moved_;                                                                            \
	})
#define NELEM(a) (sizeof(a) / sizeof((a)[0]))

struct rel_arena;

struct rel_arena *rel_arena_new(size_t limit); /* NULL: out of memory; limit in bytes, 0: none */
void rel_arena_free(struct rel_arena **a);
/* Zeroed, aligned for any type.  NULL: out of memory or over the limit. */
void *rel_arena_alloc(struct rel_arena *a, size_t size);
/* Zeroed array; NULL also where n * size overflows. */
void *rel_arena_calloc(struct rel_arena *a, size_t n, size_t size);
char *rel_arena_strdup(struct rel_arena *a, const char *s);
char *rel_arena_strndup(struct rel_arena *a, const char *s, size_t n);
char *rel_arena_printf(struct rel_arena *a, const char *fmt, ...) RTE_PRINTF(2, 3);

void rel_free_cleanup(void *pp); /* for CLEANUP(rel_free_cleanup) char *p */

#endif
