/* SPDX-License-Identifier: Apache-2.0
 * What sup.c (the set) and worker.c (the machine) share.
 */
#ifndef SUP_SUP_PRIV_H
#define SUP_SUP_PRIV_H

#include "sup/sup.h"

#define SUP_MAGIC        0x73757076u
#define SUP_WORKER_MAGIC 0x776f726bu

struct sup {
	unsigned magic;
	const struct sup_ops *ops;
	void *ctx;
	struct sup_worker **workers;  /* in start order */
	struct sup_worker **by_name;  /* the same, sorted; made on demand */
	size_t count, cap;
	bool sorted;
	struct sup_node **nodes;
	size_t node_count;
	bool starting, stopping, hold;
	bool advancing, descending;   /* against re-entry from an op */
};

void sup_advance(struct sup *s);
void sup_descend(struct sup *s);

#endif
