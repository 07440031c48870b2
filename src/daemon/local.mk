# SPDX-License-Identifier: Apache-2.0
sbin_PROGRAMS += relupd
relupd_SOURCES = \
	src/daemon/accept.c src/daemon/daemon.c src/daemon/daemon.h src/daemon/holders.c src/daemon/limits.c \
	src/daemon/listen.c src/daemon/log.c \
	src/daemon/main.c src/daemon/op.c src/daemon/op_first.c src/daemon/op_priv.h \
	src/daemon/op_recover.c src/daemon/op_world.c src/daemon/pids.c src/daemon/plan.c src/daemon/proc.c \
	src/daemon/ready.c src/daemon/rls.c \
	src/daemon/rpc.c src/daemon/shape.c src/daemon/threads.c src/daemon/verbs.c src/daemon/wire.c
relupd_CPPFLAGS = $(AM_CPPFLAGS) -DLIBEXECDIR='"$(libexecdir)"'
relupd_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS) $(UV_CFLAGS)
relupd_LDADD = src/stack/librelstack.la \
	src/exec/librelexec.la src/sup/librelsup.la src/model/librelmodel.la \
	src/store/librelstore.la src/proto/librelproto.la src/doc/libreldoc.la \
	src/base/librelbase.la \
	$(UV_LIBS) $(SQLITE_LIBS) $(CRYPTO_LIBS) $(YAML_LIBS) $(JANSSON_LIBS)
