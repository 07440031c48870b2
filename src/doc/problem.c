/* SPDX-License-Identifier: Apache-2.0
 * The collector of problems: see doc.h.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "doc/doc.h"

void
doc_problems_fini(struct doc_problems *p)
{
	free(p->list);
	*p = DOC_PROBLEMS_INIT;
}

static struct doc_problem *
slot(struct doc_problems *p)
{
	if (p->count == DOC_PROBLEMS_MAX)
		return NULL;
	if (p->count == p->cap) {
		size_t cap = p->cap != 0 ? p->cap * 2 : 4;
		struct doc_problem *list = reallocarray(p->list, cap, sizeof(*list));
		if (list == NULL)
			return NULL;
		p->list = list;
		p->cap = cap;
	}
	return &p->list[p->count++];
}

void
doc_problem_add(struct doc_problems *p, enum doc_severity sev, const struct rel_err *err)
{
	MUST(err->code != REL_OK);
	struct doc_problem *s = slot(p);
	p->last_dropped = s == NULL;
	if (sev == DOC_ERROR)
		p->errors++;
	if (s == NULL) {
		p->dropped++;
		return;
	}
	s->severity = sev;
	s->err = *err;
}

static void
find(struct doc_problems *p, enum doc_severity severity, const struct rel_pos *pos,
    enum rel_ecode code, const char *fmt, va_list ap)
{
	struct rel_err err = REL_ERR_INIT;
	char text[sizeof(err.text)];
	vsnprintf(text, sizeof(text), fmt, ap);
	rel_err_at(&err, pos, code, "%s", text);
	doc_problem_add(p, severity, &err);
}

void
doc_problem(
    struct doc_problems *p, const struct rel_pos *pos, enum rel_ecode code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	find(p, DOC_ERROR, pos, code, fmt, ap);
	va_end(ap);
}

void
doc_find(struct doc_problems *p, enum doc_severity severity, const struct rel_pos *pos,
    enum rel_ecode code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	find(p, severity, pos, code, fmt, ap);
	va_end(ap);
}

void
doc_problem_hint(struct doc_problems *p, const char *fmt, ...)
{
	if (p->last_dropped || p->count == 0)
		return;
	char text[sizeof(p->list[0].err.hint)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	rel_err_hint(&p->list[p->count - 1].err, "%s", text);
}

bool
doc_problems_has(const struct doc_problems *p, const struct rel_err *err)
{
	for (size_t i = 0; i < p->count; i++) {
		const struct rel_err *e = &p->list[i].err;
		if (e->code == err->code && e->line == err->line && e->column == err->column &&
		    strcmp(e->file, err->file) == 0 && strcmp(e->text, err->text) == 0)
			return true;
	}
	return false;
}

void
doc_problems_move(struct doc_problems *p, struct doc_problems *from)
{
	size_t errors = p->errors + from->errors;
	for (size_t i = 0; i < from->count; i++)
		doc_problem_add(p, from->list[i].severity, &from->list[i].err);
	p->errors = errors;
	p->dropped += from->dropped;
	p->last_dropped |= from->last_dropped;
	doc_problems_fini(from);
}

int
doc_problems_result(const struct doc_problems *p, struct rel_err *err)
{
	if (p->errors == 0)
		return 0;
	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].severity != DOC_ERROR)
			continue;
		*err = p->list[i].err;
		size_t n = strlen(err->text);
		if (p->errors > 1)
			snprintf(
			    err->text + n, sizeof(err->text) - n, ", and %zu more", p->errors - 1);
		return -1;
	}
	/* Errors, and none of them in the list: there was no memory to keep them. */
	return rel_err_nomem(err);
}
