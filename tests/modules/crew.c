/* SPDX-License-Identifier: Apache-2.0
 * Test modules "boss" (BOSS) and "crew" that it imports, versions 1 and 2 (CREW).  The crew has a task, whose
 * state has another layout in version 2; the boss changes its own state in place.  The task answers each byte
 * that it reads from the worker's listener by "VSN:n".
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "worker/relworker.h"

struct crew {
	int (*begin)(struct relw *rw);
};

#ifdef BOSS
static int
init(struct relw *rw, void **ret_state)
{
	const struct crew *c = RELW_IMPORT(rw, 0, struct crew);
	*ret_state = calloc(1, sizeof(int));
	return *ret_state != NULL ? c->begin(RELW_CALLEE(rw, 0)) : -1;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)rw;
	(void)change;
	*ret_new = old;
	return 0;
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)rw;
	(void)reason;
	free(state);
}

static const struct relw_import imports[] = {{"crew", "crew/1"}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("boss", CREW == 1 ? "1" : "2"),
    .flags = RELW_IN_PLACE,
    .imports = imports,
    .init = init,
    .code_change = code_change,
    .terminate = terminate,
};
#else
struct work_1 {
	int fd, n;
};

struct work_2 {
	char head[24];
	struct work_1 w;
};

#if CREW == 1
#define WORK(p) ((struct work_1 *)(p))
#else
#define WORK(p) (&((struct work_2 *)(p))->w)
#endif

static int
work(struct relw *rw, void *state)
{
	struct work_1 *w = WORK(state);
	char text[32];
	int rc = relw_task_wait(rw, w->fd, EPOLLIN, -1);
	if (rc < 0)
		return relw_task_due(rw) == RELW_CANCELLED ? RELW_DONE : RELW_AGAIN;
	if (recv(w->fd, text, 1, 0) != 1)
		return RELW_DONE;
	int n = snprintf(text, sizeof(text), "%d:%d", CREW, ++w->n);
	(void)!send(w->fd, text, (size_t)n, MSG_NOSIGNAL);
	return RELW_AGAIN;
}

static int
begin(struct relw *rw)
{
	struct work_2 *w = calloc(1, sizeof(*w)); /* either layout */
	if (w == NULL)
		return -1;
	WORK(w)->fd = relw_listener(rw, 0);
	return relw_task_start(rw, "work", w) > 0 ? 0 : -1;
}

#if CREW == 2
static int
convert(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)rw;
	struct work_2 *w = calloc(1, sizeof(*w));
	if (w == NULL)
		return -1;
	if (change->mode == RELW_UP)
		w->w = *(struct work_1 *)old;
	else
		*(struct work_1 *)(void *)w = ((struct work_2 *)old)->w;
	*ret_new = w;
	return 0;
}
#endif

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

static const struct crew interface = {begin};
static const struct relw_state_type types[] = {
    {.name = "work",
	.version = CREW,
#if CREW == 2
	.convert = convert,
#endif
	.discard = discard},
    {0}};
static const struct relw_function functions[] = {{.name = "work", .task = work}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("crew", CREW == 1 ? "1" : "2"),
    .interface_name = "crew/1",
    .interface = &interface,
    .state_types = types,
    .functions = functions,
};
#endif
