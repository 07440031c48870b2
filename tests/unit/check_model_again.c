/* SPDX-License-Identifier: Apache-2.0
 * A key that stands twice.  Decoders go on after it, for the other problems of the document, so they must
 * never see two values of one key: a list and a text of one would leave the count of the one beside the
 * array of the other.  Each key of each document of tests/data/valid, which hold all keys of all
 * formats, stands twice here with values of each kind; the verdict is the one of the first value alone.
 */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"
#include "model_kinds.h"

#define ITEMS 3 /* of a list that are gone into: the others of a long one say the same */

/* A document, and the pair of it that stands twice. */
struct again {
	const char *name;             /* of the case */
	const struct doc_node *root, *map;
	size_t at;
	const char *first, *second;   /* its values; NULL: the one that is written; second "": once */
};

/* ------------------------------------------------------------------ as text */
static void
put_value(struct rel_buf *b, const struct doc_node *n)
{
	json_t *v = doc_to_json(n);
	char *text = v != NULL ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
	ck_assert_ptr_nonnull(text);
	rel_buf_puts(b, text);
	free(text);
	json_decref(v);
}

static void put_node(struct rel_buf *b, const struct again *a, const struct doc_node *n);

static void
put_pair(struct rel_buf *b, const struct again *a, const struct doc_node *map, size_t i)
{
	const char *values[] = {a->first, a->second};
	bool here = map == a->map && i == a->at;
	for (size_t k = 0; k < (here ? 2 : 1); k++) {
		if (here && values[k] != NULL && values[k][0] == '\0')
			continue;
		rel_buf_printf(b, "%s\"%s\": ", i + k > 0 ? ", " : "", map->keys[i]);
		if (here && values[k] != NULL)
			rel_buf_puts(b, values[k]);
		else
			put_node(b, a, map->items[i]);
	}
}

static void
put_node(struct rel_buf *b, const struct again *a, const struct doc_node *n)
{
	if (n->kind == DOC_SCALAR) {
		put_value(b, n);
		return;
	}
	rel_buf_puts(b, n->kind == DOC_MAP ? "{" : "[");
	for (size_t i = 0; i < n->count; i++) {
		if (n->kind == DOC_MAP) {
			put_pair(b, a, n, i);
			continue;
		}
		rel_buf_puts(b, i > 0 ? ", " : "");
		put_node(b, a, n->items[i]);
	}
	rel_buf_puts(b, n->kind == DOC_MAP ? "}" : "]");
}

/* ------------------------------------------------------------------ the verdict */
static int
judge(const struct again *a, struct doc_problems *p)
{
	struct rel_buf b = REL_BUF_INIT;
	struct doc *d = NULL;
	json_t *v = NULL;
	put_node(&b, a, a->root);
	int rc = doc_read_text_all(rel_buf_text(&b), b.len, "input.json", &doc_limits_written, &d, p);
	ck_assert_msg(rc == 0, "%s", rel_buf_text(&b));
	/* What a faulty document refuses is its decoder: nobody checks a script of it. */
	bool relup = strncmp(a->name, "script-", 7) == 0 || strncmp(a->name, "run-", 4) == 0;
	rc = model_kind_check(relup ? "relup-" : a->name, d, p, &v);
	json_decref(v);
	rel_buf_fini(&b);
	return rc;
}

static void
stands_twice(struct again *a, const char *first, const char *second)
{
	struct doc_problems once = DOC_PROBLEMS_INIT, twice = DOC_PROBLEMS_INIT;
	const char *key = a->map->keys[a->at];
	a->first = first;
	a->second = "";
	judge(a, &once);
	a->second = second;
	ck_assert_int_eq(judge(a, &twice), -1);
	ck_assert_int_eq(twice.list[0].err.code, REL_E_DUPLICATE_KEY);
	ck_assert_msg(twice.errors == once.errors + 1, "%s: %s: %s, then %s: %zu errors, not %zu (%s)", a->name,
	    key, first != NULL ? first : "its own", second != NULL ? second : "its own", twice.errors,
	    once.errors + 1, twice.list[twice.count - 1].err.text);
	for (size_t i = 1; i < twice.count; i++)
		ck_assert_str_eq(twice.list[i].err.text, once.list[i - 1].err.text);
	doc_problems_fini(&once);
	doc_problems_fini(&twice);
}

static void
each_key(struct again *a, const struct doc_node *n)
{
	static const char *const values[] = {NULL, "[]", "{}", "\"x\"", "null"};
	if (n->kind == DOC_SCALAR)
		return;
	for (size_t i = 0; i < n->count && (n->kind == DOC_MAP || i < ITEMS); i++) {
		for (size_t k = 0; n->kind == DOC_MAP && k < NELEM(values) * NELEM(values); k++) {
			a->map = n;
			a->at = i;
			stands_twice(a, values[k / NELEM(values)], values[k % NELEM(values)]);
		}
		each_key(a, n->items[i]);
	}
}

/* ------------------------------------------------------------------ the documents */
static char dir[3000];
static struct dirent **cases;
static int case_count;

static int
is_case(const struct dirent *e)
{
	return e->d_name[0] != '.' && strncmp(e->d_name, "relupd-", 7) != 0;
}

START_TEST(keys_of_case)
{
	char path[4096];
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct again a = {.name = cases[_i]->d_name};
	snprintf(path, sizeof(path), "%s/%s/input.yaml", dir, a.name);
	if (doc_read_file(AT_FDCWD, path, path, &doc_limits_written, &d, &err) != 0) {
		memcpy(path + strlen(path) - 4, "json", 4);
		ck_assert_msg(doc_read_file(AT_FDCWD, path, path, &doc_limits_written, &d, &err) == 0, "%s", err.text);
	}
	a.root = d->root;
	ck_assert_msg(judge(&a, &p) == 0, "%s: %s", a.name, p.count > 0 ? p.list[0].err.text : "");
	doc_problems_fini(&p);
	each_key(&a, d->root);
	doc_free(&d);
}
END_TEST

int
main(void)
{
	const char *top = getenv("top_srcdir");
	snprintf(dir, sizeof(dir), "%s/tests/data/valid", top != NULL ? top : ".");
	case_count = scandir(dir, &cases, is_case, alphasort);
	if (case_count <= 0) {
		fprintf(stderr, "no cases in %s\n", dir);
		exit(99);
	}
	Suite *s = suite_create("model_again");
	TCase *t = tcase_create("keys");
	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, keys_of_case, 0, case_count);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_SILENT);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	for (int i = 0; i < case_count; i++)
		free(cases[i]);
	free(cases);
	return failed != 0;
}
