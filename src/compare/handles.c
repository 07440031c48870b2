/* SPDX-License-Identifier: Apache-2.0
 * What a script takes care of.
 */
#include "config.h"

#include <string.h>

#include "compare/compare.h"

bool
compare_imports(const struct elf_module *m, const char *module)
{
	const struct elf_table *t = m != NULL ? elf_module_table(m) : NULL;
	for (size_t i = 0; t != NULL && i < t->import_count; i++)
		if (strcmp(t->imports[i].module, module) == 0)
			return true;
	return false;
}

const struct model_instr *
compare_instr_of(const struct model_script *s, const char *module)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->instrs[i].module != NULL && strcmp(s->instrs[i].module, module) == 0)
			return &s->instrs[i];
	return NULL;
}

bool
compare_calls_change(const struct model_script *s, const char *module)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct model_instr *in = &s->instrs[i];
		if (in->op == MODEL_OP_UPDATE && in->advanced && strcmp(in->module, module) == 0)
			return true;
		for (size_t k = 0; k < in->change_count; k++)
			if (strcmp(in->changes[k].module, module) == 0)
				return true;
	}
	return false;
}

static bool
has_op(const struct model_script *s, enum model_op op)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->instrs[i].op == op)
			return true;
	return false;
}

bool
compare_converts(const struct model_script *s, const char *module)
{
	/* Workers of an application that is restarted begin with a state of their own. */
	return has_op(s, MODEL_OP_RESTART_APPLICATION) || compare_calls_change(s, module);
}

bool
compare_handles_child(const struct model_script *s, const char *child)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->instrs[i].op == MODEL_OP_RESTART_WORKER && strcmp(s->instrs[i].child, child) == 0)
			return true;
	return has_op(s, MODEL_OP_RESTART_APPLICATION);
}

bool
compare_handles_supervisor(const struct model_script *s)
{
	return has_op(s, MODEL_OP_UPDATE_SUPERVISOR) || has_op(s, MODEL_OP_RESTART_APPLICATION);
}

/* ------------------------------------------------------------------ modules */
struct restarted {
	const struct model_script *script;
	const char *module;
	size_t children, restarted;
};

static void
count_restarted(void *ctx, const struct model_child *child)
{
	struct restarted *r = ctx;
	if (child->module == NULL || strcmp(child->module, r->module) != 0)
		return;
	r->children++;
	r->restarted += compare_handles_child(r->script, child->id);
}

bool
compare_handles_module(const struct compare *c, const struct model_script *s, const char *module, bool goes)
{
	struct restarted r = {.script = s, .module = module};
	for (size_t i = 0; i < s->count; i++) {
		const struct model_instr *in = &s->instrs[i];
		bool deletes = in->op == MODEL_OP_DELETE_MODULE || in->op == MODEL_OP_REMOVE;
		if (in->module != NULL && strcmp(in->module, module) == 0 && deletes == goes)
			return true;
	}
	if (has_op(s, MODEL_OP_RESTART_APPLICATION))
		return true;
	compare_each_child(&c->new->app->supervisor, count_restarted, &r);
	return r.children > 0 && r.children == r.restarted;
}

/* ------------------------------------------------------------------ brackets */
/* Groups by propagation. */
bool
compare_one_bracket(const struct model_script *s, const char *a, const char *b)
{
	size_t groups[512];
	size_t n = s->count < NELEM(groups) ? s->count : NELEM(groups);
	for (size_t i = 0; i < n; i++) {
		if (s->instrs[i].op == MODEL_OP_SUSPEND)
			return true; /* written by hand: whoever writes brackets knows them */
		groups[i] = i;
	}
	for (bool moves = true; moves;) {
		moves = false;
		for (size_t i = 0; i < n; i++)
			for (size_t k = 0; k < n; k++) {
				const struct model_instr *x = &s->instrs[i], *y = &s->instrs[k];
				if (y->module == NULL || groups[i] == groups[k] ||
				    model_op_level(x->op) != MODEL_HIGH || !model_names_has(&x->modules, y->module))
					continue;
				size_t low = groups[i] < groups[k] ? groups[i] : groups[k];
				groups[i] = groups[k] = low;
				moves = true;
			}
	}
	const struct model_instr *x = compare_instr_of(s, a), *y = compare_instr_of(s, b);
	return x != NULL && y != NULL && x < s->instrs + n && y < s->instrs + n &&
	    groups[x - s->instrs] == groups[y - s->instrs];
}
