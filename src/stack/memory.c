/* SPDX-License-Identifier: Apache-2.0
 * See memory.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stack/maps.h"
#include "stack/memory.h"

#define BATCH 512u                    /* pages whose presence is asked for at once */
#define CHUNK (32u * 1024u)           /* read at once; lies on the caller's stack, which is to be skipped */

#define BESIDE 3u                     /* words before a handle: at fork {prepare, parent, child, handle}; at exit fewer */

#define PAGE_PRESENT (UINT64_C(1) << 63)
#define PAGE_SWAPPED (UINT64_C(1) << 62)

struct looking {
	const struct memory_target *targets;
	size_t n;
	struct stack_range all;       /* spans the targets: what lies outside is no hit */
	size_t page;
	int pagemap;                  /* -1: every page is taken for present */
	int mem;                      /* -1: it is not to be had */
	const char *where;
	struct memory_words *ret;
	struct {
		uintptr_t at;         /* 0: none */
		size_t owner;
	} last[BESIDE];               /* counted; a ring */
	unsigned next;
};

static int
by_address(const void *a, const void *b)
{
	uintptr_t x = ((const struct stack_range *)a)->lo, y = ((const struct stack_range *)b)->lo;
	return (x > y) - (x < y);
}

void
memory_sort(struct stack_range *v, size_t n)
{
	if (n > 0)
		qsort(v, n, sizeof(*v), by_address);
}

/* They were counted just now: where that leaves none, the next one is the first. */
static void
discount(struct looking *l, uintptr_t handle_at, size_t owner)
{
	for (unsigned i = 0; i < BESIDE; i++)
		if (l->last[i].at != 0 && l->last[i].owner == owner &&
		    handle_at - l->last[i].at <= BESIDE * sizeof(uintptr_t)) {
			l->ret[owner].count--;
			l->last[i].at = 0;
		}
}

static void
hit(struct looking *l, uintptr_t at, uintptr_t word)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct memory_target *t = &l->targets[i];
		struct memory_words *w = &l->ret[t->owner];
		if (word < t->range.lo || word >= t->range.hi)
			continue;
		if (word == t->handle) {
			discount(l, at, t->owner);
			return;
		}
		l->last[l->next].at = at;
		l->last[l->next].owner = t->owner;
		l->next = (l->next + 1) % BESIDE;
		if (w->count++ == 0) {
			const char *base = strrchr(l->where, '/');
			w->at = at;
			w->to = word;
			snprintf(w->where, sizeof(w->where), "%s", base != NULL ? base + 1
			    : l->where[0] != '\0' ? l->where : "anonymous memory");
		}
		return;
	}
}

/* By process_vm_readv() the kernel would give a forked copy a page of its own for each that it reads: it pins what
 * it reads, and pins nothing that is shared with the worker. */
static bool
read_words(const struct looking *l, uintptr_t at, void *to, size_t n)
{
	if (l->mem < 0)
		return stack_read(at, to, n);
	ssize_t got = pread(l->mem, to, n, (off_t)at);
	if (got >= 0 || errno == EIO)
		errno = EFAULT; /* it ends before, or is not there */
	return got == (ssize_t)n;
}

/* A page that cannot be read (of a file that was cut off) holds nothing for anybody. */
static int
look_at_words(struct looking *l, uintptr_t at, uintptr_t end)
{
	uintptr_t words[CHUNK / sizeof(uintptr_t)];
	while (at < end) {
		size_t size = end - at < sizeof(words) ? end - at : sizeof(words);
		if (!read_words(l, at, words, size)) {
			size_t rest = l->page - at % l->page; /* alone it is read, or is not there */
			size = size < rest ? size : rest;
			if (!read_words(l, at, words, size)) {
				if (errno != EFAULT)
					return -errno;
				at += size;
				continue;
			}
		}
		for (size_t i = 0; i < size / sizeof(*words); i++)
			if (words[i] - l->all.lo < l->all.hi - l->all.lo)
				hit(l, at + i * sizeof(*words), words[i]);
		at += size;
	}
	return 0;
}

/* What was never written to is not there, and is not brought there by looking. */
static int
look_at_present(struct looking *l, uintptr_t lo, uintptr_t hi)
{
	uint64_t entries[BATCH];
	uintptr_t base = lo - lo % l->page;
	size_t pages = (hi - base + l->page - 1) / l->page, run = 0;
	ssize_t n = pread(l->pagemap, entries, pages * sizeof(*entries), (off_t)(base / l->page * sizeof(*entries)));
	if (n != (ssize_t)(pages * sizeof(*entries)))
		return n < 0 ? -errno : -EIO;
	for (size_t i = 0; i <= pages; i++) {
		if (i < pages && (entries[i] & (PAGE_PRESENT | PAGE_SWAPPED)) != 0)
			continue;
		uintptr_t from = base + run * l->page, to = base + i * l->page;
		int rc = look_at_words(l, from > lo ? from : lo, to < hi ? to : hi);
		if (rc != 0)
			return rc;
		run = i + 1;
	}
	return 0;
}

static int
look_at_part(struct looking *l, uintptr_t lo, uintptr_t hi)
{
	if (l->pagemap < 0)
		return look_at_words(l, lo, hi);
	while (lo < hi) {
		uintptr_t end = lo - lo % l->page + BATCH * l->page;
		int rc = look_at_present(l, lo, end < hi ? end : hi);
		if (rc != 0)
			return rc;
		lo = end;
	}
	return 0;
}

/* Between what is to be skipped; *at: the first of these that may still matter, as mappings ascend. */
static int
look_at_mapping(struct looking *l, const struct mapping *m, const struct stack_range *skip, size_t n, size_t *at)
{
	const uintptr_t mask = sizeof(uintptr_t) - 1;
	uintptr_t lo = m->lo;
	l->where = m->name;
	while (*at < n && skip[*at].hi <= lo)
		++*at;
	for (size_t i = *at; lo < m->hi; i++) {
		uintptr_t hi = i < n && skip[i].lo < m->hi ? skip[i].lo & ~mask : m->hi;
		int rc = hi > lo ? look_at_part(l, lo, hi) : 0;
		if (rc != 0)
			return rc;
		if (i >= n || skip[i].lo >= m->hi)
			break;
		if (((skip[i].hi + mask) & ~mask) > lo)
			lo = (skip[i].hi + mask) & ~mask;
	}
	return 0;
}

static struct stack_range
span(const struct memory_target *targets, size_t n)
{
	struct stack_range all = {UINTPTR_MAX, 0};
	for (size_t i = 0; i < n; i++) {
		all.lo = targets[i].range.lo < all.lo ? targets[i].range.lo : all.lo;
		all.hi = targets[i].range.hi > all.hi ? targets[i].range.hi : all.hi;
	}
	return all;
}

int
memory_look(const struct memory_target *targets, size_t n, const struct stack_range *skip, size_t skip_n,
    struct memory_words *ret)
{
	struct looking l = {.targets = targets, .n = n, .all = span(targets, n), .ret = ret,
	    .page = (size_t)sysconf(_SC_PAGESIZE)};
	struct maps maps;
	struct mapping m;
	size_t at = 0;
	if (n == 0)
		return 0;
	int rc = maps_open(&maps, getpid());
	if (rc != 0)
		return rc;
	l.pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	l.mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
	int more = 0;
	while (rc == 0 && (more = maps_next(&maps, &m)) > 0)
		if (m.readable && m.writable && !m.shared && m.hi - m.lo <= MEMORY_MAPPING_MAX)
			rc = look_at_mapping(&l, &m, skip, skip_n, &at);
	if (l.pagemap >= 0)
		close(l.pagemap);
	if (l.mem >= 0)
		close(l.mem);
	maps_close(&maps);
	return rc != 0 ? rc : more;
}
