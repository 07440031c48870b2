/* SPDX-License-Identifier: Apache-2.0
 * Each script is cut at its point of no return and all are joined; from there on the borders of
 * applications are gone, so that dependencies may cross them.  A load_object_code written after
 * the point (or in a script without one) moves before it: reading files comes first.
 */
#include "config.h"

#include "plan/plan_priv.h"

/* Checks that there is at most one point of no return; *ret is its place, or `count`. */
static int
find_point(struct plan_run *r, const struct plan_list *s, size_t *ret)
{
	int rc = 0;
	*ret = s->count;
	for (size_t i = 0; i < s->count; i++) {
		if (s->v[i]->op != MODEL_OP_POINT_OF_NO_RETURN)
			continue;
		if (*ret == s->count)
			*ret = i;
		else
			rc = plan_error(r->p, &s->v[i]->pos, REL_E_TOO_MANY_PONR,
			    "a second point_of_no_return in one script (the first is on line %u)",
			    s->v[*ret]->pos.line);
	}
	return rc;
}

static int
split_before(struct plan_run *r, const struct plan_list *s, size_t point, struct plan_list *before)
{
	int rc = 0;
	for (size_t i = 0; i < point; i++) {
		enum model_op op = s->v[i]->op;
		if (op == MODEL_OP_LOAD_OBJECT_CODE || op == MODEL_OP_APPLY)
			rc |= plan_list_add(r, before, s->v[i]);
		else
			rc = plan_error(r->p, &s->v[i]->pos, REL_E_BAD_OP_BEFORE_PONR,
			    "%s stands before the point of no return", model_op_name(op));
	}
	return rc;
}

static int
split_one(struct plan_run *r, const struct plan_list *s, struct plan_list *before,
    struct plan_list *after)
{
	size_t point;
	if (find_point(r, s, &point) < 0)
		return -1;
	bool cut = point != s->count;
	if (cut && split_before(r, s, point, before) < 0)
		return -1;
	for (size_t i = cut ? point + 1 : 0; i < s->count; i++) {
		struct plan_list *l = s->v[i]->op == MODEL_OP_LOAD_OBJECT_CODE ? before : after;
		if (plan_list_add(r, l, s->v[i]) < 0)
			return -1;
	}
	return 0;
}

int
plan_split(struct plan_run *r, const struct plan_list *scripts, size_t count,
    struct plan_list *ret_before, struct plan_list *ret_after)
{
	int rc = 0;
	*ret_before = *ret_after = (struct plan_list){0};
	for (size_t i = 0; i < count; i++)
		rc |= split_one(r, &scripts[i], ret_before, ret_after);
	return rc;
}

/* The checker of whole scripts, on what people wrote alone: a hand-written load must have its own
 * load_object_code, one that a high-level instruction brings does not count.  Restarts are left
 * out, because finish.c puts them where they belong. */
int
plan_split_check(struct plan_run *r, const struct plan_list *before, const struct plan_list *after)
{
	static const struct model_instr point = {.op = MODEL_OP_POINT_OF_NO_RETURN};
	struct plan_list low = {0};
	if (plan_list_join(r, &low, before) < 0 || plan_list_add(r, &low, &point) < 0)
		return -1;
	for (size_t i = 0; i < after->count; i++) {
		enum model_op op = after->v[i]->op;
		if (model_op_level(op) == MODEL_LOW && op != MODEL_OP_RESTART_NEW_RUNTIME &&
		    op != MODEL_OP_RESTART_RUNTIME && plan_list_add(r, &low, after->v[i]) < 0)
			return -1;
	}
	struct model_script s = {.count = low.count, .mode = r->mode};
	s.instrs = plan_list_flat(r, r->scratch, &low);
	return s.instrs == NULL ? -1 : model_script_check(&s, r->p);
}
