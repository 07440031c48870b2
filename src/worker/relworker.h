/* SPDX-License-Identifier: Apache-2.0
 * relworker.h: what a module of a relup worker includes.  Nothing is linked: a module reaches the
 * runtime through the table it is handed, so it depends on libc alone and every version of it can
 * stand beside every other.  relworker(3) is the manual of this header.
 *
 * A module is one shared object that exports one symbol, the table `relw_module`:
 *
 *	const struct relw_module relw_module = { RELW_MODULE("greeting", "0.1.1"), … };
 *
 * An absent callback (NULL) means "not offered".  A module keeps no state of its own: no writable
 * static, no pointer to its code or its string literals in memory that outlives a callback.  State
 * hangs on the pointer that init() returns and that every callback is handed.
 *
 * Threads: every callback runs on the worker's loop thread, but for task functions, each of which runs
 * on the thread of its task; every relw_* call, but those for hosts at the end, is made from inside one
 * of these functions, with the `struct relw *` that it was handed.  Which calls a task may make is said
 * with each; the others answer -EPERM there, as they do on a thread that the runtime does not know.
 * Units: durations are nanoseconds.  Texts are UTF-8 and end in NUL.
 * Errors: calls return 0 (or a value > 0) or a negative errno.
 */
#ifndef RELWORKER_H
#define RELWORKER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define RELW_ABI 1u

#define RELW_EXPORT __attribute__((visibility("default")))

/* ------------------------------------------------------------------ what the runtime hands out */
struct relw_api;

/* Another module as this one sees it in the current code generation. */
struct relw_link {
	const void *interface;        /* the callee's relw_module.interface */
	struct relw *rw;              /* to pass to the callee's functions: *its* view */
};

/* The runtime as one module sees it in one code generation.  Immutable; valid during the callback;
 * never kept.  `link` follows the order of relw_module.imports. */
struct relw {
	const struct relw_api *api;
	struct relw_link link[];
};

/* The interface of import number i, typed: RELW_IMPORT(rw, 0, struct greeting)->text(…). */
#define RELW_IMPORT(self, i, type) ((const type *)(self)->link[i].interface)
/* What the functions of import number i take as their own `struct relw *`. */
#define RELW_CALLEE(self, i) ((self)->link[i].rw)

/* ------------------------------------------------------------------ events */
enum relw_event_type { RELW_EVENT_FD = 1, RELW_EVENT_TIMER = 2, RELW_EVENT_CALL = 3 };

struct relw_event {
	enum relw_event_type type;
	int fd;                       /* RELW_EVENT_FD */
	uint32_t events;              /* RELW_EVENT_FD: EPOLLIN, EPOLLOUT, EPOLLHUP … as epoll says */
	int64_t timer;                /* RELW_EVENT_TIMER: its id */
	uint64_t key;                 /* what the registration, or relw_call(), was given */
};

/* `state`: what init() returned, in the callback module; NULL in modules that it imports, which go
 * by their keys. */
typedef void relw_event_fn(struct relw *rw, void *state, const struct relw_event *event);

/* ------------------------------------------------------------------ tasks
 * A task is a thread that runs a named function turn by turn.  To return is the external call: the next
 * turn runs the version of the code that is current then, with the same state, or with the one that was
 * made of it meanwhile.  While a turn lasts, the code it began in stays mapped, and an `update` of that
 * code waits for its end: so a turn that waits for something waits in relw_task_wait(), and a long one
 * looks at relw_task_due().
 *
 * A task touches its own state only; the loop's state belongs to the loop, and is reached by relw_call().
 *
 * A state type of the same name as the task function, where the module declares one, is the type of the
 * task's state: its convert() is the task's code_change, its discard() frees the state after the last turn. */
enum relw_turn { RELW_AGAIN = 0, RELW_DONE = 1 };

/* RELW_AGAIN: another turn; RELW_DONE: it was the last one; < 0: the last one too, and it goes to the log. */
typedef int relw_task_fn(struct relw *rw, void *task_state);

enum relw_due {
	RELW_NOT_DUE = 0,
	RELW_DUE = 1,                 /* newer code waits, or a change of code: return RELW_AGAIN soon */
	RELW_CANCELLED = 2,           /* nobody wants it any more: close what it holds and return RELW_DONE */
};

/* ------------------------------------------------------------------ code change */
enum relw_mode { RELW_UP = 1, RELW_DOWN = 2 };

struct relw_change {
	enum relw_mode mode;
	const char *other_vsn;        /* up: the version left; down: the version returned to */
	const char *extra;            /* the script's `extra` as JSON text; "null" where it has none */
	int rehearsal;                /* not 0: this is a forked copy; nothing done here is seen */
};

/* ------------------------------------------------------------------ the table */
struct relw_import {
	const char *module;           /* NULL ends the list */
	const char *interface;        /* must equal the callee's interface_name */
};

/* A type of state.  The first one of the callback module is that of the pointer init() returns;
 * the others are parts, which states of other modules may hold.  `version` grows whenever the
 * layout changes: a load that changes it without a code_change in the script is refused. */
struct relw_state_type {
	const char *name;             /* NULL ends the list */
	uint32_t version;
	uint32_t size;                /* sizeof, 0 where it varies */
	/* Parts only: as code_change, for relw_txn_convert(). */
	int (*convert)(struct relw *rw, const struct relw_change *change, void *old, void **ret_new);
	/* Parts only: frees a part that was replaced (after commit) or built in vain (abort). */
	void (*discard)(struct relw *rw, void *part);
};

/* Ties the name of a state type to its C type, in the debug information: `relctl check` and
 * `relctl appup make` find there what its layout is, and what changed between two versions.
 * At file scope, once for each state type of the module:
 *
 *	RELW_STATE(listener, struct listener_v2);
 *
 * It defines a constant, hidden NULL pointer, which nothing at run time looks at and which neither
 * the compiler nor the linker drops. */
#ifdef __has_attribute
#if __has_attribute(retain)
#define RELW_KEEP __attribute__((used, retain))
#endif
#endif
#ifndef RELW_KEEP
#define RELW_KEEP __attribute__((used))
#endif
#define RELW_STATE(name, type)                                                                     \
	extern type *const relw_state_##name __attribute__((visibility("hidden")));                \
	type *const relw_state_##name RELW_KEEP = 0

/* A function that registrations name.  Exactly one of the pointers is set. */
struct relw_function {
	const char *name;             /* NULL ends the list */
	relw_event_fn *event;
	relw_task_fn *task;
};

enum relw_flags {
	RELW_PINNED = 1,              /* never unmapped: something outside keeps pointers into it */
	RELW_IN_PLACE = 2,            /* code_change turns `old` itself into the new state, see there */
};

struct relw_module {
	uint32_t abi;                 /* RELW_ABI */
	uint32_t size;                /* sizeof(struct relw_module) */
	const char *name;             /* as in app.yaml: modules */
	const char *vsn;              /* of the module; free text of at most 64 bytes */
	uint32_t flags;               /* enum relw_flags */
	uint32_t reserved;            /* 0 */

	const char *interface_name;   /* "greeting/1"; NULL: no other module may import it */
	const void *interface;        /* a struct of function pointers that its header declares */
	const struct relw_import *imports;
	const struct relw_state_type *state_types;
	const struct relw_function *functions;

	/* Builds the state and the first registrations; 0 is readiness, else the start failed. */
	int (*init)(struct relw *rw, void **ret_state);
	/* Events of registrations that name no function. */
	relw_event_fn *handle_event;
	/* `relctl call WORKER JSON`: *ret_reply is JSON text from malloc(), freed by the runtime. */
	int (*handle_call)(struct relw *rw, void *state, const char *request, char **ret_reply);
	/* Always the newer version's function: the incoming one's on the way up, the outgoing one's
	 * on the way down.  Builds *ret_new beside `old` and changes nothing that `old` reaches; only
	 * relw_txn_*, relw_refuse, relw_log and the readers of args and env may be called.  0: built;
	 * else refused, and what it had built it has freed itself.
	 * With RELW_IN_PLACE (in the newer version's table) it is called after the decision instead, and owns
	 * `old`: it returns that, changed, or frees it.  It is always rehearsed first; a refusal in the real
	 * worker ends that worker, which starts again in the release that was decided on, and so does the
	 * way back. */
	int (*code_change)(struct relw *rw, const struct relw_change *change, void *old, void **ret_new);
	/* Frees the memory of a state, nothing else: no fd is closed, no registration touched, no part
	 * of another module freed.  Called for the old state after a commit (by the old version) and
	 * for the new one after an abort (by the new version). */
	void (*discard)(struct relw *rw, void *state);
	/* After a commit or an undo that changed this module's code, in the code now current: re-set
	 * every pointer into this module that the state or a foreign library holds.  `state` is NULL
	 * in modules that the callback module imports. */
	void (*rebind)(struct relw *rw, void *state);
	/* The application's env changed; `changed` is a JSON object.  Reserved. */
	int (*config_change)(struct relw *rw, void *state, const char *changed);
	/* State out of and into a process.  Reserved. */
	int (*export_state)(struct relw *rw, void *state, int fd);
	int (*import_state)(struct relw *rw, int fd, void **ret_state);
	/* The worker ends in order; `reason` is "shutdown" or what relw_stop() was given. */
	void (*terminate)(struct relw *rw, void *state, const char *reason);
};

#define RELW_MODULE(n, v) .abi = RELW_ABI, .size = sizeof(struct relw_module), .name = (n), .vsn = (v)

/* ------------------------------------------------------------------ calls */
enum relw_level { RELW_DEBUG = 7, RELW_INFO = 6, RELW_WARNING = 4, RELW_ERROR = 3 };

/* The functions behind the calls below.  Grows at the end; `size` tells how far it reaches. */
struct relw_api {
	uint32_t abi;
	uint32_t size;
	void (*vlog)(struct relw *, enum relw_level, const char *fmt, va_list);
	const char *(*worker)(struct relw *);
	const char *(*args)(struct relw *);
	const char *(*env)(struct relw *);
	int64_t (*get_int)(struct relw *, int of_env, const char *key, int64_t otherwise);
	const char *(*get_text)(struct relw *, int of_env, const char *key, const char *otherwise);
	size_t (*listener_count)(struct relw *);
	int (*listener)(struct relw *, size_t i);
	int (*fd_add)(struct relw *, int fd, uint32_t events, const char *function, uint64_t key);
	int (*fd_mod)(struct relw *, int fd, uint32_t events);
	int (*fd_del)(struct relw *, int fd);
	int64_t (*timer_add)(struct relw *, int64_t after, int64_t every, const char *function, uint64_t key);
	int (*timer_del)(struct relw *, int64_t timer);
	void (*stop)(struct relw *, const char *reason);
	int (*vrefuse)(struct relw *, const char *fmt, va_list);
	int (*txn_convert)(struct relw *, const char *module, const char *type, void *old, void **ret_new);
	int (*txn_rebind_fd)(struct relw *, int fd, uint64_t key);
	int (*txn_rebind_timer)(struct relw *, int64_t timer, uint64_t key);
	int64_t (*task_start)(struct relw *, const char *function, void *task_state);
	int (*task_cancel)(struct relw *, int64_t task);
	int (*task_due)(struct relw *);
	int (*task_wait)(struct relw *, int fd, uint32_t events, int64_t timeout);
	int (*call)(struct relw *, const char *function, uint64_t key);
};

/* A line into the worker's log (ROOT/log/).  Tasks too. */
__attribute__((format(printf, 3, 4))) static inline void
relw_log(struct relw *rw, enum relw_level level, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	rw->api->vlog(rw, level, fmt, ap);
	va_end(ap);
}

/* "application/child/index"; valid as long as the worker lives.  Tasks too. */
static inline const char *
relw_worker(struct relw *rw)
{
	return rw->api->worker(rw);
}

/* The child's `args` and the application's env (config.yaml already applied) as JSON objects, and
 * single values of them.  Texts are valid during the callback. */
static inline const char *
relw_args(struct relw *rw)
{
	return rw->api->args(rw);
}

static inline const char *
relw_env(struct relw *rw)
{
	return rw->api->env(rw);
}

static inline int64_t
relw_arg_int(struct relw *rw, const char *key, int64_t otherwise)
{
	return rw->api->get_int(rw, 0, key, otherwise);
}

static inline const char *
relw_arg_text(struct relw *rw, const char *key, const char *otherwise)
{
	return rw->api->get_text(rw, 0, key, otherwise);
}

static inline int64_t
relw_env_int(struct relw *rw, const char *key, int64_t otherwise)
{
	return rw->api->get_int(rw, 1, key, otherwise);
}

static inline const char *
relw_env_text(struct relw *rw, const char *key, const char *otherwise)
{
	return rw->api->get_text(rw, 1, key, otherwise);
}

/* The sockets of the child's `listen:`, in its order: bound, listening, non-blocking, shared with
 * the child's other workers (use EPOLLEXCLUSIVE).  They belong to the runtime: never close one. */
static inline size_t
relw_listener_count(struct relw *rw)
{
	return rw->api->listener_count(rw);
}

static inline int
relw_listener(struct relw *rw, size_t i)
{
	return rw->api->listener(rw, i);
}

/* Watches a descriptor (level-triggered; events as in epoll_ctl(2)).  `function` is the name of a
 * function in the calling module's table, looked up again in every version; NULL: handle_event.
 * The key comes back with each event: an index, or a pointer that code_change re-sets with
 * relw_txn_rebind_fd().  -EEXIST: watched already; -ENOENT: no such function, or not watched.
 * The descriptor stays the module's: relw_fd_del() first, then close(2). */
static inline int
relw_fd_add(struct relw *rw, int fd, uint32_t events, const char *function, uint64_t key)
{
	return rw->api->fd_add(rw, fd, events, function, key);
}

static inline int
relw_fd_mod(struct relw *rw, int fd, uint32_t events)
{
	return rw->api->fd_mod(rw, fd, events);
}

static inline int
relw_fd_del(struct relw *rw, int fd)
{
	return rw->api->fd_del(rw, fd);
}

/* Runs a named function after `after` ns and then every `every` ns (0: once).  Returns its id > 0.
 * Time goes on while the worker is suspended; what fell due is run once after the resume. */
static inline int64_t
relw_timer_add(struct relw *rw, int64_t after, int64_t every, const char *function, uint64_t key)
{
	return rw->api->timer_add(rw, after, every, function, key);
}

static inline int
relw_timer_del(struct relw *rw, int64_t timer)
{
	return rw->api->timer_del(rw, timer);
}

/* Ends the worker after this callback: terminate(), then exit; "normal" is exit status 0. */
static inline void
relw_stop(struct relw *rw, const char *reason)
{
	rw->api->stop(rw, reason);
}

/* Starts a task of the calling module; `function` names one with a `task` in its table.  Returns its id
 * > 0; -ENOENT: no such function; -EAGAIN: too many tasks or threads.  The state becomes the task's. */
static inline int64_t
relw_task_start(struct relw *rw, const char *function, void *task_state)
{
	return rw->api->task_start(rw, function, task_state);
}

/* Asks a task to end: relw_task_due() tells it RELW_CANCELLED, and it is given turns until it returns
 * RELW_DONE.  Does not wait.  -ENOENT: it has ended. */
static inline int
relw_task_cancel(struct relw *rw, int64_t task)
{
	return rw->api->task_cancel(rw, task);
}

/* Tasks only: enum relw_due.  Cheap: a few loads. */
static inline int
relw_task_due(struct relw *rw)
{
	return rw->api->task_due(rw);
}

/* Tasks only: waits for `events` of a descriptor (EPOLLIN, EPOLLOUT …; fd -1: for the time alone), at most
 * `timeout` ns (< 0: for ever), and no longer than until the task is due.  Returns the events that came,
 * 0: the time is over, -ECANCELED: relw_task_due() says why; else a negative errno. */
static inline int
relw_task_wait(struct relw *rw, int fd, uint32_t events, int64_t timeout)
{
	return rw->api->task_wait(rw, fd, events, timeout);
}

/* Tasks only: has the loop run an event function of the calling module, in the version that is current
 * there, with a RELW_EVENT_CALL of this key, and waits until it has.  0; -ENOENT: no such function;
 * -ECANCELED: init() failed, or terminate() has run.  While code is changed the call waits. */
static inline int
relw_call(struct relw *rw, const char *function, uint64_t key)
{
	return rw->api->call(rw, function, key);
}

/* Says why init(), handle_call(), code_change() or convert() fails; returns -1, to be returned. */
__attribute__((format(printf, 2, 3))) static inline int
relw_refuse(struct relw *rw, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int rc = rw->api->vrefuse(rw, fmt, ap);
	va_end(ap);
	return rc;
}

/* Inside code_change and convert only.  Converts a part that `module` owns: its convert() of the
 * newer version is run; *ret_new is `old` itself where that module does not change in this step.
 * The runtime discards the old part after the commit, the new one after an abort. */
static inline int
relw_txn_convert(struct relw *rw, const char *module, const char *type, void *old, void **ret_new)
{
	return rw->api->txn_convert(rw, module, type, old, ret_new);
}

/* Inside code_change and convert only.  Gives a registration another key at the commit. */
static inline int
relw_txn_rebind_fd(struct relw *rw, int fd, uint64_t key)
{
	return rw->api->txn_rebind_fd(rw, fd, key);
}

static inline int
relw_txn_rebind_timer(struct relw *rw, int64_t timer, uint64_t key)
{
	return rw->api->txn_rebind_timer(rw, timer, key);
}

/* ------------------------------------------------------------------ hosts
 * A program becomes a worker by librelworker.  argv is as relupd made it: PROGRAM SOCKET WORKER (its
 * socket and the worker's name).
 *
 * With no loop of its own, by this one call; relworker-1 is little more.  Runs until the worker ends;
 * returns its exit status. */
int relw_main(int argc, char **argv);

/* With a loop of its own it waits for a descriptor and calls relw_dispatch() when that is readable.
 * A process has one worker at a time, and may have one after the other.  All calls are made on the
 * thread that opened it, and never from module code. */
struct relw_host;

enum relw_host_flags {
	/* The process is the worker's, as with relw_main(): SIGTERM is blocked and ends the worker,
	 * SIGPIPE is ignored, SIGCHLD is at its default, all until relw_close(); the soft limit of
	 * descriptors is raised.  Other threads are started afterwards, or block SIGTERM.
	 * Without it all of this is the host's, which ends the worker by relw_stop_host() when it is
	 * sent SIGTERM.  Only SIGPIPE, where it is at its default, is ignored until relw_close(); and
	 * SIGCHLD may not be ignored, nor may the host wait for children that it did not start.
	 * In both cases SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT and SIGTRAP, each where it is at its
	 * default, have a handler until relw_close(), which says what the worker dies of. */
	RELW_HOST_PROCESS = 1,
};

/* Connects to relupd.  argv is used until relw_close().  0, or a negative errno; why is said on stderr,
 * but for what is wrong with the arguments: -EINVAL.  *ret_host is set on success only. */
int relw_open(int argc, char **argv, unsigned flags, struct relw_host **ret_host);

/* To be polled for reading, level-triggered: readable whenever relw_dispatch() has something to do, be it
 * a timer that is due.  The same until relw_close(); never read, and never to be closed. */
int relw_fd(const struct relw_host *host);

/* Does what is ready now, and returns without having waited: > 0 while the worker goes on, 0 when it has
 * ended, a negative errno.  Module code runs, and is replaced, in here and nowhere else.  While it is
 * replaced together with other workers' code, it returns when relupd has decided: within the upgrade's
 * --max-pause as a rule, and that and two seconds at most.
 * -EDEADLK: called from module code.  -EPERM: on another thread. */
int relw_dispatch(struct relw_host *host);

/* Ends the worker in order, as SIGTERM does: the next relw_dispatch() returns 0, and there is one to make.
 * `reason` is told to terminate(). */
void relw_stop_host(struct relw_host *host, const char *reason);

/* terminate(), where the worker has not failed to start; then frees everything, sets *host to NULL and
 * returns the status that the process is to exit with.  Poll the descriptor no more before.  One that has not
 * ended ends by it, for reason "shutdown".  New code that is being loaded just then, and tasks that do
 * not end, are waited for; with RELW_HOST_PROCESS the process ends there instead, by _exit(2).
 * -EDEADLK, -EPERM: as relw_dispatch().  *host NULL: 0. */
int relw_close(struct relw_host **host);

#ifdef __cplusplus
}
#endif
#endif
