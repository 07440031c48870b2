#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every source file says its licence in one of its first two lines.
. "${top_srcdir:?}/tests/lint/tap.sh"

files=$(
	sources "src releases bench tests man" '*.[ch]' '*.sh' '*.bash' '*.bats' '*.py' '*.mk' \
		'*.escript' '*.[1-9]' | grep -v '/tests/[a-z]*/data/'
	for f in bootstrap .ci/run configure.ac Makefile.am; do
		test ! -f "$top_srcdir/$f" || echo "$top_srcdir/$f"
	done
)
findings=$(printf '%s\n' "$files" | while read -r f; do
	test -n "$f" || continue
	head -n 2 "$f" | grep -q 'SPDX-License-Identifier: Apache-2\.0' || echo "${f#"$top_srcdir"/}"
done)
tap_result "licence lines" "$findings" "$(count "$files")"
tap_end
