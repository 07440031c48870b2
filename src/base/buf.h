/* SPDX-License-Identifier: Apache-2.0
 * A growing text.  Appends never fail loudly: the first failure (memory, or over `limit`) sticks in
 * `failed`, later appends do nothing, and the one who uses the text asks rel_buf_ok() once.
 * `data` is always terminated by NUL (also when empty).
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/must.h"

struct rel_buf {
	char *data; /* owned; may be NULL while len == 0: read it through rel_buf_text() */
	size_t len, cap;
	size_t limit; /* 0: none */
	bool failed;
};

#define REL_BUF_INIT ((struct rel_buf){0})

void rel_buf_fini(struct rel_buf *b);
/* `n` bytes more at the end, which the caller fills at once; NULL where it failed. */
char *rel_buf_room(struct rel_buf *b, size_t n);
/* Inline, as is the next, so that a literal is stored without a call for its length or its copy. */
static inline void
rel_buf_add(struct rel_buf *b, const void *data, size_t n)
{
	char *p = rel_buf_room(b, n);
	if (p != NULL && n > 0)
		memcpy(p, data, n);
}
static inline void
rel_buf_puts(struct rel_buf *b, const char *s)
{
	rel_buf_add(b, s, strlen(s));
}
void rel_buf_printf(struct rel_buf *b, const char *fmt, ...) RTE_PRINTF(2, 3);
void rel_buf_clear(struct rel_buf *b);              /* keeps the memory, forgets a failure */
void rel_buf_consume(struct rel_buf *b, size_t n);  /* drops the first n bytes */
const char *rel_buf_text(const struct rel_buf *b);  /* borrowed until the next append */
bool rel_buf_ok(const struct rel_buf *b);
char *rel_buf_take(struct rel_buf *b);              /* malloc'ed text, or NULL where it failed */

#endif
