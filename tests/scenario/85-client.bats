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
	local i
	for i in {1..10}; do
		expect 1 call_at_length
		warns 'more than 64 clients at once'
	done
	exec {PEER_IN}>&-
	wait "$PEER"
	runs 0.1.0
}
