/* SPDX-License-Identifier: Apache-2.0
 * Test module "pair_b" (and pair_c, by PAIR_NAME): owner of the notes.  PAIR 2 has another layout
 * and converts; it imports pair_a, which imports it: a cycle of imports is allowed.
 * `extra`, at the note of number 5: "refuse" | "quiet" | "memory" | "unset" | "forbidden" | "crash" |
 * "hang"
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pair.h"

#ifndef PAIR_NAME
#define PAIR_NAME "pair_b"
#endif
#ifndef PAIR_INTERFACE
#define PAIR_INTERFACE "pair_b/1"
#endif

struct note_1 {
	int n;
};

struct note_2 {
	char text[16];
	int n;
};

static void *
note_new(struct relw *rw, int n)
{
	(void)rw;
#if PAIR == 1
	struct note_1 *x = malloc(sizeof(*x));
	if (x != NULL)
		x->n = n;
#else
	struct note_2 *x = malloc(sizeof(*x));
	if (x != NULL)
		*x = (struct note_2){.n = n, .text = "new"};
#endif
	return x;
}

static int
note_text(struct relw *rw, const void *note, char *buf, size_t size)
{
	(void)rw;
#if PAIR == 1
	return snprintf(buf, size, "%d", ((const struct note_1 *)note)->n);
#else
	const struct note_2 *x = note;
	return snprintf(buf, size, "%s-%d", x->text, x->n);
#endif
}

static void
note_free(struct relw *rw, void *note)
{
	(void)rw;
	free(note);
}

#if PAIR == 2
/* What it is told to return for this note, or 1. */
static int
obey(struct relw *rw, const struct relw_change *change, int n)
{
	const char *order = n == 5 ? change->extra : "null";
	if (strcmp(order, "\"refuse\"") == 0)
		return relw_refuse(rw, "note %d is ill", n);
	if (strcmp(order, "\"quiet\"") == 0)
		return -EILSEQ;
	if (strcmp(order, "\"memory\"") == 0)
		return -ENOMEM;
	if (strcmp(order, "\"forbidden\"") == 0)
		relw_fd_del(rw, 0);
	if (strcmp(order, "\"crash\"") == 0)
		raise(SIGSEGV);
	while (strcmp(order, "\"hang\"") == 0)
		pause();
	return strcmp(order, "\"unset\"") == 0 ? 0 : 1;
}

static int
convert(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	/* The imports are this version's in both directions: version 1 has none. */
	const struct pair_b *c = RELW_IMPORT(rw, 0, struct pair_b);
	c->note_free(RELW_CALLEE(rw, 0), c->note_new(RELW_CALLEE(rw, 0), 0));
	int rc = obey(rw, change, change->mode == RELW_UP ? ((struct note_1 *)old)->n : 0);
	if (rc <= 0)
		return rc;
	if (change->mode == RELW_UP) {
		struct note_2 *x = malloc(sizeof(*x));
		if (x == NULL)
			return -1;
		*x = (struct note_2){.n = ((struct note_1 *)old)->n, .text = "was"};
		*ret_new = x;
	} else {
		struct note_1 *x = malloc(sizeof(*x));
		if (x == NULL)
			return -1;
		x->n = ((struct note_2 *)old)->n;
		*ret_new = x;
	}
	return 0;
}
static const struct relw_import imports[] = {{"pair_c", "pair_b/1"}, {0}};
#endif

static const struct pair_b interface = {note_new, note_text, note_free};
#if PAIR == 1
RELW_STATE(note, struct note_1);
#else
RELW_STATE(note, struct note_2);
#endif
static const struct relw_state_type types[] = {
    {.name = "note",
	.version = PAIR,
#if PAIR == 2
	.convert = convert,
#endif
	.discard = note_free},
    {0},
};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE(PAIR_NAME, PAIR == 1 ? "1" : "2"),
    .interface_name = PAIR_INTERFACE,
    .interface = &interface,
    .state_types = types,
#if PAIR == 2
    .imports = imports,
#endif
};
