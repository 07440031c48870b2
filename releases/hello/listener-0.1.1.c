/* SPDX-License-Identifier: Apache-2.0
 * Module `listener`, version 0.1.1: as 0.1.0, and each connection knows how many lines it was
 * answered and since when it stands.  `diff listener-0.1.0.c listener-0.1.1.c` is what the author
 * of an upgrade has to do: the new layout (state-0.1.1.h) beside the old one, and code_change()
 * from each to the other.
 *
 * Release 0.1.2 ships this module unchanged: the same file, the same digest, no instruction.
 * The broken releases 0.1.1-crash, -refuse and -hang build it with a fault (fault.h).
 */
#define _GNU_SOURCE /* asprintf, EPOLLEXCLUSIVE */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <relworker.h>

#include "accept.h"
#include "fault.h"
#include "greeting.h"
#include "lines.h"
#include "state-0.1.0.h"
#include "state-0.1.1.h"

#ifndef LISTENER_VSN
#define LISTENER_VSN   "0.1.1"
#endif
#define ACCEPT_BATCH   64                  /* connections a turn: the others have turns too */
#define PAUSE          INT64_C(1000000000) /* ns without accepting when there is no room */
#define ROWS_MIN       64u

enum { IMPORT_GREETING };
#define GREETING(rw) RELW_IMPORT(rw, IMPORT_GREETING, struct greeting)

/* ------------------------------------------------------------------ the connection table */
/* Rows may move in memory (here and in every code_change), their indexes never change.  Doubled
 * only while fewer than `limit` are in use, so no product here overflows. */
static int
rows_grow(struct listener_v2 *s)
{
	uint32_t rows = s->rows == 0 ? ROWS_MIN : s->rows * 2;
	struct conn_v2 *conns = realloc(s->conns, rows * sizeof(*conns));
	if (conns == NULL)
		return -1;
	for (uint32_t i = s->rows; i < rows; i++)
		conns[i] = (struct conn_v2){
			.lines.fd = -1, .next_free = i + 1 < rows ? i + 1 : SLOT_NONE};
	s->free = s->rows;
	s->conns = conns;
	s->rows = rows;
	return 0;
}

static int64_t
seconds_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec;
}

static struct conn_v2 *
row_take(struct listener_v2 *s, int fd)
{
	if (s->free == SLOT_NONE && rows_grow(s) < 0)
		return NULL;
	struct conn_v2 *c = &s->conns[s->free];
	s->free = c->next_free;
	*c = (struct conn_v2){.next_free = SLOT_NONE, .since = seconds_now()};
	lines_init(&c->lines, fd);
	s->open++;
	return c;
}

static void
row_release(struct listener_v2 *s, struct conn_v2 *c)
{
	lines_fini(&c->lines);
	*c = (struct conn_v2){.lines.fd = -1, .next_free = s->free};
	s->free = (uint32_t)(c - s->conns);
	s->open--;
}

/* ------------------------------------------------------------------ one connection */
static void
conn_close(struct relw *rw, struct listener_v2 *s, struct conn_v2 *c)
{
	int fd = c->lines.fd;

	relw_fd_del(rw, fd); /* before close(2): afterwards the number may be another's */
	row_release(s, c);
	close(fd);
}

struct answering {
	struct relw *rw;
	struct listener_v2 *s;
	struct conn_v2 *c;
};

/* The call across the border between modules.  The text lies in `greeting`'s code: it is copied
 * before this callback ends. */
static size_t
answer(void *ctx, const char *line, size_t len, char *to, size_t size)
{
	struct answering *a = ctx;
	struct relw *rw = a->rw;
	struct relw *callee = RELW_CALLEE(rw, IMPORT_GREETING);
	size_t n;
	const char *text = GREETING(rw)->answer(callee, line, len, &n);

	if (n > size)
		return 0;
	memcpy(to, text, n);
	a->s->answered++;
	a->c->answered++;
	return n;
}

static void
on_client(struct relw *rw, void *state, const struct relw_event *event)
{
	struct listener_v2 *s = state;
	struct conn_v2 *c = &s->conns[event->key];
	struct answering ctx = {.rw = rw, .s = s, .c = c};
	enum lines_result r = lines_turn(&c->lines, answer, &ctx);

	if (r != LINES_READ && r != LINES_WRITE) {
		if (r == LINES_TOO_LONG)
			relw_log(rw, RELW_INFO, "closed a connection: line over %u bytes",
			    LINES_LENGTH_MAX);
		conn_close(rw, s, c);
		return;
	}
	uint32_t writing = r == LINES_WRITE;
	if (writing == c->writing)
		return;
	if (relw_fd_mod(rw, c->lines.fd, writing ? EPOLLOUT : EPOLLIN) < 0)
		conn_close(rw, s, c);
	else
		c->writing = writing;
}

/* ------------------------------------------------------------------ accepting */
/* EPOLLEXCLUSIVE: of the workers that share a listening socket the kernel wakes one, not all. */
static int
accepting_start(struct relw *rw)
{
	for (size_t i = 0; i < relw_listener_count(rw); i++) {
		int rc = relw_fd_add(rw, relw_listener(rw, i), EPOLLIN | EPOLLEXCLUSIVE,
		    "on_accept", i);
		if (rc < 0 && rc != -EEXIST)
			return rc;
	}
	return 0;
}

/* No descriptors, no memory or no row left.  The socket stays readable, so a watch that went on
 * would spin; clients wait in the backlog instead. */
static void
accepting_pause(struct relw *rw, struct listener_v2 *s)
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
client_add(struct relw *rw, struct listener_v2 *s, int fd)
{
	struct conn_v2 *c = row_take(s, fd);
	if (c == NULL)
		return -1;
	if (relw_fd_add(rw, fd, EPOLLIN, "on_client", (uint64_t)(c - s->conns)) < 0) {
		row_release(s, c);
		return -1;
	}
	s->accepted++;
	return 0;
}

static void
on_accept(struct relw *rw, void *state, const struct relw_event *event)
{
	struct listener_v2 *s = state;

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
static void
discard(struct relw *rw, void *state)
{
	struct listener_v2 *s = state;
	(void)rw;

	for (uint32_t i = 0; i < s->rows; i++)
		lines_fini(&s->conns[i].lines);
	free(s->conns);
	free(s);
}

static int
init(struct relw *rw, void **ret_state)
{
	int64_t limit = relw_arg_int(rw, "connections", 16384);
	int64_t backlog = relw_arg_int(rw, "backlog", SOMAXCONN);
	size_t sockets = relw_listener_count(rw);

	if (sockets == 0)
		return relw_refuse(rw, "app.yaml gives this child nothing to listen on");
	if (limit < 1 || limit > 1000000 || backlog < 1 || backlog > 65535)
		return relw_refuse(rw, "args: connections (1 to 1000000) or backlog (1 to 65535)");
	/* listen(2) on a listening socket only changes the length of its queue. */
	for (size_t i = 0; i < sockets; i++)
		if (listen(relw_listener(rw, i), (int)backlog) < 0)
			return relw_refuse(rw, "listen: %s", strerror(errno));

	struct listener_v2 *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return relw_refuse(rw, "out of memory");
	s->free = SLOT_NONE;
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
terminate(struct relw *rw, void *state, const char *reason)
{
	struct listener_v2 *s = state;

	relw_log(rw, RELW_INFO, "%s: closing %u connections", reason, s->open);
	for (uint32_t i = 0; i < s->rows; i++)
		if (s->conns[i].lines.fd >= 0)
			conn_close(rw, s, &s->conns[i]);
	discard(rw, s);
}

/* ------------------------------------------------------------------ questions */
/* JSON text equals `want`, but for blanks. */
static int
request_is(const char *request, const char *want)
{
	for (; *request != '\0'; request++) {
		if (strchr(" \t\r\n", *request) != NULL)
			continue;
		if (*request != *want)
			return 0;
		want++;
	}
	return *want == '\0';
}

static int
reply_counts(struct relw *rw, const struct listener_v2 *s, char **ret_reply)
{
	uint64_t busiest = 0;
	uint32_t dated = 0;

	for (uint32_t i = 0; i < s->rows; i++) {
		const struct conn_v2 *c = &s->conns[i];
		if (c->lines.fd < 0)
			continue;
		dated += c->since != 0;
		if (c->answered > busiest)
			busiest = c->answered;
	}
	if (asprintf(ret_reply,
		"{\"vsn\":\"%s\",\"connections\":%u,\"accepted\":%llu,\"lines\":%llu,"
		"\"changes\":%llu,\"dated\":%u,\"busiest\":%llu}",
		LISTENER_VSN, s->open, (unsigned long long)s->accepted,
		(unsigned long long)s->answered, (unsigned long long)s->changes, dated,
		(unsigned long long)busiest) >= 0)
		return 0;
	*ret_reply = NULL;
	return relw_refuse(rw, "out of memory");
}

/* {"ping": 1}: is all well?  {}: counts. */
static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	if (request_is(request, "{}"))
		return reply_counts(rw, state, ret_reply);
	if (!request_is(request, "{\"ping\":1}"))
		return relw_refuse(rw, "ask {\"ping\": 1} or {}");
	int well = GREETING(rw)->check(RELW_CALLEE(rw, IMPORT_GREETING)) == 0;
	*ret_reply = strdup(well ? "{\"pong\":1}" : "{\"pong\":0}");
	return *ret_reply != NULL ? 0 : relw_refuse(rw, "out of memory");
}

/* ------------------------------------------------------------------ the change of code
 * Both directions are the newer version's work: 0.1.0 cannot know what comes after it.  The new
 * state is built beside the old one, which stays as it is and whole: should this or any other
 * worker's change fail, the runtime drops the new one, and 0.1.0 goes on with the old one as if
 * nothing had been tried.  So everything is copied and nothing taken over; descriptors are
 * numbers and keep their registrations, whose keys are row indexes and stay true.  A timer that
 * runs goes on, and finds its function by name.
 *
 * Everything here happens while the clients wait: one allocation, one pass over the rows. */
static int
conn_up(const struct conn_v1 *from, struct conn_v2 *to)
{
	/* `answered` was not counted and `since` not noted in 0.1.0: 0. */
	*to = (struct conn_v2){.next_free = from->next_free, .writing = from->writing};
	return lines_copy(&from->lines, &to->lines) < 0 ? -ENOMEM : 0;
}

static int
conn_down(const struct conn_v2 *from, struct conn_v1 *to)
{
	*to = (struct conn_v1){.next_free = from->next_free, .writing = from->writing};
	return lines_copy(&from->lines, &to->lines) < 0 ? -ENOMEM : 0;
}

static int
state_up(struct relw *rw, const struct listener_v1 *old, struct listener_v2 **ret_new)
{
	struct listener_v2 *s = malloc(sizeof(*s));
	struct conn_v2 *conns = malloc(old->rows * sizeof(*conns) + 1);
	uint32_t done = 0;
	int rc = -ENOMEM;

	if (s == NULL || conns == NULL)
		goto fail;
	if ((rc = fault_at(rw, 0, old->open)) < 0)
		goto fail;
	for (uint32_t nth = 0; done < old->rows; done++) {
		nth += old->conns[done].lines.fd >= 0;
		if ((rc = conn_up(&old->conns[done], &conns[done])) < 0)
			goto fail;
		if ((rc = fault_at(rw, nth, old->open)) < 0) {
			done++;
			goto fail;
		}
	}
	*s = (struct listener_v2){.conns = conns, .rows = old->rows, .free = old->free,
	    .open = old->open, .limit = old->limit,
	    .accepted = old->accepted, .answered = old->answered, .changes = old->changes + 1};
	*ret_new = s;
	return 0;
fail:
	for (uint32_t i = 0; i < done; i++)
		lines_fini(&conns[i].lines);
	free(conns);
	free(s);
	return rc;
}

static int
state_down(const struct listener_v2 *old, struct listener_v1 **ret_new)
{
	struct listener_v1 *s = malloc(sizeof(*s));
	struct conn_v1 *conns = malloc(old->rows * sizeof(*conns) + 1);
	uint32_t done = 0;

	if (s == NULL || conns == NULL)
		goto fail;
	for (; done < old->rows; done++)
		if (conn_down(&old->conns[done], &conns[done]) < 0)
			goto fail;
	*s = (struct listener_v1){.conns = conns, .rows = old->rows, .free = old->free,
	    .open = old->open, .limit = old->limit,
	    .accepted = old->accepted, .answered = old->answered, .changes = old->changes + 1};
	*ret_new = s;
	return 0;
fail:
	for (uint32_t i = 0; i < done; i++)
		lines_fini(&conns[i].lines);
	free(conns);
	free(s);
	return -ENOMEM;
}

/* `other_vsn` is the version that is left (up) or returned to (down).  One that this file has no
 * conversion for is refused: guessing at a layout is how states are destroyed. */
static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	struct listener_v2 *v2 = NULL;
	struct listener_v1 *v1 = NULL;
	int rc;

	if (strcmp(change->other_vsn, "0.1.0") != 0)
		return relw_refuse(rw, "no conversion between %s and %s", change->other_vsn,
		    LISTENER_VSN);
	if (change->mode == RELW_UP)
		rc = state_up(rw, old, &v2);
	else
		rc = state_down(old, &v1);
	if (rc < 0)
		return rc == -ENOMEM ? relw_refuse(rw, "out of memory") : rc;
	*ret_new = v2 != NULL ? (void *)v2 : (void *)v1;
	return 0;
}

/* ------------------------------------------------------------------ the table */
static const struct relw_import imports[] = {
	[IMPORT_GREETING] = {.module = GREETING_MODULE, .interface = GREETING_INTERFACE},
	{.module = NULL},
};

/* Tells the tools which C type the state type below is. */
RELW_STATE(listener, struct listener_v2);

/* The version grew with the layout: a script that loads this module over another layout and does
 * not call code_change is refused. */
static const struct relw_state_type state_types[] = {
	{.name = "listener", .version = 2, .size = sizeof(struct listener_v2)},
	{.name = NULL},
};

/* Registrations name functions; the runtime looks them up anew in every version.  So what is
 * registered by one version must be known by name to the next. */
static const struct relw_function functions[] = {
	{.name = "on_accept", .event = on_accept},
	{.name = "on_client", .event = on_client},
	{.name = "on_pause_end", .event = on_pause_end},
	{.name = NULL},
};

/* The one symbol that a module exports. */
RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE("listener", LISTENER_VSN),
	.imports = imports,
	.state_types = state_types,
	.functions = functions,
	.init = init,
	.handle_call = handle_call,
	.code_change = code_change,
	.discard = discard,
	.terminate = terminate,
};
