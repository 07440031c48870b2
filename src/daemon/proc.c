/* SPDX-License-Identifier: Apache-2.0
 * Processes: spawned without fork (posix_spawn), watched by pidfd, named in run/pids.
 *
 * A worker has its own session, no PDEATHSIG and stdio on files, so that it outlives relupd.  Its row
 * in run/pids is written before it is told what it is (the start message): a process that a killed
 * relupd left behind is either known by its row or has no job yet and ends by itself.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/daemon.h"

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

#define LEFT_WAIT (2 * DUR_S) /* between SIGTERM and SIGKILL of all that is nobody's: who waits for
                                 relupd to come back waits 10 s */

struct proc {
	struct daemon *d;
	struct sup_worker *w;
	int pidfd;
	size_t row;                   /* in run/pids; 0: none */
	bool closing;
	uv_poll_t poll;
	uv_timer_t timer;             /* of the worker's state machine */
	unsigned open_handles;
};

extern char **environ;

/* ------------------------------------------------------------------ handles */

static void
handle_closed(uv_handle_t *h)
{
	struct proc *p = h->data;
	if (--p->open_handles > 0)
		return;
	rel_fd_close(&p->pidfd);
	free(p);
}

static void
proc_close(struct proc *p)
{
	if (p->closing)
		return;
	p->closing = true;
	uv_close((uv_handle_t *)&p->timer, handle_closed);
	if (p->pidfd >= 0)
		uv_close((uv_handle_t *)&p->poll, handle_closed);
}

void
proc_free(struct daemon *d, struct sup_worker *w)
{
	(void)d;
	struct proc *p = w->proc;
	w->proc = NULL;
	if (p != NULL)
		proc_close(p);
}

int
proc_fds(pid_t pid)
{
	char path[48];
	int n = 0;
	snprintf(path, sizeof(path), "/proc/%ld/fd", (long)pid);
	DIR *dir = opendir(path);
	const struct dirent *e;
	while (dir != NULL && (e = readdir(dir)) != NULL)
		n += e->d_name[0] != '.';
	if (dir != NULL)
		closedir(dir);
	return n;
}

static struct proc *
proc_of(struct daemon *d, struct sup_worker *w)
{
	if (w->proc != NULL)
		return w->proc;
	struct proc *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return NULL;
	p->d = d;
	p->w = w;
	p->pidfd = -1;
	uv_timer_init(&d->loop, &p->timer);
	p->timer.data = p;
	p->open_handles = 1;
	w->proc = p;
	return p;
}

/* ------------------------------------------------------------------ ends */

/* After the pidfd said so.  A process that is not our child has no exit status for us. */
static struct sup_exit
reap(struct proc *p)
{
	siginfo_t si = {0};
	struct sup_exit e = {0};
	int rc;
	do
		rc = waitid((idtype_t)P_PIDFD, (id_t)p->pidfd, &si, WEXITED);
	while (rc != 0 && errno == EINTR);
	if (rc != 0)
		return e;
	e.known = true;
	if (si.si_code == CLD_EXITED)
		e.code = si.si_status;
	else
		e.signal = si.si_status;
	return e;
}

static void
ended(struct daemon *d, struct sup_worker *w, const struct sup_exit *how)
{
	w->last_exit = *how;
	w->pid = 0; /* before the operation looks who runs */
	op_gone(d, w);
	sup_exited(d->sup, w, how);
}

static void
on_pidfd(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	struct proc *p = h->data;
	struct daemon *d = p->d;
	struct sup_worker *w = p->w;
	wire_drain(d, w); /* what it said before it died counts */
	struct sup_exit how = reap(p);
	uv_poll_stop(&p->poll);
	pids_remove(d->pids, p->row);
	w->proc = NULL;
	proc_close(p);
	ended(d, w, &how);
}

static int
watch(struct proc *p, pid_t pid)
{
	p->pidfd = pidfd_open(pid, 0);
	if (p->pidfd < 0)
		return -1;
	fcntl(p->pidfd, F_SETFD, FD_CLOEXEC);
	int rc = uv_poll_init(&p->d->loop, &p->poll, p->pidfd);
	if (rc != 0) {
		rel_fd_close(&p->pidfd);
		errno = -rc;
		return -1;
	}
	p->poll.data = p;
	p->open_handles++;
	uv_poll_start(&p->poll, UV_READABLE, on_pidfd);
	return 0;
}

static void
record(struct daemon *d, struct proc *p, pid_t pid, uint64_t start_time)
{
	p->row = pids_add(d->pids, p->w->name, pid, start_time);
	if (p->row == 0)
		daemon_log(d, "warning", p->w->name, "cannot write run/pids (%s); if relupd is killed this "
						    "worker is found by its reconnect alone", strerror(errno));
}

int
proc_watch(struct daemon *d, struct sup_worker *w, pid_t pid, uint64_t start_time, size_t row,
    struct rel_err *err)
{
	struct proc *p = proc_of(d, w);
	if (p == NULL)
		return rel_err_nomem(err);
	if (watch(p, pid) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot watch pid %ld", (long)pid);
	p->row = row;
	if (row == 0)
		record(d, p, pid, start_time);
	return 0;
}

/* ------------------------------------------------------------------ spawning */

struct spawn_failed {
	struct daemon *d;
	struct sup_worker *w;
	uv_timer_t later;
};

static int
open_log(struct daemon *d, const struct sup_worker *w)
{
	char name[REL_WORKER_MAX + 8];
	snprintf(name, sizeof(name), "%s.log", w->name);
	for (char *p = name; *p != '\0'; p++)
		if (*p == '/')
			*p = '.';
	return openat(store_log_fd(d->store), name,
	    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
}

static int
set_actions(posix_spawn_file_actions_t *fa, posix_spawnattr_t *at, int log)
{
	sigset_t none, all;
	sigemptyset(&none);
	sigfillset(&all);
	sigdelset(&all, SIGKILL);
	sigdelset(&all, SIGSTOP);
	int rc = posix_spawn_file_actions_addopen(fa, 0, "/dev/null", O_RDONLY, 0);
	rc = rc != 0 ? rc : posix_spawn_file_actions_adddup2(fa, log, 1);
	rc = rc != 0 ? rc : posix_spawn_file_actions_adddup2(fa, log, 2);
	rc = rc != 0 ? rc : posix_spawnattr_setsigmask(at, &none);
	rc = rc != 0 ? rc : posix_spawnattr_setsigdefault(at, &all);
	return rc != 0 ? rc : posix_spawnattr_setflags(at, POSIX_SPAWN_SETSID |
	    POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int
spawn(struct daemon *d, struct sup_worker *w, pid_t *ret)
{
	char program[4200], socket[4200];
	snprintf(program, sizeof(program), "%s/relworker-%s", d->libexec,
	    d->rls->sys->release->runtime);
	snprintf(socket, sizeof(socket), "%s/run/" PROTO_WORKERS_SOCKET, store_root_path(d->store));
	char *argv[] = {program, socket, w->name, NULL};
	CLEANUP(rel_fd_close) int log = open_log(d, w);
	if (log < 0)
		return errno;
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&at);
	int rc = set_actions(&fa, &at, log);
	if (rc == 0)
		rc = posix_spawn(ret, program, &fa, &at, argv, environ);
	posix_spawnattr_destroy(&at);
	posix_spawn_file_actions_destroy(&fa);
	return rc;
}

static void
failed_closed(uv_handle_t *h)
{
	free(h->data);
}

static void
failed_now(uv_timer_t *t)
{
	struct spawn_failed *f = t->data;
	struct daemon *d = f->d;
	struct sup_worker *w = f->w;
	uv_close((uv_handle_t *)t, failed_closed);
	if (d->sup != NULL)
		sup_exited(d->sup, w, &(struct sup_exit){.known = true, .code = 111});
}

/* The machine is inside its spawn op: the failure must come to it as an event of its own. */
static void
fail_later(struct daemon *d, struct sup_worker *w, int sys)
{
	daemon_log(d, "error", w->name, "cannot be spawned: %s", strerror(sys));
	struct spawn_failed *f = calloc(1, sizeof(*f));
	if (f == NULL)
		return; /* the hello timer finds it */
	f->d = d;
	f->w = w;
	uv_timer_init(&d->loop, &f->later);
	f->later.data = f;
	uv_timer_start(&f->later, failed_now, 0, 0);
}

void
proc_spawn(struct daemon *d, struct sup_worker *w)
{
	struct proc *p = proc_of(d, w);
	if (p == NULL) {
		fail_later(d, w, ENOMEM);
		return;
	}
	pid_t pid;
	int rc = spawn(d, w, &pid);
	if (rc != 0) {
		fail_later(d, w, rc);
		return;
	}
	/* What cannot be watched or known again is no worker.  It has no job yet, so nothing is lost. */
	if (rel_process_start(pid, &w->start_time, NULL) != 0 || watch(p, pid) != 0) {
		rc = errno;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		fail_later(d, w, rc);
		return;
	}
	w->pid = pid;
	record(d, p, pid, w->start_time);
}

void
proc_kill(struct daemon *d, struct sup_worker *w, int sig)
{
	struct proc *p = w->proc;
	(void)d;
	if (p != NULL && p->pidfd >= 0)
		pidfd_send_signal(p->pidfd, sig, NULL, 0);
}

/* ------------------------------------------------------------------ the machine's timer */

static void
on_timer(uv_timer_t *t)
{
	struct proc *p = t->data;
	sup_event(p->d->sup, p->w, SUP_EV_TIMER);
}

void
proc_timer(struct daemon *d, struct sup_worker *w, dur_ns_t after)
{
	if (after < 0 && w->proc == NULL)
		return;
	struct proc *p = proc_of(d, w);
	if (p == NULL)
		return;
	uv_timer_stop(&p->timer);
	if (after >= 0)
		uv_timer_start(&p->timer, on_timer, (uint64_t)((after + DUR_MS - 1) / DUR_MS), 0);
}

/* ------------------------------------------------------------------ what is nobody's */

/* -1: it is gone, or it cannot be held; a pid that is another's by now is never signalled. */
static int
hold_left(pid_t pid, uint64_t start_time)
{
	bool lives = false;
	struct rel_err err = REL_ERR_INIT;
	int fd = (int)pidfd_open(pid, 0);
	if (fd >= 0 && (pids_lives(pid, start_time, &lives, &err) != 0 || !lives))
		rel_fd_close(&fd);
	return fd;
}

static int
ask_left(struct daemon *d, const char *worker, pid_t pid, uint64_t start_time, size_t row,
    struct rel_err *err)
{
	(void)row;
	(void)err;
	CLEANUP(rel_fd_close) int fd = hold_left(pid, start_time);
	if (fd >= 0 && pidfd_send_signal(fd, SIGTERM, NULL, 0) == 0)
		daemon_log(d, "warning", worker, "pid %ld is of a start that was interrupted: it is ended", (long)pid);
	return 0;
}

static bool
wait_left(int pidfd, mono_ns_t until)
{
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	for (;;) {
		dur_ns_t left = until - rel_mono_now();
		int n = poll(&p, 1, left > 0 ? (int)(left / DUR_MS) + 1 : 0);
		if (n > 0)
			return true;
		if (n == 0 || errno != EINTR)
			return false;
	}
}

static int
end_left(struct daemon *d, const char *worker, pid_t pid, uint64_t start_time, size_t row,
    struct rel_err *err)
{
	CLEANUP(rel_fd_close) int fd = hold_left(pid, start_time);
	if (fd >= 0 && !wait_left(fd, d->left_until)) {
		pidfd_send_signal(fd, SIGKILL, NULL, 0);
		if (!wait_left(fd, rel_mono_now() + LEFT_WAIT))
			return rel_err_set(err, REL_E_WORKER_SILENT, "%s: pid %ld does not end", worker, (long)pid);
	}
	pids_remove(d->pids, row);
	return 0;
}

int
proc_end_left(struct daemon *d, struct rel_err *err)
{
	/* All are asked before the first is waited for. */
	d->left_until = rel_mono_now() + LEFT_WAIT;
	return pids_each(d->pids, d, ask_left, err) != 0 ? -1 : pids_each(d->pids, d, end_left, err);
}
