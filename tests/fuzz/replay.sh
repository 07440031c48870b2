#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the fuzzers found worth keeping, and all documents of the tests, through the targets once more.
# One target after the other, as one TAP stream.
set -u
fuzz=$top_builddir/tests/fuzz data=$top_srcdir/tests/data corpus=$top_srcdir/tests/fuzz/corpus
n=0

replay() # TARGET [ARGUMENT…]
{
	name=$1
	shift
	n=$((n + 1))
	if "$fuzz/$name" "$@" >"$log" 2>&1; then
		echo "ok $n - $name: $(grep -c '^ok' "$log") sets of inputs"
	else
		echo "not ok $n - $name ends with status $?"
		tail -n 5 "$log" | sed 's/^/# /'
	fi
}

log=$(mktemp) || exit 99
trap 'rm -f "$log"' EXIT
replay fuzz_doc --random 2000 "$data/valid" "$data/invalid" "$data/beyond-schema" "$corpus/doc"
replay fuzz_model "$data/valid" "$data/invalid" "$data/beyond-schema" "$corpus/model"
replay fuzz_plan --random 3000 "$corpus/plan"
echo "1..$n"
