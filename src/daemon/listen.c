/* SPDX-License-Identifier: Apache-2.0
 * Listening sockets, opened once by relupd and passed to workers, so that a crash of a worker
 * refuses nobody.  After a kill of relupd they come back with the workers' hellos.
 * Addresses: tcp:HOST:PORT (HOST numeric or [v6]; "*" is any), unix:PATH.
 */
#include "config.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon.h"

struct listener {
	struct listener *next;
	int fd;
	char address[];
};

struct listeners {
	struct listener *head;
};

int
listeners_new(struct daemon *d, struct listeners **ret, struct rel_err *err)
{
	(void)d;
	struct listeners *l = calloc(1, sizeof(*l));
	if (l == NULL)
		return rel_err_nomem(err);
	*ret = l;
	return 0;
}

void
listeners_close(struct listeners *l)
{
	while (l->head != NULL) {
		struct listener *x = l->head;
		l->head = x->next;
		close(x->fd);
		free(x);
	}
}

void
listeners_free(struct listeners **lp)
{
	struct listeners *l = *lp;
	*lp = NULL;
	if (l == NULL)
		return;
	listeners_close(l);
	free(l);
}

static struct listener *
find(struct listeners *l, const char *address)
{
	for (struct listener *x = l->head; x != NULL; x = x->next)
		if (strcmp(x->address, address) == 0)
			return x;
	return NULL;
}

static int
add(struct listeners *l, const char *address, int fd)
{
	struct listener *x = malloc(sizeof(*x) + strlen(address) + 1);
	if (x == NULL)
		return -1;
	memcpy(x->address, address, strlen(address) + 1);
	x->fd = fd;
	x->next = l->head;
	l->head = x;
	return 0;
}

/* Splits "HOST:PORT" at the last colon; brackets around a v6 address are taken off. */
static int
split_host(const char *text, char *host, size_t size, const char **ret_port)
{
	const char *colon = strrchr(text, ':');
	if (colon == NULL || colon == text || colon[1] == '\0')
		return -1;
	size_t n = (size_t)(colon - text);
	if (text[0] == '[' && text[n - 1] == ']') {
		text++;
		n -= 2;
	}
	if (n >= size)
		return -1;
	memcpy(host, text, n);
	host[n] = '\0';
	*ret_port = colon + 1;
	return 0;
}

static int
listen_on(const struct sockaddr *sa, socklen_t len, const char *address, int *ret, struct rel_err *err)
{
	CLEANUP(rel_fd_close) int fd =
	    socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return rel_err_sys(err, REL_E_LISTEN_FAILED, errno, "cannot listen on %s", address);
	int one = 1;
	if (sa->sa_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0)
		return rel_err_sys(err, REL_E_LISTEN_FAILED, errno, "cannot listen on %s", address);
	if (bind(fd, sa, len) != 0 || listen(fd, SOMAXCONN) != 0)
		return rel_err_sys(err, REL_E_LISTEN_FAILED, errno, "cannot listen on %s", address);
	*ret = fd;
	fd = -1;
	return 0;
}

static int
open_tcp(const char *text, const char *address, int *ret, struct rel_err *err)
{
	char host[256];
	const char *port;
	if (split_host(text, host, sizeof(host), &port) != 0)
		return rel_err_set(err, REL_E_LISTEN_FAILED, "'%s' is not tcp:HOST:PORT", address);
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *list = NULL;
	/* Numeric only: a name would make the start depend on a resolver. */
	int rc = getaddrinfo(strcmp(host, "*") == 0 ? NULL : host, port, &hints, &list);
	if (rc != 0)
		return rel_err_set(err, REL_E_LISTEN_FAILED, "cannot listen on %s: %s", address,
		    gai_strerror(rc));
	rc = listen_on(list->ai_addr, list->ai_addrlen, address, ret, err);
	freeaddrinfo(list);
	return rc;
}

static int
open_unix(const char *path, const char *address, int *ret, struct rel_err *err)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (path[0] != '/' || strlen(path) >= sizeof(sa.sun_path))
		return rel_err_set(err, REL_E_LISTEN_FAILED,
		    "%s: the path of a unix socket is absolute and shorter than %zu bytes", address,
		    sizeof(sa.sun_path));
	memcpy(sa.sun_path, path, strlen(path) + 1);
	/* A socket file that nobody answers on is a leftover of an earlier run; where the queue of one
	 * who listens is full (EAGAIN), somebody holds it. */
	CLEANUP(rel_fd_close) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe >= 0 && connect(probe, (struct sockaddr *)&sa, sizeof(sa)) != 0 &&
	    errno == ECONNREFUSED)
		unlink(path);
	return listen_on((struct sockaddr *)&sa, sizeof(sa), address, ret, err);
}

int
listeners_get(struct listeners *l, const char *address, int *ret_fd, struct rel_err *err)
{
	struct listener *x = find(l, address);
	if (x != NULL) {
		*ret_fd = x->fd;
		return 0;
	}
	int fd;
	int rc = strncmp(address, "tcp:", 4) == 0 ? open_tcp(address + 4, address, &fd, err)
	    : strncmp(address, "unix:", 5) == 0
	    ? open_unix(address + 5, address, &fd, err)
	    : rel_err_set(err, REL_E_LISTEN_FAILED, "'%s' is neither tcp: nor unix:", address);
	if (rc != 0)
		return -1;
	if (add(l, address, fd) != 0) {
		close(fd);
		return rel_err_nomem(err);
	}
	*ret_fd = fd;
	return 0;
}

void
listeners_adopt(struct listeners *l, const char *address, int fd)
{
	if (find(l, address) != NULL || add(l, address, fd) != 0)
		close(fd);
}
