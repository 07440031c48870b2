/* SPDX-License-Identifier: Apache-2.0
 * model: what a decoded value holds: defaults, places, the search in an appup.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/model.h"

static struct doc_problems problems;

static struct doc *
doc_of(const char *text)
{
	struct doc *d = NULL;
	struct rel_err err = REL_ERR_INIT;
	int rc = doc_read_text(text, strlen(text), "t.yaml", &doc_limits_written, &d, &err);
	ck_assert_msg(rc == 0, "%u:%u: %s", err.line, err.column, err.text);
	return d;
}

static struct model_appup *
appup_of(const char *text)
{
	struct model_appup *a = NULL;
	int rc = model_appup_decode(doc_of(text), &a, &problems);
	ck_assert_msg(rc == 0, "%s", rc != 0 ? problems.list[0].err.text : "");
	return a;
}

START_TEST(release_defaults)
{
	struct model_release *r = NULL;
	ck_assert_int_eq(model_release_decode(doc_of("release: r\nversion: 1.10\nruntime: 2\n"
						     "applications:\n"
						     "- {application: a, version: 1, type: load}\n"
						     "- {application: b, version: 2}\n"),
			     &r, &problems),
	    0);
	ck_assert_str_eq(r->release, "r");
	ck_assert_str_eq(r->version, "1.10");
	ck_assert_str_eq(r->runtime, "2");
	ck_assert_uint_eq(r->app_count, 2);
	ck_assert_int_eq(r->apps[0].type, MODEL_LOAD);
	ck_assert_int_eq(r->apps[1].type, MODEL_PERMANENT);
	ck_assert_str_eq(r->apps[1].application, "b");
	ck_assert_uint_eq(r->apps[1].pos.line, 6);
	ck_assert_ptr_null(r->probation);
	model_release_free(&r);
	ck_assert_ptr_null(r);
	model_release_free(&r);
}
END_TEST

START_TEST(probation_values)
{
	struct model_release *r = NULL;
	ck_assert_int_eq(
	    model_release_decode(
		doc_of("release: r\nversion: 1\nruntime: 1\napplications: []\n"
		       "probation:\n"
		       "  health:\n"
		       "  - {call: {worker: a/b/12, request: [1], expect: 2}}\n"
		       "  - {command: [x, y], application: a, every: 1m, timeout: 3s}\n"),
		&r, &problems),
	    0);
	const struct model_probation *p = r->probation;
	ck_assert_int_eq(p->duration, 30 * DUR_S);
	ck_assert_int_eq(p->confirm, MODEL_CONFIRM_AUTOMATIC);
	ck_assert_int_eq(p->within, 600 * DUR_S);
	ck_assert_uint_eq(p->restarts, 0);
	ck_assert_uint_eq(p->health_count, 2);
	const struct model_health *h = p->health;
	ck_assert_str_eq(h[0].call_worker, "a/b/12");
	ck_assert_int_eq(h[0].request->kind, DOC_LIST);
	ck_assert_str_eq(h[0].expect->text, "2");
	ck_assert_int_eq(h[0].every, 5 * DUR_S);
	ck_assert_int_eq(h[0].timeout, DUR_S);
	ck_assert_ptr_null(h[0].command);
	ck_assert_ptr_null(h[1].call_worker);
	ck_assert_uint_eq(h[1].command_count, 2);
	ck_assert_str_eq(h[1].command[1], "y");
	ck_assert_ptr_null(h[1].command[2]); /* ready for exec */
	ck_assert_str_eq(h[1].application, "a");
	ck_assert_int_eq(h[1].every, 60 * DUR_S);
	ck_assert_int_eq(h[1].timeout, 3 * DUR_S);
	model_release_free(&r);
}
END_TEST

START_TEST(app_defaults)
{
	struct model_app *a = NULL;
	ck_assert_int_eq(
	    model_app_decode(doc_of("application: a\nversion: 1\nmodules: [m]\n"
				    "supervisor:\n  children:\n"
				    "  - {id: w, module: m}\n"
				    "  - {id: c, command: [bin/c, 8080]}\n"
				    "  - {id: s, supervisor: {strategy: one_for_all}}\n"),
		&a, &problems),
	    0);
	ck_assert_str_eq(a->description, "");
	ck_assert_ptr_null(a->env);
	ck_assert_uint_eq(a->depends.count, 0);
	ck_assert(model_names_has(&a->modules, "m"));
	ck_assert(!model_names_has(&a->modules, "n"));
	const struct model_sup *s = &a->supervisor;
	ck_assert_int_eq(s->strategy, MODEL_ONE_FOR_ONE);
	ck_assert_uint_eq(s->intensity, 1);
	ck_assert_int_eq(s->period, 5 * DUR_S);
	ck_assert_uint_eq(s->child_count, 3);
	const struct model_child *w = &s->children[0], *c = &s->children[1], *n = &s->children[2];
	ck_assert_str_eq(w->module, "m");
	ck_assert_uint_eq(w->count, 1);
	ck_assert_int_eq(w->restart, MODEL_RESTART_PERMANENT);
	ck_assert_int_eq(w->shutdown, 5 * DUR_S);
	ck_assert_int_eq(w->drain, DUR_INFINITY);
	ck_assert_ptr_null(w->args);
	ck_assert_ptr_null(w->supervisor);
	ck_assert_uint_eq(w->pos.line, 6);
	ck_assert_ptr_null(c->module);
	ck_assert_uint_eq(c->command_count, 2);
	ck_assert_str_eq(c->command[1], "8080");
	ck_assert_int_eq(c->ready, MODEL_READY_NONE);
	ck_assert_int_eq(n->supervisor->strategy, MODEL_ONE_FOR_ALL);
	ck_assert_uint_eq(n->supervisor->intensity, 1);
	ck_assert_int_eq(n->supervisor->period, 5 * DUR_S);
	model_app_free(&a);
}
END_TEST

START_TEST(app_library)
{
	struct model_app *a = NULL;
	ck_assert_int_eq(
	    model_app_decode(doc_of("application: a\nversion: 1\n"), &a, &problems), 0);
	ck_assert_uint_eq(a->supervisor.child_count, 0);
	ck_assert_uint_eq(a->supervisor.intensity, 1);
	model_app_free(&a);
}
END_TEST

START_TEST(app_values)
{
	struct model_app *a = NULL;
	ck_assert_int_eq(
	    model_app_decode(
		doc_of("application: a\nversion: 1\nmodules: [m]\n"
		       "description: words\ndepends: [x]\noptional_depends: [y, z]\n"
		       "env: {port: 1}\n"
		       "supervisor: {strategy: rest_for_one, intensity: 0, period: 1h, "
		       "children: [{id: w, module: m, count: 3, restart: transient, "
		       "shutdown: brutal_kill, drain: 2s, args: {k: v}, "
		       "listen: [\"tcp:h:${port}\"]}, "
		       "{id: v, command: [x], shutdown: infinity, ready: fd, "
		       "restart: temporary}]}\n"),
		&a, &problems),
	    0);
	ck_assert_str_eq(a->description, "words");
	ck_assert_str_eq(a->depends.names[0], "x");
	ck_assert_uint_eq(a->optional_depends.count, 2);
	ck_assert_uint_eq(a->optional_depends.pos[1].column, 23);
	ck_assert_str_eq(doc_get(a->env, "port")->text, "1");
	ck_assert_int_eq(a->supervisor.strategy, MODEL_REST_FOR_ONE);
	ck_assert_uint_eq(a->supervisor.intensity, 0);
	ck_assert_int_eq(a->supervisor.period, 3600 * DUR_S);
	const struct model_child *w = &a->supervisor.children[0], *v = &a->supervisor.children[1];
	ck_assert_uint_eq(w->count, 3);
	ck_assert_int_eq(w->restart, MODEL_RESTART_TRANSIENT);
	ck_assert_int_eq(w->shutdown, MODEL_SHUTDOWN_BRUTAL);
	ck_assert_int_eq(w->drain, 2 * DUR_S);
	ck_assert_str_eq(doc_get(w->args, "k")->text, "v");
	ck_assert_uint_eq(w->listen.count, 1);
	ck_assert_str_eq(w->listen.names[0], "tcp:h:${port}");
	ck_assert_int_eq(v->shutdown, DUR_INFINITY);
	ck_assert_int_eq(v->ready, MODEL_READY_FD);
	ck_assert_int_eq(v->restart, MODEL_RESTART_TEMPORARY);
	model_app_free(&a);
}
END_TEST

START_TEST(instr_values)
{
	struct model_appup *a = appup_of(
	    "application: a\nversion: 2\nup:\n- from: 1\n  instructions:\n"
	    "  - update: {module: m, timeout: 7000ms, change: {advanced: 5}, depends: [n]}\n"
	    "  - update: {module: m, type: static, barrier: worker}\n"
	    "  - suspend: [{module: m}, {module: n, timeout: infinity, barrier: worker}]\n"
	    "  - purge: [m]\n"
	    "  - purge: {modules: [m], mode: soft}\n"
	    "  - code_change: {mode: down, modules: [{module: m, extra: x}, {module: n}]}\n"
	    "  - restart_worker: {application: a, child: c}\n"
	    "  - apply: {command: [x, y], undo: [z]}\n"
	    "  - delete_module: {module: m, purge: brutal}\n");
	const struct model_instr *i = a->up[0].script.instrs;
	ck_assert_uint_eq(a->up[0].script.count, 9);
	ck_assert_int_eq(i[0].op, MODEL_OP_UPDATE);
	ck_assert_uint_eq(i[0].pos.line, 6);
	ck_assert_uint_eq(i[0].pos.column, 5);
	ck_assert_int_eq(i[0].timeout, 7 * DUR_S);
	ck_assert(i[0].advanced);
	ck_assert_str_eq(i[0].extra->text, "5");
	ck_assert_str_eq(i[0].modules.names[0], "n");
	ck_assert_int_eq(i[0].type, MODEL_DYNAMIC);
	ck_assert_int_eq(i[0].barrier, MODEL_BARRIER_GROUP);
	ck_assert_int_eq(i[0].pre_purge, MODEL_SOFT);
	ck_assert_int_eq(i[0].post_purge, MODEL_SOFT);
	ck_assert_int_eq(i[1].timeout, MODEL_TIMEOUT_DEFAULT);
	ck_assert(!i[1].advanced);
	ck_assert_int_eq(i[1].type, MODEL_STATIC);
	ck_assert_int_eq(i[1].barrier, MODEL_BARRIER_WORKER);
	ck_assert_int_eq(i[2].suspend[0].timeout, MODEL_TIMEOUT_DEFAULT);
	ck_assert_int_eq(i[2].suspend[0].barrier, MODEL_BARRIER_GROUP);
	ck_assert_int_eq(i[2].suspend[1].timeout, DUR_INFINITY);
	ck_assert_int_eq(i[2].suspend[1].barrier, MODEL_BARRIER_WORKER);
	ck_assert(i[3].purge_kills);
	ck_assert_int_eq(i[3].post_purge, MODEL_BRUTAL);
	ck_assert(!i[4].purge_kills);
	ck_assert_int_eq(i[4].post_purge, MODEL_SOFT);
	ck_assert_int_eq(i[5].mode, MODEL_DOWN);
	ck_assert_str_eq(i[5].changes[0].extra->text, "x");
	ck_assert_ptr_null(i[5].changes[1].extra);
	ck_assert_int_eq(i[6].drain, MODEL_TIMEOUT_DEFAULT);
	ck_assert_uint_eq(i[7].command_count, 2);
	ck_assert_uint_eq(i[7].undo_count, 1);
	ck_assert_str_eq(i[7].undo[0], "z");
	ck_assert_ptr_null(i[7].application);
	ck_assert_int_eq(i[8].post_purge, MODEL_BRUTAL);
	model_appup_free(&a);
}
END_TEST

START_TEST(op_names)
{
	for (int op = 0; op < MODEL_OP__COUNT; op++) {
		const char *name = model_op_name((enum model_op)op);
		ck_assert_uint_gt(strlen(name), 0);
	}
	ck_assert_str_eq(model_op_name(MODEL_OP_RESTART_NEW_RUNTIME), "restart_new_runtime");
	ck_assert_int_eq(model_op_level(MODEL_OP_RESTART_APPLICATION), MODEL_HIGH);
	ck_assert_int_eq(model_op_level(MODEL_OP_UPDATE_SUPERVISOR), MODEL_LOW);
	ck_assert_str_eq(model_app_type_name(MODEL_TEMPORARY), "temporary");
	ck_assert_str_eq(model_strategy_name(MODEL_ONE_FOR_ALL), "one_for_all");
	ck_assert_str_eq(model_restart_name(MODEL_RESTART_TRANSIENT), "transient");
	ck_assert_str_eq(model_purge_name(MODEL_BRUTAL), "brutal");
	ck_assert_str_eq(model_mode_name(MODEL_DOWN), "down");
}
END_TEST

/* ------------------------------------------------------------------ the search in an appup */
static const struct {
	const char *version;
	int entry; /* -1: none */
} searches[] = {
    {"1.0", 0},
    {"1x0", -1},
    {"1.1", 1},
    {"1.17", 1},
    {"1.1a", -1},
    {"x1.1", -1},
    {"a", 2},
    {"b", 2},
    {"ab", -1},
    {"ba", -1},
    {"2-3", 3},
    {"22-3", -1},
};

START_TEST(appup_search)
{
	struct model_appup *a = appup_of("application: a\nversion: 9\nup:\n"
					 "- {from: 1.0, instructions: []}\n"
					 "- {from: {matching: '1\\.[0-9]+'}, instructions: []}\n"
					 "- {from: {matching: 'a|b'}, instructions: []}\n"
					 "- {from: {matching: '[2]-3'}, instructions: []}\n"
					 "- {from: 1.1, instructions: []}\n");
	const struct model_appup_entry *e =
	    model_appup_find(a->up, a->up_count, searches[_i].version);
	if (searches[_i].entry < 0)
		ck_assert_ptr_null(e);
	else
		ck_assert_ptr_eq(e, &a->up[searches[_i].entry]);
	ck_assert_ptr_null(model_appup_find(a->down, a->down_count, "1.0"));
	model_appup_free(&a);
}
END_TEST

/* ------------------------------------------------------------------ many problems */
START_TEST(fifty_problems)
{
	struct rel_buf b = REL_BUF_INIT;
	rel_buf_puts(&b, "application: a\nversion: 1\nmodules: [");
	for (int i = 0; i < 80; i++)
		rel_buf_puts(&b, "X, ");
	rel_buf_puts(&b, "]\n");
	struct model_app *a = NULL;
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(model_app_decode(doc_of(rel_buf_text(&b)), &a, &problems), -1);
	ck_assert_ptr_null(a);
	ck_assert_uint_eq(problems.count, DOC_PROBLEMS_MAX);
	ck_assert_uint_eq(problems.errors, 80);
	ck_assert_int_eq(doc_problems_result(&problems, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "and 79 more"));
	rel_buf_fini(&b);
}
END_TEST

/* Errors that were there before do not spoil a good document. */
START_TEST(errors_are_counted_by_document)
{
	struct model_app *a = NULL;
	ck_assert_int_eq(model_app_decode(doc_of("x: 1"), &a, &problems), -1);
	ck_assert_int_eq(
	    model_app_decode(doc_of("application: a\nversion: 1\n"), &a, &problems), 0);
	model_app_free(&a);
}
END_TEST

START_TEST(unknown_key_hint)
{
	struct model_app *a = NULL;
	ck_assert_int_eq(
	    model_app_decode(doc_of("application: a\nversion: 1\nvsn: 2\n"), &a, &problems), -1);
	ck_assert_ptr_nonnull(strstr(rel_err_hint_of(&problems.list[0].err), "optional_depends"));
}
END_TEST

/* ------------------------------------------------------------------ scripts */
static struct model_relup *
relup_of(const char *script)
{
	char text[4096];
	struct model_relup *r = NULL;
	snprintf(text, sizeof(text), "release: r\nversion: 2\nup:\n- from: 1\n  instructions: %s\n",
	    script);
	ck_assert_int_eq(model_relup_decode(doc_of(text), &r, &problems), 0);
	return r;
}

START_TEST(empty_script)
{
	struct model_relup *r = relup_of("[]");
	ck_assert_int_eq(model_script_check(&r->up[0].script, &problems), -1);
	ck_assert_int_eq(problems.list[0].err.code, REL_E_BAD_RELUP);
	ck_assert_str_eq(problems.list[0].err.file, "");
	model_relup_free(&r);
}
END_TEST

/* A script that was made holds what only an appup may: a defect of who made it. */
START_TEST(high_level_in_a_script)
{
	struct model_appup *a = appup_of("application: a\nversion: 2\nup:\n- from: 1\n"
					 "  instructions: [point_of_no_return, "
					 "load_module: {module: m}]\n");
	ck_assert_int_eq(model_script_check(&a->up[0].script, &problems), -1);
	ck_assert_uint_eq(problems.errors, 1);
	ck_assert_int_eq(problems.list[0].err.code, REL_E_BAD_INSTRUCTION);
	ck_assert_uint_eq(problems.list[0].err.column, 38);
	model_appup_free(&a);
}
END_TEST

/* 20,000 modules in one bracket. */
START_TEST(large_script)
{
	struct rel_buf b = REL_BUF_INIT;
	struct doc *d = NULL;
	struct model_relup *r = NULL;
	struct rel_err err = REL_ERR_INIT;
	const int n = 20000;
	rel_buf_puts(&b,
	    "{\"release\":\"r\",\"version\":\"2\",\"up\":[{\"from\":\"1\",\"instructions\":["
	    "{\"load_object_code\":{\"application\":\"a\",\"version\":\"2\",\"modules\":[");
	for (int i = 0; i < n; i++)
		rel_buf_printf(&b, "%s\"m%d\"", i > 0 ? "," : "", i);
	rel_buf_puts(&b, "]}},\"point_of_no_return\",{\"suspend\":[");
	for (int i = 0; i < n; i++)
		rel_buf_printf(&b, "%s{\"module\":\"m%d\"}", i > 0 ? "," : "", i);
	rel_buf_puts(&b, "]}");
	for (int i = 0; i < n; i++)
		rel_buf_printf(&b, ",{\"load\":{\"module\":\"m%d\"}}", i);
	rel_buf_puts(&b, ",{\"resume\":[");
	for (int i = 0; i < n; i++)
		rel_buf_printf(&b, "%s\"m%d\"", i > 0 ? "," : "", i);
	rel_buf_puts(&b, "]}]}]}");
	mono_ns_t start = rel_mono_now();
	ck_assert_int_eq(
	    doc_read_text(rel_buf_text(&b), b.len, "relup.json", &doc_limits_generated, &d, &err),
	    0);
	ck_assert_int_eq(model_relup_decode(d, &r, &problems), 0);
	ck_assert_int_eq(model_script_check(&r->up[0].script, &problems), 0);
	ck_assert_int_lt(rel_mono_now() - start, 10 * DUR_S); /* seen: 40 ms */
	model_relup_free(&r);
	rel_buf_fini(&b);
}
END_TEST

static void
teardown(void)
{
	doc_problems_fini(&problems);
}

int
main(void)
{
	Suite *s = suite_create("model_values");
	TCase *t = tcase_create("values");
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_set_timeout(t, 60);
	tcase_add_test(t, release_defaults);
	tcase_add_test(t, probation_values);
	tcase_add_test(t, app_defaults);
	tcase_add_test(t, app_library);
	tcase_add_test(t, app_values);
	tcase_add_test(t, instr_values);
	tcase_add_test(t, op_names);
	tcase_add_loop_test(t, appup_search, 0, (int)NELEM(searches));
	tcase_add_test(t, fifty_problems);
	tcase_add_test(t, errors_are_counted_by_document);
	tcase_add_test(t, unknown_key_hint);
	tcase_add_test(t, empty_script);
	tcase_add_test(t, high_level_in_a_script);
	tcase_add_test(t, large_script);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_SILENT);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
