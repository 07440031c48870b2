/* SPDX-License-Identifier: Apache-2.0
 * A change of state: built beside the old one, then committed or dropped.  Until commit nothing
 * that runs is touched, so abort cannot fail.  Commit allocates nothing: re-keyed registrations
 * are lists through the registrations themselves, the list of replaced parts is complete.
 */
#include "config.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/worker_priv.h"

#define TRASH_SLICE 256 /* parts freed in one go, between two looks at the events */

static enum proto_built_code fail(struct fail *f, enum proto_built_code code, const char *module,
    const char *fmt, ...) RTE_PRINTF(4, 5);

static enum proto_built_code
fail(struct fail *f, enum proto_built_code code, const char *module, const char *fmt, ...)
{
	va_list ap;
	f->code = code;
	snprintf(f->module, sizeof(f->module), "%s", module);
	va_start(ap, fmt);
	vsnprintf(f->text, sizeof(f->text), fmt, ap);
	va_end(ap);
	f->hint = NULL;
	return code;
}

/* Of a failure just set. */
static enum proto_built_code
hint(struct fail *f, const char *text)
{
	f->hint = text;
	return f->code;
}

int
worker_fail_err(const struct fail *f, enum rel_ecode code, struct rel_err *err)
{
	rel_err_set(err, code, "%s", f->text);
	return f->hint != NULL ? rel_err_hint(err, "%s", f->hint) : -1;
}

static const struct object *
object_in(const struct gen *g, const char *module)
{
	int at = worker_gen_index(g, module);
	return at >= 0 ? g->table.e[at].obj : NULL;
}

static const struct change *
find_change(const struct changes *c, const char *module)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->v[i].module, module) == 0)
			return &c->v[i];
	return NULL;
}

/* ------------------------------------------------------------------ before anything is called */
static bool
converts(const struct relw_module *m)
{
	for (const struct relw_state_type *t = m->state_types; t != NULL && t->name != NULL; t++)
		if (t->convert != NULL)
			return true;
	return false;
}

/* What the script changes must offer the function for it. */
static enum proto_built_code
check_changes(
    const struct gen *from, const struct gen *to, const struct changes *changes, struct fail *f)
{
	for (size_t i = 0; i < changes->n; i++) {
		const struct change *c = &changes->v[i];
		const struct object *o = object_in(c->mode == RELW_UP ? to : from, c->module);
		if (o == NULL)
			continue; /* not one that this worker uses */
		bool root = strcmp(to->table.e[0].obj->module, c->module) == 0;
		if (root ? o->table->code_change != NULL : converts(o->table))
			continue;
		fail(f, PROTO_NO_CODE_CHANGE, c->module, "module %s %s offers no %s, which the script calls",
		    c->module, o->table->vsn, root ? "code_change" : "convert of a state type");
		return hint(f, root ? "add it to the module, or make its update soft in the appup.yaml"
				    : "add it to the module, or, where no layout of its parts changes, give it a "
				      "load_module in the appup.yaml");
	}
	return PROTO_OK;
}

static bool
is_task_state(const struct relw_module *m, const char *type)
{
	for (const struct relw_function *f = m->functions; f != NULL && f->name != NULL; f++)
		if (f->task != NULL && strcmp(f->name, type) == 0)
			return true;
	return false;
}

/* A layout that changes without a code_change would hand new code an old state. */
static enum proto_built_code
check_layout(const struct object *from, const struct object *to, const struct change *change,
    const struct change *root, const char *root_module, struct fail *f)
{
	const struct relw_state_type *t = to->table->state_types;
	bool is_root = strcmp(to->module, root_module) == 0;
	for (size_t i = 0; t != NULL && t[i].name != NULL; i++) {
		const struct relw_state_type *was = worker_state_type(from->table, t[i].name);
		if (was == NULL || was->version == t[i].version)
			continue;
		bool own = change != NULL && is_task_state(to->table, t[i].name); /* the runtime converts it */
		if (root == NULL && !own) {
			fail(f, PROTO_REFUSED, to->module,
			    "module %s %s → %s: state type '%s' version %u → %u, and the script has no "
			    "code_change of %s",
			    to->module, from->table->vsn, to->table->vsn, t[i].name, was->version,
			    t[i].version, root_module);
			return hint(f, "make the update of that module advanced in the appup.yaml: `change: "
				       "{advanced: EXTRA}`, and make the relup again");
		}
		if (is_root && i == 0)
			continue;
		enum relw_mode mode = change != NULL ? change->mode : root->mode;
		if ((mode == RELW_UP ? t[i].convert : was->convert) == NULL) {
			fail(f, PROTO_NO_CODE_CHANGE, to->module,
			    "module %s: state type '%s' version %u → %u, and it offers no convert",
			    to->module, t[i].name, was->version, t[i].version);
			return hint(f, "write the convert of that state type in the newer version");
		}
	}
	return PROTO_OK;
}

/* Registrations live on: the code to come must have the functions they name. */
static enum proto_built_code
check_slots(const struct worker *w, const struct gen *to, struct fail *f)
{
	for (uint32_t i = 0; i < w->slot_count; i++) {
		const struct slot_name *s = &w->slots[i];
		if (s->used == 0 || worker_gen_offers(to, i))
			continue;
		const struct object *o = object_in(to, s->module);
		fail(f, PROTO_REFUSED, s->module,
		    "%u %s name function '%s' of module %s, which %s%s does not offer",
		    s->used, s->task ? "tasks" : "registrations", s->function != NULL ? s->function : "handle_event", s->module,
		    o != NULL ? "its version " : "the release", o != NULL ? o->table->vsn : "");
		return hint(f, "keep a function of that name as long as a state may have registered it");
	}
	return PROTO_OK;
}

/* A task's state has a type in both versions, or in none: else nobody knows whether it fits. */
static enum proto_built_code
check_task_types(const struct worker *w, const struct gen *from, const struct gen *to, struct fail *f)
{
	for (uint32_t i = 0; i < w->slot_count; i++) {
		const struct slot_name *s = &w->slots[i];
		const struct object *was = object_in(from, s->module), *is = object_in(to, s->module);
		if (!s->task || s->used == 0 || was == NULL || is == NULL || was == is ||
		    (worker_state_type(was->table, s->function) == NULL) ==
			(worker_state_type(is->table, s->function) == NULL))
			continue;
		fail(f, PROTO_REFUSED, s->module, "%u tasks run function '%s' of module %s, whose state type of that name %s "
		    "declares, and %s does not", s->used, s->function, s->module,
		    worker_state_type(is->table, s->function) != NULL ? is->table->vsn : was->table->vsn,
		    worker_state_type(is->table, s->function) != NULL ? was->table->vsn : is->table->vsn);
		return hint(f, "declare it in both versions, or give the function of the new layout another name");
	}
	return PROTO_OK;
}

static enum proto_built_code
check_registered(const struct worker *w, const struct gen *from, const struct gen *to, struct fail *f)
{
	return check_task_types(w, from, to, f) != PROTO_OK ? f->code : check_slots(w, to, f);
}

enum proto_built_code
worker_step_check(const struct worker *w, const struct gen *from, const struct gen *to,
    const struct changes *changes, struct fail *f)
{
	const char *root = to->table.e[0].obj->module;
	if (check_changes(from, to, changes, f) != PROTO_OK)
		return f->code;
	for (size_t i = 0; i < to->table.n; i++) {
		const struct object *o = to->table.e[i].obj, *was = object_in(from, o->module);
		if (was == NULL || was == o)
			continue;
		if (check_layout(was, o, find_change(changes, o->module),
			find_change(changes, root), root, f) != PROTO_OK)
			return f->code;
	}
	return check_registered(w, from, to, f);
}

/* ------------------------------------------------------------------ build */
static int
add_part(struct txn *t, struct part p)
{
	if (t->n == t->cap) {
		size_t cap = t->cap > 0 ? t->cap * 2 : 64;
		struct part *v = reallocarray(t->parts, cap, sizeof(*v));
		if (v == NULL) {
			t->nomem = true;
			return -ENOMEM;
		}
		t->parts = v;
		t->cap = cap;
	}
	t->parts[t->n++] = p;
	return 0;
}

/* What *ret_new holds before a module's function is called.  No module can return this address, so that
 * "never set" is told from a NULL that was meant: the former crashes the worker at its next event. */
static const char never_set;

static void *
not_set(void)
{
	return (void *)(uintptr_t)&never_set;
}

/* Whose code runs from now on: the one to name, should the copy of a rehearsal end in it. */
static const char *
set_running(struct txn *t, const char *module)
{
	const char *before = t->running;
	t->running = module;
	if (t->progress != NULL)
		t->progress(t->progress_arg, module);
	return before;
}

/* `what` failed with rc.  A convert that it called and that refused comes first: it is the cause, and its
 * module is the one to look at.  The runtime's own refusal is the reason where the module gave none. */
static void
fail_with(struct txn *t, struct fail *ret, const char *module, const char *what, int rc)
{
	const struct cause *c = &t->cause;
	const char *own = t->w->refusal;
	if (t->nomem || (rc == -ENOMEM && c->rc != rc))
		fail(ret, PROTO_NO_MEMORY, module, "%s: out of memory", what);
	else if (c->convert && own[0] == '\0')
		*ret = c->fail;
	else if (c->convert)
		fail(ret, c->fail.code, c->fail.module, "%s; %s refused: %s", c->fail.text, what, own);
	else if (own[0] == '\0' && c->rc != 0)
		fail(ret, PROTO_REFUSED, module, "%s refused: %s", what, c->fail.text);
	else
		fail(ret, PROTO_REFUSED, module, "%s refused: %s", what,
		    own[0] != '\0' ? own : "it gave no reason");
}

static int no_part(struct txn *t, int rc, const char *module, const char *type, const char *fmt, ...)
    RTE_PRINTF(5, 6);

/* relw_txn_convert() itself fails; rc is what the caller is told, and may return without a word. */
static int
no_part(struct txn *t, int rc, const char *module, const char *type, const char *fmt, ...)
{
	char why[160];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	t->cause.rc = rc;
	t->cause.convert = false;
	fail(&t->cause.fail, PROTO_REFUSED, t->running, "relw_txn_convert(\"%s\", \"%s\"): %s", module,
	    type, why);
	return rc;
}

/* Without its text: this is done twice for each part of a state, while clients wait. */
static void
forget_cause(struct txn *t)
{
	t->cause.rc = 0;
	t->cause.convert = false;
}

/* A mistake of the module, whatever its caller makes of it. */
static void
set_broken(struct txn *t, const struct fail *f)
{
	if (t->broken.code == PROTO_OK)
		t->broken = *f;
}

/* What the call of a convert came to; 0, or what relw_txn_convert() returns. */
static int
judge_convert(struct txn *t, const struct object *o, const char *type, int rc, const void *built, bool forbidden)
{
	char what[256];
	struct fail f;
	if (rc == 0 && built != &never_set && !forbidden) {
		forget_cause(t);
		return 0;
	}
	snprintf(what, sizeof(what), "convert of state type '%s' of %s %s", type, o->module, o->table->vsn);
	if (forbidden) {
		fail(&f, PROTO_FORBIDDEN, o->module, "%s called %s, which it may not", what, t->forbidden);
		set_broken(t, &f);
	}
	if (rc == 0 && built == &never_set) {
		fail(&f, PROTO_REFUSED, o->module, "%s returned 0 and set no new state", what);
		set_broken(t, &f);
		return -ECANCELED;
	}
	if (rc == 0)
		return 0;
	fail_with(t, &f, o->module, what, rc);
	t->w->refusal[0] = '\0'; /* said in f: what comes now is the caller's */
	rc = rc < 0 ? rc : -ECANCELED;
	t->cause = (struct cause){.rc = rc, .convert = true, .fail = f};
	return rc;
}

static int
call_convert(struct txn *t, const struct relw_state_type *type, struct view *v, const struct relw_change *change,
    void *old, void **ret_new)
{
	void *built = not_set();
	const char *forbidden = t->forbidden, *caller = set_running(t, v->entry->obj->module);
	t->w->refusal[0] = '\0';
	int rc = type->convert(&v->pub, change, old, &built);
	set_running(t, caller);
	rc = judge_convert(t, v->entry->obj, type->name, rc, built, t->forbidden != forbidden);
	if (rc == 0)
		*ret_new = built;
	return rc;
}

static int
run_convert(
    struct txn *t, struct view *from, struct view *to, const char *type, void *old, void **ret_new)
{
	const struct object *was = from->entry->obj, *is = to->entry->obj;
	const struct change *c = find_change(t->changes, is->module);
	bool up = (c != NULL ? c : t->change)->mode == RELW_UP;
	const struct relw_state_type *from_type = worker_state_type(was->table, type);
	const struct relw_state_type *to_type = worker_state_type(is->table, type);
	if (from_type == NULL || to_type == NULL)
		return no_part(t, -ENOENT, is->module, type, "version %s has no such state type (ENOENT)",
		    (from_type == NULL ? was : is)->table->vsn);
	const struct relw_state_type *newer = up ? to_type : from_type;
	if (newer->convert == NULL && from_type->version == to_type->version) {
		*ret_new = old;
		return 0;
	}
	if (newer->convert == NULL)
		return no_part(t, -ENOTSUP, is->module, type, "version %s offers no convert (ENOTSUP)",
		    (up ? is : was)->table->vsn);
	struct part p = {.old = old,
	    .old_view = from,
	    .new_view = to,
	    .old_type = (uint32_t)(from_type - was->table->state_types),
	    .new_type = (uint32_t)(to_type - is->table->state_types)};
	/* Its place in the list first: what is built can then always be discarded. */
	if (add_part(t, p) != 0)
		return -ENOMEM;
	struct relw_change change = {.mode = up ? RELW_UP : RELW_DOWN,
	    .other_vsn = (up ? was : is)->table->vsn,
	    .extra = c != NULL ? c->extra : "null",
	    .rehearsal = t->rehearsal};
	size_t at = t->n - 1;
	void *built;
	int rc = call_convert(t, newer, up ? to : from, &change, old, &built);
	if (rc != 0) {
		t->parts[at].old = NULL;
		return rc;
	}
	/* The same one back is no replacement: nothing to discard, whichever way it ends. */
	t->parts[at].new = built;
	if (built == old)
		t->parts[at].old = t->parts[at].new = NULL;
	*ret_new = built;
	return 0;
}

int
worker_txn_convert(
    struct worker *w, const char *module, const char *type, void *old, void **ret_new)
{
	struct txn *t = w->txn;
	int from = worker_gen_index(t->from, module), to = worker_gen_index(t->to, module);
	forget_cause(t);
	if (from < 0 || to < 0)
		return no_part(t, -ENOENT, module, type, "no such part: the worker uses no such module%s (ENOENT)",
		    from >= 0	? " after the change"
			: to >= 0 ? " before the change"
				  : "");
	if (t->from->table.e[from].obj == t->to->table.e[to].obj) {
		*ret_new = old;
		return 0;
	}
	return run_convert(t, t->from->views[from], t->to->views[to], type, old, ret_new);
}

/* It may be its word about this state; everything else is a mistake of its author. */
static bool
refused_by_module(const struct txn *t, int rc)
{
	if (rc == 0 || t->broken.code != PROTO_OK || t->forbidden != NULL)
		return false;
	return t->cause.rc == 0 || t->cause.convert || t->w->refusal[0] != '\0';
}

/* What the call of code_change came to. */
static enum proto_built_code
judge_code_change(struct txn *t, const struct relw_module *m, int rc, void *built)
{
	char what[192];
	struct fail *f = &t->fail;
	snprintf(what, sizeof(what), "code_change of %s %s", m->name, m->vsn);
	if (rc == 0 && built != &never_set)
		t->state = built;
	if (t->broken.code != PROTO_OK)
		*f = t->broken;
	else if (t->forbidden != NULL)
		fail(f, PROTO_FORBIDDEN, m->name, "%s called %s, which it may not", what, t->forbidden);
	else if (rc != 0 || t->nomem)
		fail_with(t, f, m->name, what, rc);
	else if (built == &never_set)
		fail(f, PROTO_REFUSED, m->name, "%s returned 0 and set no new state", what);
	if (f->code == PROTO_NO_MEMORY)
		return hint(f, "free memory and try again");
	if (f->code != PROTO_OK && !refused_by_module(t, rc))
		return hint(f, "correct the module's code_change (of a part: convert) and build the release anew");
	return f->code;
}

/* The state of a task is a part that its module owns.  None is in a turn that could use it: the step
 * suspends, or it leaves the code as it is. */
static int
convert_task(struct txn *t, struct task *k)
{
	const struct slot_name *n = &t->w->slots[k->slot];
	int from = worker_gen_index(t->from, n->module), to = worker_gen_index(t->to, n->module);
	k->txn_state = k->state;
	if (from < 0 || to < 0 || t->from->table.e[from].obj == t->to->table.e[to].obj)
		return 0;
	if (worker_state_type(t->from->table.e[from].obj->table, n->function) == NULL ||
	    worker_state_type(t->to->table.e[to].obj->table, n->function) == NULL)
		return 0; /* not one that the module declares */
	if (find_change(t->changes, n->module) == NULL && t->change == NULL)
		return 0; /* its layout is the same, see check_layout() */
	forget_cause(t);
	return run_convert(t, t->from->views[from], t->to->views[to], n->function, k->state, &k->txn_state);
}

static enum proto_built_code
convert_tasks(struct txn *t)
{
	struct worker *w = t->w;
	int rc = 0;
	t->tasks = true;
	for (struct task *k = w->tasks.list; k != NULL; k = k->next)
		k->txn_state = k->state;
	w->txn = t;
	w->call = CALL_TXN;
	for (struct task *k = w->tasks.list; k != NULL && rc == 0; k = k->next)
		rc = convert_task(t, k);
	w->call = CALL_PLAIN;
	w->txn = NULL;
	if (t->broken.code != PROTO_OK)
		t->fail = t->broken;
	else if (t->nomem)
		fail(&t->fail, PROTO_NO_MEMORY, t->to->table.e[0].obj->module, "the states of tasks: out of memory");
	else if (rc != 0)
		t->fail = t->cause.fail;
	return t->fail.code;
}

static enum proto_built_code
run_code_change(struct txn *t, const struct change *c)
{
	struct worker *w = t->w;
	bool up = c->mode == RELW_UP;
	const struct gen *newer = up ? t->to : t->from, *other = up ? t->from : t->to;
	const struct relw_module *m = newer->table.e[0].obj->table;
	struct relw_change change = {.mode = c->mode,
	    .other_vsn = other->table.e[0].obj->table->vsn,
	    .extra = c->extra,
	    .rehearsal = t->rehearsal};
	void *built = not_set();
	w->refusal[0] = '\0';
	w->txn = t;
	w->call = CALL_TXN;
	set_running(t, newer->table.e[0].obj->module);
	int rc = m->code_change(&newer->views[0]->pub, &change, t->from->state, &built);
	w->call = CALL_PLAIN;
	w->txn = NULL;
	return judge_code_change(t, m, rc, built);
}

static bool
same_code(const struct gen *a, const struct gen *b)
{
	bool same = a->table.n == b->table.n;
	for (size_t i = 0; same && i < a->table.n; i++)
		same = a->table.e[i].obj == b->table.e[i].obj;
	return same;
}

/* By the newer version's word.  Where the code is the new one already, so is the state. */
bool
worker_converts_in_place(const struct gen *from, const struct gen *to, const struct changes *changes)
{
	const struct change *c = find_change(changes, to->table.e[0].obj->module);
	const struct gen *newer = c != NULL && c->mode == RELW_DOWN ? from : to;
	return c != NULL && !same_code(from, to) && (newer->table.e[0].obj->table->flags & RELW_IN_PLACE) != 0;
}

enum proto_built_code
worker_txn_in_place(struct txn *t)
{
	return t->in_place ? run_code_change(t, t->change) : PROTO_OK;
}

enum proto_built_code
worker_txn_build(struct txn *t)
{
	t->fds = t->timers = -1;
	t->state = t->from->state;
	/* What prepare has checked stands, but registrations have come since. */
	if ((t->checked ? check_registered(t->w, t->from, t->to, &t->fail)
			: worker_step_check(t->w, t->from, t->to, t->changes, &t->fail)) != PROTO_OK)
		return t->fail.code;
	const struct change *c = find_change(t->changes, t->to->table.e[0].obj->module);
	/* Where the code is the new one already, so is the state.  A callback module that stays while one
	 * below it changes still converts that one's parts. */
	if (same_code(t->from, t->to))
		return PROTO_OK;
	t->change = c; /* though it be called after the decision: states of tasks below go by it */
	t->in_place = worker_converts_in_place(t->from, t->to, t->changes);
	if (t->in_place && t->undo) {
		fail(&t->fail, PROTO_REFUSED, t->to->table.e[0].obj->module,
		    "its state was converted in place, and the way back is a restart");
		return t->fail.code;
	}
	if (c != NULL && !t->in_place && run_code_change(t, c) != PROTO_OK)
		return t->fail.code;
	return t->changes->n > 0 && t->w->tasks.list != NULL ? convert_tasks(t) : PROTO_OK;
}

/* ------------------------------------------------------------------ the two ends */
static void
rekey(struct txn *t, bool commit)
{
	struct worker *w = t->w;
	for (int fd = t->fds; fd >= 0; fd = w->regs[fd].txn_next) {
		w->regs[fd].txn_set = false;
		if (commit)
			w->regs[fd].key = w->regs[fd].txn_key;
	}
	for (int i = t->timers; i >= 0; i = w->timers.v[i].txn_next) {
		w->timers.v[i].txn_set = false;
		if (commit)
			w->timers.v[i].key = w->timers.v[i].txn_key;
	}
}

static void
discard_part(struct worker *w, void *part, struct view *v, uint32_t type)
{
	const struct relw_state_type *t = &v->entry->obj->table->state_types[type];
	if (part == NULL || t->discard == NULL)
		return;
	w->call = CALL_DISCARD;
	t->discard(&v->pub, part);
	w->call = CALL_PLAIN;
}

static void
discard_state(struct worker *w, void *state, const struct gen *g)
{
	const struct relw_module *m = g->table.e[0].obj->table;
	if (m->discard == NULL)
		return;
	w->call = CALL_DISCARD;
	m->discard(&g->views[0]->pub, state);
	w->call = CALL_PLAIN;
}

/* Modules whose code is another one now set their pointers anew. */
static void
rebind(struct txn *t)
{
	for (size_t i = 0; i < t->to->table.n; i++) {
		const struct object *o = t->to->table.e[i].obj;
		if (o->table->rebind != NULL && object_in(t->from, o->module) != o)
			o->table->rebind(&t->to->views[i]->pub, i == 0 ? t->state : NULL);
	}
}

void
worker_txn_commit(struct txn *t)
{
	struct worker *w = t->w;
	for (size_t i = 0; i < t->to->table.n; i++) {
		const struct entry *e = &t->to->table.e[i];
		memcpy(e->obj->version, e->version,
		    strlen(e->version) + 1); /* its shape was checked */
	}
	w->trash = (struct trash){.gen = t->from,
	    .state = t->from->state,
	    .has_state = t->state != t->from->state && !t->in_place,
	    .parts = t->parts,
	    .n = t->n,
	    .since = rel_mono_now()};
	worker_gen_set_state(t->to, t->state);
	w->gen = t->to;
	for (struct task *k = t->tasks ? w->tasks.list : NULL; k != NULL; k = k->next)
		k->state = k->txn_state;
	rekey(t, true);
	/* A task that rebind starts may be of a function that the code before does not have: it begins when
	 * the new code is current, and the caller lets the tasks go. */
	worker_tasks_hold(w);
	rebind(t);
	worker_tasks_current(w, t->to);
	t->parts = NULL;
}

void
worker_txn_abort(struct txn *t)
{
	rekey(t, false);
	if (t->state != t->from->state)
		discard_state(t->w, t->state, t->to);
	for (size_t i = 0; i < t->n; i++)
		discard_part(t->w, t->parts[i].new, t->parts[i].new_view, t->parts[i].new_type);
	free(t->parts);
	t->parts = NULL;
}

bool
worker_trash_step(struct worker *w)
{
	struct trash *x = &w->trash;
	if (x->gen == NULL)
		return false;
	if (x->has_state) {
		x->has_state = false;
		discard_state(w, x->state, x->gen);
		return true;
	}
	for (int i = 0; i < TRASH_SLICE && x->n > 0; i++) {
		const struct part *p = &x->parts[--x->n];
		discard_part(w, p->old, p->old_view, p->old_type);
	}
	if (x->n == 0) {
		free(x->parts);
		*x = (struct trash){0};
	}
	return true;
}

void
worker_trash_flush(struct worker *w)
{
	while (worker_trash_step(w))
		continue;
}
