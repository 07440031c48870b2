/* SPDX-License-Identifier: Apache-2.0
 * store: the root directory of a host and its durable state.  The truth about what *should* run.
 *
 *	ROOT/objects/SHA256.so    every module file once; mode 0444; only this path is dlopened
 *	ROOT/lib/APP-VSN/         app.yaml appup.yaml modules/NAME.so (links into objects) bin priv
 *	ROOT/releases/VSN/        release.yaml relup.json config.yaml
 *	ROOT/state/               relup.db (SQLite, WAL, synchronous=FULL), lock
 *	ROOT/run/  ROOT/log/
 *
 * A release is *unpacked* where releases/VSN/release.yaml stands; the database adds which one is
 * permanent, which one is current, and which one was permanent before.  One process writes: it holds
 * the lock of the root (flock on state/lock, gone with the process).
 * Names become paths only after rel_name_ok()/rel_version_ok().  Nothing here logs.
 */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdint.h>

#include "base/base.h"

struct store;


struct store_current {
	char current[REL_VERSION_MAX + 1];    /* "" : nothing runs */
	char permanent[REL_VERSION_MAX + 1];  /* started after a restart or reboot; "" : none */
	char previous[REL_VERSION_MAX + 1];   /* permanent before that one; "" : none */
};

/* Makes DIR a root, or completes one: missing folders are made, what is there stays.  Module files
 * that were laid down as plain files become objects.  With `release`: that release must be unpacked
 * and becomes the permanent one (NULL: none is set); whether it can run, the caller has looked.
 * Refuses a root whose lock is held, or whose workers live.  *ret (may be NULL): what is set now. */
int store_root_init(const char *dir, const char *release, struct store_current *ret,
    struct rel_err *err) RTE_MUST_CHECK;

/* Opens a root and takes its lock; REL_E_ROOT_LOCKED names the pid that holds it. */
int store_open(const char *dir, struct store **ret, struct rel_err *err) RTE_MUST_CHECK;
void store_close(struct store **st);

const char *store_root_path(const struct store *st);  /* absolute, no links */
/* Directory fds, borrowed. */
int store_root_fd(const struct store *st);
int store_lib_fd(const struct store *st);
int store_releases_fd(const struct store *st);
int store_run_fd(const struct store *st);
int store_log_fd(const struct store *st);

/* ------------------------------------------------------------------ releases */
int store_current_get(struct store *st, struct store_current *ret, struct rel_err *err)
    RTE_MUST_CHECK;
/* Outside of an operation: the first start on an empty root. */
int store_current_set(struct store *st, const struct store_current *c, struct rel_err *err)
    RTE_MUST_CHECK;

/* The unpacked releases, sorted by name bytes; each callback gets a version that is rel_version_ok().
 * Folders with another name or without a release.yaml are passed over. */
int store_release_each(struct store *st, int (*fn)(void *ctx, const char *version), void *ctx,
    struct rel_err *err) RTE_MUST_CHECK;
bool store_release_exists(struct store *st, const char *version);

/* ------------------------------------------------------------------ objects */
struct store_object {
	char digest[REL_DIGEST_LEN + 1];
	uint64_t size;
	char path[4096];                      /* absolute: ROOT/objects/DIGEST.so */
};
/* The object of lib/APP-VSN/modules/NAME.so.  A link into objects/: the object's bytes are hashed and
 * must be its name (REL_E_BAD_DIGEST else).  A plain file: it is copied into objects/ (temporary,
 * fsync, rename, 0444) and replaced by a link.  Other links, and files over 1 GiB, are refused.
 * Also checked: an ELF shared object of this machine with every PT_LOAD inside the file, because
 * dlopen of a cut-off file kills the process (REL_E_BAD_OBJECT). */
int store_object_get(struct store *st, const char *application, const char *version,
    const char *module, struct store_object *ret, struct rel_err *err) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ operations and their journal
 * Each call is one committed transaction before it returns. */
struct store_op {
	uint64_t id;
	wall_ns_t at;
	const char *kind;                     /* upgrade downgrade rollback start */
	const char *who;                      /* "uid 1000 (name)" */
	const char *from, *to;
	const char *script;                   /* JSON: what exec needs to go on after a crash */
	bool undo;                            /* undoing has begun */
	const char *outcome;                  /* NULL: not ended */
	const char *result;                   /* JSON of the result; NULL: not ended */
};
/* The intent, before the first change.  *ret_id grows by one each time. */
int store_op_begin(struct store *st, const struct store_op *op, uint64_t *ret_id,
    struct rel_err *err) RTE_MUST_CHECK;
/* A step as "begun" or "done" or "undone". */
int store_op_step(struct store *st, uint64_t id, unsigned step, const char *state,
    struct rel_err *err) RTE_MUST_CHECK;
int store_op_undo(struct store *st, uint64_t id, struct rel_err *err) RTE_MUST_CHECK;
/* The outcome, and in the same transaction what runs from now on (NULL: as before). */
int store_op_end(struct store *st, uint64_t id, const char *outcome, const char *result,
    const struct store_current *current, struct rel_err *err) RTE_MUST_CHECK;

/* At most one operation is open (has no outcome): REL_E_BUSY names it.  A step has one state, the
 * last that was recorded.
 *
 * The walks below call fn for each row; what is not 0 ends the walk, which then still returns 0: fn
 * keeps its own error in ctx.  Strings live during fn.
 *
 * The operation that has no outcome yet: 1 and a callback, 0: none. */
int store_op_unfinished(struct store *st, int (*fn)(void *ctx, const struct store_op *op), void *ctx,
    struct rel_err *err) RTE_MUST_CHECK;
int store_op_step_each(struct store *st, uint64_t id,
    int (*fn)(void *ctx, unsigned step, const char *state), void *ctx, struct rel_err *err)
    RTE_MUST_CHECK;
/* Newest first, at most `limit`. */
int store_op_each(struct store *st, unsigned limit, int (*fn)(void *ctx, const struct store_op *op),
    void *ctx, struct rel_err *err) RTE_MUST_CHECK;

#endif
