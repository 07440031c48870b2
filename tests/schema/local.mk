# SPDX-License-Identifier: Apache-2.0
# The schemas of relup-schema/: see tests/schema/schemas.py.
schema_tests = tests/schema/check.sh tests/schema/differ.sh tests/schema/mutants.sh
TESTS += $(schema_tests)
EXTRA_DIST += $(schema_tests) tests/schema/check.py tests/schema/differ.py tests/schema/mutants.py \
	tests/schema/reading.py tests/schema/schemas.py

check_PROGRAMS += tests/schema/judge
tests_schema_judge_CFLAGS = $(AM_CFLAGS) $(JANSSON_CFLAGS)
tests_schema_judge_SOURCES = tests/schema/judge.c $(model_kinds)
tests_schema_judge_LDADD = src/model/librelmodel.la src/doc/libreldoc.la src/base/librelbase.la \
	$(JANSSON_LIBS) $(YAML_LIBS)

# All documents that differ.py can think of: some minutes.
.PHONY: check-schema-long
check-long: check-schema-long
check-schema-long: tests/schema/judge$(EXEEXT)
	$(AM_TESTS_ENVIRONMENT) '$(PYTHON3)' $(srcdir)/tests/schema/differ.py 1
