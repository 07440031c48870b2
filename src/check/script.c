/* SPDX-License-Identifier: Apache-2.0
 * What is allowed in a script and will be regretted: purges that are to kill, programs that cannot be undone.
 * Order is the model's own check.
 */
#include "config.h"

#include "check/check_priv.h"

static bool
kills(const struct model_instr *in)
{
	return in->pre_purge == MODEL_BRUTAL || in->post_purge == MODEL_BRUTAL ||
	    (in->op == MODEL_OP_PURGE && in->purge_kills);
}

/* One finding a script: to whom the first is news, the rest is in relup(7). */
void
check_runs(const struct model_relup *r, struct doc_problems *p)
{
	for (size_t i = 0; i < r->up_count + r->down_count; i++) {
		const struct model_relup_entry *e = i < r->up_count ? &r->up[i] : &r->down[i - r->up_count];
		size_t at = 0;
		while (at < e->script.count && model_op_runs(e->script.instrs[at].op))
			at++;
		if (at == e->script.count)
			continue;
		const struct model_instr *in = &e->script.instrs[at];
		doc_find(p, DOC_WARNING, &in->pos, REL_E_UNSUPPORTED,
		    "relupd of this version refuses the script %s %s: instruction %zu, %s, cannot be executed in a "
		    "running system", i < r->up_count ? "from" : "to", e->other, at + 1, model_op_name(in->op));
		if (in->op == MODEL_OP_REMOVE)
			doc_problem_hint(p, "in the appup, waive module %s on this way in place of its delete_module, and make the "
					    "relup again", in->module);
		else
			doc_problem_hint(p, "hosts go this way by a restart with the other release; see relup(7), LIMITS");
	}
}

void
check_script(const struct model_script *s, struct doc_problems *p)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct model_instr *in = &s->instrs[i];
		if (kills(in))
			doc_find(p, DOC_WARNING, &in->pos, REL_E_BRUTAL_PURGE,
			    "%s: a brutal purge ends who stays in the old code: where that is anybody the upgrade is blocked, "
			    "unless it is given `--purge brutal`", model_op_name(in->op));
		if (in->op == MODEL_OP_APPLY && in->undo_count == 0)
			doc_find(p, DOC_WARNING, &in->pos, REL_E_APPLY_NO_UNDO,
			    "apply %s has no undo: what it does stays when the upgrade is taken back",
			    in->command_count > 0 ? in->command[0] : "?");
	}
}
