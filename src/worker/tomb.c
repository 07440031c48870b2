/* SPDX-License-Identifier: Apache-2.0
 * Tombstones: the address ranges of what was unmapped, kept closed for a while.  A pointer left behind then
 * meets a fault, which fault.c names, and not the code that came to lie there (native-code.md, row L2).
 * They cost address space only; the oldest is given up first.
 */
#include "config.h"

#include <sys/mman.h>

#include "worker/worker_priv.h"

static void
give_up_oldest(struct worker *w)
{
	struct tomb *t = &w->tombs[w->tomb_first];
	worker_fault_forget(w, t->range); /* first: what comes to lie there is no tombstone */
	munmap((void *)t->lo, t->len);
	w->tomb_bytes -= t->len;
	w->tomb_first = (w->tomb_first + 1) % WORKER_TOMBS;
	w->tomb_count--;
}

/* After dlclose(), never before: at exit ld.so reads what it still lists. */
void
worker_tomb_put(struct worker *w, const struct object *o)
{
	size_t len = o->hi - o->lo;
	void *want = (void *)o->lo, *p = MAP_FAILED;
	if (len <= WORKER_TOMB_BYTES)
		p = mmap(want, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
		    -1, 0);
	if (p != want) { /* somebody has taken the range: as good */
		if (p != MAP_FAILED)
			munmap(p, len);
		worker_fault_forget(w, o->range);
		return;
	}
	while (w->tomb_count == WORKER_TOMBS || w->tomb_bytes > WORKER_TOMB_BYTES - len)
		give_up_oldest(w);
	w->tombs[(w->tomb_first + w->tomb_count++) % WORKER_TOMBS] = (struct tomb){o->lo, len, o->range};
	w->tomb_bytes += len;
	worker_fault_retire(w, o->range);
}

void
worker_tombs_drop(struct worker *w)
{
	while (w->tomb_count > 0)
		give_up_oldest(w);
}
