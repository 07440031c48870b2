# SPDX-License-Identifier: Apache-2.0
"""The schemas of relup-schema/ and the documents that are theirs; TAP.

check.py     the form of the schemas, and that they judge the corpus of tests/data as C does
differ.py    the same for thousands of documents that differ a little from valid ones
mutants.py   each rule of a schema is there for a document of the corpus
"""
import copy
import json
import os
import re
import sys

import jsonschema

from reading import Refused, read, typed, usual

SRC = os.path.abspath(os.environ["top_srcdir"])
BUILD = os.path.abspath(os.environ["top_builddir"])
FORMATS = ("release", "app", "appup", "relup", "config", "relupd")
DATA = os.path.join(SRC, "tests", "data")


def load(name):
    with open(os.path.join(SRC, "relup-schema", f"{name}.schema.json"), encoding="utf-8") as f:
        return json.load(f)


SCHEMAS = {name: load(name) for name in FORMATS}


# ---------------------------------------------------------------- validation
def ecma_pattern(validator, pattern, instance, schema):
    """As ECMA-262 has it: `$` is the end, not also the place before a last newline."""
    if validator.is_type(instance, "string") and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})


CHECKERS = {name: Validator(schema) for name, schema in SCHEMAS.items()}


def why(checker, value):
    """The first error in words, None where there is none."""
    error = jsonschema.exceptions.best_match(checker.iter_errors(value))
    return error and f"{error.json_path}: {error.message[:300]}"


# ---------------------------------------------------------------- subschemas
ONE = ("items", "additionalProperties", "propertyNames", "not", "contains", "if", "then", "else")
LIST = ("anyOf", "oneOf", "allOf", "prefixItems")
MAP = ("properties", "patternProperties", "$defs", "dependentSchemas")


def subschemas(schema, path=()):
    """(path, subschema) of the schema and all in it; True and False are schemas as well."""
    yield path, schema
    if not isinstance(schema, dict):
        return
    for key in ONE:
        if key in schema:
            yield from subschemas(schema[key], (*path, key))
    for key in LIST:
        for i, s in enumerate(schema.get(key, ())):
            yield from subschemas(s, (*path, key, i))
    for key in MAP:
        for k, s in schema.get(key, {}).items():
            yield from subschemas(s, (*path, key, k))


def at(schema, path):
    for step in path:
        schema = schema[step]
    return schema


def name_of(path):
    return "/".join(map(str, path)) or "the root"


def changed(schema, path, change):
    """A copy in which `change` was done to the subschema at the path."""
    new = copy.deepcopy(schema)
    change(at(new, path))
    return new


# ---------------------------------------------------------------- the corpus
KINDS = {"release": "release", "app": "app", "appup": "appup", "config": "config", "relup": "relup",
         "script": "relup", "run": "relup", "relupd": "relupd"}


class Case:
    def __init__(self, folder, name):
        self.folder, self.name = folder, name
        self.kind = name.split("-")[0]
        self.format = KINDS.get(self.kind)  # None: doc, which is the reader's alone
        self.dir = os.path.join(DATA, folder, name)
        self.path = os.path.join(self.dir, "input.json")
        if not os.path.exists(self.path):
            self.path = os.path.join(self.dir, "input.yaml")

    def node(self):
        return read(self.path)

    def views(self):
        """The document as it is typed by the schema, and as an editor has it; nothing where the reader
        refuses it already."""
        try:
            node = self.node()
        except Refused:
            return ()
        return typed(node, SCHEMAS[self.format]), usual(node)


def cases(folder):
    return [Case(folder, n) for n in sorted(os.listdir(os.path.join(DATA, folder))) if n[0] != "."]


def refusal(path, form):
    """Why the schema of the format refuses the file; None: it does not."""
    try:
        return why(CHECKERS[form], typed(read(path), SCHEMAS[form]))
    except Refused as e:
        return str(e)


# ---------------------------------------------------------------- TAP
class Tap:
    def __init__(self):
        self.n = 0
        self.failed = False

    def result(self, title, findings, looked_at=1):
        """Fails on any finding, and where nothing was looked at."""
        self.n += 1
        findings = list(findings)
        if not looked_at:
            findings.append("there was nothing to look at")
        self.failed |= bool(findings)
        print(f"{'not ok' if findings else 'ok'} {self.n} - {title}", flush=True)
        for f in findings:
            print("\n".join("#   " + line for line in str(f).splitlines()), flush=True)

    def end(self):
        print(f"1..{self.n}")
        sys.exit(1 if self.failed else 0)
