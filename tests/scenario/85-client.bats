#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What relctl itself makes of an answer, of a lost relupd, and of an output that nobody takes.
load lib

peer() {
	exec "${PYTHON3:-python3}" "$src/tests/scenario/peer.py" "$@"
}

# The reader of peer.py's next line.
peer_says() { # LINE
	local line
	IFS= read -r -t 60 -u "$PEER_OUT" line || fail "peer.py says nothing" "$(cat "$WORK/peer.err")"
	[ "$line" = "$1" ] || fail "peer.py says $line, not $1"
}

peer_start() { # ARG...
	mkfifo "$WORK/peer.in" "$WORK/peer.out"
	peer "$@" <"$WORK/peer.in" >"$WORK/peer.out" 2>"$WORK/peer.err" 3>&- &
	PEER=$!
	exec {PEER_IN}>"$WORK/peer.in" {PEER_OUT}<"$WORK/peer.out"
}

# The longer the request takes to be written, the surer relupd has closed before.
call_at_length() {
	relctl call hello/listener/0 "[$(printf '1,%.0s' {1..28000})1]"
}

@test "a relupd that refuses before it has read is heard: its own error, not that it is away" {
	demo_root
	start_running
	peer_start full "$CONTROL"
	peer_says full
	for _ in {1..10}; do
		expect 1 call_at_length
		warns '64 clients are connected'
	done
	exec {PEER_IN}>&-
	wait "$PEER"
	runs 0.1.0
}

# relctl through peer.py, in the background; returns when the connection was lost as WHEN says.
# peer.py's socket is where that of a root would be: hints name that root.
lost() { # WHEN COMMAND...
	BETWEEN=$WORK/between
	mkdir -p "$BETWEEN/run"
	peer_start between "$BETWEEN/run/control.sock" "$CONTROL" "$1" "$DAEMON"
	peer_says listening
	timeout -k 1 100 "$build/relctl" --root "$BETWEEN" "${@:2}" >"$WORK/out" \
		2>"$WORK/relctl.err" 3>&- &
	RELCTL=$!
	peer_says lost
}

end_of_relctl() { # STATUS: sets output and stderr
	local status=0
	wait "$RELCTL" || status=$?
	output=$(cat "$WORK/out") stderr=$(cat "$WORK/relctl.err")
	[ "$status" -eq "$1" ] || fail "relctl ended with $status, not $1" "$output" "$stderr"
}

@test "relupd is killed when the operation is recorded and relctl has not heard its id: it attaches" {
	demo_root
	start_running
	lost begun upgrade 0.1.1-hang --max-pause 1m # it hangs in the rehearsal
	start
	end_of_relctl 1
	warns 'connection to relupd is lost' '0\.1\.0 -> 0\.1\.1-hang: unchanged' 'relupd ended in the middle'
	await_running 1
	expect 0 relctl -o json history
	holds '[h["outcome"] for h in d] == ["unchanged"]'
	runs 0.1.0
}

@test "the connection is lost and the operation is over: relctl tells its outcome" {
	demo_root
	start_running
	# An earlier one to the same release is not it.
	expect 0 relctl upgrade 0.1.1
	expect 0 relctl rollback
	lost over upgrade 0.1.1-hang --rehearse never --max-pause 100ms
	end_of_relctl 5
	warns 'connection to relupd is lost' '0\.1\.0 -> 0\.1\.1-hang: rolled_back'
	runs 0.1.0
}

@test "relupd is killed before it began the operation: relctl says that nothing was changed" {
	demo_root
	start_running
	lost asked upgrade 0.1.1
	start
	end_of_relctl 1
	warns 'unchanged: relupd was lost before it began the upgrade to 0\.1\.1' \
		"hint: try it again: .relctl --root $BETWEEN upgrade 0\.1\.1"
	await_running 1
	expect 0 relctl -o json history
	holds 'd == []'
	runs 0.1.0
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

@test "relupd is lost while it is only asked something: the hint names the root" {
	demo_root
	start_running
	lost asked status
	end_of_relctl 69
	warns 'relupd went away before it answered' "hint: start it with .relupd --root $BETWEEN."
}

into_full() { # RELCTL-ARG...
	relctl "$@" >/dev/full
}

into_closed() { # RELCTL-ARG...
	local status
	relctl "$@" | :
	status=${PIPESTATUS[0]}
	return "$status"
}

@test "a result that cannot be written does not change the status of what was done" {
	demo_root
	start_running
	expect 0 into_full upgrade 0.1.1
	warns 'error: the result cannot be written to standard output: No space left'
	expect 0 into_full -o json rollback
	warns 'error: the result cannot be written to standard output: No space left'
	expect 5 into_full -o json upgrade 0.1.1-hang --rehearse never --max-pause 100ms
	runs 0.1.0
	expect 0 into_closed upgrade 0.1.1
	runs 0.1.1
	# Where the output is all that was asked for, it is what failed.
	local verb
	for verb in status list history 'plan 0.1.2'; do
		# shellcheck disable=SC2086
		expect 1 into_full $verb
		warns 'cannot be written to standard output: No space left'
	done
}

@test "help is a command: what --help says, of all and of one" {
	local command
	for command in '' upgrade relup 'relup make' help; do
		# shellcheck disable=SC2086
		expect 0 "$build/relctl" $command --help
		local wanted=$output
		# shellcheck disable=SC2086
		expect 0 "$build/relctl" help $command
		[ "$output" = "$wanted" ] || fail "help $command says $output"
	done
	expect 64 "$build/relctl" help upgrede
	warns 'there is no command .upgrede.' 'did you mean .relctl help upgrade.'
}

@test "root init tells the permanent release, and takes none that relupd would not" {
	demo_root
	expect 0 relctl -o json root init "$ROOT"
	holds 'd["release"] == "0.1.0"'
	expect 0 relctl root init "$ROOT"
	warns 'release 0\.1\.0 is permanent'
	expect 0 relctl -o json root init "$WORK/empty"
	holds 'd["release"] is None'

	expect 4 relctl root init "$ROOT" --release 9.9
	warns 'release 9\.9 is not unpacked'
	mkdir "$ROOT/releases/9.1" "$ROOT/releases/9.2" "$ROOT/releases/9.3"
	printf 'release: hello\nversion: 9.1\nruntime: "1"\nnonsense: 1\n' >"$ROOT/releases/9.1/release.yaml"
	expect 1 relctl root init "$ROOT" --release 9.1
	warns "$ROOT/releases/9\.1/release\.yaml:4:1: .*nonsense" 'release\.yaml:[0-9]+:[0-9]+: .*applications'
	sed 's/^version: .*/version: 9.2/; s/version: 0.1.1/version: 7.7/' \
		"$ROOT/releases/0.1.1/release.yaml" >"$ROOT/releases/9.2/release.yaml"
	expect 1 relctl root init "$ROOT" --release 9.2
	warns "$ROOT/releases/9\.2/release\.yaml:[0-9]+:[0-9]+: .*no [a-z]+-7\.7/app\.yaml in $ROOT/lib"
	cp "$ROOT/releases/0.1.1/release.yaml" "$ROOT/releases/9.3/release.yaml"
	expect 1 relctl root init "$ROOT" --release 9.3
	warns "$ROOT/releases/9\.3/release\.yaml: it says version 0\.1\.1, and lies in releases/9\.3"

	expect 0 relctl -o json root init "$ROOT" --release 0.1.1
	holds 'd["release"] == "0.1.1"'
}

@test "root init is refused while relupd runs, and while workers outlive it" {
	demo_root
	start_running
	local worker
	worker=$(pid_of hello/listener/0)
	expect 1 relctl root init "$ROOT" --release 0.1.1
	warns "in use by process $DAEMON"
	end KILL
	expect 1 relctl root init "$ROOT" --release 0.1.1
	warns "1 worker of $ROOT still runs: hello/listener/0 \(pid $worker\); nothing was changed" \
		"hint: start .relupd --root $ROOT., which takes them back"
	start_running
	[ "$(pid_of hello/listener/0)" = "$worker" ]
	runs 0.1.0
	end TERM
	expect 0 relctl root init "$ROOT" --release 0.1.1
	start_running
	runs 0.1.1
}

# relctl COMMAND... asks a relupd that answers with LINES.
answered() { # STATUS LINES COMMAND...
	local lines
	mapfile -t lines <<<"$2"
	rm -rf "$WORK/peer.in" "$WORK/peer.out" "$ROOT"
	mkdir -p "$ROOT/run"
	peer_start answers "$ROOT/run/control.sock" "${lines[@]}"
	peer_says listening
	expect "$1" relctl "${@:3}"
	wait "$PEER"
}

@test "control characters in texts of others do not reach the terminal; JSON has them escaped" {
	local evil='\u001b]0;x\u0007\u009b2J\u007f\nä€'
	local plain='\x1b]0;x\x07\u009b2J\x7f\x0aä€'
	local op='"operation":1,"kind":"upgrade","from":"1","to":"2","phase":"undo","text":"'$evil'"'
	local worker='"worker":"a/b/0","state":"failed","pid":null,"restarts":0,"since":"-","modules":[]'
	local shown='{"id":1,"result":{"release":null,"operation":{'$op'},"applications":[],"daemon":{"pid":1,
		"version":"1","since":"-"},"workers":[{'$worker',"reason":"'$evil'"}]}}'
	answered 3 "${shown//$'\n'/ }" status
	[[ $output == *"undo: $plain"*'a/b/0 '*"$plain" ]] || fail "stdout is" "$output"
	answered 3 "${shown//$'\n'/ }" -o json status
	[[ $output == *'\u001b]0;x\u0007'* ]] || fail "stdout is" "$output"

	local error='{"code":"bad_value","message":"'$evil'","hint":"'$evil'"}'
	answered 1 '{"method":"progress","params":{'"$op"'}}
{"id":1,"result":{"outcome":"unchanged","from":"1","to":"2","error":'"$error"'}}' upgrade 2
	[[ $stderr == *"upgrade 1 -> 2: $plain"*"unchanged: $plain"*"hint: $plain"* ]] ||
		fail "stderr is" "$stderr"

	expect 1 relctl relup show $'\e]0;x\a\xff'
	[[ $stderr == *'\x1b]0;x\x07\xff'* ]] || fail "stderr is" "$stderr"
}

@test "an upgrade that is done tells whom it cost" {
	answered 0 '{"id":1,"result":{"outcome":"upgraded","from":"1","to":"2","killed":["a/b/0"],"error":null}}' upgrade 2
	says 'upgraded: 1 -> 2' 'killed and started again: a/b/0'
}

@test "of those it cost, only who does not run is not said to" {
	local killed='"killed":["a/b/1","a/b/10"],"warnings":["a/b/10 does not run: ended","a/b/1 is slow"]'
	answered 5 '{"id":1,"result":{"outcome":"rolled_back","from":"1","to":"2",'"$killed"',"error":{"code":"worker_died","message":"x"}}}' upgrade 2
	warns 'killed and started again: a/b/1'$'\n' 'killed: a/b/10'$'\n'
}

@test "hints name the root's path, not the word ROOT" {
	local error='{"code":"worker_died","message":"x","hint":"ROOT/log/ holds the log"}'
	local result='{"id":1,"result":{"outcome":"rolled_back","from":"1","to":"2","error":'"$error"'}}'
	answered 5 "$result" upgrade 2
	warns "hint: $ROOT/log/ holds the log"
	answered 5 "$result" -o json upgrade 2
	holds "d['error']['hint'] == '$ROOT/log/ holds the log'"
	answered 1 '{"id":1,"error":{"message":"x","data":'"$error"'}}' -o json upgrade 2
	holds "d['error']['hint'] == '$ROOT/log/ holds the log'"
	# what relctl finds in the root itself
	expect 0 relctl root init "$WORK/other"
	printf 'x%.0s' {1..8192} >"$WORK/other/state/relup.db"
	expect 1 relctl root init "$WORK/other"
	warns "hint: stop relupd, keep a copy of $WORK/other/state/, "
}
