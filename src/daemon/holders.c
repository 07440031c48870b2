/* SPDX-License-Identifier: Apache-2.0
 * Who holds code: the workers' own word for it, gathered from those that may hold some.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

struct gather {
	struct daemon *d;
	json_t *answers;              /* {worker: reply, or null}; owned */
	size_t pending;
	holders_fn *fn;
	void *ctx;
};

struct asked {
	struct gather *g;
	struct sup_worker *w;
};

bool
holders_possible(const struct sup_worker *w)
{
	size_t i;
	json_t *m;
	json_array_foreach (w->loaded, i, m)
		if (json_is_true(json_object_get(m, "tasks")) || json_is_object(json_object_get(m, "old")))
			return true;
	return false;
}

static void
end(struct gather *g)
{
	g->fn(g->ctx, g->answers);
	json_decref(g->answers);
	free(g);
}

static void
on_answer(void *ctx, json_t *reply, const struct rel_err *err)
{
	struct asked *a = ctx;
	struct gather *g = a->g;
	(void)err;
	json_object_set_new(g->answers, a->w->name, reply != NULL ? json_incref(reply) : json_null());
	free(a);
	if (--g->pending == 0)
		end(g);
}

static void
ask(struct gather *g, struct sup_worker *w, json_t *body)
{
	struct rel_err err = REL_ERR_INIT;
	struct asked *a = malloc(sizeof(*a));
	if (a == NULL) {
		json_decref(body);
		return;
	}
	*a = (struct asked){g, w};
	g->pending++;
	if (wire_ask(w, body, on_answer, a, &err) == 0)
		return;
	json_object_set_new(g->answers, w->name, json_null());
	g->pending--;
	free(a);
}

int
holders_gather(struct daemon *d, bool all, holders_body_fn *body, holders_fn *fn, void *ctx)
{
	struct gather *g = calloc(1, sizeof(*g));
	if (g == NULL || (g->answers = json_object()) == NULL) {
		free(g);
		return -1;
	}
	g->d = d;
	g->fn = fn;
	g->ctx = ctx;
	g->pending = 1; /* nobody's: the end comes when all are asked */
	for (size_t i = 0; d->sup != NULL && i < sup_count(d->sup); i++) {
		struct sup_worker *w = sup_at(d->sup, i);
		if (w->state == SUP_RUNNING && (all || holders_possible(w)))
			ask(g, w, body(ctx, w));
	}
	if (--g->pending == 0)
		end(g);
	return 0;
}

json_t *
holders_named(const struct sup_worker *w, const json_t *list)
{
	json_t *named = json_array();
	proto_holders_add(named, list, w->name, w->pid, SIZE_MAX);
	return named;
}
