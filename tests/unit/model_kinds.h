/* SPDX-License-Identifier: Apache-2.0
 * What C does with a document of tests/data: shared by the test of the corpus and by the judge that
 * the schemas are compared with, so that both speak of the same verdict.
 */
#ifndef TESTS_MODEL_KINDS_H
#define TESTS_MODEL_KINDS_H

#include "model/model.h"

/* `name` begins with the kind and a dash (tests/data/README).  Takes d.  0 with the value as it is
 * printed, -1 with problems; -1 without a problem: there is no such kind. */
int model_kind_check(const char *name, struct doc *d, struct doc_problems *p, json_t **ret);

#endif
