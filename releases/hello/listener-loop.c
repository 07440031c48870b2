/* SPDX-License-Identifier: Apache-2.0
 * Module `listener` of the -loop releases: the server of listener-0.1.0.c with a task, which is a thread,
 * for every connection.  The loop accepts and counts; a task has its connection to itself.
 *
 * How a task is built, shown here:
 *  - it runs turn by turn: to return is to be called again, in the newest version;
 *  - it waits in relw_task_wait(), which ends when newer code waits: so an idle connection never holds
 *    the old code;
 *  - what is the loop's it reaches by relw_call() alone.
 *
 * In 0.1.0-loop, which is built with LISTENER_STAYS, a connection is one turn that lasts as long as the
 * connection does.  That works until the second upgrade: the turn holds the version that it began in.
 */
#define _GNU_SOURCE /* asprintf, EPOLLEXCLUSIVE */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <relworker.h>

#include "accept.h"
#include "greeting.h"
#include "lines.h"

#ifndef LISTENER_STAYS
#define LISTENER_STAYS 0
#endif

#define ACCEPT_BATCH 64                  /* connections a turn: the others have turns too */
#define PAUSE	     INT64_C(1000000000) /* ns without accepting when there is no room */

enum { IMPORT_GREETING };
#define GREETING(rw) RELW_IMPORT(rw, IMPORT_GREETING, struct greeting)

/* The loop's. */
struct listener {
	uint32_t open, limit;        /* connections: now, and at most */
	uint64_t accepted, answered; /* connections and lines since the worker started */
};

/* A task's. */
struct conn {
	struct lines lines;
	uint32_t writing;  /* 1: waits until the client reads */
	uint32_t answered; /* lines */
};

/* ------------------------------------------------------------------ one connection: a task */
struct answering {
	struct relw *rw;
	struct conn *c;
};

/* The text lies in `greeting`'s code: it is copied before the turn ends. */
static size_t
answer(void *ctx, const char *line, size_t len, char *to, size_t size)
{
	struct answering *a = ctx;
	struct relw *callee = RELW_CALLEE(a->rw, IMPORT_GREETING);
	size_t n;
	const char *text = GREETING(a->rw)->answer(callee, line, len, &n);

	if (n > size)
		return 0;
	memcpy(to, text, n);
	a->c->answered++;
	return n;
}

/* The last turn: the loop counts what was done here, while this thread waits. */
static int
conn_end(struct relw *rw, struct conn *c)
{
	close(c->lines.fd);
	(void)relw_call(rw, "on_closed", (uint64_t)(uintptr_t)c);
	return RELW_DONE;
}

/* What can be done now. */
static int
conn_turn(struct relw *rw, struct conn *c)
{
	struct answering ctx = {.rw = rw, .c = c};
	enum lines_result r = lines_turn(&c->lines, answer, &ctx);

	if (r == LINES_TOO_LONG)
		relw_log(rw, RELW_INFO, "closed a connection: line over %u bytes", LINES_LENGTH_MAX);
	if (r != LINES_READ && r != LINES_WRITE)
		return conn_end(rw, c);
	c->writing = r == LINES_WRITE;
	return RELW_AGAIN;
}

static uint32_t
conn_wants(const struct conn *c)
{
	return c->writing ? EPOLLOUT : EPOLLIN;
}

#if LISTENER_STAYS
/* One turn from the first line to the last: nothing that is loaded meanwhile is ever met here. */
static int
serve(struct relw *rw, void *state)
{
	struct conn *c = state;
	int rc = RELW_AGAIN;

	while (rc == RELW_AGAIN) {
		struct pollfd p = {.fd = c->lines.fd, .events = (short)conn_wants(c)};
		if (poll(&p, 1, -1) < 0 && errno != EINTR)
			return conn_end(rw, c);
		rc = conn_turn(rw, c);
	}
	return rc;
}
#else
/* A turn an event. */
static int
serve(struct relw *rw, void *state)
{
	struct conn *c = state;
	int got = relw_task_wait(rw, c->lines.fd, conn_wants(c), -1);

	if (got == -ECANCELED && relw_task_due(rw) != RELW_CANCELLED)
		return RELW_AGAIN;
	return got < 0 ? conn_end(rw, c) : conn_turn(rw, c);
}
#endif

static void
conn_discard(struct relw *rw, void *state)
{
	struct conn *c = state;
	(void)rw;

	lines_fini(&c->lines);
	free(c);
}

static void
on_closed(struct relw *rw, void *state, const struct relw_event *event)
{
	struct listener *s = state;
	const struct conn *c = (const struct conn *)(uintptr_t)event->key;
	(void)rw;

	s->open--;
	s->answered += c->answered;
}

/* ------------------------------------------------------------------ accepting: the loop */
static int
accepting_start(struct relw *rw)
{
	for (size_t i = 0; i < relw_listener_count(rw); i++) {
		int rc = relw_fd_add(rw, relw_listener(rw, i), EPOLLIN | EPOLLEXCLUSIVE, "on_accept", i);
		if (rc < 0 && rc != -EEXIST)
			return rc;
	}
	return 0;
}

/* No room: the socket stays readable, so a watch that went on would spin. */
static void
accepting_pause(struct relw *rw, struct listener *s)
{
	if (relw_timer_add(rw, PAUSE, 0, "on_pause_end", 0) < 0)
		return; /* better a loop that spins than a listener that never comes back */
	for (size_t i = 0; i < relw_listener_count(rw); i++)
		relw_fd_del(rw, relw_listener(rw, i));
	relw_log(rw, RELW_WARNING, "accepting pauses for a second at %u connections", s->open);
}

static void
on_pause_end(struct relw *rw, void *state, const struct relw_event *event)
{
	(void)event;

	if (accepting_start(rw) < 0)
		accepting_pause(rw, state);
}

static int
client_add(struct relw *rw, struct listener *s, int fd)
{
	struct conn *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -1;
	lines_init(&c->lines, fd);
	s->open++; /* first: the task may end before the next line */
	if (relw_task_start(rw, "serve", c) < 0) {
		s->open--;
		free(c);
		return -1;
	}
	s->accepted++;
	return 0;
}

static void
on_accept(struct relw *rw, void *state, const struct relw_event *event)
{
	struct listener *s = state;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		int fd;
		if (s->open == s->limit) {
			accepting_pause(rw, s);
			return;
		}
		switch (accept_client(event->fd, &fd)) {
		case ACCEPT_CLIENT:
			break;
		case ACCEPT_NONE:
			return;
		case ACCEPT_NO_ROOM:
			accepting_pause(rw, s);
			return;
		case ACCEPT_BROKEN:
		default:
			relw_log(rw, RELW_ERROR, "accept: %s", strerror(errno));
			relw_stop(rw, "listening socket is broken");
			return;
		}
		if (client_add(rw, s, fd) < 0) {
			close(fd);
			accepting_pause(rw, s);
			return;
		}
	}
}

/* ------------------------------------------------------------------ the worker's life */
static int
init(struct relw *rw, void **ret_state)
{
	int64_t limit = relw_arg_int(rw, "connections", 4096);
	int64_t backlog = relw_arg_int(rw, "backlog", SOMAXCONN);
	size_t sockets = relw_listener_count(rw);

	if (sockets == 0)
		return relw_refuse(rw, "app.yaml gives this child nothing to listen on");
	if (limit < 1 || limit > 16384 || backlog < 1 || backlog > 65535)
		return relw_refuse(rw, "args: connections (1 to 16384) or backlog (1 to 65535)");
	for (size_t i = 0; i < sockets; i++)
		if (listen(relw_listener(rw, i), (int)backlog) < 0)
			return relw_refuse(rw, "listen: %s", strerror(errno));

	struct listener *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return relw_refuse(rw, "out of memory");
	s->limit = (uint32_t)limit;
	int rc = accepting_start(rw);
	if (rc < 0) {
		free(s);
		return relw_refuse(rw, "cannot watch the listening socket: %s", strerror(-rc));
	}
	*ret_state = s;
	return 0;
}

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

/* The runtime has asked the tasks to end, and those that did have closed their connections. */
static void
terminate(struct relw *rw, void *state, const char *reason)
{
	struct listener *s = state;

	relw_log(rw, RELW_INFO, "%s: %u connections are left", reason, s->open);
	discard(rw, s);
}

/* Counts, whatever is asked; lines of connections that have ended. */
static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	const struct listener *s = state;
	int well = GREETING(rw)->check(RELW_CALLEE(rw, IMPORT_GREETING)) == 0;
	(void)request;

	if (asprintf(ret_reply, "{\"pong\":%d,\"vsn\":\"%s\",\"connections\":%u,\"accepted\":%llu,\"lines\":%llu}",
		well, LISTENER_VSN, s->open, (unsigned long long)s->accepted,
		(unsigned long long)s->answered) >= 0)
		return 0;
	*ret_reply = NULL;
	return relw_refuse(rw, "out of memory");
}

/* ------------------------------------------------------------------ the table */
static const struct relw_import imports[] = {
	[IMPORT_GREETING] = {.module = GREETING_MODULE, .interface = GREETING_INTERFACE},
	{.module = NULL},
};

RELW_STATE(listener, struct listener);
RELW_STATE(serve, struct conn);

/* A state type with the name of a task function is that of the task's state. */
static const struct relw_state_type state_types[] = {
	{.name = "listener", .version = 1, .size = sizeof(struct listener)},
	{.name = "serve", .version = 1, .size = sizeof(struct conn), .discard = conn_discard},
	{.name = NULL},
};

static const struct relw_function functions[] = {
	{.name = "on_accept", .event = on_accept},
	{.name = "on_closed", .event = on_closed},
	{.name = "on_pause_end", .event = on_pause_end},
	{.name = "serve", .task = serve},
	{.name = NULL},
};

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE("listener", LISTENER_VSN),
	.imports = imports,
	.state_types = state_types,
	.functions = functions,
	.init = init,
	.handle_call = handle_call,
	.discard = discard,
	.terminate = terminate,
};
