#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every header compiles alone, and twice in one file.  Tables (*_tbl.h) are not headers.
. "${top_srcdir:?}/tests/lint/tap.sh"

files=$(sources src '*.h' | grep -v '_tbl\.h$')
findings=$(printf '%s\n' "$files" | while read -r f; do
	test -n "$f" || continue
	# shellcheck disable=SC2086 # CC may carry options
	printf '#include "%s"\n#include "%s"\n' "$f" "$f" |
		${CC:-cc} -std=gnu17 -Wall -Wextra -Werror -D_GNU_SOURCE -I"$top_srcdir/src" \
			-I"$top_builddir" -fsyntax-only -x c - 2>&1 | head -n 3
done)
tap_result "headers compile alone" "$findings" "$(count "$files")"
tap_end
