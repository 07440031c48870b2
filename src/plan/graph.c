/* SPDX-License-Identifier: Apache-2.0
 * The dependency graph of a script: nodes are its module instructions, numbered in script order;
 * an edge goes from a module to each one it depends on.
 *
 * Modules that hang together (weak components) form a group, which is replaced as one.  Inside it,
 * "dependency order" is: strong components topologically, dependents first; among those that
 * nothing orders, the one with the lowest number first; inside a strong component by number.
 *
 * Everything is n log n in nodes and edges, and nothing recurses: a chain of 50,000 modules is
 * input that somebody can write.
 */
#include "config.h"

#include "plan/plan_priv.h"

#define NONE SIZE_MAX

struct work {
	size_t n;
	const struct model_instr **node;
	size_t *edge_start, *edge_to; /* n + 1; the edges of a node side by side */
	size_t *weak;		      /* union-find: parent */
	size_t *comp;		      /* node → strong component */
	size_t comp_count;
	size_t *comp_first;		  /* strong component → its lowest node */
	size_t *comp_start, *comp_member; /* nodes of a component by number */
	size_t *waits;			  /* component → edges from components not yet placed */
	size_t *order;			  /* nodes in dependency order, all groups mixed */
};

static size_t *
numbers(struct plan_run *r, size_t n, int *rc)
{
	size_t *v = rel_arena_calloc(r->scratch, n, sizeof(*v));
	if (v == NULL)
		*rc = plan_nomem(r->p);
	return v;
}

/* ------------------------------------------------------------------ nodes and edges */
/* Reported in script order, each against the first instruction for the module. */
static int
check_single(struct plan_run *r, const struct work *w, const struct rel_index *x)
{
	int rc = 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct model_instr *again = w->node[i];
		size_t first = rel_index_find(x, again->module)->value;
		if (first == i)
			continue;
		const struct rel_pos *pos = &w->node[first]->pos;
		rc = plan_error(r->p, &again->pos, REL_E_MULDEF_MODULE,
		    "%s: module \"%s\" has an instruction already (%s:%u:%u)",
		    model_op_name(again->op), again->module, pos->file != NULL ? pos->file : "",
		    pos->line, pos->column);
	}
	return rc;
}

static int
collect_nodes(
    struct plan_run *r, struct work *w, const struct plan_list *after, struct rel_index *x)
{
	w->node = rel_arena_calloc(r->scratch, after->count, sizeof(*w->node));
	x->entries = rel_arena_calloc(r->scratch, after->count, sizeof(*x->entries));
	if (w->node == NULL || x->entries == NULL)
		return plan_nomem(r->p);
	for (size_t i = 0; i < after->count; i++) {
		if (!plan_is_module_op(after->v[i]->op))
			continue;
		rel_index_add(x, after->v[i]->module, w->n);
		w->node[w->n++] = after->v[i];
	}
	rel_index_sort(x);
	return check_single(r, w, x);
}

static size_t
weak_root(size_t *weak, size_t i)
{
	while (weak[i] != i) {
		weak[i] = weak[weak[i]];
		i = weak[i];
	}
	return i;
}

/* The lower number becomes the root, so that a root is the first node of its group. */
static void
weak_join(size_t *weak, size_t a, size_t b)
{
	a = weak_root(weak, a);
	b = weak_root(weak, b);
	if (a < b)
		weak[b] = a;
	else
		weak[a] = b;
}

static int
collect_edges(struct plan_run *r, struct work *w, const struct rel_index *x)
{
	int rc = 0;
	size_t edges = 0;
	for (size_t i = 0; i < w->n; i++)
		edges += w->node[i]->modules.count;
	w->edge_start = numbers(r, w->n + 1, &rc);
	w->edge_to = numbers(r, edges, &rc);
	w->weak = numbers(r, w->n, &rc);
	if (rc < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++)
		w->weak[i] = i;
	size_t e = 0;
	for (size_t i = 0; i < w->n; i++) {
		const struct model_names *deps = &w->node[i]->modules;
		for (size_t k = 0; k < deps->count; k++) {
			const struct rel_index_entry *to = rel_index_find(x, deps->names[k]);
			if (to == NULL) {
				rc = plan_error(r->p, &deps->pos[k], REL_E_UNDEF_MODULE,
				    "module \"%s\" depends on \"%s\", which has no instruction in "
				    "this script",
				    w->node[i]->module, deps->names[k]);
				continue;
			}
			w->edge_to[e++] = to->value;
			weak_join(w->weak, i, to->value);
		}
		w->edge_start[i + 1] = e;
	}
	return rc;
}

/* ------------------------------------------------------------------ strong components (Tarjan) */
struct tarjan {
	size_t *index, *low;	  /* NONE: not visited */
	size_t *stack, stack_len; /* nodes of components not yet closed */
	size_t *path, path_len;	  /* the walk, in place of recursion */
	size_t *next;		  /* node → its edge to look at next */
	size_t counter;
};

static void
tarjan_enter(struct tarjan *t, const struct work *w, size_t v)
{
	t->index[v] = t->low[v] = t->counter++;
	t->next[v] = w->edge_start[v];
	t->stack[t->stack_len++] = v;
	t->path[t->path_len++] = v;
}

static void
tarjan_leave(struct tarjan *t, struct work *w, size_t v)
{
	t->path_len--;
	if (t->path_len > 0) {
		size_t up = t->path[t->path_len - 1];
		if (t->low[v] < t->low[up])
			t->low[up] = t->low[v];
	}
	if (t->low[v] != t->index[v])
		return;
	size_t member;
	do {
		member = t->stack[--t->stack_len];
		w->comp[member] = w->comp_count;
	} while (member != v);
	w->comp_count++;
}

static void
tarjan_walk(struct tarjan *t, struct work *w, size_t root)
{
	tarjan_enter(t, w, root);
	while (t->path_len > 0) {
		size_t v = t->path[t->path_len - 1];
		if (t->next[v] == w->edge_start[v + 1]) {
			tarjan_leave(t, w, v);
			continue;
		}
		size_t to = w->edge_to[t->next[v]++];
		if (t->index[to] == NONE)
			tarjan_enter(t, w, to);
		else if (w->comp[to] == NONE && t->index[to] < t->low[v])
			t->low[v] = t->index[to];
	}
}

static int
strong_components(struct plan_run *r, struct work *w)
{
	int rc = 0;
	struct tarjan t = {0};
	w->comp = numbers(r, w->n, &rc);
	t.index = numbers(r, w->n, &rc);
	t.low = numbers(r, w->n, &rc);
	t.stack = numbers(r, w->n, &rc);
	t.path = numbers(r, w->n, &rc);
	t.next = numbers(r, w->n, &rc);
	if (rc < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++)
		w->comp[i] = t.index[i] = NONE;
	for (size_t i = 0; i < w->n; i++)
		if (t.index[i] == NONE)
			tarjan_walk(&t, w, i);
	return 0;
}

/* ------------------------------------------------------------------ dependency order */
static int
condense(struct plan_run *r, struct work *w)
{
	int rc = 0;
	w->comp_first = numbers(r, w->comp_count, &rc);
	w->comp_start = numbers(r, w->comp_count + 1, &rc);
	w->comp_member = numbers(r, w->n, &rc);
	w->waits = numbers(r, w->comp_count, &rc);
	size_t *fill = numbers(r, w->comp_count, &rc);
	if (rc < 0)
		return -1;
	for (size_t i = 0; i < w->n; i++)
		w->comp_start[w->comp[i] + 1]++;
	for (size_t c = 0; c < w->comp_count; c++)
		w->comp_start[c + 1] += w->comp_start[c];
	for (size_t i = 0; i < w->n; i++) {
		size_t c = w->comp[i];
		if (fill[c] == 0)
			w->comp_first[c] = i;
		w->comp_member[w->comp_start[c] + fill[c]++] = i;
		for (size_t e = w->edge_start[i]; e < w->edge_start[i + 1]; e++)
			if (w->comp[w->edge_to[e]] != c)
				w->waits[w->comp[w->edge_to[e]]]++;
	}
	return 0;
}

/* A heap of components that are ready, the lowest first node on top. */
struct heap {
	const size_t *key;
	size_t *v, n;
};

static void
heap_push(struct heap *h, size_t c)
{
	size_t i = h->n++;
	while (i > 0 && h->key[c] < h->key[h->v[(i - 1) / 2]]) {
		h->v[i] = h->v[(i - 1) / 2];
		i = (i - 1) / 2;
	}
	h->v[i] = c;
}

static size_t
heap_pop(struct heap *h)
{
	size_t top = h->v[0], last = h->v[--h->n], i = 0;
	for (;;) {
		size_t kid = 2 * i + 1;
		if (kid >= h->n)
			break;
		if (kid + 1 < h->n && h->key[h->v[kid + 1]] < h->key[h->v[kid]])
			kid++;
		if (h->key[last] <= h->key[h->v[kid]])
			break;
		h->v[i] = h->v[kid];
		i = kid;
	}
	h->v[i] = last;
	return top;
}

/* One heap for all groups gives each group the order that a heap of its own would give it. */
static int
dependency_order(struct plan_run *r, struct work *w)
{
	int rc = 0;
	struct heap h = {.key = w->comp_first};
	h.v = numbers(r, w->comp_count + 1, &rc);
	w->order = numbers(r, w->n, &rc);
	if (rc < 0)
		return -1;
	for (size_t c = 0; c < w->comp_count; c++)
		if (w->waits[c] == 0)
			heap_push(&h, c);
	size_t placed = 0;
	while (h.n > 0) {
		size_t c = heap_pop(&h);
		for (size_t m = w->comp_start[c]; m < w->comp_start[c + 1]; m++) {
			size_t i = w->comp_member[m];
			w->order[placed++] = i;
			for (size_t e = w->edge_start[i]; e < w->edge_start[i + 1]; e++) {
				size_t to = w->comp[w->edge_to[e]];
				if (to != c && --w->waits[to] == 0)
					heap_push(&h, to);
			}
		}
	}
	MUST(placed == w->n);
	return 0;
}

/* ------------------------------------------------------------------ groups */
static int
groups(struct plan_run *r, struct work *w, struct plan_graph *g)
{
	int rc = 0;
	g->count = w->n;
	g->group_of = numbers(r, w->n, &rc);
	g->group_start = numbers(r, w->n + 1, &rc);
	size_t *fill = numbers(r, w->n, &rc);
	g->members = rel_arena_calloc(r->scratch, w->n, sizeof(*g->members));
	if (rc < 0)
		return -1;
	if (g->members == NULL)
		return plan_nomem(r->p);
	for (size_t i = 0; i < w->n; i++) {
		size_t root = weak_root(w->weak, i); /* root ≤ i: numbered already */
		g->group_of[i] = root == i ? g->group_count++ : g->group_of[root];
		g->group_start[g->group_of[i] + 1]++;
	}
	for (size_t k = 0; k < g->group_count; k++) {
		g->group_start[k + 1] += g->group_start[k];
		fill[k] = g->group_start[k];
	}
	for (size_t i = 0; i < w->n; i++)
		g->members[fill[g->group_of[w->order[i]]]++] = w->node[w->order[i]];
	return 0;
}

int
plan_graph_make(struct plan_run *r, const struct plan_list *after, struct plan_graph *ret)
{
	struct work w = {0};
	struct rel_index x = {0};
	*ret = (struct plan_graph){0};
	if (collect_nodes(r, &w, after, &x) < 0 || collect_edges(r, &w, &x) < 0 ||
	    strong_components(r, &w) < 0 || condense(r, &w) < 0 || dependency_order(r, &w) < 0)
		return -1;
	return groups(r, &w, ret);
}
