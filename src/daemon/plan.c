/* SPDX-License-Identifier: Apache-2.0
 * What an upgrade to a version would run: the script is found, checked and compiled, and everything
 * that can be known beforehand is looked at.  `relctl plan` prints it, op.c runs it.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

void
op_plan_fini(struct op_plan *p)
{
	exec_script_free(&p->steps);
	model_relup_free(&p->relup);
	rls_free(&p->target);
}

static void
take_over(struct doc_problems *all, struct doc_problems *p)
{
	doc_problems_fini(all);
	*all = *p;
	*p = DOC_PROBLEMS_INIT;
}

static int
load_relup(struct daemon *d, const char *version, struct model_relup **ret, struct doc_problems *all,
    struct rel_err *err)
{
	const char *release = d->rls->sys->release->release; /* both releases are of this name */
	char path[REL_VERSION_MAX + 32], name[REL_VERSION_MAX + 48];
	snprintf(path, sizeof(path), "%s/relup.json", version);
	snprintf(name, sizeof(name), "releases/%s/relup.json", version);
	struct doc_problems p = DOC_PROBLEMS_INIT;
	struct model_relup *r = NULL;
	int rc = model_relup_load(store_releases_fd(d->store), path, name, &r, &p);
	if (rc != 0 && doc_problems_result(&p, err) == 0)
		rel_err_set(err, REL_E_BAD_RELUP, "%s cannot be read", name);
	if (rc != 0 && err->code != REL_E_NOT_FOUND)
		take_over(all, &p);
	doc_problems_fini(&p);
	if (rc != 0)
		return -1;
	bool other = strcmp(r->release, release) != 0;
	if (other || strcmp(r->version, version) != 0) {
		rel_err_at(err, &doc_get(r->doc->root, other ? "release" : "version")->pos,
		    REL_E_BAD_RELUP, "this is the relup of release %s %s, and it lies in %s %s",
		    r->release, r->version, release, version);
		model_relup_free(&r);
		return -1;
	}
	*ret = r;
	return 0;
}

static const struct model_relup_entry *
entry_for(const struct model_relup_entry *list, size_t n, const char *other)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(list[i].other, other) == 0)
			return &list[i];
	return NULL;
}

/* A script, and the opposite one, which serves the undo. */
struct pair {
	const struct model_relup_entry *forward, *back;
};

/* Takes the relup, where it has the script. */
static void
take_pair(struct op_plan *p, struct model_relup *r, const char *other, bool up, struct pair *ret)
{
	const struct model_relup_entry *u = entry_for(r->up, r->up_count, other);
	const struct model_relup_entry *dn = entry_for(r->down, r->down_count, other);
	*ret = (struct pair){.forward = up ? u : dn, .back = up ? dn : u};
	if (ret->forward == NULL) {
		model_relup_free(&r);
		return;
	}
	p->relup = r;
	p->down = !up;
}

/* As in OTP: the up script of the release that is reached, else the down script of the one left. */
static int
find_script(struct daemon *d, const char *from, const char *to, bool up, struct op_plan *p,
    struct pair *ret, struct doc_problems *all, struct rel_err *err)
{
	struct model_relup *r = NULL;
	if (load_relup(d, up ? to : from, &r, all, err) == 0) {
		take_pair(p, r, up ? from : to, up, ret);
		return 0;
	}
	if (err->code != REL_E_NOT_FOUND)
		return -1;
	rel_err_clear(err);
	return 0;
}

/* The one that the journal holds is the one that the workers hold, whatever the files say now. */
static int
journalled_script(const char *from, const char *to, const json_t *relup, struct op_plan *p,
    struct pair *ret, struct doc_problems *all, struct rel_err *err)
{
	struct doc *doc;
	struct model_relup *r;
	CLEANUP(rel_free_cleanup) char *text = proto_json_text(relup, JSON_COMPACT);
	if (text == NULL)
		return rel_err_nomem(err);
	if (doc_read_text(text, strlen(text), "the journal", &doc_limits_generated, &doc, err) != 0)
		return -1;
	if (model_relup_decode(doc, &r, all) != 0)
		return doc_problems_result(all, err) != 0 ? -1
							  : rel_err_set(err, REL_E_BAD_RELUP, "the journal");
	bool up = strcmp(r->version, to) == 0;
	take_pair(p, r, up ? from : to, up, ret);
	return 0;
}

static int
check_script(const struct model_script *s, const char *from, const char *to,
    struct doc_problems *all, struct rel_err *err)
{
	struct doc_problems p = DOC_PROBLEMS_INIT;
	int rc = model_script_check(s, &p);
	/* A script may be made with an endless time-out in a group, but it is not run so. */
	if (rc == 0)
		rc = model_script_check_timeouts(s, &p);
	if (rc != 0 && doc_problems_result(&p, err) == 0)
		rel_err_set(err, REL_E_BAD_RELUP, "the script %s → %s is not in order", from, to);
	if (rc != 0)
		take_over(all, &p);
	doc_problems_fini(&p);
	return rc != 0 ? -1 : 0;
}

/* load_object_code names what both releases must agree on: the application at its version. */
static int
check_objects(const struct op_plan *p, struct rel_err *err)
{
	for (size_t i = 0; i < p->steps->object_count; i++) {
		const struct model_instr *in = p->steps->objects[i];
		const struct model_app *app =
		    model_system_app(p->target->sys, in->application, NULL);
		if (app == NULL)
			return rel_err_at(err, &in->pos, REL_E_NO_SUCH_APPLICATION,
			    "application %s is not in release %s", in->application,
			    p->target->sys->release->version);
		if (strcmp(app->version, in->version) != 0)
			return rel_err_at(err, &in->pos, REL_E_CONFLICTING_VERSIONS,
			    "the script loads %s %s, but release %s holds %s", in->application,
			    in->version, p->target->sys->release->version, app->version);
		for (size_t k = 0; k < in->modules.count; k++)
			if (!model_names_has(&app->modules, in->modules.names[k]))
				return rel_err_at(err, &in->modules.pos[k], REL_E_NO_SUCH_MODULE,
				    "%s %s ships no module %s", in->application, in->version,
				    in->modules.names[k]);
	}
	return 0;
}

/* A module that differs between the releases and that no instruction loads would go on running
 * unseen: the upgrade would be told as done and not be. */
static int
check_coverage(struct daemon *d, const struct op_plan *p, struct rel_err *err)
{
	const char *module;
	json_t *m;
	json_object_foreach (p->target->modules, module, m) {
		json_t *now = json_object_get(d->rls->modules, module);
		if (now == NULL || strcmp(json_string_value(json_object_get(now, "digest")),
				       json_string_value(json_object_get(m, "digest"))) == 0)
			continue;
		bool handled = false;
		for (size_t i = 0; i < p->steps->step_count && !handled; i++)
			for (size_t k = 0; k < p->steps->steps[i].load_count && !handled; k++)
				handled = strcmp(p->steps->steps[i].loads[k], module) == 0;
		if (!handled) {
			rel_err_set(err, REL_E_BAD_RELUP,
			    "module %s differs between %s and %s, but no instruction of the script "
			    "loads it", module, d->rls->sys->release->version,
			    p->target->sys->release->version);
			return rel_err_hint(err, "add an instruction for %s to the appup.yaml and make "
						 "the relup again", module);
		}
	}
	return 0;
}

static int
find_pair(struct daemon *d, const char *version, bool insist_down, const json_t *journalled,
    struct op_plan *p, struct pair *ret, struct doc_problems *all, struct rel_err *err)
{
	const char *from = d->rls->sys->release->version;
	if (journalled != NULL && journalled_script(from, version, journalled, p, ret, all, err) != 0)
		return -1;
	if (journalled == NULL && !insist_down && find_script(d, from, version, true, p, ret, all, err) != 0)
		return -1;
	if (journalled == NULL && ret->forward == NULL &&
	    find_script(d, from, version, false, p, ret, all, err) != 0)
		return -1;
	if (ret->forward == NULL)
		return rel_err_set(err, REL_E_NO_MATCHING_RELUP, "there is no %sscript from %s to %s",
		    insist_down ? "down " : "", from, version);
	return 0;
}

static int
make(struct daemon *d, const char *version, bool insist_down, const json_t *journalled,
    struct op_plan *p, struct doc_problems *all, struct rel_err *err)
{
	const char *from = d->rls->sys->release->version;
	if (rls_load(d->store, version, &p->target, all, err) != 0)
		return -1;
	const struct model_release *to = p->target->sys->release;
	if (strcmp(to->release, d->rls->sys->release->release) != 0)
		return rel_err_at(err, &doc_get(to->doc->root, "release")->pos, REL_E_BAD_VALUE,
		    "release %s is of '%s', but '%s' runs here", version, to->release,
		    d->rls->sys->release->release);
	struct pair pair = {0};
	if (find_pair(d, version, insist_down, journalled, p, &pair, all, err) != 0)
		return -1;
	p->script = &pair.forward->script;
	if (daemon_runtime_check(d, p->target, err) != 0 ||
	    check_script(p->script, from, version, all, err) != 0)
		return -1;
	if (strcmp(p->target->sys->release->runtime, d->rls->sys->release->runtime) != 0)
		return rel_err_set(err, REL_E_UNSUPPORTED,
		    "release %s needs runtime %s, %s runs on %s: a change of the runtime is not supported "
		    "yet", version, p->target->sys->release->runtime, from,
		    d->rls->sys->release->runtime);
	if (exec_compile(p->script, pair.back != NULL ? &pair.back->script : NULL, &p->steps, err) != 0)
		return -1;
	if (check_objects(p, err) != 0 || check_coverage(d, p, err) != 0)
		return -1;
	return rls_same_shape(d->rls, p->target, err);
}

int
op_plan_make(struct daemon *d, const char *version, bool insist_down, const json_t *journalled,
    struct op_plan *ret, struct doc_problems *problems, struct rel_err *err)
{
	struct op_plan p = {0};
	if (d->rls == NULL) {
		rel_err_set(err, REL_E_NO_SUCH_RELEASE, "no release runs on this root");
		return rel_err_hint(err, "`relctl upgrade VERSION` starts the first release");
	}
	if (make(d, version, insist_down, journalled, &p, problems, err) != 0) {
		op_plan_fini(&p);
		return -1;
	}
	*ret = p;
	return 0;
}

static json_t *
entries_for(const json_t *list, const char *key, const char *other)
{
	json_t *kept = json_array(), *e;
	size_t i;
	json_array_foreach (list, i, e) {
		const char *is = json_string_value(json_object_get(e, key));
		if (is != NULL && strcmp(is, other) == 0 && json_array_append(kept, e) != 0) {
			json_decref(kept);
			return NULL;
		}
	}
	return kept;
}

json_t *
op_plan_relup_json(const struct op_plan *p, const char *other)
{
	json_t *r = model_relup_json(p->relup);
	if (r == NULL)
		return NULL;
	json_t *up = entries_for(json_object_get(r, "up"), "from", other);
	json_t *down = entries_for(json_object_get(r, "down"), "to", other);
	if (json_object_set_new(r, "up", up) == 0 && json_object_set_new(r, "down", down) == 0)
		return r;
	json_decref(r);
	return NULL;
}

bool
op_worker_concerned(const struct sup_worker *w, const struct exec_step *st)
{
	size_t i;
	json_t *m;
	json_array_foreach (w->loaded, i, m) {
		const char *name = json_string_value(json_object_get(m, "module"));
		if (name != NULL && exec_step_names(st, name))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ for relctl plan */

void
op_forecast_keep(struct daemon *d, const char *from, const char *to, const json_t *list)
{
	size_t i;
	json_t *o, *workers = json_object();
	if (json_array_size(list) == 0 || workers == NULL) {
		json_decref(workers);
		return; /* nothing was rehearsed: what is known stays */
	}
	json_array_foreach (list, i, o) {
		const char *result = json_string_value(json_object_get(o, "result"));
		json_t *us = json_object_get(o, "longest_us");
		if (result != NULL && strcmp(result, "ok") == 0 && json_is_integer(us))
			json_object_set(workers, json_string_value(json_object_get(o, "worker")), us);
	}
	snprintf(d->forecast.from, sizeof(d->forecast.from), "%s", from);
	snprintf(d->forecast.to, sizeof(d->forecast.to), "%s", to);
	json_decref(d->forecast.workers);
	d->forecast.workers = workers;
}

static json_t *
forecast_of(const struct daemon *d, const char *to, const char *worker)
{
	const struct forecast *f = &d->forecast;
	bool same = strcmp(f->from, d->rls->sys->release->version) == 0 && strcmp(f->to, to) == 0;
	json_t *us = same ? json_object_get(f->workers, worker) : NULL;
	return us != NULL ? json_incref(us) : json_null();
}

static json_t *
worker_plan(const struct daemon *d, const struct op_plan *p, const struct sup_worker *w)
{
	bool restart = false, any = false;
	for (size_t s = 0; s < p->steps->step_count; s++) {
		const struct exec_step *st = &p->steps->steps[s];
		if (!op_worker_concerned(w, st))
			continue;
		any = true;
		restart |= st->undo_missing;
	}
	return json_pack("{s:s, s:o, s:o, s:s}", "worker", w->name, "instructions",
	    exec_script_texts(p->script, w->loaded), "forecast_us",
	    forecast_of(d, p->target->sys->release->version, w->name), "undo", !any ? "none" : restart ? "restart" : "live");
}

/* As an upgrade to what runs already is no error. */
static json_t *
nothing_to_do(const char *version)
{
	return json_pack("{s:s, s:s, s:[s], s:[], s:[], s:[], s:[], s:[]}", "from", version, "to", version,
	    "path", version, "instructions", "workers", "changes", "kills", "holders");
}

/* What the workers are asked: whether what it loads finds room, and, where it purges brutally, who would
 * be ended. */
static json_t *
look_body(const struct op_plan *p)
{
	json_t *modules = json_array();
	bool brutal = false;
	for (size_t i = 0; i < p->steps->step_count && modules != NULL; i++) {
		const struct exec_step *st = &p->steps->steps[i];
		for (size_t k = 0; k < st->load_count; k++) {
			brutal |= st->brutal[k];
			json_array_append_new(modules, json_pack("{s:s, s:O?}", "module", st->loads[k], "digest",
			    json_object_get(json_object_get(p->target->modules, st->loads[k]), "digest")));
		}
	}
	return json_pack("{s:s, s:I, s:b, s:o}", "what", "look", "wait_ms", (json_int_t)(EXEC_LEAVE_WAIT / DUR_MS),
	    "leave", brutal, "modules", modules);
}

/* Whose code_change the script calls, in the version that it is called in: the newer one. */
static json_t *
changes_json(const struct daemon *d, const struct op_plan *p)
{
	const json_t *newer = p->down ? d->rls->modules : p->target->modules;
	json_t *list = json_array();
	for (size_t i = 0; i < p->steps->step_count && list != NULL; i++)
		for (size_t k = 0; k < p->steps->steps[i].change_count; k++) {
			const char *module = p->steps->steps[i].changes[k].module;
			json_array_append_new(list, json_pack("{s:s, s:O?}", "module", module, "digest",
			    json_object_get(json_object_get(newer, module), "digest")));
		}
	return list;
}

json_t *
op_plan_json(struct daemon *d, const char *version, json_t **ret_look, struct doc_problems *problems,
    struct rel_err *err)
{
	struct op_plan p;
	if (d->rls != NULL && strcmp(version, d->rls->sys->release->version) == 0) {
		json_t *none = nothing_to_do(version);
		if (none == NULL)
			rel_err_nomem(err);
		return none;
	}
	if (op_plan_make(d, version, false, NULL, &p, problems, err) != 0)
		return NULL;
	json_t *workers = json_array();
	for (size_t i = 0; i < sup_count(d->sup); i++)
		json_array_append_new(workers, worker_plan(d, &p, sup_at(d->sup, i)));
	const char *from = d->rls->sys->release->version;
	json_t *j = json_pack("{s:s, s:s, s:[s,s], s:o, s:o, s:o, s:[], s:[]}", "from", from, "to", version,
	    "path", from, version, "instructions", model_script_json(p.script), "workers", workers, "changes",
	    changes_json(d, &p), "kills", "holders");
	*ret_look = j != NULL ? look_body(&p) : NULL;
	op_plan_fini(&p);
	if (*ret_look != NULL)
		return j;
	json_decref(j);
	rel_err_nomem(err);
	return NULL;
}
