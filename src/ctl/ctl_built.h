/* SPDX-License-Identifier: Apache-2.0
 * What the verbs that look at built releases share.
 */
#ifndef CTL_CTL_BUILT_H
#define CTL_CTL_BUILT_H

#include "compare/compare.h"
#include "ctl/ctl.h"

/* The values of a repeated --lib. */
struct ctl_libs {
	size_t count;
	const char *names[COMPARE_LIBS_MAX];
};

static inline struct ctl_libs
ctl_libs_of(const struct ctl_args *a, int id)
{
	struct ctl_libs l = {0};
	for (size_t i = 0; i < a->opt_count && l.count < COMPARE_LIBS_MAX; i++)
		if (a->opts[i].id == id)
			l.names[l.count++] = a->opts[i].value;
	return l;
}

#endif
