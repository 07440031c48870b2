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

static bool
has_op(const struct model_script *s, enum model_op op)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->instrs[i].op == op)
			return true;
	return false;
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
