# SPDX-License-Identifier: Apache-2.0
"""Documents as src/doc reads them, and the three ways in which a schema may see one.

A scalar keeps its text and whether it was plain.  Then
typed(node, schema)  is what the schemas are written for (tests/data/README): the schema gives types;
free(node)           is the rule of values of free form, as doc_to_json() in src/doc;
usual(node)          is what an editor makes of YAML (the core schema of YAML 1.2), which asks no schema.
"""
import json
import re

import yaml

DEPTH = 32


class Refused(Exception):
    """The reader takes no such document."""


class Scalar:
    def __init__(self, text, plain):
        self.text, self.plain = text, plain

    def __eq__(self, other):
        return isinstance(other, Scalar) and (self.text, self.plain) == (other.text, other.plain)


# ---------------------------------------------------------------- reading
def pairs_to_map(pairs):
    made = dict(pairs)
    if len(made) != len(pairs):
        raise Refused("a key stands twice")
    return made


class Builder:
    """Events to a tree, with what formats.md refuses."""

    def __init__(self, events):
        self.events = events
        self.documents = 0

    def document(self):
        root = None
        for e in self.events:
            if isinstance(e, yaml.DocumentStartEvent):
                self.documents += 1
                if self.documents > 1 or e.tags:
                    raise Refused("several documents, or a tag")
                root = self.node(next(self.events), 0)
        if root is None:
            raise Refused("an empty document")
        return root

    def node(self, e, depth):
        if isinstance(e, yaml.AliasEvent) or e.anchor is not None or e.tag is not None:
            raise Refused("an alias, an anchor or a tag")
        if isinstance(e, yaml.ScalarEvent):
            e.value.encode()  # half of a surrogate pair is none
            return Scalar(e.value, e.style is None)
        if depth == DEPTH:
            raise Refused("nested too deep")
        if isinstance(e, yaml.SequenceStartEvent):
            return list(self.until(yaml.SequenceEndEvent, depth + 1))
        pairs = list(self.until(yaml.MappingEndEvent, depth + 1))
        if not all(isinstance(k, Scalar) for k in pairs[::2]):
            raise Refused("a key that is no scalar")
        return pairs_to_map([(k.text, v) for k, v in zip(pairs[::2], pairs[1::2])])

    def until(self, end, depth):
        for e in self.events:
            if isinstance(e, end):
                return
            yield self.node(e, depth)


def read_yaml(text):
    try:
        return Builder(yaml.parse(text, Loader=yaml.SafeLoader)).document()
    except (yaml.YAMLError, ValueError) as e:
        raise Refused(str(e)) from e


def from_json(v, depth=0):
    if isinstance(v, (dict, list)) and depth == DEPTH:
        raise Refused("nested too deep")
    if isinstance(v, str):
        v.encode()  # half of a surrogate pair is none
        if "\0" in v:
            raise Refused("a NUL")
        return Scalar(v, False)
    if isinstance(v, dict):
        return {k: from_json(x, depth + 1) for k, x in v.items()}
    if isinstance(v, list):
        return [from_json(x, depth + 1) for x in v]
    if v is None or isinstance(v, bool):
        return Scalar(json.dumps(v), True)
    return v


def read_json(text):
    def number(word):
        return Scalar(word, True)

    def refuse(word):
        raise Refused(word)

    try:
        return from_json(json.loads(text, parse_int=number, parse_float=number,
                                    parse_constant=refuse, object_pairs_hook=pairs_to_map))
    except ValueError as e:
        raise Refused(str(e)) from e


def read_text(text, name):
    text = text.removeprefix("\ufeff")
    if name.endswith(".json"):
        return read_json(text)
    if text.lstrip(" \t\r\n")[:1] in ("{", "["):
        try:
            return read_json(text)  # a text that is JSON is read as JSON
        except Refused:
            pass
    return read_yaml(text)


def read(path):
    with open(path, "rb") as f:
        data = f.read()
    try:
        return read_text(data.decode(), path)
    except UnicodeDecodeError as e:
        raise Refused("bad UTF-8") from e


# ---------------------------------------------------------------- a schema gives the types
def at_one_place(schemas, root):
    """The schemas with what they refer to, and their alternatives, each once."""
    found, seen = [], set()
    todo = [s for s in schemas if isinstance(s, dict)]
    while todo:
        s = todo.pop()
        if id(s) in seen:
            continue
        seen.add(id(s))
        found.append(s)
        if "$ref" in s:
            todo.append(root["$defs"][s["$ref"].removeprefix("#/$defs/")])
        for key in ("anyOf", "oneOf", "allOf"):
            todo += [a for a in s.get(key, ()) if isinstance(a, dict)]
    return found


def types_of(schemas):
    """The types that are said; none: free form."""
    found = set()
    for s in schemas:
        said = s.get("type", [])
        found |= {said} if isinstance(said, str) else set(said)
        if "enum" in s or "const" in s:
            found.add("string")
    return found


def typed_scalar(node, types):
    if not types:
        return free(node)
    if not node.plain:
        return node.text
    if node.text == "":
        return None
    if "integer" in types and re.fullmatch(r"0|-?[1-9][0-9]*", node.text):
        return int(node.text)
    return node.text


def item_schemas(here, i):
    for s in here:
        first = s.get("prefixItems", ())
        yield first[i] if i < len(first) else s.get("items")


def value_schemas(here, key):
    for s in here:
        yield s.get("properties", {}).get(key, s.get("additionalProperties"))


def typed_at(node, schemas, root):
    here = at_one_place(schemas, root)
    if isinstance(node, Scalar):
        return typed_scalar(node, types_of(here))
    if isinstance(node, list):
        return [typed_at(v, item_schemas(here, i), root) for i, v in enumerate(node)]
    return {k: typed_at(v, value_schemas(here, k), root) for k, v in node.items()}


def typed(node, schema):
    return typed_at(node, [schema], schema)


# ---------------------------------------------------------------- without a schema
def walk(node, scalar):
    if isinstance(node, Scalar):
        return scalar(node)
    if isinstance(node, list):
        return [walk(v, scalar) for v in node]
    return {k: walk(v, scalar) for k, v in node.items()}


NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}


def number(text):
    """The number, or the text where reading it as one would lose something."""
    if not re.search("[.eE]", text):
        return int(text) if -2**63 <= int(text) < 2**63 else text
    value = float(text)
    if value in (float("inf"), -float("inf")):
        return text
    return text if "." in text and repr(value) != text else value


def free_scalar(s):
    if not s.plain:
        return s.text
    if s.text in WORDS:
        return WORDS[s.text]
    return number(s.text) if NUMBER.fullmatch(s.text) else s.text


def free(node):
    return walk(node, free_scalar)


def usual_scalar(s):
    if not s.plain:
        return s.text
    if s.text in ("", "~", "null", "Null", "NULL"):
        return None
    if re.fullmatch("true|True|TRUE|false|False|FALSE", s.text):
        return s.text.lower() == "true"
    if re.fullmatch("[-+]?[0-9]+", s.text):
        return int(s.text)
    if re.fullmatch("0o[0-7]+|0x[0-9a-fA-F]+", s.text):
        return int(s.text, 0)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", s.text):
        return float(s.text)
    return s.text


def usual(node):
    return walk(node, usual_scalar)
