/* SPDX-License-Identifier: Apache-2.0
 * Who holds old code.  Before anything is begun the workers that may hold some are asked: an old version
 * in the way of a further one blocks the operation, and so does a brutal purge that would end somebody
 * and was not allowed.  Where it is allowed, holders are ended: those in the way before the new code is
 * loaded, those that the new code leaves behind after the last step.  Tasks are asked to end first; a
 * worker whose tasks do not is killed and started by the map.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "exec/exec_priv.h"

#define LISTED_MAX  1000            /* in a result, which the journal keeps */
#define CANCEL_WAIT (2 * DUR_S)    /* one that is cancelled has closed what it holds */
#define ANSWER_WAIT (5 * DUR_S)    /* and a loop that serves answers */

/* ------------------------------------------------------------------ lists */
static void
add_all(json_t *to, const struct exec_worker *w, const json_t *list)
{
	proto_holders_add(to, list, w->name, w->pid, LISTED_MAX);
}

/* "hello/listener/0: task serve/3 (thread 4711) in listener 0.1.0, in its turn since …", and how many more. */
static void
describe(const json_t *list, char *buf, size_t size)
{
	const json_t *h = json_array_get(list, 0);
	const char *worker = json_string_value(json_object_get(h, "worker"));
	const char *task = json_string_value(json_object_get(h, "task"));
	const char *module = json_string_value(json_object_get(h, "module"));
	const char *vsn = json_string_value(json_object_get(h, "vsn"));
	const char *since = json_string_value(json_object_get(h, "since"));
	char who[128] = "", at[32] = "", more[32] = "";
	const json_t *offset = json_object_get(h, "offset");
	long long thread = (long long)json_integer_value(json_object_get(h, "thread"));
	if (task != NULL)
		snprintf(who, sizeof(who), "task %.64s (thread %lld) in ", task, thread);
	else if (thread != 0)
		snprintf(who, sizeof(who), "thread %lld in ", thread);
	if (json_is_integer(offset))
		snprintf(at, sizeof(at), " +0x%llx", (unsigned long long)json_integer_value(offset));
	if (json_array_size(list) > 1)
		snprintf(more, sizeof(more), ", and %zu more", json_array_size(list) - 1);
	snprintf(buf, size, "%.150s: %s%.64s %.64s%s%s%.32s%s", worker != NULL ? worker : "?", who,
	    module != NULL ? module : "?", vsn != NULL ? vsn : "?", at,
	    since == NULL ? "" : task != NULL ? ", in its turn since " : ", silent since ", since != NULL ? since : "", more);
}

/* ------------------------------------------------------------------ asking */
static bool
loads_brutally(const struct exec *x, const struct exec_step *st, const char *module)
{
	for (size_t i = 0; i < st->load_count; i++)
		if (strcmp(st->loads[i], module) == 0)
			return x->opt.purge == EXEC_PURGE_BRUTAL ||
			    (x->opt.purge == EXEC_PURGE_SCRIPT && st->brutal[i]);
	return false;
}

/* What a worker may be handed of it: {module, digest} of all that the script loads into it. */
static json_t *
loaded_modules(struct exec *x, size_t worker, bool *ret_brutal)
{
	struct exec_worker *w = &x->workers[worker];
	json_t *all = x->ops->modules(x->ctx, w), *list = json_array(), *m;
	size_t i;
	*ret_brutal = false;
	json_array_foreach (all, i, m) {
		const char *module = json_string_value(json_object_get(m, "module"));
		bool any = false;
		for (unsigned s = 0; s < x->script->step_count && module != NULL; s++) {
			const struct exec_step *st = &x->script->steps[s];
			if (!w->concerned[s] || !exec_step_loads(st, module))
				continue;
			any = true;
			*ret_brutal |= loads_brutally(x, st, module);
		}
		if (any && list != NULL)
			json_array_append_new(list, json_pack("{s:s, s:O}", "module", module, "digest",
			    json_object_get(m, "digest")));
	}
	if (all == NULL) {
		json_decref(list);
		list = NULL;
	}
	json_decref(all);
	return list;
}

static void
send(struct exec *x, struct exec_worker *w, json_t *body, dur_ns_t wait)
{
	struct rel_err err = REL_ERR_INIT;
	if (body == NULL) {
		rel_err_nomem(&err);
		exec_fail(x, &err);
	} else if (x->ops->ask(x->ctx, w, body) != 0) {
		rel_err_set(&err, REL_E_WORKER_SILENT, "%s cannot be reached", w->name);
		exec_fail(x, &err);
	} else {
		w->waiting = true;
		w->due = x->ops->now(x->ctx) + wait + ANSWER_WAIT;
		x->waiting++;
	}
}

static void
timer_set(struct exec *x)
{
	mono_ns_t at = INT64_MAX;
	for (size_t i = 0; i < x->count; i++)
		if (x->workers[i].waiting && x->workers[i].due < at)
			at = x->workers[i].due;
	if (at != INT64_MAX)
		x->ops->timer(x->ctx, at);
}

/* ------------------------------------------------------------------ before */
/* Nobody ends these, and they need not be alive. */
static bool
held_by_words(const json_t *list)
{
	size_t i;
	json_t *h;
	json_array_foreach (list, i, h)
		if (json_object_get(h, "words") == NULL)
			return false;
	return true;
}

static void
look_over(struct exec *x)
{
	struct rel_err err = REL_ERR_INIT;
	char who[512];
	bool allowed = x->opt.purge == EXEC_PURGE_BRUTAL;
	x->ops->timer(x->ctx, 0);
	if (x->err.code == REL_OK && !allowed && json_array_size(x->blocking) > 0) {
		describe(x->blocking, who, sizeof(who));
		rel_err_set(&err, REL_E_BLOCKED, "the version before %s is still in use, and there is room for two: %s",
		    x->opt.from, who);
		rel_err_hint(&err, "%s", held_by_words(x->blocking)
		    ? "`--purge soft` takes the words for dead values; `--purge brutal` starts the worker anew"
		    : "wait for their end, see `relctl holders`; `--purge brutal` ends them");
		exec_fail(x, &err);
	} else if (x->err.code == REL_OK && !allowed && json_array_size(x->doomed) > 0) {
		describe(x->doomed, who, sizeof(who));
		rel_err_set(&err, REL_E_BLOCKED, "the script purges brutally, and that would end who stays in the code "
		    "of %s: %s", x->opt.from, who);
		rel_err_hint(&err, "`--purge brutal` allows it; `--purge soft` leaves them in the old code");
		exec_fail(x, &err);
	}
	if (x->err.code != REL_OK)
		exec_end(x);
	else
		exec_rehearse_begin(x);
}

void
exec_look_begin(struct exec *x)
{
	x->phase = EXEC_LOOK;
	x->waiting = 0;
	for (size_t i = 0; i < x->count && x->err.code == REL_OK; i++) {
		struct exec_worker *w = &x->workers[i];
		bool brutal;
		if (!w->alive || !w->holds)
			continue;
		json_t *modules = loaded_modules(x, i, &brutal);
		send(x, w, modules == NULL ? NULL : json_pack("{s:s, s:I, s:b, s:s*, s:o}", "what", "look", "wait_ms",
		    (json_int_t)(EXEC_LEAVE_WAIT / DUR_MS), "leave", brutal, "purge", exec_purge_name(x->opt.purge),
		    "modules", modules), EXEC_LEAVE_WAIT);
	}
	if (x->waiting == 0)
		look_over(x);
	else
		timer_set(x);
}

static void
on_looked(struct exec *x, struct exec_worker *w, const json_t *reply)
{
	const json_t *blocking = json_object_get(reply, "blocking"), *staying = json_object_get(reply, "staying");
	w->blocked = json_array_size(blocking) > 0;
	w->doomed = json_array_size(staying) > 0;
	add_all(x->blocking, w, blocking);
	add_all(x->doomed, w, staying);
}

/* ------------------------------------------------------------------ brutal */
/* It is started by the map when starts are free again: before the steps it takes no part in them. */
static void
kill_holder(struct exec *x, struct exec_worker *w)
{
	exec_say(x, "warning", "%s still holds old code: killed, as --purge brutal allows", w->name);
	exec_count_killed(x, w->name);
	w->killed = true;
	w->alive = false;
	if (!x->purged)
		memset(w->concerned, 0, x->script->step_count * sizeof(*w->concerned));
	x->changed = true;
	x->ops->replace(x->ctx, w);
}

static void
purge_over(struct exec *x)
{
	x->ops->timer(x->ctx, 0);
	if (x->purged)
		exec_settle(x);
	else if (x->err.code != REL_OK)
		exec_fall_back(x);
	else
		exec_prepare_begin(x);
}

/* False: nobody is to be ended. */
static bool
purge(struct exec *x, bool after)
{
	size_t n = 0;
	x->phase = EXEC_PURGE;
	x->waiting = 0;
	x->purged = after;
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		if (!w->alive || !(after ? w->doomed : w->blocked))
			continue;
		bool brutal;
		json_t *modules = after ? NULL : loaded_modules(x, i, &brutal);
		send(x, w, !after && modules == NULL ? NULL : json_pack("{s:s, s:I, s:o*}", "what", "purge", "wait_ms",
		    (json_int_t)(CANCEL_WAIT / DUR_MS), "modules", modules), CANCEL_WAIT);
		n++;
	}
	if (n == 0)
		return false;
	exec_show(x, "purge", "ending who holds old code in %zu worker%s", n, n == 1 ? "" : "s");
	if (x->waiting == 0)
		purge_over(x);
	else
		timer_set(x);
	return true;
}

bool
exec_purge_before(struct exec *x)
{
	return purge(x, false);
}

bool
exec_purge_after(struct exec *x)
{
	return !x->purged && !x->undoing && purge(x, true);
}

static void
on_purged(struct exec *x, struct exec_worker *w, const json_t *reply)
{
	add_all(x->cancelled, w, json_object_get(reply, "cancelled"));
	if (json_array_size(json_object_get(reply, "holders")) > 0)
		kill_holder(x, w);
}

/* ------------------------------------------------------------------ what comes */
static void
answered(struct exec *x, struct exec_worker *w)
{
	if (!w->waiting)
		return;
	w->waiting = false;
	if (--x->waiting > 0)
		return;
	if (x->phase == EXEC_LOOK)
		look_over(x);
	else
		purge_over(x);
}

/* A loop that does not answer runs module code, of which version nobody knows. */
static void
silent(struct exec *x, struct exec_worker *w, const char *why)
{
	struct rel_err err = REL_ERR_INIT;
	if (x->phase == EXEC_PURGE) {
		kill_holder(x, w);
		return;
	}
	rel_err_set(&err, REL_E_WORKER_SILENT, "%s does not tell who holds old code: %s", w->name, why);
	exec_fail(x, &err);
}

void
exec_answer(struct exec *x, void *ref, const json_t *reply, const struct rel_err *err)
{
	MUST_OBJ(x, EXEC_MAGIC);
	struct exec_worker *w = exec_find(x, ref);
	if (w == NULL || !w->waiting || (x->phase != EXEC_LOOK && x->phase != EXEC_PURGE))
		return;
	if (reply == NULL)
		silent(x, w, err->text);
	else if (x->phase == EXEC_LOOK)
		on_looked(x, w, reply);
	else
		on_purged(x, w, reply);
	answered(x, w);
}

/* It holds nothing any more. */
void
exec_holders_gone(struct exec *x, struct exec_worker *w)
{
	answered(x, w);
}

void
exec_holders_timer(struct exec *x)
{
	mono_ns_t now = x->ops->now(x->ctx);
	enum exec_phase phase = x->phase;
	for (size_t i = 0; i < x->count && x->phase == phase; i++) {
		struct exec_worker *w = &x->workers[i];
		if (!w->waiting || w->due > now)
			continue;
		silent(x, w, "no answer");
		answered(x, w);
	}
	if (x->phase == phase)
		timer_set(x);
}

/* ------------------------------------------------------------------ those that do not come to rest */
void
exec_unrest(struct exec_worker *w, const json_t *body)
{
	json_decref(w->unrest);
	w->unrest = json_array();
	if (w->unrest != NULL)
		add_all(w->unrest, w, json_object_get(body, "holders"));
}

/* Who was bidden by its cell was not sent a word: it is silent since the bracket's beginning. */
static void
date(const struct exec *x, const struct exec_worker *w, json_t *list)
{
	char at[32];
	json_t *h;
	size_t i;
	rel_wall_print(rel_wall_now() - (x->ops->now(x->ctx) - x->bracket_sent), at, sizeof(at));
	json_array_foreach (list, i, h)
		if (json_is_null(json_object_get(h, "since")) && json_integer_value(json_object_get(h, "thread")) == w->pid)
			(void)json_object_set_new(h, "since", json_string(at));
}

/* The error of a bracket whose time to come to rest is over says who was waited for. */
void
exec_name_unrest(struct exec *x, struct exec_worker *w, struct rel_err *err)
{
	char who[512], text[sizeof(err->text)];
	if (json_array_size(w->unrest) == 0 && !x->undoing) { /* its loop does not come to speak */
		exec_bracket_release(x);
		json_t *seen = x->ops->stand(x->ctx, w);
		date(x, w, seen);
		exec_unrest(w, NULL);
		add_all(w->unrest, w, seen);
		json_decref(seen);
	}
	if (json_array_size(w->unrest) == 0)
		return;
	describe(w->unrest, who, sizeof(who));
	enum rel_ecode code = err->code;
	snprintf(text, sizeof(text), "%s", err->text);
	rel_err_clear(err);
	rel_err_set(err, code, "%s: %s", text, who);
	add_all(x->blocking, w, w->unrest);
}
