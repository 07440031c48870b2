/* SPDX-License-Identifier: Apache-2.0
 * What the modules of a release import from each other, across its applications: whether it is there,
 * within reach, and what is wanted.  Within one application app.c looks, by the same rule, a worker's.
 * Beside that whether they are built for the release's runtime.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "check/check_priv.h"

#define TEXTS_MAX ((size_t)16 << 20)

/* A module offers one interface, or none (NULL); `want` is another's wish to find it. */
struct offer {
	const char *module, *interface;
};

struct want {
	const char *file, *module, *interface;
};

/* Modules are open one application at a time, so what is compared in the end is copied, but for the names
 * of modules, which the release has. */
struct look {
	const struct model_system *sys;
	struct rel_arena *texts;
	struct offer *offers;
	struct want *wants;
	size_t offer_count, want_count;
	bool full;
	bool runtime_told;
	bool *reached;                /* of each application: from the one whose modules are open */
	struct doc_problems *p;
};

/* ------------------------------------------------------------------ within reach */
/* The application itself and those that it depends on, directly or through others.  What is depended on
 * stands before in the start order: one walk back finds all, however many ways lead there. */
static void
reach_from(const struct look *l, size_t app)
{
	const struct model_system *sys = l->sys;
	memset(l->reached, 0, sys->release->app_count * sizeof(*l->reached));
	l->reached[app] = true;
	for (size_t i = sys->release->app_count; i-- > 0;) {
		const struct model_app *a = sys->apps[sys->start[i]];
		const struct model_names *lists[] = {&a->depends, &a->optional_depends};
		for (size_t k = 0; k < NELEM(lists) && l->reached[sys->start[i]]; k++)
			for (size_t n = 0; n < lists[k]->count; n++) {
				size_t at;
				if (model_system_app(sys, lists[k]->names[n], &at) != NULL)
					l->reached[at] = true;
			}
	}
}

/* A module is found only in its own application and in those that it depends on. */
static bool
within_reach(const struct look *l, const struct model_app *app, const char *module, const struct rel_pos *pos)
{
	const struct rel_index_entry *e = rel_index_find(l->sys->by_module, module);
	if (e == NULL) {
		doc_find(l->p, DOC_ERROR, pos, REL_E_NO_SUCH_MODULE,
		    "imports module %s, which no application of release %s %s has", module,
		    l->sys->release->release, l->sys->release->version);
		return false;
	}
	if (l->reached[e->value])
		return true;
	const char *owner = l->sys->apps[e->value]->application;
	doc_find(l->p, DOC_ERROR, pos, REL_E_UNDEFINED_APPS,
	    "imports module %s of application %s, on which %s does not depend", module, owner, app->application);
	doc_problem_hint(l->p, "write `depends: [%s]` into the app.yaml of %s", owner, app->application);
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

/* Told once: as a rule it is all of them, or the line in the release. */
static void
runtime_of(struct look *l, const struct compare_side *s, const char *module, const struct elf_table *t)
{
	const struct model_release *r = l->sys->release;
	char abi[16];
	snprintf(abi, sizeof(abi), "%u", t->abi);
	if (l->runtime_told || (t->state != ELF_TABLE_READ && t->state != ELF_TABLE_OTHER) ||
	    strcmp(abi, r->runtime) == 0)
		return;
	doc_find(l->p, DOC_ERROR, &doc_get(r->doc->root, "runtime")->pos, REL_E_BAD_ABI,
	    "the runtime is %s, and module %s of %s %s is built for runtime %s", r->runtime, module,
	    s->app->application, s->app->version, abi);
	doc_problem_hint(l->p, "write `runtime: \"%s\"`, or build the modules for runtime %s", abi, r->runtime);
	l->runtime_told = true;
}

static void
module_of(struct look *l, const struct compare_side *s, size_t at)
{
	char file[4096];
	const char *name = s->app->modules.names[at], *kept = NULL;
	const struct rel_pos pos = {.file = compare_side_file(s, name, file, sizeof(file))};
	const struct rel_index_entry *self = rel_index_find(l->sys->by_module, name);
	const struct elf_table *t = s->modules[at] != NULL ? elf_module_table(s->modules[at]) : NULL;
	if (t != NULL)
		runtime_of(l, s, name, t);
	if (self == NULL || t == NULL || t->state != ELF_TABLE_READ)
		return; /* told where the file is checked */
	l->offers = one_more(l, l->offers, &l->offer_count, sizeof(*l->offers));
	if (l->full)
		return;
	l->offers[l->offer_count - 1] = (struct offer){self->name,
	    t->interface ? keep(l, t->interface_name) : NULL};
	for (size_t i = 0; i < t->import_count && !l->full; i++) {
		const struct elf_import *im = &t->imports[i];
		if (!within_reach(l, s->app, im->module, &pos) || model_names_has(&s->app->modules, im->module))
			continue;
		l->wants = one_more(l, l->wants, &l->want_count, sizeof(*l->wants));
		if (l->full)
			return;
		kept = kept != NULL ? kept : keep(l, pos.file);
		l->wants[l->want_count - 1] = (struct want){kept,
		    rel_index_find(l->sys->by_module, im->module)->name, keep(l, im->interface)};
	}
}

static void
application_of(struct look *l, size_t at, const struct model_libs *libs)
{
	char path[REL_NAME_MAX + REL_VERSION_MAX + 32], name[4300];
	struct doc_problems told = DOC_PROBLEMS_INIT; /* by check_app() */
	struct compare_side *s = NULL;
	int lib = compare_libs_find(libs, l->sys->apps[at], path, sizeof(path));
	if (lib < 0)
		return;
	snprintf(name, sizeof(name), "%s/%s", libs->names[lib], path);
	reach_from(l, at);
	if (compare_side_open(libs->fds[lib], path, name, &s, &told) == 0)
		for (size_t k = 0; k < s->app->modules.count && !l->full; k++)
			module_of(l, s, k);
	compare_side_close(&s);
	doc_problems_fini(&told);
}

/* ------------------------------------------------------------------ what is wanted */
void
check_import(const struct rel_pos *pos, const char *module, const char *interface, const char *offered,
    struct doc_problems *p)
{
	if (offered != NULL && strcmp(offered, interface) == 0)
		return;
	doc_find(p, DOC_ERROR, pos, REL_E_BAD_MODULE, "imports %s of module %s, which offers %s",
	    interface[0] != '\0' ? interface : "an interface without a name", module,
	    offered != NULL ? offered : "no interface");
}

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
		const struct offer key = {w->module, NULL};
		const struct offer *o = bsearch(&key, l->offers, l->offer_count, sizeof(key), by_module);
		if (o != NULL)
			check_import(&(struct rel_pos){.file = w->file}, w->module, w->interface, o->interface, l->p);
	}
}

void
check_imports(const struct model_system *sys, const struct model_libs *libs, struct doc_problems *p)
{
	CLEANUP(rel_arena_free) struct rel_arena *texts = rel_arena_new(TEXTS_MAX);
	CLEANUP(rel_free_cleanup) bool *reached = calloc(sys->release->app_count + 1, sizeof(*reached));
	struct look l = {.sys = sys, .texts = texts, .full = texts == NULL || reached == NULL,
	    .reached = reached, .p = p};
	for (size_t i = 0; i < sys->release->app_count && !l.full; i++)
		application_of(&l, i, libs);
	if (l.full)
		doc_problem(p, &sys->release->doc->root->pos, REL_E_LIMIT,
		    "what the modules of release %s %s offer and import takes more than %zu MiB, or more than "
		    "there is", sys->release->release, sys->release->version, TEXTS_MAX >> 20);
	else
		compare_all(&l);
	free(l.offers);
	free(l.wants);
}
