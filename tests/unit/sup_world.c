/* SPDX-License-Identifier: Apache-2.0
 * A world that only notes what sup asks of it: see sup_world.h.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "sup_world.h"

static void
note(struct world *w, char what, const struct sup_worker *k)
{
	size_t n = strlen(w->order);
	snprintf(w->order + n, sizeof(w->order) - n, "%s%c%s/%u", n > 0 ? " " : "", what, k->child,
	    k->index);
}

static void
o_spawn(void *ctx, struct sup_worker *k)
{
	struct world *w = ctx;
	w->spawns++;
	note(w, '+', k);
	k->pid = w->no_pid ? 0 : w->next_pid++;
}

static void
o_kill(void *ctx, struct sup_worker *k, int sig)
{
	struct world *w = ctx;
	w->last_signal = sig;
	w->killed = k;
	note(w, '-', k);
}

static void
o_send_start(void *ctx, struct sup_worker *k)
{
	(void)k;
	((struct world *)ctx)->starts++;
}

static void
o_timer(void *ctx, struct sup_worker *k, dur_ns_t after)
{
	(void)k;
	((struct world *)ctx)->timer = after < 0 ? NO_TIMER : after;
}

static void
o_changed(void *ctx, struct sup_worker *k)
{
	(void)ctx;
	(void)k;
}

static void
o_log(void *ctx, struct sup_worker *k, const char *level, const char *text)
{
	(void)k;
	ck_assert_str_eq(level, "warning");
	ck_assert_str_ne(text, "");
	((struct world *)ctx)->logs++;
}

static void
o_all_stopped(void *ctx)
{
	((struct world *)ctx)->stops++;
}

static mono_ns_t
o_now(void *ctx)
{
	return ((struct world *)ctx)->now;
}

static const struct sup_ops ops = {.spawn = o_spawn, .kill = o_kill, .send_start = o_send_start,
    .timer = o_timer, .changed = o_changed, .log = o_log, .all_stopped = o_all_stopped,
    .now = o_now};

void
world_begin(struct world *w, unsigned intensity, dur_ns_t period)
{
	*w = (struct world){.now = 1000 * DUR_S, .next_pid = 100, .timer = NO_TIMER};
	w->s = sup_new(&ops, w);
	ck_assert_ptr_nonnull(w->s);
	w->node = sup_node_add(w->s, intensity, period);
	ck_assert_ptr_nonnull(w->node);
}

struct sup_worker *
world_add(struct world *w, const char *child, unsigned index, unsigned stage)
{
	struct sup_worker *k = sup_add(w->s, "app", child, index, "mod", stage, w->node);
	ck_assert_ptr_nonnull(k);
	k->shutdown = 5 * DUR_S;
	return k;
}

void
world_fire(struct world *w, struct sup_worker *k)
{
	ck_assert_msg(w->timer != NO_TIMER, "no timer runs");
	w->now += w->timer;
	w->timer = NO_TIMER;
	sup_event(w->s, k, SUP_EV_TIMER);
}

void
world_up(struct world *w, struct sup_worker *k)
{
	sup_event(w->s, k, SUP_EV_HELLO);
	sup_event(w->s, k, SUP_EV_READY);
	ck_assert_int_eq(k->state, SUP_RUNNING);
	ck_assert(!k->failed);
}
