/* SPDX-License-Identifier: Apache-2.0
 * After a kill of relupd in the middle of an operation: the journal says what was begun, the workers'
 * hellos say what was decided, and the interpreter goes on from there.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/op_priv.h"

/* The journal's row, copied out. */
struct unfinished {
	uint64_t id;
	wall_ns_t at;
	char kind[16], who[96];
	char from[REL_VERSION_MAX + 1], to[REL_VERSION_MAX + 1];
	bool undo;
	bool begun;                   /* its workers were about to hold new code */
	json_t *script;               /* owned; as op.c recorded it, NULL: it cannot be read */
};

static int
unfinished_one(void *ctx, const struct store_op *so)
{
	struct unfinished *u = ctx;
	u->id = so->id;
	u->at = so->at;
	u->undo = so->undo;
	snprintf(u->kind, sizeof(u->kind), "%s", so->kind);
	snprintf(u->who, sizeof(u->who), "%s", so->who);
	snprintf(u->from, sizeof(u->from), "%s", so->from);
	snprintf(u->to, sizeof(u->to), "%s", so->to);
	u->script = so->script != NULL ? json_loads(so->script, 0, NULL) : NULL;
	return 0;
}

static int
step_one(void *ctx, unsigned step, const char *state)
{
	(void)step;
	(void)state;
	((struct unfinished *)ctx)->begun = true;
	return 1;
}

/* 1: *ret is the operation, which has no outcome; 0: there is none. */
static int
find_unfinished(struct daemon *d, struct unfinished *ret, struct rel_err *err)
{
	int rc = store_op_unfinished(d->store, unfinished_one, ret, err);
	if (rc == 1 && store_op_step_each(d->store, ret->id, step_one, ret, err) != 0) {
		json_decref(ret->script);
		return -1;
	}
	return rc;
}

/* The names of those that took part and whose process is not the one that did. */
json_t *
op_ended(const struct operation *op)
{
	const char *name;
	json_t *process, *ended = op->took_part != NULL || !op->begun ? json_array() : NULL;
	json_object_foreach (op->begun ? op->took_part : NULL, name, process) {
		const struct sup_worker *w = sup_find(op->d->sup, name);
		if (w != NULL && w->pid != 0 &&
		    json_integer_value(json_array_get(process, 0)) == (json_int_t)w->pid &&
		    json_integer_value(json_array_get(process, 1)) == (json_int_t)w->start_time)
			continue;
		if (json_array_append_new(ended, json_string(name)) != 0) {
			json_decref(ended);
			return NULL;
		}
	}
	return ended;
}

/* What a worker said in its hello of the steps it committed. */
static void
read_states(const struct operation *op, const json_t *state, struct exec_worker *w, size_t steps)
{
	size_t i;
	json_t *s;
	if (json_integer_value(json_object_get(state, "operation")) != (json_int_t)op->id)
		return;
	json_array_foreach (json_object_get(state, "steps"), i, s) {
		json_int_t at = json_integer_value(json_object_get(s, "step"));
		const char *text = json_string_value(json_object_get(s, "state"));
		if (at >= 0 && (size_t)at < steps && text != NULL)
			w->committed[at] = strcmp(text, "committed") == 0;
	}
}

static const char *
digest_in(const json_t *modules, const char *module)
{
	return json_string_value(json_object_get(json_object_get(modules, module), "digest"));
}

static const char *
loaded_digest(const struct sup_worker *w, const char *module)
{
	size_t i;
	json_t *m;
	json_array_foreach (w->loaded, i, m) {
		const char *name = json_string_value(json_object_get(m, "module"));
		if (name != NULL && strcmp(name, module) == 0)
			return json_string_value(json_object_get(m, "digest"));
	}
	return NULL;
}

/* A worker that holds nothing of the operation was started by the map, perhaps by an earlier relupd
 * after the last bracket: what it runs says which steps it stands behind.  True: some. */
static bool
read_loaded(const struct operation *op, struct exec_worker *w)
{
	const struct sup_worker *sw = w->ref;
	bool any = false;
	for (size_t i = 0; i < op->plan.steps->step_count; i++) {
		const struct exec_step *st = &op->plan.steps->steps[i];
		w->committed[i] = w->concerned[i];
		for (size_t k = 0; k < st->load_count && w->concerned[i]; k++) {
			const char *have = loaded_digest(sw, st->loads[k]);
			const char *to = digest_in(op->plan.target->modules, st->loads[k]);
			const char *from = digest_in(op->d->rls->modules, st->loads[k]);
			if (have == NULL || to == NULL)
				continue;
			w->committed[i] &= strcmp(have, to) == 0;
			any |= strcmp(have, to) == 0 && (from == NULL || strcmp(have, from) != 0);
		}
	}
	w->stranded = true;
	return any;
}

/* Those that took part, ended, and are on their way to run again: the outcome waits for them, and one that
 * fails decides it.  There is room: none of them is in the list, which was made for all workers. */
static int
add_gone(struct operation *op, struct exec_worker *list, size_t *n)
{
	const char *name;
	json_t *process;
	json_object_foreach (op->took_part, name, process) {
		struct sup_worker *w = sup_find(op->d->sup, name);
		bool on_its_way = w != NULL && (w->state == SUP_WAITING || w->state == SUP_DOWN ||
		    w->state == SUP_SPAWNED || w->state == SUP_STARTING || sup_worker_fails(w));
		if (!on_its_way)
			continue;
		struct exec_worker *x = &list[*n];
		*x = (struct exec_worker){.ref = w, .name = w->name, .gone = true};
		x->concerned = calloc(op->plan.steps->step_count + 1, sizeof(*x->concerned));
		if (x->concerned == NULL)
			return -1;
		++*n;
	}
	return 0;
}

/* Workers that were prepared for it can go either way; of the others those count that run its code:
 * the rest runs the old release. */
static int
recovered_workers(struct operation *op, const json_t *states, struct exec_worker **ret, size_t *ret_n)
{
	struct exec_worker *list;
	size_t n, kept = 0;
	if (op_take_workers(op, &list, &n) != 0)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const json_t *state = json_object_get(states, list[i].name);
		bool holds = json_integer_value(json_object_get(state, "operation")) == (json_int_t)op->id;
		list[i].committed = calloc(op->plan.steps->step_count + 1, sizeof(bool));
		if (list[i].committed == NULL) {
			for (size_t k = i; k < n; k++)
				free(list[k].concerned);
			op_workers_free(list, kept);
			return -1;
		}
		if (holds) {
			read_states(op, state, &list[i], op->plan.steps->step_count);
		} else if (!read_loaded(op, &list[i])) {
			free(list[i].concerned);
			free(list[i].committed);
			continue;
		}
		list[kept++] = list[i];
	}
	*ret = list;
	*ret_n = kept;
	if (add_gone(op, list, ret_n) == 0)
		return 0;
	op_workers_free(list, *ret_n);
	return -1;
}

static int
recover(struct operation *op, const json_t *states, const struct unfinished *u, struct rel_err *err)
{
	struct daemon *d = op->d;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	json_int_t max_pause = json_integer_value(json_object_get(u->script, "max_pause_ms"));
	int rc = op_plan_make(d, op->to, strcmp(op->kind, "downgrade") == 0,
	    json_object_get(u->script, "relup"), &op->plan, &p, err);
	doc_problems_fini(&p);
	if (rc != 0)
		return -1;
	struct exec_worker *workers;
	size_t n;
	if (recovered_workers(op, states, &workers, &n) != 0)
		return rel_err_nomem(err);
	op->opt = (struct exec_options){.operation = op->id, .from = op->from, .to = op->to,
	    .instructions = (unsigned)op->plan.script->count, .max_pause = max_pause > 0
		? max_pause * DUR_MS : EXEC_MAX_PAUSE};
	if (rel_wall_now() > op->at)
		op->opt.before = rel_wall_now() - op->at;
	if (exec_new(&op_world, op, &op->opt, MOVE(op->plan.steps), workers, n, &op->x, err) != 0)
		return -1;
	op_set_phase(op, "recover", "relupd came back in the middle of it");
	exec_recover(op->x, u->undo);
	return 0;
}

void
op_finish(struct daemon *d, struct sup_worker *w, uint64_t id, bool confirmed)
{
	struct rel_err err = REL_ERR_INIT;
	if (wire_send_json(w, "finish", json_pack("{s:I, s:b}", "operation", (json_int_t)id, "confirmed",
		confirmed), NULL, 0, &err) != 0)
		daemon_log(d, "warning", w->name, "%s", err.text);
}

void
op_tell_missed(struct daemon *d, struct sup_worker *w, json_t *state)
{
	json_int_t id = json_integer_value(json_object_get(state, "operation"));
	struct operation *op = d->op;
	if (id <= 0)
		return;
	if (op == NULL || op->ended || id != (json_int_t)op->id)
		op_finish(d, w, (uint64_t)id, true);
	else if ((op->x == NULL || !exec_reconnected(op->x, w, state)) &&
	    json_object_set(op->late, w->name, state) != 0)
		daemon_log(d, "error", w->name, "out of memory: it is not told of the operation's end");
}

/* relupd may have died between recording an outcome and telling all workers. */
static void
tell_all_missed(struct daemon *d, json_t *states, uint64_t unfinished)
{
	const char *name;
	json_t *state;
	json_object_foreach (states, name, state) {
		struct sup_worker *w = sup_find(d->sup, name);
		if (w != NULL && json_integer_value(json_object_get(state, "operation")) !=
			(json_int_t)unfinished)
			op_tell_missed(d, w, state);
	}
}

/* Workers that were not prepared yet may still be rehearsing it, for nobody; the next operation would
 * find them busy. */
static void
drop_rehearsals(struct daemon *d, json_t *states, uint64_t unfinished)
{
	for (size_t i = 0; i < sup_count(d->sup); i++) {
		struct sup_worker *w = sup_at(d->sup, i);
		if (w->conn != NULL && json_object_get(states, w->name) == NULL)
			op_finish(d, w, unfinished, false);
	}
}

/* Those that hold something of the operation, and whether any of it is in force. */
static bool
all_late(struct operation *op, json_t *states)
{
	const char *name;
	json_t *state, *s;
	size_t i;
	bool committed = false;
	json_object_foreach (states, name, state) {
		if (json_integer_value(json_object_get(state, "operation")) != (json_int_t)op->id)
			continue;
		json_object_set(op->late, name, state);
		json_array_foreach (json_object_get(state, "steps"), i, s) {
			const char *text = json_string_value(json_object_get(s, "state"));
			committed |= text != NULL && strcmp(text, "committed") == 0;
		}
	}
	return committed;
}

/* The release that was to be reached is gone or broken: what runs is told, nothing is touched. */
static void
end_as_it_is(struct operation *op, json_t *states, bool undo, const struct rel_err *err)
{
	json_t *ended = op_ended(op);
	bool changed = undo || ended == NULL || json_array_size(ended) > 0;
	enum exec_outcome o = all_late(op, states) ? EXEC_MIXED : changed ? EXEC_ROLLED_BACK : EXEC_UNCHANGED;
	json_t *result = op_unchanged_result(op->from);
	json_object_set_new(result, "operation", json_integer((json_int_t)op->id));
	json_object_set_new(result, "outcome", json_string(exec_outcome_name(o)));
	json_object_set_new(result, "to", json_string(op->to));
	if (ended != NULL)
		json_object_set_new(result, "killed", ended);
	json_object_set_new(result, "error", proto_err_json(err));
	op_end(op, o, result, err);
	sup_hold_starts(op->d->sup, false);
}

int
op_recover(struct daemon *d, json_t *states, struct rel_err *err)
{
	struct unfinished u = {0};
	int rc = find_unfinished(d, &u, err);
	if (rc < 0)
		return -1;
	tell_all_missed(d, states, u.id);
	if (rc == 0)
		return 0;
	drop_rehearsals(d, states, u.id);
	struct operation *op = op_new(d, u.kind, u.who, u.from, u.to);
	if (op != NULL) {
		op->id = u.id;
		op->at = u.at;
		op->begun = u.begun;
		op->took_part = json_incref(json_object_get(u.script, "workers"));
		if (recover(op, states, &u, err) != 0)
			end_as_it_is(op, states, u.undo, err);
	}
	json_decref(u.script);
	return op != NULL ? 0 : rel_err_nomem(err);
}

void
op_abandon(struct daemon *d)
{
	struct unfinished u = {0};
	struct rel_err err = REL_ERR_INIT;
	if (store_op_unfinished(d->store, unfinished_one, &u, &err) <= 0)
		return;
	json_decref(u.script);
	if (proc_end_left(d, &err) != 0)
		daemon_log(d, "error", u.kind, "workers of the interrupted start: %s", err.text);
	rel_err_clear(&err);
	json_t *result = op_unchanged_result(u.to);
	json_object_set_new(result, "operation", json_integer((json_int_t)u.id));
	json_object_set_new(result, "from", json_string(u.from));
	rel_err_set(&err, REL_E_CUT_SHORT, "relupd ended in the middle of the operation");
	json_object_set_new(result, "error", proto_err_json(&err));
	CLEANUP(rel_free_cleanup) char *text = proto_json_text(result, JSON_COMPACT);
	json_decref(result);
	rel_err_clear(&err);
	if (text == NULL || store_op_end(d->store, u.id, exec_outcome_name(EXEC_UNCHANGED), text, NULL,
				&err) != 0)
		daemon_log(d, "error", u.kind, "operation %llu cannot be ended: %s",
		    (unsigned long long)u.id, text == NULL ? "out of memory" : err.text);
}
