/* SPDX-License-Identifier: Apache-2.0
 * daemon: relupd.  Wires store, sup and exec to a libuv loop, two sockets and real processes.
 * One process, one thread, one loop; what blocks is the journal and the hashing of module files,
 * and neither happens while a worker is at rest.
 *
 *	main.c    options, background, signals        wire.c   workers.sock: workers come and speak
 *	daemon.c  boot, shutdown, ops of sup          proc.c   processes: spawn, ends;  pids.c  run/pids
 *	rls.c     a release as it will run; shape.c   listen.c listening sockets
 *	op*.c     operations: ops of exec, recovery   rpc.c    control.sock;  verbs.c  its methods
 *	plan.c    what an upgrade would do            log.c    lines
 *	limits.c  file descriptors                    accept.c connections to both sockets
 *	holders.c who holds code                      threads.c where a silent worker's threads stand
 */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include <jansson.h>
#include <stdio.h>
#include <uv.h>

#include "base/base.h"
#include "exec/exec.h"
#include "model/model.h"
#include "proto/proto.h"
#include "store/store.h"
#include "sup/sup.h"

struct operation;
struct rpc_server;
struct wire;
struct listeners;
struct pids;

/* ------------------------------------------------------------------ rls.c */
/* A release made ready to run: descriptions read and checked, every module an object. */
struct rls {
	struct model_system *sys;     /* owned */
	struct doc *config;           /* owned; NULL: none */
	json_t *modules;              /* owned; {module: MODULE of proto.h} */
};
/* Of a document with several errors *err is the first and *p gets all of them. */
int rls_load(struct store *st, const char *version, struct rls **ret, struct doc_problems *p,
    struct rel_err *err) RTE_MUST_CHECK;
void rls_free(struct rls **r);
/* The application's env with config.yaml applied; new reference, NULL: memory. */
json_t *rls_env(const struct rls *r, const struct model_app *app);
/* The MODULE entries of an application and all it depends on, looked up in `map`; new reference. */
json_t *rls_modules_for(const struct rls *r, const char *application, const json_t *map);
const struct model_child *rls_child(const struct rls *r, const char *application, const char *child);
/* The child's addresses with ${…} replaced by env values; a new array of texts. */
int rls_listen(const struct rls *r, const struct model_app *app, const struct model_child *child,
    json_t **ret, struct rel_err *err) RTE_MUST_CHECK;
/* Walks the native children in start order. */
struct rls_child_at {
	const struct model_app *app;
	const struct model_sup *supervisor;
	const struct model_child *child;
};
int rls_each_child(const struct rls *r, int (*fn)(void *ctx, const struct rls_child_at *at),
    void *ctx);
bool rls_find_child(const struct rls *r, const char *application, const char *child,
    struct rls_child_at *ret);

/* shape.c */
/* What a running system cannot be moved across by this version: other children, listeners, env. */
int rls_same_shape(const struct rls *from, const struct rls *to, struct rel_err *err) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ the daemon */
struct daemon {
	unsigned magic;
	uv_loop_t loop;
	struct store *store;
	struct rls *rls;              /* what runs; NULL: nothing */
	json_t *map;                  /* who starts with what: {module: MODULE}; follows each decision */
	struct sup *sup;              /* NULL: nothing runs */
	struct operation *op;         /* NULL: none */
	struct forecast {             /* of the last rehearsal, for `plan` */
		char from[REL_VERSION_MAX + 1], to[REL_VERSION_MAX + 1];
		json_t *workers;      /* {worker: us}; owned; NULL: none yet */
	} forecast;
	struct listeners *listeners;
	struct pids *pids;
	struct wire *wire;
	struct rpc_server *rpc;
	FILE *log;
	int ready_fd;                 /* the parent of a background start waits here; -1 */
	char notify[108];             /* NOTIFY_SOCKET; "": none */
	char libexec[4096];           /* where relworker-N stands */
	uv_signal_t sigterm, sigint;
	bool stopping, recovering, ready;
	size_t descriptors;           /* that the release needs; 0: none runs */
	json_t *recovered;            /* {worker: hello.operation} while recovering; owned */
	wall_ns_t started;
	mono_ns_t left_until;         /* what proc_end_left() asked to end is killed then */
};

/* daemon.c */
int daemon_open(struct daemon *d, const char *root, struct doc_problems *p, struct rel_err *err)
    RTE_MUST_CHECK; /* p: as rls_load() */
int daemon_run(struct daemon *d);
void daemon_stop(struct daemon *d);
/* Starts the release on a root that runs none. */
int daemon_boot_release(struct daemon *d, struct rls *r, struct rel_err *err) RTE_MUST_CHECK;
/* The opposite: all workers have ended, and the root runs nothing again. */
void daemon_drop_release(struct daemon *d);
json_t *daemon_start_body(struct daemon *d, struct sup_worker *w);
/* A worker of an interrupted operation came back or died: is it time to recover? */
void daemon_recover_poke(struct daemon *d);
int daemon_runtime_check(const struct daemon *d, const struct rls *r, struct rel_err *err)
    RTE_MUST_CHECK;

/* ready.c: takes NOTIFY_SOCKET out of the environment; tells once that relupd is ready, not while it
 * is recovering. */
void ready_init(struct daemon *d);
void ready_tell(struct daemon *d);

/* log.c: `2026-01-31T12:00:00Z warning hello/listener/0: text` */
void daemon_log(struct daemon *d, const char *level, const char *who, const char *fmt, ...)
    RTE_PRINTF(4, 5);
/* An error with its place in front; where *p (may be NULL) holds several, each on a line of its own. */
void daemon_log_error(struct daemon *d, const char *who, const char *words,
    const struct doc_problems *p, const struct rel_err *err);

/* proc.c */
void proc_spawn(struct daemon *d, struct sup_worker *w);
/* Watches a process that was started by an earlier relupd; row: its row of run/pids, 0: it has none and
 * gets one. */
int proc_watch(struct daemon *d, struct sup_worker *w, pid_t pid, uint64_t start_time, size_t row,
    struct rel_err *err) RTE_MUST_CHECK;
void proc_kill(struct daemon *d, struct sup_worker *w, int sig);
void proc_timer(struct daemon *d, struct sup_worker *w, dur_ns_t after);
/* Ends what an earlier relupd left running, and waits for it; nothing of it is known to d->sup. */
int proc_end_left(struct daemon *d, struct rel_err *err) RTE_MUST_CHECK;
void proc_free(struct daemon *d, struct sup_worker *w);
int proc_fds(pid_t pid); /* open descriptors; 0 where they cannot be seen */

/* pids.c */
/* Is it still the process that began then?  An error says nothing of it. */
int pids_lives(pid_t pid, uint64_t start_time, bool *ret, struct rel_err *err) RTE_MUST_CHECK;
int pids_open(int run_fd, struct pids **ret, struct rel_err *err) RTE_MUST_CHECK;
void pids_close(struct pids **p);
/* Its row; 0 with errno where none could be written. */
size_t pids_add(struct pids *p, const char *worker, pid_t pid, uint64_t start_time);
void pids_remove(struct pids *p, size_t row); /* 0: nothing */
/* What an earlier relupd wrote: fn is called for each process that lives.  After an error the file
 * stands as it was. */
typedef int pids_fn(struct daemon *d, const char *worker, pid_t pid, uint64_t start_time, size_t row,
    struct rel_err *err);
int pids_each(struct pids *p, struct daemon *d, pids_fn *fn, struct rel_err *err) RTE_MUST_CHECK;

/* limits.c */
void limits_raise(void);
/* May relupd open what the release needs?  To be asked before anything of it starts. */
int limits_check(struct daemon *d, const struct rls *r, struct rel_err *err) RTE_MUST_CHECK;
/* How many clients of the control socket there may be at once. */
unsigned limits_clients(const struct daemon *d);

/* accept.c */
struct acceptor;
/* Listens on run/`name` (a literal); fn takes each connection. */
int acceptor_open(struct daemon *d, const char *name, int type, void (*fn)(void *ctx, int fd),
    void *ctx, struct acceptor **ret, struct rel_err *err) RTE_MUST_CHECK;
void acceptor_close(struct acceptor **a);

/* listen.c */
int listeners_new(struct daemon *d, struct listeners **ret, struct rel_err *err) RTE_MUST_CHECK;
void listeners_free(struct listeners **l);
void listeners_close(struct listeners *l); /* all of them; others may be opened */
/* The fd of an address, opened on first use; borrowed. */
int listeners_get(struct listeners *l, const char *address, int *ret_fd, struct rel_err *err)
    RTE_MUST_CHECK;
/* One that came back from a worker; taken (closed where the address is known already). */
void listeners_adopt(struct listeners *l, const char *address, int fd);

/* wire.c */
int wire_new(struct daemon *d, struct wire **ret, struct rel_err *err) RTE_MUST_CHECK;
void wire_free(struct wire **w);
int wire_send_json(struct sup_worker *w, const char *name, json_t *body, const int *fds,
    size_t fd_count, struct rel_err *err) RTE_MUST_CHECK;
int wire_send_frame(struct sup_worker *w, const struct proto_frame *f, struct rel_err *err)
    RTE_MUST_CHECK;
void wire_forget(struct sup_worker *w);  /* its connection is closed; it may be freed */
void wire_drain(struct daemon *d, struct sup_worker *w); /* reads what a dead worker left */
/* A request to a worker (`relctl call`); fn gets its reply or an error, once. */
typedef void wire_reply_fn(void *ctx, json_t *reply, const struct rel_err *err);
int wire_call(struct sup_worker *w, json_t *request, wire_reply_fn *fn, void *ctx,
    struct rel_err *err) RTE_MUST_CHECK;
/* The same for what its runtime knows: body is `ask` of proto.h without the id; taken. */
int wire_ask(struct sup_worker *w, json_t *body, wire_reply_fn *fn, void *ctx, struct rel_err *err)
    RTE_MUST_CHECK;

/* holders.c */
bool holders_possible(const struct sup_worker *w); /* it has task functions, or an old version mapped */
/* Asks each running worker that may hold old code, or all; fn gets {worker: reply or null} once, maybe before this
 * returns.  body is called for each; -1: memory, and fn is not called. */
typedef json_t *holders_body_fn(void *ctx, const struct sup_worker *w);
typedef void holders_fn(void *ctx, const json_t *answers);
int holders_gather(struct daemon *d, bool all, holders_body_fn *body, holders_fn *fn, void *ctx) RTE_MUST_CHECK;
/* HOLDERs of proto.h with worker and pid; new reference. */
json_t *holders_named(const struct sup_worker *w, const json_t *list);

/* threads.c */
/* HOLDERs: where the threads of a worker stand that does not answer.  Stops each for a moment.  New
 * reference; NULL: memory. */
json_t *threads_stand(const struct sup_worker *w);

/* rpc.c */
struct rpc_conn;
int rpc_new(struct daemon *d, struct rpc_server **ret, struct rel_err *err) RTE_MUST_CHECK;
void rpc_free(struct rpc_server **s);
void rpc_reply(struct rpc_conn *c, json_t *id, json_t *result);      /* takes result, not id */
void rpc_error(struct rpc_conn *c, json_t *id, const struct rel_err *err);
/* As rpc_error, with all the errors of *p (may be NULL) where it holds several. */
void rpc_problems(struct rpc_conn *c, json_t *id, const struct doc_problems *p,
    const struct rel_err *err);
void rpc_notify(struct rpc_conn *c, const char *method, json_t *params);
/* A handle that outlives the connection: turns NULL when the client goes away. */
struct rpc_waiter {
	struct rpc_conn *conn;
	json_t *id;                   /* owned */
	struct rpc_waiter *next, *next_of_conn;
};
struct rpc_waiter *rpc_wait(struct rpc_conn *c, json_t *id); /* NULL: memory */
void rpc_waiter_free(struct rpc_waiter *w);
const char *rpc_who(const struct rpc_conn *c);

/* verbs.c */
void verbs_dispatch(struct daemon *d, struct rpc_conn *c, const char *method, json_t *params,
    json_t *id);

/* op.c */
struct op_request {
	const char *kind;             /* upgrade downgrade rollback rehearse */
	const char *version;          /* NULL for rollback */
	enum exec_rehearse rehearse;
	enum exec_purge purge;
	bool rehearse_only;
	dur_ns_t max_pause;
};
/* Begins; the waiter hears of its end.  Errors: nothing was begun. */
void op_request(struct daemon *d, const struct op_request *rq, struct rpc_conn *c, json_t *id);
void op_attach(struct daemon *d, uint64_t id_or_0, struct rpc_conn *c, json_t *id);
void op_packet(struct daemon *d, struct sup_worker *w, const struct proto_packet *p);
void op_gone(struct daemon *d, struct sup_worker *w);
/* A worker that came back holds `state` (hello.operation): of another operation than the present one
 * it has missed the end, of the present one it may have lost an answer, or is late. */
void op_tell_missed(struct daemon *d, struct sup_worker *w, json_t *state);
/* The worker has dropped what the operation left over (its `finished` was read). */
void op_left(struct daemon *d, const struct sup_worker *w);
void op_poke(struct daemon *d);
void op_stopped(struct daemon *d); /* all workers that were told to have ended */
void op_free(struct daemon *d);
json_t *op_json(const struct daemon *d); /* for status; null where none */
bool op_is_first(const struct daemon *d);   /* the first start of a release on this root */
bool op_in_bracket(const struct daemon *d); /* workers stand still: nothing may take time now */
/* Goes on with what an earlier relupd left unfinished; workers' hellos were collected in *states:
 * {worker: hello.operation}. */
int op_recover(struct daemon *d, json_t *states, struct rel_err *err) RTE_MUST_CHECK;
/* On a root that runs nothing: a first start that was interrupted left nothing behind. */
void op_abandon(struct daemon *d);

/* plan.c */
struct op_plan {
	struct rls *target;           /* owned */
	struct model_relup *relup;    /* owned: of the target or of the running release */
	const struct model_script *script; /* borrowed from relup */
	struct exec_script *steps;    /* owned */
	bool down;
};
/* journalled: the relup of an operation that was begun, NULL: what the files say.  p: as rls_load(). */
int op_plan_make(struct daemon *d, const char *version, bool insist_down, const json_t *journalled,
    struct op_plan *ret, struct doc_problems *p, struct rel_err *err) RTE_MUST_CHECK;
/* Of its relup what joins the two releases, for the journal; `other` is the one that the relup is not of.
 * New reference; NULL: memory. */
json_t *op_plan_relup_json(const struct op_plan *p, const char *other);
void op_plan_fini(struct op_plan *p);
/* What the rehearsals of an operation foretell.  list: see exec_rehearsals(). */
void op_forecast_keep(struct daemon *d, const char *from, const char *to, const json_t *list);
/* *ret_look: `ask` of proto.h for all workers that may hold code, whose answers belong into kills and
 * holders; NULL: the plan is whole. */
json_t *op_plan_json(struct daemon *d, const char *version, json_t **ret_look, struct doc_problems *p,
    struct rel_err *err); /* NULL: error */
/* Does the worker's table hold a module that the step names? */
bool op_worker_concerned(const struct sup_worker *w, const struct exec_step *st);

#endif
