/* SPDX-License-Identifier: Apache-2.0
 * worker: tasks that begin and end while code is loaded over and back and states are converted.  No count is
 * lost, no call is, and what is confirmed away goes.  RELUP_STRESS_TASKS and RELUP_STRESS_ROUNDS make it longer.
 */
#include "config.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>

#include "worker_fixture.h"

static int
setting(const char *name, int otherwise)
{
	const char *text = getenv(name);
	return text != NULL ? atoi(text) : otherwise;
}

/* What the worker says of itself may come in between. */
static json_t *
expect(const char *name)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	for (;;) {
		ck_assert_int_eq(proto_recv(fake.sock, &p, &err), 1);
		ck_assert(!p.frame);
		if (strcmp(p.name, name) == 0)
			break;
		if (strcmp(p.name, "loaded") != 0 && strcmp(p.name, "unrest") != 0)
			ck_abort_msg("%s where %s is due: %s", p.name, name, json_dumps(p.body, 0));
		proto_packet_fini(&p);
	}
	json_t *body = json_incref(p.body);
	proto_packet_fini(&p);
	return body;
}

static void
expect_commit(void)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	for (;;) {
		ck_assert_int_eq(proto_recv(fake.sock, &p, &err), 1);
		if (p.frame)
			break;
		ck_assert(strcmp(p.name, "loaded") == 0 || strcmp(p.name, "unrest") == 0);
		proto_packet_fini(&p);
	}
	if (p.bin.kind != PROTO_DONE || p.bin.decided != PROTO_COMMIT)
		ck_abort_msg("%s", p.bin.text);
}

static json_t *
call(const char *request)
{
	fake_send("call", json_pack("{s:i, s:s}", "id", 7, "request", request));
	json_t *r = expect("reply"), *reply = json_incref(json_object_get(r, "reply"));
	json_decref(r);
	return reply;
}

static json_int_t
number(const json_t *reply, const char *key)
{
	return json_integer_value(json_object_get(reply, key));
}

/* As relupd does: those in old code are asked to leave it before a further version comes. */
static void
look(const char *file)
{
	json_t *m = fake_module(file, "stress");
	fake_send("ask", json_pack("{s:i, s:s, s:i, s:[{s:s, s:O}]}", "id", 8, "what", "look", "wait_ms", 30000,
	    "modules", "module", "stress", "digest", json_object_get(m, "digest")));
	json_decref(m);
	json_t *r = expect("reply");
	ck_assert_uint_eq(json_array_size(json_object_get(json_object_get(r, "reply"), "blocking")), 0);
	json_decref(r);
}

static void
holders(void)
{
	fake_send("ask", json_pack("{s:i, s:s, s:b}", "id", 9, "what", "holders", "all", 1));
	json_decref(expect("reply"));
}

/* `mode` NULL: loaded only. */
static void
change(const char *file, const char *mode)
{
	json_t *step = fake_step(0, true, json_pack("[s]", "stress"),
	    mode != NULL ? json_pack("[o]", fake_change("stress", mode, NULL)) : NULL, NULL);
	json_object_set_new(step, "suspends", json_boolean(mode != NULL));
	look(file);
	fake_prepare(json_pack("[o]", step), fake_modules(file, "stress", NULL), 60000);
	json_t *p = expect("prepared");
	if (!json_is_true(json_object_get(p, "ok")))
		ck_abort_msg("%s", json_dumps(p, 0));
	json_decref(p);
	fake_bracket(0, 0);
	expect_commit();
	fake_send("finish", json_pack("{s:i, s:b}", "operation", FAKE_OP, "confirmed", 1));
	json_decref(expect("finished"));
	holders();
	json_t *r = call("any");
	ck_assert_str_eq(json_string_value(json_object_get(r, "vsn")), strchr(file, '-') + 1);
	ck_assert_int_eq(number(r, "wrong"), 0);
	json_decref(r);
}

START_TEST(no_count_is_lost)
{
	int tasks = setting("RELUP_STRESS_TASKS", 40), rounds = setting("RELUP_STRESS_ROUNDS", 5);
	fake_start("stress", fake_modules("stress-1", "stress", NULL), json_pack("{s:i}", "tasks", tasks));
	json_decref(expect("ready"));
	for (int i = 0; i < rounds; i++) {
		change("stress-3", NULL);
		change("stress-1", NULL);
		change("stress-2", "up");
		change("stress-1", "down");
	}
	json_t *r = call("stop");
	while (number(r, "tasks") > 0) {
		json_decref(r);
		(void)poll(NULL, 0, 1);
		r = call("any");
	}
	ck_assert_int_eq(number(r, "wrong"), 0);
	ck_assert_int_ge(number(r, "ended"), tasks);
	ck_assert_int_eq(number(r, "ticks"), 23 * number(r, "ended"));
	json_decref(r);
	/* The last ones have left old code, and nothing else holds it. */
	look("stress-2");
	for (int i = 0; i < 1000 && fake_maps("/stress-3.so") > 0; i++)
		(void)poll(NULL, 0, 10);
	ck_assert_int_eq(fake_maps("/stress-3.so"), 0);
	ck_assert_int_eq(fake_maps("/stress-2.so"), 0);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_stress");
	TCase *tc = tcase_create("stress");
	tcase_set_timeout(tc, 60 + setting("RELUP_STRESS_ROUNDS", 0) * 5);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_test(tc, no_count_is_lost);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
