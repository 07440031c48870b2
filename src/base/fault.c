/* SPDX-License-Identifier: Apache-2.0
 * Fault points: counts passes of the armed point.  Read once from the environment; the counter is
 * process-wide because the point is armed from outside the process.
 */
#include "config.h"

#include "base/fault.h"

#ifdef RELUP_FAULTS
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const names[] = {
#define X(name, where) #name,
#include "base/fault_tbl.h"
#undef X
};

bool
rel_fault_hit(enum rel_fault point)
{
	static atomic_int passes;
	char name[64], kind[16];
	int nth;
	const char *armed = getenv("RELUP_FAULT");
	if (armed == NULL || sscanf(armed, "%63[A-Z_]:%d:%15s", name, &nth, kind) != 3 ||
	    strcmp(name, names[point]) != 0)
		return false;
	if (atomic_fetch_add(&passes, 1) + 1 != nth)
		return false;
	if (strcmp(kind, "kill") == 0)
		kill(getpid(), SIGKILL);
	errno = EIO;
	return true;
}
#endif
