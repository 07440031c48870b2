/* SPDX-License-Identifier: Apache-2.0
 * Test module "threader": does what no module may: its init starts a thread of its own, which runs its
 * code (native-code.md, row T).  Built as THREADER 1, 2, 3, all of one layout.  Argument "thread":
 *   waits   the thread waits in a library call, below a frame of this module
 *   spins   it never leaves the module's code
 * A byte on the first listener (a connected socket here) ends the thread.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "worker/relworker.h"

#define STR(x)	STR_(x)
#define STR_(x) #x
#define VSN	STR(THREADER)

struct state {
	_Atomic bool begun, ends;
	int pipe[2];
	pthread_t thread;
};

__attribute__((noinline)) static void *
thread_waits(void *arg)
{
	struct state *s = arg;
	struct pollfd p = {.fd = s->pipe[0], .events = POLLIN};
	atomic_store(&s->begun, true);
	while (!atomic_load(&s->ends))
		(void)poll(&p, 1, -1);
	return NULL;
}

__attribute__((noinline)) static void *
thread_spins(void *arg)
{
	struct state *s = arg;
	atomic_store(&s->begun, true);
	while (!atomic_load(&s->ends))
		continue;
	return NULL;
}

static int
start(struct relw *rw, struct state *s)
{
	const char *how = relw_arg_text(rw, "thread", "");
	if (how[0] == '\0')
		return 0;
	int rc = pthread_create(&s->thread, NULL, strcmp(how, "spins") == 0 ? thread_spins : thread_waits, s);
	while (rc == 0 && !atomic_load(&s->begun))
		sched_yield(); /* before that a sanitizer alone knows what it will run */
	return rc;
}

static void
on_byte(struct relw *rw, void *state, const struct relw_event *event)
{
	struct state *s = state;
	char c;
	ssize_t n = recv(event->fd, &c, 1, 0);
	relw_fd_del(rw, event->fd);
	if (n != 1)
		return;
	atomic_store(&s->ends, true);
	(void)!write(s->pipe[1], "x", 1);
	pthread_join(s->thread, NULL);
	(void)!send(event->fd, "x", 1, MSG_NOSIGNAL);
}

static int
init(struct relw *rw, void **ret_state)
{
	struct state *s = calloc(1, sizeof(*s));
	if (s == NULL || pipe(s->pipe) != 0 || start(rw, s) != 0 ||
	    relw_fd_add(rw, relw_listener(rw, 0), EPOLLIN, "on_byte", 0) != 0)
		return relw_refuse(rw, "cannot start");
	*ret_state = s;
	return 0;
}

/* Its thread has ended by a byte, or there was none. */
static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)rw;
	(void)reason;
	free(state);
}

RELW_STATE(state, struct state);
static const struct relw_state_type types[] = {{.name = "state", .version = 1}, {0}};
static const struct relw_function functions[] = {{.name = "on_byte", .event = on_byte}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("threader", VSN),
    .state_types = types,
    .functions = functions,
    .init = init,
    .terminate = terminate,
};
