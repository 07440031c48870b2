#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# No rule of a schema is there for nothing: see mutants.py.
"$PYTHON3" -c 'import jsonschema, yaml' 2>/dev/null || {
	echo "1..0 # SKIP python3-jsonschema or python3-yaml is not installed"
	exit 0
}
exec "$PYTHON3" "${top_srcdir:?}/tests/schema/mutants.py"
