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

/* As in OTP: the up script of the release that is reached, else the down script of the one left.
 * *ret_relup takes what is found; the opposite script serves the undo. */
static int
find_script(struct daemon *d, const char *from, const char *to, bool up, struct op_plan *p,
    const struct model_relup_entry **ret, const struct model_relup_entry **ret_back,
    struct doc_problems *all, struct rel_err *err)
{
	struct model_relup *r = NULL;
	if (load_relup(d, up ? to : from, &r, all, err) != 0) {
		if (err->code != REL_E_NOT_FOUND)
			return -1;
		rel_err_clear(err);
		return 0;
	}
	const char *other = up ? from : to;
	const struct model_relup_entry *u = entry_for(r->up, r->up_count, other);
	const struct model_relup_entry *dn = entry_for(r->down, r->down_count, other);
	*ret = up ? u : dn;
	*ret_back = up ? dn : u;
	if (*ret == NULL) {
		model_relup_free(&r);
		return 0;
	}
	p->relup = r;
	p->down = !up;
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
make(struct daemon *d, const char *version, bool insist_down, struct op_plan *p,
    struct doc_problems *all, struct rel_err *err)
{
	const char *from = d->rls->sys->release->version;
	if (rls_load(d->store, version, &p->target, all, err) != 0)
		return -1;
	const struct model_release *to = p->target->sys->release;
	if (strcmp(to->release, d->rls->sys->release->release) != 0)
		return rel_err_at(err, &doc_get(to->doc->root, "release")->pos, REL_E_BAD_VALUE,
		    "release %s is of '%s', but '%s' runs here", version, to->release,
		    d->rls->sys->release->release);
	const struct model_relup_entry *entry = NULL, *back = NULL;
	if (!insist_down && find_script(d, from, version, true, p, &entry, &back, all, err) != 0)
		return -1;
	if (entry == NULL && find_script(d, from, version, false, p, &entry, &back, all, err) != 0)
		return -1;
	if (entry == NULL)
		return rel_err_set(err, REL_E_NO_MATCHING_RELUP, "there is no %sscript from %s to %s",
		    insist_down ? "down " : "", from, version);
	p->script = &entry->script;
	if (daemon_runtime_check(d, p->target, err) != 0 ||
	    check_script(&entry->script, from, version, all, err) != 0)
		return -1;
	if (strcmp(p->target->sys->release->runtime, d->rls->sys->release->runtime) != 0)
		return rel_err_set(err, REL_E_UNSUPPORTED,
		    "release %s needs runtime %s, %s runs on %s: a change of the runtime is not supported "
		    "yet", version, p->target->sys->release->runtime, from,
		    d->rls->sys->release->runtime);
	if (exec_compile(&entry->script, back != NULL ? &back->script : NULL, &p->steps, err) != 0)
		return -1;
	if (check_objects(p, err) != 0 || check_coverage(d, p, err) != 0)
		return -1;
	return rls_same_shape(d->rls, p->target, err);
}

int
op_plan_make(struct daemon *d, const char *version, bool insist_down, struct op_plan *ret,
    struct doc_problems *problems, struct rel_err *err)
{
	struct op_plan p = {0};
	if (d->rls == NULL) {
		rel_err_set(err, REL_E_NO_SUCH_RELEASE, "no release runs on this root");
		return rel_err_hint(err, "`relctl upgrade VERSION` starts the first release");
	}
	if (make(d, version, insist_down, &p, problems, err) != 0) {
		op_plan_fini(&p);
		return -1;
	}
	*ret = p;
	return 0;
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

static json_t *
worker_plan(const struct op_plan *p, const struct sup_worker *w)
{
	bool restart = false, any = false;
	for (size_t s = 0; s < p->steps->step_count; s++) {
		const struct exec_step *st = &p->steps->steps[s];
		if (!op_worker_concerned(w, st))
			continue;
		any = true;
		restart |= st->undo_missing;
	}
	return json_pack("{s:s, s:o, s:n, s:s}", "worker", w->name, "instructions",
	    exec_script_texts(p->script, w->loaded), "forecast_us", "undo", !any ? "none" : restart ? "restart" : "live");
}

/* As an upgrade to what runs already is no error. */
static json_t *
nothing_to_do(const char *version)
{
	return json_pack("{s:s, s:s, s:[s], s:[], s:[], s:[], s:[]}", "from", version, "to", version,
	    "path", version, "instructions", "workers", "kills", "holders");
}

json_t *
op_plan_json(struct daemon *d, const char *version, struct doc_problems *problems,
    struct rel_err *err)
{
	struct op_plan p;
	if (d->rls != NULL && strcmp(version, d->rls->sys->release->version) == 0) {
		json_t *none = nothing_to_do(version);
		if (none == NULL)
			rel_err_nomem(err);
		return none;
	}
	if (op_plan_make(d, version, false, &p, problems, err) != 0)
		return NULL;
	json_t *workers = json_array();
	for (size_t i = 0; i < sup_count(d->sup); i++)
		json_array_append_new(workers, worker_plan(&p, sup_at(d->sup, i)));
	const char *from = d->rls->sys->release->version;
	json_t *j = json_pack("{s:s, s:s, s:[s,s], s:o, s:o, s:[], s:[]}", "from", from, "to", version,
	    "path", from, version, "instructions", model_script_json(p.script), "workers", workers,
	    "kills", "holders");
	op_plan_fini(&p);
	if (j == NULL)
		rel_err_nomem(err);
	return j;
}
