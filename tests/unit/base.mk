# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/check_base
TESTS += tests/unit/check_base
tests_unit_check_base_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
tests_unit_check_base_SOURCES = tests/unit/check_base.c
tests_unit_check_base_LDADD = src/base/librelbase.la $(CHECK_LIBS)
