/* SPDX-License-Identifier: Apache-2.0
 * draft, inside: items.c finds the instructions of one direction, text.c writes a new file, complete.c
 * completes one that a person wrote, edit.c puts the pieces into its text.
 */
#ifndef DRAFT_DRAFT_PRIV_H
#define DRAFT_DRAFT_PRIV_H

#include "draft/draft.h"

/* One instruction to be, or a question where there is none to give. */
struct draft_item {
	/* what it is about; at most one of the two, none: the supervisor's flags and list of children */
	const char *module, *child;
	bool goes;                    /* the module is deleted */
	bool advanced;                /* a code_change of it is needed */
	const char *comment;          /* lines of "# …\n" */
	const char *text;             /* "load_module: {module: greeting}"; NULL: the comment asks */
};

struct draft_items {
	size_t count, cap;
	struct draft_item *list;
};

/* In the order in which they are to stand; memory from `arena`. */
int draft_items_find(const struct compare *c, enum model_mode mode, struct rel_arena *arena,
    struct draft_items *ret, struct doc_problems *p) RTE_MUST_CHECK;
/* Does the entry take care of it already, by its script or a waiver? */
bool draft_item_handled(const struct compare *c, const struct draft_item *it,
    const struct model_appup_entry *e);
/* Of an item that is handled: does its instruction lack a `depends`, or the code_change?  Then *ret asks for
 * it: 1; 0: nothing to ask. */
int draft_item_question(const struct compare *c, const struct draft_item *it,
    const struct model_appup_entry *e, struct rel_arena *arena, struct draft_item *ret,
    struct doc_problems *p) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ text.c */
struct draft_writer {
	const struct compare *c;
	struct rel_arena *arena;
	struct draft_items up, down;
	struct doc_problems *p;
};

const char *draft_other_version(const struct draft_writer *w);
bool draft_any_text(const struct draft_items *items);
/* An instruction with its comment above it, in lines with `indent` blanks before them. */
void draft_put_item(struct rel_buf *b, const struct draft_item *it, size_t indent);
/* What needs no instruction of the appup, or one that only a person can choose: comments. */
void draft_put_notes(struct rel_buf *b, const struct compare *c, size_t indent);
/* `  - KEY: VERSION` with its instructions. */
void draft_put_entry(struct rel_buf *b, const struct draft_writer *w, const char *key,
    const struct draft_items *items);

/* ------------------------------------------------------------------ complete.c */
/* The text of the newer version's appup.yaml with what is missing; NULL: why is in w->p. */
char *draft_complete(struct draft_writer *w, size_t *ret_added);

/* ------------------------------------------------------------------ edit.c */
/* Each direction at most puts in items and a comma before them, or takes `[]` out and puts lines in. */
#define DRAFT_EDITS_MAX 4

struct draft_edit {
	size_t at, drop;              /* bytes of the text */
	struct rel_buf put;
};

struct draft_text {
	const char *text;             /* borrowed */
	size_t len, count;            /* bytes, lines */
	size_t *start;                /* of each line; one more, the end */
	size_t edit_count;
	struct draft_edit edits[DRAFT_EDITS_MAX];
};

/* A list or map in brackets. */
struct draft_flow {
	size_t open, close;           /* its brackets */
	size_t end;                   /* after its last item */
	bool empty, comma;            /* a comma stands after its last item */
};

int draft_text_init(struct draft_text *t, const char *text, size_t len) RTE_MUST_CHECK;
void draft_text_fini(struct draft_text *t);
/* What is put in place of `drop` bytes; the buffer is valid until the next edit. */
struct rel_buf *draft_text_edit(struct draft_text *t, size_t at, size_t drop);
/* Whole lines before that line. */
struct rel_buf *draft_text_lines(struct draft_text *t, size_t line);
/* malloc'ed; NULL: no memory */
char *draft_text_join(const struct draft_text *t);
size_t draft_text_line_of(const struct draft_text *t, size_t at);
size_t draft_text_indent(const struct draft_text *t, size_t line);
/* 1: the list or map at `pos` stands in brackets, *ret says which; 0: it does not; -1: no memory. */
int draft_text_flow(const struct draft_text *t, const struct rel_pos *pos, struct draft_flow *ret)
    RTE_MUST_CHECK;

#endif
