#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Schemas and decoders agree on a sample of many documents: see differ.py.  `make check-long' takes all.
"$PYTHON3" -c 'import jsonschema, yaml' 2>/dev/null || {
	echo "1..0 # SKIP python3-jsonschema or python3-yaml is not installed"
	exit 0
}
exec "$PYTHON3" "${top_srcdir:?}/tests/schema/differ.py"
