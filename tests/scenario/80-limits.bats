#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What the system does not give: descriptors, addresses, stdio.  It is said who lacks what and what to
# do, nobody else's file is touched, and no worker runs twice.
load lib

# LIMIT COMMAND...: with so many descriptors.
limited() {
	bash -c 'ulimit -n "$1" && shift && exec "$@"' - "$@"
}

# ---------------------------------------------------------------- descriptors
@test "a release that needs more descriptors than there are is refused, with the need and the limit" {
	demo_root 20
	expect 1 limited 64 "$build/relupd" --root "$ROOT"
	warns 'release 0\.1\.0 needs 78 file descriptors \(workers: 20, listen addresses: 1\)' \
		'the limit of relupd is 64' 'hint: .*ulimit -n 78' 'LimitNOFILE=78'
	log_has 'error relupd: release 0\.1\.0 needs 78 file descriptors'
	[ ! -S "$ROOT/run/control.sock" ]
	! grep / "$ROOT/run/pids" || fail "a worker was started"
}

@test "with just what it needs a release runs, whoever connects, and is upgraded" {
	demo_root 20
	many_restarts
	expect 0 limited 78 "$build/relupd" --root "$ROOT"
	DAEMON=$(cat "$ROOT/state/lock")
	await_running 20
	local pid crowd
	pid=$(pid_of hello/listener/7)
	tool control "$ROOT/run/control.sock" many &
	crowd=$!
	[ "$(tool crash-ask "$PORT" "$pid")" = "${HEY[0.1.0]}" ]
	wait "$crowd"
	await_running 20
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
	end KILL
	expect 0 limited 78 "$build/relupd" --root "$ROOT"
	runs 0.1.1
	expect 0 relctl downgrade 0.1.0
	runs 0.1.0
	! grep -q 'cannot' "$ROOT/log/relupd.log" || fail "it lacked something"
}

# The kernel lets a user have as many on their way as the sender may have open, but for root's capabilities.
@test "more descriptors for workers that do not read yet than there are: they get them by and by" {
	demo_root 45
	local lesser=() pids
	if [ "$(id -u)" -eq 0 ]; then
		command -v setpriv >/dev/null || skip "there is no setpriv"
		lesser=(setpriv --bounding-set=-all --inh-caps=-all)
	fi
	expect 0 limited 128 "${lesser[@]}" "$build/relupd" --root "$ROOT"
	await_running 45
	pids=$(workers | cut -d' ' -f2)
	# shellcheck disable=SC2086 # one word a pid
	kill -STOP $pids
	relctl upgrade 0.1.1 --rehearse never >"$WORK/out" 2>&1 3>&- &
	await_log 'prepare: loading'
	expect 0 relctl status # relupd is at rest again
	# shellcheck disable=SC2086
	kill -CONT $pids
	wait $! || fail "relctl says" "$(cat "$WORK/out")"
	runs 0.1.1
}

@test "the first start of a release that needs too much is refused; relupd serves on" {
	demo_root 20
	rm -rf "$ROOT/state"
	relctl -q root init "$ROOT"
	expect 0 limited 64 "$build/relupd" --root "$ROOT"
	expect 1 relctl -o json upgrade 0.1.0
	holds 'd["error"]["code"] == "limit_exceeded"' '"needs 78 file descriptors" in d["error"]["message"]'
	expect 3 relctl status
}

@test "a low soft limit is raised" {
	demo_root 20
	expect 0 bash -c 'ulimit -Sn 40 && exec "$@"' - "$build/relupd" --root "$ROOT"
	await_running 20
}

@test "relupd without a free descriptor: it says so once, does not spin, and goes on" {
	demo_root
	start_running
	remember
	tool descriptors "$DAEMON" 4
	expect 0 tool idle "$DAEMON" "$build/relctl" --root "$ROOT" --timeout 3s status
	log_has 'error relupd: cannot take a connection to run/control.sock: Too many open files; trying again every second'
	[ "$(grep -c 'cannot take a connection' "$ROOT/log/relupd.log")" = 1 ] || fail "it says so again and again"
	tool descriptors "$DAEMON" 512
	expect 0 relctl status
	log_has 'notice relupd: connections to run/control\.sock are taken again'
	unharmed
	runs 0.1.0
}

@test "a worker that cannot be spawned for want of a descriptor starts as soon as there is one" {
	demo_root
	many_restarts
	start_running
	local pid
	pid=$(pid_of hello/listener/0)
	tool descriptors "$DAEMON" 4
	kill -KILL "$pid"
	tool gone "$pid"
	await_log 'hello/listener/0: cannot be spawned: Too many open files'
	tool descriptors "$DAEMON" 512
	await_running 1
	[ "$(tool ask "$PORT")" = "${HEY[0.1.0]}" ]
	[ "$(grep -c / "$ROOT/run/pids")" = 1 ]
}

@test "who connects to the workers' socket and says nothing is let go" {
	demo_root
	start_running
	remember
	tool worker "$WORKERS" mute
	log_has 'warning \?: pid [0-9]+ connected and sent no hello within 10 s; its connection is closed'
	unharmed
}

# ---------------------------------------------------------------- addresses
# ADDRESS [PORT]: hello listens there.
listens_on() {
	edit_apps "s|listen: .*|listen: [\"$1\"]|"
	echo "hello: {port: ${2-1}}" >"$ROOT/releases/0.1.0/config.yaml"
}

@test "a unix: address that is somebody's file: refused, and the file stays" {
	demo_root
	local path=$WORK/precious
	listens_on "unix:$path"
	echo data >"$path"
	expect 1 "$build/relupd" --root "$ROOT"
	warns "child hello/listener: cannot listen on unix:$path: a regular file is there, not a socket" \
		'hint: move it away'
	[ "$(cat "$path")" = data ]
	mv "$path" "$WORK/data"
	ln -s "$WORK/data" "$path"
	expect 1 "$build/relupd" --root "$ROOT"
	warns 'a symbolic link is there'
	[ "$(readlink "$path") $(cat "$path")" = "$WORK/data data" ]
	rm "$path"
	mkfifo "$path"
	expect 1 "$build/relupd" --root "$ROOT"
	warns 'a pipe is there'
	[ -p "$path" ]
	rm "$path"
	# A leftover of a run that was killed is taken.
	start_running
	local worker
	worker=$(pid_of hello/listener/0)
	end KILL
	kill -KILL "$worker"
	tool gone "$worker"
	[ -S "$path" ]
	start_running
}

@test "a unix: address in no directory, or taken: who, where, and what to do" {
	demo_root
	local path=$WORK/absent/s
	listens_on "unix:$path"
	expect 1 "$build/relupd" --root "$ROOT"
	warns "child hello/listener: cannot listen on unix:$path: No such file or directory" \
		"hint: make the directory $WORK/absent first"
	mkdir "$WORK/absent"
	start_running
	local ROOT=$WORK/other
	demo_root
	listens_on "unix:$path"
	expect 1 "$build/relupd" --root "$ROOT"
	warns "child hello/listener: cannot listen on unix:$path: Address already in use" \
		"hint: .ss -lxp src $path. shows who listens there"
}

@test "a tcp: address that is taken, or whose port is none" {
	demo_root
	start_running
	local ROOT=$WORK/other port
	demo_root
	expect 1 "$build/relupd" --root "$ROOT"
	warns "child hello/listener: listen 'tcp:127\.0\.0\.1:.\{port\}': cannot listen on tcp:127\.0\.0\.1:$PORT: Address already in use" \
		"hint: .ss -ltnp 'sport = :$PORT'. shows who listens there"
	for port in 65536 70000 4294967297 00000080; do
		listens_on 'tcp:127.0.0.1:${port}' "$port"
		sed -i "s/port: .*/port: \"$port\"}/" "$ROOT/releases/0.1.0/config.yaml"
		expect 1 "$build/relupd" --root "$ROOT"
		warns "child hello/listener: listen 'tcp:127\.0\.0\.1:.\{port\}': cannot listen on tcp:127\.0\.0\.1:$port: $port is not a port" \
			'hint: a port is at most 65535'
	done
}

@test "as many listen addresses as a worker can be handed, and one more" {
	demo_root
	local list='' i
	for ((i = 1; i <= 65; i++)); do
		[ "$i" -ne 65 ] || listens_on "$list"
		list+="${list:+\", \"}unix:$WORK/s$i"
	done
	start_running
	end TERM
	listens_on "$list"
	expect 1 "$build/relupd" --root "$ROOT"
	warns 'listen: 65 addresses; 64 are the limit' 'hint: '
}

# ---------------------------------------------------------------- stdio
@test "relctl without stdio: what it says goes nowhere, and that is an error" {
	demo_root
	start_running
	expect 1 bash -c '"$@" >&-' - "$build/relctl" --root "$ROOT" status
	warns 'standard output: Bad file descriptor'
	expect 1 bash -c '"$@" <&- >&- 2>&-' - "$build/relctl" --root "$ROOT" status
	local make=(relup make "$ROOT/releases/0.1.1/release.yaml" --lib "$ROOT/lib" --out)
	expect 0 relctl "${make[@]}" "$WORK/plain.json"
	expect 0 bash -c '"$@" <&- >&- 2>&-' - "$build/relctl" "${make[@]}" "$WORK/closed.json"
	cmp "$WORK/plain.json" "$WORK/closed.json"
}

@test "relupd without stdio: its words go into no file of the root" {
	demo_root
	expect 0 bash -c '"$@" <&- >&- 2>&-' - "$build/relupd" --root "$ROOT"
	DAEMON=$(cat "$ROOT/state/lock")
	await_running 1
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
	end TERM
	bash -c '"$@" <&- >&- 2>&-' - "$build/relupd" --root "$ROOT" --foreground 3>&- &
	DAEMON=$!
	local end=$((SECONDS + 60))
	until relctl status 2>/dev/null | grep -q ' running '; do
		[ "$SECONDS" -lt "$end" ] || fail "it does not run" || return
	done
	local fd
	for fd in 0 1 2; do
		[ "$(readlink "/proc/$(cat "$ROOT/state/lock")/fd/$fd")" = /dev/null ] || fail "descriptor $fd is a file"
	done
	runs 0.1.1
}
