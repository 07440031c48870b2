/* SPDX-License-Identifier: Apache-2.0
 * sup: one worker's machine cell by cell, restarts, and the order of starting and stopping, in a
 * world that only notes what it is asked for.
 */
#include "config.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sup_world.h"

static const struct sup_exit killed = {.known = true, .signal = SIGKILL},
    segv = {.known = true, .signal = SIGSEGV}, normal = {.known = true},
    status3 = {.known = true, .code = 3}, unknown = {0};

/* ------------------------------------------------------------------ exits */

START_TEST(exits)
{
	char buf[64];
	ck_assert(sup_exit_normal(&normal) && !sup_exit_normal(&status3) && !sup_exit_normal(&killed));
	ck_assert(!sup_exit_normal(&unknown) && !sup_exit_fault(&unknown));
	ck_assert(sup_exit_fault(&segv) && !sup_exit_fault(&killed) && !sup_exit_fault(&status3));
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
	for (int sig = 1; sig < 32; sig++) {
		bool is = false;
		for (size_t i = 0; i < NELEM(faults); i++)
			is |= faults[i] == sig;
		struct sup_exit e = {.known = true, .signal = sig};
		ck_assert_int_eq(sup_exit_fault(&e), is);
		e.known = false;
		ck_assert(!sup_exit_fault(&e));
	}
	ck_assert_str_eq(sup_exit_print(&segv, buf, sizeof(buf)), "died of SIGSEGV");
	ck_assert_str_eq(sup_exit_print(&status3, buf, sizeof(buf)), "exited with status 3");
	ck_assert_str_eq(sup_exit_print(&unknown, buf, sizeof(buf)), 
	    "ended (its exit status went to the relupd that started it)");
	ck_assert_str_eq(sup_exit_print(&(struct sup_exit){.known = true, .signal = 99}, buf,
	    sizeof(buf)), "died of SIG?");
}
END_TEST

/* ------------------------------------------------------------------ the table */

/* Brings a worker into a state, by events alone. */
static struct sup_worker *
in_state(struct world *w, enum sup_state state)
{
	struct sup_worker *k = world_add(w, "c", 0, 1);
	if (state == SUP_DOWN)
		return k;
	if (state == SUP_LOST) {
		sup_lost(w->s, k, 77, 5);
		return k;
	}
	if (state == SUP_ENDED)
		k->restart = SUP_TEMPORARY;
	if (state == SUP_KILLED)
		k->shutdown = 0;
	sup_start_all(w->s);
	if (state == SUP_SPAWNED)
		return k;
	sup_event(w->s, k, SUP_EV_HELLO);
	if (state == SUP_STARTING)
		return k;
	sup_event(w->s, k, SUP_EV_READY);
	if (state == SUP_STOPPING || state == SUP_KILLED)
		sup_event(w->s, k, SUP_EV_STOP);
	if (state == SUP_WAITING || state == SUP_ENDED)
		sup_exited(w->s, k, &killed);
	return k;
}

/* What each event leads to; -1: it means nothing there and is passed over. */
static const int next[SUP__STATES][SUP__EVENTS] = {
    /* START        HELLO         READY        EXIT         TIMER        STOP */
    [SUP_DOWN] = {SUP_SPAWNED, -1, -1, -1, -1, -1},
    [SUP_SPAWNED] = {-1, SUP_STARTING, -1, SUP_WAITING, SUP_SPAWNED, SUP_STOPPING},
    [SUP_STARTING] = {-1, -1, SUP_RUNNING, SUP_WAITING, SUP_STARTING, SUP_STOPPING},
    [SUP_RUNNING] = {-1, -1, -1, SUP_WAITING, -1, SUP_STOPPING},
    [SUP_STOPPING] = {-1, -1, -1, SUP_DOWN, SUP_KILLED, -1},
    [SUP_KILLED] = {-1, -1, -1, SUP_DOWN, -1, -1},
    [SUP_WAITING] = {-1, -1, -1, -1, SUP_SPAWNED, SUP_DOWN},
    [SUP_LOST] = {-1, SUP_RUNNING, -1, SUP_WAITING, SUP_LOST, SUP_STOPPING},
    [SUP_ENDED] = {SUP_SPAWNED, -1, -1, -1, -1, -1},
};

START_TEST(every_cell)
{
	enum sup_state state = (enum sup_state)(_i / SUP__EVENTS);
	enum sup_event ev = (enum sup_event)(_i % SUP__EVENTS);
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, state);
	ck_assert_int_eq(k->state, state);
	struct world before = w;
	struct sup_worker was = *k;
	if (ev == SUP_EV_EXIT)
		sup_exited(w.s, k, &killed);
	else
		sup_event(w.s, k, ev);
	int want = next[state][ev];
	ck_assert_msg((int)k->state == (want < 0 ? (int)state : want), "%d × %d → %d", state, ev,
	    k->state);
	if (want < 0) {
		ck_assert_str_eq(w.order, before.order);
		ck_assert(w.timer == before.timer && w.starts == before.starts);
		ck_assert_uint_eq(k->restarts, was.restarts);
	}
	sup_free(&w.s);
}
END_TEST

/* What is shown of each state. */
START_TEST(public_states)
{
	static const char *const names[SUP__STATES] = {[SUP_DOWN] = "stopped", [SUP_SPAWNED] = "starting",
	    [SUP_STARTING] = "starting", [SUP_RUNNING] = "running", [SUP_STOPPING] = "stopped",
	    [SUP_KILLED] = "stopped", [SUP_WAITING] = "starting", [SUP_LOST] = "starting",
	    [SUP_ENDED] = "stopped"};
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, (enum sup_state)_i);
	ck_assert_str_eq(sup_state_public(k), names[_i]);
	ck_assert_int_eq(sup_worker_runs(k), _i == SUP_RUNNING);
	ck_assert_int_eq(sup_all_running(w.s), _i == SUP_RUNNING || _i == SUP_ENDED);
	k->failed = true;
	k->silent = true;
	if (_i == SUP_WAITING || _i == SUP_LOST)
		ck_assert_str_eq(sup_state_public(k), "failed");
	else
		ck_assert_str_eq(sup_state_public(k), names[_i]);
	sup_free(&w.s);
}
END_TEST

/* ------------------------------------------------------------------ one worker's life */

START_TEST(start_in_time)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *k = world_add(&w, "c", 0, 1);
	sup_start_all(w.s);
	ck_assert_int_eq(w.timer, SUP_HELLO_TIMEOUT);
	sup_event(w.s, k, SUP_EV_HELLO);
	ck_assert_uint_eq(w.starts, 1);
	ck_assert_int_eq(w.timer, SUP_READY_TIMEOUT);
	sup_event(w.s, k, SUP_EV_READY);
	ck_assert_int_eq(w.timer, NO_TIMER);
	ck_assert_int_eq(k->ran_from, w.now);
	sup_free(&w.s);
}
END_TEST

/* One that is not ready in time is killed; its end then is a failed start. */
START_TEST(start_too_late)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, _i == 0 ? SUP_SPAWNED : SUP_STARTING);
	world_fire(&w, k);
	ck_assert_int_eq(w.last_signal, SIGKILL);
	ck_assert_uint_eq(w.logs, 1);
	ck_assert_str_ne(k->why, "");
	sup_exited(w.s, k, &killed);
	ck_assert_int_eq(k->state, SUP_WAITING);
	ck_assert_uint_eq(k->restarts, 1);
	sup_free(&w.s);
}
END_TEST

/* A spawn of which nothing came, not even its failure, is not waited for for ever. */
START_TEST(never_spawned)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	w.no_pid = true;
	struct sup_worker *k = in_state(&w, SUP_SPAWNED);
	world_fire(&w, k);
	ck_assert_int_eq(k->state, SUP_WAITING);
	ck_assert_int_eq(k->last_exit.code, 111);
	sup_free(&w.s);
}
END_TEST

START_TEST(restart_types)
{
	static const struct {
		enum sup_restart type;
		const struct sup_exit *how;
		bool again;
	} cases[] = {{SUP_PERMANENT, &normal, true}, {SUP_PERMANENT, &killed, true},
	    {SUP_TRANSIENT, &normal, false}, {SUP_TRANSIENT, &status3, true},
	    {SUP_TRANSIENT, &killed, true}, {SUP_TRANSIENT, &unknown, true},
	    {SUP_TEMPORARY, &normal, false}, {SUP_TEMPORARY, &killed, false}};
	for (int free_of_charge = 0; free_of_charge < 2; free_of_charge++) {
		struct world w;
		world_begin(&w, 1, 5 * DUR_S);
		struct sup_worker *k = in_state(&w, SUP_RUNNING);
		k->restart = cases[_i].type;
		k->restart_free = free_of_charge; /* changes who counts, not who is restarted */
		sup_exited(w.s, k, cases[_i].how);
		ck_assert_int_eq(k->state, cases[_i].again ? SUP_WAITING : SUP_ENDED);
		ck_assert_uint_eq(k->restarts, cases[_i].again);
		ck_assert_int_eq(k->pid, 0);
		sup_free(&w.s);
	}
}
END_TEST

/* ------------------------------------------------------------------ intensity, back-off */

static void
crash(struct world *w, struct sup_worker *k)
{
	sup_exited(w->s, k, &segv);
	ck_assert_int_eq(k->state, SUP_WAITING);
}

static void
crash_and_run(struct world *w, struct sup_worker *k)
{
	crash(w, k);
	world_fire(w, k);
	world_up(w, k);
}

START_TEST(within_the_intensity)
{
	struct world w;
	world_begin(&w, (unsigned)_i, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	for (int n = 0; n < _i; n++) {
		w.now += DUR_MS;
		crash(&w, k);
		ck_assert_int_eq(w.timer, 0);
		ck_assert(!k->failed);
		world_fire(&w, k);
		world_up(&w, k);
	}
	crash(&w, k); /* one more than the intensity */
	ck_assert(k->failed);
	ck_assert_int_eq(w.timer, SUP_BACKOFF_MIN);
	ck_assert_str_eq(sup_state_public(k), "failed");
	sup_free(&w.s);
}
END_TEST

/* The ring forgets: as many restarts, but over a longer time than the period. */
START_TEST(outside_the_period)
{
	struct world w;
	world_begin(&w, 2, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	for (int n = 0; n < 20; n++) {
		w.now += _i == 0 ? 2500 * DUR_MS + 1 : 2500 * DUR_MS;
		crash(&w, k);
		bool over = _i == 1 && n >= 2; /* the third in 5 s exactly */
		ck_assert_int_eq(k->failed, over);
		if (over)
			break;
		world_fire(&w, k);
		world_up(&w, k);
	}
	sup_free(&w.s);
}
END_TEST

/* The clock may have begun a moment ago: what did not happen is no restart at time 0. */
START_TEST(soon_after_boot)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	w.now = 1 * DUR_S;
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	crash(&w, k);
	ck_assert(!k->failed);
	sup_free(&w.s);
}
END_TEST

/* The siblings of a supervisor share its counting; only the one that fails backs off. */
START_TEST(shared_by_siblings)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *a = world_add(&w, "a", 0, 1), *b = world_add(&w, "b", 0, 2);
	sup_start_all(w.s);
	world_up(&w, a);
	world_up(&w, b);
	crash_and_run(&w, a);
	crash(&w, b);
	ck_assert(b->failed && !a->failed);
	ck_assert_int_eq(a->state, SUP_RUNNING);
	sup_free(&w.s);
}
END_TEST

START_TEST(backoff_grows)
{
	struct world w;
	world_begin(&w, 0, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	static const int seconds[] = {1, 2, 4, 8, 16, 32, 60, 60};
	for (size_t i = 0; i < NELEM(seconds); i++) {
		if (_i == 0) {
			crash(&w, k);
		} else { /* it does not even come up again */
			sup_exited(w.s, k, &status3);
			ck_assert_int_eq(k->state, SUP_WAITING);
		}
		ck_assert_int_eq(w.timer, seconds[i] * DUR_S);
		ck_assert(k->failed);
		world_fire(&w, k);
		ck_assert_int_eq(k->state, SUP_SPAWNED);
		if (_i == 0)
			world_up(&w, k);
	}
	sup_free(&w.s);
}
END_TEST

/* Having run longer than the period makes good; having run so once, long ago, does not. */
START_TEST(backoff_reset)
{
	struct world w;
	world_begin(&w, 0, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	for (int i = 0; i < 3; i++)
		crash_and_run(&w, k);
	ck_assert_int_eq(k->backoff, 4 * DUR_S);
	w.now += 5 * DUR_S + 1;
	crash(&w, k);
	ck_assert_int_eq(k->backoff, SUP_BACKOFF_MIN);
	sup_free(&w.s);
	world_begin(&w, 1, 5 * DUR_S);
	k = in_state(&w, SUP_RUNNING);
	w.now += 100 * DUR_S;
	crash(&w, k);
	ck_assert(!k->failed);
	world_fire(&w, k);
	world_up(&w, k);
	ck_assert(!k->failed);
	sup_free(&w.s);
}
END_TEST

/* It ran for long, and since then its init fails: the back-off grows all the same. */
START_TEST(ran_long_ago)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	w.now += 100 * DUR_S;
	static const int seconds[] = {0, 1, 2, 4, 8, 16, 32, 60}; /* also when they are rarer than 2 in 5 s */
	for (size_t i = 0; i < NELEM(seconds); i++) {
		sup_exited(w.s, k, &status3);
		ck_assert_int_eq(w.timer, seconds[i] * DUR_S);
		world_fire(&w, k);
	}
	sup_free(&w.s);
}
END_TEST

/* ------------------------------------------------------------------ by order */

/* What an operation does to a worker is no mark against it, once. */
START_TEST(free_restart)
{
	struct world w;
	world_begin(&w, 0, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	k->restart_free = true;
	crash(&w, k);
	ck_assert_int_eq(w.timer, 0);
	ck_assert(!k->failed && k->node->used == 0);
	ck_assert_uint_eq(k->restarts, 1);
	world_fire(&w, k);
	world_up(&w, k);
	crash(&w, k);
	ck_assert(k->failed);
	sup_free(&w.s);
}
END_TEST

START_TEST(replaced)
{
	static const enum sup_state states[] = {SUP_SPAWNED, SUP_STARTING, SUP_RUNNING, SUP_LOST};
	struct world w;
	world_begin(&w, 0, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, states[_i]);
	k->restart = SUP_TEMPORARY; /* ordered: it comes back whatever it is */
	sup_replace(w.s, k);
	ck_assert_int_eq(w.last_signal, SIGKILL);
	ck_assert(!sup_worker_runs(k)); /* from now on, not only when its end is seen */
	sup_exited(w.s, k, &killed);
	ck_assert_int_eq(k->state, SUP_WAITING);
	ck_assert_int_eq(w.timer, 0);
	world_fire(&w, k);
	world_up(&w, k);
	ck_assert(sup_worker_runs(k));
	sup_exited(w.s, k, &killed);
	ck_assert_int_eq(k->state, SUP_ENDED);
	sup_free(&w.s);
}
END_TEST

/* Between the end of its process and the news of it. */
START_TEST(runs_without_a_process)
{
	struct world w;
	world_begin(&w, 0, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	k->pid = 0;
	ck_assert(!sup_worker_runs(k) && !sup_all_running(w.s));
	sup_free(&w.s);
}
END_TEST

START_TEST(replaced_without_a_process)
{
	struct world w;
	world_begin(&w, 0, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_WAITING);
	sup_replace(w.s, k);
	ck_assert_int_eq(w.last_signal, 0);
	ck_assert(!k->replaced && !k->restart_free);
	sup_free(&w.s);
}
END_TEST

START_TEST(shutdown_ladder)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *k = in_state(&w, SUP_RUNNING);
	static const dur_ns_t given[] = {0, 3 * DUR_S, DUR_INFINITY};
	k->shutdown = given[_i];
	sup_stop_all(w.s);
	ck_assert_int_eq(w.last_signal, _i == 0 ? SIGKILL : SIGTERM);
	ck_assert_int_eq(k->state, _i == 0 ? SUP_KILLED : SUP_STOPPING);
	ck_assert_int_eq(w.timer, _i == 1 ? 3 * DUR_S : NO_TIMER);
	if (_i == 1) {
		world_fire(&w, k);
		ck_assert_int_eq(w.last_signal, SIGKILL);
		ck_assert_int_eq(k->state, SUP_KILLED);
	}
	ck_assert_uint_eq(w.stops, 0);
	sup_exited(w.s, k, &killed);
	ck_assert_int_eq(k->state, SUP_DOWN);
	ck_assert_uint_eq(w.stops, 1);
	ck_assert_uint_eq(w.spawns, 1);
	sup_free(&w.s);
}
END_TEST

/* ------------------------------------------------------------------ all together */

START_TEST(starts_stage_by_stage)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *a0 = world_add(&w, "a", 0, 1), *a1 = world_add(&w, "a", 1, 1), *b = world_add(&w, "b", 0, 2),
			  *c = world_add(&w, "c", 0, 3);
	sup_start_all(w.s);
	ck_assert_str_eq(w.order, "+a/0 +a/1"); /* `count` together */
	world_up(&w, a1);
	ck_assert_str_eq(w.order, "+a/0 +a/1");
	world_up(&w, a0);
	ck_assert_str_eq(w.order, "+a/0 +a/1 +b/0");
	/* One that ran once holds nobody back when it fails again. */
	crash(&w, a0);
	world_up(&w, b);
	ck_assert_str_eq(w.order, "+a/0 +a/1 +b/0 +c/0");
	/* One that is not to run does not either. */
	c->restart = SUP_TEMPORARY;
	struct sup_worker *d = world_add(&w, "d", 0, 4);
	sup_exited(w.s, c, &status3);
	ck_assert_int_eq(d->state, SUP_SPAWNED);
	sup_free(&w.s);
}
END_TEST

START_TEST(stops_in_reverse)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *a = world_add(&w, "a", 0, 1), *b0 = world_add(&w, "b", 0, 2), *b1 = world_add(&w, "b", 1, 2),
			  *c = world_add(&w, "c", 0, 3);
	sup_start_all(w.s);
	world_up(&w, a);
	world_up(&w, b0);
	world_up(&w, b1);
	world_up(&w, c);
	w.order[0] = '\0';
	sup_stop_all(w.s);
	ck_assert_str_eq(w.order, "-c/0");
	sup_exited(w.s, c, &normal);
	ck_assert_str_eq(w.order, "-c/0 -b/1 -b/0"); /* one stage together */
	sup_exited(w.s, b0, &normal);
	ck_assert_str_eq(w.order, "-c/0 -b/1 -b/0");
	sup_exited(w.s, a, &killed); /* dies meanwhile: it does not start again */
	ck_assert_int_eq(a->state, SUP_DOWN);
	ck_assert_uint_eq(w.stops, 0);
	sup_exited(w.s, b1, &normal);
	ck_assert_str_eq(w.order, "-c/0 -b/1 -b/0");
	ck_assert_uint_eq(w.stops, 1);
	sup_free(&w.s);
}
END_TEST

/* Who waits for its restart gets no process while the others are being stopped. */
START_TEST(stops_who_waits)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *a = world_add(&w, "a", 0, 1), *b = world_add(&w, "b", 0, 2);
	sup_start_all(w.s);
	world_up(&w, a);
	world_up(&w, b);
	crash(&w, a);
	sup_stop_all(w.s);
	ck_assert_int_eq(a->state, SUP_DOWN);
	sup_event(w.s, a, SUP_EV_TIMER); /* it was on its way */
	ck_assert_uint_eq(w.spawns, 2);
	sup_exited(w.s, b, &normal);
	ck_assert_uint_eq(w.stops, 1);
	sup_free(&w.s);
}
END_TEST

START_TEST(stops_when_nothing_runs)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	if (_i == 1)
		world_add(&w, "a", 0, 1);
	sup_stop_all(w.s);
	ck_assert_uint_eq(w.stops, 1);
	sup_start_all(w.s);
	ck_assert_uint_eq(w.spawns, 0); /* nobody is wanted any more */
	sup_free(&w.s);
}
END_TEST

/* While starts are held nothing is spawned, by whatever way; then all that fell due is. */
START_TEST(held_starts)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *a = world_add(&w, "a", 0, 1), *b = world_add(&w, "b", 0, 2), *c = world_add(&w, "c", 0, 3);
	sup_hold_starts(w.s, true);
	sup_start_all(w.s);
	ck_assert_uint_eq(w.spawns, 0);
	sup_hold_starts(w.s, false);
	ck_assert_str_eq(w.order, "+a/0");
	world_up(&w, a);
	sup_hold_starts(w.s, true);
	crash(&w, a);
	world_fire(&w, a);
	world_up(&w, b); /* would let stage 3 go */
	ck_assert_str_eq(w.order, "+a/0 +b/0");
	ck_assert(a->state == SUP_WAITING && c->state == SUP_DOWN);
	sup_hold_starts(w.s, false);
	ck_assert_str_eq(w.order, "+a/0 +b/0 +a/0 +c/0");
	sup_hold_starts(w.s, false);
	ck_assert_uint_eq(w.spawns, 4);
	sup_free(&w.s);
}
END_TEST

/* The hold does not shorten a back-off. */
START_TEST(held_but_not_due)
{
	struct world w;
	world_begin(&w, 0, 5 * DUR_S);
	struct sup_worker *a = in_state(&w, SUP_RUNNING);
	crash(&w, a);
	sup_hold_starts(w.s, true);
	sup_hold_starts(w.s, false);
	ck_assert_int_eq(a->state, SUP_WAITING);
	world_fire(&w, a);
	ck_assert_int_eq(a->state, SUP_SPAWNED);
	sup_free(&w.s);
}
END_TEST

/* ------------------------------------------------------------------ of an earlier relupd */

START_TEST(lost_and_found)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *a = world_add(&w, "a", 0, 1), *b = world_add(&w, "b", 0, 2);
	sup_hold_starts(w.s, true);
	sup_lost(w.s, a, 77, 1234);
	ck_assert_int_eq(w.timer, SUP_LOST_TIMEOUT);
	ck_assert(a->pid == 77 && a->start_time == 1234);
	sup_start_all(w.s);
	sup_hold_starts(w.s, false);
	ck_assert_uint_eq(w.spawns, 0); /* it is not doubled, and holds stage 2 */
	sup_event(w.s, a, SUP_EV_HELLO);
	ck_assert_int_eq(a->state, SUP_RUNNING);
	ck_assert_uint_eq(w.starts, 0); /* it has its job */
	ck_assert_int_eq(b->state, SUP_SPAWNED);
	ck_assert_uint_eq(a->restarts, 0);
	sup_free(&w.s);
}
END_TEST

/* Silent: named, neither killed nor doubled; it may still come, or end. */
START_TEST(lost_and_silent)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *a = world_add(&w, "a", 0, 1);
	sup_lost(w.s, a, 77, 1234);
	world_fire(&w, a);
	ck_assert(a->silent && a->state == SUP_LOST);
	ck_assert_uint_eq(w.logs, 1);
	ck_assert_int_eq(w.last_signal, 0);
	sup_start_all(w.s);
	ck_assert_uint_eq(w.spawns, 0);
	if (_i == 0) {
		sup_event(w.s, a, SUP_EV_HELLO);
		ck_assert(!a->silent && a->state == SUP_RUNNING);
	} else {
		sup_exited(w.s, a, &unknown);
		ck_assert_int_eq(a->state, SUP_WAITING);
		ck_assert_str_eq(sup_state_public(a), "starting");
		ck_assert(strstr(a->why, "lives") == NULL && strstr(a->why, "ended") != NULL);
	}
	sup_free(&w.s);
}
END_TEST

/* An upgrade starts again who failed to start, not who had done its work. */
START_TEST(lost_and_ended)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	struct sup_worker *a = world_add(&w, "a", 0, 1);
	a->restart = SUP_TEMPORARY;
	if (_i == 0) {
		sup_lost(w.s, a, 77, 1234);
		sup_start_all(w.s);
	} else {
		sup_start_all(w.s);
	}
	sup_exited(w.s, a, &unknown);
	ck_assert_int_eq(a->state, SUP_ENDED);
	ck_assert_int_eq(sup_worker_fails(a), _i == 1);
	sup_free(&w.s);
}
END_TEST

START_TEST(found_by_name)
{
	struct world w;
	world_begin(&w, 1, 5 * DUR_S);
	ck_assert_ptr_null(sup_find(w.s, "app/a/0"));
	for (unsigned i = 0; i < 1000; i++) {
		char child[16];
		snprintf(child, sizeof(child), "c%u", i / 10);
		world_add(&w, child, i % 10, 1 + i / 10);
	}
	ck_assert_uint_eq(sup_count(w.s), 1000);
	ck_assert_ptr_eq(sup_find(w.s, "app/c57/3"), sup_at(w.s, 573));
	ck_assert_ptr_null(sup_find(w.s, "app/c57/10"));
	ck_assert_ptr_null(sup_find(w.s, ""));
	struct sup_worker *late = world_add(&w, "zz", 0, 200);
	ck_assert_ptr_eq(sup_find(w.s, "app/zz/0"), late);
	sup_free(&w.s);
}
END_TEST

static void
add_life(TCase *t)
{
	tcase_add_test(t, exits);
	tcase_add_loop_test(t, every_cell, 0, SUP__STATES * SUP__EVENTS);
	tcase_add_loop_test(t, public_states, 0, SUP__STATES);
	tcase_add_test(t, start_in_time);
	tcase_add_loop_test(t, start_too_late, 0, 2);
	tcase_add_test(t, never_spawned);
	tcase_add_loop_test(t, restart_types, 0, 8);
	tcase_add_loop_test(t, within_the_intensity, 0, 5);
	tcase_add_loop_test(t, outside_the_period, 0, 2);
	tcase_add_test(t, soon_after_boot);
	tcase_add_test(t, shared_by_siblings);
	tcase_add_loop_test(t, backoff_grows, 0, 2);
	tcase_add_test(t, backoff_reset);
	tcase_add_test(t, ran_long_ago);
	tcase_add_test(t, free_restart);
	tcase_add_loop_test(t, replaced, 0, 4);
	tcase_add_test(t, runs_without_a_process);
	tcase_add_test(t, replaced_without_a_process);
	tcase_add_loop_test(t, shutdown_ladder, 0, 3);
}

static void
add_set(TCase *t)
{
	tcase_add_test(t, starts_stage_by_stage);
	tcase_add_test(t, stops_in_reverse);
	tcase_add_test(t, stops_who_waits);
	tcase_add_loop_test(t, stops_when_nothing_runs, 0, 2);
	tcase_add_test(t, held_starts);
	tcase_add_test(t, held_but_not_due);
	tcase_add_test(t, lost_and_found);
	tcase_add_loop_test(t, lost_and_silent, 0, 2);
	tcase_add_loop_test(t, lost_and_ended, 0, 2);
	tcase_add_test(t, found_by_name);
}

int
main(void)
{
	Suite *s = suite_create("sup");
	TCase *life = tcase_create("life"), *set = tcase_create("set");
	suite_add_tcase(s, life);
	suite_add_tcase(s, set);
	add_life(life);
	add_set(set);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
