/* SPDX-License-Identifier: Apache-2.0
 * Whether the newer version offers what a script's code_changes call, whatever became of the layouts: a
 * worker asks that of every module that a code_change names (check_changes() in worker/txn.c) and refuses
 * the whole script.  Of its callback module it wants code_change, of any other that it uses the convert of
 * some state type; both are the newer version's on the way up and on the way down.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "check/check_priv.h"

/* A module of the newer side. */
struct unit {
	const char *name;
	const struct compare_side *side;
	const struct elf_table *table;
	bool reached;                 /* it imports the module that is looked at, or what imports it */
};

struct edge {
	const char *callee;
	size_t by;                    /* which unit imports it */
};

struct look {
	const struct check_changes *k;
	struct unit *units;
	size_t unit_count;
	struct edge *edges;
	size_t edge_count;
	size_t *queue;                /* of units, for importers() */
};

/* ------------------------------------------------------------------ who uses what */
static int
by_callee(const void *a, const void *b)
{
	return strcmp(((const struct edge *)a)->callee, ((const struct edge *)b)->callee);
}

static void
add_side(struct look *l, const struct compare_side *s)
{
	for (size_t i = 0; s != NULL && i < s->app->modules.count; i++) {
		const struct elf_table *t = s->modules[i] != NULL ? elf_module_table(s->modules[i]) : NULL;
		if (t == NULL || t->state != ELF_TABLE_READ)
			continue; /* told elsewhere */
		for (size_t k = 0; k < t->import_count; k++)
			l->edges[l->edge_count++] = (struct edge){t->imports[k].module, l->unit_count};
		l->units[l->unit_count++] = (struct unit){.name = s->app->modules.names[i], .side = s, .table = t};
	}
}

static int
look_init(struct look *l)
{
	size_t units = 0, edges = 0;
	for (size_t i = 0; i < l->k->side_count; i++)
		for (size_t m = 0; l->k->sides[i] != NULL && m < l->k->sides[i]->app->modules.count; m++) {
			const struct elf_module *file = l->k->sides[i]->modules[m];
			units++;
			edges += file != NULL ? elf_module_table(file)->import_count : 0;
		}
	l->units = calloc(units + 1, sizeof(*l->units));
	l->edges = calloc(edges + 1, sizeof(*l->edges));
	l->queue = calloc(units + 1, sizeof(*l->queue));
	if (l->units == NULL || l->edges == NULL || l->queue == NULL)
		return -1;
	for (size_t i = 0; i < l->k->side_count; i++)
		add_side(l, l->k->sides[i]);
	qsort(l->edges, l->edge_count, sizeof(*l->edges), by_callee);
	return 0;
}

/* The first that imports it. */
static size_t
edge_of(const struct look *l, const char *callee)
{
	size_t low = 0, high = l->edge_count;
	while (low < high) {
		size_t at = low + (high - low) / 2;
		if (strcmp(l->edges[at].callee, callee) < 0)
			low = at + 1;
		else
			high = at;
	}
	return low;
}

/* Is it in the table of a worker whose callback module is another one? */
static bool
is_below(const struct look *l, const struct unit *u)
{
	size_t head = 0, tail = 0;
	bool below = false;
	for (size_t i = 0; i < l->unit_count; i++)
		l->units[i].reached = &l->units[i] == u;
	l->queue[tail++] = (size_t)(u - l->units);
	while (head < tail && !below) {
		const char *name = l->units[l->queue[head++]].name;
		for (size_t i = edge_of(l, name); i < l->edge_count && strcmp(l->edges[i].callee, name) == 0; i++) {
			struct unit *by = &l->units[l->edges[i].by];
			if (by->reached)
				continue;
			by->reached = true;
			l->queue[tail++] = l->edges[i].by;
			below |= compare_is_callback(by->side, by->name);
		}
	}
	return below;
}

/* ------------------------------------------------------------------ what it must offer */
bool
check_converts_parts(const struct elf_table *t)
{
	for (size_t i = 0; i < t->state_type_count; i++)
		if (t->state_types[i].convert)
			return true;
	return false;
}

static void
missing(const struct look *l, const struct unit *u, const struct model_instr *in, const struct rel_pos *pos,
    bool code_change)
{
	const char *what = code_change ? "code_change" : "convert of a state type";
	doc_find(l->k->p, DOC_ERROR, pos, REL_E_STATE_NO_CONVERSION,
	    "the script calls code_change of module %s, and its newer version, of %s %s, offers no %s: relupd refuses "
	    "that", u->name, u->side->app->application, u->side->app->version, what);
	doc_problem_hint(l->k->p, "write the %s in the newer version, or, if its state stays as it is, %s",
	    code_change ? "code_change" : "convert", in->op == MODEL_OP_UPDATE
	    ? "take `change: {advanced: …}` out of this instruction"
	    : "take `change: {advanced: …}` out of the appup and make the relup again");
}

static void
one(const struct look *l, const char *module, const struct rel_pos *pos, const struct model_instr *in)
{
	const struct unit *u = NULL;
	for (size_t i = 0; u == NULL && i < l->unit_count; i++)
		if (strcmp(l->units[i].name, module) == 0)
			u = &l->units[i];
	if (u == NULL)
		return; /* of another application, or nowhere */
	bool callback = compare_is_callback(u->side, u->name);
	if (callback && !u->table->callbacks.code_change)
		missing(l, u, in, pos, true);
	else if (!check_converts_parts(u->table) && ((l->k->lone && !callback) || is_below(l, u)))
		missing(l, u, in, pos, false);
}

void
check_changes(const struct check_changes *k)
{
	struct look l = {.k = k};
	bool ready = look_init(&l) == 0;
	if (!ready)
		doc_problem(k->p, NULL, REL_E_NOMEM, "out of memory");
	for (size_t i = 0; ready && i < k->script->count; i++) {
		const struct model_instr *in = &k->script->instrs[i];
		if (in->op == MODEL_OP_UPDATE && in->advanced)
			one(&l, in->module, &in->pos, in);
		for (size_t c = 0; c < in->change_count; c++)
			one(&l, in->changes[c].module, &in->changes[c].pos, in);
	}
	free(l.units);
	free(l.edges);
	free(l.queue);
}
