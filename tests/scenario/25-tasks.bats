#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The fourth seed: a thread for every connection, in the version that lets go of its code and in the one
# that does not.  Each connection here is a descriptor of this shell.
load lib

loop_root() { # RELEASE
	sh "$src/releases/demo-root.sh" "$build" "$src" "$ROOT" "$PORT" 1 "$1" 2>"$WORK/demo.err"
	start_running
}

connect() { # NAME...
	local name
	for name; do
		exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
		printf -v "$name" %s "$fd"
		hears "$name" "$HERE"
	done
}

hears() { # NAME ANSWER
	local line
	echo x >&"${!1}"
	IFS= read -r -t 60 -u "${!1}" line || fail "connection $1 was dropped" || return
	[ "$line" = "$2" ] || fail "connection $1 hears '$line', not '$2'"
}

is_dropped() { # NAME
	local line
	if IFS= read -r -t 60 -u "${!1}" line; then
		fail "connection $1 hears '$line'"
	fi
}

# The threads of OLD alone hold 0.1.0-loop: by task, thread, module and function.
held_by_the_old() { # JSON-EXPRESSION of the list
	holds "len($1) == 2" "all(h['worker'] == 'hello/listener/0' and h['what'] == 'task' for h in $1)" \
		"all(h['module'] == 'listener' and h['vsn'] == '0.1.0-loop' for h in $1)" \
		"all(h['function'] == 'serve' and h['task'].startswith('serve/') for h in $1)" \
		"all(h['pid'] == $PID and h['thread'] != h['pid'] and h['since'] for h in $1)" \
		"len({h['thread'] for h in $1}) == 2" \
		"all(set(h) >= {'worker', 'pid', 'module', 'vsn', 'task', 'thread', 'function', 'since', 'what', 'hint'} for h in $1)"
}

@test "brutal by the appup: announced, blocked, and done only when allowed" {
	loop_root 0.1.0-loop
	remember
	PID=$(pid_of hello/listener/0) HERE=${HEY[0.1.0]}
	connect a b
	expect 0 relctl -o json plan 0.1.1-brutal
	held_by_the_old 'd["kills"]'
	holds 'd["holders"] == []' 'all(h["fds"] > 2 for h in d["kills"])'
	expect 0 relctl plan 0.1.1-brutal
	says "would end" "hello/listener/0 +$PID +task +serve/" "hello/listener/0, pid $PID, is killed .* [0-9]+ descriptors"
	expect 7 relctl -o json upgrade 0.1.1-brutal
	holds 'd["outcome"] == "blocked"' 'd["killed"] == []' 'd["error"]["code"] == "blocked"' \
		'"--purge brutal" in d["error"]["hint"]'
	held_by_the_old 'd["holders"]'
	unharmed
	hears a "${HEY[0.1.0]}"
	expect 0 relctl -o json upgrade 0.1.1-brutal --purge brutal
	holds 'd["outcome"] == "upgraded"' 'd["killed"] == ["hello/listener/0"]' \
		'{h["task"] for h in d["cancelled"]} == {"serve/1", "serve/2"}'
	is_dropped a
	is_dropped b
	[ "$(pid_of hello/listener/0)" != "$PID" ]
	HERE=${HEY[0.1.1]}
	connect c
	expect 0 relctl -o json history
	holds '[h["outcome"] for h in d] == ["upgraded", "blocked"]'
}

@test "brutal by the appup, softly: nobody is ended" {
	loop_root 0.1.0-loop
	remember
	HERE=${HEY[0.1.0]}
	connect a
	expect 0 relctl -o json upgrade 0.1.1-brutal --purge soft
	holds 'd["killed"] == d["cancelled"] == []'
	hears a "${HEY[0.1.0]}"
	unharmed
}

@test "brutal by the appup, and nobody stays: it needs no word" {
	loop_root 0.1.0-loop
	remember
	expect 0 relctl -o json plan 0.1.1-brutal
	holds 'd["kills"] == d["holders"] == []'
	expect 0 relctl -o json upgrade 0.1.1-brutal
	holds 'd["outcome"] == "upgraded"' 'd["killed"] == d["cancelled"] == []'
	unharmed
}

@test "soft: old connections stay in the old code, and block a third version" {
	loop_root 0.1.0-loop
	remember
	PID=$(pid_of hello/listener/0) HERE=${HEY[0.1.0]}
	connect a b
	expect 0 relctl -o json upgrade 0.1.1-loop
	holds 'd["outcome"] == "upgraded"' 'd["killed"] == d["cancelled"] == d["holders"] == []'
	HERE=${HEY[0.1.1]}
	connect c
	hears a "${HEY[0.1.0]}"
	hears b "${HEY[0.1.0]}"
	expect 0 relctl -o json holders
	held_by_the_old d
	expect 0 relctl -o json holders 0.1.0-loop
	held_by_the_old d
	expect 0 relctl -o json holders 0.1.1-loop
	holds '[h["vsn"] for h in d] == ["0.1.1-loop"]' # c, which goes when it is asked to
	expect 4 relctl holders 9.9.9
	expect 0 relctl holders
	says "hello/listener/0 +$PID +task +serve/[12] +[0-9]+ +listener +0\.1\.0-loop +serve +20"
	expect 0 relctl -o json status
	holds 'd["workers"][0]["tasks"] == 3' \
		'sorted((m["module"], m["current"], m["old"], m["held_by"]) for m in d["workers"][0]["modules"]) == [
			("greeting", "0.1.1", "0.1.0", 2), ("listener", "0.1.1-loop", "0.1.0-loop", 2)]'
	expect 0 relctl -o json plan 0.1.2-loop
	held_by_the_old 'd["holders"]'
	expect 7 relctl -o json upgrade 0.1.2-loop
	holds 'd["outcome"] == "blocked"' 'd["killed"] == []'
	held_by_the_old 'd["holders"]'
	expect 7 relctl upgrade 0.1.2-loop
	warns 'still in use' 'serve/[12]' 'hint: .*--purge brutal' 'everything runs 0\.1\.1-loop; nothing was changed'
	hears a "${HEY[0.1.0]}"
	hears c "${HEY[0.1.1]}"
	unharmed
	# What held it ends, and nobody has to ask again: the old code goes, the way is free.
	exec {a}>&- {b}>&-
	local end=$((SECONDS + 60))
	until [ "$(relctl -o json status | tool get '[m["old"] for m in d["workers"][0]["modules"]]')" = "[null, null]" ]; do
		[ "$SECONDS" -lt "$end" ]
	done
	[ "$(grep -o '/objects/.*' "/proc/$PID/maps" | sort -u | wc -l)" -eq 2 ] || fail "old code is mapped"
	expect 0 relctl upgrade 0.1.2-loop
	hears c "${HEY[0.1.2]}"
	unharmed
}

@test "a third version all the same: who holds the first is ended, and it is said whom" {
	loop_root 0.1.0-loop
	HERE=${HEY[0.1.0]}
	connect a
	expect 0 relctl upgrade 0.1.1-loop
	expect 0 relctl upgrade 0.1.2-loop --purge brutal
	says 'told to end: task serve/1 of hello/listener/0' 'killed and started again: hello/listener/0'
	is_dropped a
	HERE=${HEY[0.1.2]}
	connect b
}

# The same releases by an update of the listener, which suspends it.
update_root() { # FROM TO
	sh "$src/releases/demo-root.sh" "$build" "$src" "$ROOT" "$PORT" 1 "$1" 2>"$WORK/demo.err"
	sed -i 's/load_module: {module: listener, /update: {module: listener, timeout: 1s, /' "$ROOT/lib/hello-$2/appup.yaml"
	relctl -q relup make "$ROOT/releases/$2/release.yaml" --lib "$ROOT/lib" \
		--from "$ROOT/releases/$1/release.yaml" --out "$ROOT/releases/$2/relup.json"
	start_running
}

@test "an update waits for the turns; who does not end his is named, and it is taken back" {
	update_root 0.1.0-loop 0.1.1-loop
	remember
	PID=$(pid_of hello/listener/0) HERE=${HEY[0.1.0]}
	connect a b
	expect 5 relctl -o json upgrade 0.1.1-loop
	holds 'd["outcome"] == "rolled_back"' 'd["error"]["code"] == "suspend_timeout"' 'd["killed"] == []' \
		'"did not come to rest within 1" in d["error"]["message"]' \
		'" ms: hello/listener/0: task serve/" in d["error"]["message"]' \
		'"in its turn since 20" in d["error"]["message"]' 'any("did not end their turns" in w for w in d["warnings"])'
	held_by_the_old 'd["holders"]'
	hears a "${HEY[0.1.0]}"
	hears b "${HEY[0.1.0]}"
	connect c
	exec {a}>&- {b}>&- {c}>&-
	local end=$((SECONDS + 60))
	until relctl -q upgrade 0.1.1-loop 2>/dev/null; do
		[ "$SECONDS" -lt "$end" ]
	done
	HERE=${HEY[0.1.1]}
	connect d
	unharmed
}

@test "of very many holders 500 are named, and that there are more is said" {
	loop_root 0.1.0-loop
	client_start 501
	client pause
	expect 0 relctl -o json upgrade 0.1.1-loop
	expect 0 relctl -o json holders
	holds 'len(d) == 500' '[h["hint"] for h in d].count("in old code until its turn ends") == 499' \
		'"more follow that are not listed" in d[499]["hint"]'
	expect 0 relctl -o json status
	holds '[m["held_by"] for m in d["workers"][0]["modules"] if m["module"] == "listener"] == [501]'
}

# VERB FROM TO: under load, as in 20-upgrade.
move() {
	client_expect "old=${HEY[${2%-loop}]} new=${HEY[${3%-loop}]}"
	expect 0 relctl -o json "$1" "$3"
	holds 'd["outcome"] == "upgraded"' 'd["killed"] == []'
	client_round "$3"
	expect 0 relctl -o json holders
	holds 'd == []'
}

@test "200 threads that let go: every connection moves, none is dropped" {
	loop_root 0.1.1-loop
	remember
	client_start 200
	move upgrade 0.1.1-loop 0.1.2-loop
	move downgrade 0.1.2-loop 0.1.1-loop
	move upgrade 0.1.1-loop 0.1.2-loop
	expect 0 relctl -o json status
	holds 'd["workers"][0]["tasks"] == 200'
	client_end 0
	client_holds 'd["answered"] == d["sent"]' 'd["dropped"] == d["lost"] == d["disorder"] == d["wrong"] == 0'
	unharmed
}

@test "threads are closed in order when the worker stops" {
	loop_root 0.1.1-loop
	HERE=${HEY[0.1.1]}
	connect a b
	end TERM
	is_dropped a
	is_dropped b
	grep -q "shutdown: 0 connections are left" "$ROOT/log/hello.listener.0.log"
}
