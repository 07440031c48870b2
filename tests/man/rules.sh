#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Every rule of relworker-rules(7) has its test: see rules.py.
exec "$PYTHON3" "${top_srcdir:?}/tests/man/rules.py" "$top_srcdir"
