/* SPDX-License-Identifier: Apache-2.0
 * bench/spawn: the least that starting N workers can cost: a bare loop of posix_spawn, with nothing
 * around it but what a worker needs to become ready.
 *
 *	spawn N RELWORKER DIR MODULES MODULE
 *
 * DIR is an empty directory for the socket; MODULES is a file with the `modules` of a start message
 * (proto.h); MODULE names the callback module.  A JSON line on stdout: ms from the first spawn to
 * the last ready.  Ends the workers that it started, by pid.
 */
#include "config.h"

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proto/proto.h"

extern char **environ;

struct loop {
	int n, ready;
	int epoll, listen;
	pid_t *pids;
	json_t *modules;
	const char *module;
};

static void
check(int rc, const struct rel_err *e)
{
	if (rc < 0)
		errx(1, "%s", e->text);
}

static void
watch(struct loop *l, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
		err(1, "epoll_ctl");
}

static void
spawn_all(struct loop *l, const char *relworker, const char *sock)
{
	for (int i = 0; i < l->n; i++) {
		char name[32], program[] = "relworker-1";
		char path[4096];
		snprintf(name, sizeof(name), "bench/member/%d", i);
		snprintf(path, sizeof(path), "%s", sock);
		char *argv[] = {program, path, name, NULL};
		int rc = posix_spawn(&l->pids[i], relworker, NULL, NULL, argv, environ);
		if (rc != 0) {
			errno = rc;
			err(1, "%s", relworker);
		}
	}
}

static void
answer(struct loop *l, int fd)
{
	struct rel_err e = REL_ERR_INIT;
	struct proto_packet p;
	int rc = proto_recv(fd, &p, &e);

	check(rc, &e);
	if (rc == 0 || p.frame || strcmp(p.name, "failed") == 0)
		errx(1, "a worker did not start");
	if (strcmp(p.name, "hello") == 0) {
		const char *worker = json_string_value(json_object_get(p.body, "worker"));
		json_t *start = json_pack("{s:s,s:s,s:s,s:s,s:s,s:{},s:{},s:i,s:O}", "worker",
		    worker != NULL ? worker : "", "application", "bench", "child", "member",
		    "release", "0.1.0", "module", l->module, "args", "env", "listeners", 0,
		    "modules", l->modules);
		if (start == NULL)
			errx(1, "out of memory");
		check(proto_send_json(fd, "start", start, NULL, 0, &e), &e);
	} else if (strcmp(p.name, "ready") == 0) {
		l->ready++;
	}
	proto_packet_fini(&p);
}

static void
wait_ready(struct loop *l)
{
	struct epoll_event ev[64];

	while (l->ready < l->n) {
		int n = epoll_wait(l->epoll, ev, 64, 60000);
		if (n <= 0)
			errx(1, "%d of %d workers became ready", l->ready, l->n);
		for (int i = 0; i < n; i++) {
			if (ev[i].data.fd != l->listen) {
				answer(l, ev[i].data.fd);
				continue;
			}
			int fd = accept4(l->listen, NULL, NULL, SOCK_CLOEXEC);
			if (fd < 0)
				err(1, "accept");
			watch(l, fd);
		}
	}
}

int
main(int argc, char **argv)
{
	struct rel_err e = REL_ERR_INIT;
	struct rlimit files;
	struct loop l = {0};
	char sock[4096];

	if (argc != 6 || (l.n = atoi(argv[1])) < 1) {
		fputs("usage: spawn N RELWORKER DIR MODULES MODULE\n", stderr);
		return 64;
	}
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	l.module = argv[5];
	l.modules = json_load_file(argv[4], JSON_REJECT_DUPLICATES, NULL);
	l.pids = calloc((size_t)l.n, sizeof(*l.pids));
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	int dir = open(argv[3], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (l.modules == NULL || l.pids == NULL || l.epoll < 0 || dir < 0)
		err(1, "cannot set up");
	check(rel_unix_listen(dir, PROTO_WORKERS_SOCKET, SOCK_SEQPACKET, 0600, &l.listen, &e), &e);
	watch(&l, l.listen);
	snprintf(sock, sizeof(sock), "%s/%s", argv[3], PROTO_WORKERS_SOCKET);

	mono_ns_t begin = rel_mono_now();
	spawn_all(&l, argv[2], sock);
	wait_ready(&l);
	mono_ns_t took = rel_mono_now() - begin;
	for (int i = 0; i < l.n; i++)
		kill(l.pids[i], SIGKILL);
	for (int i = 0; i < l.n; i++)
		waitpid(l.pids[i], NULL, 0);
	unlinkat(dir, PROTO_WORKERS_SOCKET, 0);
	json_decref(l.modules);
	free(l.pids);
	printf("{\"n\":%d,\"ready_ms\":%.3f}\n", l.n, (double)took / 1e6);
	return 0;
}
