/* SPDX-License-Identifier: Apache-2.0
 * Arenas: a chain of chunks, each twice the size of the one before up to a bound.
 */
#include "config.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define ARENA_MAGIC 0x61726e61u
#define CHUNK_MIN   4096u
#define CHUNK_MAX   (1024u * 1024u)

struct chunk {
	struct chunk *next;
	size_t size, used;
	alignas(max_align_t) char data[];
};

struct rel_arena {
	unsigned magic;
	size_t limit, total;
	struct chunk *head;
};

struct rel_arena *
rel_arena_new(size_t limit)
{
	struct rel_arena *a = calloc(1, sizeof(*a));
	if (a == NULL)
		return NULL;
	a->magic = ARENA_MAGIC;
	a->limit = limit != 0 ? limit : SIZE_MAX;
	return a;
}

void
rel_arena_free(struct rel_arena **ap)
{
	struct rel_arena *a = *ap;
	*ap = NULL;
	if (a == NULL)
		return;
	MUST_OBJ(a, ARENA_MAGIC);
	while (a->head != NULL) {
		struct chunk *c = a->head;
		a->head = c->next;
		free(c);
	}
	a->magic = 0;
	free(a);
}

static struct chunk *
chunk_add(struct rel_arena *a, size_t need)
{
	size_t size = a->head != NULL ? a->head->size * 2 : CHUNK_MIN;
	if (size > CHUNK_MAX)
		size = CHUNK_MAX;
	if (size < need)
		size = need;
	struct chunk *c = malloc(sizeof(*c) + size);
	if (c == NULL)
		return NULL;
	c->size = size;
	c->used = 0;
	c->next = a->head;
	a->head = c;
	return c;
}

static void *
take(struct rel_arena *a, size_t size)
{
	MUST_OBJ(a, ARENA_MAGIC);
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
	if (size == 0)
		size = alignof(max_align_t);
	if (size > a->limit - a->total)
		return NULL;
	struct chunk *c = a->head;
	if (c == NULL || c->size - c->used < size) {
		c = chunk_add(a, size);
		if (c == NULL)
			return NULL;
	}
	void *p = c->data + c->used;
	c->used += size;
	a->total += size;
	return p;
}

/* Zeroed here and not by chunk: what of a chunk is never taken is then never touched, and costs no page. */
void *
rel_arena_alloc(struct rel_arena *a, size_t size)
{
	void *p = take(a, size);
	return p != NULL ? memset(p, 0, size) : NULL;
}

void *
rel_arena_calloc(struct rel_arena *a, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return rel_arena_alloc(a, bytes);
}

char *
rel_arena_strndup(struct rel_arena *a, const char *s, size_t n)
{
	char *p = n < SIZE_MAX ? take(a, n + 1) : NULL;
	if (p != NULL) {
		memcpy(p, s, n);
		p[n] = '\0';
	}
	return p;
}

char *
rel_arena_strdup(struct rel_arena *a, const char *s)
{
	return rel_arena_strndup(a, s, strlen(s));
}

char *
rel_arena_printf(struct rel_arena *a, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	char *p = take(a, (size_t)n + 1);
	if (p == NULL)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void
rel_free_cleanup(void *pp)
{
	void **p = pp;
	free(*p);
	*p = NULL;
}
