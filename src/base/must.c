/* SPDX-License-Identifier: Apache-2.0
 * The end of a process that found itself wrong: one line on stderr, then a core.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"

void
rel_must_failed(const char *expr, const char *file, int line)
{
	fprintf(stderr, "relup: internal error: %s does not hold at %s:%d\n", expr, file, line);
	abort();
}
