/* SPDX-License-Identifier: Apache-2.0
 * Processes of this host.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/mem.h"
#include "base/process.h"

/* Field 22; the name in field 2 may hold anything, so parsing begins after the last ')'.  The state, in
 * field 3, is that of the first thread: where that has ended alone, others are counted in field 20. */
int
rel_process_start(pid_t pid, uint64_t *ret, bool *ret_ended)
{
	char path[64], buf[1024];
	snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
	CLEANUP(rel_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (n <= 0) {
		if (n == 0 || errno == ENOENT)
			errno = ESRCH;
		return -1;
	}
	buf[n] = '\0';
	const char *p = strrchr(buf, ')');
	bool ended = p != NULL && p[1] == ' ' && (p[2] == 'Z' || p[2] == 'X');
	for (int field = 2; p != NULL && field < 22; field++) {
		if (field == 20)
			ended = ended && strtoull(p + 1, NULL, 10) <= 1;
		p = strchr(p + 1, ' ');
	}
	if (p == NULL) {
		errno = EPROTO;
		return -1;
	}
	*ret = strtoull(p + 1, NULL, 10);
	if (ret_ended != NULL)
		*ret_ended = ended;
	return 0;
}
