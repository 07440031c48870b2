/* SPDX-License-Identifier: Apache-2.0
 * The state types of a module in two versions: declared versions and layouts.
 */
#include "config.h"

#include <string.h>

#include "compare/compare_priv.h"

static const struct elf_state_type *
find_type(const struct elf_table *t, const char *name)
{
	for (size_t i = 0; i < t->state_type_count; i++)
		if (strcmp(t->state_types[i].name, name) == 0)
			return &t->state_types[i];
	return NULL;
}

static int
layout(struct maker *k, struct elf_module *m, const struct elf_state_type *t,
    const struct elf_layout **ret)
{
	struct rel_err err = REL_ERR_INIT;
	if (t == NULL || elf_module_layout(m, t->name, t->version, ret, &err) == 0)
		return 0;
	doc_problem_add(k->p, DOC_ERROR, &err);
	return -1;
}

static int
diff(struct maker *k, struct compare_state *s)
{
	struct rel_err err = REL_ERR_INIT;
	s->known = s->old_layout != NULL && s->new_layout != NULL && s->old_layout->root != NULL &&
	    s->new_layout->root != NULL;
	if (!s->known || strcmp(s->old_layout->id, s->new_layout->id) == 0)
		return 0;
	if (elf_layout_compare(s->old_layout, s->new_layout, &s->diffs, &err) == 0)
		return 0;
	doc_problem_add(k->p, DOC_ERROR, &err);
	return -1;
}

static int
add(struct maker *k, struct compare_module *m, const char *name)
{
	struct compare_state *s = &m->states[m->state_count];
	s->name = name;
	s->old = find_type(elf_module_table(m->old), name);
	s->new = find_type(elf_module_table(m->new), name);
	/* The first type of a callback module is its own state. */
	const struct elf_table *t = elf_module_table(s->new != NULL ? m->new : m->old);
	s->part = !compare_is_callback(s->new != NULL ? k->c->new : k->c->old, m->module) ||
	    strcmp(t->state_types[0].name, name) != 0;
	if (layout(k, m->old, s->old, &s->old_layout) != 0 ||
	    layout(k, m->new, s->new, &s->new_layout) != 0)
		return -1;
	m->state_count++;
	if (diff(k, s) != 0)
		return -1;
	m->state_changed |= s->diffs != NULL || s->old == NULL || s->new == NULL ||
	    s->old->version != s->new->version || (!s->known && s->old->size != s->new->size);
	return 0;
}

int
compare_states(struct maker *k, struct compare_module *m)
{
	const struct elf_table *a = elf_module_table(m->old), *b = elf_module_table(m->new);
	m->states = rel_arena_calloc(k->c->arena, a->state_type_count + b->state_type_count + 1,
	    sizeof(*m->states));
	if (m->states == NULL)
		return maker_nomem(k);
	int rc = 0;
	for (size_t i = 0; i < b->state_type_count; i++)
		rc |= add(k, m, b->state_types[i].name);
	for (size_t i = 0; i < a->state_type_count; i++)
		if (find_type(b, a->state_types[i].name) == NULL)
			rc |= add(k, m, a->state_types[i].name);
	return rc;
}

/* ------------------------------------------------------------------ what has to be converted */
bool
compare_state_differs(const struct compare_state *s)
{
	bool both = s->old != NULL && s->new != NULL;
	return s->diffs != NULL || (both && s->old->version != s->new->version) ||
	    (both && !s->known && s->old->size != s->new->size) || (!both && !s->part);
}

bool
compare_holds_changed(const struct compare *c, const char *module, const struct compare_module *owner)
{
	bool changes = false;
	for (size_t i = 0; i < owner->state_count; i++)
		changes |= owner->states[i].part && compare_state_differs(&owner->states[i]);
	return changes && compare_is_callback(c->new, module) &&
	    compare_imports(compare_side_module(c->new, module), owner->module);
}
