#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the manual pages show is true: see pages.py.
exec "$PYTHON3" "${top_srcdir:?}/tests/man/pages.py" "$top_srcdir" "${top_builddir:?}"
