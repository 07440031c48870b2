/* SPDX-License-Identifier: Apache-2.0
 * Modules that leave something behind which leads into their code when it is gone, each in one way: no
 * file says so, and no loader can refuse them.  One by one they are version 1; without a STAYS_… this
 * is version 2, to which they are upgraded, and which stumbles over what is left when it is called.  Rows:
 * README.
 */
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "worker/relworker.h"

#if defined(STAYS_KEY) || defined(STAYS_SIGNAL) || defined(STAYS_THREAD) || defined(STAYS_LITERAL) ||  \
    defined(STAYS_POINTER) || defined(STAYS_DTOR)
#define VSN "1"
#else
#define VSN "2"
#endif

struct stays {
	const char *text;
	int (*ask)(void);
};

/* Row L2: a pointer into the code, which the next version may be mapped under. */
#ifdef STAYS_POINTER
static int
ask(void)
{
	return 1;
}
#endif

/* Rows K, C2: a destructor of a thread's data. */
#if defined(STAYS_KEY) || defined(STAYS_DTOR)
static void
drop(void *data)
{
	(void)data;
}
#endif
#ifdef STAYS_DTOR
/* What `thread_local` of a C++ class with a destructor becomes. */
extern int __cxa_thread_atexit_impl(void (*f)(void *), void *data, void *dso);
extern void *__dso_handle;
#endif

/* Row S. */
#ifdef STAYS_SIGNAL
static void
on_signal(int number)
{
	(void)number;
}
#endif

/* Row T: it is in its own code again a hundred times a second. */
#ifdef STAYS_THREAD
static void *
turn(void *unused)
{
	const struct itimerspec often = {.it_interval.tv_nsec = 10000000, .it_value.tv_nsec = 10000000};
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t n;
	(void)unused;
	if (fd < 0 || timerfd_settime(fd, 0, &often, NULL) != 0)
		abort();
	while (read(fd, &n, sizeof(n)) > 0)
		continue;
	return NULL;
}
#endif

static int
leave_behind(struct stays *s)
{
#if defined(STAYS_KEY)
	pthread_key_t key;
	(void)s;
	return pthread_key_create(&key, drop) != 0 ? -1 : pthread_setspecific(key, &key + 1);
#elif defined(STAYS_DTOR)
	return __cxa_thread_atexit_impl(drop, s, &__dso_handle);
#elif defined(STAYS_SIGNAL)
	(void)s;
	return sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
#elif defined(STAYS_THREAD)
	pthread_t t;
	(void)s;
	return pthread_create(&t, NULL, turn, NULL) != 0 ? -1 : pthread_detach(t);
#elif defined(STAYS_LITERAL)
	s->text = "a text of version 1"; /* row L */
	return 0;
#elif defined(STAYS_POINTER)
	s->ask = ask;
	return 0;
#else
	(void)s;
	return 0;
#endif
}

static int
init(struct relw *rw, void **ret_state)
{
	struct stays *s = calloc(1, sizeof(*s));
	if (s == NULL || leave_behind(s) != 0) {
		free(s);
		return relw_refuse(rw, "cannot leave anything behind");
	}
	*ret_state = s;
	return 0;
}

/* "key": the thread ends; "signal": it comes; "literal", "pointer": it is used. */
static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	const struct stays *s = state;
	(void)rw;
	if (strcmp(request, "\"key\"") == 0)
		pthread_exit(NULL);
	if (strcmp(request, "\"signal\"") == 0)
		raise(SIGUSR1);
	bool found = strcmp(request, "\"literal\"") == 0 ? s->text != NULL && strlen(s->text) > 0
		     : strcmp(request, "\"pointer\"") == 0 ? s->ask != NULL && s->ask() == 1
							   : true;
	*ret_reply = strdup(found ? "true" : "false");
	return *ret_reply != NULL ? 0 : -1;
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)rw;
	(void)reason;
	free(state);
}

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE("stays", VSN),
	.init = init,
	.handle_call = handle_call,
	.terminate = terminate,
};
