# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/check_daemon_pids
TESTS += tests/unit/check_daemon_pids
tests_unit_check_daemon_pids_SOURCES = tests/unit/check_daemon_pids.c src/daemon/pids.c \
	src/daemon/daemon.h
tests_unit_check_daemon_pids_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS) $(UV_CFLAGS)
tests_unit_check_daemon_pids_LDADD = src/base/librelbase.la $(CHECK_LIBS)
