#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Includes point to lower levels only.  The edges below are all there are; a folder may also include
# its own headers, but nobody another folder's *_priv.h.
. "${top_srcdir:?}/tests/lint/tap.sh"

edges='
base:
doc: base
elf: base
proto: base
stack: base
store: base
model: doc base
plan: model doc base
sup: proto base
exec: sup model proto doc base
worker: proto stack base
daemon: exec sup plan model store stack proto doc base
compare: elf model doc base
draft: compare elf model doc base
check: plan compare elf model doc base
ctl: check draft compare elf exec sup plan model store proto doc base
'

files=$(sources src '*.[ch]')
findings=$(printf '%s\n' "$files" | while read -r f; do
	test -n "$f" || continue
	rel=${f#"$top_srcdir"/src/}
	from=${rel%%/*}
	case "$edges" in
	*"
$from:"*) ;;
	*) echo "src/$rel: the folder $from is not in the matrix" ;;
	esac
	allowed=$(echo "$edges" | sed -n "s/^$from://p")
	sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)\/[^"\/]*".*/\1/p' "$f" |
		sort -u | while read -r to; do
		case " $from $allowed " in
		*" $to "*) ;;
		*) echo "src/$rel: includes $to/" ;;
		esac
	done
	# private headers, and headers named without their folder
	sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*"\([^"]*\)".*/\1/p' "$f" |
		while read -r inc; do
		case $inc in
		config.h) ;;
		*/*_priv.h) test "${inc%%/*}" = "$from" || echo "src/$rel: includes the private $inc" ;;
		*/*) ;;
		*) echo "src/$rel: \"$inc\" without its folder" ;;
		esac
	done
done)
tap_result "includes point to lower levels" "$findings" "$(count "$files")"
tap_end
