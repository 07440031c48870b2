/* SPDX-License-Identifier: Apache-2.0
 * Test module "rule": does what relworker-rules(7) forbids and nobody can refuse, one thing for each request,
 * so that the tests see what comes of it.  Built as RULE 1, 2, of one layout.
 */
#include "config.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/relworker.h"

struct state {
	int count;
	struct relw *kept;
};

static int calls; /* begins anew in every version */

/* ------------------------------------------------------------------ what is asked: the reply is a number */
static int
do_count(struct relw *rw, struct state *s)
{
	(void)rw;
	return ++s->count;
}

static int
do_static(struct relw *rw, struct state *s)
{
	(void)rw;
	(void)s;
	return ++calls;
}

/* Is the `rw` of an earlier callback the one that is valid now? */
static int
do_keep(struct relw *rw, struct state *s)
{
	int same = s->kept == NULL || s->kept == rw;
	s->kept = rw;
	return same;
}

/* The child goes when nobody is at the far end any more. */
static int
do_fork(struct relw *rw, struct state *s)
{
	char c;
	(void)s;
	pid_t pid = fork();
	if (pid != 0)
		return pid;
	while (recv(relw_listener(rw, 0), &c, 1, 0) > 0)
		continue;
	_exit(0);
}

static int
do_wait(struct relw *rw, struct state *s)
{
	(void)s;
	(void)!send(relw_listener(rw, 0), "x", 1, MSG_NOSIGNAL);
	return waitpid(-1, NULL, 0);
}

static int
do_unblock(struct relw *rw, struct state *s)
{
	sigset_t term;
	(void)rw;
	(void)s;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	return pthread_sigmask(SIG_UNBLOCK, &term, NULL);
}

static int
do_close(struct relw *rw, struct state *s)
{
	(void)rw;
	(void)s;
	return close_range(3, ~0u, 0);
}

static int
do_close_listener(struct relw *rw, struct state *s)
{
	(void)s;
	return close(relw_listener(rw, 0));
}

/* The version of the module at the path, as the loader knows it. */
static int
do_open(struct relw *rw, struct state *s)
{
	(void)s;
	void *h = dlopen(relw_arg_text(rw, "path", ""), RTLD_NOW | RTLD_LOCAL);
	const struct relw_module *m = h != NULL ? dlsym(h, "relw_module") : NULL;
	return m != NULL ? atoi(m->vsn) : -1;
}

static const struct order {
	const char *name;
	int (*fn)(struct relw *rw, struct state *s);
} orders[] = {
    {"count", do_count}, {"static", do_static}, {"keep", do_keep}, {"fork", do_fork}, {"wait", do_wait},
    {"unblock", do_unblock}, {"close", do_close}, {"close listener", do_close_listener}, {"open", do_open},
};

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	char want[32];
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		snprintf(want, sizeof(want), "\"%s\"", orders[i].name);
		if (strcmp(request, want) == 0)
			return asprintf(ret_reply, "%d", orders[i].fn(rw, state)) < 0 ? -1 : 0;
	}
	return relw_refuse(rw, "no such order: %s", request);
}

/* ------------------------------------------------------------------ the module */
static int
init(struct relw *rw, void **ret_state)
{
	(void)rw;
	*ret_state = calloc(1, sizeof(struct state));
	return *ret_state != NULL ? 0 : -1;
}

#if RULE > 1
/* "spoil": changes the old state and refuses; "PATH": waits until there is a file of this name; "exit PATH": and
 * ends the process. */
static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	char path[256];
	*ret_new = old;
	if (strcmp(change->extra, "\"spoil\"") == 0) {
		((struct state *)old)->count = 1000;
		return relw_refuse(rw, "spoilt and refused");
	}
	int ends = sscanf(change->extra, "\"exit %255[^\"]", path);
	if (ends == 1 || sscanf(change->extra, "\"%255[^\"]", path) == 1)
		while (access(path, F_OK) != 0)
			continue;
	if (ends == 1)
		_exit(7);
	return 0;
}
#endif

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)reason;
	(void)!send(relw_listener(rw, 0), "bye", 3, MSG_NOSIGNAL);
	discard(rw, state);
}

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE("rule", RULE > 1 ? "2" : "1"),
	.init = init,
	.handle_call = handle_call,
#if RULE > 1
	.code_change = code_change,
#endif
	.discard = discard,
	.terminate = terminate,
};
