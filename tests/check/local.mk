# SPDX-License-Identifier: Apache-2.0
# What CI asks of built applications: check, appup make, graph, diff.
TESTS += tests/check/check.sh
EXTRA_DIST += tests/check/check.sh tests/check/check.py
