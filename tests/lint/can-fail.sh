#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The lints can fail: each is shown a small tree that is right, and the same tree with one thing
# wrong.
lints=${top_srcdir:?}/tests/lint
work=$(mktemp -d "${TMPDIR:-/tmp}/relup-lint.XXXXXX") || exit 99
trap 'rm -rf "$work"' EXIT
n=0

head='/* SPDX-License-Identifier: Apache-2.0 */'

fresh() # the tree that is right, in $work/t
{
	rm -rf "$work/t"
	mkdir -p "$work/t/src/base" "$work/t/src/doc" "$work/t/src/daemon" "$work/t/src/worker/.libs" \
		"$work/t/releases/hello/.libs" "$work/t/man" "$work/t/tests/unit" "$work/t/tests/lint"
	cp "$lints/tap.sh" "$work/t/tests/lint"
	cd "$work/t" || exit 99
	printf '%s\n#ifndef A_H\n#define A_H\nint a(int b);\n#endif\n' "$head" >src/base/a.h
	printf '%s\n#include "base/a.h"\nconst int table[] = {1};\nint\na(int b)\n{\n\treturn b;\n}\n' \
		"$head" >src/doc/a.c
	printf '%s\nint own;\n' "$head" >src/daemon/main.c
	printf '%s\nX(A, "a_name", 1, "hint")\nX(B, "b_name", 77, "")\n' "$head" >src/base/err_tbl.h
	printf '%s\nint relw_module;\n' "$head" >src/worker/m.c
	printf '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\nexec "$1"\n' >tests/unit/a.sh
	printf '.\\" SPDX-License-Identifier: Apache-2.0\n.Dd January 1, 2026\n.Dt A 1\n.Os\n.Sh NAME\n.Nm a\n.Nd a page\n' >man/a.1
	: >config.h
}

build() # what lints of objects look at
{
	# shellcheck disable=SC2086 # CC may carry options
	${CC:-cc} -c -Isrc -o src/doc/x-a.o src/doc/a.c &&
		${CC:-cc} -shared -fPIC -o releases/hello/.libs/m.so src/worker/m.c "$@" &&
		cp releases/hello/.libs/m.so src/worker/.libs/librelworker.so.1.0.0
}

lint() # NAME
{
	top_srcdir=$work/t top_builddir=$work/t sh "$lints/$1.sh" 2>&1
}

report() # STATUS TITLE OUTPUT
{
	n=$((n + 1))
	test "$1" = 0 || printf 'not '
	echo "ok $n - $2"
	test "$1" = 0 || printf '%s\n' "$3" | sed 's/^/#   /'
}

good() # LINT
{
	out=$(lint "$1")
	! echo "$out" | grep -q '^not ok' && echo "$out" | grep -q '^ok'
	report $? "$1 passes what is right" "$out"
}

bad() # LINT WHAT: the tree has been spoilt
{
	out=$(lint "$1")
	echo "$out" | grep -q '^not ok' || echo "$out" | grep -q '# SKIP'
	report $? "$1 sees $2" "$out"
	fresh
}

long_function()
{
	printf 'int\nlong_one(void)\n{\n'
	awk 'BEGIN { for (i = 0; i < 78; i++) print "\t;" }'
	printf '}\n'
}

fresh
for l in include-matrix headers-alone sizes no-sleep man-pages error-table spdx shell loader; do
	good "$l"
done

echo '#include "daemon/d.h"' >>src/doc/a.c && bad include-matrix "an include of daemon/"
echo '  #  include  "doc/d.h"' >>src/base/a.h && bad include-matrix "an include of a higher level"
echo '#include "base/a_priv.h"' >>src/doc/a.c && bad include-matrix "a private header of another folder"
echo '#include "d.h"' >>src/doc/a.c && bad include-matrix "a header without its folder"
mkdir src/util && cp src/base/a.h src/util && bad include-matrix "a folder that is not listed"
echo 'size_t c(void);' >>src/base/a.h && bad headers-alone "a header that lacks an include"
echo 'struct s { int i; };' >>src/base/a.h && bad headers-alone "a header without a guard"
long_function >>src/doc/a.c && bad sizes "a function of 81 lines"
awk 'BEGIN { for (i = 0; i < 800; i++) print "" }' >>src/doc/a.c && bad sizes "a file of 801 lines"
echo 'do_it() { sleep 1; }' >>tests/unit/a.sh && bad no-sleep "a sleep in sh"
echo 'void f(void) { usleep(1); }' >tests/unit/a.c && bad no-sleep "a sleep in C"
echo 'time.sleep(1)' >tests/unit/a.py && bad no-sleep "a sleep in Python"
echo '.Xx' >>man/a.1 && bad man-pages "an unknown macro"
echo 'X(C, "a_name", 1, "")' >>src/base/err_tbl.h && bad error-table "a name that is there twice"
echo 'X(C, "C-name", 1, "")' >>src/base/err_tbl.h && bad error-table "a malformed name"
echo 'X(C, "c_name", 3, "")' >>src/base/err_tbl.h && bad error-table "a status that relctl has not"
echo 'X(C, c_name, 1, "")' >>src/base/err_tbl.h && bad error-table "a line of another form"
echo 'int x;' >src/doc/b.c && bad spdx "a file without a licence"
echo 'void *h(void) { return dlmopen(-1, "m", 2); }' >>src/doc/a.c && bad loader "a namespace of its own"
echo 'void *h(void) { return dlopen("m", RTLD_NOW | RTLD_GLOBAL); }' >>src/doc/a.c && bad loader "a module for all"
echo 'void *h(void) { return dlopen("m", 1); }' >>src/doc/a.c && bad loader "a module that is bound by and by"
# shellcheck disable=SC2016 # it is what is written
echo 'cd $x && rm $(ls) && read y < $z; unused=1' >>tests/unit/a.sh && bad shell "careless shell"
rm -r src/doc src/base src/daemon src/worker && bad include-matrix "that there is nothing to look at"

build && good exported-symbols && good no-globals
build -Wl,-rpath,/x && bad exported-symbols "a search path"
printf 'int relw_module, other;\n' >src/worker/m.c && build && bad exported-symbols "a second symbol"
printf 'static int x;\n' >src/worker/m.c && build && bad exported-symbols "a table that is missing"
echo 'int g;' >>src/doc/a.c && build && bad no-globals "a variable"
echo 'int g = 1;' >>src/doc/a.c && build && bad no-globals "a variable with a value"
echo 'int f(void); int f(void) { static int s; return s++; }' >>src/doc/a.c && build &&
	bad no-globals "a static in a function"
echo '_Thread_local int g;' >>src/doc/a.c && build && bad no-globals "a variable of a thread"
cd /
echo "1..$n"
