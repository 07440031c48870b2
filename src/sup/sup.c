/* SPDX-License-Identifier: Apache-2.0
 * The set of workers: order of start and stop, lookup.  The machine itself is worker.c.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sup/sup_priv.h"

struct sup *
sup_new(const struct sup_ops *ops, void *ctx)
{
	struct sup *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return NULL;
	s->magic = SUP_MAGIC;
	s->ops = ops;
	s->ctx = ctx;
	return s;
}

static void
worker_free(struct sup_worker *w)
{
	MUST_OBJ(w, SUP_WORKER_MAGIC);
	json_decref(w->loaded);
	json_decref(w->last_fault);
	w->magic = 0;
	free(w);
}

void
sup_free(struct sup **sp)
{
	struct sup *s = *sp;
	*sp = NULL;
	if (s == NULL)
		return;
	MUST_OBJ(s, SUP_MAGIC);
	for (size_t i = 0; i < s->count; i++)
		worker_free(s->workers[i]);
	free(s->workers);
	free(s->by_name);
	for (size_t i = 0; i < s->node_count; i++) {
		free(s->nodes[i]->times);
		free(s->nodes[i]);
	}
	free(s->nodes);
	s->magic = 0;
	free(s);
}

struct sup_node *
sup_node_add(struct sup *s, unsigned intensity, dur_ns_t period)
{
	struct sup_node **list = realloc(s->nodes, (s->node_count + 1) * sizeof(*list));
	if (list == NULL)
		return NULL;
	s->nodes = list;
	struct sup_node *n = calloc(1, sizeof(*n));
	if (n == NULL)
		return NULL;
	n->times = calloc((size_t)intensity + 1, sizeof(*n->times));
	if (n->times == NULL) {
		free(n);
		return NULL;
	}
	n->intensity = intensity;
	n->period = period;
	s->nodes[s->node_count++] = n;
	return n;
}

static int
room_for_worker(struct sup *s)
{
	if (s->count < s->cap)
		return 0;
	size_t cap = s->cap != 0 ? s->cap * 2 : 16;
	struct sup_worker **list = realloc(s->workers, cap * sizeof(*list));
	if (list == NULL)
		return -1;
	s->workers = list;
	struct sup_worker **sorted = realloc(s->by_name, cap * sizeof(*sorted));
	if (sorted == NULL)
		return -1;
	s->by_name = sorted;
	s->cap = cap;
	return 0;
}

struct sup_worker *
sup_add(struct sup *s, const char *application, const char *child, unsigned index,
    const char *module, unsigned stage, struct sup_node *node)
{
	MUST_OBJ(s, SUP_MAGIC);
	MUST(s->count == 0 || s->workers[s->count - 1]->stage <= stage);
	struct sup_worker *w = calloc(1, sizeof(*w));
	if (w == NULL || room_for_worker(s) != 0) {
		free(w);
		return NULL;
	}
	w->magic = SUP_WORKER_MAGIC;
	snprintf(w->application, sizeof(w->application), "%s", application);
	snprintf(w->child, sizeof(w->child), "%s", child);
	snprintf(w->module, sizeof(w->module), "%s", module);
	snprintf(w->name, sizeof(w->name), "%s/%s/%u", application, child, index);
	w->index = index;
	w->stage = stage;
	w->node = node;
	w->since = rel_wall_now();
	s->workers[s->count++] = w;
	s->sorted = false;
	return w;
}

size_t
sup_count(const struct sup *s)
{
	return s->count;
}

struct sup_worker *
sup_at(const struct sup *s, size_t i)
{
	MUST(i < s->count);
	return s->workers[i];
}

static int
by_name(const void *a, const void *b)
{
	const struct sup_worker *const *x = a, *const *y = b;
	return strcmp((*x)->name, (*y)->name);
}

struct sup_worker *
sup_find(struct sup *s, const char *name)
{
	if (!s->sorted && s->count > 0) {
		memcpy(s->by_name, s->workers, s->count * sizeof(*s->workers));
		qsort(s->by_name, s->count, sizeof(*s->by_name), by_name);
		s->sorted = true;
	}
	size_t lo = 0, hi = s->count;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int c = strcmp(name, s->by_name[mid]->name);
		if (c == 0)
			return s->by_name[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

/* A stage holds the next one until each of its workers ran once, or is not to run. */
static bool
passed(const struct sup_worker *w)
{
	return w->state == SUP_RUNNING || w->state == SUP_ENDED || w->ran_once;
}

/* Every worker that is due and whose stage is reached gets its START. */
void
sup_advance(struct sup *s)
{
	if (!s->starting || s->hold || s->advancing)
		return;
	s->advancing = true; /* a START may end at once and come back here */
	for (size_t i = 0; i < s->count;) {
		unsigned stage = s->workers[i]->stage;
		bool reached = true;
		for (; i < s->count && s->workers[i]->stage == stage; i++) {
			struct sup_worker *w = s->workers[i];
			if (w->state == SUP_DOWN && !w->stop_wanted)
				sup_event(s, w, SUP_EV_START);
			if (!passed(w))
				reached = false;
		}
		if (!reached)
			break;
	}
	s->advancing = false;
}

void
sup_start_all(struct sup *s)
{
	MUST_OBJ(s, SUP_MAGIC);
	s->starting = true;
	sup_advance(s);
}

static bool
has_process(const struct sup_worker *w)
{
	return w->pid != 0;
}

/* Stops the highest stage that still has processes; called again after each exit. */
void
sup_descend(struct sup *s)
{
	if (!s->stopping || s->descending)
		return;
	s->descending = true;
	bool waiting = false;
	unsigned stage = 0;
	for (size_t i = s->count; i-- > 0;) {
		struct sup_worker *w = s->workers[i];
		if (waiting && w->stage != stage)
			break;
		if (!has_process(w))
			continue;
		sup_event(s, w, SUP_EV_STOP);
		if (has_process(w)) {
			waiting = true;
			stage = w->stage;
		}
	}
	s->descending = false;
	if (!waiting) {
		s->stopping = false;
		s->ops->all_stopped(s->ctx);
	}
}

void
sup_stop_all(struct sup *s)
{
	MUST_OBJ(s, SUP_MAGIC);
	s->starting = false;
	s->stopping = true;
	for (size_t i = 0; i < s->count; i++) {
		s->workers[i]->stop_wanted = true;
		/* It has no process and must not get one while later stages still end. */
		if (s->workers[i]->state == SUP_WAITING)
			sup_event(s, s->workers[i], SUP_EV_STOP);
	}
	sup_descend(s);
}

void
sup_hold_starts(struct sup *s, bool hold)
{
	s->hold = hold;
	if (hold)
		return;
	for (size_t i = 0; i < s->count; i++)
		if (s->workers[i]->state == SUP_WAITING && s->workers[i]->due)
			sup_event(s, s->workers[i], SUP_EV_TIMER);
	sup_advance(s);
}

bool
sup_worker_runs(const struct sup_worker *w)
{
	return w->state == SUP_RUNNING && w->pid != 0 && !w->replaced;
}

bool
sup_worker_fails(const struct sup_worker *w)
{
	return (w->state == SUP_WAITING && w->failed) || (w->state == SUP_ENDED && w->ran_from == 0);
}

bool
sup_all_running(const struct sup *s)
{
	for (size_t i = 0; i < s->count; i++)
		if (!sup_worker_runs(s->workers[i]) && s->workers[i]->state != SUP_ENDED)
			return false;
	return true;
}
