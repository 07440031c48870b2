/* SPDX-License-Identifier: Apache-2.0
 * The comparison: modules with their states, children, flags, env, dependencies.  Lists keep the order
 * of the new version, what is gone follows in the order of the old one.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "compare/compare_priv.h"

#define COMPARE_LIMIT ((size_t)256 << 20)

/* ------------------------------------------------------------------ modules */
static int
module_open(const struct compare_side *s, const char *module)
{
	char path[REL_NAME_MAX + 16];
	snprintf(path, sizeof(path), "modules/%s.so", module);
	return openat(s->fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

/* One that cannot be read is a problem already, and not the same. */
static bool
same_file(const struct maker *k, const char *module)
{
	CLEANUP(rel_fd_close) int a = module_open(k->c->old, module);
	CLEANUP(rel_fd_close) int b = module_open(k->c->new, module);
	return a >= 0 && b >= 0 && compare_bytes(a, b) == 1;
}

static bool
same_text(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

static bool
same_functions(const struct elf_table *a, const struct elf_table *b)
{
	if (a->function_count != b->function_count)
		return false;
	for (size_t i = 0; i < a->function_count; i++)
		if (!same_text(a->functions[i].name, b->functions[i].name) ||
		    a->functions[i].event != b->functions[i].event ||
		    a->functions[i].task != b->functions[i].task)
			return false;
	return true;
}

static bool
same_imports(const struct elf_table *a, const struct elf_table *b)
{
	if (a->import_count != b->import_count)
		return false;
	for (size_t i = 0; i < a->import_count; i++)
		if (!same_text(a->imports[i].module, b->imports[i].module) ||
		    !same_text(a->imports[i].interface, b->imports[i].interface))
			return false;
	return true;
}

static void
compare_tables(struct compare_module *m)
{
	const struct elf_table *a = elf_module_table(m->old), *b = elf_module_table(m->new);
	m->build_id = !same_text(elf_module_facts(m->old)->build_id, elf_module_facts(m->new)->build_id);
	if (a->state != ELF_TABLE_READ || b->state != ELF_TABLE_READ)
		return;
	m->vsn = !same_text(a->vsn, b->vsn);
	m->callbacks = memcmp(&a->callbacks, &b->callbacks, sizeof(a->callbacks)) != 0;
	m->interface = !same_text(a->interface_name, b->interface_name);
	m->imports = !same_imports(a, b);
	m->functions = !same_functions(a, b);
}

static int
add_module(struct maker *k, const char *module, enum compare_what what)
{
	struct compare_module *m = &k->c->modules[k->c->module_count++];
	m->module = module;
	m->what = what;
	m->old = compare_side_module(k->c->old, module);
	m->new = compare_side_module(k->c->new, module);
	if (m->old == NULL || m->new == NULL)
		return 0;
	compare_tables(m);
	return compare_states(k, m);
}

static int
modules(struct maker *k)
{
	const struct model_names *old = &k->c->old->app->modules, *new = &k->c->new->app->modules;
	k->c->modules = rel_arena_calloc(k->c->arena, old->count + new->count + 1, sizeof(*k->c->modules));
	if (k->c->modules == NULL)
		return maker_nomem(k);
	int rc = 0;
	for (size_t i = 0; i < new->count; i++) {
		bool was = model_names_has(old, new->names[i]);
		if (!was || !same_file(k, new->names[i]))
			rc |= add_module(k, new->names[i], was ? COMPARE_CHANGED : COMPARE_ADDED);
	}
	for (size_t i = 0; i < old->count; i++)
		if (!model_names_has(new, old->names[i]))
			rc |= add_module(k, old->names[i], COMPARE_DELETED);
	return rc;
}

/* ------------------------------------------------------------------ env, dependencies */
static bool
same_value(const struct doc_node *a, const struct doc_node *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	json_t *va = doc_to_json(a), *vb = doc_to_json(b);
	bool same = va != NULL && vb != NULL && json_equal(va, vb);
	json_decref(va);
	json_decref(vb);
	return same;
}

bool
compare_same_value(const struct doc_node *a, const struct doc_node *b)
{
	return same_value(a, b);
}

static int
keys_new(struct maker *k, struct compare_keys *l, size_t cap)
{
	l->list = rel_arena_calloc(k->c->arena, cap + 1, sizeof(*l->list));
	return l->list != NULL ? 0 : maker_nomem(k);
}

static void
keys_add(struct compare_keys *l, const char *key, enum compare_what what)
{
	l->list[l->count++] = (struct compare_key){key, what};
}

static int
env(struct maker *k)
{
	const struct doc_node *old = k->c->old->app->env, *new = k->c->new->app->env;
	size_t olds = old != NULL ? old->count : 0, news = new != NULL ? new->count : 0;
	if (keys_new(k, &k->c->env, olds + news) != 0)
		return -1;
	for (size_t i = 0; i < news; i++) {
		const struct doc_node *was = old != NULL ? doc_get(old, new->keys[i]) : NULL;
		if (was == NULL || !same_value(was, new->items[i]))
			keys_add(&k->c->env, new->keys[i], was == NULL ? COMPARE_ADDED : COMPARE_CHANGED);
	}
	for (size_t i = 0; i < olds; i++)
		if (new == NULL || doc_get(new, old->keys[i]) == NULL)
			keys_add(&k->c->env, old->keys[i], COMPARE_DELETED);
	return 0;
}

static int
depends(struct maker *k)
{
	const struct model_names *old = &k->c->old->app->depends, *new = &k->c->new->app->depends;
	if (keys_new(k, &k->c->depends, old->count + new->count) != 0)
		return -1;
	for (size_t i = 0; i < new->count; i++)
		if (!model_names_has(old, new->names[i]))
			keys_add(&k->c->depends, new->names[i], COMPARE_ADDED);
	for (size_t i = 0; i < old->count; i++)
		if (!model_names_has(new, old->names[i]))
			keys_add(&k->c->depends, old->names[i], COMPARE_DELETED);
	return 0;
}

/* ------------------------------------------------------------------ the whole */
int
maker_nomem(struct maker *k)
{
	doc_problem(k->p, NULL, REL_E_NOMEM, "out of memory");
	return -1;
}

int
compare_make(const struct compare_side *old, const struct compare_side *new, struct compare **ret,
    struct doc_problems *p)
{
	CLEANUP(compare_free) struct compare *c = calloc(1, sizeof(*c));
	struct maker k = {.c = c, .p = p};
	if (c == NULL)
		return maker_nomem(&k);
	c->old = old;
	c->new = new;
	c->arena = rel_arena_new(COMPARE_LIMIT);
	if (c->arena == NULL)
		return maker_nomem(&k);
	if (modules(&k) != 0 || compare_children(&k) != 0 || env(&k) != 0 || depends(&k) != 0)
		return -1;
	*ret = MOVE(c);
	return 0;
}

void
compare_free(struct compare **cp)
{
	struct compare *c = *cp;
	*cp = NULL;
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->module_count; i++)
		for (size_t s = 0; s < c->modules[i].state_count; s++)
			elf_diffs_free(&c->modules[i].states[s].diffs);
	rel_arena_free(&c->arena);
	free(c);
}

bool
compare_differs(const struct compare *c)
{
	return c->module_count + c->child_count + c->env.count + c->depends.count > 0 ||
	    c->flags[0] != '\0';
}

const struct compare_module *
compare_module(const struct compare *c, const char *module)
{
	for (size_t i = 0; i < c->module_count; i++)
		if (strcmp(c->modules[i].module, module) == 0)
			return &c->modules[i];
	return NULL;
}
