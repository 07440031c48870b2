/* SPDX-License-Identifier: Apache-2.0
 * The lines of one connection: bytes in, whole lines to the caller, answers out.  Non-blocking and
 * bounded on both sides: a line has at most LINES_LENGTH_MAX bytes, and while an answer waits for
 * the client to read, nothing more is read from that client.
 *
 * `struct lines` is part of a layout that was released (see state-0.1.0.h): it is never edited, a
 * new layout gets a new struct.  Both pointers are NULL while a connection is idle, so thousands of
 * idle connections cost a table row each, and a code_change copies little more than that table.
 */
#ifndef HELLO_LINES_H
#define HELLO_LINES_H

#include <stddef.h>
#include <stdint.h>

#define LINES_LENGTH_MAX 4096u   /* without the newline */
#define LINES_BATCH      16384u  /* answers that are built before they are sent */

struct lines {
	int fd;                  /* non-blocking */
	uint32_t in_len, out_len;
	char *in;                /* received, not answered yet: owned */
	char *out;               /* answered, not sent yet: owned */
};

/* Writes the answer to one line into `to`; returns its length, 0 where it does not fit into `size`.
 * `to` is never smaller than LINES_BATCH when it is empty. */
typedef size_t lines_answer_fn(void *ctx, const char *line, size_t len, char *to, size_t size);

enum lines_result {
	LINES_READ,              /* waits for the client's bytes: watch EPOLLIN */
	LINES_WRITE,             /* waits until the client reads: watch EPOLLOUT */
	LINES_DONE,              /* the client sends no more and all is answered: close */
	LINES_TOO_LONG,          /* a line over the limit: close */
	LINES_FAILED,            /* the connection broke, or memory ran out (errno): close */
};

void lines_init(struct lines *l, int fd);
/* Does what can be done now: sends what waits, receives once, answers. */
enum lines_result lines_turn(struct lines *l, lines_answer_fn *answer, void *ctx);
/* A copy with buffers of its own; the descriptor's number is copied.  -1: out of memory. */
int lines_copy(const struct lines *from, struct lines *to);
/* Frees the buffers; the descriptor stays open. */
void lines_fini(struct lines *l);

#endif
