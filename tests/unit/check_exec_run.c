/* SPDX-License-Identifier: Apache-2.0
 * The interpreter on the good way and in its phases before any pause: rehearsal, prepare, brackets,
 * the end.  The failures inside brackets are check_exec_fail.c.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec_world.h"

/* ------------------------------------------------------------------ all goes well */

static void
good(const char *kinds, size_t workers)
{
	struct world *w = world_new(kinds, workers);
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->undos, 0);
	ck_assert_uint_eq(w->ends, 1);
	ck_assert_uint_eq(w->frames[0], workers * strlen(kinds));
	ck_assert_uint_eq(w->bids, w->frames[0]); /* no message to any */
	ck_assert_uint_eq(w->frames[1], 0);
	ck_assert_str_eq(w->log, "");
	for (size_t i = 0; i < workers; i++)
		ck_assert_uint_eq(w->fakes[i].rests, strlen(kinds));
	world_free(w);
}

START_TEST(good_upgrade)
{
	static const char *const kinds[] = {"g", "w", "l", "x", "gg", "gwlg"};
	static const size_t workers[] = {1, 2, 100};
	for (size_t i = 0; i < NELEM(kinds); i++)
		good(kinds[i], workers[_i]);
}
END_TEST

/* The second step concerns `few` of four: who is not concerned is not woken for every few. */
START_TEST(few_of_many)
{
	struct world *w = world_new("gg", 4);
	for (size_t i = 0; i < 4; i++)
		w->fakes[i].concerned[1] = (int)i < _i;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->frames[0], 4 + (unsigned)_i);
	ck_assert_uint_eq(w->bids, _i > 2 ? w->frames[0] : 4);
	for (size_t i = 0; i < 4; i++)
		ck_assert_uint_eq(w->fakes[i].rests, 1 + ((int)i < _i));
	world_free(w);
}
END_TEST

START_TEST(phases_are_told)
{
	struct world *w = world_new("gl", 3);
	world_start(w);
	ck_assert_str_eq(w->phases, "rehearse prepare bracket");
	world_free(w);
	w = world_new("g", 1);
	w->opt.rehearse = EXEC_REHEARSE_NEVER;
	world_start(w);
	ck_assert_str_eq(w->phases, "prepare bracket");
	world_check(w);
	world_free(w);
}
END_TEST

/* Nobody to change: the map alone changes, and nobody stands still. */
START_TEST(no_worker)
{
	struct world *w = world_new(_i == 0 ? "gl" : "l", 0);
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	world_free(w);
}
END_TEST

START_TEST(no_step)
{
	struct world *w = world_new("", 2);
	world_start(w);
	ck_assert_uint_eq(w->dones, 1);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->fakes[0].rests, 0);
	world_free(w);
}
END_TEST

/* Each step stops those alone whom it concerns. */
START_TEST(only_who_is_concerned)
{
	struct world *w = world_new("ggg", 3);
	w->fakes[0].concerned[1] = false;
	w->fakes[1].concerned[0] = w->fakes[1].concerned[2] = false;
	w->fakes[0].concerned[2] = w->fakes[2].concerned[2] = false; /* nobody in step 2 */
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->fakes[0].rests, 1);
	ck_assert_uint_eq(w->fakes[1].rests, 1);
	ck_assert_uint_eq(w->fakes[2].rests, 2);
	world_free(w);
}
END_TEST

static const json_t *
step_of(const struct fake *f, size_t i)
{
	return json_array_get(json_object_get(f->prepared, "steps"), i);
}

/* Who decides: one word for a group, a word a worker for barrier worker, and a group of one sets its
 * word itself. */
START_TEST(words)
{
	struct world *w = world_new("gwl", 2);
	world_start(w);
	const struct fake *a = &w->fakes[0], *b = &w->fakes[1];
	ck_assert(a->word[0][0] == b->word[0][0] && a->word[1][0] == b->word[1][0]);
	ck_assert_uint_ne(a->word[0][0], a->word[1][0]);
	for (int s = 1; s < 3; s++) {
		ck_assert_uint_ne(a->word[0][s], b->word[0][s]);
		ck_assert_uint_ne(a->word[1][s], b->word[1][s]);
		ck_assert_uint_ne(a->word[0][s], a->word[1][s]);
	}
	ck_assert(!a->self[0] && a->self[1] && a->self[2]);
	ck_assert_uint_ne(a->cell, b->cell);
	ck_assert_int_eq(json_integer_value(json_object_get(a->prepared, "lease_ms")),
	    (EXEC_MAX_PAUSE + EXEC_LEASE_EXTRA) / DUR_MS);
	ck_assert_int_eq(json_array_size(json_object_get(step_of(a, 0), "changes")), 1);
	ck_assert(json_is_false(json_object_get(step_of(a, 2), "changes_state")));
	world_free(w);
	w = world_new("g", 2);
	w->fakes[1].concerned[0] = false;
	world_start(w);
	ck_assert(w->fakes[0].self[0]);
	world_check(w);
	world_free(w);
}
END_TEST

/* Steps that concern nobody cost neither stack nor words, however many. */
START_TEST(idle_steps)
{
	struct world *w = world_new("gl", 2);
	w->idle = 50000;
	w->opt.rehearse = EXEC_REHEARSE_NEVER;
	if (_i == 1)
		w->fakes[1].act[0][1] = ACT_REFUSE;
	world_make(w);
	exec_start(w->x);
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_ROLLED_BACK);
	ck_assert_uint_eq(w->fakes[0].memory.word_count, 2 + 2 * 2);
	world_free(w);
}
END_TEST

static bool
first_runs_new(const struct world *w)
{
	return w->fakes[0].state[0];
}

START_TEST(barrier_group_and_worker)
{
	struct world *w = world_new(_i == 0 ? "g" : "w", 2);
	w->fakes[1].build[0] = 300 * DUR_MS;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, first_runs_new));
	/* The other one: at rest and built (group), or still in its code_change (worker). */
	struct proto_cell *c = &w->fakes[1].memory.cells[w->fakes[1].cell];
	ck_assert_uint_eq(atomic_load(&c->phase), _i == 0 ? PROTO_PHASE_BUILT : PROTO_PHASE_CHANGE);
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_int_ge(world_figure(w, "longest_pause_us"), 300000);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ figures */

START_TEST(figures)
{
	struct world *w = world_new("gg", 2);
	w->fakes[0].busy[0] = 5 * DUR_MS;  /* the last at rest in step 0 */
	w->fakes[1].build[0] = 2 * DUR_MS;
	w->fakes[0].build[0] = 3 * DUR_MS;
	world_start(w);
	world_check(w);
	/* Step 0: worker 1 at rest at 10 us, worker 0 at 5010 us and built 3 ms later. */
	ck_assert_int_ge(world_figure(w, "time_to_rest_us"), 5000);
	ck_assert_int_le(world_figure(w, "time_to_rest_us"), 5100);
	ck_assert_int_ge(world_figure(w, "suspended_us"), 8000);
	ck_assert_int_le(world_figure(w, "suspended_us"), 8200);
	ck_assert_int_eq(world_figure(w, "suspended_us"), world_figure(w, "longest_pause_us"));
	ck_assert_int_eq(world_figure(w, "workers"), 2);
	ck_assert_int_eq(world_figure(w, "steps"), (json_int_t)w->opt.instructions);
	ck_assert_int_eq(world_figure(w, "operation"), 7);
	ck_assert_str_eq(json_string_value(json_object_get(w->result, "from")), "1");
	ck_assert_str_eq(json_string_value(json_object_get(w->result, "to")), "2");
	ck_assert_int_eq(json_array_size(json_object_get(w->result, "path")), 2);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ before the first pause */

/* Whatever the rehearsal or prepare say or do not say: nothing was changed, nobody stood still. */
START_TEST(fails_before_any_pause)
{
	static const struct {
		enum answer rehearse, prepare;
		enum rel_ecode code;
		const char *text, *hint;
	} cases[] = {
	    {ANSWER_NO, ANSWER_OK, REL_E_REHEARSAL_REFUSED, "a/c/2 refused: m0: why", NULL},
	    {ANSWER_LACKS, ANSWER_OK, REL_E_CODE_CHANGE_FAILED, "a/c/2: why", "so"},
	    {ANSWER_OK, ANSWER_LACKS, REL_E_CODE_CHANGE_FAILED, "a/c/2: why",
		"the module or its appup.yaml lacks what the message says: see relworker(3), DIAGNOSTICS"},
	    {ANSWER_CRASHED, ANSWER_OK, REL_E_REHEARSAL_CRASHED, "a/c/2 crashed: m0: why", NULL},
	    {ANSWER_HUNG, ANSWER_OK, REL_E_REHEARSAL_HUNG, "a/c/2 hung: m0: why", NULL},
	    {ANSWER_FORBIDDEN, ANSWER_OK, REL_E_REHEARSAL_FORBIDDEN, "a/c/2 did what it may not: m0: why",
		"a code_change converts memory and reads files; do the rest in rebind or in an event: see "
		"relworker(3)"},
	    {ANSWER_NOMEM, ANSWER_OK, REL_E_NOMEM, "a/c/2: why",
		"free memory and try again; nothing was changed.  `--rehearse auto` goes on without the rehearsal "
		"where memory is short"},
	    {ANSWER_GARBAGE, ANSWER_OK, REL_E_PROTOCOL, "a/c/2 answered", NULL},
	    {ANSWER_MUTE, ANSWER_OK, REL_E_WORKER_SILENT, "a/c/2 does not answer", NULL},
	    {ANSWER_OK, ANSWER_NO, REL_E_BAD_ABI, "a/c/2: why", NULL},
	    {ANSWER_OK, ANSWER_GARBAGE, REL_E_BAD_MODULE, "a/c/2: cannot prepare", NULL},
	    {ANSWER_OK, ANSWER_MUTE, REL_E_WORKER_SILENT, "a/c/2 does not answer", NULL},
	};
	struct world *w = world_new("gl", 9);
	w->fakes[2].rehearse = cases[_i].rehearse;
	w->fakes[2].prepare = cases[_i].prepare;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	ck_assert_int_eq(w->err.code, cases[_i].code);
	ck_assert_msg(strstr(w->err.text, cases[_i].text) != NULL, "%s", w->err.text);
	if (cases[_i].hint != NULL)
		ck_assert_str_eq(rel_err_hint_of(&w->err), cases[_i].hint);
	ck_assert_uint_eq(w->frames[0] + w->frames[1] + w->undos, 0);
	world_free(w);
}
END_TEST

/* What the rehearsal found in time and would not be in time live. */
START_TEST(slower_than_allowed)
{
	struct world *w = world_new("gl", 3);
	w->opt.max_pause = 300 * DUR_MS;
	w->fakes[1].longest_us = 300000 + _i;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_UNCHANGED);
	if (_i == 1) {
		ck_assert_int_eq(w->err.code, REL_E_REHEARSAL_HUNG);
		ck_assert_str_eq(w->err.text,
		    "the rehearsal in a copy of a/c/1: the forecast of the pause is 300ms, so long did its code_change "
		    "take, and the limit is 300ms");
	}
	world_free(w);
}
END_TEST

/* It is told of the rehearsal where none has run, and only there. */
START_TEST(rehearsal_is_no_hint_after_one)
{
	const char *kinds = _i % 2 == 0 ? "gg" : "ww";
	bool never = _i < 4;
	struct world *w = never ? world_unrehearsed(kinds, 2) : world_new(kinds, 2);
	w->fakes[1].act[0][1] = _i % 4 < 2 ? ACT_REFUSE : ACT_HANG;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->err.code, REL_E_CODE_CHANGE_FAILED);
	ck_assert_str_eq(rel_err_hint_of(&w->err), never
		? "correct the module's code_change and build the release anew; `--rehearse auto` finds it "
		  "without harm"
		: "correct the module's code_change and build the release anew");
	world_free(w);
}
END_TEST

/* Starts are held meanwhile: the others are not kept waiting for as long as all of them would need. */
START_TEST(one_of_many_does_not_answer)
{
	struct world *w = world_new("g", 40);
	w->fakes[_i].rehearse = ANSWER_MUTE;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	char text[64];
	snprintf(text, sizeof(text), "a/c/%d does not answer", _i);
	ck_assert_str_eq(w->err.text, text);
	ck_assert_int_le(world_figure(w, "total_us"), (EXEC_MAX_PAUSE + EXEC_REHEARSE_EXTRA + 2 * DUR_S) / 1000);
	world_free(w);
}
END_TEST

START_TEST(unreachable_before_any_pause)
{
	struct world *w = world_new("g", 3);
	w->fakes[1].no_json = true;
	w->opt.rehearse = _i == 0 ? EXEC_REHEARSE_AUTO : EXEC_REHEARSE_NEVER;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	ck_assert_int_eq(w->err.code, REL_E_WORKER_SILENT);
	world_free(w);
}
END_TEST

/* A worker that says `blocked` when it prepares: an outcome of its own, nothing was done. */
START_TEST(blocked)
{
	struct world *w = world_new("g", 2);
	w->fakes[0].prepare = ANSWER_BLOCKED;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_BLOCKED);
	ck_assert_int_eq(w->err.code, REL_E_BLOCKED);
	world_free(w);
}
END_TEST

/* An answer that comes twice, and one to a question nobody asked. */
START_TEST(answers_twice)
{
	struct world *w = world_new("gl", 3);
	w->fakes[0].rehearse = w->fakes[1].prepare = ANSWER_TWICE;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	world_free(w);
}
END_TEST

/* A worker that dies before its bracket runs no old code when it comes back: no failure. */
START_TEST(deaths_before_any_pause)
{
	struct world *w = world_new("gl", 6);
	for (size_t i = 0; i < w->count; i++)
		if (i <= 4 * (size_t)(_i / 2)) { /* one, or all but the last */
			w->fakes[i].rehearse = _i % 2 == 0 ? ANSWER_DIE : ANSWER_OK;
			w->fakes[i].prepare = _i % 2 == 1 ? ANSWER_DIE : ANSWER_OK;
		}
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->fakes[0].starts, 1); /* only after the last bracket: by the new map */
	world_free(w);
}
END_TEST

/* At most EXEC_REHEARSALS serving workers are taxed at once. */
static size_t
rehearsing(const struct world *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->count; i++)
		n += w->fakes[i].prepared != NULL;
	return n;
}

static bool
first_answer(const struct world *w)
{
	return w->answers > 0;
}

START_TEST(rehearsals_are_few_at_once)
{
	struct world *w = world_new("g", 20);
	world_make(w);
	exec_start(w->x);
	ck_assert_uint_eq(rehearsing(w), EXEC_REHEARSALS);
	ck_assert(world_run_until(w, first_answer));
	ck_assert_uint_eq(rehearsing(w), EXEC_REHEARSALS + 1);
	world_run(w);
	world_check(w);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ the end */

/* An outcome that cannot be recorded is told to nobody until it can be. */
START_TEST(journal_end_fails)
{
	struct world *w = world_new("g", 2);
	w->fail_end = 3;
	if (_i == 1)
		w->fakes[0].act[0][0] = ACT_REFUSE;
	if (_i == 2)
		w->fakes[0].rehearse = ANSWER_NO;
	world_start(w);
	world_check(w);
	static const enum exec_outcome outcomes[] = {EXEC_UPGRADED, EXEC_ROLLED_BACK, EXEC_UNCHANGED};
	ck_assert_int_eq(w->outcome, outcomes[_i]);
	ck_assert_uint_eq(w->ends, 4);
	ck_assert(world_logged(w, "the disk is full"));
	ck_assert_ptr_nonnull(strstr(w->phases, "record"));
	world_free(w);
}
END_TEST

static bool
end_failed(const struct world *w)
{
	return w->ends > 0;
}

START_TEST(unrecorded_is_not_finished)
{
	struct world *w = world_new("g", 2);
	w->fail_end = 1;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, end_failed));
	ck_assert_uint_eq(w->dones, 0);
	ck_assert_uint_eq(w->fakes[0].finishes, 0); /* it still can tell of the operation */
	world_run(w);
	world_check(w);
	world_free(w);
}
END_TEST

static bool
first_rests(const struct world *w)
{
	return w->fakes[0].rests > 0;
}

/* Dropped in the middle (relupd is told to stop): nothing leaks, nothing is told. */
START_TEST(freed_in_the_middle)
{
	struct world *w = world_new("gw", 3);
	world_make(w);
	exec_start(w->x);
	static bool (*const stops[])(const struct world *) = {first_answer, first_rests, first_runs_new};
	ck_assert(world_run_until(w, stops[_i]));
	exec_free(&w->x);
	ck_assert_uint_eq(w->dones, 0);
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("exec_run");
	TCase *t = tcase_create("run");
	suite_add_tcase(s, t);
	tcase_add_loop_test(t, good_upgrade, 0, 3);
	tcase_add_loop_test(t, few_of_many, 0, 5);
	tcase_add_test(t, phases_are_told);
	tcase_add_loop_test(t, no_worker, 0, 2);
	tcase_add_test(t, no_step);
	tcase_add_test(t, only_who_is_concerned);
	tcase_add_test(t, words);
	tcase_add_loop_test(t, idle_steps, 0, 2);
	tcase_add_loop_test(t, barrier_group_and_worker, 0, 2);
	tcase_add_test(t, figures);
	tcase_add_loop_test(t, fails_before_any_pause, 0, 12);
	tcase_add_loop_test(t, rehearsal_is_no_hint_after_one, 0, 8);
	tcase_add_loop_test(t, slower_than_allowed, 0, 2);
	tcase_add_loop_test(t, one_of_many_does_not_answer, 0, 9);
	tcase_add_loop_test(t, unreachable_before_any_pause, 0, 2);
	tcase_add_test(t, blocked);
	tcase_add_test(t, answers_twice);
	tcase_add_loop_test(t, deaths_before_any_pause, 0, 4);
	tcase_add_test(t, rehearsals_are_few_at_once);
	tcase_add_loop_test(t, journal_end_fails, 0, 3);
	tcase_add_test(t, unrecorded_is_not_finished);
	tcase_add_loop_test(t, freed_in_the_middle, 0, 3);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
