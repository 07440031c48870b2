/* SPDX-License-Identifier: Apache-2.0
 * Where a worker's threads stand that does not say so itself: its loop runs module code that does not
 * return, or it was stopped.  Looked at from outside, one that runs by ptrace, where the kernel allows it: as
 * an ancestor, or as the same user where no rule says otherwise.  It is never stopped by a signal: should
 * relupd die meanwhile, it would stay so.
 */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"
#include "stack/maps.h"
#include "stack/stack.h"

#define OBJECTS_MAX 512
#define THREADS_MAX 1024
#define LISTED_MAX  32
#define LOOK_MAX    (500 * DUR_MS) /* all of them: relupd waits */

struct mapped {
	char digest[REL_DIGEST_LEN + 1];
};

struct view {
	pid_t pid;
	struct stack_range ranges[OBJECTS_MAX];
	struct mapped objects[OBJECTS_MAX];
	size_t count;
	pid_t tids[THREADS_MAX];
	struct thread {
		enum stack_seen seen;
		struct stack_find find;
	} threads[THREADS_MAX];
	ssize_t thread_count;
};

/* "…/objects/DIGEST.so"; false: another file. */
static bool
digest_of(const char *path, char digest[static REL_DIGEST_LEN + 1])
{
	static const char dir[] = "/objects/";
	const char *at = strstr(path, dir);
	if (at == NULL || strlen(at) < sizeof(dir) - 1 + REL_DIGEST_LEN)
		return false;
	snprintf(digest, REL_DIGEST_LEN + 1, "%s", at + sizeof(dir) - 1);
	return rel_digest_ok(digest);
}

/* The whole of each object, from its first page to its last. */
static int
find_objects(struct view *v)
{
	struct maps maps;
	struct mapping m;
	int rc = maps_open(&maps, v->pid);
	if (rc != 0)
		return -1;
	while ((rc = maps_next(&maps, &m)) > 0) {
		char digest[REL_DIGEST_LEN + 1];
		if (!digest_of(m.name, digest))
			continue;
		size_t i = v->count;
		while (i > 0 && strcmp(v->objects[i - 1].digest, digest) != 0)
			i--;
		if (i > 0) {
			v->ranges[i - 1].hi = m.hi;
		} else if (v->count < OBJECTS_MAX) {
			v->ranges[v->count] = (struct stack_range){m.lo, m.hi};
			memcpy(v->objects[v->count++].digest, digest, sizeof(digest));
		}
	}
	maps_close(&maps);
	return rc;
}

static bool
has_digest(const json_t *o, const char *digest)
{
	const char *is = json_string_value(json_object_get(o, "digest"));
	return is != NULL && strcmp(is, digest) == 0;
}

/* What the worker last said of this object: LOADED, or its `old`; *ret_module: whose. */
static const json_t *
said_of(const struct sup_worker *w, const char *digest, json_t **ret_module)
{
	size_t i;
	json_t *m;
	json_array_foreach (w->loaded, i, m) {
		*ret_module = json_object_get(m, "module");
		if (has_digest(m, digest))
			return m;
		if (has_digest(json_object_get(m, "old"), digest))
			return json_object_get(m, "old");
	}
	*ret_module = NULL;
	return NULL;
}

/* When it was asked first of what it has not answered yet. */
static json_t *
silent_since(const struct sup_worker *w)
{
	char at[32];
	return w->asked != 0 ? json_string(rel_wall_print(w->asked, at, sizeof(at))) : json_null();
}

static json_t *
holder(const struct sup_worker *w, const struct view *v, pid_t tid, const struct stack_find *find)
{
	json_t *module;
	const char *digest = v->objects[find->range].digest;
	const json_t *said = said_of(w, digest, &module);
	return json_pack("{s:O?, s:O?, s:O?, s:s, s:n, s:i, s:n, s:o, s:s, s:I, s:s}", "module", module, "vsn",
	    json_object_get(said, "vsn"), "version", json_object_get(said, "version"), "digest", digest, "task",
	    "thread", (int)tid, "function", "since", tid == w->pid ? silent_since(w) : json_null(), "what", "stack", "offset",
	    (json_int_t)(find->at - v->ranges[find->range].lo), "hint",
	    tid == w->pid ? "the worker does not answer: its loop is here" : "seen from outside");
}

/* Its own word for it that nobody knows. */
static json_t *
unknown(const struct sup_worker *w, const char *why)
{
	return json_pack("{s:n, s:n, s:n, s:n, s:n, s:i, s:n, s:o, s:s, s:s}", "module", "vsn", "version", "digest",
	    "task", "thread", (int)w->pid, "function", "since", silent_since(w), "what", "unknown", "hint", why);
}

/* A thread of its own: what it has seized and could not stop is free when it ends. */
static void *
look(void *arg)
{
	struct view *v = arg;
	mono_ns_t deadline = rel_mono_now() + LOOK_MAX;
	for (ssize_t i = 0; i < v->thread_count; i++) {
		struct thread *t = &v->threads[i];
		/* Not stopped where it need not be. */
		t->seen = stack_look_waiting(v->pid, v->tids[i], v->ranges, v->count, &t->find);
		if (t->seen == STACK_UNKNOWN)
			t->seen = stack_look_traced(v->pid, v->tids[i], v->ranges, v->count, deadline, &t->find);
	}
	return NULL;
}

static void
look_at_all(struct view *v)
{
	pthread_t thread;
	if (find_objects(v) != 0)
		return;
	v->thread_count = stack_threads(v->pid, v->tids, THREADS_MAX);
	if (pthread_create(&thread, NULL, look, v) == 0)
		pthread_join(thread, NULL);
	else
		v->thread_count = 0;
}

json_t *
threads_stand(const struct sup_worker *w)
{
	json_t *list = json_array();
	struct view *v = calloc(1, sizeof(*v));
	if (list != NULL && v != NULL) {
		v->pid = w->pid;
		look_at_all(v);
	}
	bool loop = false;
	for (ssize_t i = 0; v != NULL && i < v->thread_count; i++) {
		const struct thread *t = &v->threads[i];
		if (t->seen == STACK_HOLDS && json_array_size(list) < LISTED_MAX)
			json_array_append_new(list, holder(w, v, v->tids[i], &t->find));
		loop |= v->tids[i] == w->pid && (t->seen == STACK_HOLDS || t->seen == STACK_CLEAR);
	}
	if (!loop)
		json_array_append_new(list, unknown(w, "the worker does not answer, and could not be looked at"));
	else if (json_array_size(list) == 0)
		json_array_append_new(list, unknown(w, "the worker does not answer, and its loop is in no module"));
	free(v);
	return list;
}
