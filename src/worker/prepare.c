/* SPDX-License-Identifier: Apache-2.0
 * prepare, adopt, finish: what an operation holds in this worker.  Files are read and mapped on a
 * short-lived thread while the loop serves; the loop then builds the generations and answers.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "worker/worker_priv.h"

static void
answer(struct worker *w, json_t *operation, const struct rel_err *err)
{
	bool ok = err->code == REL_OK;
	worker_link_send(w, "prepared",
	    json_pack("{s:O, s:b, s:s, s:o, s:s*}", "operation", operation, "ok", ok, "code",
		ok ? "" : rel_err_name(err->code), "text", proto_text_json(err->text), "hint",
		err->hint[0] != '\0' ? err->hint : NULL));
}

/* Others have the same eventfd open: to close it here would leave it in the loop. */
void
worker_begin_forget(struct worker *w)
{
	struct op *op = w->op;
	if (op == NULL || op->begin < 0)
		return;
	(void)epoll_ctl(w->epfd, EPOLL_CTL_DEL, op->begin, NULL);
	rel_fd_close(&op->begin);
}

/* The three descriptors of the message become the operation's. */
static int
take_memory(struct worker *w, struct proto_packet *p, struct rel_err *err)
{
	struct op *op = w->op;
	struct proto_decision memory;
	if (p->fd_count != 3)
		return rel_err_set(err, REL_E_PROTOCOL,
		    "%zu descriptors came with the operation, not 3", p->fd_count);
	if (proto_decision_map(p->fds[0], &memory, err) != 0)
		return -1;
	proto_decision_fini(&op->memory);
	rel_fd_close(&op->wake);
	worker_begin_forget(w);
	op->memory = memory;
	op->wake = p->fds[1];
	op->begin = p->fds[2];
	p->fds[1] = p->fds[2] = -1;
	op->begun = 0;
	/* Nobody reads it, so that it wakes each of the group: only its edges are events. */
	if (worker_loop_watch(w, op->begin, EPOLLIN | EPOLLET, SOURCE_BEGIN) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot watch the operation's beginning");
	return worker_op_words(op, err);
}

static void *
load_thread(void *arg)
{
	struct worker *w = arg;
	struct op *op = w->op;
	uint64_t one = 1;
	_Alignas(16) char stack[FAULT_STACK];
	bool stacked = worker_fault_stack(stack);
	atomic_store(&w->faults.loader, (int)syscall(SYS_gettid));
	if (worker_op_load(w, op, NULL, NULL, &op->err) == 0)
		worker_pages_own();
	atomic_store(&w->faults.loader, 0);
	if (stacked)
		worker_fault_unstack(stack);
	(void)!write(op->done, &one, sizeof(one)); /* an eventfd at 0 takes it */
	return NULL;
}

static int
begin(struct worker *w, struct proto_packet *p, struct rel_err *err)
{
	json_int_t lease, cell;
	json_error_t je;
	if (w->op != NULL)
		return rel_err_set(
		    err, REL_E_BUSY, "operation %jd is still held here", (intmax_t)w->op->id);
	if (json_unpack_ex(p->body, &je, 0, "{s:I, s:I}", "lease_ms", &lease, "cell", &cell) != 0)
		return rel_err_set(err, REL_E_PROTOCOL, "the operation: %s", je.text);
	if (lease < 0 || lease > INT64_MAX / 4 / DUR_MS)
		return rel_err_set(err, REL_E_PROTOCOL, "the operation: its lease is out of range");
	if (worker_op_parse(p->body, &w->op, err) != 0)
		return -1;
	struct op *op = w->op;
	op->lease = lease * DUR_MS;
	op->cell = cell;
	if (take_memory(w, p, err) != 0 || worker_purge_for(w, op, err) != 0)
		return -1;
	op->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (op->done < 0 || worker_loop_watch(w, op->done, EPOLLIN, SOURCE_LOADED) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot prepare");
	op->loading = op->answer = true;
	int rc = pthread_create(&op->thread, NULL, load_thread, w);
	if (rc != 0) {
		op->loading = false;
		return rel_err_sys(err, REL_E_IO, rc, "cannot prepare");
	}
	return 0;
}

void
worker_prepare(struct worker *w, struct proto_packet *p)
{
	struct rel_err err = REL_ERR_INIT;
	if (begin(w, p, &err) == 0)
		return; /* worker_prepare_loaded() answers */
	if (err.code != REL_E_BUSY)
		worker_op_end(w, false, NULL);
	answer(w, json_object_get(p->body, "operation"), &err);
}

static void
join(struct worker *w, struct op *op)
{
	if (!op->loading)
		return;
	pthread_join(op->thread, NULL);
	op->loading = false;
	worker_loop_close(w, &op->done);
}

/* What cannot be taken back was tried before, whatever was asked for. */
static int
check_rehearsed(const struct worker *w, const struct op *op, struct rel_err *err)
{
	for (size_t i = 0; i < op->step_count; i++) {
		const struct step *s = &op->steps[i];
		if (!worker_converts_in_place(s->before, s->after, &s->changes) || w->rehearsed == op->id)
			continue;
		rel_err_set(err, REL_E_CODE_CHANGE_FAILED, "module %s converts its state in place, and that was not "
		    "rehearsed", s->after->table.e[0].obj->module);
		return rel_err_hint(err, "leave out `--rehearse never`");
	}
	return 0;
}

void
worker_prepare_loaded(struct worker *w)
{
	struct op *op = w->op;
	if (op == NULL || !op->loading)
		return;
	join(w, op);
	worker_pages_own_stack();
	struct rel_err err = op->err;
	json_t *id = json_incref(json_object_get(op->message, "operation"));
	json_t *finish = MOVE(op->finish);
	bool ask = op->answer;
	if (err.code != REL_OK || worker_op_build(w, op, &err) != 0 || check_rehearsed(w, op, &err) != 0)
		worker_op_end(w, false, NULL);
	if (ask)
		answer(w, id, &err);
	if (finish != NULL)
		worker_finish(w, finish);
	json_decref(finish);
	json_decref(id);
}

static int
adopt_words(struct op *op, json_t *words, struct rel_err *err)
{
	if (!json_is_array(words))
		return rel_err_set(err, REL_E_PROTOCOL, "adopt: words is a list");
	for (size_t i = 0; i < json_array_size(words); i++) {
		json_error_t je;
		json_int_t number, up, undo;
		if (json_unpack_ex(json_array_get(words, i), &je, 0, "{s:I, s:I, s:I}", "step",
			&number, "up", &up, "undo", &undo) != 0)
			return rel_err_set(err, REL_E_PROTOCOL, "adopt: %s", je.text);
		struct step *s = number >= 0 && number <= UINT32_MAX
				     ? worker_op_step(op, (uint32_t)number)
				     : NULL;
		if (s == NULL || up < 0 || up > UINT32_MAX || undo < 0 || undo > UINT32_MAX)
			return rel_err_set(err, REL_E_PROTOCOL, "adopt: step %jd is not known here",
			    (intmax_t)number);
		s->up = (uint32_t)up;
		s->undo = (uint32_t)undo;
	}
	return 0;
}

static int
adopt(struct worker *w, struct proto_packet *p, struct rel_err *err)
{
	json_error_t je;
	json_int_t id, cell;
	json_t *words;
	if (json_unpack_ex(p->body, &je, 0, "{s:I, s:I, s:o}", "operation", &id, "cell", &cell,
		"words", &words) != 0)
		return rel_err_set(err, REL_E_PROTOCOL, "adopt: %s", je.text);
	if (w->op == NULL || w->op->id != id)
		return rel_err_set(
		    err, REL_E_NOT_FOUND, "operation %jd is not held here", (intmax_t)id);
	w->op->cell = cell;
	if (adopt_words(w->op, words, err) != 0)
		return -1;
	return take_memory(w, p, err);
}

void
worker_adopt(struct worker *w, struct proto_packet *p)
{
	struct rel_err err = REL_ERR_INIT;
	if (adopt(w, p, &err) == 0 && w->op->loading) {
		w->op->answer = true;
		return;
	}
	answer(w, json_object_get(p->body, "operation"), &err);
}

/* How what became old by the operation is to go.  What was old before goes as was said then, what the operation
 * opened and does not run at once, and softly. */
static void
purge_strictly(struct worker *w, const struct op *op)
{
	const struct gen *before = op != NULL && op->strict && op->step_count > 0 ? op->steps[0].before : NULL;
	for (struct object *o = w->objects; o != NULL; o = o->next)
		o->strict = !worker_gen_has(w->gen, o) && (o->strict || (before != NULL && worker_gen_has(before, o)));
	if (before != NULL)
		worker_words_again(w);
}

/* Confirmed: whatever is not current goes.  Else what was old before the operation, or became old
 * by it, stays, and only what it opened and does not run now goes. */
void
worker_op_end(struct worker *w, bool confirmed, json_t *unmappable)
{
	struct op *op = w->op;
	if (op != NULL)
		join(w, op);
	if (w->gen == NULL)
		return;
	worker_trash_flush(w);
	worker_bracket_forget(w);
	while (op != NULL && op->opened != NULL) { /* a load that failed, or was not waited for */
		struct object *o = op->opened;
		op->opened = o->next;
		worker_object_free(&o);
	}
	worker_begin_forget(w);
	purge_strictly(w, op);
	worker_op_free(w, &w->op); /* before the marks: it retires what turns still pin */
	worker_purge_mark_all(w, false);
	for (struct object *o = w->objects; o != NULL && !confirmed; o = o->next)
		o->mark = !o->fresh;
	worker_purge_mark_used(w);
	(void)worker_purge_sweep(w, unmappable);
	for (struct object *o = w->objects; o != NULL; o = o->next)
		o->fresh = false;
	if (confirmed)
		w->purge_wanted = w->retired != NULL || w->purge_at != WORKER_NEVER;
	else
		worker_purge_again(w); /* what an earlier one left */
}

void
worker_finish(struct worker *w, json_t *body)
{
	json_t *id = json_object_get(body, "operation");
	json_t *release = json_object_get(body, "release");
	if ((w->rehearsal != NULL && w->rehearsal->operation == json_integer_value(id)) ||
	    json_equal(json_object_get(w->rest_body, "operation"), id))
		worker_rehearse_drop(w);
	/* When the thread is through.  One of another operation, which was refused here, ends nothing. */
	if (w->op != NULL && w->op->loading && w->op->id == json_integer_value(id)) {
		json_decref(w->op->finish);
		w->op->finish = json_incref(body);
		return;
	}
	json_t *unmappable = json_array();
	if (w->op == NULL || w->op->id == json_integer_value(id))
		worker_op_end(w, json_is_true(json_object_get(body, "confirmed")), unmappable);
	if (release != NULL) {
		json_decref(w->release);
		w->release = json_incref(release);
	}
	worker_link_send(w, "finished",
	    json_pack("{s:O, s:o, s:o}", "operation", id, "modules", worker_modules_json(w),
		"unmappable", unmappable));
}
