/* SPDX-License-Identifier: Apache-2.0
 * What is wrong with the broken releases.  LISTENER_FAULT is one of the numbers below; left out, as
 * in every good release, nothing here is compiled in.
 *
 * The fault strikes in the middle of the work, when part of the new state is built: at the 500th
 * connection, or at the last one where there are fewer, or at once where there is none.
 */
#ifndef HELLO_FAULT_H
#define HELLO_FAULT_H

#include <stddef.h>
#include <stdint.h>

#include <relworker.h>

#define FAULT_NONE   0
#define FAULT_CRASH  1 /* a write through a null pointer: SIGSEGV */
#define FAULT_REFUSE 2 /* an error */
#define FAULT_HANG   3 /* a loop without an end */

#ifndef LISTENER_FAULT
#define LISTENER_FAULT FAULT_NONE
#endif

/* Called before the first connection (nth 0) and after each is converted; `of`: how many there are.
 * -1: refused, with the reason given. */
static inline int
fault_at(struct relw *rw, uint32_t nth, uint32_t of)
{
	if (LISTENER_FAULT == FAULT_NONE || nth != (of < 500 ? of : 500))
		return 0;
	switch (LISTENER_FAULT) {
	case FAULT_CRASH: {
		volatile int *volatile nowhere = NULL; /* volatile: the compiler must keep it */
		*nowhere = 1;
		return 0;
	}
	case FAULT_HANG:
		for (volatile unsigned turns = 0;; turns++)
			continue;
	default:
		return relw_refuse(rw, "connection %u of %u cannot be converted", nth, of);
	}
}

#endif
