/* SPDX-License-Identifier: Apache-2.0
 * Test module "counter", whose callbacks call back into the program that it runs in (inward.h).  Version 2
 * makes a state of its own; that is all there is to it.  Arguments "after_ms", "every_ms": a timer.
 */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "inward.h"
#include "worker/relworker.h"

#ifndef INWARD
#define INWARD "1"
#endif

struct state {
	int64_t hook;
};

static int
tell(const struct state *s, enum inward where, const char *text)
{
	return ((inward_hook_fn *)(intptr_t)s->hook)(where, text);
}

static int
init(struct relw *rw, void **ret_state)
{
	int64_t after = relw_arg_int(rw, "after_ms", -1) * 1000000;
	int64_t every = relw_arg_int(rw, "every_ms", 0) * 1000000;
	struct state *s = malloc(sizeof(*s));
	if (s == NULL)
		return -1;
	s->hook = relw_arg_int(rw, "hook", 0);
	if ((after >= 0 && relw_timer_add(rw, after, every, "timer", 0) < 0) ||
	    relw_fd_add(rw, relw_listener(rw, 0), EPOLLIN, "event", 0) != 0) {
		free(s);
		return -1;
	}
	tell(s, INWARD_INIT, "");
	*ret_state = s;
	return 0;
}

static void
event(struct relw *rw, void *state, const struct relw_event *e)
{
	char buf[64];
	if (tell(state, INWARD_EVENT, "") == 0 && read(e->fd, buf, sizeof(buf)) <= 0)
		relw_fd_del(rw, e->fd);
}

static void
timer(struct relw *rw, void *state, const struct relw_event *e)
{
	(void)rw;
	(void)e;
	tell(state, INWARD_TIMER, "");
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	(void)request;
	if (strcmp(request, "\"fail\"") == 0)
		relw_stop(rw, "out of order");
	tell(state, INWARD_CALL, "");
	*ret_reply = strdup("\"" INWARD "\"");
	return 0;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)rw;
	(void)change;
	struct state *s = malloc(sizeof(*s));
	if (s == NULL)
		return -1;
	*s = *(struct state *)old;
	*ret_new = s;
	return 0;
}

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	tell(state, INWARD_DISCARD, "");
	free(state);
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)rw;
	tell(state, INWARD_TERMINATE, reason);
	free(state);
}

static const struct relw_function functions[] = {
    {.name = "event", .event = event},
    {.name = "timer", .event = timer},
    {0},
};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("counter", INWARD),
    .functions = functions,
    .init = init,
    .handle_call = handle_call,
    .code_change = code_change,
    .discard = discard,
    .terminate = terminate,
};
