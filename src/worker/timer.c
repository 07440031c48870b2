/* SPDX-License-Identifier: Apache-2.0
 * Timers: a binary heap of indices into an array of timers.  An id holds the index and a serial,
 * so an id that was freed and given out again names nothing.  What fell due while the worker was
 * at rest runs once; a repeated timer keeps its phase.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include "worker/worker_priv.h"

#define TIMERS_MAX (1 << 24)

static bool
earlier(const struct timers *t, int a, int b)
{
	return t->v[t->heap[a]].at < t->v[t->heap[b]].at;
}

static void
put(struct timers *t, int place, int index)
{
	t->heap[place] = index;
	t->v[index].heap = place;
}

static void
swap(struct timers *t, int a, int b)
{
	int x = t->heap[a];
	put(t, a, t->heap[b]);
	put(t, b, x);
}

static void
sift(struct timers *t, int i)
{
	while (i > 0 && earlier(t, i, (i - 1) / 2)) {
		swap(t, i, (i - 1) / 2);
		i = (i - 1) / 2;
	}
	for (;;) {
		int least = i;
		for (int c = 2 * i + 1; c <= 2 * i + 2 && c < t->n; c++)
			if (earlier(t, c, least))
				least = c;
		if (least == i)
			return;
		swap(t, i, least);
		i = least;
	}
}

static int
grow(struct timers *t)
{
	int cap = t->cap > 0 ? t->cap * 2 : 16;
	if (cap > TIMERS_MAX)
		return -1;
	struct timer *v = reallocarray(t->v, (size_t)cap, sizeof(*v));
	if (v == NULL)
		return -1;
	t->v = v;
	int *heap = reallocarray(t->heap, (size_t)cap, sizeof(*heap));
	if (heap == NULL)
		return -1;
	t->heap = heap;
	t->cap = cap;
	return 0;
}

/* A free timer's index, or -1.  `free` holds index + 1, so that zeroed timers are an empty list. */
static int
take(struct timers *t)
{
	if (t->free > 0) {
		int i = t->free - 1;
		t->free = t->v[i].txn_next;
		return i;
	}
	if (t->used == t->cap && grow(t) != 0)
		return -1;
	t->v[t->used] = (struct timer){.heap = -1};
	return t->used++;
}

static void
drop(struct worker *w, int i)
{
	struct timers *t = &w->timers;
	int place = t->v[i].heap;
	w->slots[t->v[i].slot].used--;
	t->n--;
	if (place != t->n) {
		put(t, place, t->heap[t->n]);
		sift(t, place);
	}
	t->v[i].heap = -1;
	t->v[i].txn_next = t->free;
	t->free = i + 1;
}

int64_t
worker_timer_add(struct worker *w, dur_ns_t after, dur_ns_t every, uint32_t slot, uint64_t key)
{
	struct timers *t = &w->timers;
	if (after < 0 || every < 0)
		return -EINVAL;
	int i = take(t);
	if (i < 0)
		return -ENOMEM;
	struct timer *x = &t->v[i];
	uint32_t serial = (x->serial + 1) & 0x7fffffffu;
	*x = (struct timer){
	    .every = every, .key = key, .slot = slot, .serial = serial != 0 ? serial : 1};
	if (__builtin_add_overflow(rel_mono_now(), after, &x->at))
		x->at = WORKER_NEVER;
	w->slots[slot].used++;
	put(t, t->n++, i);
	sift(t, x->heap);
	return (int64_t)x->serial << 32 | i;
}

struct timer *
worker_timer_get(struct worker *w, int64_t id)
{
	int64_t i = id & 0xffffffff;
	if (id <= 0 || i >= w->timers.used)
		return NULL;
	struct timer *x = &w->timers.v[i];
	return x->heap >= 0 && x->serial == (uint32_t)(id >> 32) ? x : NULL;
}

int
worker_timer_del(struct worker *w, int64_t id)
{
	if (worker_timer_get(w, id) == NULL)
		return -ENOENT;
	drop(w, (int)(id & 0xffffffff));
	return 0;
}

mono_ns_t
worker_timer_next(const struct worker *w)
{
	return w->timers.n > 0 ? w->timers.v[w->timers.heap[0]].at : WORKER_NEVER;
}

static void
again(struct timers *t, struct timer *x, mono_ns_t now)
{
	dur_ns_t late = now - x->at;
	if (__builtin_add_overflow(now - late % x->every, x->every, &x->at))
		x->at = WORKER_NEVER;
	sift(t, x->heap);
}

void
worker_timer_run(struct worker *w)
{
	struct timers *t = &w->timers;
	mono_ns_t now = rel_mono_now();
	/* As many as there were: a callback that adds timers cannot keep the loop here. */
	for (int left = t->n; left > 0 && t->n > 0 && !w->stopping; left--) {
		int i = t->heap[0];
		struct timer *x = &t->v[i];
		if (x->at > now)
			return;
		struct relw_event e = {.type = RELW_EVENT_TIMER,
		    .fd = -1,
		    .timer = (int64_t)x->serial << 32 | i,
		    .key = x->key};
		uint32_t slot = x->slot;
		if (x->every > 0)
			again(t, x, now);
		else
			drop(w, i);
		worker_dispatch_slot(w->gen, slot, &e);
	}
}
