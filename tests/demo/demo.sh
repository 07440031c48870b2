#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The main job, shown (./bootstrap demo).  A client stays connected while the release under it
# is upgraded twice and taken back twice; then comes a release whose code_change crashes.
# Ends by itself and leaves nothing behind.  bash, for /dev/tcp.
set -eu

build=${top_builddir:?this is run by ./bootstrap demo} src=${top_srcdir:?}
dir=$(mktemp -d)
root=$dir/root

finish() {
	status=$?
	trap - EXIT
	trap '' INT TERM HUP # not again while it cleans up
	stop_daemon
	rm -rf "$dir"
	exit "$status"
}

# relupd is in the background, so it is no child of ours: tail tells when it is gone.
stop_daemon() {
	pid=$("$build/relctl" --root "$root" status 2>/dev/null | sed -n 's/^daemon.*, pid \([0-9]*\),.*/\1/p')
	[ -n "$pid" ] || return 0
	kill -TERM "$pid" 2>/dev/null || return 0
	timeout 20 tail --pid="$pid" -f /dev/null || true
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

fail() {
	echo "demo: $*" >&2
	for log in "$dir/make" "$root"/log/*.log; do
		[ ! -s "$log" ] || sed "s|^|${log##*/}: |" "$log" >&2
	done
	exit 1
}

say() {
	printf '\n# %s\n' "$*"
}

export RELUP_ROOT=$root

relctl() {
	printf '$ relctl %s\n' "$*"
	"$build/relctl" "$@" 2>&1
}

# One line on the one connection; what comes back must be what the release running now says.
ask() {
	echo hello >&3 || fail "the connection is gone"
	IFS= read -r -t 10 answer <&3 || fail "no answer on the connection"
	printf 'client: hello  ->  %s\n' "$answer"
	[ "$answer" = "$1" ] || fail "expected '$1'"
}

# A free port of this machine, as the kernel gives it.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sh "$src/releases/demo-root.sh" "$build" "$src" "$root" "$port" >"$dir/make" 2>&1 || fail "no demo root"

say "relupd runs release 0.1.0 of hello; one client connects and stays connected"
echo "\$ export RELUP_ROOT=$root"
echo "\$ relupd"
"$build/relupd" || fail "relupd does not start"
exec 3<>"/dev/tcp/127.0.0.1/$port"
ask 'Hey there!'

say "0.1.1 changes the layout of every connection's state: suspend, load, code_change, resume"
relctl plan 0.1.1
relctl upgrade 0.1.1
ask 'Hey there, next version!'

say "0.1.2 replaces one module"
relctl upgrade 0.1.2
ask 'Hey there, third version!'

say "and back, the same way"
relctl downgrade 0.1.1
ask 'Hey there, next version!'
relctl downgrade 0.1.0
ask 'Hey there!'

say "0.1.1-crash dies in its code_change; the rehearsal in a forked copy finds it beforehand"
status=0
relctl upgrade 0.1.1-crash || status=$?
[ "$status" = 1 ] || fail "exit status $status instead of 1"
echo "exit status $status: unchanged"
ask 'Hey there!'

say "the same connection all the time; this is what happened"
relctl history
relctl status
exec 3>&-
