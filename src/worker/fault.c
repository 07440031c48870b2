/* SPDX-License-Identifier: Apache-2.0
 * A worker that dies of a fault says which: a line in its log, and a message to relupd.  The handler then
 * returns, and the process dies of the signal as it would have without one: core and status are the same.
 *
 * The handler runs on any thread, in the middle of anything: it takes no lock, allocates nothing, and uses
 * no stdio and no locale.  What it knows of modules is a table of fixed size that the loop writes; each
 * entry carries a number that is odd while it is written, so that a reader takes a whole one or none.
 *
 * A signal that has a handler already keeps it: a host's, or a sanitizer's, which says more.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "stack/stack.h"
#include "worker/worker_priv.h"

#define SCAN_MAX (64u * 1024u) /* of the stack, for the module that called what is none */

/* What a handler can find at all: the worker of this process. */
static _Atomic(struct worker *) here;

static const struct {
	int number;
	const char *name;
} signals[FAULT_SIGNALS] = {
    {SIGSEGV, "SIGSEGV"}, {SIGBUS, "SIGBUS"}, {SIGILL, "SIGILL"}, {SIGFPE, "SIGFPE"}, {SIGABRT, "SIGABRT"},
    {SIGTRAP, "SIGTRAP"},
};

/* ------------------------------------------------------------------ the table (loop) */
/* Of objects that are mapped there are at most three a module: current, old, and the operation's. */
_Static_assert(3 * WORKER_MODULES + WORKER_TOMBS < FAULT_RANGES, "the table holds them all");

static void
write_range(struct fault_range *r, uintptr_t lo, uintptr_t hi, const struct fault_name *name)
{
	unsigned turn = atomic_load(&r->turn);
	atomic_store(&r->turn, turn + 1);
	atomic_store(&r->lo, lo);
	atomic_store(&r->hi, hi);
	atomic_store(&r->gone, false);
	for (size_t i = 0; i < FAULT_WORDS; i++)
		atomic_store(&r->name[i], name->words[i]);
	atomic_store(&r->turn, turn + 2);
}

void
worker_fault_know(struct worker *w, struct object *o)
{
	struct faults *f = &w->faults;
	struct fault_name name = {0};
	unsigned used = atomic_load(&f->used), i = 0;
	while (i < used && atomic_load(&f->ranges[i].hi) != 0)
		i++;
	if (i == FAULT_RANGES || o->range != 0)
		return; /* its faults are those of no module */
	rel_text_copy(name.module, sizeof(name.module), o->module);
	rel_text_copy(name.vsn, sizeof(name.vsn), o->table->vsn);
	rel_text_copy(name.digest, sizeof(name.digest), o->digest);
	write_range(&f->ranges[i], o->lo, o->hi, &name);
	if (i == used)
		atomic_store(&f->used, used + 1);
	o->range = i + 1;
}

void
worker_fault_retire(struct worker *w, unsigned range)
{
	if (range > 0)
		atomic_store(&w->faults.ranges[range - 1].gone, true);
}

void
worker_fault_forget(struct worker *w, unsigned range)
{
	if (range > 0)
		write_range(&w->faults.ranges[range - 1], 0, 0, &(struct fault_name){0});
}

/* ------------------------------------------------------------------ the table (handler) */
struct spot {
	bool found, gone;
	uintptr_t offset;
	struct fault_name name;
};

static bool
read_range(const struct fault_range *r, uintptr_t at, struct spot *ret)
{
	unsigned turn = atomic_load(&r->turn);
	uintptr_t lo = atomic_load(&r->lo);
	if (at < lo || at >= atomic_load(&r->hi))
		return false;
	ret->gone = atomic_load(&r->gone);
	ret->offset = at - lo;
	for (size_t i = 0; i < FAULT_WORDS; i++)
		ret->name.words[i] = atomic_load(&r->name[i]);
	ret->found = turn % 2 == 0 && atomic_load(&r->turn) == turn;
	return ret->found;
}

static bool
find(const struct worker *w, uintptr_t at, struct spot *ret)
{
	const struct faults *f = &w->faults;
	ret->found = false;
	for (unsigned i = 0, used = atomic_load(&f->used); i < used; i++)
		if (read_range(&f->ranges[i], at, ret))
			return true;
	return false;
}

/* ------------------------------------------------------------------ text without a library */
struct text {
	char *at, *end;               /* one byte is kept for a last NUL or newline */
	bool cut;
};

static void
put_char(struct text *t, char c)
{
	if (t->at < t->end)
		*t->at++ = c;
	else
		t->cut = true;
}

static void
put(struct text *t, const char *s)
{
	while (*s != '\0')
		put_char(t, *s++);
}

static void
put_number(struct text *t, uintmax_t n, unsigned base, int width)
{
	char digits[24];
	int len = 0;
	do {
		digits[len++] = "0123456789abcdef"[n % base];
		n /= base;
	} while (n > 0 || len < width);
	while (len > 0)
		put_char(t, digits[--len]);
}

static void
put_hex(struct text *t, uintptr_t n)
{
	put(t, "0x");
	put_number(t, n, 16, 1);
}

/* The days since 1970 as a date, by the rule of 400 years. */
static void
put_time(struct text *t)
{
	struct timespec now = {0};
	(void)clock_gettime(CLOCK_REALTIME, &now);
	uintmax_t s = (uintmax_t)now.tv_sec % 86400, days = (uintmax_t)now.tv_sec / 86400 + 719468;
	uintmax_t era = days / 146097, day = days % 146097;
	uintmax_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
	day -= 365 * year + year / 4 - year / 100;
	uintmax_t from_march = (5 * day + 2) / 153;
	uintmax_t month = from_march < 10 ? from_march + 3 : from_march - 9;
	put_number(t, era * 400 + year + (month <= 2), 10, 4);
	put_char(t, '-');
	put_number(t, month, 10, 2);
	put_char(t, '-');
	put_number(t, day - (153 * from_march + 2) / 5 + 1, 10, 2);
	put_char(t, 'T');
	put_number(t, s / 3600, 10, 2);
	put_char(t, ':');
	put_number(t, s / 60 % 60, 10, 2);
	put_char(t, ':');
	put_number(t, s % 60, 10, 2);
	put_char(t, 'Z');
}

/* Of names that were looked at when they came: UTF-8, without control characters. */
static void
put_string(struct text *t, const char *s)
{
	put_char(t, '"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			put_char(t, '\\');
		put_char(t, *s);
	}
	put_char(t, '"');
}

/* ------------------------------------------------------------------ what happened */
struct fault {
	int sig;
	const char *signal;
	pid_t sender;                 /* who sent it; 0: the processor did */
	uintptr_t pc, sp, link;       /* 0: not known on this machine */
	uintptr_t address;
	bool write, call;             /* call: to the address; else from pc */
	const char *what;             /* "stale_call", …, "fault" */
	struct spot target;           /* of a stale one: what is gone */
	struct spot at;               /* where it runs, or was called from */
	struct spot below;            /* of the stack, where that is in no module */
	const struct task *task;
	const char *thread;
};

static void
take_registers(struct fault *f, const ucontext_t *u)
{
#if defined(__x86_64__)
	f->pc = (uintptr_t)u->uc_mcontext.gregs[REG_RIP];
	f->sp = (uintptr_t)u->uc_mcontext.gregs[REG_RSP];
	f->write = (u->uc_mcontext.gregs[REG_ERR] & 2) != 0;
#elif defined(__aarch64__)
	f->pc = u->uc_mcontext.pc;
	f->sp = u->uc_mcontext.sp;
	f->link = u->uc_mcontext.regs[30];
#else
	(void)f;
	(void)u;
#endif
}

/* The return address: where a call has just been made from. */
static uintptr_t
caller(const struct fault *f)
{
	uintptr_t word = 0;
	if (f->link != 0)
		return f->link;
	return f->sp != 0 && stack_read(f->sp, &word, sizeof(word)) ? word : 0;
}

/* The module that called, where a library's code was reached by it. */
static void
find_below(const struct worker *w, struct fault *f)
{
	uintptr_t words[128], at = f->sp & ~(sizeof(uintptr_t) - 1);
	for (size_t seen = 0; f->sp != 0 && seen < SCAN_MAX; seen += sizeof(words), at += sizeof(words)) {
		size_t size = sizeof(words);
		while (size > 0 && !stack_read(at, words, size))
			size /= 2; /* the stack ends in here */
		for (size_t i = 0; i < size / sizeof(*words); i++)
			if (find(w, words[i], &f->below) && !f->below.gone && stack_call_precedes(words[i]))
				return;
		if (size < sizeof(words))
			break;
	}
	f->below.found = false;
}

static void
find_thread(const struct worker *w, struct fault *f)
{
	f->task = worker_task_self();
	f->thread = pthread_equal(w->faults.loop, pthread_self()) ? "the loop"
	    : atomic_load(&w->faults.loader) == (int)syscall(SYS_gettid)
	    ? "the thread that opens new code"
	    : "a thread that the runtime did not start";
}

static void
examine(const struct worker *w, struct fault *f)
{
	bool memory = f->sender == 0 && (f->sig == SIGSEGV || f->sig == SIGBUS);
	f->call = memory && f->address == f->pc;
	bool stale = memory && find(w, f->address, &f->target) && f->target.gone;
	f->what = !stale ? "fault" : f->call ? "stale_call" : f->write ? "stale_write" : "stale_read";
	(void)find(w, f->call ? caller(f) : f->pc, &f->at);
	if (!f->at.found)
		find_below(w, f);
	find_thread(w, f);
}

/* ------------------------------------------------------------------ the sentence */
static void
put_module(struct text *t, const struct spot *s, bool digest)
{
	put(t, " of module ");
	put(t, s->name.module);
	put_char(t, ' ');
	put(t, s->name.vsn);
	if (!digest)
		return;
	put(t, " (digest ");
	for (int i = 0; i < 12 && s->name.digest[i] != '\0'; i++)
		put_char(t, s->name.digest[i]);
	put(t, "…)");
}

static void
put_place(struct text *t, const struct fault *f, bool digest)
{
	const struct spot *s = f->at.found ? &f->at : &f->below;
	if (!f->at.found)
		put(t, s->found ? "outside of modules, called from " : "outside of modules");
	if (!s->found)
		return;
	put_char(t, '+');
	put_hex(t, s->offset);
	put_module(t, s, digest);
}

static void
put_stale(struct text *t, const struct fault *f)
{
	const struct fault_name *n = &f->target.name;
	put(t, f->call ? "stale call into module " : f->write ? "stale write to module " : "stale read of module ");
	put(t, n->module);
	put_char(t, ' ');
	put(t, n->vsn);
	put(t, " (digest ");
	for (int i = 0; i < 12 && n->digest[i] != '\0'; i++)
		put_char(t, n->digest[i]);
	put(t, "…) +");
	put_hex(t, f->target.offset);
	put(t, ", unmapped since the upgrade, from ");
	put_place(t, f, false);
}

static void
put_plain(struct text *t, const struct fault *f)
{
	put(t, f->signal);
	if (f->sender == getpid()) {
		put(t, " raised by itself");
	} else if (f->sender != 0) {
		put(t, " sent by process ");
		put_number(t, (uintmax_t)f->sender, 10, 1);
	} else if (f->sig == SIGSEGV || f->sig == SIGBUS) {
		put(t, f->call ? ": call to address " : f->write ? ": write to address " : ": read of address ");
		put_hex(t, f->address);
	}
	put(t, f->call ? ", from " : ", at ");
	put_place(t, f, true);
}

static void
put_sentence(struct text *t, const struct fault *f)
{
	if (f->target.found && f->target.gone)
		put_stale(t, f);
	else
		put_plain(t, f);
	put(t, "; in ");
	put(t, f->task != NULL ? "task " : f->thread);
	if (f->task != NULL)
		put(t, f->task->label);
}

/* ------------------------------------------------------------------ log and message */
static void
log_fault(const struct worker *w, const char *sentence)
{
	char line[1536];
	struct text t = {line, line + sizeof(line) - 1, false};
	put_time(&t);
	put(&t, " error ");
	put(&t, w->name);
	put(&t, ": ");
	put(&t, sentence);
	*t.at++ = '\n';
	(void)!write(STDERR_FILENO, line, (size_t)(t.at - line));
}

static void
put_spot(struct text *t, const struct spot *s)
{
	put(t, "\"module\":");
	if (!s->found) {
		put(t, "null,\"vsn\":null,\"digest\":null,\"offset\":null");
		return;
	}
	put_string(t, s->name.module);
	put(t, ",\"vsn\":");
	put_string(t, s->name.vsn);
	put(t, ",\"digest\":");
	put_string(t, s->name.digest);
	put(t, ",\"offset\":");
	put_number(t, s->offset, 10, 1);
}

/* As proto.h has it.  A socket that is full, or not there, loses it: the log has the line. */
static void
send_fault(const struct worker *w, const struct fault *f, const char *sentence)
{
	static const struct spot nowhere;
	char packet[3072];
	struct text t = {packet, packet + sizeof(packet), false};
	bool stale = strcmp(f->what, "fault") != 0;
	const struct spot *place = f->at.found ? &f->at : &f->below;
	put(&t, "{\"fault\":{\"text\":");
	put_string(&t, sentence);
	put(&t, ",\"signal\":");
	put_string(&t, f->signal);
	put(&t, ",\"what\":");
	put_string(&t, f->what);
	put(&t, ",\"address\":\"");
	put_hex(&t, f->address);
	put(&t, "\",\"thread\":");
	put_number(&t, (uintmax_t)syscall(SYS_gettid), 10, 1);
	put(&t, ",\"task\":");
	if (f->task != NULL)
		put_string(&t, f->task->label);
	else
		put(&t, "null");
	put_char(&t, ',');
	put_spot(&t, stale ? &f->target : f->call ? &nowhere : &f->at);
	put(&t, ",\"from\":");
	bool from = place->found && (stale || f->call || place == &f->below);
	put(&t, from ? "{" : "null");
	if (from) {
		put_spot(&t, place);
		put_char(&t, '}');
	}
	put(&t, "}}");
	if (!t.cut)
		(void)send(atomic_load(&w->faults.sock), packet, (size_t)(t.at - packet), MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void
tell(const struct worker *w, int sig, const siginfo_t *si, const ucontext_t *u)
{
	struct fault f = {.sig = sig, .signal = "?", .address = (uintptr_t)si->si_addr};
	char sentence[1024];
	struct text t = {sentence, sentence + sizeof(sentence) - 1, false};
	for (size_t i = 0; i < NELEM(signals); i++)
		if (signals[i].number == sig)
			f.signal = signals[i].name;
	if (si->si_code <= 0) {
		f.sender = si->si_pid;
		f.address = 0;
	}
	take_registers(&f, u);
	examine(w, &f);
	put_sentence(&t, &f);
	*t.at = '\0';
	log_fault(w, sentence);
	send_fault(w, &f, sentence);
}

/* Now at its default: an instruction that faults does so again; what was sent, or has passed, is sent again. */
static void
on_fault(int sig, siginfo_t *si, void *context)
{
	int sys = errno;
	const struct worker *w = atomic_load(&here);
	if (w != NULL && w->faults.pid == getpid()) /* not in a process that a module forked */
		tell(w, sig, si, context);
	if (si->si_code <= 0 || sig == SIGTRAP || sig == SIGABRT)
		(void)syscall(SYS_tgkill, getpid(), (pid_t)syscall(SYS_gettid), sig);
	errno = sys;
}

/* ------------------------------------------------------------------ taken and given back */
/* Where the stack has overflown nothing runs on it.  A thread that has one for signals keeps that. */
bool
worker_fault_stack(void *memory)
{
	stack_t old, mine = {.ss_sp = memory, .ss_size = FAULT_STACK};
	if (sysconf(_SC_MINSIGSTKSZ) > FAULT_STACK / 2)
		return false;
	return sigaltstack(NULL, &old) == 0 && (old.ss_flags & SS_DISABLE) != 0 && sigaltstack(&mine, NULL) == 0;
}

void
worker_fault_unstack(const void *memory)
{
	stack_t now;
	if (sigaltstack(NULL, &now) == 0 && now.ss_sp == memory)
		(void)sigaltstack(&(stack_t){.ss_flags = SS_DISABLE}, NULL);
}

void
worker_fault_take(struct worker *w)
{
	struct faults *f = &w->faults;
	struct worker *none = NULL;
	struct sigaction old, mine = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND};
	f->pid = getpid();
	f->loop = pthread_self();
	if (!atomic_compare_exchange_strong(&here, &none, w))
		return;
	sigemptyset(&mine.sa_mask);
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		sigaddset(&mine.sa_mask, signals[i].number); /* a fault in the handler ends it */
	(void)worker_fault_stack(f->stack);
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		if (sigaction(signals[i].number, NULL, &old) == 0 && (old.sa_flags & SA_SIGINFO) == 0 &&
		    old.sa_handler == SIG_DFL)
			(void)sigaction(signals[i].number, &mine, NULL);
}

void
worker_fault_return(struct worker *w)
{
	struct sigaction now, none = {.sa_handler = SIG_DFL};
	if (atomic_load(&here) != w)
		return;
	for (size_t i = 0; i < FAULT_SIGNALS; i++)
		if (sigaction(signals[i].number, NULL, &now) == 0 && now.sa_sigaction == on_fault)
			(void)sigaction(signals[i].number, &none, NULL);
	worker_fault_unstack(w->faults.stack);
	atomic_store(&here, NULL);
}
