# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/check_sup
TESTS += tests/unit/check_sup
tests_unit_check_sup_SOURCES = tests/unit/check_sup.c tests/unit/sup_world.c \
	tests/unit/sup_world.h
tests_unit_check_sup_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_sup_LDADD = src/sup/librelsup.la src/base/librelbase.la $(CHECK_LIBS) \
	$(JANSSON_LIBS)
