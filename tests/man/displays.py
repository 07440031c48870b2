# SPDX-License-Identifier: Apache-2.0
"""The displays of the manual pages as data: see pages.py and tutorial.py for their marks."""
import os
import re

PAGES = ("app.5", "appup.5", "relctl.1", "release.5", "relup.5", "relup.7", "relup-tutorial.7", "relupd.8",
         "relworker-rules.7", "relworker.3")


class Fail(Exception):
    pass


def need(ok, text):
    if not ok:
        raise Fail(text)


def page(src, name):
    with open(os.path.join(src, "man", name), encoding="utf-8") as f:
        return f.read()


def unescape(line):
    line = line.removeprefix("\\&")
    line = line.replace("\\(dq", '"').replace("\\-", "-").replace("\\&", "")
    need(not re.search(r"\\[^e]", line), f"an escape that is not known here: {line}")
    return line.replace("\\e", "\\")


def displays(src, name):
    """(kind, argument, text) of every marked display of a page."""
    found = []
    mark, body = None, None
    for line in page(src, name).splitlines():
        m = re.fullmatch(r'\.\\" (example|result|command|output|json|check|message|file|patch|session): (.+)', line)
        if m:
            need(mark is None, f"{name}: two marks in a row: {line}")
            mark = m.groups()
        elif line.startswith(".Bd") and mark:
            body = []
        elif line == ".Ed" and body is not None:
            found.append((*mark, "".join(b + "\n" for b in body)))
            mark = body = None
        elif body is not None:
            need(not line.startswith("."), f"{name}: a macro inside a display: {line}")
            body.append(unescape(line))
    need(mark is None, f"{name}: a mark without a display: {mark}")
    return found
