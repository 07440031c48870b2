/* SPDX-License-Identifier: Apache-2.0
 * Modules for the tests of the worker's loader (rows: README): right as it stands, and for each LOADER_…, which
 * build.sh sets, wrong in one way (or odd, and right all the same).  The reply to a call is a number.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "worker/relworker.h"

#ifndef LOADER
#define LOADER 1
#endif
#define TEXT_(x) #x
#define TEXT(x)	 TEXT_(x)

struct seeks {
	int (*found)(void);
};

/* ------------------------------------------------------------------ what is wrong with them */
/* Row E2: a helper that the host may have too.  Row D: each version has its own. */
#if defined(LOADER_EXPORT)
RELW_EXPORT int loader_helper(void);
#elif defined(LOADER_PROTECTED)
__attribute__((visibility("protected"))) int loader_helper(void);
#else
int loader_helper(void);
#endif
__attribute__((noinline)) int
loader_helper(void)
{
	return LOADER;
}

/* Row U: what a static of a C++ template becomes. */
#ifdef LOADER_UNIQUE
__asm__(".pushsection .data\n.globl loader_unique\n.type loader_unique, @gnu_unique_object\n"
	".size loader_unique, 4\nloader_unique: .long 7\n.popsection");
#endif

/* Row X. */
#ifdef LOADER_TLS
static __thread int loader_fast __attribute__((tls_model("initial-exec")));
#endif

/* Row O; as a constructor, or named to the linker. */
#ifdef LOADER_BEGIN
void loader_begin(void);
LOADER_BEGIN void
loader_begin(void)
{
	abort();
}
#endif

#ifdef LOADER_TEXTREL
__asm__(".pushsection .text\n.quad loader_here\nloader_here:\n.popsection");
#endif

/* Rows C, Z1, Z2, and a library of its own: a function of somebody else. */
#ifdef LOADER_NEEDS
extern int LOADER_NEEDS(void);
#endif

/* Row A2. */
#ifdef LOADER_ATEXIT
static int line = -1;
static void
at_exit(void)
{
	(void)!send(line, "bye", 3, MSG_NOSIGNAL);
}
#endif

/* Row P. */
#ifdef LOADER_ATFORK
#include <pthread.h>
static void
at_fork(void)
{
}
#endif

/* Ends of segments, which only a module that asks for them has. */
#ifdef LOADER_END
extern char _end[];
#endif

/* Row E: bound only where another module's symbols are everybody's. */
#ifdef LOADER_SEEKS
extern int loader_helper_of_another(void) __attribute__((weak));
static int
found(void)
{
	return loader_helper_of_another != NULL;
}
static const struct seeks interface = {found};
#endif
#ifdef LOADER_SHARES
RELW_EXPORT int loader_helper_of_another(void);
int
loader_helper_of_another(void)
{
	return 1;
}
static const struct relw_import imports[] = {{.module = "seeks", .interface = "seeks/1"}, {0}};
#endif

/* ------------------------------------------------------------------ what is right with them */
static int
init(struct relw *rw, void **ret_state)
{
#ifdef LOADER_ATEXIT
	line = relw_listener(rw, 0);
	if (atexit(at_exit) != 0)
		return -1;
#endif
#ifdef LOADER_ATFORK
	if (pthread_atfork(at_fork, at_fork, at_fork) != 0)
		return -1;
#endif
	(void)rw;
	*ret_state = NULL;
	return 0;
}

static int
answer(struct relw *rw)
{
	(void)rw;
#if defined(LOADER_SHARES)
	return RELW_IMPORT(rw, 0, struct seeks)->found();
#elif defined(LOADER_NEEDS)
	return LOADER_NEEDS();
#elif defined(LOADER_END)
	const char *volatile end = _end;
	return end != NULL;
#elif defined(LOADER_TLS)
	return ++loader_fast;
#else
	return loader_helper();
#endif
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	(void)state;
	(void)request;
	*ret_reply = strdup(answer(rw) == 0 ? "0" : answer(rw) == 1 ? "1" : "2");
	return *ret_reply != NULL ? 0 : -1;
}

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
#ifdef LOADER_SEEKS
	RELW_MODULE("seeks", "1"),
	.interface_name = "seeks/1",
	.interface = &interface,
#else
	RELW_MODULE("loader", TEXT(LOADER)),
#endif
#ifdef LOADER_SHARES
	.imports = imports,
#endif
	.init = init,
	.handle_call = handle_call,
};
