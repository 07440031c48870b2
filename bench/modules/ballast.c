/* SPDX-License-Identifier: Apache-2.0
 * Module `ballast`: a worker of so many MB (args: {mb: N}; small pages, all of them written to) that never
 * idles, and tells how long it stood still when it was rehearsed: from the last callback before the fork
 * to the first one after it; and, asked {"fork": 1}, how long a bare fork of the same process takes.  The
 * code_change of 0.1.1 refuses, so that the rehearsal is all there is.
 */
#define _GNU_SOURCE /* asprintf */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <relworker.h>

struct ballast {
	void *memory;
	size_t size;
	int fd;                  /* always readable */
	int child;               /* there was one at the last callback */
	int64_t last, pause;     /* ns */
};

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
discard(struct relw *rw, void *state)
{
	(void)rw;
	free(state);
}

static int
init(struct relw *rw, void **ret_state)
{
	struct ballast *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return relw_refuse(rw, "out of memory");
	b->size = (size_t)relw_arg_int(rw, "mb", 1) << 20;
	b->memory = mmap(NULL, b->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	b->fd = eventfd(1, EFD_CLOEXEC);
	if (b->memory == MAP_FAILED || b->fd < 0 || relw_fd_add(rw, b->fd, EPOLLIN, NULL, 0) != 0)
		return relw_refuse(rw, "cannot take %zu bytes", b->size); /* the process ends */
	(void)madvise(b->memory, b->size, MADV_NOHUGEPAGE);
	memset(b->memory, 1, b->size);
	*ret_state = b;
	return 0;
}

static void
handle_event(struct relw *rw, void *state, const struct relw_event *event)
{
	struct ballast *b = state;
	siginfo_t si;
	(void)rw;
	(void)event;

	/* The copy is the only child that there is; it is left to the runtime. */
	int child = waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) == 0;
	int64_t t = now();
	if (child && !b->child)
		b->pause = t - b->last;
	b->child = child;
	b->last = t;
}

static int64_t
fork_bare(void)
{
	int64_t t = now();
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	t = now() - t;
	if (pid > 0)
		waitpid(pid, NULL, 0);
	return pid > 0 ? t : 0;
}

/* The pause since the last question; 0: there was none. */
static int
handle_call(struct relw *rw, void *state, const char *request, char **ret_reply)
{
	struct ballast *b = state;
	int64_t fork_ns = strstr(request, "\"fork\"") != NULL ? fork_bare() : 0;

	if (asprintf(ret_reply, "{\"pause_us\":%.1f,\"fork_us\":%.1f}", (double)b->pause / 1e3,
		(double)fork_ns / 1e3) < 0) {
		*ret_reply = NULL;
		return relw_refuse(rw, "out of memory");
	}
	b->pause = 0;
	return 0;
}

#if BALLAST_LAYOUT == 2
static int
code_change(struct relw *rw, const struct relw_change *change, void *old, void **ret_new)
{
	(void)change;
	(void)old;
	(void)ret_new;
	return relw_refuse(rw, "it is rehearsed, and that is all");
}
#endif

static void
terminate(struct relw *rw, void *state, const char *reason)
{
	struct ballast *b = state;
	(void)reason;

	(void)relw_fd_del(rw, b->fd);
	close(b->fd);
	munmap(b->memory, b->size);
	free(b);
}

RELW_STATE(ballast, struct ballast);

static const struct relw_state_type state_types[] = {
	{.name = "ballast", .version = BALLAST_LAYOUT, .size = sizeof(struct ballast)},
	{.name = NULL},
};

RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {
	RELW_MODULE("ballast", BALLAST_LAYOUT == 1 ? "0.1.0" : "0.1.1"),
	.state_types = state_types,
	.init = init,
	.handle_event = handle_event,
	.handle_call = handle_call,
#if BALLAST_LAYOUT == 2
	.code_change = code_change,
#endif
	.discard = discard,
	.terminate = terminate,
};
