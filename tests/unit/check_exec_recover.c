/* SPDX-License-Identifier: Apache-2.0
 * The interpreter after relupd was killed in the middle of an operation.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec_world.h"

/* What the workers committed, a row a worker: "10" is step 0 and not step 1; "-" is a dead one. */
static struct world *
recovered(const char *kinds, const char *const *rows)
{
	size_t n = 0;
	while (rows[n] != NULL)
		n++;
	struct world *w = world_new(kinds, n);
	for (size_t i = 0; i < n; i++) {
		w->fakes[i].alive = rows[i][0] != '-';
		w->fakes[i].outside = !w->fakes[i].alive;
		for (size_t s = 0; s < w->steps && rows[i][0] != '-'; s++)
			w->fakes[i].state[s] = rows[i][s] == '1';
	}
	return w;
}

#define ROWS(...) ((const char *const[]){__VA_ARGS__, NULL})

START_TEST(nothing_committed)
{
	struct world *w = recovered("gg", ROWS("00", "00"));
	world_recover(w, false);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	ck_assert_int_eq(w->err.code, REL_E_CUT_SHORT);
	ck_assert_int_eq(rel_err_exit(w->err.code), 1);
	ck_assert_uint_eq(w->frames[0] + w->frames[1] + w->undos, 0);
	world_free(w);
}
END_TEST

START_TEST(committed_goes_forward)
{
	static const char *const rows[][4] = {{"10", "10", NULL}, {"11", "11", NULL},
	    {"10", "-", NULL}, {"11", "10", NULL}};
	struct world *w = recovered("gg", rows[_i]);
	world_recover(w, false);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->undos, 0);
	static const unsigned frames[] = {2, 0, 1, 1};
	ck_assert_uint_eq(w->frames[0], frames[_i]);
	world_free(w);
}
END_TEST

START_TEST(undo_goes_on)
{
	static const char *const rows[][4] = {{"10", "10", NULL}, {"11", "00", NULL},
	    {"00", "00", NULL}, {"10", "-", NULL}};
	struct world *w = recovered("gg", rows[_i]);
	world_recover(w, true);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_int_eq(w->err.code, REL_E_CUT_SHORT);
	ck_assert_uint_eq(w->frames[0], 0);
	static const unsigned frames[] = {2, 2, 0, 1};
	ck_assert_uint_eq(w->frames[1], frames[_i]);
	world_free(w);
}
END_TEST

/* Some workers of a step in which each decides for itself were through. */
START_TEST(partly_committed)
{
	struct world *w = recovered("wl", ROWS("10", "00", "11", "00"));
	world_recover(w, _i == 1);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_ROLLED_BACK);
	ck_assert_uint_eq(w->frames[_i], _i == 0 ? 5 : 3);
	world_free(w);
}
END_TEST

/* Forward turns to undo when something fails, and that is recorded. */
START_TEST(forward_fails)
{
	struct world *w = recovered("gg", ROWS("10", "10"));
	w->fakes[1].act[0][1] = ACT_REFUSE;
	world_recover(w, false);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_int_eq(w->err.code, REL_E_CODE_CHANGE_FAILED);
	ck_assert_uint_eq(w->undos, 1);
	world_free(w);
}
END_TEST

/* As after prepare: the kernel takes two messages with descriptors at once. */
START_TEST(adopted_by_and_by)
{
	struct world *w = recovered("gg", ROWS("10", "10", "10", "10", "10"));
	w->room = 2;
	w->fakes[1].prepare = _i == 0 ? ANSWER_OK : ANSWER_MUTE;
	world_recover(w, false);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_ROLLED_BACK);
	for (size_t i = 0; i < 5; i++)
		ck_assert_uint_eq(w->fakes[i].replaces, i == 1 && _i == 1);
	world_free(w);
}
END_TEST

/* A worker that cannot be handed the new words takes part in nothing: back, and it is replaced where
 * it runs new code.  Never is it counted among those that went back. */
START_TEST(adopt_fails)
{
	static const enum answer answers[] = {ANSWER_NO, ANSWER_GARBAGE, ANSWER_MUTE, ANSWER_OK};
	for (int undo = 0; undo < 2; undo++) {
		struct world *w = recovered("gg", ROWS("10", "10", "10"));
		w->fakes[1].prepare = answers[_i];
		w->fakes[1].no_json = answers[_i] == ANSWER_OK;
		world_recover(w, undo);
		world_check(w);
		ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
		ck_assert_uint_eq(w->fakes[1].replaces, 1);
		ck_assert_uint_eq(w->fakes[0].replaces + w->fakes[2].replaces, 0);
		ck_assert_uint_eq(w->frames[0], 0);
		ck_assert_uint_eq(w->frames[1], 2);
		world_free(w);
	}
}
END_TEST

START_TEST(adopted_one_dies)
{
	struct world *w = recovered("gg", ROWS("10", "10", "10"));
	w->fakes[1].prepare = ANSWER_DIE;
	world_recover(w, _i == 1);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_ROLLED_BACK);
	ck_assert_uint_eq(w->fakes[1].starts, 1);
	world_free(w);
}
END_TEST

/* One that did not reconnect: the outcome waits for it, then names it; nobody calls that done. */
START_TEST(silent_worker)
{
	struct world *w = recovered("gg", _i == 0 ? ROWS("00", "-") : ROWS("10", "-"));
	w->fakes[1].stays_down = true;
	world_recover(w, _i == 2);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_MIXED);
	ck_assert(strstr(w->err.text, "a/c/1 does not run in") != NULL ||
	    world_logged(w, "a/c/1 does not run in"));
	world_free(w);
}
END_TEST

/* It took part, died, and is on its way to run again: it starts, or it decides that all go back. */
START_TEST(gone_and_started_again)
{
	struct world *w = recovered("gg", ROWS("11", "-"));
	w->fakes[1].outside = false;
	w->fakes[1].gone = true;
	w->fakes[1].old_only = _i == 1;
	mono_ns_t began = w->now;
	world_recover(w, false);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_ROLLED_BACK);
	ck_assert_int_lt(w->now - began, DUR_S);
	ck_assert_uint_eq(w->fakes[1].starts, 1);
	world_free(w);
}
END_TEST

/* Started by the map while the first relupd waited for all to run: it holds nothing of the
 * operation, but what it runs counts. */
START_TEST(stranded_worker)
{
	struct world *w = recovered("gg", _i < 2 ? ROWS("11", "11") : ROWS("11", "00"));
	w->fakes[0].stranded = true;
	if (_i >= 2)
		w->fakes[1].outside = true; /* it runs old code, and nobody asks it */
	w->count = _i >= 2 ? 1 : 2;
	world_recover(w, _i == 1);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 1 ? EXEC_ROLLED_BACK : EXEC_UPGRADED);
	ck_assert_uint_eq(w->fakes[0].replaces, _i == 1);
	w->count = 2;
	world_free(w);
}
END_TEST

START_TEST(stranded_in_the_old_release)
{
	struct world *w = recovered("gg", ROWS("11", "00"));
	w->fakes[1].stranded = true;
	world_recover(w, false);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_uint_eq(w->fakes[0].starts + w->fakes[1].starts, 0);
	world_free(w);
}
END_TEST

START_TEST(no_worker_left)
{
	struct world *w = recovered("gg", ROWS("-", "-"));
	world_recover(w, _i == 1);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 1 ? EXEC_ROLLED_BACK : EXEC_UNCHANGED);
	ck_assert_uint_eq(w->fakes[0].starts, 1);
	world_free(w);
}
END_TEST

/* Who died after it was handed new code lost what it served, whoever ended it: that is named, and is
 * not "nothing was changed", wherever the others stand.  In the rehearsal it has nothing of the operation. */
START_TEST(a_death_is_told)
{
	static const enum exec_outcome outcomes[][2] = {{EXEC_UNCHANGED, EXEC_ROLLED_BACK},
	    {EXEC_UPGRADED, EXEC_UPGRADED}};
	struct world *w = recovered("gg", _i / 2 == 0 ? ROWS("00", "-") : ROWS("11", "-"));
	w->begun = _i % 2 == 1;
	w->opt.before = 7 * DUR_S;
	world_recover(w, false);
	world_check(w);
	ck_assert_int_eq(w->outcome, outcomes[_i / 2][_i % 2]);
	const char *killed = json_string_value(json_array_get(json_object_get(w->result, "killed"), 0));
	ck_assert_str_eq(killed != NULL ? killed : "", w->begun ? "a/c/1" : "");
	/* What the earlier relupd measured is not known; how long it took, is. */
	ck_assert(json_is_null(json_object_get(w->result, "longest_pause_us")));
	ck_assert(json_is_null(json_object_get(w->result, "suspended_us")));
	ck_assert(json_is_null(json_object_get(w->result, "time_to_rest_us")));
	ck_assert_int_ge(world_figure(w, "total_us"), 7000000);
	world_free(w);
}
END_TEST

/* It was started anew, runs new code, and is replaced on the way back: one name. */
START_TEST(killed_again)
{
	struct world *w = recovered("gg", ROWS("11", "11"));
	w->begun = true;
	w->fakes[0].stranded = true;
	w->fakes[0].starts = 1;
	world_recover(w, true);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_uint_eq(w->fakes[0].replaces, 1);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ killed at any moment */

static unsigned turns_left;

static bool
turns_over(const struct world *w)
{
	return w->x == NULL || turns_left-- == 0;
}

static void
random_faults(struct world *w, unsigned *seed)
{
	for (size_t i = 0; i < w->count; i++) {
		struct fake *f = &w->fakes[i];
		for (size_t s = 0; s < w->steps; s++) {
			f->concerned[s] = rand_r(seed) % 4 != 0;
			f->build[s] = rand_r(seed) % 3 == 0 ? rand_r(seed) % (300 * DUR_MS) : 0;
			for (int undo = 0; undo < 2; undo++)
				if (rand_r(seed) % 10 == 0)
					f->act[undo][s] = (enum act)(rand_r(seed) % ACT__COUNT);
		}
	}
}

/* relupd is killed after any number of events, perhaps twice; what then stands is one release. */
static bool
crash_and_recover(unsigned seed, unsigned *outcomes)
{
	char kinds[WORLD_STEPS + 1] = "";
	size_t steps = 1 + (size_t)rand_r(&seed) % 4;
	for (size_t s = 0; s < steps; s++)
		kinds[s] = "ggwlx"[rand_r(&seed) % 5];
	struct world *w = world_new(kinds, 1 + (size_t)rand_r(&seed) % 4);
	random_faults(w, &seed);
	w->seed = seed | 1;
	bool crashed = false;
	world_make(w);
	exec_start(w->x);
	for (int lap = 0; lap < 2; lap++) {
		turns_left = (unsigned)rand_r(&seed) % 60;
		world_run_until(w, turns_over);
		if (w->x == NULL || w->dones > 0)
			break;
		crashed = true;
		world_crash(w);
		world_recover_begin(w, w->undos > 0);
	}
	world_run(w);
	world_check(w);
	outcomes[w->outcome]++;
	world_free(w);
	return crashed;
}

START_TEST(killed_at_any_moment)
{
	unsigned outcomes[5] = {0}, crashed = 0;
	for (unsigned n = 1; n <= 1500; n++)
		crashed += crash_and_recover((unsigned)_i * 100000 + n, outcomes);
	ck_assert_uint_gt(crashed, 500);
	ck_assert_uint_gt(outcomes[EXEC_UPGRADED], 50);
	ck_assert_uint_gt(outcomes[EXEC_ROLLED_BACK], 50);
	ck_assert_uint_gt(outcomes[EXEC_UNCHANGED], 50);
	ck_assert_uint_eq(outcomes[EXEC_MIXED], 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("exec_recover");
	TCase *t = tcase_create("recover");
	suite_add_tcase(s, t);
	tcase_add_test(t, nothing_committed);
	tcase_add_loop_test(t, committed_goes_forward, 0, 4);
	tcase_add_loop_test(t, undo_goes_on, 0, 4);
	tcase_add_loop_test(t, partly_committed, 0, 2);
	tcase_add_test(t, forward_fails);
	tcase_add_loop_test(t, adopt_fails, 0, 4);
	tcase_add_loop_test(t, adopted_by_and_by, 0, 2);
	tcase_add_loop_test(t, adopted_one_dies, 0, 2);
	tcase_add_loop_test(t, silent_worker, 0, 3);
	tcase_add_loop_test(t, gone_and_started_again, 0, 2);
	tcase_add_loop_test(t, stranded_worker, 0, 3);
	tcase_add_test(t, stranded_in_the_old_release);
	tcase_add_loop_test(t, no_worker_left, 0, 2);
	tcase_add_loop_test(t, a_death_is_told, 0, 4);
	tcase_add_test(t, killed_again);
	TCase *r = tcase_create("random");
	tcase_set_timeout(r, 120);
	suite_add_tcase(s, r);
	tcase_add_loop_test(r, killed_at_any_moment, 0, 4);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
