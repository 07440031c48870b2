#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No variables that outlive a call outside of the programs' own folders: state is passed.  Asked of
# the object files, so a static inside a function is seen too.
. "${top_srcdir:?}/tests/lint/tap.sh"

# fault.c counts the passes of the one point that is armed from outside of the process.
# task.c knows the task of a thread by a variable of that thread.
# worker/fault.c: a signal's handler is told nothing; the worker of the process is found by this alone.
allowed=' base/fault.o:passes worker/task.o:self worker/fault.o:here '

objects=$(find "$top_builddir/src" -name '*.o' -type f -print 2>/dev/null |
	grep -v -e '/src/daemon/' -e '/src/ctl/' -e '/src/worker/[^/]*main[^/]*\.o$' | sort)
if sanitized; then
	tap_skip "no hidden state" "the build is instrumented"
else
	findings=$(printf '%s\n' "$objects" | while read -r f; do
		test -n "$f" || continue
		folder=$(echo "${f#"$top_builddir"/src/}" | sed 's|/.*||')
		name=$folder/$(basename "$f" | sed 's|.*-||')
		objdump -t "$f" | awk -v at="$name" -v allowed="$allowed" '
			{
				split($0, part, "\t") # "value flags section", "size name"
				section = part[1]
				sub(/.* /, "", section)
				if (section !~ /^(\.data|\.bss|\.tdata|\.tbss)(\.|$)|^\*COM\*$/ ||
				    section ~ /^\.data\.rel\.ro/ || $NF ~ /^\./)
					next
				symbol = $NF
				sub(/\.[0-9]+$/, "", symbol)
				if (!index(allowed, " " at ":" symbol " "))
					print at ": " symbol
			}'
	done | sort -u)
	tap_result "no hidden state" "$findings" "$(count "$objects")"
fi
tap_end
