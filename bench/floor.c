/* SPDX-License-Identifier: Apache-2.0
 * bench/floor: what the machine itself takes for the things an upgrade cannot do without.
 *
 *	floor rounds N [LAPS]  two message rounds, each to all of N bare processes at once and back:
 *	                       the least that "come to rest" and "go on" can cost a group
 *	floor trip [LAPS]      a round trip to a peer that sleeps: on the same processor, on another
 *	                       one by a socket, on another one by a futex
 *
 *	floor fork MB [LAPS]   how long a process of so many MB in small pages stands still to be forked
 *
 * A JSON line on stdout, times in µs; medians.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "samples.h"

#define WARM 2 /* laps that are not counted */

static int64_t
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* A bare process: answers each message with one of its own until the other end is gone. */
static void
peer_run(int fd)
{
	char c;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (recv(fd, &c, 1, 0) == 1)
		if (send(fd, &c, 1, MSG_NOSIGNAL) != 1)
			break;
	_exit(0);
}

static pid_t
peer_start(int *ret_fd)
{
	int sv[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) < 0)
		err(1, "socketpair");
	pid_t pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		close(sv[0]);
		peer_run(sv[1]);
	}
	close(sv[1]);
	*ret_fd = sv[0];
	return pid;
}

/* ------------------------------------------------------------------ rounds */
struct group {
	int n, epoll;
	int *fds;
	pid_t *pids;
};

static void
group_start(struct group *g, int n)
{
	g->n = n;
	g->epoll = epoll_create1(EPOLL_CLOEXEC);
	g->fds = calloc((size_t)n, sizeof(*g->fds));
	g->pids = calloc((size_t)n, sizeof(*g->pids));
	if (g->epoll < 0 || g->fds == NULL || g->pids == NULL)
		err(1, "group");
	for (int i = 0; i < n; i++) {
		struct epoll_event ev = {.events = EPOLLIN};
		g->pids[i] = peer_start(&g->fds[i]);
		ev.data.fd = g->fds[i];
		if (epoll_ctl(g->epoll, EPOLL_CTL_ADD, g->fds[i], &ev) < 0)
			err(1, "epoll_ctl");
	}
}

/* Each child holds copies of the ends of those before it, so closing does not end them: they are
 * ended by pid, and only they. */
static void
group_stop(struct group *g)
{
	for (int i = 0; i < g->n; i++)
		kill(g->pids[i], SIGKILL);
	for (int i = 0; i < g->n; i++) {
		waitpid(g->pids[i], NULL, 0);
		close(g->fds[i]);
	}
	close(g->epoll);
	free(g->fds);
	free(g->pids);
}

static void
group_round(struct group *g)
{
	struct epoll_event ev[64];
	char c = 0;

	for (int i = 0; i < g->n; i++)
		if (send(g->fds[i], &c, 1, MSG_NOSIGNAL) != 1)
			err(1, "send");
	for (int in = 0; in < g->n;) {
		int n = epoll_wait(g->epoll, ev, 64, -1);
		if (n < 0)
			err(1, "epoll_wait");
		for (int i = 0; i < n; i++, in++)
			if (recv(ev[i].data.fd, &c, 1, 0) != 1)
				errx(1, "a peer died");
	}
}

static void
rounds(int n, int laps)
{
	struct samples s = {0};
	struct group g;

	group_start(&g, n);
	for (int lap = -WARM; lap < laps; lap++) {
		int64_t t = now();
		group_round(&g);
		group_round(&g);
		t = now() - t;
		if (lap >= 0)
			samples_add(&s, t);
	}
	group_stop(&g);
	printf("{\"floor\":\"rounds\",\"n\":%d,\"laps\":%d,\"median_us\":%.1f,\"min_us\":%.1f}\n",
	    n, laps, (double)samples_at(&s, 50) / 1e3, (double)samples_at(&s, 0) / 1e3);
	samples_fini(&s);
}

/* ------------------------------------------------------------------ trips */
static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		err(1, "sched_setaffinity");
}

/* The first two processors that this process may use; equal where there is one. */
static void
processors(int *ret_a, int *ret_b)
{
	cpu_set_t set;
	int a = -1, b = -1;

	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		err(1, "sched_getaffinity");
	for (int i = 0; i < CPU_SETSIZE && b < 0; i++) {
		if (!CPU_ISSET(i, &set))
			continue;
		if (a < 0)
			a = i;
		else
			b = i;
	}
	*ret_a = a;
	*ret_b = b < 0 ? a : b;
}

/* Long enough for the peer, and its processor, to go to sleep again. */
static void
doze(void)
{
	struct timespec t = {.tv_nsec = 500000};

	nanosleep(&t, NULL);
}

static double
trip_socket(int cpu, int peer_cpu, int laps)
{
	struct samples s = {0};
	char c = 0;
	int fd;

	pin(peer_cpu); /* inherited */
	pid_t pid = peer_start(&fd);
	pin(cpu);
	for (int lap = -WARM; lap < laps; lap++) {
		doze();
		int64_t t = now();
		if (send(fd, &c, 1, MSG_NOSIGNAL) != 1 || recv(fd, &c, 1, 0) != 1)
			err(1, "peer");
		t = now() - t;
		if (lap >= 0)
			samples_add(&s, t);
	}
	close(fd);
	waitpid(pid, NULL, 0);
	double us = (double)samples_at(&s, 50) / 1e3;
	samples_fini(&s);
	return us;
}

static void
futex_wait_while(_Atomic uint32_t *word, uint32_t value)
{
	while (atomic_load(word) == value)
		syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void
futex_set(_Atomic uint32_t *word, uint32_t value)
{
	atomic_store(word, value);
	syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static double
trip_futex(int cpu, int peer_cpu, int laps)
{
	struct samples s = {0};
	/* two words, each on a line of its own: to the peer, and back */
	void *shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	_Atomic uint32_t *there = shared, *back = there + 32;

	if (shared == MAP_FAILED)
		err(1, "mmap");
	pin(peer_cpu);
	pid_t pid = fork();
	if (pid < 0)
		err(1, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (uint32_t turn = 0; turn < (uint32_t)(laps + WARM); turn++) {
			futex_wait_while(there, turn);
			futex_set(back, turn + 1);
		}
		_exit(0);
	}
	pin(cpu);
	for (uint32_t turn = 0; turn < (uint32_t)(laps + WARM); turn++) {
		doze();
		int64_t t = now();
		futex_set(there, turn + 1);
		futex_wait_while(back, turn);
		t = now() - t;
		if (turn >= WARM)
			samples_add(&s, t);
	}
	waitpid(pid, NULL, 0);
	munmap(shared, 4096);
	double us = (double)samples_at(&s, 50) / 1e3;
	samples_fini(&s);
	return us;
}

static void
trip(int laps)
{
	int a, b;

	processors(&a, &b);
	double same = trip_socket(a, a, laps), other = trip_socket(a, b, laps);
	double futex = trip_futex(a, b, laps);
	printf("{\"floor\":\"trip\",\"laps\":%d,\"same_cpu_us\":%.1f,\"other_cpu_us\":%.1f,"
	       "\"futex_us\":%.1f}\n",
	    laps, same, other, futex);
}

/* ------------------------------------------------------------------ fork */
static void
fork_bare(int mb, int laps)
{
	struct samples s = {0};
	size_t size = (size_t)mb << 20;
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		err(1, "mmap");
	(void)madvise(memory, size, MADV_NOHUGEPAGE);
	memset(memory, 1, size);
	for (int i = 0; i < laps + WARM; i++) {
		doze(); /* as one that is not about to fork */
		int64_t t = now();
		pid_t pid = fork();
		if (pid == 0)
			_exit(0);
		t = now() - t;
		if (pid < 0)
			err(1, "fork");
		waitpid(pid, NULL, 0);
		if (i >= WARM)
			samples_add(&s, t);
	}
	printf("{\"floor\":\"fork\",\"mb\":%d,\"laps\":%d,\"median_us\":%.1f,\"least_us\":%.1f}\n", mb, laps,
	    (double)samples_at(&s, 50) / 1e3, (double)samples_at(&s, 0) / 1e3);
	samples_fini(&s);
	munmap(memory, size);
}

static int
number(const char *text, int max)
{
	char *end;
	errno = 0;
	long n = strtol(text, &end, 10);

	if (errno != 0 || *end != '\0' || end == text || n < 1 || n > max)
		errx(64, "%s is not a number from 1 to %d", text, max);
	return (int)n;
}

int
main(int argc, char **argv)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	if (argc >= 3 && argc <= 4 && strcmp(argv[1], "rounds") == 0) {
		rounds(number(argv[2], 100000), argc == 4 ? number(argv[3], 100000) : 30);
	} else if (argc >= 2 && argc <= 3 && strcmp(argv[1], "trip") == 0) {
		trip(argc == 3 ? number(argv[2], 100000) : 200);
	} else if (argc >= 3 && argc <= 4 && strcmp(argv[1], "fork") == 0) {
		fork_bare(number(argv[2], 100000), argc == 4 ? number(argv[3], 100000) : 10);
	} else {
		fputs("usage: floor rounds N [LAPS] | trip [LAPS] | fork MB [LAPS]\n", stderr);
		return 64;
	}
	return 0;
}
