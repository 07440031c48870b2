/* SPDX-License-Identifier: Apache-2.0
 * The words of the enums and of the instructions.
 */
#include "config.h"

#include "model/model_priv.h"

#define WORDS(var, ...)                                                                            \
	static const char *const var##_words[] = {__VA_ARGS__};                                    \
	const struct model_enum var = {var##_words, NELEM(var##_words)}

WORDS(model_app_types, [MODEL_PERMANENT] = "permanent", [MODEL_TRANSIENT] = "transient",
    [MODEL_TEMPORARY] = "temporary", [MODEL_LOAD] = "load", [MODEL_NONE] = "none");
WORDS(model_purges, [MODEL_SOFT] = "soft", [MODEL_BRUTAL] = "brutal");
WORDS(model_types, [MODEL_DYNAMIC] = "dynamic", [MODEL_STATIC] = "static");
WORDS(model_barriers, [MODEL_BARRIER_GROUP] = "group", [MODEL_BARRIER_WORKER] = "worker");
WORDS(model_modes, [MODEL_UP] = "up", [MODEL_DOWN] = "down");
WORDS(model_strategies, [MODEL_ONE_FOR_ONE] = "one_for_one", [MODEL_ONE_FOR_ALL] = "one_for_all",
    [MODEL_REST_FOR_ONE] = "rest_for_one");
WORDS(model_restarts, [MODEL_RESTART_PERMANENT] = "permanent",
    [MODEL_RESTART_TRANSIENT] = "transient", [MODEL_RESTART_TEMPORARY] = "temporary");
WORDS(model_readies, [MODEL_READY_NOTIFY] = "notify", [MODEL_READY_FD] = "fd",
    [MODEL_READY_NONE] = "none");
WORDS(model_confirms, [MODEL_CONFIRM_AUTOMATIC] = "automatic", [MODEL_CONFIRM_MANUAL] = "manual");

static const char *
word(const struct model_enum *e, unsigned v)
{
	MUST(v < e->count);
	return e->names[v];
}

const char *
model_app_type_name(enum model_app_type t)
{
	return word(&model_app_types, t);
}

const char *
model_strategy_name(enum model_strategy s)
{
	return word(&model_strategies, s);
}

const char *
model_restart_name(enum model_restart r)
{
	return word(&model_restarts, r);
}

const char *
model_purge_name(enum model_purge p)
{
	return word(&model_purges, p);
}

const char *
model_mode_name(enum model_mode m)
{
	return word(&model_modes, m);
}

static const struct {
	const char *name;
	enum model_level level;
} ops[] = {
#define X(id, text, lvl) [MODEL_OP_##id] = {text, lvl},
#include "model/op_tbl.h"
#undef X
};
_Static_assert(NELEM(ops) == MODEL_OP__COUNT, "op_tbl.h");

const char *
model_op_name(enum model_op op)
{
	MUST(op < MODEL_OP__COUNT);
	return ops[op].name;
}

enum model_level
model_op_level(enum model_op op)
{
	MUST(op < MODEL_OP__COUNT);
	return ops[op].level;
}

bool
model_op_runs(enum model_op op)
{
	return op == MODEL_OP_LOAD_OBJECT_CODE || op == MODEL_OP_POINT_OF_NO_RETURN || op == MODEL_OP_SUSPEND ||
	    op == MODEL_OP_LOAD || op == MODEL_OP_CODE_CHANGE || op == MODEL_OP_RESUME;
}
