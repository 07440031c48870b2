/* SPDX-License-Identifier: Apache-2.0
 * worker: prepare, brackets up and back, what is refused, parts, finish and unmapping.
 */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

static const char *
text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));
	return s != NULL ? s : "";
}

static json_int_t
ask(const char *key)
{
	json_t *reply = fake_call("any");
	json_int_t n = json_integer_value(json_object_get(json_object_get(reply, "reply"), key));
	json_decref(reply);
	return n;
}

START_TEST(self_step_commits)
{
	json_decref(fake_start_counter("counter-1"));
	ck_assert_str_eq(fake_echo(), "1:6:1");
	fake_prepare_one(true, "counter-2", NULL);
	ck_assert_str_eq(fake_echo(), "1:7:1"); /* prepared: nothing has changed */
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.code, PROTO_OK);
	ck_assert_int_eq(f.decided, PROTO_COMMIT);
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_COMMIT);
	ck_assert_int_eq(f.operation, FAKE_OP);
	ck_assert(f.rest_ns > 0 && f.rest_ns <= f.built_ns && f.built_ns <= f.resumed_ns);
	ck_assert_int_eq(atomic_load(&fake.memory.cells[0].phase), PROTO_PHASE_RUNNING);
	ck_assert_int_eq(atomic_load(&fake.memory.cells[0].rest_ns), f.rest_ns);
	ck_assert_str_eq(fake_echo(), "2:8:2"); /* the state went over, the key is the new one */
	ck_assert_int_eq(ask("rebinds"), 1);
}
END_TEST

START_TEST(group_step_waits_and_commits)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_BUILT);
	ck_assert_int_eq(f.code, PROTO_OK);
	ck_assert_int_eq(atomic_load(&fake.memory.cells[0].phase), PROTO_PHASE_BUILT);
	fake_send("call", json_pack("{s:i, s:s}", "id", 1, "request", "any")); /* kept for later */
	ck_assert_int_eq(proto_word_decide(&fake.memory.words[0], PROTO_COMMIT), PROTO_COMMIT);
	fake_wake();
	f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.decided, PROTO_COMMIT);
	json_t *reply = fake_expect("reply");
	ck_assert_str_eq(text_of(json_object_get(reply, "reply"), "vsn"), "2");
	json_decref(reply);
	ck_assert_str_eq(fake_echo(), "2:6:2");
}
END_TEST

/* Its code is the new one already: no code_change of a state that is new. */
START_TEST(same_code_has_no_change_of_state)
{
	json_decref(fake_start_counter("counter-2"));
	fake_prepare_one(true, "counter-2", "refuse");
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.code, PROTO_OK);
	ck_assert_int_eq(f.decided, PROTO_COMMIT);
}
END_TEST

START_TEST(group_step_aborts)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	for (int i = 0; i < 2; i++) { /* it can be tried again, with a new word */
		fake_bracket(0, 0);
		(void)fake_frame(PROTO_BUILT);
		ck_assert_int_eq(
		    proto_word_decide(&fake.memory.words[0], PROTO_ABORT), PROTO_ABORT);
		struct proto_frame wake = {.magic = PROTO_FRAME_MAGIC, .kind = PROTO_WAKE};
		struct rel_err err = REL_ERR_INIT;
		ck_assert_int_eq(proto_send_frame(fake.sock, &wake, &err), 0);
		struct proto_frame f = fake_frame(PROTO_DONE);
		ck_assert_int_eq(f.decided, PROTO_ABORT);
		ck_assert_int_eq(f.code, PROTO_OK);
		ck_assert_int_eq(fake_echo()[0], '1');
		atomic_store(&fake.memory.words[0].value, PROTO_UNDECIDED);
	}
}
END_TEST

/* An eventfd still readable from an earlier step neither decides nor keeps the worker busy. */
START_TEST(stale_wake_is_cleared)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", NULL);
	fake_wake();
	fake_bracket(0, 0);
	(void)fake_frame(PROTO_BUILT);
	uint64_t n;
	while (read(fake.wake, &n, sizeof(n)) == sizeof(n)) /* until the worker has taken it */
		fake_wake();
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_UNDECIDED);
	proto_word_decide(&fake.memory.words[0], PROTO_COMMIT);
	fake_wake();
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
}
END_TEST

START_TEST(decided_abort_is_obeyed_without_a_change)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", "crash");
	proto_word_decide(&fake.memory.words[0], PROTO_ABORT);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_ABORT);
	ck_assert_int_eq(atomic_load(&fake.memory.cells[0].phase), PROTO_PHASE_RUNNING);
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

START_TEST(lease_ends_in_abort)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare(
	    json_pack("[o]", fake_step(0, false, json_pack("[s]", "counter"),
				 json_pack("[o]", fake_change("counter", "up", NULL)), NULL)),
	    fake_modules("counter-2", "counter", NULL), 20);
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	(void)fake_frame(PROTO_BUILT);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	ck_assert(f.resumed_ns - f.rest_ns >= 20 * DUR_MS);
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_ABORT);
	uint64_t n;
	ck_assert_int_eq(read(fake.wake, &n, sizeof(n)), sizeof(n)); /* the others were woken */
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

static const struct {
	const char *order;
	enum proto_built_code code;
	const char *text;
} failures[] = {
    {"refuse", PROTO_REFUSED, "code_change of counter 2 refused: told to refuse (real, from 1)"},
    {"forbidden", PROTO_FORBIDDEN,
	"code_change of counter 2 called relw_timer_add, which it may not"},
    {"stop", PROTO_FORBIDDEN, "code_change of counter 2 called relw_stop, which it may not"},
    {"memory", PROTO_NO_MEMORY, "code_change of counter 2: out of memory"},
    {"unset", PROTO_REFUSED, "code_change of counter 2 returned 0 and set no new state"},
};

static void
fail_step(int i, bool self)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(self, "counter-2", failures[i].order);
	fake_bracket(0, 0);
	if (!self) {
		struct proto_frame f = fake_frame(PROTO_BUILT);
		ck_assert_int_eq(f.code, failures[i].code);
		ck_assert_str_eq(f.text, failures[i].text);
	}
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.code, failures[i].code);
	ck_assert_str_eq(f.module, "counter");
	ck_assert_str_eq(f.text, failures[i].text);
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_ABORT);
	ck_assert_str_eq(fake_echo(), "1:6:1");
	json_decref(fake_finish(false));
	ck_assert_int_eq(fake_maps("/counter-2.so"), 0); /* what was not used is gone */
	fake_upgrade("counter-2", false, "up");
	ck_assert_str_eq(fake_echo(), "2:7:2");
}

START_TEST(failing_code_change_aborts_a_self_step)
{
	fail_step(_i, true);
}
END_TEST

START_TEST(failing_code_change_aborts_the_group)
{
	fail_step(_i, false);
}
END_TEST

/* Out of order, but it must not end in half a state: what is not built is not committed. */
START_TEST(what_is_not_built_is_not_committed)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", "refuse");
	proto_word_decide(&fake.memory.words[0], PROTO_COMMIT);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_BUILT).code, PROTO_REFUSED);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.code, PROTO_REFUSED);
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

START_TEST(crash_in_code_change_ends_the_worker_in_its_phase)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(false, "counter-2", "crash");
	fake_bracket(0, 0);
	int status = fake_exit();
	ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
	ck_assert_int_eq(atomic_load(&fake.memory.cells[0].phase), PROTO_PHASE_CHANGE);
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_UNDECIDED);
}
END_TEST

START_TEST(committed_step_can_be_undone)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(true, "counter-2", NULL);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "2:6:2");
	fake_bracket(0, 0); /* made already: said again, not made again */
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_int_eq(ask("rebinds"), 1);
	fake_bracket(0, 1);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.decided, PROTO_COMMIT);
	ck_assert_int_eq(f.undo, 1);
	ck_assert_int_eq(proto_word_read(&fake.memory.words[1]), PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "1:7:1");
	json_t *finished = fake_finish(false);
	json_t *m = json_array_get(json_object_get(finished, "modules"), 0);
	ck_assert_str_eq(text_of(m, "vsn"), "1");
	ck_assert(json_is_null(json_object_get(m, "old")));
	ck_assert_int_eq(fake_maps("/counter-2.so"), 0);
	json_decref(finished);
}
END_TEST

START_TEST(steps_go_in_order_and_back)
{
	json_t *loads = json_pack("[s]", "counter");
	json_decref(fake_start_counter("counter-1"));
	fake_prepare(
	    json_pack("[o,o]", fake_step(0, true, json_pack("[s]", "not_used"), NULL, NULL),
		fake_step(1, true, loads, json_pack("[o]", fake_change("counter", "up", NULL)),
		    json_pack("[o]", fake_change("counter", "down", NULL)))),
	    fake_modules("counter-2", "counter", NULL), 1000);
	json_decref(fake_prepared(true));
	fake_bracket(7, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).code, PROTO_NOT_PREPARED);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "1:6:1");
	fake_bracket(1, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "2:7:2");
	fake_bracket(0, 1);
	ck_assert_int_eq(fake_frame(PROTO_DONE).code, PROTO_NOT_PREPARED); /* 1 stands above it */
	fake_bracket(1, 1);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	fake_bracket(0, 1);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "1:8:1");
}
END_TEST

START_TEST(bracket_needs_its_operation)
{
	json_decref(fake_start_counter("counter-1"));
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.code, PROTO_NOT_PREPARED);
	ck_assert_int_eq(f.decided, PROTO_ABORT);
}
END_TEST

START_TEST(load_alone_keeps_the_state)
{
	json_decref(fake_start_counter("counter-2"));
	ck_assert_str_eq(fake_echo(), "2:6:1");
	fake_prepare(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"), NULL, NULL)),
	    fake_modules("counter-3", "counter", NULL), 1000);
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "3:7:1");
	ck_assert_int_eq(ask("rebinds"), 1);
	fake_bracket(0, 1);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "2:8:1");
}
END_TEST

static void
refused(json_t *steps, json_t *modules, const char *code, const char *word)
{
	fake_prepare(steps, modules, 1000);
	json_t *b = fake_prepared(false);
	ck_assert_str_eq(text_of(b, "code"), code);
	if (strstr(text_of(b, "text"), word) == NULL)
		ck_abort_msg("'%s' is not in: %s", word, text_of(b, "text"));
	json_decref(b);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).code, PROTO_NOT_PREPARED);
}

START_TEST(layout_needs_a_code_change)
{
	json_decref(fake_start_counter("counter-1"));
	refused(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"), NULL, NULL)),
	    fake_modules("counter-2", "counter", NULL), "code_change_failed",
	    "state type 'state' version 1 → 2, and the script has no code_change of counter");
	ck_assert_int_eq(fake_maps("/counter-2.so"), 0);
	fake_upgrade("counter-2", false, "up"); /* nothing of it is left in the way */
}
END_TEST

START_TEST(code_change_must_be_offered)
{
	json_decref(fake_start_counter("counter-1"));
	refused(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"),
				     json_pack("[o]", fake_change("counter", "up", NULL)), NULL)),
	    fake_modules("counter-nochange", "counter", NULL), "code_change_failed",
	    "counter 2 offers no code_change");
}
END_TEST

START_TEST(registered_functions_must_be_offered)
{
	json_decref(fake_start_counter("counter-1"));
	refused(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"),
				     json_pack("[o]", fake_change("counter", "up", NULL)), NULL)),
	    fake_modules("counter-lacks", "counter", NULL), "code_change_failed",
	    "1 registrations name function 'echo' of module counter, which its version 2");
}
END_TEST

START_TEST(bad_object_is_refused_by_prepare)
{
	json_decref(fake_start_counter("counter-1"));
	refused(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"), NULL, NULL)),
	    fake_modules("bad-abi", "counter", NULL), "bad_abi", "ABI 2");
	refused(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"), NULL, NULL)),
	    json_array(), "no_such_module", "counter");
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

START_TEST(second_operation_is_refused)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare_one(true, "counter-2", NULL);
	fake_send_memory("prepare",
	    json_pack("{s:i, s:i, s:i, s:[], s:[]}", "operation", FAKE_OP, "lease_ms", 1, "cell", 0,
		"steps", "modules"));
	json_t *b = fake_prepared(false);
	ck_assert_str_eq(text_of(b, "code"), "operation_in_progress");
	json_decref(b);
	fake_bracket(0, 0); /* the first one stands */
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
}
END_TEST

START_TEST(words_and_cell_must_be_there)
{
	json_decref(fake_start_counter("counter-1"));
	refused(json_pack("[o]", fake_step(8, true, json_array(), NULL, NULL)), json_array(),
	    "protocol_error", "step 8 names a word that is not there");
	fake_memory();
	fake_send_memory("prepare",
	    json_pack("{s:i, s:i, s:i, s:[], s:[]}", "operation", FAKE_OP, "lease_ms", 1, "cell", 1,
		"steps", "modules"));
	json_t *b = fake_prepared(false);
	ck_assert_ptr_nonnull(strstr(text_of(b, "text"), "cell 1"));
	json_decref(b);
}
END_TEST

/* The files are read on a thread: what comes meanwhile waits, or is told that nothing is ready. */
START_TEST(finish_waits_for_the_load)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare(
	    json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"),
				 json_pack("[o]", fake_change("counter", "up", NULL)), NULL)),
	    fake_modules("counter-2", "counter", NULL), 1000);
	fake_send("finish", json_pack("{s:i, s:b}", "operation", FAKE_OP, "confirmed", 0));
	json_decref(fake_prepared(true));
	json_decref(fake_expect("finished"));
	ck_assert_int_eq(fake_maps("/counter-2.so"), 0);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).code, PROTO_NOT_PREPARED);
}
END_TEST

START_TEST(end_waits_for_the_load)
{
	json_decref(fake_start_counter("counter-1"));
	fake_prepare(
	    json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"),
				 json_pack("[o]", fake_change("counter", "up", NULL)), NULL)),
	    fake_modules("counter-2", "counter", NULL), 1000);
	fake_send("stop", json_object());
	int status = fake_exit();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(finish_may_name_the_release)
{
	json_decref(fake_start_counter("counter-1"));
	fake_send("finish", json_pack("{s:i, s:b, s:s}", "operation", FAKE_OP, "confirmed", 1,
				"release", "demo-0.2"));
	json_decref(fake_expect("finished"));
	fake_accept();
	json_t *hello = fake_hello();
	ck_assert_str_eq(text_of(json_object_get(hello, "job"), "release"), "demo-0.2");
	json_decref(hello);
}
END_TEST

/* ------------------------------------------------------------------ parts */
static void
expect_pair(const char *text)
{
	json_t *reply = fake_call("any");
	ck_assert_str_eq(text_of(reply, "reply"), text);
	json_decref(reply);
}

static void
prepare_pair(json_t *a, const char *b)
{
	fake_prepare(fake_pair_steps(a, b), fake_pair_modules(), 1000);
	json_decref(fake_prepared(true));
}

START_TEST(parts_are_converted_both_ways)
{
	fake_start_pair();
	prepare_pair(NULL, NULL);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	expect_pair("a2 was-0 was-9");
	fake_bracket(0, 1);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_str_eq(f.text, "");
	ck_assert_int_eq(f.decided, PROTO_COMMIT);
	expect_pair("a1 0 9");
	json_decref(fake_finish(false));
	ck_assert_int_eq(fake_maps("/pair-c.so"), 0); /* the newly imported one went with it */
	fake_send("stop", json_object());
	int status = fake_exit();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(converted_parts_vanish_at_abort)
{
	fake_start_pair();
	prepare_pair(json_true(), NULL);
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	ck_assert_str_eq(f.text, "code_change of pair_a 2 refused: converted and refused");
	expect_pair("a1 0 9");
	fake_send("stop", json_object());
	int status = fake_exit(); /* with a sanitizer: no leak, nothing freed twice */
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

#define CONVERT "convert of state type 'note' of pair_b 2"

/* The part's owner is named, whatever its holder makes of it; the runtime's refusal is told. */
static const struct {
	const char *a, *b; /* orders */
	enum proto_built_code code;
	const char *module, *text;
} part_failures[] = {
    {"pass", "refuse", PROTO_REFUSED, "pair_b", CONVERT " refused: note 5 is ill"},
    {NULL, "refuse", PROTO_REFUSED, "pair_b",
	CONVERT " refused: note 5 is ill; code_change of pair_a 2 refused: note 5: -1"},
    {"pass", "quiet", PROTO_REFUSED, "pair_b", CONVERT " refused: it gave no reason"},
    {"pass", "memory", PROTO_NO_MEMORY, "pair_b", CONVERT ": out of memory"},
    {"pass", "forbidden", PROTO_FORBIDDEN, "pair_b", CONVERT " called relw_fd_del, which it may not"},
    {"pass", "unset", PROTO_REFUSED, "pair_b", CONVERT " returned 0 and set no new state"},
    {"go on", "unset", PROTO_REFUSED, "pair_b", CONVERT " returned 0 and set no new state"},
    {"type", NULL, PROTO_REFUSED, "pair_a",
	"code_change of pair_a 2 refused: relw_txn_convert(\"pair_b\", \"letter\"): "
	"version 1 has no such state type (ENOENT)"},
    {"module", NULL, PROTO_REFUSED, "pair_a",
	"code_change of pair_a 2 refused: relw_txn_convert(\"pair\", \"note\"): "
	"no such part: the worker uses no such module (ENOENT)"},
};

START_TEST(failing_part_is_told)
{
	fake_start_pair();
	prepare_pair(part_failures[_i].a != NULL ? json_string(part_failures[_i].a) : NULL, part_failures[_i].b);
	fake_bracket(0, 0);
	struct proto_frame f = fake_frame(PROTO_DONE);
	ck_assert_str_eq(f.text, part_failures[_i].text);
	ck_assert_str_eq(f.module, part_failures[_i].module);
	ck_assert_int_eq(f.code, part_failures[_i].code);
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	expect_pair("a1 0 9");
	fake_send("stop", json_object());
	int status = fake_exit(); /* with a sanitizer: nothing freed twice */
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

START_TEST(parts_need_the_code_change_of_their_holder)
{
	fake_start_pair();
	refused(json_pack("[o]", fake_step(0, true, json_pack("[s]", "pair_b"),
				     json_pack("[o]", fake_change("pair_b", "up", NULL)), NULL)),
	    fake_modules("pair-b-2", "pair_b", "pair-c", "pair_c", NULL), "code_change_failed",
	    "no code_change of pair_a");
}
END_TEST

/* ------------------------------------------------------------------ old code */
START_TEST(old_version_stays_until_confirmed)
{
	json_decref(fake_start_counter("counter-1"));
	fake_upgrade("counter-2", false, "up");
	ck_assert_int_gt(fake_maps("/counter-1.so"), 0);
	json_t *finished = fake_finish(false);
	json_t *m = json_array_get(json_object_get(finished, "modules"), 0);
	ck_assert_str_eq(text_of(json_object_get(m, "old"), "vsn"), "1");
	ck_assert_str_eq(text_of(json_object_get(m, "old"), "version"), "0.1");
	json_decref(finished);
	finished = fake_finish(true);
	m = json_array_get(json_object_get(finished, "modules"), 0);
	ck_assert(json_is_null(json_object_get(m, "old")));
	ck_assert_uint_eq(json_array_size(json_object_get(finished, "unmappable")), 0);
	ck_assert_int_eq(fake_maps("/counter-1.so"), 0);
	ck_assert_str_eq(fake_echo(), "2:6:2");
	json_decref(finished);
}
END_TEST

START_TEST(old_version_makes_room_for_a_third)
{
	json_decref(fake_start_counter("counter-1"));
	fake_upgrade("counter-2", false, "up");
	fake_prepare_one(true, "counter-3", NULL);
	ck_assert_int_eq(fake_maps("/counter-1.so"), 0);
	fake_bracket(0, 0);
	ck_assert_int_eq(fake_frame(PROTO_DONE).decided, PROTO_COMMIT);
	ck_assert_str_eq(fake_echo(), "3:6:2");
}
END_TEST

static const struct {
	const char *file, *reason;
} stuck[] = {
    {"counter-pinned", "pinned"},
    {"counter-dtor", "dlclose did not unmap it"},
};

START_TEST(what_cannot_be_unmapped_is_told_and_blocks_a_third)
{
	fake_start("counter", fake_modules(stuck[_i].file, "counter", NULL), NULL);
	json_decref(fake_expect("ready"));
	fake_upgrade("counter-3", false, "up");
	json_t *finished = fake_finish(true);
	json_t *left = json_array_get(json_object_get(finished, "unmappable"), 0);
	ck_assert_str_eq(text_of(left, "module"), "counter");
	ck_assert_str_eq(text_of(left, "vsn"), "2");
	ck_assert_ptr_nonnull(strstr(text_of(left, "reason"), stuck[_i].reason));
	json_decref(finished);
	ck_assert_int_gt(fake_maps(stuck[_i].file), 0);
	fake_prepare(json_pack("[o]", fake_step(0, true, json_pack("[s]", "counter"), NULL, NULL)),
	    fake_modules("counter-2", "counter", NULL), 1000);
	json_t *b = fake_prepared(false);
	ck_assert_str_eq(text_of(b, "code"), "blocked");
	json_decref(b);
	fake_upgrade(stuck[_i].file, false, "up"); /* the way back to it is open */
	ck_assert_str_eq(fake_echo(), "2:6:2");
}
END_TEST

/* There and back a hundred times, confirmed each time: nothing grows. */
START_TEST(a_hundred_changes_do_not_grow)
{
	json_decref(fake_start_counter("counter-1"));
	int maps = 0, fds = 0, lines = 0;
	for (int i = 0; i < 100; i++) {
		fake_upgrade("counter-2", true, "up");
		fake_upgrade("counter-1", true, "down");
		if (i == 30) {
			maps = fake_maps(".so");
			fds = fake_fds();
			lines = fake_maps("");
		}
	}
	ck_assert_int_eq(fake_maps(".so"), maps);
	ck_assert_int_eq(fake_fds(), fds);
	/* 138 objects came and went; what is kept closed of them is 64 ranges at most. */
	ck_assert_int_le(fake_maps(""), lines + 64 + 8);
	ck_assert_int_eq(fake_maps("/counter-2.so"), 0);
	ck_assert_str_eq(fake_echo(), "1:6:1");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_change");
	TCase *tc = tcase_create("change");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_test(tc, self_step_commits);
	tcase_add_test(tc, group_step_waits_and_commits);
	tcase_add_test(tc, same_code_has_no_change_of_state);
	tcase_add_test(tc, group_step_aborts);
	tcase_add_test(tc, stale_wake_is_cleared);
	tcase_add_test(tc, decided_abort_is_obeyed_without_a_change);
	tcase_add_test(tc, lease_ends_in_abort);
	tcase_add_loop_test(tc, failing_code_change_aborts_a_self_step, 0, (int)NELEM(failures));
	tcase_add_loop_test(tc, failing_code_change_aborts_the_group, 0, (int)NELEM(failures));
	tcase_add_test(tc, what_is_not_built_is_not_committed);
	tcase_add_test(tc, crash_in_code_change_ends_the_worker_in_its_phase);
	tcase_add_test(tc, committed_step_can_be_undone);
	tcase_add_test(tc, steps_go_in_order_and_back);
	tcase_add_test(tc, bracket_needs_its_operation);
	tcase_add_test(tc, load_alone_keeps_the_state);
	tcase_add_test(tc, layout_needs_a_code_change);
	tcase_add_test(tc, code_change_must_be_offered);
	tcase_add_test(tc, registered_functions_must_be_offered);
	tcase_add_test(tc, bad_object_is_refused_by_prepare);
	tcase_add_test(tc, second_operation_is_refused);
	tcase_add_test(tc, words_and_cell_must_be_there);
	tcase_add_test(tc, finish_waits_for_the_load);
	tcase_add_test(tc, end_waits_for_the_load);
	tcase_add_test(tc, finish_may_name_the_release);
	tcase_add_test(tc, parts_are_converted_both_ways);
	tcase_add_test(tc, converted_parts_vanish_at_abort);
	tcase_add_loop_test(tc, failing_part_is_told, 0, (int)NELEM(part_failures));
	tcase_add_test(tc, parts_need_the_code_change_of_their_holder);
	tcase_add_test(tc, old_version_stays_until_confirmed);
	tcase_add_test(tc, old_version_makes_room_for_a_third);
	tcase_add_loop_test(
	    tc, what_cannot_be_unmapped_is_told_and_blocks_a_third, 0, (int)NELEM(stuck));
	tcase_add_test(tc, a_hundred_changes_do_not_grow);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
