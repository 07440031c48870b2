/* SPDX-License-Identifier: Apache-2.0
 * The walk over a map by its table of fields, and what all kinds share: see model_priv.h.
 */
#include "config.h"

#include <string.h>

#include "model/model_priv.h"

bool
model_names_has(const struct model_names *l, const char *name)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->names[i], name) == 0)
			return true;
	return false;
}

void *
model_dec_alloc(struct model_dec *d, size_t n, size_t size, const struct rel_pos *pos)
{
	void *p = rel_arena_calloc(d->arena, n, size);
	if (p == NULL)
		doc_problem(d->p, pos, REL_E_NOMEM, "out of memory");
	return p;
}

bool
model_dec_expect(struct model_dec *d, const struct doc_node *n, enum doc_kind kind,
    const char *what)
{
	static const char *const words[] = {
	    [DOC_SCALAR] = "a text", [DOC_LIST] = "a list", [DOC_MAP] = "a map"};
	if (n->kind == kind)
		return true;
	doc_problem(d->p, &n->pos, REL_E_BAD_TYPE, "%s must be %s, not %s", what, words[kind],
	    words[n->kind]);
	return false;
}

const char *
model_dec_text(struct model_dec *d, const struct doc_node *n, const char *what)
{
	if (!model_dec_expect(d, n, DOC_SCALAR, what))
		return NULL;
	if (n->text[0] != '\0' || n->quoted)
		return n->text;
	doc_problem(d->p, &n->pos, REL_E_BAD_TYPE, "%s must be a text, and nothing is there", what);
	return NULL;
}

const char *
model_dec_name(struct model_dec *d, const struct doc_node *n, const char *what)
{
	if (!model_dec_expect(d, n, DOC_SCALAR, what))
		return NULL;
	if (rel_name_ok(n->text))
		return n->text;
	doc_problem(d->p, &n->pos, REL_E_BAD_NAME, "%s: '%.80s' is not a name", what, n->text);
	return NULL;
}

const char *
model_dec_version(struct model_dec *d, const struct doc_node *n, const char *what)
{
	if (!model_dec_expect(d, n, DOC_SCALAR, what))
		return NULL;
	if (rel_version_ok(n->text))
		return n->text;
	doc_problem(d->p, &n->pos, REL_E_BAD_VERSION, "%s: '%.80s' is not a version", what,
	    n->text);
	return NULL;
}

static void
dec_texts(struct model_dec *d, const struct doc_node *n, const char *what,
    const char *(*item)(struct model_dec *, const struct doc_node *, const char *),
    struct model_names *ret)
{
	if (!model_dec_expect(d, n, DOC_LIST, what))
		return;
	struct model_names l = {0};
	l.names = model_dec_alloc(d, n->count, sizeof(const char *), &n->pos);
	l.pos = model_dec_alloc(d, n->count, sizeof(struct rel_pos), &n->pos);
	if (l.names == NULL || l.pos == NULL)
		return;
	for (size_t i = 0; i < n->count; i++) {
		const char *text = item(d, n->items[i], what);
		if (text == NULL)
			continue;
		l.names[l.count] = text;
		l.pos[l.count++] = n->items[i]->pos;
	}
	*ret = l;
}

void
model_dec_names(struct model_dec *d, const struct doc_node *n, const char *what,
    struct model_names *ret)
{
	dec_texts(d, n, what, model_dec_name, ret);
}

void
model_dec_texts(struct model_dec *d, const struct doc_node *n, const char *what,
    struct model_names *ret)
{
	dec_texts(d, n, what, model_dec_text, ret);
}

void
model_dec_list(struct model_dec *d, const struct doc_node *n, const char *what, size_t size,
    void (*item)(struct model_dec *d, const struct doc_node *n, void *out), void **ret,
    size_t *ret_count)
{
	if (!model_dec_expect(d, n, DOC_LIST, what))
		return;
	char *list = model_dec_alloc(d, n->count, size, &n->pos);
	if (list == NULL)
		return;
	for (size_t i = 0; i < n->count; i++)
		item(d, n->items[i], list + i * size);
	*ret = list;
	*ret_count = n->count;
}

void *
model_dec_begin(struct model_dec *d, const struct doc *doc, struct doc_problems *p, size_t size)
{
	*d = (struct model_dec){doc->arena, p};
	return model_dec_alloc(d, 1, size, &doc->root->pos);
}

static const struct model_field *
field_find(struct model_fields fields, const char *key)
{
	for (size_t i = 0; i < fields.count; i++)
		if (strcmp(fields.list[i].key, key) == 0)
			return &fields.list[i];
	return NULL;
}

static void
unknown_key(struct model_dec *d, const struct doc_node *n, size_t at, const char *what,
    struct model_fields fields)
{
	struct rel_buf keys = REL_BUF_INIT;
	for (size_t i = 0; i < fields.count; i++)
		rel_buf_printf(&keys, "%s%s", i > 0 ? ", " : "", fields.list[i].key);
	doc_problem(d->p, &n->key_pos[at], REL_E_UNKNOWN_KEY, "%s has no key '%.80s'", what,
	    n->keys[at]);
	doc_problem_hint(d->p, "its keys are %s", rel_buf_text(&keys));
	rel_buf_fini(&keys);
}

bool
model_dec_map(struct model_dec *d, const struct doc_node *n, const char *what,
    struct model_fields fields, void *out)
{
	if (!model_dec_expect(d, n, DOC_MAP, what))
		return false;
	for (size_t i = 0; i < n->count; i++) {
		const struct model_field *f = field_find(fields, n->keys[i]);
		if (f == NULL)
			unknown_key(d, n, i, what, fields);
		else
			f->kind->decode(d, n->items[i], (char *)out + f->offset, f);
	}
	for (size_t i = 0; i < fields.count; i++) {
		const struct model_field *f = &fields.list[i];
		if ((f->flags & MODEL_REQUIRED) && doc_get(n, f->key) == NULL)
			doc_problem(d->p, &n->pos, REL_E_MISSING_KEY, "%s needs the key '%s'", what,
			    f->key);
	}
	return true;
}

int
model_print_fields(json_t *obj, struct model_fields fields, const void *in)
{
	for (size_t i = 0; i < fields.count; i++) {
		const struct model_field *f = &fields.list[i];
		if (f->kind->print != NULL &&
		    f->kind->print(obj, f, (const char *)in + f->offset) != 0)
			return -1;
	}
	return 0;
}
