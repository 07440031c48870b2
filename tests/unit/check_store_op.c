/* SPDX-License-Identifier: Apache-2.0
 * Operations and their journal: what was recorded is there after a kill, at most one is open, an
 * outcome is final, and nothing half-written is seen.
 */
#include "config.h"

#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"

static const struct store_op sample = {
	.at = INT64_C(1767225600000000001),
	.kind = "upgrade",
	.who = "uid 1000 (o'neil \"x\" \xc3\xa9)",
	.from = "0.1.0",
	.to = "0.1.1",
	.script = "{\"a\":\n1}",
};

static uint64_t
begin(struct store *st)
{
	struct rel_err err = REL_ERR_INIT;
	uint64_t id = 0;
	ck_assert_msg(store_op_begin(st, &sample, &id, &err) == 0, "%s", err.text);
	return id;
}

static void
step(struct store *st, uint64_t id, unsigned n, const char *state)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_msg(store_op_step(st, id, n, state, &err) == 0, "%s", err.text);
}

static void
end(struct store *st, uint64_t id, const char *outcome)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_msg(store_op_end(st, id, outcome, "{}", NULL, &err) == 0, "%s", err.text);
}

/* An operation as text. */
static int
print_op(void *ctx, const struct store_op *op)
{
	char *text = ctx;
	size_t n = strlen(text);
	snprintf(text + n, 1024 - n, "%d %s %s %s>%s %s%s %s %s\n", (int)op->id, op->kind, op->who,
	    op->from, op->to, op->script, op->undo ? " undo" : "",
	    op->outcome == NULL ? "-" : op->outcome, op->result == NULL ? "-" : op->result);
	ck_assert(op->at == sample.at);
	return 0;
}

static int
print_step(void *ctx, unsigned n, const char *state)
{
	char *text = ctx;
	sprintf(text + strlen(text), "%u %s, ", n, state);
	return n == 99;
}

static const char *
steps(struct store *st, uint64_t id)
{
	static char text[1024];
	struct rel_err err = REL_ERR_INIT;
	text[0] = '\0';
	ck_assert_msg(store_op_step_each(st, id, print_step, text, &err) == 0, "%s", err.text);
	return text;
}

static const char *
unfinished(struct store *st)
{
	static char text[1024];
	struct rel_err err = REL_ERR_INIT;
	text[0] = '\0';
	int rc = store_op_unfinished(st, print_op, text, &err);
	ck_assert_msg(rc >= 0, "%s", err.text);
	ck_assert_int_eq(rc, text[0] != '\0');
	return text;
}

#define SAMPLE_TEXT "upgrade uid 1000 (o'neil \"x\" \xc3\xa9) 0.1.0>0.1.1 {\"a\":\n1}"

START_TEST(life_of_an_operation)
{
	struct rel_err err = REL_ERR_INIT;
	const char *root = fix_root();
	struct store *st = fix_open(root);
	ck_assert_str_eq(unfinished(st), "");
	uint64_t id = begin(st);
	ck_assert_uint_eq(id, 1);
	ck_assert_str_eq(unfinished(st), "1 " SAMPLE_TEXT " - -\n");
	step(st, id, 2, "begun");
	step(st, id, 0, "begun");
	step(st, id, 0, "done");
	ck_assert_str_eq(steps(st, id), "0 done, 2 begun, ");
	ck_assert_int_eq(store_op_undo(st, id, &err), 0);
	step(st, id, 0, "undone");
	store_close(&st);
	st = fix_open(root);
	ck_assert_str_eq(unfinished(st), "1 " SAMPLE_TEXT " undo - -\n");
	ck_assert_str_eq(steps(st, id), "0 undone, 2 begun, ");
	ck_assert_str_eq(steps(st, id + 1), "");
	struct store_current c = {.current = "0.1.0", .permanent = "0.1.0"}, got;
	ck_assert_int_eq(store_op_end(st, id, "rolled_back", "{\"x\":1}", &c, &err), 0);
	ck_assert_str_eq(unfinished(st), "");
	ck_assert_uint_eq(begin(st), 2);
	ck_assert_str_eq(steps(st, 2), "");
	store_close(&st);
	st = fix_open(root);
	ck_assert_int_eq(store_current_get(st, &got, &err), 0);
	ck_assert_str_eq(got.permanent, "0.1.0");
	store_close(&st);
}
END_TEST

START_TEST(history_is_newest_first)
{
	struct rel_err err = REL_ERR_INIT;
	char text[1024] = "";
	struct store *st = fix_open(fix_root());
	for (int i = 0; i < 4; i++)
		end(st, begin(st), i == 2 ? "unchanged" : "upgraded");
	ck_assert_int_eq(store_op_each(st, 2, print_op, text, &err), 0);
	ck_assert_str_eq(text, "4 " SAMPLE_TEXT " upgraded {}\n3 " SAMPLE_TEXT " unchanged {}\n");
	store_close(&st);
}
END_TEST

static int
count_two(void *ctx, const struct store_op *op)
{
	(void)op;
	return ++*(int *)ctx == 2;
}

START_TEST(walk_stops)
{
	struct rel_err err = REL_ERR_INIT;
	int n = 0;
	struct store *st = fix_open(fix_root());
	for (int i = 0; i < 4; i++)
		end(st, begin(st), "upgraded");
	ck_assert_int_eq(store_op_each(st, 100, count_two, &n, &err), 0);
	ck_assert_int_eq(n, 2);
	uint64_t id = begin(st);
	step(st, id, 98, "done");
	step(st, id, 99, "done");
	step(st, id, 100, "done");
	ck_assert_str_eq(steps(st, id), "98 done, 99 done, ");
	store_close(&st);
}
END_TEST

START_TEST(one_open_operation)
{
	struct rel_err err = REL_ERR_INIT;
	uint64_t other = 77;
	struct store *st = fix_open(fix_root());
	uint64_t id = begin(st);
	ck_assert_int_eq(store_op_begin(st, &sample, &other, &err), -1);
	ck_assert_uint_eq(other, 77);
	fix_error(&err, REL_E_BUSY, "operation 1 has not ended");
	/* nor does the schema let a second one in, whoever writes it */
	sqlite3 *db;
	ck_assert_int_eq(sqlite3_open(fix_path(store_root_path(st), "state/relup.db"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "INSERT INTO operation (at, kind, who, from_release,"
	    " to_release, script) VALUES (1, '', '', '', '', '')", NULL, NULL, NULL), SQLITE_CONSTRAINT);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
	end(st, id, "upgraded");
	ck_assert_uint_eq(begin(st), 2);
	store_close(&st);
}
END_TEST

START_TEST(outcome_is_final)
{
	struct rel_err err = REL_ERR_INIT;
	char text[1024] = "";
	struct store *st = fix_open(fix_root());
	uint64_t id = begin(st);
	end(st, id, "upgraded");
	ck_assert_int_eq(store_op_end(st, id, "mixed", "{}", NULL, &err), -1);
	fix_error(&err, REL_E_INTERNAL, "operation 1 is not open");
	ck_assert_int_eq(store_op_undo(st, id, &err), -1);
	fix_error(&err, REL_E_INTERNAL, "operation 1 is not open");
	ck_assert_int_eq(store_op_step(st, id, 1, "done", &err), -1);
	fix_error(&err, REL_E_INTERNAL, "operation 1 is not open");
	ck_assert_int_eq(store_op_step(st, 5, 1, "done", &err), -1);
	fix_error(&err, REL_E_INTERNAL, "operation 5 is not open");
	ck_assert_int_eq(store_op_each(st, 9, print_op, text, &err), 0);
	ck_assert_str_eq(text, "1 " SAMPLE_TEXT " upgraded {}\n");
	store_close(&st);
}
END_TEST

START_TEST(step_states)
{
	struct rel_err err = REL_ERR_INIT;
	struct store *st = fix_open(fix_root());
	uint64_t id = begin(st);
	ck_assert_int_eq(store_op_step(st, id, 1, "perhaps", &err), -1);
	fix_error(&err, REL_E_INTERNAL, "CHECK");
	ck_assert_str_eq(steps(st, id), "");
	store_close(&st);
}
END_TEST

/* The outcome and what runs are one transaction: where the second fails, the first is not there. */
START_TEST(end_is_one_transaction)
{
	struct rel_err err = REL_ERR_INIT;
	struct store_current c = {.current = "not a version"}, got;
	struct store *st = fix_open(fix_root());
	uint64_t id = begin(st);
	ck_assert_int_eq(store_op_end(st, id, "upgraded", "{}", &c, &err), -1);
	fix_error(&err, REL_E_BAD_VERSION, "malformed");
	ck_assert_str_eq(unfinished(st), "1 " SAMPLE_TEXT " - -\n");
	strcpy(c.current, "1.0");
	ck_assert_int_eq(store_op_end(st, id, "upgraded", "{}", &c, &err), 0);
	ck_assert_int_eq(store_current_get(st, &got, &err), 0);
	ck_assert_str_eq(got.current, "1.0");
	store_close(&st);
}
END_TEST

/* ------------------------------------------------------------------ crashes */
static void
die_between_steps(const void *root)
{
	struct store *st = fix_open(root);
	uint64_t id = begin(st);
	step(st, id, 0, "begun");
	step(st, id, 0, "done");
	step(st, id, 1, "begun");
	kill(getpid(), SIGKILL);
}

START_TEST(killed_between_steps)
{
	const char *root = fix_root();
	ck_assert_int_eq(fix_child(die_between_steps, root), SIGKILL);
	struct store *st = fix_open(root);
	ck_assert_str_eq(unfinished(st), "1 " SAMPLE_TEXT " - -\n");
	ck_assert_str_eq(steps(st, 1), "0 done, 1 begun, ");
	end(st, 1, "rolled_back");
	store_close(&st);
	st = fix_open(root);
	ck_assert_str_eq(unfinished(st), "");
	store_close(&st);
}
END_TEST

START_TEST(disk_full)
{
	struct rel_err err = REL_ERR_INIT;
	uint64_t id = 0;
	char *big = calloc(1, 1 << 20);
	ck_assert_ptr_nonnull(big);
	memset(big, 'x', (1 << 20) - 1);
	struct store_op op = sample;
	op.script = big;
	struct store *st = fix_open(fix_root());
	struct rlimit old, small = {.rlim_cur = 128 << 10};
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	small.rlim_max = old.rlim_max;
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &small), 0);
	ck_assert_int_eq(store_op_begin(st, &op, &id, &err), -1);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	fix_error(&err, REL_E_IO, "state/relup.db");
	ck_assert_str_eq(unfinished(st), "");
	ck_assert_uint_eq(begin(st), 1);
	store_close(&st);
	free(big);
}
END_TEST

START_TEST(locked_by_another_program)
{
	struct rel_err err = REL_ERR_INIT;
	const char *root = fix_root();
	sqlite3 *db;
	struct store *st = fix_open(root);
	uint64_t id;
	ck_assert_int_eq(sqlite3_open(fix_path(root, "state/relup.db"), &db), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	mono_ns_t before = rel_mono_now();
	ck_assert_int_eq(store_op_begin(st, &sample, &id, &err), -1);
	ck_assert(rel_mono_now() - before >= DUR_S); /* it was given time to end */
	ck_assert_ptr_nonnull(strstr(rel_err_hint_of(&err), "another program"));
	fix_error(&err, REL_E_IO, "locked");
	ck_assert_int_eq(sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	begin(st);
	sqlite3_close(db);
	store_close(&st);
}
END_TEST

#ifdef RELUP_FAULTS
static const char *const points[] = {"STORE_INTENT", "STORE_STEP", "STORE_UNDO", "STORE_OUTCOME"};
/* What stands on the disk where the program died, or failed, at each of the points. */
static const char *const left[] = {
	"",
	"1 " SAMPLE_TEXT " - -\n",
	"1 " SAMPLE_TEXT " - -\n",
	"1 " SAMPLE_TEXT " undo - -\n",
};

static int
whole_operation(struct store *st, struct rel_err *err)
{
	uint64_t id;
	return store_op_begin(st, &sample, &id, err) != 0 ||
	        store_op_step(st, id, 0, "begun", err) != 0 || store_op_undo(st, id, err) != 0 ||
	        store_op_end(st, id, "rolled_back", "{}", NULL, err) != 0
	    ? -1
	    : 0;
}

START_TEST(fault_is_an_error)
{
	struct rel_err err = REL_ERR_INIT;
	char armed[32];
	struct store *st = fix_open(fix_root());
	snprintf(armed, sizeof(armed), "%s:1:error", points[_i]);
	setenv("RELUP_FAULT", armed, 1);
	ck_assert_int_eq(whole_operation(st, &err), -1);
	fix_error(&err, REL_E_IO, "cannot record");
	ck_assert_str_eq(unfinished(st), left[_i]);
	ck_assert_str_eq(_i < 2 ? steps(st, 1) : "", "");
	store_close(&st);
}
END_TEST

static void
run_whole(const void *root)
{
	struct rel_err err = REL_ERR_INIT;
	_exit(whole_operation(fix_open(root), &err) == 0 ? 0 : 1);
}

START_TEST(fault_is_a_kill)
{
	char armed[32];
	const char *root = fix_root();
	snprintf(armed, sizeof(armed), "%s:1:kill", points[_i]);
	setenv("RELUP_FAULT", armed, 1);
	ck_assert_int_eq(fix_child(run_whole, root), SIGKILL);
	unsetenv("RELUP_FAULT");
	struct store *st = fix_open(root);
	ck_assert_str_eq(unfinished(st), left[_i]);
	ck_assert_str_eq(steps(st, 1), _i < 2 ? "" : "0 begun, ");
	store_close(&st);
}
END_TEST
#endif

static void
tests(TCase *tc)
{
	tcase_add_test(tc, life_of_an_operation);
	tcase_add_test(tc, history_is_newest_first);
	tcase_add_test(tc, walk_stops);
	tcase_add_test(tc, one_open_operation);
	tcase_add_test(tc, outcome_is_final);
	tcase_add_test(tc, step_states);
	tcase_add_test(tc, end_is_one_transaction);
	tcase_add_test(tc, killed_between_steps);
	tcase_add_test(tc, disk_full);
	tcase_add_test(tc, locked_by_another_program);
#ifdef RELUP_FAULTS
	tcase_add_loop_test(tc, fault_is_an_error, 0, NELEM(points));
	tcase_add_loop_test(tc, fault_is_a_kill, 0, NELEM(points));
#endif
}

int
main(void)
{
	return fix_main("store-op", tests);
}
