/* SPDX-License-Identifier: Apache-2.0
 * draft, inside: items.c finds the instructions of one direction, text.c writes and completes the file.
 */
#ifndef DRAFT_DRAFT_PRIV_H
#define DRAFT_DRAFT_PRIV_H

#include "draft/draft.h"

/* One instruction to be, or a question where there is none to give. */
struct draft_item {
	/* what it is about; at most one of the two, none: the supervisor's flags and list of children */
	const char *module, *child;
	bool goes;                    /* the module is deleted */
	const char *comment;          /* lines of "# …\n" */
	const char *text;             /* "load_module: {module: greeting}"; NULL: the comment asks */
};

struct draft_items {
	size_t count, cap;
	struct draft_item *list;
};

/* In the order in which they are to stand; memory from `arena`. */
int draft_items_find(const struct compare *c, enum model_mode mode, struct rel_arena *arena,
    struct draft_items *ret, struct doc_problems *p) RTE_MUST_CHECK;
/* Does the script take care of it already? */
bool draft_item_handled(const struct compare *c, const struct draft_item *it,
    const struct model_script *s);

#endif
