# SPDX-License-Identifier: Apache-2.0
# Kills in the middle of operations: see tests/crash/sweep.py.
crash_tests = tests/crash/points.sh tests/crash/random.sh
TESTS += $(crash_tests)
EXTRA_DIST += $(crash_tests) tests/crash/sweep.py

# Some minutes: more releases, more workers, more laps.
.PHONY: check-long
check-long: all
	$(AM_TESTS_ENVIRONMENT) '$(PYTHON3)' $(srcdir)/tests/crash/sweep.py long
	$(AM_TESTS_ENVIRONMENT) '$(PYTHON3)' $(srcdir)/tests/crash/sweep.py random 500
