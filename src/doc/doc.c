/* SPDX-License-Identifier: Apache-2.0
 * Documents: reading, freeing, looking up.
 */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "doc/doc_priv.h"

const struct doc_limits doc_limits_written = {1024 * 1024, 50 * 1000, 32};
const struct doc_limits doc_limits_generated = {64 * 1024 * 1024, 4 * 1000 * 1000, 32};

void
doc_pos_advance(struct rel_pos *pos, const char *from, const char *to)
{
	for (; from < to; from++) {
		if (*from == '\n') {
			pos->line++;
			pos->column = 1;
		} else if (((unsigned char)*from & 0xc0) != 0x80) {
			pos->column++;
		}
	}
}

static int
check_utf8(const char *text, size_t len, const char *name, struct rel_err *err)
{
	size_t i = 0;
	for (;;) {
		while (i < len && text[i] > 0 && text[i] < 0x7f) /* most of all texts */
			i++;
		if (i == len)
			return 0;
		size_t n = rel_utf8_len(text + i, len - i);
		if (n == 0) {
			struct rel_pos pos = {name, 1, 1};
			doc_pos_advance(&pos, text, text + i);
			if (text[i] == '\0')
				return rel_err_at(err, &pos, REL_E_SYNTAX, "a NUL byte");
			return rel_err_at(err, &pos, REL_E_SYNTAX, "the byte 0x%02x is not UTF-8",
			    (unsigned char)text[i]);
		}
		i += n;
	}
}

static bool
is_json_name(const char *name)
{
	size_t n = strlen(name);
	return n >= 5 && strcmp(name + n - 5, ".json") == 0;
}

typedef int reader_fn(struct doc_builder *b, const char *text, size_t len, struct rel_err *err);

static int
read_into(struct doc *d, const char *text, size_t len, const struct doc_limits *limits,
    reader_fn *reader, struct doc_problems *p, struct rel_err *err)
{
	struct doc_builder b;
	if (doc_builder_init(&b, d, limits, p, err) != 0)
		return -1;
	int rc = reader(&b, text, len, err);
	struct rel_err other = REL_ERR_INIT; /* out of memory: the first error is told all the same */
	if (rc != 0 && doc_builder_abandon(&b, &other) != 0)
		rc = -1;
	doc_builder_fini(&b);
	if (rc != 0)
		return -1;
	/* A lone `---` or nothing but comments is as empty as no byte at all. */
	const struct doc_node *n = d->root;
	if (n == NULL || (n->kind == DOC_SCALAR && !n->quoted && n->text[0] == '\0')) {
		struct rel_pos pos = {d->name, 1, 1};
		return rel_err_at(err, &pos, REL_E_SYNTAX, "the document is empty");
	}
	return 0;
}

/* ------------------------------------------------------------------ one text */
static struct doc *
doc_new(const char *name, const struct doc_limits *limits, struct rel_err *err)
{
	CLEANUP(doc_free) struct doc *d = calloc(1, sizeof(*d));
	if (d != NULL) {
		d->magic = DOC_MAGIC;
		/* Room for the tree at its largest, and for the model that is decoded into it. */
		d->arena = rel_arena_new(4096 + 8 * limits->bytes + 256 * limits->nodes);
	}
	if (d == NULL || d->arena == NULL || (d->name = rel_arena_strdup(d->arena, name)) == NULL) {
		rel_err_nomem(err);
		return NULL;
	}
	return MOVE(d);
}

static int
read_as(reader_fn *reader, const char *text, size_t len, const char *name,
    const struct doc_limits *limits, struct doc **ret, struct doc_problems *p)
{
	size_t before = p->errors;
	struct rel_err err = REL_ERR_INIT;
	CLEANUP(doc_free) struct doc *d = doc_new(name, limits, &err);
	if (d == NULL || read_into(d, text, len, limits, reader, p, &err) != 0) {
		doc_problem_add(p, DOC_ERROR, &err);
		return -1;
	}
	d->faulty = p->errors != before;
	*ret = MOVE(d);
	return 0;
}

/* Is it JSON as a whole?  What only begins like it (a flow of YAML) is read again, as YAML. */
static int
try_json(const char *text, size_t len, const char *name, const struct doc_limits *limits,
    struct doc **ret, struct doc_problems *p)
{
	size_t at = 0;
	while (at < len && strchr(" \t\r\n", text[at]) != NULL)
		at++;
	if (at == len || (text[at] != '{' && text[at] != '['))
		return -1;
	struct doc_problems own = DOC_PROBLEMS_INIT;
	int rc = read_as(doc_json_read, text, len, name, limits, ret, &own);
	if (rc == 0)
		doc_problems_move(p, &own);
	doc_problems_fini(&own);
	return rc;
}

int
doc_read_text_all(const char *text, size_t len, const char *name, const struct doc_limits *limits,
    struct doc **ret, struct doc_problems *p)
{
	const struct rel_pos start = {name, 1, 1};
	struct rel_err err = REL_ERR_INIT;
	if (len > limits->bytes) {
		doc_problem(p, &start, REL_E_LIMIT, "%zu bytes; %zu are the limit", len, limits->bytes);
		return -1;
	}
	if (len >= 3 && memcmp(text, "\357\273\277", 3) == 0) {
		text += 3;
		len -= 3;
	}
	if (check_utf8(text, len, name, &err) != 0) {
		doc_problem_add(p, DOC_ERROR, &err);
		return -1;
	}
	if (is_json_name(name))
		return read_as(doc_json_read, text, len, name, limits, ret, p);
	if (try_json(text, len, name, limits, ret, p) == 0)
		return 0;
	return read_as(doc_yaml_read, text, len, name, limits, ret, p);
}

int
doc_read_file_all(int dirfd, const char *path, const char *name, const struct doc_limits *limits,
    struct doc **ret, struct doc_problems *p)
{
	CLEANUP(rel_free_cleanup) char *text = NULL;
	size_t len;
	struct rel_err err = REL_ERR_INIT;
	if (rel_file_read(dirfd, path, name, limits->bytes, &text, &len, &err) != 0) {
		doc_problem_add(p, DOC_ERROR, &err);
		return -1;
	}
	return doc_read_text_all(text, len, name, limits, ret, p);
}

/* ------------------------------------------------------------------ the first problem alone */
static int
sound(int rc, struct doc *d, struct doc_problems *p, struct doc **ret, struct rel_err *err)
{
	if (doc_problems_result(p, err) == 0) {
		MUST(rc == 0);
		*ret = MOVE(d);
	} else {
		rc = -1;
	}
	doc_free(&d);
	doc_problems_fini(p);
	return rc;
}

int
doc_read_text(const char *text, size_t len, const char *name, const struct doc_limits *limits,
    struct doc **ret, struct rel_err *err)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct doc *d = NULL;
	int rc = doc_read_text_all(text, len, name, limits, &d, &p);
	return sound(rc, d, &p, ret, err);
}

int
doc_read_file(int dirfd, const char *path, const char *name, const struct doc_limits *limits,
    struct doc **ret, struct rel_err *err)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct doc *d = NULL;
	int rc = doc_read_file_all(dirfd, path, name, limits, &d, &p);
	return sound(rc, d, &p, ret, err);
}

void
doc_free(struct doc **dp)
{
	struct doc *d = *dp;
	*dp = NULL;
	if (d == NULL)
		return;
	MUST_OBJ(d, DOC_MAGIC);
	d->magic = 0;
	rel_arena_free(&d->arena);
	free(d);
}

const struct doc_node *
doc_get(const struct doc_node *map, const char *key)
{
	if (map == NULL || map->kind != DOC_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++)
		if (strcmp(map->keys[i], key) == 0)
			return map->items[i];
	return NULL;
}

bool
doc_is_null(const struct doc_node *n)
{
	return n->kind == DOC_SCALAR && !n->quoted &&
	       (n->text[0] == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}
