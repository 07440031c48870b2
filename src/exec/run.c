/* SPDX-License-Identifier: Apache-2.0
 * The walk through the phases of an operation; bracket.c has the dangerous middle.
 */
#include "config.h"

#include <stdint.h>
#include <string.h>

#include "exec/exec_priv.h"

static void undo_steps(struct exec *x);
static void undo_next(struct exec *x);

/* ------------------------------------------------------------------ the end */

static void
send_finish(struct exec *x, bool confirmed)
{
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		if (!w->alive)
			continue;
		json_t *body = json_pack("{s:I, s:b}", "operation", (json_int_t)x->opt.operation,
		    "confirmed", confirmed);
		if (body == NULL || x->ops->send_json(x->ctx, w, "finish", body, NULL, 0) != 0)
			exec_say(x, "warning", "%s was not told that the operation ended; it hears "
					       "it when it reconnects", w->name);
	}
}

/* Nobody hears an outcome that a crash could take back: one that cannot be recorded is tried again.
 * Until then the workers hold the operation, so that a relupd that dies now finds it in them. */
static void
record(struct exec *x)
{
	struct rel_err err = REL_ERR_INIT;
	if (x->result == NULL)
		x->result = exec_result(x, x->outcome);
	x->phase = EXEC_RECORD;
	if (x->ops->journal_end(x->ctx, x->outcome, x->result, &err) != 0) {
		if (!x->unrecorded) {
			exec_say(x, "error", "the outcome (%s) cannot be recorded: %s; trying again",
			    exec_outcome_name(x->outcome), err.text);
			exec_show(x, "record", "the outcome (%s) cannot be recorded, and status shows what ran "
			    "before until it is: %s; trying again", exec_outcome_name(x->outcome), err.text);
		}
		x->unrecorded = true;
		x->ops->timer(x->ctx, x->ops->now(x->ctx) + EXEC_RECORD_RETRY);
		return;
	}
	x->phase = EXEC_ENDED;
	x->ops->timer(x->ctx, 0);
	if (FAULT(EXEC_OUTCOME))
		exec_say(x, "warning", "fault point after the outcome");
	/* Whatever is not current now goes; where nothing was committed that is prepared code alone. */
	send_finish(x, x->changed);
	x->ops->done(x->ctx, x->outcome, MOVE(x->result), &x->err);
}

/* What ended a worker went with the earlier relupd; its state is lost either way. */
static void
count_ended(struct exec *x)
{
	size_t i;
	json_t *name, *ended = x->ops->ended(x->ctx);
	x->changed |= ended == NULL || json_array_size(ended) > 0;
	json_array_foreach (ended, i, name)
		exec_count_killed(x, json_string_value(name));
	json_decref(ended);
}

void
exec_end(struct exec *x)
{
	if (x->recovering)
		count_ended(x);
	x->outcome = x->mixed	       ? EXEC_MIXED
	    : x->opt.rehearse_only     ? EXEC_UNCHANGED
	    : x->err.code == REL_OK    ? EXEC_UPGRADED
	    : x->err.code == REL_E_BLOCKED && !x->changed ? EXEC_BLOCKED
	    : !x->changed	       ? EXEC_UNCHANGED
				       : EXEC_ROLLED_BACK;
	x->ops->hold_starts(x->ctx, false);
	record(x);
}

/* Nothing was changed, unless somebody was ended to make room. */
void
exec_fall_back(struct exec *x)
{
	if (x->changed) {
		x->undoing = true;
		exec_settle(x);
		return;
	}
	exec_end(x);
}

void
exec_load_begin(struct exec *x)
{
	if (!exec_purge_before(x))
		exec_prepare_begin(x);
}

/* ------------------------------------------------------------------ prepare */

/* A loop, and no bracket calls the next: a script may have thousands of steps that concern nobody. */
static void
steps_go_on(struct exec *x)
{
	for (; x->step < x->script->step_count; x->step++) {
		if (exec_bracket_begin(x))
			return;
		x->ops->map_step(x->ctx, &x->script->steps[x->step], false);
	}
	if (!exec_purge_after(x))
		exec_settle(x);
}

/* A step whose every worker has died would be proven by nobody, and nothing runs new code yet. */
static bool
deserted(struct exec *x)
{
	for (unsigned s = 0; s < x->script->step_count; s++) {
		size_t concerned = 0;
		for (size_t i = 0; i < x->count; i++)
			concerned += x->workers[i].concerned[s];
		if (concerned == 0 || exec_step_workers(x, s) > 0)
			continue;
		struct rel_err err = REL_ERR_INIT;
		rel_err_set(&err, REL_E_WORKER_DIED,
		    "instruction %u: no worker lives that it concerns (%zu did when the operation began)",
		    x->script->steps[s].index + 1, concerned);
		exec_fail(x, &err);
		return true;
	}
	return false;
}

static void
steps_begin(struct exec *x)
{
	if (FAULT(EXEC_PREPARED))
		exec_say(x, "warning", "fault point after prepare");
	if (!x->recovering && deserted(x)) {
		x->changed = x->undoing = true; /* they held new code: what they served is lost, whoever ended them */
		exec_settle(x);
		return;
	}
	if (x->script->step_count > 0)
		exec_show(x, "bracket", "%zu step%s", x->script->step_count,
		    x->script->step_count == 1 ? "" : "s");
	x->step = 0;
	steps_go_on(x);
}

/* After relupd came back.  Who could not be handed the words cannot take part in any bracket, so
 * that forward turns to undo, and undo replaces it where it runs new code. */
static void
adopt_ended(struct exec *x)
{
	if (x->undoing)
		undo_steps(x);
	else if (x->err.code != REL_OK)
		exec_undo_begin(x);
	else
		steps_begin(x);
}

/* In a recovery; where it runs old code in some step there is no way forward. */
static bool
skip_stranded(struct exec *x, const struct exec_worker *w)
{
	for (size_t s = 0; w->stranded && s < x->script->step_count; s++) {
		struct rel_err err = REL_ERR_INIT;
		if (!w->concerned[s] || w->committed[s])
			continue;
		rel_err_set(&err, REL_E_WORKER_DIED, "%s was started anew in %s", w->name, x->opt.from);
		exec_fail(x, &err);
		break;
	}
	return w->stranded;
}

/* Both for a new operation ("prepare") and, after relupd came back, to hand new decision memory to
 * workers that hold the prepared code already ("adopt").  As for send_json(): 0, 1, or -1 with *err. */
static int
hand_to(struct exec *x, size_t i, struct rel_err *err)
{
	struct exec_worker *w = &x->workers[i];
	json_t *body = x->recovering ? exec_adopt_body(x, i) : exec_prepare_body(x, i);
	int fds[3] = {x->decision.memfd, x->wake, x->begin};
	if (body == NULL)
		return rel_err_nomem(err);
	w->by_frame = false;
	int rc = x->ops->send_json(x->ctx, w, x->recovering ? "adopt" : "prepare", body, fds, 3);
	if (rc == 0 || (rc > 0 && x->waiting > 0))
		return rc;
	return rel_err_set(err, REL_E_WORKER_SILENT, "%s cannot be reached%s", w->name,
	    rc > 0 ? ": too many descriptors are on their way to others" : "");
}

/* To all at once, but where too many descriptors are on their way: to the next as others answer. */
static void
hand_out(struct exec *x)
{
	bool any = false;
	for (; x->handed < x->count && (x->recovering || x->err.code == REL_OK); x->handed++) {
		struct exec_worker *w = &x->workers[x->handed];
		if (!w->alive || skip_stranded(x, w))
			continue;
		struct rel_err err = REL_ERR_INIT;
		int rc = hand_to(x, x->handed, &err);
		if (rc > 0)
			break;
		if (rc < 0) {
			exec_fail(x, &err);
			w->stranded = x->recovering;
			continue;
		}
		w->waiting = any = true;
		x->waiting++;
	}
	if (any)
		x->ops->timer(x->ctx, x->ops->now(x->ctx) + EXEC_PREPARE_TIMEOUT);
}

static void
prepare_ended(struct exec *x)
{
	hand_out(x);
	if (x->waiting > 0)
		return;
	if (x->recovering) {
		adopt_ended(x);
	} else if (x->err.code == REL_OK) {
		steps_begin(x);
	} else {
		exec_fall_back(x);
	}
}

static void
hand_out_begin(struct exec *x)
{
	x->phase = EXEC_PREPARE;
	x->waiting = x->handed = 0;
	prepare_ended(x);
}

/* From here a worker may die of the new code, be it in a constructor: a relupd that comes after us must
 * know that it could, or it would call the operation one that changed nothing. */
void
exec_prepare_begin(struct exec *x)
{
	struct rel_err err = REL_ERR_INIT;
	if (FAULT(EXEC_REHEARSED))
		exec_say(x, "warning", "fault point after the rehearsal");
	if (deserted(x)) {
		x->undoing = true;
		exec_settle(x); /* unchanged, and told when they run again */
		return;
	}
	if (x->ops->journal_begun(x->ctx, &err) != 0) {
		rel_err_wrap(&err, "that workers load new code cannot be recorded");
		exec_fail(x, &err);
		exec_end(x);
		return;
	}
	exec_show(x, "prepare", "loading the new code beside the old");
	hand_out_begin(x);
}

static void
on_prepared(struct exec *x, struct exec_worker *w, const json_t *body)
{
	if (!w->waiting)
		return;
	w->waiting = false;
	x->waiting--;
	if (!json_is_true(json_object_get(body, "ok"))) {
		const char *name = json_string_value(json_object_get(body, "code"));
		const char *text = json_string_value(json_object_get(body, "text"));
		enum rel_ecode code = name != NULL ? rel_err_code_of(name) : REL_OK;
		struct rel_err err = REL_ERR_INIT;
		rel_err_set(&err, code != REL_OK ? code : REL_E_BAD_MODULE, "%s: %s", w->name,
		    text != NULL ? text : "cannot prepare the new code");
		exec_hint_refusal(&err, body);
		exec_fail(x, &err);
		w->stranded = x->recovering;
	}
	prepare_ended(x);
}

/* ------------------------------------------------------------------ steps and undo */

static void
undo_steps(struct exec *x)
{
	x->undoing = true;
	x->step = (unsigned)x->script->step_count;
	undo_next(x);
}

/* Nobody goes back before it is recorded: a recovery would go forward again, a second time round.
 * No worker is at rest, so that there is time to try again. */
static void
undo_record(struct exec *x)
{
	struct rel_err err = REL_ERR_INIT;
	x->phase = EXEC_UNDO;
	if (x->ops->journal_undo(x->ctx, &err) == 0) {
		x->unrecorded = false;
		undo_steps(x);
		return;
	}
	if (!x->unrecorded) {
		exec_say(x, "error", "that undoing begins cannot be recorded: %s; trying again", err.text);
		exec_show(x, "undo", "that it begins cannot be recorded: %s; trying again", err.text);
	}
	x->unrecorded = true;
	x->ops->timer(x->ctx, x->ops->now(x->ctx) + EXEC_RECORD_RETRY);
}

void
exec_undo_begin(struct exec *x)
{
	exec_show(x, "undo", "taking it back: %s", x->err.text);
	undo_record(x);
}

static bool
committed_anywhere(const struct exec *x, unsigned step)
{
	for (size_t i = 0; i < x->count; i++)
		if (x->workers[i].alive && x->workers[i].committed[step])
			return true;
	return false;
}

/* Those of a step that have no live way back. */
static void
replace_some(struct exec *x, unsigned step)
{
	bool missing = x->script->steps[step].undo_missing;
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		if (!w->alive || !w->committed[step] || (!missing && !w->stranded))
			continue;
		exec_replace(x, w, missing ? "the script has no code_change for it"
					   : "it could not be handed the decision memory");
	}
}

/* From the last step to the first.  The step of a bracket that is over is looked at again: who was too
 * busy for it may run the new code still. */
static void
undo_next(struct exec *x)
{
	unsigned n = (unsigned)x->script->step_count;
	for (unsigned s = x->step < n ? x->step + 1 : n; s-- > 0;) {
		x->step = s;
		x->ops->map_step(x->ctx, &x->script->steps[s], true);
		replace_some(x, s);
		if (committed_anywhere(x, s) && exec_bracket_begin(x))
			return;
	}
	exec_settle(x);
}

void
exec_bracket_over(struct exec *x)
{
	const struct exec_step *st = &x->script->steps[x->step];
	x->ops->timer(x->ctx, 0);
	mono_ns_t first = 0, last = 0, last_rest = 0;
	for (size_t i = 0; i < x->count; i++) {
		const struct exec_worker *w = &x->workers[i];
		if (!w->asked || w->rest == 0 || w->resumed < w->rest)
			continue;
		first = first == 0 || w->rest < first ? w->rest : first;
		last = w->resumed > last ? w->resumed : last;
		last_rest = w->rest > last_rest ? w->rest : last_rest;
	}
	if (last - first > x->suspended)
		x->suspended = last - first;
	if (last_rest != 0 && last_rest - x->bracket_sent > x->time_to_rest)
		x->time_to_rest = last_rest - x->bracket_sent;
	if (FAULT(EXEC_BRACKET_DONE))
		exec_say(x, "warning", "fault point after a bracket");
	/* Each says that another gave up: then nobody had a reason but the time. */
	if (x->aborted && !x->undoing && x->err.code == REL_OK) {
		struct rel_err err = REL_ERR_INIT;
		rel_err_set(&err, REL_E_GAVE_UP,
		    "the bracket of instruction %u: a worker gave up waiting for the decision",
		    st->index + 1);
		exec_fail(x, &err);
	}
	/* The map changes with the decision; starts are held until the last step. */
	if (!x->aborted && !x->undoing)
		x->ops->map_step(x->ctx, st, false);
	if (x->undoing) {
		undo_next(x);
	} else if (x->aborted || x->err.code != REL_OK) {
		exec_undo_begin(x);
	} else {
		x->step++;
		steps_go_on(x);
	}
}

/* ------------------------------------------------------------------ what comes in */

/* Nobody needs its answer any more, but that it is through. */
static void
loaded_late(struct exec *x, struct exec_worker *w)
{
	w->waiting = false;
	exec_settle(x);
}

void
exec_packet(struct exec *x, void *ref, const struct proto_packet *p)
{
	MUST_OBJ(x, EXEC_MAGIC);
	size_t i = exec_index(x, ref);
	if (i == x->count || !x->workers[i].alive)
		return;
	if (p->frame) {
		if (x->phase == EXEC_BUILD || x->phase == EXEC_RESUME)
			exec_bracket_frame(x, i, &p->bin);
		return;
	}
	json_int_t op = json_integer_value(json_object_get(p->body, "operation"));
	if (op != (json_int_t)x->opt.operation)
		return;
	if (strcmp(p->name, "rehearsed") == 0 && x->phase == EXEC_REHEARSE)
		exec_rehearsed(x, &x->workers[i], p->body);
	else if (strcmp(p->name, "prepared") == 0 && x->phase == EXEC_PREPARE)
		on_prepared(x, &x->workers[i], p->body);
	else if (strcmp(p->name, "unrest") == 0)
		exec_unrest(&x->workers[i], p->body);
	else if (strcmp(p->name, "prepared") == 0 && x->phase == EXEC_SETTLE)
		loaded_late(x, &x->workers[i]);
}

/* Before the first bracket a lost answer ends the operation: nothing has changed, and it can be tried
 * again at once. */
static void
answer_lost(struct exec *x, struct exec_worker *w)
{
	struct rel_err err = REL_ERR_INIT;
	if (!w->waiting)
		return;
	rel_err_set(&err, REL_E_WORKER_SILENT, "%s lost its connection before it answered", w->name);
	exec_fail(x, &err);
	if (x->phase == EXEC_REHEARSE) {
		exec_rehearsal_ended(x, w);
		return;
	}
	w->stranded = x->recovering;
	w->waiting = false;
	x->waiting--;
	prepare_ended(x);
}

bool
exec_reconnected(struct exec *x, void *ref, const json_t *state)
{
	MUST_OBJ(x, EXEC_MAGIC);
	size_t i = exec_index(x, ref);
	if (i == x->count || !x->workers[i].alive)
		return false;
	x->workers[i].by_frame = true;
	if (x->phase == EXEC_REHEARSE || x->phase == EXEC_PREPARE)
		answer_lost(x, &x->workers[i]);
	else if (x->phase == EXEC_BUILD || x->phase == EXEC_RESUME)
		exec_bracket_reconnected(x, i, state);
	else if (x->phase == EXEC_SETTLE)
		loaded_late(x, &x->workers[i]);
	return true;
}

/* Its answer will not come.  What it did itself it did in the new code's constructors: it is started again
 * while the others still load. */
static void
prepare_gone(struct exec *x, struct exec_worker *w, enum exec_death death, const char *how)
{
	struct rel_err err = REL_ERR_INIT;
	w->waiting = false;
	x->waiting--;
	if (death != EXEC_DEATH_OUTSIDE && !x->recovering) {
		rel_err_set(&err, REL_E_WORKER_DIED, "%s %s while it loaded the new code", w->name, how);
		exec_fail(x, &err);
		exec_count_killed(x, w->name);
		x->changed = x->undoing = true;
		exec_settle(x);
		return;
	}
	prepare_ended(x);
}

/* A dead worker runs no old code: its death alone fails nothing (it starts again by the map), unless
 * it died of the upgrade, which prepare and the bracket decide. */
bool
exec_gone(struct exec *x, void *ref, enum exec_death death, const char *how)
{
	MUST_OBJ(x, EXEC_MAGIC);
	size_t i = exec_index(x, ref);
	if (i == x->count || !x->workers[i].alive)
		return false;
	struct exec_worker *w = &x->workers[i];
	w->alive = false;
	if (x->phase == EXEC_LOOK || x->phase == EXEC_PURGE) {
		exec_holders_gone(x, w);
	} else if (x->phase == EXEC_REHEARSE) {
		exec_rehearsal_gone(x, w, how);
	} else if (x->phase == EXEC_PREPARE && w->waiting) {
		prepare_gone(x, w, death, how);
	} else if (x->phase == EXEC_BUILD || x->phase == EXEC_RESUME) {
		exec_bracket_gone(x, i, death == EXEC_DEATH_FAULT, how);
	} else if (x->phase == EXEC_SETTLE && w->waiting && death != EXEC_DEATH_OUTSIDE) {
		exec_count_killed(x, w->name); /* as prepare_gone(): another did before it */
	}
	return true;
}

static const char *
who_is_late(const struct exec *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (x->workers[i].waiting && x->workers[i].due <= x->ops->now(x->ctx))
			return x->workers[i].name;
	return "?";
}

static void
answer_timer(struct exec *x)
{
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_WORKER_SILENT, "%s does not answer", who_is_late(x));
	if (x->phase == EXEC_PREPARE && !x->recovering)
		rel_err_hint(&err, "it may hang in a constructor of the new code: it serves on, and takes no other "
				   "operation until it is started anew; `kill -KILL` its pid, see `relctl status`");
	exec_fail(x, &err);
	if (!x->recovering) {
		exec_end(x);
		return;
	}
	for (size_t i = 0; i < x->count; i++) {
		x->workers[i].stranded |= x->workers[i].waiting;
		x->workers[i].waiting = false;
	}
	x->waiting = 0;
	prepare_ended(x);
}

void
exec_timer(struct exec *x)
{
	MUST_OBJ(x, EXEC_MAGIC);
	switch (x->phase) {
	case EXEC_BUILD:
	case EXEC_RESUME:
		exec_bracket_timer(x);
		break;
	case EXEC_REHEARSE:
	case EXEC_PREPARE:
		answer_timer(x);
		break;
	case EXEC_LOOK:
	case EXEC_PURGE:
		exec_holders_timer(x);
		break;
	case EXEC_SETTLE:
		exec_settle_timer(x);
		break;
	case EXEC_UNDO:
		undo_record(x);
		break;
	case EXEC_RECORD:
		record(x);
		break;
	case EXEC_IDLE:
	case EXEC_ENDED:
		break;
	}
}

void
exec_operation_set(struct exec *x, uint64_t operation)
{
	MUST_OBJ(x, EXEC_MAGIC);
	MUST(x->phase == EXEC_IDLE);
	x->opt.operation = operation;
}

void
exec_start(struct exec *x)
{
	MUST_OBJ(x, EXEC_MAGIC);
	x->started = x->ops->now(x->ctx);
	/* A worker that started between the rehearsal and its bracket would be missed by both. */
	x->ops->hold_starts(x->ctx, true);
	/* Without a worker to change only the map changes. */
	for (size_t i = 0; i < x->count; i++)
		if (x->workers[i].alive) {
			if (x->opt.rehearse_only)
				exec_rehearse_begin(x);
			else
				exec_look_begin(x);
			return;
		}
	if (x->opt.rehearse_only)
		exec_end(x);
	else
		steps_begin(x);
}

void
exec_recover(struct exec *x, bool undo)
{
	MUST_OBJ(x, EXEC_MAGIC);
	x->started = x->ops->now(x->ctx);
	x->ops->hold_starts(x->ctx, true);
	bool any = false;
	for (unsigned s = 0; s < x->script->step_count; s++)
		any |= committed_anywhere(x, s);
	struct rel_err err = REL_ERR_INIT;
	x->changed = any || undo;
	x->recovering = true;
	if (!any || undo) {
		rel_err_set(&err, REL_E_CUT_SHORT, "relupd ended in the middle of the operation");
		exec_fail(x, &err);
		x->undoing = true;
		if (!any) {
			exec_settle(x);
			return;
		}
	}
	/* A committed step is a fact of the map, whichever way we go. */
	for (unsigned s = 0; s < x->script->step_count; s++)
		if (committed_anywhere(x, s))
			x->ops->map_step(x->ctx, &x->script->steps[s], false);
	hand_out_begin(x);
}
