#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# fuzz.sh SOURCE BUILD SECONDS FLAGS…: builds each target with clang's libFuzzer, ASan and UBSan and runs
# it for SECONDS.  New inputs gather in BUILD/fuzz/TARGET; one that breaks a target is left in
# BUILD/fuzz/TARGET-crash-…  No input may cost more than 64 MB in one allocation, or 10 seconds.
set -eu
src=$1 build=$2 seconds=${3:-60}
shift 3
clang=${CLANG:-clang}
command -v "$clang" >/dev/null || {
	echo 'fuzz: needs clang and its runtime (Debian: clang libclang-rt-14-dev)' >&2
	exit 1
}
out=$build/fuzz
mkdir -p "$out"
data=$src/tests/data corpus=$src/tests/fuzz/corpus
bad=0
for name in doc model plan; do
	"$clang" -std=gnu17 -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all \
		-fno-omit-frame-pointer -I"$src/src" -I"$build" -I"$src/tests/fuzz" \
		"$src"/src/base/*.c "$src"/src/doc/*.c "$src"/src/model/*.c "$src"/src/plan/*.c \
		"$src/tests/fuzz/fuzz_$name.c" -o "$out/fuzz_$name" "$@"
	seeds=$out/seeds-$name
	rm -rf "$seeds"
	mkdir -p "$out/$name" "$seeds"
	test $name = plan || find "$data" -name 'input.*' | while read -r f; do
		cp "$f" "$seeds/$(basename "$(dirname "$f")")"
	done
	echo "fuzz: $name, $seconds s"
	"$out/fuzz_$name" -max_total_time="$seconds" -timeout=10 -malloc_limit_mb=64 -rss_limit_mb=2048 \
		-print_final_stats=1 -max_len=4096 -artifact_prefix="$out/$name-" \
		"$out/$name" "$seeds" "$corpus/$name" >"$out/$name.log" 2>&1 || bad=1
	grep -E '^stat::(number_of_executed|average_exec|peak_rss)|ERROR|SUMMARY|cov:.*DONE' "$out/$name.log" |
		sed "s/^/fuzz: $name: /"
done
test $bad = 0 && echo 'fuzz: no finding'
exit $bad
