/* SPDX-License-Identifier: Apache-2.0
 * Boot, shutdown, and the world of sup.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"

#define DAEMON_MAGIC 0x64616570u

/* ------------------------------------------------------------------ sup's world */

static void
s_spawn(void *ctx, struct sup_worker *w)
{
	proc_spawn(ctx, w);
}

static void
s_kill(void *ctx, struct sup_worker *w, int sig)
{
	proc_kill(ctx, w, sig);
}

static void
s_send_start(void *ctx, struct sup_worker *w)
{
	struct daemon *d = ctx;
	struct rel_err err = REL_ERR_INIT;
	const struct model_app *app = model_system_app(d->rls->sys, w->application, NULL);
	const struct model_child *child = rls_child(d->rls, w->application, w->child);
	json_t *addresses = NULL;
	int fds[PROTO_FDS_MAX];
	size_t n = 0;
	int rc = app != NULL && child != NULL ? rls_listen(d->rls, app, child, &addresses, &err)
					      : rel_err_set(&err, REL_E_INTERNAL, "unknown child");
	_Static_assert(MODEL_LISTEN_MAX <= PROTO_FDS_MAX, "a worker is handed its listeners at once");
	MUST(rc != 0 || json_array_size(addresses) <= PROTO_FDS_MAX);
	for (; rc == 0 && n < json_array_size(addresses); n++)
		rc = listeners_get(d->listeners, json_string_value(json_array_get(addresses, n)),
		    &fds[n], &err);
	json_decref(addresses);
	if (rc == 0)
		rc = wire_send_json(w, "start", daemon_start_body(d, w), fds, n, &err);
	if (rc == 0)
		return;
	rel_text_copy(w->why, sizeof(w->why), err.text);
	daemon_log(d, "error", w->name, "cannot be started: %s", err.text);
	proc_kill(d, w, SIGKILL);
}

static void
s_timer(void *ctx, struct sup_worker *w, dur_ns_t after)
{
	proc_timer(ctx, w, after);
}

static void
s_changed(void *ctx, struct sup_worker *w)
{
	struct daemon *d = ctx;
	(void)w;
	if (d->stopping)
		return;
	daemon_recover_poke(d);
	op_poke(d);
}

static void
s_log(void *ctx, struct sup_worker *w, const char *level, const char *text)
{
	daemon_log(ctx, level, w->name, "%s", text);
}

static void
s_all_stopped(void *ctx)
{
	struct daemon *d = ctx;
	daemon_log(d, "info", "relupd", "all workers ended");
	if (d->stopping)
		uv_stop(&d->loop);
	else
		op_stopped(d);
}

static mono_ns_t
s_now(void *ctx)
{
	(void)ctx;
	return rel_mono_now();
}

static const struct sup_ops world = {.spawn = s_spawn, .kill = s_kill, .send_start = s_send_start,
    .timer = s_timer, .changed = s_changed, .log = s_log, .all_stopped = s_all_stopped, .now = s_now};

json_t *
daemon_start_body(struct daemon *d, struct sup_worker *w)
{
	const struct model_app *app = model_system_app(d->rls->sys, w->application, NULL);
	const struct model_child *child = rls_child(d->rls, w->application, w->child);
	MUST(app != NULL && child != NULL);
	return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:i, s:o}", "worker", w->name,
	    "application", w->application, "child", w->child, "release",
	    d->rls->sys->release->version, "module", child->module, "args",
	    child->args != NULL ? doc_to_json(child->args) : json_object(), "env",
	    rls_env(d->rls, app), "listeners", (int)child->listen.count, "modules",
	    rls_modules_for(d->rls, w->application, d->map));
}

/* ------------------------------------------------------------------ building the tree */

struct builder {
	struct daemon *d;
	struct rel_err *err;
	unsigned stage;
	const struct model_sup *last;
	struct sup_node *node;
};

static int
add_child(void *ctx, const struct rls_child_at *at)
{
	struct builder *b = ctx;
	if (at->supervisor != b->last) {
		b->node = sup_node_add(b->d->sup, at->supervisor->intensity, at->supervisor->period);
		b->last = at->supervisor;
		if (b->node == NULL)
			return rel_err_nomem(b->err);
	}
	b->stage++;
	for (unsigned i = 0; i < at->child->count; i++) {
		struct sup_worker *w = sup_add(b->d->sup, at->app->application, at->child->id, i,
		    at->child->module, b->stage, b->node);
		if (w == NULL)
			return rel_err_nomem(b->err);
		w->restart = (enum sup_restart)at->child->restart;
		w->shutdown = at->child->shutdown;
	}
	return 0;
}

/* The addresses are opened before anything starts: one that is taken stops the start at once.  A
 * worker that is to come back brings its own. */
static int
open_listeners(void *ctx, const struct rls_child_at *at)
{
	struct builder *b = ctx;
	json_t *addresses = NULL;
	if (rls_listen(b->d->rls, at->app, at->child, &addresses, b->err) != 0)
		return -1;
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < json_array_size(addresses); i++) {
		const char *address = json_string_value(json_array_get(addresses, i));
		const char *entry = at->child->listen.names[i];
		int fd;
		rc = listeners_get(b->d->listeners, address, &fd, b->err);
		if (rc != 0 && strcmp(address, entry) != 0)
			rel_err_wrap(b->err, "listen '%s'", entry);
	}
	if (rc != 0)
		rel_err_wrap(b->err, "child %s/%s", at->app->application, at->child->id);
	json_decref(addresses);
	return rc;
}

static int
open_all_listeners(struct daemon *d, struct rel_err *err)
{
	struct builder b = {.d = d, .err = err};
	return rls_each_child(d->rls, open_listeners, &b) != 0 ? -1 : 0;
}

static int
build(struct daemon *d, struct rel_err *err)
{
	d->sup = sup_new(&world, d);
	d->map = json_copy(d->rls->modules);
	if (d->sup == NULL || d->map == NULL)
		return rel_err_nomem(err);
	struct builder b = {.d = d, .err = err};
	return rls_each_child(d->rls, add_child, &b) != 0 ? -1 : 0;
}

int
daemon_runtime_check(const struct daemon *d, const struct rls *r, struct rel_err *err)
{
	char path[4200];
	const char *runtime = r->sys->release->runtime;
	snprintf(path, sizeof(path), "%s/relworker-%s", d->libexec, runtime);
	if (access(path, X_OK) == 0)
		return 0;
	return rel_err_set(err, REL_E_NO_RUNTIME, "release %s needs runtime %s, but there is no %s",
	    r->sys->release->version, runtime, path);
}

int
daemon_boot_release(struct daemon *d, struct rls *r, struct rel_err *err)
{
	MUST(d->sup == NULL && d->rls == NULL);
	d->rls = r;
	if (limits_check(d, r, err) != 0 || build(d, err) != 0 || open_all_listeners(d, err) != 0) {
		daemon_drop_release(d);
		return -1;
	}
	sup_start_all(d->sup);
	return 0;
}

void
daemon_drop_release(struct daemon *d)
{
	for (size_t i = 0; d->sup != NULL && i < sup_count(d->sup); i++) {
		wire_forget(sup_at(d->sup, i));
		proc_free(d, sup_at(d->sup, i));
	}
	listeners_close(d->listeners);
	d->descriptors = 0;
	sup_free(&d->sup);
	rls_free(&d->rls);
	json_decref(d->map);
	d->map = NULL;
}

/* ------------------------------------------------------------------ coming back */

/* A look that fails for want of descriptors or memory tells nothing: to take the worker for dead would
 * be to start a second one. */
static int
known_process(struct daemon *d, const char *name, pid_t pid, uint64_t start_time, size_t row,
    struct rel_err *err)
{
	struct sup_worker *w = sup_find(d->sup, name);
	if (w == NULL) {
		daemon_log(d, "warning", name, "pid %ld is of no worker of this release; it is ended when "
					       "it reconnects", (long)pid);
		return 0;
	}
	if (w->state != SUP_DOWN) { /* the file is no word of ours: one row of it was taken already */
		daemon_log(d, "warning", name, "run/pids names it twice; pid %ld is passed over", (long)pid);
		pids_remove(d->pids, row);
		return 0;
	}
	/* Between the look at /proc and the pidfd the process may have ended: look again. */
	bool lives = false;
	int rc = proc_watch(d, w, pid, start_time, row, err);
	if (rc == 0)
		rc = pids_lives(pid, start_time, &lives, err);
	else if (err->sys == ESRCH)
		rc = 0;
	if (rc != 0)
		return rel_err_wrap(err, "worker %s", name);
	rel_err_clear(err);
	if (lives) {
		sup_lost(d->sup, w, pid, start_time);
		return 0;
	}
	pids_remove(d->pids, row);
	proc_free(d, w);
	return 0;
}

static bool
somebody_lost(const struct daemon *d)
{
	for (size_t i = 0; i < sup_count(d->sup); i++)
		if (sup_at(d->sup, i)->state == SUP_LOST && !sup_at(d->sup, i)->silent)
			return true;
	return false;
}

/* What an earlier relupd left is known: its operation goes on, and what does not run starts. */
static void
go_on(struct daemon *d)
{
	struct rel_err err = REL_ERR_INIT;
	d->recovering = false;
	if (op_recover(d, d->recovered, &err) != 0)
		daemon_log(d, "error", "relupd", "the interrupted operation: %s", err.text);
	json_decref(d->recovered);
	d->recovered = NULL;
	if (d->op == NULL)
		sup_hold_starts(d->sup, false);
	sup_start_all(d->sup);
}

/* Each worker of the old relupd has reconnected, died, or been silent too long. */
void
daemon_recover_poke(struct daemon *d)
{
	struct rel_err err = REL_ERR_INIT;
	if (!d->recovering || somebody_lost(d))
		return;
	/* Sockets that workers brought back are here; the others are opened now. */
	if (open_all_listeners(d, &err) != 0)
		daemon_log(d, "error", "relupd", "%s; workers that need it wait", err.text);
	go_on(d);
	ready_tell(d);
}

static int
come_back(struct daemon *d, struct rel_err *err)
{
	if (build(d, err) != 0)
		return -1;
	d->recovered = json_object();
	if (d->recovered == NULL)
		return rel_err_nomem(err);
	sup_hold_starts(d->sup, true);
	if (pids_each(d->pids, d, known_process, err) != 0) {
		rel_err_wrap(err, "the workers of an earlier relupd cannot be taken back");
		return rel_err_hint(err, "they serve on; free descriptors or memory, and start relupd again");
	}
	d->recovering = somebody_lost(d);
	if (d->recovering)
		return 0; /* daemon_recover_poke() goes on */
	if (open_all_listeners(d, err) != 0)
		return -1;
	go_on(d);
	return 0;
}

static int
boot(struct daemon *d, struct doc_problems *p, struct rel_err *err)
{
	struct store_current cur;
	if (store_current_get(d->store, &cur, err) != 0)
		return -1;
	const char *version = cur.current[0] != '\0' ? cur.current : cur.permanent;
	if (version[0] == '\0') {
		op_abandon(d);
		daemon_log(d, "notice", "relupd", "no release on this root yet; `relctl upgrade VERSION` "
						  "starts the first");
		return 0;
	}
	struct rls *r = NULL;
	if (rls_load(d->store, version, &r, p, err) != 0)
		return rel_err_wrap(err, "release %s", version);
	d->rls = r;
	if (daemon_runtime_check(d, r, err) != 0 || limits_check(d, r, err) != 0)
		return -1;
	return come_back(d, err);
}

/* ------------------------------------------------------------------ life */

/* relworker-N stands beside relupd (build tree), in ../libexec/relup (a prefix that was moved), or
 * where it was configured.  RELUP_LIBEXEC is for tests. */
static void
find_libexec(struct daemon *d)
{
	char exe[4000], try[4200];
	const char *env = getenv("RELUP_LIBEXEC");
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash = NULL;
	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
	}
	if (slash != NULL)
		*slash = '\0';
	if (env != NULL) {
		snprintf(d->libexec, sizeof(d->libexec), "%s", env);
		return;
	}
	static const char *const places[] = {"", "/../libexec/relup"};
	for (size_t i = 0; slash != NULL && i < NELEM(places); i++) {
		snprintf(try, sizeof(try), "%s%s/relworker-1", exe, places[i]);
		if (access(try, X_OK) == 0) {
			snprintf(d->libexec, sizeof(d->libexec), "%s%s", exe, places[i]);
			return;
		}
	}
	snprintf(d->libexec, sizeof(d->libexec), "%s", LIBEXECDIR "/relup");
}

static void
on_signal(uv_signal_t *s, int signum)
{
	struct daemon *d = s->data;
	daemon_log(d, "notice", "relupd", "SIG%s: stopping", sigabbrev_np(signum));
	daemon_stop(d);
}

int
daemon_open(struct daemon *d, const char *root, struct doc_problems *p, struct rel_err *err)
{
	d->magic = DAEMON_MAGIC;
	d->started = rel_wall_now();
	find_libexec(d);
	if (uv_loop_init(&d->loop) != 0)
		return rel_err_nomem(err);
	uv_signal_init(&d->loop, &d->sigterm);
	uv_signal_init(&d->loop, &d->sigint);
	d->sigterm.data = d->sigint.data = d;
	uv_signal_start(&d->sigterm, on_signal, SIGTERM);
	uv_signal_start(&d->sigint, on_signal, SIGINT);
	if (store_open(root, &d->store, err) != 0)
		return -1;
	if (pids_open(store_run_fd(d->store), &d->pids, err) != 0 ||
	    listeners_new(d, &d->listeners, err) != 0 || wire_new(d, &d->wire, err) != 0)
		return -1;
	/* The control socket opens last: who reaches it finds a daemon that knows what runs. */
	if (boot(d, p, err) != 0 || rpc_new(d, &d->rpc, err) != 0)
		return -1;
	daemon_log(d, "notice", "relupd", "%s up, pid %ld, root %s, release %s", PACKAGE_VERSION,
	    (long)getpid(), store_root_path(d->store),
	    d->rls != NULL ? d->rls->sys->release->version : "none");
	return 0;
}

void
daemon_stop(struct daemon *d)
{
	if (d->stopping)
		return;
	d->stopping = true;
	op_free(d);
	if (d->sup != NULL) {
		sup_hold_starts(d->sup, false);
		sup_stop_all(d->sup);
	} else {
		uv_stop(&d->loop);
	}
}

static void
close_rest(uv_handle_t *h, void *arg)
{
	(void)arg;
	if (!uv_is_closing(h))
		uv_close(h, NULL);
}

static void
teardown(struct daemon *d)
{
	d->stopping = true;
	op_free(d);
	rpc_free(&d->rpc);
	for (size_t i = 0; d->sup != NULL && i < sup_count(d->sup); i++)
		proc_free(d, sup_at(d->sup, i));
	wire_free(&d->wire);
	listeners_free(&d->listeners);
	pids_close(&d->pids);
	uv_walk(&d->loop, close_rest, NULL);
	uv_run(&d->loop, UV_RUN_DEFAULT);
	uv_loop_close(&d->loop);
	sup_free(&d->sup);
	rls_free(&d->rls);
	json_decref(d->forecast.workers);
	json_decref(d->map);
	json_decref(d->recovered);
	store_close(&d->store);
}

int
daemon_run(struct daemon *d)
{
	if (!d->stopping)
		uv_run(&d->loop, UV_RUN_DEFAULT);
	daemon_log(d, "notice", "relupd", "down");
	teardown(d);
	return 0;
}
