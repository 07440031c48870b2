/* SPDX-License-Identifier: Apache-2.0
 * Test module "naughty": its code_change does what the order in `extra` says, one thing each, as the tests
 * of the sandbox want it.
 *   NAUGHTY 1, 2     the vsn
 *   NAUGHTY_LOADING  it asks for a socket when it is loaded
 * `extra`: {"do": one of the names at the end}
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/relworker.h"

struct state {
	char *shared; /* with whoever else maps it */
	char *own;
};

#ifdef NAUGHTY_LOADING
static int
chosen(void)
{
	return 0;
}

/* What runs at load, constructors being refused, is the choice of an ifunc. */
__attribute__((used, no_sanitize("address", "undefined"), no_profile_instrument_function)) static int (*
    choose(void))(void)
{
	if (socket(AF_UNIX, SOCK_STREAM, 0) >= 0) /* the last thing done would be a jump, and no call of choose() */
		abort();
	return chosen;
}

static int begin(void) __attribute__((ifunc("choose")));
#define BEGIN() begin()
#else
#define BEGIN() 0
#endif

static int
init(struct relw *rw, void **ret_state)
{
	(void)rw;
	struct state *s = calloc(1, sizeof(*s));
	s->shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	s->own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	*ret_state = s;
	return BEGIN();
}

static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	const struct state *s = state;
	(void)rw;
	(void)request;
	return asprintf(ret_reply, "{\"shared\":%d,\"own\":%d}", s->shared[0], s->own[0]) < 0 ? -1 : 0;
}

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	(void)state;
}

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	(void)rw;
	(void)reason;
	free(state);
}

#if NAUGHTY > 1
/* ------------------------------------------------------------------ what may not be */
static void
do_socket(struct state *s)
{
	(void)s;
	(void)!socket(AF_UNIX, SOCK_STREAM, 0);
}

static void
do_write_open(struct state *s)
{
	(void)s;
	(void)!open("/dev/null", O_WRONLY);
}

static void
do_create(struct state *s)
{
	(void)s;
	(void)!open("/nowhere/at/all", O_RDONLY | O_CREAT, 0600);
}

static void
do_truncate(struct state *s)
{
	(void)s;
	(void)!open("/nowhere/at/all", O_RDONLY | O_TRUNC);
}

static void
do_write(struct state *s)
{
	(void)s;
	(void)!write(open("/proc/self/comm", O_RDONLY), "x", 1);
}

static void
do_fork(struct state *s)
{
	(void)s;
	if (fork() == 0)
		_exit(0);
}

static void *
thread(void *arg)
{
	return arg;
}

static void
do_thread(struct state *s)
{
	pthread_t t;
	if (pthread_create(&t, NULL, thread, s) == 0)
		pthread_join(t, NULL);
}

static void
do_exec(struct state *s)
{
	(void)s;
	execl("/nowhere/at/all", "all", (char *)NULL);
}

static void
do_kill(struct state *s)
{
	(void)s;
	kill(getppid(), 0);
}

/* As raise(), but to another process. */
static void
do_tgkill(struct state *s)
{
	(void)s;
	tgkill(getppid(), getppid(), 0);
}

static void
do_unlink(struct state *s)
{
	(void)s;
	unlink("/nowhere/at/all");
}

static void
do_eventfd(struct state *s)
{
	(void)s;
	(void)!eventfd(0, 0);
}

static void
do_sigaction(struct state *s)
{
	(void)s;
	signal(SIGUSR1, SIG_IGN);
}

static void
do_limit(struct state *s)
{
	struct rlimit rl;
	(void)s;
	if (getrlimit(RLIMIT_CORE, &rl) == 0) /* this may be */
		setrlimit(RLIMIT_CORE, &rl);
}

static void
do_map_shared(struct state *s)
{
	(void)s;
	(void)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

static void
do_shared(struct state *s)
{
	s->shared[0]++;
}

/* ------------------------------------------------------------------ what may be */
static void
do_fair(struct state *s)
{
	char line[256];
	s->own[0] += s->shared[0] + 1;
	FILE *f = fopen("/proc/self/status", "re");
	if (f == NULL || fgets(line, sizeof(line), f) == NULL)
		abort();
	fclose(f);
	/* Large enough to be mapped, and to be moved. */
	char *p = malloc(1u << 20);
	p = realloc(p, 64u << 20);
	if (p == NULL)
		abort();
	memset(p, 1, 8u << 20);
	free(p);
	struct stat st;
	if (stat("/", &st) != 0 || access("/", F_OK) != 0)
		abort();
	poll(NULL, 0, 1);
	printf("said\n");
	fflush(stdout);
	fprintf(stderr, "and said\n");
}

/* ------------------------------------------------------------------ what breaks */
static void
do_null(struct state *s)
{
	volatile uintptr_t at = 16;
	s->own[3] = *(volatile char *)at;
}

static void
do_abort(struct state *s)
{
	(void)s;
	abort();
}

static void
do_raise(struct state *s)
{
	(void)s;
	raise(SIGSEGV);
}

static void
do_library(struct state *s)
{
	size_t (*volatile fn)(const char *) = strlen;
	volatile uintptr_t at = 16;
	s->own[3] = (char)fn((const char *)at);
}

/* Each turn holds more than the page that guards the end of the stack does. */
static int
deeper(volatile char *from)
{
	volatile char room[1024];
	room[0] = from[0];
	return room[0] == 1 ? 0 : deeper(room) + room[0];
}

static void
do_stack(struct state *s)
{
	s->own[1] = (char)deeper(s->own);
}

static void
do_exit(struct state *s)
{
	(void)s;
	_exit(7);
}

/* ------------------------------------------------------------------ what does not end, or takes too much */
static void
do_spin(struct state *s)
{
	for (volatile unsigned turns = 0;; turns++)
		s->own[2] = (char)turns;
}

static void
do_wait(struct state *s)
{
	(void)s;
	for (;;)
		pause();
}

static const struct order {
	const char *name;
	void (*fn)(struct state *);
} orders[] = {
    {"socket", do_socket}, {"write_open", do_write_open}, {"create", do_create}, {"truncate", do_truncate},
    {"write", do_write}, {"fork", do_fork}, {"thread", do_thread}, {"exec", do_exec}, {"kill", do_kill},
    {"tgkill", do_tgkill}, {"unlink", do_unlink}, {"eventfd", do_eventfd}, {"sigaction", do_sigaction},
    {"limit", do_limit}, {"map_shared", do_map_shared}, {"shared", do_shared}, {"fair", do_fair},
    {"null", do_null}, {"abort", do_abort}, {"raise", do_raise}, {"library", do_library}, {"stack", do_stack},
    {"exit", do_exit}, {"spin", do_spin}, {"wait", do_wait},
};

static int
hog(void)
{
	while (malloc(4u << 20) != NULL)
		continue;
	return -ENOMEM;
}

static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	char want[64];
	(void)rw;
	*ret_new = old;
	if (strstr(change->extra, "\"hog\"") != NULL)
		return hog();
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		snprintf(want, sizeof(want), "\"%s\"", orders[i].name);
		if (strstr(change->extra, want) != NULL) {
			orders[i].fn(old);
			return 0;
		}
	}
	return relw_refuse(rw, "no such order: %s", change->extra);
}

/* In its place, and no business of a copy. */
static void
rebind(struct relw *rw, void *state)
{
	struct state *s = state;
	(void)rw;
	int fd = eventfd(0, 0);
	s->own[4] = (char)(fd < 0 ? errno : 0);
	if (fd >= 0)
		close(fd);
	else if (s->own[4] != EPERM)
		abort();
}
#endif

RELW_EXPORT const struct relw_module relw_module = {
	RELW_MODULE("naughty", NAUGHTY > 1 ? "2" : "1"),
	.init = init,
	.handle_call = handle_call,
#if NAUGHTY > 1
	.code_change = code_change,
	.rebind = rebind,
#endif
	.discard = discard,
	.terminate = terminate,
};
