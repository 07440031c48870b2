/* SPDX-License-Identifier: Apache-2.0
 * A worker from its first to its last line: what the process must be like, the loop, and the end.
 * The host gets its signal settings back.
 */
#include "config.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "worker/worker_priv.h"

struct saved {
	sigset_t mask;
	struct sigaction pipe, child;
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

static void
return_signals(const struct saved *s)
{
	sigaction(SIGPIPE, &s->pipe, NULL);
	sigaction(SIGCHLD, &s->child, NULL);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
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
	worker_trash_flush(w);
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

/* One that does not end is left to the end of the process, which frees nothing that it may use. */
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
run(struct worker *w, const char *path)
{
	struct rel_err err = REL_ERR_INIT;
	if (worker_loop_init(w, &err) != 0 || worker_tasks_init(w, &err) != 0 ||
	    worker_link_init(w, path, &err) != 0) {
		worker_log(w, RELW_ERROR, "%s", err.text);
		w->status = rel_err_exit(err.code);
		return;
	}
	worker_loop_run(w);
	end_tasks(w);
	if (!w->job)
		return;
	const struct relw_module *m = w->gen->table.e[0].obj->table;
	if (m->terminate != NULL)
		m->terminate(&w->gen->views[0]->pub, w->gen->state, w->reason);
}

RELW_EXPORT int
relw_main(int argc, char **argv)
{
	struct worker w = {.magic = WORKER_MAGIC,
	    .epfd = -1,
	    .timerfd = -1,
	    .sigfd = -1,
	    .tasks = {.news = -1},
	    .link = {.dirfd = -1, .sock = -1}};
	if (argc != 3) {
		static const char usage[] = "usage: relworker SOCKET WORKER (relupd starts it)\n";
		(void)rel_fd_write_all(STDERR_FILENO, usage, sizeof(usage) - 1);
		return 64;
	}
	struct saved saved;
	w.name = argv[2];
	take_signals(&saved);
	raise_fd_limit();
	run(&w, argv[1]);
	/* A constructor of new code may hang: what it uses cannot be freed, and who ends does not wait. */
	if (w.op != NULL && w.op->loading) {
		pthread_detach(w.op->thread);
		_exit(w.status);
	}
	if (w.tasks.list != NULL)
		_exit(w.status);
	fini(&w);
	return_signals(&saved);
	return w.status;
}
