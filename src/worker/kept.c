/* SPDX-License-Identifier: Apache-2.0
 * What the kernel keeps of a module's code without anybody's stack or table showing it: the handlers of
 * signals.  Unmapped, the next such signal would end the worker (native-code.md, row S).
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "worker/worker_priv.h"

int
worker_kept_signal(const struct object *o, int after)
{
	struct sigaction sa;
	for (int sig = after + 1; sig < NSIG; sig++)
		if (sigaction(sig, NULL, &sa) == 0 && (uintptr_t)sa.sa_handler >= o->lo &&
		    (uintptr_t)sa.sa_handler < o->hi)
			return sig;
	return 0;
}

json_t *
worker_kept_json(const struct object *o, int sig)
{
	char hint[64];
	struct sigaction sa = {0};
	const char *name = sigabbrev_np(sig);
	(void)sigaction(sig, NULL, &sa);
	if (name != NULL)
		snprintf(hint, sizeof(hint), "signal handler of SIG%s", name);
	else
		snprintf(hint, sizeof(hint), "signal handler of signal %d", sig);
	return json_pack("{s:s, s:s, s:s, s:s, s:n, s:n, s:n, s:n, s:s, s:I, s:s}", "module", o->module, "vsn",
	    o->table->vsn, "version", o->version, "digest", o->digest, "task", "thread", "function", "since", "what",
	    "memory", "offset", (json_int_t)((uintptr_t)sa.sa_handler - o->lo), "hint", hint);
}
