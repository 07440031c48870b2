/* SPDX-License-Identifier: Apache-2.0
 * A runtime for one module, small enough to be seen through, for tests of modules by themselves: a
 * watch table over poll(2), one timer that a test ends by hand, and the change of code without the
 * agreement of other workers.  Failures end the test (libcheck).
 */
#ifndef RELEASES_CHECK_HOST_H
#define RELEASES_CHECK_HOST_H

#include <stdint.h>

#include <relworker.h>

#include "greeting.h"

#define FDS 2048

struct watch {
	int used;
	uint32_t events;
	char function[32];
	uint64_t key;
};

extern struct host {
	const struct relw_module *listener, *greeting;
	struct {
		struct relw rw;
		struct relw_link link[1];
	} view;                  /* what the listener is handed */
	struct relw callee;      /* what greeting is handed */
	void *state;
	struct watch fds[FDS];
	char timer[32];          /* function of the timer, "": none */
	int socket;              /* the listening one; -1: none */
	int64_t limit;           /* args.connections; 0: not given */
	char refusal[256];
	int stopped;             /* the module asked for its end */
} host;

/* A module of the build, by the name of its file: "listener-0.1.0". */
const struct relw_module *host_module(const char *file);
/* Which modules are current; the state stays as it is. */
void host_link(const char *listener, const char *greeting);
struct relw *host_rw(void);

void host_start(const char *listener, const char *greeting, int64_t limit);
void host_stop(void);
void host_dispatch(const char *function, const struct relw_event *event);
void host_settle(void);          /* runs events until nothing is ready */

int host_client(void);           /* a connection to the listening socket */
void host_say(int fd, const char *text); /* sends, and settles */
const char *host_heard(int fd);  /* what is there now; "EOF" where the server closed */
const char *host_ask(const char *request); /* handle_call, which must succeed */

/* The newer version's code_change on the current state; neither committed nor aborted. */
int host_change(enum relw_mode mode, const struct relw_module *newer, const char *other,
    void **ret);
/* The same, and committed: these modules are current afterwards. */
void host_upgrade(const char *listener, const char *greeting);
void host_downgrade(const char *listener, const char *greeting);

#endif
