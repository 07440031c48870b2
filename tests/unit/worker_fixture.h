/* SPDX-License-Identifier: Apache-2.0
 * A stand-in for relupd: runs a real relworker-1 in a directory of its own and talks to it over
 * the real socket.  One per test, made and ended by the checked fixture.  Every wait is a blocking
 * receive: a worker that says nothing fails the test by its timeout.
 */
#ifndef TEST_WORKER_FIXTURE_H
#define TEST_WORKER_FIXTURE_H

#include <check.h>
#include <jansson.h>
#include <sys/types.h>

#include "proto/proto.h"

#define FAKE_WORKER "demo/child/0"
#define FAKE_OP	    41

struct fake {
	char dir[256]; /* the root */
	int dirfd, listener, sock;
	pid_t pid;
	int client; /* the far end of the worker's only "listener" */
	struct proto_decision memory;
	int wake, begin;
	int log; /* what the worker writes to its standard error; -1: it is the test's */
	int fds[PROTO_FDS_MAX]; /* of the last expected packet */
	size_t fd_count;
	void (*turn)(void); /* of a worker in this process: made until what is waited for is there */
};

extern struct fake fake;

void fake_setup(void); /* worker running, hello seen */
void fake_setup_logged(void); /* the same, and its standard error is kept */
const char *fake_log(void);   /* what stands there by now */
void fake_listen(void); /* no worker yet */
void fake_socket(char *buf, size_t size); /* the path that a worker is given */
void fake_teardown(void);
int fake_exit(void);	/* waits for the worker's end: status as of waitpid */
void fake_accept(void); /* a new connection of the worker; hello not read yet */
json_t *fake_hello(void);

void fake_send(const char *name, json_t *body);
void fake_send_fds(const char *name, json_t *body, const int *fds, size_t n);
json_t *fake_expect(const char *name); /* the body; fails on anything else */
struct proto_frame fake_frame(enum proto_frame_kind kind);
void fake_bracket(uint32_t step, int undo); /* by a message */
void fake_bid(uint32_t step, int undo);	    /* by its cell, as to a group */
void fake_ring(void);			    /* others of the group are bidden something */

/* MODULE of proto.h for tests/modules/.libs/FILE.so, or tests/modules/DIR/FILE.so where it is named so;
 * `module` NULL: "counter". */
json_t *fake_module(const char *file, const char *module);
json_t *fake_modules(const char *file, const char *module, ...); /* pairs, NULL ends */
void fake_start(const char *module, json_t *modules, json_t *args);
json_t *fake_start_counter(const char *file); /* its ready message */
void fake_start_pair(void);		      /* pair_a with the notes of pair_b, both in version 1 */
const char *fake_echo(void);		      /* one exchange with the counter: "VSN:count:key" */
json_t *fake_call(const char *request);	      /* JSON string as request; the reply's body */

/* One step; `changes` may be NULL: none.  up word 0, undo word 1, cell 0. */
json_t *fake_step(uint32_t number, bool self, json_t *loads, json_t *changes, json_t *undo_changes);
json_t *fake_change(const char *module, const char *mode, json_t *extra);
/* To version 2 of the pair, self, with what the code_change of pair_a and the convert of pair_b are told to do;
 * NULL: nothing. */
json_t *fake_pair_steps(json_t *a, const char *b);
json_t *fake_pair_modules(void);
void fake_memory(void); /* new words and eventfds */
/* The same with fake.memory and what belongs to it. */
void fake_send_memory(const char *name, json_t *body);
void fake_prepare(json_t *steps, json_t *modules, int lease_ms);
json_t *fake_prepared(bool ok); /* the answer, checked for ok */
void fake_prepare_one(
    bool self, const char *file, const char *extra); /* counter → file, answered */
json_t *fake_finish(bool confirmed);
void fake_upgrade(const char *file, bool confirmed, const char *mode);
int fake_maps(const char *word); /* lines of /proc/PID/maps that have it */
int fake_fds(void);		 /* open descriptors of the worker */
void fake_wake(void);

#endif
