#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The first seed: who runs old code is found by what it runs, not by what somebody registered.  See stray.c.
load lib

stray_root() { # [none]: no thread
	local v gate=${1-$WORK/gate}
	sh "$src/releases/demo-root.sh" "$build" "$src" "$ROOT" "$PORT" 1 0.1.0 2>"$WORK/demo.err"
	for v in 0.1.0 0.1.1 0.1.2; do
		rm "$ROOT/lib/hello-$v-loop/modules/listener.so"
		cp "$build/tests/scenario/.libs/stray-$v.so" "$ROOT/lib/hello-$v-loop/modules/listener.so"
		echo "hello: {port: $PORT, go: $WORK/go, gate: $gate}" >"$ROOT/releases/$v-loop/config.yaml"
	done
	sed -i "s/^env: .*/env: {port: 9000, go: x, gate: x}/" "$ROOT"/lib/hello-*-loop/app.yaml
	# Of the third version the listener is another one too.
	sed -i 's/^      - load_module: {module: greeting}/&\n      - load_module: {module: listener}/' \
		"$ROOT/lib/hello-0.1.2-loop/appup.yaml"
	relctl -q relup make "$ROOT/releases/0.1.2-loop/release.yaml" --lib "$ROOT/lib" \
		--from "$ROOT/releases/0.1.1-loop/release.yaml" --out "$ROOT/releases/0.1.2-loop/relup.json"
	relctl -q root init "$ROOT" --release 0.1.0-loop
	mkfifo "$WORK/gate"
	start_running
}

@test "a thread behind the runtime's back: found by its stack, and nothing is unmapped under it" {
	stray_root
	remember
	expect 0 relctl -o json upgrade 0.1.1-loop
	holds 'd["killed"] == []'
	expect 0 relctl -o json holders
	holds 'len(d) == 1' 'd[0]["what"] == "stack" and d[0]["task"] is None' \
		'd[0]["module"] == "listener" and d[0]["vsn"] == "0.1.0-stray"' \
		'd[0]["function"] in ("stray_wait", "stray_thread")' "d[0]['thread'] != d[0]['pid']"
	expect 0 relctl -o json status
	holds '[m["held_by"] for m in d["workers"][0]["modules"] if m["module"] == "listener"] == [1]'
	grep -q "objects/$(sha256sum <"$build/tests/scenario/.libs/stray-0.1.0.so" | cut -d' ' -f1)" \
		"/proc/$(pid_of hello/listener/0)/maps"
	grep -q 'listener 0.1.0-stray stays mapped: thread [0-9]*, which the runtime did not start' \
		"$ROOT/log/hello.listener.0.log"
	expect 0 relctl -o json plan 0.1.2-loop
	holds 'len(d["holders"]) == 1'
	expect 7 relctl upgrade 0.1.2-loop
	warns 'thread [0-9]+ in listener 0\.1\.0-stray' 'stray_'
	unharmed
	# It ends, and the next purge finds nobody.
	: >"$WORK/gate"
	local end=$((SECONDS + 60))
	until relctl -q upgrade 0.1.2-loop; do
		[ "$SECONDS" -lt "$end" ]
	done
	unharmed
}

@test "a thread behind the runtime's back can only be ended with its worker" {
	stray_root
	expect 0 relctl upgrade 0.1.1-loop
	expect 0 relctl -o json upgrade 0.1.2-loop --purge brutal
	holds 'd["killed"] == ["hello/listener/0"]' 'd["cancelled"] == []'
	expect 0 relctl -o json status
	holds '[m["current"] for m in d["workers"][0]["modules"]] == ["0.1.2-stray"]'
}

@test "a function that the state keeps: no purge waits for it but a strict one, which names it" {
	! grep -q '^#define RELUP_SANITIZED' "$build/config.h" || skip "a sanitizer has words of its own"
	stray_root none
	local old
	old=$(sha256sum <"$build/tests/scenario/.libs/stray-0.1.0.so" | cut -d' ' -f1)
	remember
	expect 0 relctl -o json upgrade 0.1.1-loop --purge strict
	holds 'd["killed"] == [] and d["holders"] == []'
	expect 0 relctl -o json holders --memory
	holds 'len(d) == 1' 'd[0]["what"] == "memory" and d[0]["words"] == 1' \
		'd[0]["module"] == "listener" and d[0]["vsn"] == "0.1.0-stray"' 'd[0]["function"] == "stray_call"' \
		'd[0]["thread"] is None and d[0]["task"] is None' '"may be a dead value" in d[0]["hint"]'
	expect 0 relctl -o json holders
	holds 'len(d) == 1'
	expect 0 relctl -o json holders --memory 0.1.0-loop
	holds 'len(d) == 1'
	expect 0 relctl -o json holders --memory 0.1.2-loop
	holds 'd == []'
	expect 0 relctl -o json status
	holds '[m["held_by"] for m in d["workers"][0]["modules"] if m["module"] == "listener"] == [1]'
	expect 0 relctl holders
	says 'memory .*listener .*stray_call .*1 word in writable memory'
	grep -q 'listener 0.1.0-stray stays mapped: 1 word in writable memory' "$ROOT/log/hello.listener.0.log"
	grep -q "objects/$old" "/proc/$(pid_of hello/listener/0)/maps"
	# It is in the way of a third version, unless it is taken for dead, as any other purge takes it.
	expect 0 relctl -o json plan 0.1.2-loop
	holds 'len(d["holders"]) == 1'
	expect 7 relctl upgrade 0.1.2-loop
	warns 'listener 0\.1\.0-stray' 'stray_call' 'purge soft.*takes the words for dead'
	expect 7 relctl upgrade 0.1.2-loop --purge strict
	unharmed
	expect 0 relctl -o json upgrade 0.1.2-loop --purge soft
	holds 'd["killed"] == []'
	unharmed
	run grep -q "objects/$old" "/proc/$(pid_of hello/listener/0)/maps"
	[ "$status" -eq 1 ]
	expect 0 relctl -o json holders
	holds 'd == []'
}

@test "words in memory that block can be ended with their worker" {
	stray_root none
	expect 0 relctl upgrade 0.1.1-loop --purge strict
	expect 0 relctl -o json upgrade 0.1.2-loop --purge brutal
	holds 'd["killed"] == ["hello/listener/0"]' 'd["cancelled"] == []'
	expect 0 relctl -o json status
	holds '[m["current"] for m in d["workers"][0]["modules"]] == ["0.1.2-stray"]'
}

@test "a loop that does not come back is named by where it stands" {
	stray_root
	local pid
	pid=$(pid_of hello/listener/0)
	relctl call hello/listener/0 '{}' >call.out &
	tool busy "$pid"
	expect 0 relctl -o json holders 0.1.0-loop
	holds "any(h['thread'] == $pid and h['function'] == 'stray_call' and h['vsn'] == '0.1.0-stray' and
		h['since'].startswith('20') for h in d)" \
		'all("seen from outside" in h["hint"] or "does not answer" in h["hint"] for h in d)'
	expect 1 relctl -o json upgrade 0.1.1-loop
	holds 'd["outcome"] == "unchanged"'
	touch "$WORK/go"
	wait
	expect 0 relctl upgrade 0.1.1-loop
}
