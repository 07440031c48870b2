#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# relctl goes away, or relupd does, while an operation runs: it is relupd's, and nobody loses it.
load lib

# An upgrade in the background; returns when relctl told that LINE of it.  What is to happen in the
# middle of it gets a --max-pause that no busy machine uses up before.
begin() { # LINE VERSION [OPTION...]
	rm -f "$WORK/progress"
	mkfifo "$WORK/progress"
	"$build/relctl" --root "$ROOT" upgrade "${@:2}" >"$WORK/out" 2>"$WORK/progress" 3>&- &
	RELCTL=$!
	exec {PROGRESS}<"$WORK/progress"
	await_progress "$1"
}

await_progress() { # LINE
	local line
	until [[ ${line-} == *"$1"* ]]; do
		read -r -t 60 -u "$PROGRESS" line || fail "relctl did not say: $1"
	done
}

end_of_relctl() { # STATUS: sets stderr to the rest of what it said
	local status=0
	stderr=$(cat <&"$PROGRESS")
	wait "$RELCTL" || status=$?
	output=$(cat "$WORK/out")
	[ "$status" -eq "$1" ] || fail "relctl ended with $status, not $1" "$output" "$stderr"
}

@test "Ctrl-C detaches relctl with 130; the operation goes on, attach tells its outcome" {
	demo_root
	start_running
	local sig
	for sig in INT TERM; do
		begin '1 step' 0.1.1-hang --rehearse never --max-pause 3s
		kill "-$sig" "$RELCTL"
		end_of_relctl 130
		warns 'detached; operation [0-9]+ goes on in the daemon' 'hint: .relctl attach.'
		expect 5 relctl attach
		warns '0\.1\.0 -> 0\.1\.1-hang: rolled_back'
		# It is over: attach shows the last one.
		expect 5 relctl -o json attach
		holds 'd["outcome"] == "rolled_back"'
	done
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

@test "--timeout gives up waiting with 8; the operation goes on" {
	demo_root
	start_running
	expect 8 relctl --timeout 100ms upgrade 0.1.1-hang --rehearse never --max-pause 3s
	warns 'timed out|no answer within' 'hint: .*relctl'
	expect 5 relctl attach
	runs 0.1.0
}

@test "relupd is killed in the rehearsal: relctl waits for the next one and tells what became of it" {
	demo_root
	start_running
	local before
	before=$(workers)
	begin 'rehearsing' 0.1.1-hang --max-pause 1m
	end KILL
	start
	end_of_relctl 1
	warns 'connection to relupd is lost; operation 1' '0\.1\.0 -> 0\.1\.1-hang: unchanged' \
		'relupd ended in the middle' 'nothing was changed'
	await_running 1
	[ "$(workers)" = "$before" ]
	expect 0 relctl -o json history
	holds '[h["outcome"] for h in d] == ["unchanged"]'
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

# The journal holds the script: a file that went away meanwhile is no reason to do anything else.
@test "relupd is killed while it rehearses, and the relup is gone when it comes back" {
	demo_root
	start_running
	begin 'rehearsing' 0.1.1-hang --max-pause 1m
	end KILL
	rm "$ROOT/releases/0.1.1-hang/relup.json"
	start
	end_of_relctl 1
	warns '0\.1\.0 -> 0\.1\.1-hang: unchanged' 'relupd ended in the middle'
	await_running 1
	runs 0.1.0
}

@test "relupd is killed and does not come back: relctl says so" {
	demo_root
	start_running
	begin 'rehearsing' 0.1.1-hang --max-pause 1m
	kill -KILL "$DAEMON"
	tool gone "$DAEMON"
	end_of_relctl 69
	warns 'connection to relupd is lost' 'no relupd answers'
	start_running
	expect 1 relctl attach
	runs 0.1.0
}

@test "relupd is stopped in the middle: relctl hears it; the next one ends the operation" {
	demo_root
	start_running
	begin 'rehearsing' 0.1.1-hang --max-pause 1m
	kill -TERM "$DAEMON"
	tool gone "$DAEMON"
	end_of_relctl 1
	warns 'relupd was told to stop in the middle of operation 1'
	start_running
	expect 1 relctl -o json attach
	holds 'd["outcome"] == "unchanged"'
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

# A worker hangs in the code_change of an upgrade, and relupd is killed.  HANGS is its pid.
hangs_alone() {
	start_running
	HANGS=$(pid_of hello/listener/0)
	begin '1 step' 0.1.1-hang --rehearse never --max-pause 1m
	tool busy "$HANGS"
	end KILL
}

@test "relupd is killed while a worker hangs in code_change: told as it is, and repaired by hand" {
	demo_root
	hangs_alone
	start
	end_of_relctl 6
	warns 'connection to relupd is lost' 'mixed' 'hello/listener/0' 'hint: a worker that hangs' \
		'state: neither finished nor taken back'
	expect 1 relctl status
	says "hello/listener/0 +failed +$HANGS .*lives but did not reconnect"
	kill -KILL "$HANGS"
	await_running 1
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

# Who died in the operation is known by its pid in the journal, whatever could be written afterwards.
@test "no room on the disk to record that a worker died of it, and relupd is killed: told all the same" {
	demo_root 2
	start_running 2
	local pids
	pids=$(workers | cut -d' ' -f2)
	begin '1 step' 0.1.1-hang --rehearse never --max-pause 1m
	tool busy "${pids%%[!0-9]*}"
	tool room "$DAEMON" 0
	# shellcheck disable=SC2086 # one word a pid
	kill -KILL $pids
	await_progress 'that it begins cannot be recorded'
	expect 0 relctl status
	says 'operation  1: upgrade 0\.1\.0 -> 0\.1\.1-hang, undo: that it begins cannot be recorded'
	end KILL
	start
	end_of_relctl 5
	warns '0\.1\.0 -> 0\.1\.1-hang: rolled_back' 'relupd ended in the middle' \
		'killed and started again: hello/listener/0' 'killed and started again: hello/listener/1'
	await_running 2
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

# CODE COMMAND...: run while no relupd is there.
dies_unseen() {
	demo_root
	hangs_alone
	kill -KILL "$HANGS"
	tool gone "$HANGS"
	"${@:2}"
	start
	end_of_relctl 5
	warns 'rolled_back' 'killed( and started again)?: hello/listener/0'
	expect 5 relctl -o json attach
	holds 'd["outcome"] == "rolled_back"' 'd["killed"] == ["hello/listener/0"]' "d['error']['code'] == '$1'"
	await_running 1
	runs 0.1.0
}

@test "a worker dies of the upgrade while no relupd is there to see it: told all the same" {
	dies_unseen cut_short true
}

@test "the same, and the release that it was to run is gone when relupd comes back" {
	dies_unseen no_such_release rm -r "$ROOT/releases/0.1.1-hang"
}

# What it was doing is not done, and nobody starts it again.
@test "a temporary worker dies of the upgrade after its relupd: told that it does not run" {
	demo_root
	sed -i 's/- id: listener/&\n      restart: temporary/' "$ROOT"/lib/hello-0.1.{0,1-hang}/app.yaml
	hangs_alone
	start
	await_log 'settle: waiting for hello/listener/0'
	kill -KILL "$HANGS"
	end_of_relctl 5
	warns 'rolled_back' 'state: 0\.1\.0 is in place again' 'killed: hello/listener/0' \
		'warning: hello/listener/0 does not run: ended'
}

# However many: who was killed is never said to run where it does not.
@test "eleven temporary workers die so: of each it is told that it does not run" {
	demo_root 11
	sed -i 's/- id: listener/&\n      restart: temporary/' "$ROOT"/lib/hello-0.1.{0,1}/app.yaml
	start_running 11
	local pids i
	pids=$(workers | cut -d' ' -f2)
	# shellcheck disable=SC2086 # one word a pid
	kill -STOP $pids
	begin 'loading' 0.1.1 --rehearse never
	end KILL
	start
	await_log 'settle: waiting for hello/listener/'
	# shellcheck disable=SC2086
	kill -KILL $pids
	end_of_relctl 5
	for i in {0..10}; do
		warns "killed: hello/listener/$i"$'\n' "warning: hello/listener/$i does not run: "
	done
}

@test "one that hung dies while the next relupd waits for it: told all the same" {
	demo_root
	hangs_alone
	start
	await_log 'settle: waiting for hello/listener/0'
	kill -KILL "$HANGS"
	end_of_relctl 5
	warns 'rolled_back' 'killed and started again: hello/listener/0'
	await_running 1
	runs 0.1.0
}

@test "the outcome cannot be recorded: status says which, and that it shows what ran before" {
	demo_root
	start_running
	local pid
	pid=$(pid_of hello/listener/0)
	kill -STOP "$pid"
	begin 'loading' 0.1.1 --rehearse never
	tool room "$DAEMON" 0
	kill -CONT "$pid"
	await_progress 'the outcome (upgraded) cannot be recorded'
	expect 0 relctl status
	says 'record: the outcome \(upgraded\) cannot be recorded, and status shows what ran before until it is'
	end KILL
	start
	end_of_relctl 0
	runs 0.1.1
}
