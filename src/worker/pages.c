/* SPDX-License-Identifier: Apache-2.0
 * Page faults, taken before the bracket instead of in it.  A rehearsal's fork leaves every writable
 * page marked for copying, and new code lies in pages that nobody has touched: each first touch
 * costs microseconds, and in a bracket all the group waits for them.
 */
#include "config.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "stack/maps.h"
#include "worker/worker_priv.h"

#define OWN_MAX   (256u * 1024u * 1024u) /* more is not copied ahead: the faults come one by one */
#define STACK_OWN (32u * 1024u)

/* Where the kernel does not know the advice (before 5.14) pages come as they are touched. */
void
worker_pages_fetch(uintptr_t lo, uintptr_t hi)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	lo &= ~(page - 1);
	hi = (hi + page - 1) & ~(page - 1);
	(void)madvise((void *)lo, hi - lo, MADV_POPULATE_READ);
}

/* The heap and the data of files; not anonymous mappings, where untouched memory (a thread's stack)
 * would be made real. */
void
worker_pages_own(void)
{
	struct maps maps;
	struct mapping m;
	size_t total = 0;
	if (maps_open(&maps, getpid()) != 0)
		return;
	while (maps_next(&maps, &m) > 0) {
		if (!m.readable || !m.writable || m.shared || m.name[0] == '\0' || strcmp(m.name, "[stack]") == 0)
			continue;
		total += m.hi - m.lo;
		if (total > OWN_MAX)
			break;
		(void)madvise((void *)m.lo, m.hi - m.lo, MADV_POPULATE_WRITE);
	}
	maps_close(&maps);
}

/* As far down as a code_change may go without a fault; only the thread itself can do this. */
__attribute__((noinline)) void
worker_pages_own_stack(void)
{
	volatile char below[STACK_OWN];
	for (size_t i = 0; i < sizeof(below); i += 1024)
		below[i] = 0;
}
