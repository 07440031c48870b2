/* SPDX-License-Identifier: Apache-2.0
 * Growing texts: see buf.h.
 */
#include "config.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

void
rel_buf_fini(struct rel_buf *b)
{
	free(b->data);
	*b = REL_BUF_INIT;
}

static bool
grow(struct rel_buf *b, size_t n)
{
	size_t need;
	if (__builtin_add_overflow(b->len, n, &need) || need > SIZE_MAX / 4 ||
	    (b->limit != 0 && need > b->limit)) {
		b->failed = true;
		return false;
	}
	if (need + 1 <= b->cap)
		return true;
	size_t cap = b->cap != 0 ? b->cap : 64;
	while (cap < need + 1)
		cap *= 2;
	char *p = realloc(b->data, cap);
	if (p == NULL) {
		b->failed = true;
		return false;
	}
	b->data = p;
	b->cap = cap;
	return true;
}

static bool
room_for(struct rel_buf *b, size_t n)
{
	if (b->failed)
		return false;
	return (b->limit == 0 && n < b->cap - b->len) || grow(b, n);
}

char *
rel_buf_room(struct rel_buf *b, size_t n)
{
	if (!room_for(b, n))
		return NULL;
	char *p = b->data + b->len;
	b->len += n;
	b->data[b->len] = '\0';
	return p;
}

void
rel_buf_printf(struct rel_buf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !room_for(b, (size_t)n)) {
		b->failed = true;
		return;
	}
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)n;
}

void
rel_buf_clear(struct rel_buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void
rel_buf_consume(struct rel_buf *b, size_t n)
{
	MUST(n <= b->len);
	if (n == 0)
		return;
	b->len -= n;
	memmove(b->data, b->data + n, b->len + 1);
}

const char *
rel_buf_text(const struct rel_buf *b)
{
	return b->data != NULL ? b->data : "";
}

bool
rel_buf_ok(const struct rel_buf *b)
{
	return !b->failed;
}

char *
rel_buf_take(struct rel_buf *b)
{
	char *text = NULL;
	if (!b->failed)
		text = b->data != NULL ? b->data : strdup("");
	if (text == b->data)
		b->data = NULL;
	rel_buf_fini(b);
	return text;
}
