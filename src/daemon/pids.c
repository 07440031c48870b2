/* SPDX-License-Identifier: Apache-2.0
 * ROOT/run/pids: the processes of this relupd, for the one that comes after it.  A row a process,
 * "WORKER PID STARTTIME" and blanks; the first row names the boot that the pids are of.
 *
 * One file with rows in place, not a file for each: to make and delete a file for every start costs
 * more than the rest of the start.  A row is one write within one page, so that it is there whole or
 * not at all when relupd is killed; it need not survive more than that.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/daemon.h"

#define FILE_NAME "pids"
#define ROW       256 /* bytes: the longest name, two numbers; divides a page */
#define ROWS_MAX  (1u << 20)

struct pids {
	int fd;
	size_t rows;                  /* the first, the boot's, is counted */
	size_t cap;
	bool *used;
	size_t lowest;                /* no row before it is free */
};

int
pids_lives(pid_t pid, uint64_t start_time, bool *ret, struct rel_err *err)
{
	uint64_t now;
	bool ended;
	if (rel_process_start(pid, &now, &ended) == 0)
		*ret = now == start_time && !ended;
	else if (errno == ESRCH)
		*ret = false;
	else
		return rel_err_sys(err, REL_E_IO, errno, "cannot look at pid %ld", (long)pid);
	return 0;
}

/* "?" where this system does not tell.  Another failure must not look like another boot. */
static int
boot_id(char *buf, size_t size, struct rel_err *err)
{
	static const char path[] = "/proc/sys/kernel/random/boot_id";
	CLEANUP(rel_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, buf, size - 1);
	if (n < 0 && errno != ENOENT && errno != EACCES && errno != EPERM)
		return rel_err_sys(err, REL_E_IO, errno, "%s", path);
	if (n <= 0)
		n = snprintf(buf, size, "?");
	buf[n] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
	return 0;
}

static int
row_write(const struct pids *p, size_t row, const char *text)
{
	char line[ROW + 1];
	snprintf(line, sizeof(line), "%-*.*s\n", ROW - 1, ROW - 1, text);
	ssize_t n = pwrite(p->fd, line, ROW, (off_t)row * ROW);
	if (n >= 0 && n != ROW)
		errno = ENOSPC;
	return n == ROW ? 0 : -1;
}

static int
row_read(const struct pids *p, size_t row, char buf[static ROW + 1], bool *ret_whole,
    struct rel_err *err)
{
	ssize_t n = pread(p->fd, buf, ROW, (off_t)row * ROW);
	if (n < 0)
		return rel_err_sys(err, REL_E_IO, errno, "run/" FILE_NAME);
	*ret_whole = n == ROW && buf[ROW - 1] == '\n';
	buf[ROW - 1] = '\0';
	return 0;
}

static int
room_for(struct pids *p, size_t rows)
{
	if (rows <= p->cap)
		return 0;
	size_t cap = p->cap != 0 ? p->cap : 64;
	while (cap < rows)
		cap *= 2;
	bool *used = rows <= ROWS_MAX ? reallocarray(p->used, cap, sizeof(*used)) : NULL;
	if (used == NULL)
		return -1;
	memset(used + p->cap, 0, (cap - p->cap) * sizeof(*used));
	p->used = used;
	p->cap = cap;
	return 0;
}

/* Pids of another boot are other processes' by now. */
static int
begin(struct pids *p, struct rel_err *err)
{
	char boot[64], want[80], row[ROW + 1];
	bool whole = false;
	off_t size = lseek(p->fd, 0, SEEK_END);
	if (boot_id(boot, sizeof(boot), err) != 0 || row_read(p, 0, row, &whole, err) != 0)
		return -1;
	snprintf(want, sizeof(want), "boot %s ", boot);
	if (whole && strncmp(row, want, strlen(want)) == 0)
		p->rows = (size_t)size / ROW;
	else if (ftruncate(p->fd, 0) != 0 || row_write(p, 0, want) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "run/" FILE_NAME);
	if (p->rows == 0)
		p->rows = 1;
	p->lowest = 1;
	return room_for(p, p->rows) == 0 ? 0 : rel_err_nomem(err);
}

int
pids_open(int run_fd, struct pids **ret, struct rel_err *err)
{
	struct pids *p = calloc(1, sizeof(*p));
	if (p == NULL)
		return rel_err_nomem(err);
	p->fd = openat(run_fd, FILE_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (p->fd < 0)
		rel_err_sys(err, REL_E_IO, errno, "run/" FILE_NAME);
	if (p->fd < 0 || begin(p, err) != 0) {
		pids_close(&p);
		return -1;
	}
	*ret = p;
	return 0;
}

void
pids_close(struct pids **pp)
{
	struct pids *p = *pp;
	*pp = NULL;
	if (p == NULL)
		return;
	rel_fd_close(&p->fd);
	free(p->used);
	free(p);
}

size_t
pids_add(struct pids *p, const char *worker, pid_t pid, uint64_t start_time)
{
	char text[ROW];
	size_t row = p->lowest;
	while (row < p->rows && p->used[row])
		row++;
	if (room_for(p, row + 1) != 0) {
		errno = ENOMEM;
		return 0;
	}
	snprintf(text, sizeof(text), "%s %ld %" PRIu64, worker, (long)pid, start_time);
	if (row_write(p, row, text) != 0)
		return 0;
	p->used[row] = true;
	p->rows = row >= p->rows ? row + 1 : p->rows;
	p->lowest = row + 1;
	return row;
}

void
pids_remove(struct pids *p, size_t row)
{
	if (row == 0)
		return;
	/* What stays where this fails is a pid whose start time is another's: see pids_each(). */
	(void)!row_write(p, row, "");
	p->used[row] = false;
	p->lowest = row < p->lowest ? row : p->lowest;
}

static bool
row_parse(const char *text, char worker[static REL_WORKER_MAX], pid_t *ret_pid, uint64_t *ret_start)
{
	char name[ROW];
	long pid;
	uint64_t start;
	if (sscanf(text, "%255s %ld %" SCNu64, name, &pid, &start) != 3 || pid <= 1 ||
	    strlen(name) >= REL_WORKER_MAX)
		return false;
	strcpy(worker, name);
	*ret_pid = (pid_t)pid;
	*ret_start = start;
	return true;
}

int
pids_each(struct pids *p, struct daemon *d, pids_fn *fn, struct rel_err *err)
{
	for (size_t row = 1; row < p->rows; row++) {
		char text[ROW + 1], worker[REL_WORKER_MAX];
		pid_t pid = 0;
		uint64_t start = 0;
		bool whole = false, lives = false;
		if (row_read(p, row, text, &whole, err) != 0)
			return -1;
		if (whole && row_parse(text, worker, &pid, &start) &&
		    pids_lives(pid, start, &lives, err) != 0)
			return rel_err_wrap(err, "worker %s", worker);
		p->used[row] = lives;
		if (lives && fn(d, worker, pid, start, row, err) != 0)
			return -1;
	}
	return 0;
}
