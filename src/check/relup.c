/* SPDX-License-Identifier: Apache-2.0
 * A relup against the releases that it joins: what a script names is in the release that it is taken
 * from, and all that differs between the two is taken care of.  The script by itself is script.c and the
 * model's own check.
 */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check/check_priv.h"

/* One entry of a relup: `to` is the release that the relup lies beside, `base` the other one. */
struct join {
	const struct model_relup_entry *e;
	const struct model_system *to, *base;
	const struct model_system *left, *reached;
	const struct model_libs *libs;
	struct doc_problems *p;
};

/* ------------------------------------------------------------------ what is named */
static bool
ships(const struct model_system *sys, const char *module)
{
	return model_system_owner(sys, module) != NULL;
}

static void
application_of(const struct join *j, const struct model_instr *in, const struct model_system *sys)
{
	if (model_system_app(sys, in->application, NULL) != NULL)
		return;
	doc_find(j->p, DOC_ERROR, &in->pos, REL_E_NO_SUCH_APPLICATION,
	    "%s: application %s is not in release %s", model_op_name(in->op), in->application,
	    sys->release->version);
	doc_problem_hint(j->p, "name an application of that release's release.yaml");
}

static void
object_code(const struct join *j, const struct model_instr *in)
{
	const struct model_app *app = model_system_app(j->reached, in->application, NULL);
	application_of(j, in, j->reached);
	if (app == NULL)
		return;
	if (strcmp(app->version, in->version) != 0) {
		doc_find(j->p, DOC_ERROR, &in->pos, REL_E_CONFLICTING_VERSIONS,
		    "load_object_code of %s %s, and release %s has %s", in->application, in->version,
		    j->reached->release->version, app->version);
		doc_problem_hint(j->p, "name the version %s", app->version);
		return;
	}
	for (size_t i = 0; i < in->modules.count; i++)
		if (!model_names_has(&app->modules, in->modules.names[i]))
			doc_find(j->p, DOC_ERROR, &in->modules.pos[i], REL_E_NO_SUCH_MODULE,
			    "%s %s ships no module %s", in->application, in->version, in->modules.names[i]);
}

/* `either`: in the release that is left, or in the one that is reached. */
static void
module_of(const struct join *j, const struct model_instr *in, const char *module, const struct rel_pos *pos,
    bool either)
{
	if (!ships(j->left, module) && !(either && ships(j->reached, module)))
		doc_find(j->p, DOC_ERROR, pos, REL_E_NO_SUCH_MODULE,
		    "%s: no application of release %s%s%s has module %s", model_op_name(in->op),
		    j->left->release->version, either ? " or " : "", either ? j->reached->release->version : "",
		    module);
}

static void
of_left(const struct join *j, const struct model_instr *in)
{
	application_of(j, in, j->left);
}

static void
of_reached(const struct join *j, const struct model_instr *in)
{
	application_of(j, in, j->reached);
}

static void
removed(const struct join *j, const struct model_instr *in)
{
	module_of(j, in, in->module, &in->pos, false);
}

static void
suspended(const struct join *j, const struct model_instr *in)
{
	for (size_t i = 0; i < in->suspend_count; i++)
		module_of(j, in, in->suspend[i].module, &in->suspend[i].pos, true);
}

static void
listed(const struct join *j, const struct model_instr *in)
{
	for (size_t i = 0; i < in->modules.count; i++)
		module_of(j, in, in->modules.names[i], &in->modules.pos[i], true);
}

/* A load, a resume, a code_change and a start need no rule of their own: each must follow another
 * instruction that names the module (model_script_check), and that one is looked at. */
static void (*const rules[MODEL_OP__COUNT])(const struct join *, const struct model_instr *) = {
    [MODEL_OP_LOAD_OBJECT_CODE] = object_code,
    [MODEL_OP_REMOVE] = removed,
    [MODEL_OP_SUSPEND] = suspended,
    [MODEL_OP_STOP] = listed,
    [MODEL_OP_PURGE] = listed,
    [MODEL_OP_STOP_APPLICATION] = of_left,
    [MODEL_OP_UNLOAD_APPLICATION] = of_left,
    [MODEL_OP_START_APPLICATION] = of_reached,
    [MODEL_OP_LOAD_APPLICATION] = of_reached,
    [MODEL_OP_UPDATE_SUPERVISOR] = of_reached,
    [MODEL_OP_RESTART_WORKER] = of_reached,
};

/* ------------------------------------------------------------------ what differs */
static bool
has(const struct model_script *s, enum model_op op, const char *application)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->instrs[i].op == op &&
		    (application == NULL || strcmp(s->instrs[i].application, application) == 0))
			return true;
	return false;
}

/* Everything starts anew in the release that is reached. */
static bool
restarts_all(const struct model_script *s)
{
	return has(s, MODEL_OP_RESTART_RUNTIME, NULL) || has(s, MODEL_OP_RESTART_NEW_RUNTIME, NULL);
}

/* The part of a script that is about one application, as its appup would have it: children are named
 * without their application there, and a stop and a start are a restart. */
static int
part_of(const struct model_script *s, const char *application, struct model_script *ret)
{
	static const struct model_instr restart = {.op = MODEL_OP_RESTART_APPLICATION};
	*ret = (struct model_script){.mode = s->mode};
	ret->instrs = calloc(s->count + 1, sizeof(*ret->instrs));
	if (ret->instrs == NULL)
		return -1;
	for (size_t i = 0; i < s->count; i++)
		if (s->instrs[i].application == NULL || strcmp(s->instrs[i].application, application) == 0)
			ret->instrs[ret->count++] = s->instrs[i];
	if (restarts_all(s) || (has(s, MODEL_OP_STOP_APPLICATION, application) &&
	    has(s, MODEL_OP_START_APPLICATION, application)))
		ret->instrs[ret->count++] = restart;
	return 0;
}

/* What is wrong with the application itself is told when that one is checked. */
static struct compare_side *
side_of(const struct join *j, const struct model_app *app, bool appup)
{
	char folder[REL_NAME_MAX + REL_VERSION_MAX + 2], name[4300];
	struct doc_problems own = DOC_PROBLEMS_INIT;
	struct compare_side *s = NULL;
	int lib = compare_libs_find(j->libs, app, folder, sizeof(folder));
	if (lib >= 0) {
		snprintf(name, sizeof(name), "%s/%s", j->libs->names[lib], folder);
		if (compare_side_open(j->libs->fds[lib], folder, name, &s, &own) == 0 && appup)
			compare_side_appup(s, &own);
	}
	if (own.errors > 0)
		compare_side_close(&s);
	doc_problems_fini(&own);
	return s;
}

/* A waiver of the appup is a person's word, for the relup as well. */
static void
changed(const struct join *j, const struct model_app *was, const struct model_app *is)
{
	CLEANUP(compare_side_close) struct compare_side *old = side_of(j, was, false), *new = side_of(j, is, true);
	CLEANUP(compare_free) struct compare *c = NULL;
	struct model_appup_entry e = {.exact = j->e->other, .pos = j->e->pos};
	const struct model_script *s = &j->e->script;
	if (old == NULL || new == NULL || compare_make(old, new, &c, j->p) != 0)
		return;
	const struct model_appup *a = new->appup;
	const struct model_appup_entry *way = a == NULL ? NULL
	    : s->mode == MODEL_UP ? model_appup_find(a->up, a->up_count, was->version)
				  : model_appup_find(a->down, a->down_count, was->version);
	if (way != NULL) {
		e.waivers = way->waivers;
		e.waiver_count = way->waiver_count;
	}
	if (part_of(s, is->application, &e.script) != 0)
		doc_problem(j->p, NULL, REL_E_NOMEM, "out of memory");
	else
		check_cover_relup(&(struct check_way){.c = c, .mode = s->mode, .e = &e, .p = j->p});
	free(e.script.instrs);
}

static void
comes_or_goes(const struct join *j, const struct model_release_app *app, bool comes)
{
	enum model_op op = app->type == MODEL_LOAD
	    ? (comes ? MODEL_OP_LOAD_APPLICATION : MODEL_OP_UNLOAD_APPLICATION)
	    : (comes ? MODEL_OP_START_APPLICATION : MODEL_OP_STOP_APPLICATION);
	if (app->type == MODEL_NONE || restarts_all(&j->e->script) || has(&j->e->script, op, app->application))
		return;
	doc_find(j->p, DOC_ERROR, &j->e->pos, REL_E_APP_NOT_COVERED,
	    "application %s %s, and the script has no %s of it", app->application, comes ? "comes" : "goes",
	    model_op_name(op));
}

static void
differences(const struct join *j)
{
	const struct model_release *left = j->left->release, *reached = j->reached->release;
	for (size_t i = 0; i < reached->app_count; i++) {
		const char *name = reached->apps[i].application;
		const struct model_app *was = model_system_app(j->base, name, NULL);
		const struct model_app *is = model_system_app(j->to, name, NULL);
		if (was == NULL || is == NULL)
			comes_or_goes(j, &reached->apps[i], true);
		else if (strcmp(was->version, is->version) != 0)
			changed(j, was, is);
	}
	for (size_t i = 0; i < left->app_count; i++)
		if (model_system_app(j->reached, left->apps[i].application, NULL) == NULL)
			comes_or_goes(j, &left->apps[i], false);
}

/* ------------------------------------------------------------------ imports at each step */
static struct compare_side **
sides_of(const struct join *j, const struct model_system *sys)
{
	struct compare_side **sides = calloc(sys->release->app_count + 1, sizeof(struct compare_side *));
	for (size_t i = 0; sides != NULL && i < sys->release->app_count; i++)
		sides[i] = side_of(j, sys->apps[i], false);
	return sides;
}

static void
sides_free(struct compare_side **sides, size_t count)
{
	for (size_t i = 0; sides != NULL && i < count; i++)
		compare_side_close(&sides[i]);
	free(sides);
}

static void
imports_fit(const struct join *j)
{
	size_t lefts = j->left->release->app_count, reacheds = j->reached->release->app_count;
	struct compare_side **left = sides_of(j, j->left), **reached = sides_of(j, j->reached);
	if (left == NULL || reached == NULL)
		doc_problem(j->p, NULL, REL_E_NOMEM, "out of memory");
	else
		check_fit(&(struct check_fit){.script = &j->e->script,
		    .left = (const struct compare_side *const *)left, .left_count = lefts,
		    .reached = (const struct compare_side *const *)reached, .reached_count = reacheds, .p = j->p});
	sides_free(left, lefts);
	sides_free(reached, reacheds);
}

/* The release that the relup lies beside is the newer one, both ways. */
static void
changes_offered(const struct join *j)
{
	struct compare_side **sides = sides_of(j, j->to);
	if (sides == NULL)
		doc_problem(j->p, NULL, REL_E_NOMEM, "out of memory");
	else
		check_changes(&(struct check_changes){.script = &j->e->script,
		    .sides = (const struct compare_side *const *)sides,
		    .side_count = j->to->release->app_count, .p = j->p});
	sides_free(sides, j->to->release->app_count);
}

/* ------------------------------------------------------------------ the entries */
static struct model_system *
base_of(const struct model_relup_entry *e, const struct model_libs *libs, const char *file, bool in_root,
    struct doc_problems *p)
{
	char path[4300];
	struct doc_problems own = DOC_PROBLEMS_INIT;
	struct model_release *release = NULL;
	struct model_system *sys = NULL;
	const char *slash = strrchr(file, '/');
	snprintf(path, sizeof(path), "%.*s../%s/release.yaml", slash != NULL ? (int)(slash - file) + 1 : 0, file,
	    e->other);
	if (access(path, F_OK) != 0) {
		if (!in_root)
			return NULL; /* a folder by itself: its neighbours need not be there */
		doc_find(p, DOC_WARNING, &e->pos, REL_E_NO_SUCH_RELEASE, "there is no release %s in this root",
		    e->other);
		doc_problem_hint(p, "without it nobody can tell whether this script is whole");
		return NULL;
	}
	if (model_release_load(AT_FDCWD, path, path, &release, &own) != 0 ||
	    model_system_load(release, libs, &sys, &own) != 0) {
		doc_find(p, DOC_ERROR, &e->pos, own.list != NULL ? own.list[0].err.code : REL_E_NOMEM,
		    "release %s cannot be compared with: %s", e->other,
		    own.list != NULL ? own.list[0].err.text : "out of memory");
		doc_problem_hint(p, "`relctl check` of that release tells all that is wrong with it");
	}
	doc_problems_fini(&own);
	return sys;
}

/* `file` lies beside the release's config. */
static void
shapes(const struct join *j, const char *file)
{
	char here[4300], there[4400];
	const char *slash = strrchr(file, '/');
	snprintf(here, sizeof(here), "%.*s", slash != NULL ? (int)(slash - file) : 1, slash != NULL ? file : ".");
	snprintf(there, sizeof(there), "%s/../%s", here, j->e->other);
	check_shape(j->e, j->to, here, j->base, there, j->p);
}

void
check_joins(const struct model_relup *r, const struct model_system *to, const struct model_libs *libs,
    const char *file, bool in_root, struct doc_problems *p)
{
	for (size_t i = 0; i < r->up_count + r->down_count; i++) {
		bool up = i < r->up_count;
		const struct model_relup_entry *e = up ? &r->up[i] : &r->down[i - r->up_count];
		struct model_system *base = base_of(e, libs, file, in_root, p);
		if (base == NULL)
			continue;
		const struct join j = {.e = e, .to = to, .base = base, .left = up ? base : to,
		    .reached = up ? to : base, .libs = libs, .p = p};
		for (size_t k = 0; k < e->script.count; k++)
			if (rules[e->script.instrs[k].op] != NULL)
				rules[e->script.instrs[k].op](&j, &e->script.instrs[k]);
		differences(&j);
		if (has(&e->script, MODEL_OP_LOAD, NULL))
			imports_fit(&j);
		if (has(&e->script, MODEL_OP_CODE_CHANGE, NULL))
			changes_offered(&j);
		shapes(&j, file);
		model_system_free(&base);
	}
}
