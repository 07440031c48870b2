#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# How the worker asks the loader: each module local and bound at once, and all in one namespace.  A
# namespace of its own has a C library of its own, and there are sixteen.
. "${top_srcdir:?}/tests/lint/tap.sh"

files=$(sources src '*.[ch]')
findings=$(printf '%s\n' "$files" | while read -r f; do
	test -n "$f" || continue
	rel=${f#"$top_srcdir"/}
	grep -n -w -E 'dlmopen|RTLD_GLOBAL|RTLD_LAZY' "$f" | sed "s|^|$rel:|"
	grep -n 'dlopen([^)]' "$f" | grep -v 'RTLD_NOW | RTLD_LOCAL' | sed "s|^|$rel:|"
done)
tap_result "modules are opened local and bound at once" "$findings" "$(count "$files")"
tap_end
