/* SPDX-License-Identifier: Apache-2.0
 * The passes of the translation, in the order in which plan.c runs them for one script (one base,
 * one direction):
 *
 *	scripts.c  two releases → a list of scripts, one for each application that differs
 *	split.c    each script cut at its point of no return, all joined to Before and After,
 *	           the low-level instructions that a person wrote checked
 *	apps.c     add, remove and restart of applications → module instructions and lifecycle
 *	graph.c    After's module instructions → groups, each in dependency order
 *	emit.c     After → low level, group by group; what is loaded is added to Before
 *	finish.c   load_object_code merged, runtime restarts placed, all put together, checked again
 *
 * A pass takes lists and gives lists; it changes no instruction of its input.  A list holds
 * borrowed instructions: of an appup, or made by a pass.  Lists, indexes and made instructions lie
 * in the scratch arena, which dies with the script; what an instruction points to lies in the
 * relup's arena, and finish.c copies the instructions themselves there.  A pass returns -1 when it
 *has added an error, running out of memory included; what it made is then not used.
 */
#ifndef PLAN_PLAN_PRIV_H
#define PLAN_PLAN_PRIV_H

#include "plan/plan.h"

/* A release with what is asked of it again and again. */
struct plan_side {
	const struct model_system *sys;
	struct rel_index apps;	   /* application → its place in sys->apps */
	struct rel_index modules; /* module → place of the application that ships it */
};

struct plan_list {
	const struct model_instr **v;
	size_t count, cap;
};

/* One script in the making. */
struct plan_run {
	const struct plan_input *in;
	enum model_mode mode;
	const struct plan_side *to; /* the new release: its appups hold both directions */
	const struct plan_side *base;
	const struct plan_side *reached; /* OTP's Appls */
	const struct plan_side *left;	 /* OTP's PreAppls */
	struct rel_arena *arena;	 /* of the relup */
	struct rel_arena *scratch;	 /* of this script */
	struct doc_problems *p;
};

/* The module instructions of a script: N is an instruction's number among them. */
struct plan_graph {
	size_t count;	  /* of nodes */
	size_t *group_of; /* N → group; groups are numbered by their first N */
	size_t group_count;
	size_t *group_start; /* group → its first place in `members`; one more at the end */
	const struct model_instr **members; /* group by group, each in dependency order */
};

/* list.c */
int plan_error(struct doc_problems *p, const struct rel_pos *pos, enum rel_ecode code,
    const char *fmt, ...) RTE_PRINTF(4, 5);
int plan_nomem(struct doc_problems *p);
int plan_list_add(
    struct plan_run *r, struct plan_list *l, const struct model_instr *i) RTE_MUST_CHECK;
int plan_list_join(
    struct plan_run *r, struct plan_list *l, const struct plan_list *more) RTE_MUST_CHECK;
/* A new instruction at `pos`, already at the end of `l`; NULL: the error is added. */
struct model_instr *plan_list_new(
    struct plan_run *r, struct plan_list *l, enum model_op op, const struct rel_pos *pos);
/* Room for `n` names in an instruction's own list. */
int plan_names_new(struct plan_run *r, struct model_names *names, size_t n) RTE_MUST_CHECK;
/* Adds to a list that only this function has filled. */
int plan_names_add(struct plan_run *r, struct model_names *names, const char *name,
    const struct rel_pos *pos) RTE_MUST_CHECK;
/* The instructions in one piece; NULL: the error is added. */
struct model_instr *plan_list_flat(
    struct plan_run *r, struct rel_arena *a, const struct plan_list *l);
/* Is it update, load_module, add_module or delete_module? */
bool plan_is_module_op(enum model_op op);

/* side.c */
int plan_side_init(struct plan_side *s, const struct model_system *sys, struct rel_arena *arena,
    struct doc_problems *p) RTE_MUST_CHECK;
const struct model_app *plan_side_app(const struct plan_side *s, const char *application,
    const struct model_release_app **ret_entry); /* NULL: not in the release */
const struct model_app *plan_side_owner(const struct plan_side *s, const char *module);

/* the passes */
int plan_scripts(struct plan_run *r, struct plan_list **ret, size_t *ret_count) RTE_MUST_CHECK;
int plan_split(struct plan_run *r, const struct plan_list *scripts, size_t count,
    struct plan_list *ret_before, struct plan_list *ret_after) RTE_MUST_CHECK;
int plan_split_check(struct plan_run *r, const struct plan_list *before,
    const struct plan_list *after) RTE_MUST_CHECK;
int plan_apps(
    struct plan_run *r, const struct plan_list *after, struct plan_list *ret) RTE_MUST_CHECK;
int plan_graph_make(
    struct plan_run *r, const struct plan_list *after, struct plan_graph *ret) RTE_MUST_CHECK;
int plan_emit(struct plan_run *r, const struct plan_list *after, const struct plan_graph *g,
    struct plan_list *before, struct plan_list *ret) RTE_MUST_CHECK;
int plan_finish(struct plan_run *r, const struct plan_list *before, const struct plan_list *after,
    struct model_script *ret) RTE_MUST_CHECK;

#endif
