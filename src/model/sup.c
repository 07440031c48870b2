/* SPDX-License-Identifier: Apache-2.0
 * The supervisor of an app.yaml and its children.  What a child may say depends on what it is: a
 * native worker, a program, or a supervisor.  Rules over the whole application (ids, modules,
 * addresses) are in app.c.
 */
#include "config.h"

#include <stddef.h>
#include <string.h>

#include "model/model_priv.h"

static void
decode_shutdown(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	if (n->kind == DOC_SCALAR && strcmp(n->text, "brutal_kill") == 0)
		*(dur_ns_t *)out = MODEL_SHUTDOWN_BRUTAL;
	else
		model_kind_duration.decode(d, n, out, f);
}

static const struct model_kind kind_shutdown = {decode_shutdown, NULL};

static void decode_nested(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f);
static const struct model_kind kind_nested = {decode_nested, NULL};

static const struct model_range count_range = {1, 10000};

#define CHILD(k, knd, member, ...)                                                                 \
	{.key = (k), .kind = (knd), .offset = offsetof(struct model_child, member), __VA_ARGS__}
#define CHILD_COMMON                                                                               \
	CHILD("id", &model_kind_name, id, .flags = MODEL_REQUIRED),                                \
	CHILD("restart", &model_kind_enum, restart, .arg = &model_restarts),                       \
	CHILD("shutdown", &kind_shutdown, shutdown)
#define CHILD_MODULE                                                                               \
	CHILD("module", &model_kind_name, module), CHILD("args", &model_kind_map, args)
#define CHILD_COMMAND                                                                              \
	CHILD("command", &model_kind_texts, command,                                               \
	    .count_offset = offsetof(struct model_child, command_count)),                          \
	CHILD("ready", &model_kind_enum, ready, .arg = &model_readies)
#define CHILD_SUPERVISOR CHILD("supervisor", &kind_nested, supervisor)
#define CHILD_WORKER                                                                               \
	CHILD("listen", &model_kind_text_list, listen),                                            \
	CHILD("count", &model_kind_uint, count, .arg = &count_range),                              \
	CHILD("drain", &model_kind_duration, drain)

static const struct model_field module_fields[] = {CHILD_COMMON, CHILD_MODULE, CHILD_WORKER};
static const struct model_field command_fields[] = {CHILD_COMMON, CHILD_COMMAND, CHILD_WORKER};
static const struct model_field nested_fields[] = {CHILD_COMMON, CHILD_SUPERVISOR};
static const struct model_field all_fields[] = {
    CHILD_COMMON, CHILD_MODULE, CHILD_COMMAND, CHILD_SUPERVISOR, CHILD_WORKER};

static const struct {
	const char *key, *what;
	struct model_fields fields;
} forms[] = {
    {"module", "a native worker", {module_fields, NELEM(module_fields)}},
    {"command", "a command worker", {command_fields, NELEM(command_fields)}},
    {"supervisor", "a nested supervisor", {nested_fields, NELEM(nested_fields)}},
};

static void
decode_child(struct model_dec *d, const struct doc_node *n, void *out)
{
	struct model_child *c = out;
	*c = (struct model_child){
	    .count = 1,
	    .shutdown = 5 * DUR_S,
	    .ready = MODEL_READY_NONE,
	    .drain = DUR_INFINITY,
	    .pos = n->pos,
	    .node = n,
	};
	size_t found = 0, form = 0;
	for (size_t i = 0; i < NELEM(forms); i++) {
		if (doc_get(n, forms[i].key) == NULL)
			continue;
		form = i;
		found++;
	}
	if (found == 1) {
		model_dec_map(d, n, forms[form].what, forms[form].fields, c);
		return;
	}
	/* What it is does not stand there; the rest is looked at all the same. */
	if (!model_dec_map(d, n, "a child", MODEL_FIELDS(all_fields), c))
		return;
	if (found == 0)
		doc_problem(d->p, &n->pos, REL_E_MISSING_KEY,
		    "a child needs the key 'module', 'command' or 'supervisor'");
	else
		doc_problem(d->p, &n->pos, REL_E_BAD_VALUE,
		    "a child has one of 'module', 'command' and 'supervisor', not several");
}

static void
decode_children(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	struct model_sup *s = out;
	void *list = NULL;
	model_dec_list(d, n, f->key, sizeof(struct model_child), decode_child, &list,
	    &s->child_count);
	s->children = list;
}

static const struct model_kind kind_children = {decode_children, NULL};
static const struct model_range intensity_range = {0, 1000000};

#define SUP(k, knd, member, ...)                                                                   \
	{.key = (k), .kind = &model_kind_##knd, .offset = offsetof(struct model_sup, member),      \
	    __VA_ARGS__}

static const struct model_field sup_fields[] = {
    SUP("strategy", enum, strategy, .arg = &model_strategies),
    SUP("intensity", uint, intensity, .arg = &intensity_range),
    SUP("period", span, period),
    {.key = "children", .kind = &kind_children},
};

static void
decode_supervisor(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	struct model_sup *s = out;
	s->intensity = 1;
	s->period = 5 * DUR_S;
	model_dec_map(d, n, f->key, MODEL_FIELDS(sup_fields), s);
}

const struct model_kind model_kind_supervisor = {decode_supervisor, NULL};

static void
decode_nested(struct model_dec *d, const struct doc_node *n, void *out,
    const struct model_field *f)
{
	struct model_sup *s = model_dec_alloc(d, 1, sizeof(*s), &n->pos);
	if (s == NULL)
		return;
	decode_supervisor(d, n, s, f);
	*(struct model_sup **)out = s;
}
