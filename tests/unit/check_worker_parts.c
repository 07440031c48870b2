/* SPDX-License-Identifier: Apache-2.0
 * worker: a state whose parts belong to three modules, one of them inside another: all layouts change in
 * one bracket, or none does.  See tests/modules/parts_holder.c; each test ends with the end of the worker,
 * which fails where a part is left over.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "worker_fixture.h"

static const char *const names[] = {"parts_c", "parts_b", "parts_a", "parts_holder"}; /* callee first */
#define COUNT NELEM(names)

/* 50 parts of each, their numbers 0 to 49; those of parts_c also inside of parts_b's. */
#define SUMS	   "1225 1225 1225"
#define IN_LAYOUT_1 "1: " SUMS "; 50 50 100, 0 0 0"
#define IN_LAYOUT_2 "2: " SUMS "; 0 0 0, 50 50 100"

static json_t *
modules(int version)
{
	json_t *list = json_array();
	for (size_t i = 0; i < COUNT; i++) {
		char file[32];
		snprintf(file, sizeof(file), "%s-%d", names[i], version);
		for (char *c = file; *c != '\0'; c++)
			*c = *c == '_' ? '-' : *c;
		json_array_append_new(list, fake_module(file, names[i]));
	}
	return list;
}

/* Callee first on the way up, last on the way down. */
static json_t *
changes(bool up, const char *who, int n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < COUNT; i++) {
		const char *name = names[up ? i : COUNT - 1 - i];
		bool told = who != NULL && strcmp(who, name) == 0;
		json_array_append_new(list,
		    fake_change(name, up ? "up" : "down", told ? json_pack("{s:i}", "refuse", n) : NULL));
	}
	return list;
}

/* `who` refuses the part of number n, at the step and again where it is taken back; NULL: nobody. */
static void
prepare(bool up, const char *who, int n)
{
	json_t *loads = json_array();
	for (size_t i = 0; i < COUNT; i++)
		json_array_append_new(loads, json_string(names[i]));
	fake_prepare(json_pack("[o]", fake_step(0, true, loads, changes(up, who, n), changes(!up, who, n))),
	    modules(up ? 2 : 1), 60000);
	json_decref(fake_prepared(true));
}

static void
start(int version)
{
	fake_start("parts_holder", modules(version), NULL);
	json_decref(fake_expect("ready"));
}

/* As it is when all that was replaced is freed. */
static void
expect_parts(const char *text)
{
	json_t *reply = fake_call("any");
	const char *s = json_string_value(json_object_get(reply, "reply"));
	if (s == NULL || strcmp(s, text) != 0)
		ck_abort_msg("not '%s': %s", text, json_dumps(reply, 0));
	json_decref(reply);
}

static struct proto_frame
bracket(int undo, enum proto_word_value decided)
{
	fake_bracket(0, undo);
	struct proto_frame f = fake_frame(PROTO_DONE);
	if (f.decided != decided)
		ck_abort_msg("%s", f.text);
	return f;
}

START_TEST(three_layouts_change_in_one_bracket_and_back)
{
	start(1);
	expect_parts(IN_LAYOUT_1);
	for (int i = 0; i < 10; i++) {
		prepare(true, NULL, 0);
		(void)bracket(0, PROTO_COMMIT);
		json_decref(fake_finish(true));
		expect_parts(IN_LAYOUT_2);
		prepare(false, NULL, 0);
		(void)bracket(0, PROTO_COMMIT);
		json_decref(fake_finish(true));
		expect_parts(IN_LAYOUT_1);
	}
	ck_assert_int_eq(fake_maps("/parts-c-2.so"), 0);
}
END_TEST

START_TEST(three_layouts_are_taken_back)
{
	start(1);
	prepare(true, NULL, 0);
	(void)bracket(0, PROTO_COMMIT);
	(void)bracket(1, PROTO_COMMIT);
	json_decref(fake_finish(false));
	expect_parts(IN_LAYOUT_1);
}
END_TEST

/* The one that has converted nothing, half of it, all but one, or all. */
static const struct {
	const char *who;
	int n;
} refusals[] = {
    {"parts_a", 0}, {"parts_a", 25}, {"parts_b", 0}, {"parts_b", 49}, {"parts_c", 0}, {"parts_c", 25}, {"parts_holder", 0},
};

static void
refuse(int i, bool up)
{
	const char *before = up ? IN_LAYOUT_1 : IN_LAYOUT_2;
	start(up ? 1 : 2);
	prepare(up, refusals[i].who, refusals[i].n);
	struct proto_frame f = bracket(0, PROTO_ABORT);
	ck_assert_int_eq(f.code, PROTO_REFUSED);
	ck_assert_str_eq(f.module, refusals[i].who);
	expect_parts(before);
	json_decref(fake_finish(false));
	expect_parts(before);
	ck_assert_int_eq(fake_maps(up ? "/parts-a-2.so" : "/parts-a-1.so"), 0);
	/* Nothing of it is in the way of the next one. */
	prepare(up, NULL, 0);
	(void)bracket(0, PROTO_COMMIT);
	json_decref(fake_finish(true));
	expect_parts(up ? IN_LAYOUT_2 : IN_LAYOUT_1);
}

START_TEST(one_refuses_on_the_way_up_and_nothing_has_changed)
{
	refuse(_i, true);
}
END_TEST

START_TEST(one_refuses_on_the_way_down_and_nothing_has_changed)
{
	refuse(_i, false);
}
END_TEST

/* What was committed cannot be taken back, and stays whole. */
START_TEST(one_refuses_to_be_taken_back)
{
	start(1);
	prepare(true, NULL, 0);
	(void)bracket(0, PROTO_COMMIT);
	json_decref(fake_finish(true));
	prepare(false, NULL, 0);
	(void)bracket(0, PROTO_COMMIT);
	json_decref(fake_finish(true));
	json_t *steps = json_pack("[o]", fake_step(0, true, json_pack("[s,s,s,s]", names[0], names[1], names[2], names[3]),
	    changes(true, NULL, 0), changes(false, refusals[_i].who, refusals[_i].n)));
	fake_prepare(steps, modules(2), 60000);
	json_decref(fake_prepared(true));
	(void)bracket(0, PROTO_COMMIT);
	struct proto_frame f = bracket(1, PROTO_ABORT);
	ck_assert_int_eq(f.code, PROTO_REFUSED);
	ck_assert_str_eq(f.module, refusals[_i].who);
	expect_parts(IN_LAYOUT_2);
	json_decref(fake_finish(true));
	expect_parts(IN_LAYOUT_2);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_parts");
	TCase *tc = tcase_create("parts");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_test(tc, three_layouts_change_in_one_bracket_and_back);
	tcase_add_test(tc, three_layouts_are_taken_back);
	tcase_add_loop_test(tc, one_refuses_on_the_way_up_and_nothing_has_changed, 0, (int)NELEM(refusals));
	tcase_add_loop_test(tc, one_refuses_on_the_way_down_and_nothing_has_changed, 0, (int)NELEM(refusals));
	tcase_add_loop_test(tc, one_refuses_to_be_taken_back, 0, (int)NELEM(refusals));
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
