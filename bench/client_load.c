/* SPDX-License-Identifier: Apache-2.0
 * Connections and schedule of the load client: see client.h.
 *
 * The schedule is fixed beforehand: request i is due at start + i / rate, on the connections in
 * turn, whether or not earlier ones were answered.  A latency counts from when its request was
 * *due*: a server that stands still, or a client that comes late, is not flattered by requests that
 * were never sent.
 */
#include "config.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "client.h"

#define REQUEST     "hi\n"
#define REQUEST_LEN ((uint32_t)sizeof(REQUEST) - 1)
#define HALF_LEN    (REQUEST_LEN - 1)
#define PART_MAX    128u

struct request {
	int64_t due;
	struct window *window;
};

struct conn {
	int fd;                  /* -1: ended */
	bool seen_new;
	bool wants_out;          /* EPOLLOUT is watched */
	uint32_t unsent;         /* bytes of requests that the socket did not take yet */
	uint32_t part_len;
	char part[PART_MAX];     /* the beginning of an answer */
	struct request *fifo;    /* ring of those without an answer: owned, a power of two */
	uint32_t head, waiting, cap;
};

int64_t
clock_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ------------------------------------------------------------------ requests that wait */
static void
request_push(struct load *l, struct conn *c, int64_t due)
{
	if (c->waiting == c->cap) {
		uint32_t cap = c->cap == 0 ? 4 : c->cap * 2;
		struct request *fifo = reallocarray(NULL, cap, sizeof(*fifo));
		if (fifo == NULL)
			err(1, "requests");
		for (uint32_t i = 0; i < c->waiting; i++)
			fifo[i] = c->fifo[(c->head + i) & (c->cap - 1)];
		free(c->fifo);
		c->fifo = fifo;
		c->head = 0;
		c->cap = cap;
	}
	struct window *w = l->windows.current;
	c->fifo[(c->head + c->waiting++) & (c->cap - 1)] = (struct request){due, w};
	w->n.sent++;
	w->waiting++;
	l->waiting++;
}

static struct request
request_pop(struct load *l, struct conn *c)
{
	struct request r = c->fifo[c->head++ & (c->cap - 1)];

	c->waiting--;
	l->waiting--;
	r.window->waiting--;
	return r;
}

/* ------------------------------------------------------------------ one connection */
static int
conn_open(struct load *l, struct conn *c)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(l->port),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = (uint64_t)(c - l->conns)};
	int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	/* Blocking: on the loopback the kernel answers, whoever accepts and when. */
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) < 0 ||
	    epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
		close(fd);
		return -1;
	}
	c->fd = fd;
	c->seen_new = c->wants_out = false;
	c->unsent = c->part_len = 0;
	l->open++;
	return 0;
}

static void
conn_drop(struct load *l, struct conn *c)
{
	close(c->fd);
	c->fd = -1;
	l->open--;
	l->windows.current->n.dropped++;
	while (c->waiting > 0)
		request_pop(l, c).window->n.lost++;
	if (l->reconnect)
		(void)conn_open(l, c); /* refused: what is due on it counts as skipped */
}

static void
conn_watch(struct load *l, struct conn *c, bool out)
{
	struct epoll_event ev = {.events = EPOLLIN | (out ? EPOLLOUT : 0),
	    .data.u64 = (uint64_t)(c - l->conns)};

	if (c->wants_out == out)
		return;
	if (epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &ev) < 0)
		err(1, "epoll_ctl");
	c->wants_out = out;
}

/* Every request has the same bytes, so what is unsent is a number; the last byte that is unsent is
 * always the last one of a request (or of a half). */
static void
conn_send(struct load *l, struct conn *c)
{
	static const char lines[] = REQUEST REQUEST REQUEST REQUEST REQUEST REQUEST REQUEST REQUEST;
	uint32_t end = l->halved ? HALF_LEN : REQUEST_LEN;

	while (c->unsent > 0) {
		uint32_t at = (end + REQUEST_LEN - c->unsent % REQUEST_LEN) % REQUEST_LEN;
		uint32_t len = (uint32_t)sizeof(lines) - 1 - at;
		if (len > c->unsent)
			len = c->unsent;
		ssize_t n = send(c->fd, lines + at, len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN) {
			conn_drop(l, c);
			return;
		}
		if (n < 0)
			break;
		c->unsent -= (uint32_t)n;
	}
	conn_watch(l, c, c->unsent > 0);
}

/* ------------------------------------------------------------------ answers */
static void
answer_check(struct load *l, struct conn *c, const char *text, size_t len, int64_t now)
{
	if (c->waiting == 0) {
		l->windows.current->n.wrong++; /* nobody asked */
		return;
	}
	struct request r = request_pop(l, c);
	struct counts *n = &r.window->n;
	bool new = len == strlen(l->new) && memcmp(text, l->new, len) == 0;
	bool old = !new && len == strlen(l->old) && memcmp(text, l->old, len) == 0;

	n->answered++;
	samples_add(&r.window->latency, now - r.due);
	if (new) {
		n->new++;
		c->seen_new = true;
	} else if (old) {
		n->old++;
		n->disorder += c->seen_new;
	} else {
		n->wrong++;
	}
}

static void
conn_receive(struct load *l, struct conn *c)
{
	char buf[PART_MAX + 65536];
	ssize_t n;

	memcpy(buf, c->part, c->part_len);
	do
		n = recv(c->fd, buf + c->part_len, sizeof(buf) - c->part_len, MSG_DONTWAIT);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		conn_drop(l, c);
		return;
	}
	int64_t now = clock_now();
	char *at = buf, *end = buf + c->part_len + (size_t)n, *nl;
	while ((nl = memchr(at, '\n', (size_t)(end - at))) != NULL) {
		answer_check(l, c, at, (size_t)(nl + 1 - at), now);
		at = nl + 1;
	}
	if ((size_t)(end - at) > PART_MAX) {
		l->windows.current->n.wrong++;
		conn_drop(l, c);
		return;
	}
	c->part_len = (uint32_t)(end - at);
	memcpy(c->part, at, c->part_len);
}

void
load_event(struct load *l, uint64_t key, uint32_t events)
{
	struct conn *c = &l->conns[key];

	if (c->fd >= 0 && (events & EPOLLOUT) != 0)
		conn_send(l, c);
	if (c->fd >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
		conn_receive(l, c);
}

/* ------------------------------------------------------------------ the schedule */
static int64_t
due_time(const struct load *l, uint64_t i)
{
	return l->start + (int64_t)(i / l->rate) * 1000000000 +
	    (int64_t)(i % l->rate * 1000000000 / l->rate);
}

static void
request_send(struct load *l, struct conn *c, int64_t due)
{
	if (c->fd < 0 && (!l->reconnect || conn_open(l, c) < 0)) {
		l->windows.current->n.skipped++;
		return;
	}
	request_push(l, c, due);
	c->unsent += REQUEST_LEN;
	if (!c->wants_out)
		conn_send(l, c);
}

void
load_due(struct load *l, int64_t now)
{
	int64_t due;

	while (l->start != 0 && (due = due_time(l, l->due)) <= now) {
		struct window *w = l->windows.current;
		int64_t late = clock_now() - due;
		if (late > w->late)
			w->late = late;
		l->due++;
		request_send(l, &l->conns[l->turn], due);
		l->turn = (l->turn + 1) % l->count;
	}
}

void
load_start(struct load *l, int64_t now)
{
	l->start = l->rate > 0 ? now : 0;
	l->due = 0;
}

void
load_stop(struct load *l)
{
	l->start = 0;
}

/* From now on: what was new may come before, but not after, what is new now. */
void
load_expect(struct load *l, const char *old, const char *new)
{
	snprintf(l->old, sizeof(l->old), "%s%s", old, *old != '\0' ? "\n" : "");
	snprintf(l->new, sizeof(l->new), "%s%s", new, *new != '\0' ? "\n" : "");
	for (uint32_t i = 0; i < l->count; i++)
		l->conns[i].seen_new = false;
}

void
load_round(struct load *l)
{
	int64_t now = clock_now();

	for (uint32_t i = 0; i < l->count; i++)
		request_send(l, &l->conns[i], now);
}

void
load_half(struct load *l)
{
	load_stop(l);
	l->halved = true;
	for (uint32_t i = 0; i < l->count; i++) {
		struct conn *c = &l->conns[i];
		if (c->fd < 0)
			continue;
		c->unsent += HALF_LEN;
		if (!c->wants_out)
			conn_send(l, c);
	}
}

void
load_rest(struct load *l)
{
	int64_t now = clock_now();

	l->halved = false;
	for (uint32_t i = 0; i < l->count; i++) {
		struct conn *c = &l->conns[i];
		if (c->fd < 0)
			continue;
		request_push(l, c, now);
		c->unsent += REQUEST_LEN - HALF_LEN;
		if (!c->wants_out)
			conn_send(l, c);
	}
	load_start(l, clock_now());
}

/* ------------------------------------------------------------------ begin and end */
void
load_init(struct load *l, uint32_t count)
{
	*l = (struct load){.count = count, .rate = 2000};
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->conns = calloc(count, sizeof(*l->conns));
	if (l->epoll < 0 || l->conns == NULL)
		err(1, "cannot set up %u connections", count);
	for (uint32_t i = 0; i < count; i++)
		l->conns[i].fd = -1;
}

void
load_open(struct load *l)
{
	for (uint32_t i = 0; i < l->count; i++)
		if (conn_open(l, &l->conns[i]) < 0)
			err(1, "connection %u to port %u", i, l->port);
	load_round(l);
}

/* The connections are reset, not closed: thousands of closed ones would hold their ports for a
 * minute (TIME_WAIT), and the next run needs them. */
void
load_fini(struct load *l)
{
	struct linger reset = {.l_onoff = 1};

	for (uint32_t i = 0; i < l->count; i++) {
		if (l->conns[i].fd >= 0) {
			(void)setsockopt(l->conns[i].fd, SOL_SOCKET, SO_LINGER, &reset,
			    sizeof(reset));
			close(l->conns[i].fd);
		}
		free(l->conns[i].fifo);
	}
	free(l->conns);
	close(l->epoll);
	windows_fini(&l->windows);
}
