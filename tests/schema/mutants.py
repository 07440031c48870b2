# SPDX-License-Identifier: Apache-2.0
"""Each rule of a schema is there for a document of tests/data (TAP).

Rule by rule the schema is changed.  Without the rule, some document of tests/data/invalid must be
accepted, so that there is one that this rule alone refuses; with the rule tightened (a word, a key,
an alternative less; a bound by one), some document that is accepted must be refused.  A change that
no document notices is a survivor.

A definition that is the same in several schemas is changed in all of them, and a document of any of
these formats may notice.
"""
import re

from schemas import FORMATS, SCHEMAS, Tap, Validator, at, cases, changed, name_of, subschemas

# Survivors that are right, and why.
JUSTIFIED = dict.fromkeys((
    "release: $defs/health: no type", "app: $defs/child: no type", "appup: $defs/sync_nodes: no type",
), "oneOf alone refuses what is no map: both its alternatives fit that; editors want the type")

# What says nothing about which documents are accepted.
NOTES = {"$schema", "$id", "$comment", "$defs", "title", "description", "default", "examples"}
# Keywords of which a member is a rule of its own: one less accepts more, or less.
RULES = {"required", "dependentRequired", "dependentSchemas"}
CHOICES = {"enum", "anyOf", "oneOf", "type", "properties"}
LOW = {"minimum", "minLength", "minItems", "minProperties"}
HIGH = {"maximum", "maxLength", "maxItems", "maxProperties"}


def refuses_nothing(schema, s):
    """`#/$defs/any`, or a reference to it."""
    return isinstance(s, dict) and not set(s) - NOTES - {"$ref"} and \
        s.get("$ref", "#/$defs/any") == "#/$defs/any" and "any" in schema["$defs"]


def drop(key):
    return lambda s: s.pop(key)


def replace(key, value):
    return lambda s: s.update({key: value})


def drop_in(key, member):
    return lambda s: s[key].pop(member)


TOKEN = re.compile(r"\\.|\[\^?(?:\\.|[^\]\\])*\]|\(\?[:=!]|.", re.S)


def alternatives(pattern):
    """(begin, end) of every alternative of a group that has several, with the bar that goes with it."""
    open_groups = []
    for m in TOKEN.finditer(pattern):
        if m[0][0] == "(":
            open_groups.append([m.end()])
        elif m[0] == "|":
            open_groups[-1].append(m.end())
        elif m[0] == ")":
            starts = open_groups.pop()
            ends = [*(s - 1 for s in starts[1:]), m.start()]
            for i, (begin, end) in enumerate(zip(starts, ends)):
                if len(starts) > 1:
                    yield (begin, end + 1) if i == 0 else (begin - 1, end)


def pattern_changes(pattern):
    """(what, weaker, pattern)"""
    if pattern[0] == "^":
        yield "no ^", True, pattern[1:]
    if pattern[-1] == "$":
        yield "no $", True, pattern[:-1]
    for begin, end in alternatives(pattern):
        yield f"no alternative {pattern[begin:end]}", False, pattern[:begin] + pattern[end:]
    for m in re.finditer(r"\{(\d+),(\d+)\}", pattern):
        for by in (1, -1):
            new = f"{{{m[1]},{int(m[2]) + by}}}"
            yield f"{m[0]} is {new}", by > 0, pattern[:m.start()] + new + pattern[m.end():]


def number_changes(key, value):
    for by in (1, -1):
        new = value + by
        if new >= 0:
            yield f"{key} {value} is {new}", (by > 0) == (key in HIGH), replace(key, new)


def member_changes(key, value):
    for member in value if isinstance(value, dict) else range(len(value)):
        name = member if isinstance(value, dict) else value[member]
        yield f"{key} without {name}", key in RULES or value[member] is False, drop_in(key, member)


def keyword_changes(schema, s, key):
    """(what, weaker, change) for one keyword of a subschema."""
    value = s[key]
    if key not in RULES | {"properties"} and \
            not refuses_nothing(schema, {key: value} if key == "$ref" else value):
        yield f"no {key}", True, drop(key)
    if key in RULES | CHOICES and not isinstance(value, str):
        yield from member_changes(key, value)
    if key in LOW | HIGH:
        yield from number_changes(key, value)
    if key == "pattern":
        for what, weaker, new in pattern_changes(value):
            yield f"pattern with {what}", weaker, replace(key, new)


def changes(schema):
    """(path, key, what, weaker, change) for all of a schema."""
    for path, s in subschemas(schema):
        if isinstance(s, dict):
            for key in s:
                if key not in NOTES:
                    for what, weaker, change in keyword_changes(schema, s, key):
                        yield path, key, what, weaker, change


def rules_on_the_way(schema, steps):
    """(path, keyword) of what an error passed; jsonschema leaves the references out of its path."""
    path = ()
    for step in steps:
        here = at(schema, path)
        while isinstance(here, dict) and step not in here and "$ref" in here:
            yield path, "$ref"
            path = tuple(here["$ref"].removeprefix("#/").split("/"))
            here = at(schema, path)
        yield path, step
        path = (*path, step)


def broken_rules(schema, error):
    found = set(rules_on_the_way(schema, error.absolute_schema_path))
    for e in error.context:
        found |= broken_rules(schema, e)
    return found


class Documents:
    """Of one format, by view: those that the schema accepts, and those that it refuses with the
    rules that had a part in it: no other can be the one that refuses it alone."""

    def __init__(self, form):
        self.accepted, self.refused = ([], []), ([], [])
        checker = Validator(SCHEMAS[form])
        for folder in ("valid", "beyond-schema", "invalid"):
            for case in cases(folder):
                if case.format == form:
                    for i, value in enumerate(case.views()):
                        broken = [broken_rules(SCHEMAS[form], e) for e in checker.iter_errors(value)]
                        if broken:
                            self.refused[i].append((value, set.intersection(*broken)))
                        else:
                            self.accepted[i].append(value)

    def accept(self, schema, path, key):
        """A document that was refused for a rule that was there."""
        checker = Validator(schema)
        return any((path, key) in rules and checker.is_valid(value)
                   for view in self.refused for value, rules in view)

    def refuse(self, schema):
        checker = Validator(schema)
        return any(not checker.is_valid(value) for view in self.accepted for value in view)


DOCUMENTS = {form: Documents(form) for form in FORMATS}


def same_in(form, path):
    """The formats of which the definition is that of `form` too."""
    if path[:1] != ("$defs",):
        return [form]
    here = SCHEMAS[form]["$defs"][path[1]]
    return [f for f in FORMATS if SCHEMAS[f]["$defs"].get(path[1]) == here]


def noticed(form, path, key, weaker, change):
    schema = changed(SCHEMAS[form], path, change)
    return DOCUMENTS[form].accept(schema, path, key) if weaker else DOCUMENTS[form].refuse(schema)


def survivors(form):
    """How many changes were made, and those that nobody noticed."""
    n, found = 0, []
    for path, key, what, weaker, change in changes(SCHEMAS[form]):
        forms = same_in(form, path)
        if forms[0] != form:
            continue
        n += 1
        if not any(noticed(f, path, key, weaker, change) for f in forms):
            found.append(f"{name_of(path)}: {what}")
    return n, found


def check_can_fail(tap):
    """A rule that no document needs is a survivor."""
    SCHEMAS["config"] = {**SCHEMAS["config"], "maxProperties": 1000}
    found = survivors("config")[1]
    tap.result("a rule without a document is found", [] if "the root: no maxProperties" in found else found or ["no"])


def main():
    tap = Tap()
    for form in FORMATS:
        n, found = survivors(form)
        right = [f for f in found if f"{form}: {f}" in JUSTIFIED]
        bad = [f"survives: {f}" for f in found if f not in right]
        bad += [f"does not survive: {j}" for j in JUSTIFIED
                if j.startswith(f"{form}: ") and j.removeprefix(f"{form}: ") not in found]
        tap.result(f"{form}: {n} changes, {n - len(found)} noticed, {len(right)} justified", bad, n)
    check_can_fail(tap)
    tap.end()


if __name__ == "__main__":
    main()
