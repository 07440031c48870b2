/* SPDX-License-Identifier: Apache-2.0
 * proto: the two sockets' frames.
 *
 * ROOT/run/control.sock  SOCK_STREAM, JSON-RPC 2.0, one line a message (relctl ↔ relupd).
 * ROOT/run/workers.sock  SOCK_SEQPACKET, one message a packet (relworker ↔ relupd): JSON objects with
 *                        one key, the message's name; file descriptors by SCM_RIGHTS; and, inside a
 *                        bracket, fixed binary frames (struct proto_frame).  The first byte tells
 *                        them apart: '{', PROTO_FRAME_MAGIC or PROTO_LARGE_MAGIC.
 *
 * Messages daemon → worker
 *  start    {worker, application, child, release, module, args:{…}, env:{…}, listeners:n,
 *            modules:[MODULE…]}                 + n fds.  What the worker is: answered by ready/failed
 *  rehearse {operation, deadline_ms, always?:bool, steps:[STEP…], modules:[MODULE…]}
 *                                               answered by rehearsed.  always: refuses where
 *                                               memory is short, else skips.  operation < 0: nothing
 *                                               follows; the next one takes its place
 *  prepare  {operation, lease_ms, cell, purge?, steps:[STEP…], modules:[MODULE…]}
 *                                               + MEMORY.  purge: strict: words in memory hold what becomes
 *                                               old; soft: they hold nothing.  Answered by prepared
 *  adopt    {operation, cell, words:[{step, up, undo}…]}
 *                                               + MEMORY, new after relupd came back: by prepared
 *  finish   {operation, confirmed:bool, release?}  the operation is over: drop what was prepared and
 *                                               not used; confirmed: purge (softly) every old version;
 *                                               release: what JOB names from now on.
 *                                               answered by finished
 *  call     {id, request:ANY}                   answered by reply
 *  ask      {id, what, wait_ms?, all?, memory?, leave?, purge?, modules?}   what the runtime itself knows; by reply:
 *            holders: {tasks:n, modules:[LOADED…], holders:[HOLDER…]}   of old code; all: of any; memory: words
 *                     in writable memory are looked for, and told whatever they hold
 *            look:    {blocking:[HOLDER…], staying:[HOLDER…]}: if `modules` ({module, digest}) were loaded,
 *                     who keeps an old version that is in their way, and (leave) which tasks stay in the
 *                     current one, though asked to end their turns, for wait_ms
 *            purge:   {cancelled:[HOLDER…], holders:[HOLDER…]}: tasks that hold old code are cancelled, and
 *                     who is still in it after wait_ms; with `modules`, what keeps those from being loaded
 *  stop     {reason}                            terminate in order, exit 0
 * Messages worker → daemon
 *  hello    {worker, pid, abi, root, job:null|JOB, operation:null|{operation, steps:[{step, state}…]}}
 *                                               + the listeners' fds where job is set
 *  ready    {modules:[LOADED…]}        failed    {code, text}   (start failed; the worker exits)
 *  rehearsed{operation, result:"ok|refused|crashed|hung|forbidden|skipped", code?, module, text, hint?,
 *            fork_us, change_us, longest_us, memory_kb:null|n, sandbox:bool, at?:PLACE}
 *                                               longest: building the state of one step; memory: the
 *                                               copy's own at most; sandbox: it was locked in whole
 *  prepared {operation, ok:bool, code, text, hint?}
 *  finished {operation, modules:[LOADED…], unmappable:[{module, vsn, reason}…]}
 *  reply    {id, ok:bool, reply:ANY | text}
 *  unrest   {operation, step, holders:[HOLDER…]}   a bracket waits for these
 *  loaded   {modules:[LOADED…]}                    an old version went
 *  fault    {text, signal, what, address, thread, task:"FUNCTION/ID"|null, module, vsn, digest, offset,
 *            from:null|PLACE}                      the last one: it dies of a signal now.  what: stale_call,
 *            stale_read, stale_write (of code that was unmapped, which `module` to `offset` name; from:
 *            who used it), or fault (`module` to `offset`: where it runs, null: in no module; from: the
 *            module that called what is in none)
 * PLACE   {module, vsn, digest, offset}              offset: from the object's lowest address
 *
 * MODULE  {module, application, version, digest, path, size}   path: absolute, ROOT/objects/…
 * STEP    {step, up:WORD, undo:WORD, self:bool, suspends:bool, changes_state:bool, loads:[module…],
 *          changes:[{module, mode, extra}…], undo_changes:[{module, mode, extra}…]}
 *          `loads` name modules of the message's `modules` (target release); WORD: index of the
 *          decision word in the memfd (rehearse: 0); self: the worker sets the word itself when it
 *          has built its part (a bracket of one worker, or barrier: worker); suspends: tasks rest too
 * MEMORY  three descriptors: the decision memory's memfd, the eventfd `wake`, the eventfd `begin`
 * PLACE   {module, digest, offset, called:bool} in a module's file, of a crash or a forbidden call; called:
 *          it happened in a library which was called from there
 * LOADED  {module, application, version, vsn, digest, tasks:bool, old:null|{version, vsn, digest, held_by:n}}
 *          tasks: it offers task functions
 * HOLDER  {module, vsn, version, digest, task:"FUNCTION/ID"|null, thread:TID|null, function, since,
 *          what:"task|stack|memory|unmappable|unknown", offset?, words?, hint?}   memory: the handler of a
 *          signal, or words: how many in writable memory; null: that could not be looked through
 * JOB     {application, child, release, modules:[LOADED…]}
 * step state: "none" | "committed" | "aborted" | "undone" | "waiting" (at rest, not decided)
 */
#ifndef PROTO_PROTO_H
#define PROTO_PROTO_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdint.h>

#include "base/base.h"

#define PROTO_WORKERS_SOCKET "workers.sock"
#define PROTO_CONTROL_SOCKET "control.sock"
#define PROTO_PACKET_MAX     (160u * 1024u) /* one packet: below the default socket buffer */
#define PROTO_LARGE_MAX      (16u * 1024u * 1024u) /* one message: what is longer than a packet lies in a
                                                  memfd, the last of its descriptors */
#define PROTO_FDS_MAX        64
#define PROTO_LINE_MAX       (64u * 1024u)  /* one request line on the control socket */
#define PROTO_REPLY_MAX      (16u * 1024u * 1024u)

/* ------------------------------------------------------------------ decision memory
 * A memfd of fixed size, mapped by relupd and all workers of the operation: words decide, cells
 * tell how far each worker is.  Both live on cache lines of their own.  A word is set once, by
 * compare-and-swap from UNDECIDED; whoever reads it obeys it.
 *
 * A group begins by one write to `begin`, on which each of its workers looks at what its cell bids, and
 * goes on by one write to `wake`.  A message to each would be a system call for each, and as who is woken
 * takes the processor from relupd, two changes of process: half as long again for a group of 100. */
#define PROTO_DECISION_MAGIC 0x64656364u

#define PROTO_WORDS_MAX (4u * 1024u * 1024u) /* 256 MiB: more is nobody's plan */
#define PROTO_CELLS_MAX 65536u

enum proto_word_value { PROTO_UNDECIDED = 0, PROTO_COMMIT = 1, PROTO_ABORT = 2 };

/* A group counts itself: the worker that makes `built` reach `need` tells relupd (BUILT), the others
 * only show it in their cells; after a COMMIT the same with `resumed` (DONE).  Without this a thousand
 * answers stand between the last build and the decision, and a thousand more compete with those that
 * resume.  relupd lowers `need` for each worker that leaves the bracket, and then looks itself. */
struct proto_word {
	_Alignas(64) _Atomic uint32_t value;
	_Atomic uint32_t need, built, resumed;
};

enum proto_phase {
	PROTO_PHASE_RUNNING = 0,
	PROTO_PHASE_REST = 1,         /* at rest, rest_ns is set */
	PROTO_PHASE_CHANGE = 2,       /* inside a module's code_change */
	PROTO_PHASE_BUILT = 3,        /* waits for the decision */
};

struct proto_cell {
	_Alignas(64) _Atomic uint32_t phase;
	_Atomic uint32_t bidden;      /* the bracket to begin, proto_bid(); relupd writes it */
	_Atomic int64_t rest_ns;      /* mono_ns_t of the last coming to rest */
	_Atomic int64_t resumed_ns;   /* of the last resume after a COMMIT */
};

struct proto_decision {
	uint32_t magic;
	uint32_t word_count, cell_count;
	struct proto_word *words;     /* into the mapping */
	struct proto_cell *cells;
	void *map;
	size_t map_size;
	int memfd;                    /* -1 on the worker's side */
};

/* relupd: makes the sealed memfd.  worker: maps what it received (checks size and magic). */
int proto_decision_new(uint32_t words, uint32_t cells, struct proto_decision *ret,
    struct rel_err *err) RTE_MUST_CHECK;
int proto_decision_map(int memfd, struct proto_decision *ret, struct rel_err *err) RTE_MUST_CHECK;
void proto_decision_fini(struct proto_decision *d);
/* A bracket as a number that is never 0, which bids nothing.  step < 2^31. */
static inline uint32_t
proto_bid(uint32_t step, bool undo)
{
	return 2 * step + undo + 1;
}

static inline uint32_t
proto_bid_step(uint32_t bid)
{
	return (bid - 1) / 2;
}

static inline bool
proto_bid_undo(uint32_t bid)
{
	return (bid - 1) % 2 != 0;
}

/* The value that stands after the attempt: the caller obeys it, won or lost. */
enum proto_word_value proto_word_decide(struct proto_word *w, enum proto_word_value v);
enum proto_word_value proto_word_read(struct proto_word *w);

/* ------------------------------------------------------------------ binary frames */
#define PROTO_FRAME_MAGIC 0x01
#define PROTO_LARGE_MAGIC 0x02        /* instead of the text: it lies in the last descriptor */
#define PROTO_FRAME_TEXT  400

enum proto_frame_kind {
	PROTO_BRACKET = 1,            /* daemon → worker, where its cell bids nothing: come to rest, build,
	                                 (decide,) wait, resume */
	PROTO_BUILT = 2,              /* worker → daemon: at rest and all of the group built, or code != 0 */
	PROTO_WAKE = 3,               /* daemon → worker: look at the word */
	PROTO_DONE = 4,               /* worker → daemon: decided, obeyed, running again; COMMIT of a
	                                 group: from the last one */
};

enum proto_built_code {               /* proto_frame.code of BUILT and DONE */
	PROTO_OK = 0,
	PROTO_REFUSED = 1,            /* code_change returned an error; text says why */
	PROTO_FORBIDDEN = 2,          /* code_change made a call it may not make */
	PROTO_NO_MEMORY = 3,
	PROTO_NOT_PREPARED = 4,       /* no such operation or step here */
	PROTO_NO_CODE_CHANGE = 5,     /* the module does not offer the function the script calls */
};

struct proto_frame {
	uint8_t magic;
	uint8_t kind;                 /* enum proto_frame_kind */
	uint8_t undo;                 /* the step's way back */
	uint8_t code;                 /* enum proto_built_code */
	uint32_t step;
	uint64_t operation;
	uint8_t decided;              /* DONE: enum proto_word_value */
	uint8_t pad[7];
	int64_t rest_ns, built_ns, resumed_ns; /* mono_ns_t; BUILT fills two, DONE all */
	char module[64];              /* the module that failed, or "" */
	char text[PROTO_FRAME_TEXT];  /* ends in NUL */
};
/* Only as much of a frame as is used goes over the wire. */
#define PROTO_FRAME_SHORT offsetof(struct proto_frame, module)

/* ------------------------------------------------------------------ packets */
struct proto_packet {
	bool frame;                   /* which of the two */
	struct proto_frame bin;
	const char *name;             /* JSON: the one key, borrowed from json */
	json_t *body;                 /* borrowed from json */
	json_t *json;                 /* owned */
	int fds[PROTO_FDS_MAX];       /* owned; close-on-exec */
	size_t fd_count;
};
void proto_packet_fini(struct proto_packet *p); /* closes the fds that were not taken (set to -1) */

/* Sends {name: body}; takes the reference of body in every case.  Does not block on a non-blocking
 * socket: EAGAIN is REL_E_IO with err->sys == EAGAIN, and nothing was sent.  MSG_NOSIGNAL. */
int proto_send_json(int sock, const char *name, json_t *body, const int *fds, size_t fd_count,
    struct rel_err *err) RTE_MUST_CHECK;
int proto_send_frame(int sock, const struct proto_frame *f, struct rel_err *err) RTE_MUST_CHECK;
/* 1: a packet; 0: the peer is gone; -1: an error (sys EAGAIN: nothing there; REL_E_PROTOCOL: the
 * peer sent what it may not: close it). */
int proto_recv(int sock, struct proto_packet *ret, struct rel_err *err) RTE_MUST_CHECK;

/* ------------------------------------------------------------------ HOLDERs
 * Best effort, both: a list that finds no memory is shorter. */
/* Those that a worker told, and whose they are; of all at most `max`. */
void proto_holders_add(json_t *to, const json_t *list, const char *worker, json_int_t pid, size_t max);
/* The hint of the last one says that there are more. */
void proto_holders_more(json_t *list);

/* ------------------------------------------------------------------ JSON-RPC 2.0
 * Codes of the errors; the product's own errors travel as data {code, text, hint, …}. */
enum proto_rpc_code {
	PROTO_RPC_PARSE = -32700,
	PROTO_RPC_INVALID = -32600,
	PROTO_RPC_METHOD = -32601,
	PROTO_RPC_PARAMS = -32602,
	PROTO_RPC_FAILED = -32000,
};
/* As json_dumps(), any value, malloc'ed; but NULL where memory runs out: json_dumps() (jansson 2.14)
 * may then return a text that lacks keys. */
char *proto_json_text(const json_t *value, size_t flags);
/* A text from anywhere as JSON: bytes that are not UTF-8 (it may have been cut) become '?'. */
json_t *proto_text_json(const char *text);
/* Is `text` in this list of strings?  NULL is an empty list. */
bool proto_json_lists(const json_t *list, const char *text);
json_t *proto_err_json(const struct rel_err *err); /* {code, message, file?, line?, column?, hint?} */
/* The other way; an unknown code becomes REL_E_INTERNAL with the text kept. */
void proto_err_from_json(const json_t *o, struct rel_err *err);

#endif
