/* SPDX-License-Identifier: Apache-2.0
 * Listeners of release 0.1.1-crash that convert their state in place; IN_PLACE_FAILS refuses to, but not in
 * the rehearsal.  They take a connection and never answer.
 */
#include <stdlib.h>

#include <relworker.h>

static int
init(struct relw *rw, void **ret_state)
{
	(void)rw;
	(void)ret_state;
	return 0;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
#ifdef IN_PLACE_FAILS
	if (change->rehearsal == 0)
		return relw_refuse(rw, "now it is another thing");
#endif
	(void)rw;
	(void)change;
	*ret_new = old;
	return 0;
}

static void
on_event(struct relw *rw, void *state, const struct relw_event *event)
{
	(void)state;
	relw_fd_del(rw, event->fd);
}

static const struct relw_function functions[] = {
	{.name = "on_accept", .event = on_event},
	{.name = "on_client", .event = on_event},
	{.name = "on_pause_end", .event = on_event},
	{.name = NULL},
};

RELW_EXPORT const struct relw_module relw_module = {
	RELW_MODULE("listener", "0.1.1-in-place"),
	.flags = RELW_IN_PLACE,
	.functions = functions,
	.init = init,
	.code_change = code_change,
};
