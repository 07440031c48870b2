/* SPDX-License-Identifier: Apache-2.0
 * What goes out before the first bracket: the decision memory and the bodies of rehearse and
 * prepare.  Words of a step, from word_base: a group has two (forward, undo); with a word per worker
 * it has two for each worker that it concerns, in the order of x->workers.  A step that concerns
 * nobody has none.
 */
#include "config.h"

#include <stdlib.h>

#include "exec/exec_priv.h"

const char *
exec_purge_name(enum exec_purge p)
{
	static const char *const names[] = {
	    [EXEC_PURGE_SOFT] = "soft",
	    [EXEC_PURGE_BRUTAL] = "brutal",
	    [EXEC_PURGE_STRICT] = "strict",
	};
	return names[p];
}

bool
exec_step_self(const struct exec *x, unsigned step)
{
	return x->script->steps[step].barrier_worker || exec_step_workers(x, step) == 1;
}

size_t
exec_step_workers(const struct exec *x, unsigned step)
{
	size_t n = 0;
	for (size_t i = 0; i < x->count; i++)
		n += x->workers[i].alive && x->workers[i].concerned[step];
	return n;
}

/* The members of a step, at half its first word: all words before it come in pairs. */
static void
members_list(struct exec *x, unsigned step)
{
	uint32_t at = x->word_base[step] / 2;
	for (size_t i = 0; x->script->steps[step].barrier_worker && i < x->count; i++)
		if (x->workers[i].concerned[step])
			x->members[at++] = (uint32_t)i;
}

int
exec_decision_make(struct exec *x, struct rel_err *err)
{
	uint64_t words = 0;
	for (unsigned s = 0; s < x->script->step_count; s++) {
		size_t n = exec_step_workers(x, s);
		x->word_base[s] = (uint32_t)words;
		words += 2 * (x->script->steps[s].barrier_worker ? n : n > 0);
		if (words > PROTO_WORDS_MAX)
			return rel_err_set(err, REL_E_LIMIT,
			    "the script has too many steps for %zu workers", x->count);
	}
	x->word_base[x->script->step_count] = (uint32_t)words;
	x->members = calloc(words / 2 + 1, sizeof(*x->members));
	if (x->members == NULL)
		return rel_err_nomem(err);
	for (unsigned s = 0; s < x->script->step_count; s++)
		members_list(x, s);
	/* An empty script, or loads that concern nobody, still make an operation: one word is spare. */
	return proto_decision_new(words > 0 ? (uint32_t)words : 1, (uint32_t)x->count, &x->decision, err);
}

/* Asked for each worker in a bracket: the list of members is searched by halves. */
static uint32_t
word_index(const struct exec *x, unsigned step, bool undo, size_t worker)
{
	uint32_t lo = x->word_base[step] / 2, hi = x->word_base[step + 1] / 2;
	MUST(lo < hi);
	while (x->script->steps[step].barrier_worker && x->members[lo] != worker) {
		uint32_t mid = lo + (hi - lo) / 2;
		MUST(mid > lo);
		if (x->members[mid] <= worker)
			lo = mid;
		else
			hi = mid;
	}
	return 2 * lo + undo;
}

struct proto_word *
exec_word(struct exec *x, unsigned step, bool undo, size_t worker)
{
	return &x->decision.words[word_index(x, step, undo, worker)];
}

static json_t *
changes_json(const struct exec_change *list, size_t n)
{
	json_t *a = json_array();
	for (size_t i = 0; a != NULL && i < n; i++)
		json_array_append_new(a, json_pack("{s:s, s:s, s:O}", "module", list[i].module, "mode",
		    model_mode_name(list[i].mode), "extra", list[i].extra));
	return a;
}

static json_t *
names_json(const char *const *names, size_t n)
{
	json_t *a = json_array();
	for (size_t i = 0; a != NULL && i < n; i++)
		json_array_append_new(a, json_string(names[i]));
	return a;
}

static json_t *
step_json(struct exec *x, unsigned s, size_t worker, bool rehearsal)
{
	const struct exec_step *st = &x->script->steps[s];
	return json_pack("{s:i, s:i, s:i, s:b, s:b, s:b, s:o, s:o, s:o}", "step", (int)s, "up",
	    rehearsal ? 0 : (int)word_index(x, s, false, worker), "undo",
	    rehearsal ? 0 : (int)word_index(x, s, true, worker), "self", exec_step_self(x, s),
	    "suspends", st->suspend_count > 0, "changes_state", st->change_count > 0, "loads", names_json(st->loads, st->load_count),
	    "changes", changes_json(st->changes, st->change_count), "undo_changes",
	    changes_json(st->undo_changes, st->undo_count));
}

static json_t *
steps_json(struct exec *x, size_t worker, bool rehearsal)
{
	json_t *a = json_array();
	for (unsigned s = 0; a != NULL && s < x->script->step_count; s++)
		if (x->workers[worker].concerned[s])
			json_array_append_new(a, step_json(x, s, worker, rehearsal));
	return a;
}

json_t *
exec_rehearse_body(struct exec *x, size_t worker)
{
	dur_ns_t deadline = x->opt.max_pause * (dur_ns_t)x->script->step_count + EXEC_REHEARSE_EXTRA;
	return json_pack("{s:I, s:I, s:b, s:o, s:o}", "operation", (json_int_t)x->opt.operation,
	    "deadline_ms", (json_int_t)(deadline / DUR_MS), "always", x->opt.rehearse == EXEC_REHEARSE_ALWAYS,
	    "steps", steps_json(x, worker, true),
	    "modules", x->ops->modules(x->ctx, &x->workers[worker]));
}

json_t *
exec_prepare_body(struct exec *x, size_t worker)
{
	dur_ns_t lease = x->opt.max_pause + EXEC_LEASE_EXTRA;
	return json_pack("{s:I, s:I, s:i, s:s*, s:o, s:o}", "operation", (json_int_t)x->opt.operation,
	    "lease_ms", (json_int_t)(lease / DUR_MS), "cell", (int)worker, "purge",
	    exec_purge_name(x->opt.purge), "steps", steps_json(x, worker, false), "modules",
	    x->ops->modules(x->ctx, &x->workers[worker]));
}

json_t *
exec_adopt_body(struct exec *x, size_t worker)
{
	json_t *words = json_array();
	for (unsigned s = 0; words != NULL && s < x->script->step_count; s++)
		if (x->workers[worker].concerned[s])
			json_array_append_new(words, json_pack("{s:i, s:i, s:i}", "step", (int)s, "up",
			    (int)word_index(x, s, false, worker), "undo",
			    (int)word_index(x, s, true, worker)));
	return json_pack("{s:I, s:i, s:o}", "operation", (json_int_t)x->opt.operation, "cell",
	    (int)worker, "words", words);
}
