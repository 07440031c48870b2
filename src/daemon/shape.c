/* SPDX-License-Identifier: Apache-2.0
 * What two releases must have in common for a running system to be moved from one to the other by
 * this version: the children and everything about them that only a start would bring into force.
 * A difference is refused, not passed over: a release that runs is what its description says.
 */
#include "config.h"

#include <string.h>

#include "daemon/daemon.h"

struct shape {
	const struct rls *self, *other;
	struct rel_err *err;
};

static bool
same_json(json_t *a, json_t *b)
{
	bool same = a != NULL && b != NULL && json_equal(a, b);
	json_decref(a);
	json_decref(b);
	return same;
}

static json_t *
args_json(const struct model_child *c)
{
	return c->args != NULL ? doc_to_json(c->args) : json_object();
}

static const char *
version_of(const struct rls *r)
{
	return r->sys->release->version;
}

static int
differs(const struct shape *s, const struct rls_child_at *at, const char *what)
{
	return rel_err_set(s->err, REL_E_UNSUPPORTED,
	    "child %s/%s %s in release %s: that cannot be changed in a running system by this version of "
	    "relup", at->app->application, at->child->id, what, version_of(s->other));
}

static int
listen_same(const struct shape *s, const struct rls_child_at *at, const struct rls_child_at *o)
{
	json_t *here = NULL, *there = NULL;
	if (rls_listen(s->self, at->app, at->child, &here, s->err) != 0)
		return -1;
	if (rls_listen(s->other, o->app, o->child, &there, s->err) != 0) {
		json_decref(here);
		return -1;
	}
	return same_json(here, there) ? 0 : differs(s, at, "listens on other addresses");
}

static int
child_same(void *ctx, const struct rls_child_at *at)
{
	const struct shape *s = ctx;
	const struct model_child *c = at->child;
	struct rls_child_at o;
	if (!rls_find_child(s->other, at->app->application, c->id, &o))
		return rel_err_set(s->err, REL_E_UNSUPPORTED,
		    "child %s/%s is not in release %s: children cannot be added or removed in a running "
		    "system by this version of relup", at->app->application, c->id,
		    version_of(s->other));
	if (strcmp(c->module, o.child->module) != 0 || c->count != o.child->count)
		return differs(s, at, "has another module or count");
	if (c->restart != o.child->restart || c->shutdown != o.child->shutdown)
		return differs(s, at, "has another restart type or shutdown time");
	if (at->supervisor->intensity != o.supervisor->intensity ||
	    at->supervisor->period != o.supervisor->period)
		return differs(s, at, "has a supervisor with another intensity or period");
	if (!same_json(args_json(c), args_json(o.child)))
		return differs(s, at, "has other args");
	if (listen_same(s, at, &o) != 0)
		return -1;
	if (!same_json(rls_env(s->self, at->app), rls_env(s->other, o.app)))
		return rel_err_set(s->err, REL_E_UNSUPPORTED,
		    "the env of %s differs in release %s: new values cannot be handed to running workers "
		    "by this version of relup", at->app->application, version_of(s->other));
	return 0;
}

int
rls_same_shape(const struct rls *from, const struct rls *to, struct rel_err *err)
{
	struct shape there = {.self = from, .other = to, .err = err};
	struct shape back = {.self = to, .other = from, .err = err};
	if (rls_each_child(from, child_same, &there) != 0)
		return -1;
	return rls_each_child(to, child_same, &back) != 0 ? -1 : 0;
}
