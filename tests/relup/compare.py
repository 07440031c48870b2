# SPDX-License-Identifier: Apache-2.0
"""compare.py EXPECTED STATUS < what relctl printed

EXPECTED is a relup (compared as a structure, its lists in order) or {"error": CODE}, to which may be
added what else the error object must say: "file", "line", "column", "exit".
Prints nothing and exits 0 where they agree."""
import json
import sys


def fail(text):
    print(text)
    sys.exit(1)


def check_error(expected, got, status):
    error = got.get("error", {})
    if error.get("code") != expected["error"]:
        fail(f"expected the error {expected['error']}, got {json.dumps(got)[:2000]}")
    for key in ("file", "line", "column"):
        if key in expected and expected[key] != error.get(key):
            fail(f"expected {key} {expected[key]}, got {json.dumps(error)}")
    if status != expected.get("exit", status) or status == 0:
        fail(f"exit status {status}")
    if not error.get("message"):
        fail("the error has no message")


def main():
    with open(sys.argv[1], encoding="utf-8") as f:
        expected = json.load(f)
    status = int(sys.argv[2])
    text = sys.stdin.read()
    try:
        got = json.loads(text)
    except ValueError as e:
        fail(f"no JSON document: {e}: {text[:500]!r}")
    if "error" in expected:
        check_error(expected, got, status)
    elif status != 0 or got != expected:
        fail(f"exit status {status}\nexpected {json.dumps(expected)}\ngot      {json.dumps(got)}")


main()
