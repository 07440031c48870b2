/* SPDX-License-Identifier: Apache-2.0
 * The interpreter and those who hold old code: what blocks an operation, whom a brutal purge ends, and
 * who does not come to rest.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec_world.h"

static size_t
listed(const struct world *w, const char *key)
{
	return json_array_size(json_object_get(w->result, key));
}

static void
says(const struct world *w, const char *text)
{
	ck_assert_msg(strstr(w->err.text, text) != NULL, "%s", w->err.text);
}

static void
run(struct world *w, enum exec_outcome outcome)
{
	world_start(w);
	world_check(w);
	ck_assert_msg(w->outcome == outcome, "%s: %s", exec_outcome_name(w->outcome), w->err.text);
}

/* Only who may hold something is asked. */
START_TEST(nobody_holds)
{
	struct world *w = world_new("gl", 2);
	run(w, EXEC_UPGRADED);
	ck_assert_uint_eq(w->fakes[0].looks + w->fakes[1].looks, 0);
	world_free(w);
}
END_TEST

static const enum exec_purge not_brutal[] = {EXEC_PURGE_SCRIPT, EXEC_PURGE_SOFT, EXEC_PURGE_STRICT};
static const char *const told[] = {"", "soft", "strict"};

START_TEST(an_old_version_in_the_way_blocks)
{
	struct world *w = world_new("gb", 3);
	w->opt.purge = not_brutal[_i];
	w->fakes[1].blocking = 2;
	run(w, EXEC_BLOCKED);
	ck_assert_int_eq(w->err.code, REL_E_BLOCKED);
	says(w, "a/c/1: task serve/1 (thread 7) in m0 1, in its turn since then, and 1 more");
	ck_assert_uint_eq(listed(w, "holders"), 2);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(json_object_get(w->result, "holders"), 0),
	    "worker")), w->fakes[1].name);
	ck_assert_uint_eq(w->fakes[1].purges + w->frames[0] + w->bids, 0);
	ck_assert(!w->begun); /* not even the rehearsal */
	ck_assert_str_eq(w->fakes[1].purge, told[_i]); /* so that it knows what blocks */
	ck_assert_ptr_nonnull(strstr(w->err.hint, "wait for their end"));
	world_free(w);
}
END_TEST

START_TEST(a_list_that_is_cut_off_says_so)
{
	struct world *w = world_new("gb", 2);
	w->fakes[0].blocking = _i == 0 ? 1000 : 999;
	w->fakes[1].blocking = _i == 0 ? 0 : 2;
	run(w, EXEC_BLOCKED);
	ck_assert_uint_eq(listed(w, "holders"), 1000);
	const char *hint = json_string_value(json_object_get(json_array_get(json_object_get(w->result, "holders"), 999),
	    "hint"));
	ck_assert((hint != NULL && strstr(hint, "more follow") != NULL) == (_i == 1));
	world_free(w);
}
END_TEST

/* Nobody is to be waited for: another hint. */
START_TEST(words_in_the_way_block)
{
	struct world *w = world_new("gb", 2);
	w->opt.purge = EXEC_PURGE_STRICT;
	w->fakes[0].blocking = 1;
	w->fakes[0].words = true;
	run(w, EXEC_BLOCKED);
	says(w, "a/c/0: m0 1 +0x10");
	ck_assert_ptr_nonnull(strstr(w->err.hint, "`--purge soft` takes the words for dead values"));
	world_free(w);
}
END_TEST

START_TEST(words_and_a_task_in_the_way_block)
{
	struct world *w = world_new("gb", 2);
	w->fakes[0].blocking = w->fakes[1].blocking = 1;
	w->fakes[0].words = true;
	run(w, EXEC_BLOCKED);
	ck_assert_ptr_nonnull(strstr(w->err.hint, "wait for their end"));
	world_free(w);
}
END_TEST

START_TEST(a_brutal_script_is_blocked_where_it_would_end_somebody)
{
	struct world *w = world_new("b", 2);
	w->fakes[0].staying = 1;
	run(w, EXEC_BLOCKED);
	says(w, "purges brutally");
	ck_assert(w->fakes[0].leave);
	ck_assert_uint_eq(listed(w, "holders"), 1);
	ck_assert_uint_eq(listed(w, "killed") + listed(w, "cancelled"), 0);
	world_free(w);
}
END_TEST

START_TEST(who_stays_is_nobodys_business_where_the_purge_is_soft)
{
	struct world *w = world_new(_i == 0 ? "l" : "b", 1);
	w->opt.purge = _i == 0 ? EXEC_PURGE_SCRIPT : _i == 1 ? EXEC_PURGE_SOFT : EXEC_PURGE_STRICT;
	w->fakes[0].staying = 1;
	run(w, EXEC_UPGRADED);
	ck_assert(!w->fakes[0].leave);
	ck_assert_uint_eq(w->fakes[0].purges, 0);
	world_free(w);
}
END_TEST

/* Those in the way before the code is loaded, those that stay after the last step; a soft script too. */
START_TEST(brutal_ends_them)
{
	struct world *w = world_new("gl", 3);
	w->opt.purge = EXEC_PURGE_BRUTAL;
	w->fakes[0].blocking = w->fakes[1].staying = 1;
	run(w, EXEC_UPGRADED);
	ck_assert_uint_eq(w->fakes[0].purges, 1);
	ck_assert_uint_eq(w->fakes[1].purges, 1);
	ck_assert_uint_eq(w->fakes[2].purges, 0);
	ck_assert_uint_eq(listed(w, "cancelled"), 2);
	ck_assert_uint_eq(listed(w, "killed") + listed(w, "holders"), 0);
	world_free(w);
}
END_TEST

START_TEST(who_does_not_end_is_killed_and_started_in_the_new)
{
	struct world *w = world_new("gb", _i < 2 ? 1 : 3);
	w->opt.purge = EXEC_PURGE_BRUTAL;
	struct fake *f = &w->fakes[w->count - 1];
	*(_i % 2 == 0 ? &f->blocking : &f->staying) = 1;
	f->stubborn = 1;
	run(w, EXEC_UPGRADED);
	ck_assert_uint_eq(f->replaces, 1);
	ck_assert_uint_eq(f->starts, 1);
	ck_assert_uint_eq(listed(w, "killed"), 1);
	world_free(w);
}
END_TEST

/* It was killed for an operation that then fails: everything is as before, but it. */
START_TEST(killed_for_nothing)
{
	struct world *w = world_new("gl", 2);
	w->opt.purge = EXEC_PURGE_BRUTAL;
	w->fakes[0].blocking = w->fakes[0].stubborn = 1;
	w->fakes[1].prepare = ANSWER_NO;
	run(w, EXEC_ROLLED_BACK);
	ck_assert_uint_eq(listed(w, "killed"), 1);
	world_free(w);
}
END_TEST

static const struct {
	enum answer how;
	enum exec_outcome outcome;
} answers[] = {{ANSWER_NO, EXEC_UNCHANGED}, {ANSWER_MUTE, EXEC_UNCHANGED}, {ANSWER_DIE, EXEC_UPGRADED}};

START_TEST(one_that_does_not_say)
{
	struct world *w = world_new("gl", 2);
	w->fakes[1].ask = answers[_i].how;
	run(w, answers[_i].outcome);
	if (answers[_i].outcome == EXEC_UNCHANGED)
		says(w, "does not tell who holds old code");
	world_free(w);
}
END_TEST

START_TEST(one_that_cannot_be_asked)
{
	struct world *w = world_new("gl", 2);
	w->fakes[1].blocking = 1;
	w->fakes[1].no_json = true;
	run(w, EXEC_UNCHANGED);
	says(w, "cannot be reached");
	world_free(w);
}
END_TEST

START_TEST(who_does_not_come_to_rest_is_named)
{
	struct world *w = world_unrehearsed("g", 1);
	w->fakes[0].act[0][0] = ACT_BUSY;
	w->fakes[0].unrest = 1;
	run(w, EXEC_ROLLED_BACK);
	ck_assert_int_eq(w->err.code, REL_E_SUSPEND_FAILED);
	says(w, "did not come to rest within 5000 ms: a/c/0: task serve/1 (thread 7) in m0 1");
	ck_assert_uint_eq(listed(w, "holders"), 1);
	world_free(w);
}
END_TEST

START_TEST(a_loop_that_does_not_speak_is_looked_at)
{
	struct world *w = world_unrehearsed("g", 1);
	w->fakes[0].act[0][0] = ACT_BUSY;
	w->fakes[0].stands = true;
	run(w, EXEC_ROLLED_BACK);
	says(w, "did not come to rest within 5000 ms: a/c/0: thread 8 in m0 1 +0x42, silent since 20");
	ck_assert_uint_eq(listed(w, "holders"), 1);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("exec_holders");
	TCase *tc = tcase_create("holders");
	tcase_add_test(tc, nobody_holds);
	tcase_add_loop_test(tc, an_old_version_in_the_way_blocks, 0, (int)NELEM(not_brutal));
	tcase_add_test(tc, a_brutal_script_is_blocked_where_it_would_end_somebody);
	tcase_add_loop_test(tc, who_stays_is_nobodys_business_where_the_purge_is_soft, 0, 3);
	tcase_add_loop_test(tc, a_list_that_is_cut_off_says_so, 0, 2);
	tcase_add_test(tc, words_in_the_way_block);
	tcase_add_test(tc, words_and_a_task_in_the_way_block);
	tcase_add_test(tc, brutal_ends_them);
	tcase_add_loop_test(tc, who_does_not_end_is_killed_and_started_in_the_new, 0, 4);
	tcase_add_test(tc, killed_for_nothing);
	tcase_add_loop_test(tc, one_that_does_not_say, 0, (int)NELEM(answers));
	tcase_add_test(tc, one_that_cannot_be_asked);
	tcase_add_test(tc, who_does_not_come_to_rest_is_named);
	tcase_add_test(tc, a_loop_that_does_not_speak_is_looked_at);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
