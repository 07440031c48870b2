/* SPDX-License-Identifier: Apache-2.0
 * base: errors, growing texts, arenas, indexes, times, processes, names, files.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base.h"

/* ------------------------------------------------------------------ err */
START_TEST(err_keeps_code_and_text)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(rel_err_set(&err, REL_E_NO_RELUP, "from %s", "1.0"), -1);
	ck_assert_int_eq(err.code, REL_E_NO_RELUP);
	ck_assert_str_eq(err.text, "from 1.0");
	ck_assert_str_eq(err.file, "");
	ck_assert_int_eq(rel_err_wrap(&err, "application %s", "foo"), -1);
	ck_assert_str_eq(err.text, "application foo: from 1.0");
	rel_err_clear(&err);
	ck_assert_int_eq(err.code, REL_OK);
}
END_TEST

START_TEST(err_wrap_keeps_the_cause)
{
	struct rel_err err = REL_ERR_INIT;
	char words[sizeof(err.text) * 2];
	memset(words, 'w', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	rel_err_set(&err, REL_E_IO, "the cause");
	rel_err_wrap(&err, "%s", words);
	size_t n = strlen(err.text);
	ck_assert_uint_lt(n, sizeof(err.text));
	ck_assert_str_eq(err.text + n - strlen(": the cause"), ": the cause");
	rel_err_wrap(&err, "no room is left for this");
	ck_assert_str_eq(err.text + strlen(err.text) - strlen(": the cause"), ": the cause");
}
END_TEST

START_TEST(err_sys_and_place)
{
	struct rel_err err = REL_ERR_INIT;
	rel_err_sys(&err, REL_E_IO, ENOENT, "cannot open x");
	ck_assert_int_eq(err.sys, ENOENT);
	ck_assert_str_eq(err.text, "cannot open x: No such file or directory");
	struct rel_err at = REL_ERR_INIT;
	struct rel_pos pos = {"app.yaml", 3, 7};
	rel_err_at(&at, &pos, REL_E_BAD_NAME, "'%s'", "X");
	ck_assert_str_eq(at.file, "app.yaml");
	ck_assert_uint_eq(at.line, 3);
	ck_assert_uint_eq(at.column, 7);
	struct rel_err none = REL_ERR_INIT;
	rel_err_at(&none, NULL, REL_E_BAD_NAME, "x");
	ck_assert_str_eq(none.file, "");
}
END_TEST

START_TEST(err_table)
{
	ck_assert_str_eq(rel_err_name(REL_E_SUSPENDED_NOT_RESUMED), "suspended_not_resumed");
	ck_assert_int_eq(rel_err_exit(REL_E_BLOCKED), 7);
	for (int i = 1; i < REL_E__COUNT; i++) {
		/* each name stands for one code only */
		ck_assert_int_eq((int)rel_err_code_of(rel_err_name((enum rel_ecode)i)), i);
		ck_assert_int_gt(rel_err_exit((enum rel_ecode)i), 0);
	}
	ck_assert_int_eq(rel_err_code_of("nope"), REL_OK);
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_BUSY, "x");
	ck_assert_ptr_nonnull(strstr(rel_err_hint_of(&err), "relctl status"));
	rel_err_hint(&err, "do %s", "that");
	ck_assert_str_eq(rel_err_hint_of(&err), "do that");
}
END_TEST

START_TEST(err_set_twice_is_a_bug)
{
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_IO, "first");
	rel_err_set(&err, REL_E_IO, "second");
}
END_TEST

/* ------------------------------------------------------------------ buf */
START_TEST(buf_grows)
{
	struct rel_buf b = REL_BUF_INIT;
	ck_assert_str_eq(rel_buf_text(&b), "");
	for (int i = 0; i < 1000; i++)
		rel_buf_printf(&b, "%d,", i);
	ck_assert(rel_buf_ok(&b));
	ck_assert_uint_eq(b.len, 10 * 2 + 90 * 3 + 900 * 4);
	ck_assert_uint_eq(strlen(rel_buf_text(&b)), b.len);
	rel_buf_consume(&b, 2);
	ck_assert_int_eq(strncmp(rel_buf_text(&b), "1,2,", 4), 0);
	rel_buf_consume(&b, b.len);
	ck_assert_str_eq(rel_buf_text(&b), "");
	rel_buf_fini(&b);
}
END_TEST

START_TEST(buf_limit_sticks)
{
	struct rel_buf b = {.limit = 4};
	rel_buf_puts(&b, "abcd");
	ck_assert(rel_buf_ok(&b));
	rel_buf_puts(&b, "e");
	ck_assert(!rel_buf_ok(&b));
	rel_buf_puts(&b, "");
	ck_assert_str_eq(rel_buf_text(&b), "abcd");
	rel_buf_clear(&b);
	ck_assert(rel_buf_ok(&b));
	rel_buf_puts(&b, "xy");
	ck_assert_str_eq(rel_buf_text(&b), "xy");
	rel_buf_puts(&b, "xyz");
	ck_assert_ptr_null(rel_buf_take(&b));
	ck_assert_ptr_null(b.data);
}
END_TEST

START_TEST(buf_take)
{
	struct rel_buf b = REL_BUF_INIT;
	char *empty = rel_buf_take(&b);
	ck_assert_str_eq(empty, "");
	free(empty);
	rel_buf_add(&b, "a\0b", 3);
	ck_assert_uint_eq(b.len, 3);
	char *text = rel_buf_take(&b);
	ck_assert_int_eq(memcmp(text, "a\0b", 4), 0);
	ck_assert_uint_eq(b.len, 0);
	free(text);
}
END_TEST

/* ------------------------------------------------------------------ mem */
START_TEST(arena_is_zeroed_aligned_and_limited)
{
	struct rel_arena *a = rel_arena_new(100 * 1000);
	size_t got = 0;
	void *freed[30]; /* memory that was used before, too little to be given back */
	for (size_t i = 0; i < NELEM(freed); i++) {
		freed[i] = malloc(2000);
		memset(freed[i], 0xff, 2000);
	}
	for (size_t i = 0; i < NELEM(freed); i++)
		free(freed[i]);
	for (;;) {
		unsigned char *p = rel_arena_alloc(a, 100);
		if (p == NULL)
			break;
		ck_assert_uint_eq((uintptr_t)p % _Alignof(max_align_t), 0);
		for (int i = 0; i < 100; i++)
			ck_assert_uint_eq(p[i], 0);
		memset(p, 0xff, 100);
		got++;
	}
	ck_assert_uint_gt(got, 800);
	ck_assert_uint_le(got, 1000);
	rel_arena_free(&a);
	ck_assert_ptr_null(a);
	rel_arena_free(&a);
}
END_TEST

START_TEST(arena_refuses_overflow)
{
	struct rel_arena *a = rel_arena_new(0);
	ck_assert_ptr_null(rel_arena_calloc(a, SIZE_MAX / 4, 8));
	ck_assert_ptr_null(rel_arena_alloc(a, SIZE_MAX - 3));
	ck_assert_ptr_nonnull(rel_arena_alloc(a, 0));
	ck_assert_ptr_nonnull(rel_arena_alloc(a, 3 * 1024 * 1024));
	rel_arena_free(&a);
}
END_TEST

START_TEST(arena_texts)
{
	struct rel_arena *a = rel_arena_new(0);
	ck_assert_str_eq(rel_arena_strdup(a, "abc"), "abc");
	ck_assert_str_eq(rel_arena_strndup(a, "abc", 2), "ab");
	ck_assert_str_eq(rel_arena_printf(a, "%s-%d", "x", 7), "x-7");
	rel_arena_free(&a);
}
END_TEST

/* ------------------------------------------------------------------ index */
/* In the order in which an index must stand; alike in their first bytes, or an end within them. */
static const char *const sorted[] = {
    "", "a", "a0", "abcdefg", "abcdefgh", "abcdefgh0", "abcdefgha", "abcdefghab", "abcdefgi", "b",
    "b\303\244", "b\303\244rbarbara",
};

START_TEST(index_sorts_and_finds)
{
	struct rel_index ix;
	ck_assert_int_eq(rel_index_init(&ix, 2 * NELEM(sorted)), 0);
	for (size_t i = 2 * NELEM(sorted); i-- > 0;)
		rel_index_add(&ix, sorted[i % NELEM(sorted)], i);
	rel_index_sort(&ix);
	ck_assert_uint_eq(ix.count, 2 * NELEM(sorted));
	for (size_t i = 0; i < NELEM(sorted); i++) {
		char copy[32] = "what is read past the end of it";
		snprintf(copy, sizeof(copy), "%s", sorted[i]);
		const struct rel_index_entry *e = rel_index_find(&ix, copy);
		ck_assert_ptr_eq(e, &ix.entries[2 * i]);
		ck_assert_str_eq(e[0].name, sorted[i]);
		ck_assert_uint_eq(e[0].value, i);
		ck_assert_str_eq(e[1].name, sorted[i]);
		ck_assert_uint_eq(e[1].value, i + NELEM(sorted));
	}
	static const char *const absent[] = {"A", "a00", "abcdef", "abcdefghb", "abcdefgh00", "c"};
	for (size_t i = 0; i < NELEM(absent); i++)
		ck_assert_ptr_null(rel_index_find(&ix, absent[i]));
	rel_index_fini(&ix);
	ck_assert_ptr_null(rel_index_find(&ix, "a"));
}
END_TEST

static char *
handed_out(void)
{
	CLEANUP(rel_free_cleanup) char *p = strdup("kept");
	return MOVE(p);
}

START_TEST(move_leaves_nothing_to_clean)
{
	char *p = handed_out();
	ck_assert_str_eq(p, "kept");
	free(p);
}
END_TEST

/* ------------------------------------------------------------------ time */
static const struct {
	const char *text;
	dur_ns_t ns; /* -1: refused */
	const char *back;
} durations[] = {
    {"500ms", 500 * DUR_MS, "500ms"},
    {"5s", 5 * DUR_S, "5s"},
    {"10m", 600 * DUR_S, "10m"},
    {"2h", 7200 * DUR_S, "2h"},
    {"120m", 7200 * DUR_S, "2h"},
    {"7000ms", 7 * DUR_S, "7s"},
    {"1500ms", 1500 * DUR_MS, "1500ms"},
    {"0s", 0, "0ms"},
    {"infinity", DUR_INFINITY, "infinity"},
    {"2562047h", INT64_C(2562047) * 3600 * DUR_S, "2562047h"},
    {"2562048h", -1, NULL},
    {"99999999999999999999s", -1, NULL},
    {"", -1, NULL},
    {"5", -1, NULL},
    {"s", -1, NULL},
    {"-5s", -1, NULL},
    {"+5s", -1, NULL},
    {" 5s", -1, NULL},
    {"5 s", -1, NULL},
    {"5S", -1, NULL},
    {"5sec", -1, NULL},
    {"1.5s", -1, NULL},
    {"Infinity", -1, NULL},
};

START_TEST(durations_both_ways)
{
	char buf[32];
	dur_ns_t d = 77;
	struct rel_err err = REL_ERR_INIT;
	int rc = rel_dur_parse(durations[_i].text, &d, &err);
	if (durations[_i].ns < 0) {
		ck_assert_int_eq(rc, -1);
		ck_assert_int_eq(err.code, REL_E_BAD_DURATION);
		ck_assert_int_eq(d, 77);
	} else {
		ck_assert_int_eq(rc, 0);
		ck_assert_int_eq(d, durations[_i].ns);
		ck_assert_str_eq(rel_dur_print(d, buf, sizeof(buf)), durations[_i].back);
	}
}
END_TEST

START_TEST(clocks)
{
	char buf[32];
	mono_ns_t a = rel_mono_now(), b = rel_mono_now();
	ck_assert_int_le(a, b);
	ck_assert_int_gt(rel_wall_now(), INT64_C(1700000000) * DUR_S);
	ck_assert_str_eq(rel_wall_print(INT64_C(1767225599) * DUR_S + 5, buf, sizeof(buf)),
	    "2025-12-31T23:59:59Z");
}
END_TEST

/* ------------------------------------------------------------------ processes */
START_TEST(process_by_its_start)
{
	uint64_t own = 0, start = 0;
	bool ended = true;
	ck_assert_int_eq(rel_process_start(getpid(), &own, &ended), 0);
	ck_assert(own > 0 && !ended);
	pid_t child = fork();
	if (child == 0)
		_exit(0);
	ck_assert_int_gt(child, 0);
	siginfo_t si;
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &si, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(rel_process_start(child, &start, NULL), 0);
	ck_assert_int_eq(rel_process_start(child, &start, &ended), 0);
	ck_assert(start >= own && ended);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	ck_assert_int_eq(rel_process_start(child, &start, &ended), -1);
	ck_assert_int_eq(errno, ESRCH);
}
END_TEST

static void *
stays(void *arg)
{
	pause();
	return arg;
}

static char
state_of(pid_t pid)
{
	char path[64], state = '?';
	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*d (%*[^)]) %c", &state), 1);
	fclose(f);
	return state;
}

/* Its first thread is a zombie, but another runs on. */
START_TEST(process_without_its_first_thread)
{
	uint64_t start;
	bool ended = true;
	pid_t child = fork();
	if (child == 0) {
		pthread_t t;
		if (pthread_create(&t, NULL, stays, NULL) == 0)
			pthread_exit(NULL);
		_exit(1);
	}
	ck_assert_int_gt(child, 0);
	while (state_of(child) != 'Z')
		sched_yield();
	ck_assert_int_eq(waitpid(child, NULL, WNOHANG), 0);
	ck_assert_int_eq(rel_process_start(child, &start, &ended), 0);
	ck_assert(!ended);
	kill(child, SIGKILL);
	siginfo_t si;
	ck_assert_int_eq(waitid(P_PID, (id_t)child, &si, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(rel_process_start(child, &start, &ended), 0);
	ck_assert(ended);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
}
END_TEST

/* ------------------------------------------------------------------ name */
#define A63 "a23456789012345678901234567890123456789012345678901234567890123"
static const struct {
	const char *s;
	bool name, version;
} names[] = {
    {"hello", true, true},
    {"h", true, true},
    {"a_b9", true, true},
    {A63, true, true},
    {A63 "4", false, true},
    {A63 "45", false, false},
    {"", false, false},
    {"9a", false, true},
    {"_a", false, false},
    {"Hello", false, true},
    {"a-b", false, true},
    {"1.10", false, true},
    {"1.0+git~2_x-1", false, true},
    {".1", false, false},
    {"-1", false, false},
    {"1/2", false, false},
    {"1 ", false, false},
    {"a\n", false, false},
    {"\303\244", false, false},
};

START_TEST(shapes_of_names)
{
	ck_assert_int_eq(rel_name_ok(names[_i].s), names[_i].name);
	ck_assert_int_eq(rel_version_ok(names[_i].s), names[_i].version);
}
END_TEST

START_TEST(digests)
{
	char d[REL_DIGEST_LEN + 2];
	memset(d, 'a', sizeof(d));
	d[REL_DIGEST_LEN] = '\0';
	ck_assert(rel_digest_ok(d));
	d[3] = 'A';
	ck_assert(!rel_digest_ok(d));
	d[3] = 'g';
	ck_assert(!rel_digest_ok(d));
	d[3] = '0';
	d[REL_DIGEST_LEN - 1] = '\0';
	ck_assert(!rel_digest_ok(d));
	memset(d, 'a', REL_DIGEST_LEN + 1);
	d[REL_DIGEST_LEN + 1] = '\0';
	ck_assert(!rel_digest_ok(d));
}
END_TEST

/* ------------------------------------------------------------------ file */
static char dir[4096];
static int dirfd_ = -1;

static void
dir_setup(void)
{
	const char *tmp = getenv("TMPDIR");
	snprintf(dir, sizeof(dir), "%s/check_base.XXXXXX", tmp != NULL ? tmp : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dirfd_, 0);
}

static void
dir_teardown(void)
{
	static const char *const left[] = {"f", "fifo", "sock", "link"};
	for (size_t i = 0; i < NELEM(left); i++)
		unlinkat(dirfd_, left[i], 0);
	unlinkat(dirfd_, "d", AT_REMOVEDIR);
	rel_fd_close(&dirfd_);
	ck_assert_int_eq(rmdir(dir), 0); /* nothing else was left */
}

static enum rel_ecode
read_code(const char *path, size_t limit)
{
	char *text = NULL;
	size_t len = 0;
	struct rel_err err = REL_ERR_INIT;
	int rc = rel_file_read(dirfd_, path, path, limit, &text, &len, &err);
	free(text);
	ck_assert_int_eq(rc, err.code == REL_OK ? 0 : -1);
	return err.code;
}

START_TEST(file_write_and_read)
{
	struct rel_err err = REL_ERR_INIT;
	char *text;
	size_t len;
	ck_assert_int_eq(rel_file_replace(dirfd_, "f", "a\0b", 3, 0640, true, &err), 0);
	ck_assert_int_eq(rel_file_read(dirfd_, "f", "f", 3, &text, &len, &err), 0);
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(memcmp(text, "a\0b", 4), 0);
	free(text);
	struct stat st;
	ck_assert_int_eq(fstatat(dirfd_, "f", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(rel_file_replace(dirfd_, "f", "", 0, 0600, false, &err), 0);
	ck_assert_int_eq(rel_file_read(dirfd_, "f", "f", 3, &text, &len, &err), 0);
	ck_assert_str_eq(text, "");
	free(text);
}
END_TEST

START_TEST(file_refusals)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(rel_file_replace(dirfd_, "f", "abcd", 4, 0600, false, &err), 0);
	ck_assert_int_eq(rel_dir_make(dirfd_, "d", &err), 0);
	ck_assert_int_eq(rel_dir_make(dirfd_, "d", &err), 0);
	ck_assert_int_eq(mkfifoat(dirfd_, "fifo", 0600), 0);
	ck_assert_int_eq(read_code("f", 4), REL_OK);
	ck_assert_int_eq(read_code("f", 3), REL_E_LIMIT);
	ck_assert_int_eq(read_code("nope", 4), REL_E_NOT_FOUND);
	ck_assert_int_eq(read_code("d", 4), REL_E_NOT_A_FILE);
	ck_assert_int_eq(read_code("fifo", 4), REL_E_NOT_A_FILE);
	ck_assert_int_eq(rel_dir_make(dirfd_, "f", &err), -1);
	ck_assert_int_eq(err.code, REL_E_IO);
	rel_err_clear(&err);
	int fd;
	ck_assert_int_eq(rel_dir_open(dirfd_, "nope", &fd, &err), -1);
	ck_assert_int_eq(err.code, REL_E_NOT_FOUND);
	rel_err_clear(&err);
	ck_assert_int_eq(rel_dir_open(dirfd_, "f", &fd, &err), -1);
	ck_assert_int_eq(err.code, REL_E_IO);
	rel_err_clear(&err);
	ck_assert_int_eq(rel_dir_open(dirfd_, "d", &fd, &err), 0);
	ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
	rel_fd_close(&fd);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(file_replace_failure_keeps_the_old)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(rel_dir_make(dirfd_, "d", &err), 0);
	/* A directory in its place: the rename fails, and no temporary file is left (teardown). */
	ck_assert_int_eq(rel_file_replace(dirfd_, "d", "x", 1, 0600, false, &err), -1);
	ck_assert_int_eq(err.code, REL_E_IO);
	rel_err_clear(&err);
	ck_assert_int_eq(rel_file_replace(dirfd_, "no/f", "x", 1, 0600, false, &err), -1);
	ck_assert_int_eq(err.code, REL_E_IO);
}
END_TEST

START_TEST(unix_sockets)
{
	struct rel_err err = REL_ERR_INIT;
	int l, c, s;
	ck_assert_int_eq(rel_unix_listen(dirfd_, "sock", SOCK_SEQPACKET, 0600, &l, &err), 0);
	struct stat st;
	ck_assert_int_eq(fstatat(dirfd_, "sock", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(rel_unix_connect(dirfd_, "sock", SOCK_SEQPACKET, &c, &err), 0);
	s = accept(l, NULL, NULL);
	ck_assert_int_ge(s, 0);
	ck_assert_int_eq(rel_fd_write_all(c, "hi", 2), 0);
	char buf[8];
	ck_assert_int_eq((int)read(s, buf, sizeof(buf)), 2);
	rel_fd_close(&l);
	rel_fd_close(&c);
	rel_fd_close(&s);
	/* nobody listens: refused; then a new listener takes the stale name over */
	ck_assert_int_eq(rel_unix_connect(dirfd_, "sock", SOCK_SEQPACKET, &c, &err), -1);
	ck_assert_int_eq(err.sys, ECONNREFUSED);
	rel_err_clear(&err);
	ck_assert_int_eq(rel_unix_listen(dirfd_, "sock", SOCK_STREAM, 0600, &l, &err), 0);
	rel_fd_close(&l);
	char longname[200];
	memset(longname, 'x', sizeof(longname));
	longname[sizeof(longname) - 1] = '\0';
	ck_assert_int_eq(rel_unix_listen(dirfd_, longname, SOCK_STREAM, 0600, &l, &err), -1);
	ck_assert_int_eq(err.code, REL_E_IO);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("values");
	tcase_add_test(t, err_keeps_code_and_text);
	tcase_add_test(t, err_wrap_keeps_the_cause);
	tcase_add_test(t, err_sys_and_place);
	tcase_add_test(t, err_table);
	tcase_add_test_raise_signal(t, err_set_twice_is_a_bug, SIGABRT);
	tcase_add_test(t, buf_grows);
	tcase_add_test(t, buf_limit_sticks);
	tcase_add_test(t, buf_take);
	tcase_add_test(t, arena_is_zeroed_aligned_and_limited);
	tcase_add_test(t, arena_refuses_overflow);
	tcase_add_test(t, arena_texts);
	tcase_add_test(t, index_sorts_and_finds);
	tcase_add_test(t, move_leaves_nothing_to_clean);
	tcase_add_loop_test(t, durations_both_ways, 0, (int)NELEM(durations));
	tcase_add_test(t, clocks);
	tcase_add_test(t, process_by_its_start);
	tcase_add_test(t, process_without_its_first_thread);
	tcase_add_loop_test(t, shapes_of_names, 0, (int)NELEM(names));
	tcase_add_test(t, digests);
	suite_add_tcase(s, t);
	TCase *f = tcase_create("files");
	tcase_add_checked_fixture(f, dir_setup, dir_teardown);
	tcase_add_test(f, file_write_and_read);
	tcase_add_test(f, file_refusals);
	tcase_add_test(f, file_replace_failure_keeps_the_old);
	tcase_add_test(f, unix_sockets);
	suite_add_tcase(s, f);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_SILENT);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
