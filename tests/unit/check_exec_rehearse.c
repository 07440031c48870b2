/* SPDX-License-Identifier: Apache-2.0
 * The interpreter's rehearsal: what is skipped, the forecast, and a rehearsal that is all that is asked for.
 */
#include "config.h"

#include <check.h>
#include <string.h>

#include "exec_world.h"

static struct world *
only(const char *kinds, size_t workers)
{
	struct world *w = world_new(kinds, workers);
	w->opt.rehearse_only = true;
	return w;
}

static const json_t *
entry(const struct world *w, size_t i)
{
	return json_array_get(json_object_get(w->result, "workers"), i);
}

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static const json_t *
entry_of(const struct world *w, const char *worker)
{
	for (size_t i = 0; entry(w, i) != NULL; i++)
		if (strcmp(text_of(entry(w, i), "worker"), worker) == 0)
			return entry(w, i);
	ck_abort_msg("nothing of %s: %s", worker, json_dumps(w->result, 0));
}

/* Nothing was changed, nothing was recorded, nobody waits any more. */
static void
check_only(const struct world *w)
{
	ck_assert_uint_eq(w->dones, 1);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	ck_assert_str_eq(text_of(w->result, "outcome"), "unchanged");
	ck_assert_str_eq(w->phases, "rehearse");
	ck_assert(!w->hold && !w->begun && !w->brackets);
	for (size_t i = 0; i < w->count; i++)
		ck_assert_uint_eq(w->fakes[i].rests + w->fakes[i].kills + w->fakes[i].replaces, 0);
}

START_TEST(rehearsal_alone_changes_nothing)
{
	struct world *w = only("gw", 7);
	for (size_t i = 0; i < w->count; i++)
		w->fakes[i].longest_us = 100 * (json_int_t)((i + 3) % 7);
	world_start(w);
	check_only(w);
	ck_assert(json_is_null(json_object_get(w->result, "error")));
	ck_assert_uint_eq(json_array_size(json_object_get(w->result, "workers")), 7);
	for (size_t i = 0; i < w->count; i++) {
		const json_t *o = entry_of(w, w->fakes[i].name);
		ck_assert_str_eq(text_of(o, "result"), "ok");
		ck_assert_int_eq(json_integer_value(json_object_get(o, "longest_us")), w->fakes[i].longest_us);
		ck_assert_ptr_null(json_object_get(o, "code"));
		ck_assert_uint_eq(w->fakes[i].finishes, 1);
	}
	ck_assert_int_eq(world_figure(w, "forecast_us"), 600);
	world_free(w);
}
END_TEST

/* The others are asked all the same: 9 are more than run at once. */
START_TEST(rehearsal_alone_asks_all)
{
	static const struct {
		enum answer answer;
		const char *result, *code, *text;
	} cases[] = {
	    {ANSWER_NO, "refused", "rehearsal_refused", "why"},
	    {ANSWER_LACKS, "refused", "code_change_failed", "why"},
	    {ANSWER_CRASHED, "crashed", "rehearsal_crashed", "why"},
	    {ANSWER_HUNG, "hung", "rehearsal_hung", "why"},
	    {ANSWER_FORBIDDEN, "forbidden", "rehearsal_forbidden", "why"},
	    {ANSWER_SKIPPED, "skipped", "", "why"},
	    {ANSWER_DIE, "gone", "", "it ended meanwhile: it "},
	    {ANSWER_GARBAGE, "refused", "protocol_error", "a/c/1 answered the rehearsal with nonsense"},
	};
	struct world *w = only("g", 9);
	w->fakes[1].rehearse = cases[_i].answer;
	world_start(w);
	ck_assert_uint_eq(json_array_size(json_object_get(w->result, "workers")), 9);
	const json_t *o = entry_of(w, "a/c/1");
	ck_assert_str_eq(text_of(o, "result"), cases[_i].result);
	ck_assert_str_eq(text_of(o, "code"), cases[_i].code);
	ck_assert_int_eq(strncmp(text_of(o, "text"), cases[_i].text, strlen(cases[_i].text)), 0);
	for (size_t i = 0; i < w->count; i++)
		if (i != 1)
			ck_assert_str_eq(text_of(entry_of(w, w->fakes[i].name), "result"), "ok");
	ck_assert(json_is_null(json_object_get(w->result, "error")));
	/* Of one that is gone there is no pause to foretell. */
	ck_assert_int_eq(json_is_null(json_object_get(w->result, "forecast_us")), cases[_i].answer != ANSWER_DIE);
	world_free(w);
}
END_TEST

START_TEST(rehearsal_alone_names_the_slow)
{
	struct world *w = only("g", 3);
	w->opt.max_pause = 300 * DUR_MS;
	w->fakes[2].longest_us = 300001;
	world_start(w);
	check_only(w);
	const json_t *o = entry_of(w, "a/c/2");
	ck_assert_str_eq(text_of(o, "result"), "hung");
	ck_assert_str_eq(text_of(o, "code"), "rehearsal_hung");
	ck_assert_ptr_nonnull(strstr(text_of(o, "text"), "the limit is 300ms"));
	ck_assert_str_eq(text_of(o, "hint"), "allow a longer pause with --max-pause, or make it faster");
	ck_assert_int_eq(world_figure(w, "forecast_us"), 300001);
	world_free(w);
}
END_TEST

START_TEST(rehearsal_alone_of_one_that_is_silent)
{
	struct world *w = only("g", 3);
	w->fakes[1].rehearse = ANSWER_MUTE;
	world_start(w);
	check_only(w);
	ck_assert_str_eq(text_of(json_object_get(w->result, "error"), "code"), "worker_silent");
	world_free(w);
}
END_TEST

START_TEST(rehearsal_alone_where_nobody_runs)
{
	struct world *w = only("g", 2);
	for (size_t i = 0; i < 2; i++) {
		w->fakes[i].down = true;
		w->fakes[i].alive = false;
	}
	world_start(w);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	ck_assert_uint_eq(json_array_size(json_object_get(w->result, "workers")), 0);
	ck_assert(json_is_null(json_object_get(w->result, "forecast_us")));
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ before an upgrade */

START_TEST(skipped_for_want_of_memory)
{
	struct world *w = world_new("g", 3);
	w->opt.rehearse = _i == 0 ? EXEC_REHEARSE_AUTO : EXEC_REHEARSE_ALWAYS;
	w->fakes[1].rehearse = ANSWER_SKIPPED;
	world_make(w);
	exec_start(w->x);
	ck_assert_int_eq(json_is_true(json_object_get(w->fakes[0].prepared, "always")), _i);
	world_run(w);
	world_check(w);
	ck_assert(json_is_null(json_object_get(w->result, "forecast_us")));
	if (_i == 0) {
		ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
		ck_assert_str_eq(w->phases, "rehearse rehearse prepare bracket");
		ck_assert_uint_eq(json_array_size(w->warnings), 1);
		ck_assert_str_eq(json_string_value(json_array_get(w->warnings, 0)),
		    "a/c/1 is not rehearsed: why");
		ck_assert(world_logged(w, "warning: a/c/1 is not rehearsed: why"));
	} else {
		ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
		ck_assert_int_eq(w->err.code, REL_E_NOMEM);
		ck_assert_str_eq(w->err.text, "a/c/1: why");
		ck_assert_uint_eq(json_array_size(w->warnings), 0);
	}
	world_free(w);
}
END_TEST

START_TEST(forecast_stands_beside_the_pause)
{
	struct world *w = _i == 0 ? world_new("gw", 3) : world_unrehearsed("gw", 3);
	w->fakes[0].longest_us = 7;
	w->fakes[1].longest_us = 1234;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_int_eq(json_is_null(json_object_get(w->result, "forecast_us")), _i);
	ck_assert_int_eq(world_figure(w, "forecast_us"), _i == 0 ? 1234 : 0);
	ck_assert_uint_eq(json_array_size(w->rehearsals), _i == 0 ? 3 : 0);
	world_free(w);
}
END_TEST

/* Where it happened is told to whoever can name the function. */
START_TEST(failed_rehearsal_is_in_the_result)
{
	struct world *w = world_new("g", 3);
	w->fakes[1].rehearse = ANSWER_CRASHED;
	world_start(w);
	world_check(w);
	const json_t *list = json_object_get(w->result, "rehearsal");
	ck_assert_uint_eq(json_array_size(list), 1);
	ck_assert_str_eq(text_of(json_array_get(list, 0), "worker"), "a/c/1");
	ck_assert_str_eq(text_of(json_object_get(json_array_get(list, 0), "at"), "digest"), "d0");
	ck_assert(json_is_null(json_object_get(w->result, "forecast_us")));
	world_free(w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("exec_rehearse");
	TCase *t = tcase_create("rehearse");
	tcase_add_test(t, rehearsal_alone_changes_nothing);
	tcase_add_loop_test(t, rehearsal_alone_asks_all, 0, 8);
	tcase_add_test(t, rehearsal_alone_names_the_slow);
	tcase_add_test(t, rehearsal_alone_of_one_that_is_silent);
	tcase_add_test(t, rehearsal_alone_where_nobody_runs);
	tcase_add_loop_test(t, skipped_for_want_of_memory, 0, 2);
	tcase_add_loop_test(t, forecast_stands_beside_the_pause, 0, 2);
	tcase_add_test(t, failed_rehearsal_is_in_the_result);
	suite_add_tcase(s, t);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
