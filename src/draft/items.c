/* SPDX-License-Identifier: Apache-2.0
 * From differences to instructions.  Both directions are written from the newer version's point of
 * view: what is added on the way up is deleted on the way down.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>

#include "draft/draft_priv.h"

#define FIELDS_SHOWN 12 /* differences of one layout in a comment */

struct drafter {
	const struct compare *c;
	enum model_mode mode;
	struct rel_arena *arena;
	struct draft_items *out;
	struct doc_problems *p;
};

static int
nomem(struct drafter *d)
{
	doc_problem(d->p, NULL, REL_E_NOMEM, "out of memory");
	return -1;
}

/* Takes the texts of both buffers. */
static int
add(struct drafter *d, const struct draft_item *what, struct rel_buf *comment, struct rel_buf *text)
{
	MUST(d->out->count < d->out->cap);
	struct draft_item *it = &d->out->list[d->out->count++];
	*it = *what;
	it->comment = rel_arena_strdup(d->arena, rel_buf_text(comment));
	it->text = text->len > 0 ? rel_arena_strdup(d->arena, rel_buf_text(text)) : NULL;
	bool ok = rel_buf_ok(comment) && rel_buf_ok(text) && it->comment != NULL &&
	    (text->len == 0 || it->text != NULL);
	rel_buf_fini(comment);
	rel_buf_fini(text);
	return ok ? 0 : nomem(d);
}

/* ------------------------------------------------------------------ why */
static void
list_word(struct rel_buf *b, bool *first, const char *word, bool on)
{
	if (!on)
		return;
	rel_buf_printf(b, "%s%s", *first ? " (" : ", ", word);
	*first = false;
}

static void
why_changed(const struct compare_module *m, struct rel_buf *b)
{
	bool first = true;
	rel_buf_printf(b, "# %s: changed", m->module);
	list_word(b, &first, "content", true);
	list_word(b, &first, "build-id", m->build_id);
	list_word(b, &first, "vsn", m->vsn);
	list_word(b, &first, "callbacks", m->callbacks);
	list_word(b, &first, "imports", m->imports);
	list_word(b, &first, "functions", m->functions);
	list_word(b, &first, "interface", m->interface);
	rel_buf_puts(b, ")\n");
}

static void
why_state(const struct compare_state *s, struct rel_buf *b)
{
	const char *what = s->part ? "part of states" : "state";
	if (s->old == NULL || s->new == NULL) {
		rel_buf_printf(b, "#   %s `%s`: %s\n", what, s->name, s->old == NULL ? "new" : "gone");
		return;
	}
	rel_buf_printf(b, "#   %s `%s`: version %" PRIu32, what, s->name, s->old->version);
	if (s->old->version != s->new->version)
		rel_buf_printf(b, " → %" PRIu32, s->new->version);
	rel_buf_puts(b, !s->known ? ", layout not known\n" : s->diffs == NULL ? ", same layout\n"
								     : ", layout changed:\n");
	for (size_t i = 0; s->diffs != NULL && i < s->diffs->count && i < FIELDS_SHOWN; i++)
		rel_buf_printf(b, "#     %s%s%s\n", s->diffs->list[i].path,
		    s->diffs->list[i].path[0] != '\0' ? ": " : "", s->diffs->list[i].text);
	if (s->diffs != NULL && s->diffs->count > FIELDS_SHOWN)
		rel_buf_printf(b, "#     and %zu more\n", s->diffs->count - FIELDS_SHOWN + s->diffs->more);
}

/* ------------------------------------------------------------------ depends */
static bool
uses(const struct compare *c, const char *module, const char *callee)
{
	return compare_imports(compare_side_module(c->new, module), callee) ||
	    compare_imports(compare_side_module(c->old, module), callee);
}

/* Names those whose parts the states of `module` hold; false: none. */
static bool
why_parts(const struct compare *c, const char *module, struct rel_buf *b)
{
	bool any = false;
	for (size_t i = 0; i < c->module_count; i++) {
		if (!compare_holds_changed(c, module, &c->modules[i]))
			continue;
		rel_buf_printf(b, "%s%s", any ? ", " : "#   its state holds parts of ", c->modules[i].module);
		any = true;
	}
	if (any)
		rel_buf_puts(b, ", which change: its code_change has to convert them, by\n"
				"#   relw_txn_convert(), in one bracket with their owner\n");
	return any;
}

/* What it calls and changes in the same script: callee first on the way up, last on the way down. */
static void
depends(const struct drafter *d, const char *module, struct rel_buf *text, struct rel_buf *comment)
{
	bool any = false;
	for (size_t i = 0; i < d->c->module_count; i++) {
		const struct compare_module *m = &d->c->modules[i];
		if (strcmp(m->module, module) == 0 || !uses(d->c, module, m->module))
			continue;
		rel_buf_printf(text, "%s%s", any ? ", " : ", depends: [", m->module);
		rel_buf_printf(comment, "%s%s", any ? ", " : "#   calls ", m->module);
		any = true;
	}
	if (any) {
		rel_buf_puts(text, "]");
		rel_buf_puts(comment, ": they change together\n");
	}
}

/* ------------------------------------------------------------------ modules */
/* The newer version's functions convert in both directions. */
static bool
offers_conversion(const struct compare *c, const struct compare_module *m)
{
	const struct elf_table *t = m->new != NULL ? elf_module_table(m->new) : NULL;
	if (t == NULL)
		return false;
	if (compare_is_callback(c->new, m->module))
		return t->callbacks.code_change;
	for (size_t i = 0; i < t->state_type_count; i++)
		if (t->state_types[i].convert)
			return true;
	return false;
}

static bool
layout_unknown(const struct compare_module *m)
{
	for (size_t i = 0; i < m->state_count; i++)
		if (!m->states[i].known && m->states[i].old != NULL && m->states[i].new != NULL)
			return true;
	return m->state_count == 0;
}

static void
update(const struct drafter *d, const char *module, bool advanced, struct rel_buf *text,
    struct rel_buf *comment)
{
	rel_buf_printf(text, "update: {module: %s%s", module, advanced ? ", change: {advanced: {}}" : "");
	depends(d, module, text, comment);
	rel_buf_puts(text, "}");
}

static void
ask_for_conversion(const char *module, bool callback, bool own, struct rel_buf *comment, struct rel_buf *text)
{
	rel_buf_printf(comment, "# QUESTION: %s %s%s, and its new version offers no %s.\n"
				"#   Write it%s and use\n#     - %s\n"
				"#   or give its workers new processes, which lose their state (restart_worker).\n",
	    own ? "the state of" : "these parts are in the state of", module, own ? " changes" : "",
	    callback ? "code_change" : "convert", own ? ", raise the state's version" : "", rel_buf_text(text));
	rel_buf_clear(text);
}

static int
changed_module(struct drafter *d, const struct compare_module *m)
{
	struct rel_buf comment = REL_BUF_INIT, text = REL_BUF_INIT;
	struct draft_item it = {.module = m->module};
	why_changed(m, &comment);
	for (size_t i = 0; i < m->state_count; i++)
		why_state(&m->states[i], &comment);
	bool callback = compare_is_callback(d->c->new, m->module);
	bool holds = why_parts(d->c, m->module, &comment);
	it.advanced = m->state_changed || holds;
	if (!callback && m->state_count == 0) {
		rel_buf_printf(&text, "load_module: {module: %s", m->module);
		depends(d, m->module, &text, &comment);
		rel_buf_puts(&text, "}");
	} else {
		update(d, m->module, it.advanced, &text, &comment);
		if (it.advanced && !offers_conversion(d->c, m))
			ask_for_conversion(m->module, callback, m->state_changed, &comment, &text);
		else if (!it.advanced && layout_unknown(m))
			rel_buf_puts(&comment, "# QUESTION: without debug information (cc -g) nobody can tell whether the "
					       "layout of its\n#   state changed. Where it did: `change: {advanced: EXTRA}`, "
					       "and a new state version.\n");
	}
	return add(d, &it, &comment, &text);
}

static int
other_module(struct drafter *d, const struct compare_module *m)
{
	struct rel_buf comment = REL_BUF_INIT, text = REL_BUF_INIT;
	bool comes = (m->what == COMPARE_ADDED) == (d->mode == MODEL_UP);
	struct draft_item it = {.module = m->module, .goes = !comes};
	rel_buf_printf(&comment, "# %s: %s %s\n", m->module, comes ? "comes with" : "is not in",
	    (d->mode == MODEL_UP ? d->c->new : d->c->old)->app->version);
	rel_buf_printf(&text, "%s: {module: %s", comes ? "add_module" : "delete_module", m->module);
	depends(d, m->module, &text, &comment);
	rel_buf_puts(&text, "}");
	return add(d, &it, &comment, &text);
}

/* A callback module whose file is the same, and whose states hold parts that change. */
static int
holder(struct drafter *d, const char *module)
{
	struct rel_buf comment = REL_BUF_INIT, text = REL_BUF_INIT;
	const struct draft_item it = {.module = module, .advanced = true};
	const struct elf_module *m = compare_side_module(d->c->new, module);
	rel_buf_printf(&comment, "# %s: the same file in both versions\n", module);
	if (compare_module(d->c, module) != NULL || !why_parts(d->c, module, &comment)) {
		rel_buf_fini(&comment);
		return 0;
	}
	update(d, module, true, &text, &comment);
	if (!elf_module_table(m)->callbacks.code_change)
		ask_for_conversion(module, true, false, &comment, &text);
	return add(d, &it, &comment, &text);
}

static int
modules(struct drafter *d)
{
	int rc = 0;
	for (size_t i = 0; i < d->c->module_count; i++) {
		const struct compare_module *m = &d->c->modules[i];
		rc |= m->what == COMPARE_CHANGED ? changed_module(d, m) : other_module(d, m);
	}
	for (size_t i = 0; i < d->c->new->app->modules.count; i++)
		rc |= holder(d, d->c->new->app->modules.names[i]);
	return rc;
}

/* ------------------------------------------------------------------ children, flags, the rest */
static void
why_child(const struct compare_child *c, enum model_mode mode, struct rel_buf *b)
{
	bool comes = (c->what == COMPARE_ADDED) == (mode == MODEL_UP);
	if (c->what == COMPARE_CHANGED)
		rel_buf_printf(b, "# child %s: changed (%s)\n", c->id, c->how);
	else
		rel_buf_printf(b, "# child %s: %s\n", c->id, comes ? "starts" : "ends");
}

static int
supervisor(struct drafter *d)
{
	struct rel_buf comment = REL_BUF_INIT, text = REL_BUF_INIT;
	const struct draft_item it = {0};
	if (d->c->child_count == 0 && d->c->flags[0] == '\0')
		return 0;
	if (d->c->flags[0] != '\0')
		rel_buf_printf(&comment, "# supervisor: changed (%s)\n", d->c->flags);
	for (size_t i = 0; i < d->c->child_count; i++)
		why_child(&d->c->children[i], d->mode, &comment);
	rel_buf_printf(&text, "update_supervisor: {application: %s}", d->c->new->app->application);
	return add(d, &it, &comment, &text);
}

static int
restarts(struct drafter *d)
{
	for (size_t i = 0; i < d->c->child_count; i++) {
		const struct compare_child *c = &d->c->children[i];
		struct rel_buf comment = REL_BUF_INIT, text = REL_BUF_INIT;
		const struct draft_item it = {.child = c->id};
		if (c->what != COMPARE_CHANGED || !c->anew)
			continue;
		rel_buf_printf(&comment, "# child %s: a running process keeps its %s\n", c->id, c->how);
		rel_buf_printf(&text, "restart_worker: {application: %s, child: %s}",
		    d->c->new->app->application, c->id);
		if (add(d, &it, &comment, &text) != 0)
			return -1;
	}
	return 0;
}

int
draft_items_find(const struct compare *c, enum model_mode mode, struct rel_arena *arena,
    struct draft_items *ret, struct doc_problems *p)
{
	struct drafter d = {.c = c, .mode = mode, .arena = arena, .out = ret, .p = p};
	/* Each module of both versions and each child at most once, and the supervisor. */
	ret->count = 0;
	ret->cap = c->module_count + c->new->app->modules.count + c->child_count + 1;
	ret->list = rel_arena_calloc(arena, ret->cap, sizeof(*ret->list));
	if (ret->list == NULL)
		return nomem(&d);
	return modules(&d) != 0 || supervisor(&d) != 0 || restarts(&d) != 0 ? -1 : 0;
}

static bool
same_name(const char *a, const char *b)
{
	return a != NULL && b != NULL && strcmp(a, b) == 0;
}

static bool
names(const struct model_appup_entry *e, const char *module, const char *child, const char *application)
{
	for (size_t i = 0; i < e->waiver_count; i++)
		if (same_name(e->waivers[i].module, module) || same_name(e->waivers[i].child, child) ||
		    same_name(e->waivers[i].application, application))
			return true;
	return false;
}

/* As check judges it: the supervisor's instruction is for its flags and for each child. */
static bool
waived(const struct compare *c, const struct draft_item *it, const struct model_appup_entry *e)
{
	if (it->module != NULL || it->child != NULL)
		return names(e, it->module, it->child, NULL);
	bool all = c->flags[0] == '\0' || names(e, NULL, NULL, c->new->app->application);
	for (size_t i = 0; i < c->child_count; i++)
		all &= names(e, NULL, c->children[i].id, NULL);
	return all;
}

bool
draft_item_handled(const struct compare *c, const struct draft_item *it, const struct model_appup_entry *e)
{
	const struct model_script *s = &e->script;
	if (waived(c, it, e))
		return true;
	return it->module != NULL ? compare_handles_module(c, s, it->module, it->goes)
	    : it->child != NULL   ? compare_handles_child(s, it->child)
				  : compare_handles_supervisor(s);
}

/* Those that it calls and that change in another bracket. */
static void
ask_depends(const struct compare *c, const char *module, const struct model_script *s, struct rel_buf *text)
{
	CLEANUP(rel_buf_fini) struct rel_buf b = REL_BUF_INIT;
	for (size_t i = 0; i < c->module_count; i++) {
		const char *callee = c->modules[i].module;
		if (strcmp(callee, module) != 0 && uses(c, module, callee) && c->modules[i].what == COMPARE_CHANGED &&
		    compare_instr_of(s, callee) != NULL && !compare_one_bracket(s, module, callee))
			rel_buf_printf(&b, "%s%s", b.len > 0 ? ", " : "", callee);
	}
	if (b.len > 0)
		rel_buf_printf(text, "# QUESTION: %s calls %s: should they change together?\n#   Then write `depends: [%s]` into "
				     "the instruction of %s.\n", module, rel_buf_text(&b), rel_buf_text(&b), module);
	text->failed |= !rel_buf_ok(&b);
}

/* A person's instruction that would leave the state as it is.  What the draft would have in its place, or why
 * it can have none, stands in its comment. */
static void
ask_change(const struct draft_item *it, const struct model_instr *in, struct rel_buf *text)
{
	rel_buf_printf(text, "# QUESTION: the instruction of %s calls no code_change, which its state needs:\n%s",
	    it->module, it->comment);
	if (it->text != NULL)
		rel_buf_printf(text, "#   Write %s:\n#     - %s\n", in->op == MODEL_OP_UPDATE
		    ? "`change: {advanced: EXTRA}` into it, as in" : "an update in its place", it->text);
}

int
draft_item_question(const struct compare *c, const struct draft_item *it, const struct model_appup_entry *e,
    struct rel_arena *arena, struct draft_item *ret, struct doc_problems *p)
{
	CLEANUP(rel_buf_fini) struct rel_buf text = REL_BUF_INIT;
	const char *module = it->module;
	const struct model_instr *in = module != NULL ? compare_instr_of(&e->script, module) : NULL;
	if (in == NULL || model_op_level(in->op) != MODEL_HIGH || it->goes)
		return 0;
	ask_depends(c, module, &e->script, &text);
	if (it->advanced && !compare_converts(&e->script, module))
		ask_change(it, in, &text);
	if (text.len == 0 && rel_buf_ok(&text))
		return 0;
	*ret = (struct draft_item){.module = module, .comment = rel_arena_strdup(arena, rel_buf_text(&text))};
	if (rel_buf_ok(&text) && ret->comment != NULL)
		return 1;
	doc_problem(p, NULL, REL_E_NOMEM, "out of memory");
	return -1;
}
