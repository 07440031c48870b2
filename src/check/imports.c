/* SPDX-License-Identifier: Apache-2.0
 * What the modules of a release import from each other, across its applications: whether it is there,
 * within reach, and what is wanted.  Within one application app.c looks.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "check/check_priv.h"

#define TEXTS_MAX ((size_t)16 << 20)

/* A module offers one interface ("": none); `want` is another's wish to find it. */
struct offer {
	const char *module, *interface;
};

struct want {
	const char *file, *module, *interface;
};

/* Modules are open one application at a time, so what is compared in the end is copied. */
struct look {
	const struct model_system *sys;
	struct rel_arena *texts;
	struct offer *offers;
	struct want *wants;
	size_t offer_count, want_count;
	bool full;
	struct doc_problems *p;
};

/* ------------------------------------------------------------------ within reach */
/* Does `app` depend on `other`, directly or through others? */
static bool
reaches(const struct model_system *sys, const struct model_app *app, const char *other, unsigned depth)
{
	if (strcmp(app->application, other) == 0)
		return true;
	const struct model_names *lists[] = {&app->depends, &app->optional_depends};
	for (size_t l = 0; l < NELEM(lists) && depth < sys->release->app_count; l++)
		for (size_t i = 0; i < lists[l]->count; i++) {
			const struct model_app *next = model_system_app(sys, lists[l]->names[i], NULL);
			if (next != NULL && reaches(sys, next, other, depth + 1))
				return true;
		}
	return false;
}

/* A module is found only in its own application and in those that it depends on. */
static bool
within_reach(const struct look *l, const struct model_app *app, const char *module, const struct rel_pos *pos)
{
	const struct model_app *owner = model_system_owner(l->sys, module);
	if (owner == NULL) {
		doc_find(l->p, DOC_ERROR, pos, REL_E_NO_SUCH_MODULE,
		    "imports module %s, which no application of release %s %s has", module,
		    l->sys->release->release, l->sys->release->version);
		return false;
	}
	if (reaches(l->sys, app, owner->application, 0))
		return true;
	doc_find(l->p, DOC_ERROR, pos, REL_E_UNDEFINED_APPS,
	    "imports module %s of application %s, on which %s does not depend", module, owner->application,
	    app->application);
	doc_problem_hint(l->p, "write `depends: [%s]` into the app.yaml of %s", owner->application,
	    app->application);
	return false;
}

/* ------------------------------------------------------------------ gathering */
static const char *
keep(struct look *l, const char *text)
{
	const char *copy = rel_arena_strdup(l->texts, text);
	l->full |= copy == NULL;
	return copy;
}

static void *
one_more(struct look *l, void *list, size_t *count, size_t size)
{
	void *grown = (*count & (*count - 1)) == 0 ? reallocarray(list, *count != 0 ? *count * 2 : 1, size) : list;
	l->full |= grown == NULL;
	*count += grown != NULL;
	return grown != NULL ? grown : list;
}

static void
module_of(struct look *l, const struct compare_side *s, size_t at)
{
	char file[4096];
	const char *name = s->app->modules.names[at];
	const struct rel_pos pos = {.file = compare_side_file(s, name, file, sizeof(file))};
	const struct elf_table *t = s->modules[at] != NULL ? elf_module_table(s->modules[at]) : NULL;
	if (t == NULL || t->state != ELF_TABLE_READ)
		return; /* told where the file is checked */
	l->offers = one_more(l, l->offers, &l->offer_count, sizeof(*l->offers));
	if (l->full)
		return;
	l->offers[l->offer_count - 1] = (struct offer){keep(l, name), keep(l, t->interface_name)};
	for (size_t i = 0; i < t->import_count && !l->full; i++) {
		if (!within_reach(l, s->app, t->imports[i].module, &pos) ||
		    model_names_has(&s->app->modules, t->imports[i].module))
			continue;
		l->wants = one_more(l, l->wants, &l->want_count, sizeof(*l->wants));
		if (!l->full)
			l->wants[l->want_count - 1] = (struct want){keep(l, pos.file),
			    keep(l, t->imports[i].module), keep(l, t->imports[i].interface)};
	}
}

static void
application_of(struct look *l, const struct model_app *app, const struct model_libs *libs)
{
	char path[REL_NAME_MAX + REL_VERSION_MAX + 32], name[4300];
	struct doc_problems told = DOC_PROBLEMS_INIT; /* by check_app() */
	struct compare_side *s = NULL;
	int lib = compare_libs_find(libs, app, path, sizeof(path));
	if (lib < 0)
		return;
	snprintf(name, sizeof(name), "%s/%s", libs->names[lib], path);
	if (compare_side_open(libs->fds[lib], path, name, &s, &told) == 0)
		for (size_t k = 0; k < s->app->modules.count && !l->full; k++)
			module_of(l, s, k);
	compare_side_close(&s);
	doc_problems_fini(&told);
}

/* ------------------------------------------------------------------ what is wanted */
static int
by_module(const void *a, const void *b)
{
	return strcmp(((const struct offer *)a)->module, ((const struct offer *)b)->module);
}

static void
compare_all(const struct look *l)
{
	if (l->offer_count > 0)
		qsort(l->offers, l->offer_count, sizeof(*l->offers), by_module);
	for (size_t i = 0; i < l->want_count; i++) {
		const struct want *w = &l->wants[i];
		const struct offer key = {w->module, ""};
		const struct offer *o = bsearch(&key, l->offers, l->offer_count, sizeof(key), by_module);
		if (o != NULL && strcmp(o->interface, w->interface) != 0)
			doc_find(l->p, DOC_ERROR, &(struct rel_pos){.file = w->file}, REL_E_BAD_MODULE,
			    "imports %s of module %s, which offers %s", w->interface, w->module,
			    o->interface[0] != '\0' ? o->interface : "no interface");
	}
}

void
check_imports(const struct model_system *sys, const struct model_libs *libs, struct doc_problems *p)
{
	CLEANUP(rel_arena_free) struct rel_arena *texts = rel_arena_new(TEXTS_MAX);
	struct look l = {.sys = sys, .texts = texts, .full = texts == NULL, .p = p};
	for (size_t i = 0; i < sys->release->app_count && !l.full; i++)
		application_of(&l, sys->apps[i], libs);
	if (l.full)
		doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
	else
		compare_all(&l);
	free(l.offers);
	free(l.wants);
}
