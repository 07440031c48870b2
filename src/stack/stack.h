/* SPDX-License-Identifier: Apache-2.0
 * stack: which code a thread is in, or will return to.
 *
 * The look is conservative: a word on the stack that lies in a range counts, whether it is a return
 * address or not, so that code that is held is never called free; a word may be a dead value, so that
 * code that is free may be called held.  What could not be looked at is told apart from both.
 *
 * Nothing here allocates or takes a lock: it may run in a forked copy of a process with threads.
 * Sources of the method: ptrace(2), proc(5) (/proc/PID/task/TID/syscall), and what LeakSanitizer does to
 * see the other threads' registers.
 */
#ifndef STACK_STACK_H
#define STACK_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/base.h"

#define STACK_THREADS_MAX 32768 /* of one process */

struct stack_range {
	uintptr_t lo, hi;             /* [lo, hi) */
};

enum stack_seen {
	STACK_CLEAR,                  /* nothing of the ranges */
	STACK_HOLDS,
	STACK_GONE,                   /* the thread has ended */
	STACK_UNKNOWN,                /* it could not be looked at */
};

struct stack_find {
	size_t range;                 /* index */
	uintptr_t at;                 /* the innermost address of a frame, else the first word found */
	bool frame;                   /* it runs there, or a call precedes the address */
};

/* Of the calling process, in a signal handler too: false where the memory is not there. */
bool stack_read(uintptr_t at, void *to, size_t n);
/* Is that an address that a call returns to? */
bool stack_call_precedes(uintptr_t at);

/* The threads of a process; as many as there were room for.  < 0: a negative errno. */
ssize_t stack_threads(pid_t pid, pid_t *ret, size_t room);

/* What lies below the frames of a thread that waits in the kernel: dead words, as far down as its mapping goes and
 * STACK_DEAD_MAX at most, as a stack may have been cut out of a heap.  False: it runs, or is gone. */
#define STACK_DEAD_MAX ((size_t)8 << 20) /* of the stacks that glibc makes by default, all */
bool stack_dead(pid_t pid, pid_t tid, struct stack_range *ret);

/* A thread that waits in the kernel is looked at as it is.  One that runs is STACK_UNKNOWN. */
enum stack_seen stack_look_waiting(pid_t pid, pid_t tid, const struct stack_range *ranges, size_t n,
    struct stack_find *ret);

/* A thread of another process, stopped by ptrace for the look and set free again; should the caller die
 * meanwhile, the kernel sets it free.  Its signals and its waits in the kernel go on undisturbed, and the
 * exit status of the process stays for who waits for it.  One in a wait that no signal ends (for a disk, in
 * vfork) does not stop: after the deadline it is STACK_UNKNOWN, and as good as stopped until the calling
 * thread has ended.  So the caller is a thread, or a process, that ends when it has looked. */
enum stack_seen stack_look_traced(pid_t pid, pid_t tid, const struct stack_range *ranges, size_t n,
    mono_ns_t deadline, struct stack_find *ret);

#endif
