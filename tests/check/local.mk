# SPDX-License-Identifier: Apache-2.0
# What CI asks of built applications: check, appup make, graph, diff; and what hostile input costs there.
TESTS += tests/check/check.sh tests/check/bounds.sh
EXTRA_DIST += tests/check/check.sh tests/check/check.py tests/check/kit.py \
	tests/check/relups.py tests/check/states.py tests/check/bounds.sh tests/check/bounds.py
