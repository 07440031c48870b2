/* SPDX-License-Identifier: Apache-2.0
 * worker: words in writable memory that lead into old code hold it where that is asked for (--purge strict),
 * and are told to who asks (relctl holders --memory).
 */
#include "config.h"

#include <elf.h>
#include <fcntl.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

/* A sanitizer has notes of its own on modules, which are words that lead into them: some are always found. */
#ifdef RELUP_SANITIZED
#define SANITIZED true
#else
#define SANITIZED false
#endif

static void
start(const char *file)
{
	fake_start("fault", fake_modules(file, "fault", NULL), NULL);
	json_decref(fake_expect("ready"));
}

static void
prepare(json_t *steps, json_t *modules, const char *purge)
{
	fake_memory();
	fake_send_memory("prepare", json_pack("{s:i, s:i, s:i, s:s*, s:o, s:o}", "operation", FAKE_OP, "lease_ms", 60000,
	    "cell", 0, "purge", purge, "steps", steps, "modules", modules));
}

static json_t *
loads(const char *module)
{
	return json_pack("[o]", fake_step(0, true, json_pack("[s]", module), NULL, NULL));
}

static void
prepare_fault(const char *file, const char *purge)
{
	prepare(loads("fault"), fake_modules(file, "fault", NULL), purge);
}

/* It runs, and may be taken back. */
static void
change(void)
{
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	if (f.decided != PROTO_COMMIT)
		ck_abort_msg("%s", f.text);
}

static json_t *
commit(void)
{
	change();
	return fake_finish(true);
}

/* The old version that the first of the modules has by such a list; NULL: none.  Borrowed. */
static const json_t *
old_of(const json_t *o)
{
	const json_t *old = json_object_get(json_array_get(json_object_get(o, "modules"), 0), "old");
	return json_is_null(old) ? NULL : old;
}

static json_t *
ask(json_t *body)
{
	fake_send("ask", body);
	json_t *r = fake_expect("reply");
	json_t *reply = json_incref(json_object_get(r, "reply"));
	json_decref(r);
	return reply;
}

static json_t *
holders(bool memory)
{
	return ask(json_pack("{s:i, s:s, s:b, s:i}", "id", 3, "what", "holders", "memory", memory, "wait_ms", 60000));
}

/* The only one of the list: so many words of fault 1, and a hint that a regular expression says. */
static void
expect_words(const json_t *list, const char *what, json_int_t words, const char *hint)
{
	regex_t re;
	ck_assert_int_eq(json_array_size(list), 1);
	const json_t *h = json_array_get(list, 0);
	ck_assert_str_eq(json_string_value(json_object_get(h, "module")), "fault");
	ck_assert_str_eq(json_string_value(json_object_get(h, "vsn")), "1");
	ck_assert_str_eq(json_string_value(json_object_get(h, "what")), what);
	json_int_t found = json_integer_value(json_object_get(h, "words"));
	ck_assert(found == words || (SANITIZED && words > 0 && found > words));
	ck_assert(json_is_integer(json_object_get(h, "offset")) == (words > 0));
	if (found > 1)
		return; /* a sanitizer's */
	ck_assert_int_eq(regcomp(&re, hint, REG_EXTENDED | REG_NOSUB), 0);
	if (regexec(&re, json_string_value(json_object_get(h, "hint")), 0, NULL, 0) != 0)
		ck_abort_msg("'%s' is not '%s'", json_string_value(json_object_get(h, "hint")), hint);
	regfree(&re);
}

static void
expect_held(const json_t *o)
{
	ck_assert_ptr_nonnull(old_of(o));
	ck_assert_int_eq(json_integer_value(json_object_get(old_of(o), "held_by")), 1);
}

/* Nothing holds it: it is gone by the answer, or goes before the next message. */
static void
expect_gone(json_t *finished)
{
	if (old_of(finished) != NULL) {
		json_t *l = fake_expect("loaded");
		ck_assert_ptr_null(old_of(l));
		json_decref(l);
	}
	json_decref(finished);
}

/* ------------------------------------------------------------------ what holds */
static const struct {
	const char *module, *where;
} kept[] = {
    {"fault-literal", "^1 word in writable memory, the first at 0x[0-9a-f]+ in .*; each may be a dead value$"},
    {"fault-pointer", "^1 word in writable memory, the first at 0x[0-9a-f]+ in .*; each may be a dead value$"},
    /* pthread_key_create() keeps the destructor in the C library's own data */
    {"fault-key", "^1 word in writable memory, the first at 0x[0-9a-f]+ in .*; each may be a dead value$"},
};

/* When the task, if there is one, has come out of the old code: before, no words are looked for. */
static json_t *
without_tasks(void)
{
	json_t *h = holders(true);
	const json_t *first;
	while ((first = json_array_get(json_object_get(h, "holders"), 0)) != NULL &&
	       !json_is_integer(json_object_get(first, "offset"))) {
		json_decref(h);
		h = holders(true);
	}
	return h;
}

START_TEST(a_word_holds_old_code_strictly)
{
	char first[32], second[32];
	snprintf(first, sizeof(first), "%s-1", kept[_i].module);
	snprintf(second, sizeof(second), "%s-2", kept[_i].module);
	start(first);
	prepare_fault(second, "strict");
	json_decref(commit());
	json_t *h = without_tasks();
	expect_held(h);
	expect_words(json_object_get(h, "holders"), "memory", 1, kept[_i].where);
	ck_assert_int_gt(fake_maps(first), 0);
	ck_assert_ptr_nonnull(strstr(fake_log(), "module fault 1 stays mapped: "));
	ck_assert(SANITIZED || strstr(fake_log(), ": 1 word in writable memory") != NULL);
	json_decref(h);
	h = holders(false); /* what was seen stands */
	expect_words(json_object_get(h, "holders"), "memory", 1, kept[_i].where);
	json_decref(h);
}
END_TEST

START_TEST(it_goes_when_no_word_is_left)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	json_decref(commit());
	json_decref(holders(true));
	json_decref(fake_call("mend"));
	json_t *h = holders(true);
	ck_assert_int_eq(json_array_size(json_object_get(h, "holders")), 0);
	expect_gone(h);
	ck_assert_int_eq(fake_maps("/fault-literal-1.so"), 0);
}
END_TEST

/* And who asks is told, while it can be. */
START_TEST(a_soft_purge_does_not_look)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "soft");
	change();
	json_t *f = fake_finish(false), *h = holders(true); /* it may still be taken back */
	ck_assert_int_eq(json_integer_value(json_object_get(old_of(h), "held_by")), 0);
	expect_words(json_object_get(h, "holders"), "memory", 1, "1 word");
	json_decref(f);
	json_decref(h);
	h = holders(false);
	ck_assert_int_eq(json_array_size(json_object_get(h, "holders")), 0);
	json_decref(h);
	f = fake_finish(true);
	ck_assert_ptr_null(old_of(f));
	ck_assert_int_eq(fake_maps("/fault-literal-1.so"), 0);
	json_decref(f);
}
END_TEST

/* What is not confirmed is not to go, but how it is to go is known. */
START_TEST(strictness_waits_for_the_confirmation)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	change();
	json_decref(fake_finish(false));
	json_t *f = fake_finish(true);
	expect_held(f);
	json_decref(f);
}
END_TEST

/* Nor is what is to go softly held by a strict operation that came to nothing. */
START_TEST(strictness_is_for_what_becomes_old)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "soft");
	change();
	json_decref(fake_finish(false));
	prepare(loads("fault"), fake_modules("fault-literal-2", "fault", NULL), "strict");
	json_decref(fake_prepared(true));
	json_decref(fake_finish(false));
	json_t *f = fake_finish(true);
	ck_assert_ptr_null(old_of(f));
	ck_assert_int_eq(fake_maps("/fault-literal-1.so"), 0);
	json_decref(f);
}
END_TEST

/* A worker that ends before it was looked has nothing to look for any more. */
START_TEST(an_end_before_the_first_look)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	change();
	json_decref(fake_finish(false)); /* the teardown wants an orderly end */
}
END_TEST

/* A thread-local variable lies in the mapping of a task's stack, and is none of it. */
START_TEST(a_thread_local_word_of_a_library)
{
	start("fault-locale-1");
	prepare_fault("fault-locale-2", "strict");
	json_decref(commit());
	json_t *h = without_tasks();
	expect_held(h);
	expect_words(json_object_get(h, "holders"), "memory", 1, "1 word");
	json_decref(h);
}
END_TEST

static json_t *
look(const char *purge)
{
	return ask(json_pack("{s:i, s:s, s:i, s:s*, s:o}", "id", 4, "what", "look", "wait_ms", 60000, "purge", purge,
	    "modules", fake_modules("fault-literal-3", "fault", NULL)));
}

START_TEST(a_word_blocks_a_third_version)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	json_decref(commit());
	json_t *l = look(NULL);
	expect_words(json_object_get(l, "blocking"), "memory", 1, "1 word");
	json_decref(l);
	prepare_fault("fault-literal-3", NULL);
	json_t *p = fake_prepared(false);
	ck_assert_str_eq(json_string_value(json_object_get(p, "code")), "blocked");
	json_decref(p);
	/* Who says so takes it for dead. */
	l = look("soft");
	ck_assert_int_eq(json_array_size(json_object_get(l, "blocking")), 0);
	json_decref(l);
	prepare_fault("fault-literal-3", "soft");
	json_t *f = commit();
	ck_assert_int_eq(fake_maps("/fault-literal-1.so"), 0);
	expect_gone(f);
}
END_TEST

/* The question looks anew: what was mended meanwhile blocks nobody. */
START_TEST(a_look_before_an_upgrade_is_a_new_one)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	json_decref(commit());
	json_decref(holders(true));
	json_decref(fake_call("mend"));
	json_t *l = look("strict");
	ck_assert_int_eq(json_array_size(json_object_get(l, "blocking")), 0);
	json_decref(l);
	json_decref(fake_expect("loaded"));
	prepare_fault("fault-literal-3", "strict");
	json_t *f = commit();
	expect_held(f);
	json_decref(f);
}
END_TEST

/* What was seen before it ran again is no longer so. */
START_TEST(code_that_comes_back_is_looked_for_anew)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", NULL);
	change();
	json_decref(fake_finish(false));
	json_decref(fake_call("mend"));
	json_t *h = holders(true);
	ck_assert_int_eq(json_array_size(json_object_get(h, "holders")), 0);
	json_decref(h);
	prepare_fault("fault-literal-1", NULL); /* which is mapped still */
	json_decref(commit());
	json_decref(fake_call("mend"));
	prepare_fault("fault-literal-2", "strict");
	json_t *f = commit();
	expect_held(f);
	json_decref(f);
}
END_TEST

/* ------------------------------------------------------------------ what does not */
START_TEST(the_runtime_leaves_no_word)
{
	json_decref(fake_start_counter("counter-1"));
	prepare(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"), json_pack("[o]", fake_change("counter", "up",
	    NULL)), json_pack("[o]", fake_change("counter", "down", NULL)))), fake_modules("counter-2", "counter", NULL),
	    "strict");
	expect_gone(commit());
	ck_assert_int_eq(fake_maps("/counter-1.so"), 0);
}
END_TEST

/* Nor of a state with parts of three modules. */
START_TEST(a_conversion_leaves_no_word)
{
	fake_start_pair();
	prepare(fake_pair_steps(NULL, NULL), fake_pair_modules(), "strict");
	expect_gone(commit());
	ck_assert_int_eq(fake_maps("/pair-a-1.so"), 0);
	ck_assert_int_eq(fake_maps("/pair-b-1.so"), 0);
}
END_TEST

/* Its lists of what to call are not a program's words: dlclose() takes its part away. */
START_TEST(what_libc_is_to_call_leaves_no_word)
{
	start("fault-exit-1");
	prepare_fault("fault-exit-2", "strict");
	expect_gone(commit());
	ck_assert_int_eq(fake_maps("/fault-exit-1.so"), 0);
}
END_TEST

/* ------------------------------------------------------------------ what is not known */
/* A module that was stripped of its sections: where words may lead is not known. */
static json_t *
without_sections(const char *file)
{
	json_t *m = fake_module(file, "fault");
	char path[512];
	snprintf(path, sizeof(path), "%s/%s.so", fake.dir, file);
	int from = open(json_string_value(json_object_get(m, "path")), O_RDONLY | O_CLOEXEC);
	int to = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char buf[4096];
	ssize_t n;
	ck_assert_int_ge(from, 0);
	ck_assert_int_ge(to, 0);
	while ((n = read(from, buf, sizeof(buf))) > 0)
		ck_assert_int_eq(write(to, buf, (size_t)n), n);
	const Elf64_Half none = 0;
	ck_assert_int_eq(pwrite(to, &none, sizeof(none), offsetof(Elf64_Ehdr, e_shnum)), sizeof(none));
	close(from);
	close(to);
	json_object_set_new(m, "path", json_string(path));
	return json_pack("[o]", m);
}

/* Where no copy can be made nobody knows, and that is said. */
START_TEST(a_worker_without_a_descriptor_left)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	json_decref(commit());
	json_decref(holders(true));
	struct rlimit before, none;
	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_NOFILE, NULL, &before), 0);
	none = (struct rlimit){.rlim_cur = 3, .rlim_max = before.rlim_max};
	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_NOFILE, &none, NULL), 0);
	json_decref(holders(true));
	ck_assert_int_eq(prlimit(fake.pid, RLIMIT_NOFILE, &before, NULL), 0); /* its end may need some */
	ck_assert_ptr_nonnull(strstr(fake_log(), "module fault 1 stays mapped: writable memory could not be looked through"));
}
END_TEST

START_TEST(a_module_without_sections_is_held)
{
	char path[512];
	fake_start("fault", without_sections("fault-literal-1"), NULL);
	json_decref(fake_expect("ready"));
	prepare_fault("fault-literal-2", "strict");
	json_t *f = commit(), *h = holders(true);
	expect_held(f);
	json_decref(f);
	expect_words(json_object_get(h, "holders"), "unknown", 0, "could not be looked through");
	ck_assert_ptr_nonnull(strstr(fake_log(), "module fault 1 stays mapped: writable memory could not be looked through"));
	json_decref(h);
	snprintf(path, sizeof(path), "%s/fault-literal-1.so", fake.dir);
	unlink(path);
}
END_TEST

/* ------------------------------------------------------------------ the copy */
/* Under the eyes of a tracer, which the test is. */
static void
watch_forks(int options)
{
	ck_assert_int_eq(ptrace(PTRACE_SEIZE, fake.pid, NULL, (void *)(uintptr_t)(PTRACE_O_TRACEFORK | options)), 0);
}

/* It stands still before its first instruction. */
static pid_t
await_copy(void)
{
	int status;
	unsigned long pid;
	do
		ck_assert_int_eq(waitpid(fake.pid, &status, __WALL), fake.pid);
	while (WIFSTOPPED(status) && status >> 8 != (SIGTRAP | PTRACE_EVENT_FORK << 8) &&
	       ptrace(PTRACE_CONT, fake.pid, NULL, NULL) == 0);
	ck_assert(WIFSTOPPED(status));
	ck_assert_int_eq(ptrace(PTRACE_GETEVENTMSG, fake.pid, NULL, &pid), 0);
	ck_assert_int_eq(waitpid((pid_t)pid, &status, __WALL), (pid_t)pid);
	ck_assert_int_eq(ptrace(PTRACE_DETACH, fake.pid, NULL, NULL), 0);
	return (pid_t)pid;
}

static pid_t
next_copy(int options)
{
	watch_forks(options);
	fake_send("ask", json_pack("{s:i, s:s, s:b, s:i}", "id", 3, "what", "holders", "memory", 1, "wait_ms", 60000));
	return await_copy();
}

static json_t *
answer(void)
{
	json_t *r = fake_expect("reply"), *reply = json_incref(json_object_get(r, "reply"));
	json_decref(r);
	return reply;
}

START_TEST(a_copy_that_is_killed_tells_nothing)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	json_decref(commit());
	json_decref(holders(true));
	pid_t copy = next_copy(0);
	ck_assert_int_eq(kill(copy, SIGKILL), 0);
	ck_assert_int_eq(waitpid(copy, NULL, __WALL), copy);
	json_t *h = answer();
	expect_held(h);
	expect_words(json_object_get(h, "holders"), "unknown", 0, "could not be looked through");
	json_decref(h);
	h = holders(true); /* another one does */
	expect_words(json_object_get(h, "holders"), "memory", 1, "1 word");
	json_decref(h);
}
END_TEST

static void
let_go(pid_t copy)
{
	ck_assert_int_eq(ptrace(PTRACE_DETACH, copy, NULL, NULL), 0);
	json_decref(answer());
}

/* What a copy sees that was made before code came back says nothing of what that did then. */
START_TEST(a_copy_knows_nothing_of_what_ran_since)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", NULL);
	change();
	json_decref(fake_finish(false));
	json_decref(fake_call("mend"));
	pid_t copy = next_copy(0);
	prepare_fault("fault-literal-1", NULL); /* which is mapped still */
	json_decref(commit());
	json_decref(fake_call("mend"));
	let_go(copy);
	prepare_fault("fault-literal-2", "strict");
	json_t *f = commit();
	expect_held(f);
	json_decref(f);
}
END_TEST

/* Nor of what a handler, or a thread, did that was in old code then, and left it before the copy was through. */
START_TEST(who_was_in_old_code_may_have_left_a_word)
{
	start("fault-signal-1");
	prepare_fault("fault-signal-2", "strict");
	json_decref(commit());
	json_decref(holders(true));
	pid_t copy = next_copy(0);
	json_decref(fake_call("drop"));
	watch_forks(0);
	ck_assert_int_eq(ptrace(PTRACE_DETACH, copy, NULL, NULL), 0);
	let_go(await_copy()); /* one that was made since tells */
	json_t *l = fake_expect("loaded");
	ck_assert_ptr_null(old_of(l));
	json_decref(l);
	ck_assert_int_eq(fake_maps("/fault-signal-1.so"), 0);
}
END_TEST

/* What the worker's loop watches, closed or not. */
static int
watched(void)
{
	char path[64], line[128];
	int n = 0;
	for (int fd = 0; fd < 256; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", (int)fake.pid, fd);
		FILE *f = fopen(path, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL)
			n += strncmp(line, "tfd:", 4) == 0;
		if (f != NULL)
			fclose(f);
	}
	return n;
}

/* A pipe that others have open too is ready for ever: the loop would turn without end. */
START_TEST(a_look_leaves_nothing_in_the_loop)
{
	start("fault-fork-1");
	prepare_fault("fault-fork-2", NULL);
	change();
	json_decref(fake_finish(false));
	int before = watched();
	ck_assert_int_gt(before, 0);
	pid_t copy = next_copy(0);
	json_decref(fake_call("fork"));
	let_go(copy);
	ck_assert_int_eq(watched(), before);
}
END_TEST

START_TEST(a_soft_purge_waits_for_no_copy)
{
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	json_decref(commit());
	json_decref(holders(true));
	pid_t copy = next_copy(0);
	json_decref(look("soft"));
	let_go(copy);
}
END_TEST

/* A connection that the worker closes meanwhile is closed for its client. */
START_TEST(a_copy_has_no_descriptor_but_its_own)
{
	char path[64], target[64] = "";
	int status, n = 0;
	start("fault-literal-1");
	prepare_fault("fault-literal-2", "strict");
	json_decref(commit());
	json_decref(holders(true));
	pid_t copy = next_copy(PTRACE_O_TRACEEXIT);
	ck_assert_int_eq(ptrace(PTRACE_CONT, copy, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(copy, &status, __WALL), copy);
	ck_assert_int_eq(status >> 8, SIGTRAP | PTRACE_EVENT_EXIT << 8);
	for (int fd = 0; fd < 1024; fd++) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)copy, fd);
		n += readlink(path, target, sizeof(target) - 1) > 0;
	}
	ck_assert_int_eq(n, 1);
	ck_assert_ptr_nonnull(strstr(target, "pipe:"));
	ck_assert_int_eq(ptrace(PTRACE_DETACH, copy, NULL, NULL), 0);
	json_decref(answer());
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker");
	TCase *tc = tcase_create("words");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup_logged, fake_teardown);
	tcase_add_loop_test(tc, a_word_holds_old_code_strictly, 0, NELEM(kept));
	tcase_add_test(tc, a_thread_local_word_of_a_library);
	tcase_add_test(tc, a_soft_purge_does_not_look);
	tcase_add_test(tc, strictness_waits_for_the_confirmation);
	tcase_add_test(tc, strictness_is_for_what_becomes_old);
	tcase_add_test(tc, an_end_before_the_first_look);
	tcase_add_test(tc, a_word_blocks_a_third_version);
	tcase_add_loop_test(tc, it_goes_when_no_word_is_left, 0, !SANITIZED);
	tcase_add_loop_test(tc, a_look_before_an_upgrade_is_a_new_one, 0, !SANITIZED);
	tcase_add_loop_test(tc, the_runtime_leaves_no_word, 0, !SANITIZED);
	tcase_add_loop_test(tc, a_conversion_leaves_no_word, 0, !SANITIZED);
	tcase_add_loop_test(tc, code_that_comes_back_is_looked_for_anew, 0, !SANITIZED);
	tcase_add_loop_test(tc, what_libc_is_to_call_leaves_no_word, 0, !SANITIZED);
	tcase_add_test(tc, a_worker_without_a_descriptor_left);
	tcase_add_test(tc, a_module_without_sections_is_held);
	tcase_add_test(tc, a_copy_that_is_killed_tells_nothing);
	tcase_add_test(tc, a_copy_has_no_descriptor_but_its_own);
	tcase_add_test(tc, a_copy_knows_nothing_of_what_ran_since);
	tcase_add_loop_test(tc, who_was_in_old_code_may_have_left_a_word, 0, !SANITIZED);
	tcase_add_test(tc, a_look_leaves_nothing_in_the_loop);
	tcase_add_test(tc, a_soft_purge_waits_for_no_copy);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
