/* SPDX-License-Identifier: Apache-2.0
 * worker: what it says of the fault it dies of, in its log and to relupd; and what is not unmapped because a
 * signal would lead there.  A sanitizer has handlers of its own, which come first: then nothing is named.
 */
#include "config.h"

#include <regex.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

static void
start(const char *file)
{
	fake_start("fault", fake_modules(file, "fault", NULL), NULL);
	json_decref(fake_expect("ready"));
}

static void
prepare(const char *file)
{
	fake_prepare(json_pack("[o]", fake_step(0, true, json_pack("[s]", "fault"), NULL, NULL)),
	    fake_modules(file, "fault", NULL), 60000);
}

static bool held; /* the old version was when load() returned */

/* A load; its old version is purged. */
static void
load(const char *file)
{
	prepare(file);
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	json_t *f = fake_finish(true);
	held = !json_is_null(json_object_get(json_array_get(json_object_get(f, "modules"), 0), "old"));
	json_decref(f);
}

static int
call(const char *request)
{
	json_t *r = fake_call(request);
	json_int_t n = json_integer_value(json_object_get(r, "reply"));
	ck_assert(json_is_true(json_object_get(r, "ok")));
	json_decref(r);
	return (int)n;
}

static json_t *
holders(void)
{
	fake_send("ask", json_pack("{s:i, s:s}", "id", 3, "what", "holders"));
	json_t *r = fake_expect("reply");
	json_t *list = json_incref(json_object_get(json_object_get(r, "reply"), "holders"));
	json_decref(r);
	return list;
}

static bool
matches(const char *text, const char *pattern)
{
	regex_t re;
	ck_assert_int_eq(regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE), 0);
	bool yes = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return yes;
}

#ifndef RELUP_SANITIZED
static const char *
text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static void
tell(const char *request)
{
	fake_send("call", json_pack("{s:i, s:s}", "id", 9, "request", request));
}

/* A task may be faster than the answer to who started it. */
static json_t *
next_fault(void)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	ck_assert_int_eq(proto_recv(fake.sock, &p, &err), 1);
	while (strcmp(p.name, "reply") == 0) {
		proto_packet_fini(&p);
		ck_assert_int_eq(proto_recv(fake.sock, &p, &err), 1);
	}
	ck_assert_str_eq(p.name, "fault");
	json_t *body = json_incref(p.body);
	proto_packet_fini(&p);
	return body;
}

/* It dies of `sig`; the log has one line that is PATTERN, and relupd is sent the same text. */
static json_t *
expect_fault(int sig, const char *pattern)
{
	char line[1024];
	json_t *f = next_fault();
	int status = fake_exit();
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), sig);
	snprintf(line, sizeof(line), "^%s$", pattern);
	if (!matches(text(f, "text"), line))
		ck_abort_msg("'%s' is not '%s'", text(f, "text"), pattern);
	snprintf(line, sizeof(line), "^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z error " FAKE_WORKER ": %s$",
	    pattern);
	if (!matches(fake_log(), line))
		ck_abort_msg("'%s' has no line '%s'", fake_log(), line);
	const char *first = strstr(fake_log(), text(f, "text"));
	ck_assert_ptr_null(strstr(first + 1, text(f, "text")));
	char signal[16];
	snprintf(signal, sizeof(signal), "SIG%s", sigabbrev_np(sig));
	ck_assert_str_eq(text(f, "signal"), signal);
	ck_assert_int_gt(json_integer_value(json_object_get(f, "thread")), 0);
	return f;
}

/* Where something is: by the module that tests/modules/FILE.so is. */
static void
expect_place(json_t *place, const char *file)
{
	json_t *m = fake_module(file, "fault");
	ck_assert_str_eq(text(place, "module"), "fault");
	ck_assert_str_eq(text(place, "vsn"), strrchr(file, '-') + 1);
	ck_assert_str_eq(text(place, "digest"), text(m, "digest"));
	ck_assert_int_gt(json_integer_value(json_object_get(place, "offset")), 0);
	json_decref(m);
}

#define MODULE(v) "module fault " v
#define HEX	  "0x[0-9a-f]+"
#define GONE	  " \\(digest [0-9a-f]{12}…\\) \\+" HEX ", unmapped since the upgrade, from "

/* ------------------------------------------------------------------ stale */
START_TEST(a_stale_call_of_the_loop_is_named)
{
	start("fault-pointer-1");
	ck_assert_int_eq(call("use"), 42);
	load("fault-pointer-2");
	tell("use");
	json_t *f = expect_fault(SIGSEGV, "stale call into " MODULE("1") GONE "\\+" HEX " of " MODULE("2") "; in the loop");
	ck_assert_str_eq(text(f, "what"), "stale_call");
	expect_place(f, "fault-pointer-1");
	expect_place(json_object_get(f, "from"), "fault-pointer-2");
	ck_assert(json_is_null(json_object_get(f, "task")));
	ck_assert_int_eq(strtoull(text(f, "address"), NULL, 16) % 4096,
	    (unsigned long long)json_integer_value(json_object_get(f, "offset")) % 4096);
	json_decref(f);
}
END_TEST

START_TEST(a_stale_call_of_a_task_is_named)
{
	start("fault-pointer-1");
	load("fault-pointer-2");
	tell("task");
	json_t *f = expect_fault(SIGSEGV,
	    "stale call into " MODULE("1") GONE "\\+" HEX " of " MODULE("2") "; in task work/1");
	ck_assert_str_eq(text(f, "task"), "work/1");
	json_decref(f);
}
END_TEST

/* The versions since are told apart from it. */
START_TEST(the_version_is_that_of_the_pointer)
{
	start("fault-pointer-1");
	load("fault-pointer-2");
	load("fault-pointer-3");
	tell("use");
	json_decref(expect_fault(SIGSEGV,
	    "stale call into " MODULE("1") GONE "\\+" HEX " of " MODULE("3") "; in the loop"));
}
END_TEST

START_TEST(a_stale_literal_is_named)
{
	static const struct {
		const char *request, *what, *sentence, *from;
	} uses[] = {
	    {"use", "stale_read", "stale read of ", "\\+" HEX " of " MODULE("2")},
	    {"write", "stale_write", "stale write to ", "\\+" HEX " of " MODULE("2")},
	    {"libc", "stale_read", "stale read of ", "outside of modules, called from \\+" HEX " of " MODULE("2")},
	};
	char pattern[512];
	start("fault-literal-1");
	ck_assert_int_eq(call("use"), 'n');
	load("fault-literal-2");
	tell(uses[_i].request);
	snprintf(pattern, sizeof(pattern), "%s" MODULE("1") GONE "%s; in the loop", uses[_i].sentence, uses[_i].from);
	json_t *f = expect_fault(SIGSEGV, pattern);
	ck_assert_str_eq(text(f, "what"), uses[_i].what);
	expect_place(f, "fault-literal-1");
	expect_place(json_object_get(f, "from"), "fault-literal-2");
	json_decref(f);
}
END_TEST

/* Its thread's end calls it, from libc: no module does. */
START_TEST(a_stale_destructor_of_a_key_is_named)
{
	start("fault-key-1");
	load("fault-key-2");
	if (held) /* the task was not through with it yet */
		json_decref(fake_expect("loaded"));
	ck_assert_int_eq(fake_maps("/fault-key-1.so"), 0);
	ck_assert_int_eq(send(fake.client, "x", 1, MSG_NOSIGNAL), 1);
	json_t *f = expect_fault(SIGSEGV,
	    "stale call into " MODULE("1") GONE "outside of modules; in task work/1");
	ck_assert(json_is_null(json_object_get(f, "from")));
	json_decref(f);
}
END_TEST

/* ------------------------------------------------------------------ any fault */
static const struct {
	const char *request, *sentence;
	int sig;
	bool inside; /* of the module: not below a library */
} crashes[] = {
    {"read", "SIGSEGV: read of address 0x0, at \\+" HEX " of " MODULE("1") " \\(digest .*\\); in the loop", SIGSEGV, true},
    {"write", "SIGSEGV: write to address 0x0, at \\+" HEX " of " MODULE("1") " \\(digest .*\\); in the loop", SIGSEGV, true},
    {"call", "SIGSEGV: call to address 0x0, from \\+" HEX " of " MODULE("1") " \\(digest .*\\); in the loop", SIGSEGV, false},
    {"libc", "SIGSEGV: read of address 0x0, at outside of modules, called from \\+" HEX " of " MODULE("1") " .*", SIGSEGV, false},
    {"abort", "SIGABRT raised by itself, at outside of modules, called from \\+" HEX " of " MODULE("1") " .*", SIGABRT, false},
    {"raise", "SIGSEGV raised by itself, at outside of modules, called from \\+" HEX " of " MODULE("1") " .*", SIGSEGV, false},
    {"trap", "SIGTRAP raised by itself, .*", SIGTRAP, false},
#if defined(__x86_64__)
    {"int3", "SIGTRAP, at \\+" HEX " of " MODULE("1") " .*; in the loop", SIGTRAP, true},
#endif
    {"ill", "SIGILL, at \\+" HEX " of " MODULE("1") " .*; in the loop", SIGILL, true},
    {"stack", "SIGSEGV: write to address " HEX ", at \\+" HEX " of " MODULE("1") " .*; in the loop", SIGSEGV, true},
    {"thread", "SIGSEGV: .* of " MODULE("1") " .*; in a thread that the runtime did not start", SIGSEGV, true},
};

START_TEST(a_fault_is_named)
{
	start("fault-crash-1");
	tell(crashes[_i].request);
	json_t *f = expect_fault(crashes[_i].sig, crashes[_i].sentence);
	ck_assert_str_eq(text(f, "what"), "fault");
	ck_assert_int_eq(json_is_null(json_object_get(f, "module")), !crashes[_i].inside);
	if (crashes[_i].inside)
		expect_place(f, "fault-crash-1");
	else
		expect_place(json_object_get(f, "from"), "fault-crash-1");
	json_decref(f);
}
END_TEST

START_TEST(a_fault_of_a_task_is_named)
{
	start("fault-crash-1");
	tell("task");
	json_decref(expect_fault(SIGSEGV, "SIGSEGV: write to address 0x0, at \\+" HEX " of " MODULE("1")
		" \\(digest .*\\); in task work/1"));
}
END_TEST

/* Its own stack is full. */
START_TEST(a_fault_of_a_task_that_sank_is_named)
{
	start("fault-crash-1");
	tell("sink");
	json_decref(expect_fault(SIGSEGV, "SIGSEGV: write to address " HEX ", at \\+" HEX " of " MODULE("1")
		" \\(digest .*\\); in task sink/1"));
}
END_TEST

START_TEST(a_signal_from_outside_is_told_apart)
{
	static const int sigs[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};
	char pattern[128];
	start("fault-crash-1");
	ck_assert_int_eq(kill(fake.pid, sigs[_i]), 0);
	snprintf(pattern, sizeof(pattern), "SIG%s sent by process %d, at outside of modules; in the loop",
	    sigabbrev_np(sigs[_i]), getpid());
	json_decref(expect_fault(sigs[_i], pattern));
}
END_TEST

/* The copy is not the worker: its crash is the rehearsal's result, and nothing else. */
START_TEST(the_copy_of_a_rehearsal_says_nothing)
{
	json_decref(fake_start_counter("counter-1"));
	fake_send("rehearse",
	    json_pack("{s:i, s:i, s:[o], s:o}", "operation", FAKE_OP, "deadline_ms", 60000, "steps",
		fake_step(0, false, json_pack("[s]", "counter"),
		    json_pack("[o]", fake_change("counter", "up", json_pack("{s:s}", "do", "crash"))), NULL),
		"modules", fake_modules("counter-2", "counter", NULL)));
	json_t *b = fake_expect("rehearsed");
	ck_assert_str_eq(text(b, "result"), "crashed");
	json_decref(b);
	ck_assert_str_eq(fake_log(), "");
}
END_TEST

/* What names faults has room for some versions, not for all that ever ran: those that are gone make room. */
START_TEST(after_very_many_loads_a_fault_is_named)
{
	start("fault-crash-1");
	for (int i = 0; i < 1100; i++)
		load(i % 2 == 0 ? "fault-crash-2" : "fault-crash-1");
	load("fault-crash-3");
	tell("read");
	json_t *f = expect_fault(SIGSEGV, "SIGSEGV: read of address 0x0, at \\+" HEX " of " MODULE("3")
		" \\(digest .*\\); in the loop");
	expect_place(f, "fault-crash-3");
	json_decref(f);
}
END_TEST

/* Nobody listens, or nobody reads: the log has it all the same. */
START_TEST(without_relupd_the_log_has_it)
{
	start("fault-crash-1");
	rel_fd_close(&fake.listener);
	rel_fd_close(&fake.sock);
	while (strstr(fake_log(), "relupd has gone") == NULL)
		sched_yield();
	ck_assert_int_eq(kill(fake.pid, SIGSEGV), 0);
	int status = fake_exit();
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	ck_assert(matches(fake_log(), "error " FAKE_WORKER ": SIGSEGV sent by process"));
}
END_TEST
#endif

/* ------------------------------------------------------------------ what is none of the worker's */
START_TEST(a_childs_fault_is_its_own)
{
	static const char *const requests[] = {"fork", "exec"};
	start("fault-crash-1");
	int sig = call(requests[_i]); /* its reply comes next: no `fault` is sent */
#ifndef RELUP_SANITIZED
	ck_assert_int_eq(sig, SIGSEGV);
	ck_assert_str_eq(fake_log(), "");
#else
	(void)sig;
#endif
	ck_assert_int_eq(call("any"), 0);
}
END_TEST

/* ld.so goes through what it has mapped when the process ends. */
START_TEST(tombstones_do_not_hinder_the_end)
{
	start("fault-crash-1");
	load("fault-crash-2");
	load("fault-crash-3");
	if (_i == 1) {
		fake_send("call", json_pack("{s:i, s:s}", "id", 9, "request", "exit"));
		int status = fake_exit();
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	}
}
END_TEST

/* Address space that nobody can use: tombstones, and what ld.so and threads keep from use.  A sanitizer
 * has its own plans with it. */
#ifndef RELUP_SANITIZED
static size_t
closed_bytes(void)
{
	char path[64], line[4096];
	size_t sum = 0;
	snprintf(path, sizeof(path), "/proc/%d/maps", fake.pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f) != NULL) {
		unsigned long lo, hi;
		if (sscanf(line, "%lx-%lx ---p 00000000 00:00", &lo, &hi) == 2 && strstr(line, " ---p ") != NULL)
			sum += hi - lo;
	}
	fclose(f);
	return sum;
}

START_TEST(the_oldest_tombstones_are_given_up)
{
	char file[32];
	size_t after[3];
	start("fault-crash-1");
	size_t before = closed_bytes();
	for (int i = 0; i < 3 * 32; i++) {
		snprintf(file, sizeof(file), "fault-crash-%d", (i + 1) % 3 + 1);
		load(file);
		if (i % 32 == 31)
			after[i / 32] = closed_bytes() - before;
	}
	ck_assert_uint_gt(after[0], 0);
	ck_assert_uint_gt(after[1], after[0]);
	ck_assert_uint_eq(after[2], after[1]); /* 64 */
}
END_TEST

/* Each 600 MB: two are more than all may hold. */
START_TEST(tombstones_hold_a_gigabyte_at_most)
{
	start("fault-huge-1");
	size_t before = closed_bytes();
	load("fault-huge-2");
	ck_assert_uint_gt(closed_bytes() - before, 600u << 20);
	load("fault-huge-3");
	ck_assert_uint_gt(closed_bytes() - before, 600u << 20);
	ck_assert_uint_lt(closed_bytes() - before, 1024u << 20);
	ck_assert_int_eq(call("any"), 0);
}
END_TEST
#endif

/* ------------------------------------------------------------------ handlers of signals */
START_TEST(a_signal_handler_keeps_its_module)
{
	start("fault-signal-1");
	load("fault-signal-2");
	ck_assert_int_gt(fake_maps("/fault-signal-1.so"), 0);
	ck_assert(matches(fake_log(), "warning .*module fault 1 stays mapped: the signal handler of SIGUSR1 is in it"));
	json_t *h = holders(), *one = json_array_get(h, 0);
	ck_assert_int_eq(json_array_size(h), 1);
	ck_assert_str_eq(json_string_value(json_object_get(one, "what")), "memory");
	ck_assert_str_eq(json_string_value(json_object_get(one, "hint")), "signal handler of SIGUSR1");
	ck_assert_str_eq(json_string_value(json_object_get(one, "vsn")), "1");
	ck_assert_int_gt(json_integer_value(json_object_get(one, "offset")), 0);
	json_decref(h);
	/* A third version finds it in its way. */
	prepare("fault-signal-3");
	json_t *p = fake_prepared(false);
	ck_assert_str_eq(json_string_value(json_object_get(p, "code")), "blocked");
	json_decref(p);
	if (_i == 1)
		ck_assert_int_eq(call("drop"), 2);
	else
		ck_assert_int_eq(call("use"), 2); /* it is still there; and ignores the signal from now on */
	load("fault-signal-3");
	ck_assert_int_eq(fake_maps("/fault-signal-1.so"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_fault");
	TCase *tc = tcase_create("fault");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup_logged, fake_teardown);
#ifndef RELUP_SANITIZED
	tcase_add_test(tc, a_stale_call_of_the_loop_is_named);
	tcase_add_test(tc, a_stale_call_of_a_task_is_named);
	tcase_add_test(tc, the_version_is_that_of_the_pointer);
	tcase_add_loop_test(tc, a_stale_literal_is_named, 0, 3);
	tcase_add_test(tc, a_stale_destructor_of_a_key_is_named);
	tcase_add_loop_test(tc, a_fault_is_named, 0, (int)NELEM(crashes));
	tcase_add_test(tc, a_fault_of_a_task_is_named);
	tcase_add_test(tc, a_fault_of_a_task_that_sank_is_named);
	tcase_add_loop_test(tc, a_signal_from_outside_is_told_apart, 0, 6);
	tcase_add_test(tc, the_copy_of_a_rehearsal_says_nothing);
	tcase_add_test(tc, without_relupd_the_log_has_it);
	tcase_add_test(tc, after_very_many_loads_a_fault_is_named);
#endif
	tcase_add_loop_test(tc, a_childs_fault_is_its_own, 0, 2);
	tcase_add_loop_test(tc, tombstones_do_not_hinder_the_end, 0, 2);
#ifndef RELUP_SANITIZED
	tcase_add_test(tc, the_oldest_tombstones_are_given_up);
	tcase_add_test(tc, tombstones_hold_a_gigabyte_at_most);
#endif
	tcase_add_loop_test(tc, a_signal_handler_keeps_its_module, 0, 2);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
