/* SPDX-License-Identifier: Apache-2.0
 * The interpreter's world: workers by wire and sup, the map, the journal, the one timer.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/op_priv.h"

#define WARNINGS_MAX 10 /* of workers, in a result; of those that it cost each is named */

static int
w_send_json(void *ctx, struct exec_worker *w, const char *name, json_t *body, const int *fds,
    size_t n)
{
	struct operation *op = ctx;
	struct rel_err err = REL_ERR_INIT;
	if (wire_send_json(w->ref, name, body, fds, n, &err) == 0) {
		if (strcmp(name, "finish") == 0)
			json_object_set_new(op->leaving, w->name, json_true());
		return 0;
	}
	if (err.sys == ETOOMANYREFS)
		return 1; /* as many as relupd may have open: the kernel counts all of its user's */
	daemon_log(op->d, "warning", w->name, "%s", err.text);
	return -1;
}

static int
w_send_frame(void *ctx, struct exec_worker *w, const struct proto_frame *f)
{
	struct operation *op = ctx;
	struct rel_err err = REL_ERR_INIT;
	if (wire_send_frame(w->ref, f, &err) == 0)
		return 0;
	daemon_log(op->d, "warning", w->name, "%s", err.text);
	return -1;
}

/* Whom an answer is for. */
struct asked {
	struct daemon *d;
	uint64_t operation;
	struct sup_worker *w;
};

static void
on_answer(void *ctx, json_t *reply, const struct rel_err *err)
{
	struct asked *a = ctx;
	struct operation *op = a->d->op;
	if (op != NULL && op->x != NULL && !op->ended && op->id == a->operation)
		exec_answer(op->x, a->w, reply, err);
	free(a);
}

static int
w_ask(void *ctx, struct exec_worker *w, json_t *body)
{
	struct operation *op = ctx;
	struct rel_err err = REL_ERR_INIT;
	struct asked *a = malloc(sizeof(*a));
	if (a == NULL) {
		json_decref(body);
		return -1;
	}
	*a = (struct asked){op->d, op->id, w->ref};
	if (wire_ask(w->ref, body, on_answer, a, &err) == 0)
		return 0;
	daemon_log(op->d, "warning", w->name, "%s", err.text);
	free(a);
	return -1;
}

static json_t *
w_stand(void *ctx, struct exec_worker *w)
{
	(void)ctx;
	return threads_stand(w->ref);
}

static json_t *
w_modules(void *ctx, struct exec_worker *w)
{
	struct operation *op = ctx;
	const struct sup_worker *sw = w->ref;
	return rls_modules_for(op->plan.target, sw->application, op->plan.target->modules);
}

static void
w_kill(void *ctx, struct exec_worker *w)
{
	struct operation *op = ctx;
	sup_replace(op->d->sup, w->ref); /* it starts again whatever its restart type */
}

static void
w_replace(void *ctx, struct exec_worker *w)
{
	struct operation *op = ctx;
	sup_replace(op->d->sup, w->ref);
}

static void
w_hold_starts(void *ctx, bool hold)
{
	struct operation *op = ctx;
	sup_hold_starts(op->d->sup, hold);
}

static json_t *
w_ended(void *ctx)
{
	return op_ended(ctx);
}

static void
w_map_step(void *ctx, const struct exec_step *st, bool undo)
{
	struct operation *op = ctx;
	struct daemon *d = op->d;
	const json_t *source = undo ? d->rls->modules : op->plan.target->modules;
	for (size_t i = 0; i < st->load_count; i++) {
		json_t *m = json_object_get(source, st->loads[i]);
		if (m == NULL)
			json_object_del(d->map, st->loads[i]);
		else if (json_object_set(d->map, st->loads[i], m) != 0)
			daemon_log(d, "error", st->loads[i], "out of memory: a restarted worker may "
							     "start with another version");
	}
}

static void
on_timer(uv_timer_t *t)
{
	struct operation *op = t->data;
	exec_timer(op->x);
}

static void
w_timer(void *ctx, mono_ns_t at)
{
	struct operation *op = ctx;
	if (op->ended)
		return;
	uv_timer_stop(&op->timer);
	if (at == 0)
		return;
	dur_ns_t left = at - rel_mono_now();
	uv_update_time(&op->d->loop);
	uv_timer_start(&op->timer, on_timer, left > 0 ? (uint64_t)((left + DUR_MS - 1) / DUR_MS) : 0, 0);
}

static mono_ns_t
w_now(void *ctx)
{
	(void)ctx;
	return rel_mono_now();
}

static int
w_journal_begun(void *ctx, struct rel_err *err)
{
	struct operation *op = ctx;
	return store_op_step(op->d->store, op->id, 0, "begun", err);
}

static int
w_journal_undo(void *ctx, struct rel_err *err)
{
	struct operation *op = ctx;
	return store_op_undo(op->d->store, op->id, err);
}

/* What the release asks for and does not get is part of how it ended. */
static void
warn_of_probation(struct operation *op, json_t *list, bool said)
{
	const struct rls *r = op->plan.target != NULL ? op->plan.target : op->d->rls;
	char text[2 * REL_VERSION_MAX + 120];
	if (r->sys->release->probation == NULL)
		return;
	snprintf(text, sizeof(text), "release %s asks for a probation: this version of relup watches none, the "
				     "release is permanent now", op->to);
	if (!said)
		daemon_log(op->d, "warning", op->kind, "%s", text);
	json_array_append_new(list, json_string(text));
}

/* The old release is in place, but not all of it ran before, or does now.  One that is not started again
 * when it ends has done its work, unless the operation ended it. */
static void
warn_of_absent(struct operation *op, json_t *list, const json_t *killed)
{
	size_t n = 0;
	for (size_t i = 0; op->d->sup != NULL && i < sup_count(op->d->sup); i++) {
		const struct sup_worker *w = sup_at(op->d->sup, i);
		char text[REL_WORKER_MAX + sizeof(w->why) + 24];
		bool ended = w->state == SUP_ENDED && !sup_worker_fails(w);
		bool enough = ended || n >= WARNINGS_MAX;
		if (sup_worker_runs(w) || (enough && !proto_json_lists(killed, w->name)))
			continue;
		snprintf(text, sizeof(text), "%s does not run%s%s", w->name, w->why[0] != '\0' ? ": " : "", w->why);
		n += json_array_append_new(list, proto_text_json(text)) == 0;
	}
}

/* Made anew in each attempt: who runs may have changed since one that could not be recorded. */
static int
warn(struct operation *op, enum exec_outcome o, json_t *result)
{
	json_t *list = json_array();
	if (list == NULL)
		return -1;
	if (op->x != NULL)
		json_array_extend(list, (json_t *)(uintptr_t)exec_warnings(op->x)); /* of them references are taken */
	if (o == EXEC_UPGRADED)
		warn_of_probation(op, list, json_object_get(result, "warnings") != NULL);
	else
		warn_of_absent(op, list, json_object_get(result, "killed"));
	if (json_array_size(list) > 0)
		return json_object_set_new(result, "warnings", list);
	json_object_del(result, "warnings");
	json_decref(list);
	return 0;
}

/* They were those of code that is no more. */
static void
forget_faults(struct daemon *d)
{
	for (size_t i = 0; d->sup != NULL && i < sup_count(d->sup); i++) {
		struct sup_worker *w = sup_at(d->sup, i);
		json_decref(w->last_fault);
		w->last_fault = NULL;
	}
}

int
op_journal_end(struct operation *op, enum exec_outcome o, json_t *result, struct rel_err *err)
{
	struct store_current cur;
	if (result != NULL && warn(op, o, result) != 0)
		return rel_err_nomem(err);
	if (store_current_get(op->d->store, &cur, err) != 0)
		return -1;
	if (o == EXEC_UPGRADED) {
		if (strcmp(cur.permanent, op->to) != 0)
			memcpy(cur.previous, cur.permanent, sizeof(cur.previous));
		snprintf(cur.permanent, sizeof(cur.permanent), "%s", op->to);
		snprintf(cur.current, sizeof(cur.current), "%s", op->to);
	}
	CLEANUP(rel_free_cleanup) char *text = result != NULL ? proto_json_text(result, JSON_COMPACT) : NULL;
	if (text == NULL)
		return rel_err_nomem(err);
	if (store_op_end(op->d->store, op->id, exec_outcome_name(o), text, &cur, err) != 0)
		return -1;
	if (o == EXEC_UPGRADED)
		forget_faults(op->d);
	return 0;
}

static void
w_progress(void *ctx, const struct exec_progress *p)
{
	struct operation *op = ctx;
	daemon_log(op->d, "info", op->kind, "%s → %s: %s: %s", op->from, op->to, p->phase, p->text);
	op_set_phase(op, p->phase, p->text);
}

static void
w_log(void *ctx, const char *level, const char *text)
{
	struct operation *op = ctx;
	daemon_log(op->d, level, op->kind, "%s", text);
}

static bool
w_runs(void *ctx, struct exec_worker *w)
{
	const struct sup_worker *sw = w->ref;
	(void)ctx;
	return sup_worker_runs(sw) || (sw->state == SUP_ENDED && !sup_worker_fails(sw));
}

static bool
w_fails(void *ctx, struct exec_worker *w)
{
	(void)ctx;
	return sup_worker_fails(w->ref);
}

/* Which of them ran when the operation began is not known; those that fail again and again did not. */
static bool
w_found_again(void *ctx, const char **ret_name)
{
	struct operation *op = ctx;
	for (size_t i = 0; i < sup_count(op->d->sup); i++) {
		const struct sup_worker *w = sup_at(op->d->sup, i);
		if (sup_worker_runs(w) || w->state == SUP_ENDED || sup_worker_fails(w))
			continue;
		*ret_name = w->name;
		return false;
	}
	return true;
}

static int
w_journal_end(void *ctx, enum exec_outcome o, json_t *result, struct rel_err *err)
{
	const struct operation *op = ctx;
	if (!op->opt.rehearse_only)
		return op_journal_end(ctx, o, result, err);
	return result != NULL ? 0 : rel_err_nomem(err); /* nothing to record */
}

static void
w_done(void *ctx, enum exec_outcome o, json_t *result, const struct rel_err *err)
{
	op_over(ctx, o, result, err);
}

const struct exec_ops op_world = {
    .send_json = w_send_json, .send_frame = w_send_frame, .ask = w_ask, .stand = w_stand, .modules = w_modules, .kill = w_kill,
    .replace = w_replace, .hold_starts = w_hold_starts, .runs = w_runs, .fails = w_fails,
    .found_again = w_found_again, .ended = w_ended, .map_step = w_map_step, .timer = w_timer,
    .now = w_now, .journal_begun = w_journal_begun, .journal_undo = w_journal_undo,
    .journal_end = w_journal_end, .progress = w_progress, .log = w_log, .done = w_done
};
