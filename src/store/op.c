/* SPDX-License-Identifier: Apache-2.0
 * Operations and their journal.  At most one operation is open (has no outcome); only an open one
 * takes steps, an undo mark and an outcome, and the outcome is final.  A step has one state, the last
 * that was recorded.
 */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "store/store_priv.h"

/* Runs a statement that is to change exactly one row of the open operation `id`. */
static int
change_open(struct store *st, sqlite3_stmt *stmt, uint64_t id, struct rel_err *err)
{
	if (store_db_step(st, stmt, err) != 0)
		return -1;
	if (sqlite3_changes(st->db) == 1)
		return 0;
	return rel_err_set(err, REL_E_INTERNAL, "operation %" PRIu64 " is not open", id);
}

static int
remember_id(void *ctx, const struct store_op *op)
{
	*(uint64_t *)ctx = op->id;
	return 0;
}

int
store_op_begin(struct store *st, const struct store_op *op, uint64_t *ret_id, struct rel_err *err)
{
	const char *const texts[] = {op->kind, op->who, op->from, op->to, op->script};
	uint64_t open_id = 0;
	MUST_OBJ(st, STORE_MAGIC);
	if (FAULT(STORE_INTENT))
		return rel_err_sys(err, REL_E_IO, errno, "cannot record the operation");
	int open = store_op_unfinished(st, remember_id, &open_id, err);
	if (open < 0)
		return -1;
	if (open == 1)
		return rel_err_set(err, REL_E_BUSY, "operation %" PRIu64 " has not ended", open_id);
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st,
	        "INSERT INTO operation (at, kind, who, from_release, to_release, script)"
	        " VALUES (?, ?, ?, ?, ?, ?)", &stmt, err) != 0)
		return -1;
	sqlite3_bind_int64(stmt, 1, op->at);
	if (store_db_bind_texts(st, stmt, 2, texts, NELEM(texts), err) != 0 ||
	    store_db_step(st, stmt, err) != 0)
		return -1;
	*ret_id = (uint64_t)sqlite3_last_insert_rowid(st->db);
	return 0;
}

int
store_op_step(struct store *st, uint64_t id, unsigned step, const char *state, struct rel_err *err)
{
	MUST_OBJ(st, STORE_MAGIC);
	if (FAULT(STORE_STEP))
		return rel_err_sys(err, REL_E_IO, errno, "cannot record step %u", step);
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st,
	        "INSERT INTO step (operation, step, state)"
	        " SELECT id, ?2, ?3 FROM operation WHERE id = ?1 AND outcome IS NULL"
	        " ON CONFLICT (operation, step) DO UPDATE SET state = ?3", &stmt, err) != 0)
		return -1;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id);
	sqlite3_bind_int64(stmt, 2, step);
	if (store_db_bind_texts(st, stmt, 3, &state, 1, err) != 0)
		return -1;
	return change_open(st, stmt, id, err);
}

int
store_op_undo(struct store *st, uint64_t id, struct rel_err *err)
{
	MUST_OBJ(st, STORE_MAGIC);
	if (FAULT(STORE_UNDO))
		return rel_err_sys(err, REL_E_IO, errno, "cannot record the undo");
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st, "UPDATE operation SET undo = 1 WHERE id = ? AND outcome IS NULL",
	        &stmt, err) != 0)
		return -1;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id);
	return change_open(st, stmt, id, err);
}

static int
write_outcome(struct store *st, uint64_t id, const char *outcome, const char *result,
    struct rel_err *err)
{
	const char *const texts[] = {outcome, result};
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st,
	        "UPDATE operation SET outcome = ?2, result = ?3 WHERE id = ?1 AND outcome IS NULL",
	        &stmt, err) != 0)
		return -1;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id);
	if (store_db_bind_texts(st, stmt, 2, texts, NELEM(texts), err) != 0)
		return -1;
	return change_open(st, stmt, id, err);
}

int
store_op_end(struct store *st, uint64_t id, const char *outcome, const char *result,
    const struct store_current *current, struct rel_err *err)
{
	MUST_OBJ(st, STORE_MAGIC);
	MUST(outcome != NULL && result != NULL);
	if (FAULT(STORE_OUTCOME))
		return rel_err_sys(err, REL_E_IO, errno, "cannot record the outcome");
	if (store_db_exec(st, "BEGIN IMMEDIATE", err) != 0)
		return -1;
	if (write_outcome(st, id, outcome, result, err) == 0 &&
	    (current == NULL || store_current_write(st, current, err) == 0) &&
	    store_db_exec(st, "COMMIT", err) == 0)
		return 0;
	/* Where the disk failed, SQLite may have rolled back by itself; then this says so and is
	 * passed over: either way nothing of the transaction stands. */
	sqlite3_exec(st->db, "ROLLBACK", NULL, NULL, NULL);
	return -1;
}

/* ------------------------------------------------------------------ reading */
#define OP_COLUMNS "id, at, kind, who, from_release, to_release, script, undo, outcome, result"

static int
optional_text(struct store *st, sqlite3_stmt *stmt, int column, const char **ret,
    struct rel_err *err)
{
	if (sqlite3_column_type(stmt, column) == SQLITE_NULL)
		return 0;
	return store_db_text(st, stmt, column, ret, err);
}

/* The strings live until the next step of `stmt`. */
static int
read_op(struct store *st, sqlite3_stmt *stmt, struct store_op *ret, struct rel_err *err)
{
	struct store_op op = {
		.id = (uint64_t)sqlite3_column_int64(stmt, 0),
		.at = sqlite3_column_int64(stmt, 1),
		.undo = sqlite3_column_int(stmt, 7) != 0,
	};
	if (store_db_text(st, stmt, 2, &op.kind, err) != 0 ||
	    store_db_text(st, stmt, 3, &op.who, err) != 0 ||
	    store_db_text(st, stmt, 4, &op.from, err) != 0 ||
	    store_db_text(st, stmt, 5, &op.to, err) != 0 ||
	    store_db_text(st, stmt, 6, &op.script, err) != 0 ||
	    optional_text(st, stmt, 8, &op.outcome, err) != 0 ||
	    optional_text(st, stmt, 9, &op.result, err) != 0)
		return -1;
	*ret = op;
	return 0;
}

int
store_op_unfinished(struct store *st, int (*fn)(void *ctx, const struct store_op *op), void *ctx,
    struct rel_err *err)
{
	struct store_op op;
	MUST_OBJ(st, STORE_MAGIC);
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st, "SELECT " OP_COLUMNS " FROM operation WHERE outcome IS NULL", &stmt,
	        err) != 0)
		return -1;
	int rc = store_db_step(st, stmt, err);
	if (rc <= 0)
		return rc;
	if (read_op(st, stmt, &op, err) != 0)
		return -1;
	fn(ctx, &op);
	return 1;
}

int
store_op_step_each(struct store *st, uint64_t id,
    int (*fn)(void *ctx, unsigned step, const char *state), void *ctx, struct rel_err *err)
{
	const char *state;
	int rc;
	MUST_OBJ(st, STORE_MAGIC);
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st, "SELECT step, state FROM step WHERE operation = ? ORDER BY step",
	        &stmt, err) != 0)
		return -1;
	sqlite3_bind_int64(stmt, 1, (sqlite3_int64)id);
	while ((rc = store_db_step(st, stmt, err)) == 1) {
		if (store_db_text(st, stmt, 1, &state, err) != 0)
			return -1;
		if (fn(ctx, (unsigned)sqlite3_column_int64(stmt, 0), state) != 0)
			return 0;
	}
	return rc;
}

int
store_op_each(struct store *st, unsigned limit, int (*fn)(void *ctx, const struct store_op *op),
    void *ctx, struct rel_err *err)
{
	struct store_op op;
	int rc;
	MUST_OBJ(st, STORE_MAGIC);
	CLEANUP(store_db_finalize) sqlite3_stmt *stmt = NULL;
	if (store_db_prepare(st,
	        "SELECT " OP_COLUMNS " FROM operation ORDER BY id DESC LIMIT ?", &stmt, err) != 0)
		return -1;
	sqlite3_bind_int64(stmt, 1, limit);
	while ((rc = store_db_step(st, stmt, err)) == 1) {
		if (read_op(st, stmt, &op, err) != 0)
			return -1;
		if (fn(ctx, &op) != 0)
			return 0;
	}
	return rc;
}
