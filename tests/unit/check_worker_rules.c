/* SPDX-License-Identifier: Apache-2.0
 * worker: what comes of a module that does what relworker-rules(7) forbids, where nobody refuses it: as that
 * page says.  tests/man/rules.py tells which test belongs to which entry.
 */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

static const char *
text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static void
start(json_t *args)
{
	fake_start("rule", fake_modules("rule-1", "rule", NULL), args);
	json_decref(fake_expect("ready"));
}

static int
number(json_t *reply)
{
	if (!json_is_true(json_object_get(reply, "ok")))
		ck_abort_msg("%s", json_dumps(reply, 0));
	int n = (int)json_integer_value(json_object_get(reply, "reply"));
	json_decref(reply);
	return n;
}

static int
ask(const char *order)
{
	return number(fake_call(order));
}

static json_t *
steps(json_t *changes)
{
	return json_pack("[o]", fake_step(0, true, json_pack("[s]", "rule"), changes, NULL));
}

static json_t *
change(const char *extra)
{
	return json_pack("[o]", fake_change("rule", "up", json_string(extra)));
}

static struct proto_frame
upgrade(json_t *changes)
{
	fake_prepare(steps(changes), fake_modules("rule-2", "rule", NULL), 60000);
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	return fake_frame(PROTO_DONE);
}

static void
upgrade_well(void)
{
	ck_assert_int_eq(upgrade(NULL).decided, PROTO_COMMIT);
	json_decref(fake_finish(true));
	ck_assert_int_eq(fake_maps("/rule-1.so"), 0);
}

/* ------------------------------------------------------------------ what is kept where it may not be */
START_TEST(a_static_variable_begins_anew)
{
	start(NULL);
	ck_assert_int_eq(ask("static"), 1);
	ck_assert_int_eq(ask("static"), 2);
	ck_assert_int_eq(ask("count"), 1);
	upgrade_well();
	ck_assert_int_eq(ask("static"), 1);
	ck_assert_int_eq(ask("count"), 2);
}
END_TEST

START_TEST(a_kept_rw_is_another_after_an_upgrade)
{
	start(NULL);
	ck_assert_int_eq(ask("keep"), 1);
	ck_assert_int_eq(ask("keep"), 1); /* and so it seems to be right */
	ck_assert_int_eq(upgrade(NULL).decided, PROTO_COMMIT);
	ck_assert_int_eq(ask("keep"), 0);
	json_decref(fake_finish(true));
}
END_TEST

/* Nobody takes back what code_change did to the state that the old code goes on with. */
START_TEST(a_change_of_the_old_state_outlives_the_abort)
{
	start(NULL);
	ck_assert_int_eq(ask("count"), 1);
	struct proto_frame f = upgrade(change("spoil"));
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	ck_assert_str_eq(f.text, "code_change of rule 2 refused: spoilt and refused");
	ck_assert_int_eq(ask("count"), 1001);
}
END_TEST

/* ------------------------------------------------------------------ what is not the module's */
static bool
is_over(void)
{
	struct pollfd p = {.fd = fake.sock, .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

START_TEST(a_forked_child_holds_the_workers_connection)
{
	start(NULL);
	int child = ask("fork");
	ck_assert_int_gt(child, 0);
	kill(fake.pid, SIGKILL);
	(void)fake_exit();
	ck_assert(!is_over()); /* for relupd it is as if the worker were there */
	shutdown(fake.client, SHUT_RDWR); /* the child ends */
	char c;
	ck_assert_int_eq(recv(fake.sock, &c, 1, 0), 0);
}
END_TEST

/* The module reaps the copy of a rehearsal, which is told all the same, but not of what it died. */
static const struct {
	const char *how, *result, *text;
} reaped[] = {
    {"", "ok", ""},
    {"exit ", "crashed", "how was not seen: a module waited for it"},
};

START_TEST(a_copy_that_the_module_waits_for_is_told)
{
	char path[300], order[320], c;
	start(NULL);
	snprintf(path, sizeof(path), "%s/go", fake.dir);
	snprintf(order, sizeof(order), "%s%s", reaped[_i].how, path);
	fake_send("rehearse", json_pack("{s:i, s:i, s:o, s:o}", "operation", FAKE_OP, "deadline_ms", 60000, "steps",
	    steps(change(order)), "modules", fake_modules("rule-2", "rule", NULL)));
	fake_send("call", json_pack("{s:i, s:s}", "id", 9, "request", "wait"));
	ck_assert_int_eq(recv(fake.client, &c, 1, 0), 1); /* it waits, and so does the copy */
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	ck_assert_int_gt(number(fake_expect("reply")), 0);
	json_t *b = fake_expect("rehearsed");
	unlink(path);
	ck_assert_str_eq(text_of(b, "result"), reaped[_i].result);
	ck_assert_ptr_nonnull(strstr(text_of(b, "text"), reaped[_i].text));
	json_decref(b);
}
END_TEST

START_TEST(an_unblocked_sigterm_ends_it_without_terminate)
{
	char buf[8];
	start(NULL);
	ck_assert_int_eq(ask("unblock"), 0);
	kill(fake.pid, SIGTERM);
	int status = fake_exit();
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	ck_assert_int_eq(recv(fake.client, buf, sizeof(buf), 0), 0); /* no last word */
}
END_TEST

/* It says of itself that this cannot be, and is started anew. */
START_TEST(without_its_descriptors_the_worker_ends)
{
	char c;
	start(NULL);
	fake_send("call", json_pack("{s:i, s:s}", "id", 9, "request", "close"));
	ck_assert_int_eq(recv(fake.sock, &c, 1, 0), 0);
	int status = fake_exit();
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
	ck_assert_ptr_nonnull(strstr(fake_log(), "Bad file descriptor; a module has closed descriptors that it did not open"));
}
END_TEST

START_TEST(a_closed_listener_is_lost_until_the_worker_starts_anew)
{
	char c;
	start(NULL);
	ck_assert_int_eq(ask("close listener"), 0);
	ck_assert_int_eq(recv(fake.client, &c, 1, 0), 0);
	upgrade_well();
	ck_assert_int_eq(ask("close listener"), -1); /* EBADF: or it would be another's */
}
END_TEST

/* ------------------------------------------------------------------ files of its own */
static void
lay_down(const char *name, const char *path)
{
	struct rel_err err = REL_ERR_INIT;
	char file[64], *data;
	size_t len;
	snprintf(file, sizeof(file), "loader/out/%s", name);
	json_t *m = fake_module(file, "loader");
	const char *from = text_of(m, "path");
	ck_assert_int_eq(rel_file_read(AT_FDCWD, from, from, 64u << 20, &data, &len, &err), 0);
	ck_assert_int_eq(rel_file_replace(AT_FDCWD, path, data, len, 0444, false, &err), 0);
	free(data);
	json_decref(m);
}

START_TEST(the_loader_answers_with_the_first_file_of_a_name)
{
	char path[300];
	snprintf(path, sizeof(path), "%s/own.so", fake.dir);
	lay_down("good-1", path);
	start(json_pack("{s:s}", "path", path));
	ck_assert_int_eq(ask("open"), 1);
	lay_down("good-2", path);
	upgrade_well();
	ck_assert_int_eq(ask("open"), 1);
	unlink(path);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_rules");
	TCase *tc = tcase_create("rules");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup_logged, fake_teardown);
	tcase_add_test(tc, a_static_variable_begins_anew);
	tcase_add_test(tc, a_kept_rw_is_another_after_an_upgrade);
	tcase_add_test(tc, a_change_of_the_old_state_outlives_the_abort);
	tcase_add_test(tc, a_forked_child_holds_the_workers_connection);
	tcase_add_loop_test(tc, a_copy_that_the_module_waits_for_is_told, 0, (int)NELEM(reaped));
	tcase_add_test(tc, an_unblocked_sigterm_ends_it_without_terminate);
	tcase_add_test(tc, without_its_descriptors_the_worker_ends);
	tcase_add_test(tc, a_closed_listener_is_lost_until_the_worker_starts_anew);
	tcase_add_test(tc, the_loader_answers_with_the_first_file_of_a_name);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
