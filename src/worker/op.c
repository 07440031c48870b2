/* SPDX-License-Identifier: Apache-2.0
 * An operation as relupd sends it (rehearse and prepare have the same steps), and what it needs
 * before the first pause: every object opened, every generation built, every step looked at.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "worker/worker_priv.h"

static int
shape(struct rel_err *err, const char *what, const json_error_t *je)
{
	return rel_err_set(err, REL_E_PROTOCOL, "%s: %s", what, je->text);
}

static int
parse_module(json_t *o, struct modrec *m, struct rel_err *err)
{
	json_error_t je;
	json_int_t size;
	if (json_unpack_ex(o, &je, 0, "{s:s, s:s, s:s, s:s, s:s, s:I}", "module", &m->module,
		"application", &m->application, "version", &m->version, "digest", &m->digest,
		"path", &m->path, "size", &size) != 0)
		return shape(err, "a module of the message", &je);
	m->size = size;
	if (!rel_name_ok(m->module) || !rel_name_ok(m->application) ||
	    !rel_version_ok(m->version) || !rel_digest_ok(m->digest) || m->path[0] != '/')
		return rel_err_set(err, REL_E_PROTOCOL,
		    "module '%.64s' of the message: a name, version, digest or path has a wrong "
		    "shape",
		    m->module);
	return 0;
}

int
worker_modules_parse(
    json_t *a, struct rel_arena *arena, struct modrec **ret, size_t *ret_n, struct rel_err *err)
{
	if (!json_is_array(a))
		return rel_err_set(err, REL_E_PROTOCOL, "the message has no list of modules");
	size_t n = json_array_size(a);
	struct modrec *v = rel_arena_calloc(arena, n, sizeof(*v));
	if (v == NULL)
		return rel_err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		if (parse_module(json_array_get(a, i), &v[i], err) != 0)
			return -1;
		if (worker_modrec_find(v, i, v[i].module) != NULL)
			return rel_err_set(err, REL_E_DUPLICATE_MODULES,
			    "the message has module %s twice", v[i].module);
	}
	*ret = v;
	*ret_n = n;
	return 0;
}

static int
parse_extra(json_t *o, struct rel_arena *arena, const char **ret, struct rel_err *err)
{
	json_t *extra = json_object_get(o, "extra");
	*ret = "null";
	if (extra == NULL)
		return 0;
	char *text = proto_json_text(extra, JSON_COMPACT | JSON_SORT_KEYS);
	*ret = text != NULL ? rel_arena_strdup(arena, text) : NULL;
	free(text);
	return *ret != NULL ? 0 : rel_err_nomem(err);
}

static int
parse_change(json_t *o, struct rel_arena *arena, struct change *c, struct rel_err *err)
{
	json_error_t je;
	const char *mode;
	if (json_unpack_ex(o, &je, 0, "{s:s, s:s}", "module", &c->module, "mode", &mode) != 0)
		return shape(err, "a change of the message", &je);
	if (strcmp(mode, "up") != 0 && strcmp(mode, "down") != 0)
		return rel_err_set(
		    err, REL_E_PROTOCOL, "a change of the message: mode is '%.16s'", mode);
	c->mode = mode[0] == 'u' ? RELW_UP : RELW_DOWN;
	return parse_extra(o, arena, &c->extra, err);
}

static int
parse_changes(json_t *a, struct rel_arena *arena, struct changes *ret, struct rel_err *err)
{
	ret->n = json_array_size(a); /* 0 where it is absent */
	ret->v = rel_arena_calloc(arena, ret->n, sizeof(*ret->v));
	if (ret->v == NULL)
		return rel_err_nomem(err);
	for (size_t i = 0; i < ret->n; i++)
		if (parse_change(json_array_get(a, i), arena, &ret->v[i], err) != 0)
			return -1;
	return 0;
}

static int
parse_loads(json_t *a, struct rel_arena *arena, struct step *s, struct rel_err *err)
{
	s->load_count = json_array_size(a);
	s->loads = rel_arena_calloc(arena, s->load_count, sizeof(*s->loads));
	if (s->loads == NULL)
		return rel_err_nomem(err);
	for (size_t i = 0; i < s->load_count; i++) {
		s->loads[i] = json_string_value(json_array_get(a, i));
		if (s->loads[i] == NULL)
			return rel_err_set(
			    err, REL_E_PROTOCOL, "a step's loads are names of modules");
	}
	return 0;
}

static int
parse_step(json_t *o, struct rel_arena *arena, struct step *s, struct rel_err *err)
{
	json_error_t je;
	json_int_t number, up, undo;
	int self, suspends = 0;
	json_t *loads = NULL, *changes = NULL, *back = NULL;
	if (json_unpack_ex(o, &je, 0, "{s:I, s:I, s:I, s:b, s?b, s?o, s?o, s?o}", "step", &number, "up",
		&up, "undo", &undo, "self", &self, "suspends", &suspends, "loads", &loads, "changes",
		&changes, "undo_changes", &back) != 0)
		return shape(err, "a step of the message", &je);
	if (number < 0 || number > UINT32_MAX || up < 0 || up > UINT32_MAX || undo < 0 ||
	    undo > UINT32_MAX)
		return rel_err_set(
		    err, REL_E_PROTOCOL, "a step of the message: a number is out of range");
	s->number = (uint32_t)number;
	s->up = (uint32_t)up;
	s->undo = (uint32_t)undo;
	s->self = self != 0;
	s->suspends = suspends != 0;
	if (parse_loads(loads, arena, s, err) != 0 ||
	    parse_changes(changes, arena, &s->changes, err) != 0)
		return -1;
	return parse_changes(back, arena, &s->undo_changes, err);
}

static int
parse_op(struct op *op, json_t *body, struct rel_err *err)
{
	json_error_t je;
	json_int_t id;
	json_t *steps, *modules;
	const char *purge = "";
	if (json_unpack_ex(body, &je, 0, "{s:I, s:o, s:o, s?s}", "operation", &id, "steps", &steps,
		"modules", &modules, "purge", &purge) != 0)
		return shape(err, "the operation", &je);
	op->id = id;
	op->strict = strcmp(purge, "strict") == 0;
	op->soft = strcmp(purge, "soft") == 0;
	if (!json_is_array(steps) || json_array_size(steps) > WORKER_STEPS)
		return rel_err_set(err, REL_E_PROTOCOL,
		    "the operation: steps is a list of at most %d", WORKER_STEPS);
	if (worker_modules_parse(modules, op->arena, &op->modules, &op->module_count, err) != 0)
		return -1;
	op->step_count = json_array_size(steps);
	op->steps = rel_arena_calloc(op->arena, op->step_count, sizeof(*op->steps));
	if (op->steps == NULL)
		return rel_err_nomem(err);
	for (size_t i = 0; i < op->step_count; i++)
		if (parse_step(json_array_get(steps, i), op->arena, &op->steps[i], err) != 0)
			return -1;
	return 0;
}

int
worker_op_parse(json_t *body, struct op **ret, struct rel_err *err)
{
	struct rel_arena *arena = rel_arena_new(0);
	struct op *op = arena != NULL ? rel_arena_alloc(arena, sizeof(*op)) : NULL;
	if (op == NULL) {
		rel_arena_free(&arena);
		return rel_err_nomem(err);
	}
	op->arena = arena;
	op->message = json_incref(body);
	op->memory.memfd = op->wake = op->begin = op->done = -1;
	if (parse_op(op, body, err) != 0) {
		worker_op_free(NULL, &op);
		return -1;
	}
	*ret = op;
	return 0;
}

/* But the current one: it stays. */
static void
drop_gen(struct worker *w, struct gen *g)
{
	if (g != NULL && g != w->gen)
		worker_gen_retire(w, &g);
}

/* `w` may be NULL where no generation was made yet. */
void
worker_op_free(struct worker *w, struct op **opp)
{
	struct op *op = *opp;
	*opp = NULL;
	if (op == NULL)
		return;
	if (w != NULL && op->step_count > 0)
		drop_gen(w, op->steps[0].before);
	for (size_t i = 0; w != NULL && i < op->step_count; i++)
		if (op->steps[i].after != op->steps[i].before &&
		    (i == 0 || op->steps[i].after != op->steps[i - 1].after))
			drop_gen(w, op->steps[i].after);
	proto_decision_fini(&op->memory);
	rel_fd_close(&op->wake);
	rel_fd_close(&op->done);
	json_decref(op->message);
	json_decref(op->finish);
	struct rel_arena *arena = op->arena;
	rel_arena_free(&arena);
}

/* Every step's table, and the objects they need.  Runs beside the loop, which leaves w->gen and
 * w->objects as they are meanwhile. */
int
worker_op_load(
    struct worker *w, struct op *op, worker_progress_fn *progress, void *arg, struct rel_err *err)
{
	struct loader l = {.modules = op->modules,
	    .module_count = op->module_count,
	    .held = w->objects,
	    .arena = op->arena,
	    .progress = progress,
	    .progress_arg = arg};
	const struct table *prev = &w->gen->table;
	const char *root = prev->e[0].obj->module;
	int rc = 0;
	for (size_t i = 0; i < op->step_count && rc == 0; i++) {
		struct step *s = &op->steps[i];
		rc = worker_table_next(&l, root, prev, s->loads, s->load_count, &s->table, err);
		prev = &s->table;
	}
	op->opened = l.opened; /* also what was opened before the failure */
	return rc;
}

static void
take_objects(struct worker *w, struct op *op)
{
	while (op->opened != NULL) {
		struct object *o = op->opened;
		op->opened = o->next;
		o->fresh = true;
		worker_fault_know(w, o);
		o->next = w->objects;
		w->objects = o;
	}
}

int
worker_op_build(struct worker *w, struct op *op, struct rel_err *err)
{
	struct gen *prev = w->gen;
	take_objects(w, op);
	for (size_t i = 0; i < op->step_count && err->code == REL_OK; i++) {
		struct step *s = &op->steps[i];
		struct fail f;
		s->before = s->after = prev;
		worker_words_forget(&s->table);
		if (worker_table_same(&s->table, &prev->table))
			s->after = prev;
		else if (worker_gen_new(w, &s->table, &s->after, err) != 0)
			return -1;
		if (worker_step_check(w, s->before, s->after, &s->changes, &f) != PROTO_OK)
			return worker_fail_err(&f, REL_E_CODE_CHANGE_FAILED, err);
		prev = s->after;
	}
	return 0;
}

struct step *
worker_op_step(struct op *op, uint32_t number)
{
	for (size_t i = 0; i < op->step_count; i++)
		if (op->steps[i].number == number)
			return &op->steps[i];
	return NULL;
}

int
worker_op_words(const struct op *op, struct rel_err *err)
{
	for (size_t i = 0; i < op->step_count; i++)
		if (op->steps[i].up >= op->memory.word_count ||
		    op->steps[i].undo >= op->memory.word_count)
			return rel_err_set(err, REL_E_PROTOCOL,
			    "step %u names a word that is not there", op->steps[i].number);
	if (op->cell < 0 || op->cell >= (int64_t)op->memory.cell_count)
		return rel_err_set(
		    err, REL_E_PROTOCOL, "cell %jd is not there", (intmax_t)op->cell);
	return 0;
}

json_t *
worker_op_json(const struct worker *w)
{
	static const char *const names[] = {
	    [STEP_NONE] = "none",
	    [STEP_COMMITTED] = "committed",
	    [STEP_ABORTED] = "aborted",
	    [STEP_UNDONE] = "undone",
	};
	const struct op *op = w->op;
	if (op == NULL)
		return json_null();
	json_t *steps = json_array();
	for (size_t i = 0; steps != NULL && i < op->step_count; i++) {
		json_t *s = json_pack("{s:I, s:s}", "step", (json_int_t)op->steps[i].number,
		    "state", names[op->steps[i].state]);
		if (json_array_append_new(steps, s) != 0) {
			json_decref(steps);
			steps = NULL;
		}
	}
	return json_pack("{s:I, s:o}", "operation", (json_int_t)op->id, "steps", steps);
}
