# SPDX-License-Identifier: Apache-2.0
"""Cases of check.py: releases, their roots, and the relups that join them."""
import json
import os

from kit import LAYOUT, Lib, relctl, restart_c


class Relups:
    # -------------------------------------------------------------- a relup and its releases
    def root(self, apps, up, down=None, base="1", name="rel", version="2", relup_version="2", folder="2"):
        """A root with releases 1 and 2 of `apps` [(application, version in 1 or None, in 2 or None, type)]."""
        lib = self.lib()
        top = os.path.dirname(lib.dir)
        for app, *versions, _ in apps:
            for v in {v for v in versions if v}:
                lib.module(lib.app(v, name=app, modules=("m_" + app,), child="m_" + app,
                                   appup=f"application: {app}\nversion: '{v}'\n" if v == "2" else None),
                           name="m_" + app, vsn=v)
        for at, (where, vsn) in enumerate((("1", "1"), (folder, version))):
            path = os.path.join(top, "releases", where)
            os.makedirs(path)
            with open(os.path.join(path, "release.yaml"), "w", encoding="utf-8") as f:
                f.write(f"release: rel\nversion: '{vsn}'\nruntime: '1'\napplications:\n")
                f.writelines(f"  - {{application: {app}, version: '{v[at]}', type: {kind}}}\n"
                             for app, *v, kind in apps if v[at])
        with open(os.path.join(path, "relup.json"), "w", encoding="utf-8") as f:
            json.dump({"release": name, "version": relup_version,
                       "up": [{"from": base, "instructions": up}],
                       "down": [] if down is None else [{"to": base, "instructions": down}]}, f)
        return top

    FOO = [("foo", "1", "2", "permanent")]

    @staticmethod
    def code(version="2", modules=("m_foo",), application="foo"):
        return {"load_object_code": {"application": application, "version": version, "modules": list(modules)}}

    @staticmethod
    def module_op(op, module="m_foo"):
        return {op: {"module": module, "pre_purge": "soft", "post_purge": "soft"}}

    def script(self, *more, version="2"):
        return [self.code(version), "point_of_no_return", self.module_op("load"), *more]

    def relups(self):
        def relup(title, up, errors=(), warnings=(), says=(), apps=None, **more):
            top = self.root(apps or self.FOO, up, **more)
            path = os.path.join(top, "releases", "2", "relup.json")
            self.found(f"relup: {title}", path, errors, warnings, says)
            return top

        whole, none = self.script(), ["point_of_no_return"]
        top = relup("whole, both ways", whole, down=self.script(version="1"))
        self.found("a root with a whole relup", top)
        self.found("a release with a whole relup", os.path.join(top, "releases", "2"))
        relup("of a base that is not there", whole, warnings=["no_such_release"], base="0")
        relup("of a release of another name", whole, ["bad_relup_file"], says=["other 2"], name="other")
        relup("of another version", whole, ["bad_relup_file"], says=["rel 3"], relup_version="3")
        relup("a way of another direction", self.script({"suspend": [{"module": "m_foo"}]}, {"code_change": {
            "mode": "down", "modules": [{"module": "m_foo", "extra": None}]}}, {"resume": ["m_foo"]}),
              ["bad_instruction"])
        relup("a changed module that is forgotten", none, ["module_not_covered"], says=["m_foo changes"])
        top = relup("the same on the way down", whole, ["module_not_covered"], says=["down to"], down=none)
        self.found("a root whose relup forgets a module", top, ["module_not_covered"])
        self.found("a release whose relup forgets a module", os.path.join(top, "releases", "2"), ["module_not_covered"])
        path = os.path.join(top, "lib", "foo-2", "appup.yaml")
        with open(path, "a", encoding="utf-8") as f:
            f.write("down: [{to: '1', instructions: [], waive: [{module: m_foo, reason: a comment}]}]\n")
        self.found("relup: a module that the appup waives", os.path.join(top, "releases", "2", "relup.json"))
        relup("a child's worker started anew", [*none, {"restart_worker": {"application": "foo", "child": "c"}}])
        relup("the application stopped and started", [*none, {"stop_application": {"application": "foo"}}, {
            "start_application": {"application": "foo", "type": "permanent"}}])
        relup("everything started anew", [*none, "restart_runtime"])
        relup("a child of this name in another application", [*none, restart_c("bar")],
              ["module_not_covered"], apps=[*self.FOO, ("bar", "1", "1", "permanent")])
        relup("code of an application that is nowhere", [self.code("1", [], "bar"), *whole],
              ["no_such_application_in_release"], says=["bar"])
        relup("code of the version that is left", [self.code("1", []), *whole], ["conflicting_versions"])
        relup("code of a module that is not shipped", [self.code("2", ["other"]), *whole], ["no_such_module"],
              says=["other"])
        for op in ({"purge": {"modules": ["other"], "mode": "soft"}}, self.module_op("remove", "other")):
            relup(f"{list(op)[0]} of a module that is nowhere", self.script(op), ["no_such_module"], says=["other"])
        for first, second in (({"suspend": [{"module": "other"}]}, {"resume": ["other"]}),
                              ({"stop": ["other"]}, {"start": ["other"]})):
            relup(f"{list(first)[0]} of a module that is nowhere", self.script(first, second), ["no_such_module"])
        for op in ("stop_application", "unload_application", "load_application"):
            relup(f"{op} of what is not there", self.script({op: {"application": "bar"}}),
                  ["no_such_application_in_release"], says=[op])
        relup("start_application of what is not there",
              self.script({"start_application": {"application": "bar", "type": "permanent"}}),
              ["no_such_application_in_release"])
        relup("update_supervisor of what is not there", self.script({"update_supervisor": {"application": "bar"}}),
              ["no_such_application_in_release"])
        relup("restart_worker of what is not there", self.script(restart_c("bar")),
              ["no_such_application_in_release"])
        for kind, start, stop in (("permanent", "start_application", "stop_application"),
                                  ("load", "load_application", "unload_application")):
            comes, goes = [("bar", None, "1", kind)], [("bar", "1", None, kind)]
            argument = {"application": "bar", **({"type": kind} if kind == "permanent" else {})}
            relup(f"an application of type {kind} comes", self.script({start: argument}), apps=self.FOO + comes)
            relup(f"an application of type {kind} comes unseen", whole, ["application_not_covered"],
                  says=[f"comes, and the script has no {start}"], apps=self.FOO + comes)
            relup(f"an application of type {kind} goes", self.script({stop: {"application": "bar"}}),
                  apps=self.FOO + goes)
            relup(f"an application of type {kind} goes unseen", whole, ["application_not_covered"],
                  says=[f"goes, and the script has no {stop}"], apps=self.FOO + goes)
        relup("an application that nothing starts comes", whole, apps=[*self.FOO, ("bar", None, "1", "none")])
        top = relup("without its release", whole)
        os.unlink(os.path.join(top, "releases", "2", "release.yaml"))
        self.found("relup: no release beside it", os.path.join(top, "releases", "2", "relup.json"))
        top = relup("its base cannot be read", whole)
        with open(os.path.join(top, "releases", "1", "release.yaml"), "a", encoding="utf-8") as f:
            f.write("colour: red\n")
        self.found("relup: a base with an error", os.path.join(top, "releases", "2", "relup.json"), ["unknown_key"],
                   says=["release 1 cannot be compared with"])
        self.found("a release in a folder of another version", os.path.join(self.root(
            self.FOO, whole, folder="3"), "releases", "3"), ["bad_value"], says=["its folder is called 3"])

    def relup_differences(self):
        """What differs beside a module's code: a supervisor, a child, a state."""
        load = self.script()
        change = {"code_change": {"mode": "up", "modules": [{"module": "m_foo", "extra": None}]}}
        bracket = [*load[:2], {"suspend": [{"module": "m_foo"}]}, load[2], change, {"resume": ["m_foo"]}]
        update = {"update_supervisor": {"application": "foo"}}
        for title, app, module, short, errors, enough in (
                ("flag", {"supervisor": "  intensity: 7\n"}, {}, load, ["supervisor_not_covered"], [*load, update]),
                ("child", {"args": ", args: {x: 2}"}, {}, [*load, update], ["child_not_covered"],
                 [*load, update, restart_c("foo")]),
                ("layout", {}, LAYOUT, load, ["state_layout_changed"], bracket)):
            for word, script, want in (("forgotten", short, errors), ("handled", enough, [])):
                top = self.root(self.FOO, script)
                lib = Lib(os.path.join(top, "lib"))
                lib.module(lib.app("2", modules=("m_foo",), child="m_foo", **app), name="m_foo", vsn="2", **module)
                self.found(f"relup: a {title} that is {word}", os.path.join(top, "releases", "2", "relup.json"), want)

        for v, down in (("2", None), ("1", [self.code("1"), *bracket[1:3], {"code_change": {"mode": "down", "modules": [
                {"module": "m_foo", "extra": None}]}}, load[2], bracket[-1]])):
            top = self.root(self.FOO, bracket, down=down)
            lib = Lib(os.path.join(top, "lib"))
            lib.module(os.path.join(lib.dir, f"foo-{v}"), name="m_foo", vsn=v, callbacks=".init = init")
            self.found(f"relup: {v} offers no code_change", os.path.join(top, "releases", "2", "relup.json"),
                       ["state_not_converted"] if v == "2" else [])

    def runtimes(self):
        top = self.root(self.FOO, self.script())
        path = os.path.join(top, "releases", "2", "release.yaml")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("runtime: '1'", "runtime: '7'"))
        for where in (top, os.path.dirname(path)):
            self.found(f"another runtime than that of the modules: {os.path.basename(where)}", where, ["bad_abi"],
                       says=["the runtime is 7, and module m_foo of foo 2 is built for runtime 1"])

    def configs(self):
        top = self.root(self.FOO, self.script())
        path = os.path.join(top, "releases", "2", "config.yaml")
        for v in "12":
            with open(os.path.join(top, "lib", f"foo-{v}", "app.yaml"), "a", encoding="utf-8") as f:
                f.write("env: {port: 1, list: {a: 1}}\n")
        for text, warnings, says in (
                ("foo: {port: 1, list: {a: 1}}", [], []),
                ("foo: {port: 2, list: {b: 2}}", ["not_supported"],
                 ["refuses the script from 1: the env of foo differs in the two releases (port, list)"]),
                ("foo: {prot: 2}", ["unknown_key", "not_supported"], ["the env of foo 2 has no key prot"]),
                ("oof: {port: 2}", ["no_such_application_in_release"], ["application oof is not in release 2"])):
            with open(path, "w", encoding="utf-8") as f:
                f.write(f"{text}\n")
            for where in (top, os.path.dirname(path)):
                self.found(f"config.yaml: {text}: {os.path.basename(where)}", where, [], warnings, says)

        with open(path.replace("/2/config", "/1/config"), "w", encoding="utf-8") as f:
            f.write("foo: {list: {a: 3}}\n")
        with open(path, "w", encoding="utf-8") as f:
            f.write("foo: {list: {a: 3}}\n")
        self.found("config.yaml: the same one for both", top)
        os.unlink(path)
        self.found("config.yaml: of the base alone", top, [], ["not_supported"], ["differs in the two releases (list)"])

    def told_once(self):
        top = self.root(self.FOO, self.script())
        with open(os.path.join(top, "lib", "foo-2", "app.yaml"), "a", encoding="utf-8") as f:
            f.write("colour: red\n")
        self.found("a root tells what is wrong with an application once", top, ["unknown_key"])
        lib = os.path.join(top, "nowhere")
        status, out, err = relctl("check", os.path.join(top, "releases", "2"), "--lib", lib)
        self.verdict("a library folder that cannot be opened was given", status == 1 and lib in out and
                     "in what was named, which cannot be opened" in out and "none was given" not in out, out + err)
