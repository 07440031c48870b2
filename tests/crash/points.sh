#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Kills at every fault point: see sweep.py.
exec "$PYTHON3" "$top_srcdir/tests/crash/sweep.py" points
