# SPDX-License-Identifier: Apache-2.0
"""compare_systools.py RELCTL DIR FIRST COUNT

Random releases again (random_relups.py), this time against OTP's own systools, as far as the two
agree by decision: purge methods written out, no application added or removed, the same start order
in both releases, and scripts whose groups OTP orders completely (elsewhere its order depends on
the virtual machine's table of atoms).  Prints TAP."""
import json
import os
import random
import subprocess
import sys

import random_relups as second

HERE = os.path.dirname(os.path.abspath(__file__))
SASL = ("kernel", "stdlib", "sasl")


def atom(text):
    return "'" + text + "'"


def text(value):
    return json.dumps(value)


def term_list(items):
    return "[" + ", ".join(items) + "]"


def instruction(i):
    """One instruction of an appup as an Erlang term; apply becomes command:run(Words)."""
    if isinstance(i, str):
        return {"restart_new_runtime": "restart_new_emulator",
                "restart_runtime": "restart_emulator"}.get(i, i)
    name, arg = second.op(i), i[second.op(i)]
    deps = term_list(map(atom, arg.get("depends", [])))
    pre, post = (arg.get(k, "soft") + "_purge" for k in ("pre_purge", "post_purge"))
    if name == "update":
        change = arg.get("change", "soft")
        if isinstance(change, dict):
            # Extra is carried as the text of its JSON, so that any value comes back.
            change = "{advanced, " + text(json.dumps(change["advanced"])) + "}"
        timeout = "7000" if "timeout" in arg else "default"
        return "{update, %s, %s, %s, %s, %s, %s, %s}" % (
            atom(arg["module"]), arg.get("type", "dynamic"), timeout, change, pre, post, deps)
    if name in ("load_module", "add_module"):
        return "{load_module, %s, %s, %s, %s}" % (atom(arg["module"]), pre, post, deps)
    if name == "delete_module":
        return "{delete_module, %s, %s}" % (atom(arg["module"]), deps)
    if name == "load_object_code":
        return "{load_object_code, {%s, %s, %s}}" % (
            atom(arg["application"]), text(arg["version"]), term_list(map(atom, arg["modules"])))
    return "{apply, {command, run, %s}}" % term_list(map(text, arg["command"]))


def put(path, content):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(content)


def write_otp(folder, library, appups, releases, versions):
    for (a, v), app in library.items():
        ebin = f"{folder}/lib/{a}-{v}/ebin"
        put(f"{ebin}/{a}.app",
            "{application, %s, [{vsn, %s}, {description, \"\"}, {modules, %s}, {registered, []}, "
            "{applications, %s}]}.\n" % (
                atom(a), text(v), term_list(map(atom, app["modules"])),
                term_list(map(atom, app["depends"]))))
        if appups[a]["version"] == v:
            put(f"{ebin}/{a}.appup", "{%s, %s, %s}.\n" % (text(v), *(
                term_list("{%s, %s}" % (text(e[key]), term_list(map(instruction,
                                                                    e["instructions"])))
                          for e in appups[a][mode])
                for mode, key in (("up", "from"), ("down", "to")))))
    for name, rel in releases.items():
        apps = [(a, versions[a]) for a in SASL]
        apps += [(a["application"], a["version"]) for a in rel["applications"]]
        put(f"{folder}/{name}.rel", "{release, {\"rel\", %s}, {erts, \"1\"}, %s}.\n" % (
            text(rel["version"]),
            term_list("{%s, %s}" % (atom(a), text(v)) for a, v in apps)))


def make_case(seed):
    r = random.Random(seed)
    apps = list(second.MODULES)
    order = r.sample(apps, len(apps))
    library, appups = {}, {}
    for k, a in enumerate(order):
        deps = [b for b in order[:k] if r.random() < 0.4]
        for v in ("1.0", "2.0"):
            library[a, v] = {"application": a, "version": v, "depends": deps,
                             "optional_depends": [], "modules": second.MODULES[a]}
        appups[a] = {"application": a, "version": "2.0", **{
            mode: [{key: "1.0", "instructions": script(r, a, mode)}]
            for mode, key in (("up", "from"), ("down", "to"))}}
    releases = {
        name: {"release": "rel", "version": v, "runtime": "1",
               "applications": [{"application": a, "version": v + ".0"} for a in apps]}
        for name, v in (("new", "2"), ("old", "1"))}
    return library, appups, releases


def script(r, app, mode):
    """A graph in which everything that hangs together is a chain or a ring: OTP has no choice."""
    version = "2.0" if mode == "up" else "1.0"
    names = r.sample(second.MODULES[app], r.randint(0, 6))
    out = []
    while names:
        chain = [names.pop() for _ in range(min(len(names), r.randint(1, 4)))]
        ring = r.random() < 0.3
        for k, m in enumerate(chain):
            i = second.instruction(r, m, [])
            arg = i[second.op(i)]
            arg["depends"] = [chain[(k + 1) % len(chain)]] if ring or k + 1 < len(chain) else []
            arg.pop("barrier", None)
            if "purge" in arg or second.op(i) == "delete_module":
                arg["purge"] = "brutal"
            out.append(i)
    r.shuffle(out)
    for word in ("f", "g"):
        if r.random() < 0.4:
            out.insert(r.randint(0, len(out)), {"apply": {"command": [word]}})
    if r.random() < 0.1:
        out.insert(r.randint(0, len(out)), r.choice(["restart_runtime", "restart_new_runtime"]))
    if r.random() < 0.3:
        out = [{"load_object_code": {"application": app, "version": version,
                                      "modules": r.sample(second.MODULES[app], 2)}},
               {"apply": {"command": ["pre"]}}, "point_of_no_return"] + out
    return out


def run_ours(relctl, folder, case):
    library, appups, releases = case
    for (a, v), app in library.items():
        second.write(f"{folder}/lib/{a}-{v}/app.yaml", app)
    for a, appup in appups.items():
        second.write(f"{folder}/lib/{a}-2.0/appup.yaml", appup)
    for name, rel in releases.items():
        second.write(f"{folder}/{name}.yaml", rel)
    done = subprocess.run([relctl, "-o", "json", "relup", "make", "new.yaml", "--lib", "lib",
                           "--from", "old.yaml"], cwd=folder, capture_output=True, text=True,
                          check=False)
    got = json.loads(done.stdout)
    if "error" in got:
        return {"error": got["error"]["code"]}
    return {mode: got[mode][0]["instructions"] for mode in ("up", "down")}


def run_systools(folder, case, versions):
    write_otp(folder, *case, versions)
    done = subprocess.run(["escript", f"{HERE}/systools.escript", "x"], cwd=folder,
                          capture_output=True, text=True, check=False)
    return json.loads(done.stdout, object_hook=carried_extra)


def carried_extra(o):
    if o.get("extra") is not None and isinstance(o["extra"], str):
        o["extra"] = json.loads(o["extra"])
    return o


def sasl_versions():
    code = ("[begin application:load(A), {ok, V} = application:get_key(A, vsn), "
            "io:format(\"~s ~s~n\", [A, V]) end || A <- [kernel, stdlib, sasl]], halt().")
    out = subprocess.run(["erl", "-noinput", "-eval", code], capture_output=True, text=True,
                         check=True).stdout
    return dict(line.split() for line in out.splitlines())


def main():
    relctl, folder, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    versions = sasl_versions()
    print("1..1")
    bad = 0
    for seed in range(first, first + count):
        case = make_case(seed)
        place = f"{folder}/{seed}"
        ours, theirs = run_ours(relctl, place, case), run_systools(place, case, versions)
        if ours != theirs:
            bad += 1
            print(f"# seed {seed}\n# relctl   {json.dumps(ours)}\n# systools {json.dumps(theirs)}")
    print(f"{'not ok' if bad else 'ok'} 1 - {count} random relups as systools makes them")


if __name__ == "__main__":
    main()
