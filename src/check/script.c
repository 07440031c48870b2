/* SPDX-License-Identifier: Apache-2.0
 * What is allowed in a script and will be regretted: purges that kill, programs that cannot be undone.
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

void
check_script(const struct model_script *s, struct doc_problems *p)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct model_instr *in = &s->instrs[i];
		if (kills(in))
			doc_find(p, DOC_WARNING, &in->pos, REL_E_BRUTAL_PURGE,
			    "%s: a brutal purge kills who still runs old code", model_op_name(in->op));
		if (in->op == MODEL_OP_APPLY && in->undo_count == 0)
			doc_find(p, DOC_WARNING, &in->pos, REL_E_APPLY_NO_UNDO,
			    "apply %s has no undo: what it does stays when the upgrade is taken back",
			    in->command_count > 0 ? in->command[0] : "?");
	}
}
