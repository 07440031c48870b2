# SPDX-License-Identifier: Apache-2.0
# The runtime is compiled once, as a convenience library: relworker-1 and librelworker both link it.
noinst_LTLIBRARIES += src/worker/librelwcore.la
src_worker_librelwcore_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
src_worker_librelwcore_la_SOURCES = \
	src/worker/relworker.h \
	src/worker/image_priv.h \
	src/worker/worker_priv.h \
	src/worker/api.c \
	src/worker/bracket.c \
	src/worker/dynamic.c \
	src/worker/fault.c \
	src/worker/foreign.c \
	src/worker/gen.c \
	src/worker/holders.c \
	src/worker/host.c \
	src/worker/kept.c \
	src/worker/link.c \
	src/worker/loop.c \
	src/worker/message.c \
	src/worker/object.c \
	src/worker/op.c \
	src/worker/pages.c \
	src/worker/prepare.c \
	src/worker/purge.c \
	src/worker/calls_tbl.h \
	src/worker/rehearse.c \
	src/worker/room.c \
	src/worker/sandbox.c \
	src/worker/sandbox.h \
	src/worker/start.c \
	src/worker/table.c \
	src/worker/task.c \
	src/worker/timer.c \
	src/worker/tomb.c \
	src/worker/txn.c \
	src/worker/words.c

relexec_PROGRAMS += relworker-1
relworker_1_SOURCES = src/worker/main.c
relworker_1_LDADD = src/worker/librelwcore.la src/stack/librelstack.la src/proto/librelproto.la \
	src/base/librelbase.la $(JANSSON_LIBS)

# Hosts with a main of their own link this one; its only names are relw_*.
lib_LTLIBRARIES += src/worker/librelworker.la
src_worker_librelworker_la_SOURCES =
src_worker_librelworker_la_LIBADD = src/worker/librelwcore.la src/stack/librelstack.la src/proto/librelproto.la \
	src/base/librelbase.la $(JANSSON_LIBS)
src_worker_librelworker_la_LDFLAGS = $(AM_LDFLAGS) $(DEFS_LDFLAGS) -version-info 1:0:0 \
	-export-symbols-regex '^relw_'

include_HEADERS += src/worker/relworker.h
pkgconfig_DATA += src/worker/relworker.pc
