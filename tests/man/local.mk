# SPDX-License-Identifier: Apache-2.0
TESTS += tests/man/pages.sh tests/man/tutorial.sh tests/man/rules.sh
EXTRA_DIST += tests/man/pages.sh tests/man/pages.py tests/man/displays.py tests/man/tutorial.sh tests/man/tutorial.py \
	tests/man/rules.sh tests/man/rules.py
