/* SPDX-License-Identifier: Apache-2.0
 * A function pointer that is kept in the state (native-code.md, row L2): after the upgrade it leads into what
 * was unmapped.  Called by the loop ("use"), or by a task ("task").
 */
#include "config.h"

#include "fault.h"

struct state {
	int (*fn)(int);
};

__attribute__((noinline)) static int
twice(int n)
{
	return 2 * n + FAULT;
}

static int
work(struct relw *rw, void *state)
{
	struct state *s = state;
	(void)rw;
	return s->fn(20) > 0 ? RELW_DONE : -EIO;
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct state *s = state;
	int n = 0;
	if (fault_asks(request, "use"))
		n = s->fn(20) + 1; /* no tail call: it is called from here */
	if (fault_asks(request, "task"))
		n = (int)relw_task_start(rw, "work", s);
	return fault_reply(ret_reply, n);
}

static int
init(struct relw *rw, void **ret_state)
{
	struct state *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return relw_refuse(rw, "out of memory");
	s->fn = twice;
	*ret_state = s;
	return 0;
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)rw;
	(void)reason;
	free(state);
}

RELW_STATE(state, struct state);
static const struct relw_state_type types[] = {{.name = "state", .version = 1}, {0}};
static const struct relw_function functions[] = {{.name = "work", .task = work}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("fault", FAULT_VSN),
    .state_types = types,
    .functions = functions,
    .init = init,
    .handle_call = handle_call,
    .terminate = terminate,
};
