/* SPDX-License-Identifier: Apache-2.0
 * Accepting: see accept.h.
 */
#define _GNU_SOURCE /* accept4 */

#include "accept.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>

/* accept(2): errors that a connection met before it was accepted.  It is gone, the next one may be
 * well, and the level-triggered watch brings us to it. */
static int
died_in_queue(int e)
{
	switch (e) {
	case ECONNABORTED:
	case EPROTO:
	case ENOPROTOOPT:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case EPERM: /* a firewall rule */
	case EINTR:
		return 1;
	default:
		return 0;
	}
}

enum accept_result
accept_client(int listener, int *ret_fd)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd >= 0) {
		/* Answers are short and leave at once.  A unix socket needs no such thing. */
		int on = 1;
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		*ret_fd = fd;
		return ACCEPT_CLIENT;
	}
	if (errno == EAGAIN || died_in_queue(errno)) /* EAGAIN: another worker was faster */
		return ACCEPT_NONE;
	switch (errno) {
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		return ACCEPT_NO_ROOM;
	default:
		return ACCEPT_BROKEN;
	}
}
