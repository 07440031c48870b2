#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# A function past 80 lines is two thoughts, a file past 800 is two subjects.  A function begins at
# a `{` in the first column (the style has the name there too) and ends at the `}`.
. "${top_srcdir:?}/tests/lint/tap.sh"

files=$(sources "src releases bench tests" '*.[ch]')
findings=$(printf '%s\n' "$files" | while read -r f; do
	test -n "$f" || continue
	awk -v f="${f#"$top_srcdir"/}" '
		/^[A-Za-z_][A-Za-z_0-9]*\(/ { name = $0; sub(/\(.*/, "", name); named = FNR }
		/^\{/ && named { begin = named }
		/^\}/ && begin {
			if (FNR - begin + 1 > 80)
				print f ":" begin ": " name "() has " FNR - begin + 1 " lines"
			begin = named = 0
		}
		END { if (FNR > 800) print f ": " FNR " lines" }' "$f"
done)
tap_result "functions up to 80 lines, files up to 800" "$findings" "$(count "$files")"
tap_end
