/* SPDX-License-Identifier: Apache-2.0
 * Readiness: the listening sockets are open and the workers of an earlier relupd are back (or named
 * as silent).  It is told once, to NOTIFY_SOCKET and to the parent of a background start.
 */
#include "config.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/daemon.h"

/* Before anything is spawned: the workers' readiness is not ours. */
void
ready_init(struct daemon *d)
{
	const char *path = getenv("NOTIFY_SOCKET");
	if (path != NULL && strlen(path) < sizeof(d->notify))
		snprintf(d->notify, sizeof(d->notify), "%s", path);
	unsetenv("NOTIFY_SOCKET");
}

/* The readiness datagram of sd_notify(3): to systemd, or whoever set NOTIFY_SOCKET. */
static void
notify_ready(const char *path)
{
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof(sa.sun_path) || (path[0] != '/' && path[0] != '@'))
		return;
	size_t n = strlen(path);
	memcpy(sa.sun_path, path, n);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	CLEANUP(rel_fd_close) int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	static const char ready[] = "READY=1\n";
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	if (fd < 0 || sendto(fd, ready, sizeof(ready) - 1, MSG_NOSIGNAL, (struct sockaddr *)&sa, len) < 0)
		fprintf(stderr, "relupd: warning: cannot tell NOTIFY_SOCKET that it is ready\n");
}

static void
detach_stdio(struct daemon *d)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null >= 0) {
		dup2(null, 0);
		dup2(null, 1);
		dup2(d->log != NULL ? fileno(d->log) : null, 2);
		close(null);
	}
}

void
ready_tell(struct daemon *d)
{
	if (d->ready || d->recovering)
		return;
	d->ready = true;
	notify_ready(d->notify);
	if (d->ready_fd < 0)
		return;
	detach_stdio(d);
	char ok = 0;
	if (write(d->ready_fd, &ok, 1) != 1)
		daemon_log(d, "warning", "relupd", "whoever started it is gone");
	rel_fd_close(&d->ready_fd);
}
