/* SPDX-License-Identifier: Apache-2.0
 * Directory listings and temporary names.  A listing is read whole before anything acts on it, so
 * renaming inside the directory cannot disturb the walk.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "store/store_priv.h"

enum rel_ecode
store_code_of(int sys)
{
	return sys == EACCES || sys == EPERM ? REL_E_DENIED : REL_E_IO;
}

void
store_names_fini(struct store_names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->v[i]);
	free(names->v);
	*names = (struct store_names){0};
}

static int
names_add(struct store_names *names, const char *name, struct rel_err *err)
{
	/* Doubled where n is a power of two: 0, 1, 2, 4, … */
	if ((names->n & (names->n - 1)) == 0) {
		size_t cap = names->n == 0 ? 1 : names->n * 2;
		char **v = reallocarray(names->v, cap, sizeof(*v));
		if (v == NULL)
			return rel_err_nomem(err);
		names->v = v;
	}
	names->v[names->n] = strdup(name);
	if (names->v[names->n] == NULL)
		return rel_err_nomem(err);
	names->n++;
	return 0;
}

static void
dir_close(DIR **d)
{
	if (*d != NULL)
		closedir(*d);
	*d = NULL;
}

static int
by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int
store_dir_names(int dirfd, const char *what, struct store_names *ret, struct rel_err *err)
{
	/* An fd of its own: the offset of `dirfd` stays, and closedir() closes only this one. */
	CLEANUP(rel_fd_close) int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return rel_err_sys(err, store_code_of(errno), errno, "cannot read %s", what);
	CLEANUP(dir_close) DIR *d = fdopendir(fd);
	if (d == NULL)
		return rel_err_sys(err, REL_E_IO, errno, "cannot read %s", what);
	fd = -1;
	CLEANUP(store_names_fini) struct store_names names = {0};
	for (;;) {
		errno = 0;
		struct dirent *e = readdir(d);
		if (e == NULL && errno != 0)
			return rel_err_sys(err, REL_E_IO, errno, "cannot read %s", what);
		if (e == NULL)
			break;
		if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0)
			continue;
		if (names_add(&names, e->d_name, err) != 0)
			return -1;
	}
	if (names.n > 1)
		qsort(names.v, names.n, sizeof(*names.v), by_bytes);
	*ret = names;
	names = (struct store_names){0};
	return 0;
}

#define TMP_DIGITS 16
#define TMP_SUFFIX ".tmp"

int
store_tmp_name(const char *base, char buf[STORE_TMP_MAX], struct rel_err *err)
{
	uint64_t r;
	if (getrandom(&r, sizeof(r), 0) != (ssize_t)sizeof(r))
		return rel_err_sys(err, REL_E_IO, errno, "cannot get random bytes");
	int n = snprintf(buf, STORE_TMP_MAX, "%s.%016" PRIx64 TMP_SUFFIX, base, r);
	MUST(n > 0 && n < STORE_TMP_MAX);
	return 0;
}

bool
store_tmp_is(const char *name)
{
	size_t tail = 1 + TMP_DIGITS + strlen(TMP_SUFFIX), n = strlen(name);
	if (n <= tail)
		return false;
	const char *p = name + n - tail;
	return *p == '.' && strspn(p + 1, "0123456789abcdef") == TMP_DIGITS &&
	    strcmp(p + 1 + TMP_DIGITS, TMP_SUFFIX) == 0;
}
