#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The manual pages are clean mdoc.
. "${top_srcdir:?}/tests/lint/tap.sh"

mandoc=${MANDOC:-mandoc}
files=$(sources man '*.[1-9]')
if command -v "$mandoc" >/dev/null 2>&1; then
	findings=$(printf '%s\n' "$files" | while read -r f; do
		test -n "$f" || continue
		"$mandoc" -T lint -W warning "$f" || test $? -lt 3 || echo "$f: mandoc failed"
	done)
	tap_result "manual pages are clean" "$findings" "$(count "$files")"
else
	tap_skip "manual pages are clean" "mandoc is not installed"
fi
tap_end
