/* SPDX-License-Identifier: Apache-2.0
 * Module `records`: a state of a million records (records.h), in an array or a list (args: {list: 1}).
 * 0.1.0 has layout 1, 0.1.1 layout 2.
 */
#define _GNU_SOURCE /* asprintf */

#include <stdio.h>

#include "records.h"
#include <relworker.h>

struct state {
	void *records; /* owned */
	bool list;
};

#if RECORDS_LAYOUT == 1
typedef struct record_v1 record;
typedef struct node_v1 node;
#else
typedef struct record_v2 record;
typedef struct node_v2 node;
#endif

static void
discard(struct relw *rw, void *state)
{
	struct state *s = state;
	(void)rw;

	records_free(s->records, s->list);
	free(s);
}

static int
init(struct relw *rw, void **ret_state)
{
	struct state *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return relw_refuse(rw, "out of memory");
	s->list = relw_arg_int(rw, "list", 0) != 0;
	s->records = RECORDS_LAYOUT == 1 ? records_new(s->list) : NULL;
	if (s->records == NULL) {
		free(s);
		return relw_refuse(rw, "out of memory, or not of layout 1");
	}
	*ret_state = s;
	return 0;
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)reason;
	discard(rw, state);
}

/* Any question: a sum that a lost or garbled record would change. */
static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	const struct state *s = state;
	uint64_t sum = 0;
	(void)request;

	if (s->list)
		for (const node *n = s->records; n != NULL; n = n->next)
			sum += n->r.id + n->r.len;
	for (uint32_t i = 0; !s->list && i < RECORDS; i++)
		sum += ((const record *)s->records)[i].id + ((const record *)s->records)[i].len;
	if (asprintf(ret_reply, "{\"sum\":%llu}", (unsigned long long)sum) >= 0)
		return 0;
	*ret_reply = NULL;
	return relw_refuse(rw, "out of memory");
}

#if RECORDS_LAYOUT == 2
static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	const struct state *from = old;
	struct state *s = malloc(sizeof(*s));

	if (s == NULL)
		return relw_refuse(rw, "out of memory");
	s->list = from->list;
	s->records = records_convert(from->records, from->list, change->mode == RELW_UP);
	if (s->records == NULL) {
		free(s);
		return relw_refuse(rw, "out of memory");
	}
	*ret_new = s;
	return 0;
}
#endif

RELW_STATE(records, struct state);

static const struct relw_state_type state_types[] = {
	{.name = "records", .version = RECORDS_LAYOUT, .size = sizeof(struct state)},
	{.name = NULL},
};

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE("records", RECORDS_LAYOUT == 1 ? "0.1.0" : "0.1.1"),
	.state_types = state_types,
	.init = init,
	.handle_call = handle_call,
#if RECORDS_LAYOUT == 2
	.code_change = code_change,
#endif
	.discard = discard,
	.terminate = terminate,
};
