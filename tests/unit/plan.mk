# SPDX-License-Identifier: Apache-2.0
check_PROGRAMS += tests/unit/check_plan_relup
TESTS += tests/unit/check_plan_relup tests/relup/run.sh tests/relup/random.sh tests/relup/relctl.sh \
	tests/relup/compare-systools.sh
EXTRA_DIST += tests/relup/cases tests/relup/compare-systools.sh tests/relup/compare.py \
	tests/relup/compare_systools.py tests/relup/random.sh tests/relup/random_relups.py \
	tests/relup/relctl.sh tests/relup/run.sh tests/relup/systools.escript
tests_unit_check_plan_relup_SOURCES = tests/unit/check_plan_relup.c
tests_unit_check_plan_relup_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS) $(JANSSON_CFLAGS)
tests_unit_check_plan_relup_LDADD = \
	src/plan/librelplan.la src/model/librelmodel.la src/doc/libreldoc.la \
	src/base/librelbase.la $(CHECK_LIBS) $(JANSSON_LIBS) $(YAML_LIBS)
