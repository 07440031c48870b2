#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The main job: releases change under connected clients.
load lib

# VERB FROM TO: under load; nobody is dropped, nothing is lost, the state is carried over.
move() {
	client_expect "old=${HEY[$2]} new=${HEY[$3]}"
	expect 0 relctl -o json "$1" "$3"
	holds 'd["outcome"] == "upgraded"' "d['from'] == '$2'" "d['to'] == '$3'" 'd["workers"] == 1' \
		'd["killed"] == []' 'd["error"] is None'
	client_round "$3"
	expect 0 relctl -o json call hello/listener/0 '{}'
	holds "d['connections'] == d['accepted'] == 1000" "d['lines'] >= $LINES + 1000"
	LINES=$(tool get 'd["lines"]' <<<"$output")
}

@test "1,000 clients over 0.1.0 -> 0.1.1 -> 0.1.2 -> 0.1.1 -> 0.1.0 -> 0.1.1" {
	demo_root
	start_running
	remember
	client_start 1000
	LINES=0
	move upgrade 0.1.0 0.1.1
	move upgrade 0.1.1 0.1.2
	move downgrade 0.1.2 0.1.1
	move downgrade 0.1.1 0.1.0
	move upgrade 0.1.0 0.1.1
	client_end 0
	client_holds 'd["answered"] == d["sent"]' 'd["dropped"] == d["lost"] == d["disorder"] == d["wrong"] == 0'
	unharmed
	# Every line of all the releases was counted by the one state that went through them.
	expect 0 relctl -o json call hello/listener/0 '{}'
	holds "d['lines'] == $(tool get 'd["answered"]' <<<"$REPORT")" 'd["accepted"] == 1000'
	runs 0.1.1
}

@test "half a request that was sent to the old release is answered by the new one" {
	demo_root
	start_running
	client_start 100
	client pause
	client_expect "new=${HEY[0.1.0]}"
	client_round before
	client half
	client_report
	client_holds 'd["half"]'
	client_expect "new=${HEY[0.1.1]}"
	expect 0 relctl upgrade 0.1.1
	client rest
	client_round 0.1.1
	client_end 0
}

@test "the result: what people read, what programs read" {
	demo_root
	start_running
	expect 0 relctl upgrade 0.1.1
	says '^upgraded: 0\.1\.0 -> 0\.1\.1' '7 instructions, 1 worker, longest pause [0-9]+ us \(forecast [0-9]+ us\), suspended [0-9]+ us, in all'
	warns 'upgrade 0\.1\.0 -> 0\.1\.1: rehearsing in a copy of 1 worker' 'loading the new code'
	expect 0 relctl -q downgrade 0.1.0
	says '^upgraded: 0\.1\.1 -> 0\.1\.0'
	[ -z "$stderr" ] || fail "-q is not quiet: $stderr"
	expect 0 relctl -o json upgrade 0.1.1
	holds 'set(d) == {"operation", "outcome", "from", "to", "path", "steps", "workers", "suspended_us",
		"longest_pause_us", "time_to_rest_us", "total_us", "forecast_us", "killed", "cancelled", "holders",
		"error"}' \
		'd["operation"] == 3' 'd["path"] == ["0.1.0", "0.1.1"]' 'd["steps"] == 7' \
		'0 < d["longest_pause_us"] <= d["suspended_us"] < d["total_us"]' 'd["forecast_us"] >= 0'
	expect 0 relctl -o json attach
	holds 'd["operation"] == 3' 'd["outcome"] == "upgraded"'
}

@test "a release that runs already: unchanged, no error, no operation" {
	demo_root
	start_running
	expect 0 relctl upgrade 0.1.0
	says '^unchanged: 0\.1\.0 runs already$'
	expect 0 relctl -o json downgrade 0.1.0
	holds 'd["outcome"] == "unchanged"' 'd["error"] is None' 'd["operation"] is None'
	expect 0 relctl -o json history
	holds 'd == []'
}

@test "no way between two releases is an error that says so" {
	demo_root
	start_running
	remember
	expect 1 relctl upgrade 0.1.2
	warns 'there is no script from 0\.1\.0 to 0\.1\.2' 'hint: .*relctl relup make'
	expect 1 relctl -o json upgrade 0.1.2
	holds 'd["error"]["code"] == "no_matching_relup"' '"0.1.2" in d["error"]["message"]' 'd["error"]["hint"]'
	expect 1 relctl plan 0.1.2
	unharmed
	runs 0.1.0
}

@test "downgrade takes a down script only, upgrade either" {
	demo_root
	start_running
	expect 1 relctl downgrade 0.1.1
	warns 'there is no down script from 0\.1\.0 to 0\.1\.1'
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	expect 0 relctl upgrade 0.1.0
	runs 0.1.0
}

@test "rollback goes back to what was permanent before" {
	demo_root
	start_running
	expect 4 relctl rollback
	warns 'there is no release to go back to' 'relctl downgrade VERSION'
	expect 0 relctl upgrade 0.1.1
	expect 0 relctl rollback
	says '^upgraded: 0\.1\.1 -> 0\.1\.0'
	runs 0.1.0
	expect 0 relctl -o json history
	holds '[h["kind"] for h in d] == ["rollback", "upgrade"]'
}

@test "list, history and plan, in text and in JSON; a plan changes nothing" {
	demo_root
	start_running
	remember
	expect 0 relctl plan 0.1.1 --out "$WORK/plan"
	says '^0\.1\.0 -> 0\.1\.1' ' 6  code_change +\{"mode":"up"' 'nothing is killed' \
		'hello/listener/0 \(undo: live\): suspend listener, load greeting, load listener, code_change listener, resume listener'
	local plan=$output
	expect 0 relctl -o json plan 0.1.1
	holds 'set(d) >= {"from", "to", "path", "instructions", "workers", "kills", "holders"}' \
		'[i if isinstance(i, str) else list(i)[0] for i in d["instructions"]] == ["load_object_code",
			"point_of_no_return", "suspend", "load", "load", "code_change", "resume"]' \
		'[set(w) for w in d["workers"]] == [{"worker", "instructions", "forecast_us", "undo"}]' \
		'd["kills"] == d["holders"] == []'
	diff <(tool get d <<<"$output") <(tool get d <"$WORK/plan")
	expect 4 relctl plan 9.9.9
	unharmed
	expect 0 relctl -o json history
	holds 'd == []'

	expect 0 relctl upgrade 0.1.1
	expect 0 relctl plan 0.1.2
	[ "$output" != "$plan" ]
	# On the way down the code_change stands before the loads.
	expect 0 relctl plan 0.1.0
	says 'live\): suspend listener, code_change listener, load [a-z]+, load [a-z]+, resume listener'
	expect 0 relctl list
	says 'RELEASE +VERSION +STATE +APPLICATIONS' 'hello +0\.1\.0 +old +hello 0\.1\.0' \
		'hello +0\.1\.1 +permanent +hello 0\.1\.1' 'hello +0\.1\.2 +unpacked +hello 0\.1\.2'
	expect 0 relctl -o json list
	holds 'all(set(r) >= {"name", "version", "state", "applications"} for r in d)' \
		'[r["version"] for r in d if r["state"] == "permanent"] == ["0.1.1"]' \
		'd[0]["applications"] == [{"application": "hello", "version": "0.1.0"}]'
	expect 0 relctl history
	says 'OPERATION +AT +WHO' '1 +20[-0-9:TZ]+ +.* \(uid [0-9]+\) +upgrade +0\.1\.0 +0\.1\.1 +upgraded +[0-9]+ us'
	expect 0 relctl -o json history
	holds 'set(d[0]) >= {"operation", "at", "who", "from", "to", "outcome", "longest_pause_us", "reason"}' \
		'd[0]["outcome"] == "upgraded" and d[0]["reason"] is None'
}

@test "a worker is asked by relctl call, before and after" {
	demo_root
	start_running
	expect 0 relctl call hello/listener/0 '{"ping": 1}'
	says '"pong": 1'
	expect 0 relctl -o json call hello/listener/0 '{}'
	holds 'd["vsn"] == "0.1.0"'
	expect 1 relctl call hello/listener/0 '{"sing": 1}'
	warns 'ask \{"ping": 1\}'
	expect 64 relctl call hello/listener/0 'no json'
	expect 4 relctl call hello/listener/7 '{}'
	expect 0 relctl upgrade 0.1.1
	expect 0 relctl -o json call hello/listener/0 '{}'
	holds 'd["vsn"] == "0.1.1"' 'd["changes"] == 1'
}
