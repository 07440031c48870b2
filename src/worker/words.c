/* SPDX-License-Identifier: Apache-2.0
 * Words in writable memory that lead into old code: pointers to its functions, texts and tables that a state
 * keeps, or a library, though nobody's stack shows them.  What is found is a suspicion, freed memory keeps
 * its words; so they hold old code only where that was asked for (--purge strict), and are named to who asks
 * (relctl holders --memory).
 *
 * A forked copy looks, as its memory stands still: the worker pauses for the fork alone.  What the runtime
 * keeps there itself is skipped, and so are the stacks of its threads: who runs old code is found otherwise
 * (task.c, foreign.c).  Of others only what lies below their frames is, which is nothing but dead words.
 * ld.so has pointers to each object too, but only to parts that no program's own lead into: headers, symbols,
 * the frame table.  The file's sections tell these apart.
 */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/worker_priv.h"

#define LOOK_MAX     (30 * DUR_S)     /* 100 GB */
#define EVERY_FIRST  (10 * DUR_S)
#define EVERY_LAST   (600 * DUR_S)    /* each look is a fork, and words are patient */
#define SECTIONS_MAX 4096u
#define PARTS_MAX    64u              /* of one object that pointers may lead into */

/* Shared, so that it is no private memory to be looked at. */
struct words_found {
	_Atomic bool whole;           /* the copy saw all there is */
	size_t target_count, skip_count;
	struct memory_words *of;      /* of each object: [in_look - 1] */
	bool *known;                  /* its targets are */
	struct memory_target *targets;
	struct stack_range *skip;
};

/* ------------------------------------------------------------------ where pointers may lead */
struct sections {
	ElfW(Shdr) *v;                /* owned */
	size_t n;
	ElfW(Phdr) frames;            /* PT_GNU_EH_FRAME; p_memsz 0: none */
};

static void *
read_part(int fd, uint64_t at, size_t size)
{
	void *p = malloc(size);
	if (p != NULL && pread(fd, p, size, (off_t)at) == (ssize_t)size)
		return p;
	free(p);
	return NULL;
}

/* The file was checked when it was opened, and is never written to; its sections were nobody's business. */
static int
read_sections(const struct object *o, struct sections *ret)
{
	CLEANUP(rel_fd_close) int fd = open(o->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	ElfW(Ehdr) h;
	*ret = (struct sections){0};
	if (fd < 0 || pread(fd, &h, sizeof(h), 0) != sizeof(h))
		return -1;
	if (h.e_shentsize != sizeof(ElfW(Shdr)) || h.e_shnum == 0 || h.e_shnum > SECTIONS_MAX ||
	    h.e_phentsize != sizeof(ElfW(Phdr)))
		return -1;
	ElfW(Phdr) *segments = read_part(fd, h.e_phoff, h.e_phnum * sizeof(*segments));
	for (size_t i = 0; segments != NULL && i < h.e_phnum; i++)
		if (segments[i].p_type == PT_GNU_EH_FRAME)
			ret->frames = segments[i];
	ret->v = read_part(fd, h.e_shoff, h.e_shnum * sizeof(*ret->v));
	ret->n = h.e_shnum;
	int rc = segments != NULL && ret->v != NULL ? 0 : -1;
	free(segments);
	return rc;
}

static bool
is_target(const struct sections *s, const ElfW(Shdr) * sh)
{
	if ((sh->sh_flags & SHF_ALLOC) == 0 || (sh->sh_flags & SHF_TLS) != 0 ||
	    (sh->sh_type != SHT_PROGBITS && sh->sh_type != SHT_NOBITS))
		return false;
	return sh->sh_addr != s->frames.p_vaddr || s->frames.p_memsz == 0;
}

/* __dso_handle: crtbegin.o, which is linked first, begins the data with it, and it points to itself; a program
 * hands it to libc alone.  By stack_read(), as the sections may tell what is not true. */
static uintptr_t
handle_at(const ElfW(Shdr) * sh, uintptr_t lo)
{
	uintptr_t word = 0;
	if (sh->sh_type != SHT_PROGBITS || (sh->sh_flags & SHF_WRITE) == 0 || sh->sh_size < sizeof(word))
		return 0;
	return stack_read(lo, &word, sizeof(word)) && word == lo ? lo : 0;
}

/* -1: nobody knows what leads into it. */
static int
find_targets(const struct object *o, size_t owner, struct memory_target *v, size_t *n)
{
	struct sections s = {0};
	struct link_map *lm;
	size_t first = *n;
	bool joins = false;
	int rc = dlinfo(o->handle, RTLD_DI_LINKMAP, &lm) == 0 && read_sections(o, &s) == 0 ? 0 : -1;
	for (size_t i = 0; rc == 0 && i < s.n; i++) {
		const ElfW(Shdr) *sh = &s.v[i];
		uintptr_t lo = lm->l_addr + sh->sh_addr, hi = lo + sh->sh_size;
		if (!is_target(&s, sh) || lo < o->lo || hi > o->hi || hi <= lo) {
			joins = joins && sh->sh_size == 0;
			continue;
		}
		if (joins && lo >= v[*n - 1].range.hi)
			v[*n - 1].range.hi = hi;
		else if (*n - first < PARTS_MAX)
			v[(*n)++] = (struct memory_target){{lo, hi}, owner, 0};
		else
			rc = -1;
		joins = true;
		uintptr_t handle = rc == 0 ? handle_at(sh, lo) : 0;
		if (handle != 0)
			v[*n - 1].handle = handle;
	}
	if (rc != 0)
		*n = first;
	free(s.v);
	return rc;
}

/* ------------------------------------------------------------------ what is not looked at */
static struct stack_range
range_of(const void *p, size_t size)
{
	return (struct stack_range){(uintptr_t)p, (uintptr_t)p + size};
}

/* Up to `end`, where that is known: what belongs to the thread lies above the frames, in the same mapping, variables
 * of libraries and what hangs on it by pthread_setspecific(). */
static bool
stack_of(pthread_t thread, uintptr_t end, struct stack_range *ret)
{
	pthread_attr_t attr;
	void *at = NULL;
	size_t size = 0;
	if (pthread_getattr_np(thread, &attr) != 0)
		return false;
	int rc = pthread_attr_getstack(&attr, &at, &size);
	pthread_attr_destroy(&attr);
	*ret = range_of(at, size);
	if (end > ret->lo && end < ret->hi)
		ret->hi = end;
	return rc == 0;
}

static void
find_skipped(struct worker *w, struct words_found *f, const struct stack_range *dead, size_t n)
{
	struct stack_range *v = f->skip;
	size_t k = 0;
	for (const struct object *o = w->objects; o != NULL; o = o->next) {
		struct link_map *lm;
		v[k++] = range_of(o, sizeof(*o));
		if (o->in_look == 0)
			continue;
		v[k++] = (struct stack_range){o->lo, o->hi};
		/* The end of the code that is kept there is where constants begin.  ld.so calls libc's malloc for what is
		 * opened later than the program. */
		if (dlinfo(o->handle, RTLD_DI_LINKMAP, &lm) == 0)
			v[k++] = range_of(lm, malloc_usable_size(lm));
	}
	if (stack_of(pthread_self(), (uintptr_t)pthread_self(), &v[k]))
		k++;
	for (const struct task *t = w->tasks.list; t != NULL; t = t->next)
		if (stack_of(t->thread, atomic_load(&t->frames), &v[k]))
			k++;
	memcpy(v + k, dead, n * sizeof(*v));
	f->skip_count = k + n;
	memory_sort(v, f->skip_count);
}

/* ------------------------------------------------------------------ the look */
/* Those that may go: neither current, nor some turn's. */
static size_t
choose(struct worker *w)
{
	size_t n = 0;
	for (struct object *o = w->objects; o != NULL; o = o->next)
		o->in_look = o->stays != NULL || worker_object_used(w, o) ? 0 : ++n;
	return n;
}

static size_t
objects(const struct worker *w)
{
	size_t n = 0;
	for (const struct object *o = w->objects; o != NULL; o = o->next)
		n++;
	return n;
}

/* One mapping for all of it. */
static int
make_room(struct worker *w, size_t chosen, size_t skips)
{
	struct words_look *l = &w->look;
	l->size = sizeof(*l->found) + chosen * (sizeof(struct memory_words) + sizeof(struct memory_target) * PARTS_MAX +
	    sizeof(bool)) + skips * sizeof(struct stack_range);
	void *shared = mmap(NULL, l->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return -1;
	l->found = shared;
	l->found->of = (void *)(l->found + 1);
	l->found->targets = (void *)(l->found->of + chosen);
	l->found->skip = (void *)(l->found->targets + chosen * PARTS_MAX);
	l->found->known = (void *)(l->found->skip + skips);
	return 0;
}

static int
fill(struct worker *w, size_t chosen)
{
	struct stack_range *dead;
	size_t n;
	if (worker_foreign_dead(w, &dead, &n) != 0)
		return -1;
	int rc = make_room(w, chosen, 3 * objects(w) + w->tasks.count + 1 + n);
	if (rc == 0) {
		struct words_found *f = w->look.found;
		find_skipped(w, f, dead, n);
		for (const struct object *o = w->objects; o != NULL; o = o->next)
			if (o->in_look > 0)
				f->known[o->in_look - 1] =
				    find_targets(o, o->in_look - 1, f->targets, &f->target_count) == 0;
	}
	free(dead);
	return rc;
}

static _Noreturn void
look_as_copy(struct words_found *f, pid_t worker, int pipe)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != worker)
		_exit(1);
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd >= 0)
		(void)!write(fd, "1000", 4);
	(void)setpriority(PRIO_PROCESS, 0, 10); /* the worker serves on beside it */
	if (pipe > 0) /* a connection that the worker closes is to be closed */
		close_range(0, (unsigned)pipe - 1, 0);
	close_range((unsigned)pipe + 1, ~0u, 0);
	f->whole = memory_look(f->targets, f->target_count, f->skip, f->skip_count, f->of) == 0;
	_exit(0);
}

static int
fork_copy(struct worker *w)
{
	struct words_look *l = &w->look;
	int fds[2];
	pid_t self = getpid();
	if (pipe2(fds, O_CLOEXEC) != 0)
		return -1;
	pid_t pid = worker_loop_watch(w, fds[0], EPOLLIN, SOURCE_WORDS) == 0 ? fork() : -1;
	if (pid == 0)
		look_as_copy(l->found, self, fds[1]);
	close(fds[1]);
	if (pid < 0) {
		worker_loop_close(w, &fds[0]);
		return -1;
	}
	l->pid = pid;
	l->pipe = fds[0];
	l->deadline = rel_mono_now() + LOOK_MAX;
	return 0;
}

static void
release(struct words_look *l)
{
	if (l->found != NULL)
		munmap(l->found, l->size);
	l->found = NULL;
}

static void
say(const struct worker *w, const struct object *o)
{
	if (o->seen == WORDS_SOME)
		worker_log(w, RELW_WARNING, "module %s %s stays mapped: %zu word%s in writable memory, the first at "
		    "%#jx in %s", o->module, o->table->vsn, o->words.count, o->words.count == 1 ? "" : "s",
		    (uintmax_t)o->words.at, o->words.where);
	else
		worker_log(w, RELW_WARNING, "module %s %s stays mapped: writable memory could not be looked through",
		    o->module, o->table->vsn);
}

static void
see(const struct worker *w, struct object *o, enum words_seen seen)
{
	bool news = seen != o->seen;
	o->seen = seen;
	o->in_look = 0;
	if (o->strict && news && seen > WORDS_NONE)
		say(w, o);
}

void
worker_words_look(struct worker *w)
{
	size_t chosen;
	if (w->look.pid != 0 || (chosen = choose(w)) == 0)
		return;
	if (fill(w, chosen) == 0 && fork_copy(w) == 0)
		return;
	release(&w->look);
	for (struct object *o = w->objects; o != NULL; o = o->next)
		if (o->in_look > 0)
			see(w, o, WORDS_UNKNOWN);
}

bool
worker_words_looking(const struct worker *w)
{
	return w->look.pid != 0;
}

/* Whatever a copy sees that was forked before. */
void
worker_words_forget(const struct table *t)
{
	for (size_t i = 0; i < t->n; i++) {
		t->e[i].obj->seen = WORDS_UNSEEN;
		t->e[i].obj->in_look = 0;
	}
}

void
worker_words_again(struct worker *w)
{
	if (w->look.at == WORKER_NEVER)
		return; /* the end */
	w->look.at = 0;
	w->look.every = EVERY_FIRST;
}

mono_ns_t
worker_words_due(struct worker *w, mono_ns_t now)
{
	struct words_look *l = &w->look;
	if (l->at <= now && l->pid == 0 && w->op == NULL) {
		l->at = now + l->every;
		l->every = l->every < EVERY_LAST / 2 ? 2 * l->every : EVERY_LAST;
		worker_words_look(w);
	}
	return l->at > now ? l->at : now + EVERY_FIRST;
}

/* ------------------------------------------------------------------ what came of it */
static void
take(const struct worker *w, struct object *o)
{
	const struct words_found *f = w->look.found;
	size_t at = o->in_look - 1;
	o->words = f->of[at];
	if (!f->whole || !f->known[at])
		see(w, o, WORDS_UNKNOWN);
	else if (o->words.count > 0)
		see(w, o, WORDS_SOME);
	else /* who was in it when the copy was made may have written since */
		see(w, o, o->foreign || o->handles ? WORDS_UNSEEN : WORDS_NONE);
}

static void
reap(struct worker *w)
{
	struct words_look *l = &w->look;
	worker_loop_close(w, &l->pipe);
	while (waitpid(l->pid, NULL, 0) < 0 && errno == EINTR) /* whole tells how it ended, whoever waited for it */
		continue;
	l->pid = 0;
}

void
worker_words_read(struct worker *w)
{
	if (w->look.pid == 0)
		return;
	reap(w);
	for (struct object *o = w->objects; o != NULL; o = o->next)
		if (o->in_look > 0)
			take(w, o);
	release(&w->look);
	worker_ask_look(w);
	worker_purge_again(w);
}

void
worker_words_tick(struct worker *w, mono_ns_t now)
{
	if (w->look.pid == 0 || w->look.deadline > now)
		return;
	w->look.deadline = WORKER_NEVER;
	kill(w->look.pid, SIGKILL); /* our child, not reaped */
}

void
worker_words_drop(struct worker *w)
{
	w->look.at = WORKER_NEVER;
	if (w->look.pid == 0)
		return;
	kill(w->look.pid, SIGKILL);
	reap(w);
	release(&w->look);
}

json_t *
worker_words_json(const struct object *o)
{
	json_t *hint = o->seen == WORDS_SOME
	    ? json_sprintf("%zu word%s in writable memory, the first at %#jx in %s; each may be a dead value",
		  o->words.count, o->words.count == 1 ? "" : "s", (uintmax_t)o->words.at, o->words.where)
	    : json_string(o->seen == WORDS_UNSEEN ? "writable memory was not yet looked through for words that lead into it"
						  : "writable memory could not be looked through for words that lead into it");
	bool some = o->seen == WORDS_SOME;
	return json_pack("{s:s, s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:s, s:o, s:o*, s:o}", "module", o->module, "vsn",
	    o->table->vsn, "version", o->version, "digest", o->digest, "task", "thread", "function", "since", "what",
	    some ? "memory" : "unknown", "words", some ? json_integer((json_int_t)o->words.count) : json_null(),
	    "offset", some ? json_integer((json_int_t)(o->words.to - o->lo)) : NULL, "hint", hint);
}
