#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Random releases against a second, plain translator: see random_relups.py.  RELUP_SEEDS="FIRST COUNT"
# looks further.
set -u
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
# shellcheck disable=SC2086 # two numbers
"$PYTHON3" "$top_srcdir/tests/relup/random_relups.py" "$top_builddir/relctl" "$tmp" \
    ${RELUP_SEEDS:-1 150}
