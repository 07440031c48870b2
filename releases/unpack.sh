#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# unpack.sh BUILDDIR SRCDIR TREE RELEASE:LISTENER:GREETING:BASE...
#
# Lays the sample releases out in TREE as they lie unpacked in a root:
#	TREE/lib/hello-VSN/{app.yaml,appup.yaml,modules/*.so}
#	TREE/releases/VSN/{release.yaml,relup.json}
# LISTENER and GREETING say which build of each module a release ships.  The relup leads from BASE
# and back to it, and is made by relctl from the appup; an empty BASE makes none.
set -eu

[ $# -ge 4 ] || {
	echo "usage: unpack.sh BUILDDIR SRCDIR TREE RELEASE:LISTENER:GREETING:BASE..." >&2
	exit 64
}
build=$1 src=$2/releases/hello tree=$3
shift 3

# Made beside and renamed at the end: a tree that stands is whole.
tmp=$tree.tmp
rm -rf "$tmp"
mkdir -p "$tmp/lib" "$tmp/releases"

for r; do
	IFS=: read -r vsn listener greeting base <<-END
		$r
	END
	app=$tmp/lib/hello-$vsn rel=$tmp/releases/$vsn
	mkdir -p "$app/modules" "$rel"
	cat "$src/$vsn/app.yaml" >"$app/app.yaml"
	cat "$src/$vsn/release.yaml" >"$rel/release.yaml"
	if [ -n "$base" ]; then
		cat "$src/$vsn/appup.yaml" >"$app/appup.yaml"
	fi
	cp "$build/releases/hello/.libs/listener-$listener.so" "$app/modules/listener.so"
	cp "$build/releases/hello/.libs/greeting-$greeting.so" "$app/modules/greeting.so"
	if [ -n "$base" ]; then
		"$build/relctl" -q relup make "$rel/release.yaml" --lib "$tmp/lib" \
			--from "$tmp/releases/$base/release.yaml" --out "$rel/relup.json"
	fi
done
rm -rf "$tree"
mv "$tmp" "$tree"
