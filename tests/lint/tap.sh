# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=sh
# What the lint tests share; sourced.  A lint prints its findings, one a line; none is a pass.
# shellcheck disable=SC2034 # used by those who source it
: "${top_srcdir:?}" "${top_builddir:?}"
LC_ALL=C
export LC_ALL
tap_n=0

# tap_result TITLE FINDINGS LOOKED_AT: fails on any finding, and where nothing was looked at, because
# a lint that finds no files would pass for ever.
tap_result()
{
	tap_n=$((tap_n + 1))
	if test -n "$2"; then
		echo "not ok $tap_n - $1"
		printf '%s\n' "$2" | sed 's/^/#   /'
	elif test "$3" -eq 0; then
		echo "not ok $tap_n - $1: nothing to look at"
	else
		echo "ok $tap_n - $1 ($3)"
	fi
}

tap_skip() # TITLE REASON
{
	tap_n=$((tap_n + 1))
	echo "ok $tap_n - $1 # SKIP $2"
}

tap_end()
{
	echo "1..$tap_n"
}

count() # FILES: how many lines
{
	printf '%s' "$1" | awk 'END { print NR }'
}

# Files of the source tree below the named folders, by shell patterns; a build folder inside the
# tree is no part of it.
sources() # "FOLDER…" PATTERN…
{
	folders=$1
	shift
	for folder in $folders; do
		test -d "$top_srcdir/$folder" || continue
		for pattern in "$@"; do
			find "$top_srcdir/$folder" -name "$pattern" -type f -print
		done
	done | sort
}

sanitized() # true where a sanitizer or gcov puts its own things into the objects
{
	grep -q '^#define RELUP_SANITIZED' "$top_builddir/config.h" ||
		find "$top_builddir/src" -name '*.gcno' 2>/dev/null | grep -q .
}
