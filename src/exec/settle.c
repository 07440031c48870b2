/* SPDX-License-Identifier: Apache-2.0
 * Settling: workers that died or were replaced in an operation run again before its outcome is told.
 */
#include "config.h"

#include "exec/exec_priv.h"

/* Those run again that died or were replaced in this operation, and in a recovery those that were lost
 * with the earlier relupd; and those have loaded, or died of it, that still did when another died of
 * it.  On the way back one that did not run when it began is not its business. */
static bool
all_back(const struct exec *x, struct exec_worker **ret, const char **ret_name)
{
	*ret = NULL;
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		if (w->alive && w->waiting) {
			*ret_name = w->name;
			return false;
		}
		if (w->alive || (w->down && x->undoing) || x->ops->runs(x->ctx, w))
			continue;
		/* One that fails says more than one that is on its way. */
		if (*ret == NULL || x->ops->fails(x->ctx, w))
			*ret = w;
		if (x->ops->fails(x->ctx, w))
			break;
	}
	if (*ret != NULL)
		*ret_name = (*ret)->name;
	return *ret == NULL && (!x->recovering || x->ops->found_again(x->ctx, ret_name));
}

/* The new release does not start, the old one did: back, and those that were started by the new map, or
 * wait to be, are started by the old one. */
static void
go_back(struct exec *x)
{
	x->changed = true;
	x->ops->hold_starts(x->ctx, true);
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		if (w->alive)
			continue;
		if (!w->killed && x->ops->runs(x->ctx, w)) {
			exec_count_killed(x, w->name);
			w->killed = true;
		}
		x->ops->replace(x->ctx, w);
	}
	exec_undo_begin(x);
}

static void
give_up(struct exec *x, const char *who)
{
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_START_FAILED, "%s does not run in %s", who,
	    x->undoing ? x->opt.from : x->opt.to);
	exec_fail(x, &err);
	if (!x->undoing) {
		go_back(x);
		return;
	}
	x->mixed = true;
	exec_end(x);
}

static void
begin(struct exec *x, const char *who)
{
	x->phase = EXEC_SETTLE;
	exec_show(x, "settle", "waiting for %s to run again", who);
	x->ops->timer(x->ctx, x->ops->now(x->ctx) + EXEC_SETTLE_TIMEOUT);
	for (size_t i = 0; i < x->count && !x->undoing; i++)
		if (x->workers[i].down)
			x->ops->replace(x->ctx, &x->workers[i]);
}

/* Forward, one that fails ends the wait at once: others are without it meanwhile, and the old release
 * is known to run.  On the way back there is nothing better to do than to wait. */
void
exec_settle(struct exec *x)
{
	struct exec_worker *w;
	const char *who = "?";
	if (x->phase != EXEC_SETTLE)
		x->ops->hold_starts(x->ctx, false);
	if (all_back(x, &w, &who))
		exec_end(x);
	else if (x->phase != EXEC_SETTLE)
		begin(x, who);
	else if (!x->undoing && w != NULL && x->ops->fails(x->ctx, w))
		give_up(x, who);
}

void
exec_poke(struct exec *x)
{
	if (x->phase == EXEC_SETTLE)
		exec_settle(x);
}

void
exec_settle_timer(struct exec *x)
{
	struct exec_worker *w;
	const char *who = "?";
	/* Who still loads serves on in the old code; it takes no other operation until it is through. */
	for (size_t i = 0; i < x->count; i++)
		x->workers[i].waiting = false;
	if (all_back(x, &w, &who))
		exec_end(x);
	else
		give_up(x, who);
}
