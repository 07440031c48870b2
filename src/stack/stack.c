/* SPDX-License-Identifier: Apache-2.0
 * See stack.h.
 */
#include "config.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/base.h"
#include "stack/maps.h"
#include "stack/stack.h"

#define RED_ZONE  128u           /* below the stack pointer, and in use (x86-64 psABI) */
#define CHUNK	  (16u * 1024u)
#define STACK_MAX (64u * 1024u * 1024u) /* more of one stack is not looked at: unknown */
#define LOOK_AGAIN 50000                /* ns: one that runs comes to a stop in less, mostly */

struct registers {
	uintptr_t pc, sp;
};

/* ------------------------------------------------------------------ memory */
/* Of a process that may run: what is unmapped meanwhile is an error, no fault. */
static bool
read_memory(pid_t pid, uintptr_t at, void *to, size_t n)
{
	struct iovec local = {to, n}, remote = {(void *)at, n}; /* NOLINT: an address of another process */
	return process_vm_readv(pid, &local, 1, &remote, 1, 0) == (ssize_t)n;
}

#if defined(__x86_64__)
/* E8 rel32, or FF /2 with any operand. */
static bool
call_precedes(pid_t pid, uintptr_t at)
{
	unsigned char b[7];
	static const unsigned char lengths[] = {2, 3, 4, 6, 7};
	if (!read_memory(pid, at - sizeof(b), b, sizeof(b)))
		return false;
	if (b[sizeof(b) - 5] == 0xe8)
		return true;
	for (size_t i = 0; i < sizeof(lengths); i++) {
		const unsigned char *in = b + sizeof(b) - lengths[i];
		if (in[0] == 0xff && (in[1] >> 3 & 7) == 2)
			return true;
	}
	return false;
}
#elif defined(__aarch64__)
/* BL, BLR. */
static bool
call_precedes(pid_t pid, uintptr_t at)
{
	uint32_t in;
	if ((at & 3) != 0 || !read_memory(pid, at - sizeof(in), &in, sizeof(in)))
		return false;
	return (in & 0xfc000000u) == 0x94000000u || (in & 0xfffffc1fu) == 0xd63f0000u;
}
#else
static bool
call_precedes(pid_t pid, uintptr_t at)
{
	(void)pid;
	(void)at;
	return false; /* then it is a word like others */
}
#endif

bool
stack_read(uintptr_t at, void *to, size_t n)
{
	return read_memory(getpid(), at, to, n);
}

bool
stack_call_precedes(uintptr_t at)
{
	return call_precedes(getpid(), at);
}

static bool
in_ranges(uintptr_t word, const struct stack_range *ranges, size_t n, size_t *ret)
{
	for (size_t i = 0; i < n; i++)
		if (word >= ranges[i].lo && word < ranges[i].hi) {
			*ret = i;
			return true;
		}
	return false;
}

static bool
mapping_of(pid_t pid, uintptr_t at, struct stack_range *ret)
{
	struct maps maps;
	struct mapping m;
	bool found = false;
	if (maps_open(&maps, pid) != 0)
		return false;
	while (!found && maps_next(&maps, &m) > 0)
		found = at >= m.lo && at < m.hi;
	maps_close(&maps);
	if (found)
		*ret = (struct stack_range){m.lo, m.hi};
	return found;
}

/* From the innermost outwards: the first return address tells the function, else the first word. */
static enum stack_seen
scan(pid_t pid, const struct registers *r, const struct stack_range *ranges, size_t n, struct stack_find *ret)
{
	uintptr_t words[CHUNK / sizeof(uintptr_t)];
	struct stack_range in = {0};
	uintptr_t at = (r->sp - RED_ZONE) & ~(sizeof(uintptr_t) - 1);
	bool any = false;
	*ret = (struct stack_find){0};
	if (in_ranges(r->pc, ranges, n, &ret->range)) {
		ret->at = r->pc;
		ret->frame = true;
		return STACK_HOLDS;
	}
	if (!mapping_of(pid, r->sp, &in) || in.hi - at > STACK_MAX)
		return STACK_UNKNOWN;
	while (at < in.hi) {
		size_t size = in.hi - at < sizeof(words) ? in.hi - at : sizeof(words), range;
		if (!read_memory(pid, at, words, size))
			return STACK_UNKNOWN;
		for (size_t i = 0; i < size / sizeof(*words); i++) {
			if (!in_ranges(words[i], ranges, n, &range))
				continue;
			bool frame = call_precedes(pid, words[i]);
			if (!any || frame)
				*ret = (struct stack_find){range, words[i], frame};
			any = true;
			if (frame)
				return STACK_HOLDS;
		}
		at += size;
	}
	return any ? STACK_HOLDS : STACK_CLEAR;
}

/* ------------------------------------------------------------------ threads */
ssize_t
stack_threads(pid_t pid, pid_t *ret, size_t room)
{
	/* As the kernel hands it out: readdir() would allocate. */
	struct entry {
		uint64_t ino, off;
		uint16_t reclen;
		uint8_t type;
		char name[];
	};
	_Alignas(struct entry) char buf[8192];
	char path[48];
	size_t count = 0;
	ssize_t n;
	snprintf(path, sizeof(path), "/proc/%ld/task", (long)pid);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((n = syscall(SYS_getdents64, fd, buf, sizeof(buf))) > 0)
		for (ssize_t at = 0; at < n;) {
			const struct entry *e = (const struct entry *)(const void *)(buf + at);
			if (e->name[0] != '.' && count < room)
				ret[count++] = (pid_t)strtol(e->name, NULL, 10);
			at += e->reclen;
		}
	int sys = errno;
	close(fd);
	return n < 0 ? -sys : (ssize_t)count;
}

/* "NUMBER ARG… SP PC", "-1 SP PC", or "running". */
static bool
read_syscall(pid_t pid, pid_t tid, struct registers *ret, char text[static 256], bool *ret_gone)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/syscall", (long)pid, (long)tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	*ret_gone = fd < 0 && errno == ENOENT;
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, 255);
	*ret_gone = n < 0 && errno == ESRCH;
	close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	char *pc = strrchr(text, ' ');
	if (pc == NULL)
		return false; /* running */
	char *sp = pc;
	while (sp > text && sp[-1] != ' ')
		sp--;
	ret->sp = strtoul(sp, NULL, 16);
	ret->pc = strtoul(pc + 1, NULL, 16);
	return ret->sp != 0;
}

enum stack_seen
stack_look_waiting(pid_t pid, pid_t tid, const struct stack_range *ranges, size_t n, struct stack_find *ret)
{
	char before[256], after[256];
	struct registers r, again;
	bool gone;
	if (!read_syscall(pid, tid, &r, before, &gone))
		return gone ? STACK_GONE : STACK_UNKNOWN;
	enum stack_seen seen = scan(pid, &r, ranges, n, ret);
	/* It must have stood still meanwhile, in the same wait. */
	if (!read_syscall(pid, tid, &again, after, &gone))
		return gone ? STACK_GONE : STACK_UNKNOWN;
	return strcmp(before, after) == 0 ? seen : STACK_UNKNOWN;
}

bool
stack_dead(pid_t pid, pid_t tid, struct stack_range *ret)
{
	char text[256];
	struct registers r;
	bool gone;
	if (!read_syscall(pid, tid, &r, text, &gone) || !mapping_of(pid, r.sp, ret))
		return false;
	if (r.sp - ret->lo < RED_ZONE)
		return false;
	ret->hi = r.sp - RED_ZONE;
	if (ret->hi - ret->lo > STACK_DEAD_MAX)
		ret->lo = ret->hi - STACK_DEAD_MAX;
	return true;
}

/* ------------------------------------------------------------------ ptrace */
static bool
read_registers(pid_t tid, struct registers *ret)
{
	struct user_regs_struct u;
	struct iovec v = {&u, sizeof(u)};
	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_PRSTATUS, &v) != 0)
		return false;
#if defined(__x86_64__)
	*ret = (struct registers){u.rip, u.rsp};
	return true;
#elif defined(__aarch64__)
	*ret = (struct registers){u.pc, u.sp};
	return true;
#else
	(void)ret;
	return false;
#endif
}

/* The end of a process belongs to its parent, which may be us: it has the status once.  That of another
 * thread is nobody's but ours, and while it is not taken the process never ends for its parent. */
static bool
has_ended(pid_t pid, pid_t tid)
{
	siginfo_t si = {0};
	int rc;
	do
		rc = waitid(P_PID, (id_t)tid, &si, WSTOPPED | WEXITED | WNOWAIT | __WALL);
	while (rc != 0 && errno == EINTR);
	return rc != 0 || (tid == pid && si.si_code != CLD_TRAPPED && si.si_code != CLD_STOPPED);
}

/* Neither waits: nobody tells when one comes to a stop but the one wait that has no end of its own. */
static bool
has_news(pid_t tid, mono_ns_t deadline)
{
	siginfo_t si = {0};
	while (waitid(P_PID, (id_t)tid, &si, WSTOPPED | WEXITED | WNOWAIT | WNOHANG | __WALL) == 0 && si.si_pid == 0) {
		if (rel_mono_now() >= deadline)
			return false;
		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &(struct timespec){.tv_nsec = LOOK_AGAIN}, NULL);
	}
	return true;
}

/* Stopped by our PTRACE_INTERRUPT (STACK_CLEAR), or on its way to a signal that came first: that one is
 * handed on.  One that is killed meanwhile does not obey, and the next wait tells of its end. */
static enum stack_seen
wait_for_stop(pid_t pid, pid_t tid, mono_ns_t deadline)
{
	for (;;) {
		int status;
		if (!has_news(tid, deadline))
			return STACK_UNKNOWN;
		if (has_ended(pid, tid))
			return STACK_GONE;
		pid_t got = waitpid(tid, &status, __WALL);
		if (got < 0 && errno == EINTR)
			continue;
		if (got != tid || !WIFSTOPPED(status))
			return STACK_GONE;
		if (status >> 16 == PTRACE_EVENT_STOP)
			return STACK_CLEAR;
		(void)ptrace(PTRACE_CONT, tid, NULL, (void *)(uintptr_t)WSTOPSIG(status));
	}
}

enum stack_seen
stack_look_traced(pid_t pid, pid_t tid, const struct stack_range *ranges, size_t n, mono_ns_t deadline,
    struct stack_find *ret)
{
	struct registers r;
	if (rel_mono_now() >= deadline)
		return STACK_UNKNOWN;
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0)
		return errno == ESRCH ? STACK_GONE : STACK_UNKNOWN;
	(void)ptrace(PTRACE_INTERRUPT, tid, NULL, NULL); /* fails for one that ends */
	enum stack_seen stopped = wait_for_stop(pid, tid, deadline);
	if (stopped != STACK_CLEAR)
		return stopped;
	enum stack_seen seen = read_registers(tid, &r) ? scan(pid, &r, ranges, n, ret) : STACK_UNKNOWN;
	if (ptrace(PTRACE_DETACH, tid, NULL, NULL) != 0 && !has_ended(pid, tid))
		(void)waitpid(tid, NULL, __WALL); /* killed while it was stopped */
	return seen;
}
