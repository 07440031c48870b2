#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# kill -9: of relupd, which must find its workers again, and of workers, at any moment.
load lib

@test "kill -9 of relupd under 1,000 connections: all is adopted, nobody is dropped, upgrades work" {
	demo_root
	start_running
	expect 0 relctl upgrade 0.1.1
	local before
	before=$(workers)
	client_start 1000
	client_expect "new=${HEY[0.1.1]}"
	end KILL
	client_round alone
	expect 69 relctl status
	start_running
	[ "$(workers)" = "$before" ]
	log_has 'hello/listener/0: adopted, pid'
	client_round adopted
	runs 0.1.1
	client_expect "old=${HEY[0.1.1]} new=${HEY[0.1.0]}"
	expect 0 relctl downgrade 0.1.0
	client_round 0.1.0
	client_end 0
	runs 0.1.0
	[ "$(workers)" = "$before" ]
}

@test "kill -9 of relupd twice in a row, the second time before its workers came back" {
	demo_root 4
	start_running 4
	local before
	before=$(workers)
	client_start 100
	client_expect "new=${HEY[0.1.0]}"
	for _ in 1 2 3; do
		end KILL
		start
		end KILL
		start
	done
	await_running 4
	[ "$(workers)" = "$before" ] || fail "other workers: $before" "now: $(workers)"
	client_round "after"
	client_expect "old=${HEY[0.1.0]} new=${HEY[0.1.1]}"
	expect 0 relctl upgrade 0.1.1
	client_round 0.1.1
	client_end 0
	runs 0.1.1
}

@test "a worker that died while relupd was gone is started again" {
	demo_root 2
	start_running 2
	local dead
	dead=$(pid_of hello/listener/1)
	end KILL
	kill -KILL "$dead"
	tool gone "$dead"
	start_running 2
	[ "$(pid_of hello/listener/1)" != "$dead" ]
	log_has 'hello/listener/0: adopted, pid'
	runs 0.1.0
	# SIGTERM reaches adopted workers as well as its own.
	local all
	all=$(workers | cut -d' ' -f2)
	end TERM
	# shellcheck disable=SC2086 # one word a pid
	tool gone $all
}

# What does not run when relupd begins is started, whatever its type: how it ended is not known.  Nor does
# it matter whether somebody has waited for the dead process yet.
@test "a temporary worker that died while relupd was gone is started again, a zombie too" {
	demo_root
	edit_apps 's/^    - id: listener$/&\n      restart: temporary/'
	# not by tool(): the job would be a shell, and what it waits for would outlive the test
	"${PYTHON3:-python3}" "$src/tests/scenario/tool.py" unburied "$build/relupd" --root "$ROOT" 3>&- &
	await_running 1
	local dead daemon
	dead=$(pid_of hello/listener/0) daemon=$(cat "$ROOT/state/lock")
	kill -KILL "$daemon"
	tool gone "$daemon"
	kill -KILL "$dead"
	tool gone "$dead"
	grep -q 'State:.*zombie' "/proc/$dead/status"
	start_running
	[ "$(pid_of hello/listener/0)" != "$dead" ]
	runs 0.1.0
}

@test "relupd is killed between any two of ten upgrades" {
	demo_root
	start_running
	local before i
	before=$(workers)
	client_start 50
	for i in 1 2 3 4 5; do
		client_expect "old=${HEY[0.1.0]} new=${HEY[0.1.1]}"
		expect 0 relctl upgrade 0.1.1
		end KILL
		start
		client_round "up$i"
		client_expect "old=${HEY[0.1.1]} new=${HEY[0.1.0]}"
		expect 0 relctl downgrade 0.1.0
		end KILL
		start
		client_round "down$i"
	done
	client_end 0
	await_running 1
	[ "$(workers)" = "$before" ]
	expect 0 relctl -o json history
	holds 'len(d) == 10' '{h["outcome"] for h in d} == {"upgraded"}'
}

@test "a worker is killed at a hundred moments of an upgrade" {
	demo_root
	many_restarts
	start_running
	# An upgrade takes one or two milliseconds, on a busy machine more.
	expect 0 tool kill-sweep "$CONTROL" 50 60
	expect 0 tool kill-sweep "$CONTROL" 500 40
	expect 0 relctl -o json history
	holds 'all(h["outcome"] in ("upgraded", "unchanged", "rolled_back") for h in d)'
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

@test "a worker that does not read: what it is asked is bounded" {
	demo_root
	start_running
	remember
	local pid
	pid=$(pid_of hello/listener/0)
	kill -STOP "$pid"
	tool control "$CONTROL" flood
	kill -CONT "$pid"
	expect 0 relctl -o json call hello/listener/0 '{"ping": 1}'
	holds 'd == {"pong": 1}'
	unharmed
}

@test "a worker that does not answer: the upgrade is given up, and says who it was" {
	demo_root 2
	start_running 2
	remember
	local pid
	pid=$(pid_of hello/listener/1)
	kill -STOP "$pid"
	expect 1 relctl upgrade 0.1.1 --max-pause 100ms
	kill -CONT "$pid"
	warns '0\.1\.0 -> 0\.1\.1: unchanged: hello/listener/1 does not answer' 'nothing was changed'
	unharmed
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
	unharmed
}

@test "run/pids names a worker twice: relupd comes back, the worker is one" {
	demo_root
	start_running
	local before
	before=$(workers)
	end KILL
	awk '$1 ~ "/" { print; print; next } { print }' "$ROOT/run/pids" >"$WORK/twice"
	cp "$WORK/twice" "$ROOT/run/pids"
	start_running
	log_has 'run/pids names it twice'
	[ "$(workers)" = "$before" ]
	runs 0.1.0
}
