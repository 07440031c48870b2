/* SPDX-License-Identifier: Apache-2.0
 * sup: the workers of a running release: one state machine a worker, start and stop in order,
 * restarts with intensity and back-off, adoption after relupd was killed.
 *
 * Pure of the loop: it acts through `struct sup_ops` and is driven by sup_event(); loop thread only.
 *
 *	DOWN ──START──> SPAWNED ──HELLO──> STARTING ──READY──> RUNNING
 *	                   │ EXIT             │ EXIT              │ EXIT
 *	                   └──────────────> WAITING ──TIMER──> SPAWNED       (or ENDED: not restarted)
 *	any with a process ──STOP──> STOPPING ──TIMER──> KILLED ──EXIT──> DOWN
 *	LOST (a process of an earlier relupd) ──HELLO──> RUNNING, ──EXIT──> as above
 *
 * Differences from OTP, decided: (1) relupd never gives up on a worker: where the intensity is
 * exceeded the failing worker alone waits with back-off (1 s, doubling to 60 s) and counts as
 * failed; its siblings go on serving, because nothing dies by default.  (2) children start one
 * after the other as in OTP, but the `count` workers of one child start together.
 */
#ifndef SUP_SUP_H
#define SUP_SUP_H

#include <jansson.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/base.h"

#define SUP_HELLO_TIMEOUT (10 * DUR_S)  /* spawn → the worker's hello */
#define SUP_READY_TIMEOUT (60 * DUR_S)  /* start message → ready: init() may take its time */
#define SUP_LOST_TIMEOUT  (5 * DUR_S)   /* after this a silent worker is named; it is not killed */
#define SUP_BACKOFF_MIN   (1 * DUR_S)
#define SUP_BACKOFF_MAX   (60 * DUR_S)

enum sup_state {
	SUP_DOWN, SUP_SPAWNED, SUP_STARTING, SUP_RUNNING, SUP_STOPPING, SUP_KILLED, SUP_WAITING,
	SUP_LOST, SUP_ENDED, SUP__STATES
};
enum sup_event {
	SUP_EV_START, SUP_EV_HELLO, SUP_EV_READY, SUP_EV_EXIT, SUP_EV_TIMER, SUP_EV_STOP, SUP__EVENTS
};
enum sup_restart { SUP_PERMANENT, SUP_TRANSIENT, SUP_TEMPORARY };

/* A supervisor of the tree: only its restart counting is kept here. */
struct sup_node {
	unsigned intensity;
	dur_ns_t period;
	mono_ns_t *times;             /* ring of the last intensity + 1 restarts */
	unsigned next, used;
};

/* How a process ended.  Not known (relupd was down): counts as abnormal. */
struct sup_exit {
	bool known;
	int code;                     /* exit status, where signal == 0 */
	int signal;
};
bool sup_exit_normal(const struct sup_exit *e);
/* SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP: the program did it itself. */
bool sup_exit_fault(const struct sup_exit *e);
char *sup_exit_print(const struct sup_exit *e, char *buf, size_t size);

struct sup_worker {
	unsigned magic;
	/* what it is; set by sup_add, strings owned */
	char name[REL_WORKER_MAX];    /* application/child/index */
	char application[REL_NAME_MAX + 1], child[REL_NAME_MAX + 1], module[REL_NAME_MAX + 1];
	unsigned index, stage;
	enum sup_restart restart;
	dur_ns_t shutdown;            /* 0: SIGKILL at once; DUR_INFINITY */
	struct sup_node *node;
	/* what it does */
	enum sup_state state;
	bool failed;                  /* waits after too many restarts */
	bool stop_wanted;             /* does not restart after its exit */
	bool restart_free;            /* the next exit is an operation's doing: it is not counted */
	bool replaced;                /* the next exit was ordered: it starts again, whatever its type */
	bool silent;                  /* LOST and named */
	bool due;                     /* WAITING is over, but starts are held */
	pid_t pid;                    /* 0: none */
	uint64_t start_time;          /* field 22 of /proc/PID/stat */
	unsigned restarts;
	wall_ns_t since;              /* of the state that status shows */
	mono_ns_t ran_from;           /* of this process, or since it was adopted; 0: it never was ready */
	bool ran_once;                /* some process of it was ready: later stages need not wait */
	dur_ns_t backoff;
	struct sup_exit last_exit;
	char why[200];                /* last failure, for status */
	/* the connection's side; owned by the daemon */
	void *conn, *proc;
	wall_ns_t asked;              /* since then it has not said a word, though it was asked; 0: it has */
	json_t *loaded;               /* LOADED list of its last ready/hello/finished; owned */
	json_t *last_fault;           /* what it died of, for status; NULL: nothing since the last upgrade; owned */
};

struct sup;

/* What the state machine asks of the world.  None of them fails: what cannot be done becomes an
 * event (a spawn that fails is an EXIT with code 111 soon after). */
struct sup_ops {
	void (*spawn)(void *ctx, struct sup_worker *w);
	void (*kill)(void *ctx, struct sup_worker *w, int sig);
	void (*send_start)(void *ctx, struct sup_worker *w);
	void (*timer)(void *ctx, struct sup_worker *w, dur_ns_t after); /* < 0: cancel */
	void (*changed)(void *ctx, struct sup_worker *w);  /* after each transition */
	void (*log)(void *ctx, struct sup_worker *w, const char *level, const char *text);
	void (*all_stopped)(void *ctx);                    /* after sup_stop_all */
	mono_ns_t (*now)(void *ctx);
};

struct sup *sup_new(const struct sup_ops *ops, void *ctx); /* NULL: memory */
void sup_free(struct sup **s);

/* A supervisor node; NULL: memory.  Owned by the sup. */
struct sup_node *sup_node_add(struct sup *s, unsigned intensity, dur_ns_t period);
/* Adds a worker in state DOWN; `stage` never falls from one call to the next.  NULL: memory. */
struct sup_worker *sup_add(struct sup *s, const char *application, const char *child, unsigned index,
    const char *module, unsigned stage, struct sup_node *node);

size_t sup_count(const struct sup *s);
struct sup_worker *sup_at(const struct sup *s, size_t i);
struct sup_worker *sup_find(struct sup *s, const char *name);

/* Starts in order, holding each stage until the one before is ready once. */
void sup_start_all(struct sup *s);
/* Ends in reverse order, stage by stage; all_stopped() at the end (also when nothing ran). */
void sup_stop_all(struct sup *s);
/* While held, nothing is spawned (a group is in its bracket); what fell due follows the release. */
void sup_hold_starts(struct sup *s, bool hold);

/* Makes a process of an earlier relupd known: LOST until its hello. */
void sup_lost(struct sup *s, struct sup_worker *w, pid_t pid, uint64_t start_time);
void sup_event(struct sup *s, struct sup_worker *w, enum sup_event ev);
void sup_exited(struct sup *s, struct sup_worker *w, const struct sup_exit *how);
/* Kills and starts again by the map; not counted as a failure. */
void sup_replace(struct sup *s, struct sup_worker *w);
/* Ready, and its process is neither gone nor on its way out. */
bool sup_worker_runs(const struct sup_worker *w);
/* It ended more often than its supervisor allows, and waits with back-off; or it did not start and is of
 * a type that is not started again. */
bool sup_worker_fails(const struct sup_worker *w);
bool sup_all_running(const struct sup *s);

/* "running|starting|suspended|draining|stopped|failed" (formats.md) */
const char *sup_state_public(const struct sup_worker *w);

#endif
