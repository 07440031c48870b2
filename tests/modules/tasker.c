/* SPDX-License-Identifier: Apache-2.0
 * Test module "tasker": a task that serves the worker's first listener (a connected socket here).
 *   TASKER 1        layout 1 of the loop's state and of the task's
 *   TASKER 2        layout 2 of both, made by code_change and convert
 *   TASKER 3, 4     layout 1: to be loaded over 1, and over each other
 *   TASKER_LACKS    without task function "serve"
 *   TASKER_UNTYPED  without a type for its state
 *   TASKER_LATER    its rebind starts a task "later", which says "later" to the listener and ends
 * The task obeys each byte that it reads:
 *   e  answers "VSN:n", n counting its answers, "!" appended where its turn was told that it is due
 *   s  stays in its turn from now on, whatever it is told;  u  no more
 *   c  answers "VSN:calls", having asked the loop to count a call
 *   w  answers "late" when 50 ms have passed
 *   p  answers what calls that only the loop may make return to a task
 *   q  ends;  f  fails
 * convert's `extra`: {"do": "refuse" | "unset" | "memory"}
 * Arguments: "fail": 1, init fails; "call": 1, the task's first turn begins with a call; "tell": 1, terminate
 * says "end" to the listener
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/relworker.h"

#define STR(x)	STR_(x)
#define STR_(x) #x
#define VSN	STR(TASKER)
#if TASKER == 2
#define LAYOUT 2
#else
#define LAYOUT 1
#endif

struct serve_1 {
	int fd;
	int answers;
	int stays;
	int calls;
};

struct serve_2 {
	long converted;
	struct serve_1 s;
};

struct loop_state {
	int calls, discards;
	int64_t task;
#if LAYOUT == 2
	long more;
#endif
};

#if LAYOUT == 2
#define SERVE(p) (&((struct serve_2 *)(p))->s)
#else
#define SERVE(p) ((struct serve_1 *)(p))
#endif

#ifndef TASKER_LACKS
/* A reply, and how many calls were counted with it. */
struct question {
	int calls;
};

static void
say(int fd, const char *text)
{
	(void)!send(fd, text, strlen(text), MSG_NOSIGNAL);
}

static int
forbidden(struct relw *rw)
{
	int64_t t = relw_timer_add(rw, 0, 0, "count", 0);
	return t == -EPERM && relw_fd_add(rw, 0, EPOLLIN, "count", 0) == -EPERM &&
		relw_task_start(rw, "serve", NULL) == -EPERM && relw_task_cancel(rw, 1) == -EPERM &&
		relw_call(rw, "nothing", 0) == -ENOENT
	    ? 0
	    : 1;
}

static int
obey(struct relw *rw, struct serve_1 *s, char command)
{
	char text[64];
	struct question q = {0};
	switch (command) {
	case 'e':
		snprintf(text, sizeof(text), "%s:%d%s", VSN, ++s->answers,
		    relw_task_due(rw) == RELW_CANCELLED ? "x" : relw_task_due(rw) != RELW_NOT_DUE ? "!" : "");
		break;
	case 'c':
		if (relw_call(rw, "count", (uint64_t)(uintptr_t)&q) != 0)
			return -EIO;
		snprintf(text, sizeof(text), "%s:%d", VSN, q.calls);
		break;
	case 'w':
		snprintf(text, sizeof(text), "%s", relw_task_wait(rw, -1, 0, 50000000) == 0 ? "late" : "due");
		break;
	case 'p':
		snprintf(text, sizeof(text), "%d", forbidden(rw));
		break;
	case 's':
	case 'u':
		s->stays = command == 's';
		snprintf(text, sizeof(text), "%c", command);
		break;
	case 'f':
		return -EIO;
	default:
		return RELW_DONE;
	}
	say(s->fd, text);
	return RELW_AGAIN;
}

static int
serve(struct relw *rw, void *state)
{
	struct serve_1 *s = SERVE(state);
	char command;
	int rc;
	if (s->calls) {
		struct question q = {0};
		s->calls = 0;
		if (relw_call(rw, "count", (uint64_t)(uintptr_t)&q) != 0)
			return RELW_DONE;
	}
	do {
		if (!s->stays) {
			rc = relw_task_wait(rw, s->fd, EPOLLIN, -1);
			if (rc == -ECANCELED)
				return relw_task_due(rw) == RELW_CANCELLED ? RELW_DONE : RELW_AGAIN;
			if (rc < 0)
				return rc;
		}
		if (recv(s->fd, &command, 1, 0) != 1)
			return RELW_DONE;
		rc = obey(rw, s, command);
	} while (rc == RELW_AGAIN && s->stays);
	return rc;
}

__attribute__((unused)) static void
discard_serve(struct relw *rw, void *part)
{
	(void)rw;
	free(part);
}
#endif

#if LAYOUT == 2
static int
convert_serve(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	if (strstr(change->extra, "\"refuse\"") != NULL)
		return relw_refuse(rw, "told to refuse");
	if (strstr(change->extra, "\"memory\"") != NULL)
		return -ENOMEM;
	if (strstr(change->extra, "\"unset\"") != NULL)
		return 0;
	struct serve_2 *up = change->mode == RELW_UP ? calloc(1, sizeof(*up)) : NULL;
	struct serve_1 *down = change->mode == RELW_UP ? NULL : malloc(sizeof(*down));
	if (up != NULL) {
		up->s = *(struct serve_1 *)old;
		up->s.answers += 100; /* seen from outside */
		*ret_new = up;
	} else if (down != NULL) {
		*down = ((struct serve_2 *)old)->s;
		down->answers += 1000;
		*ret_new = down;
	}
	return up == NULL && down == NULL ? -ENOMEM : 0;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)rw;
	struct loop_state *s = calloc(1, sizeof(*s) + sizeof(long)); /* either layout */
	if (s == NULL)
		return -ENOMEM;
	memcpy(s, old, offsetof(struct loop_state, more));
	if (change->mode == RELW_UP)
		s->more = 1;
	*ret_new = s;
	return 0;
}
#endif

#ifdef TASKER_LATER
static int
later(struct relw *rw, void *state)
{
	(void)state;
	say(relw_listener(rw, 0), "later");
	return RELW_DONE;
}

static void
rebind(struct relw *rw, void *state)
{
	(void)state;
	if (relw_task_start(rw, "later", NULL) <= 0)
		abort();
	(void)poll(NULL, 0, 50); /* its thread runs, and must not begin in the code that is left */
}
#endif

static void
count(struct relw *rw, void *state, const struct relw_event *event)
{
	(void)rw;
	struct loop_state *s = state;
	s->calls++;
	if (event->type == RELW_EVENT_CALL)
		*(int *)(uintptr_t)event->key = s->calls;
}

static int
init(struct relw *rw, void **ret_state)
{
	struct loop_state *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
#ifndef TASKER_LACKS
	struct serve_2 *t = calloc(1, sizeof(*t)); /* room for either layout */
	if (t == NULL) {
		free(s);
		return -ENOMEM;
	}
	SERVE(t)->fd = relw_listener(rw, 0);
	SERVE(t)->calls = (int)relw_arg_int(rw, "call", 0);
	s->task = relw_task_start(rw, "serve", t);
	if (s->task <= 0 || relw_task_start(rw, "count", NULL) != -ENOENT) {
		free(s);
		return relw_refuse(rw, "cannot start the task");
	}
#endif
	if (relw_arg_int(rw, "fail", 0) != 0) {
		free(s);
		return relw_refuse(rw, "told to fail");
	}
	*ret_state = s;
	return 0;
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct loop_state *s = state;
	int rc = 0;
	if (strcmp(request, "\"cancel\"") == 0)
		rc = relw_task_cancel(rw, s->task);
	if (strcmp(request, "\"due\"") == 0)
		rc = relw_task_due(rw) == RELW_NOT_DUE && relw_task_wait(rw, -1, 0, 0) == -EPERM &&
			relw_call(rw, "count", 0) == -EPERM ? 0 : 1;
	return asprintf(ret_reply, "{\"vsn\":\"%s\",\"calls\":%d,\"rc\":%d}", VSN, s->calls, rc) < 0 ? -1 : 0;
}

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	relw_log(rw, RELW_INFO, "terminate: %s", reason);
#ifndef TASKER_LACKS
	if (relw_arg_int(rw, "tell", 0) != 0)
		say(relw_listener(rw, 0), "end");
#endif
	free(state);
}

RELW_STATE(state, struct loop_state);
#if LAYOUT == 2
RELW_STATE(serve, struct serve_2);
#else
RELW_STATE(serve, struct serve_1);
#endif
static const struct relw_state_type types[] = {
    {.name = "state", .version = LAYOUT},
#if !defined(TASKER_LACKS) && !defined(TASKER_UNTYPED)
    {.name = "serve",
	.version = LAYOUT,
	.discard = discard_serve,
#if LAYOUT == 2
	.convert = convert_serve,
#endif
    },
#endif
    {0}};
static const struct relw_function functions[] = {
    {.name = "count", .event = count},
#ifndef TASKER_LACKS
    {.name = "serve", .task = serve},
#endif
#ifdef TASKER_LATER
    {.name = "later", .task = later},
#endif
    {0},
};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("tasker", VSN),
    .state_types = types,
    .functions = functions,
    .init = init,
    .handle_call = handle_call,
#if LAYOUT == 2
    .code_change = code_change,
#endif
#ifdef TASKER_LATER
    .rebind = rebind,
#endif
    .discard = discard,
    .terminate = terminate,
};
