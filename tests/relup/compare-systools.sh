#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# relctl relup make against OTP's systools, where Erlang is installed: see compare_systools.py.
set -u
if ! command -v escript >/dev/null 2>&1; then
	echo "1..0 # SKIP Erlang is not installed"
	exit 0
fi
tmp=$(mktemp -d) || exit 99
trap 'rm -rf "$tmp"' EXIT
HOME=$tmp # erl keeps a cookie file there
export HOME
PYTHONDONTWRITEBYTECODE=1
export PYTHONDONTWRITEBYTECODE
# shellcheck disable=SC2086 # two numbers
"$PYTHON3" "$top_srcdir/tests/relup/compare_systools.py" "$top_builddir/relctl" "$tmp" \
    ${RELUP_SEEDS:-1 12}
