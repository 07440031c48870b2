# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += tests/data
check_PROGRAMS += tests/unit/check_doc_read tests/unit/check_doc_json
TESTS += tests/unit/check_doc_read tests/unit/check_doc_json
tests_unit_check_doc_read_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_doc_read_SOURCES = tests/unit/check_doc_read.c
tests_unit_check_doc_read_LDADD = src/doc/libreldoc.la src/base/librelbase.la $(CHECK_LIBS) \
	$(JANSSON_LIBS) $(YAML_LIBS)
tests_unit_check_doc_json_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_doc_json_SOURCES = tests/unit/check_doc_json.c
tests_unit_check_doc_json_LDADD = src/doc/libreldoc.la src/base/librelbase.la $(CHECK_LIBS) \
	$(JANSSON_LIBS) $(YAML_LIBS)
