/* SPDX-License-Identifier: Apache-2.0
 * An interpreter's life, and how it tells what it does; run.c walks it.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>

#include "exec/exec_priv.h"

/* ------------------------------------------------------------------ telling */

void
exec_say(struct exec *x, const char *level, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	x->ops->log(x->ctx, level, text);
}

void
exec_show(struct exec *x, const char *phase, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct exec_progress p = {.phase = phase, .step = x->step,
	    .steps = (unsigned)x->script->step_count, .workers = (unsigned)x->count, .text = text};
	x->ops->progress(x->ctx, &p);
}

void
exec_fail(struct exec *x, const struct rel_err *err)
{
	if (x->err.code == REL_OK)
		x->err = *err;
	else
		exec_say(x, "warning", "also: %s", err->text);
}

/* ------------------------------------------------------------------ life */

static int
by_ref(const void *a, const void *b, void *ctx)
{
	const struct exec *x = ctx;
	uintptr_t p = (uintptr_t)x->workers[*(const uint32_t *)a].ref;
	uintptr_t q = (uintptr_t)x->workers[*(const uint32_t *)b].ref;
	return p < q ? -1 : p > q;
}

static void
workers_free(struct exec_worker *workers, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(workers[i].concerned);
		free(workers[i].committed);
		json_decref(workers[i].unrest);
	}
	free(workers);
}

int
exec_new(const struct exec_ops *ops, void *ctx, const struct exec_options *opt,
    struct exec_script *script, struct exec_worker *workers, size_t worker_count, struct exec **ret,
    struct rel_err *err)
{
	struct exec *x = calloc(1, sizeof(*x));
	if (x == NULL) {
		exec_script_free(&script);
		workers_free(workers, worker_count);
		return rel_err_nomem(err);
	}
	x->magic = EXEC_MAGIC;
	x->ops = ops;
	x->ctx = ctx;
	x->opt = *opt;
	x->script = script;
	x->workers = workers;
	x->count = worker_count;
	x->decision.memfd = -1;
	x->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	x->begin = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	x->killed = json_array();
	x->blocking = json_array();
	x->doomed = json_array();
	x->cancelled = json_array();
	x->rehearsals = json_array();
	x->warnings = json_array();
	x->word_base = calloc(script->step_count + 1, sizeof(*x->word_base));
	x->by_ref = calloc(worker_count + 1, sizeof(*x->by_ref));
	bool ok = x->wake >= 0 && x->begin >= 0 && x->killed != NULL && x->blocking != NULL && x->doomed != NULL &&
	    x->cancelled != NULL && x->rehearsals != NULL && x->warnings != NULL && x->word_base != NULL &&
	    x->by_ref != NULL;
	/* All memory the undo path needs is taken here, before anything changes. */
	for (size_t i = 0; i < worker_count; i++) {
		struct exec_worker *w = &workers[i];
		w->alive = !w->down && !w->gone;
		if (w->committed == NULL)
			w->committed = calloc(script->step_count + 1, sizeof(*w->committed));
		ok = ok && w->committed != NULL && w->concerned != NULL;
	}
	for (size_t i = 0; ok && i < worker_count; i++)
		x->by_ref[i] = (uint32_t)i;
	if (ok)
		qsort_r(x->by_ref, worker_count, sizeof(*x->by_ref), by_ref, x);
	if (!ok || exec_decision_make(x, err) != 0) {
		if (err->code == REL_OK)
			rel_err_nomem(err);
		exec_free(&x);
		return -1;
	}
	*ret = x;
	return 0;
}

/* A thousand workers answer at once: looked up, not searched. */
size_t
exec_index(const struct exec *x, const void *ref)
{
	size_t lo = 0, hi = x->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		uintptr_t at = (uintptr_t)x->workers[x->by_ref[mid]].ref;
		if (at == (uintptr_t)ref)
			return x->by_ref[mid];
		if ((uintptr_t)ref < at)
			hi = mid;
		else
			lo = mid + 1;
	}
	return x->count;
}

struct exec_worker *
exec_find(const struct exec *x, const void *ref)
{
	size_t i = exec_index(x, ref);
	return i < x->count && x->workers[i].alive ? &x->workers[i] : NULL;
}

bool
exec_in_bracket(const struct exec *x)
{
	return x->phase == EXEC_BUILD || x->phase == EXEC_RESUME;
}

void
exec_free(struct exec **xp)
{
	struct exec *x = *xp;
	*xp = NULL;
	if (x == NULL)
		return;
	MUST_OBJ(x, EXEC_MAGIC);
	workers_free(x->workers, x->count);
	free(x->word_base);
	free(x->members);
	free(x->by_ref);
	proto_decision_fini(&x->decision);
	rel_fd_close(&x->wake);
	rel_fd_close(&x->begin);
	json_decref(x->killed);
	json_decref(x->blocking);
	json_decref(x->doomed);
	json_decref(x->cancelled);
	json_decref(x->rehearsals);
	json_decref(x->warnings);
	json_decref(x->result);
	exec_script_free(&x->script);
	x->magic = 0;
	free(x);
}
