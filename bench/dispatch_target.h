/* SPDX-License-Identifier: Apache-2.0
 * What bench/dispatch calls.
 */
#ifndef BENCH_DISPATCH_TARGET_H
#define BENCH_DISPATCH_TARGET_H

#include "worker/relworker.h"

void dispatch_target(struct relw *rw, void *state, const struct relw_event *event);

#endif
