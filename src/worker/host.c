/* SPDX-License-Identifier: Apache-2.0
 * A worker from its first to its last line: what the process must be like, the turns, and the end.
 * The loop that waits is relw_main()'s, or the host's own, which waits for the epoll descriptor.
 * The host gets its signal settings back.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "worker/worker_priv.h"

struct saved {
	sigset_t mask;
	struct sigaction pipe, child;
};

struct relw_host {
	struct worker w;
	unsigned flags;
	bool inside;                  /* a call that runs module code has not returned */
	struct saved saved;
};

/* SIGTERM comes through the loop; a lost peer is an error value; children are reaped by us. */
static void
take_signals(struct saved *s)
{
	sigset_t term;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, &s->mask);
	sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, &s->pipe);
	sigaction(SIGCHLD, &(struct sigaction){.sa_handler = SIG_DFL}, &s->child);
}

/* The host's stay its own; but a module is promised that a lost peer does not kill it, and the copy of a
 * rehearsal must wait for us. */
static int
bear_signals(struct saved *s, struct rel_err *err)
{
	sigaction(SIGCHLD, NULL, &s->child);
	if (s->child.sa_handler == SIG_IGN || (s->child.sa_flags & SA_NOCLDWAIT) != 0)
		return rel_err_set(err, REL_E_USAGE, "the host ignores SIGCHLD: a rehearsal's end would not be seen");
	sigaction(SIGPIPE, NULL, &s->pipe);
	if (s->pipe.sa_handler == SIG_DFL)
		sigaction(SIGPIPE, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	return 0;
}

static void
return_signals(struct relw_host *h)
{
	worker_fault_return(&h->w);
	sigaction(SIGPIPE, &h->saved.pipe, NULL);
	if ((h->flags & RELW_HOST_PROCESS) == 0)
		return;
	sigaction(SIGCHLD, &h->saved.child, NULL);
	sigprocmask(SIG_SETMASK, &h->saved.mask, NULL);
}

static void
raise_fd_limit(void)
{
	struct rlimit rl;
	if (getrlimit(RLIMIT_NOFILE, &rl) == 0 && rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		(void)setrlimit(
		    RLIMIT_NOFILE, &rl); /* where it cannot, the module meets EMFILE sooner */
	}
}

static void
fini(struct worker *w)
{
	worker_rehearse_drop(w);
	worker_asks_drop(w);
	worker_op_end(w, false, NULL);
	worker_words_drop(w); /* after what may begin a look, before there is no current code */
	worker_trash_flush(w);
	worker_gen_drop(w);
	worker_gen_free(&w->gen);
	worker_purge_mark_all(w, false);
	(void)worker_purge_sweep(w, NULL);
	worker_tasks_fini(w);
	while (w->objects != NULL) {
		struct object *o = w->objects;
		w->objects = o->next;
		o->handle = NULL; /* pinned, or it could not be unmapped: left to the process */
		worker_object_free(&o);
	}
	worker_tombs_drop(w);
	worker_link_fini(w);
	worker_loop_fini(w);
	for (size_t i = 0; i < w->listener_count; i++)
		close(w->listeners[i]);
	for (uint32_t i = 0; i < w->slot_count; i++)
		free(w->slots[i].function);
	free(w->slots);
	free(w->listeners);
	free(w->args_text);
	free(w->env_text);
	free(w->root);
	json_decref(w->start);
	json_decref(w->release);
	w->magic = 0;
}

/* ------------------------------------------------------------------ open, turn, close */
static int
take_process(struct relw_host *h, struct rel_err *err)
{
	if ((h->flags & RELW_HOST_PROCESS) == 0 && bear_signals(&h->saved, err) != 0)
		return -1;
	if ((h->flags & RELW_HOST_PROCESS) != 0) {
		take_signals(&h->saved);
		raise_fd_limit();
	}
	worker_fault_take(&h->w);
	return 0;
}

static int
set_up(struct worker *w, const char *path, bool sigterm, struct rel_err *err)
{
	if (worker_loop_init(w, sigterm, err) != 0 || worker_tasks_init(w, err) != 0 ||
	    worker_link_init(w, path, err) != 0)
		return -1;
	worker_loop_arm(w, true);
	return 0;
}

static int
open_host(char **argv, unsigned flags, struct relw_host **ret, struct rel_err *err)
{
	struct relw_host *h = calloc(1, sizeof(*h));
	if (h == NULL)
		return rel_err_nomem(err);
	struct worker *w = &h->w;
	w->magic = WORKER_MAGIC;
	w->epfd = w->timerfd = w->sigfd = w->tasks.news = w->link.dirfd = w->link.sock = -1;
	w->name = argv[2];
	atomic_store(&w->faults.sock, -1);
	h->flags = flags;
	w->thread = pthread_self();
	bool taken = take_process(h, err) == 0;
	if (taken && set_up(w, argv[1], (flags & RELW_HOST_PROCESS) != 0, err) == 0) {
		*ret = h;
		return 0;
	}
	worker_log(w, RELW_ERROR, "%s", err->text);
	if (taken) {
		fini(w);
		return_signals(h);
	}
	free(h);
	return -1;
}

RELW_EXPORT int
relw_open(int argc, char **argv, unsigned flags, struct relw_host **ret)
{
	struct rel_err err = REL_ERR_INIT;
	if (argc != 3 || (flags & ~(unsigned)RELW_HOST_PROCESS) != 0)
		return -EINVAL;
	if (open_host(argv, flags, ret, &err) == 0)
		return 0;
	if (err.sys > 0)
		return -err.sys;
	return err.code == REL_E_NOMEM ? -ENOMEM : err.code == REL_E_USAGE ? -EINVAL : -EIO;
}

static int
usable(const struct relw_host *h)
{
	if (!pthread_equal(h->w.thread, pthread_self()))
		return -EPERM;
	return h->inside ? -EDEADLK : 0;
}

static int
turn(struct relw_host *h, int timeout)
{
	h->inside = true;
	int rc = worker_loop_turn(&h->w, timeout);
	h->inside = false;
	return rc != 0 ? rc : !h->w.stopping;
}

RELW_EXPORT int
relw_fd(const struct relw_host *h)
{
	return h->w.epfd;
}

RELW_EXPORT int
relw_dispatch(struct relw_host *h)
{
	int rc = usable(h);
	return rc != 0 ? rc : turn(h, 0);
}

RELW_EXPORT void
relw_stop_host(struct relw_host *h, const char *reason)
{
	worker_loop_stop(&h->w, 0, reason);
	worker_loop_arm(&h->w, true);
}

/* terminate() does not wait for one that does not end: see leave_threads(). */
static void
end_tasks(struct worker *w)
{
	if (worker_tasks_end(w, WORKER_TASKS_END))
		return;
	const struct task *t = w->tasks.list;
	worker_log(w, RELW_WARNING, "%zu task%s not end when told to, %s/%jd among them", w->tasks.count,
	    w->tasks.count == 1 ? " does" : "s do", w->slots[t->slot].function, (intmax_t)t->id);
}

static void
end_job(struct worker *w)
{
	if (!w->job)
		return;
	const struct relw_module *m = w->gen->table.e[0].obj->table;
	if (m->terminate != NULL)
		m->terminate(&w->gen->views[0]->pub, w->gen->state, w->reason);
	w->job = false; /* its state is gone: what tasks that end late call is not run */
}

/* A constructor of new code may hang, and a task may never end: what they use cannot be freed.  Who ends does
 * not wait; a host that lives on does, for tasks in here and for the constructor in fini(). */
static void
leave_threads(struct relw_host *h)
{
	struct worker *w = &h->w;
	bool loading = w->op != NULL && w->op->loading;
	if ((h->flags & RELW_HOST_PROCESS) == 0) {
		while (!worker_tasks_end(w, WORKER_TASKS_END))
			continue;
		return;
	}
	if (loading)
		pthread_detach(w->op->thread);
	if (loading || w->tasks.list != NULL)
		_exit(w->status);
}

RELW_EXPORT int
relw_close(struct relw_host **host)
{
	struct relw_host *h = *host;
	if (h == NULL)
		return 0;
	struct worker *w = &h->w;
	int rc = usable(h);
	if (rc != 0)
		return rc;
	h->inside = true;
	worker_loop_stop(w, 0, "shutdown");
	end_tasks(w);
	end_job(w);
	leave_threads(h);
	fini(w);
	return_signals(h);
	rc = w->status;
	free(h);
	*host = NULL;
	return rc;
}

RELW_EXPORT int
relw_main(int argc, char **argv)
{
	struct rel_err err = REL_ERR_INIT;
	struct relw_host *h;
	int rc;
	if (argc != 3) {
		static const char usage[] = "usage: relworker SOCKET WORKER (relupd starts it)\n";
		(void)rel_fd_write_all(STDERR_FILENO, usage, sizeof(usage) - 1);
		return 64;
	}
	if (open_host(argv, RELW_HOST_PROCESS, &h, &err) != 0)
		return rel_err_exit(err.code);
	while ((rc = turn(h, -1)) > 0)
		continue;
	if (rc < 0) {
		worker_log(&h->w, RELW_ERROR, "the loop cannot wait: error %d", -rc);
		worker_loop_stop(&h->w, 1, "failed");
	}
	return relw_close(&h);
}
