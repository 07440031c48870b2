# SPDX-License-Identifier: Apache-2.0
"""What check.py makes its cases with: applications that are written and compiled here and now, and relctl."""
import os
import shutil
import subprocess

BUILD, SOURCE = os.environ["top_builddir"], os.environ["top_srcdir"]
CC = os.environ.get("CC", "cc").split()
RELCTL = os.path.join(BUILD, "relctl")
with open(os.path.join(BUILD, "config.h"), encoding="utf-8") as config:
    SANITIZED = "#define RELUP_SANITIZED 1" in config.read()
GOOD_FLAGS = ["-std=gnu17", "-g", "-O1", "-fPIC", "-shared", "-fvisibility=hidden", "-Wl,-Bsymbolic",
              "-Wl,-z,now", "-Wl,-z,defs", "-Wl,-z,relro"]

MODULE = """
#include <stdlib.h>
#include <relworker.h>
{head}
struct {name}_state {{ {fields} }};
RELW_STATE({name}, struct {name}_state);
static int init(struct relw *rw, void **ret) {{ (void)rw; *ret = calloc(1, 64); return *ret ? 0 : -1; }}
static int code_change(struct relw *rw, const struct relw_change *c, void *old, void **ret)
{{ (void)c; (void)old; return init(rw, ret); }}
static void rebind(struct relw *rw, void *state) {{ (void)rw; (void)state; }}
static int convert(struct relw *rw, const struct relw_change *c, void *old, void **ret)
{{ return code_change(rw, c, old, ret); }}
static const struct relw_state_type types[] = {{
	{{.name = "{name}", .version = {version}, .size = sizeof(struct {name}_state){part} }}, {{.name = NULL}} }};
static const struct relw_import imports[] = {{ {imports} {{.module = NULL}} }};
static const struct {{ int (*f)(struct relw *, void **); }} interface = {{ init }};
RELW_EXPORT extern const struct relw_module relw_module;
const struct relw_module relw_module = {{
	RELW_MODULE("{name}", "{vsn}"), .imports = imports, .interface_name = "{name}/1", .interface = &interface,
	{types} {callbacks} }};
const void *unused_{name}[] __attribute__((unused, visibility("hidden"), section(".data.rel.ro"))) =
	{{ (void *)(unsigned long)code_change, (void *)(unsigned long)rebind, (void *)(unsigned long)convert,
	  types, imports }};
"""


class Lib:
    """A library folder with the versions of one or more applications."""

    compiled = {}

    def __init__(self, directory):
        self.dir = directory

    def module(self, app, name="m", fields="int a; int b;", version=1, vsn=None, callbacks=".init = init, "
               ".code_change = code_change", stateless=False, imports="", head="", part=False, flags=(),
               drop=(), cc=None):
        text = MODULE.format(name=name, fields=fields, version=version, vsn=vsn or os.path.basename(app),
                             callbacks=callbacks, imports=imports, head=head,
                             types="" if stateless else ".state_types = types,",
                             part=", .convert = convert" if part else "")
        argv = [f for f in GOOD_FLAGS if f not in drop]
        key = text + repr((argv, flags, cc))
        if key not in Lib.compiled:
            out = os.path.join(os.path.dirname(self.dir), f"so{len(Lib.compiled)}.so")
            r = subprocess.run([*(cc or CC), *argv, f"-I{SOURCE}/src/worker", "-x", "c", "-",
                                "-x", "none", *flags, "-o", out], input=text,
                               text=True, stderr=subprocess.PIPE, check=False)
            if r.returncode != 0:
                raise RuntimeError(r.stderr)
            Lib.compiled[key] = out
        os.makedirs(os.path.join(app, "modules"), exist_ok=True)
        shutil.copy(Lib.compiled[key], os.path.join(app, "modules", f"{name}.so"))

    def app(self, version, modules=("m",), appup=None, child="m", extra="", name="foo", supervisor="",
            args=""):
        path = os.path.join(self.dir, f"{name}-{version}")
        os.makedirs(path, exist_ok=True)
        with open(os.path.join(path, "app.yaml"), "w", encoding="utf-8") as f:
            f.write(f"application: {name}\nversion: {version}\nmodules: [{', '.join(modules)}]\n{extra}")
            if child:
                f.write(f"supervisor:\n{supervisor}  children:\n    - {{id: c, module: {child}{args}}}\n")
        if appup is not None:
            with open(os.path.join(path, "appup.yaml"), "w", encoding="utf-8") as f:
                f.write(appup)
        return path


def appup(up, down=None, waive=""):
    """An appup of foo 2 from 1; `up` and `down` are lists of instructions."""
    def entry(way, instructions):
        lines = "".join(f"      - {i}\n" for i in instructions)
        return (f"{way[0]}:\n  - {way[1]}: '1'\n    instructions:{'' if lines else ' []'}\n{lines}"
                + (f"    waive:\n      - {waive}\n" if waive else ""))
    text = "application: foo\nversion: '2'\n" + entry(("up", "from"), up)
    return text if down == "none" else text + entry(("down", "to"), up if down is None else down)


def restart_c(application):
    return {"restart_worker": {"application": application, "child": "c"}}


ADVANCED = "update: {module: m, change: {advanced: {}}}"
SOFT = "update: {module: m}"
LAYOUT = {"fields": "int a; int b; long c;", "version": 2}


# Lists that are not written a line an item; each misses something, both ways.
FOO = "application: foo\nversion: '2'\n"
DOWN = "down:\n  - to: '1'\n    instructions: []"
IN_BRACKETS = {
    "bare": f"{FOO}up:\n  - from: '1'\n    instructions: []\n{DOWN}",
    "bare, with more behind": f"{FOO}up:\n- instructions:   []   # nothing, yet\n  from: '1'\n{DOWN}  # nor here",
    "bare, in braces": f"{FOO}up:\n  - {{from: '1', instructions: []}}  # nothing\ndown: []\n",
    "not quite bare": f"{FOO}up:\n  - from: '1'\n    instructions: [  # none, [] is none\n      ]\n{DOWN}\n",
    "one": f"{FOO}up:\n  - from: '1'\n    instructions: [ load_module: {{module: l}} ]\n{DOWN}\n",
    "a comma at the end": f"{FOO}up:\n  - from: '1'\n    instructions: [{{load_module: {{module: l}}}} , ] # ]\n{DOWN}\n",
    "a line an item, in brackets": f"{FOO}up:\n  - from: '1'\n    instructions: [\n"
                                   f"      {{load_module: {{module: l}}}}  # ü: small, \"quick\"], [\n    ]\n{DOWN}\n",
    "a comma before the end's line": f"{FOO}up:\n  - from: '1'\n    instructions: [\n"
                                     f"      {{load_module: {{module: l}}}}, # the last\n      # or is it\n    ]\n{DOWN}\n",
    "entries too": f"{FOO}down: [{{to: '1', instructions: [{{load_module: {{module: l}}}}]}}]\n"
                   "up: [{from: '1', instructions: []}]\n",
    "entries of another version": f"{FOO}up: [{{from: {{matching: '[0],'}}, instructions: []}}, ]\ndown: [ ]\n",
    "everything": "{application: foo, version: '2', up: [{from: '0', instructions: []}], \"down\":[]}",
    "everything, a way too few": "{application: foo, version: '2', down: [\n  {to: '1', instructions: []}\n]\n}\n",
}


def relctl(*argv):
    r = subprocess.run([RELCTL, *argv], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False,
                       timeout=120)  # nothing comes near it; it is for what would never end
    return r.returncode, r.stdout, r.stderr
