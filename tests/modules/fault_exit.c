/* SPDX-License-Identifier: Apache-2.0
 * What libc is to call at exit, and before and after a fork, in each version (native-code.md, rows A2 and P): it
 * forgets that when the version is unmapped.
 */
#include "config.h"

#include <pthread.h>

#include "fault.h"

static volatile int called;

static void
call(void)
{
	called++;
}

static int
register_all(void)
{
	return atexit(call) != 0 || pthread_atfork(call, call, call) != 0 ? -1 : 0;
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	(void)rw;
	(void)state;
	(void)request;
	return fault_reply(ret_reply, FAULT);
}

static int
init(struct relw *rw, void **ret_state)
{
	(void)ret_state;
	return register_all() == 0 ? 0 : relw_refuse(rw, "libc takes no more");
}

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("fault", FAULT_VSN),
    .init = init,
    .handle_call = handle_call,
};
