/* SPDX-License-Identifier: Apache-2.0
 * Texts of JSON values: see doc.h.  A list or object is first tried on the rest of the line; the
 * try gives up at the line's end, so that printing costs at most a line a value.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "doc/doc.h"
#include "doc/real.h"

#define COLUMNS 100

/* How much of it stands in quotes as it is. */
static size_t
plain_len(const char *s, size_t n)
{
	size_t i = 0;
	while (i < n && (unsigned char)s[i] >= 0x20 && s[i] != '"' && s[i] != '\\')
		i++;
	return i;
}

static void
put_plain(struct rel_buf *b, const char *s, size_t n)
{
	char *p = rel_buf_room(b, n + 2);
	if (p == NULL)
		return;
	p[0] = p[n + 1] = '"';
	memcpy(p + 1, s, n);
}

static void
put_string(struct rel_buf *b, const char *s, size_t n)
{
	if (plain_len(s, n) == n) {
		put_plain(b, s, n);
		return;
	}
	rel_buf_puts(b, "\"");
	for (size_t i = 0; i < n; i++) {
		size_t plain = plain_len(s + i, n - i);
		rel_buf_add(b, s + i, plain);
		i += plain;
		if (i == n)
			break;
		unsigned char c = (unsigned char)s[i];
		if (c == '"' || c == '\\')
			rel_buf_printf(b, "\\%c", c);
		else if (c == '\n')
			rel_buf_puts(b, "\\n");
		else if (c == '\t')
			rel_buf_puts(b, "\\t");
		else
			rel_buf_printf(b, "\\u%04x", c);
	}
	rel_buf_puts(b, "\"");
}

static void
put_scalar(struct rel_buf *b, const json_t *v)
{
	char real[DOC_REAL_SIZE];
	switch (json_typeof(v)) {
	case JSON_STRING:
		put_string(b, json_string_value(v), json_string_length(v));
		break;
	case JSON_INTEGER:
		rel_buf_printf(b, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		break;
	case JSON_REAL:
		doc_real_print(json_real_value(v), real);
		rel_buf_puts(b, real);
		break;
	case JSON_TRUE:
		rel_buf_puts(b, "true");
		break;
	case JSON_FALSE:
		rel_buf_puts(b, "false");
		break;
	case JSON_NULL:
		rel_buf_puts(b, "null");
		break;
	case JSON_OBJECT:
	case JSON_ARRAY:
		break;
	}
}

static bool
is_container(const json_t *v)
{
	return json_is_array(v) || json_is_object(v);
}

/* One walk over lists and objects; jansson iterates over an object only through a pointer that is
 * not const, though nothing is changed. */
struct cursor {
	json_t *v;
	size_t i, n;
	void *iter;
	const char *key; /* of the item that next() gave; NULL in a list */
};

static struct cursor
cursor_of(const json_t *v)
{
	struct cursor c = {.v = (json_t *)(uintptr_t)v};
	c.n = json_is_array(v) ? json_array_size(v) : json_object_size(v);
	return c;
}

static json_t *
next(struct cursor *c)
{
	if (c->i == c->n)
		return NULL;
	c->i++;
	if (json_is_array(c->v))
		return json_array_get(c->v, c->i - 1);
	c->iter = c->i == 1 ? json_object_iter(c->v) : json_object_iter_next(c->v, c->iter);
	c->key = json_object_iter_key(c->iter);
	return json_object_iter_value(c->iter);
}

static bool
holds_container(const json_t *v)
{
	struct cursor c = cursor_of(v);
	for (json_t *item = next(&c); item != NULL; item = next(&c))
		if (is_container(item))
			return true;
	return false;
}

/* A list of several items of which one holds a list or object itself. */
static bool
wants_lines(const json_t *v)
{
	if (!json_is_array(v) || json_array_size(v) < 2)
		return false;
	struct cursor c = cursor_of(v);
	for (json_t *item = next(&c); item != NULL; item = next(&c))
		if (is_container(item) && holds_container(item))
			return true;
	return false;
}

static void
put_key(struct rel_buf *b, const char *key)
{
	if (key == NULL)
		return;
	put_string(b, key, strlen(key));
	rel_buf_puts(b, ": ");
}

/* Writes on one line; false, with some of it written, where that would pass `end`. */
static bool
put_flat(struct rel_buf *b, const json_t *v, size_t end)
{
	if (!is_container(v)) {
		put_scalar(b, v);
		return b->len <= end && rel_buf_ok(b);
	}
	if (wants_lines(v))
		return false;
	rel_buf_puts(b, json_is_array(v) ? "[" : "{");
	struct cursor c = cursor_of(v);
	for (json_t *item = next(&c); item != NULL; item = next(&c)) {
		if (c.i > 1)
			rel_buf_puts(b, ", ");
		put_key(b, c.key);
		if (!put_flat(b, item, end))
			return false;
	}
	rel_buf_puts(b, json_is_array(v) ? "]" : "}");
	return b->len <= end;
}

static void
put_line(struct rel_buf *b, unsigned indent, size_t *line)
{
	rel_buf_puts(b, "\n");
	*line = b->len;
	char *p = rel_buf_room(b, 2 * (size_t)indent);
	if (p != NULL)
		memset(p, ' ', 2 * (size_t)indent);
}

/* `line` is where the current line begins; one column is kept for the comma that may follow. */
static void
put_value(struct rel_buf *b, const json_t *v, unsigned indent, size_t *line)
{
	size_t start = b->len;
	if (put_flat(b, v, *line + COLUMNS - 1) || !rel_buf_ok(b))
		return;
	if (!is_container(v))
		return; /* a long text cannot be broken */
	b->len = start;
	rel_buf_puts(b, json_is_array(v) ? "[" : "{");
	struct cursor c = cursor_of(v);
	for (json_t *item = next(&c); item != NULL; item = next(&c)) {
		put_line(b, indent + 1, line);
		put_key(b, c.key);
		put_value(b, item, indent + 1, line);
		if (c.i < c.n)
			rel_buf_puts(b, ",");
	}
	put_line(b, indent, line);
	rel_buf_puts(b, json_is_array(v) ? "]" : "}");
}

char *
doc_json_pretty(const json_t *v)
{
	struct rel_buf b = REL_BUF_INIT;
	size_t line = 0;
	put_value(&b, v, 0, &line);
	rel_buf_puts(&b, "\n");
	return rel_buf_take(&b);
}

void
doc_writer_open(struct doc_writer *w, const char *bracket)
{
	rel_buf_puts(&w->buf, bracket);
	w->depth++;
	w->comma = false;
}

void
doc_writer_item(struct doc_writer *w, const char *key)
{
	if (w->comma)
		rel_buf_puts(&w->buf, ",");
	w->comma = true;
	put_line(&w->buf, w->depth, &w->line);
	put_key(&w->buf, key);
}

void
doc_writer_value(struct doc_writer *w, const json_t *v)
{
	put_value(&w->buf, v, w->depth, &w->line);
}

void
doc_writer_close(struct doc_writer *w, const char *bracket)
{
	w->depth--;
	w->comma = true;
	put_line(&w->buf, w->depth, &w->line);
	rel_buf_puts(&w->buf, bracket);
}

char *
doc_writer_end(struct doc_writer *w)
{
	rel_buf_puts(&w->buf, "\n");
	return rel_buf_take(&w->buf);
}

char *
doc_json_compact(const json_t *v)
{
	return json_dumps(v, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);
}
