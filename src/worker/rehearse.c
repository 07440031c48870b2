/* SPDX-License-Identifier: Apache-2.0
 * Rehearsal: the worker forks at the top of its loop, the copy opens the new code and makes every
 * step on the real state, cut off from all descriptors.  The worker stands still for the fork
 * alone; what the copy finds out comes back over a pipe as a record, and its end over a pidfd.  Whose code
 * it runs stands in memory that both share: that is all that is known of a copy that crashed or hung.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/worker_priv.h"

/* Below PIPE_BUF: a record arrives whole or not at all. */
struct record {
	bool ok;
	int code;     /* enum rel_ecode of the failure: the same build reads it */
	int64_t change_us, longest_us; /* building the states of all steps; of one */
	char module[64];
	char text[PROTO_FRAME_TEXT];
	char hint[256]; /* "": what the code tells */
};

/* ------------------------------------------------------------------ the copy */
#define CHILD_PIPE 3

static void
tell_module(void *arg, const char *module)
{
	struct stage *stage = arg;
	unsigned next = (atomic_load(&stage->at) & 1) ^ 1;
	snprintf(stage->names[next], sizeof(stage->names[next]), "%s", module);
	atomic_store(&stage->at, next);
}

/* The worker reads what a copy left that went wrong: anything may stand there. */
static void
copy_module(struct stage *stage, char *to, size_t size)
{
	const char *name = stage->names[atomic_load(&stage->at) & 1];
	snprintf(to, size, "%.*s", (int)sizeof(stage->names[0]) - 1, name);
}

static void
cut_off(struct worker *w, pid_t parent, int pipe)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL); /* a crash must look like one, whatever the host catches */
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (pipe != CHILD_PIPE && dup2(pipe, CHILD_PIPE) < 0)
		_exit(1);
	close_range(0, CHILD_PIPE - 1, 0);
	close_range(CHILD_PIPE + 1, ~0u, 0);
	w->rehearsing = true;
	worker_trash_flush(w);
	w->link.sock = -1;
}

/* What the real worker does before the decision, and what it does after it. */
static enum proto_built_code
build(struct txn *t)
{
	enum proto_built_code code = worker_txn_build(t);
	return code == PROTO_OK ? worker_txn_in_place(t) : code;
}

static int
make_steps(struct worker *w, struct op *op, struct stage *stage, struct record *r, struct rel_err *err)
{
	for (size_t i = 0; i < op->step_count; i++) {
		const struct step *s = &op->steps[i];
		struct txn t = {.w = w,
		    .from = s->before,
		    .to = s->after,
		    .changes = &s->changes,
		    .progress = tell_module,
		    .progress_arg = stage,
		    .rehearsal = true};
		tell_module(stage, s->after->table.e[0].obj->module);
		mono_ns_t begin = rel_mono_now();
		enum proto_built_code code = build(&t);
		int64_t built_us = (rel_mono_now() - begin) / 1000;
		r->longest_us = built_us > r->longest_us ? built_us : r->longest_us;
		if (code != PROTO_OK) {
			snprintf(r->module, sizeof(r->module), "%s", t.fail.module);
			return worker_fail_err(&t.fail, REL_E_REHEARSAL_REFUSED, err);
		}
		worker_txn_commit(&t);
		r->change_us += (rel_mono_now() - begin) / 1000;
		worker_trash_flush(w);
	}
	return 0;
}

static void
rehearse_child(struct worker *w, json_t *body, struct stage *stage)
{
	struct rel_err err = REL_ERR_INIT;
	struct record r = {0};
	struct op *op;
	int rc = worker_op_parse(body, &op, &err);
	if (rc == 0)
		rc = worker_op_load(w, op, tell_module, stage, &err);
	if (rc == 0)
		rc = worker_op_build(w, op, &err);
	if (rc == 0)
		rc = make_steps(w, op, stage, &r, &err);
	r.ok = rc == 0;
	r.code = (int)err.code;
	if (r.module[0] == '\0')
		copy_module(stage, r.module, sizeof(r.module));
	snprintf(r.text, sizeof(r.text), "%.*s", (int)sizeof(r.text) - 1, err.text);
	snprintf(r.hint, sizeof(r.hint), "%s", err.hint);
	(void)!write(CHILD_PIPE, &r, sizeof(r)); /* nobody left to tell: the parent sees the end */
}

/* ------------------------------------------------------------------ the worker */
static void
answer(struct worker *w, int64_t operation, const char *result, const struct rehearsal *r,
    enum rel_ecode code, const char *text)
{
	worker_link_send(w, "rehearsed",
	    json_pack("{s:I, s:s, s:s*, s:o, s:o, s:o*, s:I, s:I, s:I}", "operation", (json_int_t)operation,
		"result", result, "code",
		code != REL_OK ? rel_err_name(code) : NULL, "module",
		proto_text_json(r != NULL ? r->module : ""), "text",
		proto_text_json(text), "hint", r != NULL && r->hint[0] != '\0' ? proto_text_json(r->hint) : NULL,
		"fork_us", (json_int_t)(r != NULL ? r->fork_us : 0),
		"change_us", (json_int_t)(r != NULL ? r->change_us : 0), "longest_us",
		(json_int_t)(r != NULL ? r->longest_us : 0)));
}

static int
fork_child(struct worker *w, json_t *body, struct rehearsal *r, struct rel_err *err)
{
	int fds[2];
	void *shared = mmap(NULL, sizeof(*r->stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return rel_err_sys(err, REL_E_IO, errno, "cannot share memory with the rehearsal");
	r->stage = shared;
	if (pipe2(fds, O_CLOEXEC) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot make a pipe");
	pid_t self = getpid();
	mono_ns_t begin = rel_mono_now();
	r->pid = fork();
	if (r->pid == 0) {
		cut_off(w, self, fds[1]);
		rehearse_child(w, body, r->stage);
		_exit(0);
	}
	r->fork_us = (rel_mono_now() - begin) / 1000;
	int sys = errno;
	close(fds[1]);
	r->pipe = fds[0];
	if (r->pid < 0)
		return rel_err_sys(err, REL_E_IO, sys, "cannot fork");
	/* Without pidfds (a sandbox may forbid them) the end of the pipe tells of the copy's end.
	 */
	r->pidfd = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (fcntl(r->pipe, F_SETFL, O_NONBLOCK) != 0 ||
	    worker_loop_watch(w, r->pipe, EPOLLIN, SOURCE_REHEARSAL) != 0 ||
	    (r->pidfd >= 0 && worker_loop_watch(w, r->pidfd, EPOLLIN, SOURCE_CHILD) != 0))
		return rel_err_sys(err, REL_E_IO, errno, "cannot watch the rehearsal");
	return 0;
}

static int
begin(struct worker *w, json_t *body, struct rel_err *err)
{
	json_int_t operation, deadline;
	json_error_t je;
	if (json_unpack_ex(
		body, &je, 0, "{s:I, s:I}", "operation", &operation, "deadline_ms", &deadline) != 0)
		return rel_err_set(err, REL_E_PROTOCOL, "rehearse: %s", je.text);
	if (deadline < 0 || deadline > INT64_MAX / 4 / DUR_MS)
		return rel_err_set(err, REL_E_PROTOCOL, "rehearse: its deadline is out of range");
	if (w->op != NULL)
		return rel_err_set(err, REL_E_BUSY, "operation %jd is still held here", (intmax_t)w->op->id);
	if (w->rehearsal != NULL)
		return rel_err_set(err, REL_E_BUSY, "operation %jd is still rehearsed here",
		    (intmax_t)w->rehearsal->operation);
	struct rehearsal *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return rel_err_nomem(err);
	r->operation = operation;
	r->pidfd = r->pipe = -1;
	w->rehearsal = r;
	int rc = fork_child(w, body, r, err);
	r->deadline = rel_mono_now() + deadline * DUR_MS;
	return rc;
}

void
worker_rehearse(struct worker *w, struct proto_packet *p)
{
	struct rel_err err = REL_ERR_INIT;
	if (begin(w, p->body, &err) == 0)
		return; /* worker_rehearse_reap() answers */
	if (err.code != REL_E_BUSY)
		worker_rehearse_drop(w);
	answer(w, json_integer_value(json_object_get(p->body, "operation")), "refused", NULL, err.code,
	    err.text);
}

void
worker_rehearse_read(struct worker *w)
{
	struct rehearsal *r = w->rehearsal;
	struct record rec;
	if (r == NULL)
		return;
	ssize_t n;
	while ((n = read(r->pipe, &rec, sizeof(rec))) == sizeof(rec)) {
		/* Code that ran wild in the copy may have written anything. */
		rec.module[sizeof(rec.module) - 1] = rec.text[sizeof(rec.text) - 1] = rec.hint[sizeof(rec.hint) - 1] = '\0';
		memcpy(r->module, rec.module, sizeof(r->module));
		r->ended = true;
		r->result = rec.ok ? "ok" : "refused";
		r->code = rec.ok ? REL_OK : (enum rel_ecode)rec.code;
		r->change_us = rec.change_us;
		r->longest_us = rec.longest_us;
		memcpy(r->text, rec.text, sizeof(r->text));
		memcpy(r->hint, rec.hint, sizeof(r->hint));
	}
	if (n != 0)
		return;
	rel_fd_close(&r->pipe);
	if (r->pidfd < 0)
		worker_rehearse_reap(w);
}

static void
conclude(struct rehearsal *r, const siginfo_t *si)
{
	if (r->ended)
		return;
	copy_module(r->stage, r->module, sizeof(r->module));
	if (r->hung) {
		r->result = "hung";
		snprintf(r->text, sizeof(r->text), "it did not end in time");
		return;
	}
	r->result = "crashed";
	if (si->si_code == CLD_KILLED || si->si_code == CLD_DUMPED)
		snprintf(r->text, sizeof(r->text), "killed by SIG%s",
		    sigabbrev_np(si->si_status) != NULL ? sigabbrev_np(si->si_status) : "?");
	else
		snprintf(r->text, sizeof(r->text), "it ended with status %d in the middle",
		    si->si_status);
}

static void
release(struct rehearsal *r)
{
	rel_fd_close(&r->pipe);
	rel_fd_close(&r->pidfd);
	if (r->stage != NULL)
		munmap(r->stage, sizeof(*r->stage));
	r->stage = NULL;
}

void
worker_rehearse_reap(struct worker *w)
{
	struct rehearsal *r = w->rehearsal;
	siginfo_t si = {0};
	if (r == NULL)
		return;
	int flags =
	    WEXITED | (r->pidfd >= 0 ? WNOHANG : 0); /* else it has closed the pipe: ending */
	if (waitid(P_PID, (id_t)r->pid, &si, flags) != 0 || si.si_pid == 0)
		return;
	if (r->pipe >= 0)
		worker_rehearse_read(w);
	conclude(r, &si);
	w->rehearsal = NULL;
	release(r); /* before the answer: who asks again at once finds the worker as it was */
	if (strcmp(r->result, "ok") == 0)
		w->rehearsed = r->operation;
	answer(w, r->operation, r->result, r, r->code, r->text);
	free(r);
}

void
worker_rehearse_tick(struct worker *w, mono_ns_t now)
{
	struct rehearsal *r = w->rehearsal;
	if (r == NULL || r->deadline > now)
		return;
	r->deadline = WORKER_NEVER;
	r->hung = true;
	kill(r->pid, SIGKILL); /* our child, not reaped: the pid is its */
}

void
worker_rehearse_drop(struct worker *w)
{
	struct rehearsal *r = w->rehearsal;
	if (r == NULL)
		return;
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	release(r);
	free(r);
	w->rehearsal = NULL;
}
