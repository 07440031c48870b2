/* SPDX-License-Identifier: Apache-2.0
 * Roots: made, completed, opened, locked, refused; which release is what; a database that is not
 * ours, too new or damaged.
 */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store_fixture.h"

static const char *const folders[] = {"objects", "lib", "releases", "state", "run", "log"};

static mode_t
mode_of(const char *path)
{
	struct stat sb;
	ck_assert_msg(lstat(path, &sb) == 0, "%s: %s", path, strerror(errno));
	return sb.st_mode & 07777;
}

static void
refused_init(const char *dir, const char *release, enum rel_ecode code, const char *part)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(store_root_init(dir, release, NULL, &err), -1);
	fix_error(&err, code, part);
}

static void
refused_open(const char *dir, enum rel_ecode code, const char *part)
{
	struct rel_err err = REL_ERR_INIT;
	struct store *st = NULL;
	ck_assert_int_eq(store_open(dir, &st, &err), -1);
	ck_assert_ptr_null(st);
	fix_error(&err, code, part);
}

/* ------------------------------------------------------------------ init */
START_TEST(init_makes_folders)
{
	umask(0);
	const char *root = fix_root();
	ck_assert_uint_eq(fix_count(root), NELEM(folders));
	for (size_t i = 0; i < NELEM(folders); i++) {
		bool private = strcmp(folders[i], "run") == 0 || strcmp(folders[i], "state") == 0;
		ck_assert_uint_eq(mode_of(fix_path(root, "%s", folders[i])), private ? 0700 : 0755);
	}
	ck_assert_uint_eq(mode_of(fix_path(root, "state/lock")), 0600);
}
END_TEST

START_TEST(init_completes)
{
	const char *root = fix_root();
	ck_assert_int_eq(rmdir(fix_path(root, "log")), 0);
	ck_assert_int_eq(chmod(fix_path(root, "run"), 0755), 0);
	fix_write(fix_path(root, "relupd.yaml"), "{}", 2);
	fix_write(fix_path(root, "run/kept"), "k", 1);
	fix_init(root);
	ck_assert_uint_eq(mode_of(fix_path(root, "log")), 0755);
	ck_assert_uint_eq(mode_of(fix_path(root, "run")), 0700);
	ck_assert_int_eq(access(fix_path(root, "run/kept"), F_OK), 0);
}
END_TEST

START_TEST(init_makes_one_level)
{
	const char *dir = fix_dir();
	refused_init(fix_path(dir, "a/b"), NULL, REL_E_IO, "cannot make the directory");
	ck_assert_uint_eq(fix_count(dir), 0);
	refused_init("", NULL, REL_E_IO, "cannot make the directory");
}
END_TEST

START_TEST(init_refuses_foreign)
{
	struct rel_err err = REL_ERR_INIT;
	const char *dir = fix_dir();
	fix_write(fix_path(dir, "thesis\033[2J.txt"), "x", 1);
	ck_assert_int_eq(store_root_init(dir, NULL, NULL, &err), -1);
	ck_assert_str_eq(rel_err_hint_of(&err), "name a new or empty directory");
	fix_error(&err, REL_E_NOT_A_ROOT, "\"thesis?[2J.txt\"; nothing was changed");
	ck_assert_uint_eq(fix_count(dir), 1);
	refused_init(fix_path(dir, "thesis\033[2J.txt"), NULL, REL_E_NOT_A_ROOT, "cannot open the root");
}
END_TEST

START_TEST(init_refuses_linked_folder)
{
	const char *other = fix_path(fix_dir(), "other");
	fix_mkdir(other);
	const char *root = fix_dir();
	ck_assert_int_eq(symlink(other, fix_path(root, "%s", folders[_i])), 0);
	refused_init(root, NULL, REL_E_NOT_A_ROOT, "a link is refused");
	ck_assert_uint_eq(fix_count(other), 0);
}
END_TEST

START_TEST(init_refuses_file_for_folder)
{
	const char *root = fix_dir();
	fix_write(fix_path(root, "%s", folders[_i]), "", 0);
	refused_init(root, NULL, REL_E_NOT_A_ROOT, folders[_i]);
}
END_TEST

static void
as_somebody(const void *arg)
{
	const char *const *roots = arg;
	struct rel_err err = REL_ERR_INIT;
	struct store *st = NULL;
	/* root may write anywhere, so the rule is seen as another user */
	if (geteuid() == 0 && setuid(65534) != 0)
		_exit(2);
	if (store_root_init(roots[0], NULL, NULL, &err) == 0 || err.code != REL_E_DENIED)
		_exit(3);
	rel_err_clear(&err);
	if (store_open(roots[1], &st, &err) == 0 || err.code != REL_E_DENIED)
		_exit(4);
}

START_TEST(read_only_root)
{
	/* one in which no folder can be made, and one in which no lock can be */
	const char *dir = fix_dir();
	const char *roots[] = {fix_path(dir, "a"), fix_path(dir, "b")};
	ck_assert_int_eq(chmod(fix_path(dir, ".."), 0755), 0);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	fix_mkdir(roots[0]);
	fix_init(roots[1]);
	ck_assert_int_eq(unlink(fix_path(roots[1], "state/lock")), 0);
	ck_assert_int_eq(chmod(fix_path(roots[1], "run"), 0755), 0);
	ck_assert_int_eq(chmod(fix_path(roots[1], "state"), 0555), 0);
	ck_assert_int_eq(chmod(roots[0], 0555), 0);
	ck_assert_int_eq(fix_child(as_somebody, roots), 0);
	ck_assert_uint_eq(fix_count(roots[0]), 0);
}
END_TEST

/* ------------------------------------------------------------------ open and lock */
START_TEST(open_refuses_no_root)
{
	const char *dir = fix_dir();
	refused_open(fix_path(dir, "none"), REL_E_NOT_A_ROOT, "cannot open the root");
	refused_open(dir, REL_E_NOT_A_ROOT, "it has no folder objects");
	ck_assert_uint_eq(fix_count(dir), 0);
	fix_init(dir);
	ck_assert_int_eq(rmdir(fix_path(dir, "%s", folders[5])), 0);
	refused_open(dir, REL_E_NOT_A_ROOT, "it has no folder log");
}
END_TEST

START_TEST(open_twice)
{
	char part[64];
	const char *root = fix_root();
	struct store *st = fix_open(root);
	snprintf(part, sizeof(part), "in use by process %ld", (long)getpid());
	refused_open(root, REL_E_ROOT_LOCKED, part);
	refused_init(root, NULL, REL_E_ROOT_LOCKED, part);
	/* it has the lock and did not get to writing its pid yet */
	ck_assert_int_eq(truncate(fix_path(root, "state/lock"), 0), 0);
	refused_open(root, REL_E_ROOT_LOCKED, "in use by another process");
	store_close(&st);
	ck_assert_ptr_null(st);
	store_close(&st);
	st = fix_open(root);
	store_close(&st);
}
END_TEST

START_TEST(lock_ends_with_its_holder)
{
	char part[64], ready;
	int up[2];
	const char *root = fix_root();
	ck_assert_int_eq(pipe(up), 0);
	pid_t pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		fix_open(root);
		if (write(up[1], "r", 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	ck_assert_int_eq(read(up[0], &ready, 1), 1);
	snprintf(part, sizeof(part), "in use by process %ld", (long)pid);
	refused_open(root, REL_E_ROOT_LOCKED, part);
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	/* at once, while the kernel may still be taking it down */
	struct store *st = fix_open(root);
	store_close(&st);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}
END_TEST

/* Not told as want of memory, and nothing is made of it. */
START_TEST(path_not_utf8_is_refused)
{
	const char *dir = fix_path(fix_dir(), "caf\xe9");
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_ne(store_root_init(dir, NULL, NULL, &err), 0);
	ck_assert_int_eq(err.code, REL_E_NOT_A_ROOT);
	ck_assert(strstr(err.text, "UTF-8") != NULL);
	ck_assert_int_ne(access(dir, F_OK), 0);
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	refused_open(dir, REL_E_NOT_A_ROOT, "UTF-8");
}
END_TEST

START_TEST(linked_lock_is_refused)
{
	const char *root = fix_root(), *victim = fix_path(fix_dir(), "victim");
	fix_write(victim, "precious", 8);
	ck_assert_int_eq(unlink(fix_path(root, "state/lock")), 0);
	ck_assert_int_eq(symlink(victim, fix_path(root, "state/lock")), 0);
	refused_open(root, REL_E_IO, "state/lock");
	struct stat sb;
	ck_assert_int_eq(stat(victim, &sb), 0);
	ck_assert_int_eq(sb.st_size, 8);
}
END_TEST

START_TEST(linked_database_is_refused)
{
	static const char *const names[] = {"relup.db", "relup.db-wal", "relup.db-shm"};
	const char *root = fix_root(), *victim = fix_path(fix_dir(), "victim");
	unlink(fix_path(root, "state/%s", names[_i]));
	ck_assert_int_eq(symlink(victim, fix_path(root, "state/%s", names[_i])), 0);
	refused_open(root, REL_E_NOT_A_FILE, names[_i]);
	ck_assert_int_ne(access(victim, F_OK), 0);
}
END_TEST

START_TEST(no_fd_is_left)
{
	const char *root = fix_root(), *empty = fix_dir();
	int before = fix_open_fds();
	struct store *st = fix_open(root);
	int fds[] = {store_root_fd(st), store_lib_fd(st), store_releases_fd(st), store_run_fd(st),
	    store_log_fd(st)};
	for (size_t i = 0; i < NELEM(fds); i++)
		ck_assert_int_eq(fcntl(fds[i], F_GETFD), FD_CLOEXEC);
	for (int fd = 3; fd < 256; fd++) {
		char path[64], to[4096] = "";
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		if (readlink(path, to, sizeof(to) - 1) > 0 && strstr(to, root) != NULL)
			ck_assert_msg(fcntl(fd, F_GETFD) == FD_CLOEXEC, "%s stays open", to);
	}
	refused_open(root, REL_E_ROOT_LOCKED, "in use");
	store_close(&st);
	refused_open(empty, REL_E_NOT_A_ROOT, "no folder");
	ck_assert_int_eq(fix_open_fds(), before);
}
END_TEST

START_TEST(path_has_no_links)
{
	const char *root = fix_root();
	char real[4096];
	ck_assert_ptr_nonnull(realpath(root, real));
	const char *link = fix_path(fix_dir(), "link");
	ck_assert_int_eq(symlink(root, link), 0);
	struct store *st = fix_open(link);
	ck_assert_str_eq(store_root_path(st), real);
	store_close(&st);
}
END_TEST

START_TEST(long_path)
{
	/* over the 108 of sun_path, over the 512 of SQLite, and over 1,000 */
	static const size_t lengths[] = {150, 600, 1200};
	struct rel_err err = REL_ERR_INIT;
	struct store_object o;
	char root[4096];
	snprintf(root, sizeof(root), "%s", fix_dir());
	while (strlen(root) < lengths[_i])
		strcat(root, "/a-rather-long-name-of-a-folder-in-which-there-is-nothing-else");
	fix_mkdir(root);
	fix_init(root);
	fix_module(root, "app-1", "mod", 1);
	fix_init(root);
	struct store *st = fix_open(root);
	struct store_current c = {.current = "1", .permanent = "2", .previous = "3"}, got;
	ck_assert_msg(store_current_set(st, &c, &err) == 0, "%s", err.text);
	ck_assert_int_eq(store_current_get(st, &got, &err), 0);
	ck_assert_str_eq(got.permanent, "2");
	ck_assert_msg(store_object_get(st, "app", "1", "mod", &o, &err) == 0, "%s", err.text);
	ck_assert_int_eq(access(o.path, R_OK), 0);
	ck_assert_uint_gt(strlen(o.path), lengths[_i]);
	store_close(&st);
}
END_TEST

/* ------------------------------------------------------------------ releases */
static struct store_current
current_of(const char *root)
{
	struct rel_err err = REL_ERR_INIT;
	struct store_current c;
	struct store *st = fix_open(root);
	ck_assert_msg(store_current_get(st, &c, &err) == 0, "%s", err.text);
	store_close(&st);
	return c;
}

START_TEST(init_sets_permanent)
{
	struct rel_err err = REL_ERR_INIT;
	const char *root = fix_root();
	struct store_current c = current_of(root);
	ck_assert_str_eq(c.current, "");
	ck_assert_str_eq(c.permanent, "");
	ck_assert_str_eq(c.previous, "");
	fix_release(root, "0.1.0");
	fix_release(root, "0.1.1");
	for (int i = 0; i < 2; i++) { /* the second time changes nothing */
		ck_assert_msg(store_root_init(root, "0.1.0", NULL, &err) == 0, "%s", err.text);
		c = current_of(root);
		ck_assert_str_eq(c.permanent, "0.1.0");
		ck_assert_str_eq(c.previous, "");
	}
	ck_assert_msg(store_root_init(root, "0.1.1", NULL, &err) == 0, "%s", err.text);
	c = current_of(root);
	ck_assert_str_eq(c.current, "0.1.1");
	ck_assert_str_eq(c.permanent, "0.1.1");
	ck_assert_str_eq(c.previous, "0.1.0");
	/* what the next relupd starts is what was asked for, whatever ran last */
	struct store *st = fix_open(root);
	strcpy(c.current, "0.1.0");
	ck_assert_int_eq(store_current_set(st, &c, &err), 0);
	store_close(&st);
	ck_assert_msg(store_root_init(root, "0.1.1", NULL, &err) == 0, "%s", err.text);
	c = current_of(root);
	ck_assert_str_eq(c.current, "0.1.1");
	ck_assert_str_eq(c.previous, "0.1.0");
	fix_init(root);
	ck_assert_str_eq(current_of(root).permanent, "0.1.1");
}
END_TEST

START_TEST(init_refuses_release)
{
	struct rel_err err = REL_ERR_INIT;
	const char *root = fix_root();
	fix_release(root, "1");
	fix_mkdir(fix_path(root, "releases/2"));
	refused_init(root, "2", REL_E_NO_SUCH_RELEASE, "releases/2/release.yaml");
	refused_init(root, "../releases/1", REL_E_BAD_VERSION, "malformed");
	struct store *st = fix_open(root);
	uint64_t id;
	ck_assert_int_eq(store_op_begin(st, &(struct store_op){.kind = "start"}, &id, &err), 0);
	store_close(&st);
	refused_init(root, "1", REL_E_BUSY, "operation 1 has not ended");
	ck_assert_str_eq(current_of(root).permanent, "");
}
END_TEST

static int
add_name(void *ctx, const char *version)
{
	char *text = ctx;
	strcat(strcat(text, version), " ");
	return strcmp(version, "9") == 0;
}

START_TEST(releases_are_sorted)
{
	struct rel_err err = REL_ERR_INIT;
	char text[256] = "";
	const char *root = fix_root(), *outside = fix_dir();
	static const char *const names[] = {"1.9", "1.10", "9", "a", "1.2", ".hid", "-x", "with blank"};
	for (size_t i = 0; i < NELEM(names); i++)
		fix_release(root, names[i]);
	fix_mkdir(fix_path(root, "releases/1.5"));
	fix_write(fix_path(root, "releases/1.6"), "", 0);
	fix_mkdir(fix_path(root, "releases/1.7/release.yaml"));
	fix_write(fix_path(outside, "release.yaml"), "", 0);
	fix_mkdir(fix_path(root, "releases/1.85"));
	ck_assert_int_eq(symlink(fix_path(outside, "release.yaml"),
	    fix_path(root, "releases/1.85/release.yaml")), 0);
	ck_assert_int_eq(symlink(outside, fix_path(root, "releases/1.8")), 0);
	struct store *st = fix_open(root);
	ck_assert_int_eq(store_release_each(st, add_name, text, &err), 0);
	ck_assert_str_eq(text, "1.10 1.2 1.9 9 "); /* add_name ended the walk before "a" */
	ck_assert(store_release_exists(st, "a"));
	ck_assert(!store_release_exists(st, "../releases/a"));
	ck_assert(!store_release_exists(st, ".hid"));
	store_close(&st);
}
END_TEST

START_TEST(current_is_kept)
{
	struct rel_err err = REL_ERR_INIT;
	const char *root = fix_root();
	struct store *st = fix_open(root);
	struct store_current c = {.current = "2", .permanent = "1", .previous = ""};
	ck_assert_int_eq(store_current_set(st, &c, &err), 0);
	strcpy(c.previous, "no'quote");
	ck_assert_int_eq(store_current_set(st, &c, &err), -1);
	fix_error(&err, REL_E_BAD_VERSION, "malformed");
	store_close(&st);
	c = current_of(root);
	ck_assert_str_eq(c.current, "2");
	ck_assert_str_eq(c.permanent, "1");
	ck_assert_str_eq(c.previous, "");
}
END_TEST

/* ------------------------------------------------------------------ a bad database */
static void
sql(const char *root, const char *text)
{
	sqlite3 *db;
	char *why = NULL;
	ck_assert_int_eq(sqlite3_open(fix_path(root, "state/relup.db"), &db), SQLITE_OK);
	ck_assert_msg(sqlite3_exec(db, text, NULL, NULL, &why) == SQLITE_OK, "%s", why);
	ck_assert_int_eq(sqlite3_close(db), SQLITE_OK);
}

START_TEST(database_of_another)
{
	static const char *const texts[] = {
		"PRAGMA application_id = 7",
		"PRAGMA user_version = 0",
		"PRAGMA user_version = -1",
	};
	const char *root = fix_root();
	sql(root, texts[_i]);
	refused_open(root, _i == 2 ? REL_E_STATE_NEWER : REL_E_STATE_DAMAGED, "relup.db");
}
END_TEST

START_TEST(database_too_new)
{
	struct rel_err err = REL_ERR_INIT;
	struct store *st = NULL;
	const char *root = fix_root();
	sql(root, "PRAGMA user_version = 99");
	ck_assert_int_eq(store_open(root, &st, &err), -1);
	ck_assert_str_ne(rel_err_hint_of(&err), "");
	fix_error(&err, REL_E_STATE_NEWER, "is of version 99; this relup knows up to 1");
}
END_TEST

START_TEST(database_damaged)
{
	struct rel_err err = REL_ERR_INIT;
	struct store *st = NULL;
	const char *root = fix_root();
	fix_write(fix_path(root, "state/relup.db"), "This is text, longer than a header of SQLite."
	    "This is text, longer than a header of SQLite.This is text.", 103);
	ck_assert_int_eq(store_open(root, &st, &err), -1);
	ck_assert_str_ne(rel_err_hint_of(&err), "");
	fix_error(&err, REL_E_STATE_DAMAGED, "file is not a database");
}
END_TEST

START_TEST(page_damaged)
{
	struct rel_err err = REL_ERR_INIT;
	struct store_current c;
	const char *root = fix_root();
	char junk[4096];
	memset(junk, 0x5a, sizeof(junk));
	int fd = open(fix_path(root, "state/relup.db"), O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(pwrite(fd, junk, sizeof(junk), 4096), (ssize_t)sizeof(junk));
	close(fd);
	struct store *st = fix_open(root);
	ck_assert_int_eq(store_current_get(st, &c, &err), -1);
	fix_error(&err, REL_E_STATE_DAMAGED, "malformed");
	store_close(&st);
}
END_TEST

START_TEST(row_not_ours)
{
	struct rel_err err = REL_ERR_INIT;
	struct store_current c;
	const char *root = fix_root();
	sql(root, _i == 0 ? "INSERT INTO current VALUES (1, 'ok', '../../etc', '')"
	                  : "INSERT INTO current VALUES (1, 'ok', '', 'a' || char(0) || 'b')");
	struct store *st = fix_open(root);
	ck_assert_int_eq(store_current_get(st, &c, &err), -1);
	fix_error(&err, REL_E_STATE_DAMAGED, _i == 0 ? "permanent" : "previous");
	store_close(&st);
}
END_TEST

#ifdef RELUP_FAULTS
START_TEST(init_fsync_fails)
{
	const char *root = fix_path(fix_dir(), "root");
	char armed[32];
	snprintf(armed, sizeof(armed), "FILE_FSYNC:%d:error", _i);
	setenv("RELUP_FAULT", armed, 1);
	refused_init(root, NULL, REL_E_IO, "cannot sync");
	unsetenv("RELUP_FAULT");
	fix_init(root);
}
END_TEST
#endif

static void
tests(TCase *tc)
{
	tcase_add_test(tc, init_makes_folders);
	tcase_add_test(tc, init_completes);
	tcase_add_test(tc, init_makes_one_level);
	tcase_add_test(tc, init_refuses_foreign);
	tcase_add_loop_test(tc, init_refuses_linked_folder, 0, NELEM(folders));
	tcase_add_loop_test(tc, init_refuses_file_for_folder, 0, NELEM(folders));
	tcase_add_test(tc, read_only_root);
	tcase_add_test(tc, open_refuses_no_root);
	tcase_add_test(tc, open_twice);
	tcase_add_test(tc, lock_ends_with_its_holder);
	tcase_add_test(tc, path_not_utf8_is_refused);
	tcase_add_test(tc, linked_lock_is_refused);
	tcase_add_loop_test(tc, linked_database_is_refused, 0, 3);
	tcase_add_test(tc, no_fd_is_left);
	tcase_add_test(tc, path_has_no_links);
	tcase_add_loop_test(tc, long_path, 0, 3);
	tcase_add_test(tc, init_sets_permanent);
	tcase_add_test(tc, init_refuses_release);
	tcase_add_test(tc, releases_are_sorted);
	tcase_add_test(tc, current_is_kept);
	tcase_add_loop_test(tc, database_of_another, 0, 3);
	tcase_add_test(tc, database_too_new);
	tcase_add_test(tc, database_damaged);
	tcase_add_test(tc, page_damaged);
	tcase_add_loop_test(tc, row_not_ours, 0, 2);
#ifdef RELUP_FAULTS
	tcase_add_loop_test(tc, init_fsync_fails, 1, 3);
#endif
}

int
main(void)
{
	return fix_main("store-root", tests);
}
