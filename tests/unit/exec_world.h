/* SPDX-License-Identifier: Apache-2.0
 * A scripted world for the interpreter: workers that do as they are told (build, refuse, die, hang
 * …) with real decision memory, a clock that moves only when something happens, a journal that can
 * fail.  Everything is an event with a time; a seed may mix events of one moment.
 */
#ifndef TESTS_EXEC_WORLD_H
#define TESTS_EXEC_WORLD_H

#include "exec/exec.h"

#define WORLD_STEPS 6

enum act {
	ACT_GOOD,
	ACT_REFUSE,                   /* code_change returns an error */
	ACT_CRASH,                    /* a fault signal inside code_change */
	ACT_DIE_CHANGE,               /* kill -9 inside code_change */
	ACT_CRASH_REST,               /* a fault signal at rest, before code_change */
	ACT_DIE_REST,                 /* kill -9 there */
	ACT_DIE_RUNNING,              /* kill -9 before it came to rest */
	ACT_CRASH_BUILT,              /* a fault signal when it waits for the word */
	ACT_DIE_BUILT,
	ACT_HANG,                     /* code_change never ends */
	ACT_BUSY,                     /* never comes to rest */
	ACT_LEASE,                    /* gives up by itself: sets ABORT, says so */
	ACT_MUTE,                     /* obeys the word and never says so (hangs in rebind) */
	ACT__COUNT
};

enum answer {
	ANSWER_OK,
	ANSWER_NO,                    /* refused; prepare: ok false */
	ANSWER_CRASHED, ANSWER_HUNG,  /* rehearsal only */
	ANSWER_FORBIDDEN, ANSWER_SKIPPED,
	ANSWER_BLOCKED,               /* prepare only */
	ANSWER_NOMEM,                 /* rehearsal only: refused, for want of memory */
	ANSWER_LACKS,                 /* code_change_failed, though none was called; the rehearsal hints */
	ANSWER_GARBAGE,
	ANSWER_TWICE,                 /* ok, and then a no that nobody asked for */
	ANSWER_MUTE,
	ANSWER_DIE,                   /* kill -9 */
	ANSWER_DIE_OF_IT,             /* a fault signal */
	ANSWER__COUNT
};

struct world;

struct fake {
	struct world *w;
	char name[32];
	/* what it will do */
	bool concerned[WORLD_STEPS];
	enum act act[2][WORLD_STEPS]; /* [undo][step] */
	dur_ns_t busy[WORLD_STEPS];   /* comes to rest that much later */
	dur_ns_t build[WORLD_STEPS];  /* its code_change takes that long */
	enum answer rehearse, prepare;
	json_int_t longest_us;        /* as the rehearsal measures it */
	size_t blocking, staying;     /* tasks in old code that is in the way; that do not leave the current code */
	char purge[8];                /* that it was asked about */
	bool words;                   /* blocking: with words in memory, not tasks */
	size_t stubborn;              /* of those, that do not end when told to */
	size_t unrest;                /* tasks that it tells of when it is busy in a bracket */
	bool stands;                  /* its loop can be looked at from outside */
	enum answer ask;              /* OK, NO (an error), MUTE, DIE */
	bool no_json, no_frame;       /* cannot be reached */
	bool stays_down;              /* does not start again */
	bool old_only;                /* nor with the new code of step 0 */
	bool deaf;                    /* its connection was made anew: `begin` is nothing to it */
	bool bystander;               /* did not run when the operation began */
	bool down;                    /* likewise, and takes part: as in struct exec_worker */
	bool gone;                    /* as there */
	bool stranded;                /* as in struct exec_worker */
	bool outside;                 /* a recovery is not told of it: it was silent, or is dead */
	/* what it is */
	bool alive;
	bool failing;                 /* did not start when it was to */
	bool state[WORLD_STEPS];      /* runs the step's new code */
	bool in_bracket, waits;       /* at rest; at rest for the word */
	struct proto_frame frame;     /* of the bracket it is in */
	struct proto_frame inbox[4];
	size_t inbox_count;
	struct proto_decision memory;
	uint32_t cell, begun, word[2][WORLD_STEPS];
	bool self[WORLD_STEPS];
	/* what was done to it */
	unsigned rests, kills, replaces, starts, finishes;
	unsigned looks, purges;       /* so often it was asked */
	bool leave;                   /* by the last look: to leave the current code */
	bool ended;                   /* as a recovery was told */
	bool confirmed;
	json_t *prepared;             /* the last prepare or rehearse body; owned */
};

struct event;

struct world {
	struct model_relup *relup;
	struct exec *x;
	struct exec_options opt;
	struct fake *fakes;
	size_t count;
	char kinds[WORLD_STEPS + 1];
	size_t steps, idle;           /* idle ones follow: they concern nobody */
	mono_ns_t now, timer;
	struct event *events;
	size_t event_count, event_cap;
	unsigned seed;                /* 0: in order */
	bool hold, map[WORLD_STEPS];
	unsigned room, on_way;        /* so many messages with descriptors at once (0: any); unanswered */
	/* what happened */
	bool brackets;                /* of this or, in a recovery, of the earlier relupd */
	bool begun;                   /* recorded, likewise */
	int begin;                    /* the exec's eventfd, borrowed; 0: not known yet */
	unsigned undos, ends, dones, answers, jumps;
	unsigned frames[2], bids;     /* brackets that were to begin; of these, by `begin` */
	unsigned fail_begun, fail_undo, fail_end; /* that many times */
	enum exec_outcome outcome;
	json_t *result;
	json_t *warnings, *rehearsals; /* as the exec has them when it is done */
	struct rel_err err;
	char phases[512];             /* of the progress, one word each */
	char log[16384];
};

struct model_relup *world_relup(const char *kinds); /* as world_new() */
/* `kinds`: a letter a step: g a group with a code_change, w the same with barrier worker, l a bare
 * load, b one that purges brutally, x as g but the other direction has no code_change for it. */
struct world *world_new(const char *kinds, size_t workers);
/* With --rehearse never. */
struct world *world_unrehearsed(const char *kinds, size_t workers);
void world_free(struct world *w);
/* exec_new, then exec_start and all events until the operation ended and nothing moves. */
void world_start(struct world *w);
/* exec_new with `committed` from the fakes' state, then exec_recover.  Where it had begun, those that are
 * not alive or were started again count as ended. */
void world_recover(struct world *w, bool undo);
void world_recover_begin(struct world *w, bool undo);
/* The halves of the two above, for a test that meddles between. */
void world_make(struct world *w);
void world_run(struct world *w);
/* Events until `stop` says so (then true), or until nothing moves. */
bool world_run_until(struct world *w, bool (*stop)(const struct world *w));
/* relupd dies: the exec is gone, workers at rest give up.  Then nothing is restarted until a
 * recovery; the workers that hold nothing of the operation are marked. */
void world_crash(struct world *w);
/* A frame as if the worker had sent it. */
void world_frame(struct world *w, size_t worker, const struct proto_frame *f);
/* Its answer to prepare, as if it had loaded by now. */
void world_prepared(struct world *w, size_t worker);
json_t *world_ended(void *ctx); /* exec_ops.ended; ctx is the world */
/* What holds at the end of every operation, whatever happened in it. */
void world_check(const struct world *w);
bool world_logged(const struct world *w, const char *text);
json_int_t world_figure(const struct world *w, const char *key); /* 0: null */

#endif
