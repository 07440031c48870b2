#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A folder in EXTRA_DIST is copied from the build tree too, with the results of the tests in it: in the
# distributed tree these count as run.  So no folder that is named whole holds a test.
. "${top_srcdir:?}/tests/lint/tap.sh"

words=$(cd "$top_srcdir" && find . -name '*.mk' -o -name Makefile.am | grep -v '/build' | xargs cat |
	sed -e ':a' -e '/\\$/N' -e 's/\\\n//' -e 'ta' | sed -n 's/^EXTRA_DIST *+*= *//p' | tr -s ' \t' '\n')
dirs=$(printf '%s\n' "$words" | while read -r w; do test ! -d "$top_srcdir/$w" || echo "$w"; done)
findings=$(printf '%s\n' "$dirs" | while read -r d; do
	test -n "$d" || continue
	find "$top_srcdir/$d" -name '*.sh' -o -name '*.bats' -o -name 'check_*.c' |
		sed "s|^$top_srcdir/|$d is distributed whole and holds the test |"
done)
tap_result "no folder with a test is distributed whole" "$findings" "$(count "$dirs")"
tap_end
