/* SPDX-License-Identifier: Apache-2.0
 * One bracket, forward or undo: all its workers are bidden to begin at once, their answers, the decision,
 * the wake.  On the good way nothing here allocates, writes a file or logs between the bid and the
 * decision: the workers stand still meanwhile.
 */
#include "config.h"

#include <inttypes.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "exec/exec_priv.h"

static const struct exec_step *
step_of(const struct exec *x)
{
	return &x->script->steps[x->step];
}

static bool
takes_part(const struct exec *x, const struct exec_worker *w)
{
	if (!w->alive || !w->concerned[x->step])
		return false;
	/* After a recovery some may have committed already. */
	return w->committed[x->step] == x->undoing;
}

static uint32_t
phase_of(const struct exec *x, size_t i)
{
	return atomic_load(&x->decision.cells[i].phase);
}

/* The cell is the worker's to write: a time that cannot be is taken for the latest possible rest. */
static mono_ns_t
rest_of(const struct exec *x, size_t i, mono_ns_t now)
{
	mono_ns_t at = atomic_load_explicit(&x->decision.cells[i].rest_ns, memory_order_acquire);
	return at < x->bracket_sent || at > now ? x->bracket_sent : at;
}

static enum proto_word_value
word_of(struct exec *x, size_t i)
{
	return proto_word_read(exec_word(x, x->step, x->undoing, i));
}

static void
answered(struct exec *x, struct exec_worker *w)
{
	if (!w->waiting)
		return;
	w->waiting = false;
	MUST(x->waiting > 0);
	x->waiting--;
	if (!w->built)
		x->unbuilt--;
}

/* It leaves the bracket without an answer: the others must not count on it. */
static void
left(struct exec *x, struct exec_worker *w)
{
	if (w->waiting && !step_of(x)->barrier_worker)
		atomic_fetch_sub(&exec_word(x, x->step, x->undoing, 0)->need, 1);
	answered(x, w);
}

static void
built(struct exec *x, struct exec_worker *w)
{
	if (!w->built)
		x->unbuilt--;
	w->built = true;
}

/* ------------------------------------------------------------------ the decision */

static void
wake_all(struct exec *x)
{
	uint64_t one = 1;
	/* Level-triggered: one write wakes every worker of the group.  Who takes it away finds its word
	 * undecided, or gives it back. */
	if (write(x->wake, &one, sizeof(one)) != sizeof(one))
		exec_say(x, "warning", "cannot wake the group at once; its workers' leases will");
}

static void
wake_drain(struct exec *x)
{
	uint64_t n;
	if (read(x->wake, &n, sizeof(n)) != sizeof(n))
		return; /* it was empty: the usual case */
}

/* When a worker that does not report after the decision is killed: inside code_change its own
 * deadline runs on; else it hangs in rebind, or never woke. */
static mono_ns_t
report_due(const struct exec *x, size_t i, mono_ns_t now)
{
	if (phase_of(x, i) == PROTO_PHASE_CHANGE)
		return rest_of(x, i, now) + x->opt.max_pause;
	return x->decided + x->opt.max_pause + EXEC_LEASE_EXTRA;
}

static void
resume_timer_set(struct exec *x, mono_ns_t now)
{
	mono_ns_t at = INT64_MAX;
	for (size_t i = 0; i < x->count; i++) {
		if (!x->workers[i].waiting || x->workers[i].killed)
			continue;
		mono_ns_t due = report_due(x, i, now);
		at = due < at ? due : at;
	}
	if (at != INT64_MAX)
		x->ops->timer(x->ctx, at > now ? at : now + DUR_MS);
}

static void
await_reports(struct exec *x)
{
	x->phase = EXEC_RESUME;
	if (x->waiting == 0) {
		exec_bracket_over(x);
		return;
	}
	x->decided = x->ops->now(x->ctx);
	resume_timer_set(x, x->decided);
}

/* In this bracket: one that runs again by now has its report, and maybe the reason, on the way. */
static bool
was_at_rest(const struct exec *x, size_t i)
{
	return atomic_load_explicit(&x->decision.cells[i].rest_ns, memory_order_acquire) >=
	    x->bracket_sent;
}

/* A worker that never came to rest finds the word later and says DONE then; nobody waits for it. */
static void
leave_out_the_busy(struct exec *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (x->workers[i].waiting && phase_of(x, i) == PROTO_PHASE_RUNNING && !was_at_rest(x, i))
			answered(x, &x->workers[i]);
}

/* The value that stands. */
static enum proto_word_value
set_words(struct exec *x, enum proto_word_value v)
{
	if (!step_of(x)->barrier_worker)
		return proto_word_decide(exec_word(x, x->step, x->undoing, 0), v);
	for (size_t i = 0; i < x->count; i++)
		if (takes_part(x, &x->workers[i]))
			proto_word_decide(exec_word(x, x->step, x->undoing, i), v);
	return v;
}

void
exec_bracket_release(struct exec *x)
{
	if (x->undoing)
		return;
	(void)set_words(x, PROTO_ABORT);
	wake_all(x);
}

static void
decide(struct exec *x, enum proto_word_value v)
{
	if (FAULT(EXEC_DECIDE))
		exec_say(x, "warning", "fault point at the decision");
	enum proto_word_value stands = set_words(x, v);
	if (FAULT(EXEC_DECIDED))
		exec_say(x, "warning", "fault point after the decision");
	wake_all(x);
	if (stands == PROTO_ABORT) {
		x->aborted = true;
		leave_out_the_busy(x);
	}
	await_reports(x);
}

static void
abort_bracket(struct exec *x, const struct rel_err *err)
{
	exec_fail(x, err);
	decide(x, PROTO_ABORT);
}

/* Times that cannot be are no figures: one worker's nonsense is not the result's. */
static void
count_pause(struct exec *x, struct exec_worker *w, mono_ns_t rest, mono_ns_t resumed)
{
	w->rest = w->resumed = 0;
	if (rest < x->bracket_sent || resumed < rest || resumed > x->ops->now(x->ctx))
		return;
	w->rest = rest;
	w->resumed = resumed;
	if (resumed - rest > x->longest_pause)
		x->longest_pause = resumed - rest;
}

/* The group counts itself and one of it tells; who has built is seen in the cells. */
static void
harvest_built(struct exec *x)
{
	for (size_t i = 0; i < x->count && x->unbuilt > 0; i++)
		if (x->workers[i].waiting && phase_of(x, i) == PROTO_PHASE_BUILT)
			built(x, &x->workers[i]);
}

/* After a COMMIT likewise: one tells that all have resumed. */
static void
harvest_resumed(struct exec *x)
{
	for (size_t i = 0; i < x->count && x->waiting > 0; i++) {
		struct exec_worker *w = &x->workers[i];
		const struct proto_cell *c = &x->decision.cells[i];
		if (!w->waiting || phase_of(x, i) != PROTO_PHASE_RUNNING)
			continue;
		mono_ns_t resumed = atomic_load_explicit(&c->resumed_ns, memory_order_acquire);
		if (resumed < x->bracket_sent)
			continue;
		count_pause(x, w, atomic_load_explicit(&c->rest_ns, memory_order_acquire), resumed);
		w->committed[x->step] = !x->undoing;
		answered(x, w);
	}
}

/* The last prepared answer decides; where every worker decides for itself their DONEs end it. */
static bool
complete(const struct exec *x)
{
	return x->waiting == 0 || (x->unbuilt == 0 && !step_of(x)->barrier_worker);
}

static void
decide_if_complete(struct exec *x)
{
	if (x->phase == EXEC_BUILD)
		harvest_built(x);
	else if (!x->aborted && !step_of(x)->barrier_worker)
		harvest_resumed(x);
	if (x->waiting == 0)
		exec_bracket_over(x);
	else if (x->phase == EXEC_BUILD && complete(x))
		decide(x, PROTO_COMMIT);
}

/* ------------------------------------------------------------------ begin */

static void
bracket_timer_set(struct exec *x)
{
	const struct exec_step *st = step_of(x);
	mono_ns_t now = x->ops->now(x->ctx);
	mono_ns_t at = INT64_MAX;
	for (size_t i = 0; i < x->count; i++) {
		if (!x->workers[i].waiting)
			continue;
		mono_ns_t due = INT64_MAX;
		if (x->workers[i].killed)
			continue;
		if (phase_of(x, i) != PROTO_PHASE_RUNNING)
			due = rest_of(x, i, now) + x->opt.max_pause +
			    (word_of(x, i) != PROTO_UNDECIDED ? EXEC_LEASE_EXTRA : 0);
		else if (st->suspend_timeout != DUR_INFINITY)
			due = x->bracket_sent + st->suspend_timeout;
		at = due < at ? due : at;
	}
	/* One that is busy now may come to rest right after this look: look again in max_pause. */
	if (at > now + x->opt.max_pause)
		at = now + x->opt.max_pause;
	x->ops->timer(x->ctx, at > now ? at : now + DUR_MS);
}

/* One that cannot be reached has just died, which is no failure of the upgrade, or lost its connection:
 * its end or its hello is on the way, and the time to come to rest bounds both. */
static void
bid_by_frame(struct exec *x, struct exec_worker *w)
{
	struct proto_frame f = {.magic = PROTO_FRAME_MAGIC, .kind = PROTO_BRACKET,
	    .undo = x->undoing, .step = x->step, .operation = x->opt.operation};
	if (x->ops->send_frame(x->ctx, w, &f) != 0)
		exec_say(x, "warning", "%s cannot be reached in the bracket", w->name);
}

/* One write wakes all workers of the operation, also those that are bidden nothing: for a few of many, a
 * frame to each is less. */
static void
bid(struct exec *x)
{
	bool most = x->waiting > x->count / 2, some = false;
	uint64_t one = 1;
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		if (!w->asked)
			continue;
		if (!most || w->by_frame) {
			bid_by_frame(x, w);
			continue;
		}
		atomic_store(&x->decision.cells[i].bidden, proto_bid(x->step, x->undoing));
		some = true;
	}
	if (some && write(x->begin, &one, sizeof(one)) != sizeof(one))
		exec_say(x, "warning", "cannot begin with the group at once; the time to come to rest ends it");
}

bool
exec_bracket_begin(struct exec *x)
{
	wake_drain(x);
	x->aborted = false;
	x->waiting = 0;
	x->phase = EXEC_BUILD;
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		w->asked = takes_part(x, w);
		w->built = false;
		w->rest = w->resumed = 0;
		w->waiting = w->asked;
		x->waiting += w->asked;
		if (w->asked)
			atomic_store(&x->decision.cells[i].phase, PROTO_PHASE_RUNNING);
	}
	x->unbuilt = x->waiting;
	if (x->waiting == 0)
		return false;
	if (!step_of(x)->barrier_worker)
		atomic_store(&exec_word(x, x->step, x->undoing, 0)->need, (uint32_t)x->waiting);
	x->changed = true;
	x->bracket_sent = x->ops->now(x->ctx);
	bid(x);
	if (FAULT(EXEC_BRACKET_SENT))
		exec_say(x, "warning", "fault point in the bracket");
	bracket_timer_set(x);
	return true;
}

/* ------------------------------------------------------------------ answers */

/* Only where none has run: one that has did not find it.  A recovery does not know. */
static void
hint_rehearsal(const struct exec *x, struct rel_err *err)
{
	if (err->code == REL_E_CODE_CHANGE_FAILED && x->opt.rehearse == EXEC_REHEARSE_NEVER)
		rel_err_hint(err, "%s; `--rehearse auto` finds it without harm", rel_err_hint_of(err));
}

static void
frame_error(const struct exec *x, const struct exec_worker *w, const struct proto_frame *f, struct rel_err *err)
{
	const char *what = f->text[0] != '\0' ? f->text
	    : f->code == PROTO_NO_MEMORY      ? "out of memory"
	    : f->code == PROTO_NOT_PREPARED   ? "the step was not prepared there"
	    : f->code == PROTO_NO_CODE_CHANGE ? "the module offers no code_change"
					      : "refused without a reason";
	if (f->text[0] != '\0')
		rel_err_set(err, REL_E_CODE_CHANGE_FAILED, "%s: %s", w->name, what);
	else
		rel_err_set(err, REL_E_CODE_CHANGE_FAILED, "%s: code_change of %s: %s", w->name,
		    f->module[0] != '\0' ? f->module : "its module", what);
	hint_rehearsal(x, err);
}

void
exec_count_killed(struct exec *x, const char *worker)
{
	if (!proto_json_lists(x->killed, worker))
		json_array_append_new(x->killed, json_string(worker));
}

/* On the way back one that cannot go is replaced, and the others go on without it. */
void
exec_replace(struct exec *x, struct exec_worker *w, const char *why)
{
	exec_say(x, "warning", "%s cannot go back live (%s): it is restarted in %s", w->name, why,
	    x->opt.from);
	left(x, w);
	w->alive = false;
	exec_count_killed(x, w->name);
	w->killed = true;
	x->ops->replace(x->ctx, w);
}

static void
on_built(struct exec *x, struct exec_worker *w, const struct proto_frame *f)
{
	if (x->phase != EXEC_BUILD || !w->waiting)
		return;
	if (f->code == PROTO_OK) {
		built(x, w);
		decide_if_complete(x);
		return;
	}
	struct rel_err err = REL_ERR_INIT;
	frame_error(x, w, f, &err);
	if (!x->undoing) {
		built(x, w); /* at rest: it waits for the word like the others */
		abort_bracket(x, &err);
		return;
	}
	exec_replace(x, w, err.text);
	decide_if_complete(x);
}

static void
on_done(struct exec *x, struct exec_worker *w, const struct proto_frame *f)
{
	if (!w->waiting)
		return;
	count_pause(x, w, f->rest_ns, f->resumed_ns);
	if (f->decided == PROTO_COMMIT) {
		w->committed[x->step] = !x->undoing;
	} else if (x->undoing) {
		exec_replace(x, w, f->text[0] != '\0' ? f->text : "it gave up waiting for the decision");
	} else {
		/* Its own word (self), or the group's: set by itself (lease over, relupd lost) or by
		 * another, whose reason may still be on its way. */
		x->aborted = true;
		struct rel_err err = REL_ERR_INIT;
		frame_error(x, w, f, &err);
		if (x->err.code == REL_OK && f->code != PROTO_OK)
			exec_fail(x, &err);
	}
	answered(x, w);
	if (x->waiting > 0 && x->phase == EXEC_BUILD && x->aborted && !step_of(x)->barrier_worker)
		decide(x, PROTO_ABORT);
	else
		decide_if_complete(x);
}

void
exec_bracket_frame(struct exec *x, size_t worker, const struct proto_frame *f)
{
	struct exec_worker *w = &x->workers[worker];
	if (f->operation != x->opt.operation || f->step != x->step || f->undo != x->undoing)
		return; /* late news of an earlier bracket */
	if (f->kind == PROTO_BUILT)
		on_built(x, w, f);
	else if (f->kind == PROTO_DONE)
		on_done(x, w, f);
}

/* What hello says of the present step; "none" where it says nothing. */
static const char *
reported(const struct exec *x, const json_t *state)
{
	size_t i;
	json_t *s;
	json_array_foreach (json_object_get(state, "steps"), i, s) {
		const char *text = json_string_value(json_object_get(s, "state"));
		if (json_integer_value(json_object_get(s, "step")) == (json_int_t)x->step && text != NULL)
			return text;
	}
	return "none";
}

/* It speaks to us, so it has left the bracket: with the change made, or without. */
void
exec_bracket_reconnected(struct exec *x, size_t worker, const json_t *state)
{
	struct exec_worker *w = &x->workers[worker];
	struct proto_frame f = {.kind = PROTO_DONE, .decided = PROTO_ABORT};
	if (!w->waiting)
		return;
	if (strcmp(reported(x, state), x->undoing ? "undone" : "committed") == 0)
		f.decided = PROTO_COMMIT;
	if (f.decided == PROTO_ABORT && !x->undoing) {
		struct rel_err err = REL_ERR_INIT;
		rel_err_set(&err, REL_E_WORKER_SILENT, "%s lost its connection in the bracket of instruction %u",
		    w->name, step_of(x)->index + 1);
		exec_fail(x, &err);
	}
	on_done(x, w, &f);
}

void
exec_bracket_gone(struct exec *x, size_t worker, bool fault, const char *how)
{
	struct exec_worker *w = &x->workers[worker];
	if (!w->waiting)
		return;
	uint32_t phase = phase_of(x, worker);
	enum proto_word_value v = word_of(x, worker);
	left(x, w);
	/* One that decided for itself (or the last of a group) and died before it could say so. */
	bool gave_up = v == PROTO_ABORT && (step_of(x)->barrier_worker || x->waiting == 0);
	bool of_new_code = phase == PROTO_PHASE_CHANGE || (fault && phase != PROTO_PHASE_RUNNING);
	bool of_the_upgrade = v != PROTO_COMMIT && (gave_up || of_new_code);
	if (of_new_code)
		exec_count_killed(x, w->name);
	if (x->phase == EXEC_BUILD && of_the_upgrade && !x->undoing) {
		struct rel_err err = REL_ERR_INIT;
		rel_err_set(&err, REL_E_WORKER_DIED, "%s %s %s in the bracket of instruction %u", w->name, how,
		    gave_up ? "after it gave up" : phase == PROTO_PHASE_CHANGE ? "inside code_change"
								      : "at rest", step_of(x)->index + 1);
		if (!step_of(x)->barrier_worker) {
			abort_bracket(x, &err);
			return;
		}
		x->aborted = true;
		exec_fail(x, &err);
	}
	decide_if_complete(x);
}

/* ------------------------------------------------------------------ deadlines */

static void
kill_worker(struct exec *x, struct exec_worker *w, const char *why)
{
	exec_say(x, "warning", "%s %s: killed", w->name, why);
	exec_count_killed(x, w->name);
	w->killed = true;
	x->ops->kill(x->ctx, w);
}

/* A bracket before its decision, as its deadline sees it. */
struct look {
	mono_ns_t now;
	bool late;                    /* the time to come to rest is over */
	bool group;                   /* the first at rest stands still for max_pause */
};

static struct look
look_at(const struct exec *x)
{
	const struct exec_step *st = step_of(x);
	struct look l = {.now = x->ops->now(x->ctx)};
	mono_ns_t first = l.now;
	for (size_t i = 0; i < x->count; i++)
		if (x->workers[i].waiting && phase_of(x, i) != PROTO_PHASE_RUNNING &&
		    rest_of(x, i, l.now) < first)
			first = rest_of(x, i, l.now);
	l.late = st->suspend_timeout != DUR_INFINITY && l.now - x->bracket_sent >= st->suspend_timeout;
	l.group = !st->barrier_worker && l.now - first >= x->opt.max_pause;
	return l;
}

/* Who holds the bracket up, and how clearly: 1 overran its own deadline, 2 never came to rest,
 * 3 came to rest late and keeps the others waiting; 0: not this one. */
static int
blame(struct exec *x, size_t i, const struct look *l)
{
	const struct exec_worker *w = &x->workers[i];
	if (!w->waiting || w->built || w->killed || word_of(x, i) != PROTO_UNDECIDED)
		return 0;
	if (phase_of(x, i) == PROTO_PHASE_RUNNING)
		return l->late || l->group ? 2 : 0;
	if (l->now - rest_of(x, i, l->now) >= x->opt.max_pause)
		return 1;
	return l->group ? 3 : 0;
}

/* True where the bracket must end, with the reason in *err. */
static bool
overdue(struct exec *x, const struct look *l, struct rel_err *err)
{
	int worst = 0;
	size_t who = 0;
	for (size_t i = 0; i < x->count; i++) {
		int b = blame(x, i, l);
		if (b != 0 && (worst == 0 || b < worst)) {
			worst = b;
			who = i;
		}
	}
	if (worst == 2) {
		rel_err_set(err, REL_E_SUSPEND_FAILED, "%s did not come to rest within %" PRId64 " ms",
		    x->workers[who].name, (l->now - x->bracket_sent) / DUR_MS);
		exec_name_unrest(x, &x->workers[who], err);
	}
	if (worst != 0 && worst != 2)
		rel_err_set(err, REL_E_CODE_CHANGE_FAILED,
		    "%s did not end its code_change within %" PRId64 " ms%s", x->workers[who].name,
		    x->opt.max_pause / DUR_MS, worst == 3 ? " of the first worker's rest" : "");
	if (worst != 0)
		hint_rehearsal(x, err);
	return worst != 0;
}

/* Who decides for itself has decided, and does not report: as after a decision of ours. */
static void
kill_unreported(struct exec *x, const struct look *l)
{
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		if (w->waiting && !w->killed && word_of(x, i) != PROTO_UNDECIDED &&
		    phase_of(x, i) != PROTO_PHASE_RUNNING &&
		    l->now - rest_of(x, i, l->now) >= x->opt.max_pause + EXEC_LEASE_EXTRA)
			kill_worker(x, w, "did not resume after its decision");
	}
}

/* Forward, who hangs in code_change is killed and the others go back.  On the way back there is no
 * such choice: who holds the others up is replaced. */
static void
build_timer(struct exec *x)
{
	harvest_built(x);
	if (complete(x)) { /* all have built, and the one who was to tell did not */
		decide_if_complete(x);
		return;
	}
	struct rel_err err = REL_ERR_INIT;
	struct look l = look_at(x);
	kill_unreported(x, &l);
	if (!overdue(x, &l, &err)) {
		bracket_timer_set(x);
		return;
	}
	bool undoing = x->undoing;
	for (size_t i = 0; i < x->count; i++) {
		int b = blame(x, i, &l);
		if (undoing && b != 0)
			exec_replace(x, &x->workers[i], err.text);
		else if (b == 1 && phase_of(x, i) == PROTO_PHASE_CHANGE)
			kill_worker(x, &x->workers[i], "overran its deadline in code_change");
	}
	if (!undoing)
		abort_bracket(x, &err);
	else if (complete(x))
		decide_if_complete(x);
	else
		bracket_timer_set(x);
}

/* One that is killed here starts anew by the map, which is that of the decision. */
static void
resume_timer(struct exec *x)
{
	decide_if_complete(x); /* what the cells show needs no message */
	if (x->phase != EXEC_RESUME)
		return;
	mono_ns_t now = x->ops->now(x->ctx);
	for (size_t i = 0; i < x->count; i++) {
		struct exec_worker *w = &x->workers[i];
		if (!w->waiting || w->killed || report_due(x, i, now) > now)
			continue;
		kill_worker(x, w, phase_of(x, i) == PROTO_PHASE_CHANGE
		    ? "overran its deadline in code_change" : "did not resume after the decision");
	}
	resume_timer_set(x, now);
}

void
exec_bracket_timer(struct exec *x)
{
	if (x->phase == EXEC_BUILD)
		build_timer(x);
	else
		resume_timer(x);
}
