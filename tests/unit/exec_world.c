/* SPDX-License-Identifier: Apache-2.0
 * The scripted world: see exec_world.h.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec_fakes.h"

/* ------------------------------------------------------------------ exec's world */

static void
read_words(struct fake *f, const json_t *list, bool steps)
{
	size_t i;
	json_t *s;
	json_array_foreach (list, i, s) {
		json_int_t at = json_integer_value(json_object_get(s, "step"));
		ck_assert(at >= 0 && at < WORLD_STEPS);
		f->word[0][at] = (uint32_t)json_integer_value(json_object_get(s, "up"));
		f->word[1][at] = (uint32_t)json_integer_value(json_object_get(s, "undo"));
		ck_assert_uint_lt(f->word[0][at], f->memory.word_count);
		ck_assert_uint_lt(f->word[1][at], f->memory.word_count);
		if (steps)
			f->self[at] = json_is_true(json_object_get(s, "self"));
	}
}

static void
answer(struct fake *f, const char *name, json_int_t op, enum answer how, bool rehearsal)
{
	static const char *const results[] = {[ANSWER_OK] = "ok", [ANSWER_NO] = "refused",
	    [ANSWER_CRASHED] = "crashed", [ANSWER_HUNG] = "hung", [ANSWER_BLOCKED] = "refused",
	    [ANSWER_LACKS] = "refused", [ANSWER_FORBIDDEN] = "forbidden", [ANSWER_SKIPPED] = "skipped",
	    [ANSWER_NOMEM] = "refused",
	    [ANSWER_TWICE] = "ok"};
	bool ok = how == ANSWER_OK || how == ANSWER_TWICE, lacks = how == ANSWER_LACKS;
	json_t *body;
	if (how == ANSWER_MUTE)
		return;
	if (how == ANSWER_DIE || how == ANSWER_DIE_OF_IT) {
		fake_die(f, how == ANSWER_DIE_OF_IT);
		return;
	}
	if (how == ANSWER_GARBAGE)
		body = json_pack("{s:I, s:[i,n], s:i, s:{}}", "operation", op, "result", 7, "ok", 1,
		    "text");
	else if (rehearsal)
		body = json_pack("{s:I, s:s, s:s, s:s, s:I, s:s*, s:s*, s:o*}", "operation", op, "result", results[how],
		    "module", "m0", "text", "why", "longest_us", f->longest_us, "code",
		    lacks ? "code_change_failed" : how == ANSWER_NOMEM ? "out_of_memory" : NULL, "hint", lacks ? "so" : NULL, "at",
		    how == ANSWER_CRASHED ? json_pack("{s:s, s:i}", "digest", "d0", "offset", 16) : NULL);
	else
		body = json_pack("{s:I, s:b, s:s, s:s}", "operation", op, "ok", ok, "code",
		    ok ? "" : how == ANSWER_BLOCKED ? "blocked" : lacks ? "code_change_failed" : "bad_abi", "text",
		    "why");
	fake_post(f, EV_JSON, DUR_MS, false, name, body);
	if (how == ANSWER_TWICE)
		fake_post(f, EV_JSON, DUR_MS + 1, false, name, json_pack("{s:I, s:s, s:b}", "operation", op,
		    "result", "refused", "ok", 0));
}

static int
o_send_json(void *ctx, struct exec_worker *xw, const char *name, json_t *body, const int *fds,
    size_t n)
{
	struct fake *f = xw->ref;
	struct rel_err err = REL_ERR_INIT;
	(void)ctx;
	ck_assert_ptr_nonnull(body);
	json_int_t op = json_integer_value(json_object_get(body, "operation"));
	if (f->no_json) {
		json_decref(body);
		return -1;
	}
	if (strcmp(name, "finish") == 0) {
		f->finishes++;
		f->confirmed = json_is_true(json_object_get(body, "confirmed"));
		json_decref(body);
		return 0;
	}
	bool rehearsal = strcmp(name, "rehearse") == 0, adopt = strcmp(name, "adopt") == 0;
	ck_assert_uint_eq(n, rehearsal ? 0 : 3);
	if (n > 0 && f->w->room > 0 && f->w->on_way == f->w->room) {
		json_decref(body);
		return 1;
	}
	if (!rehearsal) {
		f->w->on_way++;
		f->w->begin = fds[2];
		f->begun = 0;
		f->deaf = false;
		proto_decision_fini(&f->memory);
		ck_assert_int_eq(proto_decision_map(fds[0], &f->memory, &err), 0);
		f->cell = (uint32_t)json_integer_value(json_object_get(body, "cell"));
		ck_assert_uint_lt(f->cell, f->memory.cell_count);
		read_words(f, json_object_get(body, adopt ? "words" : "steps"), !adopt);
	}
	json_decref(f->prepared);
	f->prepared = body;
	answer(f, rehearsal ? "rehearsed" : "prepared", op, rehearsal ? f->rehearse : f->prepare,
	    rehearsal);
	return 0;
}

static int
o_send_frame(void *ctx, struct exec_worker *xw, const struct proto_frame *fr)
{
	struct fake *f = xw->ref;
	(void)ctx;
	ck_assert_int_eq(fr->kind, PROTO_BRACKET);
	fake_arrive(f, fr);
	return f->no_frame ? -1 : 0;
}

static json_t *
o_modules(void *ctx, struct exec_worker *xw)
{
	const struct fake *f = xw->ref;
	json_t *list = json_array();
	(void)ctx;
	for (size_t s = 0; s < f->w->steps; s++)
		json_array_append_new(list, json_pack("{s:o, s:s}", "module", json_sprintf("m%zu", s), "digest", "d"));
	return list;
}

static json_t *
holders(const struct fake *f, size_t n)
{
	json_t *list = json_array();
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, f->words
		    ? json_pack("{s:s, s:s, s:i, s:i, s:s}", "module", "m0", "vsn", "1", "words", 3, "offset", 16, "what",
			  "memory")
		    : json_pack("{s:s, s:s, s:o, s:i, s:s, s:s}", "module", "m0", "vsn", "1", "task",
			  json_sprintf("serve/%zu", i + 1), "thread", 7, "since", "then", "what", "task"));
	return list;
}

static json_t *
o_stand(void *ctx, struct exec_worker *xw)
{
	const struct fake *f = xw->ref;
	(void)ctx;
	return f->stands ? json_pack("[{s:s, s:s, s:i, s:n, s:i, s:s}]", "module", "m0", "vsn", "1", "thread", 8, "since",
	    "offset", 66, "what", "stack") : NULL;
}

static int
o_ask(void *ctx, struct exec_worker *xw, json_t *body)
{
	struct fake *f = xw->ref;
	const char *what = json_string_value(json_object_get(body, "what"));
	bool look = strcmp(what, "look") == 0;
	(void)ctx;
	ck_assert(json_integer_value(json_object_get(body, "wait_ms")) > 0);
	if (look) {
		const char *purge = json_string_value(json_object_get(body, "purge"));
		snprintf(f->purge, sizeof(f->purge), "%s", purge != NULL ? purge : "");
		f->leave = json_is_true(json_object_get(body, "leave"));
		ck_assert_uint_gt(json_array_size(json_object_get(body, "modules")), 0);
	}
	f->looks += look;
	f->purges += !look;
	json_decref(body);
	if (f->no_json)
		return -1;
	size_t holding = f->blocking + f->staying;
	if (f->ask == ANSWER_DIE)
		fake_die(f, false);
	else if (f->ask == ANSWER_NO)
		fake_post(f, EV_JSON, DUR_MS, false, "no reply", NULL);
	else if (f->ask != ANSWER_MUTE && look)
		fake_post(f, EV_JSON, DUR_MS, false, "reply", json_pack("{s:o, s:o}", "blocking",
		    holders(f, f->blocking), "staying", holders(f, f->leave ? f->staying : 0)));
	else if (f->ask != ANSWER_MUTE)
		fake_post(f, EV_JSON, DUR_MS, false, "reply", json_pack("{s:o, s:o}", "cancelled",
		    holders(f, holding), "holders", holders(f, f->stubborn)));
	return 0;
}

static void
o_kill(void *ctx, struct exec_worker *xw)
{
	struct fake *f = xw->ref;
	(void)ctx;
	f->kills++;
	fake_die(f, false);
}

static void
o_replace(void *ctx, struct exec_worker *xw)
{
	struct fake *f = xw->ref;
	(void)ctx;
	f->replaces += f->alive; /* one that is down is only started */
	f->failing = false;
	fake_die(f, false);
}

static void
o_hold_starts(void *ctx, bool hold)
{
	struct world *w = ctx;
	w->hold = hold;
	for (size_t i = 0; i < w->count && !hold; i++)
		if (!w->fakes[i].alive)
			fake_post(&w->fakes[i], EV_START, RESTART, false, NULL, NULL);
}

static bool
o_runs(void *ctx, struct exec_worker *xw)
{
	(void)ctx;
	return ((struct fake *)xw->ref)->alive;
}

static bool
o_fails(void *ctx, struct exec_worker *xw)
{
	(void)ctx;
	return ((struct fake *)xw->ref)->failing;
}

static bool
o_found_again(void *ctx, const char **ret_name)
{
	struct world *w = ctx;
	for (size_t i = 0; i < w->count; i++) {
		if (w->fakes[i].alive || w->fakes[i].bystander)
			continue;
		*ret_name = w->fakes[i].name;
		return false;
	}
	return true;
}

static void
o_map_step(void *ctx, const struct exec_step *st, bool undo)
{
	struct world *w = ctx;
	/* The first module of step N is mN. */
	if (st->loads[0][0] == 'm')
		w->map[strtoul(st->loads[0] + 1, NULL, 10)] = !undo;
}

static void
o_timer(void *ctx, mono_ns_t at)
{
	struct world *w = ctx;
	ck_assert(at == 0 || at > w->now);
	w->timer = at;
}

static mono_ns_t
o_now(void *ctx)
{
	return ((struct world *)ctx)->now;
}

/* The journal blocks: never while somebody stands still. */
static void
nobody_at_rest(const struct world *w)
{
	for (size_t i = 0; i < w->count; i++)
		ck_assert_msg(!w->fakes[i].in_bracket || !w->fakes[i].alive,
		    "%s (act %d, step %u, undo %u, starts %u) stands still while the journal is "
		    "written\n%s", w->fakes[i].name,
		    w->fakes[i].act[w->fakes[i].frame.undo][w->fakes[i].frame.step],
		    w->fakes[i].frame.step, w->fakes[i].frame.undo, w->fakes[i].starts, w->log);
}

static int
o_journal_begun(void *ctx, struct rel_err *err)
{
	struct world *w = ctx;
	nobody_at_rest(w);
	ck_assert(!w->begun && !w->brackets);
	if (w->fail_begun > 0) {
		w->fail_begun--;
		return rel_err_set(err, REL_E_IO, "the disk is full");
	}
	w->begun = true;
	return 0;
}

static int
o_journal_undo(void *ctx, struct rel_err *err)
{
	struct world *w = ctx;
	nobody_at_rest(w);
	ck_assert_uint_eq(w->frames[1], 0);
	if (w->fail_undo > 0) {
		w->fail_undo--;
		return rel_err_set(err, REL_E_IO, "the disk is full");
	}
	w->undos++;
	return 0;
}

static int
o_journal_end(void *ctx, enum exec_outcome o, json_t *result, struct rel_err *err)
{
	struct world *w = ctx;
	nobody_at_rest(w);
	ck_assert_uint_eq(w->dones, 0);
	w->ends++;
	if (w->fail_end > 0) {
		w->fail_end--;
		return rel_err_set(err, REL_E_IO, "the disk is full");
	}
	w->outcome = o;
	w->result = json_incref(result);
	return 0;
}

static void
o_progress(void *ctx, const struct exec_progress *p)
{
	struct world *w = ctx;
	size_t n = strlen(w->phases);
	snprintf(w->phases + n, sizeof(w->phases) - n, "%s%s", n > 0 ? " " : "", p->phase);
}

static void
o_log(void *ctx, const char *level, const char *text)
{
	struct world *w = ctx;
	size_t n = strlen(w->log);
	snprintf(w->log + n, sizeof(w->log) - n, "%s: %s\n", level, text);
}

static void
o_done(void *ctx, enum exec_outcome o, json_t *result, const struct rel_err *err)
{
	struct world *w = ctx;
	w->dones++;
	ck_assert_int_eq(o, w->outcome); /* recorded before it is told, and the same */
	ck_assert_ptr_eq(result, w->result);
	w->err = *err;
	w->warnings = json_incref((json_t *)(uintptr_t)exec_warnings(w->x));
	w->rehearsals = json_incref((json_t *)(uintptr_t)exec_rehearsals(w->x));
	json_decref(result);
}

static const struct exec_ops ops = {.send_json = o_send_json, .send_frame = o_send_frame, .ask = o_ask, .stand = o_stand,
    .modules = o_modules, .kill = o_kill, .replace = o_replace, .hold_starts = o_hold_starts,
    .runs = o_runs, .fails = o_fails, .found_again = o_found_again, .ended = world_ended, .map_step = o_map_step, .timer = o_timer, .now = o_now,
    .journal_begun = o_journal_begun, .journal_undo = o_journal_undo, .journal_end = o_journal_end, .progress = o_progress,
    .log = o_log, .done = o_done};

/* ------------------------------------------------------------------ life */

struct world *
world_new(const char *kinds, size_t workers)
{
	struct world *w = calloc(1, sizeof(*w));
	ck_assert_ptr_nonnull(w);
	w->steps = strlen(kinds);
	ck_assert_uint_le(w->steps, WORLD_STEPS);
	snprintf(w->kinds, sizeof(w->kinds), "%s", kinds);
	w->relup = world_relup(kinds);
	w->now = 1000 * DUR_S;
	w->opt = (struct exec_options){.operation = 7, .from = "1", .to = "2",
	    .instructions = (unsigned)w->relup->up[0].script.count, .max_pause = EXEC_MAX_PAUSE};
	w->fakes = calloc(workers + 1, sizeof(*w->fakes));
	ck_assert_ptr_nonnull(w->fakes);
	w->count = workers;
	for (size_t i = 0; i < workers; i++) {
		struct fake *f = &w->fakes[i];
		f->w = w;
		f->alive = true;
		f->memory.memfd = -1;
		snprintf(f->name, sizeof(f->name), "a/c/%zu", i);
		memset(f->concerned, 1, sizeof(f->concerned));
	}
	return w;
}

struct world *
world_unrehearsed(const char *kinds, size_t workers)
{
	struct world *w = world_new(kinds, workers);
	w->opt.rehearse = EXEC_REHEARSE_NEVER;
	return w;
}

/* Behind the others: loads of a module that nobody holds. */
static void
idle_steps(const struct world *w, struct exec_script *s)
{
	static const char *load = "nobodys";
	if (w->idle == 0)
		return;
	struct exec_step *steps = rel_arena_calloc(s->arena, s->step_count + w->idle, sizeof(*steps));
	ck_assert_ptr_nonnull(steps);
	memcpy(steps, s->steps, s->step_count * sizeof(*steps));
	for (size_t i = 0; i < w->idle; i++)
		steps[s->step_count++] = (struct exec_step){.barrier_worker = true, .load_count = 1,
		    .loads = &load};
	s->steps = steps;
}

void
world_make(struct world *w)
{
	struct exec_script *script;
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(exec_compile(&w->relup->up[0].script, &w->relup->down[0].script, &script,
	    &err), 0);
	ck_assert_uint_eq(script->step_count, w->steps);
	idle_steps(w, script);
	struct exec_worker *list = calloc(w->count + 1, sizeof(*list));
	size_t n = 0;
	for (size_t i = 0; i < w->count; i++) {
		struct fake *f = &w->fakes[i];
		if (f->outside || f->bystander)
			continue;
		list[n] = (struct exec_worker){.ref = f, .name = f->name, .pid = (json_int_t)i + 8, .down = f->down, .gone = f->gone,
		    .holds = f->blocking + f->staying > 0 || f->ask != ANSWER_OK};
		list[n].concerned = calloc(script->step_count + 1, sizeof(bool));
		list[n].committed = calloc(script->step_count + 1, sizeof(bool));
		memcpy(list[n].concerned, f->concerned, w->steps);
		for (size_t s = 0; s < w->steps; s++)
			list[n].committed[s] = f->state[s] && f->concerned[s];
		list[n++].stranded = f->stranded;
	}
	ck_assert_int_eq(exec_new(&ops, w, &w->opt, script, list, n, &w->x, &err), 0);
}

/* One event, or where none is left the timer; false: nothing moves any more. */
static bool
turn(struct world *w)
{
	struct event e;
	bool any = fake_next_event(w, &e);
	if (any && (w->timer == 0 || e.at <= w->timer)) {
		fake_run_event(w, &e);
	} else if (w->timer != 0 && w->x != NULL) {
		if (any)
			w->events[w->event_count++] = e; /* it was taken out: there is room */
		if (w->timer > w->now)
			w->now = w->timer;
		w->timer = 0;
		ck_assert_uint_lt(w->jumps++, 10000);
		exec_timer(w->x);
		fake_obey_all(w);
	} else if (any) {
		fake_run_event(w, &e);
	} else {
		return false;
	}
	if (w->dones > 0 && w->x != NULL)
		exec_free(&w->x);
	return true;
}

bool
world_run_until(struct world *w, bool (*stop)(const struct world *w))
{
	do
		if (stop(w))
			return true;
	while (turn(w));
	return stop(w);
}

void
world_run(struct world *w)
{
	while (turn(w))
		continue;
}

void
world_start(struct world *w)
{
	world_make(w);
	exec_start(w->x);
	fake_obey_all(w);
	world_run(w);
}

/* As an earlier relupd told the workers when it prepared them. */
static bool
decides_alone(const struct world *w, size_t step)
{
	size_t n = 0;
	for (size_t i = 0; i < w->count; i++)
		n += w->fakes[i].concerned[step];
	return n == 1 || w->kinds[step] == 'w' || w->kinds[step] == 'l' || w->kinds[step] == 'b';
}

void
world_crash(struct world *w)
{
	exec_free(&w->x);
	w->timer = 0;
	w->hold = true; /* nobody is there to start anything */
	do {
		for (size_t i = 0; i < w->count; i++)
			if (w->fakes[i].waits)
				proto_word_decide(fake_word(&w->fakes[i]), PROTO_ABORT);
		fake_obey_all(w);
	} while (turn(w));
	memset(w->map, 0, sizeof(w->map)); /* the permanent release's */
	w->frames[0] = w->frames[1] = 0;
	for (size_t i = 0; i < w->count; i++) {
		struct fake *f = &w->fakes[i];
		if (f->in_bracket)
			fake_die(f, false); /* it hangs: somebody loses patience */
		f->outside = !f->alive || (f->memory.map == NULL && f->starts == 0);
		f->stranded = f->starts > 0;
		f->rests = f->kills = f->replaces = f->finishes = 0; /* of the next relupd's result */
	}
	world_run(w);
}

void
world_recover_begin(struct world *w, bool undo)
{
	w->undos = undo;
	for (size_t i = 0; i < w->count; i++)
		for (size_t k = 0; k < w->steps; k++) {
			w->fakes[i].self[k] = decides_alone(w, k);
			w->brackets |= w->fakes[i].alive && w->fakes[i].state[k];
		}
	world_make(w);
	exec_recover(w->x, undo);
	fake_obey_all(w);
}

void
world_recover(struct world *w, bool undo)
{
	world_recover_begin(w, undo);
	world_run(w);
}

void
world_free(struct world *w)
{
	exec_free(&w->x);
	for (size_t i = 0; i < w->count; i++) {
		proto_decision_fini(&w->fakes[i].memory);
		json_decref(w->fakes[i].prepared);
	}
	for (size_t i = 0; i < w->event_count; i++)
		json_decref(w->events[i].body);
	json_decref(w->result);
	json_decref(w->warnings);
	json_decref(w->rehearsals);
	model_relup_free(&w->relup);
	free(w->events);
	free(w->fakes);
	free(w);
}

void
world_frame(struct world *w, size_t worker, const struct proto_frame *f)
{
	struct proto_packet p = {.frame = true, .bin = *f};
	exec_packet(w->x, &w->fakes[worker], &p);
	fake_obey_all(w);
}

void
world_prepared(struct world *w, size_t worker)
{
	json_t *body = json_pack("{s:I, s:b}", "operation", (json_int_t)w->opt.operation, "ok", 1);
	struct proto_packet p = {.name = "prepared", .body = body};
	exec_packet(w->x, &w->fakes[worker], &p);
	json_decref(body);
}
