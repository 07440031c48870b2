/* SPDX-License-Identifier: Apache-2.0
 * The loop: epoll over the registrations of module code and the runtime's own descriptors.
 * Between two dispatches no frame of module code is on the stack, so whatever the control socket
 * asks for (a change of code included) is done right where its event is met.  An event belongs to
 * a registration by fd *and* serial: one that was deleted, or deleted and added again, within the
 * same batch is not reached by what happened before.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "worker/worker_priv.h"

#define BATCH	    64
#define INTERNAL    (UINT64_C(1) << 63)
#define SERIAL_MASK 0x7fffffffu
#define TRASH_REST  (20 * DUR_MS)  /* the others of a group resume first: freeing can wait */
#define TRASH_AGE   (100 * DUR_MS) /* a loop that never idles frees old states all the same */
#define TRASH_LOOK  DUR_MS	   /* from one look whether it idles to the next */

int
worker_loop_watch(struct worker *w, int fd, uint32_t events, enum worker_source s)
{
	struct epoll_event ev = {.events = events, .data.u64 = INTERNAL | (uint64_t)s};
	if (epoll_ctl(w->epfd, EPOLL_CTL_ADD, fd, &ev) == 0)
		return 0;
	return errno == EEXIST ? epoll_ctl(w->epfd, EPOLL_CTL_MOD, fd, &ev) : -1;
}

/* By close() alone it would stay in the loop where a process that a module forked has it open, and be ready for
 * ever. */
void
worker_loop_close(struct worker *w, int *fd)
{
	if (*fd >= 0)
		(void)epoll_ctl(w->epfd, EPOLL_CTL_DEL, *fd, NULL);
	rel_fd_close(fd);
}

int
worker_loop_init(struct worker *w, bool sigterm, struct rel_err *err)
{
	sigset_t mask;
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	w->armed = w->purge_at = WORKER_NEVER;
	w->epfd = epoll_create1(EPOLL_CLOEXEC);
	w->timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	w->sigfd = sigterm ? signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
	if (w->epfd < 0 || w->timerfd < 0 || (sigterm && w->sigfd < 0) ||
	    worker_loop_watch(w, w->timerfd, EPOLLIN, SOURCE_TIMER) != 0 ||
	    (sigterm && worker_loop_watch(w, w->sigfd, EPOLLIN, SOURCE_SIGNAL) != 0))
		return rel_err_sys(err, REL_E_IO, errno, "cannot set up the loop");
	return 0;
}

void
worker_loop_fini(struct worker *w)
{
	rel_fd_close(&w->epfd);
	rel_fd_close(&w->timerfd);
	rel_fd_close(&w->sigfd);
	free(w->regs);
	free(w->timers.v);
	free(w->timers.heap);
}

void
worker_loop_stop(struct worker *w, int status, const char *reason)
{
	if (w->stopping)
		return;
	w->stopping = true;
	w->status = status;
	snprintf(w->reason, sizeof(w->reason), "%s", reason);
}

/* ------------------------------------------------------------------ registrations */
struct reg *
worker_reg_get(struct worker *w, int fd)
{
	return fd >= 0 && fd < w->reg_cap && w->regs[fd].used ? &w->regs[fd] : NULL;
}

static int
grow_regs(struct worker *w, int fd)
{
	int cap = w->reg_cap > 0 ? w->reg_cap : 64;
	while (cap <= fd)
		cap *= 2; /* a descriptor is below 2^30: the kernel's own bound */
	struct reg *v = reallocarray(w->regs, (size_t)cap, sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	memset(v + w->reg_cap, 0, (size_t)(cap - w->reg_cap) * sizeof(*v));
	w->regs = v;
	w->reg_cap = cap;
	return 0;
}

/* In a rehearsal the descriptors are gone: the books are kept, the kernel is not asked. */
static int
control(struct worker *w, int op, int fd, uint32_t events)
{
	if (w->rehearsing)
		return 0;
	struct epoll_event ev = {.events = events};
	if (op != EPOLL_CTL_DEL)
		ev.data.u64 = (uint64_t)(w->regs[fd].serial & SERIAL_MASK) << 32 | (uint32_t)fd;
	return epoll_ctl(w->epfd, op, fd, &ev) == 0 ? 0 : -errno;
}

int
worker_reg_add(struct worker *w, int fd, uint32_t events, uint32_t slot, uint64_t key)
{
	if (fd < 0 || fd >= 1 << 30)
		return -EBADF;
	if (worker_reg_get(w, fd) != NULL)
		return -EEXIST;
	if (fd >= w->reg_cap && grow_regs(w, fd) != 0)
		return -ENOMEM;
	struct reg *r = &w->regs[fd];
	r->serial++;
	int rc = control(w, EPOLL_CTL_ADD, fd, events);
	if (rc != 0)
		return rc;
	*r = (struct reg){
	    .key = key, .slot = slot, .events = events, .serial = r->serial, .used = true};
	w->slots[slot].used++;
	return 0;
}

int
worker_reg_mod(struct worker *w, int fd, uint32_t events)
{
	struct reg *r = worker_reg_get(w, fd);
	if (r == NULL)
		return -ENOENT;
	int rc = control(w, EPOLL_CTL_MOD, fd, events);
	if (rc == 0)
		r->events = events;
	return rc;
}

int
worker_reg_del(struct worker *w, int fd)
{
	struct reg *r = worker_reg_get(w, fd);
	if (r == NULL)
		return -ENOENT;
	r->used = false;
	w->slots[r->slot].used--;
	/* Closed too early by the module: the kernel has forgotten it already. */
	(void)control(w, EPOLL_CTL_DEL, fd, 0);
	return 0;
}

static void
dispatch_fd(struct worker *w, const struct epoll_event *ev)
{
	int fd = (int)(ev->data.u64 & 0xffffffffu);
	const struct reg *r = worker_reg_get(w, fd);
	if (r == NULL || (r->serial & SERIAL_MASK) != ev->data.u64 >> 32)
		return;
	/* Changed within this batch: what is no longer asked for is not told. */
	uint32_t events = ev->events & (r->events | EPOLLERR | EPOLLHUP);
	if (events == 0)
		return;
	struct relw_event e = {.type = RELW_EVENT_FD, .fd = fd, .events = events, .key = r->key};
	worker_dispatch_slot(w->gen, r->slot, &e);
}

/* ------------------------------------------------------------------ the runtime's own */
static void
on_timer(struct worker *w)
{
	uint64_t n;
	if (read(w->timerfd, &n, sizeof(n)) < 0 && errno == EAGAIN)
		return;
	w->armed = WORKER_NEVER;
	mono_ns_t now = rel_mono_now();
	worker_link_tick(w, now);
	worker_bracket_tick(w, now);
	worker_purge_tick(w, now);
	worker_ask_look(w);
	worker_rehearse_tick(w, now);
	worker_words_tick(w, now);
	worker_timer_run(w);
}

static void
on_signal(struct worker *w)
{
	struct signalfd_siginfo si;
	if (read(w->sigfd, &si, sizeof(si)) == sizeof(si))
		worker_loop_stop(w, 0, "shutdown");
}

static void
handle(struct worker *w, const struct epoll_event *ev)
{
	if ((ev->data.u64 & INTERNAL) == 0) {
		dispatch_fd(w, ev);
		return;
	}
	switch ((enum worker_source)(ev->data.u64 & ~INTERNAL)) {
	case SOURCE_LINK:
		worker_link_event(w, ev->events);
		break;
	case SOURCE_TIMER:
		on_timer(w);
		break;
	case SOURCE_SIGNAL:
		on_signal(w);
		break;
	case SOURCE_LOADED:
		worker_prepare_loaded(w);
		break;
	case SOURCE_BEGIN:
		worker_bracket_bidden(w);
		break;
	case SOURCE_WORDS:
		worker_words_read(w);
		break;
	case SOURCE_REHEARSAL:
		worker_rehearse_read(w);
		break;
	case SOURCE_CHILD:
		worker_rehearse_reap(w);
		break;
	case SOURCE_TASKS:
		worker_tasks_event(w);
		break;
	case SOURCE_WAKE:
		worker_bracket_resume(w);
		break;
	}
}

/* When to look at what was replaced: at once where there is more of it and the worker idles, else a
 * little later, so that a busy one is not asked at every turn. */
static mono_ns_t
trash_due(const struct worker *w, bool idle)
{
	if (w->trash.gen == NULL)
		return WORKER_NEVER;
	mono_ns_t rested = w->trash.since + TRASH_REST;
	mono_ns_t later = idle ? 0 : rel_mono_now() + TRASH_LOOK;
	return rested > later ? rested : later;
}

static void
free_replaced(struct worker *w, bool idle)
{
	if (w->trash.gen == NULL || w->stopping)
		return;
	dur_ns_t age = rel_mono_now() - w->trash.since;
	if (idle ? age >= TRASH_REST : age > TRASH_AGE)
		worker_trash_step(w);
}

/* The timer descriptor is set only when something is due earlier than it is set to.  Whatever there is
 * to do later must be seen here: the loop that waits may be the host's, which knows the descriptor alone. */
void
worker_loop_arm(struct worker *w, bool idle)
{
	mono_ns_t at = worker_timer_next(w), trash = trash_due(w, idle);
	if (w->link.sock < 0 && w->link.retry_at < at)
		at = w->link.retry_at;
	if (w->rehearsal != NULL && w->rehearsal->deadline < at)
		at = w->rehearsal->deadline;
	if (w->look.pid != 0 && w->look.deadline < at)
		at = w->look.deadline;
	if (w->rest_body != NULL && w->rest_by < at)
		at = w->rest_by;
	if (w->purge_at < at)
		at = w->purge_at;
	if (w->asks != NULL && worker_ask_next(w) < at)
		at = worker_ask_next(w);
	if (w->deferred.pending && !w->deferred.told && w->deferred.tell_at < at)
		at = w->deferred.tell_at;
	if (trash < at)
		at = trash;
	if (w->stopping)
		at = 0; /* its end is to be told */
	if (at >= w->armed)
		return;
	w->armed = at;
	if (at < 1)
		at = 1; /* 0 would disarm it */
	struct itimerspec its = {.it_value = {.tv_sec = at / DUR_S, .tv_nsec = at % DUR_S}};
	if (timerfd_settime(w->timerfd, TFD_TIMER_ABSTIME, &its, NULL) == 0)
		return;
	worker_log(w, RELW_ERROR, "cannot set the runtime's timer: %s; a module has closed descriptors that it did not open",
	    strerror(errno));
	abort();
}

int
worker_loop_turn(struct worker *w, int timeout)
{
	struct epoll_event ev[BATCH];
	bool idle = true; /* nothing but the clock called */
	int n = epoll_wait(w->epfd, ev, BATCH, timeout);
	if (n < 0 && errno != EINTR)
		return -errno;
	for (int i = 0; i < n && !w->stopping; i++) {
		if (ev[i].data.u64 != (INTERNAL | SOURCE_TIMER))
			idle = false;
		handle(w, &ev[i]);
	}
	free_replaced(w, idle);
	worker_loop_arm(w, idle);
	return 0;
}
