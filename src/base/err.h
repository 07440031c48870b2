/* SPDX-License-Identifier: Apache-2.0
 * Errors.  A `struct rel_err` lives on the caller's stack and needs no heap, so it can tell of
 * running out of memory.  Fallible functions return int (0, or -1 with *err set), set their
 * ret_* parameters only on success, and take `struct rel_err *err` last, never NULL.
 *
 * The machine's part (code, position) and the sentence are apart; err_tbl.h is the list of codes.
 * The first error wins: setting a set error is a bug.  On the way up, rel_err_wrap() adds words in
 * front, so that the message reads from the outermost thing to the innermost.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#include "base/must.h"

enum rel_ecode {
	REL_OK = 0,
#define X(id, name, status, hint) REL_E_##id,
#include "base/err_tbl.h"
#undef X
	REL_E__COUNT
};

struct rel_pos {
	const char *file;    /* borrowed from the document or the caller; NULL: no document */
	unsigned line, column; /* from 1; 0: not known */
};

struct rel_err {
	enum rel_ecode code;
	int sys;             /* errno, or 0 */
	char file[256];      /* "" where the error is not about a document */
	unsigned line, column;
	char text[768];
	char hint[256];      /* "" takes the table's */
};

#define REL_ERR_INIT ((struct rel_err){.code = REL_OK})

/* Sets *err and returns -1, so that `return rel_err_set(err, …)` reads well. */
int rel_err_set(struct rel_err *err, enum rel_ecode code, const char *fmt, ...) RTE_PRINTF(3, 4);
/* As above; adds ": strerror(sys)". */
int rel_err_sys(struct rel_err *err, enum rel_ecode code, int sys, const char *fmt, ...)
    RTE_PRINTF(4, 5);
/* As rel_err_set, with a place in a document. */
int rel_err_at(struct rel_err *err, const struct rel_pos *pos, enum rel_ecode code, const char *fmt,
    ...) RTE_PRINTF(4, 5);
int rel_err_nomem(struct rel_err *err);
/* Puts "words: " in front of a set error; returns -1. */
int rel_err_wrap(struct rel_err *err, const char *fmt, ...) RTE_PRINTF(2, 3);
/* Replaces the table's hint for this error; returns -1. */
int rel_err_hint(struct rel_err *err, const char *fmt, ...) RTE_PRINTF(2, 3);
void rel_err_clear(struct rel_err *err);

const char *rel_err_name(enum rel_ecode code);            /* "suspended_not_resumed" */
int rel_err_exit(enum rel_ecode code);                    /* exit status of relctl */
const char *rel_err_hint_of(const struct rel_err *err);   /* "" where there is none */
enum rel_ecode rel_err_code_of(const char *name);         /* REL_OK: unknown name */

#endif
