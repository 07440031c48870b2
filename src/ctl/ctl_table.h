/* SPDX-License-Identifier: Apache-2.0
 * Text tables: columns as wide as their widest cell; cells are copied, and safe for a terminal.
 */
#ifndef CTL_CTL_TABLE_H
#define CTL_CTL_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/base.h"

#define CTL_TABLE_COLUMNS 16

struct ctl_table {
	size_t columns, rows, cap;    /* rows counts cells until it is printed */
	char **cells;
	bool failed;
};

void ctl_table_init(struct ctl_table *t, const char *const *heads, size_t columns);
void ctl_table_cell(struct ctl_table *t, const char *text); /* row by row; NULL prints as "-" */
void ctl_table_cellf(struct ctl_table *t, const char *fmt, ...) RTE_PRINTF(2, 3);
void ctl_table_print(struct ctl_table *t, FILE *f); /* and frees */

#endif
