/* SPDX-License-Identifier: Apache-2.0
 * The modules of the sample releases by themselves, on the runtime of check_host.c.  What the real
 * runtime makes of them is tested by the scenarios.
 */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check_host.h"
#include "state-0.1.0.h"

#define HEY       "Hey there!\n"
#define HEY_NEXT  "Hey there, next version!\n"
#define LINE_MAX_ 4096

static int
has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* ------------------------------------------------------------------ lines */
static const char *const listeners[] = {"listener-0.1.0", "listener-0.1.1"};

START_TEST(every_line_is_answered)
{
	host_start(listeners[_i], "greeting-0.1.0", 0);
	int a = host_client(), b = host_client();
	host_say(a, "one\n");
	ck_assert_str_eq(host_heard(a), HEY);
	host_say(b, "\n\ntwo\nhal");
	ck_assert_str_eq(host_heard(b), HEY HEY HEY);
	host_say(b, "f\n");
	ck_assert_str_eq(host_heard(b), HEY);
	ck_assert_str_eq(host_heard(a), "");
	ck_assert(has(host_ask("{}"), "\"connections\":2,\"accepted\":2,\"lines\":5,"));
	host_stop();
	ck_assert_str_eq(host_heard(a), "EOF");
	close(a);
	close(b);
}
END_TEST

START_TEST(line_length_is_limited)
{
	char line[LINE_MAX_ + 3];

	host_start(listeners[_i], "greeting-0.1.0", 0);
	int a = host_client(), b = host_client(), c = host_client();
	memset(line, 'x', sizeof(line));
	line[LINE_MAX_] = '\0';
	host_say(a, line);
	host_say(a, "\n");
	ck_assert_str_eq(host_heard(a), HEY); /* as long as a line may be */
	line[LINE_MAX_] = 'x';
	line[LINE_MAX_ + 1] = '\0';
	host_say(b, line);                    /* one byte more, without its end */
	ck_assert_str_eq(host_heard(b), "EOF");
	line[LINE_MAX_ + 1] = '\n';
	line[LINE_MAX_ + 2] = '\0';
	host_say(c, line);                    /* the same in one piece */
	ck_assert_str_eq(host_heard(c), "EOF");
	ck_assert(has(host_ask("{}"), "\"connections\":1,"));
	host_stop();
	close(a);
	close(b);
	close(c);
}
END_TEST

START_TEST(half_close_is_answered_first)
{
	host_start(listeners[_i], "greeting-0.1.0", 0);
	int a = host_client();
	ck_assert_int_eq(send(a, "one\ntwo\ntail", 12, 0), 12);
	shutdown(a, SHUT_WR);
	host_settle();
	ck_assert_str_eq(host_heard(a), HEY HEY);
	ck_assert_str_eq(host_heard(a), "EOF");
	ck_assert(has(host_ask("{}"), "\"connections\":0,"));
	host_stop();
	close(a);
}
END_TEST

/* Sends newlines without reading until the server takes no more; returns how many. */
static size_t
stuff(int fd)
{
	static char lines[4096];
	size_t sent = 0;
	int full = 0;

	memset(lines, '\n', sizeof(lines));
	while (full < 3) {
		ssize_t n = send(fd, lines, sizeof(lines), MSG_DONTWAIT);
		host_settle();
		full = n < 0 ? full + 1 : 0;
		sent += n > 0 ? (size_t)n : 0;
		ck_assert_msg(sent < 64u << 20, "the server never stops reading");
	}
	return sent;
}

/* Reads `lines` answers, each of them HEY. */
static void
drain(int fd, size_t lines)
{
	size_t got = 0, want = lines * strlen(HEY);

	for (int idle = 0; got < want && idle < 1000; idle++) {
		static char buf[65536];
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		for (ssize_t i = 0; i < n; i++, got++)
			ck_assert_msg(buf[i] == HEY[got % strlen(HEY)], "byte %zu", got);
		if (n > 0)
			idle = 0;
		host_settle();
	}
	ck_assert_uint_eq(got, want);
}

START_TEST(who_does_not_read_is_not_read)
{
	host_start(listeners[_i], "greeting-0.1.0", 0);
	int a = host_client(), b = host_client();
	size_t lines = stuff(a);
	host_say(b, "one\n");
	ck_assert_str_eq(host_heard(b), HEY); /* the others do not wait */
	drain(a, lines);
	host_say(a, "x\n");
	ck_assert_str_eq(host_heard(a), HEY);
	lines = stuff(a);
	shutdown(a, SHUT_WR); /* and then waits for all that it asked for */
	drain(a, lines);
	ck_assert_str_eq(host_heard(a), "EOF");
	host_stop();
	close(a);
	close(b);
}
END_TEST

START_TEST(reset_frees_the_row)
{
	struct linger reset = {.l_onoff = 1};

	host_start(listeners[_i], "greeting-0.1.0", 0);
	int a = host_client();
	stuff(a);
	setsockopt(a, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(a);
	host_settle();
	ck_assert(has(host_ask("{}"), "\"connections\":0,"));
	host_stop();
}
END_TEST

START_TEST(a_full_table_pauses_accepting)
{
	host_start(listeners[_i], "greeting-0.1.0", 2);
	int c[3];
	for (int i = 0; i < 3; i++) {
		c[i] = host_client();
		host_settle();
	}
	ck_assert(has(host_ask("{}"), "\"connections\":2,"));
	ck_assert(!host.fds[host.socket].used); /* or the loop would spin */
	ck_assert_str_eq(host.timer, "on_pause_end");
	close(c[0]);
	host_settle();
	host_say(c[2], "one\n");
	ck_assert_str_eq(host_heard(c[2]), ""); /* waits in the backlog */
	host_dispatch(host.timer, &(struct relw_event){.type = RELW_EVENT_TIMER, .timer = 1});
	host_settle();
	ck_assert_str_eq(host_heard(c[2]), HEY);
	host_stop();
	close(c[1]);
	close(c[2]);
}
END_TEST

START_TEST(no_descriptor_pauses_accepting)
{
	struct rlimit keep, none;

	host_start(listeners[_i], "greeting-0.1.0", 0);
	int a = host_client();
	getrlimit(RLIMIT_NOFILE, &keep);
	none = keep;
	none.rlim_cur = 0;
	setrlimit(RLIMIT_NOFILE, &none);
	struct relw_event e = {.type = RELW_EVENT_FD, .fd = host.socket, .events = EPOLLIN};
	host_dispatch("on_accept", &e);
	setrlimit(RLIMIT_NOFILE, &keep);
	ck_assert(!host.fds[host.socket].used);
	ck_assert_int_eq(host.stopped, 0);
	host_dispatch(host.timer, &(struct relw_event){.type = RELW_EVENT_TIMER, .timer = 1});
	host_say(a, "one\n");
	ck_assert_str_eq(host_heard(a), HEY);
	host_stop();
	close(a);
}
END_TEST

START_TEST(start_without_sockets_is_refused)
{
	memset(&host, 0, sizeof(host));
	host.socket = -1;
	host_link(listeners[_i], "greeting-0.1.0");
	ck_assert_int_lt(host.listener->init(host_rw(), &host.state), 0);
	ck_assert_str_ne(host.refusal, "");
}
END_TEST

START_TEST(calls)
{
	static const char *const unknown[] = {"{\"ping\":12}", "{\"ping\":1", "null", ""};
	char *reply;

	host_start(listeners[_i], "greeting-0.1.0", 0);
	ck_assert_str_eq(host_ask("{\"ping\": 1}"), "{\"pong\":1}");
	ck_assert(has(host_ask(" { } "), "\"vsn\":\"0.1."));
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		int rc = host.listener->handle_call(host_rw(), host.state, unknown[i], &reply);
		ck_assert_int_lt(rc, 0);
	}
	host_link(listeners[_i], "greeting-0.1.1-sick");
	ck_assert_str_eq(host_ask("{\"ping\":1}"), "{\"pong\":0}");
	host_stop();
}
END_TEST

/* ------------------------------------------------------------------ code_change */
START_TEST(state_goes_up_and_down)
{
	int c[128];

	host_start("listener-0.1.0", "greeting-0.1.0", 0);
	for (int i = 0; i < 100; i++) {
		c[i] = host_client();
		host_say(c[i], "hal");
	}
	close(c[7]); /* a free row in the middle */
	host_settle();
	for (int lap = 0; lap < 2; lap++) {
		host_upgrade("listener-0.1.1", "greeting-0.1.1");
		ck_assert_str_eq(host_heard(c[3]), "");
		host_say(c[3], "f\nhal");
		ck_assert_str_eq(host_heard(c[3]), HEY_NEXT); /* half before, half after */
		ck_assert(has(host_ask("{}"), "\"dated\":0,\"busiest\":1}"));
		host_downgrade("listener-0.1.0", "greeting-0.1.0");
		host_say(c[99], "f\nhal");
		ck_assert_str_eq(host_heard(c[99]), HEY);
	}
	ck_assert(has(host_ask("{}"), "\"connections\":99,\"accepted\":100,"));
	ck_assert(has(host_ask("{}"), "\"lines\":4,\"changes\":4}"));
	/* the free rows came along: they are used before the table grows, and each once */
	c[7] = host_client();
	for (int i = 100; i < 128; i++)
		c[i] = host_client();
	host_settle();
	ck_assert_uint_eq(((const struct listener_v1 *)host.state)->rows, 128);
	for (int i = 0; i < 128; i++) {
		host_say(c[i], "one\n");
		ck_assert_str_eq(host_heard(c[i]), HEY);
	}
	host_stop();
	for (int i = 0; i < 128; i++)
		close(c[i]);
}
END_TEST

START_TEST(new_connections_are_dated)
{
	host_start("listener-0.1.0", "greeting-0.1.0", 0);
	int a = host_client();
	host_say(a, "one\n");
	host_upgrade("listener-0.1.1", "greeting-0.1.1");
	int b = host_client();
	host_say(b, "one\ntwo\n");
	ck_assert(has(host_ask("{}"), "\"connections\":2,\"accepted\":2,\"lines\":3,\"changes\":1,"
	    "\"dated\":1,\"busiest\":2}"));
	host_stop();
	close(a);
	close(b);
}
END_TEST

/* What waits to be sent is sent as it was answered, what comes later is answered anew. */
START_TEST(waiting_output_is_carried)
{
	host_start("listener-0.1.0", "greeting-0.1.0", 0);
	int a = host_client();
	size_t lines = stuff(a);
	host_upgrade("listener-0.1.1", "greeting-0.1.0");
	drain(a, lines);
	host_link("listener-0.1.1", "greeting-0.1.1");
	host_say(a, "x\n");
	ck_assert_str_eq(host_heard(a), HEY_NEXT);
	host_stop();
	close(a);
}
END_TEST

/* Sends long lines without reading until the server waits for room; returns how many lines. */
static size_t
stuff_long(int fd, int server_fd)
{
	static char line[4001];
	size_t at = 0, lines = 0;

	memset(line, 'x', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	for (int turns = 0; host.fds[server_fd].events != EPOLLOUT || at > 0; turns++) {
		ck_assert_msg(turns < 1000000, "the server never stops reading");
		ssize_t n = send(fd, line + at, sizeof(line) - at, MSG_DONTWAIT);
		at += n > 0 ? (size_t)n : 0;
		if (at == sizeof(line)) {
			at = 0;
			lines++;
		}
		host_settle();
	}
	return lines;
}

/* The client reads while the code changes: in the first event of the new version all is sent, and
 * the connection must go back to reading. */
START_TEST(waiting_for_room_is_carried)
{
	host_start("listener-0.1.0", "greeting-0.1.0", 0);
	int a = host_client(), server_fd = a + 1;
	host_settle();
	ck_assert(host.fds[server_fd].used);
	size_t lines = stuff_long(a, server_fd), got = 0;
	for (size_t n = 1; n > 0; got += n)
		n = strlen(host_heard(a));
	host_upgrade("listener-0.1.1", "greeting-0.1.0");
	host_settle();
	ck_assert_uint_eq(host.fds[server_fd].events, EPOLLIN);
	ck_assert_uint_eq(got + strlen(host_heard(a)), lines * strlen(HEY));
	host_say(a, "x\n");
	ck_assert_str_eq(host_heard(a), HEY);
	host_stop();
	close(a);
}
END_TEST

START_TEST(a_pause_ends_in_the_next_version)
{
	host_start("listener-0.1.0", "greeting-0.1.0", 1);
	int a = host_client(), b = host_client();
	host_settle();
	ck_assert_str_eq(host.timer, "on_pause_end");
	host_upgrade("listener-0.1.1", "greeting-0.1.1");
	close(a);
	host_settle();
	host_dispatch(host.timer, &(struct relw_event){.type = RELW_EVENT_TIMER, .timer = 1});
	host_say(b, "one\n");
	ck_assert_str_eq(host_heard(b), HEY_NEXT);
	host_stop();
	close(b);
}
END_TEST

START_TEST(unknown_version_is_refused)
{
	void *state = NULL;

	host_start("listener-0.1.0", "greeting-0.1.0", 0);
	const struct relw_module *newer = host_module("listener-0.1.1");
	ck_assert_int_lt(host_change(RELW_UP, newer, "0.0.9", &state), 0);
	ck_assert(has(host.refusal, "0.0.9"));
	ck_assert_ptr_null(state);
	host_stop();
}
END_TEST

static const struct {
	int connections;
	const char *refusal;
} refusals[] = {
	{0, "connection 0 of 0"},
	{1, "connection 1 of 1"},
	{3, "connection 3 of 3"},
	{501, "connection 500 of 501"},
};

START_TEST(refuse_refuses_and_changes_nothing)
{
	int n = refusals[_i].connections, c[512];
	void *state = NULL;

	host_start("listener-0.1.0", "greeting-0.1.0", 0);
	for (int i = 0; i < n; i++) {
		c[i] = host_client();
		host_settle();
	}
	const struct relw_module *newer = host_module("listener-0.1.1-refuse");
	for (int lap = 0; lap < 2; lap++) {
		ck_assert_int_lt(host_change(RELW_UP, newer, "0.1.0", &state), 0);
		ck_assert_msg(has(host.refusal, refusals[_i].refusal), "%s", host.refusal);
		ck_assert_ptr_null(state);
	}
	for (int i = 0; i < n; i++) {
		host_say(c[i], "one\n");
		ck_assert_str_eq(host_heard(c[i]), HEY);
		close(c[i]);
	}
	host_settle();
	host_stop();
}
END_TEST

static int
fate(const char *listener)
{
	int status;

	host_start("listener-0.1.0", "greeting-0.1.0", 0);
	const struct relw_module *newer = host_module(listener);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		struct rlimit second = {.rlim_cur = 1, .rlim_max = 1}, no_core = {0, 0};
		void *state;
		signal(SIGSEGV, SIG_DFL);
		setrlimit(RLIMIT_CORE, &no_core);
		setrlimit(RLIMIT_CPU, &second);
		host_change(RELW_UP, newer, "0.1.0", &state);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	host_stop();
	return status;
}

START_TEST(crash_crashes)
{
	int status = fate("listener-0.1.1-crash");
#ifdef RELUP_SANITIZED
	ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
#else
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSEGV);
#endif
}
END_TEST

START_TEST(hang_hangs)
{
	int status = fate("listener-0.1.1-hang");

	/* a second of processor time was not enough */
	ck_assert(WIFSIGNALED(status));
	ck_assert(WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
}
END_TEST

/* ------------------------------------------------------------------ tables */
static const struct {
	const char *file, *name, *vsn;
} tables[] = {
	{"listener-0.1.0", "listener", "0.1.0"},
	{"listener-0.1.1", "listener", "0.1.1"},
	{"listener-0.1.1-crash", "listener", "0.1.1-crash"},
	{"listener-0.1.1-refuse", "listener", "0.1.1-refuse"},
	{"listener-0.1.1-hang", "listener", "0.1.1-hang"},
	{"greeting-0.1.0", "greeting", "0.1.0"},
	{"greeting-0.1.1", "greeting", "0.1.1"},
	{"greeting-0.1.2", "greeting", "0.1.2"},
	{"greeting-0.1.1-sick", "greeting", "0.1.1-sick"},
};

START_TEST(table)
{
	const struct relw_module *m = host_module(tables[_i].file);

	ck_assert_uint_eq(m->abi, RELW_ABI);
	ck_assert_uint_eq(m->size, sizeof(*m));
	ck_assert_str_eq(m->name, tables[_i].name);
	ck_assert_str_eq(m->vsn, tables[_i].vsn);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("hello");
	TCase *lines = tcase_create("lines"), *change = tcase_create("code_change");

	tcase_set_timeout(lines, 60);
	tcase_add_loop_test(lines, every_line_is_answered, 0, 2);
	tcase_add_loop_test(lines, line_length_is_limited, 0, 2);
	tcase_add_loop_test(lines, half_close_is_answered_first, 0, 2);
	tcase_add_loop_test(lines, who_does_not_read_is_not_read, 0, 2);
	tcase_add_loop_test(lines, reset_frees_the_row, 0, 2);
	tcase_add_loop_test(lines, a_full_table_pauses_accepting, 0, 2);
	tcase_add_loop_test(lines, no_descriptor_pauses_accepting, 0, 2);
	tcase_add_loop_test(lines, start_without_sockets_is_refused, 0, 2);
	tcase_add_loop_test(lines, calls, 0, 2);
	suite_add_tcase(s, lines);
	tcase_set_timeout(change, 60);
	tcase_add_test(change, state_goes_up_and_down);
	tcase_add_test(change, new_connections_are_dated);
	tcase_add_test(change, waiting_output_is_carried);
	tcase_add_test(change, waiting_for_room_is_carried);
	tcase_add_test(change, a_pause_ends_in_the_next_version);
	tcase_add_test(change, unknown_version_is_refused);
	tcase_add_loop_test(change, refuse_refuses_and_changes_nothing, 0,
	    (int)(sizeof(refusals) / sizeof(refusals[0])));
	tcase_add_test(change, crash_crashes);
	tcase_add_test(change, hang_hangs);
	tcase_add_loop_test(change, table, 0, (int)(sizeof(tables) / sizeof(tables[0])));
	suite_add_tcase(s, change);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? 0 : 1;
}
