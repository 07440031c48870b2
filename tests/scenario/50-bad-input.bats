#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whatever comes from files, sockets and hands: an error for the one who sent it, and relupd and its
# workers go on as if nothing had been.
load lib

begin() {
	demo_root
	start_running
	remember
}

end_unharmed() {
	unharmed
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
}

# ---------------------------------------------------------------- modules
# MODULE FILE: what 0.1.1 ships as this module from now on.
ship() {
	local so=$ROOT/lib/hello-0.1.1/modules/$1.so
	[ -f "$WORK/$1.good" ] || cp "$so" "$WORK/$1.good"
	rm -f "$so"
	cp "$2" "$so"
}

# STATUS CODE REGEX [OPTION...]: the upgrade is refused so, before anything was touched.
refused() {
	expect "$1" relctl -o json upgrade 0.1.1 "${@:4}"
	says "\"code\": \"$2\"" "\"message\": \".*$3"
	unharmed
}

@test "a module without its symbol, with another ABI, of another name" {
	begin
	local bad=$build/tests/modules/.libs
	ship greeting "$bad/bad-symbol.so"
	refused 1 bad_module 'greeting.*does not export relw_module' --rehearse never
	ship greeting "$bad/bad-abi.so"
	refused 10 bad_abi 'ABI 2' --rehearse never
	ship greeting "$bad/bad-name.so"
	refused 1 bad_module "'other'" --rehearse never
	ship greeting "$bad/bad-size.so"
	refused 10 bad_abi 'its table has [0-9]+ bytes' --rehearse never
	ship greeting "$WORK/greeting.good"
	end_unharmed
}

@test "a module that is cut off, at any length" {
	begin
	local so=$ROOT/lib/hello-0.1.1/modules/listener.so size n
	cp "$so" "$WORK/whole"
	size=$(stat -c %s "$WORK/whole")
	for n in 0 1 3 4 16 63 64 65 119 120 1000 4095 4096 4097 $((size / 4)) $((size / 2)) \
		$((size * 3 / 4)); do
		head -c "$n" "$WORK/whole" >"$WORK/cut"
		ship listener "$WORK/cut"
		refused 10 bad_object 'listener'
	done
	ship listener "$WORK/listener.good"
	end_unharmed
}

@test "a module for another machine, of another kind, or no module at all" {
	begin
	local offset_bytes
	# class, byte order, version, type, machine, size of a program header
	for offset_bytes in '4 01' '5 02' '6 07' '16 0100' '16 0200' '18 0300' '18 b700' '18 0000' \
		'32 ffffffffffffffff' '54 0000' '56 ffff'; do
		rm -f "$WORK/patched"
		cp --no-preserve=mode "$ROOT/lib/hello-0.1.0/modules/listener.so" "$WORK/patched"
		# shellcheck disable=SC2086 # two words
		tool patch "$WORK/patched" $offset_bytes
		ship listener "$WORK/patched"
		refused 10 bad_object 'listener'
	done
	ship listener "$src/COPYING"
	refused 10 bad_object 'listener'
	ship listener "$WORK/listener.good"
	end_unharmed
}

@test "a module that is missing, a directory, a pipe, unreadable, or that links nowhere" {
	begin
	local so=$ROOT/lib/hello-0.1.1/modules/listener.so
	cp "$so" "$WORK/listener.good"
	rm "$so"
	expect 1 relctl upgrade 0.1.1
	warns 'lib/hello-0\.1\.1/modules/listener\.so' 'No such file'
	mkdir "$so"
	expect 1 relctl upgrade 0.1.1
	warns 'lib/hello-0\.1\.1/modules/listener\.so'
	rmdir "$so"
	mkfifo "$so"
	expect 1 relctl upgrade 0.1.1
	warns 'lib/hello-0\.1\.1/modules/listener\.so'
	rm "$so"
	ln -s /nowhere "$so"
	expect 1 relctl upgrade 0.1.1
	warns 'lib/hello-0\.1\.1/modules/listener\.so'
	ln -sf "../../../objects/$(printf '0%.0s' {1..64}).so" "$so"
	expect 1 relctl upgrade 0.1.1
	warns 'lib/hello-0\.1\.1/modules/listener\.so' 'hint: stage the release again'
	ship listener "$WORK/listener.good"
	end_unharmed
}

@test "an object whose bytes are no longer those of its name" {
	begin
	local object
	object=$(readlink -f "$ROOT/lib/hello-0.1.1/modules/greeting.so")
	cp --no-preserve=mode "$object" "$WORK/changed"
	tool patch "$WORK/changed" 4200 00ff00ff
	rm "$object"
	cp "$WORK/changed" "$object"
	refused 10 bad_digest 'greeting'
	rm "$object"
	rm "$ROOT/lib/hello-0.1.1/modules/greeting.so"
	cp "$build/releases/tree/lib/hello-0.1.1/modules/greeting.so" "$ROOT/lib/hello-0.1.1/modules/"
	end_unharmed
}

# A module's own words may be cut, but never so that what is said with them is lost.
@test "a module that refuses at length and not in ASCII: it is listed, and the answers are JSON" {
	demo_root
	many_restarts
	rm "$ROOT/lib/hello-0.1.0/modules/listener.so"
	cp "$build/tests/scenario/.libs/wordy.so" "$ROOT/lib/hello-0.1.0/modules/listener.so"
	edit_apps 's/intensity: 1000/intensity: 0/'
	start
	await_log 'too many restarts'
	expect 1 relctl -o json status
	holds 'len(d["workers"]) == 1' 'd["workers"][0]["state"] == "failed"' \
		'd["workers"][0]["reason"].endswith("xä")' '"?" not in d["workers"][0]["reason"]'
}

# ---------------------------------------------------------------- descriptions
# FILE CASE-PREFIX...: each refusal of tests/data in the place of this file, with its position.
corpus() {
	local file=$ROOT/$1 kind case at n=0
	shift
	cp "$file" "$WORK/good"
	for kind; do
		for case in "$src"/tests/data/{invalid,beyond-schema}/"$kind"-*; do
			[ -f "$case/input.yaml" ] || continue
			read -r _ at <"$case/expected.err"
			cp --no-preserve=mode "$case/input.yaml" "$file"
			run --separate-stderr relctl upgrade 0.1.1
			case $status in 1 | 4 | 10) ;; *) fail "${case##*/}: status $status" "$stderr" ;; esac
			[[ $stderr == *"error: ${file#"$ROOT"/}:$at: "* ]] ||
				fail "${case##*/}: not at $at:" "$stderr"
			n=$((n + 1))
		done
	done
	[ "$n" -gt 2 ] || fail "only $n cases"
	cp "$WORK/good" "$file"
	expect 4 relctl plan 9.9.9
}

@test "every refusal of a release.yaml, with its position" {
	begin
	corpus releases/0.1.1/release.yaml release doc
	end_unharmed
}

@test "every refusal of an app.yaml, with its position" {
	begin
	corpus lib/hello-0.1.1/app.yaml app
	end_unharmed
}

@test "every refusal of a config.yaml, with its position" {
	begin
	corpus releases/0.1.1/config.yaml config doc
	end_unharmed
}

@test "all errors of a document are told: to relctl, in JSON, in the log, and at relupd's start" {
	begin
	local file=$ROOT/releases/0.1.1/release.yaml
	cp "$file" "$WORK/good"
	printf 'colour: red\nsize: big\nprobation: {for: 5}\n' >>"$file"
	expect 1 relctl upgrade 0.1.1
	warns "0\.1\.1/release\.yaml:[0-9]+:1: a release has no key 'colour'"$'\n' \
		"0\.1\.1/release\.yaml:[0-9]+:1: a release has no key 'size'" "release\.yaml:[0-9]+:[0-9]+: .*5"
	log_has "error upgrade: 0\.1\.0 → 0\.1\.1: refused: releases/0\.1\.1/release\.yaml:[0-9]+:1: .*'colour'$"
	log_has "error upgrade: .*releases/0\.1\.1/release\.yaml:[0-9]+:1: .*'size'$"
	expect 1 relctl -o json plan 0.1.1
	holds 'len(d["problems"]) >= 3' 'd["error"] == d["problems"][0]' 'all(p["line"] for p in d["problems"])' \
		'all(" more" not in p["message"] for p in d["problems"])'
	cp "$WORK/good" "$file"
	end_unharmed
	end TERM
	printf 'colour: red\nsize: big\n' >>"$file"
	expect 1 "$build/relupd" --root "$ROOT"
	warns "relupd: error: releases/0\.1\.1/release\.yaml:[0-9]+:1: .*'colour'"$'\n' "relupd: error: .*'size'"
	log_has "error relupd: releases/0\.1\.1/release\.yaml:[0-9]+:1: .*'size'$"
}

# FILE SED-SCRIPT STATUS REGEX: the upgrade with the file changed so.
spoilt() {
	cp "$ROOT/$1" "$WORK/good"
	sed -i -e "$2" "$ROOT/$1"
	! cmp -s "$ROOT/$1" "$WORK/good" || fail "$2 changes nothing"
	expect "$3" relctl upgrade 0.1.1
	warns "$4"
	cp "$WORK/good" "$ROOT/$1"
}

@test "all errors of a config.yaml are told" {
	begin
	local file=$ROOT/releases/0.1.1/config.yaml
	cp "$file" "$WORK/good"
	printf 'hello: {port: 1}\nUpper: &x {}\nlist: []\n' >>"$file"
	expect 1 relctl upgrade 0.1.1
	warns 'config\.yaml:[0-9]+:8: anchors' "config\.yaml:[0-9]+:1: the key 'hello'" \
		"config\.yaml:[0-9]+:1: 'Upper' is not" 'config\.yaml:[0-9]+:7: .* must be a map'
	cp "$WORK/good" "$file"
	end_unharmed
}

@test "a relup that is no JSON, of another release, out of order, or of other code" {
	begin
	local relup=releases/0.1.1/relup.json at='relup\.json:[0-9]+:[0-9]+: '
	spoilt $relup '$d' 1 "$at"
	spoilt $relup '1s/^/x/' 1 "$at"
	spoilt $relup '0,/"version": *"0.1.1"/s//"version": "0.1.2"/' 1 "${at}this is the relup of release hello 0\.1\.2"
	spoilt $relup 's/"release": *"hello"/"release": "other"/' 1 "${at}this is the relup of release other 0\.1\.1"
	spoilt $relup 's/"point_of_no_return"/"point_of_some_return"/' 1 "$at"
	spoilt $relup 's/"resume"/"suspend"/' 1 "$at"
	spoilt $relup 's/"modules": *\["listener"/"modules": ["absent"/' 1 "$at.*no load_object_code before names it"
	spoilt $relup 's/"pre_purge": *"soft"/"pre_purge": "gentle"/' 1 "$at"
	spoilt $relup 's/"mode": *"up"/"mode": "sideways"/' 1 "$at"
	spoilt $relup 's/"mode": *"up"/"mode": "down"/' 1 "${at}code_change down stands in a script that leads up"
	spoilt $relup 's/"from": *"0.1.0"/"from": "0.0.9"/' 1 'there is no script from 0\.1\.0 to 0\.1\.1'
	end_unharmed
}

@test "files that are missing, that are not files, that contradict each other" {
	begin
	local rel=$ROOT/releases/0.1.1 lib=$ROOT/lib/hello-0.1.1
	mv "$rel/release.yaml" "$WORK/good"
	expect 4 relctl upgrade 0.1.1
	warns 'there is no release 0\.1\.1'
	mkdir "$rel/release.yaml"
	expect 4 relctl upgrade 0.1.1
	rmdir "$rel/release.yaml"
	mkfifo "$rel/release.yaml"
	expect 4 relctl upgrade 0.1.1
	rm "$rel/release.yaml"
	sed 's/^version: .*/version: 0.1.7/' "$WORK/good" >"$rel/release.yaml"
	expect 1 relctl upgrade 0.1.1
	warns 'releases/0\.1\.1/release\.yaml:[0-9]+:10: the version is 0\.1\.7'
	sed 's/^release: .*/release: other/' "$WORK/good" >"$rel/release.yaml"
	expect 1 relctl upgrade 0.1.1
	warns "release\.yaml:[0-9]+:10: .*'other', but 'hello' runs"
	sed 's/^runtime: .*/runtime: "77"/' "$WORK/good" >"$rel/release.yaml"
	expect 10 relctl upgrade 0.1.1
	warns 'needs runtime 77'
	mv "$WORK/good" "$rel/release.yaml"

	mv "$rel/relup.json" "$WORK/good"
	expect 1 relctl upgrade 0.1.1
	warns 'there is no script from 0\.1\.0 to 0\.1\.1'
	mv "$WORK/good" "$rel/relup.json"
	echo "hello: {port: $(tool port)}" >"$rel/config.yaml"
	expect 1 relctl upgrade 0.1.1
	warns 'listens on other addresses in release 0\.1\.1'
	echo "hello: {port: $PORT}" >"$rel/config.yaml"
	sed -i 's/module: listener/module: greeting/' "$lib/app.yaml"
	expect 1 relctl upgrade 0.1.1
	warns 'another module or count'
	sed -i 's/module: greeting/module: listener/' "$lib/app.yaml"
	end_unharmed
}

@test "a release that relupd cannot start: it says why and ends" {
	demo_root
	local config=$ROOT/releases/0.1.0/config.yaml
	echo 'hello: {port: many}' >"$config"
	expect 1 "$build/relupd" --root "$ROOT"
	warns 'cannot listen on tcp:127\.0\.0\.1:many: ' 'hint: '
	echo "hello: {port: $PORT" >"$config"
	expect 1 "$build/relupd" --root "$ROOT"
	warns 'releases/0\.1\.0/config\.yaml:[0-9]+:[0-9]+: '
	echo "hello: {port: $PORT}" >"$config"
	mv "$ROOT/releases/0.1.0" "$WORK/gone"
	run --separate-stderr "$build/relupd" --root "$ROOT"
	[ "$status" -ne 0 ]
	warns 'release 0\.1\.0'
	mv "$WORK/gone" "$ROOT/releases/0.1.0"
	start_running
	runs 0.1.0
}

# ---------------------------------------------------------------- hands
@test "releases that are not there, versions that are none" {
	begin
	expect 4 relctl upgrade 9.9.9
	warns 'there is no release 9\.9\.9' 'hint: .*relctl list'
	expect 4 relctl downgrade 0.0.1
	expect 1 relctl upgrade ../0.1.1
	warns "'../0.1.1' is not a version"
	expect 1 relctl upgrade ''
	expect 0 relctl plan 0.1.0
	says '^nothing to do: 0\.1\.0 runs already$'
	expect 1 relctl upgrade "$(printf 'v%.0s' {1..5000})"
	end_unharmed
}

@test "wrong usage is 64 and says what is right, with and without a daemon" {
	local lap
	for lap in without with; do
		expect 64 relctl
		expect 64 relctl nonsense
		expect 64 relctl upgrade
		warns 'usage: relctl upgrade VERSION'
		expect 64 relctl upgrade 0.1.1 0.1.2
		expect 64 relctl upgrade 0.1.1 --nonsense
		expect 64 relctl upgrade 0.1.1 --rehearse
		expect 64 relctl upgrade 0.1.1 --rehearse perhaps
		warns '--rehearse is auto, never or always'
		expect 64 relctl upgrade 0.1.1 --max-pause
		local d
		for d in 5 0ms 2h -1s infinity ''; do
			expect 64 relctl upgrade 0.1.1 --max-pause "$d"
			warns '--max-pause'
		done
		expect 64 relctl --timeout soon status
		expect 64 relctl -o xml status
		expect 64 relctl --socket x status
		expect 64 relctl rollback 0.1.0
		expect 64 relctl call hello/listener/0
		expect 64 relctl call hello/listener/0 '{'
		[ "$lap" = with ] || begin
	done
	end_unharmed
}

@test "relctl without a daemon: 69, and how to start it" {
	local verb
	demo_root
	for verb in status list history rollback attach 'plan 0.1.1' 'upgrade 0.1.1'; do
		# shellcheck disable=SC2086 # verb and argument
		expect 69 relctl $verb
		warns "no relupd answers on $ROOT/run/control.sock" "hint: start it with .relupd --root $ROOT."
	done
	expect 69 relctl -o json status
	holds 'd["error"]["code"] == "daemon_unreachable"'
	expect 69 "$build/relctl" --socket "$WORK/no.sock" status
	start_running
	expect 0 "$build/relctl" --socket "$CONTROL" status
	end KILL
	expect 69 relctl status # its socket is still there
}

@test "two upgrades at once: the second is refused with 9 and names the first" {
	begin
	mkfifo "$WORK/progress"
	"$build/relctl" --root "$ROOT" upgrade 0.1.1-hang --max-pause 10s 2>"$WORK/progress" 3>&- &
	local first=$! line
	exec {progress}<"$WORK/progress"
	read -r -u "$progress" line
	[[ $line == *rehearsing* ]]
	expect 9 relctl upgrade 0.1.1
	warns 'operation 1 \(upgrade 0\.1\.0 → 0\.1\.1-hang\) is in progress'
	expect 9 relctl -o json rollback
	holds 'd["error"]["code"] == "operation_in_progress"' '"operation 1 " in d["error"]["message"]'
	expect 9 relctl downgrade 0.1.1
	# Looking is allowed meanwhile.
	expect 0 relctl -o json status
	holds 'd["operation"]["operation"] == 1' 'd["operation"]["kind"] == "upgrade"' \
		'd["operation"]["from"] == "0.1.0" and d["operation"]["to"] == "0.1.1-hang"'
	expect 0 relctl status
	says 'operation  1: upgrade 0\.1\.0 -> 0\.1\.1-hang, rehearse: rehearsing in a copy of 1 worker'
	expect 0 relctl plan 0.1.1
	local status=0
	wait "$first" || status=$?
	[ "$status" = 1 ]
	end_unharmed
}

# ---------------------------------------------------------------- sockets
@test "clients of the control socket that send nonsense" {
	begin
	local what
	for what in garbage half half_and_end long long_json invalid params not_reading many; do
		tool control "$CONTROL" "$what"
		unharmed
	done
	expect 0 relctl -o json history
	holds 'd == []'
	end_unharmed
}

@test "a client that goes away in the middle of an upgrade: the upgrade goes on" {
	begin
	tool control "$CONTROL" leaves
	expect 0 relctl -o json attach
	holds 'd["outcome"] == "upgraded"'
	unharmed
	runs 0.1.1
	expect 0 relctl downgrade 0.1.0
	unharmed
	runs 0.1.0
}

@test "clients of the workers' socket that send nonsense or lie about who they are" {
	begin
	local what
	for what in garbage empty_object two_names array no_object frame short_frame large \
		speaks_first stranger forged_name other_pid twin twin_at_work with_descriptors silent; do
		tool worker "$WORKERS" "$what"
		unharmed
	done
	log_has 'refused: another process is this worker'
	log_has 'refused: nobody waits for it'
	log_has 'refused: it lies about its pid'
	log_has 'refused: no such worker in this release'
	! grep -q '^2026-01-01T00:00:00Z notice relupd: forged' "$ROOT/log/relupd.log" ||
		fail "a line of the log was forged"
	end_unharmed
}

@test "neither socket leaks a descriptor" {
	begin
	tool control "$CONTROL" invalid
	tool worker "$WORKERS" with_descriptors
	local before after what
	before=$(find "/proc/$DAEMON/fd" | wc -l)
	for _ in 1 2 3; do
		for what in half garbage many; do
			tool control "$CONTROL" "$what"
		done
		for what in twin_at_work with_descriptors garbage; do
			tool worker "$WORKERS" "$what"
		done
	done
	unharmed
	after=$(find "/proc/$DAEMON/fd" | wc -l)
	# One that closed a moment ago may still be there.
	[ "$after" -le $((before + 2)) ] || fail "$before descriptors became $after"
}
