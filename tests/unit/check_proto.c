/* SPDX-License-Identifier: Apache-2.0
 * proto: decision memory, packets, errors as JSON.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/proto.h"

/* ------------------------------------------------------------------ decision */
START_TEST(word_is_decided_once)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_decision d, w;
	ck_assert_int_eq(proto_decision_new(3, 2, &d, &err), 0);
	ck_assert_int_eq(proto_decision_map(d.memfd, &w, &err), 0);
	ck_assert_uint_eq(w.word_count, 3);
	ck_assert_uint_eq(w.cell_count, 2);
	ck_assert_int_eq(w.memfd, -1);
	ck_assert_uint_eq((uintptr_t)w.words % 64, 0);
	ck_assert_int_eq(proto_word_read(&w.words[1]), PROTO_UNDECIDED);
	ck_assert_int_eq(proto_word_decide(&d.words[1], PROTO_COMMIT), PROTO_COMMIT);
	ck_assert_int_eq(proto_word_decide(&w.words[1], PROTO_ABORT), PROTO_COMMIT);
	ck_assert_int_eq(proto_word_read(&w.words[1]), PROTO_COMMIT);
	ck_assert_int_eq(proto_word_read(&w.words[0]), PROTO_UNDECIDED);
	ck_assert_int_eq(proto_word_decide(&w.words[2], PROTO_ABORT), PROTO_ABORT);
	ck_assert_int_eq(proto_word_decide(&d.words[2], PROTO_COMMIT), PROTO_ABORT);
	atomic_store(&w.cells[1].rest_ns, 77);
	ck_assert_int_eq(atomic_load(&d.cells[1].rest_ns), 77);
	/* the last cell lies within the mapping */
	ck_assert_uint_eq((size_t)((char *)(&d.cells[2]) - (char *)d.map), d.map_size);
	proto_decision_fini(&w);
	proto_decision_fini(&d);
	proto_decision_fini(&d);
}
END_TEST

START_TEST(broken_word_is_no_commit)
{
	struct proto_word w = {.value = 7};
	ck_assert_int_eq(proto_word_read(&w), PROTO_ABORT);
	ck_assert_int_eq(proto_word_decide(&w, PROTO_COMMIT), PROTO_ABORT);
}
END_TEST

START_TEST(decision_memory_cannot_shrink)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_decision d;
	ck_assert_int_eq(proto_decision_new(1, 1, &d, &err), 0);
	ck_assert_int_eq(ftruncate(d.memfd, 0), -1);
	proto_decision_fini(&d);
}
END_TEST

START_TEST(decision_memory_has_limits)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_decision d;
	ck_assert_int_eq(proto_decision_new(0, 1, &d, &err), -1);
	ck_assert_int_eq(err.code, REL_E_LIMIT);
	rel_err_clear(&err);
	ck_assert_int_eq(proto_decision_new(PROTO_WORDS_MAX + 1, 1, &d, &err), -1);
	rel_err_clear(&err);
	ck_assert_int_eq(proto_decision_new(1, PROTO_CELLS_MAX + 1, &d, &err), -1);
}
END_TEST

struct memory {
	uint32_t magic, words, cells;
	off_t size;
	bool sealed;
};

static const struct memory memories[] = {
    {PROTO_DECISION_MAGIC, 1, 1, 192, false},
    {PROTO_DECISION_MAGIC + 1, 1, 1, 192, true},
    {PROTO_DECISION_MAGIC, 2, 1, 192, true},
    {PROTO_DECISION_MAGIC, 0, 2, 192, true},
    {PROTO_DECISION_MAGIC, 1, 1, 32, true},
    {PROTO_DECISION_MAGIC, 1, 1, 0, true},
    {PROTO_DECISION_MAGIC, 0x04000001, 1, 192, true},
    {PROTO_DECISION_MAGIC, 1, 1, 1ll << 40, true},
};

START_TEST(wrong_memory_is_not_mapped)
{
	const struct memory *m = &memories[_i];
	struct rel_err err = REL_ERR_INIT;
	struct proto_decision d;
	int fd = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	uint32_t h[3] = {m->magic, m->words, m->cells};
	ck_assert_int_eq(pwrite(fd, h, sizeof(h), 0), sizeof(h));
	ck_assert_int_eq(ftruncate(fd, m->size), 0);
	if (m->sealed)
		ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK), 0);
	ck_assert_int_eq(proto_decision_map(fd, &d, &err), -1);
	ck_assert_int_eq(err.code, REL_E_PROTOCOL);
	close(fd);
}
END_TEST

START_TEST(plain_file_is_not_mapped)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_decision d;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(proto_decision_map(fd, &d, &err), -1);
	close(fd);
	rel_err_clear(&err);
	ck_assert_int_eq(proto_decision_map(-1, &d, &err), -1);
	ck_assert_int_eq(err.sys, EBADF);
}
END_TEST

/* ------------------------------------------------------------------ packets */
static int sock[2];

static void
setup(void)
{
	ck_assert_int_eq(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, sock), 0);
}

static void
teardown(void)
{
	rel_fd_close(&sock[0]);
	rel_fd_close(&sock[1]);
}

START_TEST(json_goes_over_with_its_descriptors)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	int fds[PROTO_FDS_MAX];
	for (size_t i = 0; i < NELEM(fds); i++)
		fds[i] = dup(0);
	ck_assert_int_eq(
	    proto_send_json(sock[0], "hello", json_pack("{s:i}", "a", 1), fds, NELEM(fds), &err),
	    0);
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), 1);
	ck_assert(!p.frame);
	ck_assert_str_eq(p.name, "hello");
	ck_assert_int_eq(json_integer_value(json_object_get(p.body, "a")), 1);
	ck_assert_uint_eq(p.fd_count, NELEM(fds));
	ck_assert_int_eq(fcntl(p.fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	int taken = p.fds[1], closed = p.fds[2];
	p.fds[1] = -1;
	proto_packet_fini(&p);
	ck_assert_int_eq(fcntl(taken, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	ck_assert_int_eq(fcntl(closed, F_GETFD), -1);
	close(taken);
	for (size_t i = 0; i < NELEM(fds); i++)
		close(fds[i]);
}
END_TEST

START_TEST(frames_go_over_short_and_long)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	struct proto_frame f = {.magic = PROTO_FRAME_MAGIC,
	    .kind = PROTO_DONE,
	    .undo = 1,
	    .code = PROTO_REFUSED,
	    .step = 3,
	    .operation = 1ull << 40,
	    .decided = PROTO_ABORT,
	    .rest_ns = 1,
	    .built_ns = 2,
	    .resumed_ns = 3};
	char raw[sizeof(f)];
	ck_assert_int_eq(proto_send_frame(sock[0], &f, &err), 0);
	ck_assert_int_eq(recv(sock[1], raw, sizeof(raw), MSG_PEEK), PROTO_FRAME_SHORT);
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), 1);
	ck_assert(p.frame);
	ck_assert_mem_eq(&p.bin, &f, sizeof(f));
	proto_packet_fini(&p);
	snprintf(f.module, sizeof(f.module), "listener");
	memset(f.text, 'x', sizeof(f.text)); /* without its NUL: nothing beyond it is read */
	ck_assert_int_eq(proto_send_frame(sock[0], &f, &err), 0);
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), 1);
	ck_assert_str_eq(p.bin.module, "listener");
	ck_assert_uint_eq(strlen(p.bin.text), PROTO_FRAME_TEXT - 1);
	ck_assert_int_eq(p.bin.resumed_ns, 3);
	proto_packet_fini(&p);
}
END_TEST

static void
expect_refused(const void *data, size_t n)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	ck_assert_int_eq(send(sock[0], data, n, MSG_NOSIGNAL), (ssize_t)n);
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), -1);
	ck_assert_int_eq(err.code, REL_E_PROTOCOL);
	ck_assert_int_eq(err.sys, 0);
}

static const char *const garbage[] = {
    "x",
    "{",
    "[]",
    "1",
    "{}",
    "{\"a\":1}",
    "{\"a\":[]}",
    "{\"a\":{},\"b\":{}}",
    "{\"a\":{}} {}",
    "{\"a\":{\"b\":1,\"b\":2}}",
    "{\"a\":{\"b\":\"\xff\"}}",
    "\x02",
    "\x01",
};

START_TEST(garbage_is_a_protocol_error)
{
	expect_refused(garbage[_i], strlen(garbage[_i]));
}
END_TEST

START_TEST(wrong_frames_are_protocol_errors)
{
	struct proto_frame good = {.magic = PROTO_FRAME_MAGIC, .kind = PROTO_DONE}, f;
	expect_refused(&good, PROTO_FRAME_SHORT - 1);
	char raw[sizeof(good) + 1] = {PROTO_FRAME_MAGIC, PROTO_DONE};
	expect_refused(raw, sizeof(raw));
	f = good;
	f.kind = 0;
	expect_refused(&f, PROTO_FRAME_SHORT);
	f.kind = PROTO_DONE + 1;
	expect_refused(&f, PROTO_FRAME_SHORT);
	f = good;
	f.undo = 2;
	expect_refused(&f, PROTO_FRAME_SHORT);
	f = good;
	f.code = PROTO_NO_CODE_CHANGE + 1;
	expect_refused(&f, PROTO_FRAME_SHORT);
	f = good;
	f.decided = 3;
	expect_refused(&f, PROTO_FRAME_SHORT);
}
END_TEST

START_TEST(limits_hold_on_both_sides)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	char *big = malloc(PROTO_LARGE_MAX + 1);
	memset(big, ' ', PROTO_LARGE_MAX + 1);
	ck_assert_int_eq(proto_send_json(sock[0], "x",
			     json_pack("{s:s#}", "t", big, PROTO_LARGE_MAX), NULL, 0, &err),
	    -1);
	ck_assert_int_eq(err.code, REL_E_LIMIT);
	rel_err_clear(&err);
	int fds[PROTO_FDS_MAX + 1] = {0};
	ck_assert_int_eq(proto_send_json(sock[0], "x", json_object(), fds, NELEM(fds), &err), -1);
	ck_assert_int_eq(err.code, REL_E_LIMIT);
	rel_err_clear(&err);
	memcpy(big, "{\"a\":{}", 7);
	big[PROTO_PACKET_MAX - 1] = '}'; /* one byte more, and what is left of it would do */
	expect_refused(big, PROTO_PACKET_MAX + 1);
	ck_assert_int_eq(send(sock[0], big, PROTO_PACKET_MAX, MSG_NOSIGNAL), PROTO_PACKET_MAX);
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), 1);
	proto_packet_fini(&p);
	free(big);
}
END_TEST

/* A text around the size of a packet, with descriptors: they come as they were sent, and no more. */
START_TEST(larger_than_a_packet)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	size_t len = PROTO_PACKET_MAX - 16 + (size_t)_i * 2;
	char *big = malloc(len + 1);
	memset(big, 'a', len);
	big[len] = '\0';
	int fds[2] = {sock[0], sock[1]}, before = open("/dev/null", O_RDONLY | O_CLOEXEC);
	close(before);
	ck_assert_int_eq(proto_send_json(sock[0], "x", json_pack("{s:s}", "t", big), fds, 2, &err), 0);
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), 1);
	ck_assert_str_eq(p.name, "x");
	ck_assert_str_eq(json_string_value(json_object_get(p.body, "t")), big);
	ck_assert_uint_eq(p.fd_count, 2);
	proto_packet_fini(&p);
	int after = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(before, after); /* nothing stays open */
	close(after);
	free(big);
}
END_TEST

static void
send_fd(const char *text, size_t len, int fd)
{
	union {
		char buf[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = {0};
	struct iovec iov = {(void *)(uintptr_t)text, len};
	struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
	if (fd >= 0) {
		mh.msg_control = c.buf;
		mh.msg_controllen = sizeof(c.buf);
		struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
		cm->cmsg_level = SOL_SOCKET;
		cm->cmsg_type = SCM_RIGHTS;
		cm->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cm), &fd, sizeof(int));
	}
	ck_assert_int_eq(sendmsg(sock[0], &mh, MSG_NOSIGNAL), (ssize_t)len);
}

/* No descriptor, a pipe that nobody writes to, an empty memfd, one too large, one that is not JSON. */
START_TEST(bad_large_messages_are_protocol_errors)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	int pipes[2], fd = -1;
	ck_assert_int_eq(pipe(pipes), 0);
	if (_i == 1)
		fd = dup(pipes[0]);
	if (_i >= 2)
		fd = memfd_create("test", MFD_CLOEXEC);
	if (_i == 3)
		ck_assert_int_eq(ftruncate(fd, (off_t)PROTO_LARGE_MAX + 1), 0);
	if (_i == 4)
		ck_assert_int_eq(write(fd, "{\"a\":", 5), 5);
	send_fd("\2", 1, fd);
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), -1);
	ck_assert_int_eq(err.code, REL_E_PROTOCOL);
	close(pipes[0]);
	close(pipes[1]);
	rel_fd_close(&fd);
}
END_TEST

START_TEST(too_many_descriptors_are_refused_and_closed)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	union {
		char buf[CMSG_SPACE((PROTO_FDS_MAX + 1) * sizeof(int))];
		struct cmsghdr align;
	} c = {0};
	char text[] = "{\"a\":{}}";
	struct iovec iov = {text, strlen(text)};
	struct msghdr mh = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = c.buf,
	    .msg_controllen = sizeof(c.buf)};
	struct cmsghdr *cm = CMSG_FIRSTHDR(&mh);
	cm->cmsg_level = SOL_SOCKET;
	cm->cmsg_type = SCM_RIGHTS;
	cm->cmsg_len = CMSG_LEN((PROTO_FDS_MAX + 1) * sizeof(int));
	int fds[PROTO_FDS_MAX + 1];
	for (size_t i = 0; i < NELEM(fds); i++)
		fds[i] = 0;
	memcpy(CMSG_DATA(cm), fds, sizeof(fds));
	int before = dup(0);
	ck_assert_int_gt(sendmsg(sock[0], &mh, MSG_NOSIGNAL), 0);
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), -1);
	ck_assert_int_eq(err.code, REL_E_PROTOCOL);
	int after = dup(0);
	ck_assert_int_eq(after, before + 1); /* none was left open */
	close(before);
	close(after);
}
END_TEST

START_TEST(nothing_there_and_nobody_there)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	ck_assert_int_eq(proto_recv(sock[1], &p, &err), -1);
	ck_assert_int_eq(err.sys, EAGAIN);
	rel_err_clear(&err);
	while (proto_send_json(sock[0], "x", json_object(), NULL, 0, &err) == 0)
		continue;
	ck_assert_int_eq(err.code, REL_E_IO);
	ck_assert_int_eq(err.sys, EAGAIN);
	rel_err_clear(&err);
	rel_fd_close(&sock[0]);
	int rc;
	while ((rc = proto_recv(sock[1], &p, &err)) == 1)
		proto_packet_fini(&p);
	ck_assert_int_eq(rc, 0);
	ck_assert_int_eq(proto_send_json(sock[1], "x", json_object(), NULL, 0, &err), -1);
	ck_assert_int_eq(err.sys, EPIPE); /* and no signal */
}
END_TEST

/* It died with a message before it that it had not read: what it said last is not lost by that. */
START_TEST(last_words_of_one_that_did_not_listen)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	ck_assert_int_eq(proto_send_json(sock[0], "unread", json_object(), NULL, 0, &err), 0);
	ck_assert_int_eq(proto_send_json(sock[1], "last", json_object(), NULL, 0, &err), 0);
	rel_fd_close(&sock[1]);
	ck_assert_int_eq(proto_recv(sock[0], &p, &err), 1);
	ck_assert_str_eq(p.name, "last");
	proto_packet_fini(&p);
	ck_assert_int_eq(proto_recv(sock[0], &p, &err), 0);
}
END_TEST

START_TEST(no_body_is_no_memory)
{
	struct rel_err err = REL_ERR_INIT;
	ck_assert_int_eq(proto_send_json(sock[0], "x", NULL, NULL, 0, &err), -1);
	ck_assert_int_eq(err.code, REL_E_NOMEM);
}
END_TEST

/* ------------------------------------------------------------------ errors */
START_TEST(error_goes_over_and_back)
{
	struct rel_err err = REL_ERR_INIT, got = REL_ERR_INIT;
	struct rel_pos pos = {"app.yaml", 3, 7};
	rel_err_at(&err, &pos, REL_E_NO_SUCH_MODULE, "module x");
	rel_err_hint(&err, "do this");
	json_t *o = proto_err_json(&err);
	proto_err_from_json(o, &got);
	ck_assert_int_eq(got.code, err.code);
	ck_assert_str_eq(got.text, err.text);
	ck_assert_str_eq(got.file, "app.yaml");
	ck_assert_uint_eq(got.line, 3);
	ck_assert_uint_eq(got.column, 7);
	ck_assert_str_eq(got.hint, "do this");
	ck_assert_str_eq(json_string_value(json_object_get(o, "code")), "no_such_module");
	json_decref(o);
}
END_TEST

START_TEST(absent_keys_are_left_out)
{
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_IO, "cannot");
	json_t *o = proto_err_json(&err);
	char *text = json_dumps(o, JSON_SORT_KEYS | JSON_COMPACT);
	ck_assert_str_eq(text, "{\"code\":\"io_error\",\"message\":\"cannot\"}");
	free(text);
	json_decref(o);
}
END_TEST

START_TEST(text_cut_in_a_character_still_goes_over)
{
	struct rel_err err = REL_ERR_INIT;
	rel_err_set(&err, REL_E_IO, "caf\xc3");
	json_t *o = proto_err_json(&err);
	ck_assert_str_eq(json_string_value(json_object_get(o, "message")), "caf?");
	json_decref(o);
}
END_TEST

START_TEST(unknown_error_is_kept_as_text)
{
	struct rel_err err = REL_ERR_INIT;
	json_t *o =
	    json_pack("{s:s, s:s, s:i}", "code", "from_the_future", "message", "m", "line", -1);
	proto_err_from_json(o, &err);
	ck_assert_int_eq(err.code, REL_E_INTERNAL);
	ck_assert_str_eq(err.text, "m");
	ck_assert_uint_eq(err.line, 0);
	json_decref(o);
	rel_err_clear(&err);
	proto_err_from_json(NULL, &err);
	ck_assert_int_eq(err.code, REL_E_INTERNAL);
}
END_TEST

START_TEST(json_text_is_what_json_dumps_gives)
{
	json_t *o = json_pack("{s:[i,n], s:s}", "b", 1, "a", "x");
	char *text = proto_json_text(o, JSON_COMPACT | JSON_SORT_KEYS);
	ck_assert_str_eq(text, "{\"a\":\"x\",\"b\":[1,null]}");
	free(text);
	text = proto_json_text(json_object_get(o, "a"), 0);
	ck_assert_str_eq(text, "\"x\"");
	free(text);
	json_array_append(json_object_get(o, "b"), o); /* a loop is no text */
	ck_assert_ptr_null(proto_json_text(o, 0));
	json_array_clear(json_object_get(o, "b"));
	json_decref(o);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("proto");
	TCase *d = tcase_create("decision"), *p = tcase_create("packet"),
	      *e = tcase_create("error");
	tcase_add_test(d, word_is_decided_once);
	tcase_add_test(d, broken_word_is_no_commit);
	tcase_add_test(d, decision_memory_cannot_shrink);
	tcase_add_test(d, decision_memory_has_limits);
	tcase_add_loop_test(d, wrong_memory_is_not_mapped, 0, (int)NELEM(memories));
	tcase_add_test(d, plain_file_is_not_mapped);
	tcase_add_checked_fixture(p, setup, teardown);
	tcase_set_timeout(p, 30);
	tcase_add_test(p, json_goes_over_with_its_descriptors);
	tcase_add_test(p, frames_go_over_short_and_long);
	tcase_add_loop_test(p, garbage_is_a_protocol_error, 0, (int)NELEM(garbage));
	tcase_add_test(p, wrong_frames_are_protocol_errors);
	tcase_add_test(p, limits_hold_on_both_sides);
	tcase_add_loop_test(p, larger_than_a_packet, 0, 16);
	tcase_add_loop_test(p, bad_large_messages_are_protocol_errors, 0, 5);
	tcase_add_test(p, too_many_descriptors_are_refused_and_closed);
	tcase_add_test(p, nothing_there_and_nobody_there);
	tcase_add_test(p, last_words_of_one_that_did_not_listen);
	tcase_add_test(p, no_body_is_no_memory);
	tcase_add_test(e, error_goes_over_and_back);
	tcase_add_test(e, absent_keys_are_left_out);
	tcase_add_test(e, text_cut_in_a_character_still_goes_over);
	tcase_add_test(e, unknown_error_is_kept_as_text);
	tcase_add_test(e, json_text_is_what_json_dumps_gives);
	suite_add_tcase(s, d);
	suite_add_tcase(s, p);
	suite_add_tcase(s, e);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
