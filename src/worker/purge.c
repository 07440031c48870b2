/* SPDX-License-Identifier: Apache-2.0
 * Unmapping old code.  Registrations name slots, never code, and the loop thread is here, not in a
 * module; so what no generation and no trash needs is not in use.  Whether dlclose really unmapped
 * it is looked up in /proc/self/maps; what stays is reported, never called purged.  The range of
 * what went is kept closed for a while: a pointer left behind then meets a fault, not other code.
 */
#include "config.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "worker/worker_priv.h"

/* Where the list cannot be read, nothing counts as gone. */
static bool
is_mapped(const struct object *o)
{
	FILE *f = fopen("/proc/self/maps", "re");
	if (f == NULL)
		return true;
	char *line = NULL;
	size_t size = 0;
	bool found = false;
	while (!found && getline(&line, &size, f) > 0) {
		uintptr_t lo, hi;
		found = sscanf(line, "%lx-%lx", &lo, &hi) == 2 && lo < o->hi && hi > o->lo &&
			strstr(line, o->path) != NULL;
	}
	found = found || ferror(f) != 0;
	free(line);
	fclose(f);
	return found;
}

static void
put_tombstone(struct worker *w, uintptr_t lo, size_t len)
{
	void *want = (void *)lo; /* NOLINT: an address from /proc/self/maps' world */
	void *p = mmap(want, len, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
	if (p == MAP_FAILED)
		return; /* somebody has taken the range: as good */
	if (p != want) {
		munmap(p, len);
		return;
	}
	unsigned i = w->tomb_next++ % WORKER_TOMBS;
	if (w->tombs[i].len > 0)
		munmap((void *)w->tombs[i].lo, w->tombs[i].len);
	w->tombs[i].lo = lo;
	w->tombs[i].len = len;
}

void
worker_tombs_drop(struct worker *w)
{
	for (unsigned i = 0; i < WORKER_TOMBS; i++)
		if (w->tombs[i].len > 0)
			munmap((void *)w->tombs[i].lo, w->tombs[i].len);
}

/* NULL: it is gone (and the object freed); else why it stays. */
static const char *
unmap(struct worker *w, struct object *o)
{
	if ((o->table->flags & RELW_PINNED) != 0)
		return "the module declares itself pinned";
	dlclose(o->handle);
	o->handle = NULL;
	if (is_mapped(o)) {
		o->handle = dlopen(o->path, RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
		if (o->handle != NULL)
			return "dlclose did not unmap it (nodelete, a unique symbol, or a thread's "
			       "data)";
	} else {
		put_tombstone(w, o->lo, o->hi - o->lo);
	}
	worker_object_free(&o);
	return NULL;
}

void
worker_purge_mark_all(struct worker *w, bool mark)
{
	for (struct object *o = w->objects; o != NULL; o = o->next)
		o->mark = mark;
}

void
worker_purge_mark(const struct gen *g)
{
	for (size_t i = 0; i < g->table.n; i++)
		g->table.e[i].obj->mark = true;
}

static void
report(json_t *list, const struct object *o, const char *reason)
{
	/* Best effort: a report that finds no memory is a shorter report. */
	if (list != NULL)
		(void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "module", o->module,
						      "vsn", o->table->vsn, "reason", reason));
}

const struct object *
worker_purge_sweep(struct worker *w, json_t *unmappable)
{
	const struct object *stays = NULL;
	for (struct object **at = &w->objects; *at != NULL;) {
		struct object *o = *at, *next = o->next;
		const char *reason = NULL;
		if (o->mark || (reason = unmap(w, o)) != NULL) {
			if (reason != NULL) {
				report(unmappable, o, reason);
				stays = stays != NULL ? stays : o;
			}
			at = &o->next;
			continue;
		}
		*at = next;
	}
	return stays;
}

static bool
is_loaded(const struct op *op, const char *module)
{
	for (size_t i = 0; i < op->step_count; i++)
		for (size_t k = 0; k < op->steps[i].load_count; k++)
			if (strcmp(op->steps[i].loads[k], module) == 0)
				return true;
	return false;
}

/* Two versions of a module at most: an old one makes room for a third before that is opened. */
int
worker_purge_for(struct worker *w, const struct op *op, struct rel_err *err)
{
	worker_trash_flush(w);
	for (struct object *o = w->objects; o != NULL; o = o->next) {
		const struct modrec *m =
		    worker_modrec_find(op->modules, op->module_count, o->module);
		int at = worker_gen_index(w->gen, o->module);
		bool current = at >= 0 && w->gen->table.e[at].obj == o;
		/* In the way: neither current nor wanted, while the one wanted is a further one. */
		o->mark = current || at < 0 || m == NULL || !is_loaded(op, o->module) ||
			  strcmp(m->digest, o->digest) == 0 ||
			  strcmp(m->digest, w->gen->table.e[at].obj->digest) == 0;
	}
	const struct object *o = worker_purge_sweep(w, NULL);
	if (o == NULL)
		return 0;
	return rel_err_set(err, REL_E_BLOCKED,
	    "module %s: the old version %s is still mapped and cannot be unmapped%s", o->module,
	    o->table->vsn,
	    (o->table->flags & RELW_PINNED) != 0 ? ": it declares itself pinned" : "");
}

static json_t *
old_json(const struct worker *w, const struct object *current)
{
	for (const struct object *o = w->objects; o != NULL; o = o->next)
		if (o != current && !o->fresh && strcmp(o->module, current->module) == 0)
			return json_pack("{s:s, s:s, s:s}", "version", o->version, "vsn",
			    o->table->vsn, "digest", o->digest);
	return json_null();
}

json_t *
worker_modules_json(const struct worker *w)
{
	json_t *a = json_array();
	for (size_t i = 0; a != NULL && i < w->gen->table.n; i++) {
		const struct entry *e = &w->gen->table.e[i];
		if (json_array_append_new(
			a, json_pack("{s:s, s:s, s:s, s:s, s:s, s:o}", "module", e->obj->module,
			       "application", e->application, "version", e->version, "vsn",
			       e->obj->table->vsn, "digest", e->obj->digest, "old",
			       old_json(w, e->obj))) != 0) {
			json_decref(a);
			a = NULL;
		}
	}
	return a;
}
