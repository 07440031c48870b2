# SPDX-License-Identifier: Apache-2.0
"""`relctl relup make` for a release whose every application changes each of its ten modules, measured
beside OTP's systools, where Erlang is installed, which makes the same relup from the same release."""
import os
import shutil
import statistics
import subprocess
import time

MODULES = 10
PEER = """
[application:load(A) || A <- [kernel, stdlib, sasl]],
Rel = fun(V) ->
    {ok, [{release, R, E, Apps}]} = file:consult(V ++ ".apps"),
    Own = [begin {ok, Vsn} = application:get_key(A, vsn), {A, Vsn} end || A <- [kernel, stdlib, sasl]],
    ok = file:write_file(V ++ ".rel", io_lib:format("~p.~n", [{release, R, E, Own ++ Apps}])) end,
Rel("1"), Rel("2"),
{Us, Made} = timer:tc(fun() ->
    systools:make_relup("2", ["1"], ["1"], [silent, noexec, {path, ["lib/*/ebin"]}]) end),
ok = element(1, Made),
io:format("~p~n", [Us]), halt().
"""


def put(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Release:
    """Versions 1 and 2 of `apps` applications in the words of both; with `chain` each module depends on
    the one before it, all through the release."""

    def __init__(self, root, apps, chain):
        self.root, self.apps, self.chain = root, apps, chain

    def modules(self, a):
        """(module, the one that it depends on, or None)"""
        names = [f"m{a}_{m}" for m in range(MODULES)]
        before = [f"m{a - 1}_{MODULES - 1}" if a > 0 else None, *names[:-1]]
        return [(n, b if self.chain else None) for n, b in zip(names, before)]

    def write(self):
        for a in range(self.apps):
            steps = "".join(f"      - update: {{module: {m}, change: {{advanced: {{}}}}"
                            + (f", depends: [{b}]" if b else "") + "}\n" for m, b in self.modules(a))
            for vsn in "12":
                put(f"{self.root}/lib/a{a}-{vsn}/app.yaml", f"application: a{a}\nversion: {vsn}\n"
                    f"modules: [{', '.join(m for m, _ in self.modules(a))}]\n")
            put(f"{self.root}/lib/a{a}-2/appup.yaml",
                f"application: a{a}\nversion: 2\nup:\n  - from: 1\n    instructions:\n"
                f"{steps}down:\n  - to: 1\n    instructions:\n{steps}")
        for vsn in "12":
            lines = "".join(f"  - {{application: a{a}, version: {vsn}}}\n" for a in range(self.apps))
            put(f"{self.root}/{vsn}.yaml",
                f'release: big\nversion: {vsn}\nruntime: "1"\napplications:\n{lines}')

    def write_otp(self):
        for a in range(self.apps):
            names = ", ".join(m for m, _ in self.modules(a))
            steps = ", ".join(f"{{update, {m}, {{advanced, []}}, soft_purge, soft_purge, [{b or ''}]}}"
                              for m, b in self.modules(a))
            for vsn in "12":
                put(f"{self.root}/lib/a{a}-{vsn}/ebin/a{a}.app",
                    f'{{application, a{a}, [{{description, ""}}, {{vsn, "{vsn}"}}, {{modules, [{names}]}}, '
                    "{registered, []}, {applications, []}]}.\n")
            put(f"{self.root}/lib/a{a}-2/ebin/a{a}.appup",
                f'{{"2", [{{"1", [{steps}]}}], [{{"1", [{steps}]}}]}}.\n')
        for vsn in "12":
            apps = ", ".join(f'{{a{a}, "{vsn}"}}' for a in range(self.apps))
            put(f"{self.root}/{vsn}.apps",
                f'{{release, {{"big", "{vsn}"}}, {{erts, "1"}}, [{apps}]}}.\n')

    def make(self, bench):
        """ms of one relctl relup make, from its start to its end"""
        begin = time.monotonic()
        subprocess.run([bench.program("relctl"), "-q", "relup", "make", f"{self.root}/2.yaml", "--lib",
                        f"{self.root}/lib", "--from", f"{self.root}/1.yaml", "--out",
                        f"{self.root}/relup.json"], env=bench.env, check=True)
        return (time.monotonic() - begin) * 1000

    def make_otp(self, bench):
        """ms of systools' function alone: without the start of the virtual machine"""
        r = subprocess.run(["erl", "-noinput", "-eval", PEER], cwd=self.root, stdout=subprocess.PIPE,
                           env=dict(bench.env, HOME=self.root), check=True, timeout=1200)
        return int(r.stdout) / 1000


def measure(bench, name, apps, chain, target, say):
    release = Release(os.path.join(bench.dir, "make"), apps, chain)
    release.write()
    took = [release.make(bench) for _ in range(3 if bench.quick else 10)]
    ms, peer = statistics.median(took), {}
    if shutil.which("erl") is None:
        say("Erlang is not installed: no systools to compare with")
    elif bench.quick:
        say("systools takes a minute: left out with QUICK")
    else:
        release.write_otp()
        peer = {"systools_ms": round(release.make_otp(bench))}
    shutil.rmtree(release.root)
    bench.figure(f"relup_make_{name}", ms, "ms", target, len(took), **peer)
    if peer:  # so that less is better, as everywhere
        bench.figure(f"relup_make_{name}_of_systools", ms / peer["systools_ms"], "", 0.01, 1,
                     times_faster=round(peer["systools_ms"] / ms))


def linear(bench, name, sizes, chain):
    """The time an application at the largest size, as a multiple of that at the smallest."""
    each = {}
    for apps in sizes:
        release = Release(os.path.join(bench.dir, "make"), apps, chain)
        release.write()
        each[apps] = min(release.make(bench) for _ in range(3 if bench.quick else 10)) * 1000 / apps
        shutil.rmtree(release.root)
    bench.figure(f"relup_make_{name}_growth", each[sizes[-1]] / each[sizes[0]], "", 1.5, len(each),
                 us_an_application={n: round(us) for n, us in each.items()})
