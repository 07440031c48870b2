/* SPDX-License-Identifier: Apache-2.0
 * Text tables: two spaces between columns, none at the end of a line.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"
#include "ctl/ctl_table.h"

void
ctl_table_init(struct ctl_table *t, const char *const *heads, size_t columns)
{
	MUST(columns > 0 && columns <= CTL_TABLE_COLUMNS);
	*t = (struct ctl_table){.columns = columns};
	for (size_t i = 0; i < columns; i++)
		ctl_table_cell(t, heads[i]);
}

void
ctl_table_cell(struct ctl_table *t, const char *text)
{
	if (t->rows == t->cap) {
		size_t cap = t->cap != 0 ? t->cap * 2 : 64;
		char **p = realloc(t->cells, cap * sizeof(*p));
		if (p == NULL) {
			t->failed = true;
			return;
		}
		t->cells = p;
		t->cap = cap;
	}
	t->cells[t->rows] = ctl_plain(text != NULL ? text : "-");
	if (t->cells[t->rows] == NULL)
		t->failed = true;
	else
		t->rows++;
}

void
ctl_table_cellf(struct ctl_table *t, const char *fmt, ...)
{
	char text[512];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ctl_table_cell(t, text);
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t
width_of(const char *s)
{
	size_t n = 0;
	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

void
ctl_table_print(struct ctl_table *t, FILE *f)
{
	size_t widths[CTL_TABLE_COLUMNS] = {0};
	for (size_t i = 0; i < t->rows; i++) {
		size_t width = width_of(t->cells[i]), *w = &widths[i % t->columns];
		*w = width > *w ? width : *w;
	}
	size_t blanks = 0; /* due before the next cell that is not empty */
	for (size_t i = 0; i < t->rows; i++) {
		size_t column = i % t->columns;
		if (t->cells[i][0] != '\0') {
			fprintf(f, "%*s%s", (int)blanks, "", t->cells[i]);
			blanks = 0;
		}
		blanks += widths[column] - width_of(t->cells[i]) + 2;
		if (column == t->columns - 1) {
			fputc('\n', f);
			blanks = 0;
		}
	}
	if (t->failed)
		fputs("(out of memory: the table is not complete)\n", f);
	for (size_t i = 0; i < t->rows; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct ctl_table){0};
}
