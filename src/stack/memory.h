/* SPDX-License-Identifier: Apache-2.0
 * memory: which words in a process's own writable memory lead into ranges of code.
 *
 * A word is looked at as what it may be, an address: it may be a dead value (freed memory keeps what stood
 * there), so that what is found is a suspicion.  Not found is what no word of private writable memory shows:
 * registers, addresses that are packed or hidden, and what the kernel keeps.
 *
 * Nothing here allocates or takes a lock: it is meant for a forked copy, which stands still, of a process
 * that does not.
 */
#ifndef STACK_MEMORY_H
#define STACK_MEMORY_H

#include "stack/stack.h"

/* A mapping beyond this is passed over: what anybody reserves so, and writes to here and there, is no heap
 * of a worker (a sanitizer's shadow of the address space is). */
#define MEMORY_MAPPING_MAX ((size_t)1 << 38)

struct memory_target {
	struct stack_range range;
	size_t owner;                 /* index into what is found */
	uintptr_t handle;             /* in the range: __dso_handle; 0: it is not there, or not known */
};

/* libc keeps what it is to call at exit, or at a fork, beside the handle of the object that asked for it, and
 * forgets it at dlclose(): neither the handle nor what stands before it counts. */
struct memory_words {
	size_t count;                 /* 0: none, and the rest says nothing */
	uintptr_t at, to;             /* the first: where it lies, and where it leads */
	char where[64];               /* the mapping it lies in */
};

/* By address, as memory_look() wants those to skip. */
void memory_sort(struct stack_range *v, size_t n);

/* skip: sorted; may overlap.  ret: one of each owner, cleared by the caller.  0, or a negative errno: then
 * not all was seen. */
int memory_look(const struct memory_target *targets, size_t n, const struct stack_range *skip, size_t skip_n,
    struct memory_words *ret);

#endif
