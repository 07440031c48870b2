/* SPDX-License-Identifier: Apache-2.0
 * From low-level instructions to steps.  A bracket runs from a suspend to the resume that sets the
 * last suspended module free; a load outside of any bracket is a bracket of its own in which every
 * worker decides for itself (barrier: worker).
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "exec/exec.h"

#define SCRIPT_LIMIT (64u * 1024u * 1024u)

struct compiler {
	struct exec_script *out;
	struct exec_step *open;       /* the bracket under way; NULL: none */
	size_t suspended;             /* modules of it not yet resumed */
	struct rel_err *err;
};

/* Names of one step: counted beforehand, so that a long script does not cost its square. */
static int
step_open(struct compiler *c, const struct model_script *s, size_t at)
{
	struct exec_step *st = &c->out->steps[c->out->step_count];
	size_t loads = 0, suspends = 0, changes = 0, resumes = 0;
	for (size_t i = at; i < s->count; i++) {
		const struct model_instr *in = &s->instrs[i];
		loads += in->op == MODEL_OP_LOAD;
		suspends += in->suspend_count;
		changes += in->change_count;
		resumes += in->op == MODEL_OP_RESUME ? in->modules.count : 0;
		if (suspends == resumes)
			break;
	}
	struct rel_arena *a = c->out->arena;
	st->loads = rel_arena_calloc(a, loads, sizeof(*st->loads));
	st->brutal = rel_arena_calloc(a, loads, sizeof(*st->brutal));
	st->suspends = rel_arena_calloc(a, suspends, sizeof(*st->suspends));
	st->changes = rel_arena_calloc(a, changes, sizeof(*st->changes));
	st->undo_changes = rel_arena_calloc(a, changes, sizeof(*st->undo_changes));
	if (st->loads == NULL || st->brutal == NULL || st->suspends == NULL || st->changes == NULL ||
	    st->undo_changes == NULL)
		return rel_err_nomem(c->err);
	st->index = (unsigned)at;
	st->suspend_timeout = EXEC_SUSPEND_TIMEOUT;
	c->open = st;
	return 0;
}

static void
step_close(struct compiler *c)
{
	c->open = NULL;
	c->out->step_count++;
}

static int
on_suspend(struct compiler *c, const struct model_script *s, size_t at)
{
	const struct model_instr *in = &s->instrs[at];
	if (c->open == NULL && step_open(c, s, at) != 0)
		return -1;
	struct exec_step *st = c->open;
	dur_ns_t longest = 0;
	size_t by_worker = 0;
	for (size_t i = 0; i < in->suspend_count; i++) {
		const struct model_suspend_item *it = &in->suspend[i];
		st->suspends[st->suspend_count++] = it->module;
		dur_ns_t t = it->timeout == MODEL_TIMEOUT_DEFAULT ? EXEC_SUSPEND_TIMEOUT : it->timeout;
		longest = t > longest ? t : longest;
		by_worker += it->barrier == MODEL_BARRIER_WORKER;
	}
	/* One word cannot be both: the stricter barrier wins where a group mixes them. */
	bool first = st->suspend_count == in->suspend_count;
	st->barrier_worker = by_worker == in->suspend_count && (first || st->barrier_worker);
	st->suspend_timeout = first || longest > st->suspend_timeout ? longest : st->suspend_timeout;
	c->suspended += in->suspend_count;
	return 0;
}

static int
on_load(struct compiler *c, const struct model_script *s, size_t at)
{
	bool bare = c->open == NULL;
	if (bare && step_open(c, s, at) != 0)
		return -1;
	const struct model_instr *in = &s->instrs[at];
	c->open->brutal[c->open->load_count] = in->pre_purge == MODEL_BRUTAL || in->post_purge == MODEL_BRUTAL;
	c->open->loads[c->open->load_count++] = in->module;
	if (bare) {
		c->open->barrier_worker = true;
		step_close(c);
	}
	return 0;
}

static json_t *
extra_json(const struct doc_node *extra)
{
	return extra != NULL ? doc_to_json(extra) : json_null();
}

static int
on_code_change(struct compiler *c, const struct model_instr *in)
{
	MUST(c->open != NULL); /* model_script_check: code_change_not_suspended */
	struct exec_step *st = c->open;
	for (size_t i = 0; i < in->change_count; i++) {
		struct exec_change *ch = &st->changes[st->change_count];
		ch->module = in->changes[i].module;
		ch->mode = in->mode;
		ch->extra = extra_json(in->changes[i].extra);
		if (ch->extra == NULL)
			return rel_err_nomem(c->err);
		st->change_count++;
	}
	return 0;
}

static void
on_resume(struct compiler *c, const struct model_instr *in)
{
	c->suspended -= in->modules.count;
	if (c->suspended == 0)
		step_close(c);
}

/* A suspend, code_change or resume of an empty list, as a person may write it: nothing to do, and
 * nothing that opens or ends a bracket. */
static bool
names_nobody(const struct model_instr *in)
{
	return (in->op == MODEL_OP_SUSPEND && in->suspend_count == 0) ||
	    (in->op == MODEL_OP_CODE_CHANGE && in->change_count == 0) ||
	    (in->op == MODEL_OP_RESUME && in->modules.count == 0);
}

static int
instruction(struct compiler *c, const struct model_script *s, size_t at)
{
	const struct model_instr *in = &s->instrs[at];
	if (in->op == MODEL_OP_LOAD_OBJECT_CODE) {
		c->out->objects[c->out->object_count++] = in;
		return 0;
	}
	if (in->op == MODEL_OP_POINT_OF_NO_RETURN || names_nobody(in))
		return 0;
	if (in->op == MODEL_OP_SUSPEND)
		return on_suspend(c, s, at);
	if (in->op == MODEL_OP_LOAD)
		return on_load(c, s, at);
	if (in->op == MODEL_OP_CODE_CHANGE)
		return on_code_change(c, in);
	if (in->op == MODEL_OP_RESUME) {
		on_resume(c, in);
		return 0;
	}
	rel_err_at(c->err, &in->pos, REL_E_UNSUPPORTED,
	    "instruction %zu, %s, cannot be executed in a running system by this version of relup",
	    at + 1, model_op_name(in->op));
	return -1;
}

/* ------------------------------------------------------------------ the way back */

/* The code_change of a module in the opposite script, whichever bracket holds it. */
static const struct model_change_item *
opposite_change(const struct model_script *back, const char *module)
{
	for (size_t i = 0; back != NULL && i < back->count; i++)
		for (size_t k = 0; k < back->instrs[i].change_count; k++)
			if (strcmp(back->instrs[i].changes[k].module, module) == 0)
				return &back->instrs[i].changes[k];
	return NULL;
}

static int
fill_undo(struct exec_step *st, const struct model_script *back, struct rel_err *err)
{
	for (size_t i = 0; i < st->change_count; i++) {
		const struct exec_change *ch = &st->changes[i];
		const struct model_change_item *o = opposite_change(back, ch->module);
		if (o == NULL) {
			st->undo_missing = true;
			continue;
		}
		struct exec_change *u = &st->undo_changes[st->undo_count];
		u->module = ch->module;
		u->mode = ch->mode == MODEL_UP ? MODEL_DOWN : MODEL_UP;
		u->extra = extra_json(o->extra);
		if (u->extra == NULL)
			return rel_err_nomem(err);
		st->undo_count++;
	}
	return 0;
}

static struct exec_script *
script_new(const struct model_script *s)
{
	struct exec_script *x = calloc(1, sizeof(*x));
	if (x == NULL)
		return NULL;
	x->arena = rel_arena_new(SCRIPT_LIMIT);
	if (x->arena != NULL) {
		x->steps = rel_arena_calloc(x->arena, s->count + 1, sizeof(*x->steps));
		x->objects = rel_arena_calloc(x->arena, s->count + 1, sizeof(*x->objects));
	}
	if (x->arena == NULL || x->steps == NULL || x->objects == NULL)
		exec_script_free(&x);
	return x;
}

int
exec_compile(const struct model_script *forward, const struct model_script *back,
    struct exec_script **ret, struct rel_err *err)
{
	CLEANUP(exec_script_free) struct exec_script *x = script_new(forward);
	if (x == NULL)
		return rel_err_nomem(err);
	struct compiler c = {.out = x, .err = err};
	for (size_t i = 0; i < forward->count; i++)
		if (instruction(&c, forward, i) != 0) {
			if (c.open != NULL)
				x->step_count++; /* so that its values are freed */
			return -1;
		}
	MUST(c.open == NULL); /* model_script_check: suspended_not_resumed */
	for (size_t i = 0; i < x->step_count; i++)
		if (fill_undo(&x->steps[i], back, err) != 0)
			return -1;
	*ret = MOVE(x);
	return 0;
}

void
exec_script_free(struct exec_script **sp)
{
	struct exec_script *x = *sp;
	*sp = NULL;
	if (x == NULL)
		return;
	for (size_t i = 0; i < x->step_count; i++) {
		struct exec_step *st = &x->steps[i];
		for (size_t k = 0; k < st->change_count; k++)
			json_decref(st->changes[k].extra);
		for (size_t k = 0; k < st->undo_count; k++)
			json_decref(st->undo_changes[k].extra);
	}
	rel_arena_free(&x->arena);
	free(x);
}

static bool
among(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return false;
}

bool
exec_step_loads(const struct exec_step *st, const char *module)
{
	return among(st->loads, st->load_count, module);
}

bool
exec_step_names(const struct exec_step *st, const char *module)
{
	if (among(st->loads, st->load_count, module) || among(st->suspends, st->suspend_count, module))
		return true;
	for (size_t i = 0; i < st->change_count; i++)
		if (strcmp(st->changes[i].module, module) == 0)
			return true;
	return false;
}

/* ------------------------------------------------------------------ for people */

static int
add_text(json_t *list, const json_t *loaded, const char *what, const char *module)
{
	size_t i;
	json_t *m;
	json_array_foreach (loaded, i, m) {
		const char *name = json_string_value(json_object_get(m, "module"));
		if (name != NULL && strcmp(name, module) == 0)
			return json_array_append_new(list, json_sprintf("%s %s", what, module));
	}
	return 0;
}

json_t *
exec_script_texts(const struct model_script *s, const json_t *loaded)
{
	json_t *list = json_array();
	int rc = list == NULL ? -1 : 0;
	for (size_t i = 0; rc == 0 && i < s->count; i++) {
		const struct model_instr *in = &s->instrs[i];
		for (size_t k = 0; k < in->suspend_count; k++)
			rc |= add_text(list, loaded, "suspend", in->suspend[k].module);
		if (in->op == MODEL_OP_LOAD)
			rc |= add_text(list, loaded, "load", in->module);
		for (size_t k = 0; k < in->change_count; k++)
			rc |= add_text(list, loaded, "code_change", in->changes[k].module);
		for (size_t k = 0; in->op == MODEL_OP_RESUME && k < in->modules.count; k++)
			rc |= add_text(list, loaded, "resume", in->modules.names[k]);
	}
	if (rc == 0)
		return list;
	json_decref(list);
	return NULL;
}
