/* SPDX-License-Identifier: Apache-2.0
 * A child that the module forks ("fork"): it has all descriptors of the worker open, till that ends.
 */
#include "config.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "fault.h"

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	(void)rw;
	(void)state;
	if (!fault_asks(request, "fork"))
		return fault_reply(ret_reply, FAULT);
	pid_t worker = getpid(), pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		while (getppid() == worker)
			pause();
		_exit(0);
	}
	return fault_reply(ret_reply, pid);
}

static int
init(struct relw *rw, void **ret_state)
{
	(void)rw;
	(void)ret_state;
	return 0;
}

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("fault", FAULT_VSN),
    .init = init,
    .handle_call = handle_call,
};
