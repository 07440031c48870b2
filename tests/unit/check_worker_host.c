/* SPDX-License-Identifier: Apache-2.0
 * worker: a host with a loop of its own, which is this process.  It waits for the descriptor alone, and without
 * a time-out: what the descriptor does not tell never happens, and fails the test by its time.
 */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../modules/inward.h"
#include "worker/relworker.h"
#include "worker_fixture.h"

static struct relw_host *host;
static struct {
	int count[INWARD_N];
	mono_ns_t at[INWARD_N]; /* last */
	char reason[64];
	int dispatch[INWARD_N], close[INWARD_N];
	int (*also)(enum inward where);
} seen;

static int
hook(enum inward where, const char *text)
{
	struct relw_host *h = host;
	seen.count[where]++;
	seen.at[where] = rel_mono_now();
	if (where == INWARD_TERMINATE)
		snprintf(seen.reason, sizeof(seen.reason), "%s", text);
	seen.dispatch[where] = relw_dispatch(h);
	seen.close[where] = relw_close(&h);
	ck_assert_ptr_eq(h, host);
	return seen.also != NULL ? seen.also(where) : 0;
}

static bool
readable(void)
{
	struct pollfd p = {.fd = relw_fd(host), .events = POLLIN};
	return poll(&p, 1, 0) == 1;
}

static void
await_turn(void)
{
	struct pollfd p = {.fd = relw_fd(host), .events = POLLIN};
	ck_assert_int_eq(poll(&p, 1, -1), 1);
}

static void
turn(void)
{
	await_turn();
	ck_assert_int_gt(relw_dispatch(host), 0);
}

/* Until there is nothing to do; a descriptor that never rests fails by the time. */
static void
settle(void)
{
	while (readable())
		ck_assert_int_gt(relw_dispatch(host), 0);
}

static int
open_host(unsigned flags, struct relw_host **ret)
{
	static char program[] = "host", worker[] = FAKE_WORKER, path[512];
	char *argv[] = {program, path, worker, NULL};
	fake_socket(path, sizeof(path));
	return relw_open(3, argv, flags, ret);
}

static void
meet(void)
{
	fake_accept();
	fake.pid = getpid();
	json_decref(fake_hello());
	fake.pid = 0; /* not the fixture's to end */
}

/* The fixture's questions about the worker, which is this process. */
static int
ask(int (*question)(const char *), const char *word)
{
	fake.pid = getpid();
	int n = question(word);
	fake.pid = 0;
	return n;
}

static int
fds(const char *word)
{
	(void)word;
	return fake_fds();
}

static void
open_worker(unsigned flags)
{
	ck_assert_int_eq(open_host(flags, &host), 0);
	ck_assert_int_ge(relw_fd(host), 0);
	fake.turn = turn;
	meet();
}

static void
setup(void)
{
	memset(&seen, 0, sizeof(seen));
	host = NULL;
	fake_listen();
}

static void
teardown(void)
{
	ck_assert_int_ge(relw_close(&host), 0);
	ck_assert_ptr_null(host);
	fake_teardown();
}

static void
start(int after_ms, int every_ms)
{
	fake_start("counter", fake_modules("inward-1", "counter", NULL),
	    json_pack("{s:I, s:i, s:i}", "hook", (json_int_t)(intptr_t)hook, "after_ms", after_ms, "every_ms",
		every_ms));
	json_decref(fake_expect("ready"));
	ck_assert_int_eq(seen.count[INWARD_INIT], 1);
}

/* To version 2, without waiting for others. */
static mono_ns_t
upgrade(void)
{
	fake_prepare_one(true, "inward-2", NULL);
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.decided, PROTO_COMMIT);
	return f.built_ns;
}

static const char *
version(void)
{
	static char text[8];
	json_t *reply = fake_call("any");
	snprintf(text, sizeof(text), "%s", json_string_value(json_object_get(reply, "reply")));
	json_decref(reply);
	return text;
}

/* ------------------------------------------------------------------ what the descriptor tells */
START_TEST(with_nothing_to_do_it_returns_at_once)
{
	open_worker(0);
	settle();
	for (int i = 0; i < 3; i++)
		ck_assert_int_gt(relw_dispatch(host), 0);
	start(-1, 0);
	settle();
	for (int i = 0; i < 3; i++)
		ck_assert_int_gt(relw_dispatch(host), 0);
	ck_assert(!readable());
	ck_assert_int_eq(seen.count[INWARD_EVENT] + seen.count[INWARD_TIMER], 0);
}
END_TEST

START_TEST(runs_module_code_in_dispatch_only)
{
	open_worker(0);
	start(-1, 0);
	settle();
	ck_assert_int_eq(send(fake.client, "x", 1, MSG_NOSIGNAL), 1);
	await_turn();
	ck_assert_int_eq(seen.count[INWARD_EVENT], 0);
	ck_assert_int_gt(relw_dispatch(host), 0);
	ck_assert_int_eq(seen.count[INWARD_EVENT], 1);
	ck_assert_str_eq(version(), "1");
	ck_assert(!readable());
}
END_TEST

/* Added in a callback, so that only the end of the turn can set it. */
START_TEST(tells_of_a_due_timer)
{
	open_worker(0);
	start(_i, 0);
	while (seen.count[INWARD_TIMER] == 0)
		turn();
	settle();
	ck_assert_int_eq(seen.count[INWARD_TIMER], 1);
	ck_assert(!readable());
}
END_TEST

START_TEST(tells_of_a_repeated_timer)
{
	open_worker(0);
	start(1, 1);
	while (seen.count[INWARD_TIMER] < 5)
		turn();
}
END_TEST

/* So many start at once that the first try comes to nothing. */
START_TEST(tells_when_to_connect_at_last)
{
	struct rel_err err = REL_ERR_INIT;
	int others[8], n = 0;
	ck_assert_int_eq(listen(fake.listener, 1), 0);
	while (rel_unix_connect(fake.dirfd, "run/" PROTO_WORKERS_SOCKET, SOCK_SEQPACKET | SOCK_NONBLOCK,
		   &others[n], &err) == 0)
		ck_assert_int_lt(++n, 8);
	ck_assert_int_eq(open_host(0, &host), 0);
	for (int i = 0; i < n; i++) {
		fake_accept();
		close(others[i]);
	}
	fake.turn = turn;
	meet();
	start(-1, 0);
}
END_TEST

START_TEST(tells_when_to_connect_again)
{
	struct rel_err err = REL_ERR_INIT;
	open_worker(0);
	start(-1, 0);
	rel_fd_close(&fake.listener);
	rel_fd_close(&fake.sock);
	for (int i = 0; i < 3; i++) /* in vain */
		turn();
	ck_assert_int_eq(rel_unix_listen(fake.dirfd, "run/" PROTO_WORKERS_SOCKET, SOCK_SEQPACKET, 0600,
			     &fake.listener, &err), 0);
	meet();
	ck_assert_str_eq(version(), "1");
}
END_TEST

START_TEST(tells_of_the_deadline_of_a_rehearsal)
{
	open_worker(0);
	fake_start("counter", fake_modules("counter-1", "counter", NULL), NULL); /* without a timer */
	json_decref(fake_expect("ready"));
	fake_send("rehearse",
	    json_pack("{s:i, s:i, s:[o], s:o}", "operation", FAKE_OP, "deadline_ms", 100, "steps",
		fake_step(0, false, json_pack("[s]", "counter"),
		    json_pack("[o]", fake_change("counter", "up", json_pack("{s:s}", "do", "hang"))), NULL),
		"modules", fake_modules("counter-2", "counter", NULL)));
	json_t *b = fake_expect("rehearsed");
	ck_assert_str_eq(json_string_value(json_object_get(b, "result")), "hung");
	json_decref(b);
}
END_TEST

START_TEST(tells_when_to_free_what_was_replaced)
{
	open_worker(0);
	start(-1, 0);
	mono_ns_t built = upgrade();
	for (int i = 0; i < 3; i++) /* idle, and not asked for */
		ck_assert_int_gt(relw_dispatch(host), 0);
	int turns = 0;
	for (; seen.count[INWARD_DISCARD] == 0; turns++)
		turn();
	ck_assert_int_ge(seen.at[INWARD_DISCARD] - built, 20 * DUR_MS);
	ck_assert_int_le(turns, 10); /* it is not asked without an end */
	settle();
	ck_assert(!readable());
	ck_assert_str_eq(version(), "2");
	ck_assert_int_eq(seen.count[INWARD_DISCARD], 1);
}
END_TEST

static int
leave_unread(enum inward where)
{
	return where == INWARD_EVENT;
}

START_TEST(one_that_never_idles_frees_it_later)
{
	open_worker(0);
	start(-1, 0);
	seen.also = leave_unread;
	ck_assert_int_eq(send(fake.client, "x", 1, MSG_NOSIGNAL), 1);
	mono_ns_t built = upgrade();
	while (seen.count[INWARD_DISCARD] == 0)
		turn();
	ck_assert_int_ge(seen.at[INWARD_DISCARD] - built, 100 * DUR_MS);
	ck_assert_int_gt(seen.count[INWARD_EVENT], 0);
	seen.also = NULL;
	settle();
}
END_TEST

/* ------------------------------------------------------------------ where it may not be called */
static void
expect_refused(enum inward where)
{
	ck_assert_int_gt(seen.count[where], 0);
	ck_assert_int_eq(seen.dispatch[where], -EDEADLK);
	ck_assert_int_eq(seen.close[where], -EDEADLK);
}

START_TEST(module_code_may_not_call_it)
{
	open_worker(0);
	start(0, 0);
	while (seen.count[INWARD_TIMER] == 0)
		turn();
	ck_assert_int_eq(send(fake.client, "x", 1, MSG_NOSIGNAL), 1);
	ck_assert_str_eq(version(), "1");
	upgrade();
	while (seen.count[INWARD_DISCARD] == 0 || seen.count[INWARD_EVENT] == 0)
		turn();
	ck_assert_int_eq(relw_close(&host), 0);
	for (enum inward i = 0; i < INWARD_N; i++)
		expect_refused(i);
}
END_TEST

static void *
other_thread(void *arg)
{
	struct relw_host *h = host;
	int *rc = arg;
	rc[0] = relw_dispatch(h);
	rc[1] = relw_close(&h);
	return NULL;
}

START_TEST(another_thread_may_not_call_it)
{
	int rc[2];
	pthread_t t;
	open_worker(0);
	ck_assert_int_eq(pthread_create(&t, NULL, other_thread, rc), 0);
	pthread_join(t, NULL);
	ck_assert_int_eq(rc[0], -EPERM);
	ck_assert_int_eq(rc[1], -EPERM);
	start(-1, 0);
	ck_assert_str_eq(version(), "1");
}
END_TEST

/* ------------------------------------------------------------------ beginning and end */
static void
expect_handler(int sig, void (*handler)(int))
{
	struct sigaction sa;
	ck_assert_int_eq(sigaction(sig, NULL, &sa), 0);
	ck_assert(sa.sa_handler == handler);
}

START_TEST(what_cannot_be_opened)
{
	char program[] = "host", path[] = "/nowhere/workers.sock", worker[] = FAKE_WORKER;
	char *argv[] = {program, path, worker, NULL};
	signal(SIGPIPE, SIG_DFL);
	int before = ask(fds, "");
	ck_assert_int_eq(relw_open(3, argv, 0, &host), -ENOENT);
	ck_assert_int_eq(relw_open(2, argv, 0, &host), -EINVAL);
	ck_assert_int_eq(open_host(RELW_HOST_PROCESS << 1, &host), -EINVAL);
	ck_assert_int_eq(open_host(~0u, &host), -EINVAL);
	ck_assert_int_eq(ask(fds, ""), before);
	rel_fd_close(&fake.listener);
	ck_assert_int_eq(open_host(0, &host), -ECONNREFUSED);
	ck_assert_int_eq(ask(fds, ""), before - 1); /* the listener */
	ck_assert_ptr_null(host);
	expect_handler(SIGPIPE, SIG_DFL);
}
END_TEST

static void
expect_end(int status, const char *reason)
{
	while (readable() && relw_dispatch(host) > 0)
		continue;
	ck_assert_int_eq(relw_dispatch(host), 0);
	ck_assert_int_eq(relw_dispatch(host), 0);
	ck_assert_int_eq(seen.count[INWARD_TERMINATE], 0);
	ck_assert_int_eq(relw_close(&host), status);
	ck_assert_ptr_null(host);
	ck_assert_int_eq(seen.count[INWARD_TERMINATE], 1);
	ck_assert_str_eq(seen.reason, reason);
}

START_TEST(relupd_ends_it)
{
	open_worker(0);
	start(-1, 0);
	fake_send("stop", json_pack("{s:s}", "reason", "restart"));
	expect_end(0, "restart");
}
END_TEST

START_TEST(module_ends_it)
{
	open_worker(0);
	start(-1, 0);
	fake_send("call", json_pack("{s:i, s:s}", "id", 9, "request", "fail"));
	expect_end(1, "out of order");
}
END_TEST

START_TEST(host_ends_it)
{
	open_worker(0);
	start(-1, 0);
	settle();
	relw_stop_host(host, "we close");
	ck_assert(readable());
	expect_end(0, "we close");
}
END_TEST

START_TEST(close_ends_it)
{
	open_worker(0);
	start(-1, 0);
	ck_assert_int_eq(relw_close(&host), 0);
	ck_assert_str_eq(seen.reason, "shutdown");
	ck_assert_int_eq(relw_close(&host), 0);
}
END_TEST

START_TEST(one_that_did_not_start_tells_its_status)
{
	open_worker(0);
	fake_start("bad", fake_modules("bad-abi", "bad", NULL), NULL);
	await_turn();
	ck_assert_int_eq(relw_dispatch(host), 0);
	json_decref(fake_expect("failed"));
	ck_assert_int_eq(relw_close(&host), 1);
}
END_TEST

static int
close_in_between(unsigned flags)
{
	open_worker(flags);
	start(-1, 0);
	settle();
	fake_prepare(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"), NULL, NULL)),
	    fake_modules("inward-2", "counter", NULL), 60000);
	turn(); /* it is loaded from here on, until another turn sees the end of that */
	ck_assert_int_eq(relw_close(&host), 0);
	ck_assert_int_eq(seen.count[INWARD_TERMINATE], 1);
	return 3;
}

/* A process of the worker's ends in there at once, by status 0; a host lives on. */
START_TEST(close_while_code_is_loaded)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		_exit(close_in_between(_i == 0 ? 0 : RELW_HOST_PROCESS));
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), _i == 0 ? 3 : 0);
}
END_TEST

/* The state is freed when terminate() has run: a task that ends late calls nothing any more. */
static void *
late_client(void *arg)
{
	char text[8] = "";
	(void)arg;
	if (recv(fake.client, text, 3, MSG_WAITALL) != 3 || strcmp(text, "end") != 0 ||
	    send(fake.client, "c", 1, MSG_NOSIGNAL) != 1)
		return NULL;
	ssize_t n = recv(fake.client, text, sizeof(text) - 1, 0);
	if (n > 0)
		(void)!send(fake.client, "uq", 2, MSG_NOSIGNAL);
	return n == 0 ? &host : NULL;
}

START_TEST(a_task_that_ends_late_calls_nothing)
{
	pthread_t t;
	void *closed;
	open_worker(0);
	fake_start("tasker", fake_modules("tasker-1", "tasker", NULL), json_pack("{s:i}", "tell", 1));
	json_decref(fake_expect("ready"));
	char c = 's';
	ck_assert_int_eq(send(fake.client, &c, 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(recv(fake.client, &c, 1, 0), 1);
	ck_assert_int_eq(pthread_create(&t, NULL, late_client, NULL), 0);
	ck_assert_int_eq(relw_close(&host), 0);
	pthread_join(t, &closed);
	ck_assert_ptr_nonnull(closed);
}
END_TEST

START_TEST(one_after_the_other)
{
	int before = ask(fds, "");
	for (int i = 0; i < 3; i++) {
		memset(&seen, 0, sizeof(seen));
		open_worker(i == 1 ? RELW_HOST_PROCESS : 0);
		start(-1, 0);
		upgrade();
		ck_assert_str_eq(version(), "2");
		ck_assert_int_eq(relw_close(&host), 0);
		ck_assert_int_eq(ask(fake_maps, "/inward-"), 0);
		rel_fd_close(&fake.sock);
		rel_fd_close(&fake.client);
		rel_fd_close(&fake.wake);
		rel_fd_close(&fake.begin);
		proto_decision_fini(&fake.memory);
		ck_assert_int_eq(ask(fds, ""), before);
	}
}
END_TEST

/* ------------------------------------------------------------------ what the process owns */
static void
on_signal(int sig)
{
	(void)sig;
}

static void
expect_blocked(int sig, bool blocked)
{
	sigset_t mask;
	sigprocmask(SIG_BLOCK, NULL, &mask);
	ck_assert_int_eq(sigismember(&mask, sig), blocked);
}

START_TEST(signals_stay_the_hosts)
{
	signal(SIGTERM, on_signal);
	signal(SIGCHLD, on_signal);
	signal(SIGPIPE, on_signal);
	open_worker(0);
	start(-1, 0);
	expect_handler(SIGTERM, on_signal);
	expect_handler(SIGCHLD, on_signal);
	expect_handler(SIGPIPE, on_signal);
	expect_blocked(SIGTERM, false);
	kill(getpid(), SIGTERM);
	ck_assert_str_eq(version(), "1");
	ck_assert_int_eq(relw_close(&host), 0);
	expect_handler(SIGPIPE, on_signal);
}
END_TEST

/* Nor is a pending one taken from a host that reads it by a descriptor of its own. */
START_TEST(blocked_sigterm_stays_the_hosts)
{
	sigset_t term, pending;
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	open_worker(0);
	start(-1, 0);
	kill(getpid(), SIGTERM);
	settle();
	ck_assert_str_eq(version(), "1");
	sigpending(&pending);
	ck_assert_int_eq(sigismember(&pending, SIGTERM), 1);
}
END_TEST

START_TEST(a_lost_peer_kills_nobody)
{
	signal(SIGPIPE, SIG_DFL);
	open_worker(0);
	expect_handler(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(relw_close(&host), 0);
	expect_handler(SIGPIPE, SIG_DFL);
}
END_TEST

START_TEST(children_must_wait)
{
	if (_i == 0)
		signal(SIGCHLD, SIG_IGN);
	else
		sigaction(SIGCHLD, &(struct sigaction){.sa_handler = on_signal, .sa_flags = SA_NOCLDWAIT}, NULL);
	signal(SIGPIPE, SIG_DFL);
	ck_assert_int_eq(open_host(0, &host), -EINVAL);
	expect_handler(SIGPIPE, SIG_DFL);
	open_worker(RELW_HOST_PROCESS);
	expect_handler(SIGCHLD, SIG_DFL);
	ck_assert_int_eq(relw_close(&host), 0);
	expect_handler(SIGCHLD, _i == 0 ? SIG_IGN : on_signal);
}
END_TEST

START_TEST(process_may_be_the_workers)
{
	signal(SIGTERM, on_signal);
	signal(SIGPIPE, SIG_DFL);
	open_worker(RELW_HOST_PROCESS);
	start(-1, 0);
	settle();
	expect_blocked(SIGTERM, true);
	kill(getpid(), SIGTERM);
	expect_end(0, "shutdown");
	expect_blocked(SIGTERM, false);
	expect_handler(SIGPIPE, SIG_DFL);
}
END_TEST

/* A sanitizer has handlers of its own, and stacks for them: they stand as a host's. */
#ifndef RELUP_SANITIZED
static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGTRAP};

static bool
has_signal_stack(const void *memory)
{
	stack_t now;
	ck_assert_int_eq(sigaltstack(NULL, &now), 0);
	return memory != NULL ? now.ss_sp == memory : (now.ss_flags & SS_DISABLE) == 0;
}

START_TEST(fault_signals_are_given_back)
{
	struct sigaction sa;
	for (int turns = 0; turns < 2; turns++) {
		open_worker(_i == 0 ? 0 : RELW_HOST_PROCESS);
		for (size_t i = 0; i < NELEM(faults); i++) {
			ck_assert_int_eq(sigaction(faults[i], NULL, &sa), 0);
			ck_assert(sa.sa_handler != SIG_DFL && sa.sa_handler != SIG_IGN);
			ck_assert_int_eq(sa.sa_flags & (SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND),
			    SA_SIGINFO | SA_ONSTACK | (int)SA_RESETHAND);
		}
		ck_assert(has_signal_stack(NULL));
		ck_assert_int_eq(relw_close(&host), 0);
		for (size_t i = 0; i < NELEM(faults); i++)
			expect_handler(faults[i], SIG_DFL);
		ck_assert(!has_signal_stack(NULL));
	}
}
END_TEST

/* One that stands when it opens, and one that comes later. */
START_TEST(the_hosts_own_fault_handlers_stand)
{
	static char memory[65536];
	ck_assert_int_eq(sigaltstack(&(stack_t){.ss_sp = memory, .ss_size = sizeof(memory)}, NULL), 0);
	signal(SIGSEGV, on_signal);
	signal(SIGBUS, SIG_IGN);
	open_worker(_i == 0 ? 0 : RELW_HOST_PROCESS);
	expect_handler(SIGSEGV, on_signal);
	expect_handler(SIGBUS, SIG_IGN);
	signal(SIGFPE, on_signal);
	ck_assert(has_signal_stack(memory));
	ck_assert_int_eq(relw_close(&host), 0);
	expect_handler(SIGSEGV, on_signal);
	expect_handler(SIGBUS, SIG_IGN);
	expect_handler(SIGFPE, on_signal);
	expect_handler(SIGILL, SIG_DFL);
	ck_assert(has_signal_stack(memory));
}
END_TEST
#endif

START_TEST(limit_of_descriptors)
{
	struct rlimit rl;
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	rl.rlim_cur = rl.rlim_max < 256 ? rl.rlim_max : 256;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &rl), 0);
	rlim_t before = rl.rlim_cur;
	open_worker(_i == 0 ? 0 : RELW_HOST_PROCESS);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &rl), 0);
	ck_assert_uint_eq(rl.rlim_cur, _i == 0 ? before : rl.rlim_max);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_host");
	TCase *tc = tcase_create("host");
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, with_nothing_to_do_it_returns_at_once);
	tcase_add_test(tc, runs_module_code_in_dispatch_only);
	tcase_add_loop_test(tc, tells_of_a_due_timer, 0, 2);
	tcase_add_test(tc, tells_of_a_repeated_timer);
	tcase_add_test(tc, tells_when_to_connect_at_last);
	tcase_add_test(tc, tells_when_to_connect_again);
	tcase_add_test(tc, tells_of_the_deadline_of_a_rehearsal);
	tcase_add_test(tc, tells_when_to_free_what_was_replaced);
	tcase_add_test(tc, one_that_never_idles_frees_it_later);
	tcase_add_test(tc, module_code_may_not_call_it);
	tcase_add_test(tc, another_thread_may_not_call_it);
	tcase_add_test(tc, what_cannot_be_opened);
	tcase_add_test(tc, relupd_ends_it);
	tcase_add_test(tc, module_ends_it);
	tcase_add_test(tc, host_ends_it);
	tcase_add_test(tc, close_ends_it);
	tcase_add_test(tc, one_that_did_not_start_tells_its_status);
	tcase_add_loop_test(tc, close_while_code_is_loaded, 0, 2);
	tcase_add_test(tc, a_task_that_ends_late_calls_nothing);
	tcase_add_test(tc, one_after_the_other);
	tcase_add_test(tc, signals_stay_the_hosts);
	tcase_add_test(tc, blocked_sigterm_stays_the_hosts);
	tcase_add_test(tc, a_lost_peer_kills_nobody);
	tcase_add_loop_test(tc, children_must_wait, 0, 2);
	tcase_add_test(tc, process_may_be_the_workers);
#ifndef RELUP_SANITIZED
	tcase_add_loop_test(tc, fault_signals_are_given_back, 0, 2);
	tcase_add_loop_test(tc, the_hosts_own_fault_handlers_stand, 0, 2);
#endif
	tcase_add_loop_test(tc, limit_of_descriptors, 0, 2);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
