/* SPDX-License-Identifier: Apache-2.0
 * Module files.  Each lies once in objects/, named by the SHA-256 of its bytes; what stands in
 * lib/APP-VSN/modules/ is the link `../../../objects/DIGEST.so` and nothing else.  A plain file found
 * there is imported: copied, synced, linked under its digest, and replaced by the link.
 *
 * A whole object is never replaced by another file of the same bytes: workers may have it mapped,
 * and the dynamic loader tells files by inode.  Every step is one rename or link, so a crash leaves
 * the module as it was or imported, and at most a temporary file.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/store_priv.h"

#define LINK_PREFIX "../../../objects/"
#define SO_SUFFIX   ".so"
#define MISSING_HINT "stage the release again, or build the module into its place"
#define APP_DIR_MAX (REL_NAME_MAX + 1 + REL_VERSION_MAX + 1)

/* A module in its place: errors call it by `what`. */
struct place {
	struct store *st;
	int modules_fd;
	char file[REL_NAME_MAX + sizeof(SO_SUFFIX)];
	char what[APP_DIR_MAX + REL_NAME_MAX + 32];
};

static int
object_fill(struct store *st, const char *digest, uint64_t size, struct store_object *ret,
    struct rel_err *err)
{
	struct store_object o = {.size = size};
	memcpy(o.digest, digest, sizeof(o.digest));
	if ((size_t)snprintf(o.path, sizeof(o.path), "%s/objects/%s" SO_SUFFIX, st->path, digest) >=
	    sizeof(o.path))
		return rel_err_set(err, REL_E_IO, "the path of the root is too long");
	*ret = o;
	return 0;
}

static void
object_file(const char *digest, char buf[STORE_FILE_MAX])
{
	snprintf(buf, STORE_FILE_MAX, "%s" SO_SUFFIX, digest);
}

/* Opens without following a link and without hanging on a FIFO; only a regular file of a bearable
 * size is let in.  *ret_fd is -1 where a link stands there: one system call decides, so an import in
 * another thread that puts its link there meanwhile does no harm. */
static int
open_regular(int dirfd, const char *name, const char *what, int *ret_fd, struct rel_err *err)
{
	CLEANUP(rel_fd_close)
	int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 && errno == ELOOP) {
		*ret_fd = -1;
		return 0;
	}
	if (fd < 0)
		return rel_err_sys(err, errno == ENOENT ? REL_E_NOT_FOUND : store_code_of(errno),
		    errno, "cannot open %s", what);
	struct stat sb;
	if (fstat(fd, &sb) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot stat %s", what);
	if (!S_ISREG(sb.st_mode))
		return rel_err_set(err, REL_E_NOT_A_FILE, "%s is not a regular file", what);
	if ((uint64_t)sb.st_size > STORE_OBJECT_MAX)
		return rel_err_set(err, REL_E_LIMIT, "%s has %jd bytes; %" PRIu64 " are the limit",
		    what, (intmax_t)sb.st_size, STORE_OBJECT_MAX);
	*ret_fd = fd;
	fd = -1;
	return 0;
}

/* ------------------------------------------------------------------ an object that stands */
static int
object_verify(struct place *p, const char *digest, struct store_object *ret, struct rel_err *err)
{
	char file[STORE_FILE_MAX], what[STORE_FILE_MAX + 16], hex[REL_DIGEST_LEN + 1];
	uint64_t size;
	object_file(digest, file);
	snprintf(what, sizeof(what), "objects/%s", file);
	CLEANUP(rel_fd_close) int fd = -1;
	if (open_regular(p->st->dirs[STORE_DIR_OBJECTS], file, what, &fd, err) != 0) {
		if (err->code == REL_E_NOT_FOUND)
			rel_err_hint(err, "stage the release again: the file behind the link is gone");
		return rel_err_wrap(err, "%s", p->what);
	}
	if (fd < 0)
		return rel_err_set(err, REL_E_NOT_A_FILE, "%s: %s is a link", p->what, what);
	if (store_digest_fd(fd, -1, what, hex, &size, err) != 0)
		return rel_err_wrap(err, "%s", p->what);
	if (strcmp(hex, digest) != 0)
		return rel_err_set(err, REL_E_BAD_DIGEST,
		    "%s: the bytes of its object have the digest %s, its name says %s", p->what, hex,
		    digest);
	if (store_elf_check(fd, size, p->what, err) != 0)
		return -1;
	return object_fill(p->st, digest, size, ret, err);
}

static int
object_of_link(struct place *p, struct store_object *ret, struct rel_err *err)
{
	char target[sizeof(LINK_PREFIX) + STORE_FILE_MAX], digest[REL_DIGEST_LEN + 1];
	size_t prefix = strlen(LINK_PREFIX), want = prefix + STORE_FILE_MAX - 1;
	ssize_t n = readlinkat(p->modules_fd, p->file, target, sizeof(target));
	if (n < 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot read the link %s", p->what);
	if ((size_t)n != want || memcmp(target, LINK_PREFIX, prefix) != 0 ||
	    memcmp(target + want - strlen(SO_SUFFIX), SO_SUFFIX, strlen(SO_SUFFIX)) != 0)
		return rel_err_set(err, REL_E_NOT_A_FILE,
		    "%s is a link that does not lead to %sDIGEST" SO_SUFFIX, p->what, LINK_PREFIX);
	memcpy(digest, target + prefix, REL_DIGEST_LEN);
	digest[REL_DIGEST_LEN] = '\0';
	if (!rel_digest_ok(digest))
		return rel_err_set(err, REL_E_NOT_A_FILE,
		    "%s is a link that does not lead to %sDIGEST" SO_SUFFIX, p->what, LINK_PREFIX);
	return object_verify(p, digest, ret, err);
}

/* ------------------------------------------------------------------ import */
static int
sync_dir(int fd, const char *what, struct rel_err *err)
{
	if (FAULT(FILE_FSYNC) || fsync(fd) != 0)
		return rel_err_sys(err, REL_E_IO, errno, "cannot sync the directory of %s", what);
	return 0;
}

/* The bytes of `from` as the file `tmp` in objects/, synced; removed again where that fails. */
static int
copy_in(struct place *p, int from, const char *tmp, char digest[REL_DIGEST_LEN + 1],
    uint64_t *ret_size, struct rel_err *err)
{
	int objects = p->st->dirs[STORE_DIR_OBJECTS];
	CLEANUP(rel_fd_close)
	int fd = openat(objects, tmp, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return rel_err_sys(err, store_code_of(errno), errno,
		    "%s: cannot make a file in objects/", p->what);
	int rc = store_digest_fd(from, fd, p->what, digest, ret_size, err);
	if (rc == 0)
		rc = store_elf_check(fd, *ret_size, p->what, err);
	if (rc == 0 && (fchmod(fd, 0444) != 0 || FAULT(FILE_FSYNC) || fsync(fd) != 0))
		rc = rel_err_sys(err, REL_E_IO, errno, "%s: cannot sync its copy", p->what);
	if (rc != 0)
		unlinkat(objects, tmp, 0);
	return rc;
}

/* Gives `tmp` its final name.  An object of that name that is whole stays; a damaged one is replaced. */
static int
place_object(struct place *p, const char *tmp, const char *digest, uint64_t size,
    struct store_object *ret, struct rel_err *err)
{
	int objects = p->st->dirs[STORE_DIR_OBJECTS];
	char file[STORE_FILE_MAX];
	struct rel_err there = REL_ERR_INIT;
	object_file(digest, file);
	if (linkat(objects, tmp, objects, file, 0) == 0)
		return object_fill(p->st, digest, size, ret, err);
	if (errno != EEXIST)
		return rel_err_sys(err, store_code_of(errno), errno, "%s: cannot place its object",
		    p->what);
	if (object_verify(p, digest, ret, &there) == 0)
		return 0;
	if (renameat(objects, tmp, objects, file) != 0)
		return rel_err_sys(err, store_code_of(errno), errno,
		    "%s: cannot replace its damaged object", p->what);
	return object_fill(p->st, digest, size, ret, err);
}

static int
replace_by_link(struct place *p, const char *digest, struct rel_err *err)
{
	char tmp[STORE_TMP_MAX], target[sizeof(LINK_PREFIX) + STORE_FILE_MAX];
	snprintf(target, sizeof(target), LINK_PREFIX "%s" SO_SUFFIX, digest);
	if (store_tmp_name(p->file, tmp, err) != 0)
		return -1;
	if (symlinkat(target, p->modules_fd, tmp) != 0)
		return rel_err_sys(err, store_code_of(errno), errno,
		    "cannot make the link for %s", p->what);
	if (renameat(p->modules_fd, tmp, p->modules_fd, p->file) != 0) {
		int sys = errno;
		unlinkat(p->modules_fd, tmp, 0);
		return rel_err_sys(err, store_code_of(sys), sys, "cannot replace %s by a link",
		    p->what);
	}
	return sync_dir(p->modules_fd, p->what, err);
}

static int
object_of_file(struct place *p, int from, struct store_object *ret, struct rel_err *err)
{
	char tmp[STORE_TMP_MAX], digest[REL_DIGEST_LEN + 1];
	int objects = p->st->dirs[STORE_DIR_OBJECTS];
	uint64_t size;
	struct store_object o;
	if (store_tmp_name("object", tmp, err) != 0 ||
	    copy_in(p, from, tmp, digest, &size, err) != 0)
		return -1;
	int rc = place_object(p, tmp, digest, size, &o, err);
	unlinkat(objects, tmp, 0); /* ENOENT where it was renamed */
	/* The object is durable before the only other copy goes. */
	if (rc != 0 || sync_dir(objects, p->what, err) != 0 ||
	    replace_by_link(p, digest, err) != 0)
		return -1;
	*ret = o;
	return 0;
}

/* ------------------------------------------------------------------ finding modules */
static int
object_at(struct store *st, int modules_fd, const char *app_dir, const char *module,
    struct store_object *ret, struct rel_err *err)
{
	struct place p = {.st = st, .modules_fd = modules_fd};
	snprintf(p.file, sizeof(p.file), "%s" SO_SUFFIX, module);
	snprintf(p.what, sizeof(p.what), "lib/%s/modules/%s", app_dir, p.file);
	CLEANUP(rel_fd_close) int fd = -1;
	if (open_regular(modules_fd, p.file, p.what, &fd, err) != 0) {
		if (err->code == REL_E_NOT_FOUND)
			rel_err_hint(err, MISSING_HINT);
		return -1;
	}
	return fd < 0 ? object_of_link(&p, ret, err) : object_of_file(&p, fd, ret, err);
}

/* lib/APP-VSN/modules.  1: opened, 0: the application has no modules folder or does not stand. */
static int
modules_open(struct store *st, const char *app_dir, int *ret_fd, struct rel_err *err)
{
	int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	CLEANUP(rel_fd_close) int app = openat(st->dirs[STORE_DIR_LIB], app_dir, flags);
	int fd = app < 0 ? -1 : openat(app, "modules", flags);
	if (fd >= 0) {
		*ret_fd = fd;
		return 1;
	}
	if (errno == ENOENT)
		return 0;
	return rel_err_sys(err, errno == ENOTDIR ? REL_E_NOT_A_FILE : store_code_of(errno), errno,
	    "cannot open lib/%s%s (a link is refused)", app_dir, app < 0 ? "" : "/modules");
}

int
store_object_get(struct store *st, const char *application, const char *version,
    const char *module, struct store_object *ret, struct rel_err *err)
{
	char app_dir[APP_DIR_MAX];
	MUST_OBJ(st, STORE_MAGIC);
	if (!rel_name_ok(application) || !rel_name_ok(module))
		return rel_err_set(err, REL_E_BAD_NAME, "the %s's name is malformed",
		    rel_name_ok(module) ? "application" : "module");
	if (!rel_version_ok(version))
		return rel_err_set(err, REL_E_BAD_VERSION, "the version of application %s is malformed",
		    application);
	snprintf(app_dir, sizeof(app_dir), "%s-%s", application, version);
	CLEANUP(rel_fd_close) int modules = -1;
	int rc = modules_open(st, app_dir, &modules, err);
	if (rc == 0) {
		rel_err_set(err, REL_E_NOT_FOUND, "cannot find lib/%s/modules/%s" SO_SUFFIX, app_dir,
		    module);
		return rel_err_hint(err, MISSING_HINT);
	}
	return rc < 0 ? -1 : object_at(st, modules, app_dir, module, ret, err);
}

/* "NAME.so" → NAME; false where the name is not of that shape. */
static bool
module_of_file(const char *file, char name[REL_NAME_MAX + 1])
{
	size_t n = strlen(file), tail = strlen(SO_SUFFIX);
	if (n <= tail || n - tail > REL_NAME_MAX || strcmp(file + n - tail, SO_SUFFIX) != 0)
		return false;
	memcpy(name, file, n - tail);
	name[n - tail] = '\0';
	return rel_name_ok(name);
}

/* "APP-VSN": a name has no '-', so the first one ends it. */
static bool
app_dir_ok(const char *dir)
{
	char name[REL_NAME_MAX + 1];
	const char *dash = strchr(dir, '-');
	if (dash == NULL || (size_t)(dash - dir) > REL_NAME_MAX)
		return false;
	memcpy(name, dir, (size_t)(dash - dir));
	name[dash - dir] = '\0';
	return rel_name_ok(name) && rel_version_ok(dash + 1);
}

static int
import_app(struct store *st, const char *app_dir, struct rel_err *err)
{
	char module[REL_NAME_MAX + 1];
	struct store_object o;
	CLEANUP(rel_fd_close) int fd = -1;
	int rc = modules_open(st, app_dir, &fd, err);
	if (rc <= 0)
		return rc;
	CLEANUP(store_names_fini) struct store_names names = {0};
	if (store_dir_names(fd, app_dir, &names, err) != 0)
		return -1;
	for (size_t i = 0; i < names.n; i++) {
		if (store_tmp_is(names.v[i]))
			unlinkat(fd, names.v[i], 0); /* left by an import that was cut short */
		else if (module_of_file(names.v[i], module) &&
		    object_at(st, fd, app_dir, module, &o, err) != 0)
			return -1;
	}
	return 0;
}

int
store_object_import_all(struct store *st, struct rel_err *err)
{
	CLEANUP(store_names_fini) struct store_names names = {0};
	if (store_dir_names(st->dirs[STORE_DIR_LIB], "lib", &names, err) != 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (app_dir_ok(names.v[i]) && import_app(st, names.v[i], err) != 0)
			return -1;
	return 0;
}

int
store_object_sweep(struct store *st, struct rel_err *err)
{
	int fd = st->dirs[STORE_DIR_OBJECTS];
	CLEANUP(store_names_fini) struct store_names names = {0};
	if (store_dir_names(fd, "objects", &names, err) != 0)
		return -1;
	for (size_t i = 0; i < names.n; i++)
		if (store_tmp_is(names.v[i]) && unlinkat(fd, names.v[i], 0) != 0 && errno != ENOENT)
			return rel_err_sys(err, store_code_of(errno), errno,
			    "cannot remove objects/%s", names.v[i]);
	return 0;
}
