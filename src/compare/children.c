/* SPDX-License-Identifier: Apache-2.0
 * Children and the flags of their supervisors.  Ids are unique in an application, so a child is found
 * by its id wherever it hangs.
 */
#include "config.h"

#include <string.h>

#include "compare/compare_priv.h"

/* ------------------------------------------------------------------ all children of a version */
struct children {
	size_t count;
	const struct model_child **list;
};

static void
count_child(void *ctx, const struct model_child *child)
{
	(void)child;
	++*(size_t *)ctx;
}

static void
list_child(void *ctx, const struct model_child *child)
{
	struct children *l = ctx;
	l->list[l->count++] = child;
}

static int
list_children(struct maker *k, const struct compare_side *s, struct children *ret)
{
	size_t n = 0;
	compare_each_child(&s->app->supervisor, count_child, &n);
	ret->count = 0;
	ret->list = rel_arena_calloc(k->c->arena, n + 1, sizeof(struct model_child *));
	if (ret->list == NULL)
		return maker_nomem(k);
	compare_each_child(&s->app->supervisor, list_child, ret);
	return 0;
}

static const struct model_child *
find_child(const struct children *l, const char *id)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->list[i]->id, id) == 0)
			return l->list[i];
	return NULL;
}

/* ------------------------------------------------------------------ what differs */
static bool
same_texts(const char *const *a, size_t na, const char *const *b, size_t nb)
{
	if (na != nb)
		return false;
	for (size_t i = 0; i < na; i++)
		if (strcmp(a[i], b[i]) != 0)
			return false;
	return true;
}

static bool
same_optional(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The keys as app.yaml calls them; `anew`: a running process cannot take it over. */
static void
child_keys(const struct model_child *a, const struct model_child *b, struct rel_buf *how, bool *ret_anew)
{
	const struct {
		const char *key;
		bool differs, anew;
	} keys[] = {
	    {"module", !same_optional(a->module, b->module), true},
	    {"command", !same_texts(a->command, a->command_count, b->command, b->command_count), true},
	    {"supervisor", (a->supervisor == NULL) != (b->supervisor == NULL), true},
	    {"args", !compare_same_value(a->args, b->args), true},
	    {"listen", !same_texts(a->listen.names, a->listen.count, b->listen.names, b->listen.count), true},
	    {"count", a->count != b->count, false},
	    {"restart", a->restart != b->restart, false},
	    {"shutdown", a->shutdown != b->shutdown, false},
	    {"ready", a->ready != b->ready, false},
	    {"drain", a->drain != b->drain, false},
	};
	for (size_t i = 0; i < NELEM(keys); i++) {
		if (!keys[i].differs)
			continue;
		rel_buf_printf(how, "%s%s", how->len > 0 ? ", " : "", keys[i].key);
		*ret_anew |= keys[i].anew;
	}
}

static int
add_child(struct maker *k, const struct model_child *old, const struct model_child *new)
{
	CLEANUP(rel_buf_fini) struct rel_buf how = REL_BUF_INIT;
	struct compare_child *c = &k->c->children[k->c->child_count];
	bool anew = false;
	if (old != NULL && new != NULL) {
		child_keys(old, new, &how, &anew);
		if (how.len == 0)
			return 0;
	}
	*c = (struct compare_child){.id = new != NULL ? new->id : old->id, .old = old, .new = new, .anew = anew,
	    .what = old == NULL ? COMPARE_ADDED : new == NULL ? COMPARE_DELETED : COMPARE_CHANGED,
	    .how = rel_arena_strdup(k->c->arena, rel_buf_text(&how))};
	k->c->child_count++;
	return c->how != NULL && rel_buf_ok(&how) ? 0 : maker_nomem(k);
}

/* ------------------------------------------------------------------ flags */
static void
flag(struct rel_buf *b, const char *of, const char *key, bool differs)
{
	if (differs)
		rel_buf_printf(b, "%s%s%s%s", b->len > 0 ? ", " : "", of, of[0] != '\0' ? "/" : "", key);
}

static void
sup_flags(struct rel_buf *b, const char *of, const struct model_sup *x, const struct model_sup *y)
{
	flag(b, of, "strategy", x->strategy != y->strategy);
	flag(b, of, "intensity", x->intensity != y->intensity);
	flag(b, of, "period", x->period != y->period);
}

int
compare_children(struct maker *k)
{
	struct children old, new;
	if (list_children(k, k->c->old, &old) != 0 || list_children(k, k->c->new, &new) != 0)
		return -1;
	k->c->children = rel_arena_calloc(k->c->arena, old.count + new.count + 1, sizeof(*k->c->children));
	if (k->c->children == NULL)
		return maker_nomem(k);
	CLEANUP(rel_buf_fini) struct rel_buf flags = REL_BUF_INIT;
	sup_flags(&flags, "", &k->c->old->app->supervisor, &k->c->new->app->supervisor);
	int rc = 0;
	for (size_t i = 0; i < new.count; i++) {
		const struct model_child *was = find_child(&old, new.list[i]->id);
		rc |= add_child(k, was, new.list[i]);
		if (was != NULL && was->supervisor != NULL && new.list[i]->supervisor != NULL)
			sup_flags(&flags, was->id, was->supervisor, new.list[i]->supervisor);
	}
	for (size_t i = 0; i < old.count; i++)
		if (find_child(&new, old.list[i]->id) == NULL)
			rc |= add_child(k, old.list[i], NULL);
	k->c->flags = rel_arena_strdup(k->c->arena, rel_buf_text(&flags));
	return rc != 0 || k->c->flags == NULL || !rel_buf_ok(&flags) ? maker_nomem(k) : 0;
}
