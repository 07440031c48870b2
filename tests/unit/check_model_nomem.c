/* SPDX-License-Identifier: Apache-2.0
 * doc and model: the first, second, third … allocation fails, until none is left to fail.  Each
 * time the answer is out of memory or, where a hint or a place in a list was lost, another error;
 * nothing crashes and (under ASan or valgrind) nothing leaks.  The linker puts the functions
 * below in front of the allocator for all that is linked in; jansson takes them by its own hook,
 * libyaml has none.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/model.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_reallocarray(void *p, size_t n, size_t size);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_reallocarray(void *p, size_t n, size_t size);

static bool armed;
static long left; /* allocations until the one that fails */
static bool failed_one;

static bool
fails(void)
{
	if (!armed || left-- > 0)
		return false;
	failed_one = true;
	return left == -1; /* this one only: later ones meet the half-built state */
}

void *
__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *
__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *
__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

void *
__wrap_reallocarray(void *p, size_t n, size_t size)
{
	return fails() ? NULL : __real_reallocarray(p, n, size);
}

/* ------------------------------------------------------------------ what is swept */
static const char relup_text[] =
    "{\"release\":\"hello\",\"version\":\"0.1.1\",\"up\":[{\"from\":\"0.1.0\",\"instructions\":["
    "{\"load_object_code\":{\"application\":\"hello\",\"version\":\"0.1.1\",\"modules\":[\"m\"]}},"
    "\"point_of_no_return\",{\"suspend\":[{\"module\":\"m\",\"timeout\":5000}]},"
    "{\"load\":{\"module\":\"m\"}},{\"code_change\":{\"mode\":\"up\",\"modules\":[{\"module\":"
    "\"m\","
    "\"extra\":{\"any\":[1,1.5,\"x\",null,true,1.10]}}]}},{\"resume\":[\"m\"]},"
    "{\"purge\":[\"m\"]},{\"apply\":{\"command\":[\"x\"],\"undo\":[\"y\"]}},"
    "{\"sync_nodes\":{\"id\":1,\"nodes\":[\"h\"]}},"
    "{\"sync_nodes\":{\"id\":1,\"apply\":{\"command\":[\"h\"]}}}]}]}";

static const char release_text[] =
    "release: r\nversion: 1\nruntime: 1\napplications: [{application: a, version: 1}]\n"
    "probation: {health: [{command: [x], application: a}, {call: {worker: a/b/0, request: 1}}]}\n";

static const char app_text[] =
    "application: a\nversion: 1\nmodules: [m]\ndepends: []\nenv: {port: 1}\n"
    "supervisor: {children: [{id: w, module: m, listen: [\"tcp:a:${port}\"]}, "
    "{id: s, supervisor: {children: [{id: c, command: [x]}]}}]}\n";

static const char appup_text[] =
    "application: a\nversion: 2\nup:\n- from: {matching: '1.*'}\n  instructions:\n"
    "  - update: {module: m, change: {advanced: {k: v}}, depends: [n]}\n";

/* Reads a text; the document is NULL where that failed (and is a problem). */
static struct doc *
doc_of(const char *text, const char *name, struct doc_problems *p)
{
	struct doc *d = NULL;
	return doc_read_text_all(text, strlen(text), name, &doc_limits_written, &d, p) == 0 ? d : NULL;
}

static void
run_relup(struct doc_problems *p)
{
	struct model_relup *r = NULL;
	struct doc *d = doc_of(relup_text, "relup.json", p);
	if (d == NULL || model_relup_decode(d, &r, p) != 0)
		return;
	char *text = NULL;
	json_t *v = NULL;
	if (model_script_check(&r->up[0].script, p) == 0) {
		v = model_relup_json(r);
		text = v != NULL ? doc_json_pretty(v) : NULL;
	}
	armed = false; /* libcheck allocates too */
	if (text == NULL)
		doc_problem(p, NULL, REL_E_NOMEM, "no text");
	else
		ck_assert_ptr_nonnull(
		    strstr(text, "{\"any\": [1, 1.5, \"x\", null, true, \"1.10\"]}"));
	free(text);
	json_decref(v);
	model_relup_free(&r);
}

static void
run_release(struct doc_problems *p)
{
	struct model_release *r = NULL;
	struct doc *d = doc_of(release_text, "r.yaml", p);
	if (d != NULL && model_release_decode(d, &r, p) == 0)
		model_release_free(&r);
}

static void
run_app(struct doc_problems *p)
{
	struct model_app *a = NULL;
	struct doc *d = doc_of(app_text, "a.yaml", p);
	if (d != NULL && model_app_decode(d, &a, p) == 0)
		model_app_free(&a);
}

static void
run_appup(struct doc_problems *p)
{
	struct model_appup *a = NULL;
	struct doc *d = doc_of(appup_text, "u.yaml", p);
	if (d == NULL || model_appup_decode(d, &a, p) != 0)
		return;
	json_t *v = model_script_json(&a->up[0].script);
	if (v == NULL)
		doc_problem(p, NULL, REL_E_NOMEM, "no value");
	json_decref(v);
	model_appup_free(&a);
}

/* Problems that are reported with too little memory for the words. */
static void
run_bad(struct doc_problems *p)
{
	struct model_app *a = NULL;
	struct doc *d = doc_of("application: &x a\nversion: 1\nvsn: 1\nsupervisor: {strategy: x}\n"
			       "modules: [m, m]\nvsn: *x\n*x : 1\n",
	    "a.yaml", p);
	int rc = d != NULL ? model_app_decode(d, &a, p) : -1;
	armed = false; /* libcheck allocates too */
	ck_assert_int_eq(rc, -1);
	ck_assert_ptr_null(a);
	/* the errors are there for this one: what is swept is that they do not vanish */
	ck_assert_uint_gt(p->errors, 0);
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(doc_problems_result(p, &err), -1);
}

static int lib_fd = -1;

static void
run_system(struct doc_problems *p)
{
	static const char *const names[] = {"lib"};
	const struct model_libs libs = {.count = 1, .fds = &lib_fd, .names = names};
	struct model_release *r = NULL;
	struct model_system *s = NULL;
	struct doc *d = doc_of("release: r\nversion: 1\nruntime: 1\n"
			       "applications: [{application: a, version: 1}]\n",
	    "r.yaml", p);
	if (d == NULL || model_release_decode(d, &r, p) != 0)
		return;
	if (model_system_load(r, &libs, &s, p) == 0)
		model_system_free(&s);
}

/* ------------------------------------------------------------------ the sweep */
static void
sweep(void (*run)(struct doc_problems *), bool errors_anyhow)
{
	long n = 0;
	for (;; n++) {
		struct doc_problems p = DOC_PROBLEMS_INIT;
		left = n;
		failed_one = false;
		armed = true;
		run(&p);
		armed = false;
		bool hit = failed_one;
		/* A failure is told; without one there is nothing to tell. */
		if (!errors_anyhow)
			ck_assert_msg(
			    (p.errors > 0) == hit, "allocation %ld: %zu errors", n, p.errors);
		doc_problems_fini(&p);
		if (!hit)
			break;
	}
	ck_assert_int_gt(n, 5); /* the wrapping works */
}

START_TEST(nomem_relup)
{
	sweep(run_relup, false);
}
END_TEST

START_TEST(nomem_release)
{
	sweep(run_release, false);
}
END_TEST

START_TEST(nomem_app)
{
	sweep(run_app, false);
}
END_TEST

START_TEST(nomem_appup)
{
	sweep(run_appup, false);
}
END_TEST

START_TEST(nomem_bad)
{
	sweep(run_bad, true);
}
END_TEST

START_TEST(nomem_system)
{
	char dir[4096];
	const char *tmp = getenv("TMPDIR");
	struct rel_err err = REL_ERR_INIT;
	snprintf(dir, sizeof(dir), "%s/check_nomem.XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	lib_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_eq(rel_dir_make(lib_fd, "a-1", &err), 0);
	ck_assert_int_eq(
	    rel_file_replace(lib_fd, "a-1/app.yaml", app_text, strlen(app_text), 0600, false, &err),
	    0);
	sweep(run_system, false);
	unlinkat(lib_fd, "a-1/app.yaml", 0);
	unlinkat(lib_fd, "a-1", AT_REMOVEDIR);
	rel_fd_close(&lib_fd);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

int
main(void)
{
	json_set_alloc_funcs(__wrap_malloc, free);
	Suite *s = suite_create("model_nomem");
	TCase *t = tcase_create("nomem");
	tcase_set_timeout(t, 60);
	tcase_add_test(t, nomem_relup);
	tcase_add_test(t, nomem_release);
	tcase_add_test(t, nomem_app);
	tcase_add_test(t, nomem_appup);
	tcase_add_test(t, nomem_bad);
	tcase_add_test(t, nomem_system);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_SILENT);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
