# SPDX-License-Identifier: Apache-2.0
store_tests = tests/unit/check_store_root tests/unit/check_store_object tests/unit/check_store_op
check_PROGRAMS += $(store_tests)
TESTS += $(store_tests)
store_test_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS) $(CRYPTO_CFLAGS) $(SQLITE_CFLAGS)
store_test_libs = src/store/librelstore.la src/base/librelbase.la \
	$(SQLITE_LIBS) $(CRYPTO_LIBS) $(CHECK_LIBS)
tests_unit_check_store_root_SOURCES = tests/unit/check_store_root.c \
	tests/unit/store_fixture.c tests/unit/store_fixture.h
tests_unit_check_store_root_CFLAGS = $(store_test_cflags)
tests_unit_check_store_root_LDADD = $(store_test_libs)
tests_unit_check_store_object_SOURCES = tests/unit/check_store_object.c \
	tests/unit/store_fixture.c tests/unit/store_fixture.h
tests_unit_check_store_object_CFLAGS = $(store_test_cflags)
tests_unit_check_store_object_LDADD = $(store_test_libs)
tests_unit_check_store_op_SOURCES = tests/unit/check_store_op.c \
	tests/unit/store_fixture.c tests/unit/store_fixture.h
tests_unit_check_store_op_CFLAGS = $(store_test_cflags)
tests_unit_check_store_op_LDADD = $(store_test_libs)
