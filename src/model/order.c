/* SPDX-License-Identifier: Apache-2.0
 * The start order, as OTP's systools_make: walk the applications in the order of the release;
 * before an application come those it depends on that are still ahead, these in the order of the
 * release as well.  A depth-first walk with its own stack: a chain of thousands costs no C stack.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "model/system_priv.h"

enum mark { AHEAD, OPEN, PLACED };

struct visit {
	size_t app, next; /* next: which of its dependencies is looked at */
};

struct walk {
	const struct model_system *s;
	struct doc_problems *p;
	size_t *uses, *first; /* application i: uses[first[i]] … uses[first[i + 1] - 1], sorted */
	enum mark *marks;
	struct visit *stack;
	size_t depth, placed;
};

static int
by_value(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	return (x > y) - (x < y);
}

static size_t
add_uses(const struct walk *w, const struct model_names *names, size_t n)
{
	for (size_t i = 0; i < names->count; i++) {
		size_t at;
		if (model_system_app(w->s, names->names[i], &at) != NULL)
			w->uses[n++] = at;
	}
	return n;
}

static void
collect_uses(const struct walk *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->s->release->app_count; i++) {
		w->first[i] = n;
		n = add_uses(w, &w->s->apps[i]->depends, n);
		n = add_uses(w, &w->s->apps[i]->optional_depends, n);
		qsort(w->uses + w->first[i], n - w->first[i], sizeof(*w->uses), by_value);
	}
	w->first[w->s->release->app_count] = n;
}

/* Where `app` says that it depends on `other`. */
static const struct rel_pos *
depends_at(const struct model_app *app, const char *other)
{
	const struct model_names *lists[] = {&app->depends, &app->optional_depends};
	for (size_t l = 0; l < NELEM(lists); l++)
		for (size_t i = 0; i < lists[l]->count; i++)
			if (strcmp(lists[l]->names[i], other) == 0)
				return &lists[l]->pos[i];
	return &app->doc->root->pos;
}

static void
report_cycle(const struct walk *w, size_t back_to)
{
	struct rel_buf names = REL_BUF_INIT;
	size_t i = w->depth;
	while (i > 0 && w->stack[i - 1].app != back_to)
		i--;
	const struct model_app *first = w->s->apps[back_to], *last = w->s->apps[w->stack[w->depth - 1].app];
	for (i = i > 0 ? i - 1 : 0; i < w->depth; i++)
		rel_buf_printf(&names, "%s → ", w->s->apps[w->stack[i].app]->application);
	doc_problem(w->p, depends_at(last, first->application), REL_E_CIRCULAR_DEPS,
	    "applications depend on each other in a circle: %s%s", rel_buf_text(&names),
	    first->application);
	doc_problem_hint(w->p, "take %s out of the depends of %s, or cut the circle at another place",
	    first->application, last->application);
	rel_buf_fini(&names);
}

static void
push(struct walk *w, size_t app)
{
	w->marks[app] = OPEN;
	w->stack[w->depth++] = (struct visit){app, w->first[app]};
}

/* Places an application and all that it needs; false: there is a cycle. */
static bool
visit(struct walk *w, size_t *start, size_t app)
{
	push(w, app);
	while (w->depth > 0) {
		struct visit *v = &w->stack[w->depth - 1];
		if (v->next == w->first[v->app + 1]) {
			w->marks[v->app] = PLACED;
			start[w->placed++] = v->app;
			w->depth--;
			continue;
		}
		size_t use = w->uses[v->next++];
		if (w->marks[use] == OPEN) {
			report_cycle(w, use);
			return false;
		}
		if (w->marks[use] == AHEAD)
			push(w, use);
	}
	return true;
}

static size_t
count_uses(const struct model_system *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->release->app_count; i++)
		n += s->apps[i]->depends.count + s->apps[i]->optional_depends.count;
	return n;
}

int
model_start_order(struct model_system *s, struct doc_problems *p)
{
	size_t n = s->release->app_count;
	struct walk w = {.s = s, .p = p};
	w.uses = calloc(count_uses(s) + 1, sizeof(*w.uses));
	w.first = calloc(n + 1, sizeof(*w.first));
	w.marks = calloc(n + 1, sizeof(*w.marks));
	w.stack = calloc(n + 1, sizeof(*w.stack));
	int rc = -1;
	if (w.uses != NULL && w.first != NULL && w.marks != NULL && w.stack != NULL) {
		collect_uses(&w);
		for (size_t i = 0; i < n; i++)
			if (w.marks[i] == AHEAD && !visit(&w, s->start, i))
				break;
		rc = 0;
	}
	free(w.uses);
	free(w.first);
	free(w.marks);
	free(w.stack);
	return rc;
}
