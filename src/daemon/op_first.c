/* SPDX-License-Identifier: Apache-2.0
 * The first start of a release on a root that runs none.  It is an operation like the others: a worker
 * that does not start takes it back, and the root runs nothing, as before.
 */
#include "config.h"

#include <string.h>

#include "daemon/op_priv.h"

/* A worker has hello and ready in less; it is the time without one more that runs. */
#define FIRST_WAIT EXEC_SETTLE_TIMEOUT

static void
first_end(struct operation *op, enum exec_outcome o, const struct rel_err *err)
{
	json_t *result = op_unchanged_result(op->to);
	size_t workers = op->d->sup != NULL ? sup_count(op->d->sup) : 0;
	json_object_set_new(result, "operation", json_integer((json_int_t)op->id));
	json_object_set_new(result, "outcome", json_string(exec_outcome_name(o)));
	json_object_set_new(result, "from", json_string(""));
	json_object_set_new(result, "workers", json_integer((json_int_t)workers));
	json_object_set_new(result, "total_us", json_integer((rel_wall_now() - op->at) / 1000));
	if (err->code != REL_OK)
		json_object_set_new(result, "error", proto_err_json(err));
	op_end(op, o, result, err);
}

static void
on_all_stopped(uv_timer_t *t)
{
	struct operation *op = t->data;
	daemon_drop_release(op->d);
	struct rel_err err = op->end.err;
	first_end(op, EXEC_UNCHANGED, &err);
}

/* The machine is on the stack below us: what it works on is freed a turn of the loop later. */
void
op_stopped(struct daemon *d)
{
	if (d->op != NULL && d->op->taking_back)
		uv_timer_start(&d->op->timer, on_all_stopped, 0, 0);
}

static void
on_take_back(uv_timer_t *t)
{
	struct operation *op = t->data;
	op_set_phase(op, "undo", op->end.err.text);
	sup_stop_all(op->d->sup);
}

static void
take_back(struct operation *op, const struct sup_worker *w)
{
	struct rel_err *err = &op->end.err;
	op->taking_back = true;
	rel_err_set(err, REL_E_START_FAILED, "%s does not start in %s%s%s", w->name, op->to,
	    w->why[0] != '\0' ? ": " : "", w->why);
	rel_err_hint(err, "nothing runs, as before; its log is in %s/log/", store_root_path(op->d->store));
	uv_timer_start(&op->timer, on_take_back, 0, 0);
}

static void
on_wait_over(uv_timer_t *t)
{
	struct operation *op = t->data;
	for (size_t i = 0; i < sup_count(op->d->sup); i++)
		if (!sup_worker_runs(sup_at(op->d->sup, i))) {
			take_back(op, sup_at(op->d->sup, i));
			return;
		}
}

void
op_first_poke(struct operation *op)
{
	struct sup *s = op->d->sup;
	size_t running = 0;
	if (s == NULL || op->taking_back)
		return;
	for (size_t i = 0; i < sup_count(s); i++) {
		if (sup_worker_fails(sup_at(s, i))) {
			take_back(op, sup_at(s, i));
			return;
		}
		running += sup_worker_runs(sup_at(s, i));
	}
	if (sup_all_running(s)) {
		struct rel_err none = REL_ERR_INIT;
		first_end(op, EXEC_UPGRADED, &none);
	} else if (running > op->running) {
		op->running = running;
		uv_timer_start(&op->timer, on_wait_over, (uint64_t)(FIRST_WAIT / DUR_MS), 0);
	}
}

bool
op_is_first(const struct daemon *d)
{
	return d->op != NULL && d->op->first;
}

void
op_first_start(struct operation *op)
{
	struct rel_err err = REL_ERR_INIT;
	struct daemon *d = op->d;
	struct rls *r = NULL;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	const struct store_op so = {.at = op->at, .kind = "start", .who = op->who, .from = "",
	    .to = op->to, .script = "[]"};
	if (rls_load(d->store, op->to, &r, &p, &err) != 0 || daemon_runtime_check(d, r, &err) != 0 ||
	    store_op_begin(d->store, &so, &op->id, &err) != 0) {
		rls_free(&r);
		op_fail_before(op, &p, &err);
		doc_problems_fini(&p);
		return;
	}
	doc_problems_fini(&p);
	op_set_phase(op, "start", "starting the first release of this root");
	op->first = true;
	uv_timer_start(&op->timer, on_wait_over, (uint64_t)(FIRST_WAIT / DUR_MS), 0);
	if (daemon_boot_release(d, r, &err) == 0)
		op_first_poke(op);
	else
		first_end(op, EXEC_UNCHANGED, &err);
}
