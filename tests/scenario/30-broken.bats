#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The broken releases, each twice in a row under connected clients; afterwards 0.1.1 works right.
load lib

# How it dies; a sanitizer sees the fault first, and ends the process itself.
CRASH='SIGSEGV|exited with status 1|ended with status 1'

# The fault strikes at the 500th connection: in the middle of the work.
begin() {
	demo_root
	start_running
	remember
	client_start 600
	client_expect "new=${HEY[0.1.0]}"
}

# Nobody noticed anything, and the good release works.
end_unharmed() {
	client_round still
	unharmed
	client_expect "old=${HEY[0.1.0]} new=${HEY[0.1.1]}"
	expect 0 relctl upgrade 0.1.1
	client_round 0.1.1
	client_end 0
	unharmed
	runs 0.1.1
}

# KIND CODE TEXT: found by the rehearsal.
found() {
	begin
	expect 1 relctl upgrade "0.1.1-$1" --max-pause 200ms
	warns "0\.1\.0 -> 0\.1\.1-$1: unchanged" "$3" 'hint: ' \
		'state: everything runs 0\.1\.0; nothing was changed'
	[ -z "$output" ] || fail "an error on stdout: $output"
	client_round again
	expect 1 relctl -o json upgrade "0.1.1-$1" --max-pause 200ms --rehearse always
	holds 'd["outcome"] == "unchanged"' "d['error']['code'] == '$2'" 'd["killed"] == []' \
		'"hello/listener/0" in d["error"]["message"] and "listener" in d["error"]["message"]'
	expect 0 relctl -o json history
	holds '[h["outcome"] for h in d] == ["unchanged", "unchanged"]' 'all(h["reason"] for h in d)'
	end_unharmed
}

@test "0.1.1-crash is found by the rehearsal" {
	found crash rehearsal_crashed "crashed: .*($CRASH)"
}

@test "0.1.1-refuse is found by the rehearsal" {
	found refuse rehearsal_refused 'refused: .*connection 500 of 600 cannot be converted'
}

@test "0.1.1-hang is found by the rehearsal" {
	found hang rehearsal_hung 'hung: '
}

@test "0.1.1-refuse without a rehearsal is taken back; nobody is dropped" {
	begin
	expect 5 relctl upgrade 0.1.1-refuse --rehearse never
	warns '0\.1\.0 -> 0\.1\.1-refuse: rolled_back' 'connection 500 of 600 cannot be converted' \
		'state: everything runs 0\.1\.0 again'
	client_round again
	expect 5 relctl -o json upgrade 0.1.1-refuse --rehearse never
	holds 'd["outcome"] == "rolled_back"' 'd["error"]["code"] == "code_change_failed"' 'd["killed"] == []'
	end_unharmed
}

# KIND: the worker dies of it, with its connections, and starts again in the old release.
dies() {
	demo_root
	start_running
	local pid
	for _ in 1 2; do
		client_start 600
		client_expect "new=${HEY[0.1.0]}"
		pid=$(pid_of hello/listener/0)
		expect 5 relctl -o json upgrade "0.1.1-$1" --rehearse never --max-pause "$2"
		holds 'd["outcome"] == "rolled_back"' 'd["killed"] == ["hello/listener/0"]' "$3" "$4"
		client_end 2
		client_holds 'd["dropped"] == 600' 'd["disorder"] == d["wrong"] == 0'
		[ "$(pid_of hello/listener/0)" != "$pid" ]
		runs 0.1.0
	done
	# What the upgrade did to a worker is no mark against it: the intensity of 1 is not used up.
	expect 0 relctl status
	client_start 600
	expect 0 relctl upgrade 0.1.1
	client_round 0.1.1
	client_end 0
	runs 0.1.1
}

@test "0.1.1-crash without a rehearsal: rolled back, the worker restarts in the old release" {
	dies crash 1s 'd["error"]["code"] == "worker_died"' \
		"__import__('re').search('($CRASH) inside code_change', d['error']['message'])"
}

@test "0.1.1-hang without a rehearsal: rolled back after max-pause, the worker is replaced" {
	dies hang 300ms 'd["error"]["code"] == "code_change_failed"' '"within 300 ms" in d["error"]["message"]'
}

@test "0.1.1-sick upgrades: health checks come later" {
	demo_root
	start_running
	client_start 100
	client_expect "old=${HEY[0.1.0]} new=${HEY[0.1.1-sick]}"
	expect 0 relctl upgrade 0.1.1-sick
	warns 'relctl: warning: release 0.1.1-sick asks for a probation'
	client_round sick
	client_end 0
	log_has 'asks for a probation'
	expect 0 relctl -o json attach
	holds 'len(d["warnings"]) == 1'
	runs 0.1.1-sick 0.1.1
	expect 0 relctl -o json call hello/listener/0 '{"ping": 1}'
	holds 'd == {"pong": 0}'
	expect 0 relctl rollback
	runs 0.1.0
}
