/* SPDX-License-Identifier: Apache-2.0
 * From two releases to a list of scripts (otp-semantics.md section 4), in this order: the restart
 * for another runtime; each application in the start order of the release that is reached, added
 * ones among them; removed applications in reverse start order of the release that is left; the
 * restart that was asked for.
 */
#include "config.h"

#include <string.h>

#include "plan/plan_priv.h"

static const struct rel_pos *
key_pos(const struct model_appup *a, const char *key)
{
	const struct doc_node *root = a->doc->root;
	const struct doc_node *n = doc_get(root, key);
	return n != NULL ? &n->pos : &root->pos;
}

/* The appup of an application that changes, and that it is the appup of this one. */
static const struct model_appup *
appup_of(struct plan_run *r, const char *application)
{
	const struct rel_index_entry *place = rel_index_find(&r->to->apps, application);
	MUST(place != NULL); /* only applications of both releases change */
	const struct model_appup *a = r->in->appups[place->value];
	const struct model_release_app *e = &r->to->sys->release->apps[place->value];
	if (a == NULL) {
		plan_error(r->p, &e->pos, REL_E_FILE_PROBLEM,
		    "application \"%s\" changes its version to %s and has no appup.yaml",
		    application, e->version);
		return NULL;
	}
	if (strcmp(a->application, application) != 0) {
		plan_error(r->p, key_pos(a, "application"), REL_E_BAD_VALUE,
		    "this appup is of application \"%s\", and it lies in that of \"%s\"",
		    a->application, application);
		return NULL;
	}
	if (strcmp(a->version, e->version) != 0) {
		plan_error(r->p, key_pos(a, "version"), REL_E_BAD_APPUP_VERSION,
		    "this appup is of version %s, and application \"%s\" has version %s",
		    a->version, application, e->version);
		return NULL;
	}
	return a;
}

static int
script_changed(
    struct plan_run *r, const char *application, const char *base_version, struct plan_list *ret)
{
	const struct model_appup *a = appup_of(r, application);
	if (a == NULL)
		return -1;
	bool up = r->mode == MODEL_UP;
	const struct model_appup_entry *e =
	    model_appup_find(up ? a->up : a->down, up ? a->up_count : a->down_count, base_version);
	if (e == NULL)
		return plan_error(r->p, key_pos(a, up ? "up" : "down"), REL_E_NO_RELUP,
		    "the appup of \"%s\" %s has no `%s: %s`, and release %s has that version",
		    application, a->version, up ? "from" : "to", base_version,
		    r->base->sys->release->version);
	for (size_t i = 0; i < e->script.count; i++)
		if (plan_list_add(r, ret, &e->script.instrs[i]) < 0)
			return -1;
	return 0;
}

static int
script_added(struct plan_run *r, const struct model_release_app *a, struct plan_list *ret)
{
	struct model_instr *i = plan_list_new(r, ret, MODEL_OP_ADD_APPLICATION, &a->pos);
	if (i == NULL)
		return -1;
	i->application = a->application;
	i->app_type = a->type;
	return 0;
}

static int
script_removed(struct plan_run *r, const struct model_release_app *a, struct plan_list *ret)
{
	struct model_instr *i = plan_list_new(r, ret, MODEL_OP_REMOVE_APPLICATION, &a->pos);
	if (i == NULL)
		return -1;
	i->application = a->application;
	i->post_purge = MODEL_SOFT;
	return 0;
}

static int
script_restart(struct plan_run *r, enum model_op op, struct plan_list *ret)
{
	struct rel_pos pos = {0};
	return plan_list_new(r, ret, op, &pos) == NULL ? -1 : 0;
}

/* Goes on after an error, so that one run names every application that lacks something. */
static int
applications(struct plan_run *r, struct plan_list *scripts, size_t *n)
{
	const struct model_system *reached = r->reached->sys, *left = r->left->sys;
	int rc = 0;
	for (size_t i = 0; i < reached->release->app_count; i++) {
		const struct model_release_app *a = &reached->release->apps[reached->start[i]];
		const struct model_release_app *was, *base;
		if (plan_side_app(r->left, a->application, &was) == NULL) {
			rc |= script_added(r, a, &scripts[(*n)++]);
			continue;
		}
		base = r->mode == MODEL_UP ? was : a;
		if (strcmp(a->version, was->version) != 0)
			rc |= script_changed(r, a->application, base->version, &scripts[(*n)++]);
	}
	for (size_t i = left->release->app_count; i-- > 0;) {
		const struct model_release_app *a = &left->release->apps[left->start[i]];
		if (plan_side_app(r->reached, a->application, NULL) == NULL)
			rc |= script_removed(r, a, &scripts[(*n)++]);
	}
	return rc;
}

int
plan_scripts(struct plan_run *r, struct plan_list **ret, size_t *ret_count)
{
	const struct model_release *reached = r->reached->sys->release;
	const struct model_release *left = r->left->sys->release;
	size_t n = 0;
	struct plan_list *scripts = rel_arena_calloc(
	    r->scratch, reached->app_count + left->app_count + 2, sizeof(*scripts));
	if (scripts == NULL)
		return plan_nomem(r->p);
	if (strcmp(reached->runtime, left->runtime) != 0 &&
	    script_restart(r, MODEL_OP_RESTART_NEW_RUNTIME, &scripts[n++]) < 0)
		return -1;
	if (applications(r, scripts, &n) < 0)
		return -1;
	if (r->in->restart_runtime &&
	    script_restart(r, MODEL_OP_RESTART_RUNTIME, &scripts[n++]) < 0)
		return -1;
	*ret = scripts;
	*ret_count = n;
	return 0;
}
