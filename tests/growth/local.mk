# SPDX-License-Identifier: Apache-2.0
# Many operations in a row: see tests/growth/growth.py.
TESTS += tests/growth/short.sh
EXTRA_DIST += tests/growth/short.sh tests/growth/growth.py

.PHONY: check-growth-long
check-growth-long: all
	$(AM_TESTS_ENVIRONMENT) '$(PYTHON3)' $(srcdir)/tests/growth/growth.py 10000 1000
check-long: check-growth-long
