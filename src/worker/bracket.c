/* SPDX-License-Identifier: Apache-2.0
 * One step of an operation in this worker: come to rest, build, wait for the word, obey it.
 *
 *	running → rest → change → built → (the word) → running
 *
 * The bracket is called from the loop between two dispatches: the worker is at rest by being here.
 * The word decides, messages only wake.  A worker that cannot build, that loses relupd, or whose
 * lease ends sets ABORT itself, unless COMMIT stands already; then it commits.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "worker/worker_priv.h"

struct bracket {
	struct worker *w;
	struct op *op;
	struct step *step;
	struct proto_word *word;
	struct proto_cell *cell;
	struct proto_frame reply;
};

static void
set_phase(struct bracket *b, enum proto_phase phase)
{
	atomic_store(&b->cell->phase, (uint32_t)phase);
}

/* The others of the group poll this eventfd. */
static void
wake_all(struct bracket *b)
{
	uint64_t one = 1;
	(void)!write(b->op->wake, &one, sizeof(one)); /* full: then it is readable as it is */
}

static enum proto_word_value
decide(struct bracket *b, enum proto_word_value v)
{
	enum proto_word_value stands = proto_word_decide(b->word, v);
	if (stands == PROTO_ABORT && v == PROTO_ABORT)
		wake_all(b);
	return stands;
}

/* The eventfd is readable and the word undecided: a wake of an earlier step.  It is taken away;
 * where the word is decided meanwhile, it may have been the wake for it: given back. */
static void
clear_wake(struct bracket *b)
{
	uint64_t n;
	if (read(b->op->wake, &n, sizeof(n)) == sizeof(n) &&
	    proto_word_read(b->word) != PROTO_UNDECIDED)
		wake_all(b);
}

/* false: relupd is gone.  What has no room waits in the socket: a client's many calls are no reason
 * to give the bracket up. */
static bool
read_link(struct bracket *b, short events)
{
	struct proto_packet p;
	for (;;) {
		if (!worker_link_room(b->w)) {
			if ((events & (POLLHUP | POLLERR)) != 0)
				worker_link_lost(b->w);
			return b->w->link.sock >= 0;
		}
		enum worker_got got = worker_link_recv(b->w, &p);
		if (got != GOT_PACKET)
			return got == GOT_NOTHING;
		if ((!p.frame || p.bin.kind != PROTO_WAKE) && worker_link_keep(b->w, &p) != 0) {
			proto_packet_fini(&p);
			worker_link_lost(b->w);
			return false;
		}
		proto_packet_fini(&p);
	}
}

static enum proto_word_value
wait_for_word(struct bracket *b)
{
	mono_ns_t end = b->reply.rest_ns + b->op->lease;
	for (;;) {
		enum proto_word_value v = proto_word_read(b->word);
		if (v != PROTO_UNDECIDED)
			return v;
		dur_ns_t left = end - rel_mono_now();
		if (left <= 0 || b->w->link.sock < 0)
			return decide(b, PROTO_ABORT);
		short link = (worker_link_room(b->w) ? POLLIN : 0) |
		    (b->w->link.out != NULL ? POLLOUT : 0);
		struct pollfd fds[2] = {
		    {.fd = b->op->wake, .events = POLLIN}, {.fd = b->w->link.sock, .events = link}};
		struct timespec ts = {.tv_sec = left / DUR_S, .tv_nsec = left % DUR_S};
		if (ppoll(fds, 2, &ts, NULL) < 0 && errno != EINTR)
			return decide(b, PROTO_ABORT);
		if (proto_word_read(b->word) != PROTO_UNDECIDED)
			continue;
		if ((fds[1].revents & POLLOUT) != 0)
			worker_link_flush(b->w);
		if ((fds[1].revents & ~POLLOUT) != 0 && !read_link(b, fds[1].revents))
			return decide(b, PROTO_ABORT);
		if (fds[0].revents != 0)
			clear_wake(b);
	}
}

static void
send_done(struct bracket *b, enum proto_word_value decided)
{
	b->reply.kind = PROTO_DONE;
	b->reply.decided = (uint8_t)decided;
	worker_link_send_frame(b->w, &b->reply);
}

static void
set_state(struct bracket *b, enum proto_word_value v)
{
	bool undo = b->reply.undo != 0;
	if (v == PROTO_COMMIT)
		b->step->state = undo ? STEP_UNDONE : STEP_COMMITTED;
	else if (!undo && b->step->state != STEP_COMMITTED)
		b->step->state = STEP_ABORTED;
}

static void
tell_failure(struct bracket *b, const struct fail *f)
{
	b->reply.code = (uint8_t)f->code;
	/* As far as they go: what lies behind them on the stack is nobody's business. */
	snprintf(b->reply.module, sizeof(b->reply.module), "%s", f->module);
	snprintf(b->reply.text, sizeof(b->reply.text), "%s", f->text);
}

/* Only the one that completes the group has news for relupd; see struct proto_word. */
static bool
completes_the_group(struct bracket *b, _Atomic uint32_t *count)
{
	return atomic_fetch_add(count, 1) + 1 >= atomic_load(&b->word->need);
}

/* Building is through; the value to obey. */
static enum proto_word_value
decision(struct bracket *b, bool built)
{
	enum proto_word_value v = PROTO_UNDECIDED;
	/* On the way back one that cannot go must not keep the others: relupd replaces it. */
	if (!built && (b->reply.undo == 0 || b->step->self))
		v = decide(b, PROTO_ABORT);
	else if (!built)
		v = PROTO_UNDECIDED;
	else if (b->step->self)
		v = decide(b, PROTO_COMMIT);
	if (!b->step->self && (!built || completes_the_group(b, &b->word->built))) {
		b->reply.kind = PROTO_BUILT;
		worker_link_send_frame(b->w, &b->reply);
	}
	if (v == PROTO_UNDECIDED)
		v = wait_for_word(b);
	return built ? v : PROTO_ABORT; /* what is not built cannot be committed, whatever stands */
}

/* The decision stands: there is no old state to go back to. */
static void
in_place(struct bracket *b, struct txn *t)
{
	if (!t->in_place)
		return;
	set_phase(b, PROTO_PHASE_CHANGE);
	if (worker_txn_in_place(t) == PROTO_OK)
		return;
	worker_log(b->w, RELW_ERROR, "%s: it failed in place, after the decision: this worker ends", t->fail.text);
	abort();
}

static void
change(struct bracket *b, struct gen *from, struct gen *to, const struct changes *changes)
{
	struct txn t = {.w = b->w, .from = from, .to = to, .changes = changes, .undo = b->reply.undo != 0,
	    .checked = changes == &b->step->changes};
	set_phase(b, PROTO_PHASE_CHANGE);
	bool built = worker_txn_build(&t) == PROTO_OK;
	b->reply.built_ns = rel_mono_now();
	set_phase(b, PROTO_PHASE_BUILT);
	if (!built)
		tell_failure(b, &t.fail);
	enum proto_word_value v = decision(b, built);
	if (v == PROTO_COMMIT) {
		in_place(b, &t);
		worker_txn_commit(&t);
	} else {
		worker_txn_abort(&t);
	}
	set_state(b, v);
	worker_tasks_go(b->w);
	b->reply.resumed_ns = rel_mono_now();
	if (v == PROTO_COMMIT)
		atomic_store_explicit(&b->cell->resumed_ns, b->reply.resumed_ns, memory_order_relaxed);
	set_phase(b, PROTO_PHASE_RUNNING);
	if (v != PROTO_COMMIT || b->step->self || completes_the_group(b, &b->word->resumed))
		send_done(b, v);
}

static void
refuse(struct bracket *b, const char *text)
{
	b->reply.code = PROTO_NOT_PREPARED;
	b->reply.built_ns = b->reply.resumed_ns = b->reply.rest_ns;
	snprintf(b->reply.text, sizeof(b->reply.text), "%s", text);
	send_done(b, PROTO_ABORT);
}

/* The request may have lain in the socket, or in the cell, since before relupd died: a later one goes on
 * without this worker, and nothing may be committed that it does not count on. */
static bool
relupd_is_gone(const struct worker *w)
{
	struct pollfd fd = {.fd = w->link.sock};
	return fd.fd < 0 || (poll(&fd, 1, 0) > 0 && (fd.revents & (POLLHUP | POLLERR)) != 0);
}

static void
run(struct bracket *b)
{
	static const struct changes none = {0};
	struct step *s = b->step;
	bool undo = b->reply.undo != 0;
	bool stands = (s->state == STEP_COMMITTED) != undo; /* made, or taken back, already */
	struct gen *from = undo ? s->after : s->before, *to = undo ? s->before : s->after;
	/* First at rest, then the look at the word, in this order for all processors: relupd sets ABORT
	 * and then looks who is at rest, and nobody waits for (or watches over) one who is not. */
	atomic_store_explicit(&b->cell->rest_ns, b->reply.rest_ns, memory_order_relaxed);
	set_phase(b, PROTO_PHASE_REST);
	if (relupd_is_gone(b->w))
		decide(b, PROTO_ABORT);
	if (proto_word_read(b->word) == PROTO_ABORT) {
		worker_tasks_go(b->w);
		set_phase(b, PROTO_PHASE_RUNNING);
		set_state(b, PROTO_ABORT);
		b->reply.built_ns = b->reply.resumed_ns = b->reply.rest_ns;
		send_done(b, PROTO_ABORT);
		return;
	}
	if (stands)
		change(b, b->w->gen, b->w->gen, &none);
	else
		change(b, from, to, undo ? &s->undo_changes : &s->changes);
}

/* ------------------------------------------------------------------ tasks come to rest first */
#define TELL_AFTER (20 * DUR_MS) /* a task that waits, or looks whether it is due, has rested by then */

/* Nothing waits for tasks any more, and they go on. */
void
worker_bracket_forget(struct worker *w)
{
	if (w->deferred.pending && w->op != NULL && w->op->wake >= 0)
		(void)epoll_ctl(w->epfd, EPOLL_CTL_DEL, w->op->wake, NULL);
	w->deferred = (struct deferred){0};
	worker_tasks_go(w);
}

/* The loop serves on until the last turn has ended: what tasks ask of it is answered, and the clients of
 * the loop wait for the change alone.  True: all rest, or it is over already. */
static bool
tasks_rest(struct bracket *b, const struct proto_frame *request)
{
	struct worker *w = b->w;
	struct deferred *d = &w->deferred;
	if (!b->step->suspends || relupd_is_gone(w) || proto_word_read(b->word) == PROTO_ABORT ||
	    worker_tasks_rest(w))
		return true;
	if (d->pending)
		return false;
	*d = (struct deferred){.pending = true, .request = *request, .tell_at = rel_mono_now() + TELL_AFTER};
	/* Read by nobody, and others may have written to it before: each write is an event. */
	if (worker_loop_watch(w, b->op->wake, EPOLLIN | EPOLLET, SOURCE_WAKE) == 0)
		return false;
	worker_log(w, RELW_ERROR, "cannot watch for the end of a bracket: %s", strerror(errno));
	decide(b, PROTO_ABORT);
	return true;
}

/* relupd can name them, where its time to come to rest is over. */
void
worker_bracket_tick(struct worker *w, mono_ns_t now)
{
	struct deferred *d = &w->deferred;
	if (!d->pending || d->told || d->tell_at > now)
		return;
	d->told = true;
	json_t *list = json_array();
	for (const struct task *t = w->tasks.list; list != NULL && t != NULL; t = t->next)
		if (atomic_load(&t->pin) != NULL) {
			json_t *h = worker_holder_json(w, t);
			if (h != NULL && json_array_size(list) < WORKER_LISTED)
				(void)json_array_append_new(list, h);
			else
				json_decref(h);
		}
	worker_link_send(w, "unrest", json_pack("{s:I, s:I, s:o}", "operation",
	    (json_int_t)d->request.operation, "step", (json_int_t)d->request.step, "holders", list));
}

void
worker_bracket_resume(struct worker *w)
{
	if (!w->deferred.pending)
		return;
	struct proto_frame request = w->deferred.request;
	worker_bracket(w, &request);
	if (!w->deferred.pending)
		worker_link_read_kept(w);
}

/* False: it waits for tasks. */
static bool
begin(struct worker *w, const struct proto_frame *request)
{
	struct bracket b = {.w = w, .op = w->op};
	worker_trash_flush(w); /* still serving: not part of the rest */
	b.reply = (struct proto_frame){.magic = PROTO_FRAME_MAGIC,
	    .undo = request->undo,
	    .step = request->step,
	    .operation = request->operation,
	    .rest_ns = rel_mono_now()};
	if (b.op == NULL || (uint64_t)b.op->id != request->operation || b.op->loading) {
		refuse(&b, "the operation is not prepared here");
		return true;
	}
	b.step = worker_op_step(b.op, request->step);
	if (b.step == NULL) {
		refuse(&b, "the operation has no such step here");
		return true;
	}
	bool undo = request->undo != 0;
	bool stands = (b.step->state == STEP_COMMITTED) != undo;
	if (!stands && w->gen != (undo ? b.step->after : b.step->before)) {
		refuse(&b, "the step is out of order");
		return true;
	}
	/* Looked at here too: an adopt that failed half-way may have left numbers of other memory.
	 */
	struct rel_err err = REL_ERR_INIT;
	if (worker_op_words(b.op, &err) != 0) {
		refuse(&b, "the step's words are not in the memory");
		return true;
	}
	b.word = &b.op->memory.words[undo ? b.step->undo : b.step->up];
	b.cell = &b.op->memory.cells[b.op->cell];
	if (!stands && !tasks_rest(&b, request))
		return false;
	run(&b);
	return true;
}

static bool
same_request(const struct proto_frame *a, const struct proto_frame *b)
{
	return a->operation == b->operation && a->step == b->step && a->undo == b->undo;
}

void
worker_bracket(struct worker *w, const struct proto_frame *request)
{
	/* relupd goes on, so the one that waits is decided, though its wake is not seen yet. */
	if (w->deferred.pending && !same_request(&w->deferred.request, request)) {
		struct proto_frame before = w->deferred.request;
		(void)begin(w, &before);
		worker_bracket_forget(w);
	}
	if (begin(w, request))
		worker_bracket_forget(w);
}

/* Other workers' bids are events here as well.  Looked at here too: an adopt that failed half-way may have
 * left the number of another memory's cell. */
void
worker_bracket_bidden(struct worker *w)
{
	struct op *op = w->op;
	if (op == NULL || op->begin < 0 || op->cell < 0 || op->cell >= (int64_t)op->memory.cell_count)
		return;
	uint32_t bid = atomic_load(&op->memory.cells[op->cell].bidden);
	if (bid == op->begun)
		return;
	op->begun = bid;
	struct proto_frame request = {.operation = (uint64_t)op->id, .step = proto_bid_step(bid),
	    .undo = proto_bid_undo(bid)};
	worker_bracket(w, &request);
	worker_link_read_kept(w); /* no event tells of what was received already */
}
