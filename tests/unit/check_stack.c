/* SPDX-License-Identifier: Apache-2.0
 * stack: looks at processes that are ours, and at our own memory.
 */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
#include "stack/maps.h"
#include "stack/memory.h"
#include "stack/stack.h"

static const struct stack_range nowhere[] = {{UINTPTR_MAX / 2 - 8, UINTPTR_MAX / 2 - 7}};
static const struct stack_range anywhere[] = {{4096, UINTPTR_MAX}};

static pid_t child;
static int told;

static void
setup(void)
{
	int fds[2];
	ck_assert_int_eq(pipe(fds), 0);
	told = fds[0];
	child = fork();
	if (child != 0) {
		close(fds[1]);
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(fds[1], 1) < 0)
		_exit(1);
	close(fds[0]);
	close(fds[1]);
}

/* When the child has said that it stands where it is to stand. */
static void
await_child(void)
{
	ck_assert_int_eq(read(told, &(char){0}, 1), 1);
}

static void
teardown(void)
{
	close(told);
	if (child <= 0)
		return;
	kill(child, SIGKILL);
	(void)waitpid(child, NULL, 0);
}

/* In a wait that ends by no signal but SIGKILL, as in vfork(): its own child stays. */
static _Noreturn void
stand_in_vfork(void)
{
	if (syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		(void)!write(1, "v", 1);
		for (;;)
			pause();
	}
	_exit(0);
}

static _Noreturn void
spin(void)
{
	(void)!write(1, "s", 1);
	for (volatile long i = 0;; i++)
		continue;
}

static void
end_of_the_child(int sig)
{
	int status;
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	child = 0;
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), sig);
}

START_TEST(one_that_runs_is_stopped_and_goes_on)
{
	struct stack_find find;
	if (child == 0)
		spin();
	await_child();
	while (stack_look_waiting(child, child, nowhere, 1, &find) != STACK_UNKNOWN)
		continue; /* it was not running just then */
	ck_assert_int_eq(stack_look_traced(child, child, nowhere, 1, INT64_MAX, &find), STACK_CLEAR);
	ck_assert_int_eq(stack_look_traced(child, child, anywhere, 1, INT64_MAX, &find), STACK_HOLDS);
	ck_assert(find.frame);
	ck_assert_int_eq(kill(child, SIGUSR1), 0);
	end_of_the_child(SIGUSR1);
}
END_TEST

/* It could not be stopped: who tried would wait as long. */
START_TEST(one_that_cannot_be_stopped_is_looked_at_as_it_is)
{
	struct stack_find find;
	if (child == 0)
		stand_in_vfork();
	await_child();
	while (stack_look_waiting(child, child, nowhere, 1, &find) == STACK_UNKNOWN)
		continue; /* it is on its way */
	ck_assert_int_eq(stack_look_waiting(child, child, nowhere, 1, &find), STACK_CLEAR);
	ck_assert_int_eq(stack_look_waiting(child, child, anywhere, 1, &find), STACK_HOLDS);
}
END_TEST

static bool
is_traced(void)
{
	char path[64], line[256];
	int tracer = 0;
	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	FILE *f = fopen(path, "re");
	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		(void)sscanf(line, "TracerPid: %d", &tracer);
	if (f != NULL)
		fclose(f);
	return tracer != 0;
}

static void *
look_for_a_while(void *arg)
{
	enum stack_seen *seen = arg;
	struct stack_find find;
	*seen = stack_look_traced(child, child, nowhere, 1, rel_mono_now() + 20 * DUR_MS, &find);
	ck_assert(is_traced());
	return NULL;
}

/* Who looks does not wait longer than he likes, and when he has ended all is as it was. */
START_TEST(one_that_cannot_be_stopped_keeps_nobody_waiting)
{
	struct stack_find find;
	enum stack_seen seen;
	pthread_t t;
	if (child == 0)
		stand_in_vfork();
	await_child();
	while (stack_look_waiting(child, child, nowhere, 1, &find) == STACK_UNKNOWN)
		continue;
	ck_assert_int_eq(pthread_create(&t, NULL, look_for_a_while, &seen), 0);
	pthread_join(t, NULL);
	ck_assert_int_eq(seen, STACK_UNKNOWN);
	while (is_traced()) /* the last that a thread does */
		continue;
	ck_assert_int_eq(stack_look_waiting(child, child, nowhere, 1, &find), STACK_CLEAR);
	ck_assert_int_eq(stack_look_traced(child, child, nowhere, 1, 0, &find), STACK_UNKNOWN); /* it is late already */
	ck_assert(!is_traced());
}
END_TEST

static void *
kill_child(void *arg)
{
	(void)arg;
	while (!is_traced()) /* the look has begun */
		continue;
	kill(child, SIGKILL);
	return NULL;
}

/* How a worker ended decides what becomes of an upgrade. */
START_TEST(who_dies_under_the_look_keeps_his_status)
{
	struct stack_find find;
	pthread_t t;
	if (child == 0)
		stand_in_vfork();
	await_child();
	while (stack_look_waiting(child, child, nowhere, 1, &find) == STACK_UNKNOWN)
		continue;
	ck_assert_int_eq(pthread_create(&t, NULL, kill_child, NULL), 0);
	ck_assert_int_eq(stack_look_traced(child, child, nowhere, 1, INT64_MAX, &find), STACK_GONE);
	pthread_join(t, NULL);
	end_of_the_child(SIGKILL);
}
END_TEST

/* ------------------------------------------------------------------ memory */
static size_t page;

/* Nobody's: what is looked for leads to here. */
#define WORD   ((uintptr_t)0x123450000010)
#define HANDLE ((uintptr_t)0x123450000800)
static const struct memory_target target[] = {{{0x123450000000, 0x123450001000}, 0, HANDLE}};

static char *
pages(size_t n, int prot, int flags)
{
	char *p = mmap(NULL, n * page, prot, flags | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

static void
write_word(void *at)
{
	memcpy(at, &(uintptr_t){WORD}, sizeof(WORD));
}

/* By a child, as it is meant; its stack has what it read, and is skipped. */
static struct memory_words
words_found(const struct stack_range *skip)
{
	struct memory_words *found = (void *)pages(1, PROT_READ | PROT_WRITE, MAP_SHARED);
	pid_t pid = fork();
	if (pid == 0) {
		pthread_attr_t attr;
		void *stack;
		size_t size;
		pthread_getattr_np(pthread_self(), &attr);
		pthread_attr_getstack(&attr, &stack, &size);
		struct stack_range v[] = {{(uintptr_t)stack, (uintptr_t)stack + size}, skip != NULL ? *skip : (struct stack_range){0}};
		memory_sort(v, NELEM(v));
		_exit(memory_look(target, 1, v, NELEM(v), found) == 0 ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	struct memory_words w = *found;
	munmap(found, page);
	return w;
}

struct waits {
	int pipe[2];
	_Atomic pid_t tid;
	_Atomic uintptr_t frame;
};

static void *
waits(void *arg)
{
	struct waits *w = arg;
	char c;
	atomic_store(&w->frame, (uintptr_t)__builtin_frame_address(0));
	atomic_store(&w->tid, (pid_t)syscall(SYS_gettid));
	(void)!read(w->pipe[0], &c, 1);
	return NULL;
}

/* A stack in the midst of a heap: above its frames, and far below, lies what is not dead. */
START_TEST(what_lies_below_the_frames_is_dead)
{
	struct waits w = {0};
	pthread_attr_t attr;
	pthread_t t;
	struct stack_range dead;
	size_t half = 2 * STACK_DEAD_MAX, size = (size_t)1 << 20;
	char *p = pages(2 * half / page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE);
	ck_assert_int_eq(pipe(w.pipe), 0);
	pthread_attr_init(&attr);
	ck_assert_int_eq(pthread_attr_setstack(&attr, p + half, size), 0);
	ck_assert_int_eq(pthread_create(&t, &attr, waits, &w), 0);
	while (atomic_load(&w.tid) == 0 || !stack_dead(getpid(), w.tid, &dead) || dead.hi < (uintptr_t)p ||
	       stack_look_waiting(getpid(), w.tid, nowhere, 1, &(struct stack_find){0}) == STACK_UNKNOWN)
		continue;
	ck_assert_uint_lt(dead.hi, w.frame);
	ck_assert_uint_gt(dead.hi, (uintptr_t)p + half);
	ck_assert_uint_eq(dead.hi - dead.lo, STACK_DEAD_MAX);
	ck_assert_int_eq(write(w.pipe[1], "x", 1), 1);
	pthread_join(t, NULL);
	pthread_attr_destroy(&attr);
	close(w.pipe[0]);
	close(w.pipe[1]);
	munmap(p, 2 * half);
}
END_TEST

static void
setup_memory(void)
{
	page = (size_t)sysconf(_SC_PAGESIZE);
}

START_TEST(a_word_is_found_where_it_lies)
{
	uintptr_t *heap = malloc(3 * sizeof(*heap));
	ck_assert_int_eq(words_found(NULL).count, 0);
	write_word(&heap[1]);
	struct memory_words w = words_found(NULL);
	ck_assert_int_eq(w.count, 1);
	ck_assert_uint_eq(w.at, (uintptr_t)&heap[1]);
	ck_assert_uint_eq(w.to, WORD);
#ifndef RELUP_SANITIZED /* which has a heap of its own */
	ck_assert_str_eq(w.where, "[heap]");
#endif
	free(heap);
}
END_TEST

START_TEST(words_are_counted)
{
	char *p = pages(1024, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	for (size_t i = 0; i < 1024; i += 3)
		write_word(p + i * page + page - sizeof(WORD)); /* runs of pages that are there, and none between */
	struct memory_words w = words_found(NULL);
	ck_assert_int_eq(w.count, 342);
	ck_assert_uint_eq(w.at, (uintptr_t)p + page - sizeof(WORD));
	ck_assert_str_eq(w.where, "anonymous memory");
	munmap(p, 1024 * page);
}
END_TEST

START_TEST(the_ends_of_a_range)
{
	uintptr_t *p = (void *)pages(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	p[0] = target[0].range.lo - 1;
	p[1] = target[0].range.hi;
	ck_assert_int_eq(words_found(NULL).count, 0);
	p[2] = target[0].range.lo;
	p[3] = target[0].range.hi - 1;
	ck_assert_int_eq(words_found(NULL).count, 2);
	munmap(p, page);
}
END_TEST

static const struct {
	uintptr_t words[5];
	size_t count, first;
} handles[] = {
    {{HANDLE}, 0, 0},
    {{WORD, WORD, WORD, HANDLE}, 0, 0},                /* as of pthread_atfork() */
    {{4, 0x776655443322, WORD, HANDLE}, 0, 0},         /* as of atexit() */
    {{WORD, WORD, WORD, WORD, HANDLE}, 1, 0},          /* what lies before that is somebody's */
    {{WORD, 0, 0, 0, HANDLE}, 1, 0},
    {{WORD, HANDLE, WORD}, 1, 2},                      /* and what lies behind it */
    {{WORD, HANDLE, HANDLE, WORD, WORD}, 2, 3},        /* none is taken off twice */
};

START_TEST(what_stands_before_a_handle_is_libcs)
{
	uintptr_t *p = (void *)pages(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	memcpy(p, handles[_i].words, sizeof(handles[_i].words));
	struct memory_words w = words_found(NULL);
	ck_assert_uint_eq(w.count, handles[_i].count);
	ck_assert(w.count == 0 || w.at == (uintptr_t)&p[handles[_i].first]);
	munmap(p, page);
}
END_TEST

/* What cannot be written to, what others have too, and what was never touched. */
START_TEST(what_is_no_private_memory_is_not_looked_at)
{
	char *shared = pages(1, PROT_READ | PROT_WRITE, MAP_SHARED);
	char *constant = pages(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char *closed = pages(1, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	write_word(shared);
	write_word(constant);
	write_word(closed);
	mprotect(constant, page, PROT_READ);
	mprotect(closed, page, PROT_NONE);
	ck_assert_int_eq(words_found(NULL).count, 0);
	mprotect(constant, page, PROT_READ | PROT_WRITE);
	ck_assert_int_eq(words_found(NULL).count, 1);
	munmap(shared, page);
	munmap(constant, page);
	munmap(closed, page);
}
END_TEST

/* A look costs no memory, and no time for what is only reserved. */
START_TEST(what_is_not_there_is_not_looked_at)
{
	size_t n = (size_t)1 << 34;
	char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	write_word(p + n - sizeof(WORD));
	ck_assert_int_eq(words_found(NULL).count, 1);
	munmap(p, n);
}
END_TEST

/* A copy shares its pages with who made it, and goes on to. */
START_TEST(a_look_copies_no_page)
{
	size_t n = 4096;
	char *p = pages(n, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	(void)madvise(p, n * page, MADV_NOHUGEPAGE);
	memset(p, 1, n * page);
	pid_t pid = fork();
	if (pid == 0) {
		struct memory_words found = {0};
		struct rusage before, after;
		getrusage(RUSAGE_SELF, &before);
		int rc = memory_look(target, 1, NULL, 0, &found);
		getrusage(RUSAGE_SELF, &after);
		_exit(rc == 0 && after.ru_minflt - before.ru_minflt < (long)n / 8 ? 0 : 1);
	}
	int status;
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	munmap(p, n * page);
}
END_TEST

START_TEST(what_is_to_be_skipped_is)
{
	char *p = pages(2, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	uintptr_t at = (uintptr_t)p + page - 16;
	for (size_t i = 0; i < 4; i++)
		write_word(p + page - 16 + 8 * i);
	ck_assert_int_eq(words_found(NULL).count, 4);
	struct stack_range skip[] = {{at, at + 32}, {at + 8, at + 24}, {at - 100, at + 8}, {at + 1, at + 2}, {0, at + 9}};
	static const size_t left[] = {0, 2, 3, 3, 2};
	for (size_t i = 0; i < NELEM(skip); i++)
		ck_assert_uint_eq(words_found(&skip[i]).count, left[i]);
	munmap(p, 2 * page);
}
END_TEST

/* Of a file that was cut off later: nobody can read it. */
START_TEST(a_page_that_cannot_be_read_is_passed_over)
{
	char name[] = "/tmp/relup-stack-XXXXXX";
	int fd = mkostemp(name, O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	unlink(name);
	ck_assert_int_eq(ftruncate(fd, (off_t)(3 * page)), 0);
	char *p = mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	for (size_t i = 0; i < 3; i++)
		write_word(p + i * page);
	ck_assert_int_eq(words_found(NULL).count, 3);
	ck_assert_int_eq(ftruncate(fd, (off_t)page), 0);
	ck_assert_int_eq(words_found(NULL).count, 1);
	munmap(p, 3 * page);
	close(fd);
}
END_TEST

START_TEST(mappings_are_told_as_they_are)
{
	struct maps maps;
	struct mapping m;
	char *p = pages(3, PROT_READ | PROT_WRITE, MAP_SHARED);
	bool stack = false, this = false;
	uintptr_t last = 0;
	int rc;
	mprotect(p, page, PROT_NONE);
	mprotect(p + 2 * page, page, PROT_READ);
	ck_assert_int_eq(maps_open(&maps, getpid()), 0);
	while ((rc = maps_next(&maps, &m)) > 0) {
		ck_assert_uint_ge(m.lo, last);
		last = m.hi;
		stack |= strcmp(m.name, "[stack]") == 0;
		if (m.lo != (uintptr_t)p + page)
			continue;
		this = true;
		ck_assert_uint_eq(m.hi, m.lo + page);
		ck_assert(m.readable && m.writable && m.shared);
		ck_assert_str_eq(m.name, "/dev/zero (deleted)");
	}
	ck_assert_int_eq(rc, 0);
	ck_assert(stack && this);
	maps_close(&maps);
	munmap(p, 3 * page);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("stack");
	TCase *tc = tcase_create("stack");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_that_runs_is_stopped_and_goes_on);
	tcase_add_test(tc, one_that_cannot_be_stopped_is_looked_at_as_it_is);
	tcase_add_test(tc, one_that_cannot_be_stopped_keeps_nobody_waiting);
	tcase_add_test(tc, who_dies_under_the_look_keeps_his_status);
	suite_add_tcase(s, tc);
	tc = tcase_create("memory");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup_memory, NULL);
	tcase_add_test(tc, a_word_is_found_where_it_lies);
	tcase_add_test(tc, words_are_counted);
	tcase_add_test(tc, the_ends_of_a_range);
	tcase_add_test(tc, a_look_copies_no_page);
	tcase_add_test(tc, what_lies_below_the_frames_is_dead);
	tcase_add_loop_test(tc, what_stands_before_a_handle_is_libcs, 0, NELEM(handles));
	tcase_add_test(tc, what_is_no_private_memory_is_not_looked_at);
	tcase_add_test(tc, what_is_not_there_is_not_looked_at);
	tcase_add_test(tc, what_is_to_be_skipped_is);
	tcase_add_test(tc, a_page_that_cannot_be_read_is_passed_over);
	tcase_add_test(tc, mappings_are_told_as_they_are);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
