/* SPDX-License-Identifier: Apache-2.0
 * worker: tasks, what they may call, how they come to rest, and how their turns hold old code.
 */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker_fixture.h"

/* ------------------------------------------------------------------ what is asked */
static void
start(const char *file)
{
	fake_start("tasker", fake_modules(file, "tasker", NULL), NULL);
	json_decref(fake_expect("ready"));
}

/* One command to the task; its answer. */
static const char *
task(char command)
{
	static char buf[128];
	ck_assert_int_eq(send(fake.client, &command, 1, MSG_NOSIGNAL), 1);
	ssize_t n = recv(fake.client, buf, sizeof(buf) - 1, 0);
	ck_assert_int_gt(n, 0);
	buf[n] = '\0';
	return buf;
}

static void
tell_task(char command)
{
	ck_assert_int_eq(send(fake.client, &command, 1, MSG_NOSIGNAL), 1);
}

static json_t *
ask(json_t *body)
{
	fake_send("ask", body);
	json_t *reply = fake_expect("reply");
	ck_assert_int_eq(json_integer_value(json_object_get(reply, "id")), 3);
	ck_assert(json_is_true(json_object_get(reply, "ok")));
	json_t *r = json_incref(json_object_get(reply, "reply"));
	json_decref(reply);
	return r;
}

static json_t *
holders(void)
{
	return ask(json_pack("{s:i, s:s}", "id", 3, "what", "holders"));
}

static size_t
tasks(void)
{
	json_t *h = holders();
	size_t n = (size_t)json_integer_value(json_object_get(h, "tasks"));
	json_decref(h);
	return n;
}

static json_t *
look(const char *file, int wait_ms)
{
	json_t *m = fake_module(file, "tasker");
	json_t *r = ask(json_pack("{s:i, s:s, s:i, s:b, s:[{s:s, s:O}]}", "id", 3, "what", "look", "wait_ms",
	    wait_ms, "leave", 1, "modules", "module", "tasker", "digest", json_object_get(m, "digest")));
	json_decref(m);
	return r;
}

static size_t
count(json_t *o, const char *key)
{
	return json_array_size(json_object_get(o, key));
}

static json_t *
suspended(json_t *step)
{
	json_object_set_new(step, "suspends", json_true());
	return step;
}

static json_t *
load_only(void)
{
	return json_pack("[o]", fake_step(0, true, json_pack("[s]", "tasker"), NULL, NULL));
}

static json_t *
update(const char *mode, const char *extra)
{
	const char *back = strcmp(mode, "up") == 0 ? "down" : "up";
	return json_pack("[o]", suspended(fake_step(0, true, json_pack("[s]", "tasker"),
	    json_pack("[o]", fake_change("tasker", mode, json_pack("{s:s?}", "do", extra))),
	    json_pack("[o]", fake_change("tasker", back, NULL)))));
}

static void
prepare(json_t *steps, const char *file)
{
	fake_prepare(steps, fake_modules(file, "tasker", NULL), 60000);
	json_decref(fake_prepared(true));
}

/* On a busy machine a task that goes may be told of before it has. */
static struct proto_frame
done_frame(void)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	ck_assert_int_eq(proto_recv(fake.sock, &p, &err), 1);
	while (!p.frame) {
		ck_assert_str_eq(p.name, "unrest");
		proto_packet_fini(&p);
		ck_assert_int_eq(proto_recv(fake.sock, &p, &err), 1);
	}
	ck_assert_int_eq(p.bin.kind, PROTO_DONE);
	return p.bin;
}

static void
bracket_done(enum proto_word_value decided)
{
	struct proto_frame f = done_frame();
	if (f.decided != decided)
		ck_abort_msg("%s", f.text);
}

static void
load(const char *file)
{
	prepare(load_only(), file);
	fake_bracket(0, 0);
	bracket_done(PROTO_COMMIT);
}

/* ------------------------------------------------------------------ turns */
START_TEST(a_task_serves_and_asks_the_loop)
{
	start("tasker-1");
	ck_assert_str_eq(task('e'), "1:1");
	ck_assert_str_eq(task('c'), "1:1");
	ck_assert_str_eq(task('c'), "1:2");
	ck_assert_str_eq(task('w'), "late");
	ck_assert_int_eq(tasks(), 1);
}
END_TEST

START_TEST(each_call_has_its_thread)
{
	start("tasker-1");
	ck_assert_str_eq(task('p'), "0"); /* a task and what is the loop's */
	json_t *r = fake_call("due");	  /* the loop and what is a task's */
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(r, "reply"), "rc")), 0);
	json_decref(r);
}
END_TEST

/* The descriptor stays open: it is the runtime's.  What ended is known no more. */
START_TEST(a_task_ends)
{
	static const char ends[] = {'q', 'f'};
	start("tasker-1");
	tell_task(ends[_i]);
	while (tasks() > 0)
		continue;
	json_t *r = fake_call("cancel");
	ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(r, "reply"), "rc")), -ENOENT);
	json_decref(r);
}
END_TEST

START_TEST(a_cancelled_task_ends)
{
	start("tasker-1");
	ck_assert_str_eq(task('e'), "1:1");
	json_decref(fake_call("cancel"));
	while (tasks() > 0)
		continue;
}
END_TEST

START_TEST(init_fails_and_its_tasks_end)
{
	/* There is no state that a call of theirs could be handed. */
	fake_start("tasker", fake_modules("tasker-1", "tasker", NULL), json_pack("{s:i, s:i}", "fail", 1, "call", _i));
	json_decref(fake_expect("failed"));
	int status = fake_exit();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1);
}
END_TEST

/* It looks at nothing: the worker ends without it, in order. */
START_TEST(a_task_that_stays_holds_no_end_up)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	fake_send("stop", json_pack("{s:s}", "reason", "shutdown"));
	int status = fake_exit();
	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}
END_TEST

/* ------------------------------------------------------------------ load */
START_TEST(a_waiting_task_takes_the_new_code)
{
	start("tasker-1");
	ck_assert_str_eq(task('e'), "1:1");
	load("tasker-3");
	ck_assert_str_eq(task('e'), "3:2");
	json_decref(fake_finish(true));
	ck_assert_int_eq(fake_maps("/tasker-1.so"), 0);
}
END_TEST

START_TEST(a_turn_stays_in_its_code_and_holds_it)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	load("tasker-3");
	ck_assert_str_eq(task('e'), "1:1!"); /* told, and it stays */
	json_t *f = fake_finish(true);
	json_t *old = json_object_get(json_array_get(json_object_get(f, "modules"), 0), "old");
	ck_assert_str_eq(json_string_value(json_object_get(old, "vsn")), "1");
	ck_assert_int_eq(json_integer_value(json_object_get(old, "held_by")), 1);
	json_decref(f);
	ck_assert_int_gt(fake_maps("/tasker-1.so"), 0);
	json_t *h = holders(), *one = json_array_get(json_object_get(h, "holders"), 0);
	ck_assert_int_eq(count(h, "holders"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(one, "module")), "tasker");
	ck_assert_str_eq(json_string_value(json_object_get(one, "vsn")), "1");
	ck_assert_str_eq(json_string_value(json_object_get(one, "task")), "serve/1");
	ck_assert_str_eq(json_string_value(json_object_get(one, "function")), "serve");
	ck_assert_str_eq(json_string_value(json_object_get(one, "what")), "task");
	ck_assert_int_gt(json_integer_value(json_object_get(one, "thread")), 0);
	ck_assert_int_ne(json_integer_value(json_object_get(one, "thread")), fake.pid);
	json_decref(h);
	/* Its turn ends: what it held goes by itself. */
	tell_task('u');
	ck_assert_int_eq(recv(fake.client, (char[8]){0}, 8, 0), 1);
	json_t *l = fake_expect("loaded");
	ck_assert(json_is_null(json_object_get(json_array_get(json_object_get(l, "modules"), 0), "old")));
	json_decref(l);
	ck_assert_int_eq(fake_maps("/tasker-1.so"), 0);
	ck_assert_str_eq(task('e'), "3:2");
}
END_TEST

START_TEST(held_code_blocks_a_third_version)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	load("tasker-3");
	json_decref(fake_finish(true));
	json_t *l = look("tasker-4", 0);
	ck_assert_int_eq(count(l, "blocking"), 1);
	ck_assert_int_eq(count(l, "staying"), 0); /* it is not in what is current */
	json_decref(l);
	fake_prepare(load_only(), fake_modules("tasker-4", "tasker", NULL), 60000);
	json_t *p = fake_prepared(false);
	ck_assert_str_eq(json_string_value(json_object_get(p, "code")), "blocked");
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(p, "text")), "serve/1"));
	json_decref(p);
	/* The way back needs no third one. */
	l = look("tasker-1", 0);
	ck_assert_int_eq(count(l, "blocking"), 0);
	json_decref(l);
	ck_assert_str_eq(task('u'), "u");
	json_decref(fake_expect("loaded"));
	load("tasker-4");
	ck_assert_str_eq(task('e'), "4:1");
}
END_TEST

START_TEST(look_tells_who_would_stay)
{
	start("tasker-1");
	json_t *l = look("tasker-3", 60000); /* one that waits ends its turn: no need for the time */
	ck_assert_int_eq(count(l, "staying"), 0);
	json_decref(l);
	ck_assert_str_eq(task('s'), "s");
	l = look("tasker-3", 1);
	ck_assert_int_eq(count(l, "staying"), 1);
	json_decref(l);
	ck_assert_str_eq(task('u'), "u");
	l = look("tasker-3", 60000);
	ck_assert_int_eq(count(l, "staying"), 0);
	json_decref(l);
}
END_TEST

START_TEST(purge_cancels_who_holds)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	load("tasker-3");
	json_decref(fake_finish(true));
	json_t *p = ask(json_pack("{s:i, s:s, s:i}", "id", 3, "what", "purge", "wait_ms", 1));
	ck_assert_int_eq(count(p, "cancelled"), 1);
	ck_assert_int_eq(count(p, "holders"), 1); /* it is only asked */
	json_decref(p);
	ck_assert_str_eq(task('e'), "1:1x");
	tell_task('q'); /* obeys at last */
	json_decref(fake_expect("loaded"));
	ck_assert_int_eq(fake_maps("/tasker-1.so"), 0);
	while (tasks() > 0)
		continue;
}
END_TEST

/* The code before it has no such function.  With a task that rests, and without any. */
START_TEST(rebind_starts_a_task_of_the_new_code)
{
	start(_i == 0 ? "tasker-lacks" : "tasker-1");
	prepare(load_only(), "tasker-later");
	fake_bracket(0, 0);
	bracket_done(PROTO_COMMIT);
	char buf[8];
	ck_assert_int_eq(recv(fake.client, buf, sizeof(buf), 0), 5);
	ck_assert_mem_eq(buf, "later", 5);
	json_decref(fake_finish(true));
}
END_TEST

START_TEST(a_task_function_must_be_offered)
{
	start("tasker-1");
	fake_prepare(load_only(), fake_modules("tasker-lacks", "tasker", NULL), 60000);
	json_t *p = fake_prepared(false);
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(p, "text")), "function 'serve'"));
	json_decref(p);
}
END_TEST

START_TEST(the_type_of_a_tasks_state_must_stay)
{
	start("tasker-1");
	fake_prepare(load_only(), fake_modules("tasker-untyped", "tasker", NULL), 60000);
	json_t *p = fake_prepared(false);
	ck_assert_ptr_nonnull(strstr(json_string_value(json_object_get(p, "text")),
	    "function 'serve' of module tasker, whose state type of that name 1 declares, and 3 does not"));
	json_decref(p);
	json_decref(fake_finish(false));
	tell_task('q'); /* without a task nothing is in the way */
	while (tasks() > 0)
		continue;
	prepare(load_only(), "tasker-untyped");
}
END_TEST

/* ------------------------------------------------------------------ update */
START_TEST(the_state_of_a_task_is_converted_both_ways)
{
	start("tasker-1");
	ck_assert_str_eq(task('e'), "1:1");
	prepare(update("up", NULL), "tasker-2");
	fake_bracket(0, 0);
	bracket_done(PROTO_COMMIT);
	ck_assert_str_eq(task('e'), "2:102");
	fake_bracket(0, 1);
	bracket_done(PROTO_COMMIT);
	ck_assert_str_eq(task('e'), "1:1103");
	json_decref(fake_finish(false));
}
END_TEST

START_TEST(failing_convert_leaves_the_task_as_it_was)
{
	static const char *const orders[] = {"refuse", "unset", "memory"};
	start("tasker-1");
	prepare(update("up", orders[_i]), "tasker-2");
	fake_bracket(0, 0);
	struct proto_frame f = done_frame();
	ck_assert_int_eq(f.decided, PROTO_ABORT);
	ck_assert_str_eq(f.module, "tasker");
	ck_assert_int_ne(f.code, PROTO_OK);
	ck_assert_str_eq(task('e'), "1:1");
	json_decref(fake_finish(false));
	ck_assert_int_eq(fake_maps("/tasker-2.so"), 0);
}
END_TEST

/* The loop serves on meanwhile, the task too; relupd hears who it is. */
START_TEST(an_update_waits_for_the_turn)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	prepare(update("up", NULL), "tasker-2");
	fake_bracket(0, 0);
	json_t *u = fake_expect("unrest");
	ck_assert_int_eq(json_integer_value(json_object_get(u, "operation")), FAKE_OP);
	ck_assert_int_eq(count(u, "holders"), 1);
	json_decref(u);
	ck_assert_int_eq(atomic_load(&fake.memory.cells[0].phase), PROTO_PHASE_RUNNING);
	json_decref(fake_call("any"));
	ck_assert_str_eq(task('c'), "1:1");
	ck_assert_str_eq(task('e'), "1:1!");
	ck_assert_str_eq(task('u'), "u");
	bracket_done(PROTO_COMMIT);
	ck_assert_str_eq(task('e'), "2:102");
	json_decref(fake_finish(true));
	ck_assert_int_eq(fake_maps("/tasker-1.so"), 0);
}
END_TEST

START_TEST(relupd_takes_back_what_waits_for_a_turn)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	prepare(update("up", NULL), "tasker-2");
	fake_bracket(0, 0);
	json_decref(fake_expect("unrest"));
	ck_assert_int_eq(proto_word_decide(&fake.memory.words[0], PROTO_ABORT), PROTO_ABORT);
	fake_wake();
	bracket_done(PROTO_ABORT);
	ck_assert_str_eq(task('e'), "1:1"); /* not due any more */
	ck_assert_str_eq(task('u'), "u");
	ck_assert_str_eq(task('e'), "1:2"); /* the next turn begins */
	json_decref(fake_finish(false));
}
END_TEST

/* Undone is what was before, and relupd waits for nobody who is not at rest: its next request may be here
 * before the news of the word. */
START_TEST(the_way_back_overtakes_what_waits_for_a_turn)
{
	start("tasker-1");
	prepare(json_pack("[o, o]", suspended(fake_step(0, true, json_pack("[s]", "tasker"), NULL, NULL)),
	    suspended(fake_step(1, true, json_array(), NULL, NULL))), "tasker-3");
	fake_bracket(0, 0);
	bracket_done(PROTO_COMMIT);
	ck_assert_str_eq(task('s'), "s");
	fake_bracket(1, 0);
	json_decref(fake_expect("unrest"));
	ck_assert_int_eq(proto_word_decide(&fake.memory.words[2], PROTO_ABORT), PROTO_ABORT);
	fake_bracket(0, 1);
	bracket_done(PROTO_ABORT);
	ck_assert_str_eq(task('u'), "u");
	bracket_done(PROTO_COMMIT);
	ck_assert_str_eq(task('e'), "1:1");
	json_decref(fake_finish(false));
}
END_TEST

START_TEST(relupd_goes_while_a_bracket_waits)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	prepare(update("up", NULL), "tasker-2");
	fake_bracket(0, 0);
	json_decref(fake_expect("unrest"));
	fake_accept();
	json_decref(fake_hello());
	ck_assert_int_eq(proto_word_read(&fake.memory.words[0]), PROTO_ABORT);
	ck_assert_str_eq(task('u'), "u");
	ck_assert_str_eq(task('e'), "1:1");
	json_decref(fake_finish(false));
}
END_TEST

START_TEST(finish_ends_what_waits_for_a_turn)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	prepare(update("up", NULL), "tasker-2");
	fake_bracket(0, 0);
	json_decref(fake_expect("unrest"));
	json_decref(fake_finish(false));
	ck_assert_str_eq(task('u'), "u");
	ck_assert_str_eq(task('e'), "1:1");
}
END_TEST

/* ------------------------------------------------------------------ rehearsal */
static void
rehearse(const char *extra, bool always)
{
	fake_send("rehearse", json_pack("{s:i, s:i, s:b, s:o, s:o}", "operation", FAKE_OP, "deadline_ms", 60000,
	    "always", always, "steps", update("up", extra), "modules", fake_modules("tasker-2", "tasker", NULL)));
}

static void
rehearsed(const char *result, const char *text)
{
	json_t *b = fake_expect("rehearsed");
	const char *has = json_string_value(json_object_get(b, "text"));
	if (strcmp(json_string_value(json_object_get(b, "result")), result) != 0 || strstr(has, text) == NULL)
		ck_abort_msg("%s", json_dumps(b, 0));
	json_decref(b);
}

START_TEST(the_rehearsal_converts_the_states_of_tasks)
{
	start("tasker-1");
	ck_assert_str_eq(task('e'), "1:1");
	rehearse(NULL, false);
	rehearsed("ok", "");
	ck_assert_str_eq(task('e'), "1:2"); /* it goes on, and knows nothing of it */
	rehearse("refuse", false);
	rehearsed("refused", "told to refuse");
	ck_assert_str_eq(task('e'), "1:3");
}
END_TEST

/* The copy is made when nothing is half done, or not at all. */
START_TEST(a_rehearsal_waits_for_the_turns)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	rehearse(NULL, _i == 1);
	rehearsed(_i == 1 ? "refused" : "skipped", "1 of 1 tasks did not end their turns");
	ck_assert_str_eq(task('e'), "1:1"); /* not due any more */
	rehearse(NULL, false);
	ck_assert_str_eq(task('u'), "u");
	rehearsed("ok", "");
	ck_assert_str_eq(task('e'), "1:2");
}
END_TEST

/* Nor is the copy made in the middle of a turn where it is asked for twice. */
START_TEST(a_second_rehearsal_waits_too)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	rehearse(NULL, true);
	rehearse(NULL, false);
	rehearsed("skipped", "1 of 1 tasks did not end their turns");
	ck_assert_str_eq(task('u'), "u");
}
END_TEST

START_TEST(finish_ends_a_rehearsal_that_waits)
{
	start("tasker-1");
	ck_assert_str_eq(task('s'), "s");
	rehearse(NULL, false);
	json_decref(fake_finish(false));
	ck_assert_str_eq(task('e'), "1:1");
	ck_assert_str_eq(task('u'), "u");
	ck_assert_str_eq(task('e'), "1:2");
}
END_TEST

/* The script names the callback module alone; what it imports has another layout too. */
static json_t *
crew_steps(void)
{
	return json_pack("[o]", suspended(fake_step(0, true, json_pack("[s,s]", "boss", "crew"),
	    json_pack("[o]", fake_change("boss", "up", NULL)), json_pack("[o]", fake_change("boss", "down", NULL)))));
}

START_TEST(a_task_below_what_changes_in_place_is_converted)
{
	fake_start("boss", fake_modules("boss-1", "boss", "crew-1", "crew", NULL), NULL);
	json_decref(fake_expect("ready"));
	ck_assert_str_eq(task('e'), "1:1");
	fake_send("rehearse", json_pack("{s:i, s:i, s:b, s:o, s:o}", "operation", FAKE_OP, "deadline_ms", 60000,
	    "always", 1, "steps", crew_steps(), "modules", fake_modules("boss-2", "boss", "crew-2", "crew", NULL)));
	rehearsed("ok", "");
	fake_prepare(crew_steps(), fake_modules("boss-2", "boss", "crew-2", "crew", NULL), 60000);
	json_decref(fake_prepared(true));
	fake_bracket(0, 0);
	bracket_done(PROTO_COMMIT);
	ck_assert_str_eq(task('e'), "2:2");
	json_decref(fake_finish(true));
}
END_TEST

/* There and back, a task and its state with it: nothing grows. */
START_TEST(a_hundred_changes_do_not_grow)
{
	start("tasker-1");
	int fds = 0;
	for (int i = 0; i < 100; i++) {
		prepare(update("up", NULL), "tasker-2");
		fake_bracket(0, 0);
		bracket_done(PROTO_COMMIT);
		json_decref(fake_finish(true));
		ck_assert_int_eq(task('e')[0], '2');
		prepare(update("down", NULL), "tasker-1");
		fake_bracket(0, 0);
		bracket_done(PROTO_COMMIT);
		json_decref(fake_finish(true));
		ck_assert_int_eq(task('e')[0], '1');
		if (i == 30)
			fds = fake_fds();
	}
	ck_assert_int_eq(fake_fds(), fds);
	ck_assert_int_eq(fake_maps("/tasker-2.so"), 0);
}
END_TEST

/* ------------------------------------------------------------------ threads that are none of ours */
static const char *const ways[] = {"waits", "spins"};

static json_t *
foreign_look(const char *file)
{
	json_t *m = fake_module(file, "threader");
	json_t *r = ask(json_pack("{s:i, s:s, s:[{s:s, s:O}]}", "id", 3, "what", "look", "modules", "module",
	    "threader", "digest", json_object_get(m, "digest")));
	json_decref(m);
	return r;
}

static void
foreign_prepare(const char *file, bool ok)
{
	fake_prepare(json_pack("[o]", fake_step(0, true, json_pack("[s]", "threader"), NULL, NULL)),
	    fake_modules(file, "threader", NULL), 60000);
	json_t *p = fake_prepared(ok);
	if (!ok)
		ck_assert_str_eq(json_string_value(json_object_get(p, "code")), "blocked");
	json_decref(p);
}

START_TEST(a_thread_of_the_modules_own_is_found_by_its_stack)
{
	const char *how = ways[_i];
	fake_start("threader", fake_modules("threader-1", "threader", NULL), json_pack("{s:s}", "thread", how));
	json_decref(fake_expect("ready"));
	foreign_prepare("threader-2", true);
	fake_bracket(0, 0);
	bracket_done(PROTO_COMMIT);
	json_decref(fake_finish(true));
	ck_assert_int_gt(fake_maps("/threader-1.so"), 0); /* the purge was refused */
	json_t *h = holders(), *one = json_array_get(json_object_get(h, "holders"), 0);
	ck_assert_int_eq(count(h, "holders"), 1);
	ck_assert_str_eq(json_string_value(json_object_get(one, "what")), "stack");
	ck_assert_str_eq(json_string_value(json_object_get(one, "module")), "threader");
	ck_assert_str_eq(json_string_value(json_object_get(one, "vsn")), "1");
	ck_assert_int_ne(json_integer_value(json_object_get(one, "thread")), fake.pid);
	ck_assert_str_eq(json_string_value(json_object_get(one, "hint")), "a thread that the runtime did not start");
	ck_assert_int_gt(json_integer_value(json_object_get(one, "offset")), 0);
	json_decref(h);
	json_t *l = foreign_look("threader-3");
	ck_assert_int_eq(count(l, "blocking"), 1);
	json_decref(l);
	foreign_prepare("threader-3", false);
	/* It ends: nothing holds the code any more. */
	ck_assert_int_eq(send(fake.client, "x", 1, MSG_NOSIGNAL), 1);
	ck_assert_int_eq(recv(fake.client, (char[8]){0}, 8, 0), 1);
	foreign_prepare("threader-3", true);
	ck_assert_int_eq(fake_maps("/threader-1.so"), 0);
}
END_TEST

START_TEST(without_foreign_threads_nothing_is_found)
{
	fake_start("threader", fake_modules("threader-1", "threader", NULL), NULL);
	json_decref(fake_expect("ready"));
	foreign_prepare("threader-2", true);
	fake_bracket(0, 0);
	bracket_done(PROTO_COMMIT);
	json_decref(fake_finish(true));
	ck_assert_int_eq(fake_maps("/threader-1.so"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_task");
	TCase *tc = tcase_create("task");
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_test(tc, a_task_serves_and_asks_the_loop);
	tcase_add_test(tc, each_call_has_its_thread);
	tcase_add_loop_test(tc, a_task_ends, 0, 2);
	tcase_add_test(tc, a_cancelled_task_ends);
	tcase_add_loop_test(tc, init_fails_and_its_tasks_end, 0, 2);
	tcase_add_test(tc, a_task_that_stays_holds_no_end_up);
	tcase_add_test(tc, a_waiting_task_takes_the_new_code);
	tcase_add_test(tc, a_turn_stays_in_its_code_and_holds_it);
	tcase_add_test(tc, held_code_blocks_a_third_version);
	tcase_add_test(tc, look_tells_who_would_stay);
	tcase_add_test(tc, purge_cancels_who_holds);
	tcase_add_loop_test(tc, rebind_starts_a_task_of_the_new_code, 0, 2);
	tcase_add_test(tc, a_task_function_must_be_offered);
	tcase_add_test(tc, the_type_of_a_tasks_state_must_stay);
	tcase_add_test(tc, the_state_of_a_task_is_converted_both_ways);
	tcase_add_loop_test(tc, failing_convert_leaves_the_task_as_it_was, 0, 3);
	tcase_add_test(tc, an_update_waits_for_the_turn);
	tcase_add_test(tc, relupd_takes_back_what_waits_for_a_turn);
	tcase_add_test(tc, the_way_back_overtakes_what_waits_for_a_turn);
	tcase_add_test(tc, relupd_goes_while_a_bracket_waits);
	tcase_add_test(tc, finish_ends_what_waits_for_a_turn);
	tcase_add_test(tc, the_rehearsal_converts_the_states_of_tasks);
	tcase_add_loop_test(tc, a_rehearsal_waits_for_the_turns, 0, 2);
	tcase_add_test(tc, a_second_rehearsal_waits_too);
	tcase_add_test(tc, finish_ends_a_rehearsal_that_waits);
	tcase_add_test(tc, a_task_below_what_changes_in_place_is_converted);
	tcase_add_test(tc, a_hundred_changes_do_not_grow);
	tcase_add_loop_test(tc, a_thread_of_the_modules_own_is_found_by_its_stack, 0, (int)NELEM(ways));
	tcase_add_test(tc, without_foreign_threads_nothing_is_found);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
