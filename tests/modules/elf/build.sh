#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds the modules for the tests of src/elf.  They are made by hand and not by libtool, because
# each is wrong in its own way, and because they must not be instrumented where the tests are.
#
# build.sh SRCDIR OUTDIR    with CC, STRIP and OBJCOPY in the environment
set -eu
srcdir=$1
out=$2
from=$srcdir/tests/modules/elf
rm -rf "$out"
mkdir -p "$out"

so() # NAME SOURCE... -- FLAG...
{
	name=$1
	shift
	sources=
	while test "$1" != --; do
		sources="$sources $from/$1"
		shift
	done
	shift
	# shellcheck disable=SC2086 # CC may carry options; no blanks in the sources' names
	${CC:-cc} -std=gnu17 -g -O2 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden \
		-I"$srcdir/src" -Wl,-z,relro -Wl,-z,noexecstack -Wl,--build-id=sha1 \
		-o "$out/$name.so" $sources "$@"
}

odd() # NAME FLAG...: good.c, linked as a module should be
{
	name=$1
	shift
	so "$name" good.c -- -Wl,-Bsymbolic -Wl,-z,now "$@"
}

odd good
odd dwarf4 -gdwarf-4
odd packed -gz=zlib
odd sysv-hash -Wl,--hash-style=sysv
odd relr -Wl,-z,pack-relative-relocs
odd soname -Wl,-soname,libsoname.so.1
odd unique -DODD_UNIQUE
odd nodelete -Wl,-z,nodelete
odd static-tls -DODD_TLS
odd hooks -DODD_HOOKS
odd hooks-early -DODD_HOOKS -DODD_PRIORITY='(101)'
odd hooks-bare -DODD_HOOKS -nostartfiles
odd init -DODD_INIT -Wl,-init=own_init
odd export -DODD_EXPORT
odd name -DODD_NAME
so lazy good.c -- -Wl,-z,lazy
odd runpath -Wl,-rpath,/opt/lib -Wl,--enable-new-dtags
odd rpath -Wl,-rpath,/opt/lib -Wl,--disable-new-dtags
so libprivate private.c -- -fvisibility=default
odd private -DODD_PRIVATE -L"$out" -lprivate
odd undefined -DODD_UNDEFINED
odd writable -DODD_WRITABLE
odd norelro -DODD_WRITABLE -Wl,-z,norelro
odd no-build-id -Wl,--build-id=none
odd no-debug-info -g0
odd exec-stack -Wl,-z,execstack
odd textrel -DODD_TEXTREL -Wl,-z,notext
odd other-abi -DODD_ABI
odd short-table -DODD_SIZE
odd hidden-table -DODD_HIDDEN
odd bad-pointer -DODD_POINTER
odd no-end -DODD_NO_END
for name in good relr hooks hooks-early hooks-bare init writable; do
	${STRIP:-strip} -o "$out/$name-stripped.so" "$out/$name.so"
done
${OBJCOPY:-objcopy} --compress-debug-sections=zlib-gnu "$out/good.so" "$out/packed-gnu.so"
${STRIP:-strip} --only-keep-debug -o "$out/debug-only.so" "$out/good.so"

state() # NAME FLAG...
{
	name=$1
	shift
	so "state-$name" state.c state_hidden.c -- -Wl,-z,now "$@"
}

state base
state dwarf4 -gdwarf-4
state renamed -DTAG=whole_v2
state number '-DNUMBER=unsigned int'
state wider -DNUMBER=long
state moved '-DPADDING=int pad;'
state extra '-DEXTRA=long extra;'
state gone -DGONE=
state name -DSIZE_OF_NAME=20
state grid '-DGRID=[3][2]'
state bits -DBITS=4
state no-bits '-DFLAG=unsigned flag'
state constant '-DCOLOURS=RED, GREEN = 8'
state constants '-DCOLOURS=RED, GREEN = 7, BLUE'
state no-constant '-DCOLOURS=GREEN = 7'
state text '-DTEXT=const char *'
state call '-DCALL=void *call'
state item '-DITEM_EXTRA=int count;'
state label -DLABEL=title
state node -DNODE_VALUE=long
state owner '-DOWNER=struct landlord'
state choice '-DCHOICE=int64_t'
state numbers '-DNUMBERS=int *'
state kind -DKIND=struct
state hidden '-DHIDDEN_EXTRA=int salt;'
so names names.c --
so twin-one twin.c --
so twin-two twin.c -- -DTWIN
