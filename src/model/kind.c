/* SPDX-License-Identifier: Apache-2.0
 * The kinds of values that stand in the files, each with its decoder and its printer.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "model/model_priv.h"

/* ------------------------------------------------------------------ texts */
static void
decode_name(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	const char *s = model_dec_name(d, n, f->key);
	if (s != NULL)
		*(const char **)out = s;
}

static void
decode_version(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	const char *s = model_dec_version(d, n, f->key);
	if (s != NULL)
		*(const char **)out = s;
}

static void
decode_text(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	const char *s = model_dec_text(d, n, f->key);
	if (s != NULL)
		*(const char **)out = s;
}

/* A text that was not given is left out.  Not checked to be UTF-8, here and below: its document was, when
 * it was read. */
static int
print_text(json_t *obj, const struct model_field *f, const void *in)
{
	const char *s = *(const char *const *)in;
	return s == NULL ? 0 : json_object_set_new_nocheck(obj, f->key, json_string_nocheck(s));
}

const struct model_kind model_kind_name = {decode_name, print_text};
const struct model_kind model_kind_version = {decode_version, print_text};
const struct model_kind model_kind_text = {decode_text, print_text};

/* ------------------------------------------------------------------ enums */
static void
decode_enum(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	const struct model_enum *e = f->arg;
	if (!model_dec_expect(d, n, DOC_SCALAR, f->key))
		return;
	for (unsigned i = 0; i < e->count; i++) {
		if (strcmp(n->text, e->names[i]) == 0) {
			/* gcc and clang give an enum without negative values this type */
			*(unsigned *)out = i;
			return;
		}
	}
	struct rel_buf names = REL_BUF_INIT;
	for (unsigned i = 0; i < e->count; i++)
		rel_buf_printf(&names, "%s%s", i > 0 ? ", " : "", e->names[i]);
	doc_problem(d->p, &n->pos, REL_E_BAD_VALUE, "%s: '%.80s' is none of %s", f->key, n->text,
	    rel_buf_text(&names));
	rel_buf_fini(&names);
}

static int
print_enum(json_t *obj, const struct model_field *f, const void *in)
{
	const struct model_enum *e = f->arg;
	unsigned v = *(const unsigned *)in;
	MUST(v < e->count);
	if (v == 0 && (f->flags & MODEL_OMIT_DEFAULT))
		return 0;
	return json_object_set_new_nocheck(obj, f->key, json_string_nocheck(e->names[v]));
}

_Static_assert(sizeof(enum model_purge) == sizeof(unsigned), "enums are unsigned");
const struct model_kind model_kind_enum = {decode_enum, print_enum};

/* ------------------------------------------------------------------ numbers */
static bool
parse_uint(const struct doc_node *n, uint64_t max, uint64_t *ret)
{
	size_t len = n->kind == DOC_SCALAR && !n->quoted ? strlen(n->text) : 0;
	if (len == 0 || strspn(n->text, "0123456789") != len || (len > 1 && n->text[0] == '0'))
		return false;
	uint64_t v = 0;
	for (size_t i = 0; i < len; i++) {
		v = v * 10 + (uint64_t)(n->text[i] - '0');
		if (v > max)
			return false;
	}
	*ret = v;
	return true;
}

static void
decode_uint(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	const struct model_range *r = f->arg;
	uint64_t v;
	if (!model_dec_expect(d, n, DOC_SCALAR, f->key))
		return;
	if (parse_uint(n, r->max, &v) && v >= r->min)
		*(unsigned *)out = (unsigned)v;
	else
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE,
		    "%s: '%.80s' is not a whole number from %u to %u", f->key, n->text, r->min,
		    r->max);
}

const struct model_kind model_kind_uint = {decode_uint, NULL};

/* ------------------------------------------------------------------ durations */
static bool
parse_duration(struct model_dec *d, const struct doc_node *n, const struct model_field *f,
    dur_ns_t *ret)
{
	struct rel_err err = REL_ERR_INIT;
	if (!model_dec_expect(d, n, DOC_SCALAR, f->key))
		return false;
	if (rel_dur_parse(n->text, ret, &err) == 0)
		return true;
	doc_problem(d->p, &n->pos, err.code, "%s: %s", f->key, err.text);
	return false;
}

static void
decode_duration(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	dur_ns_t v;
	if (parse_duration(d, n, f, &v))
		*(dur_ns_t *)out = v;
}

static void
decode_span(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	dur_ns_t v;
	if (!parse_duration(d, n, f, &v))
		return;
	if (v > 0 && v != DUR_INFINITY)
		*(dur_ns_t *)out = v;
	else
		doc_problem(d->p, &n->pos, REL_E_BAD_DURATION,
		    "%s must be more than nothing and less than infinity", f->key);
}

static void
decode_timeout(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	if (n->kind == DOC_SCALAR && strcmp(n->text, "default") == 0)
		*(dur_ns_t *)out = MODEL_TIMEOUT_DEFAULT;
	else
		decode_duration(d, n, out, f);
}

static int
print_duration(json_t *obj, const struct model_field *f, const void *in)
{
	char text[32];
	dur_ns_t v = *(const dur_ns_t *)in;
	if (v == MODEL_TIMEOUT_DEFAULT)
		return 0;
	return json_object_set_new(obj, f->key, json_string(rel_dur_print(v, text, sizeof(text))));
}

const struct model_kind model_kind_duration = {decode_duration, print_duration};
const struct model_kind model_kind_span = {decode_span, print_duration};
const struct model_kind model_kind_timeout = {decode_timeout, print_duration};

static void
decode_ms(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	uint64_t v;
	if (!model_dec_expect(d, n, DOC_SCALAR, f->key))
		return;
	if (strcmp(n->text, "infinity") == 0)
		*(dur_ns_t *)out = DUR_INFINITY;
	else if (parse_uint(n, (INT64_MAX - 1) / DUR_MS, &v))
		*(dur_ns_t *)out = (dur_ns_t)v * DUR_MS;
	else
		doc_problem(d->p, &n->pos, REL_E_BAD_DURATION,
		    "%s: '%.80s' is neither a whole number of milliseconds nor infinity", f->key,
		    n->text);
}

static int
print_ms(json_t *obj, const struct model_field *f, const void *in)
{
	dur_ns_t v = *(const dur_ns_t *)in;
	if (v == MODEL_TIMEOUT_DEFAULT)
		return 0;
	return json_object_set_new(obj, f->key,
	    v == DUR_INFINITY ? json_string("infinity") : json_integer(v / DUR_MS));
}

const struct model_kind model_kind_ms = {decode_ms, print_ms};

/* ------------------------------------------------------------------ lists */
static void
decode_names(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	model_dec_names(d, n, f->key, out);
}

json_t *
model_names_json(const struct model_names *l)
{
	json_t *list = json_array();
	for (size_t i = 0; list != NULL && i < l->count; i++) {
		if (json_array_append_new(list, json_string_nocheck(l->names[i])) != 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static int
print_names(json_t *obj, const struct model_field *f, const void *in)
{
	return json_object_set_new(obj, f->key, model_names_json(in));
}

const struct model_kind model_kind_names = {decode_names, print_names};

static void
decode_text_list(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	model_dec_texts(d, n, f->key, out);
}

const struct model_kind model_kind_text_list = {decode_text_list, print_names};

static size_t *
count_of(const struct model_field *f, void *out)
{
	return (size_t *)(void *)((char *)out - f->offset + f->count_offset);
}

static void
decode_texts(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	if (!model_dec_expect(d, n, DOC_LIST, f->key))
		return;
	if (n->count == 0) {
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE, "%s must not be empty", f->key);
		return;
	}
	const char **list = model_dec_alloc(d, n->count + 1, sizeof(*list), &n->pos);
	if (list == NULL)
		return;
	size_t count = 0;
	for (size_t i = 0; i < n->count; i++) {
		const char *s = model_dec_text(d, n->items[i], f->key);
		if (s != NULL)
			list[count++] = s;
	}
	if (count > 0 && list[0][0] == '\0')
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE, "%s begins with an empty text", f->key);
	*(const char ***)out = list;
	*count_of(f, out) = count;
}

static int
print_texts(json_t *obj, const struct model_field *f, const void *in)
{
	const char *const *list = *(const char *const *const *)in;
	const char *base = (const char *)in - f->offset;
	size_t count = *(const size_t *)(const void *)(base + f->count_offset);
	if (list == NULL)
		return 0;
	json_t *texts = json_array();
	for (size_t i = 0; texts != NULL && i < count; i++) {
		if (json_array_append_new(texts, json_string(list[i])) != 0) {
			json_decref(texts);
			return -1;
		}
	}
	return json_object_set_new(obj, f->key, texts);
}

const struct model_kind model_kind_texts = {decode_texts, print_texts};

/* ------------------------------------------------------------------ free-form values */
static void
decode_any(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	(void)d;
	(void)f;
	*(const struct doc_node **)out = n;
}

static void
decode_map(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	if (model_dec_expect(d, n, DOC_MAP, f->key))
		*(const struct doc_node **)out = n;
}

static int
print_any(json_t *obj, const struct model_field *f, const void *in)
{
	const struct doc_node *n = *(const struct doc_node *const *)in;
	return json_object_set_new(obj, f->key, n != NULL ? doc_to_json(n) : json_null());
}

const struct model_kind model_kind_any = {decode_any, print_any};
const struct model_kind model_kind_map = {decode_map, print_any};
