/* SPDX-License-Identifier: Apache-2.0
 * Who keeps code in use: what relupd asks of a worker before, in and after an operation.  An answer may
 * have to wait for turns to end; the loop serves on meanwhile.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/worker_priv.h"

#define WAIT_MAX (60 * DUR_S)

/* False: not yet. */
struct ask_kind {
	const char *what;
	void (*begin)(struct worker *w, const struct ask *a);
	bool (*settled)(const struct worker *w, const struct ask *a);
	json_t *(*answer)(struct worker *w, const struct ask *a); /* NULL: memory */
};

/* ------------------------------------------------------------------ holders */
static json_t *
since_json(int64_t since)
{
	char at[32];
	return json_string(rel_wall_print(rel_wall_now() - (rel_mono_now() - since), at, sizeof(at)));
}

/* A task in its turn; NULL where that has ended meanwhile, or memory is out. */
json_t *
worker_holder_json(const struct worker *w, const struct task *t)
{
	const struct slot_name *n = &w->slots[t->slot];
	const struct gen *g = atomic_load_explicit(&t->runs, memory_order_acquire);
	if (g == NULL)
		return NULL;
	/* Only the loop frees generations, and it is here. */
	const struct entry *e = &g->table.e[worker_gen_index(g, n->module)];
	return json_pack("{s:s, s:s, s:s, s:s, s:o, s:i, s:s, s:o, s:s, s:s?}", "module", n->module, "vsn",
	    e->obj->table->vsn, "version", e->obj->version, "digest", e->obj->digest, "task",
	    json_sprintf("%s/%jd", n->function, (intmax_t)t->id), "thread", atomic_load(&t->tid), "function",
	    n->function, "since", since_json(atomic_load(&t->since)), "what", "task", "hint",
	    g != w->gen ? "in old code until its turn ends" : NULL);
}

static json_t *
object_holder(const struct object *o, const char *reason)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:s, s:s}", "module", o->module, "vsn",
	    o->table->vsn, "version", o->version, "digest", o->digest, "task", "thread", "function", "since",
	    "what", "unmappable", "hint", reason);
}

static void
append(json_t *list, json_t *o)
{
	if (json_array_size(list) >= WORKER_LISTED) {
		proto_holders_more(list);
		json_decref(o);
	} else if (o != NULL) {
		(void)json_array_append_new(list, o); /* best effort: a list that finds no memory is shorter */
	}
}

static bool
holds_old_code(const struct worker *w, const struct task *t)
{
	const struct gen *g = atomic_load_explicit(&t->runs, memory_order_acquire);
	return g != NULL && g != w->gen;
}

/* Where they could not be found, somebody may be in any. */
static void
add_foreign(struct worker *w, json_t *list)
{
	static const struct foreign anybody = {.unknown = true};
	struct foreign_list f;
	bool known = worker_foreign_find(w, &f) == 0;
	for (const struct object *o = w->objects; o != NULL && !known; o = o->next)
		if (!o->mark)
			append(list, worker_foreign_json(&anybody, o));
	for (size_t i = 0; i < f.n; i++)
		for (const struct object *o = w->objects; o != NULL; o = o->next)
			if (!o->mark && (f.v[i].object == o || f.v[i].unknown))
				append(list, worker_foreign_json(&f.v[i], o));
	worker_foreign_free(&f);
}

static void
add_kept(const struct worker *w, json_t *list)
{
	for (const struct object *o = w->objects; o != NULL; o = o->next)
		for (int sig = 0; !o->mark && (sig = worker_kept_signal(o, sig)) != 0;)
			append(list, worker_kept_json(o, sig));
}

/* The threads that are in old code: turns of tasks, and others.  `all`: in what is current too. */
static json_t *
list_running(struct worker *w, bool all)
{
	json_t *list = json_array();
	worker_purge_mark_all(w, false);
	for (size_t i = 0; i < w->gen->table.n && !all; i++)
		w->gen->table.e[i].obj->mark = true;
	if (list != NULL)
		add_foreign(w, list);
	for (const struct task *t = w->tasks.list; list != NULL && t != NULL; t = t->next)
		if (all || holds_old_code(w, t))
			append(list, worker_holder_json(w, t));
	return list;
}

/* `all`: those that hold nothing as well. */
static void
add_words(const struct worker *w, json_t *list, bool all)
{
	for (const struct object *o = w->objects; o != NULL; o = o->next)
		if (!o->mark && (o->strict ? o->seen != WORDS_NONE : all && o->seen >= WORDS_SOME))
			append(list, worker_words_json(o));
}

/* And what else keeps it mapped. */
static json_t *
list_holders(struct worker *w, bool all, bool memory)
{
	json_t *list = list_running(w, all);
	if (list != NULL)
		add_kept(w, list);
	if (list != NULL)
		add_words(w, list, memory);
	for (const struct object *o = w->objects; list != NULL && o != NULL; o = o->next)
		if (o->stays != NULL)
			append(list, object_holder(o, o->stays));
	return list;
}

/* Who is in old code now may leave a word there while the copy looks. */
static void
begin_words(struct worker *w)
{
	if (w->op != NULL || worker_words_looking(w))
		return;
	worker_purge_mark_all(w, false);
	worker_purge_mark_used(w);
	worker_purge_find_others(w);
	worker_words_look(w);
}

static void
holders_begin(struct worker *w, const struct ask *a)
{
	if (json_is_true(json_object_get(a->body, "memory")))
		begin_words(w);
}

static bool
looked(const struct worker *w, const struct ask *a)
{
	return !json_is_true(json_object_get(a->body, "memory")) || !worker_words_looking(w);
}

static json_t *
holders_answer(struct worker *w, const struct ask *a)
{
	return json_pack("{s:I, s:o, s:o}", "tasks", (json_int_t)w->tasks.count, "modules",
	    worker_modules_json(w), "holders", list_holders(w, json_is_true(json_object_get(a->body, "all")),
	    json_is_true(json_object_get(a->body, "memory"))));
}

/* ------------------------------------------------------------------ before an operation */
/* Words hold nothing then. */
static bool
goes_softly(const struct ask *a)
{
	const char *purge = json_string_value(json_object_get(a->body, "purge"));
	return purge != NULL && strcmp(purge, "soft") == 0;
}

static void
look_begin(struct worker *w, const struct ask *a)
{
	bool words = false;
	for (struct task *t = w->tasks.list; t != NULL; t = t->next)
		worker_task_ask(t);
	for (const struct object *o = w->objects; o != NULL; o = o->next)
		words |= o->strict && o->seen != WORDS_NONE;
	if (words && !goes_softly(a))
		begin_words(w);
}

/* Who stays in what is current matters only where it is to leave that. */
static bool
nobody_stays(const struct worker *w, const struct ask *a)
{
	if (worker_words_looking(w) && !goes_softly(a))
		return false;
	bool leave = json_is_true(json_object_get(a->body, "leave"));
	for (const struct task *t = w->tasks.list; t != NULL; t = t->next)
		if (worker_task_stays(t) && (leave || holds_old_code(w, t)))
			return false;
	return true;
}

static bool
pins(const struct task *t, const struct object *o)
{
	const struct gen *g = atomic_load_explicit(&t->runs, memory_order_acquire);
	return g != NULL && worker_gen_has(g, o);
}

/* What keeps an old version that a further one needs out of the way. */
static void
add_blocking(const struct worker *w, struct object *o, json_t *list)
{
	o->mark = false;
	if (o->stays != NULL || (o->table->flags & RELW_PINNED) != 0)
		append(list, object_holder(o, o->stays != NULL ? o->stays : "the module declares itself pinned"));
	for (const struct task *t = w->tasks.list; t != NULL; t = t->next)
		if (pins(t, o) && worker_task_stays(t))
			append(list, worker_holder_json(w, t));
}

static json_t *
blocking(struct worker *w, const struct ask *a)
{
	json_t *modules = json_object_get(a->body, "modules"), *list = json_array(), *m;
	size_t i;
	worker_purge_mark_all(w, true);
	json_array_foreach (modules, i, m) {
		const char *module = json_string_value(json_object_get(m, "module"));
		const char *digest = json_string_value(json_object_get(m, "digest"));
		for (struct object *o = w->objects; list != NULL && o != NULL; o = o->next)
			if (module != NULL && digest != NULL && strcmp(module, o->module) == 0 &&
			    worker_in_the_way(w, o, digest))
				add_blocking(w, o, list);
	}
	if (list != NULL) {
		add_foreign(w, list);
		add_kept(w, list);
		if (!goes_softly(a))
			add_words(w, list, false);
	}
	return list;
}

/* Those that would stay in what is current now, if the operation loaded other code over it. */
static json_t *
staying(const struct worker *w)
{
	json_t *list = json_array();
	for (const struct task *t = w->tasks.list; list != NULL && t != NULL; t = t->next)
		if (worker_task_stays(t) && atomic_load(&t->pin) == w->gen)
			append(list, worker_holder_json(w, t));
	return list;
}

static json_t *
look_answer(struct worker *w, const struct ask *a)
{
	bool leave = json_is_true(json_object_get(a->body, "leave"));
	return json_pack("{s:o, s:o}", "blocking", blocking(w, a), "staying", leave ? staying(w) : json_array());
}

/* ------------------------------------------------------------------ brutal purge: those it ends */
static void
purge_begin(struct worker *w, const struct ask *a)
{
	json_t *list = json_array();
	for (struct task *t = w->tasks.list; t != NULL; t = t->next)
		if (holds_old_code(w, t)) {
			if (list != NULL)
				append(list, worker_holder_json(w, t));
			worker_task_cancel(t);
		}
	(void)json_object_set_new(a->body, "cancelled", list); /* to be told with the answer */
}

static bool
nobody_holds(const struct worker *w, const struct ask *a)
{
	(void)a;
	for (const struct task *t = w->tasks.list; t != NULL; t = t->next)
		if (holds_old_code(w, t))
			return false;
	return true;
}

/* Of modules that are to make room, whatever holds them; else who is in old code. */
static json_t *
purge_answer(struct worker *w, const struct ask *a)
{
	return json_pack("{s:O, s:o}", "cancelled", json_object_get(a->body, "cancelled"), "holders",
	    json_object_get(a->body, "modules") != NULL ? blocking(w, a) : list_running(w, false));
}

/* ------------------------------------------------------------------ questions and answers */
static const struct ask_kind kinds[] = {
    {"holders", holders_begin, looked, holders_answer},
    {"look", look_begin, nobody_stays, look_answer},
    {"purge", purge_begin, nobody_holds, purge_answer},
};

static void
ask_free(struct ask *a)
{
	json_decref(a->id);
	json_decref(a->body);
	free(a);
}

static void
answer(struct worker *w, struct ask *a)
{
	json_t *reply = a->kind->answer(w, a);
	worker_link_send(w, "reply", reply != NULL ? json_pack("{s:O, s:b, s:o}", "id", a->id, "ok", 1, "reply",
							 reply) : NULL);
	ask_free(a);
}

void
worker_ask(struct worker *w, struct proto_packet *p)
{
	json_t *id = json_object_get(p->body, "id");
	const char *what = json_string_value(json_object_get(p->body, "what"));
	json_int_t ms = json_integer_value(json_object_get(p->body, "wait_ms"));
	const struct ask_kind *kind = NULL;
	for (size_t i = 0; what != NULL && i < NELEM(kinds); i++)
		if (strcmp(kinds[i].what, what) == 0)
			kind = &kinds[i];
	if (id == NULL || kind == NULL || ms < 0 || ms > WAIT_MAX / DUR_MS) {
		worker_log(w, RELW_ERROR, "relupd asked what means nothing here, ignoring it");
		return;
	}
	struct ask *a = calloc(1, sizeof(*a));
	if (a == NULL) {
		worker_link_send(w, "reply", NULL);
		return;
	}
	a->id = json_incref(id);
	a->body = json_incref(p->body);
	a->kind = kind;
	a->end = rel_mono_now() + ms * DUR_MS;
	worker_tasks_watch(w);
	kind->begin(w, a);
	a->next = w->asks;
	w->asks = a;
	worker_ask_look(w);
}

void
worker_ask_look(struct worker *w)
{
	mono_ns_t now = rel_mono_now();
	for (struct ask **at = &w->asks; *at != NULL;) {
		struct ask *a = *at;
		if (!a->kind->settled(w, a) && a->end > now) {
			at = &a->next;
			continue;
		}
		*at = a->next;
		answer(w, a);
		at = &w->asks; /* a connection that was lost by the answer dropped them all */
	}
}

/* Who asked is gone. */
void
worker_asks_drop(struct worker *w)
{
	while (w->asks != NULL) {
		struct ask *a = w->asks;
		w->asks = a->next;
		ask_free(a);
	}
}

mono_ns_t
worker_ask_next(const struct worker *w)
{
	mono_ns_t at = WORKER_NEVER;
	for (const struct ask *a = w->asks; a != NULL; a = a->next)
		at = a->end < at ? a->end : at;
	return at;
}
