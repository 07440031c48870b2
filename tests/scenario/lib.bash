# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# What all scenarios share.  Each test has a directory, a root and a port of its own, so that any
# number of them run beside each other, and leaves nothing behind.  Nothing waits for time: relupd
# returns when it is ready, relctl when its operation ended; where only the state can be looked at,
# await_* asks again, within a bound.
bats_require_minimum_version 1.5.0
build=${top_builddir:?run by make check} src=${top_srcdir:?}
export NO_COLOR=1 LC_ALL=C.UTF-8
unset RELUP_ROOT RELUP_FAULT RELUP_LIBEXEC NOTIFY_SOCKET JOURNAL_STREAM

# shellcheck disable=SC2034 # for the tests
declare -gA HEY=(
	[0.1.0]='Hey there!'
	[0.1.1]='Hey there, next version!'
	[0.1.2]='Hey there, third version!'
	[0.1.1-sick]='Hey there, wrong version!'
)

setup() {
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/relup-scenario.XXXXXX")
	ROOT=$WORK/root
	PORT=$(tool port)
	cd "$WORK" || return 1
}

teardown() {
	local log
	end_all
	if [ -z "${BATS_TEST_COMPLETED-}" ]; then
		for log in "$ROOT"/log/*.log "$WORK"/*.err; do
			[ ! -s "$log" ] || tail -n 40 "$log" | sed "s|^|${log##*/}: |"
		done
	fi
	cd /
	rm -rf "$WORK"
}

# Every process that speaks of this test's directory, and what this shell started.
end_all() {
	local pid pids=()
	for pid in $(cat "$WORK"/*/state/lock 2>/dev/null | cut -d' ' -f1) \
		$(cat "$WORK"/*/run/pids 2>/dev/null | awk '$1 ~ "/" { print $2 }'); do
		if tr '\0' '\n' 2>/dev/null <"/proc/$pid/cmdline" | grep -qF "$WORK"; then
			pids+=("$pid")
		fi
	done
	for pid in $(jobs -p); do
		pids+=("$pid")
	done
	[ ${#pids[@]} -gt 0 ] || return 0
	kill -KILL "${pids[@]}" 2>/dev/null || true
	tool gone "${pids[@]}"
}

tool() {
	"${PYTHON3:-python3}" "$src/tests/scenario/tool.py" "$@"
}

fail() {
	printf '%s\n' "$@"
	return 1
}

# ---------------------------------------------------------------- programs and what they say
# `timeout` only so that a test that fails does so within a minute or two.
relctl() {
	timeout --foreground -k 1 100 "$build/relctl" --root "$ROOT" "$@"
}

expect() { # STATUS COMMAND...: sets output and stderr
	local want=$1
	shift
	run --separate-stderr "$@"
	# shellcheck disable=SC2154 # set by run
	[ "$status" -eq "$want" ] || fail "ended with $status, not $want: $*" "$output" "$stderr"
}

says() { # REGEX...: of the standard output
	local re
	for re; do
		[[ $output =~ $re ]] || fail "stdout does not say: $re" "$output" "stderr:" "$stderr"
	done
}

warns() { # REGEX...: of the standard error
	local re
	for re; do
		[[ $stderr =~ $re ]] || fail "stderr does not say: $re" "$stderr" "stdout:" "$output"
	done
}

holds() { # EXPR...: true of the JSON document that was printed
	[ -z "$stderr" ] || fail "with -o json, stderr says: $stderr"
	tool holds "$@" <<<"$output"
}

log_has() { # REGEX
	grep -qE -e "$1" "$ROOT/log/relupd.log" || fail "the log does not say: $1"
}

await_log() { # REGEX
	local end=$((SECONDS + 60))
	until grep -qE -e "$1" "$ROOT/log/relupd.log"; do
		[ "$SECONDS" -lt "$end" ] || fail "the log does not come to say: $1" || return
	done
}

# ---------------------------------------------------------------- root and daemon
demo_root() { # [COUNT]
	sh "$src/releases/demo-root.sh" "$build" "$src" "$ROOT" "$PORT" "${1-1}" 2>"$WORK/demo.err"
}

# The same without a permanent release.
bare_root() {
	mkdir "$ROOT"
	cp -R "$build/releases/tree/lib" "$build/releases/tree/releases" "$ROOT/"
	local r
	for r in "$ROOT"/releases/*; do
		echo "hello: {port: $PORT}" >"$r/config.yaml"
	done
	relctl -q root init "$ROOT"
}

edit_apps() { # SED-SCRIPT: of every app.yaml
	local f
	for f in "$ROOT"/lib/*/app.yaml; do
		sed -i -e "$1" "$f"
	done
}

# Tests that kill a worker again and again are not about its back-off.
many_restarts() {
	edit_apps 's/^supervisor:$/&\n  intensity: 1000/'
}

# Returns when relupd serves its control socket.  DAEMON is its pid.
start() {
	"$build/relupd" --root "$ROOT" 2>"$WORK/start.err" ||
		fail "relupd does not start" "$(cat "$WORK/start.err")" || return
	DAEMON=$(cat "$ROOT/state/lock")
	# shellcheck disable=SC2034
	WORKERS=$ROOT/run/workers.sock CONTROL=$ROOT/run/control.sock
}

start_running() { # [COUNT]
	start
	await_running "${1-1}"
}

end() { # SIGNAL
	kill "-$1" "$DAEMON"
	tool gone "$DAEMON"
}

workers() { # "NAME PID STATE RESTARTS" a line
	relctl status | awk '$1 ~ "^[a-z_]+/[a-z_]+/[0-9]+$" { print $1, $3, $2, $4 }'
}

await_running() { # COUNT
	local end=$((SECONDS + 60))
	until [ "$(relctl status | grep -c '^[a-z_]*/[a-z_]*/[0-9]*  *running ')" = "$1" ]; do
		[ "$SECONDS" -lt "$end" ] || fail "not all of $1 workers run" "$(relctl status)" || return
	done
}

pid_of() { # WORKER
	workers | sed -n "s|^$1 \([0-9]*\) .*|\1|p"
}

# That nothing of all this did any harm: the same relupd, the same workers.
remember() {
	BEFORE="$DAEMON $(workers)"
}

unharmed() {
	local now
	now="$(cat "$ROOT/state/lock") $(workers)"
	[ "$now" = "$BEFORE" ] || fail "something else runs:" "$BEFORE" "now:" "$now"
}

runs() { # VERSION: it is the release, every worker has it, and clients see it
	expect 0 relctl -o json status
	holds "d['release']['version'] == '$1'" 'd["operation"] is None' \
		'all(w["state"] == "running" for w in d["workers"])' \
		"all(m['current'] in ('$1', '${2-$1}') for w in d['workers'] for m in w['modules'])"
	[ "$(tool ask "$PORT")" = "${HEY[$1]}" ] || fail "the answer is not that of $1"
}

# ---------------------------------------------------------------- clients
# bench/client keeps its connections busy and watches every answer.  REPORT: its last word.
client_start() { # CONNECTIONS [ARG...]
	rm -f "$WORK/client.in" "$WORK/client.out"
	mkfifo "$WORK/client.in" "$WORK/client.out"
	"$build/bench/client" --port "$PORT" --connections "$@" \
		<"$WORK/client.in" >"$WORK/client.out" 2>"$WORK/client.err" 3>&- &
	CLIENT=$!
	exec {CLIENT_IN}>"$WORK/client.in" {CLIENT_OUT}<"$WORK/client.out"
	client_report
	[[ $REPORT == *'"ready":true'* ]] || fail "the client is not ready: $REPORT"
}

client() { # COMMAND
	printf '%s\n' "$*" >&"$CLIENT_IN"
}

client_report() {
	IFS= read -r -t 100 -u "$CLIENT_OUT" REPORT || fail "the client says nothing" "$(cat "$WORK/client.err")"
}

client_expect() { # [old=TEXT ]new=TEXT: the answers that are right from now on
	client "expect $*"
	client_report
	[[ $REPORT == *'"expected":true'* ]] || fail "the client did not come to know what is right: $REPORT"
}

client_holds() { # EXPR...
	tool holds "$@" <<<"$REPORT"
}

# A request on each connection; all are answered, and by the new release.
client_round() { # NAME
	client "round $1"
	client_report
	client_holds "d['window'] == '$1'" 'd["new"] == d["sent"] > 0' 'd["disorder"] == d["lost"] == 0'
}

# Its status says whether all was right: 0, or 2.
client_end() { # STATUS
	local status=0
	client quit
	client_report
	exec {CLIENT_IN}>&- {CLIENT_OUT}<&-
	wait "$CLIENT" || status=$?
	[ "$status" -eq "$1" ] || fail "the client ended with $status, not $1: $REPORT"
}
