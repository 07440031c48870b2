#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# States that are converted in place, after the decision: what the plan says, that they are rehearsed, and
# what a failure costs.  See in_place.c.
load lib

begin() { # KIND COUNT
	demo_root "$2"
	rm "$ROOT/lib/hello-0.1.1-crash/modules/listener.so"
	cp "$build/tests/scenario/.libs/in_place-$1.so" "$ROOT/lib/hello-0.1.1-crash/modules/listener.so"
	start_running "$2"
}

@test "the plan says that there is no live way back, and without a rehearsal it is not done" {
	begin good 1
	remember
	expect 0 relctl -o json plan 0.1.1-crash
	holds '[w["undo"] for w in d["workers"]] == ["restart"]'
	expect 0 relctl plan 0.1.1-crash
	says 'undo: restart'
	expect 1 relctl -o json upgrade 0.1.1-crash --rehearse never
	holds 'd["outcome"] == "unchanged"' '"in place, and that was not rehearsed" in d["error"]["message"]' \
		'"--rehearse never" in d["error"]["hint"]'
	unharmed
	runs 0.1.0
	expect 0 relctl -o json upgrade 0.1.1-crash
	holds 'd["outcome"] == "upgraded"' 'd["killed"] == []'
	unharmed
}

@test "a failure after the decision costs the workers it happens in, which run the new release" {
	begin fails 3
	expect 0 relctl -o json upgrade 0.1.1-crash
	holds 'd["outcome"] == "upgraded"' 'len(d["killed"]) == 3'
	await_running 3
	expect 0 relctl -o json status
	holds 'all(m["current"] == "0.1.1-in-place" for w in d["workers"] for m in w["modules"] if m["module"] == "listener")'
	grep -q 'now it is another thing: it failed in place, after the decision: this worker ends' \
		"$ROOT/log/hello.listener.0.log"
}
