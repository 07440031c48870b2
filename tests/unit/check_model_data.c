/* SPDX-License-Identifier: Apache-2.0
 * Every folder of tests/data is a test: see tests/data/README.
 */
#include "config.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"
#include "model_kinds.h"

struct cases {
	char dir[3000];
	struct dirent **list;
	int count;
};
static struct cases valid, invalid, beyond;

/* relupd.yaml is judged by its schema alone: nothing in C reads it yet. */
static int
is_case(const struct dirent *e)
{
	return e->d_name[0] != '.' && strncmp(e->d_name, "relupd-", 7) != 0;
}

static void
cases_find(struct cases *c, const char *which)
{
	const char *top = getenv("top_srcdir");
	snprintf(c->dir, sizeof(c->dir), "%s/tests/data/%s", top != NULL ? top : ".", which);
	c->count = scandir(c->dir, &c->list, is_case, alphasort);
	if (c->count <= 0) {
		fprintf(stderr, "no cases in %s\n", c->dir);
		exit(99);
	}
}

static void
cases_free(struct cases *c)
{
	for (int i = 0; i < c->count; i++)
		free(c->list[i]);
	free(c->list);
}

/* ------------------------------------------------------------------ one case */
static char *
read_case(const struct cases *c, int i, const char *file)
{
	char path[4096], *text = NULL;
	size_t len;
	struct rel_err err = REL_ERR_INIT;
	snprintf(path, sizeof(path), "%s/%s/%s", c->dir, c->list[i]->d_name, file);
	int rc = rel_file_read(AT_FDCWD, path, path, 1 << 20, &text, &len, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	return text;
}

static int
run_case(const struct cases *c, int i, struct doc_problems *p, json_t **ret)
{
	char path[4096];
	const char *file = "input.json";
	snprintf(path, sizeof(path), "%s/%s/input.json", c->dir, c->list[i]->d_name);
	if (access(path, F_OK) != 0) {
		file = "input.yaml";
		memcpy(path + strlen(path) - 4, "yaml", 4);
	}
	struct doc *d = NULL;
	if (doc_read_file_all(AT_FDCWD, path, file, &doc_limits_written, &d, p) != 0)
		return -1;
	return model_kind_check(c->list[i]->d_name, d, p, ret);
}

static char *
problems_text(const struct doc_problems *p)
{
	struct rel_buf b = REL_BUF_INIT;
	for (size_t i = 0; i < p->count; i++) {
		const struct rel_err *e = &p->list[i].err;
		rel_buf_printf(&b, "%s %u:%u\n", rel_err_name(e->code), e->line, e->column);
	}
	return rel_buf_take(&b);
}

static void
refused(const struct cases *c, int at)
{
	const char *name = c->list[at]->d_name;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	json_t *v = NULL;
	int rc = run_case(c, at, &p, &v);
	char *want = read_case(c, at, "expected.err");
	char *got = problems_text(&p);
	ck_assert_msg(rc == -1, "%s: accepted", name);
	ck_assert_msg(p.errors > 0, "%s is of no kind", name);
	ck_assert_msg(strcmp(got, want) == 0, "%s: got\n%swant\n%s(%s)", name, got, want,
	    p.list[0].err.text);
	for (size_t i = 0; i < p.count; i++)
		ck_assert_int_eq(strncmp(p.list[i].err.file, "input.", 6), 0);
	free(got);
	free(want);
	doc_problems_fini(&p);
}

START_TEST(invalid_case)
{
	refused(&invalid, _i);
}
END_TEST

START_TEST(beyond_case)
{
	refused(&beyond, _i);
}
END_TEST

START_TEST(valid_case)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	json_t *v = NULL;
	int rc = run_case(&valid, _i, &p, &v);
	char *why = problems_text(&p);
	ck_assert_msg(rc == 0, "%s: %s%s", valid.list[_i]->d_name, why,
	    p.count > 0 ? p.list[0].err.text : "");
	ck_assert_uint_eq(p.errors, 0);
	char *want = read_case(&valid, _i, "expected.json");
	char *got = doc_json_pretty(v);
	ck_assert_msg(strcmp(got, want) == 0, "%s: got\n%s", valid.list[_i]->d_name, got);
	free(got);
	free(want);
	free(why);
	json_decref(v);
	doc_problems_fini(&p);
}
END_TEST

int
main(void)
{
	cases_find(&valid, "valid");
	cases_find(&invalid, "invalid");
	cases_find(&beyond, "beyond-schema");
	Suite *s = suite_create("model_data");
	TCase *t = tcase_create("data");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, valid_case, 0, valid.count);
	tcase_add_loop_test(t, invalid_case, 0, invalid.count);
	tcase_add_loop_test(t, beyond_case, 0, beyond.count);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_SILENT);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	cases_free(&valid);
	cases_free(&invalid);
	cases_free(&beyond);
	return failed != 0;
}
