#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a worker died of: named in its log, in relupd's, and in the status.
load lib

begin() {
	# A sanitizer sees a fault first, and names it itself.
	! grep -q '^#define RELUP_SANITIZED' "$build/config.h" || skip "a sanitizer takes the fault"
	demo_root
}

# greeting 0.1.1 leaves a pointer behind, and 0.1.2 uses it: see stale.c.
stale_greetings() {
	local v
	for v in 0.1.1 0.1.2; do
		rm -f "$ROOT/lib/hello-$v/modules/greeting.so"
		cp "$build/tests/scenario/.libs/stale_${v//./_}.so" "$ROOT/lib/hello-$v/modules/greeting.so"
	done
}

# shellcheck disable=SC2016
STALE='stale call into module greeting 0\.1\.1 \(digest [0-9a-f]{12}…\) \+0x[0-9a-f]+, unmapped since the upgrade, from \+0x[0-9a-f]+ of module greeting 0\.1\.2; in the loop'

@test "a pointer that an upgrade left behind is named, until the next upgrade" {
	begin
	stale_greetings
	start_running
	expect 0 relctl upgrade 0.1.1
	runs 0.1.1
	expect 0 relctl -o json status
	holds 'all("last_fault" not in w for w in d["workers"])'
	expect 0 relctl upgrade 0.1.2
	run tool ask "$PORT"
	await_log "error hello/listener/0: $STALE"
	await_log 'hello/listener/0: died of SIGSEGV'
	grep -qE "Z error hello/listener/0: $STALE\$" "$ROOT/log/hello.listener.0.log"
	await_running 1
	expect 0 relctl -o json status
	holds 'd["workers"][0]["restarts"] == 1' '"reason" not in d["workers"][0]'
	local fault='d["workers"][0]["last_fault"]'
	holds "${fault}['signal'] == 'SIGSEGV' and ${fault}['what'] == 'stale_call'" \
		"${fault}['module'] == 'greeting' and ${fault}['vsn'] == '0.1.1' and len(${fault}['digest']) == 64" \
		"${fault}['from']['module'] == 'greeting' and ${fault}['from']['vsn'] == '0.1.2'" \
		"${fault}['from']['digest'] != ${fault}['digest'] and ${fault}['offset'] > 0 and ${fault}['from']['offset'] > 0" \
		"${fault}['task'] is None and ${fault}['thread'] > 0 and ${fault}['at'] and ${fault}['address'].startswith('0x')"
	expect 0 relctl status
	says "last fault 20[^ ]*Z: $STALE"
	# The place is one of the object that the digest names.
	local digest offset
	digest=$(relctl -o json status | tool get "${fault}['digest']")
	offset=$(relctl -o json status | tool get "hex(${fault}['offset'])")
	digest=${digest//\"/} offset=${offset//\"/}
	[[ $(addr2line -f -e "$ROOT/objects/$digest.so" "$offset") == text* ]]
	expect 0 relctl upgrade 0.1.1
	expect 0 relctl -o json status
	holds '"last_fault" not in d["workers"][0]'
}

@test "how it ended does not hide what it died of" {
	begin
	edit_apps 's/^\( *\)\(- \)\?id: listener$/&\n\1  restart: temporary/'
	start_running
	kill -BUS "$(pid_of hello/listener/0)"
	await_log 'hello/listener/0: SIGBUS sent by process [0-9]+, at outside of modules; in the loop'
	local end=$((SECONDS + 60))
	until [ "$(relctl -o json status | tool get 'd["workers"][0]["pid"]')" = null ]; do
		[ "$SECONDS" -lt "$end" ]
	done
	run relctl -o json status
	tool holds 'd["workers"][0]["reason"].startswith("SIGBUS sent by process ")' <<<"$output"
}
