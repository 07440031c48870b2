#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What the schemas are and what they judge: see check.py.
"$PYTHON3" -c 'import jsonschema, yaml' 2>/dev/null || {
	echo "1..0 # SKIP python3-jsonschema or python3-yaml is not installed"
	exit 0
}
exec "$PYTHON3" "${top_srcdir:?}/tests/schema/check.py"
