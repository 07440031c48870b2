/* SPDX-License-Identifier: Apache-2.0
 * relup.json, read and printed by the same tables.
 */
#include "config.h"

#include <stddef.h>

#include "model/model_priv.h"

#define ENTRY(other_key)                                                                           \
	{.key = (other_key), .kind = &model_kind_version,                                          \
	    .offset = offsetof(struct model_relup_entry, other), .flags = MODEL_REQUIRED},         \
	{.key = "description", .kind = &model_kind_text,                                           \
	    .offset = offsetof(struct model_relup_entry, description)},                            \
	{.key = "instructions", .kind = &model_kind_script_low,                                    \
	    .offset = offsetof(struct model_relup_entry, script), .flags = MODEL_REQUIRED}

static const struct model_field up_fields[] = {ENTRY("from")};
static const struct model_field down_fields[] = {ENTRY("to")};

static void
decode_up(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_relup_entry *e = out;
	e->pos = n->pos;
	e->script.mode = MODEL_UP;
	model_dec_map(d, n, "an entry of up", MODEL_FIELDS(up_fields), e);
}

static void
decode_down(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_relup_entry *e = out;
	e->pos = n->pos;
	e->script.mode = MODEL_DOWN;
	model_dec_map(d, n, "an entry of down", MODEL_FIELDS(down_fields), e);
}

static void
decode_ups(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	struct model_relup *r = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_relup_entry), decode_up, &list,
	    &r->up_count);
	r->up = list;
}

static void
decode_downs(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	struct model_relup *r = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_relup_entry), decode_down, &list,
	    &r->down_count);
	r->down = list;
}

static json_t *
entry_json(struct model_fields fields, const struct model_relup_entry *e)
{
	json_t *o = json_object();
	if (o != NULL && model_print_fields(o, fields, e) != 0) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

static json_t *
entries_json(struct model_fields fields, const struct model_relup_entry *entries, size_t count)
{
	json_t *list = json_array();
	for (size_t i = 0; list != NULL && i < count; i++)
		if (json_array_append_new(list, entry_json(fields, &entries[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	return list;
}

static int
print_ups(json_t *obj, const struct model_field *f, const void *in)
{
	const struct model_relup *r = in;
	return json_object_set_new(obj, f->key, entries_json(MODEL_FIELDS(up_fields), r->up, r->up_count));
}

static int
print_downs(json_t *obj, const struct model_field *f, const void *in)
{
	const struct model_relup *r = in;
	return json_object_set_new(obj, f->key,
	    entries_json(MODEL_FIELDS(down_fields), r->down, r->down_count));
}

static const struct model_kind kind_ups = {decode_ups, print_ups};
static const struct model_kind kind_downs = {decode_downs, print_downs};

static const struct model_field relup_fields[] = {
    {.key = "release", .kind = &model_kind_name, .offset = offsetof(struct model_relup, release),
	.flags = MODEL_REQUIRED},
    {.key = "version", .kind = &model_kind_version, .offset = offsetof(struct model_relup, version),
	.flags = MODEL_REQUIRED},
    {.key = "up", .kind = &kind_ups},
    {.key = "down", .kind = &kind_downs},
};

int
model_relup_decode(struct doc *doc, struct model_relup **ret, struct doc_problems *p)
{
	struct model_dec d;
	size_t before = p->errors;
	struct model_relup *r = model_dec_begin(&d, doc, p, sizeof(*r));
	if (r != NULL) {
		r->doc = doc;
		model_dec_map(&d, doc->root, "a relup", MODEL_FIELDS(relup_fields), r);
	}
	if (p->errors != before || doc->faulty) {
		doc_free(&doc);
		return -1;
	}
	*ret = r;
	return 0;
}

void
model_relup_free(struct model_relup **rp)
{
	struct model_relup *r = *rp;
	*rp = NULL;
	if (r == NULL)
		return;
	/* A relup lies in its document, or, where it was made, in its own arena. */
	struct doc *doc = r->doc;
	struct rel_arena *arena = r->arena;
	rel_arena_free(&arena);
	doc_free(&doc);
}

json_t *
model_relup_json(const struct model_relup *r)
{
	json_t *o = json_object();
	if (o != NULL && model_print_fields(o, MODEL_FIELDS(relup_fields), r) != 0) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

/* ------------------------------------------------------------------ as text */

/* More of the shortest instruction do not fit on a line, so that all around them is broken. */
#define FITS 8

static bool
has_big_script(const struct model_relup_entry *entries, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (entries[i].script.count > FITS)
			return true;
	return false;
}

static int
write_value(struct doc_writer *w, json_t *v)
{
	if (v == NULL)
		return -1;
	doc_writer_value(w, v);
	json_decref(v);
	return 0;
}

static int
write_script(struct doc_writer *w, const struct model_script *s)
{
	if (s->count <= FITS)
		return write_value(w, model_script_json(s));
	doc_writer_open(w, "[");
	for (size_t i = 0; i < s->count; i++) {
		doc_writer_item(w, NULL);
		if (write_value(w, model_instr_json(&s->instrs[i])) != 0)
			return -1;
	}
	doc_writer_close(w, "]");
	return 0;
}

static int
write_entry(struct doc_writer *w, const char *other_key, const struct model_relup_entry *e)
{
	doc_writer_open(w, "{");
	doc_writer_item(w, other_key);
	if (write_value(w, json_string(e->other)) != 0)
		return -1;
	if (e->description != NULL) {
		doc_writer_item(w, "description");
		if (write_value(w, json_string(e->description)) != 0)
			return -1;
	}
	doc_writer_item(w, "instructions");
	if (write_script(w, &e->script) != 0)
		return -1;
	doc_writer_close(w, "}");
	return 0;
}

static int
write_entries(struct doc_writer *w, const char *key, struct model_fields fields,
    const struct model_relup_entry *entries, size_t count)
{
	doc_writer_item(w, key);
	if (!has_big_script(entries, count))
		return write_value(w, entries_json(fields, entries, count));
	doc_writer_open(w, "[");
	for (size_t i = 0; i < count; i++) {
		doc_writer_item(w, NULL);
		int rc = entries[i].script.count > FITS
		    ? write_entry(w, fields.list[0].key, &entries[i])
		    : write_value(w, entry_json(fields, &entries[i]));
		if (rc != 0)
			return -1;
	}
	doc_writer_close(w, "]");
	return 0;
}

static int
write_relup(struct doc_writer *w, const struct model_relup *r)
{
	doc_writer_open(w, "{");
	doc_writer_item(w, "release");
	if (write_value(w, json_string(r->release)) != 0)
		return -1;
	doc_writer_item(w, "version");
	if (write_value(w, json_string(r->version)) != 0 ||
	    write_entries(w, "up", MODEL_FIELDS(up_fields), r->up, r->up_count) != 0 ||
	    write_entries(w, "down", MODEL_FIELDS(down_fields), r->down, r->down_count) != 0)
		return -1;
	doc_writer_close(w, "}");
	return 0;
}

char *
model_relup_text(const struct model_relup *r)
{
	struct doc_writer w = {0};
	if (has_big_script(r->up, r->up_count) || has_big_script(r->down, r->down_count)) {
		if (write_relup(&w, r) == 0)
			return doc_writer_end(&w);
		rel_buf_fini(&w.buf);
		return NULL;
	}
	json_t *v = model_relup_json(r);
	char *text = v != NULL ? doc_json_pretty(v) : NULL;
	json_decref(v);
	return text;
}
