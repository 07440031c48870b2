/* SPDX-License-Identifier: Apache-2.0
 * Which modules a worker uses: its callback module and, transitively, what these import.  The
 * next table follows from the one before, the modules a step loads, and the release's list, which
 * provides what is imported for the first time.  Cycles of imports are fine: links go through the
 * generation, not through the loader.  May run beside the loop.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "worker/worker_priv.h"

const struct modrec *
worker_modrec_find(const struct modrec *v, size_t n, const char *module)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].module, module) == 0)
			return &v[i];
	return NULL;
}

static const struct entry *
find_entry(const struct table *t, const char *module)
{
	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->e[i].obj->module, module) == 0)
			return &t->e[i];
	return NULL;
}

static struct object *
find_object(struct object *o, const char *digest)
{
	while (o != NULL && strcmp(o->digest, digest) != 0)
		o = o->next;
	return o;
}

/* The object of a module as the release has it: held already (same digest), or opened now. */
static int
load_entry(struct loader *l, const struct modrec *m, struct entry *ret, struct rel_err *err)
{
	struct object *o = find_object(l->held, m->digest);
	if (o == NULL)
		o = find_object(l->opened, m->digest);
	if (o != NULL && strcmp(o->module, m->module) != 0)
		return rel_err_set(err, REL_E_BAD_MODULE, "module %s: %s is module '%s'", m->module,
		    m->path, o->module);
	if (o == NULL) {
		if (l->progress != NULL)
			l->progress(l->progress_arg, m->module);
		o = worker_object_open(m, err);
		if (o == NULL)
			return -1;
		o->next = l->opened;
		l->opened = o;
	}
	*ret = (struct entry){o, m->application, m->version};
	return 0;
}

static bool
listed(const char *const *v, size_t n, const char *module)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i], module) == 0)
			return true;
	return false;
}

/* `by`: who imports it, NULL for the callback module. */
static int
add_module(struct loader *l, const char *module, const struct object *by, const struct table *prev,
    bool load, struct table *t, struct rel_err *err)
{
	const struct entry *was = find_entry(prev, module);
	if (was != NULL && !load) {
		t->e[t->n++] = *was;
		return 0;
	}
	const struct modrec *m = worker_modrec_find(l->modules, l->module_count, module);
	if (m == NULL && by != NULL)
		return rel_err_set(err, REL_E_NO_SUCH_MODULE,
		    "module %s %s imports module '%.64s', which the release does not have",
		    by->module, by->table->vsn, module);
	if (m == NULL)
		return rel_err_set(
		    err, REL_E_NO_SUCH_MODULE, "the release does not have module '%.64s'", module);
	if (load_entry(l, m, &t->e[t->n], err) != 0)
		return -1;
	t->n++;
	return 0;
}

static int
check_import(const struct object *o, const struct relw_import *im, const struct table *t,
    struct rel_err *err)
{
	const struct entry *e = find_entry(t, im->module);
	MUST(e != NULL); /* the table is closed over imports */
	const struct object *callee = e->obj;
	const char *has = callee->table->interface_name;
	if (im->interface == NULL || has == NULL || strcmp(im->interface, has) != 0)
		return rel_err_set(err, REL_E_BAD_MODULE,
		    "module %s %s wants interface '%.64s' of module %s; %s %s has '%.64s'",
		    o->module, o->table->vsn, im->interface != NULL ? im->interface : "",
		    callee->module, callee->module, callee->table->vsn, has != NULL ? has : "none");
	return 0;
}

static int
check_imports(const struct table *t, struct rel_err *err)
{
	for (size_t i = 0; i < t->n; i++) {
		const struct relw_import *im = t->e[i].obj->table->imports;
		for (; im != NULL && im->module != NULL; im++)
			if (check_import(t->e[i].obj, im, t, err) != 0)
				return -1;
	}
	return 0;
}

int
worker_table_next(struct loader *l, const char *root, const struct table *prev,
    const char *const *loads, size_t load_count, struct table *ret, struct rel_err *err)
{
	struct table t = {.e = rel_arena_calloc(l->arena, WORKER_MODULES, sizeof(struct entry))};
	if (t.e == NULL)
		return rel_err_nomem(err);
	if (add_module(l, root, NULL, prev, listed(loads, load_count, root), &t, err) != 0)
		return -1;
	for (size_t i = 0; i < t.n; i++) {
		const struct object *o = t.e[i].obj;
		for (const struct relw_import *im = o->table->imports;
		     im != NULL && im->module != NULL; im++) {
			if (find_entry(&t, im->module) != NULL)
				continue;
			if (t.n == WORKER_MODULES)
				return rel_err_set(err, REL_E_LIMIT,
				    "a worker uses at most %d modules", WORKER_MODULES);
			if (add_module(l, im->module, o, prev,
				listed(loads, load_count, im->module), &t, err) != 0)
				return -1;
		}
	}
	/* Looked at before an upgrade, not only at a start: a worker that runs on in such code could never
	 * be started again. */
	if (t.e[0].obj->table->init == NULL)
		return rel_err_set(err, REL_E_BAD_MODULE,
		    "module %s %s offers no init, so no worker can run it", root,
		    t.e[0].obj->table->vsn);
	if (check_imports(&t, err) != 0)
		return -1;
	*ret = t;
	return 0;
}

bool
worker_table_same(const struct table *a, const struct table *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (a->e[i].obj != b->e[i].obj || strcmp(a->e[i].version, b->e[i].version) != 0 ||
		    strcmp(a->e[i].application, b->e[i].application) != 0)
			return false;
	return true;
}
