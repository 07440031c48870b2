/* SPDX-License-Identifier: Apache-2.0
 * Which releases are unpacked (the folders say so), and which of them runs, is permanent, and was
 * permanent before (the database says so).
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "store/store_priv.h"

bool
store_release_exists(struct store *st, const char *version)
{
	struct stat sb;
	MUST_OBJ(st, STORE_MAGIC);
	if (!rel_version_ok(version))
		return false;
	CLEANUP(rel_fd_close)
	int fd = openat(st->dirs[STORE_DIR_RELEASES], version,
	    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	return fd >= 0 && fstatat(fd, "release.yaml", &sb, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(sb.st_mode);
}

int
store_release_each(struct store *st, int (*fn)(void *ctx, const char *version), void *ctx,
    struct rel_err *err)
{
	MUST_OBJ(st, STORE_MAGIC);
	CLEANUP(store_names_fini) struct store_names names = {0};
	if (store_dir_names(st->dirs[STORE_DIR_RELEASES], "releases", &names, err) != 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (store_release_exists(st, names.v[i]) && fn(ctx, names.v[i]) != 0)
			break;
	return 0;
}

/* "" or a version; anything else in the row was not written by us. */
static int
read_version(struct store *st, sqlite3_stmt *stmt, int column, char ret[REL_VERSION_MAX + 1],
    struct rel_err *err)
{
	const char *s;
	if (store_db_text(st, stmt, column, &s, err) != 0)
		return -1;
	if (*s != '\0' && !rel_version_ok(s))
		return rel_err_set(err, REL_E_STATE_DAMAGED,
		    "%s/state/" STORE_DB_NAME ": the %s release is not a version", st->path,
		    sqlite3_column_name(stmt, column));
	memcpy(ret, s, strlen(s) + 1);
	return 0;
}

int
store_current_get(struct store *st, struct store_current *ret, struct rel_err *err)
{
	struct store_current c = {.current = ""};
	MUST_OBJ(st, STORE_MAGIC);
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st, "SELECT current, permanent, previous FROM current", &stmt, err) != 0)
		return -1;
	int rc = store_db_step(st, stmt, err);
	if (rc < 0)
		return -1;
	if (rc == 1 &&
	    (read_version(st, stmt, 0, c.current, err) != 0 ||
	     read_version(st, stmt, 1, c.permanent, err) != 0 ||
	     read_version(st, stmt, 2, c.previous, err) != 0))
		return -1;
	*ret = c;
	return 0;
}

int
store_current_write(struct store *st, const struct store_current *c, struct rel_err *err)
{
	const char *const v[] = {c->current, c->permanent, c->previous};
	for (size_t i = 0; i < NELEM(v); i++)
		if (*v[i] != '\0' && !rel_version_ok(v[i]))
			return rel_err_set(err, REL_E_BAD_VERSION,
			    "the release to be recorded is malformed");
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st,
	        "INSERT INTO current (one, current, permanent, previous) VALUES (1, ?1, ?2, ?3)"
	        " ON CONFLICT (one) DO UPDATE SET"
	        " current = ?1, permanent = ?2, previous = ?3", &stmt, err) != 0)
		return -1;
	if (store_db_bind_texts(st, stmt, 1, v, NELEM(v), err) != 0)
		return -1;
	return store_db_step(st, stmt, err);
}

int
store_current_set(struct store *st, const struct store_current *c, struct rel_err *err)
{
	MUST_OBJ(st, STORE_MAGIC);
	return store_current_write(st, c, err);
}
