/* SPDX-License-Identifier: Apache-2.0
 * The checks of a low-level script: see model.h.  One walk over the instructions with a state a
 * module; modules are numbered through a sorted index, so the walk is near linear.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "model/model_priv.h"

struct module_state {
	bool has_code; /* named in a load_object_code */
	const struct rel_pos *suspended, *stopped; /* where; NULL: it is not */
};

struct check {
	const struct model_script *s;
	struct doc_problems *p;
	struct rel_index modules;
	struct module_state *states;
	size_t suspended;         /* how many modules are */
	bool has_ponr;            /* somewhere */
	const struct rel_pos *ponr; /* seen so far */
};

/* ------------------------------------------------------------------ the modules named */
static size_t
names_in(const struct model_instr *i)
{
	return i->modules.count + i->suspend_count;
}

/* Of what changes a module's state: without it, a module has the state that all begin with. */
static void
add_names(struct rel_index *ix, const struct model_instr *i)
{
	if (i->op == MODEL_OP_LOAD_OBJECT_CODE || i->op == MODEL_OP_STOP)
		for (size_t k = 0; k < i->modules.count; k++)
			rel_index_add(ix, i->modules.names[k], 0);
	if (i->op == MODEL_OP_SUSPEND)
		for (size_t k = 0; k < i->suspend_count; k++)
			rel_index_add(ix, i->suspend[k].module, 0);
}

static int
number_modules(struct check *c)
{
	size_t n = 0;
	for (size_t i = 0; i < c->s->count; i++)
		n += names_in(&c->s->instrs[i]);
	if (rel_index_init(&c->modules, n) != 0)
		return -1;
	for (size_t i = 0; i < c->s->count; i++)
		add_names(&c->modules, &c->s->instrs[i]);
	rel_index_sort(&c->modules);
	c->states = calloc(c->modules.count + 1, sizeof(*c->states));
	return c->states != NULL ? 0 : -1;
}

/* One state a name: all entries of a name find the first of them; the last state is that of the others. */
static struct module_state *
state_of(struct check *c, const char *module)
{
	const struct rel_index_entry *e = rel_index_find(&c->modules, module);
	return &c->states[e != NULL ? (size_t)(e - c->modules.entries) : c->modules.count];
}

/* ------------------------------------------------------------------ one instruction */
static void
on_code(struct check *c, const struct model_instr *i)
{
	if (c->ponr != NULL)
		doc_problem(c->p, &i->pos, REL_E_BAD_INSTRUCTION,
		    "load_object_code stands before the point of no return");
	for (size_t k = 0; k < i->modules.count; k++)
		state_of(c, i->modules.names[k])->has_code = true;
}

static void
on_load(struct check *c, const struct model_instr *i)
{
	if (!state_of(c, i->module)->has_code)
		doc_problem(c->p, &i->pos, REL_E_NO_OBJECT_CODE,
		    "module %s is loaded, and no load_object_code before names it", i->module);
}

/* A suspend inside a bracket was reported for its place; its modules count as suspended all the
 * same, so that their resume is not reported too. */
static void
on_suspend(struct check *c, const struct model_instr *i)
{
	bool nested = c->suspended > 0;
	for (size_t k = 0; k < i->suspend_count; k++) {
		const struct model_suspend_item *item = &i->suspend[k];
		struct module_state *m = state_of(c, item->module);
		if (m->suspended != NULL) {
			if (!nested)
				doc_problem(c->p, &item->pos, REL_E_SUSPENDED_NOT_RESUMED,
				    "module %s is suspended twice", item->module);
			continue;
		}
		m->suspended = &item->pos;
		c->suspended++;
	}
}

static void
on_resume(struct check *c, const struct model_instr *i)
{
	for (size_t k = 0; k < i->modules.count; k++) {
		struct module_state *m = state_of(c, i->modules.names[k]);
		if (m->suspended == NULL) {
			doc_problem(c->p, &i->modules.pos[k], REL_E_RESUMED_NOT_SUSPENDED,
			    "module %s is resumed, and was not suspended before",
			    i->modules.names[k]);
			continue;
		}
		m->suspended = NULL;
		c->suspended--;
	}
}

static void
on_code_change(struct check *c, const struct model_instr *i)
{
	if (i->mode != c->s->mode) {
		doc_problem(c->p, &i->pos, REL_E_BAD_INSTRUCTION,
		    "code_change %s stands in a script that leads %s", model_mode_name(i->mode),
		    model_mode_name(c->s->mode));
		doc_problem_hint(c->p, "write `mode: %s`", model_mode_name(c->s->mode));
	}
	for (size_t k = 0; k < i->change_count; k++)
		if (state_of(c, i->changes[k].module)->suspended == NULL)
			doc_problem(c->p, &i->changes[k].pos, REL_E_CODE_CHANGE_NOT_SUSPENDED,
			    "code_change of module %s, which is not suspended",
			    i->changes[k].module);
}

static void
on_stop(struct check *c, const struct model_instr *i)
{
	for (size_t k = 0; k < i->modules.count; k++)
		state_of(c, i->modules.names[k])->stopped = &i->modules.pos[k];
}

static void
on_start(struct check *c, const struct model_instr *i)
{
	for (size_t k = 0; k < i->modules.count; k++) {
		struct module_state *m = state_of(c, i->modules.names[k]);
		if (m->stopped == NULL)
			doc_problem(c->p, &i->modules.pos[k], REL_E_STARTED_NOT_STOPPED,
			    "module %s is started, and was not stopped before",
			    i->modules.names[k]);
		m->stopped = NULL;
	}
}

/* Some ops have a rule of their own; the others only stand in a right or wrong place. */
static void (*const rules[MODEL_OP__COUNT])(struct check *, const struct model_instr *) = {
    [MODEL_OP_LOAD_OBJECT_CODE] = on_code,
    [MODEL_OP_LOAD] = on_load,
    [MODEL_OP_SUSPEND] = on_suspend,
    [MODEL_OP_RESUME] = on_resume,
    [MODEL_OP_CODE_CHANGE] = on_code_change,
    [MODEL_OP_STOP] = on_stop,
    [MODEL_OP_START] = on_start,
};

static bool
may_stand_before(enum model_op op)
{
	return op == MODEL_OP_LOAD_OBJECT_CODE || op == MODEL_OP_APPLY ||
	    op == MODEL_OP_RESTART_NEW_RUNTIME || op == MODEL_OP_POINT_OF_NO_RETURN;
}

static bool
may_stand_in_bracket(enum model_op op)
{
	return op == MODEL_OP_LOAD || op == MODEL_OP_REMOVE || op == MODEL_OP_CODE_CHANGE ||
	    op == MODEL_OP_PURGE || op == MODEL_OP_RESUME;
}

/* False: the instruction has no place there, and its own rule would only say so again. */
static bool
check_place(struct check *c, size_t at)
{
	const struct model_instr *i = &c->s->instrs[at];
	const char *name = model_op_name(i->op);
	if (model_op_level(i->op) == MODEL_HIGH) {
		doc_problem(c->p, &i->pos, REL_E_BAD_INSTRUCTION,
		    "%s stands in an appup.yaml, not in a script", name);
		return false;
	}
	if (i->op == MODEL_OP_RESTART_NEW_RUNTIME && at != 0)
		doc_problem(c->p, &i->pos, REL_E_BAD_INSTRUCTION,
		    "%s is the first instruction of a script or not there", name);
	if (i->op == MODEL_OP_RESTART_RUNTIME && at + 1 != c->s->count)
		doc_problem(c->p, &i->pos, REL_E_BAD_INSTRUCTION,
		    "%s is the last instruction of a script or not there", name);
	if (c->has_ponr && c->ponr == NULL && !may_stand_before(i->op)) {
		doc_problem(c->p, &i->pos, REL_E_BAD_OP_BEFORE_PONR,
		    "%s stands before the point of no return", name);
	} else if (c->suspended > 0 && !may_stand_in_bracket(i->op)) {
		doc_problem(c->p, &i->pos, REL_E_BAD_OP_WHILE_SUSPENDED,
		    "%s stands between a suspend and its resume", name);
	}
	return true;
}

static void
check_instr(struct check *c, size_t at)
{
	const struct model_instr *i = &c->s->instrs[at];
	if (!check_place(c, at))
		return;
	if (i->op == MODEL_OP_POINT_OF_NO_RETURN) {
		if (c->ponr != NULL)
			doc_problem(c->p, &i->pos, REL_E_TOO_MANY_PONR,
			    "a second point_of_no_return");
		c->ponr = &i->pos;
	}
	if (rules[i->op] != NULL)
		rules[i->op](c, i);
}

/* ------------------------------------------------------------------ the whole */
static void
check_has_ponr(struct check *c)
{
	static const struct rel_pos nowhere = {0};
	for (size_t i = 0; i < c->s->count; i++)
		if (c->s->instrs[i].op == MODEL_OP_POINT_OF_NO_RETURN)
			c->has_ponr = true;
	if (c->has_ponr)
		return;
	/* One problem: without the point, nothing stands before it. */
	doc_problem(c->p, c->s->count > 0 ? &c->s->instrs[0].pos : &nowhere, REL_E_BAD_RELUP,
	    "the script has no point_of_no_return");
	doc_problem_hint(c->p, "an empty script is [point_of_no_return]");
}

static void
check_end(struct check *c)
{
	for (size_t i = 0; i < c->modules.count; i++) {
		const char *name = c->modules.entries[i].name;
		if (c->states[i].suspended != NULL)
			doc_problem(c->p, c->states[i].suspended, REL_E_SUSPENDED_NOT_RESUMED,
			    "module %s is suspended and never resumed", name);
		if (c->states[i].stopped != NULL)
			doc_problem(c->p, c->states[i].stopped, REL_E_STOPPED_NOT_STARTED,
			    "module %s is stopped and never started", name);
	}
}

int
model_script_check(const struct model_script *s, struct doc_problems *p)
{
	struct check c = {.s = s, .p = p};
	size_t before = p->errors;
	if (number_modules(&c) == 0) {
		check_has_ponr(&c);
		for (size_t i = 0; i < s->count; i++)
			check_instr(&c, i);
		check_end(&c);
	} else {
		struct rel_err err = REL_ERR_INIT;
		rel_err_nomem(&err);
		doc_problem_add(p, DOC_ERROR, &err);
	}
	rel_index_fini(&c.modules);
	free(c.states);
	return p->errors == before ? 0 : -1;
}

int
model_script_check_timeouts(const struct model_script *s, struct doc_problems *p)
{
	size_t before = p->errors;
	for (size_t i = 0; i < s->count; i++) {
		const struct model_instr *in = &s->instrs[i];
		for (size_t k = 0; k < in->suspend_count; k++) {
			const struct model_suspend_item *item = &in->suspend[k];
			if (item->timeout != DUR_INFINITY || item->barrier == MODEL_BARRIER_WORKER)
				continue;
			doc_problem(p, &item->pos, REL_E_BAD_VALUE,
			    "module %s: the timeout infinity needs `barrier: worker`",
			    item->module);
			doc_problem_hint(p, "others of the group would wait at rest without end");
		}
	}
	return p->errors == before ? 0 : -1;
}
