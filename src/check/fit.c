/* SPDX-License-Identifier: Apache-2.0
 * Whether imports fit at each step of a script.  After a bracket a worker binds what the loaded modules
 * import, and what imports them, by the name of the interface: where a module and what it imports are
 * loaded in different brackets, the versions between the two must fit as well.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "check/check_priv.h"

/* A module of either release. */
struct unit {
	const char *name, *application;
	const char *left_version, *reached_version; /* of its application */
	const struct elf_table *left, *reached;     /* NULL: not there, or not readable */
	const struct model_instr *load;             /* its first; NULL: none */
	size_t bracket;                             /* of that load */
	bool done;                                  /* the version that is reached is loaded */
	bool pending;                               /* by the bracket under way */
	bool off;                                   /* nobody runs it, or only new processes do */
};

struct walk {
	const struct check_fit *f;
	struct unit *units;
	size_t count, bracket, suspended;
};

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct unit *)a)->name, ((const struct unit *)b)->name);
}

static struct unit *
unit_of(const struct walk *w, const char *name)
{
	const struct unit key = {.name = name};
	return bsearch(&key, w->units, w->count, sizeof(*w->units), by_name);
}

/* ------------------------------------------------------------------ the table of modules */
static size_t
add_side(struct unit *units, const struct compare_side *s, bool reached)
{
	for (size_t i = 0; s != NULL && i < s->app->modules.count; i++) {
		const struct elf_table *t = s->modules[i] != NULL ? elf_module_table(s->modules[i]) : NULL;
		t = t != NULL && t->state == ELF_TABLE_READ ? t : NULL;
		units[i] = (struct unit){.name = s->app->modules.names[i], .application = s->app->application};
		*(reached ? &units[i].reached : &units[i].left) = t;
		*(reached ? &units[i].reached_version : &units[i].left_version) = s->app->version;
	}
	return s != NULL ? s->app->modules.count : 0;
}

/* A module of both releases is two entries side by side. */
static void
join_units(struct walk *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->count; i++) {
		struct unit *u = &w->units[i];
		if (n == 0 || strcmp(w->units[n - 1].name, u->name) != 0) {
			w->units[n++] = *u;
			continue;
		}
		struct unit *into = &w->units[n - 1];
		into->left = into->left != NULL ? into->left : u->left;
		into->reached = into->reached != NULL ? into->reached : u->reached;
		into->left_version = into->left_version != NULL ? into->left_version : u->left_version;
		into->reached_version = into->reached_version != NULL ? into->reached_version : u->reached_version;
	}
	w->count = n;
}

static int
units_make(struct walk *w)
{
	size_t n = 0;
	for (size_t i = 0; i < w->f->left_count; i++)
		n += w->f->left[i] != NULL ? w->f->left[i]->app->modules.count : 0;
	for (size_t i = 0; i < w->f->reached_count; i++)
		n += w->f->reached[i] != NULL ? w->f->reached[i]->app->modules.count : 0;
	w->units = calloc(n + 1, sizeof(*w->units));
	if (w->units == NULL)
		return -1;
	for (size_t i = 0; i < w->f->left_count; i++)
		w->count += add_side(w->units + w->count, w->f->left[i], false);
	for (size_t i = 0; i < w->f->reached_count; i++)
		w->count += add_side(w->units + w->count, w->f->reached[i], true);
	qsort(w->units, w->count, sizeof(*w->units), by_name);
	join_units(w);
	return 0;
}

static void
switch_application(const struct walk *w, const char *application, bool off, bool unloaded_only)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->units[i].application, application) == 0 &&
		    (!unloaded_only || w->units[i].load == NULL))
			w->units[i].off = off;
}

/* What no instruction loads and a restart of workers brings is never run beside what is loaded later. */
static void
note_loads(const struct walk *w)
{
	const struct model_script *s = w->f->script;
	for (size_t i = 0; i < s->count; i++) {
		struct unit *u = s->instrs[i].op == MODEL_OP_LOAD ? unit_of(w, s->instrs[i].module) : NULL;
		if (u != NULL && u->load == NULL)
			u->load = &s->instrs[i];
	}
	for (size_t i = 0; i < s->count; i++)
		if (s->instrs[i].op == MODEL_OP_RESTART_WORKER)
			switch_application(w, s->instrs[i].application, true, true);
}

/* ------------------------------------------------------------------ a bracket */
static const struct elf_table *
now(const struct unit *u)
{
	return u->done ? u->reached : u->left;
}

static const char *
offered(const struct elf_table *t)
{
	return t->interface_name[0] != '\0' ? t->interface_name : "no interface";
}

static const struct elf_import *
import_of(const struct elf_table *t, const char *module)
{
	for (size_t i = 0; t != NULL && i < t->import_count; i++)
		if (strcmp(t->imports[i].module, module) == 0)
			return &t->imports[i];
	return NULL;
}

/* In the release that is reached they do not fit either: told of the application itself. */
static bool
never_fit(const struct unit *m, const struct unit *callee)
{
	const struct elf_import *last = import_of(m->reached, callee->name);
	return strcmp(m->application, callee->application) == 0 && m->done && callee->done && last != NULL &&
	    callee->reached != NULL && strcmp(last->interface, callee->reached->interface_name) != 0;
}

static void
unfit(const struct walk *w, const struct unit *m, const struct unit *callee, const struct elf_import *i)
{
	const struct model_instr *at = m->load != NULL ? m->load : callee->load;
	doc_find(w->f->p, DOC_ERROR, &at->pos, REL_E_DEPENDS_MISSING,
	    "after this step module %s of %s %s imports %s of module %s, which is that of %s %s and offers %s: "
	    "relupd refuses it", m->name, m->application, m->done ? m->reached_version : m->left_version,
	    i->interface, callee->name, callee->application,
	    callee->done ? callee->reached_version : callee->left_version, offered(now(callee)));
	if (m->load == NULL)
		doc_problem_hint(w->f->p, "build module %s against %s, and give it an instruction with `depends: [%s]`",
		    m->name, offered(now(callee)), callee->name);
	else if (callee->load == NULL)
		doc_problem_hint(w->f->p, "give module %s an instruction in the same bracket: `depends: [%s]` in that of %s",
		    callee->name, callee->name, m->name);
	else
		doc_problem_hint(w->f->p, "change both in one bracket: `depends: [%s]` in the instruction of %s in the appup",
		    callee->name, m->name);
}

static void
bind_imports(const struct walk *w, const struct unit *m)
{
	const struct elf_table *t = now(m);
	for (size_t i = 0; t != NULL && i < t->import_count; i++) {
		const struct unit *callee = unit_of(w, t->imports[i].module);
		if (callee == NULL || callee->off || now(callee) == NULL || !(m->pending || callee->pending))
			continue;
		if (strcmp(t->imports[i].interface, now(callee)->interface_name) != 0 && !never_fit(m, callee))
			unfit(w, m, callee, &t->imports[i]);
	}
}

static void
bracket_end(struct walk *w)
{
	for (size_t i = 0; i < w->count; i++)
		w->units[i].done |= w->units[i].pending;
	for (size_t i = 0; i < w->count; i++)
		if (!w->units[i].off)
			bind_imports(w, &w->units[i]);
	for (size_t i = 0; i < w->count; i++)
		w->units[i].pending = false;
	w->bracket++;
}

/* false: from here on everything starts anew */
static bool
step(struct walk *w, const struct model_instr *in)
{
	struct unit *u = in->op == MODEL_OP_LOAD || in->op == MODEL_OP_REMOVE ? unit_of(w, in->module) : NULL;
	if (in->op == MODEL_OP_RESTART_RUNTIME || in->op == MODEL_OP_RESTART_NEW_RUNTIME)
		return false;
	if (in->op == MODEL_OP_STOP_APPLICATION || in->op == MODEL_OP_START_APPLICATION)
		switch_application(w, in->application, in->op == MODEL_OP_STOP_APPLICATION, false);
	w->suspended += in->op == MODEL_OP_SUSPEND ? in->suspend_count : 0;
	if (u != NULL && in->op == MODEL_OP_LOAD) {
		u->pending = true;
		u->bracket = u->load == in ? w->bracket : u->bracket;
	} else if (u != NULL) {
		u->off |= u->reached == NULL;
	}
	bool resumes = in->op == MODEL_OP_RESUME && in->modules.count > 0;
	if (resumes)
		w->suspended -= in->modules.count < w->suspended ? in->modules.count : w->suspended;
	if (w->suspended == 0 && (resumes || in->op == MODEL_OP_LOAD))
		bracket_end(w);
	return true;
}

/* ------------------------------------------------------------------ two brackets that fit */
static bool
fits_between(const struct unit *m, const struct unit *callee)
{
	bool first = m->bracket < callee->bracket;
	const struct elf_import *i = import_of(first ? m->reached : m->left, callee->name);
	const struct elf_table *t = first ? callee->left : callee->reached;
	return i == NULL ? !first : t == NULL || strcmp(i->interface, t->interface_name) == 0;
}

/* Of what a person wrote at the high level: who writes brackets by hand knows them.  Where the order is
 * written and no bracket comes of it (load_module of both), the interface is what holds the two together. */
static void
apart(const struct walk *w, const struct unit *m)
{
	const struct check_fit *f = w->f;
	const struct model_instr *in = compare_instr_of(f->written, m->name);
	if (m->load == NULL || in == NULL || model_op_level(in->op) != MODEL_HIGH || m->left == NULL ||
	    m->reached == NULL || compare_module(f->c, m->name) == NULL)
		return;
	for (size_t i = 0; i < w->count; i++) {
		const struct unit *callee = &w->units[i];
		if (callee->load == NULL || callee->bracket == m->bracket || callee->left == NULL ||
		    callee->reached == NULL || compare_module(f->c, callee->name) == NULL ||
		    (import_of(m->left, callee->name) == NULL && import_of(m->reached, callee->name) == NULL) ||
		    model_names_has(&in->modules, callee->name) || !fits_between(m, callee))
			continue;
		doc_find(f->p, DOC_WARNING, &in->pos, REL_E_DEPENDS_MISSING,
		    "module %s calls module %s, both change, and not together: between the two steps one version "
		    "of %s runs with the other of %s", m->name, callee->name, m->name, callee->name);
		doc_problem_hint(f->p, "write `depends: [%s]` into this instruction", callee->name);
	}
}

void
check_fit(const struct check_fit *f)
{
	struct walk w = {.f = f};
	bool goes_on = true;
	if (units_make(&w) != 0) {
		doc_problem(f->p, NULL, REL_E_NOMEM, "out of memory");
		return;
	}
	note_loads(&w);
	for (size_t i = 0; i < f->script->count && goes_on; i++)
		goes_on = step(&w, &f->script->instrs[i]);
	for (size_t i = 0; goes_on && f->written != NULL && i < w.count; i++)
		if (!w.units[i].off)
			apart(&w, &w.units[i]);
	free(w.units);
}
