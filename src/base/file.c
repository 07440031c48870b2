/* SPDX-License-Identifier: Apache-2.0
 * Files and unix sockets: see file.h.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fault.h"
#include "base/file.h"
#include "base/mem.h"

void
rel_fd_close(int *fd)
{
	if (*fd < 0)
		return;
	int saved = errno;
	close(*fd);
	errno = saved;
	*fd = -1;
}

int
rel_stdio_open(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) != fd)
			return -1;
	return 0;
}

static int
read_up_to(int fd, char *buf, size_t size, size_t *ret_len)
{
	size_t n = 0;
	while (n < size) {
		ssize_t r = read(fd, buf + n, size - n);
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -1;
		if (r == 0)
			break;
		n += (size_t)r;
	}
	*ret_len = n;
	return 0;
}

int
rel_file_read(int dirfd, const char *path, const char *name, size_t limit, char **ret,
    size_t *ret_len, struct rel_err *err)
{
	/* O_NONBLOCK: a FIFO without a writer must not hang us before we see what it is. */
	CLEANUP(rel_fd_close) int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return rel_err_sys(err, errno == ENOENT ? REL_E_NOT_FOUND : REL_E_IO, errno,
		    "cannot open %s", name);
	struct stat st;
	if (fstat(fd, &st) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot stat %s", name);
	if (!S_ISREG(st.st_mode))
		return rel_err_set(err, REL_E_NOT_A_FILE, "%s is not a regular file", name);
	if ((size_t)st.st_size > limit)
		return rel_err_at(err, &(struct rel_pos){name, 1, 1}, REL_E_LIMIT,
		    "%jd bytes; %zu are the limit", (intmax_t)st.st_size, limit);
	/* One byte more than the limit: a file that grows meanwhile is noticed. */
	size_t size = (size_t)st.st_size + 1;
	CLEANUP(rel_free_cleanup) char *buf = malloc(size + 1);
	if (buf == NULL)
		return rel_err_nomem(err);
	size_t n;
	if (read_up_to(fd, buf, size, &n) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot read %s", name);
	if (n == size)
		return rel_err_set(err, REL_E_IO, "%s grew while it was read", name);
	buf[n] = '\0';
	*ret = MOVE(buf);
	*ret_len = n;
	return 0;
}

int
rel_fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;
	while (len > 0) {
		ssize_t w = write(fd, p, len);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -1;
		p += w;
		len -= (size_t)w;
	}
	return 0;
}

static int
sync_parent(int dirfd, const char *path)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	if (slash == NULL)
		snprintf(dir, sizeof(dir), ".");
	else
		snprintf(dir, sizeof(dir), "%.*s", (int)(slash - path) + 1, path);
	CLEANUP(rel_fd_close) int fd = openat(dirfd, dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -1 : fsync(fd);
}

static int
write_temporary(int dirfd, const char *tmp, const void *data, size_t len, mode_t mode, bool sync)
{
	CLEANUP(rel_fd_close) int fd = openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	if (fd < 0)
		return -1;
	if (FAULT(FILE_WRITE) || rel_fd_write_all(fd, data, len) != 0 || fchmod(fd, mode) != 0)
		return -1;
	return sync && (FAULT(FILE_FSYNC) || fsync(fd) != 0) ? -1 : 0;
}

int
rel_file_replace(int dirfd, const char *path, const void *data, size_t len, mode_t mode, bool sync,
    struct rel_err *err)
{
	char tmp[4096];
	if ((size_t)snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid()) >= sizeof(tmp))
		return rel_err_set(err, REL_E_IO, "the path %.80s… is too long", path);
	if (unlinkat(dirfd, tmp, 0) != 0 && errno != ENOENT)
		return rel_err_sys(err, REL_E_IO, errno, "cannot remove %s", tmp);
	if (write_temporary(dirfd, tmp, data, len, mode, sync) != 0 ||
	    renameat(dirfd, tmp, dirfd, path) != 0) {
		int sys = errno;
		unlinkat(dirfd, tmp, 0);
		return rel_err_sys(err, REL_E_IO, sys, "cannot write %s", path);
	}
	if (sync && sync_parent(dirfd, path) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot sync the directory of %s", path);
	return 0;
}

int
rel_dir_make(int dirfd, const char *path, struct rel_err *err)
{
	if (mkdirat(dirfd, path, 0755) == 0)
		return 0;
	struct stat st;
	if (errno == EEXIST && fstatat(dirfd, path, &st, 0) == 0 && S_ISDIR(st.st_mode))
		return 0;
	return rel_err_sys(err, REL_E_IO, errno, "cannot make the directory %s", path);
}

int
rel_dir_open(int dirfd, const char *path, int *ret_fd, struct rel_err *err)
{
	int fd = openat(dirfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return rel_err_sys(err, errno == ENOENT ? REL_E_NOT_FOUND : REL_E_IO, errno,
		    "cannot open the directory %s", path);
	*ret_fd = fd;
	return 0;
}

static int
unix_address(int dirfd, const char *name, struct sockaddr_un *sa, struct rel_err *err)
{
	*sa = (struct sockaddr_un){.sun_family = AF_UNIX};
	int n = dirfd == AT_FDCWD
	    ? snprintf(sa->sun_path, sizeof(sa->sun_path), "%s", name)
	    : snprintf(sa->sun_path, sizeof(sa->sun_path), "/proc/self/fd/%d/%s", dirfd, name);
	if (n < 0 || (size_t)n >= sizeof(sa->sun_path))
		return rel_err_set(err, REL_E_IO, "the socket path %s is too long", name);
	return 0;
}

int
rel_unix_listen(int dirfd, const char *name, int type, mode_t mode, int *ret_fd, struct rel_err *err)
{
	struct sockaddr_un sa;
	if (unix_address(dirfd, name, &sa, err) != 0)
		return -1;
	CLEANUP(rel_fd_close) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot make a unix socket");
	if (unlinkat(dirfd, name, 0) != 0 && errno != ENOENT)
		return rel_err_sys(err, REL_E_IO, errno, "cannot remove the old socket %s", name);
	/* Closed to others from the first moment, not only after a chmod. */
	mode_t old = umask(0777 & ~mode);
	int rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa));
	int sys = errno;
	umask(old);
	if (rc != 0 || listen(fd, SOMAXCONN) != 0)
		return rel_err_sys(err, REL_E_IO, rc != 0 ? sys : errno, "cannot listen on %s", name);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int
rel_unix_connect(int dirfd, const char *name, int type, int *ret_fd, struct rel_err *err)
{
	struct sockaddr_un sa;
	if (unix_address(dirfd, name, &sa, err) != 0)
		return -1;
	CLEANUP(rel_fd_close) int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot make a unix socket");
	int rc;
	do
		rc = connect(fd, (struct sockaddr *)&sa, sizeof(sa));
	while (rc != 0 && errno == EINTR);
	if (rc != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot connect to %s", name);
	*ret_fd = fd;
	fd = -1;
	return 0;
}
