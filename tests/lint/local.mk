# SPDX-License-Identifier: Apache-2.0
lint_tests = \
	tests/lint/can-fail.sh \
	tests/lint/dist.sh \
	tests/lint/error-table.sh \
	tests/lint/exported-symbols.sh \
	tests/lint/headers-alone.sh \
	tests/lint/include-matrix.sh \
	tests/lint/loader.sh \
	tests/lint/man-pages.sh \
	tests/lint/no-globals.sh \
	tests/lint/no-sleep.sh \
	tests/lint/shell.sh \
	tests/lint/sizes.sh \
	tests/lint/spdx.sh
TESTS += $(lint_tests)
EXTRA_DIST += $(lint_tests) tests/lint/tap.sh
