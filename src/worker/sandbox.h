/* SPDX-License-Identifier: Apache-2.0
 * The sandbox that a rehearsal's copy locks itself into, and what the copy leaves when it breaks out
 * or crashes.  What is kept from the world: descriptors (rehearse.c closes them), system calls that
 * would be seen outside, memory that is shared with others, memory and processor time without a bound.
 * It is a guard against mistakes, not against malice: the code will run unguarded a moment later.
 */
#ifndef WORKER_SANDBOX_H
#define WORKER_SANDBOX_H

#include "worker/worker_priv.h"

#pragma GCC visibility push(hidden)

/* The copy's end of the pipe.  0 to 2 are /dev/null: what is printed goes nowhere. */
#define SANDBOX_PIPE 3

/* What goes through the pipe, below PIPE_BUF: whole or not at all.  The last one counts. */
enum record_kind { RECORD_OK, RECORD_REFUSED, RECORD_CRASHED, RECORD_CALLED, RECORD_SHARED };
struct record {
	enum record_kind kind;
	bool sandbox;                 /* all of it could be had */
	bool nomem;                   /* refused: for want of memory */
	int64_t change_us, longest_us; /* building the states of all steps; of one */
	int64_t memory_kb;            /* of its own at most, -1: not known */
	int code;                     /* refused: enum rel_ecode; the same build reads it */
	char module[64];              /* "": what the stage says */
	char text[PROTO_FRAME_TEXT], hint[256];
	int sig;                      /* crashed */
	bool has_address;
	uintptr_t address;            /* crashed: at which memory; shared: that was written to */
	long call;                    /* called: the system call's number */
	bool foreign;                 /* of another instruction set: its number names something else */
	struct place at;
};

/* All of this in the copy.  Never fails: what cannot be had is left out, and false is returned.
 * `deadline`: the worker ends the copy then; the sandbox sees to it where the worker cannot.
 * *ret_allowance: how many bytes more than the worker it may have. */
bool sandbox_enter(const struct worker *w, const struct op *op, dur_ns_t deadline, int64_t *ret_allowance);
/* Memory that is the copy's alone by now; -1: not known. */
int64_t sandbox_memory_kb(void);

/* The name of a system call, NULL where this build knows none. */
const char *sandbox_call_name(long nr);

/* In the worker, before it forks: the memory that a copy may need at worst, and what is to be had:
 * the machine's, its control group's, its own limits'.  false, with a text: too little. */
bool sandbox_room(char *text, size_t size);
/* The parts of it, for tests: the value of "NAME:  N kB" in a file like /proc/meminfo, in bytes; what the
 * control group of a file like /proc/self/cgroup leaves, itself and those above it.  INT64_MAX: no such
 * bound. */
int64_t sandbox_kb_line(const char *path, const char *name);
int64_t sandbox_cgroup_room(const char *self, const char *mount);

#pragma GCC visibility pop

#endif
