/* SPDX-License-Identifier: Apache-2.0
 * Error values: see err.h.  No heap is touched here.
 */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"

static const struct {
	const char *name;
	int status;
	const char *hint;
} table[] = {
    [REL_OK] = {"ok", 0, ""},
#define X(id, name, status, hint) [REL_E_##id] = {name, status, hint},
#include "base/err_tbl.h"
#undef X
};
_Static_assert(sizeof(table) / sizeof(table[0]) == REL_E__COUNT, "err_tbl.h");

static void
set_text(struct rel_err *err, enum rel_ecode code, int sys, const char *fmt, va_list ap)
{
	MUST(err->code == REL_OK);
	MUST(code > REL_OK && code < REL_E__COUNT);
	err->code = code;
	err->sys = sys;
	int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
	if (sys != 0 && n >= 0 && (size_t)n < sizeof(err->text)) {
		char why[128];
		snprintf(err->text + n, sizeof(err->text) - (size_t)n, ": %s",
		    strerror_r(sys, why, sizeof(why)));
	}
}

int
rel_err_set(struct rel_err *err, enum rel_ecode code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set_text(err, code, 0, fmt, ap);
	va_end(ap);
	return -1;
}

int
rel_err_sys(struct rel_err *err, enum rel_ecode code, int sys, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set_text(err, code, sys, fmt, ap);
	va_end(ap);
	return -1;
}

int
rel_err_at(struct rel_err *err, const struct rel_pos *pos, enum rel_ecode code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	set_text(err, code, 0, fmt, ap);
	va_end(ap);
	if (pos != NULL && pos->file != NULL) {
		snprintf(err->file, sizeof(err->file), "%s", pos->file);
		err->line = pos->line;
		err->column = pos->column;
	}
	return -1;
}

int
rel_err_nomem(struct rel_err *err)
{
	return rel_err_set(err, REL_E_NOMEM, "out of memory");
}

int
rel_err_wrap(struct rel_err *err, const char *fmt, ...)
{
	MUST(err->code != REL_OK);
	char words[sizeof(err->text)];
	char inner[sizeof(err->text)];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(words, sizeof(words), fmt, ap);
	va_end(ap);
	memcpy(inner, err->text, sizeof(inner));
	size_t n = strlen(words);
	/* What does not fit is cut from the words, not from the cause. */
	size_t keep = strlen(inner);
	size_t room = sizeof(err->text) - 1 - keep;
	if (room < 3)
		return -1;
	if (n > room - 2)
		n = room - 2;
	memcpy(err->text, words, n);
	memcpy(err->text + n, ": ", 2);
	memcpy(err->text + n + 2, inner, keep + 1);
	return -1;
}

int
rel_err_hint(struct rel_err *err, const char *fmt, ...)
{
	MUST(err->code != REL_OK);
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(err->hint, sizeof(err->hint), fmt, ap);
	va_end(ap);
	return -1;
}

void
rel_err_clear(struct rel_err *err)
{
	*err = REL_ERR_INIT;
}

const char *
rel_err_name(enum rel_ecode code)
{
	MUST(code >= REL_OK && code < REL_E__COUNT);
	return table[code].name;
}

int
rel_err_exit(enum rel_ecode code)
{
	MUST(code >= REL_OK && code < REL_E__COUNT);
	return table[code].status;
}

const char *
rel_err_hint_of(const struct rel_err *err)
{
	return err->hint[0] != '\0' ? err->hint : table[err->code].hint;
}

enum rel_ecode
rel_err_code_of(const char *name)
{
	for (int i = 1; i < REL_E__COUNT; i++)
		if (strcmp(table[i].name, name) == 0)
			return (enum rel_ecode)i;
	return REL_OK;
}
