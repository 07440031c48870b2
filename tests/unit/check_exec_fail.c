/* SPDX-License-Identifier: Apache-2.0
 * The interpreter when a bracket fails: refusal, crash, death, deadlines, what is taken back and
 * how, what cannot be; and operations of random faults, of which the same things must hold.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec_world.h"

/* ------------------------------------------------------------------ one worker fails in step 1 */

static const struct {
	enum act act;
	enum exec_outcome outcome;
	enum rel_ecode code;          /* REL_OK: a death like any other */
	const char *text;
} single[] = {
    {ACT_REFUSE, EXEC_ROLLED_BACK, REL_E_CODE_CHANGE_FAILED, "a/c/1: refused by script"},
    {ACT_CRASH, EXEC_ROLLED_BACK, REL_E_WORKER_DIED, "a/c/1 died of SIGSEGV inside code_change"},
    {ACT_DIE_CHANGE, EXEC_ROLLED_BACK, REL_E_WORKER_DIED, "a/c/1 died of SIGKILL inside"},
    {ACT_CRASH_REST, EXEC_ROLLED_BACK, REL_E_WORKER_DIED, "a/c/1 died of SIGSEGV at rest"},
    {ACT_DIE_REST, EXEC_UPGRADED, REL_OK, NULL},
    {ACT_DIE_RUNNING, EXEC_UPGRADED, REL_OK, NULL},
    {ACT_CRASH_BUILT, EXEC_ROLLED_BACK, REL_E_WORKER_DIED, "a/c/1 died of SIGSEGV at rest"},
    {ACT_DIE_BUILT, EXEC_UPGRADED, REL_OK, NULL},
    {ACT_HANG, EXEC_ROLLED_BACK, REL_E_CODE_CHANGE_FAILED,
	"a/c/1 did not end its code_change within 1000 ms"},
    {ACT_BUSY, EXEC_ROLLED_BACK, REL_E_SUSPEND_FAILED, "a/c/1 did not come to rest within"},
    {ACT_LEASE, EXEC_ROLLED_BACK, REL_E_GAVE_UP, "a worker gave up"},
    {ACT_MUTE, EXEC_UPGRADED, REL_OK, NULL},
};

static bool
died(enum act a)
{
	return a != ACT_REFUSE && a != ACT_BUSY && a != ACT_LEASE;
}

/* Step 0 was committed by all; what happens in step 1 decides.  The others lose nothing. */
static void
fails_in_step_1(const char *kinds, size_t workers, int i)
{
	struct world *w = world_unrehearsed(kinds, workers);
	w->fakes[1].act[0][1] = single[i].act;
	w->fakes[0].build[1] = DUR_MS; /* the last of the group */
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, single[i].outcome);
	ck_assert_int_eq(w->err.code, single[i].code);
	ck_assert_msg(single[i].text == NULL || strstr(w->err.text, single[i].text) != NULL, "%s",
	    w->err.text);
	ck_assert_uint_eq(w->undos, single[i].outcome == EXEC_ROLLED_BACK);
	if (single[i].outcome == EXEC_UPGRADED) /* a death holds nobody up until a deadline */
		ck_assert_int_le(world_figure(w, "suspended_us"), 50000);
	ck_assert_uint_eq(w->fakes[1].starts, died(single[i].act));
	ck_assert_uint_eq(w->fakes[1].kills,
	    single[i].act == ACT_HANG || single[i].act == ACT_MUTE);
	for (size_t k = 0; k < workers; k++) {
		ck_assert_uint_eq(w->fakes[k].replaces, 0);
		ck_assert_uint_eq(w->fakes[k].starts, k == 1 ? w->fakes[1].starts : 0);
	}
	world_free(w);
}

START_TEST(one_of_a_group_fails)
{
	fails_in_step_1("gg", 2, _i);
	fails_in_step_1("gg", 100, _i);
}
END_TEST

/* The group of a step may be one worker, who sets the word itself. */
static void
fails_alone(const char *kinds, int i, bool alone)
{
	struct world *w = world_unrehearsed(kinds, 2);
	enum act act = single[i].act;
	w->fakes[0].concerned[1] = !alone;
	w->fakes[1].act[0][1] = act;
	world_start(w);
	world_check(w);
	/* It has committed when it waits: to die then is to die after the decision. */
	bool late = act == ACT_CRASH_BUILT || act == ACT_DIE_BUILT;
	ck_assert_int_eq(w->outcome, late ? EXEC_UPGRADED : single[i].outcome);
	if (!late)
		ck_assert_int_eq(w->err.code, single[i].code);
	ck_assert_uint_eq(w->fakes[0].starts, 0);
	world_free(w);
}

START_TEST(self_deciding_worker_fails)
{
	fails_alone("gg", _i, true);
	fails_alone("gw", _i, false);
	fails_alone("ll", _i, false);
}
END_TEST

/* In the first step there is nothing to take back but the step itself. */
START_TEST(fails_in_the_first_step)
{
	struct world *w = world_unrehearsed("g", 3);
	w->fakes[2].act[0][0] = single[_i].act;
	w->fakes[0].build[0] = DUR_MS;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, single[_i].outcome);
	ck_assert_uint_eq(w->frames[1], 0);
	/* Named is who died of it, or was killed for it; not who was killed by somebody else. */
	static const bool named[ACT__COUNT] = {[ACT_CRASH] = true, [ACT_DIE_CHANGE] = true,
	    [ACT_CRASH_REST] = true, [ACT_CRASH_BUILT] = true, [ACT_HANG] = true, [ACT_MUTE] = true};
	ck_assert_uint_eq(json_array_size(json_object_get(w->result, "killed")), named[single[_i].act]);
	world_free(w);
}
END_TEST

/* Barrier worker: some have committed when one fails; only those are taken back. */
START_TEST(barrier_worker_partly_committed)
{
	struct world *w = world_unrehearsed("w", 10);
	w->fakes[7].act[0][0] = single[_i].act;
	world_start(w);
	world_check(w);
	if (single[_i].act == ACT_CRASH_BUILT || single[_i].act == ACT_DIE_BUILT)
		ck_assert_int_eq(w->outcome, EXEC_UPGRADED); /* its word was COMMIT */
	else
		ck_assert_int_eq(w->outcome, single[_i].outcome);
	ck_assert_uint_eq(w->frames[1], w->outcome == EXEC_ROLLED_BACK ? 9 : 0);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ the reason */

/* The one who refused is named, also where another's DONE comes first: all of the group wake as
 * soon as it sets the word, before relupd has read its answer. */
START_TEST(who_refused_is_named)
{
	for (unsigned seed = 1; seed < 60; seed++) {
		struct world *w = world_unrehearsed("g", 5);
		w->seed = seed;
		w->fakes[3].act[0][0] = ACT_REFUSE;
		world_start(w);
		world_check(w);
		ck_assert_msg(strstr(w->err.text, "a/c/3: refused") != NULL, "%s", w->err.text);
		world_free(w);
	}
}
END_TEST

static bool
three_wait(const struct world *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->count; i++)
		n += w->fakes[i].waits;
	return n == 3;
}

static struct proto_frame
frame_of(const struct world *w, size_t i, enum proto_frame_kind kind)
{
	struct proto_frame f = {.magic = PROTO_FRAME_MAGIC, .kind = (uint8_t)kind, .operation = 7,
	    .rest_ns = w->fakes[i].frame.rest_ns, .resumed_ns = w->now};
	return f;
}

START_TEST(done_before_the_reason)
{
	struct world *w = world_unrehearsed("g", 4);
	w->fakes[3].act[0][0] = ACT_HANG;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, three_wait));
	/* Worker 3 refuses: it sets the word; 0 wakes and says DONE before 3's BUILT is read. */
	proto_word_decide(&w->fakes[3].memory.words[w->fakes[3].word[0][0]], PROTO_ABORT);
	w->fakes[0].in_bracket = w->fakes[0].waits = false;
	struct proto_frame f = frame_of(w, 0, PROTO_DONE);
	f.decided = PROTO_ABORT;
	world_frame(w, 0, &f);
	f = frame_of(w, 3, PROTO_BUILT);
	f.code = PROTO_REFUSED;
	snprintf(f.text, sizeof(f.text), "too many");
	world_frame(w, 3, &f);
	f.kind = PROTO_DONE;
	f.decided = PROTO_ABORT;
	w->fakes[3].in_bracket = false;
	world_frame(w, 3, &f);
	world_run(w);
	world_check(w);
	ck_assert_msg(strstr(w->err.text, "a/c/3: too many") != NULL, "%s",
	    w->err.text);
	world_free(w);
}
END_TEST

START_TEST(reasons_without_a_text)
{
	static const struct {
		enum proto_built_code code;
		const char *text;
	} cases[] = {{PROTO_REFUSED, "refused without a reason"}, {PROTO_NO_MEMORY, "out of memory"},
	    {PROTO_NOT_PREPARED, "not prepared"}, {PROTO_NO_CODE_CHANGE, "offers no code_change"}};
	struct world *w = world_unrehearsed("g", 4);
	w->fakes[3].act[0][0] = ACT_HANG;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, three_wait));
	struct proto_frame f = frame_of(w, 3, PROTO_BUILT);
	f.code = (uint8_t)cases[_i].code;
	world_frame(w, 3, &f);
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_msg(strstr(w->err.text, cases[_i].text) != NULL, "%s", w->err.text);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ the way back */

START_TEST(undo_has_the_opposite_extra)
{
	struct world *w = world_unrehearsed("gg", 2);
	w->fakes[0].act[0][1] = ACT_REFUSE;
	world_start(w);
	const json_t *step = json_array_get(json_object_get(w->fakes[0].prepared, "steps"), 0);
	const json_t *c = json_array_get(json_object_get(step, "undo_changes"), 0);
	ck_assert_str_eq(json_string_value(json_object_get(c, "mode")), "down");
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(c, "extra"), "down")), 0);
	c = json_array_get(json_object_get(step, "changes"), 0);
	ck_assert(json_object_get(json_object_get(c, "extra"), "up") != NULL);
	ck_assert_uint_eq(w->frames[1], 2);
	ck_assert_uint_eq(w->fakes[0].rests, 3); /* step 0, step 1, step 0 back */
	world_free(w);
}
END_TEST

/* Without a code_change for the way back those who committed are replaced, and said to be. */
START_TEST(undo_missing_replaces)
{
	struct world *w = world_unrehearsed("xg", 3);
	w->fakes[2].concerned[0] = false;
	w->fakes[0].act[0][1] = ACT_REFUSE;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert(w->fakes[0].replaces == 1 && w->fakes[1].replaces == 1 && w->fakes[2].replaces == 0);
	ck_assert(world_logged(w, "restarted in 1"));
	ck_assert_uint_eq(w->frames[1], 0);
	world_free(w);
}
END_TEST

/* What one worker does on the way back is its own matter: it alone is replaced. */
START_TEST(undo_fails_in_one_worker)
{
	static const enum act acts[] = {ACT_REFUSE, ACT_CRASH, ACT_DIE_CHANGE, ACT_CRASH_REST,
	    ACT_DIE_RUNNING, ACT_HANG, ACT_BUSY, ACT_MUTE, ACT_CRASH_BUILT};
	for (int kind = 0; kind < 3; kind++) {
		struct world *w = world_unrehearsed(kind == 0 ? "gg" : kind == 1 ? "wg" : "lgg", 4);
		if (kind == 2)
			for (size_t i = 0; i < 4; i++)
				w->fakes[i].concerned[2] = i == 0;
		w->fakes[0].act[0][w->steps - 1] = ACT_REFUSE;
		w->fakes[1].act[1][0] = acts[_i];
		world_start(w);
		world_check(w);
		ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
		ck_assert_uint_eq(w->fakes[1].starts, 1);
		for (size_t i = 0; i < 4; i++)
			if (i != 1)
				ck_assert_msg(w->fakes[i].starts == 0, "%s: %s", w->kinds, w->log);
		world_free(w);
	}
}
END_TEST

/* A worker whose lease ends on the way back takes the group's word with it: all are replaced, none
 * is left in the new release. */
START_TEST(undo_given_up)
{
	struct world *w = world_unrehearsed("gg", 3);
	w->fakes[0].act[0][1] = ACT_REFUSE;
	w->fakes[1].act[1][0] = ACT_LEASE;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	world_free(w);
}
END_TEST

static bool
third_runs_new(const struct world *w)
{
	return w->fakes[2].state[0];
}

START_TEST(undo_unreachable)
{
	struct world *w = world_unrehearsed("gg", 3);
	w->fakes[2].concerned[1] = false;
	w->fakes[0].act[0][1] = ACT_REFUSE;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, third_runs_new));
	w->fakes[2].no_frame = true;
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_uint_eq(w->fakes[2].replaces, 1);
	world_free(w);
}
END_TEST

START_TEST(unreachable_in_the_bracket)
{
	struct world *w = world_unrehearsed(_i == 0 ? "gg" : "gw", 3);
	w->fakes[1].no_frame = true;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_int_eq(w->err.code, REL_E_SUSPEND_FAILED);
	world_free(w);
}
END_TEST

static bool
two_reached(const struct world *w)
{
	return w->frames[0] >= 2;
}

/* It died right before: a dead worker runs no old code, and the others change. */
START_TEST(died_before_the_bracket)
{
	struct world *w = world_unrehearsed("g", 3);
	w->fakes[1].no_frame = true;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, two_reached));
	w->fakes[1].alive = false;
	ck_assert(exec_gone(w->x, &w->fakes[1], EXEC_DEATH_OUTSIDE, "died of SIGKILL"));
	w->fakes[1].alive = w->fakes[1].state[0] = true; /* started anew, by the map */
	world_run(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->fakes[0].kills + w->fakes[2].kills, 0);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ renewed connections */
static bool
second_committed(const struct world *w)
{
	return w->fakes[1].state[0];
}

static bool
second_asked(const struct world *w)
{
	return w->fakes[1].prepared != NULL;
}

static bool
bracket_sent(const struct world *w)
{
	return w->frames[0] == 3;
}

/* Its connection broke and stands again; `state`: what it says of step 0, NULL: of no step. */
static bool
reconnect(struct world *w, size_t worker, const char *state)
{
	json_t *o = state != NULL ? json_pack("{s:[{s:i, s:s}]}", "steps", "step", 0, "state", state)
				  : json_pack("{s:[]}", "steps");
	w->fakes[worker].deaf = true;
	bool took_part = exec_reconnected(w->x, &w->fakes[worker], o);
	json_decref(o);
	return took_part;
}

/* The DONE of a worker that decided for itself is lost with its connection: its word stands. */
START_TEST(done_is_lost)
{
	struct world *w = world_unrehearsed("w", 2);
	w->fakes[1].act[0][0] = ACT_MUTE;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, second_committed));
	w->fakes[1].in_bracket = w->fakes[1].waits = false;
	ck_assert(reconnect(w, 1, "committed"));
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->fakes[1].kills, 0);
	world_free(w);
}
END_TEST

/* It is back and has not changed: the group goes back at once, not after its time-out. */
START_TEST(bracket_is_lost)
{
	struct world *w = world_unrehearsed("g", 3);
	w->fakes[1].act[0][0] = ACT_BUSY;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, bracket_sent));
	ck_assert(reconnect(w, 1, NULL));
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_int_eq(w->err.code, REL_E_WORKER_SILENT);
	ck_assert_int_lt(world_figure(w, "total_us"), EXEC_SUSPEND_TIMEOUT / 1000);
	world_free(w);
}
END_TEST

/* What relupd bids in the memory it does not obey any more: the next brackets come as messages. */
START_TEST(deaf_since_it_came_back)
{
	struct world *w = world_unrehearsed("gg", 3);
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, second_committed));
	ck_assert(reconnect(w, 1, "committed"));
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_eq(w->frames[0], 6);
	ck_assert_uint_eq(w->bids, 5);
	world_free(w);
}
END_TEST

/* The kernel takes three messages with descriptors at once: the others follow as these are answered (0), but
 * after a refusal nobody is asked any more (1). */
START_TEST(too_many_on_their_way)
{
	struct world *w = world_unrehearsed("g", 8);
	w->room = 3;
	w->fakes[1].prepare = _i == 0 ? ANSWER_OK : ANSWER_NO;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, _i == 0 ? EXEC_UPGRADED : EXEC_UNCHANGED);
	ck_assert_int_eq(w->err.code, _i == 0 ? REL_OK : REL_E_BAD_ABI);
	for (size_t i = 0; i < 8; i++)
		ck_assert_int_eq(w->fakes[i].prepared != NULL, _i == 0 || i < 4);
	world_free(w);
}
END_TEST

/* Those of others, which we cannot wait for. */
START_TEST(no_room_at_all)
{
	struct world *w = world_unrehearsed("g", 2);
	w->room = w->on_way = 1;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	ck_assert_int_eq(w->err.code, REL_E_WORKER_SILENT);
	ck_assert_str_eq(w->err.text, "a/c/0 cannot be reached: too many descriptors are on their way to others");
	world_free(w);
}
END_TEST

/* Before the first bracket the lost answer ends the operation, and nothing has changed. */
START_TEST(answer_is_lost)
{
	struct world *w = _i == 0 ? world_new("g", 2) : world_unrehearsed("g", 2);
	if (_i == 0)
		w->fakes[1].rehearse = ANSWER_MUTE;
	else
		w->fakes[1].prepare = ANSWER_MUTE;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, second_asked));
	ck_assert(reconnect(w, 1, NULL));
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	ck_assert_int_eq(w->err.code, REL_E_WORKER_SILENT);
	ck_assert_int_lt(world_figure(w, "total_us"), 1000000);
	world_free(w);
}
END_TEST

START_TEST(reconnect_of_another)
{
	struct world *w = world_unrehearsed("g", 2);
	struct fake other = {0};
	world_make(w);
	exec_start(w->x);
	ck_assert(!exec_reconnected(w->x, &other, NULL));
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	world_free(w);
}
END_TEST

/* A relupd that comes next would not know that workers could die of it: so none can. */
START_TEST(begun_not_recorded)
{
	struct world *w = _i == 0 ? world_new("g", 2) : world_unrehearsed("g", 2);
	w->fail_begun = 1;
	w->fakes[0].prepare = ANSWER_DIE_OF_IT;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UNCHANGED);
	ck_assert_int_eq(w->err.code, REL_E_IO);
	ck_assert_str_eq(w->err.text, "that workers load new code cannot be recorded: the disk is full");
	ck_assert_uint_eq(w->fakes[0].starts, 0);
	world_free(w);
}
END_TEST

START_TEST(undo_not_recorded)
{
	struct world *w = world_unrehearsed("gg", 2);
	w->fakes[0].act[0][1] = ACT_REFUSE;
	w->fail_undo = 3;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert(world_logged(w, "that undoing begins cannot be recorded"));
	ck_assert_int_ge(world_figure(w, "total_us"), 3 * EXEC_RECORD_RETRY / 1000);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ deadlines */

/* The first at rest waits max_pause and no longer, however the others come to rest and build. */
START_TEST(group_deadline)
{
	struct world *w = world_unrehearsed("g", 3);
	w->opt.max_pause = 200 * DUR_MS;
	w->fakes[1].busy[0] = 150 * DUR_MS;
	w->fakes[1].build[0] = 150 * DUR_MS; /* within its own deadline */
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_msg(strstr(w->err.text, "a/c/1 did not end its code_change within 200 ms of the first")
	    != NULL, "%s", w->err.text);
	ck_assert_uint_eq(w->fakes[1].kills, 0); /* it is late, not stuck */
	ck_assert_int_ge(world_figure(w, "suspended_us"), 200000);
	world_free(w);
}
END_TEST

/* Of two that hang each is killed at its own deadline, and the slow but healthy one is not. */
START_TEST(killed_at_its_own_deadline)
{
	struct world *w = world_unrehearsed("g", 4);
	w->opt.max_pause = 200 * DUR_MS;
	w->fakes[0].act[0][0] = w->fakes[1].act[0][0] = ACT_HANG;
	w->fakes[1].busy[0] = 50 * DUR_MS;
	w->fakes[2].busy[0] = 190 * DUR_MS;
	w->fakes[2].build[0] = 100 * DUR_MS;
	mono_ns_t began = w->now;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert(w->fakes[0].kills == 1 && w->fakes[1].kills == 1 && w->fakes[2].kills == 0);
	ck_assert_msg(strstr(w->err.text, "a/c/0 did not end") != NULL, "%s", w->err.text);
	ck_assert_int_le(w->now - began, 400 * DUR_MS);
	world_free(w);
}
END_TEST

/* Nobody is at rest yet: the suspend's own time-out counts, from the script. */
START_TEST(suspend_timeout)
{
	struct world *w = world_unrehearsed("g", 2);
	w->fakes[0].act[0][0] = w->fakes[1].act[0][0] = ACT_BUSY;
	world_start(w);
	ck_assert_int_eq(w->err.code, REL_E_SUSPEND_FAILED);
	ck_assert_msg(strstr(w->err.text, "a/c/0 did not come to rest within 5000 ms") != NULL, "%s",
	    w->err.text);
	world_check(w);
	ck_assert_uint_eq(w->fakes[0].starts + w->fakes[1].starts, 0);
	world_free(w);
}
END_TEST

/* Busy for long, but in time: the timer looks again and again and does no harm. */
START_TEST(late_but_in_time)
{
	struct world *w = world_unrehearsed(_i == 0 ? "g" : "w", 2);
	w->opt.max_pause = 100 * DUR_MS;
	w->fakes[0].busy[0] = 4800 * DUR_MS;
	w->fakes[1].busy[0] = _i == 0 ? 4790 * DUR_MS : 0;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_gt(w->jumps, 10);
	ck_assert_int_ge(world_figure(w, "time_to_rest_us"), 4800000);
	world_free(w);
}
END_TEST

/* A worker left out because it never came to rest finds the word later, says so, and goes on; its
 * late words do no harm in the brackets that follow. */
START_TEST(late_frames)
{
	struct world *w = world_unrehearsed("gg", 3);
	w->opt.max_pause = 100 * DUR_MS;
	w->fakes[1].busy[1] = 110 * DUR_MS;
	world_start(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_ROLLED_BACK);
	ck_assert_uint_eq(w->fakes[1].starts, 0);
	ck_assert_uint_eq(w->fakes[1].rests, 2); /* forward and back in step 0 */
	world_free(w);
}
END_TEST

static bool
one_waits(const struct world *w)
{
	return w->fakes[0].waits || w->fakes[1].waits || w->fakes[2].waits;
}

/* Whoever completes the group tells; where none does (its count was spoiled), the cells still show
 * that all have built, and the timer looks there before it gives up. */
START_TEST(nobody_tells)
{
	struct world *w = world_unrehearsed("g", 3);
	world_make(w);
	exec_start(w->x);
	w->fakes[1].build[0] = w->fakes[2].build[0] = DUR_MS;
	ck_assert(world_run_until(w, one_waits));
	atomic_store(&w->fakes[0].memory.words[w->fakes[0].word[0][0]].need, 99);
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_uint_le(w->jumps, 2);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ nonsense */

START_TEST(garbage_frames)
{
	struct world *w = world_unrehearsed("gg", 4);
	w->fakes[3].act[0][0] = ACT_HANG;
	world_make(w);
	exec_start(w->x);
	ck_assert(world_run_until(w, three_wait));
	struct proto_frame f = frame_of(w, 0, PROTO_BUILT), bad;
	world_frame(w, 0, &f); /* twice */
	bad = f;
	bad.operation = 8;
	bad.code = PROTO_REFUSED;
	world_frame(w, 0, &bad);
	bad = f;
	bad.step = 1;
	bad.code = PROTO_REFUSED;
	world_frame(w, 0, &bad);
	bad = f;
	bad.undo = 1;
	bad.code = PROTO_REFUSED;
	world_frame(w, 0, &bad);
	bad = f;
	bad.kind = PROTO_BRACKET;
	world_frame(w, 0, &bad);
	/* Times that cannot be, in the frame and in the cell: no figure of the result. */
	struct proto_cell *c = &w->fakes[0].memory.cells[w->fakes[0].cell];
	atomic_store(&c->rest_ns, INT64_MIN);
	f = frame_of(w, 3, PROTO_DONE);
	f.decided = PROTO_COMMIT;
	f.rest_ns = INT64_MIN;
	f.resumed_ns = INT64_MAX;
	w->fakes[3].in_bracket = false;
	w->fakes[3].state[0] = true;
	world_frame(w, 3, &f); /* it says that it committed: so it did, and is believed */
	world_run(w);
	world_check(w);
	ck_assert_int_eq(w->outcome, EXEC_UPGRADED);
	ck_assert_int_le(world_figure(w, "longest_pause_us"), 1000);
	world_free(w);
}
END_TEST

/* ------------------------------------------------------------------ many at random */

static void
random_faults(struct world *w, unsigned *seed)
{
	for (size_t i = 0; i < w->count; i++) {
		struct fake *f = &w->fakes[i];
		for (size_t s = 0; s < w->steps; s++) {
			f->concerned[s] = rand_r(seed) % 4 != 0;
			f->busy[s] = rand_r(seed) % 3 == 0 ? rand_r(seed) % (700 * DUR_MS) : 0;
			f->build[s] = rand_r(seed) % 3 == 0 ? rand_r(seed) % (700 * DUR_MS) : 0;
			for (int undo = 0; undo < 2; undo++)
				if (rand_r(seed) % 8 == 0)
					f->act[undo][s] = (enum act)(rand_r(seed) % ACT__COUNT);
		}
		if (rand_r(seed) % 20 == 0)
			f->rehearse = (enum answer)(rand_r(seed) % ANSWER__COUNT);
		if (rand_r(seed) % 20 == 0)
			f->prepare = (enum answer)(rand_r(seed) % ANSWER__COUNT);
		f->stays_down = rand_r(seed) % 30 == 0;
		f->no_frame = rand_r(seed) % 40 == 0;
	}
	w->fail_undo = rand_r(seed) % 10 == 0;
	w->fail_end = rand_r(seed) % 10 == 0 ? 2 : 0;
}

/* Whatever happens: one outcome, recorded before it is told, and each worker runs what it says. */
START_TEST(random_operations)
{
	unsigned outcomes[5] = {0};
	for (unsigned n = 1; n <= 1500; n++) {
		unsigned seed = (unsigned)_i * 100000 + n;
		char kinds[WORLD_STEPS + 1] = "";
		size_t steps = 1 + (size_t)rand_r(&seed) % 4;
		for (size_t s = 0; s < steps; s++)
			kinds[s] = "ggwlx"[rand_r(&seed) % 5];
		struct world *w = world_new(kinds, 1 + (size_t)rand_r(&seed) % 5);
		random_faults(w, &seed);
		w->seed = seed | 1;
		world_start(w);
		world_check(w);
		outcomes[w->outcome]++;
		world_free(w);
	}
	ck_assert_uint_gt(outcomes[EXEC_UPGRADED], 50);
	ck_assert_uint_gt(outcomes[EXEC_ROLLED_BACK], 50);
	ck_assert_uint_gt(outcomes[EXEC_UNCHANGED], 20);
	ck_assert_uint_gt(outcomes[EXEC_MIXED], 5);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("exec_fail");
	TCase *t = tcase_create("fail");
	suite_add_tcase(s, t);
	tcase_add_loop_test(t, one_of_a_group_fails, 0, NELEM(single));
	tcase_add_loop_test(t, self_deciding_worker_fails, 0, NELEM(single));
	tcase_add_loop_test(t, fails_in_the_first_step, 0, NELEM(single));
	tcase_add_loop_test(t, barrier_worker_partly_committed, 0, NELEM(single));
	tcase_add_test(t, who_refused_is_named);
	tcase_add_test(t, done_before_the_reason);
	tcase_add_loop_test(t, reasons_without_a_text, 0, 4);
	tcase_add_test(t, undo_has_the_opposite_extra);
	tcase_add_test(t, undo_missing_replaces);
	tcase_add_loop_test(t, undo_fails_in_one_worker, 0, 9);
	tcase_add_test(t, undo_given_up);
	tcase_add_test(t, undo_unreachable);
	tcase_add_loop_test(t, unreachable_in_the_bracket, 0, 2);
	tcase_add_test(t, died_before_the_bracket);
	tcase_add_test(t, done_is_lost);
	tcase_add_test(t, bracket_is_lost);
	tcase_add_test(t, deaf_since_it_came_back);
	tcase_add_loop_test(t, too_many_on_their_way, 0, 2);
	tcase_add_test(t, no_room_at_all);
	tcase_add_loop_test(t, answer_is_lost, 0, 2);
	tcase_add_test(t, reconnect_of_another);
	tcase_add_loop_test(t, begun_not_recorded, 0, 2);
	tcase_add_test(t, undo_not_recorded);
	tcase_add_test(t, group_deadline);
	tcase_add_test(t, killed_at_its_own_deadline);
	tcase_add_test(t, suspend_timeout);
	tcase_add_loop_test(t, late_but_in_time, 0, 2);
	tcase_add_test(t, late_frames);
	tcase_add_test(t, nobody_tells);
	tcase_add_test(t, garbage_frames);
	TCase *r = tcase_create("random");
	tcase_set_timeout(r, 120);
	suite_add_tcase(s, r);
	tcase_add_loop_test(r, random_operations, 0, 4);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
