/* SPDX-License-Identifier: Apache-2.0
 * States.  In one version: no pointer into code may lie in a state unless rebind sets it anew.  Between
 * two: a layout that changes needs a code_change in the script, the function for it in the newer module,
 * and a new version of the state type, by which the runtime would notice at the latest.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "check/check_priv.h"

/* ------------------------------------------------------------------ one version */
static void
pointers(const struct rel_pos *pos, const struct elf_state_type *t, const struct elf_layout *l,
    struct doc_problems *p)
{
	struct elf_pointers *list = NULL;
	struct rel_err err = REL_ERR_INIT;
	if (elf_layout_pointers(l, &list, &err) != 0) {
		doc_problem_add(p, DOC_ERROR, &err);
		return;
	}
	for (size_t i = 0; i < list->count; i++)
		doc_find(p, list->list[i].pointee == ELF_TO_FUNCTION ? DOC_ERROR : DOC_WARNING, pos,
		    REL_E_STATE_POINTER, "state type %s: %s points to %s", t->name, list->list[i].path,
		    list->list[i].pointee == ELF_TO_FUNCTION ? "a function, which goes with its version"
			: "const char: a string literal would go with its version");
	elf_pointers_free(&list);
}

static void
not_found(const struct rel_pos *pos, const struct elf_state_type *t, const struct elf_layout *l,
    struct doc_problems *p)
{
	if (l->found == ELF_NO_DEBUG_INFO)
		doc_find(p, DOC_WARNING, pos, REL_E_NO_DEBUG_INFO,
		    "state type %s: the layout is not known, the module has no debug information", t->name);
	else
		doc_find(p, DOC_WARNING, pos, REL_E_STATE_UNKNOWN, "state type %s: its C type is not known%s%s",
		    t->name, l->note[0] != '\0' ? ": " : "", l->note);
}

/* No worker looks at the size.  Without debug information it is all there is to compare two versions by, and
 * where it is another type's, so may the RELW_STATE() be. */
static void
known(const struct rel_pos *pos, const struct elf_state_type *t, const struct elf_layout *l, bool rebinds,
    struct doc_problems *p)
{
	if (!rebinds)
		pointers(pos, t, l, p);
	if (t->size == 0 || l->root->size == 0 || t->size == l->root->size)
		return;
	doc_find(p, DOC_WARNING, pos, REL_E_BAD_MODULE,
	    "state type %s: its table gives its size as %" PRIu32 ", and %s has %" PRIu64 " bytes", t->name, t->size,
	    l->root->name[0] != '\0' ? l->root->name : "its C type", l->root->size);
	doc_problem_hint(p, "write sizeof of the type that RELW_STATE() names, or 0 where the size varies");
}

static void
check_state_types(const struct compare_side *s, const char *module, struct elf_module *m,
    struct doc_problems *p)
{
	char file[4096];
	const struct elf_table *t = elf_module_table(m);
	const struct rel_pos pos = {.file = compare_side_file(s, module, file, sizeof(file))};
	for (size_t i = 0; i < t->state_type_count; i++) {
		const struct elf_layout *l = NULL;
		struct rel_err err = REL_ERR_INIT;
		if (elf_module_layout(m, t->state_types[i].name, t->state_types[i].version, &l, &err) != 0)
			doc_problem_add(p, DOC_ERROR, &err);
		else if (l->root == NULL)
			not_found(&pos, &t->state_types[i], l, p);
		else
			known(&pos, &t->state_types[i], l, t->callbacks.rebind, p);
	}
}

void
check_states(const struct compare_side *s, struct doc_problems *p)
{
	for (size_t i = 0; i < s->app->modules.count; i++)
		if (s->modules[i] != NULL)
			check_state_types(s, s->app->modules.names[i], s->modules[i], p);
}

/* ------------------------------------------------------------------ the script's part */
static const struct rel_pos *
place_of(const struct check_way *w, const char *module)
{
	const struct model_instr *in = compare_instr_of(&w->e->script, module);
	return in != NULL ? &in->pos : &w->e->pos;
}

static void
diff_name(const void *ctx, size_t i, char *buf, size_t size)
{
	const struct elf_diff *d = &((const struct elf_diffs *)ctx)->list[i];
	snprintf(buf, size, "%s%s%s", d->path, d->path[0] != '\0' ? ": " : "", d->text);
}

/* What moved, in words. */
static const char *
moved(const struct compare_state *s, char *buf, size_t size)
{
	if (s->diffs != NULL)
		return check_list(buf, size, s->diffs->count, diff_name, s->diffs);
	if (s->old == NULL || s->new == NULL)
		snprintf(buf, size, "%s", s->old == NULL ? "it is new" : "it is gone");
	else if (s->old->version != s->new->version)
		snprintf(buf, size, "version %" PRIu32 " → %" PRIu32, s->old->version, s->new->version);
	else
		snprintf(buf, size, "size %" PRIu32 " → %" PRIu32, s->old->size, s->new->size);
	return buf;
}

static void
own_state(const struct check_way *w, const struct compare_module *m, const struct compare_state *s)
{
	char text[400];
	if (!compare_converts(&w->e->script, m->module))
		doc_find(w->p, DOC_ERROR, place_of(w, m->module), REL_E_STATE_LAYOUT,
		    "the layout of state %s of module %s changes (%s), and this script has no code_change of it",
		    s->name, m->module, moved(s, text, sizeof(text)));
}

/* ------------------------------------------------------------------ parts */
/* Exactly what is missing: the instruction, what it says of the change, or who is to change beside it. */
static void
hint_holder(const struct check_way *w, const char *owner, const char *module, bool together)
{
	const struct model_instr *in = compare_instr_of(&w->e->script, module);
	const struct model_instr *of = compare_instr_of(&w->e->script, owner);
	bool change = compare_calls_change(&w->e->script, module);
	if ((in != NULL && model_op_level(in->op) != MODEL_HIGH) || (of != NULL && model_op_level(of->op) != MODEL_HIGH))
		doc_problem_hint(w->p, "in the appup, `update: {module: %s, change: {advanced: EXTRA}, depends: [%s]}`; then make "
				       "the relup again", module, owner);
	else if (in == NULL)
		doc_problem_hint(w->p, "it has no instruction here: `update: {module: %s, change: {advanced: EXTRA}, "
				       "depends: [%s]}`%s%s", module, owner, of == NULL ? ", and one for " : "", of == NULL ? owner : "");
	else if (of == NULL)
		doc_problem_hint(w->p, "module %s has no instruction here: give it `update: {module: %s, change: "
				       "{advanced: EXTRA}}`, and write %s`depends: [%s]` into this one", owner, owner,
		    change ? "" : "`change: {advanced: EXTRA}` and ", owner);
	else
		doc_problem_hint(w->p, "write %s%s%s%s%s into %s, whose code_change converts the parts by relw_txn_convert()",
		    change ? "" : "`change: {advanced: EXTRA}`", change || together ? "" : " and ",
		    together ? "" : "`depends: [", together ? "" : owner, together ? "" : "]`",
		    in->op == MODEL_OP_UPDATE ? "this update" : "an `update` in place of this instruction");
}

static void
holder(const struct check_way *w, const struct compare_module *m, const struct compare_state *s,
    const char *module)
{
	const struct model_script *script = &w->e->script;
	bool together = compare_one_bracket(script, m->module, module);
	if (compare_converts(script, module) && together)
		return;
	doc_find(w->p, DOC_ERROR, place_of(w, module), REL_E_STATE_PART_NOT_UPDATED,
	    "module %s holds parts of type %s, which module %s owns and changes: %s", module, s->name, m->module,
	    compare_converts(script, module) ? "their updates are not in one bracket"
				     : "its state goes through no code_change in this script");
	hint_holder(w, m->module, module, together);
}

static void
part(const struct check_way *w, const struct compare_module *m, const struct compare_state *s)
{
	const struct model_names *all = &w->c->new->app->modules;
	const struct elf_state_type *newer = s->new;
	/* That a module has no convert at all and the script calls for one, check_changes() tells. */
	bool told = compare_calls_change(&w->e->script, m->module) && !check_converts_parts(elf_module_table(m->new));
	if (newer != NULL && s->old != NULL && !newer->convert && !told)
		doc_find(w->p, DOC_ERROR, place_of(w, m->module), REL_E_STATE_NO_CONVERSION,
		    "the layout of state part %s of module %s changes, and its newer version offers no convert",
		    s->name, m->module);
	for (size_t i = 0; i < all->count; i++)
		if (compare_holds_changed(w->c, all->names[i], m))
			holder(w, m, s, all->names[i]);
}

/* ------------------------------------------------------------------ the contract */
/* Told once, on the way up: it is the same fact both ways. */
static void
version_not_raised(const struct check_way *w, const struct compare_module *m, const struct compare_state *s)
{
	char text[400], file[4096];
	const struct rel_pos pos = {.file = compare_side_file(w->c->new, m->module, file, sizeof(file))};
	bool layout = s->diffs != NULL || (!s->known && s->old != NULL && s->new != NULL && s->old->size != s->new->size);
	if (w->mode != MODEL_UP || s->old == NULL || s->new == NULL)
		return;
	if (s->old->version == s->new->version)
		doc_find(w->p, DOC_ERROR, &pos, REL_E_STATE_VERSION,
		    "state type %s: its layout is not that of %s (%s), and its version is %" PRIu32 " in both",
		    s->name, w->c->old->app->version, moved(s, text, sizeof(text)), s->new->version);
	else if (layout && s->new->version < s->old->version)
		doc_find(w->p, DOC_ERROR, &pos, REL_E_STATE_VERSION,
		    "state type %s: its layout is not that of %s (%s), and its version goes back from %" PRIu32 " to %"
		    PRIu32 ", which may be that of another layout", s->name, w->c->old->app->version,
		    moved(s, text, sizeof(text)), s->old->version, s->new->version);
}

/* Equal in all that the tables say, and whether the members are the same nobody can see.  Told once, on the
 * way up; of a newer file that has nothing to compare by, the application's own check tells. */
void
check_comparable(const struct check_way *w, bool own_told)
{
	for (size_t i = 0; w->mode == MODEL_UP && i < w->c->module_count; i++) {
		const struct compare_module *m = &w->c->modules[i];
		for (size_t k = 0; k < m->state_count; k++) {
			const struct compare_state *s = &m->states[k];
			if (s->known || s->old == NULL || s->new == NULL || compare_state_differs(s) ||
			    compare_converts(&w->e->script, m->module))
				continue;
			bool newer = s->new_layout == NULL || s->new_layout->root == NULL;
			if (newer && own_told)
				continue;
			const struct elf_layout *l = newer ? s->new_layout : s->old_layout;
			bool bare = l != NULL && l->found == ELF_NO_DEBUG_INFO;
			char file[4096];
			const struct compare_side *side = newer ? w->c->new : w->c->old;
			const struct rel_pos pos = {.file = compare_side_file(side, m->module, file, sizeof(file))};
			doc_find(w->p, DOC_WARNING, &pos, bare ? REL_E_NO_DEBUG_INFO : REL_E_STATE_UNKNOWN,
			    "state type %s: whether its layout is the same in %s and %s cannot be compared: this file %s",
			    s->name, w->c->old->app->version, w->c->new->app->version,
			    bare ? "has no debug information" : "does not say which C type it is");
		}
	}
}

void
check_contract(const struct check_way *w)
{
	for (size_t i = 0; i < w->c->module_count; i++) {
		const struct compare_module *m = &w->c->modules[i];
		for (size_t k = 0; k < m->state_count; k++) {
			const struct compare_state *s = &m->states[k];
			if (!compare_state_differs(s))
				continue;
			if (s->part)
				part(w, m, s);
			else
				own_state(w, m, s);
		}
	}
}

void
check_state_versions(const struct check_way *w)
{
	for (size_t i = 0; i < w->c->module_count; i++)
		for (size_t k = 0; k < w->c->modules[i].state_count; k++)
			if (compare_state_differs(&w->c->modules[i].states[k]))
				version_not_raised(w, &w->c->modules[i], &w->c->modules[i].states[k]);
}
