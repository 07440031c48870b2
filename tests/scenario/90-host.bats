#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A worker that is another program than relworker-1: a host with its own main and a libuv loop
# (tests/host/uv_host.c).
load lib

# It stands where relupd looks for its workers' program.
host_root() { # [COUNT]
	demo_root "${1-1}"
	mkdir "$WORK/libexec"
	ln -s "$build/tests/host/uv_host" "$WORK/libexec/relworker-1"
	export RELUP_LIBEXEC=$WORK/libexec
}

is_the_host() { # WORKER
	local exe
	exe=$(readlink "/proc/$(pid_of "$1")/exe")
	[[ $exe == */uv_host ]] || fail "$1 is $exe"
}

host_log() { # INDEX
	echo "$ROOT/log/hello.listener.$1.log"
}

# How often the host's own timer has ticked, by the host's own server.
ticks() {
	tool ask "$(sed -n 's/^host: port \([0-9]*\)$/\1/p' "$(host_log 0)" | tail -n 1)"
}

await_ticks() { # MORE THAN
	local end=$((SECONDS + 60))
	until [ "$(ticks)" -gt "$1" ]; do
		[ "$SECONDS" -lt "$end" ] || fail "the host's timer stands still at $(ticks)" || return
	done
}

@test "a host with a libuv loop is upgraded under its clients, and its own work goes on" {
	host_root
	start_running
	is_the_host hello/listener/0
	remember
	await_ticks 0
	client_start 200
	local at from=0.1.0 to
	for to in 0.1.1 0.1.2; do
		at=$(ticks)
		client_expect "old=${HEY[$from]} new=${HEY[$to]}"
		expect 0 relctl -o json upgrade "$to"
		holds 'd["outcome"] == "upgraded"' 'd["workers"] == 1'
		client_round "$to"
		await_ticks "$at"
		from=$to
	done
	at=$(ticks)
	client_expect "old=${HEY[0.1.2]} new=${HEY[0.1.1]}"
	expect 0 relctl downgrade 0.1.1
	client_round 0.1.1
	await_ticks "$at"
	client_end 0
	client_holds 'd["answered"] == d["sent"]' 'd["dropped"] == d["lost"] == d["disorder"] == d["wrong"] == 0'
	unharmed
	runs 0.1.1
}

@test "what the rehearsal finds harms no host; without relupd it serves on, and is adopted" {
	host_root
	start_running
	remember
	expect 1 relctl upgrade 0.1.1-crash
	warns 'crashed: listener: (killed by SIGSEGV|it ended with status 1)' # a sanitizer sees it first
	unharmed
	runs 0.1.0
	local at
	at=$(ticks)
	end KILL
	[ "$(tool ask "$PORT")" = "${HEY[0.1.0]}" ]
	await_ticks "$at"
	local pid
	pid=$(cut -d' ' -f2 <<<"${BEFORE#* }")
	start_running
	[ "$(pid_of hello/listener/0)" = "$pid" ] || fail "another worker runs"
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
	is_the_host hello/listener/0
}

@test "hosts of a group change together" {
	host_root 3
	start_running 3
	client_start 100
	client_expect "old=${HEY[0.1.0]} new=${HEY[0.1.1]}"
	expect 0 relctl -o json upgrade 0.1.1
	holds 'd["workers"] == 3' 'd["outcome"] == "upgraded"'
	client_round 0.1.1
	client_end 0
	local i
	for i in 0 1 2; do
		is_the_host "hello/listener/$i"
	done
}

@test "SIGTERM comes by the host's own watcher and ends it in order" {
	host_root
	many_restarts
	start_running
	local pid
	pid=$(pid_of hello/listener/0)
	kill -TERM "$pid"
	tool gone "$pid"
	await_running 1
	log_has 'hello/listener/0: exited with status 0; restart'
	grep -q 'hello/listener/0: shutdown: closing' "$(host_log 0)" || fail "the module was not told"
	pid=$(pid_of hello/listener/0)
	end TERM
	tool gone "$pid"
	! grep -q killed "$ROOT/log/relupd.log" || fail "it did not end by itself" "$(cat "$ROOT/log/relupd.log")"
}
