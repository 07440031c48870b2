/* SPDX-License-Identifier: Apache-2.0
 * Operations: one at a time.  Takes requests, begins what is planned, tells the clients that wait, and
 * moves the daemon to the release that was reached.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/op_priv.h"

static void on_record_retry(uv_timer_t *t);

/* ------------------------------------------------------------------ telling the clients */

json_t *
op_json(const struct daemon *d)
{
	const struct operation *op = d->op;
	char at[32];
	if (op == NULL)
		return json_null();
	return json_pack("{s:I, s:s, s:s, s:s, s:o, s:s, s:I, s:s, s:o}", "operation", (json_int_t)op->id,
	    "kind", op->kind, "from", op->from, "to", op->to, "who", proto_text_json(op->who), "since",
	    rel_wall_print(op->at, at, sizeof(at)), "at_ns", (json_int_t)op->at, "phase", op->phase,
	    "text", proto_text_json(op->text));
}

static void
notify(const struct operation *op)
{
	for (struct rpc_waiter *w = op->waiters; w != NULL; w = w->next)
		if (w->conn != NULL)
			rpc_notify(w->conn, "progress", op_json(op->d));
}

void
op_set_phase(struct operation *op, const char *phase, const char *text)
{
	snprintf(op->phase, sizeof(op->phase), "%s", phase);
	rel_text_copy(op->text, sizeof(op->text), text);
	notify(op);
}

static void
add_waiter(struct operation *op, struct rpc_conn *c, json_t *id)
{
	struct rpc_waiter *w = rpc_wait(c, id);
	struct rel_err err = REL_ERR_INIT;
	if (w == NULL) {
		rel_err_nomem(&err);
		rpc_error(c, id, &err);
		return;
	}
	w->next = op->waiters;
	op->waiters = w;
	rpc_notify(c, "progress", op_json(op->d));
}

static void
answer_all(struct operation *op, json_t *result, const struct doc_problems *p,
    const struct rel_err *err)
{
	while (op->waiters != NULL) {
		struct rpc_waiter *w = op->waiters;
		op->waiters = w->next;
		if (w->conn != NULL && result != NULL)
			rpc_reply(w->conn, w->id, json_incref(result));
		else if (w->conn != NULL)
			rpc_problems(w->conn, w->id, p, err);
		rpc_waiter_free(w);
	}
}

/* ------------------------------------------------------------------ life */

static void
op_closed(uv_handle_t *h)
{
	struct operation *op = h->data;
	exec_free(&op->x);
	op_plan_fini(&op->plan);
	json_decref(op->took_part);
	json_decref(op->late);
	json_decref(op->leaving);
	json_decref(op->result);
	json_decref(op->end.result);
	free(op);
}

/* The interpreter may be on the stack below us: it is freed a turn of the loop later. */
static void
op_drop(struct operation *op)
{
	op->ended = true;
	op->d->op = NULL;
	uv_timer_stop(&op->timer);
	uv_close((uv_handle_t *)&op->timer, op_closed);
}

bool
op_in_bracket(const struct daemon *d)
{
	return d->op != NULL && d->op->x != NULL && exec_in_bracket(d->op->x);
}

void
op_free(struct daemon *d)
{
	struct operation *op = d->op;
	if (op == NULL)
		return;
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_STOPPING, "relupd was told to stop in the middle of operation %llu",
	    (unsigned long long)op->id);
	answer_all(op, op->result, NULL, &err); /* what is recorded is told, whatever happens meanwhile */
	op_drop(op);
}

struct operation *
op_new(struct daemon *d, const char *kind, const char *who, const char *from, const char *to)
{
	struct operation *op = calloc(1, sizeof(*op));
	if (op == NULL)
		return NULL;
	op->leaving = json_object();
	op->late = json_object();
	if (op->leaving == NULL || op->late == NULL) {
		json_decref(op->leaving);
		json_decref(op->late);
		free(op);
		return NULL;
	}
	op->d = d;
	op->at = rel_wall_now();
	snprintf(op->kind, sizeof(op->kind), "%s", kind);
	snprintf(op->who, sizeof(op->who), "%s", who);
	snprintf(op->from, sizeof(op->from), "%s", from);
	snprintf(op->to, sizeof(op->to), "%s", to);
	uv_timer_init(&d->loop, &op->timer);
	op->timer.data = op;
	d->op = op;
	return op;
}

/* ------------------------------------------------------------------ the end */

/* The release that was reached is what runs from now on. */
static void
become(struct operation *op)
{
	struct daemon *d = op->d;
	if (op->plan.target == NULL)
		return;
	rls_free(&d->rls);
	d->rls = MOVE(op->plan.target);
	json_object_clear(d->map);
	json_object_update(d->map, d->rls->modules);
}

/* The release that is reached may be what mends them: no back-off from the one that is left. */
static void
try_failing(struct daemon *d)
{
	for (size_t i = 0; i < sup_count(d->sup); i++)
		if (sup_worker_fails(sup_at(d->sup, i)))
			sup_replace(d->sup, sup_at(d->sup, i));
}

static void
tell(struct operation *op)
{
	answer_all(op, op->result, NULL, &REL_ERR_INIT);
	op_drop(op);
}

static void
on_leave_wait_over(uv_timer_t *t)
{
	tell(t->data);
}

void
op_left(struct daemon *d, const struct sup_worker *w)
{
	struct operation *op = d->op;
	if (op == NULL || op->result == NULL)
		return;
	json_object_del(op->leaving, w->name);
	if (json_object_size(op->leaving) == 0)
		tell(op);
}

/* Workers that came back in the middle and took no part: one that does not stand where the outcome says
 * starts anew by the map, the others hear that it is over. */
static void
settle_late(struct operation *op, enum exec_outcome o)
{
	const char *name;
	json_t *state, *s;
	json_object_foreach (op->late, name, state) {
		struct sup_worker *w = sup_find(op->d->sup, name);
		size_t i, committed = 0;
		json_array_foreach (json_object_get(state, "steps"), i, s) {
			const char *text = json_string_value(json_object_get(s, "state"));
			committed += text != NULL && strcmp(text, "committed") == 0;
		}
		bool right = o == EXEC_UPGRADED ? committed == json_array_size(json_object_get(state, "steps"))
						: committed == 0 || o == EXEC_MIXED;
		if (w == NULL || w->conn == NULL)
			continue; /* gone again, or it hears it when it comes */
		if (right) {
			op_finish(op->d, w, op->id, committed > 0);
			continue;
		}
		daemon_log(op->d, "warning", name, "came back too late for the operation and does not run what "
						   "it ended with: it starts anew");
		sup_replace(op->d->sup, w);
	}
}

/* The outcome is recorded and in force.  It is told when the workers have dropped the other code:
 * who asks for the status then sees what the outcome says. */
void
op_over(struct operation *op, enum exec_outcome o, json_t *result, const struct rel_err *err)
{
	bool well = o == EXEC_UPGRADED || (op->opt.rehearse_only && err->code == REL_OK);
	daemon_log(op->d, well ? "notice" : "error", op->kind, "%s → %s: %s%s%s", op->from,
	    op->to, exec_outcome_name(o), err->code != REL_OK ? ": " : "",
	    err->code != REL_OK ? err->text : "");
	if (o == EXEC_UPGRADED)
		become(op);
	op->ended = true;
	if (op->x != NULL)
		op_forecast_keep(op->d, op->from, op->to, exec_rehearsals(op->x));
	if (o == EXEC_UPGRADED)
		try_failing(op->d);
	settle_late(op, o);
	op->result = result;
	if (result == NULL) {
		answer_all(op, NULL, NULL, err);
		op_drop(op);
	} else if (json_object_size(op->leaving) == 0) {
		tell(op);
	} else {
		uv_timer_start(&op->timer, on_leave_wait_over, (uint64_t)(OP_LEAVE_WAIT / DUR_MS), 0);
	}
}

static void
record_end(struct operation *op)
{
	struct rel_err err = REL_ERR_INIT;
	if (op_journal_end(op, op->end.outcome, op->end.result, &err) == 0) {
		op_over(op, op->end.outcome, MOVE(op->end.result), &op->end.err);
		return;
	}
	if (!op->end.said) {
		char text[sizeof(op->text)];
		snprintf(text, sizeof(text), "the outcome cannot be recorded: %.150s; trying again",
		    err.text);
		daemon_log(op->d, "error", op->kind, "%s", text);
		op_set_phase(op, "record", text);
	}
	op->end.said = true;
	uv_timer_start(&op->timer, on_record_retry, (uint64_t)(EXEC_RECORD_RETRY / DUR_MS), 0);
}

static void
on_record_retry(uv_timer_t *t)
{
	record_end(t->data);
}

void
op_end(struct operation *op, enum exec_outcome o, json_t *result, const struct rel_err *err)
{
	op->end.outcome = o;
	op->end.result = result;
	op->end.err = *err;
	record_end(op);
}

/* ------------------------------------------------------------------ who takes part */

static int
fill_worker(const struct exec_script *s, struct sup_worker *w, struct exec_worker *ret)
{
	bool any = false;
	*ret = (struct exec_worker){.ref = w, .name = w->name, .pid = w->pid, .holds = holders_possible(w)};
	ret->concerned = calloc(s->step_count + 1, sizeof(*ret->concerned));
	if (ret->concerned == NULL)
		return -1;
	for (size_t i = 0; i < s->step_count; i++) {
		ret->concerned[i] = op_worker_concerned(w, &s->steps[i]);
		any |= ret->concerned[i];
	}
	if (any)
		return 1;
	free(ret->concerned);
	return 0;
}

/* Where no worker runs: those that wait for their next start are started by the map that the operation
 * leaves, which may be what mends them. */
static int
take_waiting(struct operation *op, struct exec_worker **list, size_t *n)
{
	for (size_t i = 0; i < sup_count(op->d->sup); i++) {
		struct sup_worker *w = sup_at(op->d->sup, i);
		if (w->state != SUP_WAITING && !sup_worker_fails(w))
			continue;
		struct exec_worker *x = &(*list)[*n];
		*x = (struct exec_worker){.ref = w, .name = w->name, .down = true};
		x->concerned = calloc(op->plan.steps->step_count + 1, sizeof(*x->concerned));
		if (x->concerned == NULL)
			return -1;
		++*n;
	}
	return 0;
}

void
op_workers_free(struct exec_worker *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].concerned);
		free(list[i].committed);
	}
	free(list);
}

int
op_take_workers(struct operation *op, struct exec_worker **ret, size_t *ret_n)
{
	struct sup *s = op->d->sup;
	struct exec_worker *list = calloc(sup_count(s) + 1, sizeof(*list));
	size_t n = 0;
	for (size_t i = 0; list != NULL && i < sup_count(s); i++) {
		struct sup_worker *w = sup_at(s, i);
		if (w->state != SUP_RUNNING || w->conn == NULL)
			continue; /* it starts by the map, which follows the decisions */
		int rc = fill_worker(op->plan.steps, w, &list[n]);
		if (rc < 0) {
			op_workers_free(list, n);
			return -1;
		}
		n += (size_t)rc;
	}
	*ret = list;
	*ret_n = n;
	return list != NULL ? 0 : -1;
}

/* ------------------------------------------------------------------ begin */

void
op_fail_before(struct operation *op, const struct doc_problems *p, const struct rel_err *err)
{
	char words[2 * REL_VERSION_MAX + 40];
	snprintf(words, sizeof(words), "%s → %s: not begun: ", op->from, op->to);
	daemon_log_error(op->d, op->kind, words, p, err);
	answer_all(op, NULL, p, err);
	op_drop(op);
}

static int
begin(struct operation *op, struct rel_err *err)
{
	struct exec_worker *workers;
	size_t n;
	if (op_take_workers(op, &workers, &n) != 0)
		return rel_err_nomem(err);
	if (n == 0 && take_waiting(op, &workers, &n) != 0) {
		op_workers_free(workers, n);
		return rel_err_nomem(err);
	}
	op->took_part = json_object();
	int rc = op->took_part != NULL ? 0 : -1;
	for (size_t i = 0; i < n && rc == 0; i++) {
		const struct sup_worker *w = workers[i].ref;
		if (!workers[i].down)
			rc = json_object_set_new(op->took_part, w->name, json_pack("[I, I]",
			    (json_int_t)w->pid, (json_int_t)w->start_time));
	}
	if (rc != 0) {
		op_workers_free(workers, n);
		return rel_err_nomem(err);
	}
	op->opt.from = op->from;
	op->opt.to = op->to;
	op->opt.instructions = (unsigned)op->plan.script->count;
	return exec_new(&op_world, op, &op->opt, MOVE(op->plan.steps), workers, n, &op->x, err);
}

/* What goes on after a crash goes on as it was begun. */
static int
record(struct operation *op, struct rel_err *err)
{
	json_t *script = json_pack("{s:I, s:O, s:o}", "max_pause_ms",
	    (json_int_t)(op->opt.max_pause / DUR_MS), "workers", op->took_part, "relup",
	    op_plan_relup_json(&op->plan, op->plan.down ? op->to : op->from));
	CLEANUP(rel_free_cleanup) char *text = script != NULL ? proto_json_text(script, JSON_COMPACT) : NULL;
	json_decref(script);
	if (text == NULL)
		return rel_err_nomem(err);
	const struct store_op so = {.at = op->at, .kind = op->kind, .who = op->who, .from = op->from,
	    .to = op->to, .script = text};
	return store_op_begin(op->d->store, &so, &op->id, err);
}

/* Nobody is starting: the set of workers is what it will be. */
static const char *
somebody_starting(const struct daemon *d)
{
	for (size_t i = 0; i < sup_count(d->sup); i++) {
		const struct sup_worker *w = sup_at(d->sup, i);
		bool lost = w->state == SUP_LOST || (w->state == SUP_RUNNING && w->conn == NULL);
		if (w->state == SUP_SPAWNED || w->state == SUP_STARTING || lost)
			return w->name;
	}
	return NULL;
}

static void
try_begin(struct operation *op)
{
	struct rel_err err = REL_ERR_INIT;
	if (somebody_starting(op->d) != NULL)
		return;
	uv_timer_stop(&op->timer);
	/* Recorded last: what fails before leaves no row that nobody would end.  A rehearsal alone changes
	 * nothing: there is nothing to go on with after a crash, and nothing to remember. */
	if (begin(op, &err) != 0 || (!op->opt.rehearse_only && record(op, &err) != 0)) {
		op_fail_before(op, NULL, &err);
		return;
	}
	exec_operation_set(op->x, op->opt.rehearse_only ? (uint64_t)-rel_wall_now() : op->id);
	notify(op); /* now its id is known */
	exec_start(op->x);
}

static void
on_start_wait_over(uv_timer_t *t)
{
	struct operation *op = t->data;
	const char *who = somebody_starting(op->d);
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_START_FAILED, "%s is not up yet", who != NULL ? who : "a worker");
	rel_err_hint(&err, "wait for it: `relctl status`; its log is in %s/log/",
	    store_root_path(op->d->store));
	op_fail_before(op, NULL, &err);
}

static int
rollback_target(struct daemon *d, char *buf, size_t size, struct rel_err *err)
{
	struct store_current cur;
	if (store_current_get(d->store, &cur, err) != 0)
		return -1;
	const char *running = d->rls != NULL ? d->rls->sys->release->version : "";
	const char *to = strcmp(running, cur.permanent) != 0 ? cur.permanent : cur.previous;
	if (to[0] == '\0') {
		rel_err_set(err, REL_E_NO_SUCH_RELEASE,
		    "there is no release to go back to: none was permanent before %s",
		    running[0] != '\0' ? running : "this root");
		if (running[0] == '\0')
			return rel_err_hint(err, "`relctl upgrade VERSION` starts the first release");
		return rel_err_hint(err, "`relctl downgrade VERSION` goes to a release of your choice");
	}
	snprintf(buf, size, "%s", to);
	return 0;
}

json_t *
op_unchanged_result(const char *version)
{
	return json_pack("{s:n, s:s, s:s, s:s, s:[s], s:i, s:i, s:i, s:i, s:i, s:i, s:n, s:[], s:[], s:[], s:n}",
	    "operation", "outcome", "unchanged", "from", version, "to", version, "path", version, "steps",
	    0, "workers", 0, "suspended_us", 0, "longest_pause_us", 0, "time_to_rest_us", 0, "total_us",
	    0, "forecast_us", "killed", "cancelled", "holders", "error");
}

/* ------------------------------------------------------------------ requests */

static int
refuse_now(struct daemon *d, struct rel_err *err)
{
	if (d->stopping)
		return rel_err_set(err, REL_E_STOPPING, "relupd is going down");
	if (d->op != NULL && d->op->opt.rehearse_only)
		return rel_err_set(err, REL_E_BUSY, "a rehearsal (%s → %s) is in progress", d->op->from, d->op->to);
	if (d->op != NULL)
		return rel_err_set(err, REL_E_BUSY, "operation %llu (%s %s → %s) is in progress",
		    (unsigned long long)d->op->id, d->op->kind, d->op->from, d->op->to);
	if (d->recovering)
		return rel_err_set(err, REL_E_BUSY, "relupd is still taking its workers back");
	return 0;
}

/* In place is not yet running: who asks for a release wants to hear of workers that fail in it. */
static json_t *
runs_already(const struct daemon *d, const char *version)
{
	json_t *result = op_unchanged_result(version);
	size_t fail = 0;
	const struct sup_worker *first = NULL;
	for (size_t i = 0; i < sup_count(d->sup); i++) {
		const struct sup_worker *w = sup_at(d->sup, i);
		if (!sup_worker_fails(w))
			continue;
		first = first != NULL ? first : w;
		fail++;
	}
	if (fail == 0)
		return result;
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_START_FAILED, "%s is in place already, but %zu of %zu workers fail: %s: %s",
	    version, fail, sup_count(d->sup), first->name, first->why);
	rel_err_hint(&err, "its log is in %s/log/; `relctl upgrade` goes to another release",
	    store_root_path(d->store));
	json_object_set_new(result, "error", proto_err_json(&err));
	return result;
}

static json_t *
nothing_rehearsed(const char *version)
{
	return json_pack("{s:n, s:s, s:s, s:s, s:[], s:n, s:i, s:n}", "operation", "outcome", "unchanged", "from",
	    version, "to", version, "workers", "forecast_us", "total_us", 0, "error");
}

void
op_request(struct daemon *d, const struct op_request *rq, struct rpc_conn *c, json_t *id)
{
	struct rel_err err = REL_ERR_INIT;
	char to[REL_VERSION_MAX + 1];
	int rc = refuse_now(d, &err);
	if (rc == 0 && rq->version == NULL)
		rc = rollback_target(d, to, sizeof(to), &err);
	else if (rc == 0 && !rel_version_ok(rq->version))
		rc = rel_err_set(&err, REL_E_BAD_VERSION, "'%.70s' is not a version", rq->version);
	else if (rc == 0)
		snprintf(to, sizeof(to), "%s", rq->version);
	if (rc != 0) {
		rpc_error(c, id, &err);
		return;
	}
	const char *from = d->rls != NULL ? d->rls->sys->release->version : "";
	if (strcmp(from, to) == 0) {
		rpc_reply(c, id, rq->rehearse_only ? nothing_rehearsed(to) : runs_already(d, to));
		return;
	}
	struct op_plan plan = {0};
	struct doc_problems p = DOC_PROBLEMS_INIT;
	bool down = strcmp(rq->kind, "downgrade") == 0;
	if ((d->rls != NULL || down || rq->rehearse_only) && op_plan_make(d, to, down, NULL, &plan, &p, &err) != 0) {
		char words[2 * REL_VERSION_MAX + 40];
		snprintf(words, sizeof(words), "%s → %s: refused: ", from, to);
		daemon_log_error(d, rq->kind, words, &p, &err);
		rpc_problems(c, id, &p, &err);
		doc_problems_fini(&p);
		return;
	}
	doc_problems_fini(&p);
	struct operation *op = op_new(d, rq->kind, rpc_who(c), from, to);
	if (op == NULL) {
		op_plan_fini(&plan);
		rel_err_nomem(&err);
		rpc_error(c, id, &err);
		return;
	}
	op->plan = plan;
	op->opt.rehearse = rq->rehearse;
	op->opt.purge = rq->purge;
	op->opt.rehearse_only = rq->rehearse_only;
	op->opt.max_pause = rq->max_pause;
	add_waiter(op, c, id);
	if (d->rls == NULL) {
		op_first_start(op);
		return;
	}
	const char *busy = somebody_starting(d);
	if (busy != NULL) {
		char text[REL_WORKER_MAX + 32];
		snprintf(text, sizeof(text), "waiting for %s to be up", busy);
		op_set_phase(op, "wait", text);
	}
	uv_timer_start(&op->timer, on_start_wait_over, (uint64_t)(OP_START_WAIT / DUR_MS), 0);
	try_begin(op);
}

struct attach {
	uint64_t id;
	json_t *result;
};

static int
attach_one(void *ctx, const struct store_op *so)
{
	struct attach *a = ctx;
	if (a->id != 0 && so->id != a->id)
		return 0;
	if (so->result != NULL)
		a->result = json_loads(so->result, 0, NULL);
	return 1;
}

void
op_attach(struct daemon *d, uint64_t id_or_0, struct rpc_conn *c, json_t *id)
{
	struct rel_err err = REL_ERR_INIT;
	if (d->op != NULL && (id_or_0 == 0 || id_or_0 == d->op->id)) {
		add_waiter(d->op, c, id);
		return;
	}
	struct attach a = {.id = id_or_0};
	if (store_op_each(d->store, 1000, attach_one, &a, &err) == 0 && a.result == NULL) {
		if (d->recovering)
			rel_err_set(&err, REL_E_BUSY, "an operation that was interrupted is being looked at");
		else
			rel_err_set(&err, REL_E_NOT_FOUND, "there is no such operation");
	}
	if (a.result != NULL)
		rpc_reply(c, id, a.result);
	else
		rpc_error(c, id, &err);
}

/* ------------------------------------------------------------------ what happens */

void
op_packet(struct daemon *d, struct sup_worker *w, const struct proto_packet *p)
{
	if (d->op != NULL && d->op->x != NULL && !d->op->ended)
		exec_packet(d->op->x, w, p);
}

void
op_gone(struct daemon *d, struct sup_worker *w)
{
	op_left(d, w);
	if (d->op == NULL || d->op->x == NULL || d->op->ended)
		return;
	char how[64];
	/* What the upgrade did to a worker does not use up its restarts, and it runs again whatever its type;
	 * one that dies again while the operation waits for it to run is as any other. */
	enum exec_death death = sup_exit_fault(&w->last_exit) ? EXEC_DEATH_FAULT
	    : !w->last_exit.known			      ? EXEC_DEATH_UNKNOWN
	    : w->last_exit.signal == 0			      ? EXEC_DEATH_EXIT
							      : EXEC_DEATH_OUTSIDE;
	if (exec_gone(d->op->x, w, death, sup_exit_print(&w->last_exit, how, sizeof(how))))
		w->restart_free = w->replaced = true;
}

void
op_poke(struct daemon *d)
{
	struct operation *op = d->op;
	if (op == NULL || op->ended || op->end.result != NULL)
		return;
	if (op->first) {
		op_first_poke(op);
	} else if (op->x != NULL) {
		exec_poke(op->x);
	} else {
		try_begin(op);
	}
}
