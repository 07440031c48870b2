/* SPDX-License-Identifier: Apache-2.0
 * What the files of store share.  Every path below the root is opened from one of the directory fds
 * of `struct store`, without following a link, so neither a deep root nor a planted link changes
 * which file is meant.
 *
 * One thread at a time uses the database of a store; the object functions touch no shared state and
 * may run in several threads.
 */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <sqlite3.h>

#include "store/store.h"

#define STORE_MAGIC       0x53744f72U
#define STORE_DB_NAME     "relup.db"
#define STORE_OBJECT_MAX  (UINT64_C(1) << 30) /* a module file of more bytes is refused */
#define STORE_FILE_MAX    (REL_DIGEST_LEN + 4) /* "DIGEST.so" with its NUL */

enum store_dir {
#define X(id, name, mode) STORE_DIR_##id,
#include "store/store_dir_tbl.h"
#undef X
	STORE_DIR__COUNT
};

struct store {
	unsigned magic;
	char *path;                     /* absolute, no links */
	int root_fd, lock_fd;
	int dirs[STORE_DIR__COUNT];
	sqlite3 *db;
	sqlite3_vfs vfs;                /* registered while db is open: see db.c */
	char vfs_name[32];
};

/* ------------------------------------------------------------------ dir.c */
/* EACCES and EPERM are REL_E_DENIED, the rest REL_E_IO. */
enum rel_ecode store_code_of(int sys);

struct store_names {
	char **v; /* owned, sorted by bytes, without "." and ".." */
	size_t n;
};
void store_names_fini(struct store_names *names);
/* *ret is to be empty; `what` is what errors call the directory. */
int store_dir_names(int dirfd, const char *what, struct store_names *ret, struct rel_err *err)
    RTE_MUST_CHECK;

/* "BASE.<16 random hex digits>.tmp": a name for a file that is renamed when it is whole. */
#define STORE_TMP_MAX (REL_NAME_MAX + 32)
int store_tmp_name(const char *base, char buf[STORE_TMP_MAX], struct rel_err *err) RTE_MUST_CHECK;
bool store_tmp_is(const char *name);

/* ------------------------------------------------------------------ digest.c */
/* Reads `from` from its beginning to its end, at most STORE_OBJECT_MAX bytes, and hashes; with
 * `to` != -1 the bytes are written there too. */
int store_digest_fd(int from, int to, const char *what, char ret_hex[REL_DIGEST_LEN + 1],
    uint64_t *ret_size, struct rel_err *err) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ elf_shape.c */
int store_elf_check(int fd, uint64_t size, const char *what, struct rel_err *err) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ object.c */
/* Every lib/APP-VSN/modules/NAME.so of well-formed names, as store_object_get() would see it. */
int store_object_import_all(struct store *st, struct rel_err *err) RTE_MUST_CHECK;
/* Removes what an import that was cut short left in objects/.  The lock is held. */
int store_object_sweep(struct store *st, struct rel_err *err) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ db.c */
int store_db_open(struct store *st, struct rel_err *err) RTE_MUST_CHECK;
void store_db_close(struct store *st);
int store_db_error(struct store *st, const char *doing, struct rel_err *err);
int store_db_prepare(struct store *st, const char *sql, sqlite3_stmt **ret, struct rel_err *err)
    RTE_MUST_CHECK;
/* texts[i] becomes parameter first + i; NULL is stored as the empty text. */
int store_db_bind_texts(struct store *st, sqlite3_stmt *stmt, int first, const char *const *texts,
    size_t n, struct rel_err *err) RTE_MUST_CHECK;
/* 1: a row, 0: done. */
int store_db_step(struct store *st, sqlite3_stmt *stmt, struct rel_err *err) RTE_MUST_CHECK;
int store_db_exec(struct store *st, const char *sql, struct rel_err *err) RTE_MUST_CHECK;
void store_db_finalize(sqlite3_stmt **stmt); /* for CLEANUP */
/* A column as text; REL_E_STATE_DAMAGED where it is none. */
int store_db_text(struct store *st, sqlite3_stmt *stmt, int column, const char **ret,
    struct rel_err *err) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ release.c */
/* store_current_set() without a transaction of its own. */
int store_current_write(struct store *st, const struct store_current *c, struct rel_err *err)
    RTE_MUST_CHECK;

#endif
