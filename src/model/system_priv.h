/* SPDX-License-Identifier: Apache-2.0
 * Between the two halves of a system: reading and checking (system.c), ordering (order.c).
 */
#ifndef MODEL_SYSTEM_PRIV_H
#define MODEL_SYSTEM_PRIV_H

#include "model/model_priv.h"

/* Fills s->start; a cycle is a problem.  -1: no memory. */
int model_start_order(struct model_system *s, struct doc_problems *p) RTE_MUST_CHECK;

#endif
