/* SPDX-License-Identifier: Apache-2.0
 * The functions behind relworker.h.  Every one finds its worker and its module through the view it
 * is handed.  Inside code_change and convert a call that would be seen from outside is refused and
 * remembered: the change fails by it even where the module goes on.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "worker/worker_priv.h"

/* One write a line, so that lines of several processes do not mix. */
void
worker_vlog(const struct worker *w, enum relw_level level, const char *fmt, va_list ap)
{
	char line[1024], at[32];
	const char *word = level <= RELW_ERROR ? "error" : level <= RELW_WARNING ? "warning"
	    : level <= RELW_INFO ? "info" : "debug";
	if (w->rehearsing)
		return;
	/* As relupd's own lines: both logs are read side by side. */
	int n = snprintf(line, sizeof(line), "%s %s %s: ", rel_wall_print(rel_wall_now(), at, sizeof(at)),
	    word, w->name);
	if (n < 0 || (size_t)n >= sizeof(line) / 2)
		n = 0;
	int m = vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, fmt, ap);
	if (m > 0)
		n += m;
	if ((size_t)n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	line[n++] = '\n';
	(void)rel_fd_write_all(STDERR_FILENO, line, (size_t)n);
}

void
worker_log(const struct worker *w, enum relw_level level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	worker_vlog(w, level, fmt, ap);
	va_end(ap);
}

/* Registrations, timers and what hangs on them are the loop's. */
static bool
on_loop(const struct worker *w)
{
	return pthread_equal(pthread_self(), w->thread);
}

static bool
allowed(struct worker *w, const char *call)
{
	if (!on_loop(w))
		return false;
	if (w->call == CALL_TXN && w->txn->forbidden == NULL)
		w->txn->forbidden = call;
	return w->call == CALL_PLAIN;
}

static void
api_vlog(struct relw *rw, enum relw_level level, const char *fmt, va_list ap)
{
	worker_vlog(worker_view(rw)->w, level, fmt, ap);
}

static const char *
api_worker(struct relw *rw)
{
	return worker_view(rw)->w->name;
}

static const char *
api_args(struct relw *rw)
{
	return worker_view(rw)->w->args_text;
}

static const char *
api_env(struct relw *rw)
{
	return worker_view(rw)->w->env_text;
}

static const json_t *
get(struct relw *rw, int of_env, const char *key)
{
	return json_object_get(
	    json_object_get(worker_view(rw)->w->start, of_env ? "env" : "args"), key);
}

static int64_t
api_get_int(struct relw *rw, int of_env, const char *key, int64_t otherwise)
{
	const json_t *v = get(rw, of_env, key);
	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

static const char *
api_get_text(struct relw *rw, int of_env, const char *key, const char *otherwise)
{
	const json_t *v = get(rw, of_env, key);
	return json_is_string(v) ? json_string_value(v) : otherwise;
}

static size_t
api_listener_count(struct relw *rw)
{
	return worker_view(rw)->w->listener_count;
}

static int
api_listener(struct relw *rw, size_t i)
{
	const struct worker *w = worker_view(rw)->w;
	return i < w->listener_count ? w->listeners[i] : -ENOENT;
}

static int
api_fd_add(struct relw *rw, int fd, uint32_t events, const char *function, uint64_t key)
{
	struct worker *w = worker_view(rw)->w;
	uint32_t slot;
	if (!allowed(w, "relw_fd_add"))
		return -EPERM;
	int rc = worker_slot_find(w, worker_view(rw)->entry->obj->module, function, false, &slot);
	return rc != 0 ? rc : worker_reg_add(w, fd, events, slot, key);
}

static int
api_fd_mod(struct relw *rw, int fd, uint32_t events)
{
	struct worker *w = worker_view(rw)->w;
	return allowed(w, "relw_fd_mod") ? worker_reg_mod(w, fd, events) : -EPERM;
}

static int
api_fd_del(struct relw *rw, int fd)
{
	struct worker *w = worker_view(rw)->w;
	return allowed(w, "relw_fd_del") ? worker_reg_del(w, fd) : -EPERM;
}

static int64_t
api_timer_add(struct relw *rw, int64_t after, int64_t every, const char *function, uint64_t key)
{
	struct worker *w = worker_view(rw)->w;
	uint32_t slot;
	if (!allowed(w, "relw_timer_add"))
		return -EPERM;
	int rc = worker_slot_find(w, worker_view(rw)->entry->obj->module, function, false, &slot);
	return rc != 0 ? rc : worker_timer_add(w, after, every, slot, key);
}

static int
api_timer_del(struct relw *rw, int64_t timer)
{
	struct worker *w = worker_view(rw)->w;
	return allowed(w, "relw_timer_del") ? worker_timer_del(w, timer) : -EPERM;
}

static void
api_stop(struct relw *rw, const char *reason)
{
	struct worker *w = worker_view(rw)->w;
	if (allowed(w, "relw_stop"))
		worker_loop_stop(w, strcmp(reason, "normal") == 0 ? 0 : 1, reason);
}

static int
api_vrefuse(struct relw *rw, const char *fmt, va_list ap)
{
	struct worker *w = worker_view(rw)->w;
	if (on_loop(w))
		vsnprintf(w->refusal, sizeof(w->refusal), fmt, ap);
	return -1;
}

static int
api_txn_convert(struct relw *rw, const char *module, const char *type, void *old, void **ret_new)
{
	struct worker *w = worker_view(rw)->w;
	return on_loop(w) && w->call == CALL_TXN ? worker_txn_convert(w, module, type, old, ret_new) : -EPERM;
}

static int
api_txn_rebind_fd(struct relw *rw, int fd, uint64_t key)
{
	struct worker *w = worker_view(rw)->w;
	if (!on_loop(w) || w->call != CALL_TXN)
		return -EPERM;
	struct reg *r = worker_reg_get(w, fd);
	if (r == NULL)
		return -ENOENT;
	if (!r->txn_set) {
		r->txn_set = true;
		r->txn_next = w->txn->fds;
		w->txn->fds = fd;
	}
	r->txn_key = key;
	return 0;
}

static int
api_txn_rebind_timer(struct relw *rw, int64_t timer, uint64_t key)
{
	struct worker *w = worker_view(rw)->w;
	if (!on_loop(w) || w->call != CALL_TXN)
		return -EPERM;
	struct timer *t = worker_timer_get(w, timer);
	if (t == NULL)
		return -ENOENT;
	if (!t->txn_set) {
		t->txn_set = true;
		t->txn_next = w->txn->timers;
		w->txn->timers = (int)(timer & 0xffffffff);
	}
	t->txn_key = key;
	return 0;
}

static int64_t
api_task_start(struct relw *rw, const char *function, void *state)
{
	struct worker *w = worker_view(rw)->w;
	if (!allowed(w, "relw_task_start"))
		return -EPERM;
	return worker_task_start(w, worker_view(rw)->entry->obj->module, function, state);
}

static int
api_task_cancel(struct relw *rw, int64_t task)
{
	struct worker *w = worker_view(rw)->w;
	if (!allowed(w, "relw_task_cancel"))
		return -EPERM;
	for (struct task *t = w->tasks.list; t != NULL; t = t->next)
		if (t->id == task) {
			worker_task_cancel(t);
			return 0;
		}
	return -ENOENT;
}

static int
api_task_due(struct relw *rw)
{
	(void)rw;
	const struct task *t = worker_task_self();
	return t != NULL ? worker_task_due(t) : RELW_NOT_DUE;
}

static int
api_task_wait(struct relw *rw, int fd, uint32_t events, int64_t timeout)
{
	(void)rw;
	struct task *t = worker_task_self();
	return t != NULL ? worker_task_wait(t, fd, events, timeout) : -EPERM;
}

static int
api_call(struct relw *rw, const char *function, uint64_t key)
{
	struct task *t = worker_task_self();
	return t != NULL ? worker_task_call(t, worker_view(rw)->entry->obj->module, function, key) : -EPERM;
}

const struct relw_api *
worker_api(void)
{
	static const struct relw_api api = {
	    .abi = RELW_ABI,
	    .size = sizeof(api),
	    .vlog = api_vlog,
	    .worker = api_worker,
	    .args = api_args,
	    .env = api_env,
	    .get_int = api_get_int,
	    .get_text = api_get_text,
	    .listener_count = api_listener_count,
	    .listener = api_listener,
	    .fd_add = api_fd_add,
	    .fd_mod = api_fd_mod,
	    .fd_del = api_fd_del,
	    .timer_add = api_timer_add,
	    .timer_del = api_timer_del,
	    .stop = api_stop,
	    .vrefuse = api_vrefuse,
	    .txn_convert = api_txn_convert,
	    .txn_rebind_fd = api_txn_rebind_fd,
	    .txn_rebind_timer = api_txn_rebind_timer,
	    .task_start = api_task_start,
	    .task_cancel = api_task_cancel,
	    .task_due = api_task_due,
	    .task_wait = api_task_wait,
	    .call = api_call,
	};
	return &api;
}
