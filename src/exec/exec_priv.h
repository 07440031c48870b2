/* SPDX-License-Identifier: Apache-2.0
 * The interpreter's inside: exec.c is its life, run.c walks the phases, bracket.c runs one bracket,
 * holders.c deals with who holds old code, rehearse.c is the phase before any change, settle.c waits for those
 * that start again, message.c makes what is sent, result.c tells how it ended.
 */
#ifndef EXEC_EXEC_PRIV_H
#define EXEC_EXEC_PRIV_H

#include "exec/exec.h"

#define EXEC_MAGIC 0x65786563u

enum exec_phase {
	EXEC_IDLE,
	EXEC_LOOK,                    /* who holds old code? */
	EXEC_REHEARSE,
	EXEC_PURGE,                   /* they are ended: before PREPARE, or after the last step */
	EXEC_PREPARE,                 /* also: handing new decision memory to adopted workers */
	EXEC_BUILD,                   /* a bracket before its decision */
	EXEC_RESUME,                  /* after it: the workers report */
	EXEC_UNDO,                    /* to be taken back, which could not be recorded yet */
	EXEC_SETTLE,                  /* workers that died are on their way back */
	EXEC_RECORD,                  /* over, but the outcome could not be recorded yet */
	EXEC_ENDED,
};

struct exec {
	unsigned magic;
	const struct exec_ops *ops;
	void *ctx;
	struct exec_options opt;
	struct exec_script *script;   /* owned */
	struct exec_worker *workers;  /* owned */
	size_t count;
	enum exec_phase phase;
	bool recovering;              /* an operation of an earlier relupd: PREPARE hands out words */
	bool undoing;
	bool changed;                 /* a bracket was sent: from here failure is rolled_back */
	unsigned step;                /* index into script->steps */
	size_t waiting;               /* workers whose answer is due */
	size_t unbuilt;               /* of these, in a bracket: not yet built */
	uint32_t *by_ref;             /* indexes of workers, sorted by their ref */
	size_t running_rehearsals, next_rehearsal;
	json_t *rehearsals;           /* what each of them came to, see the result of `rehearse` */
	json_t *warnings;             /* texts, of what was left out */
	size_t foreseen;              /* of the workers: their rehearsals were ok */
	json_int_t forecast_us;       /* the longest of their steps */
	size_t handed;                /* of the workers: so many have their prepare or adopt, or get none */
	struct proto_decision decision;
	uint32_t *word_base;          /* per step: its first word; layout in message.c */
	uint32_t *members;            /* of steps with a word a worker, the one of word_base at half it */
	int wake, begin;              /* eventfds, see struct proto_cell */
	mono_ns_t started, bracket_sent, decided;
	bool aborted;                 /* the current bracket's word is ABORT, or a self word was */
	/* figures */
	dur_ns_t suspended, longest_pause, time_to_rest;
	json_t *blocking, *doomed, *cancelled; /* HOLDERs with their workers: in the way (or not at rest); left in
	                                 the old code by a brutal script; asked to end */
	bool purged;                  /* those that the last step left behind were ended */
	json_t *killed;               /* names of workers that were killed by us or died of the new code; in a
	                                 recovery, of all that ended */
	struct rel_err err;           /* why it failed; REL_OK while all is well */
	bool mixed;
	enum exec_outcome outcome;
	json_t *result;               /* owned; NULL: not over, or no memory for it yet */
	bool unrecorded;              /* that the journal fails was said */
};

/* message.c */
int exec_decision_make(struct exec *x, struct rel_err *err) RTE_MUST_CHECK;
struct proto_word *exec_word(struct exec *x, unsigned step, bool undo, size_t worker);
bool exec_step_self(const struct exec *x, unsigned step);
size_t exec_step_workers(const struct exec *x, unsigned step); /* alive and concerned */
json_t *exec_rehearse_body(struct exec *x, size_t worker);  /* NULL: memory */
json_t *exec_prepare_body(struct exec *x, size_t worker);
json_t *exec_adopt_body(struct exec *x, size_t worker);

/* bracket.c */
bool exec_bracket_begin(struct exec *x); /* false: the step concerns nobody */
void exec_bracket_frame(struct exec *x, size_t worker, const struct proto_frame *f);
void exec_bracket_gone(struct exec *x, size_t worker, bool fault, const char *how);
void exec_bracket_timer(struct exec *x);
/* Forward: the bracket is over, and nobody stands still for what is still to be found out. */
void exec_bracket_release(struct exec *x);
/* Its answer may be lost: it stands where it says. */
void exec_bracket_reconnected(struct exec *x, size_t worker, const json_t *state);
/* SIGKILL and a start by the map, for a worker that cannot go back live. */
void exec_replace(struct exec *x, struct exec_worker *w, const char *why);
/* Names it in the result, once. */
void exec_count_killed(struct exec *x, const char *worker);

/* rehearse.c */
void exec_rehearse_begin(struct exec *x);
void exec_rehearsed(struct exec *x, struct exec_worker *w, const json_t *body);
void exec_rehearsal_ended(struct exec *x, struct exec_worker *w); /* with an answer, or without */
void exec_rehearsal_gone(struct exec *x, struct exec_worker *w, const char *how);
void exec_hint_refusal(struct rel_err *err, const json_t *body);
json_t *exec_forecast(const struct exec *x);
json_t *exec_rehearsals_failed(const struct exec *x);

/* run.c */
void exec_load_begin(struct exec *x); /* the rehearsal is over, and went well */
void exec_prepare_begin(struct exec *x);
void exec_fall_back(struct exec *x); /* it failed before the first bracket */
size_t exec_index(const struct exec *x, const void *ref); /* x->count: it takes no part */
struct exec_worker *exec_find(const struct exec *x, const void *ref); /* NULL: takes no part (any more) */
void exec_bracket_over(struct exec *x); /* every worker of the bracket reported */
void exec_undo_begin(struct exec *x);
void exec_end(struct exec *x); /* all is said: the outcome is recorded and told */

/* holders.c */
void exec_look_begin(struct exec *x); /* ends in exec_rehearse_begin(), or in exec_end() */
bool exec_purge_before(struct exec *x); /* false: nobody is to be ended */
bool exec_purge_after(struct exec *x);
void exec_holders_gone(struct exec *x, struct exec_worker *w);
void exec_holders_timer(struct exec *x);
void exec_unrest(struct exec_worker *w, const json_t *body);
void exec_name_unrest(struct exec *x, struct exec_worker *w, struct rel_err *err);

/* settle.c */
void exec_settle(struct exec *x);
void exec_settle_timer(struct exec *x);

/* exec.c */
/* The first failure of the operation; later ones are logged. */
void exec_fail(struct exec *x, const struct rel_err *err);
void exec_say(struct exec *x, const char *level, const char *fmt, ...) RTE_PRINTF(3, 4);
void exec_show(struct exec *x, const char *phase, const char *fmt, ...) RTE_PRINTF(3, 4);

/* result.c */
json_t *exec_result(struct exec *x, enum exec_outcome o);

#endif
