#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# relupd by itself: start, status, restarts of workers, end.
load lib

@test "relupd starts the permanent release; status tells it in text and in JSON" {
	demo_root
	start_running
	expect 0 relctl status
	says '^release    hello 0\.1\.0 \(permanent\)' "relupd [0-9.]+, pid $DAEMON," 'operation  none' \
		'hello 0\.1\.0 \(running\)' 'WORKER +STATE +PID +RESTARTS +SINCE +MODULES' \
		'hello/listener/0 +running +[0-9]+ +0 +20[-0-9:TZ]+ +listener 0\.1\.0, greeting 0\.1\.0'
	expect 0 relctl -o json status
	holds 'd["release"] == {"name": "hello", "version": "0.1.0", "state": "permanent"}' \
		'd["operation"] is None' \
		'd["applications"] == [{"application": "hello", "version": "0.1.0", "state": "running"}]' \
		'len(d["workers"]) == 1' \
		'set(d["workers"][0]) >= {"worker", "kind", "pid", "state", "restarts", "since", "modules", "tasks"}' \
		'd["workers"][0]["kind"] == "module"' \
		'd["workers"][0]["modules"][1] == {"module": "greeting", "current": "0.1.0", "old": None, "held_by": 0}' \
		"d['daemon']['pid'] == $DAEMON" "d['daemon']['root'] == '$ROOT'"
	expect 0 relctl -o json status hello/listener/0
	holds '[w["worker"] for w in d["workers"]] == ["hello/listener/0"]'
	expect 4 relctl status hello/listener/1
	warns 'there is no worker hello/listener/1' 'relctl status'
	[ "$(tool ask "$PORT")" = "${HEY[0.1.0]}" ]
}

@test "a second relupd on the same root is refused and names the first" {
	demo_root
	start_running
	remember
	expect 1 "$build/relupd" --root "$ROOT"
	warns "in use by process $DAEMON" 'hint:'
	expect 1 "$build/relupd" --root "$ROOT" --foreground
	warns "in use by process $DAEMON"
	unharmed
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

@test "what stops a start is said on stderr, with a status" {
	expect 1 "$build/relupd" --root "$WORK/nowhere"
	warns 'nowhere' 'relctl root init'
	mkdir "$WORK/empty"
	expect 1 "$build/relupd" --root "$WORK/empty"
	warns 'empty' 'relctl root init'
	expect 64 "$build/relupd" --nonsense
	warns 'usage: relupd'
	expect 64 "$build/relupd" --root "$ROOT" more
	warns 'usage: relupd'
	expect 0 "$build/relupd" --help
	says 'usage: relupd'
	expect 0 "$build/relupd" --version
	says '^relupd [0-9]'
}

@test "SIGTERM stops in reverse order and relupd last; a new start runs the same release" {
	demo_root
	# A second child: it starts after the listener, so it ends before it.
	local app=$ROOT/lib/hello-0.1.0/app.yaml other
	other=$(tool port)
	cat >>"$app" <<-END
		    - {id: second, module: listener, listen: ["tcp:127.0.0.1:$other"], shutdown: infinity}
	END
	start_running 2
	local first second
	first=$(pid_of hello/listener/0) second=$(pid_of hello/second/0)
	kill -STOP "$second"
	kill -TERM "$DAEMON"
	await_log 'SIGTERM: stopping'
	# The second one cannot end now, so the first one still serves.
	[ "$(tool ask "$PORT")" = "${HEY[0.1.0]}" ]
	kill -CONT "$second"
	tool gone "$DAEMON" "$first" "$second"
	log_has 'relupd: down$'
	! grep / "$ROOT/run/pids" || fail "pids are left"
	expect 69 relctl status
	start_running 2
	[ "$(tool ask "$PORT")" = "${HEY[0.1.0]}" ]
}

@test "after an upgrade a new start runs the release that was reached" {
	demo_root
	start_running
	expect 0 relctl upgrade 0.1.1
	end TERM
	start_running
	runs 0.1.1
	expect 0 relctl rollback
	runs 0.1.0
}

@test "a worker that does not end on SIGTERM is killed after its shutdown time" {
	demo_root
	edit_apps 's/^ *count: 1$/&\n      shutdown: 200ms/'
	start_running
	kill -STOP "$(pid_of hello/listener/0)"
	end TERM
	log_has 'hello/listener/0: did not end within 200ms of SIGTERM; killed'
}

@test "in the foreground: readiness to NOTIFY_SOCKET, the log on stderr, SIGINT ends it" {
	demo_root
	mkfifo "$WORK/ready"
	tool notified "$WORK/notify" >"$WORK/ready" &
	local waiter=$!
	read -r <"$WORK/ready"
	NOTIFY_SOCKET=$WORK/notify "$build/relupd" --root "$ROOT" --foreground 2>"$WORK/relupd.err" 3>&- &
	DAEMON=$!
	wait "$waiter"
	await_running 1
	tr '\0' '\n' <"/proc/$(pid_of hello/listener/0)/environ" | grep NOTIFY_SOCKET &&
		fail "the worker has relupd's NOTIFY_SOCKET"
	kill -INT "$DAEMON"
	wait "$DAEMON"
	grep -q 'notice relupd: .* up, pid' "$WORK/relupd.err"
	grep -q 'SIGINT: stopping' "$WORK/relupd.err"
}

@test "neither relupd nor its workers keep descriptors that the caller had open" {
	demo_root
	: >"$WORK/held"
	exec {held}<"$WORK/held"
	start_running
	exec {held}<&-
	local pid
	for pid in "$DAEMON" "$(pid_of hello/listener/0)"; do
		! find "/proc/$pid/fd" -lname "$WORK/held" | grep . || fail "$pid holds it"
	done
}

@test "a worker's crash refuses no connection: the socket is relupd's" {
	demo_root
	many_restarts
	start_running
	local i
	for i in 1 2 3 4 5; do
		[ "$(tool crash-ask "$PORT" "$(pid_of hello/listener/0)")" = "${HEY[0.1.0]}" ]
		await_running 1
		[ "$(workers | cut -d' ' -f4)" = "$i" ] || fail "not $i restarts: $(workers)"
	done
	log_has 'hello/listener/0: died of SIGKILL; restart in 0s'
}

@test "more crashes than the intensity: the worker is failed and backs off, then runs again" {
	demo_root
	start_running
	[ "$(tool crash-ask "$PORT" "$(pid_of hello/listener/0)")" = "${HEY[0.1.0]}" ]
	await_running 1
	local pid delay
	# 1s is soon over where the machine is busy: looked at is the third.
	for delay in 1s 2s 4s; do
		await_running 1
		pid=$(pid_of hello/listener/0)
		kill -KILL "$pid"
		tool gone "$pid"
		await_log "restart in $delay \\(too many restarts: backing off\\)"
	done
	expect 1 relctl status
	says 'hello/listener/0 +failed +- +4' 'died of SIGKILL; restart in 4s \(too many restarts: backing off\)'
	expect 1 relctl -o json status
	holds 'd["workers"][0]["state"] == "failed"' 'd["workers"][0]["pid"] is None'
	# A client waits in the backlog until it is there again.
	[ "$(tool ask "$PORT")" = "${HEY[0.1.0]}" ]
	await_running 1
	expect 0 relctl status
}

@test "a root without a release waits; the first upgrade starts it" {
	bare_root
	start
	expect 3 relctl status
	says '^release    none'
	expect 3 relctl -o json status
	holds 'd["release"] is None' 'd["workers"] == []'
	expect 0 relctl -o json list
	holds '{r["state"] for r in d} == {"unpacked"}'
	expect 4 relctl upgrade 9.9.9
	warns 'there is no release 9\.9\.9'
	expect 4 relctl rollback
	expect 4 relctl plan 0.1.0
	expect 4 relctl downgrade 0.1.0
	warns 'no release runs on this root' 'hint: `relctl upgrade VERSION` starts the first release'
	expect 3 relctl status
	expect 0 relctl upgrade 0.1.0
	says '^upgraded: 0\.1\.0 runs$'
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
	end TERM
	start_running
	runs 0.1.1
}

@test "the first start on an address that is taken is refused, and works when it is free" {
	bare_root
	local ROOT2=$WORK/other other
	sh "$src/releases/demo-root.sh" "$build" "$src" "$ROOT2" "$PORT" 2>"$WORK/demo.err"
	"$build/relupd" --root "$ROOT2"
	other=$(cat "$ROOT2/state/lock")
	start
	expect 1 relctl upgrade 0.1.0
	warns "127\.0\.0\.1:$PORT" 'in use'
	expect 3 relctl status
	kill -TERM "$other"
	tool gone "$other"
	expect 0 relctl upgrade 0.1.0
	runs 0.1.0
}
