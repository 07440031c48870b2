/* SPDX-License-Identifier: Apache-2.0
 * worker: does a swap land between two calls of one callback?  Code goes back and forth, by all the ways
 * there are, below callbacks and turns of tasks that never pause; see tests/modules/swap.c.
 * SWAP_CALLS (pairs of calls, on the loop and again in the tasks) and SWAP_UPGRADES say how much; `make
 * check-long` runs the full measure.
 */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker_fixture.h"

static long
number(const char *name, long otherwise)
{
	const char *s = getenv(name);
	return s != NULL ? strtol(s, NULL, 10) : otherwise;
}

/* ------------------------------------------------------------------ what is asked */
static struct proto_packet
packet(void)
{
	struct rel_err err = REL_ERR_INIT;
	struct proto_packet p;
	int rc = proto_recv(fake.sock, &p, &err);
	if (rc != 1)
		ck_abort_msg("%s", rc == 0 ? "the worker has gone" : err.text);
	return p;
}

/* The next packet that is no news: a task that has gone, or is waited for, is told when it pleases. */
static struct proto_packet
answer(void)
{
	struct proto_packet p = packet();
	while (!p.frame && (strcmp(p.name, "loaded") == 0 || strcmp(p.name, "unrest") == 0)) {
		proto_packet_fini(&p);
		p = packet();
	}
	return p;
}

static json_t *
expect(const char *name)
{
	struct proto_packet p = answer();
	ck_assert(!p.frame);
	ck_assert_str_eq(p.name, name);
	json_t *body = json_incref(p.body);
	proto_packet_fini(&p);
	return body;
}

static struct proto_frame
frame(enum proto_frame_kind kind)
{
	struct proto_packet p = answer();
	if (!p.frame)
		ck_abort_msg("%s", json_dumps(p.json, 0));
	ck_assert_int_eq(p.bin.kind, kind);
	return p.bin;
}

struct counts {
	json_int_t vsn, loop, ticks, calls, tasks, switches, mixed, sample, amid;
};

static struct counts
counts(void)
{
	struct counts c;
	fake_send("call", json_pack("{s:i, s:s}", "id", 9, "request", "any"));
	json_t *reply = expect("reply");
	ck_assert_int_eq(json_unpack(json_object_get(reply, "reply"), "{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
	    "vsn", &c.vsn, "loop", &c.loop, "ticks", &c.ticks, "calls", &c.calls, "tasks", &c.tasks, "switches",
	    &c.switches, "mixed", &c.mixed, "sample", &c.sample, "amid", &c.amid), 0);
	json_decref(reply);
	if (c.mixed != 0)
		ck_abort_msg("%jd of %jd pairs of calls were of different versions; the first (caller, callees): %jd",
		    (intmax_t)c.mixed, (intmax_t)(c.loop + c.tasks), (intmax_t)c.sample);
	if (c.amid != 0)
		ck_abort_msg("%jd changes of code in the middle of a callback or a turn", (intmax_t)c.amid);
	return c;
}

/* ------------------------------------------------------------------ swaps */
static json_t *
swap_step(bool self, bool update, bool up)
{
	json_t *loads = json_pack("[s,s,s]", "swap_second", "swap_first", "swap");
	json_t *there = update ? json_pack("[o]", fake_change("swap", up ? "up" : "down", NULL)) : NULL;
	json_t *back = update ? json_pack("[o]", fake_change("swap", up ? "down" : "up", NULL)) : NULL;
	json_t *step = fake_step(0, self, loads, there, back);
	json_object_set_new(step, "suspends", json_boolean(update));
	return step;
}

static json_t *
modules(bool two)
{
	return two ? fake_modules("swap-2", "swap", "swap-first-2", "swap_first", "swap-second-2", "swap_second", NULL)
		   : fake_modules("swap-1", "swap", "swap-first-1", "swap_first", "swap-second-1", "swap_second", NULL);
}

static void
bracket(bool self, int undo)
{
	fake_bracket(0, undo);
	if (!self) {
		(void)frame(PROTO_BUILT);
		ck_assert_int_eq(proto_word_decide(&fake.memory.words[undo], PROTO_COMMIT), PROTO_COMMIT);
		fake_wake();
	}
	struct proto_frame f = frame(PROTO_DONE);
	if (f.decided != PROTO_COMMIT)
		ck_abort_msg("%s", f.text);
}

/* By `load` and by `update`, alone and in a group; each third one is taken back, and made again. */
static int
swap(long i)
{
	bool up = i % 2 == 0, update = i / 2 % 2 == 0, self = i / 4 % 2 == 0, twice = i % 3 == 2;
	fake_prepare(json_pack("[o]", swap_step(self, update, up)), modules(up), 60000);
	json_t *p = expect("prepared");
	if (!json_is_true(json_object_get(p, "ok")))
		ck_abort_msg("%s", json_dumps(p, 0));
	json_decref(p);
	bracket(self, 0);
	if (twice) {
		ck_assert_int_eq(counts().vsn, up ? 2 : 1);
		bracket(self, 1);
		ck_assert_int_eq(counts().vsn, up ? 1 : 2);
		atomic_store(&fake.memory.words[0].value, PROTO_UNDECIDED);
		bracket(self, 0);
	}
	fake_send("finish", json_pack("{s:i, s:b}", "operation", FAKE_OP, "confirmed", 1));
	json_decref(expect("finished"));
	ck_assert_int_eq(counts().vsn, up ? 2 : 1);
	return twice ? 3 : 1;
}

START_TEST(no_swap_lands_between_two_calls)
{
	long upgrades = number("SWAP_UPGRADES", 30), calls = number("SWAP_CALLS", 100000);
	json_int_t switches = 0;
	fake_start("swap", modules(false), NULL);
	json_decref(expect("ready"));
	for (long i = 0; i < upgrades; i++)
		switches += swap(i);
	struct counts c = counts();
	while (c.loop < calls || c.tasks < calls || c.ticks == 0)
		c = counts();
	ck_assert_int_eq(c.switches, switches); /* each swap was followed by a callback, none was imagined */
	ck_assert_int_gt(c.calls, 0);
	if (getenv("SWAP_UPGRADES") != NULL)
		printf("# %ld upgrades, %jd swaps, %jd pairs of calls on the loop, %jd in tasks\n", upgrades,
		    (intmax_t)switches, (intmax_t)c.loop, (intmax_t)c.tasks);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("worker_swap");
	TCase *tc = tcase_create("swap");
	tcase_set_timeout(tc, getenv("SWAP_UPGRADES") != NULL ? 1800 : 60);
	tcase_add_checked_fixture(tc, fake_setup, fake_teardown);
	tcase_add_test(tc, no_swap_lands_between_two_calls);
	suite_add_tcase(s, tc);
	SRunner *sr = srunner_create(s);
	srunner_run_all(sr, CK_SILENT);
	int failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return failed != 0;
}
