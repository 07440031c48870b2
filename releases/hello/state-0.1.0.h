/* SPDX-License-Identifier: Apache-2.0
 * What module `listener` 0.1.0 keeps: version 1 of its layout.
 *
 * A layout that was released is frozen, for workers out there hold memory of this shape, and the
 * next version's code_change reads it.  The next version therefore includes this file beside its
 * own; the suffix keeps the two apart.
 *
 * No pointer into a module (function, table or string literal) is ever stored here: after the next
 * change of code it would point to what is no longer there.
 */
#ifndef HELLO_STATE_0_1_0_H
#define HELLO_STATE_0_1_0_H

#include <stdint.h>

#include "lines.h"

#define SLOT_NONE UINT32_MAX

/* A row of the connection table.  Its index is the key of the connection's registration with the
 * runtime; a change of code moves the rows to another table and leaves the indexes as they are, so
 * no registration has to be re-pointed. */
struct conn_v1 {
	struct lines lines;           /* fd -1: the row is free */
	uint32_t next_free;           /* of a free row: the next one, or SLOT_NONE */
	uint32_t writing;             /* 1: EPOLLOUT is watched instead of EPOLLIN */
};

struct listener_v1 {
	struct conn_v1 *conns;        /* owned: `rows` of them */
	uint32_t rows, free;          /* free: the first free row, or SLOT_NONE */
	uint32_t open, limit;         /* connections: now, and at most */
	uint64_t accepted, answered;  /* connections and lines since the worker started */
	uint64_t changes;             /* code changes that this state went through */
};

#endif
