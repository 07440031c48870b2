/* SPDX-License-Identifier: Apache-2.0
 * The methods of control.sock, one function each; the table is the protocol.  What they answer is
 * what relctl prints with -o json (formats.md).
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"

struct verb_call {
	struct daemon *d;
	struct rpc_conn *c;
	json_t *params, *id;
};

static void
answer(const struct verb_call *v, json_t *result, const struct rel_err *err)
{
	if (result != NULL) {
		rpc_reply(v->c, v->id, result);
		return;
	}
	struct rel_err nomem = REL_ERR_INIT;
	if (err == NULL || err->code == REL_OK) {
		rel_err_nomem(&nomem);
		err = &nomem;
	}
	rpc_error(v->c, v->id, err);
}

static const char *
text_param(const struct verb_call *v, const char *key)
{
	return json_string_value(json_object_get(v->params, key));
}

/* An element that could not be made is an error of the whole list, never a list without it.  Takes
 * o. */
static int
append(json_t *list, json_t *o, struct rel_err *err)
{
	if (json_array_append_new(list, o) == 0)
		return 0;
	return err->code == REL_OK ? rel_err_nomem(err) : -1;
}

/* ------------------------------------------------------------------ status */

/* said: what it answered just now, NULL: nothing */
static json_t *
modules_status(const struct sup_worker *w, const json_t *said)
{
	json_t *list = json_array(), *m, *now = json_object_get(said, "modules");
	size_t i;
	json_array_foreach (now != NULL ? now : w->loaded, i, m) {
		json_t *old = json_object_get(m, "old");
		json_array_append_new(list, json_pack("{s:O?, s:O?, s:O?, s:I}", "module",
		    json_object_get(m, "module"), "current", json_object_get(m, "vsn"), "old",
		    json_is_object(old) ? json_object_get(old, "vsn") : json_null(), "held_by",
		    json_integer_value(json_object_get(old, "held_by"))));
	}
	return list;
}

static json_t *
worker_status(const struct sup_worker *w, const json_t *said)
{
	char since[32];
	json_t *reason =
	    w->state != SUP_RUNNING && w->why[0] != '\0' ? proto_text_json(w->why) : NULL;
	return json_pack("{s:s, s:s, s:o, s:s, s:i, s:s, s:o, s:I, s:o*, s:O*}", "worker", w->name, "kind",
	    "module", "pid", w->pid != 0 ? json_integer(w->pid) : json_null(), "state",
	    sup_state_public(w), "restarts", (int)w->restarts, "since",
	    rel_wall_print(w->since, since, sizeof(since)), "modules", modules_status(w, said), "tasks",
	    json_integer_value(json_object_get(said, "tasks")),
	    "reason", reason, "last_fault", w->last_fault);
}

static json_t *
workers_status(const struct daemon *d, const char *only, const json_t *answers, struct rel_err *err)
{
	json_t *list = json_array();
	int rc = 0;
	for (size_t i = 0; rc == 0 && d->sup != NULL && i < sup_count(d->sup); i++)
		if (only == NULL || strcmp(sup_at(d->sup, i)->name, only) == 0)
			rc = append(list, worker_status(sup_at(d->sup, i),
			    json_object_get(answers, sup_at(d->sup, i)->name)), err);
	if (rc == 0)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *
applications_status(const struct daemon *d)
{
	json_t *list = json_array();
	for (size_t i = 0; d->rls != NULL && i < d->rls->sys->release->app_count; i++) {
		size_t at = d->rls->sys->start[i];
		const struct model_app *app = d->rls->sys->apps[at];
		const char *state = d->rls->sys->release->apps[at].type == MODEL_NONE ? "none"
		    : d->rls->sys->release->apps[at].type == MODEL_LOAD		      ? "loaded"
										      : "running";
		json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "application",
		    app->application, "version", app->version, "state", state));
	}
	return list;
}

/* A question that waits for what workers say; outlives its client. */
struct gathered {
	struct daemon *d;
	struct rpc_waiter *waiter;
	char *text;                   /* a worker or a version; NULL: none */
	json_t *about;                /* the plan, or the modules of the version; owned; NULL: neither */
	json_t *look;                 /* what is asked, where that is more than who holds code; owned; or NULL */
	json_t *(*make)(const struct gathered *g, const json_t *answers, struct rel_err *err);
};

static void
gathered_free(struct gathered *g)
{
	if (g->waiter != NULL)
		rpc_waiter_free(g->waiter);
	json_decref(g->about);
	json_decref(g->look);
	free(g->text);
	free(g);
}

static json_t *
ask_holders(void *ctx, const struct sup_worker *w)
{
	const struct gathered *g = ctx;
	(void)w;
	if (g->look != NULL)
		return json_copy(g->look);
	return json_pack("{s:s, s:b}", "what", "holders", "all", g->text != NULL);
}

static void
gathered(void *ctx, const json_t *answers)
{
	struct gathered *g = ctx;
	struct rel_err err = REL_ERR_INIT;
	if (g->waiter->conn != NULL) {
		struct verb_call v = {.d = g->d, .c = g->waiter->conn, .id = g->waiter->id};
		answer(&v, g->make(g, answers, &err), &err);
	}
	gathered_free(g);
}

static json_t *holders_json(const struct gathered *g, const json_t *answers, struct rel_err *err);

/* Takes about and look.  Any code may be that of a version which is asked for. */
static void
gather(const struct verb_call *v, const char *text, json_t *about, json_t *look,
    json_t *(*make)(const struct gathered *g, const json_t *answers, struct rel_err *err))
{
	struct gathered *g = calloc(1, sizeof(*g));
	if (g == NULL) {
		json_decref(about);
		json_decref(look);
		answer(v, NULL, NULL);
		return;
	}
	*g = (struct gathered){.d = v->d, .waiter = rpc_wait(v->c, v->id), .about = about, .look = look,
	    .text = text != NULL ? strdup(text) : NULL, .make = make};
	if (g->waiter != NULL && (text == NULL) == (g->text == NULL) &&
	    holders_gather(v->d, make == holders_json && text != NULL, ask_holders, gathered, g) == 0)
		return;
	gathered_free(g);
	answer(v, NULL, NULL);
}

static json_t *
status_json(const struct gathered *g, const json_t *answers, struct rel_err *err)
{
	struct daemon *d = g->d;
	json_t *workers = workers_status(d, g->text, answers, err);
	if (workers == NULL)
		return NULL;
	/* One that is started the first time, and may be taken back, is not in place yet. */
	json_t *release = d->rls == NULL || op_is_first(d) ? json_null()
	    : json_pack("{s:s, s:s, s:s}", "name", d->rls->sys->release->release, "version",
		  d->rls->sys->release->version, "state", "permanent");
	char since[32];
	return json_pack("{s:o, s:o, s:o, s:o, s:{s:i, s:s, s:s, s:s}}", "release", release,
	    "operation", op_json(d), "applications", applications_status(d), "workers", workers,
	    "daemon", "pid", (int)getpid(), "version", PACKAGE_VERSION, "root",
	    store_root_path(d->store), "since", rel_wall_print(d->started, since, sizeof(since)));
}

static void
verb_status(const struct verb_call *v)
{
	const char *only = text_param(v, "worker");
	struct rel_err err = REL_ERR_INIT;
	if (only == NULL || (v->d->sup != NULL && sup_find(v->d->sup, only) != NULL)) {
		gather(v, only, NULL, NULL, status_json);
		return;
	}
	rel_err_set(&err, REL_E_NO_SUCH_WORKER, "there is no worker %.150s", only);
	answer(v, NULL, &err);
}

/* ------------------------------------------------------------------ holders */

/* modules: of the release that was asked for, {module: MODULE}; NULL: any */
static bool
is_of(const json_t *holder, const json_t *modules)
{
	const char *module = json_string_value(json_object_get(holder, "module"));
	const json_t *m = module != NULL ? json_object_get(modules, module) : NULL;
	return modules == NULL || (m != NULL && json_equal(json_object_get(m, "digest"),
					      json_object_get(holder, "digest")));
}

static json_t *
holders_json(const struct gathered *g, const json_t *answers, struct rel_err *err)
{
	struct daemon *d = g->d;
	json_t *list = json_array();
	int rc = list != NULL ? 0 : -1;
	for (size_t i = 0; rc == 0 && d->sup != NULL && i < sup_count(d->sup); i++) {
		const struct sup_worker *w = sup_at(d->sup, i);
		json_t *said = json_object_get(answers, w->name), *h;
		/* One that says nothing may hold anything. */
		json_t *seen = json_is_null(said) ? threads_stand(w) : NULL;
		json_t *named = holders_named(w, seen != NULL ? seen : json_object_get(said, "holders"));
		size_t k;
		json_array_foreach (named, k, h)
			if (rc == 0 && (seen != NULL || is_of(h, g->about)))
				rc = append(list, json_incref(h), err);
		json_decref(named);
		json_decref(seen);
	}
	if (rc == 0)
		return list;
	json_decref(list);
	return NULL;
}

#define MEMORY_WAIT_MS 35000 /* a worker gives a look through its memory up after 30 s */

static void
verb_holders(const struct verb_call *v)
{
	const char *version = text_param(v, "version");
	bool memory = json_is_true(json_object_get(v->params, "memory"));
	json_t *look = NULL;
	struct rel_err err = REL_ERR_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct rls *r = NULL;
	if (memory && v->d->op != NULL) {
		rel_err_set(&err, REL_E_BUSY, "an operation is in progress; ask again when it is over");
		answer(v, NULL, &err);
		return;
	}
	if (memory)
		look = json_pack("{s:s, s:b, s:b, s:i}", "what", "holders", "all", version != NULL, "memory", 1, "wait_ms",
		    MEMORY_WAIT_MS);
	if (version == NULL) {
		gather(v, NULL, NULL, MOVE(look), holders_json);
	} else if (op_in_bracket(v->d)) { /* the release's modules are hashed */
		rel_err_set(&err, REL_E_BUSY, "an operation is at its changes; ask again when it is over");
		answer(v, NULL, &err);
	} else if (rls_load(v->d->store, version, &r, &p, &err) != 0) {
		rpc_problems(v->c, v->id, &p, &err);
	} else {
		gather(v, version, json_incref(r->modules), MOVE(look), holders_json);
	}
	json_decref(look);
	rls_free(&r);
	doc_problems_fini(&p);
}

/* ------------------------------------------------------------------ list */

struct listing {
	struct daemon *d;
	struct rel_err *err;
	struct store_current cur;
	json_t *list;
};

static json_t *
applications_of(struct daemon *d, const char *version, const char **ret_name, json_t **ret_owned)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	char path[REL_VERSION_MAX + 32];
	snprintf(path, sizeof(path), "%s/release.yaml", version);
	struct model_release *r = NULL;
	json_t *apps = json_array();
	if (model_release_load(store_releases_fd(d->store), path, path, &r, &p) == 0) {
		for (size_t i = 0; i < r->app_count; i++)
			json_array_append_new(apps, json_pack("{s:s, s:s}", "application",
			    r->apps[i].application, "version", r->apps[i].version));
		*ret_owned = json_string(r->release);
		*ret_name = json_string_value(*ret_owned);
	}
	doc_problems_fini(&p);
	model_release_free(&r);
	return apps;
}

static int
list_one(void *ctx, const char *version)
{
	struct listing *l = ctx;
	bool runs = l->d->rls != NULL && strcmp(l->d->rls->sys->release->version, version) == 0;
	const char *state = strcmp(version, l->cur.permanent) == 0 ? "permanent"
	    : runs						    ? "current"
	    : strcmp(version, l->cur.previous) == 0		    ? "old"
								    : "unpacked";
	const char *name = NULL;
	json_t *owned = NULL;
	json_t *apps = applications_of(l->d, version, &name, &owned);
	/* One whose description cannot be read is listed too: it is there, and `check` says why. */
	int rc = append(l->list, json_pack("{s:s?, s:s, s:s, s:o, s:b}", "name", name, "version",
	    version, "state", state, "applications", apps, "runs", runs), l->err);
	json_decref(owned);
	return rc;
}

static void
verb_list(const struct verb_call *v)
{
	struct rel_err err = REL_ERR_INIT;
	struct listing l = {.d = v->d, .err = &err, .list = json_array()};
	if (store_current_get(v->d->store, &l.cur, &err) != 0 ||
	    store_release_each(v->d->store, list_one, &l, &err) != 0 || err.code != REL_OK) {
		json_decref(l.list);
		l.list = NULL;
	}
	answer(v, l.list, &err);
}

/* ------------------------------------------------------------------ history */

struct past {
	json_t *list;
	struct rel_err *err;
};

static int
history_one(void *ctx, const struct store_op *op)
{
	struct past *past = ctx;
	json_t *reason = json_null(), *pause = json_null();
	char at[32];
	json_t *result = op->result != NULL ? json_loads(op->result, 0, NULL) : NULL;
	json_t *error = json_object_get(result, "error");
	if (json_is_object(error))
		reason = json_incref(json_object_get(error, "message"));
	if (result != NULL && json_object_get(result, "longest_pause_us") != NULL)
		pause = json_incref(json_object_get(result, "longest_pause_us"));
	int rc = append(past->list, json_pack("{s:I, s:s, s:I, s:o, s:s, s:s, s:s, s:s?, s:o, s:o}",
	    "operation", (json_int_t)op->id, "at", rel_wall_print(op->at, at, sizeof(at)), "at_ns",
	    (json_int_t)op->at, "who",
	    proto_text_json(op->who), "kind", op->kind, "from", op->from, "to", op->to, "outcome", op->outcome,
	    "longest_pause_us", pause, "reason", reason), past->err);
	json_decref(result);
	return rc;
}

static void
verb_history(const struct verb_call *v)
{
	struct rel_err err = REL_ERR_INIT;
	struct past past = {.list = json_array(), .err = &err};
	if (store_op_each(v->d->store, 1000, history_one, &past, &err) != 0 || err.code != REL_OK) {
		json_decref(past.list);
		past.list = NULL;
	}
	answer(v, past.list, &err);
}

/* ------------------------------------------------------------------ plan and operations */

/* Who is in the way, and whom the script's purge would end. */
static json_t *
planned(const struct gathered *g, const json_t *answers, struct rel_err *err)
{
	(void)err;
	json_t *kills = json_object_get(g->about, "kills"), *holders = json_object_get(g->about, "holders"), *h;
	int rc = 0;
	for (size_t i = 0; rc == 0 && g->d->sup != NULL && i < sup_count(g->d->sup); i++) {
		const struct sup_worker *w = sup_at(g->d->sup, i);
		json_t *said = json_object_get(answers, w->name);
		json_t *seen = json_is_null(said) ? threads_stand(w) : NULL;
		json_t *blocking = holders_named(w, seen != NULL ? seen : json_object_get(said, "blocking"));
		json_decref(seen);
		json_t *staying = holders_named(w, json_object_get(said, "staying"));
		int fds = json_array_size(staying) > 0 ? proc_fds(w->pid) : 0;
		size_t k;
		json_array_foreach (staying, k, h)
			rc |= json_object_set_new(h, "fds", json_integer(fds));
		rc |= json_array_extend(holders, blocking) | json_array_extend(kills, staying);
		json_decref(blocking);
		json_decref(staying);
	}
	return rc == 0 ? json_incref(g->about) : NULL;
}

static void
verb_plan(const struct verb_call *v)
{
	struct rel_err err = REL_ERR_INIT;
	struct doc_problems p = DOC_PROBLEMS_INIT;
	const char *version = text_param(v, "version");
	json_t *j = NULL, *look = NULL;
	if (version == NULL)
		rel_err_set(&err, REL_E_USAGE, "plan needs a version");
	else if (op_in_bracket(v->d)) /* it hashes the modules, and workers stand still */
		rel_err_set(&err, REL_E_BUSY, "an operation is at its changes; ask again when it is over");
	else
		j = op_plan_json(v->d, version, &look, &p, &err);
	if (j == NULL && err.code != REL_OK)
		rpc_problems(v->c, v->id, &p, &err);
	else if (j != NULL && look != NULL)
		gather(v, NULL, j, look, planned);
	else
		answer(v, j, &err);
	doc_problems_fini(&p);
}

static int
read_rehearse(const json_t *value, enum exec_rehearse *ret, struct rel_err *err)
{
	const char *text = json_string_value(value);
	static const char *const names[] = {[EXEC_REHEARSE_AUTO] = "auto",
	    [EXEC_REHEARSE_NEVER] = "never", [EXEC_REHEARSE_ALWAYS] = "always"};
	for (size_t i = 0; i < NELEM(names); i++)
		if (value == NULL || (text != NULL && strcmp(text, names[i]) == 0)) {
			*ret = (enum exec_rehearse)i;
			return 0;
		}
	return rel_err_set(err, REL_E_USAGE, "rehearse is auto, never or always, not '%.40s'",
	    text != NULL ? text : "…");
}

static int
read_purge(const json_t *value, enum exec_purge *ret, struct rel_err *err)
{
	const char *text = json_string_value(value);
	*ret = EXEC_PURGE_SCRIPT;
	if (value == NULL)
		return 0;
	for (int p = EXEC_PURGE_SOFT; text != NULL && p <= EXEC_PURGE_STRICT; p++)
		if (strcmp(text, exec_purge_name((enum exec_purge)p)) == 0) {
			*ret = (enum exec_purge)p;
			return 0;
		}
	return rel_err_set(err, REL_E_USAGE, "purge is soft, strict or brutal, not '%.40s'",
	    text != NULL ? text : "…");
}

static int
read_pause(const json_t *ms, dur_ns_t *ret, struct rel_err *err)
{
	json_int_t n = json_integer_value(ms); /* 0 where it is none */
	if (ms != NULL && (n < 1 || n > 3600 * DUR_S / DUR_MS))
		return rel_err_set(err, REL_E_USAGE, "max_pause_ms is a number from 1 to 3600000");
	*ret = ms != NULL ? n * DUR_MS : EXEC_MAX_PAUSE;
	return 0;
}

static void
operation(const struct verb_call *v, const char *kind, bool needs_version)
{
	struct rel_err err = REL_ERR_INIT;
	struct op_request rq = {.kind = kind, .rehearse_only = strcmp(kind, "rehearse") == 0};
	if (needs_version && (rq.version = text_param(v, "version")) == NULL)
		rel_err_set(&err, REL_E_USAGE, "%s needs a version", kind);
	else if (read_rehearse(json_object_get(v->params, "rehearse"), &rq.rehearse, &err) == 0 &&
	    read_purge(json_object_get(v->params, "purge"), &rq.purge, &err) == 0 &&
	    read_pause(json_object_get(v->params, "max_pause_ms"), &rq.max_pause, &err) == 0) {
		if (rq.rehearse_only)
			rq.rehearse = EXEC_REHEARSE_AUTO; /* what memory is too short for is told as skipped */
		op_request(v->d, &rq, v->c, v->id);
		return;
	}
	answer(v, NULL, &err);
}

static void
verb_upgrade(const struct verb_call *v)
{
	operation(v, "upgrade", true);
}

static void
verb_downgrade(const struct verb_call *v)
{
	operation(v, "downgrade", true);
}

static void
verb_rollback(const struct verb_call *v)
{
	operation(v, "rollback", false);
}

static void
verb_rehearse(const struct verb_call *v)
{
	operation(v, "rehearse", true);
}

static void
verb_attach(const struct verb_call *v)
{
	json_int_t id = json_integer_value(json_object_get(v->params, "operation"));
	op_attach(v->d, id > 0 ? (uint64_t)id : 0, v->c, v->id);
}

/* ------------------------------------------------------------------ call */

static void
call_reply(void *ctx, json_t *reply, const struct rel_err *err)
{
	struct rpc_waiter *w = ctx;
	if (w->conn != NULL && err == NULL)
		rpc_reply(w->conn, w->id, json_incref(reply));
	else if (w->conn != NULL)
		rpc_error(w->conn, w->id, err);
	rpc_waiter_free(w);
}

static void
verb_call(const struct verb_call *v)
{
	struct rel_err err = REL_ERR_INIT;
	const char *name = text_param(v, "worker");
	json_t *request = json_object_get(v->params, "request");
	struct sup_worker *w =
	    name != NULL && v->d->sup != NULL ? sup_find(v->d->sup, name) : NULL;
	struct rpc_waiter *waiter = NULL;
	if (w == NULL)
		rel_err_set(&err, REL_E_NO_SUCH_WORKER, "there is no worker %.150s",
		    name != NULL ? name : "");
	else if ((waiter = rpc_wait(v->c, v->id)) == NULL)
		rel_err_nomem(&err);
	else if (wire_call(w, request != NULL ? json_incref(request) : json_null(), call_reply, waiter,
		     &err) != 0)
		rpc_waiter_free(waiter);
	if (err.code != REL_OK)
		answer(v, NULL, &err);
}

static void
verb_version(const struct verb_call *v)
{
	answer(v, json_pack("{s:s, s:i}", "version", PACKAGE_VERSION, "pid", (int)getpid()), NULL);
}

/* ------------------------------------------------------------------ the table */

static const struct {
	const char *method;
	void (*fn)(const struct verb_call *v);
} verbs[] = {
    {"attach", verb_attach},
    {"call", verb_call},
    {"downgrade", verb_downgrade},
    {"history", verb_history},
    {"holders", verb_holders},
    {"list", verb_list},
    {"plan", verb_plan},
    {"rehearse", verb_rehearse},
    {"rollback", verb_rollback},
    {"status", verb_status},
    {"upgrade", verb_upgrade},
    {"version", verb_version},
};

void
verbs_dispatch(struct daemon *d, struct rpc_conn *c, const char *method, json_t *params, json_t *id)
{
	const struct verb_call v = {.d = d, .c = c, .params = params, .id = id};
	for (size_t i = 0; i < NELEM(verbs); i++) {
		if (strcmp(verbs[i].method, method) == 0) {
			verbs[i].fn(&v);
			return;
		}
	}
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_PROTOCOL, "this relupd knows no method %.60s", method);
	rpc_error(c, id, &err);
}
