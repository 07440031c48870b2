/* SPDX-License-Identifier: Apache-2.0
 * A million records of 64 bytes, and what makes them into larger ones and back: the same code in the
 * module `records`, as its code_change, and in bench/records, as a plain loop.
 */
#ifndef BENCH_RECORDS_H
#define BENCH_RECORDS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS 1000000u

struct record_v1 {
	uint64_t id;
	uint32_t len;
	char line[52];
};

struct record_v2 {
	uint64_t id, answered;
	uint32_t len;
	char line[52];
};

_Static_assert(sizeof(struct record_v1) == 64, "as the row of the table says");

struct node_v1 {
	struct node_v1 *next;
	struct record_v1 r;
};

struct node_v2 {
	struct node_v2 *next;
	struct record_v2 r;
};

static inline void
record_up(struct record_v2 *to, const struct record_v1 *from)
{
	to->id = from->id;
	to->answered = 0;
	to->len = from->len;
	memcpy(to->line, from->line, sizeof(to->line));
}

static inline void
record_down(struct record_v1 *to, const struct record_v2 *from)
{
	to->id = from->id;
	to->len = from->len;
	memcpy(to->line, from->line, sizeof(to->line));
}

static inline void
list_free(void *first)
{
	struct node_v1 *n = first, *next; /* both layouts begin with `next` */
	for (; n != NULL; n = next) {
		next = n->next;
		free(n);
	}
}

static inline void
records_free(void *records, bool list)
{
	if (list)
		list_free(records);
	else
		free(records);
}

__attribute__((noinline, unused)) static void *
array_up(const struct record_v1 *from)
{
	struct record_v2 *to = malloc(RECORDS * sizeof(*to));
	for (uint32_t i = 0; to != NULL && i < RECORDS; i++)
		record_up(&to[i], &from[i]);
	return to;
}

__attribute__((noinline, unused)) static void *
array_down(const struct record_v2 *from)
{
	struct record_v1 *to = malloc(RECORDS * sizeof(*to));
	for (uint32_t i = 0; to != NULL && i < RECORDS; i++)
		record_down(&to[i], &from[i]);
	return to;
}

__attribute__((noinline, unused)) static void *
list_up(const struct node_v1 *from)
{
	struct node_v2 *first = NULL, **end = &first;
	for (; from != NULL; from = from->next, end = &(*end)->next) {
		if ((*end = malloc(sizeof(**end))) == NULL) {
			list_free(first);
			return NULL;
		}
		(*end)->next = NULL;
		record_up(&(*end)->r, &from->r);
	}
	return first;
}

__attribute__((noinline, unused)) static void *
list_down(const struct node_v2 *from)
{
	struct node_v1 *first = NULL, **end = &first;
	for (; from != NULL; from = from->next, end = &(*end)->next) {
		if ((*end = malloc(sizeof(**end))) == NULL) {
			list_free(first);
			return NULL;
		}
		(*end)->next = NULL;
		record_down(&(*end)->r, &from->r);
	}
	return first;
}

/* Beside the old ones, which stay; NULL: out of memory. */
static inline void *
records_convert(const void *old, bool list, bool up)
{
	if (list)
		return up ? list_up(old) : list_down(old);
	return up ? array_up(old) : array_down(old);
}

static inline void
record_fill(struct record_v1 *r, uint32_t i)
{
	memset(r, 0, sizeof(*r));
	r->id = i;
	r->len = i % sizeof(r->line);
	memset(r->line, 'x', r->len);
}

/* Of layout 1. */
static inline void *
records_new(bool list)
{
	struct node_v1 *first = NULL, **end = &first;
	struct record_v1 *array = list ? NULL : malloc(RECORDS * sizeof(*array));
	for (uint32_t i = 0; i < RECORDS && (list || array != NULL); i++) {
		if (!list) {
			record_fill(&array[i], i);
			continue;
		}
		if ((*end = malloc(sizeof(**end))) == NULL) {
			list_free(first);
			return NULL;
		}
		(*end)->next = NULL;
		record_fill(&(*end)->r, i);
		end = &(*end)->next;
	}
	return list ? (void *)first : (void *)array;
}

#endif
