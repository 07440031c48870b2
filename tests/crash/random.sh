#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Kills at random moments: see sweep.py.  `make check-long` goes on for longer.
exec "$PYTHON3" "$top_srcdir/tests/crash/sweep.py" random "${RELUP_CRASH_LAPS:-20}"
