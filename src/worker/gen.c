/* SPDX-License-Identifier: Apache-2.0
 * Generations: a table resolved to pointers, so that a dispatch looks nothing up.  Slots are
 * numbered by the worker for every "module + function name" that any opened version offers and
 * are never renumbered; a generation made earlier may know fewer of them.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/worker_priv.h"

static bool
slot_is(const struct slot_name *s, const char *module, const char *function, bool task)
{
	if (s->task != task || strcmp(s->module, module) != 0 || (s->function == NULL) != (function == NULL))
		return false;
	return function == NULL || strcmp(s->function, function) == 0;
}

static int
add_slot(struct worker *w, const char *module, const char *function, bool task)
{
	for (uint32_t i = 0; i < w->slot_count; i++)
		if (slot_is(&w->slots[i], module, function, task))
			return 0;
	struct slot_name *v = reallocarray(w->slots, w->slot_count + 1u, sizeof(*v));
	if (v == NULL)
		return -1;
	w->slots = v;
	struct slot_name *s = &v[w->slot_count];
	*s = (struct slot_name){.task = task};
	snprintf(s->module, sizeof(s->module), "%s", module);
	if (function != NULL && (s->function = strdup(function)) == NULL)
		return -1;
	w->slot_count++;
	return 0;
}

static int
add_slots(struct worker *w, const struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct relw_module *m = t->e[i].obj->table;
		if (m->handle_event != NULL && add_slot(w, m->name, NULL, false) != 0)
			return -1;
		for (const struct relw_function *f = m->functions; f != NULL && f->name != NULL;
		     f++)
			if (add_slot(w, m->name, f->name, f->task != NULL) != 0)
				return -1;
	}
	return 0;
}

static union slot_fn
function_of(const struct relw_module *m, const struct slot_name *s)
{
	if (s->function == NULL)
		return (union slot_fn){.event = m->handle_event};
	for (const struct relw_function *f = m->functions; f != NULL && f->name != NULL; f++)
		if (strcmp(f->name, s->function) == 0)
			return s->task ? (union slot_fn){.task = f->task} : (union slot_fn){.event = f->event};
	return (union slot_fn){.event = NULL};
}

const struct relw_state_type *
worker_state_type(const struct relw_module *m, const char *name)
{
	for (const struct relw_state_type *t = m->state_types; t != NULL && t->name != NULL; t++)
		if (strcmp(t->name, name) == 0)
			return t;
	return NULL;
}

int
worker_gen_index(const struct gen *g, const char *module)
{
	for (size_t i = 0; i < g->table.n; i++)
		if (strcmp(g->table.e[i].obj->module, module) == 0)
			return (int)i;
	return -1;
}

bool
worker_gen_has(const struct gen *g, const struct object *o)
{
	for (size_t i = 0; i < g->table.n; i++)
		if (g->table.e[i].obj == o)
			return true;
	return false;
}

bool
worker_gen_offers(const struct gen *g, uint32_t slot)
{
	return slot < g->slot_count && g->slots[slot].fn.event != NULL;
}

int
worker_slot_find(struct worker *w, const char *module, const char *function, bool task, uint32_t *ret)
{
	for (uint32_t i = 0; i < w->slot_count; i++) {
		if (!slot_is(&w->slots[i], module, function, task))
			continue;
		if (!worker_gen_offers(w->gen, i))
			return -ENOENT;
		*ret = i;
		return 0;
	}
	return -ENOENT;
}

static int
copy_table(struct gen *g, const struct table *t)
{
	g->table.e = rel_arena_calloc(g->arena, t->n, sizeof(*t->e));
	g->views = rel_arena_calloc(g->arena, t->n, sizeof(struct view *));
	if (g->table.e == NULL || g->views == NULL)
		return -1;
	for (size_t i = 0; i < t->n; i++) {
		struct entry *e = &g->table.e[i];
		e->obj = t->e[i].obj;
		e->application = rel_arena_strdup(g->arena, t->e[i].application);
		e->version = rel_arena_strdup(g->arena, t->e[i].version);
		if (e->application == NULL || e->version == NULL)
			return -1;
	}
	g->table.n = t->n;
	return 0;
}

static int
make_views(struct worker *w, struct gen *g)
{
	for (size_t i = 0; i < g->table.n; i++) {
		const struct relw_import *im = g->table.e[i].obj->table->imports;
		size_t n = 0;
		while (im != NULL && im[n].module != NULL)
			n++;
		struct view *v =
		    rel_arena_alloc(g->arena, sizeof(*v) + n * sizeof(struct relw_link));
		if (v == NULL)
			return -1;
		v->w = w;
		v->entry = &g->table.e[i];
		v->pub.api = worker_api();
		g->views[i] = v;
	}
	for (size_t i = 0; i < g->table.n; i++) {
		const struct relw_import *im = g->table.e[i].obj->table->imports;
		for (size_t k = 0; im != NULL && im[k].module != NULL; k++) {
			int at = worker_gen_index(
			    g, im[k].module); /* the table is closed over imports */
			g->views[i]->pub.link[k] = (struct relw_link){
			    g->table.e[at].obj->table->interface, &g->views[at]->pub};
		}
	}
	return 0;
}

static void
make_slots(struct worker *w, struct gen *g)
{
	g->slot_count = w->slot_count;
	for (uint32_t i = 0; i < w->slot_count; i++) {
		int at = worker_gen_index(g, w->slots[i].module);
		if (at < 0)
			continue;
		g->slots[i].fn = function_of(g->table.e[at].obj->table, &w->slots[i]);
		g->slots[i].rw = &g->views[at]->pub;
	}
}

int
worker_gen_new(struct worker *w, const struct table *t, struct gen **ret, struct rel_err *err)
{
	struct rel_arena *arena = rel_arena_new(0);
	if (arena == NULL || add_slots(w, t) != 0) {
		rel_arena_free(&arena);
		return rel_err_nomem(err);
	}
	struct gen *g = rel_arena_alloc(arena, sizeof(*g) + w->slot_count * sizeof(struct slot));
	if (g != NULL)
		g->arena = arena;
	if (g == NULL || copy_table(g, t) != 0 || make_views(w, g) != 0) {
		rel_arena_free(&arena);
		return rel_err_nomem(err);
	}
	make_slots(w, g);
	*ret = g;
	return 0;
}

/* No dead pointers into old code are left on the heap: see words.c. */
static void
wipe(struct gen *g)
{
	for (size_t i = 0; i < g->table.n; i++) {
		const struct relw_import *im = g->table.e[i].obj->table->imports;
		for (size_t k = 0; im != NULL && im[k].module != NULL; k++)
			explicit_bzero(&g->views[i]->pub.link[k], sizeof(g->views[i]->pub.link[k]));
	}
	explicit_bzero(g->slots, g->slot_count * sizeof(*g->slots));
}

void
worker_gen_free(struct gen **gp)
{
	struct gen *g = *gp;
	*gp = NULL;
	if (g == NULL)
		return;
	wipe(g);
	struct rel_arena *arena = g->arena;
	rel_arena_free(&arena);
}

/* ------------------------------------------------------------------ the end of one */
static bool
is_pinned(const struct worker *w, const struct gen *g)
{
	for (struct task *t = w->tasks.list; t != NULL; t = t->next)
		if (atomic_load(&t->pin) == g)
			return true;
	return false;
}

/* Nothing begins in it any more; it goes when the last turn that pins it has ended. */
void
worker_gen_retire(struct worker *w, struct gen **gp)
{
	struct gen *g = *gp;
	*gp = NULL;
	if (g == NULL || !is_pinned(w, g)) {
		worker_gen_free(&g);
		return;
	}
	g->next_retired = w->retired;
	w->retired = g;
	worker_tasks_watch(w);
}

/* True where one went. */
static bool
free_unpinned(struct worker *w)
{
	bool any = false;
	for (struct gen **at = &w->retired; *at != NULL;) {
		struct gen *g = *at;
		if (is_pinned(w, g)) {
			at = &g->next_retired;
			continue;
		}
		*at = g->next_retired;
		worker_gen_free(&g);
		any = true;
	}
	return any;
}

void
worker_gen_drop(struct worker *w)
{
	(void)free_unpinned(w);
}

void
worker_gen_sweep(struct worker *w)
{
	if (free_unpinned(w))
		worker_purge_again(w);
}

/* Only the callback module's functions are handed the state: it is nobody else's. */
void
worker_gen_set_state(struct gen *g, void *state)
{
	g->state = state;
	for (uint32_t i = 0; i < g->slot_count; i++)
		if (g->slots[i].rw == &g->views[0]->pub)
			g->slots[i].state = state;
}
