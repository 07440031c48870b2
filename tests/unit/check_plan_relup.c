/* SPDX-License-Identifier: Apache-2.0
 * plan_relup_make() as a function: what the cases of tests/relup cannot see from outside.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan.h"

/* A release of one application "foo" with its own document; start order is the order written. */
struct world {
	struct model_system *to, *base;
	struct model_appup *appup;
	struct doc_problems p;
};

static struct doc *
read_text(const char *text, const char *name)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	if (doc_read_text(text, strlen(text), name, &doc_limits_generated, &d, &err) < 0)
		ck_abort_msg("%s", err.text);
	return d;
}

static struct model_system *
make_system(const char *version, const char *modules)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct rel_buf b = REL_BUF_INIT;
	struct model_system *s = calloc(1, sizeof(*s));
	ck_assert_ptr_nonnull(s);
	s->apps = calloc(1, sizeof(*s->apps));
	s->start = calloc(1, sizeof(*s->start));
	ck_assert(s->apps != NULL && s->start != NULL);
	rel_buf_printf(&b,
	    "release: rel\nversion: %s\nruntime: '1'\n"
	    "applications: [{application: foo, version: %s}]\n",
	    version, version);
	ck_assert_int_eq(
	    model_release_decode(read_text(rel_buf_text(&b), "rel.yaml"), &s->release, &p), 0);
	rel_buf_clear(&b);
	rel_buf_printf(&b, "application: foo\nversion: %s\nmodules: [%s]\n", version, modules);
	ck_assert_int_eq(
	    model_app_decode(read_text(rel_buf_text(&b), "app.yaml"), &s->apps[0], &p), 0);
	rel_buf_fini(&b);
	doc_problems_fini(&p);
	return s;
}

static struct world
make_world(const char *modules, const char *up, const char *down)
{
	struct world w = {.p = DOC_PROBLEMS_INIT};
	struct rel_buf b = REL_BUF_INIT;
	w.to = make_system("2", modules);
	w.base = make_system("1", modules);
	rel_buf_printf(&b,
	    "application: foo\nversion: '2'\n"
	    "up: [{from: '1', instructions: [\n%s\n]}]\n"
	    "down: [{to: '1', instructions: [\n%s\n]}]\n",
	    up, down);
	ck_assert(rel_buf_ok(&b));
	ck_assert_int_eq(
	    model_appup_decode(read_text(rel_buf_text(&b), "appup.yaml"), &w.appup, &w.p), 0);
	rel_buf_fini(&b);
	return w;
}

static void
free_world(struct world *w)
{
	model_appup_free(&w->appup);
	model_system_free(&w->to);
	model_system_free(&w->base);
	doc_problems_fini(&w->p);
}

static int
make(struct world *w, struct model_relup **ret)
{
	const struct model_appup *appup = w->appup;
	struct plan_base base = {.system = w->base, .up = true, .down = true};
	struct plan_input in = {
	    .to = w->to,
	    .appups = &appup,
	    .bases = &base,
	    .base_count = 1,
	};
	return plan_relup_make(&in, ret, &w->p);
}

static char *
text_of(const struct model_relup *r)
{
	json_t *v = model_relup_json(r);
	char *text = doc_json_compact(v);
	json_decref(v);
	ck_assert_ptr_nonnull(text);
	return text;
}

/* ------------------------------------------------------------------ */
#define THREE                                                                                      \
	"{update: {module: a, change: {advanced: {k: [1, x]}}, depends: [b]}},\n"                  \
	"{load_module: {module: c}},\n{load_module: {module: b}}"

/* A big script is written without its tree: the bytes are those of the tree, on both sides of the
 * length at which one fits on a line. */
START_TEST(text_is_that_of_the_tree)
{
	char up[1024] = "", down[1024] = "", modules[256] = "";
	for (int i = 0; i < _i; i++) {
		snprintf(up + strlen(up), sizeof(up) - strlen(up), "{load_module: {module: m%d}},\n", i);
		snprintf(modules + strlen(modules), sizeof(modules) - strlen(modules), "%sm%d", i > 0 ? ", " : "", i);
		if (i < 3)
			strcpy(down, up);
	}
	struct world w = make_world(modules, up, _i % 2 == 0 ? up : down);
	struct model_relup *r = NULL;
	ck_assert_int_eq(make(&w, &r), 0);
	for (size_t i = 0; i < r->up_count; i++)
		r->up[i].description = _i % 3 == 0 ? "why \"this\"" : NULL;
	json_t *v = model_relup_json(r);
	char *want = doc_json_pretty(v), *got = model_relup_text(r);
	ck_assert_str_eq(got, want);
	free(want);
	free(got);
	json_decref(v);
	model_relup_free(&r);
	free_world(&w);
}
END_TEST

START_TEST(same_bytes_each_time)
{
	struct world w = make_world("a, b, c", THREE, THREE);
	struct model_relup *one = NULL, *two = NULL;
	ck_assert_int_eq(make(&w, &one), 0);
	ck_assert_int_eq(make(&w, &two), 0);
	char *a = text_of(one), *b = text_of(two);
	ck_assert_str_eq(a, b);
	free(a);
	free(b);
	model_relup_free(&one);
	model_relup_free(&two);
	free_world(&w);
}
END_TEST

/* What is printed is read again as the same relup, and passes the checks of written ones. */
START_TEST(output_reads_back)
{
	struct world w = make_world("a, b, c", THREE, THREE);
	struct model_relup *made = NULL, *again = NULL;
	ck_assert_int_eq(make(&w, &made), 0);
	char *text = text_of(made);
	ck_assert_int_eq(model_relup_decode(read_text(text, "relup.json"), &again, &w.p), 0);
	char *second = text_of(again);
	ck_assert_str_eq(text, second);
	ck_assert_int_eq(model_script_check(&again->up[0].script, &w.p), 0);
	free(text);
	free(second);
	model_relup_free(&made);
	model_relup_free(&again);
	free_world(&w);
}
END_TEST

START_TEST(all_problems_with_places)
{
	struct world w = make_world("a, b",
	    "{load_module: {module: a, depends: [x]}},\n{load_module: {module: b, depends: [y, "
	    "a]}}",
	    "{load_module: {module: nope}},\n{load_module: {module: neither}}");
	struct model_relup *r = NULL;
	ck_assert_int_eq(make(&w, &r), -1);
	ck_assert_ptr_null(r);
	ck_assert_uint_eq(w.p.errors, 4);
	static const struct {
		enum rel_ecode code;
		unsigned line;
	} want[] = {
	    {REL_E_UNDEF_MODULE, 4},
	    {REL_E_UNDEF_MODULE, 5},
	    {REL_E_NO_SUCH_MODULE, 8},
	    {REL_E_NO_SUCH_MODULE, 9},
	};
	for (size_t i = 0; i < NELEM(want); i++) {
		const struct rel_err *e = &w.p.list[i].err;
		ck_assert_int_eq((int)e->code, (int)want[i].code);
		ck_assert_str_eq(e->file, "appup.yaml");
		ck_assert_uint_eq(e->line, want[i].line);
	}
	ck_assert_uint_eq(w.p.list[0].err.column, 37); /* of the x itself */
	free_world(&w);
}
END_TEST

/* Two bases at one version of an application meet the same appup entry: its error is told once. */
START_TEST(shared_entry_is_told_once)
{
	struct world w = make_world("a", "{load_module: {module: a, depends: [x]}}", "");
	struct model_system *other = make_system("1", "a");
	other->release->version = "1b";
	const struct model_appup *appup = w.appup;
	struct plan_base bases[] = {
	    {.system = w.base, .up = true},
	    {.system = other, .up = true},
	};
	struct plan_input in = {
	    .to = w.to,
	    .appups = &appup,
	    .bases = bases,
	    .base_count = 2,
	};
	struct model_relup *r = NULL;
	ck_assert_int_eq(plan_relup_make(&in, &r, &w.p), -1);
	ck_assert_uint_eq(w.p.errors, 1);
	model_system_free(&other);
	free_world(&w);
}
END_TEST

/* `m0 depends m1 depends …`, and the last one on the first where it is a ring. */
static void
long_chain(struct rel_buf *modules, struct rel_buf *script, int n, bool ring)
{
	for (int i = 0; i < n; i++) {
		rel_buf_printf(modules, "%sm%d", i > 0 ? "," : "", i);
		rel_buf_printf(
		    script, "%s{load_module: {module: m%d, depends: [", i > 0 ? ",\n" : "", i);
		if (i + 1 < n || ring)
			rel_buf_printf(script, "m%d", i + 1 < n ? i + 1 : 0);
		rel_buf_puts(script, "]}}");
	}
	ck_assert(rel_buf_ok(modules) && rel_buf_ok(script));
}

#define LONG 30000

static void
check_long(bool ring)
{
	struct rel_buf modules = REL_BUF_INIT, script = REL_BUF_INIT;
	long_chain(&modules, &script, LONG, ring);
	struct world w = make_world(rel_buf_text(&modules), rel_buf_text(&script), "");
	struct model_relup *r = NULL;
	ck_assert_int_eq(make(&w, &r), 0);
	const struct model_script *s = &r->up[0].script;
	ck_assert_uint_eq(s->count, LONG + 2);
	ck_assert_str_eq(s->instrs[2].module, "m29999"); /* up: last in dependency order */
	ck_assert_str_eq(s->instrs[LONG + 1].module, "m0");
	model_relup_free(&r);
	free_world(&w);
	rel_buf_fini(&modules);
	rel_buf_fini(&script);
}

/* Nothing recurses on the way down a graph. */
START_TEST(a_long_chain)
{
	check_long(false);
}
END_TEST

START_TEST(a_long_ring)
{
	check_long(true);
}
END_TEST

START_TEST(places_go_into_the_script)
{
	struct world w = make_world("a, b, c", THREE, "");
	struct model_relup *r = NULL;
	ck_assert_int_eq(make(&w, &r), 0);
	const struct model_script *s = &r->up[0].script;
	ck_assert_int_eq((int)s->instrs[2].op, (int)MODEL_OP_SUSPEND);
	ck_assert_uint_eq(s->instrs[2].pos.line, 4);
	ck_assert_str_eq(s->instrs[3].module, "b");
	ck_assert_uint_eq(s->instrs[3].pos.line, 6);
	model_relup_free(&r);
	free_world(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("plan_relup");
	TCase *t = tcase_create("relup");
	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, text_is_that_of_the_tree, 0, 14);
	tcase_add_test(t, same_bytes_each_time);
	tcase_add_test(t, output_reads_back);
	tcase_add_test(t, all_problems_with_places);
	tcase_add_test(t, shared_entry_is_told_once);
	tcase_add_test(t, a_long_chain);
	tcase_add_test(t, a_long_ring);
	tcase_add_test(t, places_go_into_the_script);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
