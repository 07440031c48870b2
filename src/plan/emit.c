/* SPDX-License-Identifier: Apache-2.0
 * After, high level → low level.  The walk copies what is no module instruction; the first member
 * of a group brings the whole group, so that an instruction written between two members runs after
 * them all.
 *
 * A group, with U its updates in dependency order (dependents first, in both directions):
 *	up:   suspend U, load reverse, code_change U, resume reverse U
 *	down: suspend U, code_change dynamic U, load, code_change static U, resume reverse U
 * On the way down the newer code's code_change runs before the older code comes back, but for a
 * static module, whose worker stays in the code it was started with until it is told.
 */
#include "config.h"

#include "plan/plan_priv.h"

struct group {
	const struct model_instr **v; /* in dependency order */
	size_t count;
	size_t updates;
	const struct rel_pos *pos; /* of its first update, or first member */
};

static bool
is_update(const struct model_instr *i)
{
	return i->op == MODEL_OP_UPDATE;
}

static struct group
group_get(const struct plan_graph *g, size_t k)
{
	struct group gr = {.v = &g->members[g->group_start[k]]};
	gr.count = g->group_start[k + 1] - g->group_start[k];
	for (size_t i = gr.count; i-- > 0;) {
		if (!is_update(gr.v[i]))
			continue;
		gr.updates++;
		gr.pos = &gr.v[i]->pos;
	}
	if (gr.pos == NULL)
		gr.pos = &gr.v[0]->pos;
	return gr;
}

/* ------------------------------------------------------------------ one instruction each */
/* The owner need not be the application whose appup names the module.  `*loc` is the last
 * load_object_code made; it takes the next module of the same application too. */
static int
emit_object_code(struct plan_run *r, const struct model_instr *i, struct model_instr **loc,
    struct plan_list *before)
{
	if (i->op == MODEL_OP_DELETE_MODULE)
		return 0;
	const struct model_app *owner = plan_side_owner(r->reached, i->module);
	if (owner == NULL)
		return plan_error(r->p, &i->pos, REL_E_NO_SUCH_MODULE,
		    "%s: no application of release %s ships module \"%s\"", model_op_name(i->op),
		    r->reached->sys->release->version, i->module);
	if (*loc == NULL || (*loc)->application != owner->application) {
		*loc = plan_list_new(r, before, MODEL_OP_LOAD_OBJECT_CODE, &i->pos);
		if (*loc == NULL)
			return -1;
		(*loc)->application = owner->application;
		(*loc)->version = owner->version;
	}
	return plan_names_add(r, &(*loc)->modules, i->module, &i->pos);
}

static int
emit_suspend(struct plan_run *r, const struct group *g, struct plan_list *out)
{
	struct model_instr *s = plan_list_new(r, out, MODEL_OP_SUSPEND, g->pos);
	if (s == NULL)
		return -1;
	s->suspend = rel_arena_calloc(r->arena, g->updates, sizeof(*s->suspend));
	if (s->suspend == NULL)
		return plan_nomem(r->p);
	for (size_t i = 0; i < g->count; i++)
		if (is_update(g->v[i]))
			s->suspend[s->suspend_count++] = (struct model_suspend_item){
			    .module = g->v[i]->module,
			    .timeout = g->v[i]->timeout,
			    .barrier = g->v[i]->barrier,
			    .pos = g->v[i]->pos,
			};
	return 0;
}

static int
emit_resume(struct plan_run *r, const struct group *g, struct plan_list *out)
{
	struct model_instr *s = plan_list_new(r, out, MODEL_OP_RESUME, g->pos);
	if (s == NULL || plan_names_new(r, &s->modules, g->updates) < 0)
		return -1;
	for (size_t i = g->count; i-- > 0;) {
		if (!is_update(g->v[i]))
			continue;
		s->modules.pos[s->modules.count] = g->v[i]->pos;
		s->modules.names[s->modules.count++] = g->v[i]->module;
	}
	return 0;
}

static bool
changes(const struct model_instr *i, bool dynamics, bool statics)
{
	return is_update(i) && i->advanced && (i->type == MODEL_DYNAMIC ? dynamics : statics);
}

static int
emit_code_change(
    struct plan_run *r, const struct group *g, bool dynamics, bool statics, struct plan_list *out)
{
	size_t n = 0;
	for (size_t i = 0; i < g->count; i++)
		n += changes(g->v[i], dynamics, statics);
	if (n == 0)
		return 0;
	struct model_instr *c = plan_list_new(r, out, MODEL_OP_CODE_CHANGE, g->pos);
	if (c == NULL)
		return -1;
	c->mode = r->mode;
	c->changes = rel_arena_calloc(r->arena, n, sizeof(*c->changes));
	if (c->changes == NULL)
		return plan_nomem(r->p);
	for (size_t i = 0; i < g->count; i++)
		if (changes(g->v[i], dynamics, statics))
			c->changes[c->change_count++] = (struct model_change_item){
			    .module = g->v[i]->module,
			    .extra = g->v[i]->extra,
			    .pos = g->v[i]->pos,
			};
	return 0;
}

/* The killing purge follows its remove directly, whichever way the list runs. */
static int
emit_delete(struct plan_run *r, const struct model_instr *i, struct plan_list *out)
{
	struct model_instr *rm = plan_list_new(r, out, MODEL_OP_REMOVE, &i->pos);
	if (rm == NULL)
		return -1;
	rm->module = i->module;
	rm->pre_purge = rm->post_purge = i->post_purge;
	if (i->post_purge != MODEL_BRUTAL)
		return 0;
	struct model_instr *p = plan_list_new(r, out, MODEL_OP_PURGE, &i->pos);
	if (p == NULL)
		return -1;
	p->post_purge = MODEL_BRUTAL;
	p->purge_kills = true;
	return plan_names_add(r, &p->modules, i->module, &i->pos);
}

static int
emit_load(struct plan_run *r, const struct model_instr *i, struct plan_list *out)
{
	if (i->op == MODEL_OP_DELETE_MODULE)
		return emit_delete(r, i, out);
	struct model_instr *l = plan_list_new(r, out, MODEL_OP_LOAD, &i->pos);
	if (l == NULL)
		return -1;
	l->module = i->module;
	l->pre_purge = i->pre_purge;
	l->post_purge = i->post_purge;
	return 0;
}

/* ------------------------------------------------------------------ one group */
static int
emit_loads(struct plan_run *r, const struct group *g, bool reverse, struct plan_list *out)
{
	for (size_t i = 0; i < g->count; i++)
		if (emit_load(r, g->v[reverse ? g->count - 1 - i : i], out) < 0)
			return -1;
	return 0;
}

static int
emit_up(struct plan_run *r, const struct group *g, struct plan_list *out)
{
	if (emit_loads(r, g, true, out) < 0)
		return -1;
	return emit_code_change(r, g, true, true, out);
}

static int
emit_down(struct plan_run *r, const struct group *g, struct plan_list *out)
{
	if (emit_code_change(r, g, true, false, out) < 0 || emit_loads(r, g, false, out) < 0)
		return -1;
	return emit_code_change(r, g, false, true, out);
}

static int
emit_group(struct plan_run *r, const struct group *g, struct model_instr **loc,
    struct plan_list *before, struct plan_list *out)
{
	int rc = 0;
	for (size_t i = 0; i < g->count; i++)
		rc |= emit_object_code(r, g->v[i], loc, before);
	if (rc < 0 || (g->updates > 0 && emit_suspend(r, g, out) < 0))
		return -1;
	if ((r->mode == MODEL_UP ? emit_up(r, g, out) : emit_down(r, g, out)) < 0)
		return -1;
	return g->updates > 0 ? emit_resume(r, g, out) : 0;
}

int
plan_emit(struct plan_run *r, const struct plan_list *after, const struct plan_graph *g,
    struct plan_list *before, struct plan_list *ret)
{
	int rc = 0;
	size_t node = 0, emitted = 0;
	struct model_instr *loc = NULL;
	*ret = (struct plan_list){0};
	for (size_t i = 0; i < after->count; i++) {
		if (!plan_is_module_op(after->v[i]->op)) {
			rc |= plan_list_add(r, ret, after->v[i]);
			continue;
		}
		/* Groups are numbered by their first member: a new one is always the next. */
		size_t k = g->group_of[node++];
		if (k < emitted)
			continue;
		MUST(k == emitted);
		struct group gr = group_get(g, emitted++);
		rc |= emit_group(r, &gr, &loc, before, ret);
	}
	return rc;
}
