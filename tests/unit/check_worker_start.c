/* SPDX-License-Identifier: Apache-2.0
 * worker: hello, start, what must not start, fds, timers, calls, the end.
 */
#include "config.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

static const char *
text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

START_TEST(starts_and_tells_its_modules)
{
	json_t *ready = fake_start_counter("counter-1");
	json_t *modules = json_object_get(ready, "modules");
	ck_assert_uint_eq(json_array_size(modules), 1);
	json_t *m = json_array_get(modules, 0);
	ck_assert_str_eq(text_of(m, "module"), "counter");
	ck_assert_str_eq(text_of(m, "application"), "demo");
	ck_assert_str_eq(text_of(m, "version"), "0.1");
	ck_assert_str_eq(text_of(m, "vsn"), "1");
	ck_assert(json_is_null(json_object_get(m, "old")));
	ck_assert_str_eq(fake_echo(), "1:6:1"); /* env first: 5 */
	json_decref(ready);
}
END_TEST

START_TEST(opens_what_is_imported)
{
	fake_start("pair_a",
	    fake_modules("pair-a-2", "pair_a", "counter-1", "counter", "pair-b-2", "pair_b",
		"pair-c", "pair_c", NULL),
	    NULL);
	json_t *ready = fake_expect("ready");
	json_t *modules = json_object_get(ready, "modules");
	ck_assert_uint_eq(json_array_size(modules), 3); /* counter is not used */
	ck_assert_str_eq(text_of(json_array_get(modules, 0), "module"), "pair_a");
	ck_assert_int_eq(fake_maps("/counter-1.so"), 0);
	json_t *reply = fake_call("any");
	ck_assert_str_eq(text_of(reply, "reply"), "a2 new-0 new-9");
	json_decref(reply);
	json_decref(ready);
}
END_TEST

static void
expect_failed(const char *code, const char *word)
{
	json_t *failed = fake_expect("failed");
	ck_assert_str_eq(text_of(failed, "code"), code);
	if (strstr(text_of(failed, "text"), word) == NULL)
		ck_abort_msg("'%s' is not in: %s", word, text_of(failed, "text"));
	json_decref(failed);
	int status = fake_exit();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

static const struct {
	const char *file, *code, *word;
} bad[] = {
    {"bad-symbol", "bad_module", "does not export relw_module"},
    {"bad-abi", "bad_abi", "module ABI 2; this runtime has 1"},
    {"bad-size", "bad_abi", "bytes; ABI 1 has at least"},
    {"bad-name", "bad_module", "is module 'other'; the release says 'bad'"},
    {"bad-vsn", "bad_module", "vsn"},
    {"bad-flags", "bad_module", "flags 0x40000000"},
    {"bad-interface", "bad_module", "interface_name and interface"},
    {"bad-twice", "bad_module", "function 'f' stands twice"},
    {"bad-function", "bad_module", "exactly one of event and task"},
    {"bad-types", "bad_module", "state type 't' stands twice"},
    {"bad-import", "no_such_module", "module bad 1 imports module 'absent'"},
    {"bad-init", "bad_module", "offers no init"},
    {"bad-absent-file", "bad_object", "bad-absent-file.so: No such file"},
};

START_TEST(bad_module_does_not_start)
{
	fake_start("bad", fake_modules(bad[_i].file, "bad", NULL), NULL);
	expect_failed(bad[_i].code, bad[_i].word);
}
END_TEST

START_TEST(callback_module_must_be_in_the_release)
{
	fake_start("bad", fake_modules("counter-1", "counter", NULL), NULL);
	expect_failed("no_such_module", "does not have module 'bad'");
}
END_TEST

START_TEST(interface_must_fit)
{
	fake_start(
	    "pair_a", fake_modules("pair-a-1", "pair_a", "pair-b-other", "pair_b", NULL), NULL);
	expect_failed(
	    "bad_module", "wants interface 'pair_b/1' of module pair_b; pair_b 1 has 'pair_b/2'");
}
END_TEST

START_TEST(init_may_refuse)
{
	fake_start(
	    "counter", fake_modules("counter-1", "counter", NULL), json_pack("{s:i}", "fail", 1));
	expect_failed("start_failed", "init of counter 1 failed: told to fail");
}
END_TEST

START_TEST(announced_listeners_must_come)
{
	fake_send("start",
	    json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:o}", "worker", FAKE_WORKER, "application",
		"demo", "child", "child", "release", "r", "module", "counter", "listeners", 2,
		"modules", fake_modules("counter-1", "counter", NULL)));
	expect_failed("protocol_error", "0 listeners came where 2 were announced");
}
END_TEST

/* A copy of a good object, cut at some length that the release knows. */
static void
start_cut(size_t permille)
{
	struct rel_err err = REL_ERR_INIT;
	char *data, path[512];
	size_t len;
	json_t *m = fake_module("counter-1", "counter");
	const char *from = json_string_value(json_object_get(m, "path"));
	ck_assert_int_eq(rel_file_read(AT_FDCWD, from, from, 64u << 20, &data, &len, &err), 0);
	/* Section headers and debug data lie at the end and are never mapped: cut below them. */
	size_t cut = permille == 0 ? 0 : permille * 8 + 4;
	ck_assert_uint_lt(cut, len);
	snprintf(path, sizeof(path), "%s/run/cut.so", fake.dir);
	ck_assert_int_eq(rel_file_replace(AT_FDCWD, path, data, cut, 0600, false, &err), 0);
	json_object_set_new(m, "path", json_string(path));
	json_object_set_new(m, "size", json_integer((json_int_t)cut));
	fake_start("counter", json_pack("[o]", m), NULL);
	json_t *failed = fake_expect("failed");
	unlink(path);
	free(data);
	ck_assert_str_eq(text_of(failed, "code"), "bad_object");
	json_decref(failed);
	int status = fake_exit();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}

/* Of about 16 kB the first 8 are always in what is mapped. */
static const size_t cuts[] = {0, 1, 7, 8, 50, 100, 300, 512, 800, 1000};

START_TEST(cut_off_object_is_an_error)
{
	start_cut(cuts[_i]);
}
END_TEST

START_TEST(size_must_be_as_told)
{
	json_t *m = fake_module("counter-1", "counter");
	json_int_t size = json_integer_value(json_object_get(m, "size"));
	json_object_set_new(m, "size", json_integer(size + 1));
	fake_start("counter", json_pack("[o]", m), NULL);
	expect_failed("bad_object", "bytes; the release says");
}
END_TEST

START_TEST(object_of_another_machine_is_an_error)
{
	struct rel_err err = REL_ERR_INIT;
	char *data, path[512];
	size_t len;
	json_t *m = fake_module("counter-1", "counter");
	const char *from = json_string_value(json_object_get(m, "path"));
	ck_assert_int_eq(rel_file_read(AT_FDCWD, from, from, 64u << 20, &data, &len, &err), 0);
	data[18] = (char)(data[18] + 1); /* e_machine */
	snprintf(path, sizeof(path), "%s/run/cut.so", fake.dir);
	ck_assert_int_eq(rel_file_replace(AT_FDCWD, path, data, len, 0600, false, &err), 0);
	json_object_set_new(m, "path", json_string(path));
	fake_start("counter", json_pack("[o]", m), NULL);
	json_t *failed = fake_expect("failed");
	unlink(path);
	free(data);
	ck_assert_str_eq(text_of(failed, "code"), "bad_object");
	ck_assert_ptr_nonnull(strstr(text_of(failed, "text"), "another machine"));
	json_decref(failed);
	int status = fake_exit();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}
END_TEST

START_TEST(timers_run)
{
	json_decref(fake_start_counter("counter-1"));
	json_int_t ticks = 0;
	while (ticks < 3) { /* each call is a turn of the loop */
		json_t *reply = fake_call("any");
		ticks =
		    json_integer_value(json_object_get(json_object_get(reply, "reply"), "ticks"));
		json_decref(reply);
	}
}
END_TEST

START_TEST(registration_calls_check_their_arguments)
{
	json_decref(fake_start_counter("counter-1"));
	json_t *reply = fake_call("registrations");
	ck_assert_int_eq(
	    json_integer_value(json_object_get(json_object_get(reply, "reply"), "rc")), 0);
	json_decref(reply);
}
END_TEST

/* Two descriptors ready in one batch; the first event deletes and re-adds the other, from which it
 * has read: only one event may be seen. */
START_TEST(no_stale_event_after_del_and_add)
{
	json_decref(fake_start_counter("counter-1"));
	json_decref(fake_call("stale"));
	json_int_t spare = 0;
	for (int i = 0; i < 50 || spare == 0; i++) {
		json_t *reply = fake_call("any");
		spare =
		    json_integer_value(json_object_get(json_object_get(reply, "reply"), "spare"));
		json_decref(reply);
	}
	ck_assert_int_eq(spare, 1);
}
END_TEST

START_TEST(calls_are_answered)
{
	json_decref(fake_start_counter("counter-1"));
	json_t *reply = fake_call("any");
	ck_assert(json_is_true(json_object_get(reply, "ok")));
	ck_assert_str_eq(text_of(json_object_get(reply, "reply"), "vsn"), "1");
	json_decref(reply);
	reply = fake_call("refuse");
	ck_assert(json_is_false(json_object_get(reply, "ok")));
	ck_assert_str_eq(text_of(reply, "text"), "not this");
	json_decref(reply);
	reply = fake_call("garbage");
	ck_assert(json_is_false(json_object_get(reply, "ok")));
	ck_assert_str_eq(text_of(reply, "text"), "the module's reply is not JSON");
	json_decref(reply);
	reply = fake_call("long");
	ck_assert(json_is_false(json_object_get(reply, "ok")));
	ck_assert_str_eq(text_of(reply, "text"), "the module's reply is too long");
	json_decref(reply);
}
END_TEST

START_TEST(unknown_messages_are_passed_over)
{
	json_decref(fake_start_counter("counter-1"));
	fake_send("nonsense", json_object());
	fake_send("call", json_object());
	fake_send("prepare", json_pack("{s:i}", "operation", FAKE_OP));
	json_decref(fake_prepared(false));
	fake_send("rehearse", json_object());
	json_decref(fake_expect("rehearsed"));
	fake_send("start", json_object());
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

START_TEST(nofile_limit_is_raised)
{
	struct rlimit rl;
	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_NOFILE, NULL, &rl), 0);
	ck_assert_uint_eq(rl.rlim_cur, rl.rlim_max);
}
END_TEST

static void
expect_end(const char *reason, int status)
{
	char buf[64];
	ssize_t n = recv(fake.client, buf, sizeof(buf) - 1, 0);
	ck_assert_int_gt(n, 0);
	buf[n] = '\0';
	ck_assert_str_eq(buf, reason);
	int s = fake_exit();
	ck_assert(WIFEXITED(s));
	ck_assert_int_eq(WEXITSTATUS(s), status);
}

START_TEST(sigterm_ends_in_order)
{
	json_decref(fake_start_counter("counter-1"));
	kill(fake.pid, SIGTERM);
	expect_end("shutdown", 0);
}
END_TEST

/* SIGCONT ends its wait with EINTR, handler or not. */
START_TEST(goes_on_after_it_was_halted)
{
	int status;
	json_decref(fake_start_counter("counter-1"));
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(kill(fake.pid, SIGSTOP), 0);
		ck_assert_int_eq(waitpid(fake.pid, &status, WUNTRACED), fake.pid);
		ck_assert(WIFSTOPPED(status));
		ck_assert_int_eq(kill(fake.pid, SIGCONT), 0);
	}
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

START_TEST(stop_ends_in_order)
{
	json_decref(fake_start_counter("counter-1"));
	fake_send("stop", json_pack("{s:s}", "reason", "restart"));
	expect_end("restart", 0);
}
END_TEST

START_TEST(module_may_stop)
{
	json_decref(fake_start_counter("counter-1"));
	json_decref(fake_call("stop"));
	expect_end("normal", 0);
}
END_TEST

START_TEST(module_may_stop_abnormally)
{
	json_decref(fake_start_counter("counter-1"));
	json_decref(fake_call("fail"));
	expect_end("out of order", 1);
}
END_TEST

START_TEST(without_a_job_it_ends_with_relupd)
{
	rel_fd_close(&fake.sock);
	int s = fake_exit();
	ck_assert(WIFEXITED(s) && WEXITSTATUS(s) == 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_start");
	TCase *tc = tcase_create("start");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_test(tc, starts_and_tells_its_modules);
	tcase_add_test(tc, opens_what_is_imported);
	tcase_add_loop_test(tc, bad_module_does_not_start, 0, (int)NELEM(bad));
	tcase_add_test(tc, callback_module_must_be_in_the_release);
	tcase_add_test(tc, interface_must_fit);
	tcase_add_test(tc, init_may_refuse);
	tcase_add_test(tc, announced_listeners_must_come);
	tcase_add_loop_test(tc, cut_off_object_is_an_error, 0, (int)NELEM(cuts));
	tcase_add_test(tc, size_must_be_as_told);
	tcase_add_test(tc, object_of_another_machine_is_an_error);
	tcase_add_test(tc, timers_run);
	tcase_add_test(tc, registration_calls_check_their_arguments);
	tcase_add_test(tc, no_stale_event_after_del_and_add);
	tcase_add_test(tc, calls_are_answered);
	tcase_add_test(tc, unknown_messages_are_passed_over);
	tcase_add_test(tc, nofile_limit_is_raised);
	tcase_add_test(tc, sigterm_ends_in_order);
	tcase_add_test(tc, goes_on_after_it_was_halted);
	tcase_add_test(tc, stop_ends_in_order);
	tcase_add_test(tc, module_may_stop);
	tcase_add_test(tc, module_may_stop_abnormally);
	tcase_add_test(tc, without_a_job_it_ends_with_relupd);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
