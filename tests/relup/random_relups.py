# SPDX-License-Identifier: Apache-2.0
"""random_relups.py RELCTL DIR FIRST COUNT

Releases made at random, and the translation of appups to a relup written down a second time: the
plainest way, in quadratic time, straight from the rules.  Two programs that share nothing must
agree on the relup, or on the first error.  A seed always makes the same case.  Prints TAP."""
import json
import os
import random
import subprocess
import sys

MODULES = {app: [f"{app}{k}" for k in range(6)] for app in ("foo", "bar", "baz", "qux")}


class Refused(Exception):
    pass


# ------------------------------------------------------------------ the rules
def start_order(release, apps):
    names = [a["application"] for a in release["applications"]]
    order = []

    def walk(name):
        if name in order:
            return
        deps = apps[name]["depends"] + apps[name]["optional_depends"]
        for other in names:
            if other in deps:
                walk(other)
        order.append(name)

    for name in names:
        walk(name)
    return order


class Side:
    def __init__(self, release, library):
        self.release = release
        self.type = {a["application"]: a.get("type", "permanent") for a in release["applications"]}
        self.version = {a["application"]: a["version"] for a in release["applications"]}
        self.apps = {n: library[n, v] for n, v in self.version.items()}
        self.start = start_order(release, self.apps)

    def owner(self, module):
        for name in self.start:
            if module in self.apps[name]["modules"]:
                return name
        raise Refused("no_such_module")


def op(i):
    return i if isinstance(i, str) else next(iter(i))


def make_scripts(mode, reached, left, to, base, appups, restart):
    scripts = []
    if reached.release["runtime"] != left.release["runtime"]:
        scripts.append(["restart_new_runtime"])
    refused = None
    for app in reached.start:
        if app not in left.apps:
            scripts.append([{"add_application": {"application": app, "type": reached.type[app]}}])
        elif reached.version[app] != left.version[app]:
            entry = [e for e in appups[app][mode] if e["from" if mode == "up" else "to"] ==
                     base.version[app]]
            if not entry:
                refused = refused or Refused("no_relup")
            else:
                scripts.append(entry[0]["instructions"])
    if refused:
        raise refused
    for app in reversed(left.start):
        if app not in reached.apps:
            scripts.append([{"remove_application": {"application": app}}])
    if restart:
        scripts.append(["restart_runtime"])
    return scripts


def split(scripts):
    before, after = [], []
    for s in scripts:
        if s.count("point_of_no_return") > 1:
            raise Refused("too_many_point_of_no_return")
        cut = s.index("point_of_no_return") if "point_of_no_return" in s else -1
        for i in s[:max(cut, 0)]:
            if op(i) not in ("load_object_code", "apply"):
                raise Refused("bad_op_before_point_of_no_return")
            before.append(i)
        for i in s[cut + 1:]:
            (before if op(i) == "load_object_code" else after).append(i)
    return before, after


def methods(argument, default="soft"):
    return {"pre_purge": argument.get("pre_purge", default),
            "post_purge": argument.get("post_purge", default)}


def removal(modules, how):
    out = [{"remove": {"module": m, "pre_purge": how, "post_purge": how}} for m in modules]
    return out + ([{"purge": modules}] if how == "brutal" and modules else [])


def starting(app, kind):
    if kind == "none":
        return []
    if kind == "load":
        return [{"load_application": {"application": app}}]
    return [{"start_application": {"application": app, "type": kind}}]


def stopping(app, kind):
    return [] if kind in ("none", "load") else [{"stop_application": {"application": app}}]


def loading(side, app):
    return [{"load_module": {"module": m}} for m in side.apps[app]["modules"]]


def expand_apps(after, reached, left):
    out = []
    for i in after:
        arg = None if isinstance(i, str) else i[op(i)]
        if op(i) == "add_application":
            out += loading(reached, arg["application"])
            out += starting(arg["application"], arg["type"])
        elif op(i) == "remove_application":
            app = arg["application"]
            out += stopping(app, left.type[app])
            out += removal(left.apps[app]["modules"], arg.get("purge", "soft"))
            if left.type[app] != "none":
                out.append({"unload_application": {"application": app}})
        elif op(i) == "restart_application":
            app = arg["application"]
            out += stopping(app, left.type[app])
            out += removal(left.apps[app]["modules"], arg.get("purge", "soft"))
            out += loading(reached, app) + starting(app, reached.type[app])
        else:
            out.append(i)
    return out


MODULE_OPS = ("update", "load_module", "add_module", "delete_module")


def graph(after):
    nodes = [i for i in after if op(i) in MODULE_OPS]
    names = [i[op(i)]["module"] for i in nodes]
    if len(set(names)) != len(names):
        raise Refused("muldef_module")
    deps = {n: set(i[op(i)].get("depends", [])) for n, i in zip(names, nodes)}
    if any(d not in deps for ds in deps.values() for d in ds):
        raise Refused("undef_module")
    return names, dict(zip(names, nodes)), deps


def reachable(start, edges):
    seen, todo = {start}, [start]
    while todo:
        for to in edges[todo.pop()]:
            if to not in seen:
                seen.add(to)
                todo.append(to)
    return seen


def dependency_order(names, deps):
    """Of `names`: among the strong components that wait for nobody, the lowest first."""
    reach = {n: reachable(n, deps) for n in names}
    left, out = list(names), []
    while left:
        for n in left:
            comp = [m for m in left if m in reach[n] and n in reach[m]]
            if not any(c in deps[m] for m in left if m not in comp for c in comp):
                break
        out += comp
        left = [m for m in left if m not in comp]
    return out


def low_group(mode, members, by_name, reached):
    ins = [by_name[n] for n in members]
    updates = [n for n in members if op(by_name[n]) == "update"]
    arg = {n: by_name[n][op(by_name[n])] for n in members}

    def code_change(kinds):
        mods = [{"module": n, "extra": arg[n]["change"]["advanced"]} for n in updates
                if isinstance(arg[n].get("change"), dict) and arg[n].get("type", "dynamic") in kinds]
        return [{"code_change": {"mode": mode, "modules": mods}}] if mods else []

    def loads(order):
        out = []
        for n in order:
            if op(by_name[n]) == "delete_module":
                out += removal([n], arg[n].get("purge", "soft"))
            else:
                out.append({"load": {"module": n, **methods(arg[n])}})
        return out

    object_code = []
    for i, n in zip(ins, members):
        if op(i) != "delete_module":
            app = reached.owner(n)
            object_code.append({"load_object_code": {
                "application": app, "version": reached.version[app], "modules": [n]}})
    out = []
    if updates:
        items = []
        for n in updates:
            items.append({"module": n})
            for key in ("timeout", "barrier"):
                if key in arg[n]:
                    items[-1][key] = 7000 if key == "timeout" else arg[n][key]
        out.append({"suspend": items})
    if mode == "up":
        out += loads(reversed(members)) + code_change(("dynamic", "static"))
    else:
        out += code_change(("dynamic",)) + loads(members) + code_change(("static",))
    if updates:
        out.append({"resume": updates[::-1]})
    return object_code, out


def emit(mode, before, after, reached):
    names, by_name, deps = graph(after)
    both = {n: set(deps[n]) for n in names}
    for n in names:
        for d in deps[n]:
            both[d].add(n)
    done, out, refused = set(), [], None
    for i in after:
        if op(i) not in MODULE_OPS:
            out.append(i)
            continue
        name = i[op(i)]["module"]
        if name in done:
            continue
        weak = reachable(name, both)
        done |= weak
        code, low = low_group(mode, dependency_order([n for n in names if n in weak], deps),
                              by_name, reached)
        before += code
        out += low
    return before, out


def merge_object_code(before):
    libs = {}
    for i in before:
        if op(i) != "load_object_code":
            continue
        arg = i["load_object_code"]
        lib = libs.setdefault(arg["application"], {"version": arg["version"], "modules": []})
        if lib["version"] != arg["version"]:
            raise Refused("conflicting_versions")
        for m in arg["modules"]:
            if m in lib["modules"]:
                lib["modules"].remove(m)
            lib["modules"].append(m)
    return [{"load_object_code": {"application": a, **lib}} for a, lib in libs.items()] + \
        [i for i in before if op(i) != "load_object_code"]


def translate(mode, to, base, appups, restart):
    reached, left = (to, base) if mode == "up" else (base, to)
    before, after = split(make_scripts(mode, reached, left, to, base, appups, restart))
    before, after = emit(mode, before, expand_apps(after, reached, left), reached)
    anew, again = "restart_new_runtime" in after, "restart_runtime" in after
    after = [i for i in after if i not in ("restart_new_runtime", "restart_runtime")]
    head = ["restart_new_runtime"] if anew and mode == "up" else []
    tail = ["restart_runtime"] if again or (anew and mode == "down") else []
    return head + merge_object_code(before) + ["point_of_no_return"] + after + tail


# ------------------------------------------------------------------ cases
def instruction(r, module, pool):
    kind = r.choice(["update"] * 4 + ["load_module"] * 3 + ["add_module", "delete_module"])
    arg = {"module": module}
    if r.random() < 0.6:
        arg["depends"] = r.sample(pool, min(len(pool), r.choice([0, 1, 1, 2, 3])))
    if kind == "delete_module":
        if r.random() < 0.5:
            arg["purge"] = r.choice(["soft", "brutal"])
        return {kind: arg}
    for key in ("pre_purge", "post_purge"):
        if r.random() < 0.3:
            arg[key] = r.choice(["soft", "brutal"])
    if kind == "update":
        if r.random() < 0.6:
            arg["change"] = {"advanced": r.choice([[], {"k": "v"}, 5, None, "text", [1, True]])}
        if r.random() < 0.4:
            arg["type"] = "static"
        if r.random() < 0.2:
            arg["timeout"] = "7s"
        if r.random() < 0.2:
            arg["barrier"] = "worker"
    return {kind: arg}


def make_script(r, app, version, modules, broken):
    """The instructions of one application: any order, any graph, now and then a fault."""
    if r.random() < 0.1:
        how = {"purge": "brutal"} if r.random() < 0.5 else {}
        return [{"restart_application": {"application": app, **how}}]
    pool = r.sample(modules, r.randint(0, len(modules)))
    names = list(pool)
    if broken and pool and r.random() < 0.3:
        names.append(r.choice(pool))
    if broken and r.random() < 0.1:
        names.append("nowhere")
    deps = pool + (["absent"] if broken and r.random() < 0.1 else [])
    script = [instruction(r, m, deps) for m in names]
    for text in ("f", "g"):
        if r.random() < 0.3:
            script.insert(r.randint(0, len(script)), {"apply": {"command": [text, "x"]}})
    if r.random() < 0.15:
        script.insert(r.randint(0, len(script)), r.choice(["restart_runtime",
                                                            "restart_new_runtime"]))
    if r.random() < 0.3:
        other = "9.9" if broken and r.random() < 0.2 else version
        script = [{"load_object_code": {"application": app, "version": other,
                                         "modules": r.sample(modules, 2)}},
                  {"apply": {"command": ["pre"]}}, "point_of_no_return"] + script
    if broken and r.random() < 0.05:
        script.append("point_of_no_return")
    return script


def make_release(r, key, runtime, versions):
    apps = [{"application": a, "version": v} for a, v in versions.items()]
    r.shuffle(apps)
    for a in apps:
        if r.random() < 0.3:
            a["type"] = r.choice(["transient", "temporary", "load", "none"])
    return {"release": "rel", "version": key, "runtime": runtime, "applications": apps}


def make_case(seed):
    r = random.Random(seed)
    broken = r.random() < 0.3
    apps = list(MODULES)
    library, appups = {}, {}
    order = r.sample(apps, len(apps))
    deps = {a: [b for b in order[:k] if r.random() < 0.4] for k, a in enumerate(order)}

    def release(key, runtime, versions):
        for a, v in versions.items():
            library.setdefault((a, v), {
                "application": a, "version": v, "description": a,
                "depends": [], "optional_depends": deps[a],
                "modules": r.sample(MODULES[a], r.randint(5, 6)) if v == "0.9" else MODULES[a]})
        return make_release(r, key, runtime, versions)

    def some():
        return [a for a in apps if r.random() < 0.8] or ["foo"]

    new = {a: r.choice(["2.0", "2.0", "2.0", "1.0"]) for a in some()}
    bases = []
    for k in range(r.randint(1, 3)):
        bases.append({a: "1.0" if new.get(a) == "1.0" else r.choice(["1.0", "1.0", "0.9"])
                      for a in some()})
    to = release("2", "2" if r.random() < 0.2 else "1", new)
    olds = [release(f"1.{k}", "1", b) for k, b in enumerate(bases)]
    for a, v in new.items():
        if v == "1.0":
            continue
        entries = {"up": [], "down": []}
        for old in ("1.0", "0.9"):
            if broken and r.random() < 0.05:
                continue
            entries["up"].append({"from": old, "instructions": make_script(
                r, a, "2.0", MODULES[a], broken)})
            known = library.get((a, old), {}).get("modules", MODULES[a])
            entries["down"].append({"to": old, "instructions": make_script(
                r, a, old, known, broken)})
        appups[a] = {"application": a, "version": v, **entries}
    return library, appups, to, olds, r.random() < 0.1


def expected(library, appups, to, olds, restart):
    side = Side(to, library)
    out = {"release": "rel", "version": "2", "up": [], "down": []}
    try:
        for mode, key in (("up", "from"), ("down", "to")):
            for old in olds:
                script = translate(mode, side, Side(old, library), appups, restart)
                out[mode].append({key: old["version"], "instructions": script})
    except Refused as e:
        return {"error": str(e)}
    return out


def write(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(value, f)


def run_case(relctl, folder, seed):
    library, appups, to, olds, restart = make_case(seed)
    for (a, v), app in library.items():
        write(f"{folder}/lib/{a}-{v}/app.yaml", app)
    for a, appup in appups.items():
        write(f"{folder}/lib/{a}-{appup['version']}/appup.yaml", appup)
    write(f"{folder}/new.yaml", to)
    command = [relctl, "-o", "json", "relup", "make", "new.yaml", "--lib", "lib"]
    for k, old in enumerate(olds):
        write(f"{folder}/old{k}.yaml", old)
        command += ["--from", f"old{k}.yaml"]
    if restart:
        command.append("--restart-runtime")
    want = expected(library, appups, to, olds, restart)
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    try:
        got = json.loads(done.stdout)
    except ValueError:
        return f"no JSON: {done.stdout[:500]} {done.stderr[:2000]}", "error" in want
    if "error" in want:
        good = got.get("error", {}).get("code") == want["error"] and done.returncode != 0
    else:
        good = got == want and done.returncode == 0
    return None if good else f"want {json.dumps(want)}\n# got  {json.dumps(got)}", "error" in want


def main():
    relctl, folder, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    print("1..2")
    refused, bad = 0, []
    for seed in range(first, first + count):
        why, error = run_case(relctl, f"{folder}/{seed}", seed)
        refused += error
        if why:
            bad.append(seed)
            print(f"# seed {seed}: {why}")
    seeds = " ".join(map(str, bad))
    print(f"{'not ok' if bad else 'ok'} 1 - {count} random relups from seed {first} {seeds}")
    # A generator that makes only good or only bad cases would test little.
    print(f"{'ok' if count / 20 < refused < count / 2 else 'not ok'} 2 - {refused} were refused")


if __name__ == "__main__":
    main()
