/* SPDX-License-Identifier: Apache-2.0
 * The sandbox: see sandbox.h.  Everything here but the names runs in the copy, which has one thread.
 * The handlers find their context at the foot of the alternate stack they run on: nothing is global.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "stack/maps.h"
#include "worker/sandbox.h"

#define SHARED_MAX 64 /* ranges that are told from other faults; more are closed all the same */
#define FRAMES	   64
#define ALLOWANCE  (256 * (INT64_C(1) << 20))
#define STACK	   (256 * 1024)

#if defined(__x86_64__)
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

struct guard {
	const struct worker *w;
	const struct stage *stage;
	const struct op *op;
	bool complete;
	size_t shared_count;
	struct {
		uintptr_t lo, hi;
	} shared[SHARED_MAX];
};

_Static_assert(sizeof(struct record) <= PIPE_BUF, "a record is written whole");
_Static_assert(sizeof(struct guard) <= 4096, "the guard lies in the page below the stack");

/* ------------------------------------------------------------------ names */
const char *
sandbox_call_name(long nr)
{
	static const struct {
		long nr;
		const char name[20];
	} names[] = {
#define ALLOW(n) {SYS_##n, #n},
#define NAME(n)	 {SYS_##n, #n},
#include "worker/calls_tbl.h"
#undef ALLOW
#undef NAME
	};
	for (size_t i = 0; i < NELEM(names); i++)
		if (names[i].nr == nr)
			return names[i].name;
	return NULL;
}

/* ------------------------------------------------------------------ what the handlers find */
static struct guard *
guard_of(const ucontext_t *uc)
{
	return (struct guard *)(void *)((char *)uc->uc_stack.ss_sp - 4096);
}

static uintptr_t
program_counter(const ucontext_t *uc)
{
#if defined(__x86_64__)
	return (uintptr_t)uc->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)uc->uc_mcontext.pc;
#else
	(void)uc;
	return 0;
#endif
}

static void
set_place(struct place *at, const char *module, const char *digest, const Dl_info *info, uintptr_t pc)
{
	snprintf(at->module, sizeof(at->module), "%s", module);
	snprintf(at->digest, sizeof(at->digest), "%s", digest);
	at->offset = pc - (uintptr_t)info->dli_fbase;
}

/* By the loader's list, which has an object while its constructors run, and ours does not. */
static bool
find_place(const struct guard *g, uintptr_t pc, struct place *at)
{
	Dl_info info;
	/* NOLINTNEXTLINE: a number that may be an address */
	if (pc == 0 || dladdr((void *)pc, &info) == 0 || info.dli_fname == NULL)
		return false;
	for (const struct object *o = g->w->objects; o != NULL; o = o->next)
		if (strcmp(info.dli_fname, o->path) == 0) {
			set_place(at, o->module, o->digest, &info, pc);
			return true;
		}
	for (size_t i = 0; i < g->op->module_count; i++)
		if (strcmp(info.dli_fname, g->op->modules[i].path) == 0) {
			set_place(at, g->op->modules[i].module, g->op->modules[i].digest, &info, pc);
			return true;
		}
	return false;
}

/* From libc (abort, memcpy, a system call) to the module that called it.  `backtrace` was called before:
 * it takes no memory any more.  Should it fault on a broken stack, what was told before stands. */
static bool
find_caller(const struct guard *g, struct place *at)
{
	void *frames[FRAMES];
	int n = backtrace(frames, FRAMES);
	for (int i = 0; i < n; i++)
		/* A return address: the call is before it. */
		if (find_place(g, (uintptr_t)frames[i] - 1, at)) {
			at->called = true;
			return true;
		}
	return false;
}

static _Noreturn void
tell(const struct guard *g, struct record *r, uintptr_t pc)
{
	r->sandbox = g->complete;
	r->memory_kb = -1;
	bool here = find_place(g, pc, &r->at);
	(void)!write(SANDBOX_PIPE, r, sizeof(*r));
	if (!here && find_caller(g, &r->at))
		(void)!write(SANDBOX_PIPE, r, sizeof(*r));
	_exit(1);
}

static bool
is_shared(const struct guard *g, uintptr_t at)
{
	for (size_t i = 0; i < g->shared_count; i++)
		if (at >= g->shared[i].lo && at < g->shared[i].hi)
			return true;
	return false;
}

static void
on_fault(int sig, siginfo_t *si, void *context)
{
	const ucontext_t *uc = context;
	const struct guard *g = guard_of(uc);
	struct record r = {.kind = RECORD_CRASHED, .sig = sig};
	if (si->si_code > 0 && sig != SIGABRT) { /* by the processor, not by tgkill */
		r.has_address = true;
		r.address = (uintptr_t)si->si_addr;
	}
	if (sig == SIGSEGV && si->si_code == SEGV_ACCERR && is_shared(g, r.address))
		r.kind = RECORD_SHARED;
	tell(g, &r, program_counter(uc));
}

static void
fail_call(ucontext_t *uc)
{
#if defined(__x86_64__)
	uc->uc_mcontext.gregs[REG_RAX] = -EPERM;
#elif defined(__aarch64__)
	uc->uc_mcontext.regs[0] = (unsigned long long)-EPERM;
#else
	(void)uc;
#endif
}

static void
on_call(int sig, siginfo_t *si, void *context)
{
	(void)sig;
	/* After the commit nothing is taken back: there such a call is in its place, only not here. */
	if (atomic_load(&guard_of(context)->stage->part) == STAGE_AFTER) {
		fail_call(context);
		return;
	}
	struct record r = {.kind = RECORD_CALLED, .call = si->si_syscall};
#ifdef ARCH
	r.foreign = si->si_arch != ARCH;
#endif
	tell(guard_of(context), &r, program_counter(context));
}

/* A page of context and above it the stack. */
static struct guard *
make_handlers(void)
{
	static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
	void *frames[4];
	char *mem = mmap(NULL, 4096 + STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (mem == MAP_FAILED)
		return NULL;
	stack_t ss = {.ss_sp = mem + 4096, .ss_size = STACK};
	struct sigaction sa = {.sa_sigaction = on_fault,
	    .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND | SA_NODEFER};
	if (sigaltstack(&ss, NULL) != 0)
		return NULL;
	for (size_t i = 0; i < NELEM(faults); i++)
		sigaction(faults[i], &sa, NULL);
	sa.sa_sigaction = on_call;
	sa.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigaction(SIGSYS, &sa, NULL);
	(void)backtrace(frames, NELEM(frames)); /* loads what it needs while that is allowed */
	return (struct guard *)(void *)mem;
}

/* ------------------------------------------------------------------ shared memory */

/* fork() does not part what is mapped MAP_SHARED: a write there is seen by others at once, and no abort takes
 * it back.  It is closed to writes rather than replaced by a private copy: copying reads all of it, which
 * takes time and memory, and of a device's registers is an effect by itself.  Reading goes on, so a state
 * that lives there can be converted to one that does not.  Who writes is told of by is_shared(). */
static void
close_mapping(struct guard *g, const struct mapping *m)
{
	int prot = (m->readable ? PROT_READ : 0) | (m->executable ? PROT_EXEC : 0);
	/* NOLINTNEXTLINE: an address as the kernel prints it */
	if (mprotect((void *)m->lo, m->hi - m->lo, prot) != 0)
		g->complete = false;
	if (g->shared_count == SHARED_MAX)
		return;
	g->shared[g->shared_count].lo = m->lo;
	g->shared[g->shared_count++].hi = m->hi;
}

static void
close_shared(struct guard *g, const void *keep)
{
	struct maps maps;
	struct mapping m;
	int rc = maps_open(&maps, getpid());
	if (rc != 0) {
		g->complete = false;
		return;
	}
	while ((rc = maps_next(&maps, &m)) > 0)
		if (m.shared && m.writable && m.lo != (uintptr_t)keep)
			close_mapping(g, &m);
	maps_close(&maps);
	if (rc < 0)
		g->complete = false;
}

/* ------------------------------------------------------------------ limits */
static void
lower(int resource, uint64_t soft, uint64_t hard)
{
	struct rlimit rl;
	if (getrlimit((__rlimit_resource_t)resource, &rl) != 0)
		return;
	rl.rlim_cur = rl.rlim_cur < soft ? rl.rlim_cur : soft;
	rl.rlim_max = rl.rlim_max < hard ? rl.rlim_max : hard;
	(void)setrlimit((__rlimit_resource_t)resource, &rl);
}

/* The new state stands beside the old one, and may be a bigger one: as much as the worker has, and as much
 * again; what is loaded and the allocator's own steps come on top.  Whoever takes more has gone astray, and
 * gets ENOMEM from malloc, as the machine would give it in the end.
 * RLIMIT_DATA and not RLIMIT_AS: it counts private writable memory alone.  Address space is reserved by the
 * gigabyte without any use of it: arenas, a sanitizer's shadow, mapped files. */
static int64_t
limit_memory(struct guard *g)
{
	int64_t data = sandbox_kb_line("/proc/self/status", "VmData");
	int64_t own = sandbox_kb_line("/proc/self/status", "RssAnon");
	if (data == INT64_MAX || own == INT64_MAX) {
		g->complete = false;
		return 0;
	}
	int64_t more = 2 * own + ALLOWANCE;
	lower(RLIMIT_DATA, (uint64_t)(data + more), (uint64_t)(data + more));
	return more;
}

static int64_t
set_limits(struct guard *g, dur_ns_t deadline)
{
	int64_t more = limit_memory(g);
	lower(RLIMIT_FSIZE, 0, 0);
	/* The second fence: should the worker stand still itself, the copy does not run on. */
	uint64_t cpu = (uint64_t)(deadline / DUR_S) + 1;
	lower(RLIMIT_CPU, cpu, cpu + 1);
	return more;
}

/* The first to go, should memory run out all the same.  Before PR_SET_DUMPABLE, which takes the file away. */
static void
offer_to_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	(void)!write(fd, "1000", 4);
	close(fd);
}

/* ------------------------------------------------------------------ the filter */
#if defined(ARCH) && !defined(RELUP_SANITIZED)

struct program {
	struct sock_filter v[512];
	unsigned short n;
};

#define NR	offsetof(struct seccomp_data, nr)
#define ARG(i)	(offsetof(struct seccomp_data, args) + 8 * (i)) /* its lower half: both are little-endian */
#define HIGH(i) (ARG(i) + 4)

static void
add(struct program *p, struct sock_filter f)
{
	if (p->n < NELEM(p->v))
		p->v[p->n++] = f;
}

#define LOAD(at)	 add(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at)))
#define RETURN(what)	 add(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (what)))
#define JUMP(op, k, t, f) add(p, (struct sock_filter)BPF_JUMP(BPF_JMP | (op) | BPF_K, (uint32_t)(k), (t), (f)))

static void
allow(struct program *p, long nr)
{
	JUMP(BPF_JEQ, nr, 0, 1);
	RETURN(SECCOMP_RET_ALLOW);
}

/* Of a call `nr`: an argument with any of these bits is a trap, else it is allowed. */
static void
allow_without(struct program *p, long nr, unsigned arg, uint32_t bits)
{
	JUMP(BPF_JEQ, nr, 0, 4);
	LOAD(ARG(arg));
	JUMP(BPF_JSET, bits, 0, 1);
	RETURN(SECCOMP_RET_TRAP);
	RETURN(SECCOMP_RET_ALLOW);
}

/* Only with this value of an argument (its lower half). */
static void
allow_equal(struct program *p, long nr, unsigned arg, uint32_t value)
{
	JUMP(BPF_JEQ, nr, 0, 4);
	LOAD(ARG(arg));
	JUMP(BPF_JEQ, value, 0, 1);
	RETURN(SECCOMP_RET_ALLOW);
	LOAD(NR); /* another rule may allow it */
}

static void
allow_up_to(struct program *p, long nr, unsigned arg, uint32_t value)
{
	JUMP(BPF_JEQ, nr, 0, 4);
	LOAD(ARG(arg));
	JUMP(BPF_JGT, value, 1, 0);
	RETURN(SECCOMP_RET_ALLOW);
	RETURN(SECCOMP_RET_TRAP);
}

/* Memory that is mapped shared and writable is nobody's alone, and no limit counts it. */
static void
allow_mmap(struct program *p)
{
	JUMP(BPF_JEQ, SYS_mmap, 0, 6);
	LOAD(ARG(3));
	JUMP(BPF_JSET, MAP_SHARED, 0, 2); /* MAP_SHARED_VALIDATE has this bit too */
	LOAD(ARG(2));
	JUMP(BPF_JSET, PROT_WRITE, 1, 0);
	RETURN(SECCOMP_RET_ALLOW);
	RETURN(SECCOMP_RET_TRAP);
}

/* Where the pointer to new limits is NULL it only reads. */
static void
allow_prlimit(struct program *p)
{
	JUMP(BPF_JEQ, SYS_prlimit64, 0, 6);
	LOAD(ARG(2));
	JUMP(BPF_JEQ, 0, 0, 3);
	LOAD(HIGH(2));
	JUMP(BPF_JEQ, 0, 0, 1);
	RETURN(SECCOMP_RET_ALLOW);
	RETURN(SECCOMP_RET_TRAP);
}

static void
write_program(struct program *p)
{
	static const long plain[] = {
#define ALLOW(n) SYS_##n,
#define NAME(n)
#include "worker/calls_tbl.h"
#undef ALLOW
#undef NAME
	};
	const uint32_t not_reading = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC | O_APPEND;
	LOAD(offsetof(struct seccomp_data, arch));
	JUMP(BPF_JEQ, ARCH, 1, 0);
	RETURN(SECCOMP_RET_TRAP);
	LOAD(NR);
	for (size_t i = 0; i < NELEM(plain); i++)
		allow(p, plain[i]);
	allow_without(p, SYS_openat, 2, not_reading);
#ifdef SYS_open
	allow_without(p, SYS_open, 1, not_reading);
#endif
	allow_mmap(p);
	allow_prlimit(p);
	allow_up_to(p, SYS_write, 0, SANDBOX_PIPE);
	allow_up_to(p, SYS_writev, 0, SANDBOX_PIPE);
	allow_equal(p, SYS_tgkill, 0, (uint32_t)getpid()); /* abort, raise */
	/* As if done: a SIGSYS that is blocked kills at once, and nobody could tell of which call.  Creating a
	 * thread blocks all of them before it clones.  To the copy nobody sends signals. */
	JUMP(BPF_JEQ, SYS_rt_sigprocmask, 0, 1);
	RETURN(SECCOMP_RET_ERRNO | 0);
	allow_equal(p, SYS_rt_sigaction, 0, 32);	 /* pthread_create sets these first, which libc keeps */
	allow_equal(p, SYS_rt_sigaction, 0, 33);	 /* for itself; the clone that follows is the one to name */
	allow_equal(p, SYS_fcntl, 1, F_GETFD);
	allow_equal(p, SYS_fcntl, 1, F_SETFD);
	allow_equal(p, SYS_fcntl, 1, F_GETFL);
	allow_equal(p, SYS_ioctl, 1, TCGETS);		 /* stdio asks before it buffers */
	allow_equal(p, SYS_prctl, 0, 0x53564d41);	 /* PR_SET_VMA: malloc names its memory */
	RETURN(SECCOMP_RET_TRAP);
}

static bool
filter_calls(void)
{
	struct program p;
	p.n = 0;
	write_program(&p);
	const struct sock_fprog prog = {.len = p.n, .filter = p.v};
	return p.n < NELEM(p.v) && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0;
}

#else

/* Other machines: their numbers were not looked at.  A sanitizer's runtime makes calls of its own in the
 * middle of any code, and reports by calls that are not for a rehearsal. */
static bool
filter_calls(void)
{
	return false;
}

#endif

bool
sandbox_enter(const struct worker *w, const struct op *op, dur_ns_t deadline, int64_t *ret_allowance)
{
	offer_to_oom();
	struct guard *g = make_handlers();
	if (g == NULL)
		return false;
	g->w = w;
	g->stage = w->rehearsal->stage;
	g->op = op;
	g->complete = true;
	close_shared(g, g->stage);
	*ret_allowance = set_limits(g, deadline);
	prctl(PR_SET_DUMPABLE, 0); /* nobody of the same user looks into it */
	bool locked = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	g->complete &= locked;
	/* Last: what came before needs calls that it does not allow.  The handlers may only read the guard. */
	g->complete &= locked && filter_calls();
	return g->complete;
}

int64_t
sandbox_memory_kb(void)
{
	int64_t bytes = sandbox_kb_line("/proc/self/smaps_rollup", "Private_Dirty");
	return bytes != INT64_MAX ? bytes / 1024 : -1;
}
