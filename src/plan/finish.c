/* SPDX-License-Identifier: Apache-2.0
 * The end of a script: one load_object_code an application, restarts of the runtime where they
 * belong, Before + point of no return + After in one piece, and the checker that hand-written
 * scripts go through as well.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "plan/plan_priv.h"

/* A module to read: of the `lib`-th application by first appearance, at place `seq`. */
struct row {
	size_t lib, seq;
	const char *module;
	const struct rel_pos *pos;
	bool dropped;
};

/* The load_object_code of Before, each with the number of its application. */
struct libs {
	size_t count;
	const struct model_instr **first; /* application number → its first instruction */
	size_t row_count;
	struct row *rows;
};

static int
by_module(const void *av, const void *bv)
{
	const struct row *a = av, *b = bv;
	if (a->lib != b->lib)
		return a->lib < b->lib ? -1 : 1;
	int c = strcmp(a->module, b->module);
	return c != 0 ? c : (a->seq > b->seq) - (a->seq < b->seq);
}

static int
by_place(const void *av, const void *bv)
{
	const struct row *a = av, *b = bv;
	if (a->lib != b->lib)
		return a->lib < b->lib ? -1 : 1;
	return (a->seq > b->seq) - (a->seq < b->seq);
}

/* Where a module is named twice, the later place stays. */
static void
unite(struct libs *l)
{
	if (l->row_count < 2)
		return;
	qsort(l->rows, l->row_count, sizeof(*l->rows), by_module);
	for (size_t i = 0; i + 1 < l->row_count; i++)
		l->rows[i].dropped = l->rows[i].lib == l->rows[i + 1].lib &&
				     strcmp(l->rows[i].module, l->rows[i + 1].module) == 0;
	qsort(l->rows, l->row_count, sizeof(*l->rows), by_place);
}

/* Application → place in Before of its first load_object_code. */
static int
index_libs(struct plan_run *r, const struct plan_list *before, struct rel_index *x, size_t *rows)
{
	x->entries = rel_arena_calloc(r->scratch, before->count, sizeof(*x->entries));
	if (x->entries == NULL)
		return plan_nomem(r->p);
	for (size_t i = 0; i < before->count; i++) {
		if (before->v[i]->op != MODEL_OP_LOAD_OBJECT_CODE)
			continue;
		rel_index_add(x, before->v[i]->application, i);
		*rows += before->v[i]->modules.count;
	}
	rel_index_sort(x);
	return 0;
}

static int
conflict(struct plan_run *r, const struct model_instr *a, const struct model_instr *b)
{
	return plan_error(r->p, &b->pos, REL_E_CONFLICTING_VERSIONS,
	    "modules of \"%s\" are read at version %s here and at version %s on line %u of %s; one "
	    "script reads an application at one version",
	    b->application, b->version, a->version, a->pos.line,
	    a->pos.file != NULL ? a->pos.file : "the release");
}

static void
add_rows(struct libs *l, size_t lib, const struct model_instr *i)
{
	for (size_t k = 0; k < i->modules.count; k++) {
		l->rows[l->row_count] = (struct row){
		    .lib = lib,
		    .seq = l->row_count,
		    .module = i->modules.names[k],
		    .pos = &i->modules.pos[k],
		};
		l->row_count++;
	}
}

static int
collect_libs(struct plan_run *r, const struct plan_list *before, struct libs *l)
{
	struct rel_index x = {0};
	size_t rows = 0;
	int rc = 0;
	if (index_libs(r, before, &x, &rows) < 0)
		return -1;
	size_t *number = rel_arena_calloc(r->scratch, before->count, sizeof(*number));
	l->first = rel_arena_calloc(r->scratch, x.count, sizeof(*l->first));
	l->rows = rel_arena_calloc(r->scratch, rows, sizeof(*l->rows));
	if (number == NULL || l->first == NULL || l->rows == NULL)
		return plan_nomem(r->p);
	for (size_t i = 0; i < before->count; i++) {
		const struct model_instr *in = before->v[i];
		if (in->op != MODEL_OP_LOAD_OBJECT_CODE)
			continue;
		size_t at = rel_index_find(&x, in->application)->value;
		if (at == i) {
			number[i] = l->count;
			l->first[l->count++] = in;
		}
		if (strcmp(before->v[at]->version, in->version) != 0)
			rc = conflict(r, before->v[at], in);
		add_rows(l, number[at], in);
	}
	unite(l);
	return rc;
}

static int
object_code(struct plan_run *r, const struct plan_list *before, struct plan_list *out)
{
	struct libs l = {0};
	if (collect_libs(r, before, &l) < 0)
		return -1;
	size_t k = 0;
	for (size_t n = 0; n < l.count; n++) {
		size_t end = k;
		while (end < l.row_count && l.rows[end].lib == n)
			end++;
		struct model_instr *i =
		    plan_list_new(r, out, MODEL_OP_LOAD_OBJECT_CODE, &l.first[n]->pos);
		if (i == NULL || plan_names_new(r, &i->modules, end - k) < 0)
			return -1;
		i->application = l.first[n]->application;
		i->version = l.first[n]->version;
		for (; k < end; k++) {
			if (l.rows[k].dropped)
				continue;
			i->modules.pos[i->modules.count] = *l.rows[k].pos;
			i->modules.names[i->modules.count++] = l.rows[k].module;
		}
	}
	return 0;
}

/* The first instruction of that kind; NULL: none. */
static const struct model_instr *
find_op(const struct plan_list *l, enum model_op op)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->v[i]->op == op)
			return l->v[i];
	return NULL;
}

/* A new runtime must be there before the new code; on the way down the older runtime starts at
 * the end, after the older code is in place. */
static int
put_together(struct plan_run *r, const struct plan_list *before, const struct plan_list *after,
    struct plan_list *out)
{
	static const struct rel_pos nowhere;
	const struct model_instr *anew = find_op(after, MODEL_OP_RESTART_NEW_RUNTIME);
	const struct model_instr *last = find_op(after, MODEL_OP_RESTART_RUNTIME);
	if (last == NULL && r->mode == MODEL_DOWN)
		last = anew;
	if (anew != NULL && r->mode == MODEL_UP && plan_list_add(r, out, anew) < 0)
		return -1;
	if (object_code(r, before, out) < 0)
		return -1;
	for (size_t i = 0; i < before->count; i++)
		if (before->v[i]->op != MODEL_OP_LOAD_OBJECT_CODE &&
		    plan_list_add(r, out, before->v[i]) < 0)
			return -1;
	if (plan_list_new(r, out, MODEL_OP_POINT_OF_NO_RETURN, &nowhere) == NULL)
		return -1;
	for (size_t i = 0; i < after->count; i++)
		if (after->v[i]->op != MODEL_OP_RESTART_NEW_RUNTIME &&
		    after->v[i]->op != MODEL_OP_RESTART_RUNTIME &&
		    plan_list_add(r, out, after->v[i]) < 0)
			return -1;
	if (last == NULL)
		return 0;
	return plan_list_new(r, out, MODEL_OP_RESTART_RUNTIME, &last->pos) == NULL ? -1 : 0;
}

int
plan_finish(struct plan_run *r, const struct plan_list *before, const struct plan_list *after,
    struct model_script *ret)
{
	struct plan_list out = {0};
	if (put_together(r, before, after, &out) < 0)
		return -1;
	struct model_script s = {.count = out.count, .mode = r->mode};
	s.instrs = plan_list_flat(r, r->arena, &out);
	if (s.instrs == NULL || model_script_check(&s, r->p) < 0)
		return -1;
	*ret = s;
	return 0;
}
