/* SPDX-License-Identifier: Apache-2.0
 * A release with all its applications: reading them, the checks over all of them.  The start order
 * is in order.c.  All look-ups go through sorted indexes, so that a thousand applications take
 * milliseconds.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/system_priv.h"

static void
nomem(struct doc_problems *p)
{
	struct rel_err err = REL_ERR_INIT;
	rel_err_nomem(&err);
	doc_problem_add(p, DOC_ERROR, &err);
}

/* ------------------------------------------------------------------ reading */
static void
not_found(const struct model_libs *libs, const struct model_release_app *a, struct doc_problems *p)
{
	struct rel_buf where = REL_BUF_INIT;
	for (size_t i = 0; i < libs->count; i++)
		rel_buf_printf(&where, "%s%s", i > 0 ? ", " : "", libs->names[i]);
	doc_problem(p, &a->pos, REL_E_NOT_FOUND, "application %s %s: no %s-%s/app.yaml in %.300s",
	    a->application, a->version, a->application, a->version,
	    libs->count > 0 ? rel_buf_text(&where) : libs->unreadable ? "what was named, which cannot be opened"
	    : "any library directory (none was given)");
	rel_buf_fini(&where);
}

/* The first directory that has the file decides, also where the file is wrong. */
static int
load_app(const struct model_libs *libs, const struct model_release_app *a, struct model_app **ret,
    struct doc_problems *p)
{
	char path[REL_NAME_MAX + REL_VERSION_MAX + 16];
	snprintf(path, sizeof(path), "%s-%s/app.yaml", a->application, a->version);
	for (size_t i = 0; i < libs->count; i++) {
		char name[4096];
		snprintf(name, sizeof(name), "%s/%s", libs->names[i], path);
		if (faccessat(libs->fds[i], path, F_OK, 0) == 0 || errno != ENOENT)
			return model_app_load(libs->fds[i], path, name, ret, p);
	}
	not_found(libs, a, p);
	return -1;
}

static void
check_identity(const struct model_release_app *want, const struct model_app *app,
    struct doc_problems *p)
{
	const struct doc_node *root = app->doc->root;
	if (strcmp(app->application, want->application) != 0)
		doc_problem(p, &doc_get(root, "application")->pos, REL_E_BAD_VALUE,
		    "the application is %s, and its folder says %s", app->application,
		    want->application);
	if (strcmp(app->version, want->version) != 0)
		doc_problem(p, &doc_get(root, "version")->pos, REL_E_BAD_VALUE,
		    "the version is %s, and its folder says %s", app->version, want->version);
}

static void
load_apps(struct model_system *s, const struct model_libs *libs, struct doc_problems *p)
{
	for (size_t i = 0; i < s->release->app_count; i++) {
		const struct model_release_app *a = &s->release->apps[i];
		if (load_app(libs, a, &s->apps[i], p) == 0)
			check_identity(a, s->apps[i], p);
	}
}

/* ------------------------------------------------------------------ checking */
static int
index_names(struct model_system *s)
{
	size_t modules = 0;
	for (size_t i = 0; i < s->release->app_count; i++)
		modules += s->apps[i]->modules.count;
	if (rel_index_init(s->by_name, s->release->app_count) != 0 ||
	    rel_index_init(s->by_module, modules) != 0)
		return -1;
	for (size_t i = 0; i < s->release->app_count; i++) {
		rel_index_add(s->by_name, s->apps[i]->application, i);
		for (size_t k = 0; k < s->apps[i]->modules.count; k++)
			rel_index_add(s->by_module, s->apps[i]->modules.names[k], i);
	}
	rel_index_sort(s->by_name);
	rel_index_sort(s->by_module);
	return 0;
}

static void
check_depends(const struct model_system *s, const struct model_app *a, struct doc_problems *p)
{
	for (size_t i = 0; i < a->depends.count; i++)
		if (rel_index_find(s->by_name, a->depends.names[i]) == NULL)
			doc_problem(p, &a->depends.pos[i], REL_E_UNDEFINED_APPS,
			    "application %s depends on %s, which is not in release %s %s",
			    a->application, a->depends.names[i], s->release->release,
			    s->release->version);
}

static void
check_modules(const struct model_system *s, size_t at, struct doc_problems *p)
{
	const struct model_app *a = s->apps[at];
	for (size_t i = 0; i < a->modules.count; i++) {
		size_t first = rel_index_find(s->by_module, a->modules.names[i])->value;
		if (first != at)
			doc_problem(p, &a->modules.pos[i], REL_E_DUPLICATE_MODULES,
			    "module %s is in application %s and in %s", a->modules.names[i],
			    s->apps[first]->application, a->application);
	}
}

static void
check_apps(const struct model_system *s, struct doc_problems *p)
{
	for (size_t i = 0; i < s->release->app_count; i++) {
		check_depends(s, s->apps[i], p);
		check_modules(s, i, p);
	}
}

static struct model_system *
system_new(struct model_release *release)
{
	struct model_system *s = calloc(1, sizeof(*s));
	if (s == NULL) {
		model_release_free(&release);
		return NULL;
	}
	s->release = release;
	s->apps = calloc(release->app_count + 1, sizeof(struct model_app *));
	s->start = calloc(release->app_count + 1, sizeof(*s->start));
	s->by_name = calloc(1, sizeof(*s->by_name));
	s->by_module = calloc(1, sizeof(*s->by_module));
	if (s->apps == NULL || s->start == NULL || s->by_name == NULL || s->by_module == NULL)
		model_system_free(&s);
	return s;
}

static void
fill(struct model_system *s, const struct model_libs *libs, struct doc_problems *p)
{
	size_t before = p->errors;
	load_apps(s, libs, p);
	if (p->errors != before)
		return;
	if (index_names(s) != 0) {
		nomem(p);
		return;
	}
	check_apps(s, p);
	if (p->errors == before && model_start_order(s, p) != 0)
		nomem(p);
}

int
model_system_load(struct model_release *release, const struct model_libs *libs,
    struct model_system **ret, struct doc_problems *p)
{
	size_t before = p->errors;
	struct model_system *s = system_new(release);
	if (s == NULL)
		nomem(p);
	else
		fill(s, libs, p);
	if (p->errors != before) {
		model_system_free(&s);
		return -1;
	}
	*ret = s;
	return 0;
}

void
model_system_free(struct model_system **sp)
{
	struct model_system *s = *sp;
	*sp = NULL;
	if (s == NULL)
		return;
	for (size_t i = 0; s->apps != NULL && i < s->release->app_count; i++)
		model_app_free(&s->apps[i]);
	if (s->by_name != NULL)
		rel_index_fini(s->by_name);
	if (s->by_module != NULL)
		rel_index_fini(s->by_module);
	free(s->by_name);
	free(s->by_module);
	free(s->apps);
	free(s->start);
	model_release_free(&s->release);
	free(s);
}

/* ------------------------------------------------------------------ looking */
const struct model_app *
model_system_app(const struct model_system *s, const char *application, size_t *ret_index)
{
	const struct rel_index_entry *e = rel_index_find(s->by_name, application);
	if (e == NULL)
		return NULL;
	if (ret_index != NULL)
		*ret_index = e->value;
	return s->apps[e->value];
}

const struct model_app *
model_system_owner(const struct model_system *s, const char *module)
{
	/* No module is in two applications, so the first in start order is the only one. */
	const struct rel_index_entry *e = rel_index_find(s->by_module, module);
	return e != NULL ? s->apps[e->value] : NULL;
}
