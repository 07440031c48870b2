/* SPDX-License-Identifier: Apache-2.0
 * Coverage: what differs between two versions is handled by an instruction of the appup, in both
 * directions, or waived with a reason.  What is named although it does not differ is told too.
 */
#include "config.h"

#include <string.h>

#include "check/check_priv.h"

/* ------------------------------------------------------------------ waivers */
static bool
same_name(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool
waived(const struct check_way *w, const struct model_waiver *what)
{
	for (size_t i = 0; i < w->e->waiver_count; i++) {
		const struct model_waiver *v = &w->e->waivers[i];
		if (same_name(v->module, what->module) || same_name(v->child, what->child) ||
		    same_name(v->depends, what->depends) || same_name(v->application, what->application))
			return true;
	}
	return false;
}

static const char *
way(const struct check_way *w)
{
	return w->mode == MODEL_UP ? "up from" : "down to";
}

/* ------------------------------------------------------------------ what differs */
static bool
goes(const struct check_way *w, const struct compare_module *m)
{
	return m->what == (w->mode == MODEL_UP ? COMPARE_DELETED : COMPARE_ADDED);
}

static void
modules(const struct check_way *w)
{
	for (size_t i = 0; i < w->c->module_count; i++) {
		const struct compare_module *m = &w->c->modules[i];
		if (compare_handles_module(w->c, &w->e->script, m->module, goes(w, m)) ||
		    waived(w, &(struct model_waiver){.module = m->module}))
			continue;
		doc_find(w->p, DOC_ERROR, &w->e->pos, REL_E_MODULE_NOT_COVERED,
		    "module %s %s, and no instruction of the way %s %s %s", m->module,
		    m->what == COMPARE_CHANGED ? "changes" : goes(w, m) ? "goes" : "comes", way(w),
		    w->c->old->app->version, goes(w, m) ? "deletes it" : "loads it");
	}
}

static void
children(const struct check_way *w)
{
	const struct model_script *s = &w->e->script;
	for (size_t i = 0; i < w->c->child_count; i++) {
		const struct compare_child *c = &w->c->children[i];
		bool restart = c->what == COMPARE_CHANGED && c->anew;
		if ((compare_handles_supervisor(s) && (!restart || compare_handles_child(s, c->id))) ||
		    waived(w, &(struct model_waiver){.child = c->id}))
			continue;
		doc_find(w->p, DOC_ERROR, &w->e->pos, REL_E_CHILD_NOT_COVERED, "child %s %s%s%s%s, and the way %s %s has no %s",
		    c->id, c->what == COMPARE_CHANGED ? "changes" : "comes or goes", c->how[0] != '\0' ? " (" : "",
		    c->how, c->how[0] != '\0' ? ")" : "", way(w), w->c->old->app->version,
		    compare_handles_supervisor(s) ? "restart_worker of it" : "update_supervisor");
	}
}

static void
supervisor(const struct check_way *w)
{
	if (w->c->flags[0] == '\0' || compare_handles_supervisor(&w->e->script) ||
	    waived(w, &(struct model_waiver){.application = w->c->new->app->application}))
		return;
	doc_find(w->p, DOC_ERROR, &w->e->pos, REL_E_SUP_NOT_COVERED,
	    "the supervisor changes (%s), and the way %s %s has no update_supervisor", w->c->flags, way(w),
	    w->c->old->app->version);
}

/* The release's start order follows the new list by itself; whether that is enough, a person says. */
static bool
handles_dependency(const struct model_script *s, const char *application)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct model_instr *in = &s->instrs[i];
		if (in->op == MODEL_OP_RESTART_APPLICATION)
			return true;
		if ((in->op == MODEL_OP_ADD_APPLICATION || in->op == MODEL_OP_REMOVE_APPLICATION) &&
		    same_name(in->application, application))
			return true;
	}
	return false;
}

static void
dependencies(const struct check_way *w)
{
	for (size_t i = 0; i < w->c->depends.count; i++) {
		const struct compare_key *k = &w->c->depends.list[i];
		bool comes = (k->what == COMPARE_ADDED) == (w->mode == MODEL_UP);
		if (handles_dependency(&w->e->script, k->key) ||
		    waived(w, &(struct model_waiver){.depends = k->key}))
			continue;
		doc_find(w->p, DOC_ERROR, &w->e->pos, REL_E_DEPENDS_NOT_COVERED,
		    "the dependency on %s %s, and nothing in the way %s %s answers to it", k->key,
		    comes ? "comes" : "goes", way(w), w->c->old->app->version);
	}
}

/* ------------------------------------------------------------------ what does not */
/* The code_change of a callback module that stays is called where one that it uses changes: it may well have
 * something to do then, such as to convert the parts that it holds of it. */
static bool
hears_of_another(const struct check_way *w, const struct model_instr *in)
{
	bool uses = false;
	for (size_t i = 0; i < w->c->module_count; i++)
		uses |= w->c->modules[i].what == COMPARE_CHANGED &&
		    compare_imports(compare_side_module(w->c->new, in->module), w->c->modules[i].module);
	return uses && in->op == MODEL_OP_UPDATE && in->advanced && compare_is_callback(w->c->new, in->module);
}

static void
idle(const struct check_way *w)
{
	for (size_t i = 0; i < w->e->script.count; i++) {
		const struct model_instr *in = &w->e->script.instrs[i];
		if (model_op_level(in->op) != MODEL_HIGH || in->module == NULL || hears_of_another(w, in) ||
		    compare_module(w->c, in->module) != NULL || !model_names_has(&w->c->new->app->modules, in->module))
			continue;
		doc_find(w->p, DOC_WARNING, &in->pos, REL_E_NO_CHANGE,
		    "module %s is the same file in %s and %s", in->module, w->c->old->app->version,
		    w->c->new->app->version);
	}
}

/* ------------------------------------------------------------------ what registrations name */
static bool
offers(const struct elf_table *t, const struct elf_function *f)
{
	for (size_t i = 0; i < t->function_count; i++)
		if (t->functions[i].event == f->event && t->functions[i].task == f->task &&
		    strcmp(t->functions[i].name, f->name) == 0)
			return true;
	return false;
}

/* Registrations and tasks live on over the change, by the name of their function; whether there is one with that name
 * only the running worker knows, and it refuses then, before any code_change could give it another. */
static void
functions(const struct check_way *w, const struct compare_module *m)
{
	const struct model_instr *in = compare_instr_of(&w->e->script, m->module);
	bool up = w->mode == MODEL_UP;
	if (m->what != COMPARE_CHANGED || m->old == NULL || m->new == NULL || in == NULL ||
	    (in->op != MODEL_OP_UPDATE && in->op != MODEL_OP_LOAD_MODULE && in->op != MODEL_OP_LOAD))
		return;
	const struct elf_table *left = elf_module_table(up ? m->old : m->new);
	const struct elf_table *reached = elf_module_table(up ? m->new : m->old);
	CLEANUP(rel_buf_fini) struct rel_buf names = REL_BUF_INIT;
	if (left->state != ELF_TABLE_READ || reached->state != ELF_TABLE_READ)
		return;
	if (left->callbacks.handle_event && !reached->callbacks.handle_event)
		rel_buf_puts(&names, "handle_event");
	for (size_t i = 0; i < left->function_count; i++)
		if (!offers(reached, &left->functions[i]))
			rel_buf_printf(&names, "%s%s", names.len > 0 ? ", " : "", left->functions[i].name);
	if (names.len == 0 && rel_buf_ok(&names))
		return;
	doc_find(w->p, DOC_WARNING, &in->pos, REL_E_FUNCTION_GONE,
	    "the way %s %s leads to a version of module %s without the function %s: a worker with a registration or a "
	    "task that names it refuses this script", way(w), w->c->old->app->version, m->module, rel_buf_text(&names));
	if (!up)
		doc_problem_hint(w->p, "let no registration and no task of the newer version name it; with one, hosts go back by a restart "
				       "with the other release; see relup(7), LIMITS");
}

/* ------------------------------------------------------------------ waivers that say nothing */
static bool
waiver_is_of_use(const struct check_way *w, const struct model_waiver *v)
{
	if (v->module != NULL)
		return compare_module(w->c, v->module) != NULL;
	for (size_t i = 0; v->child != NULL && i < w->c->child_count; i++)
		if (strcmp(w->c->children[i].id, v->child) == 0)
			return true;
	for (size_t i = 0; v->depends != NULL && i < w->c->depends.count; i++)
		if (strcmp(w->c->depends.list[i].key, v->depends) == 0)
			return true;
	return v->application != NULL && w->c->flags[0] != '\0';
}

/* By an instruction of its own: beside it the waiver says that there is none. */
static bool
is_handled(const struct check_way *w, const struct model_waiver *v)
{
	const struct compare_module *m = v->module != NULL ? compare_module(w->c, v->module) : NULL;
	return m != NULL && compare_handles_module(w->c, &w->e->script, m->module, goes(w, m));
}

static void
waivers(const struct check_way *w)
{
	for (size_t i = 0; i < w->e->waiver_count; i++)
		if (is_handled(w, &w->e->waivers[i]))
			doc_find(w->p, DOC_WARNING, &w->e->waivers[i].pos, REL_E_WAIVER_UNUSED,
			    "this waives module %s, which this entry takes care of", w->e->waivers[i].module);
		else if (!waiver_is_of_use(w, &w->e->waivers[i]))
			doc_find(w->p, DOC_WARNING, &w->e->waivers[i].pos, REL_E_WAIVER_UNUSED,
			    "this waives what does not differ between %s and %s", w->c->old->app->version,
			    w->c->new->app->version);
}

static void
check_way(const struct check_way *w)
{
	modules(w);
	children(w);
	supervisor(w);
	dependencies(w);
	idle(w);
	for (size_t i = 0; i < w->c->module_count; i++)
		functions(w, &w->c->modules[i]);
	waivers(w);
	check_state_versions(w);
	check_comparable(w, true);
	size_t before = w->p->errors;
	check_contract(w);
	check_changes(&(struct check_changes){.script = &w->e->script, .sides = &w->c->new, .side_count = 1,
	    .lone = true, .p = w->p});
	/* A state that does not fit is told with the same remedy. */
	check_planned(w, w->p->errors == before);
}

/* Not again what the appup is told: an instruction or a waiver too many, and dependencies, to which no
 * instruction of a script answers by itself. */
void
check_cover_relup(const struct check_way *w)
{
	size_t before = w->p->count;
	modules(w);
	children(w);
	supervisor(w);
	for (size_t i = before; i < w->p->count; i++)
		rel_err_hint(&w->p->list[i].err,
		    "make the relup again with `relctl relup make`, or write the instruction into this script");
	check_comparable(w, false);
	check_contract(w);
}

void
check_cover(const struct compare *c, struct doc_problems *p)
{
	const struct model_appup *a = c->new->appup;
	const char *other = c->old->app->version;
	struct check_way up = {c, MODEL_UP, model_appup_find(a->up, a->up_count, other), p};
	struct check_way down = {c, MODEL_DOWN, model_appup_find(a->down, a->down_count, other), p};
	if (up.e != NULL)
		check_way(&up);
	if (down.e != NULL)
		check_way(&down);
	if (up.e != NULL && down.e == NULL)
		doc_find(p, DOC_ERROR, &up.e->pos, REL_E_NO_RELUP, "there is a way up from %s, and none back", other);
	if (up.e == NULL && down.e != NULL)
		doc_find(p, DOC_ERROR, &down.e->pos, REL_E_NO_RELUP, "there is a way down to %s, and none up", other);
}
