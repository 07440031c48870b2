/* SPDX-License-Identifier: Apache-2.0
 * The worker runtime's own structures.  One `struct worker` a process (a host may run one after
 * the other); everything hangs on it; global are only what a signal handler (fault.c) and a
 * task's own thread (task.c) find it by.  Loop thread only, but for worker_op_load(),
 * which prepare runs on a thread of its own.
 *
 * Tasks are threads too: they run module code, and share with the loop what struct tasks says.
 *
 * The words used here:
 *   object      one mapped version of a module (a .so), known by its digest
 *   table       the modules a worker uses, [0] is its callback module, each with its object
 *   generation  a table made ready to run: views, links and slots.  Immutable but for its state,
 *               which is set before it becomes current.  Code changes by one pointer: worker.gen.
 *   slot        "module + function name"; a registration names one, each generation resolves it
 *   operation   what prepare opened: steps, each with the generation before and after it
 */
#ifndef WORKER_PRIV_H
#define WORKER_PRIV_H

#include <pthread.h>
#include <sys/types.h>

#include "base/base.h"
#include "proto/proto.h"
#include "stack/memory.h"
#include "worker/relworker.h"

#define WORKER_MAGIC    0x776f726bu
#define WORKER_TOMBS    64   /* unmapped ranges kept closed, the oldest is given up first */
#define WORKER_TOMB_BYTES ((size_t)1 << 30) /* all of them together */
#define WORKER_TASKS    16384 /* at once */
#define WORKER_TASKS_END (2 * DUR_S) /* of a worker that ends: tasks have ended by then */
#define WORKER_LISTED   500 /* holders in one list: a worker may have thousands of tasks */
#define WORKER_MODULES  256  /* modules one worker may use */
#define WORKER_STEPS    1024 /* steps of one operation: hello names each of them */
#define WORKER_NEVER    INT64_MAX

#pragma GCC visibility push(hidden)

struct worker;

/* ------------------------------------------------------------------ code */
enum words_seen { WORDS_UNSEEN, WORDS_NONE, WORDS_SOME, WORDS_UNKNOWN };

struct object {
	struct object *next;
	char module[REL_NAME_MAX + 1];
	char version[REL_VERSION_MAX + 1]; /* the application's, as last run or prepared */
	char digest[REL_DIGEST_LEN + 1];
	char *path;
	void *handle;
	const struct relw_module *table;
	uintptr_t lo, hi;             /* the mapped range */
	unsigned range;               /* in worker.faults, counted from 1; 0: not known there */
	bool fresh;                   /* opened by the operation that is going on */
	bool mark;                    /* purge: stays */
	bool foreign;                 /* a thread that is not ours held it, when that was last looked at */
	bool handles;                 /* and so a signal's handler lay in it */
	bool strict;                  /* old: it goes when no word in writable memory leads into it */
	enum words_seen seen;         /* when that was last looked through */
	size_t in_look;               /* its place in the look that is going on, from 1; 0: in none */
	struct memory_words words;    /* WORDS_SOME */
	const char *stays;            /* why it cannot be unmapped; NULL: not tried, or it is current */
};

struct entry {
	struct object *obj;
	const char *application, *version;
};

struct table {
	size_t n;
	struct entry *e;              /* [0]: the callback module */
};

/* What is handed to a module as `struct relw *`: &view->pub. */
struct view {
	struct worker *w;
	const struct entry *entry;
	struct relw pub;              /* last: ends in the links */
};

union slot_fn {
	relw_event_fn *event;
	relw_task_fn *task;
};

/* One cache line holds two: the dispatch is a load of the generation, one of the slot, the call. */
struct slot {
	union slot_fn fn;             /* NULL: not offered by this generation */
	struct relw *rw;
	void *state;
	void *pad;
};

struct gen {
	struct rel_arena *arena;      /* owns all of it */
	struct table table;
	struct view **views;          /* as table.e */
	struct gen *next_retired;
	void *state;
	uint32_t slot_count;
	struct slot slots[];          /* in place: one load less on the way to the function */
};

struct slot_name {
	char module[REL_NAME_MAX + 1];
	char *function;               /* NULL: handle_event */
	bool task;                    /* which of the two kinds of function */
	uint32_t used;                /* registrations, or tasks, that name it */
};

/* Runs what a registration names, in the generation given (the current one). */
static inline void
worker_dispatch_slot(const struct gen *g, uint32_t slot, const struct relw_event *event)
{
	const struct slot *s = &g->slots[slot];
	s->fn.event(s->rw, s->state, event);
}

/* ------------------------------------------------------------------ tasks */
struct task {
	struct task *next;
	struct worker *w;
	int64_t id;
	uint32_t slot;
	pthread_t thread;
	void *state, *txn_state;      /* the turn's while it pins something, else the loop's */
	_Atomic(struct gen *) pin;    /* what its turn runs in; NULL: between turns.  To be compared only */
	_Atomic(struct gen *) runs;   /* the same, once the pin stands: the loop may look into it */
	_Atomic uint64_t turn, asked; /* asked: the turn that was asked to end */
	_Atomic int64_t since;        /* mono_ns_t: its turn's beginning */
	_Atomic(uintptr_t) frames;    /* its stack up to here: above lies what belongs to the thread; 0: not begun */
	_Atomic int tid, wake;        /* wake: an eventfd, -1 before its first relw_task_wait() */
	_Atomic bool cancelled, ended;
	int rc;                       /* once ended */
	char label[80];               /* "FUNCTION/ID" in plain ASCII */
};

struct task_call {                    /* on the stack of its caller, who waits */
	struct task_call *next;
	const char *module, *function;
	uint64_t key;
	int rc;
	bool answered;
	pthread_cond_t done;
};

struct tasks {
	struct task *list;            /* the loop's */
	size_t count;
	int64_t last_id;
	int news;                     /* eventfd: calls, ended tasks, and, if watched, ended turns */
	bool ready;
	_Atomic(struct gen *) gen;    /* in which the next turn runs */
	_Atomic bool rest;            /* no turn begins */
	_Atomic bool watched;
	pthread_mutex_t lock;         /* of the rest */
	pthread_cond_t go;
	struct task_call *calls, **calls_end;
};

/* A bracket that is to begin when all tasks rest. */
struct deferred {
	bool pending, told;
	struct proto_frame request;
	mono_ns_t tell_at;            /* then relupd hears who keeps it waiting */
};

/* A question of relupd that is answered when turns have ended, or its time is over. */
struct ask {
	struct ask *next;
	json_t *id, *body;            /* owned */
	const struct ask_kind *kind;
	mono_ns_t end;
};

/* ------------------------------------------------------------------ registrations */
struct reg {                          /* by fd */
	uint64_t key, txn_key;
	uint32_t slot, events;
	uint32_t serial;              /* grows with each add: tells a stale event */
	int txn_next;
	bool used, txn_set;
};

struct timer {                        /* by index; id = serial << 32 | index */
	mono_ns_t at;
	dur_ns_t every;
	uint64_t key, txn_key;
	uint32_t slot, serial;
	int heap;                     /* its place in the heap, -1: free */
	int txn_next;                 /* free ones: the next free one */
	bool txn_set;
};

struct timers {
	struct timer *v;
	int *heap;                    /* indices, earliest first */
	int n, used, cap, free;
};

/* ------------------------------------------------------------------ operation */
struct modrec {                       /* MODULE of proto.h; borrowed from the message */
	const char *module, *application, *version, *digest, *path;
	int64_t size;
};

struct change {
	const char *module;
	enum relw_mode mode;
	const char *extra;
};

struct changes {
	size_t n;
	struct change *v;
};

enum step_state { STEP_NONE, STEP_COMMITTED, STEP_ABORTED, STEP_UNDONE };

struct step {
	uint32_t number, up, undo;    /* words */
	bool self, suspends;          /* suspends: tasks rest too */
	size_t load_count;
	const char **loads;
	struct changes changes, undo_changes;
	struct table table;           /* after the step */
	struct gen *before, *after;   /* the same where nothing changes */
	enum step_state state;
};

struct op {
	struct rel_arena *arena;
	json_t *message;              /* owned: names are borrowed from it */
	int64_t id;
	size_t module_count, step_count;
	struct modrec *modules;
	struct step *steps;
	struct object *opened;        /* by the load; worker.objects takes them over */

	bool strict, soft;            /* how old code is to go: by its words too; without regard to them */

	int64_t cell;
	dur_ns_t lease;
	struct proto_decision memory;
	int wake, begin;              /* eventfds that all workers of the operation share */
	uint32_t begun;               /* the last bid of its cell that was obeyed */

	bool loading;                 /* the thread runs; it alone touches arena, tables, opened */
	bool answer;                  /* the daemon waits for `prepared` */
	json_t *finish;               /* came while loading */
	pthread_t thread;
	int done;                     /* eventfd: the thread is through */
	struct rel_err err;
};

/* Why a step cannot be made; becomes BUILT, DONE or a rehearsal's result. */
struct fail {
	enum proto_built_code code;
	char module[64];
	char text[PROTO_FRAME_TEXT];
	const char *hint;             /* what to do next; NULL: what the code alone tells */
};

/* What a commit left behind, to be freed when the worker has time.  By type, not by its discard: a million
 * dead pointers into old code would be left on the heap (words.c). */
struct part {
	void *old, *new;
	struct view *old_view, *new_view;
	uint32_t old_type, new_type;  /* indices into the tables' state_types */
};

struct trash {
	const struct gen *gen;        /* NULL: nothing to free */
	void *state;
	bool has_state;
	struct part *parts;
	size_t n;
	mono_ns_t since;
};

/* Why the last relw_txn_convert() failed: what called it may fail by that without a word of its own. */
struct cause {
	int rc;                       /* 0: it did not fail */
	bool convert;                 /* a module's convert refused; else the runtime did */
	struct fail fail;
};

typedef void worker_progress_fn(void *arg, const char *module);
struct txn {
	struct worker *w;
	struct gen *from, *to;
	const struct changes *changes;
	const struct change *change;  /* the callback module's; NULL: it has none */
	worker_progress_fn *progress; /* before a module's code_change or convert runs; may be NULL */
	void *progress_arg;
	const char *running;          /* the module whose code_change or convert runs */
	bool rehearsal;
	bool undo;                    /* back, after a commit */
	bool in_place;                /* built: the code_change is due after the decision */
	bool checked;                 /* worker_step_check() passed when the step was prepared */
	void *state;                  /* built: the new one */
	int fds, timers;              /* lists of re-keyed registrations, -1: end */
	struct part *parts;
	size_t n, cap;
	bool nomem;
	bool tasks;                   /* their txn_state is set */
	const char *forbidden;        /* the call it made and may not */
	struct cause cause;
	struct fail broken;           /* by a convert's mistake the change fails, whatever its caller returns */
	struct fail fail;
};

enum worker_call { CALL_PLAIN, CALL_TXN, CALL_DISCARD };

/* ------------------------------------------------------------------ link */
struct queued {
	struct queued *next;
	const char *name;             /* NULL: a frame */
	json_t *body;
	struct proto_frame bin;
};

struct inbox {
	struct inbox *next;
	struct proto_packet packet;
};

struct link {
	int dirfd;                    /* of the socket: a deep root, a renamed parent are no matter */
	const char *name;
	int sock;                     /* -1: not connected */
	dur_ns_t backoff;
	mono_ns_t retry_at;
	struct queued *out, **out_end;
	size_t out_count;
	struct inbox *in, **in_end;   /* came while a bracket waited */
	size_t in_count;
};

/* Shared with the copy: whose code it runs.  Two names and which of them holds, so that one is whole
 * whenever the copy ends.  Memory, not messages: a state may have a million parts to convert. */
enum stage_part { STAGE_LOAD, STAGE_CHANGE, STAGE_AFTER };
struct stage {
	_Atomic unsigned at;
	_Atomic unsigned part;        /* enum stage_part */
	_Atomic bool sandbox;         /* it is locked in, whole */
	char names[2][REL_NAME_MAX + 1];
};

/* Where in a module's file something happened. */
struct place {
	char module[64];              /* "": not known */
	char digest[REL_DIGEST_LEN + 1];
	uint64_t offset;              /* as the file's symbols count */
	bool called;                  /* it happened in a library, which this place called */
};

struct rehearsal {
	int64_t operation;
	dur_ns_t limit;               /* of its time */
	struct stage *stage;          /* NULL: the copy was never begun */
	pid_t pid;
	int pidfd, pipe;
	mono_ns_t deadline;
	int64_t fork_us, change_us, longest_us, memory_kb;
	struct place at;              /* of a crash or a forbidden call */
	bool sandbox;
	bool hung, ended;             /* ended: the child told its result */
	const char *result;
	enum rel_ecode code;          /* of a refusal */
	char module[64], text[PROTO_FRAME_TEXT], hint[256];
};

/* A forked copy looks through writable memory. */
struct words_look {
	pid_t pid;                    /* 0: none does */
	int pipe;                     /* its end is the copy's */
	mono_ns_t deadline;
	size_t size;
	struct words_found *found;    /* shared with the copy; size bytes */
	mono_ns_t at;                 /* not before then again, unless somebody asks */
	dur_ns_t every;
};

/* ------------------------------------------------------------------ faults */
#define FAULT_SIGNALS 6
#define FAULT_RANGES  1024
#define FAULT_STACK   (32 * 1024)     /* the kernel's part of it grows with the processor's registers */
#define FAULT_WORDS   ((REL_NAME_MAX + 1 + 72 + 72) / sizeof(uint64_t))

struct fault_name {
	union {
		struct {
			char module[REL_NAME_MAX + 1], vsn[72], digest[72];
		};
		uint64_t words[FAULT_WORDS];
	};
};

/* Written by the loop, read by any thread: see fault.c. */
struct fault_range {
	_Atomic unsigned turn;        /* odd while it is written */
	_Atomic uintptr_t lo, hi;     /* 0: free */
	_Atomic bool gone;            /* a tombstone */
	_Atomic uint64_t name[FAULT_WORDS];
};

struct faults {
	pid_t pid;                    /* a forked copy is not the worker */
	pthread_t loop;
	_Atomic int sock;             /* link.sock, after its hello; -1 */
	_Atomic int loader;           /* the thread that opens new code; 0 */
	_Atomic unsigned used;
	struct fault_range ranges[FAULT_RANGES];
	_Alignas(16) char stack[FAULT_STACK]; /* the loop's, for signals */
};

struct tomb {
	uintptr_t lo;
	size_t len;
	unsigned range;
};

/* ------------------------------------------------------------------ the worker */
struct worker {
	unsigned magic;
	const char *name;
	char *root;

	int epfd, timerfd, sigfd;
	mono_ns_t armed;              /* what timerfd is set to, WORKER_NEVER: nothing */
	struct reg *regs;
	int reg_cap;
	struct timers timers;

	struct gen *gen;              /* the current code */
	struct gen *retired;          /* earlier ones that turns still pin */
	struct tasks tasks;
	struct deferred deferred;
	struct ask *asks;
	bool purge_wanted;            /* confirmed: what is not current goes as soon as nothing holds it */
	mono_ns_t purge_at;           /* then it is tried again, WORKER_NEVER: not by the time */
	struct words_look look;
	struct object *objects;
	struct slot_name *slots;
	uint32_t slot_count;
	struct tomb tombs[WORKER_TOMBS]; /* a ring */
	unsigned tomb_first, tomb_count;
	size_t tomb_bytes;
	struct faults faults;

	pthread_t thread;             /* the loop's */
	bool job;                     /* init() succeeded */
	json_t *start;                /* the start message */
	json_t *release;
	char *args_text, *env_text;
	int *listeners;
	size_t listener_count;

	struct link link;
	struct op *op;
	struct rehearsal *rehearsal;
	json_t *rest_body;            /* a rehearsal that waits for tasks to rest; owned */
	mono_ns_t rest_by;            /* till then */
	int64_t rehearsed;            /* the operation that was rehearsed last, and well */
	struct trash trash;

	enum worker_call call;
	struct txn *txn;              /* while CALL_TXN */
	bool rehearsing;              /* this is the forked copy */
	char refusal[PROTO_FRAME_TEXT];

	bool stopping;
	int status;
	char reason[128];
};

/* loop.c */
enum worker_source {
	SOURCE_LINK = 1, SOURCE_TIMER, SOURCE_SIGNAL, SOURCE_LOADED, SOURCE_BEGIN, SOURCE_REHEARSAL, SOURCE_CHILD,
	SOURCE_TASKS, SOURCE_WAKE, SOURCE_WORDS,
};
int worker_loop_init(struct worker *w, bool sigterm, struct rel_err *err) RTE_MUST_CHECK; /* sigterm: it ends the worker */
void worker_loop_fini(struct worker *w);
int worker_loop_watch(struct worker *w, int fd, uint32_t events, enum worker_source s);
void worker_loop_close(struct worker *w, int *fd); /* what is watched */
/* One turn: what is ready; waits for it as epoll_wait(2) does.  0, or a negative errno. */
int worker_loop_turn(struct worker *w, int timeout) RTE_MUST_CHECK;
void worker_loop_arm(struct worker *w, bool idle); /* after a change that no turn saw; idle: see trash_due() */
void worker_loop_stop(struct worker *w, int status, const char *reason);
int worker_reg_add(struct worker *w, int fd, uint32_t events, uint32_t slot, uint64_t key);
int worker_reg_mod(struct worker *w, int fd, uint32_t events);
int worker_reg_del(struct worker *w, int fd);
struct reg *worker_reg_get(struct worker *w, int fd);

/* timer.c */
int64_t worker_timer_add(struct worker *w, dur_ns_t after, dur_ns_t every, uint32_t slot, uint64_t key);
int worker_timer_del(struct worker *w, int64_t id);
struct timer *worker_timer_get(struct worker *w, int64_t id);
mono_ns_t worker_timer_next(const struct worker *w);
void worker_timer_run(struct worker *w);

/* object.c */
struct object *worker_object_open(const struct modrec *m, struct rel_err *err);
void worker_object_free(struct object **o);

/* table.c: worker_op_load() fills every step's table. */
struct loader {
	const struct modrec *modules;
	size_t module_count;
	struct object *held;          /* not changed */
	struct object *opened;        /* grows */
	struct rel_arena *arena;
	worker_progress_fn *progress; /* before an object is opened; may be NULL */
	void *progress_arg;
};
int worker_table_next(struct loader *l, const char *root, const struct table *prev, const char *const *loads,
    size_t load_count, struct table *ret, struct rel_err *err) RTE_MUST_CHECK;
const struct modrec *worker_modrec_find(const struct modrec *v, size_t n, const char *module);
bool worker_table_same(const struct table *a, const struct table *b);

/* gen.c */
int worker_gen_new(struct worker *w, const struct table *t, struct gen **ret, struct rel_err *err)
    RTE_MUST_CHECK;
void worker_gen_free(struct gen **g);
void worker_gen_set_state(struct gen *g, void *state);
int worker_gen_index(const struct gen *g, const char *module); /* -1: not in it */
bool worker_gen_has(const struct gen *g, const struct object *o);
bool worker_gen_offers(const struct gen *g, uint32_t slot);
void worker_gen_retire(struct worker *w, struct gen **g); /* freed when no turn pins it */
void worker_gen_sweep(struct worker *w);
void worker_gen_drop(struct worker *w); /* the same at the end, when there are no tasks */
const struct relw_state_type *worker_state_type(const struct relw_module *m, const char *name);
/* The slot of a function of a module; -ENOENT where the current generation offers none. */
int worker_slot_find(struct worker *w, const char *module, const char *function, bool task, uint32_t *ret);

/* task.c */
int worker_tasks_init(struct worker *w, struct rel_err *err) RTE_MUST_CHECK;
void worker_tasks_fini(struct worker *w);
struct task *worker_task_self(void);
int64_t worker_task_start(struct worker *w, const char *module, const char *function, void *state);
void worker_task_cancel(struct task *t);
void worker_task_ask(struct task *t); /* to end its present turn */
bool worker_task_stays(const struct task *t);
int worker_task_due(const struct task *t);
int worker_task_wait(struct task *t, int fd, uint32_t events, int64_t timeout);
int worker_task_call(struct task *t, const char *module, const char *function, uint64_t key);
bool worker_tasks_rest(struct worker *w); /* no turn begins any more; true: none lasts */
void worker_tasks_hold(struct worker *w);
void worker_tasks_go(struct worker *w);
size_t worker_tasks_busy(const struct worker *w);
void worker_tasks_watch(struct worker *w);
void worker_tasks_wake(struct worker *w);
void worker_tasks_poke(struct worker *w);
void worker_tasks_current(struct worker *w, struct gen *g); /* the next turns run in it */
void worker_tasks_event(struct worker *w);
bool worker_tasks_end(struct worker *w, dur_ns_t patience);

/* holders.c */
json_t *worker_holder_json(const struct worker *w, const struct task *t); /* HOLDER of proto.h */
void worker_ask(struct worker *w, struct proto_packet *p);
void worker_ask_look(struct worker *w);
void worker_asks_drop(struct worker *w);
mono_ns_t worker_ask_next(const struct worker *w);

/* op.c */
int worker_modules_parse(json_t *a, struct rel_arena *arena, struct modrec **ret, size_t *ret_n,
    struct rel_err *err) RTE_MUST_CHECK;
int worker_op_parse(json_t *body, struct op **ret, struct rel_err *err) RTE_MUST_CHECK;
void worker_op_free(struct worker *w, struct op **op); /* w->gen stays, being the current one */
int worker_op_load(struct worker *w, struct op *op, worker_progress_fn *progress, void *arg,
    struct rel_err *err) RTE_MUST_CHECK;
int worker_op_build(struct worker *w, struct op *op, struct rel_err *err) RTE_MUST_CHECK;
struct step *worker_op_step(struct op *op, uint32_t number);
json_t *worker_op_json(const struct worker *w); /* for hello: null where there is none */
int worker_op_words(const struct op *op, struct rel_err *err) RTE_MUST_CHECK;

/* prepare.c */
void worker_prepare(struct worker *w, struct proto_packet *p);
void worker_prepare_loaded(struct worker *w);
void worker_begin_forget(struct worker *w); /* relupd's bids are heard no more, until it adopts */
void worker_adopt(struct worker *w, struct proto_packet *p);
void worker_finish(struct worker *w, json_t *body);
/* Ends the operation: joins the thread, frees what it holds, unmaps what nothing needs. */
void worker_op_end(struct worker *w, bool confirmed, json_t *unmappable);

/* txn.c */
int worker_fail_err(const struct fail *f, enum rel_ecode code, struct rel_err *err);
enum proto_built_code worker_step_check(const struct worker *w, const struct gen *from, const struct gen *to,
    const struct changes *changes, struct fail *ret);
enum proto_built_code worker_txn_build(struct txn *t);
/* After the decision, before the commit: what is converted in place.  A failure cannot be taken back. */
enum proto_built_code worker_txn_in_place(struct txn *t);
bool worker_converts_in_place(const struct gen *from, const struct gen *to, const struct changes *changes);
void worker_txn_commit(struct txn *t);
void worker_txn_abort(struct txn *t);
int worker_txn_convert(struct worker *w, const char *module, const char *type, void *old, void **ret_new);
bool worker_trash_step(struct worker *w); /* false: nothing was left */
void worker_trash_flush(struct worker *w);

/* bracket.c */
void worker_bracket(struct worker *w, const struct proto_frame *request);
void worker_bracket_bidden(struct worker *w); /* `begin` was written to */
void worker_bracket_resume(struct worker *w); /* one that waits for tasks: is it time? */
void worker_bracket_tick(struct worker *w, mono_ns_t now);
void worker_bracket_forget(struct worker *w); /* what waits for tasks is dropped */

/* rehearse.c */
void worker_rehearse(struct worker *w, struct proto_packet *p);
void worker_rehearse_read(struct worker *w);
void worker_rehearse_reap(struct worker *w);
void worker_rehearse_tick(struct worker *w, mono_ns_t now);
void worker_rehearse_resume(struct worker *w); /* one that waits for tasks: is it time? */
void worker_rehearse_forget(struct worker *w);
void worker_rehearse_drop(struct worker *w); /* kills and reaps, tells nobody */

/* purge.c */
void worker_purge_mark_all(struct worker *w, bool mark);
void worker_purge_mark_used(struct worker *w); /* by what is current, and by turns */
bool worker_object_used(const struct worker *w, const struct object *o); /* the same of one */
/* Of what is not marked: threads that are not the runtime's, and handlers of signals. */
void worker_purge_find_others(struct worker *w);
bool worker_in_the_way(const struct worker *w, const struct object *o, const char *digest);
/* Unmaps what is not marked; returns the first object that stays all the same, or NULL. */
const struct object *worker_purge_sweep(struct worker *w, json_t *unmappable);
int worker_purge_for(struct worker *w, const struct op *op, struct rel_err *err) RTE_MUST_CHECK;
void worker_purge_tick(struct worker *w, mono_ns_t now);
void worker_purge_again(struct worker *w); /* something that held old code does no more */
json_t *worker_modules_json(const struct worker *w);

/* tomb.c */
void worker_tomb_put(struct worker *w, const struct object *o); /* it was unmapped just now */
void worker_tombs_drop(struct worker *w);

/* fault.c.  know, retire and forget: the ranges that a fault is named by. */
void worker_fault_take(struct worker *w);   /* the signals that are at their defaults */
void worker_fault_return(struct worker *w); /* as far as they are still ours */
bool worker_fault_stack(void *memory);      /* for signals of the calling thread; FAULT_STACK bytes */
void worker_fault_unstack(const void *memory);
void worker_fault_know(struct worker *w, struct object *o);
void worker_fault_retire(struct worker *w, unsigned range);
void worker_fault_forget(struct worker *w, unsigned range);

/* kept.c: what the kernel keeps of an object */
int worker_kept_signal(const struct object *o, int after); /* the next one whose handler lies in it; 0: none */
json_t *worker_kept_json(const struct object *o, int sig);  /* HOLDER of proto.h */

/* foreign.c: threads that are not the runtime's, and the objects without a mark that they hold. */
struct foreign {
	pid_t tid;
	const struct object *object;  /* NULL where it is unknown */
	uintptr_t offset;             /* into the object */
	bool frame;                   /* it runs there, or will return to there */
	bool unknown;                 /* it may hold any */
};
struct foreign_list {
	struct foreign *v;
	size_t n;
};
/* What lies below the frames of such threads, as far as it is known; *ret is malloc'ed. */
int worker_foreign_dead(struct worker *w, struct stack_range **ret, size_t *ret_n) RTE_MUST_CHECK;
int worker_foreign_find(struct worker *w, struct foreign_list *ret) RTE_MUST_CHECK; /* -1: nobody knows */
void worker_foreign_free(struct foreign_list *list);
const struct foreign *worker_foreign_holds(const struct foreign_list *list, const struct object *o);
json_t *worker_foreign_json(const struct foreign *f, const struct object *o); /* HOLDER of proto.h */

/* words.c: words in writable memory that lead into old code */
mono_ns_t worker_words_due(struct worker *w, mono_ns_t now); /* looks if it is time; when it is, next */
void worker_words_look(struct worker *w);
void worker_words_again(struct worker *w);  /* what comes next is looked for at once */
void worker_words_forget(const struct table *t); /* it may run from now on: what was seen is out of date */
bool worker_words_looking(const struct worker *w);
void worker_words_read(struct worker *w);
void worker_words_tick(struct worker *w, mono_ns_t now);
void worker_words_drop(struct worker *w); /* the end: nobody looks any more */
json_t *worker_words_json(const struct object *o); /* HOLDER of proto.h */

/* start.c */
void worker_start(struct worker *w, struct proto_packet *p);

/* link.c */
int worker_link_init(struct worker *w, const char *path, struct rel_err *err) RTE_MUST_CHECK;
void worker_link_fini(struct worker *w);
void worker_link_tick(struct worker *w, mono_ns_t now);
void worker_link_event(struct worker *w, uint32_t events);
void worker_link_lost(struct worker *w);
enum worker_got { GOT_NOTHING, GOT_PACKET, GOT_LOST };
enum worker_got worker_link_recv(struct worker *w, struct proto_packet *ret);
void worker_link_send(struct worker *w, const char *name, json_t *body);
void worker_link_send_frame(struct worker *w, const struct proto_frame *f);
void worker_link_flush(struct worker *w);
bool worker_link_room(const struct worker *w); /* for one more to keep */
int worker_link_keep(struct worker *w, struct proto_packet *p);
void worker_link_read_kept(struct worker *w); /* after whatever may have been a bracket */

/* message.c */
void worker_message(struct worker *w, struct proto_packet *p);

/* api.c */
const struct relw_api *worker_api(void);
void worker_log(const struct worker *w, enum relw_level level, const char *fmt, ...) RTE_PRINTF(3, 4);
void worker_vlog(const struct worker *w, enum relw_level level, const char *fmt, va_list ap)
    __attribute__((format(printf, 3, 0)));

static inline struct view *
worker_view(struct relw *rw)
{
	return (struct view *)(void *)((char *)rw - offsetof(struct view, pub));
}

/* pages.c */
void worker_pages_fetch(uintptr_t lo, uintptr_t hi);
void worker_pages_own(void);
void worker_pages_own_stack(void);

#pragma GCC visibility pop

#endif
