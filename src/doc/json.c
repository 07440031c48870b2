/* SPDX-License-Identifier: Apache-2.0
 * A strict reader of RFC 8259 with positions.  libyaml is slow on the large generated files and
 * accepts more than JSON; jansson gives no positions.  It does not recurse; the builder knows in
 * which list or object it is.  Beyond the RFC: duplicate keys and \u0000 are refused.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "doc/doc_priv.h"

enum state { WANT_VALUE, WANT_ITEM_OR_END, WANT_KEY, WANT_KEY_OR_END, AFTER_VALUE, DONE };

struct reader {
	struct doc_builder *b;
	const char *p, *end;
	const char *mark; /* `pos` is its place; only moves forward, so that all costs one pass */
	struct rel_pos pos;
	struct rel_buf scratch; /* the string being read */
	struct rel_err *err;
};

static const struct rel_pos *
here(struct reader *r, const char *p)
{
	doc_pos_advance(&r->pos, r->mark, p);
	r->mark = p;
	return &r->pos;
}

static int
bad(struct reader *r, const char *p, const char *what)
{
	return rel_err_at(r->err, here(r, p), REL_E_SYNTAX, "%s", what);
}

static void
skip_space(struct reader *r)
{
	while (r->p < r->end && (*r->p == ' ' || *r->p == '\t' || *r->p == '\n' || *r->p == '\r'))
		r->p++;
}

static void
add_utf8(struct rel_buf *out, uint32_t c)
{
	char s[4];
	size_t n;
	if (c < 0x80) {
		s[0] = (char)c;
		n = 1;
	} else if (c < 0x800) {
		s[0] = (char)(0xc0 | c >> 6);
		s[1] = (char)(0x80 | (c & 0x3f));
		n = 2;
	} else if (c < 0x10000) {
		s[0] = (char)(0xe0 | c >> 12);
		s[1] = (char)(0x80 | (c >> 6 & 0x3f));
		s[2] = (char)(0x80 | (c & 0x3f));
		n = 3;
	} else {
		s[0] = (char)(0xf0 | c >> 18);
		s[1] = (char)(0x80 | (c >> 12 & 0x3f));
		s[2] = (char)(0x80 | (c >> 6 & 0x3f));
		s[3] = (char)(0x80 | (c & 0x3f));
		n = 4;
	}
	rel_buf_add(out, s, n);
}

/* The four digits after \u; -1 where they are not that. */
static int32_t
hex4(const struct reader *r, const char *p)
{
	int32_t v = 0;
	if (r->end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];
		if (c >= '0' && c <= '9')
			v = v * 16 + (c - '0');
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + ((c | 32) - 'a' + 10);
		else
			return -1;
	}
	return v;
}

/* r->p stands behind \u. */
static int
read_unicode(struct reader *r)
{
	int32_t c = hex4(r, r->p);
	if (c < 0)
		return bad(r, r->p - 2, "\\u needs four hexadecimal digits");
	if (c == 0)
		return bad(r, r->p - 2, "a text must not hold a NUL");
	r->p += 4;
	if (c >= 0xd800 && c <= 0xdbff && r->end - r->p >= 6 && r->p[0] == '\\' && r->p[1] == 'u') {
		int32_t low = hex4(r, r->p + 2);
		if (low >= 0xdc00 && low <= 0xdfff) {
			r->p += 6;
			add_utf8(&r->scratch,
			    0x10000u + ((uint32_t)(c - 0xd800) << 10) + (uint32_t)(low - 0xdc00));
			return 0;
		}
	}
	if (c >= 0xd800 && c <= 0xdfff)
		return bad(r, r->p - 6, "half of a surrogate pair");
	add_utf8(&r->scratch, (uint32_t)c);
	return 0;
}

/* r->p stands behind the backslash. */
static int
read_escape(struct reader *r)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *backslash = r->p - 1;
	char c = r->p < r->end ? *r->p++ : '\0';
	if (c == 'u')
		return read_unicode(r);
	const char *hit = c != '\0' ? strchr(from, c) : NULL;
	if (hit == NULL)
		return bad(r, backslash, "no such escape in JSON");
	rel_buf_add(&r->scratch, &to[hit - from], 1);
	return 0;
}

/* r->p stands on the opening quote; the text is left in scratch. */
static int
read_string(struct reader *r)
{
	const char *start = r->p++;
	rel_buf_clear(&r->scratch);
	for (;;) {
		const char *run = r->p;
		while (
		    r->p < r->end && *r->p != '"' && *r->p != '\\' && (unsigned char)*r->p >= 0x20)
			r->p++;
		rel_buf_add(&r->scratch, run, (size_t)(r->p - run));
		if (r->p == r->end)
			return bad(r, start, "the string has no end");
		if (*r->p == '"')
			break;
		if (*r->p != '\\')
			return bad(r, r->p, "a control character in a string must be escaped");
		r->p++;
		if (read_escape(r) != 0)
			return -1;
	}
	r->p++;
	return rel_buf_ok(&r->scratch) ? 0 : rel_err_nomem(r->err);
}

static size_t
digits(const char *p, const char *end)
{
	size_t n = 0;
	while (p + n < end && p[n] >= '0' && p[n] <= '9')
		n++;
	return n;
}

size_t
doc_json_number_len(const char *p, const char *end)
{
	const char *q = p;
	if (q < end && *q == '-')
		q++;
	size_t whole = digits(q, end);
	if (whole == 0 || (whole > 1 && *q == '0'))
		return 0;
	q += whole;
	if (q < end && *q == '.') {
		size_t n = digits(q + 1, end);
		if (n == 0)
			return 0;
		q += 1 + n;
	}
	if (q < end && (*q == 'e' || *q == 'E')) {
		q++;
		if (q < end && (*q == '+' || *q == '-'))
			q++;
		size_t n = digits(q, end);
		if (n == 0)
			return 0;
		q += n;
	}
	return (size_t)(q - p);
}

static int
read_word(struct reader *r)
{
	static const char *const words[] = {"true", "false", "null"};
	size_t n = doc_json_number_len(r->p, r->end);
	for (size_t i = 0; n == 0 && i < NELEM(words); i++) {
		size_t len = strlen(words[i]);
		if ((size_t)(r->end - r->p) >= len && memcmp(r->p, words[i], len) == 0)
			n = len;
	}
	if (n == 0)
		return bad(r, r->p, "a JSON value is expected here");
	struct rel_pos pos = *here(r, r->p);
	const char *start = r->p;
	r->p += n;
	return doc_builder_scalar(r->b, &pos, start, n, false, r->err);
}

static int
read_text(struct reader *r)
{
	struct rel_pos pos = *here(r, r->p);
	if (read_string(r) != 0)
		return -1;
	return doc_builder_scalar(
	    r->b, &pos, rel_buf_text(&r->scratch), r->scratch.len, true, r->err);
}

static int
on_value(struct reader *r, enum state *state)
{
	if (*r->p == '{' || *r->p == '[') {
		bool map = *r->p == '{';
		*state = map ? WANT_KEY_OR_END : WANT_ITEM_OR_END;
		return doc_builder_open(r->b, here(r, r->p++), map ? DOC_MAP : DOC_LIST, r->err);
	}
	*state = AFTER_VALUE;
	return *r->p == '"' ? read_text(r) : read_word(r);
}

static int
on_key(struct reader *r, enum state *state)
{
	if (*r->p != '"')
		return bad(r, r->p, "a key in quotes is expected here");
	if (read_text(r) != 0)
		return -1;
	skip_space(r);
	if (r->p == r->end || *r->p != ':')
		return bad(r, r->p, "':' is expected here");
	r->p++;
	*state = WANT_VALUE;
	return 0;
}

static int
on_close(struct reader *r, enum state *state)
{
	r->p++;
	if (doc_builder_close(r->b, r->err) != 0)
		return -1;
	*state = AFTER_VALUE;
	return 0;
}

static int
after_value(struct reader *r, enum state *state)
{
	bool map = doc_builder_in(r->b) == DOC_MAP;
	if (*r->p == (map ? '}' : ']'))
		return on_close(r, state);
	if (*r->p != ',')
		return bad(
		    r, r->p, map ? "',' or '}' is expected here" : "',' or ']' is expected here");
	r->p++;
	*state = map ? WANT_KEY : WANT_VALUE;
	return 0;
}

static int
step(struct reader *r, enum state *state)
{
	skip_space(r);
	if (*state == AFTER_VALUE && doc_builder_in(r->b) == DOC_SCALAR) {
		*state = DONE;
		return r->p == r->end ? 0 : bad(r, r->p, "text after the end of the JSON value");
	}
	if (r->p == r->end)
		return bad(r, r->p, "the document ends too early");
	switch (*state) {
	case WANT_KEY_OR_END:
		return *r->p == '}' ? on_close(r, state) : on_key(r, state);
	case WANT_KEY:
		return on_key(r, state);
	case WANT_ITEM_OR_END:
		return *r->p == ']' ? on_close(r, state) : on_value(r, state);
	case WANT_VALUE:
		return on_value(r, state);
	case AFTER_VALUE:
		return after_value(r, state);
	case DONE:
		break;
	}
	return 0;
}

int
doc_json_read(struct doc_builder *b, const char *text, size_t len, struct rel_err *err)
{
	struct reader r = {
	    .b = b,
	    .p = text,
	    .end = text + len,
	    .mark = text,
	    .pos = {b->doc->name, 1, 1},
	    .err = err,
	};
	enum state state = WANT_VALUE;
	int rc = 0;
	while (rc == 0 && state != DONE)
		rc = step(&r, &state);
	rel_buf_fini(&r.scratch);
	return rc;
}
