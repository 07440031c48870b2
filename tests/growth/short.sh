#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Some operations under load: see growth.py.  `make check-long` makes 10,000.
exec "$PYTHON3" "$top_srcdir/tests/growth/growth.py" 80 40
