/* SPDX-License-Identifier: Apache-2.0
 * compare, inside: a comparison in the making.
 */
#ifndef COMPARE_COMPARE_PRIV_H
#define COMPARE_COMPARE_PRIV_H

#include "compare/compare.h"

struct maker {
	struct compare *c;
	struct doc_problems *p;
};

int maker_nomem(struct maker *k); /* -1 */
bool compare_same_value(const struct doc_node *a, const struct doc_node *b); /* both may be NULL */

/* states.c */
int compare_states(struct maker *k, struct compare_module *m) RTE_MUST_CHECK;
/* children.c: children and flags */
int compare_children(struct maker *k) RTE_MUST_CHECK;

#endif
