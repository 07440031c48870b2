# SPDX-License-Identifier: Apache-2.0
exec_tests = tests/unit/check_exec_compile tests/unit/check_exec_run tests/unit/check_exec_fail \
	tests/unit/check_exec_holders tests/unit/check_exec_settle tests/unit/check_exec_recover \
	tests/unit/check_exec_nomem tests/unit/check_exec_rehearse
check_PROGRAMS += $(exec_tests)
TESTS += $(exec_tests)
exec_test_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
exec_test_libs = src/exec/librelexec.la src/model/librelmodel.la src/proto/librelproto.la \
	src/doc/libreldoc.la src/base/librelbase.la $(CHECK_LIBS) $(JANSSON_LIBS) $(YAML_LIBS)
tests_unit_check_exec_compile_SOURCES = tests/unit/check_exec_compile.c
tests_unit_check_exec_compile_CFLAGS = $(exec_test_cflags)
tests_unit_check_exec_compile_LDADD = $(exec_test_libs)
exec_world = tests/unit/exec_world.c tests/unit/exec_world.h tests/unit/exec_world_ends.c \
	tests/unit/exec_fakes.c tests/unit/exec_fakes.h
tests_unit_check_exec_run_SOURCES = tests/unit/check_exec_run.c $(exec_world)
tests_unit_check_exec_run_CFLAGS = $(exec_test_cflags)
tests_unit_check_exec_run_LDADD = $(exec_test_libs)
tests_unit_check_exec_fail_SOURCES = tests/unit/check_exec_fail.c $(exec_world)
tests_unit_check_exec_fail_CFLAGS = $(exec_test_cflags)
tests_unit_check_exec_fail_LDADD = $(exec_test_libs)
tests_unit_check_exec_holders_SOURCES = tests/unit/check_exec_holders.c $(exec_world)
tests_unit_check_exec_holders_CFLAGS = $(exec_test_cflags)
tests_unit_check_exec_holders_LDADD = $(exec_test_libs)
tests_unit_check_exec_settle_SOURCES = tests/unit/check_exec_settle.c $(exec_world)
tests_unit_check_exec_settle_CFLAGS = $(exec_test_cflags)
tests_unit_check_exec_settle_LDADD = $(exec_test_libs)
tests_unit_check_exec_recover_SOURCES = tests/unit/check_exec_recover.c $(exec_world)
tests_unit_check_exec_recover_CFLAGS = $(exec_test_cflags)
tests_unit_check_exec_recover_LDADD = $(exec_test_libs)
# The allocator of all that is linked in goes through the test.
tests_unit_check_exec_nomem_SOURCES = tests/unit/check_exec_nomem.c
tests_unit_check_exec_nomem_CFLAGS = $(exec_test_cflags)
tests_unit_check_exec_nomem_LDADD = $(exec_test_libs)
tests_unit_check_exec_nomem_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
tests_unit_check_exec_rehearse_SOURCES = tests/unit/check_exec_rehearse.c $(exec_world)
tests_unit_check_exec_rehearse_CFLAGS = $(exec_test_cflags)
tests_unit_check_exec_rehearse_LDADD = $(exec_test_libs)
