/* SPDX-License-Identifier: Apache-2.0
 * Fault points.  `if (FAULT(FILE_WRITE) || write(…) …)`: true where this very call must fail with
 * errno EIO; kind `kill` ends the process by SIGKILL on the spot.  Without --enable-faults the
 * expression is a constant false.
 */
#ifndef BASE_FAULT_H
#define BASE_FAULT_H

#include <stdbool.h>

enum rel_fault {
#define X(name, where) REL_FAULT_##name,
#include "base/fault_tbl.h"
#undef X
	REL_FAULT__COUNT
};

#ifdef RELUP_FAULTS
bool rel_fault_hit(enum rel_fault point);
#define FAULT(name) rel_fault_hit(REL_FAULT_##name)
#else
#define FAULT(name) ((void)REL_FAULT_##name, false)
#endif

#endif
