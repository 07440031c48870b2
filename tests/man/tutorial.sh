#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The tutorial does what it says: see tutorial.py.
exec "$PYTHON3" "${top_srcdir:?}/tests/man/tutorial.py" "$top_srcdir" "${top_builddir:?}"
