#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What shared objects show to others: the library of the workers relw_*, a module its table alone.
# A module names no search path, because its second version would get the first one's library.
. "${top_srcdir:?}/tests/lint/tap.sh"

shared() # FOLDER NAME
{
	find "$top_builddir/$1" -path '*/.libs/*' -name "$2" -type f -print 2>/dev/null | sort
}

exported() # FILE REGEX: what it exports and should not, or does not and should
{
	nm -D --defined-only "$1" | awk -v f="${1#"$top_builddir"/}" -v want="^($2)\$" '
		# the toolchain adds these to every shared object
		$3 ~ /^(_init|_fini|__bss_start|_edata|_end|__gcov.*|__asan.*|__odr_asan.*)$/ { next }
		{ sub(/@.*/, "", $3) }
		$3 !~ want { print f ": exports " $3 }
		$3 ~ want { n++ }
		END { if (n == 0) print f ": exports nothing that it should" }'
}

library=$(shared src/worker 'librelworker.so.*.*')
findings=$(for f in $library; do exported "$f" 'relw_.*'; done)
tap_result "librelworker exports relw_*" "$findings" "$(count "$library")"

modules=$(shared releases '*.so')
findings=$(for f in $modules; do exported "$f" relw_module; done)
tap_result "a sample module exports its table alone" "$findings" "$(count "$modules")"

findings=$(for f in $modules; do
	readelf -d "$f" | grep -E 'RPATH|RUNPATH|TEXTREL' | sed "s|^|${f#"$top_builddir"/}: |"
done)
tap_result "a sample module has no search path" "$findings" "$(count "$modules")"
tap_end
