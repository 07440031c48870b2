# SPDX-License-Identifier: Apache-2.0
"""Schemas and decoders judge alike what differs in one thing from a document that they accept (TAP).

differ.py [SHARE]    looks at every SHARE-th of these documents; 1: at all of them

A value is replaced by each of PROBES, and by what stands elsewhere in the document; a key is left
out, renamed, or added; a list gets one more or one less.  The judge (judge.c) says what C makes of
it.  Only rules that no schema can say may make a difference.
"""
import json
import os
import random
import re
import subprocess
import sys

from reading import Scalar, typed
from schemas import BUILD, SCHEMAS, Tap, Validator, cases, why

# What C refuses in these words, a schema cannot: see tests/data/beyond-schema.
BEYOND = re.compile("|".join((
    "stands? twice in (the release|application)", "is not among the application's modules",
    "is not a key of env", "is too long", "is not a POSIX extended regular expression")))

PLAIN = ("", "~", "null", "true", "x", "X", "a_b", "a-b", "9a", "0", "1", "5", "-1", "-0", "007", "1.0",
         "1.10", "1e3", ".5", "+1", "0x10", "10000", "10001", "1000000", "1000001", "9223372036854",
         "9223372036855", "12345678901234567890", "5s", "0s", "00s", "09s", "1.5s", "5 s", "5ms", "2h",
         "5d", "infinity", "Infinity", "default", "soft", "brutal", "brutal_kill", "group", "worker",
         "up", "down", "permanent", "none", "load", "static", "all", "a/b/0", "a/b/00", "a/b",
         "point_of_no_return", "restart_runtime", "update", "apply", "a" * 63, "a" * 64, "a" * 65, "A" * 201)
QUOTED = ("", "5", "1.0", "x y", "x\n", "\n", "5s\n", "tcp:h:1", "tcp:h:65535", "tcp:h:65536", "tcp:h:00080",
          "tcp:h:000080", "tcp::1", "tcp:[::1]:1", "tcp:[]:1", "tcp:[]]:1", "tcp:[::1:1", "tcp:::1:1",
          "tcp:a]b:1", "tcp:a[b:1", "tcp:a b:1", "tcp:h:", "tcp:h:$x", "tcp:$h:1", "tcp:h:1\x1f",
          "tcp:h:1\n", "unix:" + "x" * 107, "unix:" + "x" * 108, "unix:", "unix:a b", "unix:${port}" + "x" * 106,
          "unix:${port}" + "x" * 107, "tcp:${port}:1", "tcp:h:${port}", "tcp:h:8${port}0", "tcp:${port}",
          "tcp:h:${port", "tcp:h:1:${port}", "udp:h:1", "TCP:h:1", "(", "a{2}",
          r"a\{", r"\1", "[a", "[]{]", "[^]{]",
          "[[:alpha:]{]", "[[:alpha:]{", "[[:nope:]]", "[[.a.]]", "[[.].]{]", "[[=a=]]", "[[:a]", "a\\", "\\\\",
          "é" * 50)
LISTS = ([], ["x"], ["X"], [5], [[]], [{}], ["x", "x"], ["x", "X"])
MAPS = ({}, {"x": "x"}, {"advanced": "x"}, {"advanced": "x", "soft": "x"}, {"matching": "x"}, {"module": "x"},
        {"modules": ["x"]}, {"command": ["x"]}, {"command": []}, {"application": "x"}, {"update": {"module": "x"}},
        {"load": {"module": "x"}}, {"load": {"module": "x"}, "remove": {"module": "x"}}, {"point_of_no_return": {}})
SAFE = re.compile(r"[A-Za-z0-9_.+~/-][A-Za-z0-9_.+~/ -]*")


def node_of(value):
    """A value written in Python: its texts and numbers are plain."""
    if isinstance(value, list):
        return [node_of(v) for v in value]
    if isinstance(value, dict):
        return {k: node_of(v) for k, v in value.items()}
    return Scalar(str(value), True)


PROBES = [Scalar(t, True) for t in PLAIN] + [Scalar(t, False) for t in QUOTED] + [
    node_of(v) for v in (*LISTS, *MAPS)]


# ---------------------------------------------------------------- written as YAML
def quoted(text):
    return json.dumps(text, ensure_ascii=False)


def flow(node):
    if isinstance(node, Scalar):
        return node.text if node.plain else quoted(node.text)
    if isinstance(node, list):
        return "[" + ", ".join(map(flow, node)) + "]"
    return "{" + ", ".join(f"{quoted(k)}: {flow(v)}" for k, v in node.items()) + "}"


def writable(node, in_list=False):
    """The same as flow() can write it: quoted where it must be, and not nothing in a list."""
    if isinstance(node, Scalar):
        nothing = node.text == "" and not in_list
        return node if not node.plain or nothing or SAFE.fullmatch(node.text) and \
            node.text == node.text.strip() else Scalar(node.text, False)
    if isinstance(node, list):
        return [writable(v, True) for v in node]
    return {k: writable(v) for k, v in node.items()}


# ---------------------------------------------------------------- variants
def places(node, path=()):
    yield path, node
    for k, v in node.items() if isinstance(node, dict) else enumerate(node if isinstance(node, list) else ()):
        yield from places(v, (*path, k))


def put(node, path, new):
    if not path:
        return new
    k, *rest = path
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[k] = put(copy[k], rest, new)
    return copy


def variants_of_map(node, keys):
    for k in node:
        yield {x: v for x, v in node.items() if x != k}
        yield {x if x != k else x.upper(): v for x, v in node.items()}
    for k in keys:
        if k not in node:
            yield {**node, k: Scalar("x", True)}


def variants(root, keys):
    """Trees that differ from root in one thing, in an order that does not change."""
    everywhere = list(places(root))
    for path, node in everywhere:
        others = [n for _, n in everywhere if n is not node]
        for new in PROBES + others[:40]:
            yield put(root, path, new)
        if isinstance(node, dict):
            for new in variants_of_map(node, keys):
                yield put(root, path, new)
        if isinstance(node, list):
            for new in (node[1:], node + node[:1], node + [Scalar("x", True)]):
                yield put(root, path, new)


def keys_of(schema):
    found = set()
    for s in (schema, *schema["$defs"].values()):
        found |= set(s.get("properties", ()))
    return sorted(found | {"zzz"})


def documents(kind, share):
    schema = SCHEMAS[kind]
    rng = random.Random(kind)  # the same documents every time
    for case in cases("valid"):
        if case.kind == kind:
            for tree in variants(case.node(), keys_of(schema)):
                if rng.randrange(share) == 0:
                    yield writable(tree)


# ---------------------------------------------------------------- verdicts
def judge(kind, texts):
    judged = b"".join(b"%s- input.yaml %d\n%s" % (kind.encode(), len(t), t) for t in (x.encode() for x in texts))
    p = subprocess.run([os.path.join(BUILD, "tests", "schema", "judge")], input=judged, stdout=subprocess.PIPE,
                       check=True, timeout=300)
    return [json.loads(line) for line in p.stdout.splitlines()]


def difference(checker, tree, problems):
    """What is wrong, None where the two agree."""
    value = typed(tree, checker.schema)
    accepted = checker.is_valid(value)
    if not accepted and not problems:
        return f"the schema alone refuses it: {why(checker, value)}"
    if accepted and not all(BEYOND.search(p["message"]) for p in problems):
        return "C alone refuses it: " + "; ".join(p["message"] for p in problems)
    return None


def differences(kind, share, schema=None):
    trees = list(documents(kind, share))
    texts = [flow(t) for t in trees]
    verdicts = judge(kind, texts)
    assert len(verdicts) == len(trees), f"{len(verdicts)} verdicts for {len(trees)} documents"
    checker = Validator(schema or SCHEMAS[kind])
    found = []
    for tree, text, problems in zip(trees, texts, verdicts):
        d = difference(checker, tree, problems)
        if d:
            found.append(f"{d}\n    {text}")
    return len(trees), sum(bool(v) for v in verdicts), found


def main():
    share = int(sys.argv[1]) if len(sys.argv) > 1 else 24
    tap = Tap()
    for kind in ("release", "app", "appup", "relup", "config"):
        n, refused, found = differences(kind, share)
        tap.result(f"{kind}: {n} documents, {refused} of them refused, are judged alike", found[:20],
                   refused and n - refused)
    loose = {**SCHEMAS["config"], "propertyNames": True}
    tap.result("a difference would be found", [] if differences("config", 1, loose)[2] else ["none was"])
    tap.end()


if __name__ == "__main__":
    main()
