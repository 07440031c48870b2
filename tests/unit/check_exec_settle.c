/* SPDX-License-Identifier: Apache-2.0
 * The interpreter and workers that do not run: that die of the new code while it is loaded, that do not
 * start again, that did not run when the operation began.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec_world.h"

/* A constructor of the new code takes the process with it: no upgrade, and the connections it had are
 * lost, so that this is no `unchanged`. */
START_TEST(dies_of_the_new_code)
{
	struct world *w = world_unrehearsed("gl", _i == 0 ? 1 : 9);
	for (size_t i = 0; i < w->count; i++)
		if (_i != 1 || i == 2)
			w->fakes[i].prepare = ANSWER_DIE_OF_IT;
	mono_ns_t began = w->now;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_int_eq(w->err.code, REL_E_WORKER_DIED);
	ck_assert_msg(strstr(w->err.text, " died of SIGSEGV while it loaded the new code") != NULL, "%s",
	    w->err.text);
	ck_assert_uint_eq(w->frames[0] + w->frames[1], 0);
	ck_assert_int_lt(w->now - began, DUR_S);
	for (size_t i = 0; i < w->count; i++)
		ck_assert_uint_eq(w->fakes[i].starts, w->fakes[i].prepare == ANSWER_DIE_OF_IT);
	ck_assert_uint_eq(json_array_size(json_object_get(w->result, "killed")), _i == 2 ? 9 : 1);
	world_free(w);
}
END_TEST

/* Nobody would be left to prove the new code. */
START_TEST(all_die_before_any_pause)
{
	struct world *w = world_new("gl", 3);
	for (size_t i = 0; i < w->count; i++) {
		w->fakes[i].rehearse = _i == 0 ? ANSWER_DIE : ANSWER_OK;
		w->fakes[i].prepare = ANSWER_DIE;
		w->fakes[i].concerned[1] = _i != 2;
	}
	if (_i == 2) { /* of the second step alone */
		w->fakes[1].prepare = w->fakes[2].prepare = ANSWER_OK;
		w->fakes[0].concerned[1] = true;
	}
	world_start(w);
	world_check(w);
	/* Told when they run again.  Who died before anybody was told to load new code changes nothing. */
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UNCHANGED : EXEC_ROLLED_BACK);
	ck_assert_int_eq(w->err.code, REL_E_WORKER_DIED);
	ck_assert_msg(strstr(w->err.text, "no worker lives that it concerns") != NULL, "%s", w->err.text);
	ck_assert_uint_eq(w->fakes[0].starts, 1);
	world_free(w);
}
END_TEST

static bool
second_started(const struct world *w)
{
	return w->fakes[1].starts == 1;
}

/* It runs again while another still loads, and the outcome is told when that one has loaded too, or has
 * died of it as well, or has taken too long. */
START_TEST(dies_while_another_loads)
{
	struct world *w = world_unrehearsed("gl", 3);
	w->fakes[0].prepare = ANSWER_MUTE;
	w->fakes[1].prepare = ANSWER_DIE_OF_IT;
	mono_ns_t began = w->now;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, second_started));
	ck_assert_int_lt(w->now - began, DUR_S);
	ck_assert_uint_eq(w->dones, 0);
	if (_i == 0)
		world_prepared(w, 0);
	if (_i == 1) {
		w->fakes[0].alive = false;
		ck_assert(exec_gone(w->x, &w->fakes[0], EXEC_DEATH_EXIT, "exited with status 3"));
		ck_assert_uint_eq(w->dones, 0);
		w->fakes[0].alive = true;
		exec_poke(w->x);
	}
	if (_i < 2)
		ck_assert_uint_eq(w->dones, 1);
	world_run(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_int_eq(w->now - began >= EXEC_SETTLE_TIMEOUT, _i == 2);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ starting again */

/* One that died and does not come up again: neither release runs everywhere. */
START_TEST(settle_to_mixed)
{
	struct world *w = world_unrehearsed("g", 3);
	w->fakes[2].act[0][0] = _i == 0 ? ACT_CRASH : ACT_DIE_REST;
	w->fakes[2].stays_down = true;
	mono_ns_t began = w->now;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_MIXED);
	ck_assert_int_ge(w->now - began, EXEC_SETTLE_TIMEOUT);
	if (_i == 0)
		ck_assert(world_logged(w, "also: a/c/2 does not run in 1"));
	else
		ck_assert_str_eq(w->err.text, "a/c/2 does not run in 2");
	ck_assert_uint_eq(w->undos, 1);
	world_free(w);
}
END_TEST

/* One that starts in the old release alone: back, and it runs there. */
START_TEST(does_not_start_in_the_new)
{
	struct world *w = world_unrehearsed(_i == 0 ? "gl" : "xl", 3);
	w->fakes[2].act[0][0] = ACT_DIE_REST;
	w->fakes[1].act[0][0] = ACT_DIE_REST; /* this one starts, and is started again for the old */
	w->fakes[2].old_only = true;
	mono_ns_t began = w->now;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_str_eq(w->err.text, "a/c/2 does not run in 2");
	ck_assert_uint_eq(w->fakes[1].starts, 2);
	ck_assert_uint_eq(w->fakes[2].starts, 1);
	ck_assert_int_lt(w->now - began, DUR_S); /* not after the time that a start may take */
	world_free(w);
}
END_TEST

/* A worker that failed before the operation began is nobody's reason to call it mixed. */
START_TEST(bystander_stays_down)
{
	struct world *w = world_unrehearsed("g", 3);
	w->fakes[0].alive = false;
	w->fakes[0].bystander = w->fakes[0].stays_down = true;
	w->fakes[2].act[0][0] = _i == 0 ? ACT_DIE_REST : ACT_CRASH;
	mono_ns_t began = w->now;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_ROLLED_BACK);
	ck_assert_int_lt(w->now - began, DUR_S);
	world_free(w);
}
END_TEST

/* Where nobody ran, the new release must: it is started at once, and waited for. */
START_TEST(nobody_ran)
{
	struct world *w = world_new("gl", 2);
	for (size_t i = 0; i < w->count; i++) {
		w->fakes[i].alive = false;
		w->fakes[i].down = true;
		memset(w->fakes[i].concerned, 0, sizeof(w->fakes[i].concerned));
	}
	w->fakes[1].stays_down = _i == 1;
	mono_ns_t began = w->now;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_ROLLED_BACK);
	if (_i == 1)
		ck_assert_str_eq(w->err.text, "a/c/1 does not run in 2");
	ck_assert_int_lt(w->now - began, DUR_S); /* undoing does not wait for who was down before */
	ck_assert_uint_ge(w->fakes[0].starts, 1);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("exec_settle");
	TCase *t = tcase_create("settle");
	suite_add_tcase(s, t);
	tcase_add_loop_test(t, dies_of_the_new_code, 0, 3);
	tcase_add_loop_test(t, all_die_before_any_pause, 0, 3);
	tcase_add_loop_test(t, dies_while_another_loads, 0, 3);
	tcase_add_loop_test(t, settle_to_mixed, 0, 2);
	tcase_add_loop_test(t, does_not_start_in_the_new, 0, 2);
	tcase_add_loop_test(t, bystander_stays_down, 0, 2);
	tcase_add_loop_test(t, nobody_ran, 0, 2);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
