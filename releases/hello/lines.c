/* SPDX-License-Identifier: Apache-2.0
 * The lines of one connection: see lines.h.
 */
#include "lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* What one turn works on; lives on the stack, so that an idle connection holds no buffers. */
struct turn {
	char in[2 * LINES_LENGTH_MAX];   /* what was left over, then what is received now */
	size_t in_at, in_len;            /* [in_at, in_len) is not answered yet */
	int too_long;                    /* the line at in_at is over the limit */
	char out[LINES_BATCH];
	size_t out_len;
};

void
lines_init(struct lines *l, int fd)
{
	*l = (struct lines){.fd = fd};
}

void
lines_fini(struct lines *l)
{
	free(l->in);
	free(l->out);
	l->in = l->out = NULL;
	l->in_len = l->out_len = 0;
}

/* Makes *to a copy of the bytes; none: NULL. */
static int
keep(char **to, uint32_t *to_len, const char *from, size_t len)
{
	char *copy = NULL;
	if (len > 0) {
		copy = malloc(len);
		if (copy == NULL)
			return -1;
		memcpy(copy, from, len);
	}
	*to = copy;
	*to_len = (uint32_t)len;
	return 0;
}

int
lines_copy(const struct lines *from, struct lines *to)
{
	*to = *from;
	to->in = to->out = NULL;
	if (keep(&to->in, &to->in_len, from->in, from->in_len) == 0 &&
	    keep(&to->out, &to->out_len, from->out, from->out_len) == 0)
		return 0;
	lines_fini(to);
	return -1;
}

/* Sends what the socket takes; returns the bytes sent, or -1. */
static ssize_t
send_some(int fd, const char *data, size_t len)
{
	size_t sent = 0;
	while (sent < len) {
		ssize_t n = send(fd, data + sent, len - sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n < 0)
			return -1;
		sent += (size_t)n;
	}
	return (ssize_t)sent;
}

/* What waits since an earlier turn.  Nothing is answered before all of it is sent. */
static enum lines_result
send_waiting(struct lines *l)
{
	ssize_t n = send_some(l->fd, l->out, l->out_len);
	if (n < 0)
		return LINES_FAILED;
	l->out_len -= (uint32_t)n;
	if (l->out_len > 0) {
		memmove(l->out, l->out + n, l->out_len);
		return LINES_WRITE;
	}
	free(l->out);
	l->out = NULL;
	return LINES_READ;
}

/* Answers the whole lines that there are, as far as the answers fit. */
static void
answer_lines(struct turn *t, lines_answer_fn *answer, void *ctx)
{
	while (t->in_at < t->in_len) {
		const char *line = t->in + t->in_at;
		size_t left = t->in_len - t->in_at;
		const char *end = memchr(line, '\n', left);
		size_t len = end != NULL ? (size_t)(end - line) : left;
		t->too_long = len > LINES_LENGTH_MAX;
		if (end == NULL || t->too_long)
			return;
		size_t n = answer(ctx, line, len, t->out + t->out_len, sizeof(t->out) - t->out_len);
		if (n == 0 && t->out_len > 0)
			return; /* the batch is full: this line is the next one's first */
		t->out_len += n;
		t->in_at += len + 1;
	}
}

/* Answers and sends, batch by batch, until no whole line is left or the client does not read. */
static enum lines_result
work_off(struct lines *l, struct turn *t, lines_answer_fn *answer, void *ctx)
{
	for (;;) {
		t->out_len = 0;
		answer_lines(t, answer, ctx);
		if (t->out_len == 0)
			return t->too_long ? LINES_TOO_LONG : LINES_READ;
		ssize_t n = send_some(l->fd, t->out, t->out_len);
		if (n < 0)
			return LINES_FAILED;
		if ((size_t)n == t->out_len)
			continue;
		if (keep(&l->out, &l->out_len, t->out + n, t->out_len - (size_t)n) < 0)
			return LINES_FAILED;
		return LINES_WRITE;
	}
}

/* One recv(): what is still there afterwards brings the next event (the watch is level-triggered),
 * so that no connection holds the others up.  There is always room: what is left is one unfinished
 * line, which is not over the limit. */
static enum lines_result
receive(struct lines *l, struct turn *t)
{
	ssize_t n;

	t->in_len -= t->in_at;
	memmove(t->in, t->in + t->in_at, t->in_len);
	t->in_at = 0;
	do
		n = recv(l->fd, t->in + t->in_len, sizeof(t->in) - t->in_len, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN && errno != EWOULDBLOCK)
		return LINES_FAILED;
	if (n == 0)
		return LINES_DONE; /* half-closed, or closed; a last line without its end is none */
	if (n > 0)
		t->in_len += (size_t)n;
	return LINES_READ;
}

static void
begin(const struct lines *l, struct turn *t)
{
	t->in_at = 0;
	t->in_len = l->in_len;
	t->too_long = 0;
	if (l->in_len > 0)
		memcpy(t->in, l->in, l->in_len);
}

static int
end(struct lines *l, const struct turn *t)
{
	free(l->in);
	return keep(&l->in, &l->in_len, t->in + t->in_at, t->in_len - t->in_at);
}

enum lines_result
lines_turn(struct lines *l, lines_answer_fn *answer, void *ctx)
{
	struct turn t;
	enum lines_result r;

	if (l->out != NULL && (r = send_waiting(l)) != LINES_READ)
		return r;
	begin(l, &t);
	/* Lines that were left when the client did not read come before new ones. */
	r = work_off(l, &t, answer, ctx);
	if (r == LINES_READ)
		r = receive(l, &t);
	if (r == LINES_READ)
		r = work_off(l, &t, answer, ctx);
	if ((r == LINES_READ || r == LINES_WRITE) && end(l, &t) < 0)
		return LINES_FAILED;
	return r;
}
