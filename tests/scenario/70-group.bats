#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Eight workers of one child: they change together or not at all.
load lib

# Release 0.1.1-refuse is one that fails in one worker of the eight: see one_of_many.c.
begin() {
	demo_root 8
	local modules=$ROOT/lib/hello-0.1.1-refuse/modules
	rm "$modules/listener.so"
	cp "$build/tests/scenario/.libs/one_of_many.so" "$modules/listener.so"
	edit_apps "s|^\( *args: {.*\)}\$|\1, fault_file: \"$WORK/fault\"}|"
	start_running 8
	remember
	client_start 400
	client_expect "new=${HEY[0.1.0]}"
}

# FAULT: in the worker with the most connections.  WHERE is its name, CONNECTIONS their number.
fault() {
	local i n
	CONNECTIONS=0
	for i in 0 1 2 3 4 5 6 7; do
		n=$(relctl -o json call "hello/listener/$i" '{}' | sed -n 's/.*"connections": \([0-9]*\).*/\1/p')
		[ "$n" -le "$CONNECTIONS" ] || CONNECTIONS=$n WHERE=hello/listener/$i
	done
	echo "$1 $WHERE" >"$WORK/fault"
}

upgrade_all() {
	client_expect "old=${HEY[0.1.0]} new=${HEY[0.1.1]}"
	expect 0 relctl -o json upgrade 0.1.1
	holds 'd["outcome"] == "upgraded"' 'd["workers"] == 8'
	client_round 0.1.1
	runs 0.1.1
}

@test "eight workers change together, there and back" {
	begin
	upgrade_all
	client_expect "old=${HEY[0.1.1]} new=${HEY[0.1.0]}"
	expect 0 relctl -o json downgrade 0.1.0
	holds 'd["workers"] == 8'
	client_round 0.1.0
	client_end 0
	unharmed
}

@test "the rehearsal finds one of eight that would refuse" {
	begin
	fault refuse
	expect 1 relctl upgrade 0.1.1-refuse
	warns 'rehearsing in a copy of 8 workers' "copy of $WHERE refused: .*$WHERE refuses"
	client_round still
	upgrade_all
	client_end 0
	unharmed
}

@test "a refusal in many words, not in ASCII, is told in JSON" {
	begin
	fault words
	expect 5 relctl -o json upgrade 0.1.1-refuse --rehearse never
	tool holds 'd["outcome"] == "rolled_back"' '" refused: " in d["error"]["message"]' <<<"$output"
	expect 0 relctl -o json history
	holds '" refused: " in d[0]["reason"]'
	unharmed
}

@test "a refusal in one worker takes back all eight; nobody is dropped" {
	begin
	fault refuse
	# The reason is one worker's, the end of the bracket all eight's, in any order: more than once.
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		expect 5 relctl -o json upgrade 0.1.1-refuse --rehearse never
		says '"outcome": "rolled_back"' '"killed": \[\]' "\"message\": \"[^\"]*$WHERE refuses"
	done
	client_round still
	runs 0.1.0
	upgrade_all
	client_end 0
	unharmed
}

# FAULT PAUSE (long enough for the other seven on a busy machine): only the connections of the worker that died are lost.
one_dies() {
	begin
	fault "$1"
	local others
	others=$(workers | grep -v "^$WHERE ")
	expect 5 relctl -o json upgrade 0.1.1-refuse --rehearse never --max-pause "$2"
	holds 'd["outcome"] == "rolled_back"' "'$WHERE' in d['error']['message']"
	[ "$(workers | grep -v "^$WHERE ")" = "$others" ] || fail "others were harmed" "$(workers)"
	runs 0.1.0
	client_end 2
	client_holds "d['dropped'] == $CONNECTIONS > 0" 'd["disorder"] == d["wrong"] == 0'
	expect 0 relctl -o json upgrade 0.1.1
	runs 0.1.1
}

@test "a crash in one worker: the other seven keep their connections" {
	one_dies crash 1s
}

@test "a hang in one worker: the other seven keep their connections" {
	one_dies hang 2s
}
