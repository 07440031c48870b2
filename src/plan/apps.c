/* SPDX-License-Identifier: Apache-2.0
 * add_application, remove_application and restart_application, each replaced in its place by
 * module instructions and by the lifecycle instructions of the application (otp-semantics.md
 * section 3 step 6).  The load_module made here join the dependency graph like written ones.
 */
#include "config.h"

#include "plan/plan_priv.h"

static int
lifecycle(struct plan_run *r, struct plan_list *out, enum model_op op, const struct model_instr *at,
    enum model_app_type type)
{
	struct model_instr *i = plan_list_new(r, out, op, &at->pos);
	if (i == NULL)
		return -1;
	i->application = at->application;
	i->app_type = type;
	return 0;
}

static int
start(struct plan_run *r, struct plan_list *out, const struct model_instr *at,
    enum model_app_type type)
{
	if (type == MODEL_NONE)
		return 0;
	return lifecycle(r, out,
	    type == MODEL_LOAD ? MODEL_OP_LOAD_APPLICATION : MODEL_OP_START_APPLICATION, at, type);
}

/* An application that was only loaded, or not even that, has nothing to stop. */
static int
stop(struct plan_run *r, struct plan_list *out, const struct model_instr *at,
    enum model_app_type type)
{
	if (type == MODEL_LOAD || type == MODEL_NONE)
		return 0;
	return lifecycle(r, out, MODEL_OP_STOP_APPLICATION, at, type);
}

/* Soft on both sides: no worker uses code that was not there, so nobody need be killed for it. */
static int
load_all(struct plan_run *r, struct plan_list *out, const struct model_instr *at,
    const struct model_app *app)
{
	for (size_t k = 0; k < app->modules.count; k++) {
		struct model_instr *i = plan_list_new(r, out, MODEL_OP_LOAD_MODULE, &at->pos);
		if (i == NULL)
			return -1;
		i->module = app->modules.names[k];
		i->pre_purge = i->post_purge = MODEL_SOFT;
	}
	return 0;
}

/* What OTP writes as remove and purge: the killing purge only where it was asked for. */
static int
remove_all(struct plan_run *r, struct plan_list *out, const struct model_instr *at,
    const struct model_app *app)
{
	for (size_t k = 0; k < app->modules.count; k++) {
		struct model_instr *i = plan_list_new(r, out, MODEL_OP_REMOVE, &at->pos);
		if (i == NULL)
			return -1;
		i->module = app->modules.names[k];
		i->pre_purge = i->post_purge = at->post_purge;
	}
	if (at->post_purge != MODEL_BRUTAL || app->modules.count == 0)
		return 0;
	struct model_instr *i = plan_list_new(r, out, MODEL_OP_PURGE, &at->pos);
	if (i == NULL)
		return -1;
	i->post_purge = MODEL_BRUTAL;
	i->purge_kills = true;
	i->modules = app->modules;
	return 0;
}

static int
not_in_release(struct plan_run *r, const struct model_instr *at, const struct plan_side *s)
{
	return plan_error(r->p, &at->pos, REL_E_NO_SUCH_APP,
	    "%s: release %s has no application \"%s\"; name one of its applications",
	    model_op_name(at->op), s->sys->release->version, at->application);
}

static int
add(struct plan_run *r, struct plan_list *out, const struct model_instr *at)
{
	const struct model_app *app = plan_side_app(r->reached, at->application, NULL);
	if (app == NULL)
		return not_in_release(r, at, r->reached);
	if (load_all(r, out, at, app) < 0)
		return -1;
	return start(r, out, at, at->app_type);
}

static int
remove_app(struct plan_run *r, struct plan_list *out, const struct model_instr *at)
{
	const struct model_release_app *entry;
	if (plan_side_app(r->reached, at->application, NULL) != NULL)
		return plan_error(r->p, &at->pos, REL_E_REMOVED_APP_PRESENT,
		    "remove_application: \"%s\" is in release %s, which is reached; take the "
		    "instruction out, or the application out of the release",
		    at->application, r->reached->sys->release->version);
	const struct model_app *app = plan_side_app(r->left, at->application, &entry);
	if (app == NULL)
		return not_in_release(r, at, r->left);
	if (stop(r, out, at, entry->type) < 0 || remove_all(r, out, at, app) < 0)
		return -1;
	if (entry->type == MODEL_NONE)
		return 0;
	return lifecycle(r, out, MODEL_OP_UNLOAD_APPLICATION, at, entry->type);
}

static int
restart(struct plan_run *r, struct plan_list *out, const struct model_instr *at)
{
	const struct model_release_app *was_entry, *is_entry;
	const struct model_app *was = plan_side_app(r->left, at->application, &was_entry);
	const struct model_app *is = plan_side_app(r->reached, at->application, &is_entry);
	if (was == NULL || is == NULL)
		return not_in_release(r, at, was == NULL ? r->left : r->reached);
	if (stop(r, out, at, was_entry->type) < 0 || remove_all(r, out, at, was) < 0 ||
	    load_all(r, out, at, is) < 0)
		return -1;
	return start(r, out, at, is_entry->type);
}

static int
translate(struct plan_run *r, struct plan_list *out, const struct model_instr *i)
{
	if (i->op == MODEL_OP_ADD_APPLICATION)
		return add(r, out, i);
	if (i->op == MODEL_OP_REMOVE_APPLICATION)
		return remove_app(r, out, i);
	if (i->op == MODEL_OP_RESTART_APPLICATION)
		return restart(r, out, i);
	return plan_list_add(r, out, i);
}

int
plan_apps(struct plan_run *r, const struct plan_list *after, struct plan_list *ret)
{
	int rc = 0;
	*ret = (struct plan_list){0};
	for (size_t i = 0; i < after->count; i++)
		rc |= translate(r, ret, after->v[i]);
	return rc;
}
