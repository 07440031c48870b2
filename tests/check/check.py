#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""relctl check, diff, graph and appup make on applications that this test writes and compiles.

Each case says which findings must come, all of them and no other, so that each rule has a case in which
it alone decides.  TAP on stdout.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

from kit import (ADVANCED, BUILD, CC, FOO, IN_BRACKETS, LAYOUT, SANITIZED, SOFT, SOURCE, Lib, appup, relctl)
from relups import Relups
from states import States


class Tests(States, Relups):
    def __init__(self):
        self.count = self.failed = 0
        self.dir = tempfile.mkdtemp(prefix="relup-check.")

    def lib(self):
        path = os.path.join(self.dir, f"t{self.count}", "lib")
        os.makedirs(path)
        return Lib(path)

    def verdict(self, title, ok, why=""):
        self.count += 1
        self.failed += not ok
        print(f"{'ok' if ok else 'not ok'} {self.count} - {title}", flush=True)
        for line in (why.splitlines() if not ok else []):
            print(f"# {line}")

    def found(self, title, path, errors=(), warnings=(), says=(), built=False):
        """Exactly these findings; each text of `says` stands in some message.  `built`: modules of the
        build itself, in which a sanitizer has constructors and variables of its own."""
        status, out, err = relctl("-o", "json", "check", path, "--detailed-exitcode")
        try:
            d = json.loads(out)
            if built and SANITIZED:
                d["findings"] = [f for f in d["findings"] if not f["code"].startswith("elf_")]
                status = 1 if any(f["severity"] == "error" for f in d["findings"]) else 2 if d["findings"] else 0
            got = sorted((f["severity"], f["code"]) for f in d["findings"])
            messages = " ".join(f["message"] for f in d["findings"])
            placed = all(f.get("file") and f.get("hint") for f in d["findings"])
        except (ValueError, KeyError) as e:
            self.verdict(title, False, f"{e!r}\n{out}{err}")
            return
        want = sorted([("error", c) for c in errors] + [("warning", c) for c in warnings])
        code = 1 if errors else 2 if warnings else 0
        ok = got == want and status == code and placed and all(s in messages for s in says)
        self.verdict(title, ok, f"want {want} {code} {says}\ngot  {got} {status}\n{out}")

    # -------------------------------------------------------------- two versions
    def pair(self, title, script, new=None, old=None, errors=(), warnings=(), says=(), down=None, waive="",
             app_old=None, app_new=None):
        lib = self.lib()
        for version, module, app in (("1", old or {}, app_old or {}), ("2", new or {}, app_new or {})):
            a = lib.app(version, appup=appup(script, down, waive) if version == "2" else None, **app)
            lib.module(a, **{"vsn": version, **module})
        self.found(title, a, errors, warnings, says)

    def coverage(self):
        self.pair("a changed module that no instruction names", [], errors=["module_not_covered"] * 2)
        self.pair("covered on the way up alone", [SOFT], down=[], errors=["module_not_covered"])
        self.pair("waived with a reason", [], waive="{module: m, reason: only a comment changed}")
        self.pair("a waiver of what an instruction does", [SOFT], waive="{module: m, reason: none}",
                  warnings=["waiver_unused"] * 2, says=["waives module m, which this entry takes care of"])
        self.pair("a waiver of nothing", [SOFT], waive="{module: other, reason: none}",
                  warnings=["waiver_unused"] * 2)
        self.pair("a way up and none back", [SOFT], down="none", errors=["no_relup"])
        self.pair("its workers are restarted", ["restart_worker: {application: foo, child: c}"])
        self.pair("the application is restarted", ["restart_application: {application: foo}"])
        self.pair("an instruction for the same file", ["load_module: {module: m}"], {"vsn": "1"},
                  warnings=["instruction_without_change"] * 2)
        for line in (SOFT, ADVANCED):
            self.pair(f"the same file, and {line}", [line], {"vsn": "1"}, warnings=["instruction_without_change"] * 2,
                      says=["module m is the same file in 1 and 2"])
        child = {"args": ", args: {x: 2}"}
        self.pair("a child's args", [SOFT], app_new=child, errors=["child_not_covered"] * 2, says=["args"])
        self.pair("a child's args, and no new process", [SOFT, "update_supervisor: {application: foo}"],
                  app_new=child, errors=["child_not_covered"] * 2, says=["restart_worker"])
        self.pair("a child's args, handled", [SOFT, "update_supervisor: {application: foo}",
                  "restart_worker: {application: foo, child: c}"], app_new=child)
        self.pair("a supervisor's flag", [SOFT], app_new={"supervisor": "  intensity: 7\n"},
                  errors=["supervisor_not_covered"] * 2, says=["intensity"])
        self.pair("a supervisor's flag, handled", [SOFT, "update_supervisor: {application: foo}"],
                  app_new={"supervisor": "  intensity: 7\n"})
        self.pair("a dependency", [SOFT], app_new={"extra": "depends: [bar]\n"},
                  errors=["dependency_not_covered"] * 2, says=["bar"])
        self.pair("a dependency, waived", [SOFT], app_new={"extra": "depends: [bar]\n"},
                  waive="{depends: bar, reason: it only orders the start}")
        self.pair("a brutal purge", ["update: {module: m, pre_purge: brutal}"], warnings=["brutal_purge"] * 2,
                  says=["ends who stays in the old code"])
        self.pair("an apply without undo", [SOFT, "apply: {command: [bin/x]}"], warnings=["apply_without_undo"] * 2)

    def functions(self):
        def table(*names, kind="event", more=""):
            return {"head": "static void ev(struct relw *rw, void *s, const struct relw_event *e)\n"
                            "{ (void)rw; (void)s; (void)e; }\nstatic const struct relw_function functions[] = {"
                            + "".join(f'{{.name = "{n}", .{kind} = (void *)ev}}, ' for n in names) + "{.name = NULL}};",
                    "callbacks": f".init = init, .functions = functions{more}"}
        self.pair("the same functions", [SOFT], table("a", "b"), table("b", "a"))
        for title, new, old, count, says in (
                ("two go", table("a"), table("a", "b", "c"), 1, "up from 1 leads to a version of module m without the "
                                                                "function b, c"),
                ("one comes: there is no way back", table("a", "b"), table("a"), 1, "down to 1 leads to"),
                ("one has another name", table("b"), table("a"), 2, "function b"),
                ("handle_event goes", table(), table(more=", .handle_event = ev"), 1, "function handle_event"),
                ("a task function goes", table(), table("a", kind="task"), 1, "function a"),
                ("a task function becomes one of events", table("a"), table("a", kind="task"), 2, "function a")):
            self.pair(f"functions: {title}", [SOFT], new, old, warnings=["function_gone"] * count, says=[says] if says else [])
        self.verdict("functions: the hint for the way back", "see relup(7), LIMITS" in
                     relctl("check", os.path.join(self.dir, f"t{self.count - 4}", "lib", "foo-2"))[1])
        self.pair("functions: the workers are started anew", ["restart_worker: {application: foo, child: c}"], table("b"),
                  table("a"))

    def comes_and_goes(self):
        lib = self.lib()
        old = lib.app("1", modules=("m", "gone"))
        new = lib.app("2", modules=("m", "fresh"), appup=appup(
            ["delete_module: {module: gone}"], ["add_module: {module: gone}", "delete_module: {module: fresh}"]))
        for a, other in ((old, "gone"), (new, "fresh")):
            lib.module(a, vsn="1")
            lib.module(a, name=other, vsn="1", stateless=True, callbacks="")
        self.found("a new module that nothing loads", new, ["module_not_covered"], says=["fresh comes"])

    # -------------------------------------------------------------- one version
    def one(self, title, errors=(), warnings=(), says=(), **module):
        lib = self.lib()
        a = lib.app("1")
        lib.module(a, **module)
        self.found(title, a, errors, warnings, says)

    def modules(self):
        self.one("a good module")
        self.one("a function in the state", ["state_points_into_code"], fields="int a; void (*f)(void);", says=["f "])
        self.one("a text in the state", [], ["state_points_into_code"], fields="const char *t;")
        self.one("a function in the state, with rebind", fields="void (*f)(void);",
                 callbacks=".init = init, .code_change = code_change, .rebind = rebind")
        self.one("nodelete", ["elf_nodelete"], flags=["-Wl,-z,nodelete"])
        self.one("a constructor", ["elf_constructor"], says=["boot"],
                 head='__attribute__((constructor)) static void boot(void) { __asm__ volatile(""); }')
        self.one("a destructor", [], ["elf_destructor"], says=["leave"],
                 head='__attribute__((destructor)) static void leave(void) { __asm__ volatile(""); }')
        self.one("a destructor, stripped", [], ["elf_destructor", "no_debug_info"], says=["1"], flags=["-s"],
                 head='__attribute__((destructor)) static void leave(void) { __asm__ volatile(""); }')
        self.one("an export", ["elf_export"], says=["shown"],
                 head='__attribute__((visibility("default"))) int shown(void); int shown(void) { return 1; }')
        self.one("lazy binding", [], ["elf_lazy_binding"], drop=["-Wl,-z,now"], flags=["-Wl,-z,lazy"])
        self.one("a symbol that nobody has", ["elf_undefined_symbol"], says=["nowhere"], drop=["-Wl,-z,defs"],
                 head="extern int nowhere(void); int use(void); int use(void) { return nowhere(); }")
        self.one("a search path", ["elf_runpath"], flags=["-Wl,-rpath,/opt/x"])
        self.one("a variable", [], ["elf_writable_static"], says=["counter"],
                 head="static int counter = 1; int *use(void); int *use(void) { return &counter; }")
        self.one("static thread-local storage", ["elf_static_tls"], ["elf_writable_static"],
                 flags=["-ftls-model=initial-exec"],
                 head="static __thread int t; int use(void); int use(void) { return ++t; }")
        self.one("a symbol that is one for all", ["elf_unique_symbol", "elf_export"], ["elf_writable_static"],
                 head='__asm__(".globl one\\n.type one, @gnu_unique_object\\n.size one, 4\\n.data\\none: .long 1\\n.text");')
        self.one("an executable stack", ["elf_executable_stack"], flags=["-Wl,-z,execstack"])
        self.one("a relocation in the code", ["elf_text_relocation"], flags=["-Wl,-z,notext"],
                 head='__asm__(".pushsection .text\\n.quad here\\nhere:\\n.popsection");')
        self.one("another name", ["bad_module"], head="#undef RELW_MODULE\n#define RELW_MODULE(n, v) .abi = RELW_ABI, "
                 ".size = sizeof(struct relw_module), .name = \"x\", .vsn = (v)")
        self.one("another ABI", ["bad_abi"], head="#undef RELW_MODULE\n#define RELW_MODULE(n, v) .abi = 77, "
                 ".size = sizeof(struct relw_module), .name = (n), .vsn = (v)")
        self.tables()
        self.one("no init in a child's module", ["bad_module"], callbacks=".code_change = code_change")

    def tables(self):
        """What a worker refuses to open."""
        head = "static void ev(struct relw *rw, void *s, const struct relw_event *e) { (void)rw; (void)s; (void)e; }\n"

        def functions(*entries):
            return head + "static const struct relw_function functions[] = {" + "".join(
                f"{{{e}}}, " for e in entries) + "{.name = NULL}};"
        init, more = ".init = init", ".init = init, .functions = functions"
        event, task = ".event = (void *)ev", ".task = (void *)ev"
        self.one("functions", head=functions(f'.name = "a", {event}', f'.name = "b", {task}'), callbacks=more)
        for title, entries, says in (
                ("neither event nor task", ('.name = "a"',), "function 'a' of its table has neither"),
                ("both event and task", (f'.name = "a", {event}, {task}',), "function 'a' of its table has both"),
                ("a function twice", (f'.name = "a", {event}',) * 3, "has the function 'a' twice")):
            self.one(title, ["bad_module"], says=[says], head=functions(*entries), callbacks=more)
        for title, what, says in (
                ("a flag that nobody knows", ".flags = 4", "the flags 0x4"),
                ("a reserved word", ".reserved = 1", "`reserved` 0x1"),
                ("an interface without a name", ".interface_name = NULL", "without an interface_name"),
                ("a name without an interface", ".interface = NULL", "without an interface:")):
            self.one(title, ["bad_module"], says=[says], callbacks=f"{init}, {what}")
        self.one("pinned", callbacks=f"{init}, .flags = RELW_PINNED")
        self.one("a state type twice", ["bad_module"], says=["the state type 'm' twice"], callbacks=".init = init, "
                 ".state_types = twice", stateless=True,
                 head='static const struct relw_state_type twice[] = {{.name = "m", .version = 1}, '
                      '{.name = "m", .version = 1}, {.name = NULL}};')
        for size, warnings in (("77", ["bad_module"]), ("0", [])):
            self.one(f"a state type of size {size}", [], warnings, callbacks=".init = init, .state_types = sized",
                     stateless=True, says=["gives its size as 77"] if warnings else [],
                     head='static const struct relw_state_type sized[] = {{.name = "m", .version = 1, .size = '
                          f'{size}}}, {{.name = NULL}}}};')
        for vsn, errors, says in (("x" * 64, [], ""), ("x" * 65, ["bad_module"], "more than 64"),
                                  ("a\\\\b", [], ""), ("\\xff", ["bad_module"], "not UTF-8")):
            self.one(f"the vsn {vsn}", errors, says=[says] if says else [], vsn=vsn)

    def stripped(self):
        """What crt brings is no constructor and a constructor is one, with and without a symbol table."""
        boot = 'static void boot(void) { __asm__ volatile(""); }'
        heads = {
            "nothing": ("", []),
            "a constructor": ("__attribute__((constructor)) " + boot, []),
            "an early constructor": ("__attribute__((constructor(101))) " + boot, []),
            "a constructor that is one jump": ("extern void abort(void); __attribute__((constructor)) static void "
                                               "boot(void) { abort(); }", ["-O2"]),
            "DT_INIT": ("void boot(void); " + boot.replace("static ", ""), ["-Wl,-init=boot"]),
        }
        compilers = [CC] + [[c] for c in ("gcc", "clang") if shutil.which(c) and c not in CC]
        if shutil.which("clang") and shutil.which("ld.lld"):
            compilers.append(["clang", "-fuse-ld=lld"])
        for cc in compilers:
            for title, (head, flags) in heads.items():
                for strip in ([], ["-s"]):
                    self.one(f"{' '.join([*cc, *strip])}: {title}", ["elf_constructor"] if head else [],
                             warnings=["no_debug_info"] if strip else [], says=["boot" if not strip else "one without a name"] if head else [],
                             head=head, flags=[*flags, *strip], cc=cc)
            lib = self.lib()
            a = lib.app("1")
            lib.module(a, flags=["-s"], cc=cc)
            with open(os.path.join(a, "modules", "m.so"), "r+b") as f:
                for at, n in ((40, 8), (58, 6)):  # e_shoff; e_shentsize, e_shnum, e_shstrndx
                    f.seek(at)
                    f.write(bytes(n))
            if os.uname().machine == "x86_64":  # elsewhere crt's code is not known
                self.found(f"{' '.join(cc)}: nothing, without sections", a, [], ["no_debug_info"])

    def libraries(self):
        lib = self.lib()
        private = os.path.join(self.dir, "libprivate.so")
        subprocess.run([*CC, "-shared", "-fPIC", "-Wl,-soname,libprivate.so", "-x", "c", "-", "-o", private],
                       input="int answer(void) { return 42; }\n", text=True, check=True)
        a = lib.app("1")
        lib.module(a, head="extern int answer(void); int use(void); int use(void) { return answer(); }",
                   flags=[private])
        self.found("a private library", a, ["elf_private_library", "elf_undefined_symbol"], says=["libprivate.so"])

    def files(self):
        lib = self.lib()
        a = lib.app("1")
        lib.module(a)
        so = os.path.join(a, "modules", "m.so")
        self.found("a module file by itself", so)
        os.truncate(so, os.path.getsize(so) // 2)
        self.found("a module that is cut off", a, ["bad_object"])
        os.unlink(so)
        self.found("a module that is missing", a, ["not_found"])
        os.mkdir(so)
        self.found("a directory in its place", a, ["not_a_file"])
        lib = self.lib()
        a = lib.app("1")
        lib.module(a)
        moved = os.path.join(lib.dir, "foo-9")
        os.rename(a, moved)
        self.found("a folder of another version", moved, ["bad_value"], says=["foo-9"])
        self.pair("an appup of another version", [SOFT], app_new={"extra": ""})
        lib = self.lib()
        lib.module(lib.app("1"))
        b = lib.app("2", appup=appup([SOFT]).replace("version: '2'", "version: '3'"))
        lib.module(b)
        self.found("an appup of another version", b, ["bad_vsn"])
        status, out, err = relctl("check", os.path.join(self.dir, "nowhere"))
        self.verdict("a path that is not there", status == 1 and "not_found" in out, out + err)

    # -------------------------------------------------------------- the samples
    def samples(self):
        tree = os.path.join(BUILD, "releases", "tree")
        for vsn, old in (("0.1.1", "0.1.0"), ("0.1.2", "0.1.1")):
            self.found(f"sample {vsn}", f"{tree}/lib/hello-{vsn}", built=True)
            lib = self.lib()
            for v in (vsn, old):
                shutil.copytree(f"{tree}/lib/hello-{v}", f"{lib.dir}/hello-{v}")
            path = f"{lib.dir}/hello-{vsn}/appup.yaml"
            with open(path, encoding="utf-8") as f:
                sample = f.read()
            lines = [n for n, line in enumerate(sample.splitlines()) if line.lstrip().startswith("- ")
                     and "{" in line]
            for n in lines:
                text = sample.splitlines()
                gone = text.pop(n)
                if sample.splitlines()[n - 1].endswith("instructions:") and (
                        n >= len(text) or not text[n].startswith("      - ")):
                    text[n - 1] += " []"
                with open(path, "w", encoding="utf-8") as f:
                    f.write("\n".join(text) + "\n")
                status, out, err = relctl("check", os.path.dirname(path))
                self.verdict(f"sample {vsn} without {gone.strip()} of line {n + 1}", status == 1, out + err)
            with open(path, "w", encoding="utf-8") as f:
                f.write(sample.replace(", change: {advanced: {}}", ""))
            if "advanced" in sample:
                self.found(f"sample {vsn} without its code_change", os.path.dirname(path),
                           ["state_layout_changed"] * 2, says=["answered: new"], built=True)
            os.unlink(path)
            status, out, err = relctl("appup", "make", f"{lib.dir}/hello-{old}", f"{lib.dir}/hello-{vsn}")
            bare = [[x for x in t.splitlines() if x.strip() and not x.lstrip().startswith("#")]
                    for t in (out, sample)]
            self.verdict(f"sample {vsn} is what is drafted", status == 0 and bare[0] == bare[1], out + err)
        root = os.path.join(self.dir, "root")
        shutil.copytree(tree, root)
        # 0.1.1-brutal is there to show just that, in its appup and in its relup; the latter is not reached where
        # a sanitizer has put errors into the modules.
        self.found("all samples as a root", root, [], ["brutal_purge"] * (4 if SANITIZED else 8), built=True)

    # -------------------------------------------------------------- drafts
    def drafts(self):
        lib = self.lib()
        old = lib.app("1", modules=("m", "l", "gone"))
        new = lib.app("2", modules=("m", "l", "fresh"), args=", args: {x: 2}")
        uses_l = '{.module = "l", .interface = "l/1"},'
        for a, m, extra in ((old, {}, "gone"), (new, LAYOUT, "fresh")):
            v = os.path.basename(a)[-1]
            lib.module(a, vsn=v, imports=uses_l, **m)
            lib.module(a, name="l", vsn=v, stateless=True, callbacks="")
            lib.module(a, name=extra, vsn="1", stateless=True, callbacks="")
        path = os.path.join(new, "appup.yaml")
        status, out, err = relctl("appup", "make", old, new, "--out", path)
        self.verdict("a draft into a file", status == 0 and os.path.exists(path) and out == "", out + err)
        with open(path, encoding="utf-8") as f:
            draft = f.read()
        self.found("check finds nothing in a draft", new)
        for line in ("- update: {module: m, change: {advanced: {}}, depends: [l]}", "- load_module: {module: l}",
                     "- add_module: {module: fresh}", "- delete_module: {module: gone}",
                     "- update_supervisor: {application: foo}", "- restart_worker: {application: foo, child: c}",
                     "c: new, 8 bytes at 8"):
            self.verdict(f"the draft has {line}", line in draft, draft)
        status, out, err = relctl("appup", "make", old, new)
        self.verdict("a complete one stays as it is", status == 0 and out == draft, out + err)
        partial = draft.replace("      - load_module: {module: l}\n", "", 1).replace("# Drafted", "# mine\n# Drafted")
        with open(path, "w", encoding="utf-8") as f:
            f.write(partial)
        status, out, err = relctl("appup", "make", old, new)
        kept = [x for x in partial.splitlines() if x not in out.splitlines()]
        self.verdict("what is missing is added, a person's lines stay", status == 0 and kept == [] and
                     out.count("load_module: {module: l}") == 2 and "# mine" in out, out + err)
        waive = "    waive: [{module: l, reason: r}, {child: c, reason: r}]\n"
        waived = FOO + "".join(f"{way}:\n  - {key}: '1'\n    instructions: []\n{waive}"
                               for way, key in (("up", "from"), ("down", "to")))
        with open(path, "w", encoding="utf-8") as f:
            f.write(waived)
        status, out, err = relctl("appup", "make", old, new)
        self.verdict("what is waived is not drafted", status == 0 and out.count("- update: {module: m") == 2 and
                     all(x not in out for x in ("module: l}}", "- load_module", "restart_worker", "update_supervisor")),
                     out + err)
        open(path, "w", encoding="utf-8").close()
        status, out, err = relctl("appup", "make", old, new)
        self.verdict("an empty file is a new draft", status == 0 and out == draft, out + err)
        with open(path, "w", encoding="utf-8") as f:
            f.write(FOO + "up:\n  - from: '1'\n    instructions:\n      -\n        load_module: {module: l}\n")
        status, out, err = relctl("appup", "make", old, new)
        self.verdict("a list that cannot be completed is named", status == 1 and "appup.yaml:7:" in err, out + err)
        for title, text in IN_BRACKETS.items():
            self.in_brackets(title, old, new, text)
        os.unlink(path)
        lib.module(new, vsn="2", imports=uses_l, **{**LAYOUT, "callbacks": ".init = init"})
        status, out, err = relctl("appup", "make", old, new)
        self.verdict("what cannot be decided is a question", status == 0 and "QUESTION" in out and
                     "\n      - update: {module: m" not in out, out + err)
        status, out, err = relctl("appup", "make", old, old)
        self.verdict("one version against itself", status == 64, out + err)

    def in_brackets(self, title, old, new, text):
        """What is missing is there, and of what a person wrote nothing is gone, save a bare `[]`."""
        path = os.path.join(new, "appup.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        status, out, err = relctl("appup", "make", old, new)
        rest = iter(out)
        kept = [c for c in re.sub(r" *\[ *\]", "", text) if c not in rest]  # each is sought behind the one before
        with open(path, "w", encoding="utf-8") as f:
            f.write(out)
        self.verdict(f"{title}: a person's text stays", status == 0 and not kept and
                     out.count("load_module: {module: l}") == 2 and "# " in out, f"{text}\n{out}{err}")
        self.found(f"{title}: nothing is missing any more", new)
        self.verdict(f"{title}: a complete one stays as it is", relctl("appup", "make", old, new)[1] == out, out)

    # -------------------------------------------------------------- modules that change together
    def calling(self, script, down=None, word=("1", "2"), wants=None, name="foo", lib=None, version="2",
                old_app=None, new_app=None):
        """Versions 1 and 2 of an application: room calls words, which offers words/`word` in each."""
        lib = lib or self.lib()
        for at, v in enumerate("12"):
            a = lib.app(v, name=name, modules=("room", "words"), child="room",
                        appup=appup(script, down) if v == "2" else None, **((old_app, new_app)[at] or {}))
            want = (wants or word)[at]
            lib.module(a, name="room", vsn=v, imports=f'{{.module = "words", .interface = "words/{want}"}},')
            lib.module(a, name="words", vsn=v, stateless=True, callbacks=f'.interface_name = "words/{word[at]}"')
        return a

    def together(self):
        tied = ["update: {module: room, depends: [words]}", "load_module: {module: words}"]
        apart = ["update: {module: room}", "load_module: {module: words}"]
        self.found("an interface that changes, in one bracket", self.calling(tied))
        self.found("an interface that changes, in two brackets", self.calling(apart), ["depends_missing"] * 2,
                   says=["after this step module room of foo 2 imports words/2", "offers words/1"])
        loads = ["load_module: {module: room, depends: [words]}", "load_module: {module: words}"]
        self.found("one interface, loads in an order that is written", self.calling(loads, word="11"))
        self.found("the callee's bracket first", self.calling(apart[::-1], tied), ["depends_missing"],
                   says=["after this step module room of foo 1 imports words/1", "offers words/2"])
        self.found("the same on the way down", self.calling(tied, apart), ["depends_missing"],
                   says=["after this step module room of foo 1 imports words/1"])
        self.found("the application is restarted meanwhile",
                   self.calling(["restart_application: {application: foo}"]))
        self.found("new workers of the importer", self.calling(
            ["restart_worker: {application: foo, child: c}", "load_module: {module: words}"]))
        app = self.calling(apart, word="11")
        self.found("one interface, in two brackets", app, [], ["depends_missing"] * 2,
                   says=["module room calls module words, both change"])
        status, out, err = relctl("appup", "make", app[:-1] + "1", app)
        self.verdict("appup make asks for the depends", status == 0 and out.count("QUESTION: room calls words") == 2 and
                     out.count("`depends: [words]`") == 2 and out.count("- update") == 2, out + err)
        self.found("one interface, in one bracket", self.calling(tied, word="11"))
        top = self.root(self.FOO, [])
        self.calling(tied, lib=Lib(os.path.join(top, "lib")))
        for v in "12":
            os.unlink(os.path.join(top, "lib", f"foo-{v}", "modules", "m_foo.so"))
        release = os.path.join(top, "releases", "2")
        path = os.path.join(release, "relup.json")

        def relup(title, script, errors=()):
            with open(path, "w", encoding="utf-8") as f:
                json.dump({"release": "rel", "version": "2", "up": [{"from": "1", "instructions": script}],
                           "down": []}, f)
            for what, where in (("relup", path), ("release", release), ("root", top)):
                self.found(f"{what}: {title}", where, errors)
        start = [self.code("2", ["room", "words"]), "point_of_no_return"]
        loads = [self.module_op("load", m) for m in ("words", "room")]
        suspend, resume = {"suspend": [{"module": "room"}]}, {"resume": ["room"]}
        relup("an interface changes in one bracket", [*start, suspend, *loads, resume])
        relup("an interface changes between two brackets", [*start, loads[0], suspend, loads[1], resume],
              ["depends_missing"])

    def incomparable(self):
        bare = {"drop": ["-g"]}
        self.pair("an old version without debug information", [SOFT], old=bare, warnings=["no_debug_info"],
                  says=["is the same in 1 and 2 cannot be compared: this file has no debug information"])
        self.pair("a new version without it is told of itself", [SOFT], new=bare, warnings=["no_debug_info"],
                  says=["the layout is not known"])
        self.pair("a code_change looks at the old layout", [ADVANCED], old=bare)
        for v in "12":
            top = self.root(self.FOO, self.script())
            lib = Lib(os.path.join(top, "lib"))
            lib.module(os.path.join(lib.dir, f"foo-{v}"), name="m_foo", vsn=v, **bare)
            self.found(f"relup: version {v} without debug information",
                       os.path.join(top, "releases", "2", "relup.json"), [], ["no_debug_info"])

    def unsupported(self):
        for down, warnings in ((self.module_op("remove"), ["not_supported"]), ("restart_runtime", ["not_supported"]),
                               (None, [])):
            top = self.root(self.FOO, self.script(), down=self.script(*[down] if down else [], version="1"))
            for where in (top, os.path.join(top, "releases", "2")):
                self.found(f"a way down with {down}: {os.path.basename(where)}", where, [], warnings,
                           says=["refuses the script to 1: instruction 4"] if warnings else [])

        lib = self.lib()
        for v, modules in (("1", ("m",)), ("2", ("m", "stats"))):
            a = lib.app(v, modules=modules, appup=appup([SOFT, "add_module: {module: stats}"], [SOFT]) + "    waive:\n"
                        "      - {module: stats, reason: nobody calls it}\n" if v == "2" else None)
            for name in modules:
                lib.module(a, name=name, vsn=v)
        self.found("a module that goes and is waived", a)
        status, out, err = relctl("appup", "make", os.path.join(lib.dir, "foo-1"), a)
        self.verdict("a module that goes and is waived is not drafted", status == 0 and "delete_module" not in out,
                     out + err)

    def depending(self):
        top = self.root([*self.FOO, ("tools", "1", "1", "permanent")], self.script())
        lib = Lib(os.path.join(top, "lib"))
        lib.module(os.path.join(lib.dir, "foo-2"), name="m_foo", vsn="2",
                   imports='{.module = "m_tools", .interface = "m_tools/1"},')
        release = os.path.join(top, "releases", "2")
        self.found("a module of an application on which its own does not depend", release, ["undefined_applications"])
        out = relctl("check", release)[1]
        self.verdict("the hint names the application", "write `depends: [tools]` into the app.yaml of foo" in out, out)
        os.remove(os.path.join(release, "relup.json"))  # the one to see it: the release runs in no version before
        for want, errors in (("1", []), ("2", ["bad_module"])):
            lib.module(os.path.join(lib.dir, "foo-2"), name="m_foo", vsn="2",
                       imports='{.module = "m_tools", .interface = "m_tools/%s"},' % want)
            with open(os.path.join(lib.dir, "foo-2", "app.yaml"), encoding="utf-8") as f:
                text = f.read()
            with open(os.path.join(lib.dir, "foo-2", "app.yaml"), "w", encoding="utf-8") as f:
                f.write(text if "depends:" in text else text + "depends: [tools]\n")
            self.found(f"m_tools/{want} of another application", release, errors,
                       says=["imports m_tools/2 of module m_tools, which offers m_tools/1"] if errors else [])
        evil = "\x1b]0;x\x07\nerror: faked"
        lib = Lib(os.path.join(self.lib().dir, evil))
        a = lib.app("1")
        lib.module(a, head="#undef RELW_MODULE\n#define RELW_MODULE(n, v) .abi = 77, "
                   ".size = sizeof(struct relw_module), .name = (n), .vsn = (v)")
        for what in (a, os.path.join(a, "modules", "m.so"), os.path.join(a, "nowhere")):
            status, out, err = relctl("check", what)
            text = out + err
            self.verdict(f"a path is text: {os.path.basename(what)}", status == 1 and "\x1b" not in text and
                         "\nerror: faked" not in text, repr(text))

    def importing(self, title, deep, times, errors=(), long="", knows="far", wants='"far/1"', offers="", says=()):
        """Application a0 depends on `deep` levels of two applications, of which each depends on both of the
        next, and its module imports the one of application far `times` times; the last level depends on far."""
        top = os.path.join(os.path.dirname(self.lib().dir), long)
        lib, release = Lib(os.path.join(top, "lib")), os.path.join(top, "releases", "1", "release.yaml")
        for folder in (lib.dir, os.path.dirname(release)):
            os.makedirs(folder, exist_ok=True)
        lib.module(lib.app("1", name="far", modules=("far",), child=None), name="far",
                   stateless=True, callbacks=offers)
        for level in range(deep):
            below = f"a{level + 1}, b{level + 1}" if level + 1 < deep else knows
            for name in (f"a{level}", f"b{level}"):
                lib.app("1", name=name, modules=[name][level:], child=None, extra=f"depends: [{below}]\n")
                if level == 0:
                    lib.module(os.path.join(lib.dir, f"{name}-1"), name=name,
                               imports='{.module = "far", .interface = %s},' % wants * times)
        names = ["far", *(f"{side}{level}" for level in range(deep) for side in "ab")]
        with open(release, "w", encoding="utf-8") as f:
            f.write("release: rel\nversion: '1'\nruntime: '1'\napplications:\n" + "".join(
                f"  - {{application: {name}, version: '1'}}\n" for name in names))
        self.found(title, os.path.dirname(release), errors, says=says)

    def many(self):
        self.importing("far is reached in as many ways as 2 to the 40", 40, 1)
        self.importing("far is not reached in any of as many", 40, 1, ["undefined_applications"] * 2,
                       knows="")
        self.importing("thousands of imports, and long paths", 1, 4000, long="/".join(["d" * 200] * 14))
        nothing, says = ".interface_name = NULL, .interface = NULL", ["without a name of module", "offers no interface"]
        self.importing("nothing is wanted and offered: no worker takes that", 1, 1, ["bad_module"] * 2, wants="NULL",
                       offers=nothing, says=says)
        lib = self.lib()
        a = lib.app("1", modules=("m", "l"))
        lib.module(a, imports='{.module = "l"},')
        lib.module(a, name="l", stateless=True, callbacks=nothing)
        self.found("the same within an application", a, ["bad_module"], says=says)

    def left_over(self):
        lib = self.lib()
        a = lib.app("1")
        lib.module(a)
        lib.module(a, name="extra")
        self.found("a module file that is not listed", a, [], ["no_such_module"], says=["does not list this module"])
        for vsn, errors in (("1\\n2", ["bad_module"]), ("1\\033[2J", ["bad_module"]), ("1\\177", ["bad_module"]),
                            ("1 ü", [])):
            self.one(f"the vsn {vsn}", errors, says=["control characters"] if errors else [], vsn=vsn)

    def names(self):
        both = ["update: {module: room, depends: [words]}", "load_module: {module: words}"]
        for title, script, errors, says in (
                ("an instruction of a module that is nowhere", [*both, "load_module: {module: nosuch}"],
                 ["no_such_module"] * 2, "has no module nosuch"),
                ("a depends on a module that is nowhere",
                 ["update: {module: room, depends: [words, statz]}", both[1]], ["undef_module"] * 2, "statz"),
                ("a depends on a module without an instruction",
                 ["update: {module: room, depends: [words, stats]}", both[1]], ["undef_module"] * 2, "stats"),
                ("a depends on a module of another application",
                 ["update: {module: room, depends: [words, tool]}", both[1]], [], ""),
                ("an instruction for a module of another application", [*both, "load_module: {module: tool}"], [], "")):
            lib = self.lib()
            lib.module(lib.app("1", name="bar", modules=("tool",), child=None), name="tool")
            a = self.calling(script, lib=lib)
            for v in "12":
                b = lib.app(v, modules=("room", "words", "stats"), child="room",
                            appup=appup(script) if v == "2" else None)
                lib.module(b, name="stats", vsn="1", stateless=True, callbacks="")
            self.found(title, a, errors, says=[says])
            if errors:
                out = relctl("check", a)[1]
                with open(os.path.join(a, "appup.yaml"), encoding="utf-8") as f:
                    line, text = next((n, x) for n, x in enumerate(f, 1) if re.search("statz|stats|nosuch", x))
                word = re.search("statz|stats|load_module", text)
                self.verdict(f"{title}: its place", f"appup.yaml:{line}:{word.start() + 1}:" in out, out)

    # -------------------------------------------------------------- seeing
    def seeing(self):
        tree = os.path.join(BUILD, "releases", "tree", "releases")
        status, out, err = relctl("graph", f"{tree}/0.1.1/release.yaml", "--from", f"{tree}/0.1.0")
        self.verdict("graph", status == 0 and "hello 0.1.1  [was 0.1.0]" in out and
                     out.index("greeting") < out.index("listener, calls greeting"), out + err)
        status, out, err = relctl("graph", f"{tree}/0.1.1", "--dot")
        self.verdict("graph --dot", status == 0 and out.startswith("digraph") and '"listener" -> "greeting";' in out,
                     out + err)
        status, out, err = relctl("-o", "json", "diff", f"{tree}/0.1.0", f"{tree}/0.1.1")
        d = json.loads(out)
        modules = {m["module"]: m for m in d["applications"][0]["modules"]}
        fields = [f["path"] for f in modules["listener"]["states"][0]["fields"]]
        self.verdict("diff", status == 0 and "conns[].answered" in fields and d["workers"][0]["instructions"] == [
            "suspend listener", "load greeting", "load listener", "code_change listener", "resume listener"], out)
        status, out, err = relctl("diff", f"{tree}/0.1.1", f"{tree}/0.1.2", "--detailed-exitcode")
        self.verdict("diff --detailed-exitcode", status == 2 and "module greeting  changed" in out and
                     "worker hello/listener: load greeting" in out, out + err)
        status, out, err = relctl("diff", f"{tree}/0.1.1", f"{tree}/0.1.1", "--detailed-exitcode")
        self.verdict("diff of one and the same", status == 0 and "no difference" in out, out + err)
        status, out, err = relctl("-o", "json", "diff", f"{tree}/0.1.1", f"{tree}/0.1.0")
        d = json.loads(out)
        self.verdict("diff from new to old: the newer one's way down", status == 0 and "no_way" not in d and
                     d["workers"][0]["instructions"] == ["suspend listener", "code_change listener", "load listener",
                                                         "load greeting", "resume listener"], out + err)
        for old, new in (("0.1.0", "0.1.2"), ("0.1.2", "0.1.0")):
            status, out, err = relctl("diff", f"{tree}/{old}", f"{tree}/{new}")
            self.verdict(f"diff where there is no way, {old} to {new}", status == 0 and
                         f"no way from {old} to {new}" in out, out + err)
        self.keywords()

    def keywords(self):
        """DOT's own words are names of applications and modules as well."""
        words = ["node", "edge", "graph", "digraph", "subgraph", "strict"]
        top = os.path.join(self.lib().dir, "top")
        lib = Lib(os.path.join(top, "lib"))
        a = lib.app("1", name="graph", modules=words, child="node")
        for word in words:
            lib.module(a, name=word, vsn="1", imports='{.module = "edge", .interface = "edge/1"},' if word == "node" else "")
        os.makedirs(os.path.join(top, "releases", "1"))
        path = os.path.join(top, "releases", "1", "release.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("release: rel\nversion: '1'\nruntime: '1'\napplications: [{application: graph, version: '1'}]\n")
        status, out, err = relctl("graph", path, "--from", path, "--dot")
        bare = re.sub(r'"[^"]*"|//.*', "", out)
        self.verdict("graph --dot: names that are words of DOT", status == 0 and '\t"node" -> "edge";' in out and
                     all(f'"{w}" [' in out for w in words) and "// Since 1: green" in out and
                     bare.count("node") == 1 and bare.count("graph") == 2, out + err)

    def terminal(self):
        """What a terminal would obey comes out of names and values as text, and in JSON as it was."""
        evil, written = "\x1b]0;x\x07\x9b2J\x7f", r"\e]0;x\a\u009b2J\x7f"
        lib = Lib(os.path.join(self.lib().dir, evil))
        old = lib.app("1", extra=f'env: {{"{written}": 1}}\n')
        new = lib.app("2", extra=f'env: {{"{written}": 2}}\n')
        bad = lib.app("3", extra=f'"{written}": 1\n')
        for a in (old, new, bad):
            lib.module(a, vsn="1")
        show = os.path.join(lib.dir, "relup.json")
        with open(show, "w", encoding="utf-8") as f:
            json.dump({"release": "rel", "version": "2", "down": [], "up": [
                {"from": "1", "description": evil, "instructions": ["point_of_no_return", {"apply": {
                    "command": ["bin/x", evil], "application": "foo"}}]}]}, f)
        for argv in (["check", bad], ["check", evil], ["diff", old, new], ["diff", old, bad], ["graph", bad],
                     ["graph", evil], ["relup", "show", show], ["relup", "show", evil], ["check", show],
                     ["relup", "make", evil, "--lib", evil, "--from", evil], ["appup", "make", old, bad],
                     ["appup", "make", old, new, "--out", os.path.join(evil, "x")], [evil], ["check", f"--{evil}"]):
            status, out, err = relctl(*argv)
            self.verdict(f"terminal: {' '.join(argv[:2])!a}", re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", out + err)
                         is None and r"\x1b]0;x\x07\u009b2J\x7f" in (out + err).replace(r"\u001b", r"\x1b").replace(
                             r"\u0007", r"\x07").replace(r"\u007f", r"\x7f"), repr(out + err))
        status, out, err = relctl("-o", "json", "diff", old, new)
        self.verdict("terminal: JSON keeps what was there", status == 0 and
                     json.loads(out)["applications"][0]["env"] == [{"key": evil, "change": "changed"}], out + err)

    def run(self):
        for part in (self.modules, self.stripped, self.libraries, self.contract, self.coverage, self.functions, self.comes_and_goes, self.parts,
                     self.converting, self.holding,
                     self.relups, self.relup_differences, self.runtimes, self.configs, self.told_once, self.files, self.samples, self.drafts, self.seeing,
                     self.terminal, self.together, self.names,
                     self.incomparable, self.unsupported, self.depending, self.many,
                     self.left_over):
            part()
        print(f"1..{self.count}")


def main():
    t = Tests()
    try:
        t.run()
    finally:
        shutil.rmtree(t.dir)
    return t.failed > 0


if __name__ == "__main__":
    sys.exit(main())
