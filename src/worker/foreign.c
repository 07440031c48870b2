/* SPDX-License-Identifier: Apache-2.0
 * Threads that the runtime did not start: a module's own, or a library's.  Nobody tells what they run, so
 * their stacks are looked at before anything is unmapped.  One that waits in the kernel is looked at as
 * it is; one that runs has to be stopped for it, which a thread cannot do to its own process: a forked
 * copy does it by ptrace.  Who cannot be looked at is taken for one that holds everything.
 *
 * What is not found: a thread that has not begun, where what it is to run stands on the heap alone (glibc's
 * own threads have it on their stacks), and a pointer that nobody follows yet.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "stack/stack.h"
#include "worker/worker_priv.h"

#define LOOK_MAX (100 * DUR_MS) /* the loop waits: for threads that wait for a disk, say */
#define LOOKS 5 /* where threads begin all the time nobody knows what they are in */

struct look {
	struct stack_range *ranges;   /* of objects that may go; owned */
	const struct object **objects;
	size_t range_count;
	pid_t *tids;                  /* of threads that are not ours; owned */
	size_t count;
	struct seen {
		enum stack_seen seen;
		struct stack_find find;
	} *seen;                      /* of each; shared with the copy */
};

static int
by_number(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;
	return (x > y) - (x < y);
}

/* The loop's thread and those of tasks, sorted: there may be as many of them as of all. */
static pid_t *
own_threads(const struct worker *w, size_t *ret_n)
{
	pid_t *v = malloc((w->tasks.count + 1) * sizeof(*v));
	size_t n = 0;
	if (v == NULL)
		return NULL;
	v[n++] = (pid_t)syscall(SYS_gettid);
	for (const struct task *t = w->tasks.list; t != NULL; t = t->next)
		v[n++] = atomic_load(&t->tid);
	qsort(v, n, sizeof(*v), by_number);
	*ret_n = n;
	return v;
}

/* A task's thread that has not yet said its number counts as foreign, and as one that holds nothing: it
 * has no turn yet. */
static int
find_threads(struct worker *w, struct look *l)
{
	l->tids = malloc(STACK_THREADS_MAX * sizeof(*l->tids));
	if (l->tids == NULL)
		return -1;
	ssize_t n = stack_threads(getpid(), l->tids, STACK_THREADS_MAX);
	if (n < 0 || n == STACK_THREADS_MAX)
		return -1;
	size_t own_n;
	pid_t *own = own_threads(w, &own_n);
	for (ssize_t i = 0; own != NULL && i < n; i++)
		if (bsearch(&l->tids[i], own, own_n, sizeof(*own), by_number) == NULL)
			l->tids[l->count++] = l->tids[i];
	free(own);
	return own != NULL ? 0 : -1;
}

static int
find_ranges(struct worker *w, struct look *l)
{
	size_t n = 0;
	for (const struct object *o = w->objects; o != NULL; o = o->next)
		n++;
	l->ranges = calloc(n + 1, sizeof(*l->ranges));
	l->objects = calloc(n + 1, sizeof(*l->objects));
	if (l->ranges == NULL || l->objects == NULL)
		return -1;
	for (const struct object *o = w->objects; o != NULL; o = o->next) {
		if (o->mark)
			continue;
		l->ranges[l->range_count] = (struct stack_range){o->lo, o->hi};
		l->objects[l->range_count++] = o;
	}
	return 0;
}

/* ------------------------------------------------------------------ looking */
static void
look_from_a_copy(struct look *l)
{
	pid_t worker = getpid();
	pid_t pid = fork();
	if (pid == 0) {
		if (getppid() != worker)
			_exit(1);
		mono_ns_t deadline = rel_mono_now() + LOOK_MAX;
		for (size_t i = 0; i < l->count; i++)
			if (l->seen[i].seen == STACK_UNKNOWN)
				l->seen[i].seen = stack_look_traced(worker, l->tids[i], l->ranges, l->range_count, deadline,
				    &l->seen[i].find);
		_exit(0);
	}
	if (pid < 0)
		return;
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
}

static void
look_at_all(struct look *l)
{
	bool unknown = false;
	for (size_t i = 0; i < l->count; i++) {
		l->seen[i].seen = stack_look_waiting(getpid(), l->tids[i], l->ranges, l->range_count, &l->seen[i].find);
		unknown |= l->seen[i].seen == STACK_UNKNOWN;
	}
	if (!unknown)
		return;
	/* Where ptrace is for parents only (Yama): the copy's pid is known too late. */
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
	look_from_a_copy(l);
	(void)prctl(PR_SET_PTRACER, 0, 0, 0, 0);
}

/* ------------------------------------------------------------------ what came of it */
static int
add(struct foreign_list *list, struct foreign f)
{
	struct foreign *v = reallocarray(list->v, list->n + 1, sizeof(*v));
	if (v == NULL)
		return -1;
	list->v = v;
	list->v[list->n++] = f;
	return 0;
}

static int
collect(const struct look *l, struct foreign_list *ret)
{
	for (size_t i = 0; i < l->count; i++) {
		const struct seen *s = &l->seen[i];
		struct foreign f = {.tid = l->tids[i], .unknown = s->seen == STACK_UNKNOWN};
		if (s->seen == STACK_HOLDS) {
			f.object = l->objects[s->find.range];
			f.offset = s->find.at - f.object->lo;
			f.frame = s->find.frame;
		} else if (!f.unknown) {
			continue;
		}
		if (add(ret, f) != 0)
			return -1;
	}
	return 0;
}

/* Did a thread begin meanwhile?  It may have been started by one that was looked at before. */
static bool
others_began(struct worker *w, const struct look *l)
{
	struct look now = {0};
	bool others = find_threads(w, &now) != 0;
	for (size_t i = 0; i < now.count && !others; i++) {
		size_t k = 0;
		while (k < l->count && l->tids[k] != now.tids[i])
			k++;
		others = k == l->count;
	}
	free(now.tids);
	return others;
}

int
worker_foreign_dead(struct worker *w, struct stack_range **ret, size_t *ret_n)
{
	struct look l = {0};
	*ret_n = 0;
	*ret = find_threads(w, &l) == 0 ? calloc(l.count + 1, sizeof(**ret)) : NULL;
	for (size_t i = 0; *ret != NULL && i < l.count; i++)
		if (stack_dead(getpid(), l.tids[i], &(*ret)[*ret_n]))
			++*ret_n;
	free(l.tids);
	return *ret != NULL ? 0 : -1;
}

/* 1: to be looked at anew. */
static int
look_once(struct worker *w, struct foreign_list *ret)
{
	struct look l = {0};
	int rc = find_ranges(w, &l);
	if (rc == 0 && l.range_count > 0)
		rc = find_threads(w, &l);
	if (rc == 0 && l.count > 0) {
		size_t size = l.count * sizeof(*l.seen);
		void *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (shared != MAP_FAILED) {
			l.seen = shared;
			look_at_all(&l);
			rc = others_began(w, &l) ? 1 : collect(&l, ret);
			munmap(shared, size);
		} else {
			rc = -1;
		}
	}
	free(l.ranges);
	free(l.objects);
	free(l.tids);
	return rc;
}

int
worker_foreign_find(struct worker *w, struct foreign_list *ret)
{
	int rc = 1;
	*ret = (struct foreign_list){0};
	for (int i = 0; i < LOOKS && rc > 0; i++)
		rc = look_once(w, ret);
	return rc == 0 ? 0 : -1;
}

void
worker_foreign_free(struct foreign_list *list)
{
	free(list->v);
	*list = (struct foreign_list){0};
}

/* NULL: none. */
const struct foreign *
worker_foreign_holds(const struct foreign_list *list, const struct object *o)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->v[i].unknown || list->v[i].object == o)
			return &list->v[i];
	return NULL;
}

json_t *
worker_foreign_json(const struct foreign *f, const struct object *o)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:n, s:i, s:n, s:n, s:s, s:o*, s:s}", "module", o->module, "vsn",
	    o->table->vsn, "version", o->version, "digest", o->digest, "task", "thread", (int)f->tid, "function",
	    "since", "what", f->unknown ? "unknown" : "stack", "offset",
	    f->unknown ? NULL : json_integer((json_int_t)f->offset), "hint",
	    f->unknown ? "a thread that the runtime did not start, and that could not be looked at"
		: f->frame ? "a thread that the runtime did not start"
			   : "a thread that the runtime did not start; the word on its stack may be a dead value");
}
