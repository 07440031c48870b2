/* SPDX-License-Identifier: Apache-2.0
 * Test module "stress": tasks that count, have the loop count with them, end, and are followed by others.
 *   STRESS 1, 3     layout 1 of the loop's state and of the tasks'
 *   STRESS 2        layout 2 of both, made by code_change and convert
 * A task's count and the loop's count of it must agree whenever it calls; the reply to any call is
 * {"vsn", "tasks", "ended", "ticks", "wrong"}, and "stop" has no task followed by another.
 * Arguments: "tasks": how many there are.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/relworker.h"

#define STR(x)	STR_(x)
#define STR_(x) #x
#define VSN	STR(STRESS)
#if STRESS == 2
#define LAYOUT 2
#else
#define LAYOUT 1
#endif

#define TURNS 23 /* of a task */

struct walk_1 {
	long count, turns;
};

struct walk_2 {
	char head[40];
	long turns, count;
};

struct loop_1 {
	long tasks, ended, ticks, wrong;
	int stops;
};

struct loop_2 {
	long version;
	struct loop_1 s;
};

#if LAYOUT == 2
typedef struct walk_2 walk_state;
#define LOOP(p) (&((struct loop_2 *)(p))->s)
#else
typedef struct walk_1 walk_state;
#define LOOP(p) ((struct loop_1 *)(p))
#endif

/* What a task tells the loop. */
struct tick {
	long count;
	long seen;                    /* answered: the loop has it so often */
};

/* A turn waits a little, or is none. */
static int
walk(struct relw *rw, void *state)
{
	walk_state *w = state;
	struct tick t = {.count = w->count};
	if (w->turns % 4 == 0)
		(void)relw_task_wait(rw, -1, 0, 100000 * (w->turns % 3));
	if (relw_call(rw, "tick", (uint64_t)(uintptr_t)&t) != 0)
		return -EIO;
	w->count += t.seen;
	if (++w->turns < TURNS && relw_task_due(rw) != RELW_CANCELLED)
		return RELW_AGAIN;
	t.count = w->count - w->turns;
	(void)relw_call(rw, "leave", (uint64_t)(uintptr_t)&t);
	return RELW_DONE;
}

static int
follow(struct relw *rw, struct loop_1 *s)
{
	walk_state *w = calloc(1, sizeof(struct walk_2)); /* either layout */
	if (w == NULL || relw_task_start(rw, "walk", w) <= 0) {
		free(w);
		return -1;
	}
	s->tasks++;
	return 0;
}

static void
tick(struct relw *rw, void *state, const struct relw_event *event)
{
	struct tick *t = (struct tick *)(uintptr_t)event->key;
	(void)rw;
	LOOP(state)->ticks++;
	t->seen = 1;
}

static void
leave(struct relw *rw, void *state, const struct relw_event *event)
{
	const struct tick *t = (struct tick *)(uintptr_t)event->key;
	struct loop_1 *s = LOOP(state);
	s->wrong += t->count != 0;
	s->ended++;
	s->tasks--;
	if (!s->stops && follow(rw, s) != 0)
		s->wrong++;
}

#if LAYOUT == 2
static int
convert_walk(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)rw;
	struct walk_2 *two = change->mode == RELW_UP ? calloc(1, sizeof(*two)) : old;
	struct walk_1 *one = change->mode == RELW_UP ? old : calloc(1, sizeof(struct walk_2));
	if (one == NULL || two == NULL)
		return -ENOMEM;
	if (change->mode == RELW_UP) {
		memset(two->head, 'x', sizeof(two->head));
		two->count = one->count;
		two->turns = one->turns;
		*ret_new = two;
	} else {
		one->count = two->count;
		one->turns = two->turns;
		*ret_new = one;
	}
	return 0;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)rw;
	struct loop_2 *two = calloc(1, sizeof(*two));
	if (two == NULL)
		return -ENOMEM;
	if (change->mode == RELW_UP) {
		two->version = 2;
		two->s = *(struct loop_1 *)old;
		*ret_new = two;
	} else {
		memcpy(two, &((struct loop_2 *)old)->s, sizeof(two->s));
		*ret_new = two;
	}
	return 0;
}
#endif

static void
drop(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

static int
init(struct relw *rw, void **ret_state)
{
	struct loop_2 *s = calloc(1, sizeof(*s)); /* either layout */
	if (s == NULL)
		return -ENOMEM;
	*ret_state = s;
	for (int64_t i = relw_arg_int(rw, "tasks", 1); i > 0; i--)
		if (follow(rw, LOOP(s)) != 0)
			return relw_refuse(rw, "cannot start a task");
	return 0;
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct loop_1 *s = LOOP(state);
	(void)rw;
	s->stops |= strcmp(request, "\"stop\"") == 0;
	return asprintf(ret_reply, "{\"vsn\":\"%s\",\"tasks\":%ld,\"ended\":%ld,\"ticks\":%ld,\"wrong\":%ld}", VSN,
		   s->tasks, s->ended, s->ticks, s->wrong) < 0 ? -1 : 0;
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)rw;
	(void)reason;
	free(state);
}

static const struct relw_state_type types[] = {
    {.name = "state", .version = LAYOUT},
    {.name = "walk",
	.version = LAYOUT,
	.discard = drop,
#if LAYOUT == 2
	.convert = convert_walk,
#endif
    },
    {0}};
static const struct relw_function functions[] = {
    {.name = "tick", .event = tick},
    {.name = "leave", .event = leave},
    {.name = "walk", .task = walk},
    {0},
};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("stress", VSN),
    .state_types = types,
    .functions = functions,
    .init = init,
    .handle_call = handle_call,
#if LAYOUT == 2
    .code_change = code_change,
#endif
    .discard = drop,
    .terminate = terminate,
};
