/* SPDX-License-Identifier: Apache-2.0
 * plan: from appups to a relup.  Pure functions, pass by pass, list → list: they read no file, ask
 * no clock and touch no worker, so that the same input gives the same bytes on every machine.
 * The translation is that of OTP's systools_rc and systools_relup (otp-semantics.md sections 3
 * and 4) with the differences decided in formats.md.
 */
#ifndef PLAN_PLAN_H
#define PLAN_PLAN_H

#include "model/model.h"

/* One base release of a relup: its system, and which directions are wanted. */
struct plan_base {
	const struct model_system *system;
	bool up, down;
};

/* The appup of an application of the new release, NULL entry: it has none.  Parallel to
 * to->apps. */
struct plan_input {
	const struct model_system *to;
	const struct model_appup *const *appups; /* of `to`'s applications */
	/* For the way down the appup lies in the newer version too, which is `to`'s. */
	const struct plan_base *bases;
	size_t base_count;
	bool restart_runtime;
};

/* Makes the whole relup: up and down entries in the order of the bases.  Errors carry OTP's tag and
 * the place in the appup.  *ret borrows from the input (systems and appups must outlive it). */
int plan_relup_make(
    const struct plan_input *in, struct model_relup **ret, struct doc_problems *p) RTE_MUST_CHECK;

#endif
