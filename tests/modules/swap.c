/* SPDX-License-Identifier: Apache-2.0
 * Test module "swap", in versions 1 and 2 (SWAP) of one layout: every callback calls swap_first and then
 * swap_second, and looks whether both are of its own version.  The callbacks are made as fast as the loop
 * can: descriptors that are always readable, a timer, and calls from tasks; in between they give the
 * runtime occasions.  Two tasks do the same on their threads: "long" stays in its turn until it is due,
 * "brief" makes a turn of each pair.  What they counted is in a tally that all share.
 * handle_call tells the counts; these must be 0: "mixed", pairs of different versions; "amid", changes of
 * code that found a callback half-way, and changes of state that found a turn.
 */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "swap.h"

#define FDS	 48
#define OCCASION 32	 /* pairs from one in which the runtime is called in between to the next */
#define REST	 4096	 /* pairs from one with a wait in between to the next: most swaps meet the wait */
#define TICK	 1000000 /* ns */

struct tally {
	atomic_int refs;
	atomic_long tasks, mixed, amid;
	atomic_int turns;  /* under way */
	atomic_int sample; /* the first mix: own, first, second as decimal digits */
};

struct state {
	struct tally *tally;
	long callbacks, ticks, calls, switches;
	int last; /* the version that the callback before was of */
	int half; /* of a pair is done */
	int fds[FDS];
	int64_t timer;
};

struct turns {
	struct tally *tally;
	long pairs;
};

static void
tally_unref(struct tally *t)
{
	if (atomic_fetch_sub(&t->refs, 1) == 1)
		free(t);
}

/* ------------------------------------------------------------------ a pair of calls */
static void
judge(struct tally *t, int first, int second)
{
	int none = 0;
	if (first == SWAP && second == SWAP)
		return;
	atomic_fetch_add(&t->mixed, 1);
	atomic_compare_exchange_strong(&t->sample, &none, 100 * SWAP + 10 * (first & 7) + (second & 7));
}

static void
loop_pair(struct relw *rw, struct state *s)
{
	s->half = 1;
	int first = RELW_IMPORT(rw, 0, struct swap)->version(RELW_CALLEE(rw, 0));
	if (s->callbacks % OCCASION == 0) {
		(void)relw_fd_mod(rw, s->fds[0], EPOLLIN);
		(void)relw_timer_del(rw, relw_timer_add(rw, TICK, 0, "tick", 0));
	}
	int second = RELW_IMPORT(rw, 1, struct swap)->version(RELW_CALLEE(rw, 1));
	judge(s->tally, first, second);
	s->half = 0;
	s->callbacks++;
	s->switches += s->last != SWAP;
	s->last = SWAP;
}

static void
task_pair(struct relw *rw, struct turns *t, int64_t wait)
{
	int first = RELW_IMPORT(rw, 0, struct swap)->version(RELW_CALLEE(rw, 0));
	if (++t->pairs % OCCASION == 0)
		(void)relw_task_wait(rw, -1, 0, t->pairs % REST == 0 ? wait : 0);
	int second = RELW_IMPORT(rw, 1, struct swap)->version(RELW_CALLEE(rw, 1));
	judge(t->tally, first, second);
	atomic_fetch_add_explicit(&t->tally->tasks, 1, memory_order_relaxed);
}

/* ------------------------------------------------------------------ callbacks of the loop */
static void
ready(struct relw *rw, void *state, const struct relw_event *event)
{
	(void)event;
	loop_pair(rw, state);
}

static void
tick(struct relw *rw, void *state, const struct relw_event *event)
{
	struct state *s = state;
	(void)event;
	s->ticks++;
	loop_pair(rw, s);
}

static void
called(struct relw *rw, void *state, const struct relw_event *event)
{
	struct state *s = state;
	(void)event;
	s->calls++;
	loop_pair(rw, s);
}

/* ------------------------------------------------------------------ tasks */
static int
turn_long(struct relw *rw, void *state)
{
	struct turns *t = state;
	int due;
	atomic_fetch_add(&t->tally->turns, 1);
	do
		task_pair(rw, t, TICK);
	while ((due = relw_task_due(rw)) == RELW_NOT_DUE);
	/* The loop is in this version or in the next one, and all of it in the same. */
	int rc = due != RELW_CANCELLED ? relw_call(rw, "called", 0) : 0;
	task_pair(rw, t, 0);
	atomic_fetch_sub(&t->tally->turns, 1);
	return rc != 0 ? rc : due == RELW_CANCELLED ? RELW_DONE : RELW_AGAIN;
}

static int
turn_brief(struct relw *rw, void *state)
{
	struct turns *t = state;
	atomic_fetch_add(&t->tally->turns, 1);
	task_pair(rw, t, 0);
	atomic_fetch_sub(&t->tally->turns, 1);
	return relw_task_due(rw) == RELW_CANCELLED ? RELW_DONE : RELW_AGAIN;
}

static void
discard_turns(struct relw *rw, void *part)
{
	struct turns *t = part;
	(void)rw;
	tally_unref(t->tally);
	free(t);
}

static int
start_task(struct relw *rw, const char *function, struct tally *tally)
{
	struct turns *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -1;
	t->tally = tally;
	atomic_fetch_add(&tally->refs, 1);
	if (relw_task_start(rw, function, t) > 0)
		return 0;
	discard_turns(rw, t);
	return -1;
}

/* ------------------------------------------------------------------ the module */
static int
init(struct relw *rw, void **ret_state)
{
	struct state *s = calloc(1, sizeof(*s));
	struct tally *t = calloc(1, sizeof(*t));
	int rc = s == NULL || t == NULL ? -1 : 0;
	if (rc == 0) {
		atomic_store(&t->refs, 1);
		s->tally = t;
		s->last = SWAP;
		s->timer = relw_timer_add(rw, TICK, TICK, "tick", 0);
		for (int i = 0; i < FDS && rc == 0; i++) {
			s->fds[i] = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
			rc = s->fds[i] < 0 ? -1 : relw_fd_add(rw, s->fds[i], EPOLLIN, "ready", 0);
		}
	}
	if (rc != 0 || start_task(rw, "long", t) != 0 || start_task(rw, "brief", t) != 0)
		return relw_refuse(rw, "cannot begin"); /* the process ends: nothing is freed */
	*ret_state = s;
	return 0;
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct state *s = state;
	(void)request;
	loop_pair(rw, s);
	return asprintf(ret_reply,
	    "{\"vsn\":%d,\"loop\":%ld,\"ticks\":%ld,\"calls\":%ld,\"tasks\":%ld,\"switches\":%ld,"
	    "\"mixed\":%ld,\"sample\":%d,\"amid\":%ld}",
	    SWAP, s->callbacks, s->ticks, s->calls, atomic_load(&s->tally->tasks), s->switches,
	    atomic_load(&s->tally->mixed), atomic_load(&s->tally->sample),
	    atomic_load(&s->tally->amid)) < 0 ? -1 : 0;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	struct state *s = malloc(sizeof(*s));
	(void)rw;
	(void)change;
	if (s == NULL)
		return -ENOMEM;
	memcpy(s, old, sizeof(*s));
	if (s->half || atomic_load(&s->tally->turns) != 0)
		atomic_fetch_add(&s->tally->amid, 1);
	*ret_new = s;
	return 0;
}

static void
rebind(struct relw *rw, void *state)
{
	struct state *s = state;
	(void)rw;
	if (s->half)
		atomic_fetch_add(&s->tally->amid, 1);
}

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	struct state *s = state;
	(void)reason;
	for (int i = 0; i < FDS; i++) {
		(void)relw_fd_del(rw, s->fds[i]);
		close(s->fds[i]);
	}
	tally_unref(s->tally);
	free(s);
}

RELW_STATE(state, struct state);
RELW_STATE(long, struct turns);
RELW_STATE(brief, struct turns);
static const struct relw_state_type types[] = {
    {.name = "state", .version = 1, .size = sizeof(struct state)},
    {.name = "long", .version = 1, .size = sizeof(struct turns), .discard = discard_turns},
    {.name = "brief", .version = 1, .size = sizeof(struct turns), .discard = discard_turns},
    {0},
};
static const struct relw_import imports[] = {{"swap_first", "swap/1"}, {"swap_second", "swap/1"}, {0}};
static const struct relw_function functions[] = {
    {.name = "ready", .event = ready},
    {.name = "tick", .event = tick},
    {.name = "called", .event = called},
    {.name = "long", .task = turn_long},
    {.name = "brief", .task = turn_brief},
    {0},
};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("swap", SWAP == 1 ? "1" : "2"),
    .imports = imports,
    .state_types = types,
    .functions = functions,
    .init = init,
    .handle_call = handle_call,
    .code_change = code_change,
    .discard = discard,
    .rebind = rebind,
    .terminate = terminate,
};
