#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Each folder of cases/ is a tree of releases, `args` (what follows `relctl relup make`, run inside
# the folder) and expected.json: see compare.py.  A new folder is a new test.
set -u
relctl=$top_builddir/relctl
here=$top_srcdir/tests/relup
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT

set -- "$here"/cases/*/
echo "1..$#"
n=0
for case in "$@"; do
	n=$((n + 1))
	name=$(basename "$case")
	# shellcheck disable=SC2046 # the words of args are the arguments
	(cd "$case" && "$relctl" relup make $(cat args) -o json) >"$tmp/out" 2>"$tmp/err"
	status=$?
	if "$PYTHON3" "$here/compare.py" "$case/expected.json" "$status" \
	    <"$tmp/out" >"$tmp/diff" 2>&1; then
		echo "ok $n - $name"
	else
		echo "not ok $n - $name"
		sed 's/^/# /' "$tmp/diff" "$tmp/err"
	fi
done
