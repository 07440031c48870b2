#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A test waits for events, not for time: a sleep is either too short on a busy machine or too long.
. "${top_srcdir:?}/tests/lint/tap.sh"

files=$(sources tests '*.[ch]' '*.sh' '*.bash' '*.bats' '*.py' | grep -v '/tests/lint/')
findings=$(printf '%s\n' "$files" | while read -r f; do
	test -n "$f" || continue
	grep -nE \
		-e '(^|[^A-Za-z0-9])(u|nano|clock_nano|uv_)?sleep *\(' \
		-e '(^|[;&|({`!]|do|then|else) *sleep +["$.0-9]' \
		"$f" /dev/null
done | sed "s|^$top_srcdir/||")
tap_result "no sleep in tests" "$findings" "$(count "$files")"
tap_end
