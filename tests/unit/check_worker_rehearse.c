/* SPDX-License-Identifier: Apache-2.0
 * worker: what a rehearsal's copy may do and may not, what is told of one that crashed, and whether there is
 * memory for one.
 */
#include "config.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/sandbox.h"
#include "worker_fixture.h"

#if (defined(__x86_64__) || defined(__aarch64__)) && !defined(RELUP_SANITIZED)
#define FILTERED 1
#else
#define FILTERED 0
#endif

static const char *
text_of(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static json_int_t
int_of(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static void
begin(void)
{
	fake_start("naughty", fake_modules("naughty-1", "naughty", NULL), NULL);
	json_decref(fake_expect("ready"));
}

static void
rehearse_as(int operation, const char *file, const char *order, int deadline_ms, bool always)
{
	fake_send("rehearse", json_pack("{s:i, s:i, s:b, s:[o], s:o}", "operation", operation, "deadline_ms",
	    deadline_ms, "always", always, "steps", fake_step(0, false, json_pack("[s]", "naughty"),
	    json_pack("[o]", fake_change("naughty", "up", json_pack("{s:s}", "do", order))), NULL), "modules",
	    fake_modules(file, "naughty", NULL)));
}

static void
rehearse(const char *file, const char *order, int deadline_ms, bool always)
{
	rehearse_as(FAKE_OP, file, order, deadline_ms, always);
}

static json_t *
rehearsed(const char *result)
{
	json_t *b = fake_expect("rehearsed");
	if (strcmp(text_of(b, "result"), result) != 0)
		ck_abort_msg("%s was to come: %s", result, json_dumps(b, 0));
	ck_assert_str_eq(text_of(b, "module"), strcmp(result, "skipped") == 0 ? "" : "naughty");
	return b;
}

static void
text_has(const json_t *b, const char *text)
{
	if (strstr(text_of(b, "text"), text) == NULL)
		ck_abort_msg("'%s' is not in: %s", text, text_of(b, "text"));
}

/* The first, or only, child of the worker. */
static pid_t
copy_of_worker(void)
{
	char path[64], line[64] = "";
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", fake.pid, fake.pid);
	while (atoi(line) == 0) {
		FILE *f = fopen(path, "re");
		ck_assert_ptr_nonnull(f);
		(void)!fgets(line, sizeof(line), f);
		fclose(f);
	}
	return atoi(line);
}

static bool
file_has(pid_t pid, const char *file, const char *text)
{
	char path[64], line[512];
	bool found = false;
	snprintf(path, sizeof(path), "/proc/%d/%s", pid, file);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (!found && fgets(line, sizeof(line), f) != NULL)
		found = strstr(line, text) != NULL;
	fclose(f);
	return found;
}

/* ------------------------------------------------------------------ what it may do */
START_TEST(what_is_fair_passes)
{
	begin();
	rehearse("naughty-2", "fair", 60000, false);
	json_t *b = rehearsed("ok");
	ck_assert_int_eq(json_is_true(json_object_get(b, "sandbox")), FILTERED);
	ck_assert_ptr_null(json_object_get(b, "at"));
	ck_assert_int_gt(int_of(b, "memory_kb"), 0);
	ck_assert_int_ge(int_of(b, "change_us"), int_of(b, "longest_us"));
	ck_assert_int_gt(int_of(b, "longest_us"), 1000); /* it polled for one millisecond */
	json_decref(b);
	b = fake_call("any");
	ck_assert_int_eq(int_of(json_object_get(b, "reply"), "own"), 0);
	json_decref(b);
}
END_TEST

#if FILTERED
static const struct {
	const char *order, *text;
	bool nowhere; /* libc hides who called it */
} forbidden[] = {
    {"socket", "called socket (system call ", false},
    {"write_open", "called openat (system call ", false},
    {"create", "called openat (system call ", false},
    {"truncate", "called openat (system call ", false},
    {"write", "called write (system call ", false},
    {"fork", "called clone (system call ", false},
    {"thread", "called clone", true}, /* or clone3 */
    {"exec", "called execve (system call ", false},
    {"kill", "called kill (system call ", false},
    {"tgkill", "called tgkill (system call ", false},
    {"unlink", "called unlink", false},
    {"eventfd", "called eventfd2 (system call ", false},
    {"sigaction", "called rt_sigaction (system call ", false},
    {"limit", "called prlimit64 (system call ", false},
    {"map_shared", "called mmap (system call ", false},
};

START_TEST(what_is_seen_outside_is_forbidden)
{
	begin();
	for (int i = 0; i < 2; i++) {
		rehearse("naughty-2", forbidden[_i].order, 60000, false);
		json_t *b = rehearsed("forbidden"), *at = json_object_get(b, "at");
		text_has(b, forbidden[_i].text);
		text_has(b, ") in its code_change");
		ck_assert(json_is_true(json_object_get(b, "sandbox")));
		/* libc made the call, the module called libc. */
		if (!forbidden[_i].nowhere) {
			ck_assert_str_eq(text_of(at, "module"), "naughty");
			ck_assert(json_is_true(json_object_get(at, "called")));
		}
		json_decref(b);
	}
	json_decref(fake_call("any"));
}
END_TEST

START_TEST(what_is_called_at_load_is_told_as_such)
{
	begin();
	rehearse("naughty-loading", "fair", 60000, false);
	json_t *b = rehearsed("forbidden"), *at = json_object_get(b, "at");
	text_has(b, "called socket (system call ");
	text_has(b, ") while it was loaded");
	ck_assert_str_eq(text_of(at, "module"), "naughty");
	json_decref(b);
}
END_TEST
#endif

/* fork() alone does not keep this from the others. */
START_TEST(shared_memory_is_not_written_to)
{
	begin();
	rehearse("naughty-2", "shared", 60000, false);
	json_t *b = rehearsed("forbidden");
	text_has(b, "wrote to memory that it shares with others (address 0x");
	text_has(b, ") in its code_change");
	json_decref(b);
	b = fake_call("any");
	ck_assert_int_eq(int_of(json_object_get(b, "reply"), "shared"), 0);
	json_decref(b);
}
END_TEST

/* ------------------------------------------------------------------ what breaks */
static const struct {
	const char *order, *text;
	bool called;
} crashes[] = {
    {"null", "killed by SIGSEGV (address 0x10) in naughty+0x", false},
    {"abort", "killed by SIGABRT in a library called from naughty+0x", true},
    {"raise", "killed by SIGSEGV in a library called from naughty+0x", true},
    {"library", "killed by SIGSEGV (address 0x10) in a library called from naughty+0x", true},
    {"stack", "killed by SIGSEGV (address 0x", false},
};

START_TEST(crash_tells_the_place)
{
	begin();
	json_t *m = fake_module("naughty-2", "naughty");
	for (int i = 0; i < 2; i++) {
		rehearse("naughty-2", crashes[_i].order, 60000, false);
		json_t *b = rehearsed("crashed"), *at = json_object_get(b, "at");
		text_has(b, crashes[_i].text);
		ck_assert_str_eq(text_of(at, "module"), "naughty");
		ck_assert_str_eq(text_of(at, "digest"), text_of(m, "digest"));
		ck_assert_int_gt(int_of(at, "offset"), 0);
		ck_assert_int_lt(int_of(at, "offset"), int_of(m, "size"));
		ck_assert_int_eq(json_is_true(json_object_get(at, "called")), crashes[_i].called);
		json_decref(b);
	}
	json_decref(m);
	json_decref(fake_call("any"));
}
END_TEST

START_TEST(exit_in_the_middle_is_a_crash)
{
	begin();
	rehearse("naughty-2", "exit", 60000, false);
	json_t *b = rehearsed("crashed");
	text_has(b, "it ended with status 7 in the middle");
	ck_assert_ptr_null(json_object_get(b, "at"));
	ck_assert(json_is_null(json_object_get(b, "memory_kb")));
	json_decref(b);
}
END_TEST

/* ------------------------------------------------------------------ limits */
#ifndef RELUP_SANITIZED
START_TEST(memory_has_a_bound)
{
	begin();
	rehearse("naughty-2", "hog", 60000, false);
	json_t *b = rehearsed("refused");
	text_has(b, "out of memory (a copy may have 2"); /* 256 MB and what the worker has twice */
	text_has(b, " MB more than the worker)");
	json_decref(b);
}
END_TEST
#endif

START_TEST(the_copy_is_locked_in)
{
	begin();
	rehearse("naughty-2", "wait", 600000, false);
	pid_t copy = copy_of_worker();
	/* The last thing that it does to itself. */
	while (!file_has(copy, "status", FILTERED ? "Seccomp:\t2" : "NoNewPrivs:\t1"))
		continue;
	ck_assert(file_has(copy, "status", "NoNewPrivs:\t1"));
	ck_assert(file_has(copy, "oom_score_adj", "1000"));
	ck_assert(file_has(copy, "limits", "Max core file size        0 "));
	ck_assert(file_has(copy, "limits", "Max file size             0 "));
	ck_assert(file_has(copy, "limits", "Max cpu time              601                  602 "));
	ck_assert(!file_has(copy, "limits", "Max data size             unlimited"));
	ck_assert(!file_has(fake.pid, "oom_score_adj", "1000"));
	json_decref(fake_finish(false));
}
END_TEST

/* The worker cannot end it, being stopped itself. */
START_TEST(processor_time_has_a_bound)
{
	begin();
	rehearse("naughty-2", "spin", 1900, false);
	pid_t copy = copy_of_worker();
	int pidfd = (int)syscall(SYS_pidfd_open, copy, 0);
	ck_assert_int_ge(pidfd, 0);
	kill(fake.pid, SIGSTOP);
	struct pollfd p = {.fd = pidfd, .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, 30000), 1);
	close(pidfd);
	kill(fake.pid, SIGCONT);
	json_t *b = rehearsed("hung");
	text_has(b, "it did not end in time");
	ck_assert_int_eq(json_is_true(json_object_get(b, "sandbox")), FILTERED);
	json_decref(b);
}
END_TEST

/* As a relupd that came back asks, which knows nothing of the one before: it would find the worker busy. */
START_TEST(the_next_takes_the_place_of_one_for_nobody)
{
	begin();
	rehearse_as(-5, "naughty-2", "wait", 600000, false);
	rehearse_as(-6, "naughty-2", "fair", 600000, false);
	json_t *b = rehearsed("ok");
	ck_assert_int_eq(int_of(b, "operation"), -6);
	json_decref(b);
	rehearse("naughty-2", "wait", 600000, false);
	rehearse_as(-7, "naughty-2", "fair", 600000, false);
	b = fake_expect("rehearsed");
	ck_assert_str_eq(text_of(b, "code"), "operation_in_progress"); /* this one is somebody's */
	json_decref(b);
	json_decref(fake_finish(false));
}
END_TEST

/* ------------------------------------------------------------------ is there memory for it? */
START_TEST(short_memory_skips_it)
{
	begin();
	/* So much as it has now, and a megabyte. */
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/status", fake.pid);
	struct rlimit before, rl;
	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_DATA, NULL, &before), 0);
	rl = before;
	rl.rlim_cur = (rlim_t)(sandbox_kb_line(path, "VmData") + (1 << 20));
	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_DATA, &rl, NULL), 0);
	rehearse("naughty-2", "fair", 60000, false);
	json_t *b = rehearsed("skipped");
	text_has(b, "memory is short: the copy may need ");
	text_has(b, "its limit of data leaves ");
	ck_assert_str_eq(text_of(b, "code"), "out_of_memory");
	json_decref(b);
	rehearse("naughty-2", "fair", 60000, true);
	b = fake_expect("rehearsed");
	ck_assert_str_eq(text_of(b, "result"), "refused");
	text_has(b, "memory is short: ");
	json_decref(b);
	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_DATA, &before, NULL), 0);
	rehearse("naughty-2", "fair", 60000, true);
	json_decref(rehearsed("ok"));
}
END_TEST

static void
put(const char *dir, const char *name, const char *text)
{
	char path[600];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	FILE *f = fopen(path, "we");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static int64_t
cgroup_room(const char *dir, const char *self)
{
	char path[600];
	put(dir, "self", self);
	snprintf(path, sizeof(path), "%s/self", dir);
	return sandbox_cgroup_room(path, dir);
}

START_TEST(room_is_read_from_the_kernel)
{
	char dir[] = "/tmp/relup-room-XXXXXX", sub[64], path[64];
	ck_assert_ptr_nonnull(mkdtemp(dir));
	put(dir, "meminfo", "MemTotal:  9 kB\nMemAvailable:     1234 kB\nMemAvail: 5 kB\n");
	snprintf(path, sizeof(path), "%s/meminfo", dir);
	ck_assert_int_eq(sandbox_kb_line(path, "MemAvailable"), 1234 * 1024);
	ck_assert_int_eq(sandbox_kb_line(path, "MemAvail"), 5 * 1024);
	ck_assert_int_eq(sandbox_kb_line(path, "MemAvailabl"), INT64_MAX);
	ck_assert_int_eq(sandbox_kb_line("/nowhere/at/all", "MemAvailable"), INT64_MAX);
	snprintf(sub, sizeof(sub), "%s/a", dir);
	ck_assert_int_eq(mkdir(sub, 0700), 0);
	put(sub, "memory.max", "1000\n");
	put(sub, "memory.current", "400\n");
	ck_assert_int_eq(cgroup_room(dir, "0::/a\n"), 600);
	put(sub, "memory.current", "1400\n"); /* lowered under what it has */
	ck_assert_int_eq(cgroup_room(dir, "0::/a\n"), 0);
	put(sub, "memory.max", "max\n");
	ck_assert_int_eq(cgroup_room(dir, "0::/a\n"), INT64_MAX);
	put(dir, "memory.max", "5000\n"); /* the one above it is the full one */
	put(dir, "memory.current", "4950\n");
	ck_assert_int_eq(cgroup_room(dir, "0::/a\n"), 50);
	ck_assert_int_eq(cgroup_room(dir, "3:cpu:/b\n0::/a/absent\n"), 50);
	ck_assert_int_eq(cgroup_room(dir, "3:memory:/a\n"), INT64_MAX);
	ck_assert_int_eq(sandbox_cgroup_room("/nowhere/at/all", dir), INT64_MAX);
	static const char *const files[] = {"a/memory.max", "a/memory.current", "a", "memory.max", "memory.current",
	    "self", "meminfo", ""};
	for (size_t i = 0; i < NELEM(files); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
		ck_assert_int_eq(remove(path), 0);
	}
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_rehearse");
	TCase *tc = tcase_create("rehearse"), *files = tcase_create("room");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_test(tc, what_is_fair_passes);
#if FILTERED
	tcase_add_loop_test(tc, what_is_seen_outside_is_forbidden, 0, (int)NELEM(forbidden));
	tcase_add_test(tc, what_is_called_at_load_is_told_as_such);
#endif
	tcase_add_test(tc, shared_memory_is_not_written_to);
	tcase_add_loop_test(tc, crash_tells_the_place, 0, (int)NELEM(crashes));
	tcase_add_test(tc, exit_in_the_middle_is_a_crash);
#ifndef RELUP_SANITIZED
	tcase_add_test(tc, memory_has_a_bound);
#endif
	tcase_add_test(tc, the_copy_is_locked_in);
	tcase_add_test(tc, processor_time_has_a_bound);
	tcase_add_test(tc, the_next_takes_the_place_of_one_for_nobody);
	tcase_add_test(tc, short_memory_skips_it);
	tcase_add_test(files, room_is_read_from_the_kernel);
	suite_add_tcase(s, tc);
	suite_add_tcase(s, files);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
