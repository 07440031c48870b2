# SPDX-License-Identifier: Apache-2.0
noinst_LTLIBRARIES += src/proto/librelproto.la
src_proto_librelproto_la_CPPFLAGS = $(AM_CPPFLAGS) $(JANSSON_CFLAGS)
src_proto_librelproto_la_SOURCES = \
	src/proto/proto.h \
	src/proto/decision.c \
	src/proto/packet.c \
	src/proto/err_json.c \
	src/proto/holders.c
