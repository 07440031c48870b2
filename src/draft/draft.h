/* SPDX-License-Identifier: Apache-2.0
 * draft: an appup.yaml from what differs between two built versions, with comments that say why each
 * instruction stands there.  What cannot be decided from the files stands as a question in a comment,
 * never as a guess and never as a brutal purge.
 */
#ifndef DRAFT_DRAFT_H
#define DRAFT_DRAFT_H

#include "compare/compare.h"

/* The text of the newer version's appup.yaml, malloc'ed.  Where that version has one already, it is
 * its text with what is missing added; *ret_added: how many instructions and questions that were
 * (0: it is the text as it was).  -1: why is in `p`. */
int draft_appup(const struct compare *c, char **ret, size_t *ret_added, struct doc_problems *p)
    RTE_MUST_CHECK;

#endif
