# SPDX-License-Identifier: Apache-2.0
"""The schemas: their form, and what they say of every document of this tree (TAP)."""
import glob
import json
import os
import sys

import jsonschema

from reading import Refused, free, read_text, typed
from schemas import (BUILD, CHECKERS, DATA, FORMATS, SCHEMAS, SRC, Tap, Validator, cases, changed, name_of, refusal,
                     subschemas, why)

sys.path.insert(0, os.path.join(SRC, "tests", "man"))
from displays import PAGES, displays, page  # noqa: E402

ID = "urn:relup:schema:1:{}"
ANY, SETTINGS = {"$ref": "#/$defs/any"}, {"$ref": "#/$defs/settings"}
# Where a value of free form may stand; the settings of an application are a map of such values.
FREE = {"request", "expect", "extra", "advanced"}
FREE_MAPS = {"env", "args"}


# ---------------------------------------------------------------- form
def metaschema_findings(name, schema):
    if schema.get("$schema") != jsonschema.Draft202012Validator.META_SCHEMA["$id"]:
        yield "it is not of draft 2020-12"
    if schema.get("$id") != ID.format(name):
        yield f"its $id is {schema.get('$id')}"
    if "How this schema sees a file" not in schema.get("$comment", ""):
        yield "its $comment does not say how scalars are typed"
    try:
        Validator.check_schema(schema)
    except jsonschema.SchemaError as e:
        yield e.message


def described(path):
    """Definitions, properties and the schema itself are described; definitions have a title too."""
    return not path or path[-2:-1] in (("properties",), ("patternProperties",), ("$defs",))


def description_findings(schema):
    for path, s in subschemas(schema):
        if isinstance(s, dict) and described(path):
            text = s.get("description", "")
            if len(text) < 10 or text[0] == " " or text[-1] != ".":
                yield f"{name_of(path)}: no description in a sentence: {text!r}"
            if path[-2:-1] in ((), ("$defs",)) and not s.get("title"):
                yield f"{name_of(path)}: no title"


def references(s, what):
    return isinstance(s, dict) and s.get("$ref") == what["$ref"]


def free_findings(path, s):
    """Free form stands only where it is known to."""
    if s is True or isinstance(s, dict) and not set(s) - {"title", "description", "default", "examples"}:
        if path[-2:] != ("$defs", "any"):
            yield f"{name_of(path)}: anything is allowed"
    if references(s, ANY) and path[-1] not in FREE and path[-3:] != ("$defs", "settings", "additionalProperties"):
        yield f"{name_of(path)}: free form"
    if references(s, SETTINGS) and path[-1] not in FREE_MAPS and path != ("additionalProperties",):
        yield f"{name_of(path)}: settings"


def closed_findings(schema):
    """A map is closed, or its other keys are looked at; a list has a schema for its items."""
    for path, s in subschemas(schema):
        yield from free_findings(path, s)
        if not isinstance(s, dict):
            continue
        inside = "dependentSchemas" in path  # a condition on a map that is closed where it is described
        if (s.get("type") == "object" or "properties" in s) and not inside and \
                s.get("additionalProperties", True) is not False and \
                not references(s.get("additionalProperties"), ANY) and \
                not references(s.get("additionalProperties"), SETTINGS):
            yield f"{name_of(path)}: unknown keys are allowed"
        if s.get("type") == "array" and "items" not in s:
            yield f"{name_of(path)}: any item is allowed"


def example_findings(schema):
    """A default and an example are what could stand in their place."""
    for path, s in subschemas(schema):
        if not isinstance(s, dict):
            continue
        place = Validator({**s, "$defs": schema["$defs"]})
        for value in ([s["default"]] if "default" in s else []) + s.get("examples", []):
            reason = why(place, value)
            if reason:
                yield f"{name_of(path)}: {value!r}: {reason}"


def reference_findings(schema):
    used = {s["$ref"] for _, s in subschemas(schema) if isinstance(s, dict) and "$ref" in s}
    known = {f"#/$defs/{name}" for name in schema["$defs"]}
    yield from (f"{r} is not there" for r in sorted(used - known))
    yield from (f"{r} is not used" for r in sorted(known - used))


def check_form(tap):
    for name, schema in SCHEMAS.items():
        tap.result(f"{name}: a schema of draft 2020-12", metaschema_findings(name, schema))
        tap.result(f"{name}: everything is described", description_findings(schema))
        tap.result(f"{name}: nothing unknown is allowed", closed_findings(schema))
        tap.result(f"{name}: the defaults and examples are valid", example_findings(schema))
        tap.result(f"{name}: every definition is there and is used", reference_findings(schema))


def spoilt(schema):
    """(a schema that is wrong in one thing, the check that sees it)"""
    for path, s in subschemas(schema):
        if isinstance(s, dict) and described(path):
            yield changed(schema, path, lambda s: s.pop("description")), description_findings
        if isinstance(s, dict) and s.get("additionalProperties") is False:
            yield changed(schema, path, lambda s: s.pop("additionalProperties")), closed_findings
        if isinstance(s, dict) and "default" in s:
            yield changed(schema, path, lambda s: s.update(default={"x": []})), example_findings
        if references(s, {"$ref": "#/$defs/name"}):
            yield changed(schema, path, lambda s: s.pop("$ref")), closed_findings
            yield changed(schema, path, lambda s: s.update(ANY)), closed_findings
            yield changed(schema, path, lambda s: s.update({"$ref": "#/$defs/x"})), reference_findings
    yield changed(schema, (), lambda s: s["$defs"].update(x=True)), reference_findings
    yield changed(schema, (), lambda s: s.update(type="map")), lambda s: metaschema_findings("app", s)
    yield changed(schema, (), lambda s: s.update({"$id": "app"})), lambda s: metaschema_findings("app", s)


def check_form_can_fail(tap):
    all_spoilt = list(spoilt(SCHEMAS["app"]))
    missed = [i for i, (schema, check) in enumerate(all_spoilt) if not list(check(schema))]
    tap.result(f"each of {len(all_spoilt)} spoilt schemas is seen", [f"number {i} is not" for i in missed], all_spoilt)


# ---------------------------------------------------------------- the reader of these tests
def check_reader(tap):
    """It refuses what src/doc refuses, and its rule of free form is that of doc_to_json()."""
    found, n = [], 0
    for case in cases("invalid"):
        if case.kind == "doc":
            n += 1
            try:
                case.node()
                found.append(f"{case.name} is read")
            except Refused:
                pass
    tap.result(f"{n} documents are refused by the reader", found, n)
    found, n = [], 0
    for case in cases("valid"):
        if case.kind in ("doc", "release", "app", "config"):
            n += 1
            with open(os.path.join(case.dir, "expected.json"), encoding="utf-8") as f:
                want = f.read()
            # compared as text: 1 and 1.0 and true are not the same
            if json.dumps(free(case.node())) != json.dumps(json.loads(want)):
                found.append(f"{case.name}: {json.dumps(free(case.node()))}")
    tap.result(f"{n} documents are read as by C", found, n)


TYPED = (  # a document of app.yaml, and how its schema sees it
    ("version: 1.10", {"version": "1.10"}),
    ("version: 0755", {"version": "0755"}),
    ("version: null", {"version": "null"}),
    ("version:", {"version": None}),
    ("version: ''", {"version": ""}),
    ("env: {a: 1.10, b: 1.5, c: '1', d: yes, e: ~, f: 1}",
     {"env": {"a": "1.10", "b": 1.5, "c": "1", "d": "yes", "e": None, "f": 1}}),
    ("supervisor: {intensity: 5}", {"supervisor": {"intensity": 5}}),
    ("supervisor: {intensity: '5', period: 5}", {"supervisor": {"intensity": "5", "period": "5"}}),
    ("supervisor: {intensity: 05}", {"supervisor": {"intensity": "05"}}),
    ("supervisor: {intensity: 1.0}", {"supervisor": {"intensity": "1.0"}}),
    ("supervisor: {children: [{command: [5, true], count: -1}]}",
     {"supervisor": {"children": [{"command": ["5", "true"], "count": -1}]}}),
    ("supervisor: {children: [{args: {x: {y: [5]}}}]}", {"supervisor": {"children": [{"args": {"x": {"y": [5]}}}]}}),
    ("what: 5", {"what": 5}),
)


def check_typing(tap):
    found = []
    for text, want in TYPED:
        have = typed(read_text(text, "input.yaml"), SCHEMAS["app"])
        if json.dumps(have) != json.dumps(want):
            found.append(f"{text} is typed {have}")
    tap.result("a schema gives the types", found)


# ---------------------------------------------------------------- the corpus
def corpus_findings(form, folder):
    accepted = folder != "invalid"
    for case in cases(folder):
        if case.format == form:
            reason = refusal(case.path, form)
            if accepted and reason:
                yield f"{case.name}: {reason}"
            if not accepted and not reason:
                yield f"{case.name} is accepted"


def editor_findings(form):
    for case in cases("valid"):
        if case.format == form:
            reason = why(CHECKERS[form], case.views()[1])
            if reason:
                yield f"{case.name}: {reason}"


def check_corpus(tap):
    for form in FORMATS:
        for folder in ("valid", "invalid", "beyond-schema"):
            n = sum(c.format == form for c in cases(folder))
            if n or folder != "beyond-schema":
                title = {"valid": "accepted", "invalid": "refused"}.get(folder, "accepted though C refuses them")
                tap.result(f"{form}: {n} documents are {title}", corpus_findings(form, folder), n)
        tap.result(f"{form}: what is valid, is so for an editor too", editor_findings(form))
    n = sum(len(cases(f)) for f in ("valid", "invalid", "beyond-schema"))
    tap.result(f"the corpus has {n} documents", [] if n >= 120 else ["too few"])
    missing = [c.path for f in ("valid", "invalid", "beyond-schema") for c in cases(f) if not os.path.exists(c.path)]
    tap.result("every case has its document", missing, os.listdir(DATA))


# ---------------------------------------------------------------- the tree
# Of tests/relup/cases, what shall be refused.
REFUSED = {
    "45-error-restart-does-not-exist/lib/foo-2.0/appup.yaml",
    "45b-error-reboot-does-not-exist/lib/foo-2.0/appup.yaml",
    "62b-appup-of-an-unchanged-application-is-not-read/lib/bar-1.0/appup.yaml",
}
NAMES = {"app.yaml": "app", "appup.yaml": "appup", "config.yaml": "config", "relup.json": "relup",
         "release.yaml": "release", "new.yaml": "release", "old.yaml": "release", "older.yaml": "release"}


def form_of(path):
    """The format of a file by its name; a name that is not known is no file of a release."""
    return NAMES.get(os.path.basename(path))


def file_findings(paths):
    for path in paths:
        reason = refusal(path, form_of(path)) if form_of(path) else "it is of no format"
        if reason:
            yield f"{path}: {reason}"


def check_files(tap):
    for title, pattern in (("releases/hello", f"{SRC}/releases/hello/*/*.yaml"),
                           ("the built releases", f"{BUILD}/releases/tree/*/*/*.yaml"),
                           ("the built relups", f"{BUILD}/releases/tree/releases/*/relup.json")):
        paths = sorted(glob.glob(pattern))
        tap.result(f"{title}: {len(paths)} files are valid", file_findings(paths), paths)


def check_relup_cases(tap):
    top = os.path.join(SRC, "tests", "relup", "cases")
    paths = sorted(glob.glob(f"{top}/**/*.yaml", recursive=True))
    bad = {os.path.join(top, r) for r in REFUSED}
    found = list(file_findings(p for p in paths if p not in bad))
    found += [f"{p} is accepted" for p in bad if not list(file_findings([p]))]
    tap.result(f"tests/relup/cases: {len(paths)} descriptions, of which {len(bad)} are refused", found, paths)
    found, n = [], 0
    for path in sorted(glob.glob(f"{top}/*/expected.json")):
        with open(path, encoding="utf-8") as f:
            if "error" in json.load(f):
                continue
        n += 1
        reason = refusal(path, "relup")
        found += [f"{path}: {reason}"] if reason else []
    tap.result(f"tests/relup/cases: {n} relups are valid", found, n)


def check_pages(tap):
    """The examples of the manual pages; pages.py builds and runs the same."""
    found, seen = [], set()
    for p in PAGES:
        for kind, path, text in displays(SRC, p):
            name = {"appup": "appup.yaml"}.get(path, path) if kind == "check" else path
            form = form_of(name) if kind in ("example", "result", "check") else None
            if form:
                seen.add(form)
                reason = why(CHECKERS[form], typed(read_text(text, name), SCHEMAS[form]))
                found += [f"{p}: {path}: {reason}"] if reason else []
    shown = [f for f in FORMATS if f != "relupd"]  # nothing reads a relupd.yaml yet
    found += [f"there is none of {f}" for f in shown if f not in seen]
    tap.result("the examples of the manual pages are valid", found)
    named = "".join(page(SRC, p) for p in PAGES)
    tap.result("the manual pages name the schemas",
               [f for f in shown if f".It Ar datadir Ns Pa /relup/schema/{f}.schema.json" not in named])


def main():
    tap = Tap()
    check_form(tap)
    check_form_can_fail(tap)
    check_reader(tap)
    check_typing(tap)
    check_corpus(tap)
    check_files(tap)
    check_relup_cases(tap)
    check_pages(tap)
    tap.end()


if __name__ == "__main__":
    main()
