#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every error code has a public name of its own and an exit status that relctl(1) has.
. "${top_srcdir:?}/tests/lint/tap.sh"

table=$top_srcdir/src/base/err_tbl.h
rows=$(grep '^X(' "$table")
findings=$(printf '%s\n' "$rows" | sed -n \
	's/^X(\([A-Z_]*\), *"\([^"]*\)", *\([0-9]*\), *"\(.*\)")$/\1 \2 \3/p' | awk -v rows="$(count "$rows")" '
	$2 !~ /^[a-z][a-z_]*$/ { print $1 ": the name \"" $2 "\" is no [a-z_]+" }
	seen[$2]++ { print $1 ": the name \"" $2 "\" is there twice" }
	$3 !~ /^(1|4|5|6|7|8|9|10|64|69|77|130)$/ { print $1 ": " $3 " is no exit status of relctl" }
	END { if (NR != rows) print "only " NR " of " rows " lines are of the form X(ID, \"name\", N, \"hint\")" }')
tap_result "error names are unique" "$findings" "$(count "$rows")"
tap_end
