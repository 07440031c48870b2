/* SPDX-License-Identifier: Apache-2.0
 * Lists of instructions, and the way in which passes report errors.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plan/plan_priv.h"

int
plan_error(
    struct doc_problems *p, const struct rel_pos *pos, enum rel_ecode code, const char *fmt, ...)
{
	struct rel_err err = REL_ERR_INIT;
	char text[sizeof(err.text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rel_err_at(&err, pos, code, "%s", text);
	/* Bases that share an appup entry meet its errors again. */
	if (!doc_problems_has(p, &err))
		doc_problem_add(p, DOC_ERROR, &err);
	return -1;
}

int
plan_nomem(struct doc_problems *p)
{
	return plan_error(p, NULL, REL_E_NOMEM, "out of memory while the relup is made");
}

int
plan_list_add(struct plan_run *r, struct plan_list *l, const struct model_instr *i)
{
	if (l->count == l->cap) {
		size_t cap = l->cap != 0 ? l->cap * 2 : 16;
		const struct model_instr **v = rel_arena_calloc(r->scratch, cap, sizeof(*v));
		if (v == NULL)
			return plan_nomem(r->p);
		if (l->count != 0)
			memcpy(v, l->v, l->count * sizeof(*v));
		l->v = v;
		l->cap = cap;
	}
	l->v[l->count++] = i;
	return 0;
}

int
plan_list_join(struct plan_run *r, struct plan_list *l, const struct plan_list *more)
{
	for (size_t i = 0; i < more->count; i++)
		if (plan_list_add(r, l, more->v[i]) < 0)
			return -1;
	return 0;
}

struct model_instr *
plan_list_new(struct plan_run *r, struct plan_list *l, enum model_op op, const struct rel_pos *pos)
{
	struct model_instr *i = rel_arena_alloc(r->scratch, sizeof(*i));
	if (i == NULL) {
		plan_nomem(r->p);
		return NULL;
	}
	i->op = op;
	i->pos = *pos;
	i->timeout = MODEL_TIMEOUT_DEFAULT;
	i->drain = MODEL_TIMEOUT_DEFAULT;
	return plan_list_add(r, l, i) < 0 ? NULL : i;
}

int
plan_names_new(struct plan_run *r, struct model_names *names, size_t n)
{
	names->names = rel_arena_calloc(r->arena, n, sizeof(*names->names));
	names->pos = rel_arena_calloc(r->arena, n, sizeof(*names->pos));
	names->count = 0;
	return names->names == NULL || names->pos == NULL ? plan_nomem(r->p) : 0;
}

/* The arrays have room up to the next power of two. */
int
plan_names_add(
    struct plan_run *r, struct model_names *names, const char *name, const struct rel_pos *pos)
{
	size_t n = names->count;
	if ((n & (n - 1)) == 0) {
		struct model_names more;
		if (plan_names_new(r, &more, n != 0 ? 2 * n : 1) < 0)
			return -1;
		if (n != 0) {
			memcpy(more.names, names->names, n * sizeof(*more.names));
			memcpy(more.pos, names->pos, n * sizeof(*more.pos));
		}
		names->names = more.names;
		names->pos = more.pos;
	}
	names->names[n] = name;
	names->pos[n] = *pos;
	names->count++;
	return 0;
}

struct model_instr *
plan_list_flat(struct plan_run *r, struct rel_arena *a, const struct plan_list *l)
{
	struct model_instr *flat = rel_arena_calloc(a, l->count, sizeof(*flat));
	if (flat == NULL) {
		plan_nomem(r->p);
		return NULL;
	}
	for (size_t i = 0; i < l->count; i++)
		flat[i] = *l->v[i];
	return flat;
}

bool
plan_is_module_op(enum model_op op)
{
	return op == MODEL_OP_UPDATE || op == MODEL_OP_LOAD_MODULE || op == MODEL_OP_ADD_MODULE ||
	       op == MODEL_OP_DELETE_MODULE;
}
