/* SPDX-License-Identifier: Apache-2.0
 * Instructions of both levels: the tables of their fields, from which they are decoded and
 * printed.  Defaults: all of an instruction's enums have their default as the value 0.
 */
#include "config.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "model/model_priv.h"

#define INSTR(k, knd, member, ...)                                                                 \
	{.key = (k), .kind = (knd), .offset = offsetof(struct model_instr, member), __VA_ARGS__}
#define MODULE      INSTR("module", &model_kind_name, module, .flags = MODEL_REQUIRED)
#define APPLICATION INSTR("application", &model_kind_name, application, .flags = MODEL_REQUIRED)
#define DEPENDS     INSTR("depends", &model_kind_names, modules)
#define PURGE(k, m) INSTR(k, &model_kind_enum, m, .arg = &model_purges)

/* ------------------------------------------------------------------ change: of update */
static void
decode_change(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	struct model_instr *i = out;
	if (n->kind == DOC_SCALAR && strcmp(n->text, "soft") == 0) {
		i->advanced = false;
	} else if (n->kind == DOC_MAP && n->count == 1 && strcmp(n->keys[0], "advanced") == 0) {
		i->advanced = true;
		i->extra = n->items[0];
	} else {
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE, "%s is soft or {advanced: EXTRA}",
		    f->key);
	}
}

static int
print_change(json_t *obj, const struct model_field *f, const void *in)
{
	const struct model_instr *i = in;
	if (!i->advanced)
		return json_object_set_new(obj, f->key, json_string("soft"));
	return json_object_set_new(obj, f->key,
	    json_pack("{s:o}", "advanced", i->extra != NULL ? doc_to_json(i->extra) : json_null()));
}

static const struct model_kind kind_change = {decode_change, print_change};

/* ------------------------------------------------------------------ modules: of code_change */
static const struct model_field change_fields[] = {
    {.key = "module", .kind = &model_kind_name,
	.offset = offsetof(struct model_change_item, module), .flags = MODEL_REQUIRED},
    {.key = "extra", .kind = &model_kind_any, .offset = offsetof(struct model_change_item, extra)},
};

static void
decode_change_item(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_change_item *c = out;
	c->pos = n->pos;
	model_dec_map(d, n, "a module of code_change", MODEL_FIELDS(change_fields), c);
}

static void
decode_changes(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	struct model_instr *i = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_change_item), decode_change_item, &list,
	    &i->change_count);
	i->changes = list;
}

/* A list of maps of one table. */
static json_t *
print_list(struct model_fields fields, const void *items, size_t count, size_t size)
{
	json_t *list = json_array();
	for (size_t i = 0; list != NULL && i < count; i++) {
		json_t *o = json_object();
		int rc = json_array_append_new(list, o);
		if (rc != 0 ||
		    model_print_fields(o, fields, (const char *)items + i * size) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}

static int
print_changes(json_t *obj, const struct model_field *f, const void *in)
{
	const struct model_instr *i = in;
	return json_object_set_new(obj, f->key, print_list(MODEL_FIELDS(change_fields), i->changes,
	    i->change_count, sizeof(*i->changes)));
}

static const struct model_kind kind_changes = {decode_changes, print_changes};

/* ------------------------------------------------------------------ sync_nodes */
static void
decode_sync_id(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	struct model_instr *i = out;
	const char *s = model_dec_text(d, n, f->key);
	if (s == NULL)
		return;
	size_t len = strlen(s);
	i->id = s;
	i->id_is_number = !n->quoted && len > 0 && len <= 18 && strspn(s, "0123456789") == len &&
	    (len == 1 || s[0] != '0');
}

static int
print_sync_id(json_t *obj, const struct model_field *f, const void *in)
{
	const struct model_instr *i = in;
	return json_object_set_new(obj, f->key,
	    i->id_is_number ? json_integer(strtoll(i->id, NULL, 10)) : json_string(i->id));
}

static const struct model_kind kind_sync_id = {decode_sync_id, print_sync_id};

/* Left out where the other form was chosen. */
static int
print_hosts(json_t *obj, const struct model_field *f, const void *in)
{
	const struct model_names *l = in;
	return l->names == NULL ? 0 : json_object_set_new(obj, f->key, model_names_json(l));
}

static void
decode_hosts(struct model_dec *d, const struct doc_node *n, void *out, const struct model_field *f)
{
	model_dec_texts(d, n, f->key, out);
}

static const struct model_kind kind_hosts = {decode_hosts, print_hosts};

static const struct model_field sync_apply_fields[] = {
    INSTR("command", &model_kind_texts, command,
	.count_offset = offsetof(struct model_instr, command_count), .flags = MODEL_REQUIRED),
};

/* Its command lies in the instruction itself. */
static void
decode_sync_apply(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	model_dec_map(d, n, f->key, MODEL_FIELDS(sync_apply_fields), out);
}

static int
print_sync_apply(json_t *obj, const struct model_field *f, const void *in)
{
	const struct model_instr *i = in;
	if (i->command == NULL)
		return 0;
	json_t *o = json_object();
	if (o == NULL || model_print_fields(o, MODEL_FIELDS(sync_apply_fields), in) != 0) {
		json_decref(o);
		return -1;
	}
	return json_object_set_new(obj, f->key, o);
}

static const struct model_kind kind_sync_apply = {decode_sync_apply, print_sync_apply};

/* ------------------------------------------------------------------ the tables */
static const struct model_field update_fields[] = {
    MODULE,
    INSTR("type", &model_kind_enum, type, .arg = &model_types),
    INSTR("timeout", &model_kind_timeout, timeout),
    INSTR("barrier", &model_kind_enum, barrier, .arg = &model_barriers,
	.flags = MODEL_OMIT_DEFAULT),
    {.key = "change", .kind = &kind_change},
    PURGE("pre_purge", pre_purge),
    PURGE("post_purge", post_purge),
    DEPENDS,
};

static const struct model_field load_module_fields[] = {
    MODULE,
    PURGE("pre_purge", pre_purge),
    PURGE("post_purge", post_purge),
    DEPENDS,
};

static const struct model_field delete_module_fields[] = {
    MODULE,
    DEPENDS,
    PURGE("purge", post_purge),
};

static const struct model_field app_type_fields[] = {
    APPLICATION,
    INSTR("type", &model_kind_enum, app_type, .arg = &model_app_types),
};

static const struct model_field app_purge_fields[] = {
    APPLICATION,
    PURGE("purge", post_purge),
};

static const struct model_field app_fields[] = {APPLICATION};

static const struct model_field update_supervisor_fields[] = {
    APPLICATION,
    INSTR("id", &model_kind_name, id),
};

static const struct model_field restart_worker_fields[] = {
    APPLICATION,
    INSTR("child", &model_kind_name, child, .flags = MODEL_REQUIRED),
    INSTR("drain", &model_kind_duration, drain),
};

static const struct model_field load_object_code_fields[] = {
    APPLICATION,
    INSTR("version", &model_kind_version, version, .flags = MODEL_REQUIRED),
    INSTR("modules", &model_kind_names, modules, .flags = MODEL_REQUIRED),
};

static const struct model_field load_fields[] = {
    MODULE,
    PURGE("pre_purge", pre_purge),
    PURGE("post_purge", post_purge),
};

static const struct model_field purge_fields[] = {
    INSTR("modules", &model_kind_names, modules, .flags = MODEL_REQUIRED),
    PURGE("mode", post_purge),
};

static const struct model_field code_change_fields[] = {
    INSTR("mode", &model_kind_enum, mode, .arg = &model_modes, .flags = MODEL_REQUIRED),
    {.key = "modules", .kind = &kind_changes, .flags = MODEL_REQUIRED},
};

static const struct model_field suspend_fields[] = {
    {.key = "module", .kind = &model_kind_name,
	.offset = offsetof(struct model_suspend_item, module), .flags = MODEL_REQUIRED},
    {.key = "timeout", .kind = &model_kind_ms,
	.offset = offsetof(struct model_suspend_item, timeout)},
    {.key = "barrier", .kind = &model_kind_enum,
	.offset = offsetof(struct model_suspend_item, barrier), .arg = &model_barriers,
	.flags = MODEL_OMIT_DEFAULT},
};

static const struct model_field sync_fields[] = {
    {.key = "id", .kind = &kind_sync_id, .flags = MODEL_REQUIRED},
    INSTR("nodes", &kind_hosts, nodes),
    {.key = "apply", .kind = &kind_sync_apply},
};

static const struct model_field apply_fields[] = {
    INSTR("command", &model_kind_texts, command,
	.count_offset = offsetof(struct model_instr, command_count), .flags = MODEL_REQUIRED),
    INSTR("application", &model_kind_name, application),
    INSTR("undo", &model_kind_texts, undo,
	.count_offset = offsetof(struct model_instr, undo_count)),
    INSTR("timeout", &model_kind_timeout, timeout),
};

/* How an instruction is written: a bare text; a map of fields; a list of modules; a list of modules
 * or a map (purge); a list of maps (suspend). */
enum form { FORM_BARE, FORM_MAP, FORM_NAMES, FORM_PURGE, FORM_SUSPEND };

static const struct shape {
	enum form form;
	struct model_fields fields;
} shapes[] = {
#define MAP(f) {FORM_MAP, {f, NELEM(f)}}
    [MODEL_OP_UPDATE] = MAP(update_fields),
    [MODEL_OP_LOAD_MODULE] = MAP(load_module_fields),
    [MODEL_OP_ADD_MODULE] = MAP(load_module_fields),
    [MODEL_OP_DELETE_MODULE] = MAP(delete_module_fields),
    [MODEL_OP_ADD_APPLICATION] = MAP(app_type_fields),
    [MODEL_OP_REMOVE_APPLICATION] = MAP(app_purge_fields),
    [MODEL_OP_RESTART_APPLICATION] = MAP(app_purge_fields),
    [MODEL_OP_UPDATE_SUPERVISOR] = MAP(update_supervisor_fields),
    [MODEL_OP_RESTART_WORKER] = MAP(restart_worker_fields),
    [MODEL_OP_LOAD_OBJECT_CODE] = MAP(load_object_code_fields),
    [MODEL_OP_POINT_OF_NO_RETURN] = {FORM_BARE, {NULL, 0}},
    [MODEL_OP_LOAD] = MAP(load_fields),
    [MODEL_OP_REMOVE] = MAP(load_fields),
    [MODEL_OP_PURGE] = {FORM_PURGE, {purge_fields, NELEM(purge_fields)}},
    [MODEL_OP_SUSPEND] = {FORM_SUSPEND, {suspend_fields, NELEM(suspend_fields)}},
    [MODEL_OP_RESUME] = {FORM_NAMES, {NULL, 0}},
    [MODEL_OP_CODE_CHANGE] = MAP(code_change_fields),
    [MODEL_OP_STOP] = {FORM_NAMES, {NULL, 0}},
    [MODEL_OP_START] = {FORM_NAMES, {NULL, 0}},
    [MODEL_OP_LOAD_APPLICATION] = MAP(app_fields),
    [MODEL_OP_START_APPLICATION] = MAP(app_type_fields),
    [MODEL_OP_STOP_APPLICATION] = MAP(app_fields),
    [MODEL_OP_UNLOAD_APPLICATION] = MAP(app_fields),
    [MODEL_OP_SYNC_NODES] = MAP(sync_fields),
    [MODEL_OP_APPLY] = MAP(apply_fields),
    [MODEL_OP_RESTART_NEW_RUNTIME] = {FORM_BARE, {NULL, 0}},
    [MODEL_OP_RESTART_RUNTIME] = {FORM_BARE, {NULL, 0}},
#undef MAP
};
_Static_assert(NELEM(shapes) == MODEL_OP__COUNT, "op_tbl.h");

/* ------------------------------------------------------------------ decode */
static void
decode_suspend_item(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_suspend_item *s = out;
	s->pos = n->pos;
	s->timeout = MODEL_TIMEOUT_DEFAULT;
	model_dec_map(d, n, "a module of suspend", MODEL_FIELDS(suspend_fields), s);
}

static void
decode_suspend(struct model_dec *d, const struct doc_node *n, struct model_instr *i)
{
	void *list = NULL;
	model_dec_list(d, n, "suspend", sizeof(struct model_suspend_item), decode_suspend_item,
	    &list, &i->suspend_count);
	i->suspend = list;
}

/* The rules over several fields. */
static void
check_map(struct model_dec *d, const struct doc_node *n, const struct model_instr *i)
{
	if (n->kind != DOC_MAP || i->op != MODEL_OP_SYNC_NODES)
		return;
	bool nodes = doc_get(n, "nodes") != NULL, apply = doc_get(n, "apply") != NULL;
	if (!nodes && !apply)
		doc_problem(d->p, &n->pos, REL_E_MISSING_KEY,
		    "sync_nodes needs the key 'nodes' or 'apply'");
	else if (nodes && apply)
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE,
		    "sync_nodes has 'nodes' or 'apply', not both");
}

static void
decode_argument(struct model_dec *d, const struct doc_node *n, struct model_instr *i)
{
	const struct shape *s = &shapes[i->op];
	const char *name = model_op_name(i->op);
	switch (s->form) {
	case FORM_BARE:
		doc_problem(d->p, &i->pos, REL_E_BAD_INSTRUCTION, "%s takes no argument", name);
		doc_problem_hint(d->p, "write it as a bare text: %s", name);
		break;
	case FORM_MAP:
		model_dec_map(d, n, name, s->fields, i);
		check_map(d, n, i);
		break;
	case FORM_NAMES:
		model_dec_names(d, n, name, &i->modules);
		break;
	case FORM_PURGE:
		i->purge_kills = n->kind == DOC_LIST;
		if (i->purge_kills) {
			i->post_purge = MODEL_BRUTAL;
			model_dec_names(d, n, name, &i->modules);
		} else {
			model_dec_map(d, n, name, s->fields, i);
		}
		break;
	case FORM_SUSPEND:
		decode_suspend(d, n, i);
		break;
	}
}

/* MODEL_OP__COUNT: there is no instruction of that name. */
static enum model_op
op_of(const char *name)
{
	unsigned op = 0;
	while (op < MODEL_OP__COUNT && strcmp(model_op_name((enum model_op)op), name) != 0)
		op++;
	return (enum model_op)op;
}

/* Finds the op; false where there is none that may stand here. */
static bool
decode_op(struct model_dec *d, const char *name, const struct rel_pos *pos, bool high,
    struct model_instr *i)
{
	i->op = op_of(name);
	if (i->op == MODEL_OP__COUNT) {
		doc_problem(d->p, pos, REL_E_BAD_INSTRUCTION, "there is no instruction '%.80s'",
		    name);
		return false;
	}
	if (!high && model_op_level(i->op) == MODEL_HIGH) {
		doc_problem(d->p, pos, REL_E_BAD_INSTRUCTION,
		    "%s stands in an appup.yaml, not in a relup", name);
		return false;
	}
	return true;
}

static void
decode_instr(struct model_dec *d, const struct doc_node *n, bool high, struct model_instr *i)
{
	*i = (struct model_instr){
	    .pos = n->pos, .timeout = MODEL_TIMEOUT_DEFAULT, .drain = MODEL_TIMEOUT_DEFAULT};
	if (n->kind == DOC_SCALAR) {
		if (decode_op(d, n->text, &n->pos, high, i) && shapes[i->op].form != FORM_BARE)
			doc_problem(d->p, &n->pos, REL_E_BAD_INSTRUCTION, "%s needs an argument",
			    n->text);
	} else if (n->kind == DOC_MAP && n->count == 1) {
		if (decode_op(d, n->keys[0], &n->key_pos[0], high, i))
			decode_argument(d, n->items[0], i);
	} else {
		doc_problem(d->p, &n->pos, REL_E_BAD_INSTRUCTION,
		    "an instruction is its name, or a map from its name to its argument");
	}
}

static void
decode_script(struct model_dec *d, const struct doc_node *n, const char *what, bool high,
    struct model_script *s)
{
	if (!model_dec_expect(d, n, DOC_LIST, what))
		return;
	struct model_instr *list = model_dec_alloc(d, n->count, sizeof(*list), &n->pos);
	if (list == NULL)
		return;
	for (size_t i = 0; i < n->count; i++)
		decode_instr(d, n->items[i], high, &list[i]);
	s->instrs = list;
	s->count = n->count;
}

static void
decode_script_high(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	decode_script(d, n, f->key, true, out);
}

static void
decode_script_low(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	decode_script(d, n, f->key, false, out);
}

static int
print_script(json_t *obj, const struct model_field *f, const void *in)
{
	return json_object_set_new(obj, f->key, model_script_json(in));
}

const struct model_kind model_kind_script_high = {decode_script_high, print_script};
const struct model_kind model_kind_script_low = {decode_script_low, print_script};

/* ------------------------------------------------------------------ print */
static json_t *
fields_json(struct model_fields fields, const struct model_instr *i)
{
	json_t *o = json_object();
	if (o != NULL && model_print_fields(o, fields, i) != 0) {
		json_decref(o);
		o = NULL;
	}
	return o;
}

static json_t *
argument_json(const struct model_instr *i)
{
	const struct shape *s = &shapes[i->op];
	if (s->form == FORM_NAMES || (s->form == FORM_PURGE && i->purge_kills))
		return model_names_json(&i->modules);
	if (s->form == FORM_SUSPEND)
		return print_list(s->fields, i->suspend, i->suspend_count, sizeof(*i->suspend));
	return fields_json(s->fields, i);
}

json_t *
model_instr_json(const struct model_instr *i)
{
	MUST(i->op < MODEL_OP__COUNT);
	if (shapes[i->op].form == FORM_BARE)
		return json_string(model_op_name(i->op));
	json_t *o = json_object();
	if (json_object_set_new_nocheck(o, model_op_name(i->op), argument_json(i)) != 0) {
		json_decref(o);
		return NULL;
	}
	return o;
}

json_t *
model_script_json(const struct model_script *s)
{
	json_t *list = json_array();
	for (size_t i = 0; list != NULL && i < s->count; i++) {
		if (json_array_append_new(list, model_instr_json(&s->instrs[i])) != 0) {
			json_decref(list);
			list = NULL;
		}
	}
	return list;
}
