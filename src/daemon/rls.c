/* SPDX-License-Identifier: Apache-2.0
 * A release as it will run: read from the root, checked as a whole, every module file an object.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"

/* ------------------------------------------------------------------ loading */

static int
take_problems(const struct doc_problems *p, int rc, struct rel_err *err)
{
	int failed = doc_problems_result(p, err);
	if (failed == 0 && rc != 0)
		rel_err_set(err, REL_E_INTERNAL, "a check failed without a reason");
	return rc != 0 || failed != 0 ? -1 : 0;
}

static int
load_system(struct store *st, const char *version, struct model_system **ret,
    struct doc_problems *p, struct rel_err *err)
{
	char path[REL_VERSION_MAX + 32], name[REL_VERSION_MAX + 48];
	snprintf(path, sizeof(path), "%s/release.yaml", version);
	snprintf(name, sizeof(name), "releases/%s/release.yaml", version);
	struct model_release *release = NULL;
	int rc = model_release_load(store_releases_fd(st), path, name, &release, p);
	if (rc == 0) {
		int fd = store_lib_fd(st);
		const char *lib = "lib";
		const struct model_libs libs = {.count = 1, .fds = &fd, .names = &lib};
		rc = model_system_load(release, &libs, ret, p);
	}
	return take_problems(p, rc, err);
}

static int
load_config(struct store *st, const char *version, struct doc **ret, struct doc_problems *p,
    struct rel_err *err)
{
	char path[REL_VERSION_MAX + 32], name[REL_VERSION_MAX + 48];
	snprintf(path, sizeof(path), "%s/config.yaml", version);
	snprintf(name, sizeof(name), "releases/%s/config.yaml", version);
	CLEANUP(doc_free) struct doc *d = NULL;
	if (faccessat(store_releases_fd(st), path, F_OK, 0) != 0 && errno == ENOENT)
		return 0; /* optional */
	int rc = doc_read_file_all(store_releases_fd(st), path, name, &doc_limits_written, &d, p);
	if (rc == 0)
		rc = model_config_check(d, p);
	if (take_problems(p, rc, err) != 0)
		return -1;
	*ret = MOVE(d);
	return 0;
}

static int
load_modules(struct store *st, struct rls *r, struct rel_err *err)
{
	for (size_t i = 0; i < r->sys->release->app_count; i++) {
		const struct model_app *app = r->sys->apps[i];
		for (size_t k = 0; k < app->modules.count; k++) {
			const char *module = app->modules.names[k];
			struct store_object o;
			if (store_object_get(st, app->application, app->version, module, &o, err) != 0)
				return -1;
			json_t *m = json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "module", module,
			    "application", app->application, "version", app->version, "digest",
			    o.digest, "path", o.path, "size", (json_int_t)o.size);
			if (json_object_set_new(r->modules, module, m) != 0)
				return rel_err_nomem(err);
		}
	}
	return 0;
}

/* Parts of the descriptions that this version reads but cannot run say so, they are not ignored. */
static int
runnable_child(void *ctx, const struct rls_child_at *at)
{
	struct rel_err *err = ctx;
	const struct model_child *c = at->child;
	if (c->module == NULL)
		return rel_err_at(err, &c->pos, REL_E_UNSUPPORTED,
		    "child %s of %s runs a command: command workers are not supported yet", c->id,
		    at->app->application);
	if (at->supervisor->strategy != MODEL_ONE_FOR_ONE)
		return rel_err_at(err, &c->pos, REL_E_UNSUPPORTED,
		    "the supervisor of child %s of %s has strategy %s: only one_for_one is supported yet",
		    c->id, at->app->application, model_strategy_name(at->supervisor->strategy));
	return 0;
}

int
rls_load(struct store *st, const char *version, struct rls **ret, struct doc_problems *p,
    struct rel_err *err)
{
	if (!rel_version_ok(version))
		return rel_err_set(err, REL_E_BAD_VERSION, "'%.70s' is not a version", version);
	if (!store_release_exists(st, version))
		return rel_err_set(err, REL_E_NO_SUCH_RELEASE, "there is no release %s in %s", version,
		    store_root_path(st));
	CLEANUP(rls_free) struct rls *r = calloc(1, sizeof(*r));
	if (r == NULL)
		return rel_err_nomem(err);
	if (load_system(st, version, &r->sys, p, err) != 0 ||
	    load_config(st, version, &r->config, p, err) != 0)
		return -1;
	if (strcmp(r->sys->release->version, version) != 0)
		return rel_err_at(err, &doc_get(r->sys->release->doc->root, "version")->pos,
		    REL_E_BAD_VALUE, "the version is %s, and its folder says %s",
		    r->sys->release->version, version);
	r->modules = json_object();
	if (r->modules == NULL)
		return rel_err_nomem(err);
	if (load_modules(st, r, err) != 0 || rls_each_child(r, runnable_child, err) != 0)
		return -1;
	*ret = MOVE(r);
	return 0;
}

void
rls_free(struct rls **rp)
{
	struct rls *r = *rp;
	*rp = NULL;
	if (r == NULL)
		return;
	model_system_free(&r->sys);
	doc_free(&r->config);
	json_decref(r->modules);
	free(r);
}

/* ------------------------------------------------------------------ looking */

json_t *
rls_env(const struct rls *r, const struct model_app *app)
{
	return model_app_env(app, r->config);
}

static int
add_modules(const struct rls *r, const struct model_app *app, const json_t *map, json_t *seen,
    json_t *list)
{
	if (json_object_get(seen, app->application) != NULL)
		return 0;
	json_object_set_new(seen, app->application, json_true());
	for (size_t i = 0; i < app->modules.count; i++) {
		json_t *m = json_object_get(map, app->modules.names[i]);
		if (m != NULL && json_array_append(list, m) != 0)
			return -1;
	}
	const struct model_names *deps[] = {&app->depends, &app->optional_depends};
	for (size_t k = 0; k < NELEM(deps); k++)
		for (size_t i = 0; i < deps[k]->count; i++) {
			const struct model_app *dep =
			    model_system_app(r->sys, deps[k]->names[i], NULL);
			if (dep != NULL && add_modules(r, dep, map, seen, list) != 0)
				return -1;
		}
	return 0;
}

json_t *
rls_modules_for(const struct rls *r, const char *application, const json_t *map)
{
	const struct model_app *app = model_system_app(r->sys, application, NULL);
	json_t *seen = json_object(), *list = json_array();
	if (app != NULL && (seen == NULL || list == NULL || add_modules(r, app, map, seen, list) != 0)) {
		json_decref(list);
		list = NULL;
	}
	json_decref(seen);
	return list;
}

static int
each_in_supervisor(const struct model_app *app, const struct model_sup *sup,
    int (*fn)(void *, const struct rls_child_at *), void *ctx)
{
	for (size_t i = 0; i < sup->child_count; i++) {
		const struct model_child *c = &sup->children[i];
		const struct rls_child_at at = {.app = app, .supervisor = sup, .child = c};
		int rc = c->supervisor != NULL ? each_in_supervisor(app, c->supervisor, fn, ctx)
					       : fn(ctx, &at);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
rls_each_child(const struct rls *r, int (*fn)(void *, const struct rls_child_at *), void *ctx)
{
	for (size_t i = 0; i < r->sys->release->app_count; i++) {
		size_t at = r->sys->start[i];
		enum model_app_type type = r->sys->release->apps[at].type;
		if (type == MODEL_LOAD || type == MODEL_NONE)
			continue; /* its code is there, nothing of it runs */
		int rc = each_in_supervisor(r->sys->apps[at], &r->sys->apps[at]->supervisor, fn, ctx);
		if (rc != 0)
			return rc;
	}
	return 0;
}

struct lookup {
	const char *application, *child;
	struct rls_child_at found;
};

static int
lookup_child(void *ctx, const struct rls_child_at *at)
{
	struct lookup *l = ctx;
	if (strcmp(at->app->application, l->application) != 0 || strcmp(at->child->id, l->child) != 0)
		return 0;
	l->found = *at;
	return 1;
}

bool
rls_find_child(const struct rls *r, const char *application, const char *child,
    struct rls_child_at *ret)
{
	struct lookup l = {.application = application, .child = child};
	if (rls_each_child(r, lookup_child, &l) == 0)
		return false;
	*ret = l.found;
	return true;
}

const struct model_child *
rls_child(const struct rls *r, const char *application, const char *child)
{
	struct rls_child_at at;
	return rls_find_child(r, application, child, &at) ? at.child : NULL;
}

/* ------------------------------------------------------------------ addresses */

static void
add_env_value(struct rel_buf *out, const json_t *env, const char *key, size_t len)
{
	char name[128];
	snprintf(name, sizeof(name), "%.*s", (int)len, key);
	const json_t *v = json_object_get(env, name);
	if (json_is_string(v))
		rel_buf_puts(out, json_string_value(v));
	else if (json_is_integer(v))
		rel_buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
	else
		out->failed = true;
}

/* "tcp:127.0.0.1:${port}" → "tcp:127.0.0.1:9000" */
static int
expand(const char *text, const json_t *env, struct rel_buf *out)
{
	while (*text != '\0') {
		const char *open = strstr(text, "${");
		if (open == NULL)
			break;
		const char *end = strchr(open, '}');
		if (end == NULL)
			return -1;
		rel_buf_add(out, text, (size_t)(open - text));
		add_env_value(out, env, open + 2, (size_t)(end - open - 2));
		text = end + 1;
	}
	rel_buf_puts(out, text);
	return rel_buf_ok(out) ? 0 : -1;
}

int
rls_listen(const struct rls *r, const struct model_app *app, const struct model_child *child,
    json_t **ret, struct rel_err *err)
{
	json_t *env = rls_env(r, app), *list = json_array();
	int rc = env != NULL && list != NULL ? 0 : rel_err_nomem(err);
	for (size_t i = 0; rc == 0 && i < child->listen.count; i++) {
		struct rel_buf b = REL_BUF_INIT;
		b.limit = 4096;
		if (expand(child->listen.names[i], env, &b) != 0)
			rc = rel_err_at(err, &child->listen.pos[i], REL_E_BAD_VALUE,
			    "listen address '%s' of %s/%s: a ${…} is no text or whole number of the env",
			    child->listen.names[i], app->application, child->id);
		else if (json_array_append_new(list, json_string(rel_buf_text(&b))) != 0)
			rc = rel_err_nomem(err);
		rel_buf_fini(&b);
	}
	json_decref(env);
	if (rc != 0) {
		json_decref(list);
		return -1;
	}
	*ret = list;
	return 0;
}
