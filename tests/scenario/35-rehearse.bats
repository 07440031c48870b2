#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# relctl rehearse, and what is told of a rehearsal: forecast, place of a crash, forbidden calls, short memory.
load lib

# Release 0.1.1-crash gets a listener of wicked.c.
begin() { # KIND [COUNT]
	local modules
	demo_root "${2-1}"
	modules=$ROOT/lib/hello-0.1.1-crash/modules
	rm -f "$modules/listener.so"
	cp "$build/tests/scenario/.libs/wicked_$1.so" "$modules/listener.so"
	start_running "${2-1}"
	remember
}

end_unharmed() { # COUNT
	unharmed
	expect 0 relctl upgrade 0.1.1
	unharmed
	runs 0.1.1
}

filtered() {
	case $(uname -m) in x86_64 | aarch64) ;; *) return 1 ;; esac
	! grep -q 'define RELUP_SANITIZED' "$build/config.h"
}

@test "rehearse tells of each worker, foretells the pause, and changes nothing" {
	demo_root 3
	start_running 3
	remember
	client_start 60
	expect 0 relctl -o json plan 0.1.1
	holds '[w["forecast_us"] for w in d["workers"]] == [None, None, None]'
	expect 0 relctl rehearse 0.1.1
	says 'rehearsed: 0\.1\.0 -> 0\.1\.1' 'WORKER +RESULT +FORK +CHANGE +LONGEST +MEMORY' \
		'hello/listener/[0-2] +ok +[0-9]+ [mu]s +[0-9]+ [mu]s +[0-9]+ [mu]s +[0-9]+ kB' \
		'forecast of the longest pause: [0-9]+ [mu]s'
	expect 0 relctl -o json rehearse 0.1.1
	holds 'd["from"] == "0.1.0" and d["to"] == "0.1.1" and d["error"] is None' \
		'sorted(w["worker"] for w in d["workers"]) == ["hello/listener/%d" % i for i in range(3)]' \
		'all(w["result"] == "ok" and w["module"] == "listener" and w["text"] == "" for w in d["workers"])' \
		'all(w["fork_us"] > 0 and w["memory_kb"] > 0 for w in d["workers"])' \
		'd["forecast_us"] == max(w["longest_us"] for w in d["workers"])'
	local forecast
	forecast=$(tool get '{w["worker"]: w["longest_us"] for w in d["workers"]}' <<<"$output")
	unharmed
	runs 0.1.0
	expect 0 relctl -o json history
	holds 'd == []'
	expect 0 relctl -o json plan 0.1.1
	holds "{w['worker']: w['forecast_us'] for w in d['workers']} == $forecast"
	expect 0 relctl plan 0.1.1
	says 'hello/listener/0 \(undo: live, forecast: [0-9]+ [mu]s\): '
	expect 0 relctl -o json plan 0.1.1-sick # another pair
	holds 'all(w["forecast_us"] is None for w in d["workers"])'
	expect 0 relctl upgrade 0.1.1
	says 'longest pause [0-9]+ [mu]s \(forecast [0-9]+ [mu]s\), '
	expect 0 relctl -o json attach
	holds 'd["forecast_us"] >= 0'
	expect 0 relctl -o json rollback --rehearse never
	holds 'd["forecast_us"] is None'
	expect 0 relctl rehearse 0.1.0
	says 'nothing to rehearse: 0\.1\.0 runs already'
	expect 4 relctl rehearse 9.9.9
}

@test "an upgrade that the rehearsal takes back leaves its forecast to plan" {
	demo_root 1
	start_running
	expect 1 relctl upgrade 0.1.1-hang --max-pause 100ms
	expect 0 relctl -o json plan 0.1.1-hang
	holds 'd["workers"][0]["forecast_us"] is None'
	expect 5 relctl upgrade 0.1.1-hang --rehearse never --max-pause 100ms
	await_running 1
	expect 0 relctl rehearse 0.1.1
	expect 5 relctl upgrade 0.1.1-hang --rehearse never --max-pause 100ms
	expect 0 relctl -o json plan 0.1.1 # nothing was rehearsed since
	holds 'd["workers"][0]["forecast_us"] >= 0'
}

@test "a crash tells the function, a stripped file the place" {
	begin fault 2
	expect 1 relctl -o json rehearse 0.1.1-crash
	holds 'len(d["workers"]) == 2 and d["forecast_us"] is None' \
		'all(w["result"] == "crashed" and w["code"] == "rehearsal_crashed" for w in d["workers"])' \
		'all(w["at"]["function"] == "break_it" and w["at"]["module"] == "listener" for w in d["workers"])' \
		'all("killed by SIGSEGV (address 0x10) in listener+0x" in w["text"] for w in d["workers"])'
	expect 1 relctl rehearse 0.1.1-crash
	warns 'hello/listener/0: crashed: listener: killed by SIGSEGV \(address 0x10\) in listener\+0x' \
		'place: hello/listener/1: listener\+0x[0-9a-f]+ is in break_it\(\)' 'hint: correct the module'
	expect 1 relctl upgrade 0.1.1-crash
	warns 'unchanged: the rehearsal in a copy of hello/listener/[01] crashed: listener: killed by SIGSEGV' \
		'place: hello/listener/[01]: listener\+0x[0-9a-f]+ is in break_it\(\)'
	expect 1 relctl -o json upgrade 0.1.1-crash
	holds 'd["rehearsal"][0]["at"]["function"] == "break_it"'
	# By the socket there is no root to read it from.
	expect 1 "$build/relctl" --socket "$ROOT/run/control.sock" -o json rehearse 0.1.1-crash
	holds '"function" not in d["workers"][0]["at"]'
	end_unharmed
}

@test "a call that others would see is found and named" {
	filtered || skip "no filter of system calls here"
	begin socket
	expect 1 relctl upgrade 0.1.1-crash
	warns 'the rehearsal in a copy of hello/listener/0 did what it may not: listener: called socket \(system call [0-9]+\) in its code_change' \
		'hint: a code_change converts memory' 'is in break_it\(\)'
	expect 1 relctl -o json rehearse 0.1.1-crash
	holds 'd["workers"][0]["result"] == "forbidden"' 'd["workers"][0]["sandbox"]' \
		'd["workers"][0]["code"] == "rehearsal_forbidden"' 'd["workers"][0]["at"]["called"]'
	end_unharmed
}

@test "a hang, a slow one and a refusal end a rehearsal with 1; the others are asked all the same" {
	begin slow 3
	expect 1 relctl -o json rehearse 0.1.1-crash --max-pause 100ms
	holds 'len(d["workers"]) == 3 and d["forecast_us"] >= 299000' \
		'all(w["result"] == "hung" and "the limit is 100ms" in w["text"] for w in d["workers"])'
	expect 0 relctl rehearse 0.1.1-crash --max-pause 30s
	expect 1 relctl -o json rehearse 0.1.1-hang --max-pause 100ms
	holds '[w["result"] for w in d["workers"]] == ["hung"] * 3'
	expect 1 relctl -o json rehearse 0.1.1-refuse
	holds '[w["result"] for w in d["workers"]] == ["refused"] * 3' \
		'all(w["hint"] and "cannot be converted" in w["text"] for w in d["workers"])'
	end_unharmed
}

# The copy of a worker's rehearsal, when it is there.
await_copy() { # PID
	local end=$((SECONDS + 60))
	until COPY=$(cat "/proc/$1/task/$1/children") && [ -n "$COPY" ]; do
		[ "$SECONDS" -lt "$end" ] || fail "no copy of $1" || return
	done
}

@test "a rehearsal is the one operation while it runs; Ctrl-C detaches, attach waits for its end" {
	demo_root
	start_running
	remember
	local pid
	pid=$(pid_of hello/listener/0)
	"$build/relctl" --root "$ROOT" rehearse 0.1.1-hang --max-pause 1h >"$WORK/out" 2>"$WORK/err" 3>&- &
	await_copy "$pid"
	expect 9 relctl upgrade 0.1.1
	warns 'a rehearsal \(0\.1\.0 → 0\.1\.1-hang\) is in progress'
	expect 9 relctl rehearse 0.1.1
	expect 0 relctl status
	says 'operation  rehearse 0\.1\.0 -> 0\.1\.1-hang, rehearse: rehearsing in a copy of 1 worker'
	kill -INT %1
	local status=0
	wait %1 || status=$?
	[ "$status" -eq 130 ]
	expect 9 relctl upgrade 0.1.1
	relctl -o json attach >"$WORK/attach" 2>&1 &
	local attach=$!
	# shellcheck disable=SC2086 # it ends in a blank
	kill -KILL $COPY
	status=0
	wait "$attach" || status=$?
	[ "$status" -le 1 ] || fail "attach ended with $status" "$(cat "$WORK/attach")"
	expect 0 relctl upgrade 0.1.1
	unharmed
}

@test "relupd is killed in a rehearsal: the next one is not kept waiting by what was left of it" {
	demo_root
	start_running
	local before
	before=$(pid_of hello/listener/0)
	"$build/relctl" --root "$ROOT" rehearse 0.1.1-hang --max-pause 1h >"$WORK/out" 2>"$WORK/err" 3>&- &
	await_copy "$(pid_of hello/listener/0)"
	end KILL
	local status=0
	wait %1 || status=$?
	[ "$status" -eq 69 ] || fail "relctl ended with $status" "$(cat "$WORK/err")"
	start
	await_running 1
	expect 0 relctl rehearse 0.1.1
	[ "$(pid_of hello/listener/0)" = "$before" ]
	expect 0 relctl -o json history
	holds 'd == []'
}

@test "where memory is short auto goes on without, and says so; always refuses" {
	demo_root
	start_running
	remember
	tool memory "$(pid_of hello/listener/0)" 32
	expect 1 relctl upgrade 0.1.1 --rehearse always
	warns 'unchanged: hello/listener/0: memory is short: the copy may need [0-9]+ MB, its limit of data leaves [0-9]+ MB' \
		'hint: free memory .*--rehearse auto' 'nothing was changed'
	expect 1 relctl -o json rehearse 0.1.1
	holds 'd["workers"][0]["result"] == "skipped" and d["forecast_us"] is None'
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	warns 'upgrade 0\.1\.0 -> 0\.1\.1: hello/listener/0 is not rehearsed: memory is short' \
		'relctl: warning: hello/listener/0 is not rehearsed: memory is short'
	log_has 'is not rehearsed: memory is short'
	expect 0 relctl -o json attach
	holds 'len(d["warnings"]) == 1 and d["forecast_us"] is None'
	unharmed
	runs 0.1.1
}
