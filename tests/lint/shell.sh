#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Shell code is clean in the eyes of shellcheck.  SC2154 (assigned nowhere) is left out: make hands
# top_srcdir and its like over in the environment.
. "${top_srcdir:?}/tests/lint/tap.sh"

files=$(
	sources "src releases bench tests" '*.sh' '*.bash' '*.bats'
	for f in bootstrap .ci/run src/ctl/completions/relctl; do
		test ! -f "$top_srcdir/$f" || echo "$top_srcdir/$f"
	done
)
if command -v shellcheck >/dev/null 2>&1; then
	# shellcheck disable=SC2086 # no blanks in the names of this tree
	findings=$(cd "$top_srcdir" && printf '%s\n' "$files" |
		sed "s|^$top_srcdir/||" | xargs shellcheck -S warning -e SC2154 -f gcc 2>&1)
	tap_result "shellcheck" "$findings" "$(count "$files")"
else
	tap_skip "shellcheck" "it is not installed"
fi
tap_end
