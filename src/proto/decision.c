/* SPDX-License-Identifier: Apache-2.0
 * The decision memory: one memfd an operation, sealed against changes of its size, so that nobody
 * who maps it can meet SIGBUS.  Layout: a header line, the words, the cells; every one a cache
 * line of its own.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/proto.h"

#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

struct header {
	_Alignas(64) uint32_t magic;
	uint32_t word_count, cell_count;
};

_Static_assert(sizeof(struct header) == 64, "one cache line");
_Static_assert(sizeof(struct proto_word) == 64, "one cache line");
_Static_assert(sizeof(struct proto_cell) == 64, "one cache line");

static size_t
map_size(uint32_t words, uint32_t cells)
{
	return sizeof(struct header) + words * sizeof(struct proto_word) +
	       cells * sizeof(struct proto_cell);
}

static int
map(int memfd, size_t size, struct proto_decision *ret, struct rel_err *err)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, memfd, 0);
	if (p == MAP_FAILED)
		return rel_err_sys(err, REL_E_IO, errno, "cannot map the decision memory");
	*ret = (struct proto_decision){.map = p, .map_size = size, .memfd = -1};
	return 0;
}

/* The header was checked (or just written): the arrays behind it are inside the mapping. */
static void
point(struct proto_decision *d, uint32_t words, uint32_t cells)
{
	char *p = d->map;
	d->magic = PROTO_DECISION_MAGIC;
	d->word_count = words;
	d->cell_count = cells;
	d->words = (struct proto_word *)(void *)(p + sizeof(struct header));
	d->cells = (struct proto_cell *)(void *)(p + sizeof(struct header) +
						 words * sizeof(struct proto_word));
}

int
proto_decision_new(uint32_t words, uint32_t cells, struct proto_decision *ret, struct rel_err *err)
{
	if (words == 0 || words > PROTO_WORDS_MAX || cells > PROTO_CELLS_MAX)
		return rel_err_set(err, REL_E_LIMIT,
		    "%u decision words and %u cells: 1 to %u and up to %u are possible", words, cells,
		    PROTO_WORDS_MAX, PROTO_CELLS_MAX);
	size_t size = map_size(words, cells);
	CLEANUP(rel_fd_close)
	int fd = memfd_create("relup-decision", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0 || fcntl(fd, F_ADD_SEALS, SEALS) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot make the decision memory");
	struct proto_decision d;
	if (map(fd, size, &d, err) != 0)
		return -1;
	*(struct header *)d.map = (struct header){PROTO_DECISION_MAGIC, words, cells};
	point(&d, words, cells);
	d.memfd = fd;
	fd = -1;
	*ret = d;
	return 0;
}

int
proto_decision_map(int memfd, struct proto_decision *ret, struct rel_err *err)
{
	struct stat st;
	if (fstat(memfd, &st) != 0)
		return rel_err_sys(err, REL_E_PROTOCOL, errno, "cannot stat the decision memory");
	int seals = fcntl(memfd, F_GET_SEALS);
	if (seals < 0 || (seals & F_SEAL_SHRINK) == 0)
		return rel_err_set(
		    err, REL_E_PROTOCOL, "the decision memory is not a sealed memfd");
	if ((size_t)st.st_size < sizeof(struct header) ||
	    (size_t)st.st_size > map_size(PROTO_WORDS_MAX, PROTO_CELLS_MAX))
		return rel_err_set(
		    err, REL_E_PROTOCOL, "the decision memory has %jd bytes", (intmax_t)st.st_size);
	struct proto_decision d;
	if (map(memfd, (size_t)st.st_size, &d, err) != 0)
		return -1;
	/* Copied first: the peer could change the counts between check and use. */
	struct header h = *(const volatile struct header *)d.map;
	if (h.magic != PROTO_DECISION_MAGIC || h.word_count == 0 || h.word_count > PROTO_WORDS_MAX ||
	    h.cell_count > PROTO_CELLS_MAX || map_size(h.word_count, h.cell_count) != d.map_size) {
		proto_decision_fini(&d);
		return rel_err_set(err, REL_E_PROTOCOL, "the decision memory has a wrong header");
	}
	point(&d, h.word_count, h.cell_count);
	*ret = d;
	return 0;
}

void
proto_decision_fini(struct proto_decision *d)
{
	if (d->map != NULL) {
		munmap(d->map, d->map_size);
		rel_fd_close(&d->memfd);
	}
	*d = (struct proto_decision){.memfd = -1};
}

enum proto_word_value
proto_word_decide(struct proto_word *w, enum proto_word_value v)
{
	MUST(v == PROTO_COMMIT || v == PROTO_ABORT);
	uint32_t was = PROTO_UNDECIDED;
	if (atomic_compare_exchange_strong(&w->value, &was, (uint32_t)v))
		return v;
	return was == PROTO_COMMIT ? PROTO_COMMIT : PROTO_ABORT;
}

enum proto_word_value
proto_word_read(struct proto_word *w)
{
	uint32_t v = atomic_load(&w->value);
	/* A value that is neither was written by something broken: nobody may commit on it. */
	if (v != PROTO_UNDECIDED && v != PROTO_COMMIT)
		return PROTO_ABORT;
	return (enum proto_word_value)v;
}
