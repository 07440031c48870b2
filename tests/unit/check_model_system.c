/* SPDX-License-Identifier: Apache-2.0
 * model: a release with its applications from library directories; start order.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"

/* ------------------------------------------------------------------ a library directory */
static char base[4096];
static int lib_fds[2] = {-1, -1};
static const char *const lib_names[] = {"one", "two"};
static struct doc_problems problems;

static void
setup(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(base, sizeof(base), "%s/check_system.XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(base));
	int fd = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(mkdirat(fd, lib_names[i], 0700), 0);
		lib_fds[i] = openat(fd, lib_names[i], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		ck_assert_int_ge(lib_fds[i], 0);
	}
	close(fd);
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static void
teardown(void)
{
	doc_problems_fini(&problems);
	rel_fd_close(&lib_fds[0]);
	rel_fd_close(&lib_fds[1]);
	ck_assert_int_eq(nftw(base, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void
put(int lib, const char *folder, const char *text)
{
	struct rel_err err = REL_ERR_INIT;
	char path[300];
	ck_assert_int_eq(rel_dir_make(lib_fds[lib], folder, &err), 0);
	snprintf(path, sizeof(path), "%s/app.yaml", folder);
	ck_assert_int_eq(
	    rel_file_replace(lib_fds[lib], path, text, strlen(text), 0600, false, &err), 0);
}

/* An application of version 1. */
static void
put_app(const char *name, const char *more)
{
	char folder[100], text[1000];
	snprintf(folder, sizeof(folder), "%s-1", name);
	snprintf(text, sizeof(text), "application: %s\nversion: 1\n%s\n", name, more);
	put(0, folder, text);
}

static struct model_release *
release_of(const char *text)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	struct model_release *r = NULL;
	ck_assert_int_eq(
	    doc_read_text(text, strlen(text), "r.yaml", &doc_limits_written, &d, &err), 0);
	ck_assert_int_eq(model_release_decode(d, &r, &problems), 0);
	return r;
}

/* "a b c": a release of these, all of version 1. */
static struct model_release *
release_named(const char *names)
{
	struct rel_buf b = REL_BUF_INIT;
	rel_buf_puts(&b, "release: r\nversion: 1\nruntime: 1\napplications:");
	rel_buf_puts(&b, *names != '\0' ? "\n" : " []\n");
	while (*names != '\0') {
		size_t n = strcspn(names, " ");
		rel_buf_printf(&b, "- {application: %.*s, version: 1}\n", (int)n, names);
		names += n + (names[n] == ' ');
	}
	struct model_release *r = release_of(rel_buf_text(&b));
	rel_buf_fini(&b);
	return r;
}

static const struct model_libs libs = {.count = 2, .fds = lib_fds, .names = lib_names};

static struct model_system *
load_ok(struct model_release *r)
{
	struct model_system *s = NULL;
	int rc = model_system_load(r, &libs, &s, &problems);
	ck_assert_msg(rc == 0, "%s", rc != 0 ? problems.list[0].err.text : "");
	ck_assert_uint_eq(problems.errors, 0);
	return s;
}

static const struct rel_err *
load_bad(struct model_release *r, size_t errors)
{
	struct model_system *s = NULL;
	ck_assert_int_eq(model_system_load(r, &libs, &s, &problems), -1);
	ck_assert_ptr_null(s);
	ck_assert_uint_eq(problems.errors, errors);
	return &problems.list[0].err;
}

/* ------------------------------------------------------------------ start order */
/* Each application "name:uses" where uses are letters; a capital is an optional dependency. */
static const struct {
	const char *release, *apps, *order; /* order NULL: a cycle, named in `cycle` */
	const char *cycle;
} orders[] = {
    {"a b c", "a: b: c:", "abc", NULL},
    {"a b c", "a:c b: c:", "cab", NULL},
    {"a b c", "a:b b:c c:", "cba", NULL},
    {"c a b", "a:c b:c c:", "cab", NULL},
    {"b a c", "a: b:ca c:", "acb", NULL}, /* both ahead: in release order, not as written */
    {"d c b a", "a: b:a c:a d:cb", "acbd", NULL},
    {"a b c d", "a:d b:d c: d:c", "cdab", NULL},
    {"e a b", "a: b: e:B", "bea", NULL}, /* optional and there */
    {"e a", "a: e:Ba", "ae", NULL},	 /* optional and not there */
    {"a b", "a:bbB b:", "ba", NULL},
    {"a", "a:a", NULL, "a → a"},
    {"a b c", "a:b b:c c:b", NULL, "b → c → b"},
    {"a b c", "a:b b:c c:a", NULL, "a → b → c → a"},
    {"a b", "a:B b:a", NULL, "a → b → a"},
};

static void
put_letters(const char *apps)
{
	while (*apps != '\0') {
		char name[2] = {*apps, '\0'}, more[300];
		struct rel_buf must = REL_BUF_INIT, may = REL_BUF_INIT;
		for (apps += 2; *apps != '\0' && *apps != ' '; apps++)
			rel_buf_printf(*apps >= 'a' ? &must : &may, "%c, ", *apps | 32);
		snprintf(more, sizeof(more), "depends: [%s]\noptional_depends: [%s]",
		    rel_buf_text(&must), rel_buf_text(&may));
		put_app(name, more);
		rel_buf_fini(&must);
		rel_buf_fini(&may);
		apps += *apps == ' ';
	}
}

START_TEST(start_order)
{
	put_letters(orders[_i].apps);
	struct model_release *r = release_named(orders[_i].release);
	if (orders[_i].order == NULL) {
		const struct rel_err *e = load_bad(r, 1);
		ck_assert_int_eq(e->code, REL_E_CIRCULAR_DEPS);
		ck_assert_msg(strstr(e->text, orders[_i].cycle) != NULL, "%s", e->text);
		ck_assert_ptr_nonnull(strstr(e->file, "one/"));
		/* Where the last of them says that it depends on the first. */
		const char *first = strrchr(e->text, ' ') + 1, *last = orders[_i].cycle + strlen(orders[_i].cycle) - 7;
		char at[40], hint[80];
		snprintf(at, sizeof(at), "one/%c-1/app.yaml", *last);
		snprintf(hint, sizeof(hint), "take %s out of the depends of %c, or", first, *last);
		ck_assert_str_eq(e->file, at);
		ck_assert_uint_gt(e->column, strlen("depends: "));
		ck_assert_ptr_nonnull(strstr(e->hint, hint));
		return;
	}
	struct model_system *s = load_ok(r);
	char got[20] = "";
	for (size_t i = 0; i < s->release->app_count; i++)
		got[i] = s->apps[s->start[i]]->application[0];
	ck_assert_str_eq(got, orders[_i].order);
	model_system_free(&s);
	ck_assert_ptr_null(s);
}
END_TEST

/* ------------------------------------------------------------------ look-ups */
START_TEST(look_ups)
{
	put_app("a", "modules: [m, n]\ndepends: [b]");
	put_app("b", "modules: [k]");
	struct model_system *s = load_ok(release_named("a b"));
	size_t at = 9;
	ck_assert_str_eq(model_system_app(s, "b", &at)->application, "b");
	ck_assert_uint_eq(at, 1);
	ck_assert_str_eq(model_system_app(s, "a", NULL)->application, "a");
	ck_assert_ptr_null(model_system_app(s, "c", &at));
	ck_assert_uint_eq(at, 1);
	ck_assert_str_eq(model_system_owner(s, "n")->application, "a");
	ck_assert_str_eq(model_system_owner(s, "k")->application, "b");
	ck_assert_ptr_null(model_system_owner(s, "z"));
	ck_assert_ptr_eq(s->apps[0], model_system_app(s, "a", NULL));
	model_system_free(&s);
}
END_TEST

START_TEST(empty_release)
{
	struct model_system *s = load_ok(release_named(""));
	ck_assert_ptr_null(model_system_app(s, "a", NULL));
	ck_assert_ptr_null(model_system_owner(s, "m"));
	model_system_free(&s);
	model_system_free(&s);
}
END_TEST

/* ------------------------------------------------------------------ refused */
START_TEST(app_not_found)
{
	put_app("a", "");
	const struct rel_err *e = load_bad(release_named("a b"), 1);
	ck_assert_int_eq(e->code, REL_E_NOT_FOUND);
	ck_assert_str_eq(e->file, "r.yaml");
	ck_assert_uint_eq(e->line, 6);
	ck_assert_ptr_nonnull(strstr(e->text, "b-1/app.yaml in one, two"));
}
END_TEST

START_TEST(no_libraries)
{
	static const struct model_libs none = {.count = 0};
	struct model_system *s = NULL;
	ck_assert_int_eq(model_system_load(release_named("a"), &none, &s, &problems), -1);
	ck_assert_int_eq(problems.list[0].err.code, REL_E_NOT_FOUND);
}
END_TEST

START_TEST(first_library_wins)
{
	put(1, "a-1", "application: a\nversion: 1\ndescription: second\n");
	struct model_system *s = load_ok(release_named("a"));
	ck_assert_str_eq(s->apps[0]->description, "second");
	model_system_free(&s);
	put(0, "a-1", "application: a\nversion: 1\ndescription: first\n");
	s = load_ok(release_named("a"));
	ck_assert_str_eq(s->apps[0]->description, "first");
	model_system_free(&s);
	put(0, "a-1", "application: [\n");
	const struct rel_err *e = load_bad(release_named("a"), 1);
	ck_assert_int_eq(e->code, REL_E_SYNTAX);
	ck_assert_str_eq(e->file, "one/a-1/app.yaml");
}
END_TEST

START_TEST(wrong_folder)
{
	put(0, "a-1", "application: b\nversion: 2\n");
	const struct rel_err *e = load_bad(release_named("a"), 2);
	ck_assert_int_eq(e->code, REL_E_BAD_VALUE);
	ck_assert_uint_eq(e->line, 1);
	ck_assert_uint_eq(problems.list[1].err.line, 2);
	ck_assert_uint_eq(problems.list[1].err.column, 10);
}
END_TEST

START_TEST(all_broken_apps_are_reported)
{
	put_app("a", "modules: [X]");
	put_app("b", "");
	put_app("c", "depends: 1");
	load_bad(release_named("a b c d"), 3);
	ck_assert_str_eq(problems.list[0].err.file, "one/a-1/app.yaml");
	ck_assert_str_eq(problems.list[1].err.file, "one/c-1/app.yaml");
	ck_assert_str_eq(problems.list[2].err.file, "r.yaml");
}
END_TEST

START_TEST(undefined_applications)
{
	put_app("a", "depends: [b, nope]");
	put_app("b", "");
	const struct rel_err *e = load_bad(release_named("a b"), 1);
	ck_assert_int_eq(e->code, REL_E_UNDEFINED_APPS);
	ck_assert_str_eq(e->file, "one/a-1/app.yaml");
	ck_assert_uint_eq(e->line, 3);
	ck_assert_uint_eq(e->column, 14);
}
END_TEST

START_TEST(duplicate_modules)
{
	put_app("a", "modules: [m]");
	put_app("b", "modules: [k, m]");
	const struct rel_err *e = load_bad(release_named("a b"), 1);
	ck_assert_int_eq(e->code, REL_E_DUPLICATE_MODULES);
	ck_assert_str_eq(e->file, "one/b-1/app.yaml");
	ck_assert_uint_eq(e->column, 14);
}
END_TEST

/* ------------------------------------------------------------------ size */
/* 1,000 applications of 10 modules, each depending on the one after it: the longest chain. */
START_TEST(thousand_applications)
{
	struct rel_buf names = REL_BUF_INIT;
	for (int i = 0; i < 1000; i++) {
		char name[20], more[300];
		snprintf(name, sizeof(name), "a%d", i);
		snprintf(more, sizeof(more),
		    "modules: [m%d_0, m%d_1, m%d_2, m%d_3, m%d_4, m%d_5, m%d_6, m%d_7, m%d_8, "
		    "m%d_9]\ndepends: [%s%.0d]",
		    i, i, i, i, i, i, i, i, i, i, i < 999 ? "a" : "", i < 999 ? i + 1 : 0);
		put_app(name, more);
		rel_buf_printf(&names, "%s%s", i > 0 ? " " : "", name);
	}
	struct model_release *r = release_named(rel_buf_text(&names));
	mono_ns_t start = rel_mono_now();
	struct model_system *s = load_ok(r);
	ck_assert_int_lt(rel_mono_now() - start, 10 * DUR_S); /* seen: 50 ms */
	ck_assert_uint_eq(s->start[0], 999);
	ck_assert_uint_eq(s->start[999], 0);
	model_system_free(&s);
	rel_buf_fini(&names);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("model_system");
	TCase *t = tcase_create("system");
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, start_order, 0, (int)NELEM(orders));
	tcase_add_test(t, look_ups);
	tcase_add_test(t, empty_release);
	tcase_add_test(t, app_not_found);
	tcase_add_test(t, no_libraries);
	tcase_add_test(t, first_library_wins);
	tcase_add_test(t, wrong_folder);
	tcase_add_test(t, all_broken_apps_are_reported);
	tcase_add_test(t, undefined_applications);
	tcase_add_test(t, duplicate_modules);
	tcase_add_test(t, thousand_applications);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_SILENT);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
