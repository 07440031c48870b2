/* SPDX-License-Identifier: Apache-2.0
 * Test module "counter": one state, an echo on its first listener (a connected socket here), a
 * timer.  Built as several versions:
 *   COUNTER 1        state layout 1
 *   COUNTER 2, 3     state layout 2, made by code_change, which takes orders from `extra`
 *   COUNTER_LACKS    version 2 without function "echo", which a registration names
 *   COUNTER_NOCHANGE version 2 without code_change
 *   COUNTER_FLAGS    the table's flags; in place, code_change frees the old state
 *   COUNTER_DTOR     version 2 with a destructor of the thread's data, as C++ has: it cannot be unmapped
 * `extra`: {"do": "refuse" | "refuse_real" | "crash" | "hang" | "forbidden" | "memory" | "stop" | "unset"}
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/relworker.h"

#ifndef COUNTER_FLAGS
#define COUNTER_FLAGS 0
#endif

#if COUNTER == 1
#define LAYOUT 1
#define VSN    "1"
#elif COUNTER == 2
#define LAYOUT 2
#define VSN    "2"
#else
#define LAYOUT 2
#define VSN    "3"
#endif

struct state_1 {
	long count, ticks;
	int64_t timer;
	int spare[2]; /* a socket pair for the tests of registrations */
	long spare_events;
};

struct state_2 {
	long rebinds;
	struct state_1 s;
};

#if LAYOUT == 1
#define STATE(p) ((struct state_1 *)(p))
#else
#define STATE(p) (&((struct state_2 *)(p))->s)
#endif

#ifdef COUNTER_DTOR
extern int __cxa_thread_atexit_impl(void (*f)(void *), void *data, void *dso);
extern void *__dso_handle;

static void
drop(void *data)
{
	(void)data;
}
#endif

static int
init(struct relw *rw, void **ret_state)
{
#ifdef COUNTER_DTOR
	if (__cxa_thread_atexit_impl(drop, NULL, &__dso_handle) != 0)
		return -ENOMEM;
#endif
	if (relw_arg_int(rw, "fail", 0) != 0)
		return relw_refuse(rw, "told to fail");
#if LAYOUT == 1
	struct state_1 *state = calloc(1, sizeof(*state));
#else
	struct state_2 *state = calloc(1, sizeof(*state));
#endif
	if (state == NULL)
		return -ENOMEM;
	struct state_1 *s = STATE(state);
	s->count = relw_env_int(rw, "first", 0);
	s->spare[0] = s->spare[1] = -1;
	int64_t every = relw_arg_int(rw, "tick_ms", 0) * 1000000;
	if (every > 0)
		s->timer = relw_timer_add(rw, every, every, "tick", 7);
	if (relw_listener_count(rw) > 0 &&
	    relw_fd_add(rw, relw_listener(rw, 0), EPOLLIN, "echo", 1) != 0) {
		free(state);
		return relw_refuse(rw, "cannot watch the listener");
	}
	*ret_state = state;
	return 0;
}

#ifndef COUNTER_LACKS
static void
echo(struct relw *rw, void *state, const struct relw_event *event)
{
	char buf[64], out[128];
	struct state_1 *s = STATE(state);
	ssize_t n = read(event->fd, buf, sizeof(buf));
	if (n <= 0) {
		relw_fd_del(rw, event->fd);
		return;
	}
	s->count++;
	int len = snprintf(
	    out, sizeof(out), "%s:%ld:%llu", VSN, s->count, (unsigned long long)event->key);
	(void)!send(event->fd, out, (size_t)len, MSG_NOSIGNAL);
}
#endif

static void
tick(struct relw *rw, void *state, const struct relw_event *event)
{
	(void)rw;
	(void)event;
	STATE(state)->ticks++;
}

static void
handle_event(struct relw *rw, void *state, const struct relw_event *event)
{
	struct state_1 *s = STATE(state);
	s->spare_events++;
	if (event->key == 100) {
		/* The first of two ready ones: the other is deleted and added anew with nothing to
		 * read. */
		char buf[8];
		int other = event->fd == s->spare[0] ? s->spare[1] : s->spare[0];
		(void)!read(event->fd, buf, sizeof(buf));
		(void)!read(other, buf, sizeof(buf));
		relw_fd_del(rw, other);
		relw_fd_add(rw, other, EPOLLIN, NULL, 200);
	}
	if (event->key == 200)
		s->spare_events += 1000; /* a stale event: there was nothing to read */
	relw_log(rw, RELW_DEBUG, "event of key %llu", (unsigned long long)event->key);
}

/* Both ends of a socket pair get something to read, then both are watched: one batch. */
static int
stale(struct relw *rw, struct state_1 *s)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, s->spare) != 0)
		return -1;
	(void)!write(s->spare[0], "x", 1);
	(void)!write(s->spare[1], "x", 1);
	return relw_fd_add(rw, s->spare[0], EPOLLIN, NULL, 100) |
	       relw_fd_add(rw, s->spare[1], EPOLLIN, NULL, 100);
}

static int
registrations(struct relw *rw, struct state_1 *s)
{
	int fd = relw_listener(rw, 0);
	if (relw_fd_add(rw, fd, EPOLLIN, "echo", 1) != -EEXIST)
		return 1;
	if (relw_fd_add(rw, 999, EPOLLIN, "nothing", 1) != -ENOENT)
		return 2;
	if (relw_fd_add(rw, -1, EPOLLIN, NULL, 1) != -EBADF ||
	    relw_fd_add(rw, 999, EPOLLIN, NULL, 1) != -EBADF)
		return 3;
	if (relw_fd_mod(rw, 999, EPOLLIN) != -ENOENT || relw_fd_del(rw, 999) != -ENOENT)
		return 4;
	if (relw_timer_add(rw, -1, 0, "tick", 0) != -EINVAL ||
	    relw_timer_add(rw, 0, 0, "no", 0) != -ENOENT)
		return 5;
	int64_t a = relw_timer_add(rw, INT64_MAX, 0, "tick", 0);
	if (a <= 0 || relw_timer_del(rw, a) != 0 || relw_timer_del(rw, a) != -ENOENT)
		return 6;
	int64_t b = relw_timer_add(rw, INT64_MAX, 0, "tick", 0);
	if (b <= 0 || b == a || relw_timer_del(rw, a) != -ENOENT || relw_timer_del(rw, b) != 0)
		return 7;
	if (relw_txn_rebind_fd(rw, fd, 1) != -EPERM ||
	    relw_txn_rebind_timer(rw, s->timer, 1) != -EPERM)
		return 8;
	void *p;
	if (relw_txn_convert(rw, "counter", "state", s, &p) != -EPERM)
		return 9;
	return 0;
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct state_1 *s = STATE(state);
	int rc = 0;
	if (strcmp(request, "\"refuse\"") == 0)
		return relw_refuse(rw, "not this");
	if (strcmp(request, "\"garbage\"") == 0)
		return (*ret_reply = strdup("{")) == NULL;
	if (strcmp(request, "\"long\"") == 0) {
		if (asprintf(ret_reply, "\"%0200000d\"", 1) < 0)
			return -1;
		return 0;
	}
	if (strcmp(request, "\"stop\"") == 0)
		relw_stop(rw, "normal");
	if (strcmp(request, "\"fail\"") == 0)
		relw_stop(rw, "out of order");
	if (strcmp(request, "\"stale\"") == 0)
		rc = stale(rw, s);
	if (strcmp(request, "\"registrations\"") == 0)
		rc = registrations(rw, s);
	long rebinds = 0;
#if LAYOUT == 2
	rebinds = ((struct state_2 *)state)->rebinds;
#endif
	if (asprintf(ret_reply,
		"{\"vsn\":\"%s\",\"count\":%ld,\"ticks\":%ld,\"rebinds\":%ld,\"spare\":%ld,\"rc\":%"
		"d}",
		VSN, s->count, s->ticks, rebinds, s->spare_events, rc) < 0)
		return -1;
	return 0;
}

#if LAYOUT == 2 && !defined(COUNTER_NOCHANGE)
static int
obey(struct relw *rw, const struct relw_change *change)
{
	if (strstr(change->extra, "\"refuse_real\"") != NULL && !change->rehearsal)
		return relw_refuse(rw, "told to refuse after the rehearsal");
	if (strstr(change->extra, "\"refuse\"") != NULL)
		return relw_refuse(rw, "told to refuse (%s, from %s)",
		    change->rehearsal ? "rehearsal" : "real", change->other_vsn);
	if (strstr(change->extra, "\"crash\"") != NULL)
		raise(SIGSEGV);
	while (strstr(change->extra, "\"hang\"") != NULL)
		pause();
	if (strstr(change->extra, "\"memory\"") != NULL)
		return -ENOMEM;
	if (strstr(change->extra, "\"forbidden\"") != NULL)
		relw_timer_add(rw, 0, 0, "tick", 0); /* and goes on as if nothing was */
	if (strstr(change->extra, "\"stop\"") != NULL)
		relw_stop(rw, "normal");
	return 0;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	int rc = obey(rw, change);
	if (rc != 0)
		return rc;
	if (strstr(change->extra, "\"unset\"") != NULL)
		return 0;
	if (change->mode == RELW_UP) {
		struct state_2 *n = calloc(1, sizeof(*n));
		if (n == NULL)
			return -ENOMEM;
		n->s = strcmp(change->other_vsn, "1") == 0 ? *(struct state_1 *)old
							   : ((struct state_2 *)old)->s;
		*ret_new = n;
	} else {
		struct state_1 *n = malloc(sizeof(*n));
		if (n == NULL)
			return -ENOMEM;
		*n = ((struct state_2 *)old)->s;
		*ret_new = n;
	}
	if ((COUNTER_FLAGS & RELW_IN_PLACE) != 0)
		free(old);
	if (relw_listener_count(rw) > 0)
		relw_txn_rebind_fd(rw, relw_listener(rw, 0), change->mode == RELW_UP ? 2 : 1);
	return 0;
}
#endif

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

static void
rebind(struct relw *rw, void *state)
{
	(void)rw;
	(void)state;
#if LAYOUT == 2
	((struct state_2 *)state)->rebinds++;
#endif
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	relw_log(rw, RELW_INFO, "terminate: %s", reason);
	if (relw_listener_count(rw) > 0)
		(void)!send(relw_listener(rw, 0), reason, strlen(reason), MSG_NOSIGNAL);
	for (int i = 0; i < 2; i++)
		if (STATE(state)->spare[i] >= 0)
			close(STATE(state)->spare[i]);
	free(state);
}

#if LAYOUT == 1
RELW_STATE(state, struct state_1);
#else
RELW_STATE(state, struct state_2);
#endif
static const struct relw_state_type types[] = {{.name = "state", .version = LAYOUT}, {0}};
static const struct relw_function functions[] = {
#ifndef COUNTER_LACKS
    {.name = "echo", .event = echo},
#endif
    {.name = "tick", .event = tick},
    {0},
};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("counter", VSN),
    .flags = COUNTER_FLAGS,
    .state_types = types,
    .functions = functions,
    .init = init,
    .handle_event = handle_event,
    .handle_call = handle_call,
#if LAYOUT == 2 && !defined(COUNTER_NOCHANGE)
    .code_change = code_change,
#endif
    .discard = discard,
    .rebind = rebind,
    .terminate = terminate,
};
