/* SPDX-License-Identifier: Apache-2.0
 * What `relctl relup make` reads before it plans: releases, their applications, appups.
 */
#ifndef CTL_CTL_RELUP_H
#define CTL_CTL_RELUP_H

#include "ctl/ctl.h"
#include "model/model.h"
#include "plan/plan.h"

/* A release that is named as a base, once or more often. */
struct relup_release {
	const char *path;	     /* as on the command line */
	struct model_system *system; /* owned; NULL: it has errors */
};

struct relup_work {
	struct doc_problems problems;
	/* library folders, in the order of the command line */
	size_t lib_count;
	int *lib_fds;
	const char **lib_names;
	struct model_system *to; /* NULL: it has errors */
	size_t release_count;
	struct relup_release *releases;
	/* bases in the order of the command line; parallel to base_release */
	size_t base_count;
	struct plan_base *bases;
	size_t *base_release;
	const struct model_appup **appups; /* owned, parallel to to->apps */
};

/* Room for everything that `a` can name; -1: out of memory, told in problems. */
int ctl_relup_work_init(struct relup_work *w, size_t options) RTE_MUST_CHECK;
void ctl_relup_work_fini(struct relup_work *w);
void ctl_relup_add_lib(struct relup_work *w, const char *dir);
void ctl_relup_add_base(struct relup_work *w, const char *path, bool up, bool down);
/* Reads everything; all problems are in w->problems.  0: there was no error. */
int ctl_relup_load(struct relup_work *w, const char *to_path) RTE_MUST_CHECK;

/* ctl_same.c: an application folder that stands in two library folders must be the same in both. */
void ctl_relup_check_same(struct relup_work *w, const struct model_system *sys);

/* ctl_relup_show.c */
int ctl_relup_show(struct ctl *c, const struct ctl_args *a);

#endif
