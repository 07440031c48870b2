/* SPDX-License-Identifier: Apache-2.0
 * Tasks: threads that run module code turn by turn.
 *
 * A turn pins the generation it runs in, as a hazard pointer: the thread writes the pin and looks again
 * whether that generation is still the current one, and whether turns may begin; the loop changes the one
 * or the other and then reads the pins.  Both in one order for all processors, so that either the thread
 * sees the change and takes its pin back, or the loop sees the pin.  What a pinned generation holds is
 * not unmapped, and a bracket that suspends begins when no task pins anything.  A pin that is to be taken
 * back may name a generation that is freed already: only what stands is looked into, `runs`.
 *
 * Tasks are started, cancelled and joined by the loop; a thread tells the loop what it waits for through
 * the eventfd `news`, and writes it only while somebody waits.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "worker/worker_priv.h"

#define CANCELLED_PAUSE (DUR_MS) /* between the turns of one that does not end: no busy loop */

/* The task whose thread this is; NULL: the loop, or a thread that is none of ours. */
static _Thread_local struct task *self __attribute__((tls_model("initial-exec"))); /* read by signal handlers */

struct task *
worker_task_self(void)
{
	return self;
}

int
worker_tasks_init(struct worker *w, struct rel_err *err)
{
	struct tasks *ts = &w->tasks;
	ts->calls_end = &ts->calls;
	ts->news = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ts->news < 0 || worker_loop_watch(w, ts->news, EPOLLIN, SOURCE_TASKS) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot watch the tasks");
	pthread_mutex_init(&ts->lock, NULL);
	pthread_cond_init(&ts->go, NULL);
	ts->ready = true;
	return 0;
}

void
worker_tasks_fini(struct worker *w)
{
	struct tasks *ts = &w->tasks;
	rel_fd_close(&ts->news);
	if (!ts->ready)
		return;
	pthread_mutex_destroy(&ts->lock);
	pthread_cond_destroy(&ts->go);
}

void
worker_tasks_poke(struct worker *w)
{
	uint64_t one = 1;
	(void)!write(w->tasks.news, &one, sizeof(one)); /* full: it is readable as it is */
}

static void
tell_loop(struct worker *w)
{
	if (atomic_load(&w->tasks.watched))
		worker_tasks_poke(w);
}

/* ------------------------------------------------------------------ turns */
static void
wait_for_go(struct tasks *ts)
{
	pthread_mutex_lock(&ts->lock);
	while (atomic_load(&ts->rest))
		pthread_cond_wait(&ts->go, &ts->lock);
	pthread_mutex_unlock(&ts->lock);
}

static const struct gen *
turn_begin(struct task *t)
{
	struct tasks *ts = &t->w->tasks;
	for (;;) {
		struct gen *g = atomic_load(&ts->gen);
		atomic_fetch_add(&t->turn, 1); /* first: a pin is never taken for that of the turn before */
		atomic_store(&t->since, rel_mono_now());
		atomic_store(&t->pin, g);
		if (!atomic_load(&ts->rest) && atomic_load(&ts->gen) == g) {
			atomic_store_explicit(&t->runs, g, memory_order_release);
			return g;
		}
		atomic_store(&t->pin, NULL);
		tell_loop(t->w);
		wait_for_go(ts);
	}
}

static void
turn_end(struct task *t)
{
	atomic_store_explicit(&t->runs, NULL, memory_order_relaxed);
	atomic_store(&t->pin, NULL);
	tell_loop(t->w);
}

static void *
run(void *arg)
{
	struct task *t = arg;
	const struct timespec pause = {.tv_nsec = CANCELLED_PAUSE};
	_Alignas(16) char stack[FAULT_STACK]; /* at the far end of the thread's own: that of an overflow is the near one */
	bool stacked = worker_fault_stack(stack);
	int rc;
	self = t;
	atomic_store(&t->frames, (uintptr_t)__builtin_frame_address(0));
	atomic_store(&t->tid, (int)syscall(SYS_gettid));
	do {
		const struct slot *s = &turn_begin(t)->slots[t->slot];
		rc = s->fn.task(s->rw, t->state);
		turn_end(t);
		if (rc == RELW_AGAIN && atomic_load(&t->cancelled))
			nanosleep(&pause, NULL);
	} while (rc == RELW_AGAIN);
	if (stacked)
		worker_fault_unstack(stack); /* what runs after this return may run in there */
	t->rc = rc;
	atomic_store(&t->ended, true);
	worker_tasks_poke(t->w); /* to be joined */
	return NULL;
}

/* ------------------------------------------------------------------ start and end (loop) */
static void reap_ended(struct worker *w);

/* A signal for the process is the loop's; what a thread's own fault raises is the thread's. */
static void
block_signals(sigset_t *before)
{
	static const int own[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGABRT};
	sigset_t all;
	sigfillset(&all);
	for (size_t i = 0; i < NELEM(own); i++)
		sigdelset(&all, own[i]);
	pthread_sigmask(SIG_SETMASK, &all, before);
}

static int
start_thread(struct task *t, const char *function)
{
	char name[16];
	sigset_t before;
	block_signals(&before);
	int rc = pthread_create(&t->thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return -rc;
	snprintf(name, sizeof(name), "%s", function);
	pthread_setname_np(t->thread, name);
	return 0;
}

static void
print_label(struct task *t, const char *function)
{
	snprintf(t->label, sizeof(t->label), "%.50s/%jd", function, (intmax_t)t->id);
	for (char *c = t->label; *c != '\0'; c++)
		if (*c < ' ' || *c > '~')
			*c = '?';
}

int64_t
worker_task_start(struct worker *w, const char *module, const char *function, void *state)
{
	struct tasks *ts = &w->tasks;
	uint32_t slot;
	int rc = function != NULL ? worker_slot_find(w, module, function, true, &slot) : -ENOENT;
	if (rc != 0)
		return rc;
	if (ts->count >= WORKER_TASKS)
		reap_ended(w);
	if (ts->count >= WORKER_TASKS)
		return -EAGAIN;
	struct task *t = calloc(1, sizeof(*t));
	if (t == NULL)
		return -ENOMEM;
	t->w = w;
	t->id = ++ts->last_id;
	t->slot = slot;
	t->state = state;
	print_label(t, function);
	atomic_store(&t->wake, -1);
	if (!w->rehearsing && (rc = start_thread(t, function)) != 0) {
		free(t);
		return rc;
	}
	w->slots[slot].used++;
	t->next = ts->list;
	ts->list = t;
	ts->count++;
	return t->id;
}

static void
discard(struct worker *w, struct task *t)
{
	const struct slot_name *n = &w->slots[t->slot];
	int at = worker_gen_index(w->gen, n->module);
	const struct relw_state_type *type =
	    at >= 0 ? worker_state_type(w->gen->table.e[at].obj->table, n->function) : NULL;
	if (type == NULL || type->discard == NULL || t->state == NULL)
		return;
	enum worker_call before = w->call;
	w->call = CALL_DISCARD;
	type->discard(&w->gen->views[at]->pub, t->state);
	w->call = before;
}

static void
reap(struct worker *w, struct task *t)
{
	const struct slot_name *n = &w->slots[t->slot];
	pthread_join(t->thread, NULL);
	if (t->rc < 0)
		worker_log(w, RELW_ERROR, "task %s/%jd of module %s failed: %s", n->function, (intmax_t)t->id,
		    n->module, strerrordesc_np(-t->rc) != NULL ? strerrordesc_np(-t->rc) : "?");
	discard(w, t);
	w->slots[t->slot].used--;
	int wake = atomic_load(&t->wake);
	rel_fd_close(&wake);
	free(t);
}

static void
reap_ended(struct worker *w)
{
	for (struct task **at = &w->tasks.list; *at != NULL;) {
		struct task *t = *at;
		if (!atomic_load(&t->ended)) {
			at = &t->next;
			continue;
		}
		*at = t->next;
		w->tasks.count--;
		reap(w, t);
	}
}

static void
wake(struct task *t)
{
	uint64_t one = 1;
	int fd = atomic_load(&t->wake);
	if (fd >= 0)
		(void)!write(fd, &one, sizeof(one));
}

void
worker_tasks_wake(struct worker *w)
{
	if (w->rehearsing)
		return; /* the copy has no threads but one, and no descriptors */
	for (struct task *t = w->tasks.list; t != NULL; t = t->next)
		wake(t);
}

void
worker_task_cancel(struct task *t)
{
	atomic_store(&t->cancelled, true);
	wake(t);
}

/* Its present turn is to end; the next one is not concerned. */
void
worker_task_ask(struct task *t)
{
	atomic_store(&t->asked, atomic_load(&t->turn));
	wake(t);
}

/* Is it still in the turn that it was asked to end? */
bool
worker_task_stays(const struct task *t)
{
	return atomic_load(&t->pin) != NULL && atomic_load(&t->turn) == atomic_load(&t->asked) &&
	    !atomic_load(&t->ended);
}

/* ------------------------------------------------------------------ rest (loop) */
size_t
worker_tasks_busy(const struct worker *w)
{
	size_t n = 0;
	for (const struct task *t = w->tasks.list; t != NULL; t = t->next)
		n += atomic_load(&t->pin) != NULL;
	return n;
}

bool
worker_tasks_rest(struct worker *w)
{
	struct tasks *ts = &w->tasks;
	if (ts->list == NULL)
		return true;
	if (!atomic_load(&ts->rest)) {
		atomic_store(&ts->rest, true);
		worker_tasks_watch(w);
		worker_tasks_wake(w);
	}
	return worker_tasks_busy(w) == 0;
}

/* Nor does a turn begin now, but nobody waits for those that last. */
void
worker_tasks_hold(struct worker *w)
{
	atomic_store(&w->tasks.rest, true);
}

void
worker_tasks_go(struct worker *w)
{
	struct tasks *ts = &w->tasks;
	if (!atomic_load(&ts->rest))
		return;
	pthread_mutex_lock(&ts->lock);
	atomic_store(&ts->rest, false);
	pthread_cond_broadcast(&ts->go);
	pthread_mutex_unlock(&ts->lock);
}

/* From now on the end of each turn is news, till the loop finds that nobody waits for one. */
void
worker_tasks_watch(struct worker *w)
{
	atomic_store(&w->tasks.watched, true);
}

void
worker_tasks_current(struct worker *w, struct gen *g)
{
	atomic_store(&w->tasks.gen, g);
	worker_tasks_wake(w);
}

/* ------------------------------------------------------------------ calls of tasks to the loop */
static void
answer(struct tasks *ts, struct task_call *c, int rc)
{
	pthread_mutex_lock(&ts->lock);
	c->rc = rc;
	c->answered = true;
	pthread_cond_signal(&c->done);
	pthread_mutex_unlock(&ts->lock);
}

static struct task_call *
take_calls(struct tasks *ts)
{
	pthread_mutex_lock(&ts->lock);
	struct task_call *c = ts->calls;
	ts->calls = NULL;
	ts->calls_end = &ts->calls;
	pthread_mutex_unlock(&ts->lock);
	return c;
}

/* Those that were there: their callers, answered, may call again at once.  Before init() has succeeded and
 * after terminate() there is no state that a function could be handed. */
static void
run_calls(struct worker *w)
{
	for (struct task_call *c = take_calls(&w->tasks), *next; c != NULL; c = next) {
		struct relw_event e = {.type = RELW_EVENT_CALL, .fd = -1, .key = c->key};
		uint32_t slot;
		next = c->next; /* answered, it is gone: it lies on its caller's stack */
		int rc = w->job ? worker_slot_find(w, c->module, c->function, false, &slot) : -ECANCELED;
		if (rc == 0)
			worker_dispatch_slot(w->gen, slot, &e);
		answer(&w->tasks, c, rc);
	}
}

int
worker_task_call(struct task *t, const char *module, const char *function, uint64_t key)
{
	struct tasks *ts = &t->w->tasks;
	struct task_call c = {.module = module, .function = function, .key = key};
	pthread_cond_init(&c.done, NULL);
	pthread_mutex_lock(&ts->lock);
	*ts->calls_end = &c;
	ts->calls_end = &c.next;
	pthread_mutex_unlock(&ts->lock);
	worker_tasks_poke(t->w);
	pthread_mutex_lock(&ts->lock);
	while (!c.answered)
		pthread_cond_wait(&c.done, &ts->lock);
	pthread_mutex_unlock(&ts->lock);
	pthread_cond_destroy(&c.done);
	return c.rc;
}

/* ------------------------------------------------------------------ what a task asks */
int
worker_task_due(const struct task *t)
{
	const struct tasks *ts = &t->w->tasks;
	if (atomic_load(&t->cancelled))
		return RELW_CANCELLED;
	if (atomic_load(&ts->rest) || atomic_load(&ts->gen) != atomic_load(&t->pin))
		return RELW_DUE;
	return atomic_load(&t->asked) == atomic_load(&t->turn) ? RELW_DUE : RELW_NOT_DUE;
}

/* Most tasks wait, some never do: the descriptor is made at the first wait. */
static int
own_wake(struct task *t)
{
	int fd = atomic_load(&t->wake);
	if (fd >= 0)
		return fd;
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (fd < 0)
		return -errno;
	atomic_store(&t->wake, fd);
	return fd;
}

int
worker_task_wait(struct task *t, int fd, uint32_t events, int64_t timeout)
{
	int own = own_wake(t);
	mono_ns_t end = WORKER_NEVER;
	uint64_t n;
	if (own < 0)
		return own;
	if (timeout >= 0 && __builtin_add_overflow(rel_mono_now(), timeout, &end))
		end = WORKER_NEVER;
	for (;;) {
		/* After the descriptor is there and before the wait: who makes it due writes after that. */
		if (worker_task_due(t) != RELW_NOT_DUE)
			return -ECANCELED;
		struct pollfd p[2] = {{.fd = own, .events = POLLIN}, {.fd = fd, .events = (short)events}};
		dur_ns_t left = end != WORKER_NEVER ? end - rel_mono_now() : 0;
		struct timespec ts = {.tv_sec = left / DUR_S, .tv_nsec = left % DUR_S};
		if (left < 0)
			ts = (struct timespec){0};
		int got = ppoll(p, fd >= 0 ? 2 : 1, end != WORKER_NEVER ? &ts : NULL, NULL);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0 && (p[1].revents & POLLNVAL) != 0)
			return -EBADF;
		if (got > 0 && p[0].revents != 0)
			(void)!read(own, &n, sizeof(n)); /* what it was written for is looked at above */
		/* What came after the code changed is for the new code. */
		if (got > 0 && p[1].revents != 0 && worker_task_due(t) == RELW_NOT_DUE)
			return (int)(unsigned short)p[1].revents;
		if (got == 0)
			return 0;
	}
}

/* ------------------------------------------------------------------ news (loop) */
void
worker_tasks_event(struct worker *w)
{
	uint64_t n;
	(void)!read(w->tasks.news, &n, sizeof(n));
	run_calls(w);
	reap_ended(w);
	worker_gen_sweep(w);
	worker_bracket_resume(w);
	worker_rehearse_resume(w);
	worker_ask_look(w);
	/* Who begins to wait sets it before the first look. */
	if (w->retired == NULL && !w->deferred.pending && w->rest_body == NULL && w->asks == NULL)
		atomic_store(&w->tasks.watched, false);
}

/* The worker ends: true where all tasks have. */
bool
worker_tasks_end(struct worker *w, dur_ns_t patience)
{
	mono_ns_t end = rel_mono_now() + patience;
	worker_tasks_go(w);
	for (struct task *t = w->tasks.list; t != NULL; t = t->next)
		worker_task_cancel(t);
	for (;;) {
		run_calls(w);
		reap_ended(w);
		dur_ns_t left = end - rel_mono_now();
		if (w->tasks.list == NULL || left <= 0)
			return w->tasks.list == NULL;
		struct pollfd p = {.fd = w->tasks.news, .events = POLLIN};
		uint64_t n;
		(void)poll(&p, 1, (int)((left + DUR_MS - 1) / DUR_MS));
		(void)!read(w->tasks.news, &n, sizeof(n));
	}
}
