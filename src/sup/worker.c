/* SPDX-License-Identifier: Apache-2.0
 * The state machine of one worker: a table state × event, one cell one function.  An empty cell is
 * an event that means nothing in that state (a late timer, a second STOP) and is passed over.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "sup/sup_priv.h"

bool
sup_exit_normal(const struct sup_exit *e)
{
	return e->known && e->signal == 0 && e->code == 0;
}

bool
sup_exit_fault(const struct sup_exit *e)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP};
	for (size_t i = 0; e->known && i < NELEM(faults); i++)
		if (e->signal == faults[i])
			return true;
	return false;
}

char *
sup_exit_print(const struct sup_exit *e, char *buf, size_t size)
{
	if (!e->known)
		snprintf(buf, size, "ended (its exit status went to the relupd that started it)");
	else if (e->signal != 0)
		snprintf(buf, size, "died of SIG%s", sigabbrev_np(e->signal) != NULL
		    ? sigabbrev_np(e->signal) : "?");
	else
		snprintf(buf, size, "exited with status %d", e->code);
	return buf;
}

static void
enter(struct sup *s, struct sup_worker *w, enum sup_state state)
{
	w->state = state;
	w->since = rel_wall_now();
	s->ops->changed(s->ctx, w);
}

static void
say(struct sup *s, struct sup_worker *w, const char *level, const char *text)
{
	if (w->why[0] == '\0') /* what went wrong first says more than how it ended */
		rel_text_copy(w->why, sizeof(w->why), text);
	s->ops->log(s->ctx, w, level, text);
}

/* ------------------------------------------------------------------ restarts */

/* Counts a restart; true where the supervisor's intensity is exceeded by it. */
static bool
count_restart(struct sup_node *n, mono_ns_t now)
{
	unsigned size = n->intensity + 1;
	n->times[n->next] = now;
	n->next = (n->next + 1) % size;
	if (n->used < size)
		n->used++;
	/* The ring is full: the slot that comes next holds the oldest of intensity + 1 restarts. */
	return n->used == size && now - n->times[n->next] <= n->period;
}

static bool
to_be_restarted(const struct sup_worker *w)
{
	switch (w->restart) {
	case SUP_PERMANENT:
		return true;
	case SUP_TRANSIENT:
		return !sup_exit_normal(&w->last_exit);
	case SUP_TEMPORARY:
		break;
	}
	return false;
}

static void
spawn(struct sup *s, struct sup_worker *w)
{
	w->due = false;
	w->why[0] = '\0';
	w->ran_from = 0;
	enter(s, w, SUP_SPAWNED);
	s->ops->timer(s->ctx, w, SUP_HELLO_TIMEOUT);
	s->ops->spawn(s->ctx, w);
}

static dur_ns_t
next_backoff(struct sup_worker *w)
{
	w->backoff = w->backoff == 0 ? SUP_BACKOFF_MIN : w->backoff * 2;
	if (w->backoff > SUP_BACKOFF_MAX)
		w->backoff = SUP_BACKOFF_MAX;
	return w->backoff;
}

/* The process is gone and was not told to go. */
static void
restart(struct sup *s, struct sup_worker *w)
{
	mono_ns_t now = s->ops->now(s->ctx);
	bool again = w->replaced || to_be_restarted(w), free_of_charge = w->restart_free;
	w->replaced = w->restart_free = false;
	if (!again) {
		char text[64];
		if (w->why[0] == '\0')
			rel_text_copy(w->why, sizeof(w->why), sup_exit_print(&w->last_exit, text, sizeof(text)));
		enter(s, w, SUP_ENDED);
		sup_advance(s);
		return;
	}
	if (free_of_charge) {
		w->restarts++; /* seen in status, but no mark against the worker */
		enter(s, w, SUP_WAITING);
		s->ops->timer(s->ctx, w, 0);
		return;
	}
	bool ran_long = w->ran_from != 0 && now - w->ran_from > w->node->period;
	if (ran_long)
		w->backoff = 0;
	w->restarts++;
	w->failed = count_restart(w->node, now) || (w->backoff != 0 && !ran_long);
	dur_ns_t delay = w->failed ? next_backoff(w) : 0;
	char text[160], how[64], d[32];
	sup_exit_print(&w->last_exit, how, sizeof(how));
	snprintf(text, sizeof(text), "%s; restart in %s%s", how,
	    delay == 0 ? "0s" : rel_dur_print(delay, d, sizeof(d)),
	    w->failed ? " (too many restarts: backing off)" : "");
	say(s, w, "warning", text);
	enter(s, w, SUP_WAITING);
	s->ops->timer(s->ctx, w, delay);
}

/* ------------------------------------------------------------------ the cells */

static void
start_down(struct sup *s, struct sup_worker *w)
{
	spawn(s, w);
}

static void
hello_spawned(struct sup *s, struct sup_worker *w)
{
	enter(s, w, SUP_STARTING);
	s->ops->timer(s->ctx, w, SUP_READY_TIMEOUT);
	s->ops->send_start(s->ctx, w);
}

static void
hello_lost(struct sup *s, struct sup_worker *w)
{
	s->ops->timer(s->ctx, w, -1);
	w->silent = false;
	w->ran_from = s->ops->now(s->ctx);
	w->ran_once = true;
	enter(s, w, SUP_RUNNING);
	sup_advance(s);
}

static void
ready_starting(struct sup *s, struct sup_worker *w)
{
	s->ops->timer(s->ctx, w, -1);
	w->ran_from = s->ops->now(s->ctx);
	w->ran_once = true;
	w->failed = false;
	enter(s, w, SUP_RUNNING);
	sup_advance(s);
}

static void
exit_unasked(struct sup *s, struct sup_worker *w)
{
	s->ops->timer(s->ctx, w, -1);
	if (!w->stop_wanted) {
		restart(s, w);
		return;
	}
	enter(s, w, SUP_DOWN);
	sup_descend(s);
}

/* That it lives and is silent was the last to be said of it, and is over. */
static void
exit_lost(struct sup *s, struct sup_worker *w)
{
	w->silent = false;
	w->why[0] = '\0';
	exit_unasked(s, w);
}

static void
exit_asked(struct sup *s, struct sup_worker *w)
{
	s->ops->timer(s->ctx, w, -1);
	if (w->replaced && !w->stop_wanted) {
		restart(s, w);
		return;
	}
	enter(s, w, SUP_DOWN);
	sup_descend(s);
}

static void
stop_running(struct sup *s, struct sup_worker *w)
{
	if (w->shutdown == 0) {
		enter(s, w, SUP_KILLED);
		s->ops->kill(s->ctx, w, SIGKILL);
		return;
	}
	enter(s, w, SUP_STOPPING);
	s->ops->timer(s->ctx, w, w->shutdown == DUR_INFINITY ? -1 : w->shutdown);
	s->ops->kill(s->ctx, w, SIGTERM);
}

static void
stop_waiting(struct sup *s, struct sup_worker *w)
{
	s->ops->timer(s->ctx, w, -1);
	enter(s, w, SUP_DOWN);
}

static void
timer_start(struct sup *s, struct sup_worker *w)
{
	say(s, w, "warning", w->state == SUP_SPAWNED ? "did not say hello in time; killed"
						     : "was not ready in time; killed");
	if (w->pid == 0) /* not even its failure to be spawned could be told */
		sup_exited(s, w, &(struct sup_exit){.known = true, .code = 111});
	else
		s->ops->kill(s->ctx, w, SIGKILL);
}

static void
timer_stopping(struct sup *s, struct sup_worker *w)
{
	char text[120], d[32];
	snprintf(text, sizeof(text), "did not end within %s of SIGTERM; killed",
	    rel_dur_print(w->shutdown, d, sizeof(d)));
	say(s, w, "warning", text);
	enter(s, w, SUP_KILLED);
	s->ops->kill(s->ctx, w, SIGKILL);
}

static void
timer_waiting(struct sup *s, struct sup_worker *w)
{
	if (s->hold) {
		w->due = true;
		return;
	}
	spawn(s, w);
}

/* A worker that lives but does not answer is named, never doubled and never killed. */
static void
timer_lost(struct sup *s, struct sup_worker *w)
{
	w->silent = true;
	char text[120];
	snprintf(text, sizeof(text),
	    "pid %ld of an earlier relupd lives but did not reconnect; waiting for it",
	    (long)w->pid);
	say(s, w, "warning", text);
	s->ops->changed(s->ctx, w);
}

typedef void cell(struct sup *, struct sup_worker *);

static cell *const table[SUP__STATES][SUP__EVENTS] = {
    [SUP_DOWN] = {[SUP_EV_START] = start_down},
    [SUP_SPAWNED] = {[SUP_EV_HELLO] = hello_spawned, [SUP_EV_EXIT] = exit_unasked,
        [SUP_EV_TIMER] = timer_start, [SUP_EV_STOP] = stop_running},
    [SUP_STARTING] = {[SUP_EV_READY] = ready_starting, [SUP_EV_EXIT] = exit_unasked,
        [SUP_EV_TIMER] = timer_start, [SUP_EV_STOP] = stop_running},
    [SUP_RUNNING] = {[SUP_EV_EXIT] = exit_unasked, [SUP_EV_STOP] = stop_running},
    [SUP_STOPPING] = {[SUP_EV_EXIT] = exit_asked, [SUP_EV_TIMER] = timer_stopping},
    [SUP_KILLED] = {[SUP_EV_EXIT] = exit_asked},
    [SUP_WAITING] = {[SUP_EV_TIMER] = timer_waiting, [SUP_EV_STOP] = stop_waiting},
    [SUP_LOST] = {[SUP_EV_HELLO] = hello_lost, [SUP_EV_EXIT] = exit_lost,
        [SUP_EV_TIMER] = timer_lost, [SUP_EV_STOP] = stop_running},
    [SUP_ENDED] = {[SUP_EV_START] = start_down},
};

void
sup_event(struct sup *s, struct sup_worker *w, enum sup_event ev)
{
	MUST_OBJ(s, SUP_MAGIC);
	MUST_OBJ(w, SUP_WORKER_MAGIC);
	cell *f = table[w->state][ev];
	if (f != NULL)
		f(s, w);
}

void
sup_exited(struct sup *s, struct sup_worker *w, const struct sup_exit *how)
{
	w->last_exit = *how;
	w->pid = 0;
	sup_event(s, w, SUP_EV_EXIT);
}

void
sup_lost(struct sup *s, struct sup_worker *w, pid_t pid, uint64_t start_time)
{
	MUST(w->state == SUP_DOWN);
	w->pid = pid;
	w->start_time = start_time;
	/* It had its job from an earlier relupd: where it ends, it ended; it did not fail to start. */
	w->ran_from = s->ops->now(s->ctx);
	enter(s, w, SUP_LOST);
	s->ops->timer(s->ctx, w, SUP_LOST_TIMEOUT);
}

void
sup_replace(struct sup *s, struct sup_worker *w)
{
	if (w->pid == 0) { /* the next start takes the map as it is; who waits for it waits no longer */
		w->failed = false;
		w->backoff = 0;
		if (w->state == SUP_ENDED)
			enter(s, w, SUP_WAITING);
		if (w->state == SUP_WAITING)
			s->ops->timer(s->ctx, w, 0);
		return;
	}
	w->restart_free = w->replaced = true;
	s->ops->kill(s->ctx, w, SIGKILL);
}

const char *
sup_state_public(const struct sup_worker *w)
{
	switch (w->state) {
	case SUP_RUNNING:
		return "running";
	case SUP_SPAWNED:
	case SUP_STARTING:
		return "starting";
	case SUP_WAITING:
		return w->failed ? "failed" : "starting";
	case SUP_LOST:
		return w->silent ? "failed" : "starting";
	case SUP_STOPPING:
	case SUP_KILLED:
	case SUP_DOWN:
	case SUP_ENDED:
	case SUP__STATES:
		break;
	}
	return "stopped";
}
