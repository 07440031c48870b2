#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the modules for the tests of the worker's loader, and those that leave something behind.  Made
# by hand and not by libtool, because each is wrong in its own way, and because what the compiler adds
# to an instrumented one would be wrong in further ways.
#
# build.sh SRCDIR OUTDIR    with CC in the environment
set -eu
srcdir=$1
out=$2
from=$srcdir/tests/modules/loader
rm -rf "$out"
mkdir -p "$out"

so() # NAME SOURCE FLAG...
{
	name=$1
	source=$2
	shift 2
	${CC:-cc} -std=gnu17 -g -O2 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden \
		-I"$srcdir/src" -Wl,-z,relro -Wl,-z,noexecstack -o "$out/$name.so" "$from/$source" "$@"
}

# Built as a module should be; behind each stands its row in README.
module() # NAME FLAG...
{
	name=$1
	shift
	so "$name" loader.c -Wl,-z,now "$@"
}

defs=-Wl,-z,defs
self=-Wl,-Bsymbolic
module good-1 $defs
module good-2 $defs -DLOADER=2
module export-1 $defs -DLOADER_EXPORT                                   # E2
module symbolic-1 $defs -DLOADER_EXPORT $self                           # D
module symbolic-2 $defs -DLOADER_EXPORT $self -DLOADER=2                # D
module protected-1 $defs -DLOADER_PROTECTED
module shares $defs -DLOADER_SHARES $self                               # E
module seeks -DLOADER_SEEKS                                             # E
module unique $defs -DLOADER_UNIQUE $self                               # U
module nodelete $defs -Wl,-z,nodelete                                   # N
module static-tls $defs -DLOADER_TLS                                    # X
module constructor $defs '-DLOADER_BEGIN=__attribute__((constructor))'  # O
module early $defs '-DLOADER_BEGIN=__attribute__((constructor(101)))'   # O
module own-init $defs -DLOADER_BEGIN= -Wl,-init=loader_begin            # O
module bare -nostartfiles '-DLOADER_BEGIN=__attribute__((constructor))' # O
module bare-init -nostartfiles -DLOADER_BEGIN= -Wl,-init=loader_begin  # O
module bare-good -nostartfiles
module stripped -s $defs
module stripped-bad -s $defs '-DLOADER_BEGIN=__attribute__((constructor))'
module no-locals -Wl,-x $defs
module sysv -Wl,--hash-style=sysv $defs
module sysv-export -Wl,--hash-style=sysv $defs -DLOADER_EXPORT
module ends $defs -DLOADER_END
module runpath $defs -Wl,-rpath,/opt/lib -Wl,--enable-new-dtags         # C
module rpath $defs -Wl,-rpath,/opt/lib -Wl,--disable-new-dtags          # C
module textrel $defs -DLOADER_TEXTREL -Wl,-z,notext
module exec-stack $defs -Wl,-z,execstack
module atexit $defs -DLOADER_ATEXIT                                     # A2
module atfork $defs -DLOADER_ATFORK                                     # P
so missing loader.c -Wl,-z,lazy -DLOADER_NEEDS=loader_nowhere           # Z1, Z2
so lazy loader.c -Wl,-z,lazy $defs

printf 'MODULES_1 { global: relw_module; local: *; };\n' >"$out/versions"
module versioned $defs -fvisibility=default "-Wl,--version-script=$out/versions"

# Libraries of its own: one beside it, one by its path, and another module by its soname.
so libother other.c -fvisibility=default -Wl,-soname,libother.so.1
so libnameless other.c -fvisibility=default
module private "$out/libother.so" -DLOADER_NEEDS=loader_other
module by-path "$out/libnameless.so" -DLOADER_NEEDS=loader_other        # C
module soname-1 $defs $self -DLOADER_EXPORT -Wl,-soname,loader_module.so
module needs-module $defs -Wl,--no-as-needed "$out/soname-1.so" -DLOADER=2 # C

for kind in KEY SIGNAL THREAD LITERAL POINTER DTOR; do                  # K S T L L2 C2
	so "stays-$(echo "$kind" | tr '[:upper:]' '[:lower:]')" stays.c -Wl,-z,now $defs "-DSTAYS_$kind"
done
so stays-2 stays.c -Wl,-z,now $defs
