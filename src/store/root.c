/* SPDX-License-Identifier: Apache-2.0
 * The root directory: making it, opening it, and its lock.  A store exists only while its lock is
 * held; the lock is an flock, so it goes with the process however that ends.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "store/store_priv.h"

static const struct {
	const char *name;
	mode_t mode;
} folders[STORE_DIR__COUNT] = {
#define X(id, name, mode) [STORE_DIR_##id] = {name, mode},
#include "store/store_dir_tbl.h"
#undef X
};

/* What else may lie in a root: its configuration, and what a file system puts into its own root. */
static const char *const others[] = {"relupd.yaml", "lost+found"};

static struct store *
store_new(void)
{
	struct store *st = calloc(1, sizeof(*st));
	if (st == NULL)
		return NULL;
	st->magic = STORE_MAGIC;
	st->root_fd = st->lock_fd = -1;
	for (size_t i = 0; i < STORE_DIR__COUNT; i++)
		st->dirs[i] = -1;
	return st;
}

void
store_close(struct store **pst)
{
	struct store *st = *pst;
	if (st == NULL)
		return;
	MUST_OBJ(st, STORE_MAGIC);
	store_db_close(st);
	for (size_t i = 0; i < STORE_DIR__COUNT; i++)
		rel_fd_close(&st->dirs[i]);
	rel_fd_close(&st->root_fd);
	rel_fd_close(&st->lock_fd); /* last: nobody else opens the root before all is closed */
	free(st->path);
	st->magic = 0;
	free(st);
	*pst = NULL;
}

/* ------------------------------------------------------------------ folders */
static bool
known_name(const char *name)
{
	for (size_t i = 0; i < STORE_DIR__COUNT; i++)
		if (strcmp(name, folders[i].name) == 0)
			return true;
	for (size_t i = 0; i < NELEM(others); i++)
		if (strcmp(name, others[i]) == 0)
			return true;
	return false;
}

/* A directory that holds anything else is somebody's data, not a root. */
static int
check_contents(struct store *st, struct rel_err *err)
{
	CLEANUP(store_names_fini) struct store_names names = {0};
	if (store_dir_names(st->root_fd, st->path, &names, err) != 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (known_name(names.v[i]))
			continue;
		for (char *c = names.v[i]; *c != '\0'; c++)
			if (*c < ' ' || *c > '~')
				*c = '?'; /* goes to a terminal */
		rel_err_set(err, REL_E_NOT_A_ROOT,
		    "%s is neither empty nor a root: it holds \"%s\"; nothing was changed", st->path,
		    names.v[i]);
		return rel_err_hint(err, "name a new or empty directory");
	}
	return 0;
}

static int
folder_open(struct store *st, size_t i, bool make, struct rel_err *err)
{
	const char *name = folders[i].name;
	bool private = (folders[i].mode & 077) == 0;
	if (make && mkdirat(st->root_fd, name, folders[i].mode) != 0 && errno != EEXIST)
		return rel_err_sys(err, store_code_of(errno), errno, "cannot make %s/%s", st->path,
		    name);
	int fd = openat(st->root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		return rel_err_set(err, REL_E_NOT_A_ROOT, "%s is not a root: it has no folder %s",
		    st->path, name);
	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
		return rel_err_set(err, REL_E_NOT_A_ROOT,
		    "%s/%s is not a directory (a link is refused)", st->path, name);
	if (fd < 0)
		return rel_err_sys(err, store_code_of(errno), errno, "cannot open %s/%s", st->path,
		    name);
	st->dirs[i] = fd;
	if (make && private && fchmod(fd, folders[i].mode) != 0)
		return rel_err_sys(err, store_code_of(errno), errno,
		    "cannot close %s/%s to others", st->path, name);
	return 0;
}

/* ------------------------------------------------------------------ lock */
/* A process that was killed gives its lock back when the kernel has taken it down, which with a
 * thousand workers can be seconds after kill(2) returned: its successor waits for that.  One that
 * lives is given a moment only, for a kill(2) that has not arrived yet. */
#define LOCK_WAIT_DYING_MS 10000
#define LOCK_WAIT_MS       200
#define LOCK_SLICE_MS      50
#define LOCK_LEFT_MS       2

static long
lock_holder(int fd)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	text[n < 0 ? 0 : n] = '\0';
	return strtol(text, NULL, 10);
}

/* Locked, or -1 with errno. */
static int
lock_try(int fd)
{
	int rc;
	do
		rc = flock(fd, LOCK_EX | LOCK_NB);
	while (rc != 0 && errno == EINTR);
	return rc;
}

/* SIGKILL is on its way to it, or its memory is gone already (/proc/PID/status). */
static bool
dying(long pid)
{
	char path[64], buf[4096];
	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	CLEANUP(rel_fd_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t r = fd < 0 ? -1 : read(fd, buf, sizeof(buf) - 1);
	if (r <= 0)
		return true;
	buf[r] = '\0';
	static const char *const sets[] = {"\nSigPnd:", "\nShdPnd:"};
	for (size_t i = 0; i < NELEM(sets); i++) {
		const char *p = strstr(buf, sets[i]);
		if (p != NULL && (strtoull(p + strlen(sets[i]), NULL, 16) & (1ULL << (SIGKILL - 1))) != 0)
			return true;
	}
	return strstr(buf, "\nVmSize:") == NULL;
}

/* True: the process is gone. */
static bool
wait_for_end(long pid)
{
	CLEANUP(rel_fd_close) int holder = pidfd_open((pid_t)pid, 0);
	struct pollfd p = {.fd = holder, .events = POLLIN};
	for (int waited = 0; holder >= 0; waited += LOCK_SLICE_MS) {
		if (waited >= (dying(pid) ? LOCK_WAIT_DYING_MS : LOCK_WAIT_MS))
			return false;
		if (poll(&p, 1, LOCK_SLICE_MS) > 0)
			break;
	}
	return true;
}

/* One that is gone may have left a child between fork and exec, which has the lock until its exec:
 * who was killed while it started a worker.  There is no event for that end. */
static int
lock_try_patiently(int fd)
{
	int rc = lock_try(fd);
	long pid = rc != 0 && errno == EWOULDBLOCK ? lock_holder(fd) : 0;
	if (pid <= 0)
		return rc;
	bool gone = wait_for_end(pid);
	rc = lock_try(fd);
	for (int waited = 0; gone && rc != 0 && errno == EWOULDBLOCK && waited < LOCK_WAIT_DYING_MS;
	     waited += LOCK_LEFT_MS) {
		poll(NULL, 0, LOCK_LEFT_MS);
		rc = lock_try(fd);
	}
	return rc;
}

static int
lock_refused(struct store *st, int fd, struct rel_err *err)
{
	long pid = lock_holder(fd);
	if (pid <= 0) /* it has the lock, and is about to write its pid */
		return rel_err_set(err, REL_E_ROOT_LOCKED, "%s is in use by another process",
		    st->path);
	return rel_err_set(err, REL_E_ROOT_LOCKED, "%s is in use by process %ld", st->path, pid);
}

static int
lock_take(struct store *st, struct rel_err *err)
{
	char text[32];
	CLEANUP(rel_fd_close)
	int fd = openat(st->dirs[STORE_DIR_STATE], "lock",
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return rel_err_sys(err, store_code_of(errno), errno, "cannot open %s/state/lock",
		    st->path);
	int rc = lock_try_patiently(fd);
	if (rc != 0 && errno == EWOULDBLOCK)
		return lock_refused(st, fd, err);
	if (rc != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot lock %s/state/lock", st->path);
	int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || rel_fd_write_all(fd, text, (size_t)n) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot write %s/state/lock", st->path);
	st->lock_fd = fd;
	fd = -1;
	return 0;
}

/* ------------------------------------------------------------------ workers that live */
/* run/pids is relupd's: a row a process, "WORKER PID STARTTIME", the first "boot ID". */
#define PIDS_ROW 256

/* One that cannot be looked at may well live. */
static bool
is_alive(pid_t pid, uint64_t start_time)
{
	uint64_t now;
	bool ended;
	if (rel_process_start(pid, &now, &ended) != 0)
		return errno != ESRCH;
	return !ended && now == start_time;
}

static bool
is_this_boot(const char *row)
{
	char id[64] = "", named[64];
	CLEANUP(rel_fd_close) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, id, sizeof(id) - 1);
	if (n <= 0 || sscanf(row, "boot %63s", named) != 1)
		return false;
	id[strcspn(id, "\n")] = '\0';
	return strcmp(id, named) == 0;
}

/* A release that is set, or a state that is made anew, while workers run another one would have the
 * next relupd take them for what they are not. */
static int
check_nobody_lives(struct store *st, struct rel_err *err)
{
	char row[PIDS_ROW + 1] = "", name[PIDS_ROW + 1], first[PIDS_ROW + 1];
	long pid, first_pid = 0;
	uint64_t start;
	size_t living = 0;
	CLEANUP(rel_fd_close)
	int fd = openat(st->dirs[STORE_DIR_RUN], "pids", O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0 || pread(fd, row, PIDS_ROW, 0) != PIDS_ROW || !is_this_boot(row))
		return 0;
	for (off_t at = PIDS_ROW; pread(fd, row, PIDS_ROW, at) == PIDS_ROW; at += PIDS_ROW) {
		row[PIDS_ROW] = '\0';
		if (sscanf(row, "%256s %ld %" SCNu64, name, &pid, &start) != 3 || pid <= 1 ||
		    !is_alive((pid_t)pid, start))
			continue;
		if (living++ == 0) {
			strcpy(first, name);
			first_pid = pid;
		}
	}
	if (living == 0)
		return 0;
	rel_err_set(err, REL_E_ROOT_LOCKED, "%zu worker%s of %s still run%s: %s (pid %ld)%s; nothing was "
		"changed", living, living == 1 ? "" : "s", st->path, living == 1 ? "s" : "", first, first_pid,
	    living == 1 ? "" : " …");
	return rel_err_hint(err, "start `relupd --root %s`, which takes them back: `relctl upgrade` moves "
				 "them, SIGTERM to relupd ends them with it", st->path);
}

/* ------------------------------------------------------------------ opening */
/* Answers and the start messages of workers name it, and these are UTF-8. */
static int
check_path_text(const char *path, struct rel_err *err)
{
	size_t left = strlen(path), n = 1;
	for (const char *s = path; left > 0 && n > 0; s += n, left -= n)
		n = rel_utf8_len(s, left);
	if (n > 0)
		return 0;
	rel_err_set(err, REL_E_NOT_A_ROOT, "the path of a root is UTF-8, and this one is not: %s", path);
	return rel_err_hint(err, "give the directory another name");
}

static int
root_open(struct store *st, const char *dir, struct rel_err *err)
{
	st->path = realpath(dir, NULL);
	if (st->path == NULL && errno == ENOMEM)
		return rel_err_nomem(err);
	if (st->path == NULL)
		return rel_err_sys(err, errno == ENOENT ? REL_E_NOT_A_ROOT : store_code_of(errno),
		    errno, "cannot open the root %s", dir);
	if (check_path_text(st->path, err) != 0)
		return -1;
	st->root_fd = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (st->root_fd < 0)
		return rel_err_sys(err, errno == ENOTDIR ? REL_E_NOT_A_ROOT : store_code_of(errno),
		    errno, "cannot open the root %s", st->path);
	return 0;
}

static int
attach(const char *dir, bool make, struct store **ret, struct rel_err *err)
{
	CLEANUP(store_close) struct store *st = store_new();
	if (st == NULL)
		return rel_err_nomem(err);
	if (root_open(st, dir, err) != 0 || (make && check_contents(st, err) != 0))
		return -1;
	for (size_t i = 0; i < STORE_DIR__COUNT; i++)
		if (folder_open(st, i, make, err) != 0)
			return -1;
	if (make && (FAULT(FILE_FSYNC) || fsync(st->root_fd) != 0))
		return rel_err_sys(err, REL_E_IO, errno, "cannot sync %s", st->path);
	if (lock_take(st, err) != 0 || (make && check_nobody_lives(st, err) != 0) ||
	    store_object_sweep(st, err) != 0 || store_db_open(st, err) != 0)
		return -1;
	*ret = MOVE(st);
	return 0;
}

int
store_open(const char *dir, struct store **ret, struct rel_err *err)
{
	return attach(dir, false, ret, err);
}

/* ------------------------------------------------------------------ init */
static int
remember_id(void *ctx, const struct store_op *op)
{
	*(uint64_t *)ctx = op->id;
	return 0;
}

static int
check_release(struct store *st, const char *release, struct rel_err *err)
{
	uint64_t id = 0;
	if (!rel_version_ok(release))
		return rel_err_set(err, REL_E_BAD_VERSION, "the release's version is malformed");
	if (!store_release_exists(st, release))
		return rel_err_set(err, REL_E_NO_SUCH_RELEASE,
		    "release %s is not unpacked: there is no %s/releases/%s/release.yaml", release,
		    st->path, release);
	int open = store_op_unfinished(st, remember_id, &id, err);
	if (open <= 0)
		return open;
	rel_err_set(err, REL_E_BUSY, "operation %ju has not ended: the release cannot be set",
	    (uintmax_t)id);
	return rel_err_hint(err, "start relupd on this root: it ends the operation or takes it back");
}

static int
set_permanent(struct store *st, const char *release, struct rel_err *err)
{
	struct store_current c;
	if (store_current_get(st, &c, err) != 0)
		return -1;
	if (strcmp(c.permanent, release) == 0 && strcmp(c.current, release) == 0)
		return 0;
	if (strcmp(c.permanent, release) != 0)
		memcpy(c.previous, c.permanent, sizeof(c.previous));
	memcpy(c.permanent, release, strlen(release) + 1);
	memcpy(c.current, release, strlen(release) + 1); /* what the next relupd starts */
	return store_current_set(st, &c, err);
}

int
store_root_init(const char *dir, const char *release, struct store_current *ret, struct rel_err *err)
{
	bool made = mkdir(dir, 0755) == 0;
	if (!made && errno != EEXIST)
		return rel_err_sys(err, store_code_of(errno), errno, "cannot make the directory %s",
		    dir);
	CLEANUP(store_close) struct store *st = NULL;
	if (attach(dir, true, &st, err) != 0) {
		if (made)
			(void)rmdir(dir); /* goes where nothing is in it yet */
		return -1;
	}
	if ((release != NULL && check_release(st, release, err) != 0) ||
	    store_object_import_all(st, err) != 0 ||
	    (release != NULL && set_permanent(st, release, err) != 0))
		return -1;
	return ret != NULL ? store_current_get(st, ret, err) : 0;
}

/* ------------------------------------------------------------------ what the root has */
const char *
store_root_path(const struct store *st)
{
	MUST_OBJ(st, STORE_MAGIC);
	return st->path;
}

int
store_root_fd(const struct store *st)
{
	MUST_OBJ(st, STORE_MAGIC);
	return st->root_fd;
}

int
store_lib_fd(const struct store *st)
{
	MUST_OBJ(st, STORE_MAGIC);
	return st->dirs[STORE_DIR_LIB];
}

int
store_releases_fd(const struct store *st)
{
	MUST_OBJ(st, STORE_MAGIC);
	return st->dirs[STORE_DIR_RELEASES];
}

int
store_run_fd(const struct store *st)
{
	MUST_OBJ(st, STORE_MAGIC);
	return st->dirs[STORE_DIR_RUN];
}

int
store_log_fd(const struct store *st)
{
	MUST_OBJ(st, STORE_MAGIC);
	return st->dirs[STORE_DIR_LOG];
}
