/* SPDX-License-Identifier: Apache-2.0
 * stack: looks at processes that are ours.
 */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"
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
	ck_assert_int_eq(stack_look_traced(child, child, nowhere, 1, &find), STACK_CLEAR);
	ck_assert_int_eq(stack_look_traced(child, child, anywhere, 1, &find), STACK_HOLDS);
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

static void *
kill_child(void *arg)
{
	(void)arg;
	char path[64], line[256];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	for (bool traced = false; !traced;) { /* the look has begun */
		FILE *f = fopen(path, "re");
		while (f != NULL && fgets(line, sizeof(line), f) != NULL) {
			int tracer;
			traced |= sscanf(line, "TracerPid: %d", &tracer) == 1 && tracer != 0;
		}
		if (f != NULL)
			fclose(f);
	}
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
	ck_assert_int_eq(stack_look_traced(child, child, nowhere, 1, &find), STACK_GONE);
	pthread_join(t, NULL);
	end_of_the_child(SIGKILL);
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
	tcase_add_test(tc, who_dies_under_the_look_keeps_his_status);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
