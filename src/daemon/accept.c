/* SPDX-License-Identifier: Apache-2.0
 * The two sockets of ROOT/run that listen.  A connection that cannot be taken for want of descriptors
 * or memory stays in the queue and keeps the socket readable: to poll on would be to spin, so the
 * socket rests for a second.  Nothing is lost by it.
 */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "daemon/daemon.h"

#define REST_MS   1000
#define AT_A_TIME 32 /* who connects without an end does not starve those who are connected */

struct acceptor {
	struct daemon *d;
	const char *name;             /* a literal of ours */
	int fd;
	uv_poll_t poll;
	uv_timer_t rest;
	unsigned open_handles;
	bool told;                    /* once, until a connection is taken again */
	void (*fn)(void *ctx, int fd);
	void *ctx;
};

static void on_connect(uv_poll_t *h, int status, int events);

static void
on_rested(uv_timer_t *t)
{
	struct acceptor *a = t->data;
	uv_poll_start(&a->poll, UV_READABLE, on_connect);
}

static void
rest(struct acceptor *a, int sys)
{
	uv_poll_stop(&a->poll);
	uv_timer_start(&a->rest, on_rested, REST_MS, 0);
	if (a->told)
		return;
	a->told = true;
	daemon_log(a->d, "error", "relupd", "cannot take a connection to run/%s: %s; trying again every "
					    "second", a->name, strerror(sys));
}

static void
on_connect(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	struct acceptor *a = h->data;
	for (int i = 0; i < AT_A_TIME; i++) {
		int fd = accept4(a->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd < 0 && errno == EAGAIN)
			return;
		if (fd < 0 && (errno == EINTR || errno == ECONNABORTED))
			continue;
		if (fd < 0) {
			rest(a, errno);
			return;
		}
		if (a->told)
			daemon_log(a->d, "notice", "relupd", "connections to run/%s are taken again", a->name);
		a->told = false;
		a->fn(a->ctx, fd);
	}
}

int
acceptor_open(struct daemon *d, const char *name, int type, void (*fn)(void *ctx, int fd), void *ctx,
    struct acceptor **ret, struct rel_err *err)
{
	struct acceptor *a = calloc(1, sizeof(*a));
	if (a == NULL)
		return rel_err_nomem(err);
	*a = (struct acceptor){.d = d, .name = name, .fn = fn, .ctx = ctx, .open_handles = 2};
	if (rel_unix_listen(store_run_fd(d->store), name, type | SOCK_NONBLOCK, 0600, &a->fd, err) != 0) {
		free(a);
		return -1;
	}
	int rc = uv_poll_init(&d->loop, &a->poll, a->fd);
	if (rc != 0) {
		rel_fd_close(&a->fd);
		free(a);
		return rel_err_sys(err, REL_E_IO, -rc, "cannot watch run/%s", name);
	}
	uv_timer_init(&d->loop, &a->rest);
	a->poll.data = a->rest.data = a;
	uv_poll_start(&a->poll, UV_READABLE, on_connect);
	*ret = a;
	return 0;
}

static void
closed(uv_handle_t *h)
{
	struct acceptor *a = h->data;
	if (--a->open_handles == 0)
		free(a);
}

void
acceptor_close(struct acceptor **ap)
{
	struct acceptor *a = *ap;
	*ap = NULL;
	if (a == NULL)
		return;
	uv_poll_stop(&a->poll);
	rel_fd_close(&a->fd);
	uv_close((uv_handle_t *)&a->poll, closed);
	uv_close((uv_handle_t *)&a->rest, closed);
}
