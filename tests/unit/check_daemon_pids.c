/* SPDX-License-Identifier: Apache-2.0
 * run/pids: a process that cannot be looked at is neither alive nor dead, and its row stays.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "daemon/daemon.h"

static int dir;
static unsigned seen;

static void
begin(void)
{
	const char *tmp = getenv("TMPDIR");
	char path[4096];
	snprintf(path, sizeof(path), "%s/relup-pids.XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(path));
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
}

static void
end(void)
{
	char path[4096], link[64];
	snprintf(link, sizeof(link), "/proc/self/fd/%d", dir);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	ck_assert_int_gt(n, 0);
	path[n] = '\0';
	ck_assert_int_eq(unlinkat(dir, "pids", 0), 0);
	close(dir);
	ck_assert_int_eq(rmdir(path), 0);
}

/* From now on so many descriptors more can be opened. */
static void
leave(unsigned more)
{
	int free_fd = fcntl(dir, F_DUPFD_CLOEXEC, 0);
	ck_assert_int_ge(free_fd, 0);
	close(free_fd);
	struct rlimit rl;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = (rlim_t)free_fd + more;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
}

static int
note(struct daemon *d, const char *worker, pid_t pid, uint64_t start_time, size_t row,
    struct rel_err *err)
{
	(void)d;
	(void)start_time;
	(void)err;
	ck_assert_str_eq(worker, "hello/listener/0");
	ck_assert_int_eq(pid, getpid());
	ck_assert_uint_eq(row, 1);
	seen++;
	return 0;
}

static void
open_with_row(struct pids **ret)
{
	struct rel_err err = REL_ERR_INIT;
	uint64_t start;
	ck_assert_int_eq(pids_open(dir, ret, &err), 0);
	ck_assert_int_eq(rel_process_start(getpid(), &start, NULL), 0);
	ck_assert_uint_eq(pids_add(*ret, "hello/listener/0", getpid(), start), 1);
}

static void
opened_again_shows_it(void)
{
	struct pids *p;
	struct rel_err err = REL_ERR_INIT;
	leave(100);
	ck_assert_int_eq(pids_open(dir, &p, &err), 0);
	ck_assert_int_eq(pids_each(p, NULL, note, &err), 0);
	ck_assert_uint_eq(seen, 1);
	pids_close(&p);
}

START_TEST(no_descriptor_to_look)
{
	begin();
	struct pids *p;
	struct rel_err err = REL_ERR_INIT;
	open_with_row(&p);
	leave(0);
	ck_assert_int_eq(pids_each(p, NULL, note, &err), -1);
	ck_assert_int_eq(err.sys, EMFILE);
	ck_assert_uint_eq(seen, 0);
	pids_close(&p);
	opened_again_shows_it();
	end();
}
END_TEST

START_TEST(no_descriptor_to_tell_the_boot)
{
	begin();
	struct pids *p;
	struct rel_err err = REL_ERR_INIT;
	open_with_row(&p);
	pids_close(&p);
	leave(1);
	ck_assert_int_eq(pids_open(dir, &p, &err), -1);
	ck_assert_int_eq(err.sys, EMFILE);
	opened_again_shows_it();
	end();
}
END_TEST

START_TEST(dead_and_reused)
{
	begin();
	struct pids *p;
	struct rel_err err = REL_ERR_INIT;
	uint64_t start;
	open_with_row(&p);
	ck_assert_int_eq(rel_process_start(getpid(), &start, NULL), 0);
	bool lives = false;
	ck_assert_int_eq(pids_lives(getpid(), start, &lives, &err), 0);
	ck_assert(lives);
	ck_assert_int_eq(pids_lives(getpid(), start + 1, &lives, &err), 0);
	ck_assert(!lives);
	lives = true;
	ck_assert_int_eq(pids_lives(0x7ffffffe, start, &lives, &err), 0);
	ck_assert(!lives);
	ck_assert_uint_eq(pids_add(p, "hello/listener/1", getpid(), start + 1), 2);
	ck_assert_uint_eq(pids_add(p, "hello/listener/2", 0x7ffffffe, start), 3);
	ck_assert_int_eq(pids_each(p, NULL, note, &err), 0);
	ck_assert_uint_eq(seen, 1);
	pids_close(&p);
	end();
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("daemon_pids");
	TCase *t = tcase_create("pids");
	suite_add_tcase(s, t);
	tcase_add_test(t, no_descriptor_to_look);
	tcase_add_test(t, no_descriptor_to_tell_the_boot);
	tcase_add_test(t, dead_and_reused);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_ENV);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
