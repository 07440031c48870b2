/* SPDX-License-Identifier: Apache-2.0
 * exec_compile(): from a script to steps, and the way back from the opposite script.
 */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"

struct both {
	struct model_relup *up, *down;
	struct exec_script *s;
	struct rel_err err;
	int rc;
};

#define PONR "\"point_of_no_return\""
#define OBJ  "{\"load_object_code\":{\"application\":\"a\",\"version\":\"2\",\"modules\":" \
	     "[\"a\",\"b\",\"c\"]}}"
#define LOAD(m) "{\"load\":{\"module\":\"" m "\"}}"
#define SUSPEND(list) "{\"suspend\":[" list "]}"
#define MOD(m) "{\"module\":\"" m "\"}"
#define CHANGE(mode, list) "{\"code_change\":{\"mode\":\"" mode "\",\"modules\":[" list "]}}"
#define EXTRA(m, x) "{\"module\":\"" m "\",\"extra\":" x "}"
#define RESUME(list) "{\"resume\":[" list "]}"

static struct model_relup *
decode(const char *way, const char *instructions)
{
	struct rel_buf b = REL_BUF_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct rel_err err = REL_ERR_INIT;
	struct doc *d;
	struct model_relup *r;
	rel_buf_printf(&b, "{\"release\":\"r\",\"version\":\"2\",\"%s\":[{\"%s\":\"1\","
	    "\"instructions\":[%s]}]}", way, strcmp(way, "up") == 0 ? "from" : "to", instructions);
	ck_assert_int_eq(doc_read_text(b.data, b.len, "relup.json", &doc_limits_generated, &d, &err), 0);
	int rc = model_relup_decode(d, &r, &p);
	ck_assert_msg(rc == 0, "%s", p.count > 0 ? p.list[0].err.text : "?");
	doc_problems_fini(&p);
	rel_buf_fini(&b);
	return r;
}

/* `down` may be NULL: no opposite script. */
static struct both
compile(const char *up, const char *down)
{
	struct both c = {.err = REL_ERR_INIT};
	struct doc_problems p = DOC_PROBLEMS_INIT;
	c.up = decode("up", up);
	ck_assert_int_eq(model_script_check(&c.up->up[0].script, &p), 0);
	c.down = down != NULL ? decode("down", down) : NULL;
	doc_problems_fini(&p);
	c.rc = exec_compile(&c.up->up[0].script, down != NULL ? &c.down->down[0].script : NULL, &c.s,
	    &c.err);
	return c;
}

static void
fini(struct both *c)
{
	exec_script_free(&c->s);
	model_relup_free(&c->up);
	model_relup_free(&c->down);
}

START_TEST(empty_script_has_no_steps)
{
	struct both c = compile(PONR, PONR);
	ck_assert_int_eq(c.rc, 0);
	ck_assert_uint_eq(c.s->step_count, 0);
	ck_assert_uint_eq(c.s->object_count, 0);
	fini(&c);
}
END_TEST

START_TEST(one_bracket)
{
	struct both c = compile(OBJ "," PONR "," SUSPEND(MOD("a") "," MOD("b")) "," LOAD("a") "," LOAD("c")
		"," CHANGE("up", EXTRA("a", "{\"k\":1}") "," MOD("b")) "," RESUME("\"b\",\"a\""), NULL);
	ck_assert_int_eq(c.rc, 0);
	ck_assert_uint_eq(c.s->object_count, 1);
	ck_assert_str_eq(c.s->objects[0]->version, "2");
	ck_assert_uint_eq(c.s->step_count, 1);
	const struct exec_step *st = &c.s->steps[0];
	ck_assert_uint_eq(st->index, 2);
	ck_assert(!st->barrier_worker);
	ck_assert_int_eq(st->suspend_timeout, EXEC_SUSPEND_TIMEOUT);
	ck_assert_uint_eq(st->load_count, 2);
	ck_assert_str_eq(st->loads[0], "a");
	ck_assert_str_eq(st->loads[1], "c");
	ck_assert_uint_eq(st->suspend_count, 2);
	ck_assert_uint_eq(st->change_count, 2);
	ck_assert_str_eq(st->changes[0].module, "a");
	ck_assert_int_eq(st->changes[0].mode, MODEL_UP);
	ck_assert_int_eq(json_integer_value(json_object_get(st->changes[0].extra, "k")), 1);
	ck_assert(json_is_null(st->changes[1].extra));
	ck_assert(exec_step_names(st, "b") && exec_step_names(st, "c"));
	ck_assert(!exec_step_names(st, "d"));
	fini(&c);
}
END_TEST

/* The bracket ends with the resume of its last module, not with the first resume. */
START_TEST(resumes_one_by_one)
{
	struct both c = compile(OBJ "," PONR "," SUSPEND(MOD("a") "," MOD("b")) "," LOAD("a") ","
	    RESUME("\"a\"") "," LOAD("b") "," RESUME("\"b\"") "," LOAD("c"), NULL);
	ck_assert_int_eq(c.rc, 0);
	ck_assert_uint_eq(c.s->step_count, 2);
	ck_assert_uint_eq(c.s->steps[0].load_count, 2);
	ck_assert_uint_eq(c.s->steps[1].load_count, 1);
	fini(&c);
}
END_TEST

START_TEST(bare_loads_are_steps_of_their_own)
{
	struct both c = compile(OBJ "," PONR "," LOAD("a") "," SUSPEND(MOD("b")) "," LOAD("b") ","
	    RESUME("\"b\"") "," LOAD("c"), NULL);
	ck_assert_int_eq(c.rc, 0);
	ck_assert_uint_eq(c.s->step_count, 3);
	ck_assert(c.s->steps[0].barrier_worker && c.s->steps[2].barrier_worker);
	ck_assert(!c.s->steps[1].barrier_worker);
	ck_assert_str_eq(c.s->steps[2].loads[0], "c");
	ck_assert_uint_eq(c.s->steps[2].index, 6);
	fini(&c);
}
END_TEST

/* One word cannot be both: where a group mixes barriers all wait for each other; the longest of
 * its time-outs counts. */
START_TEST(barriers_and_timeouts)
{
	static const struct {
		const char *items;
		bool by_worker;
		dur_ns_t timeout;
	} cases[] = {
	    {"{\"module\":\"a\",\"barrier\":\"worker\"},{\"module\":\"b\",\"barrier\":\"worker\"}", true,
		EXEC_SUSPEND_TIMEOUT},
	    {"{\"module\":\"a\",\"barrier\":\"worker\"},{\"module\":\"b\"}", false, EXEC_SUSPEND_TIMEOUT},
	    {"{\"module\":\"a\",\"barrier\":\"group\"},{\"module\":\"b\"}", false, EXEC_SUSPEND_TIMEOUT},
	    {"{\"module\":\"a\",\"timeout\":100},{\"module\":\"b\",\"timeout\":700}", false, 700 * DUR_MS},
	    {"{\"module\":\"a\",\"timeout\":100},{\"module\":\"b\"}", false, EXEC_SUSPEND_TIMEOUT},
	    {"{\"module\":\"a\",\"timeout\":9000},{\"module\":\"b\"}", false, 9 * DUR_S},
	    {"{\"module\":\"a\",\"timeout\":\"infinity\",\"barrier\":\"worker\"},"
	     "{\"module\":\"b\",\"barrier\":\"worker\"}", true, DUR_INFINITY},
	};
	char script[1024];
	snprintf(script, sizeof(script), PONR ",{\"suspend\":[%s]}," RESUME("\"a\",\"b\""),
	    cases[_i].items);
	struct both c = compile(script, NULL);
	ck_assert_int_eq(c.rc, 0);
	ck_assert_uint_eq(c.s->step_count, 1);
	ck_assert_int_eq(c.s->steps[0].barrier_worker, cases[_i].by_worker);
	ck_assert_int_eq(c.s->steps[0].suspend_timeout, cases[_i].timeout);
	fini(&c);
}
END_TEST

START_TEST(way_back_has_the_opposite_extra)
{
	struct both c = compile(OBJ "," PONR "," SUSPEND(MOD("a")) "," LOAD("a") ","
	    CHANGE("up", EXTRA("a", "\"up\"")) "," RESUME("\"a\""),
	    OBJ "," PONR "," SUSPEND(MOD("b") "," MOD("a")) "," CHANGE("down", EXTRA("b", "1") ","
		EXTRA("a", "\"down\"")) "," LOAD("a") "," RESUME("\"a\",\"b\""));
	ck_assert_int_eq(c.rc, 0);
	const struct exec_step *st = &c.s->steps[0];
	ck_assert(!st->undo_missing);
	ck_assert_uint_eq(st->undo_count, 1);
	ck_assert_str_eq(st->undo_changes[0].module, "a");
	ck_assert_int_eq(st->undo_changes[0].mode, MODEL_DOWN);
	ck_assert_str_eq(json_string_value(st->undo_changes[0].extra), "down");
	fini(&c);
}
END_TEST

START_TEST(way_back_missing)
{
	const char *up = OBJ "," PONR "," SUSPEND(MOD("a")) "," LOAD("a") ","
	    CHANGE("up", MOD("a")) "," RESUME("\"a\"") "," LOAD("b");
	const char *downs[] = {NULL, PONR,
	    PONR "," SUSPEND(MOD("b")) "," CHANGE("down", MOD("b")) "," RESUME("\"b\"")};
	struct both c = compile(up, downs[_i]);
	ck_assert_int_eq(c.rc, 0);
	ck_assert(c.s->steps[0].undo_missing);
	ck_assert_uint_eq(c.s->steps[0].undo_count, 0);
	ck_assert(!c.s->steps[1].undo_missing); /* a load needs none */
	fini(&c);
}
END_TEST

/* Two workers of different modules: each is told its own, in the order of the script. */
START_TEST(texts_of_a_worker)
{
	static const char *const tables[] = {"[{\"module\":\"a\"}]",
	    "[{\"module\":\"b\"},{\"module\":\"c\"}]", "[{\"module\":\"d\"}]"};
	static const char *const want[] = {
	    "[\"suspend a\",\"code_change a\",\"load a\",\"resume a\"]",
	    "[\"suspend b\",\"code_change b\",\"load c\",\"load b\",\"resume b\"]", "[]"};
	struct both c = compile(OBJ "," PONR "," SUSPEND(MOD("a") "," MOD("b")) ","
	    CHANGE("up", MOD("a") "," MOD("b")) "," LOAD("c") "," LOAD("b") "," LOAD("a") ","
	    RESUME("\"b\",\"a\""), NULL);
	json_t *loaded = json_loads(tables[_i], 0, NULL);
	json_t *texts = exec_script_texts(&c.up->up[0].script, loaded);
	char *got = json_dumps(texts, JSON_COMPACT);
	ck_assert_str_eq(got, want[_i]);
	free(got);
	json_decref(texts);
	json_decref(loaded);
	fini(&c);
}
END_TEST

/* Lists that name nobody open and end no bracket. */
START_TEST(empty_lists)
{
	static const char *const scripts[] = {
	    OBJ "," PONR "," SUSPEND("") "," LOAD("a") "," LOAD("b"),
	    OBJ "," PONR "," RESUME("") "," LOAD("a") "," RESUME("") "," LOAD("b"),
	    OBJ "," PONR "," CHANGE("up", "") "," LOAD("a") "," LOAD("b"),
	    OBJ "," PONR "," SUSPEND(MOD("a")) "," LOAD("a") "," RESUME("") "," CHANGE("up", MOD("a"))
		"," RESUME("\"a\"") "," LOAD("b"),
	};
	struct both c = compile(scripts[_i], NULL);
	ck_assert_int_eq(c.rc, 0);
	ck_assert_uint_eq(c.s->step_count, 2);
	ck_assert_str_eq(c.s->steps[0].loads[0], "a");
	ck_assert_str_eq(c.s->steps[1].loads[0], "b");
	fini(&c);
}
END_TEST

START_TEST(what_cannot_be_executed)
{
	static const char *const scripts[] = {
	    PONR ",{\"apply\":{\"command\":[\"x\"]}}",
	    PONR ",{\"stop\":[\"a\"]},{\"start\":[\"a\"]}",
	    PONR ",{\"purge\":[\"a\"]}",
	    PONR ",{\"restart_worker\":{\"application\":\"a\",\"child\":\"c\"}}",
	    PONR ",\"restart_runtime\"",
	    PONR "," SUSPEND(MOD("a")) "," CHANGE("up", EXTRA("a", "[1]")) ",{\"remove\":{\"module\":"
		"\"a\"}}," RESUME("\"a\""), /* inside a bracket: its values are freed all the same */
	};
	struct both c = compile(scripts[_i], NULL);
	ck_assert_int_eq(c.rc, -1);
	ck_assert_int_eq(c.err.code, REL_E_UNSUPPORTED);
	ck_assert_ptr_null(c.s);
	ck_assert_ptr_nonnull(strstr(c.err.text, _i == 5 ? "instruction 4, remove" : "instruction 2, "));
	ck_assert_uint_eq(c.err.line, 1);
	fini(&c);
}
END_TEST

/* What check warns of is what is refused here. */
START_TEST(model_knows_what_is_executed)
{
	struct model_instr in = {.op = (enum model_op)_i, .module = "a"};
	const struct model_script s = {.count = 1, .instrs = &in};
	struct exec_script *x = NULL;
	struct rel_err err = REL_ERR_INIT;
	if (model_op_level(in.op) == MODEL_HIGH)
		return; /* stands in no relup */
	ck_assert_int_eq(exec_compile(&s, NULL, &x, &err) == 0, model_op_runs(in.op));
	exec_script_free(&x);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("exec_compile");
	TCase *t = tcase_create("compile");
	suite_add_tcase(s, t);
	tcase_add_test(t, empty_script_has_no_steps);
	tcase_add_test(t, one_bracket);
	tcase_add_test(t, resumes_one_by_one);
	tcase_add_test(t, bare_loads_are_steps_of_their_own);
	tcase_add_loop_test(t, barriers_and_timeouts, 0, 7);
	tcase_add_test(t, way_back_has_the_opposite_extra);
	tcase_add_loop_test(t, way_back_missing, 0, 3);
	tcase_add_loop_test(t, texts_of_a_worker, 0, 3);
	tcase_add_loop_test(t, empty_lists, 0, 4);
	tcase_add_loop_test(t, what_cannot_be_executed, 0, 6);
	tcase_add_loop_test(t, model_knows_what_is_executed, 0, MODEL_OP__COUNT);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
