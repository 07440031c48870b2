/* SPDX-License-Identifier: Apache-2.0
 * Test module "parts_holder" in versions 1 and 2 (PARTS), of different layouts: the callback module, whose
 * state has parts of parts_a, parts_b and parts_c.  `extra`: {"refuse": N}: it refuses when it has converted
 * all.  handle_call tells the sums of the parts of each owner, and the ledger: parts that live, by owner and
 * layout.  It ends by abort() where a part is left over.
 */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parts.h"

#define OWNERS 3
#define EACH   50

struct state_1 {
	struct ledger *ledger;
	void *parts[OWNERS][EACH];
};

struct state_2 {
	int converted;
	struct {
		void *of[OWNERS];
	} parts[EACH];
	struct ledger *ledger;
};

#if PARTS == 1
typedef struct state_1 state;
#define PART(s, owner, i) (&(s)->parts[owner][i])
#else
typedef struct state_2 state;
#define PART(s, owner, i) (&(s)->parts[i].of[owner])
#endif

static int
init(struct relw *rw, void **ret_state)
{
	state *s = calloc(1, sizeof(*s));
	if (s == NULL || (s->ledger = calloc(1, sizeof(*s->ledger))) == NULL)
		return -1; /* the process ends */
	for (size_t k = 0; k < OWNERS; k++)
		for (int i = 0; i < EACH; i++) {
			const struct parts *owner = RELW_IMPORT(rw, k, struct parts);
			if ((*PART(s, k, i) = owner->make(RELW_CALLEE(rw, k), s->ledger, i)) == NULL)
				return -1;
		}
	*ret_state = s;
	return 0;
}

static int
handle_call(struct relw *rw, void *v, const char *request, char **ret_reply)
{
	state *s = v;
	int sum[OWNERS] = {0}, (*live)[2] = s->ledger->live;
	(void)request;
	for (size_t k = 0; k < OWNERS; k++)
		for (int i = 0; i < EACH; i++) {
			int n = RELW_IMPORT(rw, k, struct parts)->value(RELW_CALLEE(rw, k), *PART(s, k, i));
			if (n != i)
				return relw_refuse(rw, "part %d of owner %zu is %d", i, k, n);
			sum[k] += n;
		}
	return asprintf(ret_reply, "\"%d: %d %d %d; %d %d %d, %d %d %d\"", PARTS, sum[0], sum[1], sum[2],
	    live[0][0], live[1][0], live[2][0], live[0][1], live[1][1], live[2][1]) < 0 ? -1 : 0;
}

#if PARTS == 2
static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	static const char *const owners[OWNERS] = {"parts_a", "parts_b", "parts_c"};
	struct state_1 *one = old, *down = change->mode == RELW_UP ? NULL : calloc(1, sizeof(*down));
	struct state_2 *two = old, *up = change->mode == RELW_UP ? calloc(1, sizeof(*up)) : NULL;
	int rc = up == NULL && down == NULL ? -ENOMEM : 0;
	for (size_t k = 0; k < OWNERS && rc == 0; k++)
		for (int i = 0; i < EACH && rc == 0; i++)
			rc = relw_txn_convert(rw, owners[k], "part", up != NULL ? one->parts[k][i] : two->parts[i].of[k],
			    up != NULL ? &up->parts[i].of[k] : &down->parts[k][i]);
	if (rc == 0 && strstr(change->extra, "refuse") != NULL)
		rc = relw_refuse(rw, "told to refuse");
	if (rc != 0) {
		free(up);
		free(down);
		return rc;
	}
	if (up != NULL)
		up->ledger = one->ledger;
	else
		down->ledger = two->ledger;
	*ret_new = up != NULL ? (void *)up : (void *)down;
	return 0;
}
#endif

static void
discard(struct relw *rw, void *v)
{
	(void)rw;
	free(v);
}

static void
terminate(struct relw *rw, void *v, const char *reason)
{
	static const struct ledger none;
	state *s = v;
	(void)reason;
	for (size_t k = 0; k < OWNERS; k++)
		for (int i = 0; i < EACH; i++)
			RELW_IMPORT(rw, k, struct parts)->drop(RELW_CALLEE(rw, k), *PART(s, k, i));
	if (memcmp(s->ledger, &none, sizeof(none)) != 0)
		abort();
	free(s->ledger);
	free(s);
}

RELW_STATE(state, state);
static const struct relw_state_type types[] = {{.name = "state", .version = PARTS}, {0}};
static const struct relw_import imports[] = {{"parts_a", "parts/1"}, {"parts_b", "parts/1"}, {"parts_c", "parts/1"}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("parts_holder", PARTS == 1 ? "1" : "2"),
    .imports = imports,
    .state_types = types,
    .init = init,
    .handle_call = handle_call,
#if PARTS == 2
    .code_change = code_change,
#endif
    .discard = discard,
    .terminate = terminate,
};
