/* SPDX-License-Identifier: Apache-2.0
 * Test module "pair_a": the callback module; keeps ten notes of pair_b in its state.  PAIR 2 has
 * another layout and imports pair_c too; PAIR_CYCLE imports itself as well.  `extra`: true, "crash":
 * refuses, crashes after it has converted all; "pass": returns what relw_txn_convert() does, and says
 * nothing; "go on": as if nothing was; "type", "module": as "pass", of a part that there is not.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pair.h"

#define NOTES 10

struct state {
	void *notes[NOTES];
#if PAIR == 2
	int converted;
#endif
};

static int
init(struct relw *rw, void **ret_state)
{
	const struct pair_b *b = RELW_IMPORT(rw, 0, struct pair_b);
	struct state *s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -1;
	for (int i = 0; i < NOTES; i++)
		s->notes[i] = b->note_new(RELW_CALLEE(rw, 0), i);
	*ret_state = s;
	return 0;
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	const struct pair_b *b = RELW_IMPORT(rw, 0, struct pair_b);
	struct state *s = state;
	char first[32], last[32];
	(void)request;
	b->note_text(RELW_CALLEE(rw, 0), s->notes[0], first, sizeof(first));
	b->note_text(RELW_CALLEE(rw, 0), s->notes[NOTES - 1], last, sizeof(last));
	return asprintf(ret_reply, "\"a%d %s %s\"", PAIR, first, last) < 0;
}

#if PAIR == 2
struct state_1 {
	void *notes[NOTES];
};

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	struct state_1 *from = old; /* both layouts begin with the notes */
	struct state *to =
	    calloc(1, change->mode == RELW_UP ? sizeof(struct state) : sizeof(struct state_1));
	if (to == NULL)
		return -1;
	for (int i = 0; i < NOTES; i++) {
		int rc = relw_txn_convert(rw, strcmp(change->extra, "\"module\"") == 0 ? "pair" : "pair_b",
		    strcmp(change->extra, "\"type\"") == 0 ? "letter" : "note", from->notes[i], &to->notes[i]);
		if (rc != 0 && strcmp(change->extra, "\"go on\"") != 0) {
			free(to);
			return change->extra[0] == '"' ? rc : relw_refuse(rw, "note %d: %d", i, rc);
		}
	}
	if (strcmp(change->extra, "\"crash\"") == 0)
		raise(SIGSEGV);
	if (strcmp(change->extra, "true") == 0) {
		free(to);
		return relw_refuse(rw, "converted and refused");
	}
	*ret_new = to;
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
	const struct pair_b *b = RELW_IMPORT(rw, 0, struct pair_b);
	struct state *s = state;
	(void)reason;
	for (int i = 0; i < NOTES; i++)
		b->note_free(RELW_CALLEE(rw, 0), s->notes[i]);
	free(s);
}

static const struct relw_import imports[] = {
    {"pair_b", "pair_b/1"},
#if PAIR == 2
    {"pair_c", "pair_b/1"},
#endif
    {0},
};
RELW_STATE(state, struct state);
static const struct relw_state_type types[] = {{.name = "state", .version = PAIR}, {0}};

RELW_EXPORT const struct relw_module relw_module = {
    RELW_MODULE("pair_a", PAIR == 1 ? "1" : "2"),
    .imports = imports,
    .state_types = types,
    .init = init,
    .handle_call = handle_call,
#if PAIR == 2
    .code_change = code_change,
#endif
    .discard = discard,
    .terminate = terminate,
};
