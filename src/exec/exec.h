/* SPDX-License-Identifier: Apache-2.0
 * exec: the release handler: runs a checked script over the workers of a running system.
 *
 * Two halves.  exec_compile() turns the low-level instructions into *steps*; a step is a bracket:
 * some workers come to rest together, build their new state beside the old one, and are decided by
 * one word.  `struct exec` is the interpreter: a fold over the steps, driven by what the workers
 * answer.  It knows the world only through `struct exec_ops`, so whole upgrades run in unit tests
 * against scripted workers.  Loop thread only; nothing here blocks but the journal (ops->journal_*),
 * and that is never called while a worker is at rest.
 *
 *	LOOK → REHEARSE → PREPARE → BRACKET 0 → BRACKET 1 → … → END (upgraded)
 *	 │         │          │         │ aborted: UNDO of what was committed, in reverse → END (rolled_back)
 *	 │         └──────────┴→ END (unchanged)             a worker that cannot go back is replaced
 *	 └→ END (blocked)
 *
 * Rules: (1) everything that can fail or take time is done before the first bracket; (2) a word is
 * final, and everyone obeys the value that stands; (3) forward turns to undo at most once.
 */
#ifndef EXEC_EXEC_H
#define EXEC_EXEC_H

#include <jansson.h>
#include <stdbool.h>

#include "base/base.h"
#include "model/model.h"
#include "proto/proto.h"

/* ------------------------------------------------------------------ the script as steps */
struct exec_change {
	const char *module;
	enum model_mode mode;
	json_t *extra;                /* owned */
};

struct exec_step {
	unsigned index;               /* of its first instruction in the script */
	bool barrier_worker;          /* one word per worker instead of one for all */
	dur_ns_t suspend_timeout;     /* the longest of its suspend items */
	size_t load_count, suspend_count, change_count, undo_count;
	const char **loads, **suspends;
	bool *brutal;                 /* of each load: it purges brutally, before or after */
	struct exec_change *changes;      /* forward */
	struct exec_change *undo_changes; /* the way back; taken from the opposite script */
	bool undo_missing;            /* a module with a code_change has none in the opposite script:
	                                 its workers go back by a restart */
};

struct exec_script {
	struct rel_arena *arena;      /* owned */
	size_t step_count;
	struct exec_step *steps;
	size_t object_count;          /* load_object_code, in order */
	const struct model_instr **objects; /* borrowed from the script */
};

/* `back` (may be NULL) is the script of the opposite direction between the same two releases: its
 * code_change extras serve the undo.  Both must have passed model_script_check().  An instruction
 * that this version cannot execute is REL_E_UNSUPPORTED. */
int exec_compile(const struct model_script *forward, const struct model_script *back,
    struct exec_script **ret, struct rel_err *err) RTE_MUST_CHECK;
void exec_script_free(struct exec_script **s);
/* Does the step concern a worker whose table holds `module`? */
bool exec_step_names(const struct exec_step *st, const char *module);
bool exec_step_loads(const struct exec_step *st, const char *module);
/* What a worker whose table is `loaded` (LOADED of proto.h) will do, in the order of the script, as
 * texts for people: ["suspend MODULE", "load MODULE", …].  New reference; NULL: memory. */
json_t *exec_script_texts(const struct model_script *s, const json_t *loaded);

/* ------------------------------------------------------------------ the world */
enum exec_outcome { EXEC_UPGRADED, EXEC_UNCHANGED, EXEC_BLOCKED, EXEC_ROLLED_BACK, EXEC_MIXED };
const char *exec_outcome_name(enum exec_outcome o);

/* Brutal purges of a script end whoever holds the old code, and only where that was allowed. */
enum exec_purge {
	EXEC_PURGE_SCRIPT,            /* as the script says; where that would end somebody: blocked */
	EXEC_PURGE_SOFT,              /* softly, whatever the script says */
	EXEC_PURGE_BRUTAL,            /* brutally, whatever it says */
	EXEC_PURGE_STRICT,            /* softly, and words in a worker's memory hold old code too */
};
const char *exec_purge_name(enum exec_purge p); /* NULL: SCRIPT */

enum exec_rehearse { EXEC_REHEARSE_AUTO, EXEC_REHEARSE_NEVER, EXEC_REHEARSE_ALWAYS };

/* A worker as the interpreter sees it; the caller fills the first part. */
struct exec_worker {
	void *ref;                    /* the caller's */
	const char *name;
	json_int_t pid;
	bool holds;                   /* it has tasks, or an old version mapped: it is asked who holds what */
	bool *concerned;              /* per step; owned by the exec */
	bool down;                    /* it did not run when the operation began: it is started by the
	                                 new map; undoing does not wait for it */
	bool gone;                    /* in a recovery: it took part, and does not run now */
	/* the interpreter's */
	bool alive;                   /* takes part still */
	bool asked;                   /* the current phase's message went out to it */
	bool waiting;                 /* its answer is due */
	mono_ns_t due;                /* in the rehearsal: by then */
	bool built;
	bool by_frame;                /* its connection was made anew: it does not hear `begin` any more */
	bool killed;                  /* by us */
	bool stranded;                /* in a recovery: it holds nothing of the operation (it was started
	                                 by the map; set by the caller then), or could not be handed the
	                                 new words: it can only be replaced */
	bool *committed;              /* per step */
	mono_ns_t rest, resumed;      /* of the current bracket */
	bool blocked, doomed;         /* it holds code that is in the way; that the script's purge is to end */
	json_t *unrest;               /* HOLDERs that its bracket waits for; NULL: none told; owned */
};

struct exec_progress {
	const char *phase;            /* "rehearse" "prepare" "bracket" "undo" … */
	unsigned step, steps, workers;
	const char *text;
};

struct exec_ops {
	/* 0, or -1: the worker cannot be reached just now (reported as an error of the phase).  1: nor can
	 * any other before some have taken the descriptors that are on their way to them. */
	int (*send_json)(void *ctx, struct exec_worker *w, const char *name, json_t *body,
	    const int *fds, size_t fd_count);
	int (*send_frame)(void *ctx, struct exec_worker *w, const struct proto_frame *f);
	/* `ask` of proto.h without its id, takes body; exec_answer() tells what came of it, later and once.
	 * -1: it cannot be reached. */
	int (*ask)(void *ctx, struct exec_worker *w, json_t *body);
	/* HOLDERs of proto.h: where its threads stand, seen from outside; new reference, NULL: not known. */
	json_t *(*stand)(void *ctx, struct exec_worker *w);
	/* The members of `modules` (MODULE of proto.h) that this worker may need in the new code. */
	json_t *(*modules)(void *ctx, struct exec_worker *w);
	void (*kill)(void *ctx, struct exec_worker *w);     /* SIGKILL: it overran its deadline */
	/* SIGKILL, and start by the map; one that waits for its start is started without delay. */
	void (*replace)(void *ctx, struct exec_worker *w);
	void (*hold_starts)(void *ctx, bool hold);
	bool (*runs)(void *ctx, struct exec_worker *w);
	/* It ended again and again, or will not be started any more: waiting longer is no use. */
	bool (*fails)(void *ctx, struct exec_worker *w);
	/* In a recovery: those run that were lost with the earlier relupd?  Else *ret_name names one. */
	bool (*found_again)(void *ctx, const char **ret_name);
	/* In a recovery: the names of those whose process ended since they were to load new code.  New
	 * reference; NULL: not known. */
	json_t *(*ended)(void *ctx);
	/* The map who starts with what: the loads of a step are in force now, or no more. */
	void (*map_step)(void *ctx, const struct exec_step *st, bool undo);
	void (*timer)(void *ctx, mono_ns_t at);             /* 0: cancel; one timer */
	mono_ns_t (*now)(void *ctx);
	/* Records that workers hold new code from now on, and may die of it.  Blocks; where it fails,
	 * none is handed any. */
	int (*journal_begun)(void *ctx, struct rel_err *err);
	/* Both block, and are tried again every EXEC_RECORD_RETRY.  Nothing is undone before it is
	 * recorded that undoing begins. */
	int (*journal_undo)(void *ctx, struct rel_err *err);
	/* Records outcome and result durably, before the client hears it.  Where it fails, the
	 * operation goes on until it can be recorded: it is tried again every EXEC_RECORD_RETRY. */
	int (*journal_end)(void *ctx, enum exec_outcome o, json_t *result, struct rel_err *err);
	void (*progress)(void *ctx, const struct exec_progress *p);
	void (*log)(void *ctx, const char *level, const char *text);
	/* The operation ended and the interpreter may be freed after this returns. */
	void (*done)(void *ctx, enum exec_outcome o, json_t *result, const struct rel_err *err);
};

struct exec_options {
	uint64_t operation;
	const char *from, *to;
	unsigned instructions;        /* of the script, for the result */
	enum exec_rehearse rehearse;
	enum exec_purge purge;
	bool rehearse_only;           /* and then ends as `unchanged`, without an error where a worker's
	                                 rehearsal went wrong: the result has a list of them */
	dur_ns_t max_pause;           /* default EXEC_MAX_PAUSE */
	dur_ns_t before;              /* in a recovery: what it took under the earlier relupd */
};
#define EXEC_MAX_PAUSE       (1 * DUR_S)
#define EXEC_SUSPEND_TIMEOUT (5 * DUR_S)
#define EXEC_LEASE_EXTRA     (2 * DUR_S) /* a worker's lease = max_pause + this */
#define EXEC_PREPARE_TIMEOUT (60 * DUR_S)
#define EXEC_REHEARSE_EXTRA  (2 * DUR_S) /* a rehearsal's deadline = max_pause a step + this */
#define EXEC_SETTLE_TIMEOUT  (75 * DUR_S) /* replaced workers run again by then (hello and ready have
                                             70 s, see sup.h), else: undo, of an undo: mixed */
#define EXEC_LEAVE_WAIT      (500 * DUR_MS) /* a task that waits, or looks whether it is due, has ended its
                                             turn by then */
#define EXEC_RECORD_RETRY    (1 * DUR_S)
#define EXEC_REHEARSALS      4           /* at once: each one taxes its serving worker */

struct exec;

/* Takes `script` and the `workers` array (malloc'ed; names and refs stay the caller's, and must
 * live as long as the exec). */
int exec_new(const struct exec_ops *ops, void *ctx, const struct exec_options *opt,
    struct exec_script *script, struct exec_worker *workers, size_t worker_count, struct exec **ret,
    struct rel_err *err) RTE_MUST_CHECK;
void exec_free(struct exec **x);

/* The id that the journal gave it; before exec_start(). */
void exec_operation_set(struct exec *x, uint64_t operation);
void exec_start(struct exec *x);
/* After relupd was killed in the middle: what each worker runs is known (`committed` of each, and
 * `stranded`), `undo` tells whether undoing had been recorded.  Goes forward where anything was
 * committed, else back.  Waits for all to run before it tells the outcome. */
void exec_recover(struct exec *x, bool undo);
/* A packet of a worker that takes part (rehearsed, prepared, finished, BUILT, DONE). */
void exec_packet(struct exec *x, void *ref, const struct proto_packet *p);
/* The answer to ops->ask; NULL: none, and why. */
void exec_answer(struct exec *x, void *ref, const json_t *reply, const struct rel_err *err);
/* Do workers stand still just now? */
bool exec_in_bracket(const struct exec *x);
/* A worker made its connection anew, so that what was on its way to or from it may be lost; state: what
 * it says of its operation (hello.operation).  False: it takes no part (any more). */
bool exec_reconnected(struct exec *x, void *ref, const json_t *state);
/* A worker's process is gone.  True: it took part, so that its end counts as the operation's and not as
 * a restart of its own. */
enum exec_death {
	EXEC_DEATH_OUTSIDE,           /* somebody killed it */
	EXEC_DEATH_UNKNOWN,           /* its status went to an earlier relupd */
	EXEC_DEATH_EXIT,              /* it called exit */
	EXEC_DEATH_FAULT,             /* by a fault signal: it died of itself */
};
bool exec_gone(struct exec *x, void *ref, enum exec_death death, const char *how);
void exec_timer(struct exec *x);
/* What was rehearsed so far: [{worker, result, longest_us, …}…]; and texts that go with the result.
 * Borrowed. */
const json_t *exec_rehearsals(const struct exec *x);
const json_t *exec_warnings(const struct exec *x);
/* Some worker changed its state: those that wait for all to run look again. */
void exec_poke(struct exec *x);

#endif
