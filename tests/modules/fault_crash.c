/* SPDX-License-Identifier: Apache-2.0
 * Faults that have nothing to do with an upgrade, in the loop, in a task ("task", a thread of the runtime) and
 * in a thread of the module's own ("thread"); and what is no fault of the worker: a child's.
 * FAULT_HUGE: its data is that large, and never touched.
 */
#include "config.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault.h"

static volatile int *volatile nowhere; /* NULL */
static int (*volatile nothing)(void);
#ifdef FAULT_HUGE
static volatile char huge[FAULT_HUGE];
#endif
static const char *volatile no_text;

__attribute__((noinline)) static int
deeper(volatile const char *below)
{
	volatile char here[4096];
	here[0] = *below;
	return here[0] != '\0' ? deeper(here) + here[0] : 0;
}

static void *
crash(void *arg)
{
	(void)arg;
	*nowhere = 1;
	return NULL;
}

static int
work(struct relw *rw, void *state)
{
	(void)rw;
	crash(state);
	return RELW_DONE;
}

static int
sink(struct relw *rw, void *state)
{
	(void)rw;
	(void)state;
	return deeper("x");
}

/* The status of a child that dies of a fault: of its own code, or of a program. */
static int
child(bool program)
{
	int status = 0;
	pid_t pid = fork();
	if (pid == 0 && program)
		execl("/bin/sh", "sh", "-c", "kill -SEGV $$", (char *)NULL);
	if (pid == 0)
		crash(NULL);
	waitpid(pid, &status, 0);
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	pthread_t thread;
	int n = 0;
	(void)state;
	if (fault_asks(request, "read"))
		n = *nowhere + 1;
	if (fault_asks(request, "write"))
		crash(NULL);
	if (fault_asks(request, "call"))
		n = nothing() + 1;
	if (fault_asks(request, "libc"))
		n = (int)strlen(no_text) + 1;
	if (fault_asks(request, "abort"))
		abort();
	if (fault_asks(request, "raise"))
		raise(SIGSEGV);
	if (fault_asks(request, "trap")) /* where it passes, the worker lives on */
		raise(SIGTRAP);
#if defined(__x86_64__)
	if (fault_asks(request, "int3"))
		__asm__ volatile("int3");
#endif
	if (fault_asks(request, "ill"))
		__builtin_trap();
	if (fault_asks(request, "stack"))
		n = deeper("x");
	if (fault_asks(request, "task"))
		n = (int)relw_task_start(rw, "work", NULL);
	if (fault_asks(request, "sink"))
		n = (int)relw_task_start(rw, "sink", NULL);
	if (fault_asks(request, "thread") && pthread_create(&thread, NULL, crash, NULL) == 0)
		pthread_join(thread, NULL);
	if (fault_asks(request, "exit"))
		exit(7);
	if (fault_asks(request, "fork"))
		n = child(false);
	if (fault_asks(request, "exec"))
		n = child(true);
#ifdef FAULT_HUGE
	n += huge[fault_asks(request, "huge")];
#endif
	return fault_reply(ret_reply, n);
}

static int
init(struct relw *rw, void **ret_state)
{
	(void)rw;
	(void)ret_state;
	return 0;
}

static const struct relw_function functions[] = {
    {.name = "work", .task = work}, {.name = "sink", .task = sink}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("fault", FAULT_VSN),
    .functions = functions,
    .init = init,
    .handle_call = handle_call,
};
