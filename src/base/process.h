/* SPDX-License-Identifier: Apache-2.0
 * Processes of this host, as /proc shows them.
 */
#ifndef BASE_PROCESS_H
#define BASE_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* When the process began, in ticks since the boot: with the pid its name, as pids are used again.
 * *ret_ended (may be NULL): it is a zombie, with all its threads, which nobody has waited for yet.  -1 with
 * errno; ESRCH: there is no such process. */
int rel_process_start(pid_t pid, uint64_t *ret, bool *ret_ended) RTE_MUST_CHECK;

#endif
