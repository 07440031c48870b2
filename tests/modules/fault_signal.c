/* SPDX-License-Identifier: Apache-2.0
 * A signal handler (native-code.md, row S): version 1 sets one for SIGUSR1.  "use" sends the signal, "drop"
 * gives it back.
 */
#include "config.h"

#include <signal.h>
#include <stdatomic.h>

#include "fault.h"

static void
on_signal(int sig)
{
	signal(sig, SIG_IGN);
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	(void)rw;
	(void)state;
	if (fault_asks(request, "use"))
		raise(SIGUSR1);
	if (fault_asks(request, "drop"))
		signal(SIGUSR1, SIG_DFL);
	return fault_reply(ret_reply, FAULT);
}

static int
init(struct relw *rw, void **ret_state)
{
	(void)ret_state;
	struct sigaction sa = {.sa_handler = on_signal};
	return sigaction(SIGUSR1, &sa, NULL) == 0 ? 0 : relw_refuse(rw, "no handler");
}

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("fault", FAULT_VSN),
    .init = init,
    .handle_call = handle_call,
};
