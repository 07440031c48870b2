/* SPDX-License-Identifier: Apache-2.0
 * See maps.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stack/maps.h"

int
maps_open(struct maps *m, pid_t pid)
{
	char path[48];
	snprintf(path, sizeof(path), "/proc/%ld/maps", (long)pid);
	m->have = m->at = 0;
	m->fd = open(path, O_RDONLY | O_CLOEXEC);
	return m->fd >= 0 ? 0 : -errno;
}

void
maps_close(struct maps *m)
{
	close(m->fd);
	m->fd = -1;
}

/* NULL: *ret_rc is what ends the list. */
static char *
next_line(struct maps *m, int *ret_rc)
{
	char *line, *end;
	while ((end = memchr(m->buf + m->at, '\n', m->have - m->at)) == NULL) {
		memmove(m->buf, m->buf + m->at, m->have - m->at);
		m->have -= m->at;
		m->at = 0;
		ssize_t n = read(m->fd, m->buf + m->have, sizeof(m->buf) - m->have);
		if (n < 0 && errno == EINTR)
			continue;
		*ret_rc = n < 0 ? -errno : m->have == 0 ? 0 : m->have == sizeof(m->buf) ? -E2BIG : -EIO;
		if (n <= 0)
			return NULL;
		m->have += (size_t)n;
	}
	*end = '\0';
	line = m->buf + m->at;
	m->at = (size_t)(end + 1 - m->buf);
	return line;
}

/* "LO-HI rwxp OFFSET DEVICE INODE   NAME" */
int
maps_next(struct maps *m, struct mapping *ret)
{
	int rc;
	char *line = next_line(m, &rc), *at;
	if (line == NULL)
		return rc;
	ret->lo = strtoul(line, &at, 16);
	ret->hi = strtoul(at + (*at == '-'), &at, 16);
	if (at[0] != ' ' || strlen(at) < 5 || ret->hi <= ret->lo)
		return -EIO;
	ret->readable = at[1] == 'r';
	ret->writable = at[2] == 'w';
	ret->executable = at[3] == 'x';
	ret->shared = at[4] == 's';
	for (int field = 0; field < 4; field++) { /* the blanks before the name */
		at += strspn(at, " ");
		at += strcspn(at, " ");
	}
	ret->name = at + strspn(at, " ");
	return 1;
}
