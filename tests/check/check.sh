#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
exec "$PYTHON3" "$top_srcdir/tests/check/check.py"
