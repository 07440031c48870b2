/* SPDX-License-Identifier: Apache-2.0
 * The tree of a document: see doc_priv.h.  Children wait in one array until their list or map is
 * closed and then move to the arena, so that no list is copied twice.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "doc/doc_priv.h"

int
doc_builder_init(struct doc_builder *b, struct doc *d, const struct doc_limits *limits,
    struct doc_problems *p, struct rel_err *err)
{
	*b = (struct doc_builder){.doc = d, .p = p, .limits = limits};
	b->frames = calloc(limits->depth, sizeof(*b->frames));
	return b->frames != NULL ? 0 : rel_err_nomem(err);
}

void
doc_builder_fini(struct doc_builder *b)
{
	free(b->frames);
	free(b->pending);
	*b = (struct doc_builder){0};
}

enum doc_kind
doc_builder_in(const struct doc_builder *b)
{
	return b->depth == 0 ? DOC_SCALAR : b->frames[b->depth - 1].node->kind;
}

bool
doc_builder_wants_key(const struct doc_builder *b)
{
	const struct doc_frame *f = b->depth > 0 ? &b->frames[b->depth - 1] : NULL;
	return f != NULL && f->node->kind == DOC_MAP && f->key == NULL;
}

static int
count_node(struct doc_builder *b, const struct rel_pos *pos, struct rel_err *err)
{
	if (b->nodes++ < b->limits->nodes)
		return 0;
	return rel_err_at(
	    err, pos, REL_E_LIMIT, "the document has more than %zu nodes", b->limits->nodes);
}

static int
pending_room(struct doc_builder *b, struct rel_err *err)
{
	if (b->pending_count < b->pending_cap)
		return 0;
	size_t cap = b->pending_cap != 0 ? b->pending_cap * 2 : 64;
	struct doc_pending *p = reallocarray(b->pending, cap, sizeof(*p));
	if (p == NULL)
		return rel_err_nomem(err);
	b->pending = p;
	b->pending_cap = cap;
	return 0;
}

/* Puts a value where the document wants one. */
static int
place(struct doc_builder *b, struct doc_node *n, struct rel_err *err)
{
	if (b->depth == 0) {
		b->doc->root = n;
		return 0;
	}
	struct doc_frame *f = &b->frames[b->depth - 1];
	if (doc_builder_wants_key(b))
		return rel_err_at(err, &n->pos, REL_E_SYNTAX, "a key must be a scalar");
	if (pending_room(b, err) != 0)
		return -1;
	b->pending[b->pending_count++] = (struct doc_pending){.key = f->key, .key_pos = f->key_pos, .node = n};
	f->key = NULL;
	return 0;
}

static struct doc_node *
node_new(struct doc_builder *b, enum doc_kind kind, const struct rel_pos *pos, struct rel_err *err)
{
	if (count_node(b, pos, err) != 0)
		return NULL;
	struct doc_node *n = rel_arena_alloc(b->doc->arena, sizeof(*n));
	if (n == NULL) {
		rel_err_nomem(err);
		return NULL;
	}
	n->kind = kind;
	n->pos = *pos;
	return n;
}

int
doc_builder_scalar(struct doc_builder *b, const struct rel_pos *pos, const char *text, size_t len,
    bool quoted, struct rel_err *err)
{
	if (memchr(text, '\0', len) != NULL)
		return rel_err_at(err, pos, REL_E_SYNTAX, "a text must not hold a NUL");
	char *copy = rel_arena_strndup(b->doc->arena, text, len);
	if (copy == NULL)
		return rel_err_nomem(err);
	if (doc_builder_wants_key(b)) {
		struct doc_frame *f = &b->frames[b->depth - 1];
		f->key = copy;
		f->key_pos = *pos;
		return count_node(b, pos, err);
	}
	struct doc_node *n = node_new(b, DOC_SCALAR, pos, err);
	if (n == NULL)
		return -1;
	n->text = copy;
	n->quoted = quoted;
	return place(b, n, err);
}

int
doc_builder_open(
    struct doc_builder *b, const struct rel_pos *pos, enum doc_kind kind, struct rel_err *err)
{
	if (b->depth == b->limits->depth)
		return rel_err_at(
		    err, pos, REL_E_LIMIT, "nested more than %u deep", b->limits->depth);
	struct doc_node *n = node_new(b, kind, pos, err);
	if (n == NULL || place(b, n, err) != 0)
		return -1;
	b->frames[b->depth++] = (struct doc_frame){.node = n, .base = b->pending_count};
	return 0;
}

struct ranked_key {
	const char *key;
	size_t index;
};

static int
by_key(const void *va, const void *vb)
{
	const struct ranked_key *a = va, *b = vb;
	int c = strcmp(a->key, b->key);
	return c != 0 ? c : (a->index > b->index) - (a->index < b->index);
}

static int
by_index(const void *va, const void *vb)
{
	const struct ranked_key *a = va, *b = vb;
	return (a->index > b->index) - (a->index < b->index);
}

static bool
all_differ(const struct doc_pending *pairs, size_t count)
{
	for (size_t i = 1; i < count; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(pairs[i].key, pairs[k].key) == 0)
				return false;
	return true;
}

/* Sorting keeps a map of many keys from costing the square of them; of a few, as most maps have, it would
 * cost more. */
static int
check_duplicates(
    struct doc_builder *b, struct doc_pending *pairs, size_t count, struct rel_err *err)
{
	if (count <= 8 && all_differ(pairs, count))
		return 0;
	CLEANUP(rel_free_cleanup) struct ranked_key *sorted = calloc(count, sizeof(*sorted));
	if (sorted == NULL)
		return rel_err_nomem(err);
	for (size_t i = 0; i < count; i++)
		sorted[i] = (struct ranked_key){pairs[i].key, i};
	qsort(sorted, count, sizeof(*sorted), by_key);
	size_t twice = 0;
	const char *key = sorted[0].key;
	for (size_t i = 1; i < count; i++) {
		const struct ranked_key at = sorted[i];
		if (strcmp(key, at.key) == 0)
			sorted[twice++] = at;
		key = at.key;
	}
	/* In the order of the text, since the first of them are told. */
	if (twice > 1)
		qsort(sorted, twice, sizeof(*sorted), by_index);
	for (size_t i = 0; i < twice; i++) {
		pairs[sorted[i].index].again = true;
		doc_problem(b->p, &pairs[sorted[i].index].key_pos, REL_E_DUPLICATE_KEY,
		    "the key '%.80s' stands here twice", sorted[i].key);
	}
	return 0;
}

/* A key that stands again stays out: whoever decodes the tree, which goes on for the sake of the other
 * problems, meets each key once and cannot mix two values of one. */
static int
fill_children(struct doc_builder *b, const struct doc_frame *f, struct rel_err *err)
{
	struct doc_node *n = f->node;
	size_t count = b->pending_count - f->base;
	const struct doc_pending *kids = count > 0 ? b->pending + f->base : NULL;
	n->items = rel_arena_calloc(b->doc->arena, count, sizeof(struct doc_node *));
	if (n->items == NULL)
		return rel_err_nomem(err);
	if (n->kind == DOC_MAP) {
		n->keys = rel_arena_calloc(b->doc->arena, count, sizeof(const char *));
		n->key_pos = rel_arena_calloc(b->doc->arena, count, sizeof(struct rel_pos));
		if (n->keys == NULL || n->key_pos == NULL)
			return rel_err_nomem(err);
	}
	for (size_t i = 0; i < count; i++) {
		if (kids[i].again)
			continue;
		n->items[n->count] = kids[i].node;
		if (n->kind == DOC_MAP) {
			n->keys[n->count] = kids[i].key;
			n->key_pos[n->count] = kids[i].key_pos;
		}
		n->count++;
	}
	return 0;
}

int
doc_builder_close(struct doc_builder *b, struct rel_err *err)
{
	MUST(b->depth > 0);
	const struct doc_frame *f = &b->frames[b->depth - 1];
	if (f->node->kind == DOC_MAP && b->pending_count > f->base &&
	    check_duplicates(b, b->pending + f->base, b->pending_count - f->base, err) != 0)
		return -1;
	if (fill_children(b, f, err) != 0)
		return -1;
	b->pending_count = f->base;
	b->depth--;
	return 0;
}

int
doc_builder_abandon(struct doc_builder *b, struct rel_err *err)
{
	size_t end = b->pending_count;
	for (; b->depth > 0; b->depth--) {
		const struct doc_frame *f = &b->frames[b->depth - 1];
		if (f->node->kind == DOC_MAP && end > f->base &&
		    check_duplicates(b, b->pending + f->base, end - f->base, err) != 0)
			return -1;
		/* Its own place in the frame around it is the pair before its first. */
		end = f->base;
	}
	return 0;
}
