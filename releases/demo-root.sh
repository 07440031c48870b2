#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo-root.sh BUILDDIR SRCDIR DIR [PORT [COUNT [RELEASE]]]
#
# Makes DIR the root of a host on which every sample release is unpacked and RELEASE (default 0.1.0) is
# permanent.
# PORT (default 9000) is where hello listens, COUNT (default 1) how many listener workers there are.
# Needs a finished build; writes nothing but DIR.  This is what `make demo-root` runs.
set -eu

fail() {
	echo "demo-root: $*" >&2
	exit 1
}

number() { # NAME VALUE MIN MAX
	case $2 in
	'' | *[!0-9]* | ??????*) fail "$1 must be a number from $3 to $4, not '$2'" ;;
	esac
	if [ "$2" -lt "$3" ] || [ "$2" -gt "$4" ]; then
		fail "$1 must be a number from $3 to $4, not '$2'"
	fi
}

if [ $# -lt 3 ] || [ $# -gt 6 ]; then
	echo "usage: demo-root.sh BUILDDIR SRCDIR DIR [PORT [COUNT [RELEASE]]]" >&2
	exit 64
fi
build=$1 src=$2 dir=$3 port=${4:-9000} count=${5:-1} release=${6:-0.1.0}
number PORT "$port" 1 65535
number COUNT "$count" 1 10000

[ -f "$src/releases/hello/0.1.0/release.yaml" ] || fail "$src is not the source of relup"
[ -d "$build/releases/tree" ] || fail "$build holds no finished build: run make there first"
if [ -e "$dir" ]; then
	[ -d "$dir" ] || fail "$dir is not a directory"
	[ -z "$(ls -A "$dir")" ] || fail "$dir is not empty; name another directory"
fi

# A root that could not be finished is taken away again, so that the next try finds an empty place.
trap 'rm -rf "${dir:?}"/*' EXIT
trap 'exit 1' HUP INT TERM
mkdir -p "$dir"
cp -R "$build/releases/tree/lib" "$build/releases/tree/releases" "$dir/"
for each in "$dir"/releases/*; do
	printf 'hello: {port: %s}\n' "$port" >"$each/config.yaml"
done
if [ "$count" -ne 1 ]; then
	for app in "$dir"/lib/*/app.yaml; do
		sed "s/^\( *count:\) 1\$/\1 $count/" "$app" >"$app.new"
		mv "$app.new" "$app"
	done
fi
"$build/relctl" root init "$dir" --release "$release"
trap - EXIT
