# SPDX-License-Identifier: Apache-2.0
"""Cases of check.py: states between two versions, their parts, and who converts them."""
import os

from kit import ADVANCED, LAYOUT, SOFT, appup, relctl


class States:
    def contract(self):
        self.pair("a layout, its version and the code_change together", [ADVANCED], LAYOUT)
        self.pair("a layout without a code_change, both ways", [SOFT], LAYOUT, says=["c: new, 8 bytes at 8"],
                  errors=["state_layout_changed"] * 2)
        self.pair("a layout without a code_change on the way down", [ADVANCED], LAYOUT, down=[SOFT],
                  errors=["state_layout_changed"])
        self.pair("a layout without a new version", [ADVANCED], {**LAYOUT, "version": 1},
                  errors=["state_version_not_raised"], says=["c: new"])
        self.pair("a layout whose version goes back", [ADVANCED], {**LAYOUT, "version": 1}, {"version": 2},
                  errors=["state_version_not_raised"], says=["c: new", "goes back from 2 to 1"])
        self.pair("a version without a code_change", [SOFT], {"version": 2}, errors=["state_layout_changed"] * 2)
        self.pair("a code_change that nobody wrote", [ADVANCED], {**LAYOUT, "callbacks": ".init = init"},
                  errors=["state_not_converted"] * 2)
        bare = {"callbacks": ".init = init"}
        self.pair("a code_change that the newer version has no more, of the same layout", [ADVANCED], bare,
                  errors=["state_not_converted"] * 2, says=["of foo 2, offers no code_change: relupd refuses"])
        self.pair("the same, called on the way down alone", [SOFT], bare, down=[ADVANCED],
                  errors=["state_not_converted"])
        self.pair("a code_change that only the newer version has", [ADVANCED], old=bare)
        self.pair("a member that moved, in a struct of a struct",
                  [SOFT], {"head": "struct in { long x; int y; };", "fields": "struct in i[2]; int b;"},
                  {"head": "struct in { int y; long x; };", "fields": "struct in i[2]; int b;"},
                  errors=["state_layout_changed"] * 2 + ["state_version_not_raised"], says=["i[].y: moved"])
        self.pair("without debug information nobody can tell", [SOFT], {"drop": ["-g"]}, {"drop": ["-g"]},
                  warnings=["no_debug_info"])

    def parts(self):
        imports = '{.module = "p", .interface = "p/1"},'
        for title, holder, errors in (
                ("a part's owner and its holder, in one bracket",
                 "update: {module: m, change: {advanced: {}}, depends: [p]}", []),
                ("a part's holder with no code_change", "update: {module: m, depends: [p]}",
                 ["state_part_not_updated"] * 2),
                ("a part's holder in another bracket", ADVANCED, ["state_part_not_updated"] * 2)):
            lib = self.lib()
            script = [holder, "update: {module: p, change: {advanced: {}}}"]
            for version in "12":
                a = lib.app(version, modules=("m", "p"), appup=appup(script) if version == "2" else None)
                lib.module(a, vsn="1" if version == "1" else "2", imports=imports)
                lib.module(a, name="p", vsn="1", part=True, callbacks="", version=int(version),
                           fields="int x;" if version == "1" else "int x; int y;")
            self.found(title, a, errors)

    def converting(self):
        """A code_change asks the callback module for code_change, and what it uses for a convert."""
        convert = {"part": True, "callbacks": ""}
        for title, module, holder, errors in (
                ("a part's owner with convert and no code_change", convert, "m", []),
                ("a part's owner without convert", {"callbacks": ".code_change = code_change"}, "m",
                 ["state_not_converted"] * 2),
                ("the same, that no worker of this application uses", {"callbacks": ""}, "alone",
                 ["state_not_converted"] * 2),
                ("a callback module that another one uses", {**convert, "callbacks": ".init = init"}, "both",
                 ["state_not_converted"] * 2)):
            lib = self.lib()
            for v in "12":
                a = lib.app(v, modules=("m", "p", "via"), child="p" if holder == "alone" else "m", appup=appup(
                    ["update: {module: %s, change: {advanced: {}}}" % ("via" if holder == "alone" else "p")])
                    if v == "2" else None, args="}\n    - {id: d, module: p" if holder == "both" else "")
                good = {"vsn": "1"}
                lib.module(a, **good, imports='{.module = "via", .interface = "via/1"},')
                lib.module(a, name="via", **(good if holder != "alone" else {"vsn": v, **module}),
                           imports='{.module = "p", .interface = "p/1"},' if holder != "alone" else "")
                lib.module(a, name="p", **({"vsn": v, **module} if holder != "alone" else good))
            self.found(title, a, errors)

    def holding(self):
        """A callback module that changes beside a part that it holds, in no layout of its own."""
        imports = '{.module = "p", .interface = "p/1"},'
        lib = self.lib()

        def build(callbacks=".init = init, .code_change = code_change", script=None, vsn=("1", "2")):
            for at, v in enumerate("12"):
                a = lib.app(v, modules=("m", "p"), appup=script and appup(script) if v == "2" else None)
                lib.module(a, vsn=vsn[at], imports=imports, callbacks=callbacks)
                lib.module(a, name="p", vsn=v, part=True, callbacks="", version=int(v), fields="int x;" + "int y;" * at)
            return a

        whole = "update: {module: m, change: {advanced: {}}, depends: [p]}"
        owner = "update: {module: p, change: {advanced: {}}}"
        new = build()
        path, old = os.path.join(new, "appup.yaml"), new[:-1] + "1"
        for vsn, word in ((("1", "2"), "that changes"), (("1", "1"), "whose file is the same")):
            build(vsn=vsn)
            if os.path.exists(path):
                os.unlink(path)
            status, out, err = relctl("appup", "make", old, new, "--out", path)
            with open(path, encoding="utf-8") as f:
                draft = f.read()
            self.verdict(f"a draft for the holder {word}", status == 0 and draft.count(f"- {whole}") == 2 and
                         "its state holds parts of p, which change" in draft and "QUESTION" not in draft, draft + err)
            self.found(f"check finds nothing in the draft for the holder {word}", new)
            build(".init = init", vsn=vsn)
            os.unlink(path)
            status, out, err = relctl("appup", "make", old, new)
            self.verdict(f"a holder {word}, with no code_change: a question", status == 0 and out.count(
                "QUESTION: these parts are in the state of m, and its new version offers no code_change") == 2 and
                out.count(f"#     - {whole}") == 2 and "\n      - update: {module: m" not in out, out + err)
        for line, hint in (("update: {module: m, depends: [p]}", "write `change: {advanced: EXTRA}` into this update"),
                           ("update: {module: m}", "write `change: {advanced: EXTRA}` and `depends: [p]` into this update"),
                           (ADVANCED, "write `depends: [p]` into this update"),
                           ("load_module: {module: m}", "`depends: [p]` into an `update` in place of"),
                           (None, "no instruction here: `update: {module: m, change: {advanced: EXTRA}, depends: [p]}`")):
            build(script=[x for x in (line, owner) if x])
            out = relctl("check", new)[1]
            self.verdict(f"the hint for {line}", out.count("state_part_not_updated") == 2 and out.count(hint) == 2, out)
            if line:
                status, made, err = relctl("appup", "make", old, new)
                with open(path, encoding="utf-8") as f:
                    lost = [x for x in f.read().splitlines() if x not in made.splitlines()]
                asks = made.count("calls no code_change, which its state needs") == (0 if line == ADVANCED else 2)
                self.verdict(f"the draft asks about {line}", status == 0 and not lost and asks and "QUESTION" in made and
                             made.count("\n      - update: {module: m") == 2 * line.startswith("update"), made + err)
        build(script=["restart_application: {application: foo}"])
        self.verdict("a restart needs no code_change", "QUESTION" not in relctl("appup", "make", old, new)[1])
