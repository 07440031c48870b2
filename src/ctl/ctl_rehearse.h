/* SPDX-License-Identifier: Apache-2.0
 * What a rehearsal came to, as text.
 */
#ifndef CTL_CTL_REHEARSE_H
#define CTL_CTL_REHEARSE_H

#include "ctl/ctl.h"

/* Adds `function` to each `at` of a list of rehearsals: the name that the module's file has for the place,
 * where the root is at hand and the file is not stripped. */
void ctl_rehearse_name(const struct ctl *c, json_t *list);
/* A line for each place that has a name, to stderr. */
void ctl_rehearse_places(struct ctl *c, const json_t *list);
/* The result of `rehearse` as text; ctl_rehearse_name() was called.  Returns the exit status. */
int ctl_rehearse_print(struct ctl *c, const json_t *result);
/* 0 where all of them are well. */
int ctl_rehearse_status(const json_t *result);

#endif
