/* SPDX-License-Identifier: Apache-2.0
 * Windows of the load client: see client.h.
 */
#include "config.h"

#include <err.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client.h"

void
windows_mark(struct windows *w, const char *name, int64_t now)
{
	struct window *next = calloc(1, sizeof(*next));
	if (next == NULL)
		err(1, "window");
	snprintf(next->name, sizeof(next->name), "%s", name);
	next->begin = now;
	if (w->current != NULL) {
		w->current->end = now;
		w->current->next = next;
	} else {
		w->first = next;
	}
	w->current = next;
}

static void
total_add(struct counts *t, const struct counts *n)
{
	t->sent += n->sent;
	t->answered += n->answered;
	t->old += n->old;
	t->new += n->new;
	t->wrong += n->wrong;
	t->disorder += n->disorder;
	t->lost += n->lost;
	t->dropped += n->dropped;
	t->skipped += n->skipped;
}

static json_t *
counts_json(const struct counts *n)
{
	json_t *o = json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}",
	    "sent", (json_int_t)n->sent, "answered", (json_int_t)n->answered,
	    "old", (json_int_t)n->old, "new", (json_int_t)n->new,
	    "wrong", (json_int_t)n->wrong, "disorder", (json_int_t)n->disorder,
	    "lost", (json_int_t)n->lost, "dropped", (json_int_t)n->dropped,
	    "skipped", (json_int_t)n->skipped);
	if (o == NULL)
		errx(1, "out of memory");
	return o;
}

static void
print(json_t *o)
{
	if (json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(9)) < 0 ||
	    putchar('\n') == EOF || fflush(stdout) == EOF)
		err(1, "stdout");
	json_decref(o);
}

static void
report(struct windows *w, struct window *win)
{
	total_add(&w->total, &win->n);
	if (samples_at(&win->latency, 100) > w->worst)
		w->worst = samples_at(&win->latency, 100);
	if (win->name[0] == '\0')
		return;

	json_t *o = counts_json(&win->n);
	json_t *figures = json_pack("{s:s,s:f,s:f,s:f,s:f,s:f}", "window", win->name,
	    "seconds", (double)(win->end - win->begin) / 1e9,
	    "p50_us", (double)samples_at(&win->latency, 50) / 1e3,
	    "p99_us", (double)samples_at(&win->latency, 99) / 1e3,
	    "max_us", (double)samples_at(&win->latency, 100) / 1e3,
	    "late_us", (double)win->late / 1e3);
	if (figures == NULL || json_object_update(figures, o) != 0)
		errx(1, "window %s cannot be printed", win->name);
	json_decref(o);
	print(figures);
}

void
windows_report(struct windows *w, bool force)
{
	while (w->first != NULL && w->first->end != 0 && (w->first->waiting == 0 || force)) {
		struct window *win = w->first;
		report(w, win);
		w->first = win->next;
		samples_fini(&win->latency);
		free(win);
	}
}

void
windows_total(const struct windows *w)
{
	json_t *o = counts_json(&w->total);

	if (json_object_set_new(o, "window", json_string("total")) != 0 ||
	    json_object_set_new(o, "max_us", json_real((double)w->worst / 1e3)) != 0)
		errx(1, "out of memory");
	print(o);
}

bool
windows_clean(const struct windows *w)
{
	const struct counts *t = &w->total;

	return t->wrong == 0 && t->disorder == 0 && t->lost == 0 && t->dropped == 0 &&
	    t->skipped == 0;
}

void
windows_fini(struct windows *w)
{
	while (w->first != NULL) {
		struct window *next = w->first->next;
		samples_fini(&w->first->latency);
		free(w->first);
		w->first = next;
	}
	w->current = NULL;
}
