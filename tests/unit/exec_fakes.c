/* SPDX-License-Identifier: Apache-2.0
 * The workers of the scripted world: see exec_fakes.h.
 */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec_fakes.h"

#define BUILD (100 * DUR_MS / 1000) /* an ordinary code_change */
#define NEVER (3600 * DUR_S)

/* ------------------------------------------------------------------ events */

void
fake_post(struct fake *f, enum kind kind, dur_ns_t after, bool fault, const char *name, json_t *body)
{
	struct world *w = f->w;
	if (w->event_count == w->event_cap) {
		w->event_cap = w->event_cap != 0 ? w->event_cap * 2 : 256;
		w->events = reallocarray(w->events, w->event_cap, sizeof(*w->events));
		ck_assert_ptr_nonnull(w->events);
	}
	w->events[w->event_count++] = (struct event){.at = w->now + after, .kind = kind, .f = f,
	    .life = f->starts, .fault = fault, .name = name, .body = body};
}

bool
fake_next_event(struct world *w, struct event *ret)
{
	size_t best = 0, ties = 1;
	if (w->event_count == 0)
		return false;
	for (size_t i = 1; i < w->event_count; i++) {
		dur_ns_t d = w->events[i].at - w->events[best].at;
		if (w->seed != 0 && d > -LATENCY && d < LATENCY) {
			ties++;
			if ((unsigned)rand_r(&w->seed) % ties == 0)
				best = i;
		} else if (d < 0) {
			best = i;
			ties = 1;
		}
	}
	*ret = w->events[best];
	memmove(&w->events[best], &w->events[best + 1],
	    (--w->event_count - best) * sizeof(*w->events));
	return true;
}

/* ------------------------------------------------------------------ the workers */

static struct proto_cell *
cell(const struct fake *f)
{
	return &f->memory.cells[f->cell];
}

struct proto_word *
fake_word(const struct fake *f)
{
	return &f->memory.words[f->word[f->frame.undo][f->frame.step]];
}

void
fake_die(struct fake *f, bool fault)
{
	if (!f->alive)
		return;
	f->alive = f->in_bracket = f->waits = false;
	f->inbox_count = 0;
	fake_post(f, EV_GONE, LATENCY, fault, NULL, NULL);
}

static void
send_frame_to_exec(struct fake *f, struct proto_frame *fr)
{
	struct proto_packet p = {.frame = true, .bin = *fr};
	f->w->answers++;
	if (f->w->x != NULL)
		exec_packet(f->w->x, f, &p);
}

static void
done(struct fake *f, enum proto_word_value v, enum proto_built_code code)
{
	struct proto_frame fr = f->frame;
	fr.kind = PROTO_DONE;
	fr.decided = (uint8_t)v;
	fr.code = (uint8_t)code;
	fr.resumed_ns = f->w->now;
	if (code != PROTO_OK)
		snprintf(fr.text, sizeof(fr.text), "refused by script");
	f->in_bracket = f->waits = false;
	if (f->inbox_count > 0)
		fake_post(f, EV_LOOK, LATENCY, false, NULL, NULL);
	send_frame_to_exec(f, &fr);
}

/* Begins the next bracket of the inbox, as a loop turn of the real worker. */
static void
look(struct fake *f)
{
	if (f->in_bracket || f->inbox_count == 0)
		return;
	f->frame = f->inbox[0];
	memmove(f->inbox, f->inbox + 1, --f->inbox_count * sizeof(*f->inbox));
	f->in_bracket = true;
	enum act act = f->act[f->frame.undo][f->frame.step];
	f->frame.rest_ns = f->w->now;
	if (act == ACT_DIE_RUNNING)
		fake_die(f, false);
	if (act == ACT_DIE_RUNNING)
		return;
	/* At rest first, then the look at the word: see src/worker/bracket.c. */
	atomic_store(&cell(f)->rest_ns, f->w->now);
	atomic_store(&cell(f)->phase, PROTO_PHASE_REST);
	if (proto_word_read(fake_word(f)) != PROTO_ABORT) {
		fake_post(f, EV_REST, 0, false, NULL, NULL);
		return;
	}
	atomic_store(&cell(f)->phase, PROTO_PHASE_RUNNING);
	done(f, PROTO_ABORT, PROTO_OK);
}

static void
rest(struct fake *f)
{
	enum act act = f->act[f->frame.undo][f->frame.step];
	f->rests++;
	if (act == ACT_CRASH_REST || act == ACT_DIE_REST)
		fake_die(f, act == ACT_CRASH_REST);
	else
		fake_post(f, EV_CHANGE, 1000, false, NULL, NULL);
}

static void
change(struct fake *f)
{
	enum act act = f->act[f->frame.undo][f->frame.step];
	dur_ns_t build = f->build[f->frame.step];
	atomic_store(&cell(f)->phase, PROTO_PHASE_CHANGE);
	if (act == ACT_CRASH || act == ACT_DIE_CHANGE)
		fake_die(f, act == ACT_CRASH);
	else if (act != ACT_HANG)
		fake_post(f, EV_BUILT, build != 0 ? build : BUILD, false, NULL, NULL);
}

static void
say_built(struct fake *f, enum proto_built_code code)
{
	struct proto_frame fr = f->frame;
	fr.kind = PROTO_BUILT;
	fr.code = (uint8_t)code;
	fr.built_ns = f->w->now;
	if (code != PROTO_OK) {
		snprintf(fr.module, sizeof(fr.module), "m%u", fr.step);
		snprintf(fr.text, sizeof(fr.text), "refused by script");
	}
	send_frame_to_exec(f, &fr);
}

static void
built(struct fake *f)
{
	bool self = f->self[f->frame.step], undo = f->frame.undo != 0;
	enum act act = f->act[undo][f->frame.step];
	atomic_store(&cell(f)->phase, PROTO_PHASE_BUILT);
	f->waits = true;
	if (act == ACT_LEASE) {
		proto_word_decide(fake_word(f), PROTO_ABORT);
	} else if (act == ACT_REFUSE) {
		if (self || !undo)
			proto_word_decide(fake_word(f), PROTO_ABORT);
		if (!self)
			say_built(f, PROTO_REFUSED);
	} else if (self) {
		proto_word_decide(fake_word(f), PROTO_COMMIT);
		if (act == ACT_CRASH_BUILT || act == ACT_DIE_BUILT)
			fake_die(f, act == ACT_CRASH_BUILT);
	} else {
		/* Only the one that completes the group tells: see struct proto_word. */
		if (atomic_fetch_add(&fake_word(f)->built, 1) + 1 >= atomic_load(&fake_word(f)->need))
			say_built(f, PROTO_OK);
		if (act == ACT_CRASH_BUILT || act == ACT_DIE_BUILT)
			fake_die(f, act == ACT_CRASH_BUILT);
	}
}

static void
obey(struct fake *f)
{
	enum act act = f->act[f->frame.undo][f->frame.step];
	enum proto_word_value v = proto_word_read(fake_word(f));
	if (!f->in_bracket || v == PROTO_UNDECIDED)
		return;
	if (act == ACT_REFUSE)
		v = PROTO_ABORT; /* what is not built cannot be committed */
	if (v == PROTO_COMMIT)
		f->state[f->frame.step] = f->frame.undo == 0;
	if (act == ACT_MUTE)
		return;
	atomic_store(&cell(f)->phase, PROTO_PHASE_RUNNING);
	done(f, v, act == ACT_REFUSE ? PROTO_REFUSED : PROTO_OK);
}

void
fake_arrive(struct fake *f, const struct proto_frame *fr)
{
	ck_assert(fr->undo == 0 || f->w->undos > 0);
	f->w->frames[fr->undo]++;
	f->w->brackets = true;
	if (f->no_frame)
		return;
	ck_assert_uint_lt(f->inbox_count, NELEM(f->inbox));
	f->inbox[f->inbox_count++] = *fr;
	enum act act = f->act[fr->undo][fr->step];
	if (f->unrest > 0)
		fake_post(f, EV_JSON, 2 * LATENCY, false, "unrest", json_pack("{s:I, s:i, s:[{s:s, s:s, s:s, s:i, s:s}]}",
		    "operation", (json_int_t)fr->operation, "step", (int)fr->step, "holders", "module", "m0", "vsn",
		    "1", "task", "serve/1", "thread", 7, "since", "then"));
	fake_post(f, EV_LOOK, act == ACT_BUSY ? NEVER : LATENCY + f->busy[fr->step], false, NULL, NULL);
}

/* Relupd rang: who is bidden to begin a bracket? */
static void
fake_hear_all(struct world *w)
{
	uint64_t rang;
	if (w->x == NULL || w->begin == 0 || read(w->begin, &rang, sizeof(rang)) != sizeof(rang))
		return;
	for (size_t i = 0; i < w->count; i++) {
		struct fake *f = &w->fakes[i];
		uint32_t bid = f->memory.map != NULL ? atomic_load(&cell(f)->bidden) : 0;
		if (!f->alive || f->deaf || bid == f->begun)
			continue;
		f->begun = bid;
		w->bids++;
		struct proto_frame fr = {.magic = PROTO_FRAME_MAGIC, .kind = PROTO_BRACKET, .undo = proto_bid_undo(bid),
		    .step = proto_bid_step(bid), .operation = w->opt.operation};
		fake_arrive(f, &fr);
	}
}

/* Whoever waits looks at its word; the wake itself is the eventfd, which nobody needs here. */
void
fake_obey_all(struct world *w)
{
	fake_hear_all(w);
	for (size_t i = 0; i < w->count; i++) {
		struct fake *f = &w->fakes[i];
		if (!f->alive || !f->waits || proto_word_read(fake_word(f)) == PROTO_UNDECIDED)
			continue;
		f->waits = false;
		fake_post(f, EV_OBEY, LATENCY, false, NULL, NULL);
	}
}

static void
start_again(struct fake *f)
{
	if (f->w->hold || f->alive)
		return;
	f->failing = f->stays_down || (f->old_only && f->w->map[0]);
	f->alive = !f->failing;
	if (f->alive) {
		f->starts++;
		memcpy(f->state, f->w->map, sizeof(f->state));
	}
	if (f->w->x != NULL)
		exec_poke(f->w->x);
}

static void
gone(struct world *w, const struct event *e)
{
	if (!w->hold)
		fake_post(e->f, EV_START, RESTART, false, NULL, NULL);
	if (w->x != NULL)
		exec_gone(w->x, e->f, e->fault ? EXEC_DEATH_FAULT : EXEC_DEATH_OUTSIDE,
		    e->fault ? "died of SIGSEGV" : "died of SIGKILL");
}

static void
json_event(struct world *w, const struct event *e)
{
	struct proto_packet p = {.name = e->name, .body = e->body};
	w->answers++;
	w->on_way -= strcmp(e->name, "prepared") == 0 && w->on_way > 0;
	if (w->x != NULL && strstr(e->name, "reply") != NULL) {
		struct rel_err err = REL_ERR_INIT;
		rel_err_set(&err, REL_E_WORKER_SILENT, "it says no");
		exec_answer(w->x, e->f, e->body, &err);
	} else if (w->x != NULL) {
		exec_packet(w->x, e->f, &p);
	}
	json_decref(e->body);
}

void
fake_run_event(struct world *w, const struct event *e)
{
	static void (*const of_bracket[])(struct fake *) = {[EV_LOOK] = look, [EV_REST] = rest,
	    [EV_CHANGE] = change, [EV_BUILT] = built, [EV_OBEY] = obey};
	if (e->at > w->now)
		w->now = e->at;
	if (e->kind == EV_GONE)
		gone(w, e);
	else if (e->kind == EV_START)
		start_again(e->f);
	else if (!e->f->alive || e->f->starts != e->life)
		json_decref(e->body);
	else if (e->kind == EV_JSON)
		json_event(w, e);
	else
		of_bracket[e->kind](e->f);
	fake_obey_all(w);
}
