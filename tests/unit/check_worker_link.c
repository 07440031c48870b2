/* SPDX-License-Identifier: Apache-2.0
 * worker: losing relupd, connecting again, hello, adoption; rehearsal.
 */
#include "config.h"

#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

static const char *
text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

START_TEST(connects_again_and_says_its_job)
{
	json_decref(fake_start_counter("counter-1"));
	for (int i = 0; i < 3; i++) {
		fake_accept();
		json_t *hello = fake_hello();
		json_t *job = json_object_get(hello, "job");
		ck_assert_str_eq(text_of(job, "application"), "demo");
		ck_assert_str_eq(text_of(job, "child"), "child");
		ck_assert_str_eq(text_of(job, "release"), "demo-0.1");
		json_t *m = json_array_get(json_object_get(job, "modules"), 0);
		ck_assert_str_eq(text_of(m, "vsn"), "1");
		ck_assert(json_is_null(json_object_get(hello, "operation")));
		ck_assert_uint_eq(fake.fd_count, 1); /* its listener */
		json_decref(hello);
	}
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

START_TEST(serves_while_relupd_is_away)
{
	struct rel_err err = REL_ERR_INIT;
	json_decref(fake_start_counter("counter-1"));
	rel_fd_close(&fake.listener);
	rel_fd_close(&fake.sock);
	ck_assert_str_eq(fake_echo(), "1:6:1");
	ck_assert_str_eq(fake_echo(), "1:7:1");
	ck_assert_int_eq(rel_unix_listen(fake.dirfd, "run/" PROTO_WORKERS_SOCKET, SOCK_SEQPACKET,
			     0600, &fake.listener, &err),
	    0);
	fake_accept();
	json_decref(fake_hello());
	ck_assert_str_eq(fake_echo(), "1:8:1");
}
END_TEST

static const char *
step_state(json_t *hello, size_t i)
{
	json_t *op = json_object_get(hello, "operation");
	ck_assert_int_eq(json_integer_value(json_object_get(op, "operation")), FAKE_OP);
	return text_of(json_array_get(json_object_get(op, "steps"), i), "state");
}

static void
expect_state(const char *state)
{
	fake_accept();
	json_t *hello = fake_hello();
	ck_assert_str_eq(step_state(hello, 0), state);
	json_decref(hello);
}

START_TEST(loses_relupd_while_it_waits_and_aborts)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	fake_bracket(0, 0);
	(void)fake_frame(PROTO_BUILT);
	expect_state("aborted");
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_ABORT);
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

/* COMMIT stands, and nobody was woken before relupd died. */
START_TEST(commits_what_was_decided_before_relupd_died)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	fake_bracket(0, 0);
	(void)fake_frame(PROTO_BUILT);
	proto_word_decide(&fake.memory.words[0], PROTO_COMMIT);
	expect_state("committed");
	ck_assert_str_eq(fake_echo(), "2:6:2");
}
END_TEST

/* The request waited in the socket while the worker was busy; relupd died meanwhile. */
START_TEST(bracket_of_a_dead_relupd_is_not_obeyed)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(_i == 0, "counter-2", NULL);
	ck_assert_int_eq(kill(fake.pid, SIGSTOP), 0);
	fake_bracket(0, 0);
	rel_fd_close(&fake.sock);
	ck_assert_int_eq(kill(fake.pid, SIGCONT), 0);
	expect_state("aborted");
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_ABORT);
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

/* As a group is: by its cell, once for each bid, whoever else is bidden something. */
START_TEST(begins_what_its_cell_bids)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(true, "counter-2", NULL);
	fake_ring();
	json_decref(fake_call("any")); /* the loop has gone round */
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_UNDECIDED);
	fake_bid(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.decided, PROTO_COMMIT);
	ck_assert_int_eq(f.operation, FAKE_OP);
	ck_assert_str_eq(fake_echo(), "2:6:2");
	fake_ring();
	json_decref(fake_call("any")); /* and no DONE before its reply */
	fake_bid(0, 1);
	f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.undo, 1);
	ck_assert_int_eq(f.decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "1:7:1");
	json_decref(fake_finish(false));
	fake_bid(0, 0);
	ck_assert_str_eq(fake_echo(), "1:8:1");
}
END_TEST

/* A module can write what it likes there: a bid that names no step of the worker's, or nothing after it named
 * one, is refused; the way back of a step that was not made changes nothing. */
START_TEST(bid_that_makes_no_sense)
{
	static const uint32_t bids[] = {UINT32_MAX, 5, 2, 0, UINT32_MAX - 1};
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(true, "counter-2", NULL);
	for (size_t i = 0; i < NELEM(bids); i++) {
		atomic_store(&fake.memory.cells[0].bidden, bids[i]);
		fake_ring();
		struct proto_frame f = fake_frame(PROTO_DONE);
		ck_assert_int_eq(f.decided, bids[i] == 2 ? PROTO_COMMIT : PROTO_ABORT);
		ck_assert_int_eq(f.code, bids[i] == 2 ? PROTO_OK : PROTO_NOT_PREPARED);
	}
	ck_assert_str_eq(fake_echo(), "1:6:1");
	fake_bid(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "2:7:2");
}
END_TEST

/* It bade and died (0), or the other way about (1), while the worker was busy.  In both cases the worker is
 * deaf to it from then on, also where the next relupd is there already; a message of that one is obeyed. */
START_TEST(bid_of_a_dead_relupd_is_not_obeyed)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(true, "counter-2", NULL);
	ck_assert_int_eq(kill(fake.pid, SIGSTOP), 0);
	if (_i == 0)
		fake_bid(0, 0);
	rel_fd_close(&fake.sock);
	if (_i == 1)
		fake_bid(0, 0);
	ck_assert_int_eq(kill(fake.pid, SIGCONT), 0);
	expect_state(_i == 0 ? "aborted" : "none");
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), _i == 0 ? PROTO_ABORT : PROTO_UNDECIDED);
	fake_bid(0, 1);
	ck_assert_str_eq(fake_echo(), "1:6:1");
	ck_assert_int_eq(proto_word_read(&fake.memory.words[1]), PROTO_UNDECIDED);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, _i == 0 ? PROTO_ABORT : PROTO_COMMIT);
}
END_TEST

/* More than the inbox holds: the bracket, which a message (0) or the cell (1) began, goes on, and all are
 * answered after it, in their order. */
START_TEST(many_calls_do_not_end_a_bracket)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	if (_i == 0)
		fake_bracket(0, 0);
	else
		fake_bid(0, 0);
	(void)fake_frame(PROTO_BUILT);
	for (int i = 0; i < 262; i++)
		fake_send("call", json_pack("{s:i, s:s}", "id", i, "request", "any"));
	proto_word_decide(&fake.memory.words[0], PROTO_COMMIT);
	fake_wake();
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	for (int i = 0; i < 262; i++) {
		json_t *reply = fake_expect("reply");
		ck_assert_int_eq(json_integer_value(json_object_get(reply, "id")), i);
		json_decref(reply);
	}
}
END_TEST

/* Nothing else comes, so that no later message makes the worker look at the one it kept. */
START_TEST(call_in_a_bracket_is_answered_after_it)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	if (_i == 0)
		fake_bracket(0, 0);
	else
		fake_bid(0, 0);
	(void)fake_frame(PROTO_BUILT);
	fake_send("call", json_pack("{s:i, s:s}", "id", 9, "request", "any"));
	struct pollfd taken = {.fd = fake.sock};
	int left;
	do { /* until the worker has taken it from the socket */
		ck_assert_int_eq(ioctl(fake.sock, SIOCOUTQ, &left), 0);
		(void)poll(&taken, 1, 1);
	} while (left > 0);
	proto_word_decide(&fake.memory.words[0], PROTO_COMMIT);
	fake_wake();
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	json_t *reply = fake_expect("reply");
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "id")), 9);
	json_decref(reply);
}
END_TEST

/* A full inbox must not hide that relupd is gone: the lease is a minute. */
START_TEST(relupd_is_missed_with_a_full_inbox)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	fake_bracket(0, 0);
	(void)fake_frame(PROTO_BUILT);
	for (int i = 0; i < 260; i++)
		fake_send("call", json_pack("{s:i, s:s}", "id", i, "request", "any"));
	expect_state("aborted");
}
END_TEST

START_TEST(hello_tells_how_far_it_came)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(true, "counter-2", NULL);
	expect_state("none");
	fake_bracket(0, 0);
	(void)fake_frame(PROTO_DONE);
	expect_state("committed");
	fake_bracket(0, 1);
	(void)fake_frame(PROTO_DONE);
	expect_state("undone");
}
END_TEST

START_TEST(adopted_operation_goes_on_with_new_memory)
{
	struct proto_decision first;
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	expect_state("none");
	first = fake.memory;
	fake.memory = (struct proto_decision){.memfd = -1};
	int began = dup(fake.begin);
	fake_memory();
	fake_send_memory("adopt",
	    json_pack("{s:i, s:i, s:[{s:i, s:i, s:i}]}", "operation", FAKE_OP, "cell", 0, "words",
		"step", 0, "up", 5, "undo", 6));
	json_decref(fake_prepared(true));
	atomic_store(&first.cells[0].bidden, proto_bid(0, false));
	ck_assert_int_eq(write(began, &(uint64_t){1}, sizeof(uint64_t)), sizeof(uint64_t));
	close(began);
	fake_bid(0, 0);
	(void)fake_frame(PROTO_BUILT);
	proto_word_decide(&fake.memory.words[5], PROTO_COMMIT);
	fake_wake();
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_int_eq(proto_word_read(&first.words[0]), PROTO_UNDECIDED);
	proto_decision_fini(&first);
	ck_assert_str_eq(fake_echo(), "2:6:2");
}
END_TEST

START_TEST(adopt_needs_the_operation)
{
	json_decref(fake_start_counter("counter-1"));
	fake_memory();
	fake_send_memory("adopt",
	    json_pack("{s:i, s:i, s:[]}", "operation", FAKE_OP, "cell", 0, "words"));
	json_t *b = fake_prepared(false);
	ck_assert_str_eq(text_of(b, "code"), "not_found");
	json_decref(b);
}
END_TEST

/* A daemon that does not read for a while gets everything in the end, in order. */
START_TEST(answers_wait_for_a_slow_daemon)
{
	enum { N = 600 };
	json_decref(fake_start_counter("counter-1"));
	for (int i = 0; i < N; i++)
		fake_send("call", json_pack("{s:i, s:s}", "id", i, "request", "any"));
	for (int i = 0; i < N; i++) {
		json_t *reply = fake_expect("reply");
		ck_assert_int_eq(json_integer_value(json_object_get(reply, "id")), i);
		json_decref(reply);
	}
}
END_TEST

/* BUILT waits behind replies that nobody reads; the pause goes on sending. */
START_TEST(built_gets_through_to_a_slow_daemon)
{
	enum { N = 600 };
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	for (int i = 0; i < N; i++)
		fake_send("call", json_pack("{s:i, s:s}", "id", i, "request", "any"));
	fake_bracket(0, 0);
	for (int i = 0; i < N; i++)
		json_decref(fake_expect("reply"));
	(void)fake_frame(PROTO_BUILT);
	proto_word_decide(&fake.memory.words[0], PROTO_COMMIT);
	fake_wake();
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
}
END_TEST

/* Half an adopt leaves no numbers behind that point out of the memory. */
START_TEST(failed_adopt_does_no_harm)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(true, "counter-2", NULL);
	fake_send("adopt", json_pack("{s:i, s:i, s:[{s:i, s:i, s:i}]}", "operation", FAKE_OP,
			       "cell", 0, "words", "step", 0, "up", 1 << 20, "undo", 1 << 20));
	json_decref(fake_prepared(false));
	fake_bid(0, 0);
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.code, PROTO_NOT_PREPARED);
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

START_TEST(garbage_from_the_daemon_ends_the_connection_only)
{
	json_decref(fake_start_counter("counter-1"));
	ck_assert_int_eq(send(fake.sock, "{\"a\":", 5, MSG_NOSIGNAL), 5);
	fake_accept();
	json_decref(fake_hello());
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

/* ------------------------------------------------------------------ rehearsal */
static void
rehearse(const char *file, const char *order, int deadline_ms)
{
	fake_send("rehearse", json_pack("{s:i, s:i, s:[o], s:o}", "operation", FAKE_OP,
				  "deadline_ms", deadline_ms, "steps",
				  fake_step(0, false, json_pack("[s]", "counter"),
				      json_pack("[o]", fake_change("counter", "up",
							   json_pack("{s:s?}", "do", order))),
				      NULL),
				  "modules", fake_modules(file, "counter", NULL)));
}

/* `hint`: "" where there is none. */
static void
expect_rehearsed(const char *result, const char *module, const char *text, const char *hint)
{
	json_t *b = fake_expect("rehearsed");
	const char *have = text_of(b, "hint");
	if (hint[0] == '\0' ? have[0] != '\0' : strstr(have, hint) == NULL)
		ck_abort_msg("the hint is not '%s': %s", hint, have);
	ck_assert_int_eq(json_integer_value(json_object_get(b, "operation")), FAKE_OP);
	if (strcmp(text_of(b, "result"), result) != 0)
		ck_abort_msg("%s", json_dumps(b, 0));
	ck_assert_str_eq(text_of(b, "module"), module);
	if (strstr(text_of(b, "text"), text) == NULL)
		ck_abort_msg("'%s' is not in: %s", text, text_of(b, "text"));
	ck_assert_int_ge(json_integer_value(json_object_get(b, "fork_us")), 0);
	json_decref(b);
	ck_assert_int_eq(fake_maps("/counter-2.so"), 0);
}

static void
prepare_in_place(const char *order, bool ok)
{
	fake_prepare(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"),
	    json_pack("[o]", fake_change("counter", "up", json_pack("{s:s?}", "do", order))),
	    json_pack("[o]", fake_change("counter", "down", NULL)))),
	    fake_modules("counter-inplace", "counter", NULL), 60000);
	json_t *p = fake_prepared(ok);
	if (!ok)
		ck_assert_ptr_nonnull(strstr(text_of(p, "text"), "in place, and that was not rehearsed"));
	json_decref(p);
}

START_TEST(in_place_goes_after_the_decision)
{
	json_decref(fake_start_counter("counter-1"));
	prepare_in_place(NULL, false); /* never without a rehearsal */
	rehearse("counter-inplace", NULL, 60000);
	expect_rehearsed("ok", "counter", "", "");
	ck_assert_str_eq(fake_echo(), "1:6:1");
	prepare_in_place(NULL, true);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "2:7:2");
	/* The old state is no more. */
	fake_bracket(0, 1);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	ck_assert_ptr_nonnull(strstr(f.text, "the way back is a restart"));
	ck_assert_str_eq(fake_echo(), "2:8:2");
	json_decref(fake_finish(true));
}
END_TEST

/* A group is decided before any state was touched, so that an abort finds all as it was. */
START_TEST(in_place_is_not_begun_before_the_decision)
{
	json_decref(fake_start_counter("counter-1"));
	rehearse("counter-inplace", NULL, 60000);
	expect_rehearsed("ok", "counter", "", "");
	fake_prepare(json_pack("[o]", fake_step(0, false, json_pack("[s]", "counter"),
	    json_pack("[o]", fake_change("counter", "up", NULL)), NULL)),
	    fake_modules("counter-inplace", "counter", NULL), 60000);
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_BUILT).code, PROTO_OK);
	ck_assert_int_eq(proto_word_decide(&fake.memory.words[0], PROTO_ABORT), PROTO_ABORT);
	fake_wake();
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_ABORT);
	ck_assert_str_eq(fake_echo(), "1:6:1");
	json_decref(fake_finish(false));
}
END_TEST

START_TEST(in_place_that_fails_ends_the_worker)
{
	json_decref(fake_start_counter("counter-1"));
	rehearse("counter-inplace", "refuse_real", 60000);
	expect_rehearsed("ok", "counter", "", "");
	prepare_in_place("refuse_real", true);
	fake_bracket(0, 0);
	int status = fake_exit();
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGABRT);
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_COMMIT);
}
END_TEST

START_TEST(in_place_that_would_fail_is_found_by_the_rehearsal)
{
	json_decref(fake_start_counter("counter-1"));
	rehearse("counter-inplace", "refuse", 60000);
	expect_rehearsed("refused", "counter", "told to refuse", "");
	ck_assert_str_eq(fake_echo(), "1:6:1");
	prepare_in_place(NULL, false);
}
END_TEST

START_TEST(rehearsal_says_ok_and_changes_nothing)
{
	json_decref(fake_start_counter("counter-1"));
	int fds = fake_fds();
	rehearse("counter-2", NULL, 60000);
	expect_rehearsed("ok", "counter", "", "");
	ck_assert_str_eq(fake_echo(), "1:6:1");
	rehearse("counter-2", NULL, 60000);
	expect_rehearsed("ok", "counter", "", "");
	ck_assert_int_eq(fake_fds(), fds);
}
END_TEST

static const struct {
	const char *file, *order, *result, *text, *hint;
} rehearsals[] = {
    {"counter-2", "refuse", "refused", "told to refuse (rehearsal, from 1)", ""},
    {"counter-2", "forbidden", "refused", "called relw_timer_add, which it may not", "correct the module"},
    {"counter-2", "unset", "refused", "code_change of counter 2 returned 0 and set no new state",
	"correct the module"},
    {"counter-2", "memory", "refused", "out of memory", "free memory"},
    {"counter-2", "crash", "crashed", "killed by SIGSEGV", ""},
    {"counter-nochange", NULL, "refused", "offers no code_change", "or make its update soft"},
    {"counter-lacks", NULL, "refused", "1 registrations name function 'echo'", "keep a function of that name"},
    {"counter-absent", NULL, "refused", "No such file", ""},
};

START_TEST(rehearsal_finds_what_is_bad)
{
	json_decref(fake_start_counter("counter-1"));
	for (int i = 0; i < 2; i++) {
		rehearse(rehearsals[_i].file, rehearsals[_i].order, 60000);
		expect_rehearsed(
		    rehearsals[_i].result, "counter", rehearsals[_i].text, rehearsals[_i].hint);
	}
	ck_assert_str_eq(fake_echo(), "1:6:1");
	fake_upgrade("counter-2", false, "up");
	ck_assert_str_eq(fake_echo(), "2:7:2");
}
END_TEST

/* Loaded alone, where its layout is another one. */
START_TEST(rehearsal_tells_what_the_appup_lacks)
{
	json_decref(fake_start_counter("counter-1"));
	fake_send("rehearse",
	    json_pack("{s:i, s:i, s:[o], s:o}", "operation", FAKE_OP, "deadline_ms", 60000, "steps",
		fake_step(0, false, json_pack("[s]", "counter"), NULL, NULL), "modules",
		fake_modules("counter-2", "counter", NULL)));
	expect_rehearsed("refused", "counter", "and the script has no code_change of counter",
	    "make the update of that module advanced");
}
END_TEST

START_TEST(hung_rehearsal_is_ended_while_the_worker_serves)
{
	char text[32];
	json_decref(fake_start_counter("counter-1"));
	rehearse("counter-2", "hang", 300);
	for (int i = 0; i < 20; i++) {
		snprintf(text, sizeof(text), "1:%d:1", 6 + i);
		ck_assert_str_eq(fake_echo(), text);
	}
	expect_rehearsed("hung", "counter", "did not end in time", "");
}
END_TEST

static void
rehearse_pair(const char *a, const char *b, int deadline_ms)
{
	fake_send("rehearse", json_pack("{s:i, s:i, s:o, s:o}", "operation", FAKE_OP, "deadline_ms",
				  deadline_ms, "steps", fake_pair_steps(json_string(a), b), "modules",
				  fake_pair_modules()));
}

static const struct {
	const char *a, *b, *result, *module, *text, *hint;
} part_rehearsals[] = {
    {"pass", "refuse", "refused", "pair_b", "note 5 is ill", ""},
    {"pass", "unset", "refused", "pair_b", "set no new state", "correct the module"},
    {"type", "", "refused", "pair_a", "no such state type (ENOENT)", "correct the module"},
    {"pass", "crash", "crashed", "pair_b", "killed by SIGSEGV", ""},
    {"pass", "hang", "hung", "pair_b", "did not end in time", ""},
    {"crash", "", "crashed", "pair_a", "killed by SIGSEGV", ""}, /* after all converts */
};

START_TEST(rehearsal_names_the_owner_of_a_part)
{
	fake_start_pair();
	rehearse_pair(part_rehearsals[_i].a, part_rehearsals[_i].b,
	    strcmp(part_rehearsals[_i].b, "hang") == 0 ? 300 : 60000);
	expect_rehearsed(part_rehearsals[_i].result, part_rehearsals[_i].module, part_rehearsals[_i].text,
	    part_rehearsals[_i].hint);
}
END_TEST

START_TEST(finish_ends_a_rehearsal)
{
	json_decref(fake_start_counter("counter-1"));
	rehearse("counter-2", "hang", 600000);
	rehearse("counter-2", NULL, 600000);
	json_t *b = fake_expect("rehearsed"); /* the second one, at once */
	ck_assert_str_eq(text_of(b, "result"), "refused");
	json_decref(b);
	json_decref(fake_finish(false));
	rehearse("counter-2", NULL, 600000);
	expect_rehearsed("ok", "counter", "", "");
}
END_TEST

START_TEST(rehearsal_dies_with_the_worker)
{
	char path[64], line[64] = "";
	json_decref(fake_start_counter("counter-1"));
	rehearse("counter-2", "hang", 600000);
	ck_assert_str_eq(fake_echo(), "1:6:1");
	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", fake.pid, fake.pid);
	FILE *f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_ptr_nonnull(fgets(line, sizeof(line), f));
	fclose(f);
	fake_send("stop", json_object());
	int status = fake_exit();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	ck_assert_int_eq(kill(atoi(line), 0), -1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_link");
	TCase *tc = tcase_create("link");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_test(tc, connects_again_and_says_its_job);
	tcase_add_test(tc, serves_while_relupd_is_away);
	tcase_add_test(tc, loses_relupd_while_it_waits_and_aborts);
	tcase_add_test(tc, commits_what_was_decided_before_relupd_died);
	tcase_add_loop_test(tc, bracket_of_a_dead_relupd_is_not_obeyed, 0, 2);
	tcase_add_test(tc, begins_what_its_cell_bids);
	tcase_add_test(tc, bid_that_makes_no_sense);
	tcase_add_loop_test(tc, bid_of_a_dead_relupd_is_not_obeyed, 0, 2);
	tcase_add_loop_test(tc, many_calls_do_not_end_a_bracket, 0, 2);
	tcase_add_loop_test(tc, call_in_a_bracket_is_answered_after_it, 0, 2);
	tcase_add_test(tc, relupd_is_missed_with_a_full_inbox);
	tcase_add_test(tc, hello_tells_how_far_it_came);
	tcase_add_test(tc, adopted_operation_goes_on_with_new_memory);
	tcase_add_test(tc, adopt_needs_the_operation);
	tcase_add_test(tc, answers_wait_for_a_slow_daemon);
	tcase_add_test(tc, built_gets_through_to_a_slow_daemon);
	tcase_add_test(tc, failed_adopt_does_no_harm);
	tcase_add_test(tc, garbage_from_the_daemon_ends_the_connection_only);
	tcase_add_test(tc, in_place_goes_after_the_decision);
	tcase_add_test(tc, in_place_is_not_begun_before_the_decision);
	tcase_add_test(tc, in_place_that_fails_ends_the_worker);
	tcase_add_test(tc, in_place_that_would_fail_is_found_by_the_rehearsal);
	tcase_add_test(tc, rehearsal_says_ok_and_changes_nothing);
	tcase_add_loop_test(tc, rehearsal_finds_what_is_bad, 0, (int)NELEM(rehearsals));
	tcase_add_test(tc, rehearsal_tells_what_the_appup_lacks);
	tcase_add_test(tc, hung_rehearsal_is_ended_while_the_worker_serves);
	tcase_add_loop_test(tc, rehearsal_names_the_owner_of_a_part, 0, (int)NELEM(part_rehearsals));
	tcase_add_test(tc, finish_ends_a_rehearsal);
	tcase_add_test(tc, rehearsal_dies_with_the_worker);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
