/* SPDX-License-Identifier: Apache-2.0
 * Rehearsal: the worker forks at the top of its loop, the copy locks itself in (sandbox.h), opens the new
 * code and makes every step on the real state.  The worker stands still for the fork alone; what the copy
 * finds out comes back over a pipe as a record, and its end over a pidfd.  Whose code it runs stands in
 * memory that both share: that is all that is known of a copy that was killed or hung.
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

#include "worker/sandbox.h"

#define MEASURE_FOR (100 * DUR_MS)
#define REST_WAIT   (500 * DUR_MS) /* for turns to end: less than relupd waits beyond the deadline */

/* ------------------------------------------------------------------ the copy */
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
	if (pipe != SANDBOX_PIPE && dup2(pipe, SANDBOX_PIPE) < 0)
		_exit(1);
	close_range(0, SANDBOX_PIPE - 1, 0);
	close_range(SANDBOX_PIPE + 1, ~0u, 0);
	if (open("/dev/null", O_RDWR) == 0) /* what is printed goes nowhere, and no file gets these numbers */
		(void)!(dup2(0, 1) + dup2(0, 2));
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

/* While both states stand, and not for long: of a gigabyte it takes 30 ms. */
static void
measure_memory(struct record *r, dur_ns_t *spent)
{
	if (*spent > MEASURE_FOR)
		return;
	mono_ns_t begin = rel_mono_now();
	int64_t kb = sandbox_memory_kb();
	r->memory_kb = kb > r->memory_kb ? kb : r->memory_kb;
	*spent += rel_mono_now() - begin;
}

static int
make_steps(struct worker *w, struct op *op, struct stage *stage, struct record *r, struct rel_err *err)
{
	dur_ns_t spent = 0;
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
		atomic_store(&stage->part, STAGE_CHANGE);
		mono_ns_t begin = rel_mono_now();
		enum proto_built_code code = build(&t);
		int64_t built_us = (rel_mono_now() - begin) / 1000;
		r->longest_us = built_us > r->longest_us ? built_us : r->longest_us;
		if (code != PROTO_OK) {
			snprintf(r->module, sizeof(r->module), "%s", t.fail.module);
			r->nomem = code == PROTO_NO_MEMORY;
			return worker_fail_err(&t.fail, REL_E_REHEARSAL_REFUSED, err);
		}
		measure_memory(r, &spent);
		atomic_store(&stage->part, STAGE_AFTER);
		begin = rel_mono_now();
		worker_txn_commit(&t);
		r->change_us += built_us + (rel_mono_now() - begin) / 1000;
		worker_trash_flush(w);
	}
	return 0;
}

/* Its own bound looks the same as a machine without memory. */
static void
explain_nomem(const struct rel_err *err, int64_t allowance, struct record *r)
{
	size_t n = strlen(r->text);
	if (err->code == REL_E_NOMEM || r->nomem)
		snprintf(r->text + n, sizeof(r->text) - n, " (a copy may have %jd MB more than the worker)",
		    (intmax_t)(allowance >> 20));
}

static void
rehearse_child(struct worker *w, json_t *body, struct stage *stage)
{
	struct rel_err err = REL_ERR_INIT;
	struct record r = {.memory_kb = -1};
	int64_t allowance = 0;
	struct op *op;
	int rc = worker_op_parse(body, &op, &err);
	if (rc == 0) {
		r.sandbox = sandbox_enter(w, op, w->rehearsal->limit, &allowance);
		atomic_store(&stage->sandbox, r.sandbox);
		rc = worker_op_load(w, op, tell_module, stage, &err);
	}
	if (rc == 0)
		rc = worker_op_build(w, op, &err);
	if (rc == 0)
		rc = make_steps(w, op, stage, &r, &err);
	r.kind = rc == 0 ? RECORD_OK : RECORD_REFUSED;
	r.code = (int)err.code;
	snprintf(r.text, sizeof(r.text), "%.*s", (int)sizeof(r.text) - 1, err.text);
	snprintf(r.hint, sizeof(r.hint), "%s", err.hint);
	explain_nomem(&err, allowance, &r);
	(void)!write(SANDBOX_PIPE, &r, sizeof(r)); /* nobody left to tell: the parent sees the end */
}

/* ------------------------------------------------------------------ the worker */
static json_t *
place_json(const struct place *at)
{
	if (at->module[0] == '\0')
		return NULL;
	return json_pack("{s:s, s:s, s:I, s:b}", "module", at->module, "digest", at->digest, "offset",
	    (json_int_t)at->offset, "called", at->called);
}

static void
answer(struct worker *w, int64_t operation, const char *result, const struct rehearsal *r,
    enum rel_ecode code, const char *text)
{
	static const struct rehearsal none = {.memory_kb = -1, .sandbox = true};
	r = r != NULL ? r : &none;
	worker_link_send(w, "rehearsed",
	    json_pack("{s:I, s:s, s:s*, s:o, s:o, s:o*, s:I, s:I, s:I, s:o, s:b, s:o*}", "operation",
		(json_int_t)operation, "result", result, "code", code != REL_OK ? rel_err_name(code) : NULL,
		"module", proto_text_json(r->module), "text", proto_text_json(text), "hint",
		r->hint[0] != '\0' ? proto_text_json(r->hint) : NULL, "fork_us", (json_int_t)r->fork_us,
		"change_us", (json_int_t)r->change_us, "longest_us", (json_int_t)r->longest_us, "memory_kb",
		r->memory_kb >= 0 ? json_integer(r->memory_kb) : json_null(), "sandbox", r->sandbox, "at",
		place_json(&r->at)));
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
	pthread_mutex_lock(&w->tasks.lock); /* no thread of ours holds it in the copy */
	r->pid = fork();
	pthread_mutex_unlock(&w->tasks.lock);
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

/* 1: there is too little memory for it, and it is not insisted upon; *err says so. */
static int
begin(struct worker *w, json_t *body, struct rel_err *err)
{
	json_int_t operation, deadline;
	int always = 0;
	char text[160];
	json_error_t je;
	if (json_unpack_ex(body, &je, 0, "{s:I, s:I, s?b}", "operation", &operation, "deadline_ms", &deadline,
		"always", &always) != 0)
		return rel_err_set(err, REL_E_PROTOCOL, "rehearse: %s", je.text);
	if (deadline < 0 || deadline > INT64_MAX / 4 / DUR_MS)
		return rel_err_set(err, REL_E_PROTOCOL, "rehearse: its deadline is out of range");
	if (w->op != NULL)
		return rel_err_set(err, REL_E_BUSY, "operation %jd is still held here", (intmax_t)w->op->id);
	if (w->rehearsal != NULL && w->rehearsal->operation < 0)
		worker_rehearse_drop(w); /* one that was all that was asked for, by a relupd that is gone */
	if (w->rehearsal != NULL)
		return rel_err_set(err, REL_E_BUSY, "operation %jd is still rehearsed here",
		    (intmax_t)w->rehearsal->operation);
	if (!sandbox_room(text, sizeof(text))) {
		rel_err_set(err, REL_E_NOMEM, "%s", text);
		return always ? -1 : 1;
	}
	struct rehearsal *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return rel_err_nomem(err);
	r->memory_kb = -1;
	r->limit = deadline * DUR_MS;
	r->operation = operation;
	r->pidfd = r->pipe = -1;
	w->rehearsal = r;
	int rc = fork_child(w, body, r, err);
	r->deadline = rel_mono_now() + r->limit;
	return rc;
}

static void
start(struct worker *w, json_t *body)
{
	struct rel_err err = REL_ERR_INIT;
	int rc = begin(w, body, &err);
	if (rc == 0)
		return; /* worker_rehearse_reap() answers */
	if (err.code != REL_E_BUSY)
		worker_rehearse_drop(w);
	answer(w, json_integer_value(json_object_get(body, "operation")), rc > 0 ? "skipped" : "refused",
	    NULL, err.code, err.text);
}

/* ------------------------------------------------------------------ tasks rest first
 * A copy has one thread: what another one held, a lock or half a list, nobody sets free there.  Where no
 * state changes the copy does little but load code, which the C library guards by itself: it is made all the
 * same when the time is over. */
static bool
changes_states(const json_t *body)
{
	size_t i;
	json_t *step;
	json_array_foreach (json_object_get(body, "steps"), i, step)
		if (json_is_true(json_object_get(step, "suspends")))
			return true;
	return false;
}

void
worker_rehearse(struct worker *w, struct proto_packet *p)
{
	worker_rehearse_forget(w); /* who asks anew waits for no other */
	if (!worker_tasks_rest(w)) {
		w->rest_body = json_incref(p->body);
		w->rest_by = rel_mono_now() + REST_WAIT;
		return;
	}
	start(w, p->body);
	worker_tasks_go(w);
}

void
worker_rehearse_forget(struct worker *w)
{
	if (w->rest_body == NULL)
		return;
	json_decref(w->rest_body);
	w->rest_body = NULL;
	worker_tasks_go(w);
}

void
worker_rehearse_resume(struct worker *w)
{
	if (w->rest_body == NULL)
		return;
	json_t *body = json_incref(w->rest_body);
	if (worker_tasks_rest(w) || (w->rest_by <= rel_mono_now() && !changes_states(body))) {
		start(w, body);
		worker_rehearse_forget(w);
	} else if (w->rest_by <= rel_mono_now()) {
		bool always = json_is_true(json_object_get(body, "always"));
		char text[160];
		snprintf(text, sizeof(text), "%zu of %zu tasks did not end their turns within %d ms, so that no copy could be "
		    "made", worker_tasks_busy(w), w->tasks.count, (int)(REST_WAIT / DUR_MS));
		worker_rehearse_forget(w);
		answer(w, json_integer_value(json_object_get(body, "operation")), always ? "refused" : "skipped", NULL,
		    REL_E_SUSPEND_FAILED, text);
	}
	json_decref(body);
}

static const char *
part_name(const struct stage *stage)
{
	switch (atomic_load(&stage->part)) {
	case STAGE_LOAD:
		return "while it was loaded";
	case STAGE_CHANGE:
		return "in its code_change";
	default:
		return "in its rebind or discard";
	}
}

static void
say_crash(struct rehearsal *r, const struct record *rec)
{
	const char *sig = sigabbrev_np(rec->sig);
	char address[40] = "", at[120] = "";
	if (rec->has_address)
		snprintf(address, sizeof(address), " (address 0x%jx)", (uintmax_t)rec->address);
	if (r->at.module[0] != '\0')
		snprintf(at, sizeof(at), " in %s%s+%#jx", r->at.called ? "a library called from " : "",
		    r->at.module, (uintmax_t)r->at.offset);
	snprintf(r->text, sizeof(r->text), "killed by SIG%s%s%s", sig != NULL ? sig : "?", address, at);
}

static void
say_call(struct rehearsal *r, const struct record *rec)
{
	const char *name = rec->foreign ? NULL : sandbox_call_name(rec->call);
	snprintf(r->text, sizeof(r->text), "called %s%s(system call %ld%s) %s", name != NULL ? name : "",
	    name != NULL ? " " : "", rec->call, rec->foreign ? " of another instruction set" : "",
	    part_name(r->stage));
}

/* Code that ran wild in the copy may have written anything. */
static void
take_record(struct rehearsal *r, struct record *rec)
{
	rec->module[sizeof(rec->module) - 1] = rec->text[sizeof(rec->text) - 1] = '\0';
	rec->hint[sizeof(rec->hint) - 1] = rec->at.module[sizeof(rec->at.module) - 1] = '\0';
	rec->at.digest[sizeof(rec->at.digest) - 1] = '\0';
	r->ended = true;
	r->result = "crashed";
	r->code = REL_OK;
	r->sandbox = rec->sandbox;
	r->change_us = rec->change_us;
	r->longest_us = rec->longest_us;
	r->memory_kb = rec->memory_kb;
	r->at = rec->at;
	memcpy(r->hint, rec->hint, sizeof(r->hint));
	memcpy(r->text, rec->text, sizeof(r->text));
	memcpy(r->module, rec->module, sizeof(r->module));
	if (r->module[0] == '\0')
		copy_module(r->stage, r->module, sizeof(r->module));
	switch (rec->kind) {
	case RECORD_OK:
		r->result = "ok";
		break;
	case RECORD_REFUSED:
		r->result = "refused";
		r->code = (enum rel_ecode)rec->code;
		break;
	case RECORD_CRASHED:
		say_crash(r, rec);
		break;
	case RECORD_CALLED:
		r->result = "forbidden";
		say_call(r, rec);
		break;
	case RECORD_SHARED:
		r->result = "forbidden";
		snprintf(r->text, sizeof(r->text), "wrote to memory that it shares with others (address %#jx) %s",
		    (uintmax_t)rec->address, part_name(r->stage));
		break;
	}
}

void
worker_rehearse_read(struct worker *w)
{
	struct rehearsal *r = w->rehearsal;
	struct record rec;
	if (r == NULL)
		return;
	ssize_t n;
	while ((n = read(r->pipe, &rec, sizeof(rec))) == sizeof(rec))
		take_record(r, &rec);
	if (n != 0)
		return;
	worker_loop_close(w, &r->pipe);
	if (r->pidfd < 0)
		worker_rehearse_reap(w);
}

static void
conclude(struct rehearsal *r, const siginfo_t *si)
{
	bool killed = si->si_code == CLD_KILLED || si->si_code == CLD_DUMPED;
	if (r->ended)
		return;
	copy_module(r->stage, r->module, sizeof(r->module));
	r->sandbox = atomic_load(&r->stage->sandbox);
	if (r->hung || (killed && si->si_status == SIGXCPU)) {
		r->result = "hung";
		snprintf(r->text, sizeof(r->text), "it did not end in time");
		return;
	}
	r->result = killed && si->si_status == SIGSYS ? "forbidden" : "crashed";
	if (killed)
		snprintf(r->text, sizeof(r->text), "killed by SIG%s",
		    sigabbrev_np(si->si_status) != NULL ? sigabbrev_np(si->si_status) : "?");
	else
		snprintf(r->text, sizeof(r->text), "it ended with status %d in the middle",
		    si->si_status);
}

/* A module, or the host, waited for a child that is not its own: nobody will tell how it ended. */
static void
conclude_unseen(struct rehearsal *r)
{
	if (r->ended)
		return;
	copy_module(r->stage, r->module, sizeof(r->module));
	r->sandbox = atomic_load(&r->stage->sandbox);
	r->result = r->hung ? "hung" : "crashed";
	snprintf(r->text, sizeof(r->text), "%s", r->hung ? "it did not end in time"
	    : "it ended in the middle, and how was not seen: a module waited for it, as for a child of its own");
}

static void
release(struct worker *w, struct rehearsal *r)
{
	worker_loop_close(w, &r->pipe);
	worker_loop_close(w, &r->pidfd);
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
	int rc = waitid(P_PID, (id_t)r->pid, &si, flags);
	if (rc == 0 ? si.si_pid == 0 : errno != ECHILD)
		return;
	if (r->pipe >= 0)
		worker_rehearse_read(w);
	if (rc == 0)
		conclude(r, &si);
	else
		conclude_unseen(r);
	w->rehearsal = NULL;
	release(w, r); /* before the answer: who asks again at once finds the worker as it was */
	if (strcmp(r->result, "ok") == 0)
		w->rehearsed = r->operation;
	answer(w, r->operation, r->result, r, r->code, r->text);
	free(r);
}

void
worker_rehearse_tick(struct worker *w, mono_ns_t now)
{
	struct rehearsal *r = w->rehearsal;
	worker_rehearse_resume(w);
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
	worker_rehearse_forget(w);
	if (r == NULL)
		return;
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	release(w, r);
	free(r);
	w->rehearsal = NULL;
}
