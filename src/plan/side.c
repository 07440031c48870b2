/* SPDX-License-Identifier: Apache-2.0
 * One release of the two, indexed: its applications by name, the owner of each module.
 */
#include "config.h"

#include "plan/plan_priv.h"

static int
index_apps(struct plan_side *s, struct rel_arena *arena)
{
	const struct model_release *rel = s->sys->release;
	s->apps.entries = rel_arena_calloc(arena, rel->app_count, sizeof(*s->apps.entries));
	if (s->apps.entries == NULL)
		return -1;
	for (size_t i = 0; i < rel->app_count; i++)
		rel_index_add(&s->apps, rel->apps[i].application, i);
	rel_index_sort(&s->apps);
	return 0;
}

/* The value is first the place in the start order, so that of two owners the first one started
 * wins (a release with two is refused when it is loaded). */
static int
index_modules(struct plan_side *s, struct rel_arena *arena)
{
	const struct model_system *sys = s->sys;
	size_t n = 0;
	for (size_t i = 0; i < sys->release->app_count; i++)
		n += sys->apps[i]->modules.count;
	s->modules.entries = rel_arena_calloc(arena, n, sizeof(*s->modules.entries));
	if (s->modules.entries == NULL)
		return -1;
	for (size_t i = 0; i < sys->release->app_count; i++) {
		const struct model_names *m = &sys->apps[sys->start[i]]->modules;
		for (size_t k = 0; k < m->count; k++)
			rel_index_add(&s->modules, m->names[k], i);
	}
	rel_index_sort(&s->modules);
	for (size_t i = 0; i < s->modules.count; i++)
		s->modules.entries[i].value = sys->start[s->modules.entries[i].value];
	return 0;
}

int
plan_side_init(struct plan_side *s, const struct model_system *sys, struct rel_arena *arena,
    struct doc_problems *p)
{
	*s = (struct plan_side){.sys = sys};
	if (index_apps(s, arena) < 0 || index_modules(s, arena) < 0)
		return plan_nomem(p);
	return 0;
}

const struct model_app *
plan_side_app(
    const struct plan_side *s, const char *application, const struct model_release_app **ret_entry)
{
	const struct rel_index_entry *e = rel_index_find(&s->apps, application);
	if (e == NULL)
		return NULL;
	if (ret_entry != NULL)
		*ret_entry = &s->sys->release->apps[e->value];
	return s->sys->apps[e->value];
}

const struct model_app *
plan_side_owner(const struct plan_side *s, const char *module)
{
	const struct rel_index_entry *e = rel_index_find(&s->modules, module);
	return e != NULL ? s->sys->apps[e->value] : NULL;
}
