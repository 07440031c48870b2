/* SPDX-License-Identifier: Apache-2.0
 * check: whether what was built and written can be trusted, told before anything runs.  No daemon, no
 * execution of module code; all findings at once, each with a code, a place and what to do.
 *
 *	path.c      what a path is: a file, an application, a release, a root
 *	app.c       one built application: form, module files, then against each older version beside it
 *	module.c    a module file: what the loader and the runtime refuse, and what bites later
 *	table.c     its table, as a worker reads it when it opens the file
 *	state.c     state types: pointers into code, and the contract between two versions
 *	change.c    what the code_changes of a script call is there
 *	cover.c     every difference has its instruction in the appup, in both directions
 *	planned.c   an appup as relup make takes it
 *	fit.c       imports at each step of a script
 *	script.c    scripts: order, purges that kill, applies that cannot be undone
 *	release.c   a release: references, cycles, its config and its relup
 *	shape.c     what relupd wants to be alike in two releases
 *	relup.c     a relup against the releases that it joins
 */
#ifndef CHECK_CHECK_H
#define CHECK_CHECK_H

#include "doc/doc.h"

/* Where the applications of a release file are looked for: --lib, beside ROOT/releases/VSN/../../lib. */
struct check_options {
	size_t lib_count;
	const char *const *libs;
};

/* Findings are problems: errors, and warnings for what is allowed but will be regretted. */
void check_path(const char *path, const struct check_options *o, struct doc_problems *p);

#endif
