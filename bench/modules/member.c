/* SPDX-License-Identifier: Apache-2.0
 * Module `member`: one of many workers of a group, with a state that is as large as asked for
 * (args: {items: N}) and is converted item by item.  Built once a version:
 *
 *	0.1.0  layout 1
 *	0.1.1  layout 2: code_change from and to 0.1.0
 *	0.1.2  layout 2: nothing but the version differs from 0.1.1
 *
 * Items are what a server keeps of a connection, without the socket: an allocation each, with the
 * beginning of a line in it.
 */
#define _GNU_SOURCE /* asprintf */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <relworker.h>

struct item_v1 {
	uint64_t id;
	uint32_t len;
	char line[52];
};

struct item_v2 {
	uint64_t id;
	uint64_t answered;
	int64_t since;
	uint32_t len;
	char line[52];
};

/* The same in both layouts but for what `items` points to. */
struct member {
	void **items;            /* owned, and each of them */
	uint32_t count;
	uint64_t changes;
};

#if MEMBER_LAYOUT == 1
typedef struct item_v1 item;
#else
typedef struct item_v2 item;
#endif

static void
discard(struct relw *rw, void *state)
{
	struct member *m = state;
	(void)rw;

	for (uint32_t i = 0; i < m->count; i++)
		free(m->items[i]);
	free(m->items);
	free(m);
}

static struct member *
member_new(uint32_t count)
{
	struct member *m = calloc(1, sizeof(*m));
	void **items = calloc((size_t)count + 1, sizeof(*items));

	if (m == NULL || items == NULL) {
		free(m);
		free(items);
		return NULL;
	}
	m->items = items;
	m->count = count;
	return m;
}

static int
init(struct relw *rw, void **ret_state)
{
	int64_t count = relw_arg_int(rw, "items", 0);
	if (count < 0 || count > 10000000)
		return relw_refuse(rw, "args: items is 0 to 10000000");
	struct member *m = member_new((uint32_t)count);
	if (m == NULL)
		return relw_refuse(rw, "out of memory");
	for (uint32_t i = 0; i < m->count; i++) {
		item *it = calloc(1, sizeof(*it));
		if (it == NULL) {
			discard(rw, m);
			return relw_refuse(rw, "out of memory");
		}
		it->id = i;
		it->len = i % sizeof(it->line);
		memset(it->line, 'x', it->len);
		m->items[i] = it;
	}
	*ret_state = m;
	return 0;
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)reason;
	discard(rw, state);
}

/* Any question: what is there, and a sum that a lost or garbled item would change. */
static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct member *m = state;
	uint64_t sum = 0;
	(void)request;

	for (uint32_t i = 0; i < m->count; i++) {
		const item *it = m->items[i];
		sum += it->id + it->len;
	}
	if (asprintf(ret_reply, "{\"vsn\":\"%s\",\"items\":%u,\"changes\":%llu,\"sum\":%llu}",
		MEMBER_VSN, m->count, (unsigned long long)m->changes, (unsigned long long)sum) >= 0)
		return 0;
	*ret_reply = NULL;
	return relw_refuse(rw, "out of memory");
}

#if MEMBER_LAYOUT == 2
static void *
item_up(const struct item_v1 *old)
{
	struct item_v2 *new = malloc(sizeof(*new));
	if (new != NULL) {
		*new = (struct item_v2){.id = old->id, .len = old->len};
		memcpy(new->line, old->line, sizeof(new->line));
	}
	return new;
}

static void *
item_down(const struct item_v2 *old)
{
	struct item_v1 *new = malloc(sizeof(*new));
	if (new != NULL) {
		*new = (struct item_v1){.id = old->id, .len = old->len};
		memcpy(new->line, old->line, sizeof(new->line));
	}
	return new;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	const struct member *from = old;
	struct member *m = member_new(from->count);

	if (m == NULL)
		return relw_refuse(rw, "out of memory");
	for (uint32_t i = 0; i < from->count; i++) {
		m->items[i] = change->mode == RELW_UP ? item_up(from->items[i])
						      : item_down(from->items[i]);
		if (m->items[i] == NULL) {
			discard(rw, m);
			return relw_refuse(rw, "out of memory");
		}
	}
	m->changes = from->changes + 1;
	*ret_new = m;
	return 0;
}
#endif

RELW_STATE(member, struct member);

static const struct relw_state_type state_types[] = {
	{.name = "member", .version = MEMBER_LAYOUT, .size = sizeof(struct member)},
	{.name = NULL},
};

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE("member", MEMBER_VSN),
	.state_types = state_types,
	.init = init,
	.handle_call = handle_call,
#if MEMBER_LAYOUT == 2
	.code_change = code_change,
#endif
	.discard = discard,
	.terminate = terminate,
};
