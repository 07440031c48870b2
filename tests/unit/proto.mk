# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/check_proto
TESTS += tests/unit/check_proto
tests_unit_check_proto_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_proto_SOURCES = tests/unit/check_proto.c
tests_unit_check_proto_LDADD = src/proto/librelproto.la src/base/librelbase.la $(JANSSON_LIBS) $(CHECK_LIBS)
