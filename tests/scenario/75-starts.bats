#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# New code that does not start: in an upgrade, and as the first release of a root.
load lib

# Release 0.1.1-crash gets a listener that brings its worker down: see wicked.c.
wicked() { # KIND
	local modules=$ROOT/lib/hello-0.1.1-crash/modules
	rm -f "$modules/listener.so"
	cp "$build/tests/scenario/.libs/wicked_$1.so" "$modules/listener.so"
}

# COUNT workers of 0.1.0 run, and 0.1.1-crash is wicked.
begin() { # KIND [COUNT]
	demo_root "${2-1}"
	wicked "$1"
	start_running "${2-1}"
}

# The old release runs, and the next upgrade works.
end_well() {
	await_running "$1"
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

# Each worker loads it at the same time; all die, and none of them may be taken for converted.
dies_of_the_new_code() { # KIND HOW COUNT
	begin "$1" "$3"
	expect 5 relctl -o json upgrade 0.1.1-crash --rehearse never
	holds 'd["outcome"] == "rolled_back"' 'd["error"]["code"] == "worker_died"' \
		"'$2 while it loaded the new code' in d['error']['message']" 'd["total_us"] < 30e6'
	runs 0.1.0
	expect 1 relctl upgrade 0.1.1-crash
	warns 'unchanged' 'rehearsal'
	end_well "$3"
}

@test "new code that aborts while it is loaded" {
	dies_of_the_new_code abort 'died of SIGABRT' 1
}

@test "new code that exits while it is loaded, in each of three workers" {
	dies_of_the_new_code exit 'exited with status 3' 3
}

# Its status went to the relupd that is gone: not known how it ended, and still no `unchanged`.
@test "new code that aborts while it is loaded, in workers that were adopted" {
	begin abort 2
	end KILL
	start_running 2
	expect 5 relctl -o json upgrade 0.1.1-crash --rehearse never
	holds 'd["outcome"] == "rolled_back"' '"while it loaded the new code" in d["error"]["message"]'
	end_well 2
}

# A worker that dies of an upgrade runs again, though its type says never.
@test "a temporary worker that the new code took down runs again in the old release" {
	demo_root
	wicked abort
	edit_apps 's/^    - id: listener$/&\n      restart: temporary/'
	start_running
	expect 5 relctl upgrade 0.1.1-crash --rehearse never
	warns 'state: everything runs 0.1.0 again'
	end_well 1
}

@test "a worker that hangs while it loads new code serves on, ends when told to, and takes the next upgrade when it is through" {
	demo_root
	wicked hang
	export WICKED_GO=$WORK/go
	start_running
	remember
	relctl upgrade 0.1.1-crash --rehearse never >"$WORK/out" 2>&1 &
	await_log 'prepare: loading'
	tool busy "$(pid_of hello/listener/0)"
	end KILL
	wait %1 || true
	start
	expect 1 relctl attach
	warns 'unchanged'
	await_running 1
	[ "$(tool ask "$PORT")" = "${HEY[0.1.0]}" ]
	expect 1 relctl upgrade 0.1.1 --rehearse never
	warns 'operation 1 is still held here' 'hint: it still loads code of that operation'
	expect 1 relctl upgrade 0.1.1
	warns 'operation 1 is still held here' 'hint: it still loads code of that operation'
	touch "$WORK/go"
	local i
	for ((i = 0; i < 600; i++)); do
		relctl upgrade 0.1.1 >/dev/null 2>&1 && break
	done
	runs 0.1.1
	rm "$WORK/go"
	expect 0 relctl downgrade 0.1.0
	local pid
	pid=$(pid_of hello/listener/0)
	relctl upgrade 0.1.1-crash --rehearse never >"$WORK/out" 2>&1 &
	await_log 'crash: prepare: loading'
	tool busy "$pid"
	kill -TERM "$pid"
	tool gone "$pid"
	wait %1 || [ $? -eq 5 ]
	end_well 1
}

# It would be killed for that in the bracket, with all that it serves.
@test "a code_change slower than --max-pause is found in the rehearsal" {
	begin slow
	remember
	expect 1 relctl upgrade 0.1.1-crash --max-pause 100ms
	warns 'unchanged: the rehearsal in a copy of hello/listener/0: the forecast of the pause is (299|[3-9][0-9]+)ms, so long did its code_change take, and the limit is 100ms' \
		'hint: allow a longer pause with --max-pause'
	unharmed
	end_well 1
}

@test "a callback module without init is no target of an upgrade" {
	begin no_init
	remember
	expect 1 relctl -o json upgrade 0.1.1-crash --rehearse never
	holds 'd["outcome"] == "unchanged"' '"offers no init" in d["error"]["message"]'
	expect 1 relctl upgrade 0.1.1-crash
	warns 'offers no init'
	unharmed
	end_well 1
}

# It dies right after the decision, of its own rebind, and its init refuses.
@test "an upgrade whose workers cannot start in the new release goes back at once" {
	begin later
	expect 5 relctl -o json upgrade 0.1.1-crash --rehearse never
	holds 'd["outcome"] == "rolled_back"' 'd["error"]["code"] == "start_failed"' 'd["total_us"] < 30e6'
	end_well 1
}

@test "a first release that does not start leaves a root without one" {
	bare_root
	wicked refuse
	start
	expect 1 relctl -o json upgrade 0.1.1-crash
	holds 'd["outcome"] == "unchanged"' 'd["error"]["code"] == "start_failed"' \
		'"hello/listener/0" in d["error"]["message"]' '"not on this machine" in d["error"]["message"]' \
		'd["from"] == ""'
	expect 3 relctl -o json status
	holds 'd["release"] is None' 'd["workers"] == []' 'd["operation"] is None'
	expect 0 relctl -o json history
	holds '[h["outcome"] for h in d] == ["unchanged"]'
	expect 0 relctl upgrade 0.1.0
	runs 0.1.0
	end TERM
	start_running
	runs 0.1.0
}

@test "relupd is killed in the middle of a first start: nothing of it is left, and a good release starts" {
	bare_root
	wicked refuse
	sed -i 's/^      count: .*//; s/^    - id: listener$/&\n      count: 3/' "$ROOT"/lib/hello-0.1.1-hang/app.yaml
	rm "$ROOT/lib/hello-0.1.1-hang/modules/listener.so"
	cp "$build/tests/scenario/.libs/wicked_hang.so" "$ROOT/lib/hello-0.1.1-hang/modules/listener.so"
	start
	relctl upgrade 0.1.1-hang >"$WORK/out" 2>&1 &
	local end=$((SECONDS + 60)) pids
	until [ "$(relctl status | grep -c '^hello/listener/[0-9] .*starting')" = 3 ]; do
		[ "$SECONDS" -lt "$end" ] || fail "not all are starting" "$(relctl status)" || return
	done
	expect 3 relctl -o json status
	holds 'd["release"] is None' 'len(d["workers"]) == 3'
	pids=$(workers | cut -d' ' -f2)
	end KILL
	start
	wait %1 || true
	# shellcheck disable=SC2086 # several
	tool gone $pids
	grep -q 'unchanged' "$WORK/out"
	expect 0 relctl upgrade 0.1.0
	runs 0.1.0
}

# The release that runs fails in all its workers: the next one mends it, or is no better.
@test "an upgrade of a release whose workers all fail waits for the new ones" {
	demo_root 2
	wicked refuse
	rm "$ROOT/lib/hello-0.1.0/modules/listener.so"
	cp "$build/tests/scenario/.libs/wordy.so" "$ROOT/lib/hello-0.1.0/modules/listener.so"
	start
	await_log 'hello/listener/0: .*backing off'
	await_log 'hello/listener/1: .*backing off'
	expect 1 relctl upgrade 0.1.0
	warns 'state: nothing was changed; `relctl status`'
	expect 1 relctl -o json upgrade 0.1.0
	holds 'd["outcome"] == "unchanged"' '"2 of 2 workers fail" in d["error"]["message"]'
	expect 5 relctl -o json upgrade 0.1.1-crash --rehearse never
	holds 'd["outcome"] == "rolled_back"' 'd["error"]["code"] == "start_failed"'
	expect 5 relctl upgrade 0.1.1-crash --rehearse never
	warns 'state: 0.1.0 is in place again'
	expect 0 relctl -o json upgrade 0.1.1
	holds 'd["outcome"] == "upgraded"' 'd["workers"] == 2'
	runs 0.1.1
}

# What a worker is told of them is longer than a packet of its socket.
@test "an application of a thousand modules starts, and is upgraded" {
	demo_root
	local app names
	names=$(printf ', m%s' {1..1000})
	for app in "$ROOT"/lib/hello-0.1.0 "$ROOT"/lib/hello-0.1.1; do
		sed -i -e "s/^modules: \[.*\(listener\|greeting\)/&$names/" "$app/app.yaml"
		for name in m{1..1000}; do
			ln "$ROOT/lib/hello-0.1.0/modules/greeting.so" "$app/modules/$name.so"
		done
	done
	start_running
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}
