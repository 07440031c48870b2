/* SPDX-License-Identifier: Apache-2.0
 * The database state/relup.db: opening it, its schema, and how its errors become ours.
 *
 * WAL with synchronous=FULL: a transaction that was committed is on the disk.  user_version counts
 * the migrations that were applied; a database of a newer relup is refused, never guessed at.
 * The file is opened through /proc/self/fd, because SQLite takes no path over 512 bytes and a root
 * may lie deeper; SQLite would resolve that link back to the long path, so each store registers a
 * copy of the unix VFS that leaves names as they are.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

#define APPLICATION_ID 0x72656c75 /* "relu" */
#define CACHE          "PRAGMA cache_size = -256" /* KB; more of it would hold the history of operations */
#define BUSY_MS        2000       /* somebody reads the file with sqlite3(1) */

/* Migration i takes a database from user_version i to i + 1.  Only ever append. */
static const char *const migrations[] = {
	/* At most one operation is open: the partial index holds it against every mistake. */
	"PRAGMA application_id = 1919249525;"
	"CREATE TABLE current ("
	"  one INTEGER PRIMARY KEY CHECK (one = 1),"
	"  current TEXT NOT NULL, permanent TEXT NOT NULL, previous TEXT NOT NULL) STRICT;"
	"CREATE TABLE operation ("
	"  id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL,"
	"  kind TEXT NOT NULL, who TEXT NOT NULL, from_release TEXT NOT NULL,"
	"  to_release TEXT NOT NULL, script TEXT NOT NULL,"
	"  undo INTEGER NOT NULL DEFAULT 0 CHECK (undo IN (0, 1)),"
	"  outcome TEXT, result TEXT,"
	"  CHECK ((outcome IS NULL) = (result IS NULL))) STRICT;"
	"CREATE UNIQUE INDEX operation_open ON operation ((1)) WHERE outcome IS NULL;"
	"CREATE TABLE step ("
	"  operation INTEGER NOT NULL REFERENCES operation (id), step INTEGER NOT NULL,"
	"  state TEXT NOT NULL CHECK (state IN ('begun', 'done', 'undone')),"
	"  PRIMARY KEY (operation, step)) STRICT, WITHOUT ROWID;",
};
_Static_assert(APPLICATION_ID == 1919249525, "the schema's application_id is APPLICATION_ID");

/* ------------------------------------------------------------------ errors */
static int
damaged(struct store *st, const char *doing, const char *why, struct rel_err *err)
{
	return rel_err_set(err, REL_E_STATE_DAMAGED, "%s/state/" STORE_DB_NAME ": %s: %s", st->path,
	    doing, why);
}

int
store_db_error(struct store *st, const char *doing, struct rel_err *err)
{
	int rc = sqlite3_errcode(st->db) & 0xff;
	const char *why = sqlite3_errmsg(st->db);
	switch (rc) {
	case SQLITE_NOMEM:
		return rel_err_nomem(err);
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_FORMAT:
		return damaged(st, doing, why, err);
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		rel_err_set(err, REL_E_IO, "%s/state/" STORE_DB_NAME ": %s: %s", st->path, doing, why);
		return rel_err_hint(err, "another program has the file open: end it and try again");
	case SQLITE_CONSTRAINT:
		return rel_err_set(err, REL_E_INTERNAL, "%s/state/" STORE_DB_NAME ": %s: %s", st->path,
		    doing, why);
	case SQLITE_FULL:
		return rel_err_sys(err, REL_E_IO, ENOSPC, "%s/state/" STORE_DB_NAME ": %s", st->path,
		    doing);
	default: {
		int sys = sqlite3_system_errno(st->db);
		if (sys != 0)
			return rel_err_sys(err, store_code_of(sys), sys,
			    "%s/state/" STORE_DB_NAME ": %s: %s", st->path, doing, why);
		return rel_err_set(err, REL_E_IO, "%s/state/" STORE_DB_NAME ": %s: %s", st->path,
		    doing, why);
	}
	}
}

/* ------------------------------------------------------------------ statements */
void
store_db_finalize(sqlite3_stmt **stmt)
{
	sqlite3_finalize(*stmt);
	*stmt = NULL;
}

int
store_db_prepare(struct store *st, const char *sql, sqlite3_stmt **ret, struct rel_err *err)
{
	if (sqlite3_prepare_v2(st->db, sql, -1, ret, NULL) != SQLITE_OK)
		return store_db_error(st, "cannot prepare a statement", err);
	return 0;
}

int
store_db_bind_texts(struct store *st, sqlite3_stmt *stmt, int first, const char *const *texts,
    size_t n, struct rel_err *err)
{
	for (size_t i = 0; i < n; i++)
		if (sqlite3_bind_text(stmt, first + (int)i, texts[i] == NULL ? "" : texts[i], -1,
		        SQLITE_TRANSIENT) != SQLITE_OK)
			return store_db_error(st, "cannot bind a value", err);
	return 0;
}

int
store_db_step(struct store *st, sqlite3_stmt *stmt, struct rel_err *err)
{
	int rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		return 1;
	if (rc == SQLITE_DONE)
		return 0;
	return store_db_error(st, sqlite3_stmt_readonly(stmt) ? "cannot read" : "cannot write", err);
}

int
store_db_exec(struct store *st, const char *sql, struct rel_err *err)
{
	if (sqlite3_exec(st->db, sql, NULL, NULL, NULL) != SQLITE_OK)
		return store_db_error(st, "cannot write", err);
	return 0;
}

int
store_db_text(struct store *st, sqlite3_stmt *stmt, int column, const char **ret,
    struct rel_err *err)
{
	const unsigned char *s = sqlite3_column_text(stmt, column);
	if (s == NULL && sqlite3_errcode(st->db) == SQLITE_NOMEM)
		return rel_err_nomem(err);
	if (s == NULL || strlen((const char *)s) != (size_t)sqlite3_column_bytes(stmt, column))
		return damaged(st, "a row is not as it was written", sqlite3_column_name(stmt, column),
		    err);
	*ret = (const char *)s;
	return 0;
}

/* The one whole number that a pragma or a count gives. */
static int
read_int(struct store *st, const char *sql, int *ret, struct rel_err *err)
{
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st, sql, &stmt, err) != 0)
		return -1;
	int rc = store_db_step(st, stmt, err);
	if (rc < 0)
		return -1;
	*ret = rc == 0 ? 0 : sqlite3_column_int(stmt, 0);
	return 0;
}

/* ------------------------------------------------------------------ schema */
static int
check_owner(struct store *st, int version, struct rel_err *err)
{
	int id, tables;
	if (read_int(st, "PRAGMA application_id", &id, err) != 0 ||
	    read_int(st, "SELECT count(*) FROM sqlite_schema", &tables, err) != 0)
		return -1;
	if (version == 0 ? id != 0 || tables != 0 : id != APPLICATION_ID)
		return damaged(st, "cannot use it", "it is a database of another program", err);
	if (version <= (int)NELEM(migrations) && version >= 0)
		return 0;
	return rel_err_set(err, REL_E_STATE_NEWER,
	    "%s/state/" STORE_DB_NAME " is of version %d; this relup knows up to %zu", st->path,
	    version, NELEM(migrations));
}

static int
migrate_one(struct store *st, int version, struct rel_err *err)
{
	char set[64];
	snprintf(set, sizeof(set), "PRAGMA user_version = %d", version + 1);
	if (store_db_exec(st, "BEGIN IMMEDIATE", err) != 0)
		return -1;
	if (store_db_exec(st, migrations[version], err) == 0 && store_db_exec(st, set, err) == 0 &&
	    store_db_exec(st, "COMMIT", err) == 0)
		return 0;
	sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

static int
set_wal(struct store *st, struct rel_err *err)
{
	const char *mode;
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st, "PRAGMA journal_mode = WAL", &stmt, err) != 0)
		return -1;
	int rc = store_db_step(st, stmt, err);
	if (rc < 0 || (rc == 1 && store_db_text(st, stmt, 0, &mode, err) != 0))
		return -1;
	if (rc == 1 && strcmp(mode, "wal") == 0)
		return 0;
	rel_err_set(err, REL_E_IO, "%s/state: its file system cannot hold a write-ahead log",
	    st->path);
	return rel_err_hint(err, "put the root on a local file system");
}

static int
db_prepare(struct store *st, struct rel_err *err)
{
	int version;
	sqlite3_busy_timeout(st->db, BUSY_MS);
	if (read_int(st, "PRAGMA user_version", &version, err) != 0 ||
	    check_owner(st, version, err) != 0 || set_wal(st, err) != 0 ||
	    store_db_exec(st,
	        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; "
	        CACHE,
	        err) != 0)
		return -1;
	if (version == (int)NELEM(migrations))
		return 0;
	for (; version < (int)NELEM(migrations); version++)
		if (migrate_one(st, version, err) != 0)
			return -1;
	/* A new file's name is as durable as what will be committed into it.  Not at each opening: this
	 * is most of the time of relupd's start. */
	if (FAULT(FILE_FSYNC) || fsync(st->dirs[STORE_DIR_STATE]) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot sync %s/state", st->path);
	return 0;
}

/* ------------------------------------------------------------------ opening */
static int
full_pathname(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	int n = snprintf(out, (size_t)size, "%s", name);
	return n >= 0 && n < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

static int
vfs_register(struct store *st, struct rel_err *err)
{
	const sqlite3_vfs *base = sqlite3_vfs_find("unix");
	if (base == NULL)
		return rel_err_set(err, REL_E_INTERNAL, "SQLite has no unix VFS");
	st->vfs = *base;
	snprintf(st->vfs_name, sizeof(st->vfs_name), "relup-%p", (void *)st);
	st->vfs.zName = st->vfs_name;
	st->vfs.pNext = NULL;
	st->vfs.xFullPathname = full_pathname;
	if (sqlite3_vfs_register(&st->vfs, 0) != SQLITE_OK)
		return rel_err_nomem(err);
	return 0;
}

/* A link in the place of the database would make SQLite write somewhere else. */
static int
check_plain(struct store *st, struct rel_err *err)
{
	static const char *const names[] = {STORE_DB_NAME, STORE_DB_NAME "-wal", STORE_DB_NAME "-shm"};
	struct stat sb;
	for (size_t i = 0; i < NELEM(names); i++) {
		if (fstatat(st->dirs[STORE_DIR_STATE], names[i], &sb, AT_SYMLINK_NOFOLLOW) != 0) {
			if (errno == ENOENT)
				continue;
			return rel_err_sys(err, store_code_of(errno), errno, "cannot stat %s/state/%s",
			    st->path, names[i]);
		}
		if (!S_ISREG(sb.st_mode))
			return rel_err_set(err, REL_E_NOT_A_FILE,
			    "%s/state/%s is not a regular file (a link is refused)", st->path,
			    names[i]);
	}
	return 0;
}

int
store_db_open(struct store *st, struct rel_err *err)
{
	char name[64];
	int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_FULLMUTEX;
	if (check_plain(st, err) != 0 || vfs_register(st, err) != 0)
		return -1;
	snprintf(name, sizeof(name), "/proc/self/fd/%d/" STORE_DB_NAME, st->dirs[STORE_DIR_STATE]);
	if (sqlite3_open_v2(name, &st->db, flags, st->vfs_name) != SQLITE_OK)
		return st->db == NULL ? rel_err_nomem(err)
		                      : store_db_error(st, "cannot open it", err);
	sqlite3_extended_result_codes(st->db, 1);
	if (db_prepare(st, err) != 0)
		return -1;
	return 0;
}

void
store_db_close(struct store *st)
{
	if (st->db != NULL)
		MUST(sqlite3_close(st->db) == SQLITE_OK); /* else a statement was left open */
	st->db = NULL;
	if (st->vfs.zName != NULL)
		sqlite3_vfs_unregister(&st->vfs);
	st->vfs.zName = NULL;
}
