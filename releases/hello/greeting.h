/* SPDX-License-Identifier: Apache-2.0
 * greeting/1: what module `greeting` offers to other modules of a release.
 *
 * Modules never link against each other.  A module that others may call exports a struct of
 * function pointers, and its header declares that struct; the caller names module and interface in
 * its list of imports and reaches the struct through its `struct relw *`:
 *
 *	struct relw *callee = RELW_CALLEE(rw, IMPORT_GREETING);
 *	size_t len;
 *	const char *text = GREETING(rw)->answer(callee, line, line_len, &len);
 *
 * The runtime looks the struct up in the code generation that the running callback belongs to, so
 * one callback never meets two versions of `greeting`, and the next callback meets the new one.
 * The number in the interface's name grows whenever this struct changes: a caller of greeting/1 is
 * never handed a greeting/2.
 */
#ifndef HELLO_GREETING_H
#define HELLO_GREETING_H

#include <stddef.h>

#include <relworker.h>

#define GREETING_MODULE    "greeting"
#define GREETING_INTERFACE "greeting/1"

struct greeting {
	/* The answer to one line (given without its newline): `*ret_len` bytes, the last of them a
	 * newline.  They lie in the module's code: copy them before the callback returns, for the
	 * module may be another one in the next. */
	const char *(*answer)(struct relw *rw, const char *line, size_t len, size_t *ret_len);
	/* 0: the module would answer right.  For health checks. */
	int (*check)(struct relw *rw);
};

#endif
