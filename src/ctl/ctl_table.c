/* SPDX-License-Identifier: Apache-2.0
 * Text tables: two spaces between columns, nothing after the last.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl_client.h"

void
ctl_table_init(struct ctl_table *t, size_t columns)
{
	*t = (struct ctl_table){.columns = columns};
}

void
ctl_table_cell(struct ctl_table *t, const char *text)
{
	if (t->rows == t->cap) { /* rows counts cells until it prints */
		size_t cap = t->cap != 0 ? t->cap * 2 : 64;
		char **p = realloc(t->cells, cap * sizeof(*p));
		if (p == NULL) {
			t->failed = true;
			return;
		}
		t->cells = p;
		t->cap = cap;
	}
	t->cells[t->rows] = strdup(text != NULL ? text : "-");
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

static size_t
column_width(const struct ctl_table *t, size_t column)
{
	size_t w = 0;
	for (size_t i = column; i < t->rows; i += t->columns)
		if (width_of(t->cells[i]) > w)
			w = width_of(t->cells[i]);
	return w;
}

void
ctl_table_print(struct ctl_table *t, FILE *f)
{
	for (size_t i = 0; i < t->rows; i++) {
		size_t column = i % t->columns;
		fputs(t->cells[i], f);
		if (column == t->columns - 1)
			fputc('\n', f);
		else
			fprintf(f, "%*s",
			    (int)(column_width(t, column) - width_of(t->cells[i]) + 2), "");
	}
	if (t->failed)
		fputs("(out of memory: the table is not complete)\n", f);
	for (size_t i = 0; i < t->rows; i++)
		free(t->cells[i]);
	free(t->cells);
	*t = (struct ctl_table){0};
}
