/* SPDX-License-Identifier: Apache-2.0
 * doc: reading YAML and JSON into the tree, positions, and what is refused where.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doc/doc.h"

static struct doc *
read_ok(const char *text, const char *name)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	int rc = doc_read_text(text, strlen(text), name, &doc_limits_written, &d, &err);
	ck_assert_msg(rc == 0, "%s:%u:%u: %s", err.file, err.line, err.column, err.text);
	return d;
}

static void
ck_pos(const struct rel_pos *p, unsigned line, unsigned column)
{
	ck_assert_uint_eq(p->line, line);
	ck_assert_uint_eq(p->column, column);
}

/* ------------------------------------------------------------------ trees */
START_TEST(yaml_tree)
{
	struct doc *d = read_ok("a: 1.10\n"
				"b: {c: [x, 'y', \"z\"], \344\277\241: no}\n"
				"d:\n"
				"  - |\n"
				"    text\n"
				"  -\n"
				"e: '1'\n",
	    "f.yaml");
	ck_assert_str_eq(d->name, "f.yaml");
	const struct doc_node *r = d->root;
	ck_assert_int_eq(r->kind, DOC_MAP);
	ck_assert_uint_eq(r->count, 4);
	ck_pos(&r->pos, 1, 1);
	const struct doc_node *a = doc_get(r, "a");
	ck_assert_str_eq(a->text, "1.10");
	ck_assert(!a->quoted);
	ck_pos(&a->pos, 1, 4);
	ck_assert_str_eq(a->pos.file, "f.yaml");
	const struct doc_node *c = doc_get(doc_get(r, "b"), "c");
	ck_assert_int_eq(c->kind, DOC_LIST);
	ck_assert_uint_eq(c->count, 3);
	ck_assert(!c->items[0]->quoted && c->items[1]->quoted && c->items[2]->quoted);
	/* columns count characters, not bytes */
	ck_pos(&doc_get(doc_get(r, "b"), "\344\277\241")->pos, 2, 26);
	const struct doc_node *l = doc_get(r, "d");
	ck_assert_str_eq(l->items[0]->text, "text\n");
	ck_assert(l->items[0]->quoted);
	ck_assert(doc_is_null(l->items[1]));
	ck_assert_ptr_eq(r->items[3], doc_get(r, "e"));
	ck_assert_str_eq(r->keys[3], "e");
	ck_pos(&r->key_pos[3], 7, 1);
	ck_assert_ptr_null(doc_get(r, "f"));
	ck_assert_ptr_null(doc_get(a, "x"));
	ck_assert_ptr_null(doc_get(NULL, "x"));
	doc_free(&d);
	ck_assert_ptr_null(d);
	doc_free(&d);
}
END_TEST

START_TEST(json_tree)
{
	struct doc *d = read_ok("{\"a\": [1, -2.5e+3, true, null],\n"
				" \"\344\277\241\": \"x\", \"b\": "
				"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e4\\ud83d\\ude00\\u20AC\",\n"
				"\t\"c\": {}, \"d\": [] }\r\n",
	    "f.json");
	const struct doc_node *r = d->root;
	ck_assert_uint_eq(r->count, 5);
	const struct doc_node *a = doc_get(r, "a");
	ck_assert_uint_eq(a->count, 4);
	ck_assert_str_eq(a->items[1]->text, "-2.5e+3");
	ck_assert(!a->items[1]->quoted);
	ck_assert_str_eq(a->items[3]->text, "null");
	ck_assert(doc_is_null(a->items[3]));
	ck_pos(&a->items[2]->pos, 1, 20);
	ck_pos(&r->key_pos[1], 2, 2);
	const struct doc_node *b = doc_get(r, "b");
	ck_pos(&b->pos, 2, 17);
	ck_assert_str_eq(b->text, "\"\\/\b\f\n\r\t\303\244\360\237\230\200\342\202\254");
	ck_assert(b->quoted);
	ck_pos(&r->key_pos[3], 3, 2);
	ck_assert_uint_eq(doc_get(r, "c")->count, 0);
	ck_assert_int_eq(doc_get(r, "c")->kind, DOC_MAP);
	ck_assert_int_eq(doc_get(r, "d")->kind, DOC_LIST);
	doc_free(&d);
}
END_TEST

/* A text that is JSON is read as JSON, whatever the name of its file. */
START_TEST(json_by_another_name)
{
	static const char text[] = " {\"a\": \"\\ud83d\\ude00\"}";
	static const char *const names[] = {"f.yaml", "f.json"};
	for (size_t i = 0; i < NELEM(names); i++) {
		struct doc *d = read_ok(text, names[i]);
		ck_assert_str_eq(doc_get(d->root, "a")->text, "\360\237\230\200");
		ck_pos(&doc_get(d->root, "a")->pos, 1, 8);
		doc_free(&d);
	}
}
END_TEST

/* Editors of another world put it there; a place does not count it. */
START_TEST(byte_order_mark)
{
	static const char *const names[] = {"f.yaml", "f.json"};
	static const char *const texts[] = {"\357\273\277a: 1\n", "\357\273\277{\"a\": 1}"};
	for (size_t i = 0; i < NELEM(names); i++) {
		struct doc *d = read_ok(texts[i], names[i]);
		ck_assert_str_eq(doc_get(d->root, "a")->text, "1");
		ck_pos(&d->root->key_pos[0], 1, i == 0 ? 1 : 2);
		doc_free(&d);
	}
}
END_TEST

START_TEST(nulls)
{
	struct doc *d = read_ok("[null, ~, 'null', '', Null, \"~\", nul]", "f.yaml");
	static const bool want[] = {true, true, false, false, false, false, false};
	for (size_t i = 0; i < NELEM(want); i++)
		ck_assert_int_eq(doc_is_null(d->root->items[i]), want[i]);
	ck_assert(!doc_is_null(d->root));
	doc_free(&d);
}
END_TEST

/* ------------------------------------------------------------------ refused texts */
#define Y "f.yaml"
#define J "f.json"
static const struct {
	const char *name, *text;
	size_t len; /* 0: strlen */
	enum rel_ecode code;
	unsigned line, column;
} refused[] = {
    {Y, "", 0, REL_E_SYNTAX, 1, 1},
    {Y, "# nothing but words\n", 0, REL_E_SYNTAX, 1, 1},
    {Y, "---\n", 0, REL_E_SYNTAX, 1, 1},
    {Y, "a: 1\nb: 2\na: 3\n", 0, REL_E_DUPLICATE_KEY, 3, 1},
    {Y, "a: 1\n'a': 3\n", 0, REL_E_DUPLICATE_KEY, 2, 1},
    {Y, "x: {b: 1, c: 2, c: 3, b: 4}\n", 0, REL_E_DUPLICATE_KEY, 1, 17},
    {Y, "x: {c: 1, b: 2, b: 3, c: 4}\n", 0, REL_E_DUPLICATE_KEY, 1, 17},
    {Y, "a: &x 1\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: &x [1]\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: &x {b: 1}\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: &x [*x]\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: *x\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: !!str 1\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: ! 1\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: !x [1]\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: !x {b: 1}\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "%TAG ! tag:x,2000:\n---\na: 1\n", 0, REL_E_SYNTAX, 1, 1},
    {Y, "a: 1\n---\nb: 2\n", 0, REL_E_SYNTAX, 2, 1},
    {Y, "a: 1\n...\n---\nb: 2\n", 0, REL_E_SYNTAX, 3, 1},
    {Y, "[x]: 1\n", 0, REL_E_SYNTAX, 1, 1},
    {Y, "? {x: 1}\n: 1\n", 0, REL_E_SYNTAX, 1, 3},
    {Y, "a: [1, 2\n", 0, REL_E_SYNTAX, 2, 1},
    {Y, "a: \"x\n", 0, REL_E_SYNTAX, 2, 1},
    {Y, "a: 1\n b: 2\n", 0, REL_E_SYNTAX, 2, 3},
    {Y, "a:\t- x\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: 1\n\0b", 7, REL_E_SYNTAX, 2, 1},
    {Y, "a: \"x\\0y\"\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: \"x\\u0000y\"\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: 1\n\303\244: \377\n", 0, REL_E_SYNTAX, 2, 4},
    {Y, "a: \300\200\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: \355\240\200\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: \364\220\200\200\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: \360\200\200\200\n", 0, REL_E_SYNTAX, 1, 4},
    {Y, "a: \342\202", 0, REL_E_SYNTAX, 1, 4},
    {Y, "\377\376a\0:\0", 6, REL_E_SYNTAX, 1, 1},
    {Y, "a: x\001y\n", 0, REL_E_SYNTAX, 1, 5},
    {J, "", 0, REL_E_SYNTAX, 1, 1},
    {J, "  \n ", 0, REL_E_SYNTAX, 2, 2},
    {J, "{\"a\": 1} x", 0, REL_E_SYNTAX, 1, 10},
    {J, "{\"a\": 1}{}", 0, REL_E_SYNTAX, 1, 9},
    {J, "{\"a\": 1, \"\\u0061\": 2}", 0, REL_E_DUPLICATE_KEY, 1, 10},
    {J, "{\"a\": 1,}", 0, REL_E_SYNTAX, 1, 9},
    {J, "[1,]", 0, REL_E_SYNTAX, 1, 4},
    {J, "[1 2]", 0, REL_E_SYNTAX, 1, 4},
    {J, "[1}", 0, REL_E_SYNTAX, 1, 3},
    {J, "{\"a\": 1]", 0, REL_E_SYNTAX, 1, 8},
    {J, "{a: 1}", 0, REL_E_SYNTAX, 1, 2},
    {J, "{\"a\" 1}", 0, REL_E_SYNTAX, 1, 6},
    {J, "{\"a\"", 0, REL_E_SYNTAX, 1, 5},
    {J, "{'a': 1}", 0, REL_E_SYNTAX, 1, 2},
    {J, "[1", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\n\"x", 0, REL_E_SYNTAX, 2, 1},
    {J, "[\"a\nb\"]", 0, REL_E_SYNTAX, 1, 4},
    {J, "[\"\\x\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\u12g4\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\u12", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\u0000\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\ud83d\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\ud83dx\\ude00\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\ud83d\\ud83d\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\ude00\\ud83d\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\\ud83d\\u0041\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[01]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[+1]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[-]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[1.]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[.5]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[1e]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[1e+]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[0x1]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[NaN]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[True]", 0, REL_E_SYNTAX, 1, 2},
    {J, "[truex]", 0, REL_E_SYNTAX, 1, 6},
    {J, "// x\n1", 0, REL_E_SYNTAX, 1, 1},
    {J, "\357\273\277", 0, REL_E_SYNTAX, 1, 1},
    {Y, "\357\273\277", 0, REL_E_SYNTAX, 1, 1},
    {J, "\357\273\277[1,]", 0, REL_E_SYNTAX, 1, 4},
    {Y, "\357\273\277a: &x 1", 0, REL_E_SYNTAX, 1, 4},
    {Y, "[\"\\ud83d\"]", 0, REL_E_SYNTAX, 1, 5},
    {Y, "a: \"\\ude00\"", 0, REL_E_SYNTAX, 1, 7},
    {J, "[\"\377\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\340\200\200\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\355\240\200\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\360\200\200\200\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\364\220\200\200\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\303(\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\342\202(\"]", 0, REL_E_SYNTAX, 1, 3},
    {J, "[\"\342\202\254\"]", 4, REL_E_SYNTAX, 1, 3},
    {J, "[\"x\"]", 4, REL_E_SYNTAX, 1, 5},
    {J, "[1]\0", 4, REL_E_SYNTAX, 1, 4},
    {J, "[1,\f2]", 0, REL_E_SYNTAX, 1, 4},
};

static void
ck_refused(const char *text, size_t len, int i)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	int rc = doc_read_text(text, len, refused[i].name, &doc_limits_written, &d, &err);
	ck_assert_msg(rc == -1, "accepted: %s", refused[i].text);
	ck_assert_ptr_null(d);
	ck_assert_str_eq(err.file, refused[i].name);
	ck_assert_msg(err.code == refused[i].code && err.line == refused[i].line &&
		err.column == refused[i].column,
	    "%s %u:%u (%s) for %s", rel_err_name(err.code), err.line, err.column, err.text,
	    refused[i].text);
}

START_TEST(refused_text)
{
	const char *text = refused[_i].text;
	size_t len = refused[_i].len != 0 ? refused[_i].len : strlen(text);
	ck_refused(text, len, _i);
	/* again without the NUL behind it: a read past the end is seen by ASan and valgrind */
	char *copy = malloc(len + (len == 0));
	memcpy(copy, text, len);
	ck_refused(copy, len, _i);
	free(copy);
}
END_TEST

static const char *const accepted[] = {
    "{\"a\": 1, b: 2}", /* begins as JSON does */
    "%YAML 1.1\n---\na: 1\n...\n",
    "\357\273\277a: 1\n",
    "a: x#y\nb: http://h:1/\n",
    "{\"a\":[1,2],\"b\":{\"c\":\"d\"}}",
    "{\n \"a\": \"x\\/y\"\n}",
    "just a text",
    "<<: 1\n",
};

START_TEST(accepted_text)
{
	struct doc *d = read_ok(accepted[_i], Y);
	doc_free(&d);
}
END_TEST

/* ------------------------------------------------------------------ all of them
 * What does not end the reading is told, and what follows is as well. */
static const struct {
	const char *name, *text;
	bool tree;
	const char *found; /* line:column of each */
} all[] = {
    {Y, "a: 1\na: &x 2\nb: *x\nc: !!str 3\nd: {e: 1, e: 2}\na: 4\n", true,
	"2:4 3:4 4:4 5:11 2:1 6:1 "},
    {Y, "a: &x !y 1\n", true, "1:4 1:4 "},
    {Y, "%TAG ! tag:x,2000:\n---\na: &x 1\n", true, "1:1 3:4 "},
    {Y, "*x : 1\n*y : 2\n", true, "1:1 2:1 "},
    {Y, "- &x [*x, *x]\n- *x\n", true, "1:3 1:7 1:11 2:3 "},
    {Y, "a: 1\na: 2\nb: {c: 1, c: 2, d: [1, {e: 1, e: 2, ]\n", false, "3:31 3:11 2:1 3:37 "},
    {Y, "a: *x\n---\nb: 1\n", false, "1:4 2:1 "},
    {J, "{\"a\": {\"b\": 1, \"b\": 2}, \"a\": 3, \"a\": 4}", true, "1:16 1:25 1:33 "},
    {J, "{\"a\": 1, \"a\": 2, }", false, "1:10 1:18 "},
};

START_TEST(all_problems)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct rel_buf found = REL_BUF_INIT;
	struct doc *d = NULL;
	int rc = doc_read_text_all(
	    all[_i].text, strlen(all[_i].text), all[_i].name, &doc_limits_written, &d, &p);
	for (size_t i = 0; i < p.count; i++)
		rel_buf_printf(&found, "%u:%u ", p.list[i].err.line, p.list[i].err.column);
	ck_assert_str_eq(rel_buf_text(&found), all[_i].found);
	ck_assert_int_eq(rc, all[_i].tree ? 0 : -1);
	ck_assert_int_eq(d != NULL, all[_i].tree);
	ck_assert(d == NULL || d->faulty);
	rel_buf_fini(&found);
	doc_problems_fini(&p);
	doc_free(&d);
	/* Who asks for one error has no tree. */
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(doc_read_text(all[_i].text, strlen(all[_i].text), all[_i].name,
			     &doc_limits_written, &d, &err), -1);
	ck_assert_ptr_null(d);
}
END_TEST

/* Each level names the one before it ten times: never expanded, it is a small document. */
START_TEST(aliases_stay_cheap)
{
	struct rel_buf b = REL_BUF_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct doc *d = NULL;
	rel_buf_puts(&b, "a0: &a0 x\n");
	for (int i = 1; i < 3000; i++) {
		rel_buf_printf(&b, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			rel_buf_printf(&b, "*a%d,", i - 1);
		rel_buf_puts(&b, "]\n");
	}
	ck_assert_int_eq(
	    doc_read_text_all(rel_buf_text(&b), b.len, Y, &doc_limits_written, &d, &p), 0);
	ck_assert_uint_eq(p.errors, 3000 + 2999 * 10);
	ck_assert_uint_eq(p.count, DOC_PROBLEMS_MAX);
	ck_assert(doc_is_null(doc_get(d->root, "a2999")->items[9]));
	doc_problems_fini(&p);
	doc_free(&d);
	rel_buf_fini(&b);
}
END_TEST

/* ------------------------------------------------------------------ limits */
static enum rel_ecode
read_code(const char *text, size_t len, const char *name, const struct doc_limits *limits,
    struct rel_err *err)
{
	struct doc *d = NULL;
	*err = REL_ERR_INIT;
	int rc = doc_read_text(text, len, name, limits, &d, err);
	ck_assert_int_eq(rc, err->code == REL_OK ? 0 : -1);
	doc_free(&d);
	return err->code;
}

static char *
repeat(const char *s, size_t n, const char *tail)
{
	struct rel_buf b = REL_BUF_INIT;
	for (size_t i = 0; i < n; i++)
		rel_buf_puts(&b, s);
	rel_buf_puts(&b, tail);
	return rel_buf_take(&b);
}

/* An opening 32 times is the most; then 33; then what breaks readers that recurse. */
static void
check_depth(const char *open, const char *close, const char *name, unsigned column)
{
	static const size_t counts[] = {32, 33, 32000};
	for (size_t i = 0; i < NELEM(counts); i++) {
		struct rel_err err;
		char *tail = repeat(close, counts[i], "");
		char *text = repeat(open, counts[i], tail);
		enum rel_ecode code =
		    read_code(text, strlen(text), name, &doc_limits_written, &err);
		ck_assert_int_eq(code, i == 0 ? REL_OK : REL_E_LIMIT);
		if (i > 0)
			ck_assert_uint_eq(err.column, column);
		free(text);
		free(tail);
	}
}

START_TEST(depth)
{
	check_depth("[", "]", Y, 33);
	check_depth("[", "]", J, 33);
	check_depth("{\"a\":", "}", Y, 5 * 32 + 1);
	struct rel_err err;
	char *text = repeat("- ", 32, "x");
	ck_assert_int_eq(read_code(text, strlen(text), Y, &doc_limits_written, &err), REL_OK);
	free(text);
	text = repeat("- ", 32000, "x");
	ck_assert_int_eq(read_code(text, strlen(text), Y, &doc_limits_written, &err), REL_E_LIMIT);
	ck_assert_uint_eq(err.column, 65);
	free(text);
	text = repeat("[", 900000, "");
	ck_assert_int_eq(read_code(text, strlen(text), Y, &doc_limits_written, &err), REL_E_LIMIT);
	ck_assert_int_eq(read_code(text, strlen(text), J, &doc_limits_written, &err), REL_E_LIMIT);
	free(text);
	text = repeat("{\"a\":", 32000, "");
	ck_assert_int_eq(read_code(text, strlen(text), J, &doc_limits_written, &err), REL_E_LIMIT);
	free(text);
}
END_TEST

START_TEST(nodes)
{
	struct rel_err err;
	/* the list is one node: 49,999 items are the most */
	char *text = repeat("- a\n", 49999, "");
	ck_assert_int_eq(read_code(text, strlen(text), Y, &doc_limits_written, &err), REL_OK);
	free(text);
	text = repeat("- a\n", 50000, "");
	ck_assert_int_eq(read_code(text, strlen(text), Y, &doc_limits_written, &err), REL_E_LIMIT);
	ck_assert_uint_eq(err.line, 50000);
	ck_assert_uint_eq(err.column, 3);
	ck_assert_int_eq(read_code(text, strlen(text), Y, &doc_limits_generated, &err), REL_OK);
	free(text);
	/* keys are nodes too */
	struct doc_limits three = {1000, 3, 2};
	ck_assert_int_eq(read_code("{\"a\":1}", 7, J, &three, &err), REL_OK);
	ck_assert_int_eq(read_code("{\"a\":1,\"b\":2}", 13, J, &three, &err), REL_E_LIMIT);
	ck_assert_uint_eq(err.column, 8);
}
END_TEST

START_TEST(bytes)
{
	struct rel_err err;
	size_t most = 1024 * 1024;
	char *text = malloc(most + 2);
	memset(text, ' ', most + 1);
	memcpy(text, "[1]", 3);
	text[most + 1] = '\0';
	ck_assert_int_eq(read_code(text, most, J, &doc_limits_written, &err), REL_OK);
	ck_assert_int_eq(read_code(text, most + 1, J, &doc_limits_written, &err), REL_E_LIMIT);
	ck_assert_uint_eq(err.line, 1);
	ck_assert_int_eq(read_code(text, most + 1, J, &doc_limits_generated, &err), REL_OK);
	free(text);
}
END_TEST

/* Many keys in one map, and many nodes on one long line, must not cost their square. */
START_TEST(large_is_linear)
{
	struct rel_buf b = REL_BUF_INIT;
	struct rel_err err;
	rel_buf_puts(&b, "{");
	for (int i = 0; i < 1000000; i++)
		rel_buf_printf(&b, "%s\"k%d\":%d", i > 0 ? "," : "", i, i);
	rel_buf_puts(&b, ",\"k77\":0}");
	mono_ns_t start = rel_mono_now();
	ck_assert_int_eq(read_code(rel_buf_text(&b), b.len, J, &doc_limits_generated, &err),
	    REL_E_DUPLICATE_KEY);
	ck_assert_uint_eq(err.column, b.len - strlen("\"k77\":0}") + 1);
	ck_assert_int_lt(rel_mono_now() - start, 20 * DUR_S); /* seen: 0.5 s; squared: hours */
	rel_buf_fini(&b);
}
END_TEST

/* ------------------------------------------------------------------ files */
START_TEST(files)
{
	const char *tmp = getenv("TMPDIR");
	char path[4096];
	snprintf(path, sizeof(path), "%s/check_doc.XXXXXX", tmp != NULL ? tmp : "/tmp");
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(rel_fd_write_all(fd, "a: [1,\n", 7), 0);
	close(fd);
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(
	    doc_read_file(AT_FDCWD, path, "lib/x.yaml", &doc_limits_written, &d, &err), -1);
	ck_assert_str_eq(err.file, "lib/x.yaml");
	ck_assert_uint_eq(err.line, 2);
	rel_err_clear(&err);
	struct doc_limits six = {6, 100, 4};
	ck_assert_int_eq(doc_read_file(AT_FDCWD, path, "x", &six, &d, &err), -1);
	ck_assert_int_eq(err.code, REL_E_LIMIT);
	ck_assert_uint_eq(err.line, 1);
	ck_assert_uint_eq(err.column, 1);
	rel_err_clear(&err);
	unlink(path);
	ck_assert_int_eq(doc_read_file(AT_FDCWD, path, "x", &six, &d, &err), -1);
	ck_assert_int_eq(err.code, REL_E_NOT_FOUND);
	ck_assert_ptr_null(d);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("doc_read");
	TCase *t = tcase_create("read");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, yaml_tree);
	tcase_add_test(t, json_tree);
	tcase_add_test(t, json_by_another_name);
	tcase_add_test(t, byte_order_mark);
	tcase_add_test(t, nulls);
	tcase_add_loop_test(t, refused_text, 0, (int)NELEM(refused));
	tcase_add_loop_test(t, accepted_text, 0, (int)NELEM(accepted));
	tcase_add_loop_test(t, all_problems, 0, (int)NELEM(all));
	tcase_add_test(t, aliases_stay_cheap);
	tcase_add_test(t, depth);
	tcase_add_test(t, nodes);
	tcase_add_test(t, bytes);
	tcase_add_test(t, large_is_linear);
	tcase_add_test(t, files);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_SILENT);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
