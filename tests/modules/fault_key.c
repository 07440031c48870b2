/* SPDX-License-Identifier: Apache-2.0
 * A key of thread-specific data whose destructor is here (native-code.md, row K): a task of version 1 sets it,
 * and goes on in the next version.  Nothing on its stack shows the old one.  A byte on the first listener (a
 * connected socket here) ends the task, and with its thread the destructor is called.
 */
#include "config.h"

#include <pthread.h>
#include <sys/epoll.h>

#include "fault.h"

struct state {
	pthread_key_t key;
};

static void
forget(void *value)
{
	free(value);
}

static int
work(struct relw *rw, void *state)
{
	struct state *s = state;
	if (pthread_getspecific(s->key) == NULL)
		pthread_setspecific(s->key, malloc(1));
	return relw_task_wait(rw, relw_listener(rw, 0), EPOLLIN, -1) > 0 ? RELW_DONE : RELW_AGAIN;
}

static int
init(struct relw *rw, void **ret_state)
{
	struct state *s = calloc(1, sizeof(*s));
	if (s == NULL || pthread_key_create(&s->key, forget) != 0 || relw_task_start(rw, "work", s) < 0)
		return relw_refuse(rw, "cannot start");
	*ret_state = s;
	return 0;
}

RELW_STATE(state, struct state);
static const struct relw_state_type types[] = {{.name = "state", .version = 1}, {0}};
static const struct relw_function functions[] = {{.name = "work", .task = work}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("fault", FAULT_VSN),
    .state_types = types,
    .functions = functions,
    .init = init,
};
