#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The share of lines that tests reached, by folder of src/, from the gcov data below the current
# directory (a build with --enable-coverage, after `make check`).  A line counts once however many
# objects hold it.  Fails where a folder that decides what happens to workers is under the floor.
floor=85
floored='base doc model plan store exec'

find src -name '*.gcda' | while read -r data; do
	gcov --stdout --object-directory "$(dirname "$data")" "$data" 2>/dev/null
done | awk -F: -v floor="$floor" -v floored=" $floored " '
	$3 == "Source" {
		where = $4
		for (i = 5; i <= NF; i++)
			where = where ":" $i
		sub(/.*\/src\//, "", where)
		folder = where ~ /^[a-z]+\/[a-z_0-9]+\.[ch]$/ ? substr(where, 1, index(where, "/") - 1) : ""
		next
	}
	folder == "" { next }
	{
		hits = $1
		gsub(/[ *]/, "", hits)
		if (hits == "-")
			next
		line = where ":" ($2 + 0)
		if (!(line in state)) {
			state[line] = 0
			total[folder]++
		}
		if (hits ~ /^[0-9]/ && !state[line]) {
			state[line] = 1
			covered[folder]++
		}
	}
	END {
		for (f in total) {
			n++
			share = 100 * covered[f] / total[f]
			low = index(floored, " " f " ") && share < floor
			bad = bad || low
			printf "%-8s %6d lines %6.1f %%%s\n", f, total[f], share, low ? "  below the floor" : "" | "sort"
		}
		close("sort")
		exit bad || n == 0
	}'
