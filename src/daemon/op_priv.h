/* SPDX-License-Identifier: Apache-2.0
 * One operation, between its files: op.c (requests, clients, begin and end), op_first.c (the first start
 * on a root), op_world.c (what the interpreter sees of the world), op_recover.c (what an earlier relupd
 * left unfinished).
 */
#ifndef DAEMON_OP_PRIV_H
#define DAEMON_OP_PRIV_H

#include "daemon/daemon.h"

struct operation {
	struct daemon *d;
	uint64_t id;
	char kind[16], who[96];
	char from[REL_VERSION_MAX + 1], to[REL_VERSION_MAX + 1];
	wall_ns_t at;
	struct exec_options opt;
	struct op_plan plan;
	struct exec *x;               /* NULL: waits for workers that are starting */
	json_t *took_part;            /* owned; {worker: [pid, start time]}, of the journal */
	bool begun;                   /* in a recovery: they were to load new code */
	json_t *late;                 /* owned; {worker: hello.operation}: came back and took no part */
	json_t *leaving;              /* {worker: true}: told of the end, still to drop what is over */
	json_t *result;               /* NULL until the outcome is recorded */
	struct {                      /* an end without the interpreter: see op_end() */
		json_t *result;       /* not NULL: it waits to be recorded; owned */
		enum exec_outcome outcome;
		struct rel_err err;
		bool said;            /* that the journal fails */
	} end;
	bool first;                   /* the first start of a release on an empty root */
	bool taking_back;             /* of which a worker fails: all are being stopped */
	size_t running;               /* of its workers, when last looked at */
	bool ended;
	char phase[16], text[256];
	struct rpc_waiter *waiters;
	uv_timer_t timer;
};

#define OP_START_WAIT (15 * DUR_S) /* workers that are starting hold an operation back this long */

#define OP_LEAVE_WAIT (2 * DUR_S)  /* then the outcome is told without them */

/* op.c */
struct operation *op_new(struct daemon *d, const char *kind, const char *who, const char *from,
    const char *to); /* NULL: memory */
void op_set_phase(struct operation *op, const char *phase, const char *text);
int op_take_workers(struct operation *op, struct exec_worker **ret, size_t *ret_n); /* -1: memory */
void op_workers_free(struct exec_worker *list, size_t n);
json_t *op_unchanged_result(const char *version); /* the result object of formats.md, all at rest */
/* What fails before anything is recorded: told to who waits, and dropped.  p: as rls_load(). */
void op_fail_before(struct operation *op, const struct doc_problems *p, const struct rel_err *err);
/* Ends an operation that the interpreter does not run: records the outcome, again and again until it
 * can be, and then goes on to op_over().  Takes result. */
void op_end(struct operation *op, enum exec_outcome o, json_t *result, const struct rel_err *err);
/* Tells a worker that an operation is over: confirmed 1, what is not current goes; 0, what was prepared. */
void op_finish(struct daemon *d, struct sup_worker *w, uint64_t id, bool confirmed);
/* The operation is over: tells who waits, and drops it. */
void op_over(struct operation *op, enum exec_outcome o, json_t *result, const struct rel_err *err);

/* op_recover.c */
json_t *op_ended(const struct operation *op); /* exec_ops.ended */

/* op_first.c */
void op_first_start(struct operation *op);
void op_first_poke(struct operation *op); /* a worker changed its state */

/* op_world.c */
extern const struct exec_ops op_world;
int op_journal_end(struct operation *op, enum exec_outcome o, json_t *result, struct rel_err *err)
    RTE_MUST_CHECK;

#endif
