/* SPDX-License-Identifier: Apache-2.0
 * Unmapping old code.  Registrations name slots, never code, the loop thread is here, not in a module,
 * and a task's turn pins its generation; so what no generation and no trash needs is not in use.  Whether dlclose really unmapped
 * it is looked up in /proc/self/maps; what stays is reported, never called purged.  What went leaves a
 * tombstone (tomb.c).
 */
#include "config.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stack/maps.h"
#include "worker/worker_priv.h"

#define PURGE_RETRY (10 * DUR_S)

/* Where the list cannot be read, nothing counts as gone. */
static bool
is_mapped(const struct object *o)
{
	struct maps maps;
	struct mapping m;
	bool found = false;
	int rc = maps_open(&maps, getpid());
	if (rc != 0)
		return true;
	while (!found && (rc = maps_next(&maps, &m)) > 0)
		found = m.lo < o->hi && m.hi > o->lo && strstr(m.name, o->path) != NULL;
	maps_close(&maps);
	return found || rc < 0;
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
		worker_fault_forget(w, o->range);
	} else {
		worker_tomb_put(w, o);
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

static void
mark(const struct gen *g)
{
	for (size_t i = 0; i < g->table.n; i++)
		g->table.e[i].obj->mark = true;
}

void
worker_purge_mark_used(struct worker *w)
{
	mark(w->gen);
	for (const struct gen *g = w->retired; g != NULL; g = g->next_retired)
		mark(g);
}

static void
report(json_t *list, const struct object *o, const char *reason)
{
	/* Best effort: a report that finds no memory is a shorter report. */
	if (list != NULL)
		(void)json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "module", o->module,
						      "vsn", o->table->vsn, "reason", reason));
}

static void
say_foreign(const struct worker *w, const struct object *o, const struct foreign *f)
{
	worker_log(w, RELW_WARNING, "module %s %s stays mapped: thread %d%s", o->module, o->table->vsn,
	    f != NULL ? (int)f->tid : 0,
	    f == NULL || f->unknown ? " cannot be looked at" : ", which the runtime did not start, is in it");
}

static void
say_handler(const struct worker *w, const struct object *o, int sig)
{
	worker_log(w, RELW_WARNING, "module %s %s stays mapped: the signal handler of SIG%s is in it", o->module,
	    o->table->vsn, sigabbrev_np(sig) != NULL ? sigabbrev_np(sig) : "?");
}

/* Who runs it may write more words: what was seen of them is out of date. */
void
worker_purge_find_others(struct worker *w)
{
	struct foreign_list list;
	bool known = worker_foreign_find(w, &list) == 0;
	for (struct object *o = w->objects; o != NULL; o = o->next) {
		if (o->mark)
			continue;
		const struct foreign *f = known ? worker_foreign_holds(&list, o) : NULL;
		bool foreign = !known || f != NULL;
		int sig = worker_kept_signal(o, 0);
		if ((foreign || sig != 0) && o->seen == WORDS_NONE)
			o->seen = WORDS_UNSEEN;
		if (foreign && !o->foreign)
			say_foreign(w, o, f);
		if (sig != 0 && !o->handles)
			say_handler(w, o, sig);
		o->foreign = foreign;
		o->handles = sig != 0;
	}
	worker_foreign_free(&list);
}

/* What threads that are none of the runtime's are in is not unmapped, nor what the kernel would call, nor,
 * where that is asked for, what words lead into.  Returns when to look again. */
static mono_ns_t
spare_held(struct worker *w)
{
	size_t others = 0, by_words = 0;
	bool unseen = false;
	worker_purge_find_others(w);
	for (struct object *o = w->objects; o != NULL; o = o->next) {
		if (o->mark)
			continue;
		bool other = o->foreign || o->handles, words = o->strict && o->seen != WORDS_NONE;
		o->mark = other || words;
		others += other;
		by_words += words && !other;
		unseen |= words && !other && o->seen == WORDS_UNSEEN;
	}
	if (unseen)
		worker_words_again(w); /* a turn, or somebody else, has come out of it just now */
	mono_ns_t now = rel_mono_now(), at = others > 0 ? now + PURGE_RETRY : WORKER_NEVER;
	mono_ns_t look = by_words > 0 ? worker_words_due(w, now) : WORKER_NEVER;
	return look < at ? look : at;
}

const struct object *
worker_purge_sweep(struct worker *w, json_t *unmappable)
{
	const struct object *stays = NULL;
	w->purge_at = spare_held(w);
	for (struct object **at = &w->objects; *at != NULL;) {
		struct object *o = *at, *next = o->next;
		const char *reason = NULL;
		if (o->mark || (reason = unmap(w, o)) != NULL) {
			if (reason != NULL) {
				o->stays = reason;
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

/* Those that are to stay, or all. */
static size_t
objects(const struct worker *w, bool marked)
{
	size_t n = 0;
	for (const struct object *o = w->objects; o != NULL; o = o->next)
		n += !marked || o->mark;
	return n;
}

static bool
is_held(const struct worker *w, const struct object *o)
{
	for (const struct gen *g = w->retired; g != NULL; g = g->next_retired)
		if (worker_gen_has(g, o))
			return true;
	return false;
}

bool
worker_object_used(const struct worker *w, const struct object *o)
{
	return worker_gen_has(w->gen, o) || is_held(w, o);
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

/* Neither current nor wanted, while the one that is wanted is a further one. */
bool
worker_in_the_way(const struct worker *w, const struct object *o, const char *digest)
{
	int at = worker_gen_index(w->gen, o->module);
	return at >= 0 && w->gen->table.e[at].obj != o && strcmp(digest, o->digest) != 0 &&
	    strcmp(digest, w->gen->table.e[at].obj->digest) != 0;
}

/* Who keeps it; the first, and how many more. */
static int
blocked_by_turns(const struct worker *w, const struct object *o, struct rel_err *err)
{
	const struct task *first = NULL;
	size_t n = 0;
	for (const struct gen *g = w->retired; g != NULL; g = g->next_retired)
		for (const struct task *t = w->tasks.list; t != NULL; t = t->next) {
			if (atomic_load(&t->pin) != g)
				continue;
			first = first != NULL ? first : t;
			n++;
		}
	if (first == NULL)
		return rel_err_set(err, REL_E_BLOCKED, "module %s: the old version %s is still in use", o->module,
		    o->table->vsn);
	return rel_err_set(err, REL_E_BLOCKED,
	    "module %s: the old version %s is still held by task %s/%jd (thread %d)%s", o->module, o->table->vsn,
	    w->slots[first->slot].function, (intmax_t)first->id, atomic_load(&first->tid),
	    n > 1 ? " and others" : "");
}

/* Two versions of a module at most: an old one makes room for a third before that is opened. */
int
worker_purge_for(struct worker *w, const struct op *op, struct rel_err *err)
{
	worker_trash_flush(w);
	for (struct object *o = w->objects; o != NULL; o = o->next) {
		const struct modrec *m =
		    worker_modrec_find(op->modules, op->module_count, o->module);
		bool goes = m != NULL && is_loaded(op, o->module) && worker_in_the_way(w, o, m->digest);
		if (goes && is_held(w, o))
			return blocked_by_turns(w, o, err);
		o->mark = !goes;
	}
	for (struct object *o = w->objects; o != NULL; o = o->next)
		o->strict &= o->mark || !op->soft;
	size_t before = objects(w, true), after;
	const struct object *o = worker_purge_sweep(w, NULL);
	after = objects(w, false);
	if (o == NULL && before == after)
		return 0;
	if (o == NULL)
		return rel_err_set(err, REL_E_BLOCKED, "the old version of a module is still held by a thread that "
		    "the runtime did not start, by a signal's handler, or by words in memory, see `relctl holders`");
	return rel_err_set(err, REL_E_BLOCKED,
	    "module %s: the old version %s is still mapped and cannot be unmapped%s", o->module,
	    o->table->vsn,
	    (o->table->flags & RELW_PINNED) != 0 ? ": it declares itself pinned" : "");
}

/* Nobody tells when a foreign thread leaves old code, or a handler is taken away. */
void
worker_purge_tick(struct worker *w, mono_ns_t now)
{
	if (w->purge_at > now)
		return;
	w->purge_at = WORKER_NEVER;
	worker_purge_again(w);
}

/* What was confirmed away and is held no more goes now. */
void
worker_purge_again(struct worker *w)
{
	size_t before = objects(w, false);
	if (!w->purge_wanted || w->op != NULL || w->gen == NULL)
		return;
	worker_trash_flush(w);
	worker_purge_mark_all(w, false);
	worker_purge_mark_used(w);
	for (struct object *o = w->objects; o != NULL; o = o->next)
		o->mark |= o->stays != NULL; /* asked once: dlclose() would say the same again */
	(void)worker_purge_sweep(w, NULL);
	w->purge_wanted = w->retired != NULL || w->purge_at != WORKER_NEVER;
	if (objects(w, false) < before)
		worker_link_send(w, "loaded", json_pack("{s:o}", "modules", worker_modules_json(w)));
}

static size_t
held_by(const struct worker *w, const struct object *o)
{
	size_t n = (o->stays != NULL) + o->foreign + (o->strict && o->seen != WORDS_NONE);
	for (int sig = 0; (sig = worker_kept_signal(o, sig)) != 0;)
		n++;
	for (const struct task *t = w->tasks.list; t != NULL; t = t->next) {
		const struct gen *g = atomic_load_explicit(&t->runs, memory_order_acquire);
		int at = g != NULL && g != w->gen ? worker_gen_index(g, o->module) : -1;
		n += at >= 0 && g->table.e[at].obj == o;
	}
	return n;
}

static json_t *
old_json(const struct worker *w, const struct object *current)
{
	for (const struct object *o = w->objects; o != NULL; o = o->next)
		if (o != current && !o->fresh && strcmp(o->module, current->module) == 0)
			return json_pack("{s:s, s:s, s:s, s:I}", "version", o->version, "vsn",
			    o->table->vsn, "digest", o->digest, "held_by", (json_int_t)held_by(w, o));
	return json_null();
}

static bool
offers_tasks(const struct relw_module *m)
{
	for (const struct relw_function *f = m->functions; f != NULL && f->name != NULL; f++)
		if (f->task != NULL)
			return true;
	return false;
}

json_t *
worker_modules_json(const struct worker *w)
{
	json_t *a = json_array();
	for (size_t i = 0; a != NULL && i < w->gen->table.n; i++) {
		const struct entry *e = &w->gen->table.e[i];
		if (json_array_append_new(
			a, json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:o}", "module", e->obj->module,
			       "application", e->application, "version", e->version, "vsn",
			       e->obj->table->vsn, "digest", e->obj->digest, "tasks",
			       offers_tasks(e->obj->table), "old", old_json(w, e->obj))) != 0) {
			json_decref(a);
			a = NULL;
		}
	}
	return a;
}
