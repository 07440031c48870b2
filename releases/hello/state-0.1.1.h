/* SPDX-License-Identifier: Apache-2.0
 * What module `listener` 0.1.1 keeps: version 2 of its layout.  New against version 1
 * (state-0.1.0.h, which see for the rules): each connection knows how many lines it was answered
 * and since when it stands.
 */
#ifndef HELLO_STATE_0_1_1_H
#define HELLO_STATE_0_1_1_H

#include <stdint.h>

#include "lines.h"

#define SLOT_NONE UINT32_MAX

struct conn_v2 {
	struct lines lines;           /* fd -1: the row is free */
	uint32_t next_free;           /* of a free row: the next one, or SLOT_NONE */
	uint32_t writing;             /* 1: EPOLLOUT is watched instead of EPOLLIN */
	uint64_t answered;            /* lines, as far as they were counted (from 0.1.1 on) */
	int64_t since;                /* CLOCK_MONOTONIC, s; 0: before anybody noted it */
};

struct listener_v2 {
	struct conn_v2 *conns;        /* owned: `rows` of them */
	uint32_t rows, free;          /* free: the first free row, or SLOT_NONE */
	uint32_t open, limit;         /* connections: now, and at most */
	uint64_t accepted, answered;  /* connections and lines since the worker started */
	uint64_t changes;             /* code changes that this state went through */
};

#endif
