# SPDX-License-Identifier: Apache-2.0
model_test_libs = src/model/librelmodel.la src/doc/libreldoc.la src/base/librelbase.la \
	$(CHECK_LIBS) $(JANSSON_LIBS) $(YAML_LIBS)
# what the corpus and the schemas' judge share
model_kinds = tests/unit/model_kinds.c tests/unit/model_kinds.h
check_PROGRAMS += tests/unit/check_model_data tests/unit/check_model_values \
	tests/unit/check_model_system tests/unit/check_model_nomem tests/unit/check_model_again
TESTS += tests/unit/check_model_data tests/unit/check_model_values \
	tests/unit/check_model_system tests/unit/check_model_nomem tests/unit/check_model_again
tests_unit_check_model_data_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_model_data_SOURCES = tests/unit/check_model_data.c $(model_kinds)
tests_unit_check_model_data_LDADD = $(model_test_libs)
tests_unit_check_model_again_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_model_again_SOURCES = tests/unit/check_model_again.c $(model_kinds)
tests_unit_check_model_again_LDADD = $(model_test_libs)
tests_unit_check_model_values_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_model_values_SOURCES = tests/unit/check_model_values.c
tests_unit_check_model_values_LDADD = $(model_test_libs)
tests_unit_check_model_system_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_model_system_SOURCES = tests/unit/check_model_system.c
tests_unit_check_model_system_LDADD = $(model_test_libs)
# The allocator of all that is linked in goes through the test.
tests_unit_check_model_nomem_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_model_nomem_SOURCES = tests/unit/check_model_nomem.c
tests_unit_check_model_nomem_LDADD = $(model_test_libs)
tests_unit_check_model_nomem_LDFLAGS = $(AM_LDFLAGS) -Wl,--wrap=malloc,--wrap=calloc \
	-Wl,--wrap=realloc,--wrap=reallocarray
