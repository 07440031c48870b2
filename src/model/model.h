/* SPDX-License-Identifier: Apache-2.0
 * model: release, application, appup and relup as C values: decode, check, print.
 *
 * Decoders take a document and fill a value; they report every problem of the document in a
 * collector and return 0 only where there was no error.  A value owns its document (strings point
 * into it), lives in one arena, and is freed at once.  Nothing here reads a file except the
 * *_load functions, and nothing knows of a running system.
 */
#ifndef MODEL_MODEL_H
#define MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base.h"
#include "doc/doc.h"

/* A list of names with their places. */
struct model_names {
	size_t count;
	const char **names;
	struct rel_pos *pos;
};
bool model_names_has(const struct model_names *l, const char *name);

/* ------------------------------------------------------------------ release.yaml */
enum model_app_type {
	MODEL_PERMANENT, MODEL_TRANSIENT, MODEL_TEMPORARY, MODEL_LOAD, MODEL_NONE
};
const char *model_app_type_name(enum model_app_type t);

struct model_release_app {
	const char *application, *version;
	enum model_app_type type;
	struct rel_pos pos;
};

enum model_confirm { MODEL_CONFIRM_AUTOMATIC, MODEL_CONFIRM_MANUAL };

struct model_health {
	/* one of the two */
	const char *call_worker;              /* "app/child/0"; NULL: a command */
	const struct doc_node *request, *expect;
	size_t command_count;
	const char **command;
	const char *application;              /* of the command */
	dur_ns_t every, timeout;
	struct rel_pos pos;
};

struct model_probation {
	dur_ns_t duration;                    /* `for:` */
	enum model_confirm confirm;
	dur_ns_t within;
	unsigned restarts;
	size_t health_count;
	struct model_health *health;
};

struct model_release {
	struct doc *doc;                      /* owned */
	const char *release, *version, *runtime;
	size_t app_count;
	struct model_release_app *apps;       /* in the order written */
	struct model_probation *probation;    /* NULL: none */
};

/* ------------------------------------------------------------------ app.yaml */
enum model_strategy { MODEL_ONE_FOR_ONE, MODEL_ONE_FOR_ALL, MODEL_REST_FOR_ONE };
enum model_restart { MODEL_RESTART_PERMANENT, MODEL_RESTART_TRANSIENT, MODEL_RESTART_TEMPORARY };
enum model_ready { MODEL_READY_NOTIFY, MODEL_READY_FD, MODEL_READY_NONE };
const char *model_strategy_name(enum model_strategy s);
const char *model_restart_name(enum model_restart r);

#define MODEL_SHUTDOWN_BRUTAL 0 /* shutdown: brutal_kill */
#define MODEL_LISTEN_MAX     64 /* addresses of a child */

struct model_sup;

struct model_child {
	const char *id;
	/* exactly one of the three */
	const char *module;
	size_t command_count;
	const char **command;
	struct model_sup *supervisor;
	const struct doc_node *args;          /* NULL: none; a map */
	struct model_names listen;            /* as written, ${key} not yet replaced */
	unsigned count;
	enum model_restart restart;
	dur_ns_t shutdown;                    /* MODEL_SHUTDOWN_BRUTAL, or DUR_INFINITY */
	enum model_ready ready;               /* command workers */
	dur_ns_t drain;                       /* DUR_INFINITY: not given */
	struct rel_pos pos;
	const struct doc_node *node;          /* as written: the places of its keys */
};

struct model_sup {
	enum model_strategy strategy;
	unsigned intensity;
	dur_ns_t period;
	size_t child_count;
	struct model_child *children;
};

struct model_app {
	struct doc *doc;                      /* owned */
	const char *application, *version, *description;
	struct model_names depends, optional_depends, modules;
	const struct doc_node *env;           /* NULL: none; a map */
	struct model_sup supervisor;          /* child_count 0: a library */
};

/* ------------------------------------------------------------------ instructions
 * One type for both levels; which op may stand where is in the table. */
enum model_op {
#define X(id, name, level) MODEL_OP_##id,
#include "model/op_tbl.h"
#undef X
	MODEL_OP__COUNT
};
enum model_level { MODEL_HIGH, MODEL_LOW };
const char *model_op_name(enum model_op op);
enum model_level model_op_level(enum model_op op);
/* Does relupd of this version execute it?  What exec_compile() accepts. */
bool model_op_runs(enum model_op op);

enum model_purge { MODEL_SOFT, MODEL_BRUTAL };
enum model_type { MODEL_DYNAMIC, MODEL_STATIC };
enum model_barrier { MODEL_BARRIER_GROUP, MODEL_BARRIER_WORKER };
enum model_mode { MODEL_UP, MODEL_DOWN };
const char *model_purge_name(enum model_purge p);
const char *model_mode_name(enum model_mode m);

#define MODEL_TIMEOUT_DEFAULT INT64_C(-1) /* written `default` or left out: 5 s */

struct model_suspend_item {
	const char *module;
	dur_ns_t timeout;             /* MODEL_TIMEOUT_DEFAULT; DUR_INFINITY */
	enum model_barrier barrier;
	struct rel_pos pos;
};

struct model_change_item {
	const char *module;
	const struct doc_node *extra; /* NULL: null */
	struct rel_pos pos;
};

/* Only the members that the op's row in formats.md names are meaningful. */
struct model_instr {
	enum model_op op;
	bool id_is_number;            /* sync_nodes: id was written as a whole number */
	bool advanced;                /* update: change is {advanced: extra}; else soft */
	bool purge_kills;             /* purge written as a bare list: kills, as in OTP */
	struct rel_pos pos;           /* of the instruction */
	const char *module;           /* update, load_module, add_module, delete_module, load,
	                                 remove */
	const char *application;      /* *_application, update_supervisor, restart_worker,
	                                 load_object_code, apply (NULL: not given) */
	const char *version;          /* load_object_code */
	const char *id;               /* update_supervisor (NULL: top), sync_nodes */
	const char *child;            /* restart_worker */
	enum model_type type;         /* update */
	enum model_app_type app_type; /* add_application, start_application */
	enum model_barrier barrier;   /* update */
	enum model_mode mode;         /* code_change */
	dur_ns_t timeout;             /* update, apply */
	dur_ns_t drain;               /* restart_worker; MODEL_TIMEOUT_DEFAULT: the child's */
	const struct doc_node *extra; /* update with advanced; NULL: null */
	enum model_purge pre_purge, post_purge; /* update, load_module, add_module, load, remove;
	                                 post_purge alone: delete_module, *_application, purge */
	struct model_names modules;   /* depends of high-level ones; load_object_code, purge,
	                                 resume, stop, start */
	size_t suspend_count;
	struct model_suspend_item *suspend;
	size_t change_count;
	struct model_change_item *changes;
	size_t command_count, undo_count;
	const char **command, **undo; /* apply, sync_nodes */
	struct model_names nodes;     /* sync_nodes */
};

struct model_script {
	size_t count;
	struct model_instr *instrs;
	enum model_mode mode;         /* which way it leads: what each of its code_changes must say */
};

/* ------------------------------------------------------------------ appup.yaml */
/* A difference that is left without an instruction on purpose: exactly one of the four. */
struct model_waiver {
	const char *module, *child;
	const char *depends;          /* an application that is depended on, or no more */
	const char *application;      /* the flags and the list of children of its supervisor */
	const char *reason;
	struct rel_pos pos;
};

struct model_appup_entry {
	const char *exact;            /* one of the two */
	const char *matching;         /* POSIX ERE, anchored at both ends; checked when decoded */
	struct rel_pos pos;
	struct model_script script;   /* both levels mixed */
	size_t waiver_count;
	struct model_waiver *waivers;
};

struct model_appup {
	struct doc *doc;              /* owned */
	const char *application, *version;
	size_t up_count, down_count;
	struct model_appup_entry *up, *down;
};

/* ------------------------------------------------------------------ relup.json */
struct model_relup_entry {
	const char *other;            /* from: or to: */
	const char *description;      /* NULL: none */
	struct rel_pos pos;
	struct model_script script;   /* low level only */
};

struct model_relup {
	struct doc *doc;              /* owned; NULL: made by plan */
	struct rel_arena *arena;      /* owned; NULL: in doc's */
	const char *release, *version;
	size_t up_count, down_count;
	struct model_relup_entry *up, *down;
};

/* ------------------------------------------------------------------ decode
 * `d` is taken in every case (owned by *ret on success, freed on failure).  0: no error (there may
 * be warnings in `problems`); -1: *ret is NULL and problems->errors > 0, or the document is faulty,
 * which was told when it was read. */
int model_release_decode(struct doc *d, struct model_release **ret, struct doc_problems *p)
    RTE_MUST_CHECK;
int model_app_decode(struct doc *d, struct model_app **ret, struct doc_problems *p) RTE_MUST_CHECK;
int model_appup_decode(struct doc *d, struct model_appup **ret, struct doc_problems *p)
    RTE_MUST_CHECK;
int model_relup_decode(struct doc *d, struct model_relup **ret, struct doc_problems *p)
    RTE_MUST_CHECK;
/* config.yaml: a map application → map of env keys; stays a document. */
int model_config_check(const struct doc *d, struct doc_problems *p) RTE_MUST_CHECK;
/* The application's env with the config applied, which may be NULL; new reference, NULL: memory. */
json_t *model_app_env(const struct model_app *app, const struct doc *config);

void model_release_free(struct model_release **r);
void model_app_free(struct model_app **a);
void model_appup_free(struct model_appup **a);
void model_relup_free(struct model_relup **r);

/* Read and decode in one; errors (read errors too) go to `problems`.  `name` is what positions call
 * the file. */
int model_release_load(int dirfd, const char *path, const char *name, struct model_release **ret,
    struct doc_problems *p) RTE_MUST_CHECK;
int model_app_load(int dirfd, const char *path, const char *name, struct model_app **ret,
    struct doc_problems *p) RTE_MUST_CHECK;
int model_appup_load(int dirfd, const char *path, const char *name, struct model_appup **ret,
    struct doc_problems *p) RTE_MUST_CHECK;
int model_relup_load(int dirfd, const char *path, const char *name, struct model_relup **ret,
    struct doc_problems *p) RTE_MUST_CHECK;

/* The first entry whose exact text or expression fits the version; NULL: none. */
const struct model_appup_entry *model_appup_find(const struct model_appup_entry *entries,
    size_t count, const char *version);

/* ------------------------------------------------------------------ check
 * The checks of a low-level script, hand-written and generated alike (otp-semantics.md section 3
 * step 5, formats.md differences 4): placing around the point of no return, order of suspend,
 * load, code_change, resume, start, stop; code_changes of its own direction.
 * Adds to problems; 0 where it added no error. */
int model_script_check(const struct model_script *s, struct doc_problems *p) RTE_MUST_CHECK;
/* A suspend with the timeout infinity needs `barrier: worker`.  For a script that is to be run; one
 * that is only made may have it, since OTP's appups give such scripts. */
int model_script_check_timeouts(const struct model_script *s, struct doc_problems *p)
    RTE_MUST_CHECK;

/* ------------------------------------------------------------------ a whole release
 * The release with its applications, each app.yaml read from `libfd`/APP-VSN/app.yaml, the checks
 * over all of them done: versions equal to the folder's, undefined applications, duplicates of
 * applications and of modules, cycles.  `start` is the start order (otp-semantics.md section 4:
 * dependencies first, ties by the order written). */
struct model_system {
	struct model_release *release;        /* owned */
	struct model_app **apps;              /* owned; parallel to release->apps */
	size_t *start;                        /* indexes into apps, in start order */
	struct rel_index *by_name, *by_module; /* owned; for the two look-ups below */
};

/* Where app.yaml of application A at version V is looked for: each lib directory in turn. */
struct model_libs {
	size_t count;
	const int *fds;
	const char *const *names;             /* what errors call them */
	bool unreadable;                      /* some were named, and one at least cannot be opened: told */
};

/* `release` is taken in every case. */
int model_system_load(struct model_release *release, const struct model_libs *libs,
    struct model_system **ret, struct doc_problems *p) RTE_MUST_CHECK;
void model_system_free(struct model_system **s);
/* NULL: not in the release; *ret_index (may be NULL) is its place in apps. */
const struct model_app *model_system_app(const struct model_system *s, const char *application,
    size_t *ret_index);
/* The application that ships the module, the first in start order; NULL: none. */
const struct model_app *model_system_owner(const struct model_system *s, const char *module);

/* ------------------------------------------------------------------ print */
json_t *model_instr_json(const struct model_instr *i);    /* as in relup.json; new reference */
json_t *model_script_json(const struct model_script *s);
json_t *model_relup_json(const struct model_relup *r);    /* the whole file */
/* The text of relup.json: doc_json_pretty() of the above, without the tree of a big one.  malloc'ed;
 * NULL: memory. */
char *model_relup_text(const struct model_relup *r);

#endif
