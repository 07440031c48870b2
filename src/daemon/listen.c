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
#include <sys/stat.h>
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
cannot(const char *address, int sys, struct rel_err *err)
{
	return rel_err_sys(err, REL_E_LISTEN_FAILED, sys, "cannot listen on %s", address);
}

static int
listen_on(const struct sockaddr *sa, socklen_t len, const char *address, int *ret, struct rel_err *err)
{
	CLEANUP(rel_fd_close) int fd =
	    socket(sa->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return cannot(address, errno, err);
	int one = 1;
	if (sa->sa_family != AF_UNIX && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0)
		return cannot(address, errno, err);
	if (bind(fd, sa, len) != 0 || listen(fd, SOMAXCONN) != 0)
		return cannot(address, errno, err);
	*ret = fd;
	fd = -1;
	return 0;
}

/* getaddrinfo() takes the number modulo 65536. */
static bool
port_in_range(const char *port)
{
	size_t n = strlen(port);
	return strspn(port, "0123456789") != n || (n <= 5 && atoi(port) <= 65535);
}

/* Who holds the address, or why nobody can. */
static int
tcp_hint(const char *port, struct rel_err *err)
{
	switch (err->sys) {
	case EADDRINUSE:
		return rel_err_hint(err, "`ss -ltnp 'sport = :%s'` shows who listens there: stop it, or "
					 "give the child another port in config.yaml", port);
	case EADDRNOTAVAIL:
		return rel_err_hint(err, "`ip address` shows the addresses of this machine; give the child "
					 "one of them, or *");
	case EACCES:
		return rel_err_hint(err, "ports below 1024 need CAP_NET_BIND_SERVICE; give the child a "
					 "higher one in config.yaml");
	default:
		return -1;
	}
}

static int
open_tcp(const char *text, const char *address, int *ret, struct rel_err *err)
{
	char host[256];
	const char *port;
	if (split_host(text, host, sizeof(host), &port) != 0)
		return rel_err_set(err, REL_E_LISTEN_FAILED, "'%s' is not tcp:HOST:PORT", address);
	if (!port_in_range(port)) {
		rel_err_set(err, REL_E_LISTEN_FAILED, "cannot listen on %s: %s is not a port", address, port);
		return rel_err_hint(err, "a port is at most 65535; change it in config.yaml or app.yaml");
	}
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
	return rc == 0 ? 0 : tcp_hint(port, err);
}

static const char *
kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "a regular file";
	case S_IFLNK:
		return "a symbolic link";
	case S_IFDIR:
		return "a directory";
	case S_IFIFO:
		return "a pipe";
	default:
		return "a device";
	}
}

/* A socket file that nobody answers on is a leftover of an earlier run; where the queue of one who
 * listens is full (EAGAIN), somebody holds it.  connect() to what is no socket is refused as well:
 * that is a file of somebody's, and stays. */
static int
remove_leftover(const struct sockaddr_un *sa, const char *address, struct rel_err *err)
{
	struct stat st;
	if (lstat(sa->sun_path, &st) != 0)
		return errno == ENOENT ? 0 : cannot(address, errno, err);
	if (!S_ISSOCK(st.st_mode)) {
		rel_err_set(err, REL_E_LISTEN_FAILED, "cannot listen on %s: %s is there, not a socket",
		    address, kind_of(st.st_mode));
		return rel_err_hint(err, "move it away, or give the child another path in config.yaml or "
					 "app.yaml");
	}
	CLEANUP(rel_fd_close) int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe < 0)
		return cannot(address, errno, err);
	if (connect(probe, (const struct sockaddr *)sa, sizeof(*sa)) == 0 || errno != ECONNREFUSED)
		return 0; /* bind() says what is wrong */
	if (unlink(sa->sun_path) != 0 && errno != ENOENT)
		return cannot(address, errno, err);
	return 0;
}

static int
unix_hint(const char *path, struct rel_err *err)
{
	switch (err->sys) {
	case EADDRINUSE:
		return rel_err_hint(err, "`ss -lxp src %s` shows who listens there: stop it, or give the "
					 "child another path", path);
	case ENOENT:
	case ENOTDIR:
		return rel_err_hint(err, "make the directory %.*s first, or give the child another path",
		    path == strrchr(path, '/') ? 1 : (int)(strrchr(path, '/') - path), path);
	case EACCES:
	case EPERM:
	case EROFS:
		return rel_err_hint(err, "relupd's user must be able to write to the directory %.*s",
		    path == strrchr(path, '/') ? 1 : (int)(strrchr(path, '/') - path), path);
	default:
		return -1;
	}
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
	if (remove_leftover(&sa, address, err) == 0 &&
	    listen_on((struct sockaddr *)&sa, sizeof(sa), address, ret, err) == 0)
		return 0;
	return unix_hint(path, err);
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
