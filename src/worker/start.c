/* SPDX-License-Identifier: Apache-2.0
 * The start message: what this worker is.  Nothing serves yet, so everything is done in place:
 * the table is opened, the first generation built, init() called.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "worker/worker_priv.h"

static int
take_listeners(struct worker *w, struct proto_packet *p, json_int_t n, struct rel_err *err)
{
	if (n < 0 || (size_t)n != p->fd_count)
		return rel_err_set(err, REL_E_PROTOCOL,
		    "%zu listeners came where %" JSON_INTEGER_FORMAT " were announced", p->fd_count,
		    n);
	w->listeners = calloc(p->fd_count + 1, sizeof(int));
	if (w->listeners == NULL)
		return rel_err_nomem(err);
	for (size_t i = 0; i < p->fd_count; i++) {
		w->listeners[i] = p->fds[i];
		p->fds[i] = -1;
	}
	w->listener_count = p->fd_count;
	return 0;
}

static char *
object_text(json_t *start, const char *key)
{
	json_t *o = json_object_get(start, key);
	return o != NULL ? proto_json_text(o, JSON_COMPACT | JSON_SORT_KEYS) : strdup("{}");
}

static int
take_message(struct worker *w, struct proto_packet *p, const char **ret_module,
    json_t **ret_modules, struct rel_err *err)
{
	const char *worker, *application, *child;
	json_t *args = NULL, *env = NULL;
	json_int_t n;
	json_error_t je;
	if (json_unpack_ex(p->body, &je, 0, "{s:s, s:s, s:s, s:O, s:s, s:I, s:o, s?o, s?o}",
		"worker", &worker, "application", &application, "child", &child, "release",
		&w->release, "module", ret_module, "listeners", &n, "modules", ret_modules, "args",
		&args, "env", &env) != 0)
		return rel_err_set(err, REL_E_PROTOCOL, "the start message: %s", je.text);
	if ((args != NULL && !json_is_object(args)) || (env != NULL && !json_is_object(env)))
		return rel_err_set(
		    err, REL_E_PROTOCOL, "the start message: args and env are objects");
	if (strcmp(worker, w->name) != 0)
		return rel_err_set(
		    err, REL_E_PROTOCOL, "the start message is for worker '%.64s'", worker);
	w->start = json_incref(p->body);
	w->args_text = object_text(p->body, "args");
	w->env_text = object_text(p->body, "env");
	if (w->args_text == NULL || w->env_text == NULL)
		return rel_err_nomem(err);
	return take_listeners(w, p, n, err);
}

static int
open_table(struct worker *w, const char *module, json_t *modules, struct rel_err *err)
{
	CLEANUP(rel_arena_free) struct rel_arena *arena = rel_arena_new(0);
	if (arena == NULL)
		return rel_err_nomem(err);
	struct loader l = {.arena = arena};
	struct modrec *v;
	struct table none = {0}, t;
	if (worker_modules_parse(modules, arena, &v, &l.module_count, err) != 0)
		return -1;
	l.modules = v;
	int rc = worker_table_next(&l, module, &none, NULL, 0, &t, err);
	w->objects = l.opened;
	for (struct object *o = w->objects; o != NULL; o = o->next)
		worker_fault_know(w, o);
	if (rc != 0 || worker_gen_new(w, &t, &w->gen, err) != 0)
		return -1;
	worker_tasks_current(w, w->gen); /* init() may start tasks */
	return 0;
}

static int
call_init(struct worker *w, struct rel_err *err)
{
	const struct relw_module *m = w->gen->table.e[0].obj->table;
	void *state = NULL;
	w->thread = pthread_self();
	w->refusal[0] = '\0';
	if (m->init(&w->gen->views[0]->pub, &state) != 0)
		return rel_err_set(err, REL_E_START_FAILED, "init of %s %s failed: %s", m->name,
		    m->vsn, w->refusal[0] != '\0' ? w->refusal : "it gave no reason");
	worker_gen_set_state(w->gen, state);
	return 0;
}

void
worker_start(struct worker *w, struct proto_packet *p)
{
	struct rel_err err = REL_ERR_INIT;
	const char *module;
	json_t *modules;
	if (w->start != NULL) {
		worker_log(w, RELW_WARNING, "relupd sent a second start, ignoring it");
		return;
	}
	if (take_message(w, p, &module, &modules, &err) == 0 &&
	    open_table(w, module, modules, &err) == 0 && call_init(w, &err) == 0) {
		w->job = true;
		worker_link_send(w, "ready", json_pack("{s:o}", "modules", worker_modules_json(w)));
		return;
	}
	worker_log(w, RELW_ERROR, "cannot start: %s", err.text);
	worker_loop_stop(w, 1, "failed");
	worker_link_send(w, "failed",
	    json_pack(
		"{s:s, s:o}", "code", rel_err_name(err.code), "text", proto_text_json(err.text)));
}
