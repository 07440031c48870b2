#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The figures of an upgrade, measured: `make bench` (QUICK=1: fewer laps, smaller groups).

One JSON line a figure on stdout ({"figure", "value", "unit", "target", "runs", "met"} and what else
explains it), then a table; progress on stderr.  A target is the greatest value that is good enough;
null: none.  Machines are noisy, so what counts is a ratio to a floor, or a difference to a quiet
stretch, that was measured beside it in the same run.

Everything happens in a directory of its own under $TMPDIR, which is taken away at the end.
"""
import argparse
import contextlib
import hashlib
import json
import os
import platform
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # the source may be read-only
import relup  # noqa: E402

HEY = {"0.1.0": "Hey there!", "0.1.1": "Hey there, next version!"}


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


class Failed(Exception):
    pass


class Bench:
    """What all measurements share: where things are, how much to do, and the figures so far."""

    def __init__(self, build, source, quick, only):
        self.build, self.source, self.quick, self.only = build, source, quick, only
        self.laps = 5 if quick else 20
        self.figures = []
        self.dir = tempfile.mkdtemp(prefix="relup-bench.")
        self.env = dict(os.environ, NO_COLOR="1")
        self.relworker = self.program("relworker-1")

    def program(self, name):
        return os.path.join(self.build, name)

    def figure(self, name, value, unit, target, runs, **more):
        met = None if target is None else value <= target
        f = {"figure": name, "value": round(value, 4), "unit": unit, "target": target,
             "runs": runs, "met": met, **more}
        self.figures.append(f)
        print(json.dumps(f), flush=True)

    def json_of(self, *argv):
        r = subprocess.run([self.program(argv[0]), *map(str, argv[1:])], env=self.env,
                           stdout=subprocess.PIPE, check=True)
        return json.loads(r.stdout)

    def floor_rounds(self, n, laps):
        return self.json_of("bench/floor", "rounds", n, laps)["median_us"]


def port_free():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---------------------------------------------------------------------------- a host
class Host:
    """A root with its relupd."""

    def __init__(self, bench, root):
        self.bench, self.root, self.process = bench, root, None
        self.pids = set()

    def start(self):
        with open(os.path.join(self.bench.dir, "relupd.log"), "ab") as log:
            self.process = subprocess.Popen(
                [self.bench.program("relupd"), "--root", self.root, "--foreground"],
                env=self.bench.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def relctl(self, *argv, ok=(0,)):
        r = subprocess.run([self.bench.program("relctl"), "--root", self.root, "-o", "json", "-q",
                            *argv], env=self.bench.env, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE)
        if r.returncode not in ok:
            raise Failed(f"relctl {' '.join(argv)}: exit {r.returncode}\n"
                         f"{r.stdout.decode()}{r.stderr.decode()}")
        return json.loads(r.stdout)

    def connect(self):
        """A connection to relupd as relctl makes it; None while there is none to be had.  Asking so
        again and again costs the processors less than a relctl for each question."""
        try:
            run = os.open(os.path.join(self.root, "run"), os.O_PATH)
        except FileNotFoundError:
            return None
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(f"/proc/self/fd/{run}/control.sock")  # its path may be too long
        except OSError:
            s.close()
            return None
        finally:
            os.close(run)
        with s:
            return s.makefile("rwb")

    @staticmethod
    def workers(connection, only):
        params = {} if only is None else {"worker": only}
        connection.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": "status",
                                     "params": params}).encode() + b"\n")
        connection.flush()
        return json.loads(connection.readline())["result"]["workers"]

    def wait_running(self, count, seconds=120):
        """pid by worker, as soon as all run.  Asks for one that does not, and then for all again."""
        end = time.monotonic() + seconds
        connection, missing = None, None
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise Failed(f"relupd ended: see {self.bench.dir}/relupd.log")
            time.sleep(0.001)
            if connection is None:
                connection = self.connect()
                continue
            seen = self.workers(connection, missing)
            run = {w["worker"]: w["pid"] for w in seen if w["state"] == "running"}
            if len(run) == count:
                connection.close()
                self.pids.update(run.values())
                return run
            missing = next((w["worker"] for w in reversed(seen) if w["worker"] not in run), None)
        raise Failed(f"{missing} does not run after {seconds} s")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("relupd did not end within 60 s of SIGTERM") from None
        finally:
            self.end_orphans()

    def end_orphans(self):
        """Workers outlive their relupd by design: those of one that died are ended here."""
        for pid in self.pids:
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    if self.root.encode() in f.read():
                        os.kill(pid, signal.SIGKILL)


@contextlib.contextmanager
def host(bench, root, count, keep=False):
    h = Host(bench, root)
    h.start()
    try:
        h.wait_running(count)
        yield h
    finally:
        h.stop()
        if not keep:
            shutil.rmtree(root)


def demo_root(bench, port, count=1):
    root = os.path.join(bench.dir, "demo")
    subprocess.run(["sh", os.path.join(bench.source, "releases", "demo-root.sh"), bench.build,
                    bench.source, root, str(port), str(count)], env=bench.env, check=True,
                   stderr=subprocess.DEVNULL)
    return root


def module_root(bench, app, module, hops, args, count=1):
    """A release of `count` workers of one module of bench/modules.  hops: the release before each
    version and the change of it, by version; the first one is permanent."""
    root = os.path.join(bench.dir, app)
    for vsn, hop in hops.items():
        path, rel = f"{root}/lib/{app}-{vsn}", f"{root}/releases/{vsn}"
        os.makedirs(f"{path}/modules")
        os.makedirs(rel)
        shutil.copy(bench.program(f"bench/modules/.libs/{module}-{vsn}.so"),
                    f"{path}/modules/{module}.so")
        with open(f"{path}/app.yaml", "w", encoding="utf-8") as f:
            f.write(f"application: {app}\nversion: {vsn}\nmodules: [{module}]\n"
                    f"supervisor:\n  children:\n    - id: {module}\n      module: {module}\n"
                    f"      args: {args}\n      count: {count}\n")
        with open(f"{rel}/release.yaml", "w", encoding="utf-8") as f:
            f.write(f'release: {app}\nversion: {vsn}\nruntime: "1"\n'
                    f"applications: [{{application: {app}, version: {vsn}}}]\n")
        if hop is None:
            continue
        base, change = hop
        step = f"instructions: [update: {{module: {module}, change: {change}}}]"
        with open(f"{path}/appup.yaml", "w", encoding="utf-8") as f:
            f.write(f"application: {app}\nversion: {vsn}\n"
                    f"up:\n  - from: {base}\n    {step}\ndown:\n  - to: {base}\n    {step}\n")
        subprocess.run([bench.program("relctl"), "-q", "relup", "make", f"{rel}/release.yaml",
                        "--lib", f"{root}/lib", "--from", f"{root}/releases/{base}/release.yaml", "--out",
                        f"{rel}/relup.json"], env=bench.env, check=True)
    subprocess.run([bench.program("relctl"), "-q", "root", "init", root, "--release", next(iter(hops))],
                   env=bench.env, check=True, stderr=subprocess.DEVNULL)
    return root


TWO_LAYOUTS = {"0.1.0": None, "0.1.1": ("0.1.0", "{advanced: {}}")}


def group_root(bench, count, items=0):
    """A release of `count` workers of module member (bench/modules/member.c) in three versions."""
    hops = dict(TWO_LAYOUTS, **{"0.1.2": ("0.1.1", "soft")})
    return module_root(bench, "group", "member", hops, f"{{items: {items}}}", count)


# ---------------------------------------------------------------------------- the load
class Client:
    """bench/client, told by stdin, heard on stdout."""

    def __init__(self, bench, port, connections):
        self.process = subprocess.Popen(
            [bench.program("bench/client"), "--port", str(port), "--connections", str(connections),
             "--rate", "2000"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        if not json.loads(self.process.stdout.readline() or "{}").get("ready"):
            raise Failed("the client did not get its connections")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def report(self, name):
        line = self.process.stdout.readline()
        if not line or (r := json.loads(line))["window"] != name:
            raise Failed(f"the client's report of {name} was: {line}")
        return r

    def expect(self, old, new):
        self.tell("expect " + (f"old={old} " if old else "") + f"new={new}")
        if not json.loads(self.process.stdout.readline() or "{}").get("expected"):
            raise Failed("the client did not come to know what is right")

    def total(self):
        self.tell("quit")
        r = self.report("total")
        self.process.stdin.close()
        self.process.stdout.close()
        self.process.wait()
        return r


def beside_quiet(client, lap, act):
    """Greatest latency (ms) in a window in which `act` runs, less that of a quiet one as long."""
    client.tell(f"mark act{lap}")
    begin = time.monotonic()
    result = act()
    length = max(time.monotonic() - begin + 0.02, 0.1)
    time.sleep(begin + length - time.monotonic())
    client.tell("mark")  # not reported: what comes after the act belongs to neither
    time.sleep(0.05)
    client.tell(f"mark quiet{lap}")
    time.sleep(length)
    client.tell("mark")
    acted, quiet = client.report(f"act{lap}"), client.report(f"quiet{lap}")
    return (acted["max_us"] - quiet["max_us"]) / 1000, acted, quiet, result


class Series:
    """The laps of one kind of act at one number of connections."""

    def __init__(self):
        self.gaps, self.acted, self.quiet, self.results = [], [], [], []

    def add(self, gap, acted, quiet, result):
        self.gaps.append(gap)
        self.acted.append(acted["max_us"] / 1000)
        self.quiet.append(quiet["max_us"] / 1000)
        self.results.append(result)

    def us(self, key):
        return round(statistics.median(r[key] for r in self.results))

    def figure(self, bench, name, target):
        gap = statistics.median(self.gaps)
        bench.figure(name, gap, "ms", target, len(self.gaps),
                     with_ms=round(statistics.median(self.acted), 3),
                     quiet_ms=round(statistics.median(self.quiet), 3),
                     suspended_us=self.us("suspended_us"),
                     longest_pause_us=self.us("longest_pause_us"),
                     total_us=self.us("total_us"))
        return gap


def want(result, outcome):
    if result["outcome"] != outcome:
        raise Failed(f"expected {outcome}: {json.dumps(result)}")
    return result


def gaps(bench, connections):
    """0.1.0 to 0.1.1 and back, and the release that refuses, under load."""
    limit = {1: 1, 100: 1, 1000: 1, 10000: 5}[connections]
    up, down, refused, rehearsed = Series(), Series(), Series(), Series()
    port = port_free()
    with host(bench, demo_root(bench, port), 1) as h:
        client = Client(bench, port, connections)
        old, new = HEY["0.1.0"], HEY["0.1.1"]
        for lap in range(bench.laps):
            client.expect(old, new)
            up.add(*beside_quiet(client, lap,
                                 lambda: want(h.relctl("upgrade", "0.1.1"), "upgraded")))
            client.expect(new, old)
            down.add(*beside_quiet(client, lap,
                                   lambda: want(h.relctl("downgrade", "0.1.0"), "upgraded")))
            client.expect("", old)
            refused.add(*beside_quiet(client, lap, lambda: want(
                h.relctl("upgrade", "0.1.1-refuse", "--rehearse", "never", ok=(5,)),
                "rolled_back")))
            rehearsed.add(*beside_quiet(client, lap, lambda: want(
                h.relctl("upgrade", "0.1.1-refuse", ok=(1,)), "unchanged")))
        total = client.total()
    good = up.figure(bench, f"gap_upgrade_{connections}", limit)
    down.figure(bench, f"gap_downgrade_{connections}", limit)
    twice = round(2 * max(good, 0.5), 3)  # below half a millisecond both are noise
    refused.figure(bench, f"gap_refused_{connections}", twice)
    rehearsed.figure(bench, f"gap_refused_by_rehearsal_{connections}", twice)
    bad = sum(total[k] for k in ("wrong", "disorder", "lost", "dropped", "skipped"))
    bench.figure(f"dropped_lost_wrong_{connections}", bad, "requests", 0, total["sent"])


# ---------------------------------------------------------------------------- groups
def group(bench, count):
    """A group of worker processes with a change of state, beside the two rounds it cannot avoid."""
    laps = 3 if bench.quick else 10
    suspended, pauses, floors, ratios = [], [], [], []
    with host(bench, group_root(bench, count), count) as h:
        for _ in range(laps):
            for verb, to in (("upgrade", "0.1.1"), ("downgrade", "0.1.0")):
                floor = bench.floor_rounds(count, 10)
                r = want(h.relctl(verb, to), "upgraded")
                suspended.append(r["suspended_us"])
                pauses.append(r["longest_pause_us"])
                floors.append(floor)
                ratios.append(r["suspended_us"] / floor)
    bench.figure(f"group_{count}_suspended", statistics.median(suspended) / 1000, "ms",
                 round(1.3 * statistics.median(floors) / 1000, 4), len(suspended),
                 floor_ms=round(statistics.median(floors) / 1000, 3),
                 ratio=round(statistics.median(ratios), 2),
                 longest_pause_us=round(statistics.median(pauses)))


def states(bench):
    count, laps = 100000, 3 if bench.quick else 10
    suspended = []
    with host(bench, group_root(bench, 1, count), 1) as h:
        before = h.relctl("call", "group/member/0", "{}")
        for _ in range(laps):
            suspended.append(want(h.relctl("upgrade", "0.1.1"), "upgraded")["suspended_us"])
            suspended.append(want(h.relctl("downgrade", "0.1.0"), "upgraded")["suspended_us"])
        after = h.relctl("call", "group/member/0", "{}")
        if (after["items"], after["sum"], after["changes"]) != (count, before["sum"], 2 * laps):
            raise Failed(f"the state was {before} and is {after}")
    bench.figure("states_100000_suspended", statistics.median(suspended) / 1000, "ms", 105,
                 len(suspended), note="target: a twentieth of OTP's 2.1 s")


def records(bench, shape):
    """A million records of 64 bytes converted, beside the same loop in a program of its own; and without
    a rehearsal before it, after which each page is written to for the first time again."""
    laps = 3 if bench.quick else 10
    floors, took, ratios = [], {"auto": [], "never": []}, {"auto": [], "never": []}
    root = module_root(bench, "records", "records", TWO_LAYOUTS, f"{{list: {int(shape == 'list')}}}")
    with host(bench, root, 1) as h:
        before = h.relctl("call", "records/records/0", "{}")
        for lap in range(2 * laps):
            how = ("auto", "never")[lap % 2]
            floor = bench.json_of("bench/records", shape, 3)
            for verb, to, way in (("upgrade", "0.1.1", "up_us"), ("downgrade", "0.1.0", "down_us")):
                us = want(h.relctl(verb, to, "--rehearse", how), "upgraded")["suspended_us"]
                took[how].append(us)
                floors.append(floor[way])
                ratios[how].append(us / floor[way])
        after = h.relctl("call", "records/records/0", "{}")
        if after != before:
            raise Failed(f"the state was {before} and is {after}")
    floor = statistics.median(floors) / 1000
    for how, name in (("auto", "suspended"), ("never", "unrehearsed")):
        bench.figure(f"records_1000000_{shape}_{name}", statistics.median(took[how]) / 1000, "ms",
                     round(1.05 * floor, 3), len(took[how]), floor_ms=round(floor, 3),
                     ratio=round(statistics.median(ratios[how]), 3))


def rehearsal(bench, mb):
    """How long a worker of so many MB stands still to be rehearsed, beside the fork of a bare process
    of that size, and a bare fork of the same worker."""
    laps = 5 if bench.quick else 20
    pauses, floors, own, ratios = [], [], [], []
    with host(bench, module_root(bench, "ballast", "ballast", TWO_LAYOUTS, f"{{mb: {mb}}}"), 1) as h:
        for _ in range(laps):
            floor = bench.json_of("bench/floor", "fork", mb, 5)["median_us"]
            own.append(h.relctl("call", "ballast/ballast/0", '{"fork": 1}')["fork_us"])
            want(h.relctl("upgrade", "0.1.1", ok=(1,)), "unchanged")
            us = h.relctl("call", "ballast/ballast/0", "{}")["pause_us"]
            if us == 0:
                raise Failed("the worker did not see that it was forked")
            pauses.append(us)
            floors.append(floor)
            ratios.append(us / floor)
    floor, same = statistics.median(floors) / 1000, statistics.median(own) / 1000
    pause = statistics.median(pauses) / 1000
    bench.figure(f"rehearsal_{mb}mb_pause", pause, "ms", round(1.1 * floor, 4), len(pauses),
                 fork_ms=round(floor, 4), ratio=round(statistics.median(ratios), 3),
                 own_fork_ms=round(same, 4), own_ratio=round(pause / same, 3))


def one_worker(bench):
    laps = 5 if bench.quick else 20
    suspended = []
    with host(bench, group_root(bench, 1), 1) as h:
        h.relctl("upgrade", "0.1.1")
        trip = bench.json_of("bench/floor", "trip")
        for _ in range(laps):
            suspended.append(want(h.relctl("upgrade", "0.1.2"), "upgraded")["suspended_us"])
            suspended.append(want(h.relctl("downgrade", "0.1.1"), "upgraded")["suspended_us"])
    us = statistics.median(suspended)
    peer = max(trip["other_cpu_us"], trip["futex_us"])
    bench.figure("one_worker_no_change_suspended", us, "us", round(3 * peer, 1), len(suspended),
                 trip_socket_us=trip["other_cpu_us"], trip_futex_us=trip["futex_us"],
                 trip_same_cpu_us=trip["same_cpu_us"], ratio=round(us / peer, 2))


# ---------------------------------------------------------------------------- the rest
def dispatch(bench):
    r = bench.json_of("bench/dispatch")
    bench.figure("dispatch_over_table_call", r["dispatch_ns"] - r["table_ns"], "ns", 1, r["runs"],
                 dispatch_ns=r["dispatch_ns"], table_ns=r["table_ns"])


def bare_spawn(bench, root, count):
    """ms of a bare loop that starts the same program with the same module file."""
    path = os.path.realpath(f"{root}/lib/group-0.1.0/modules/member.so")
    with open(path, "rb") as f:
        data = f.read()
    sock, modules = os.path.join(bench.dir, "spawn"), os.path.join(bench.dir, "modules.json")
    os.makedirs(sock, exist_ok=True)
    with open(modules, "w", encoding="utf-8") as f:
        json.dump([{"module": "member", "application": "group", "version": "0.1.0", "path": path,
                    "digest": hashlib.sha256(data).hexdigest(), "size": len(data)}], f)
    return bench.json_of("bench/spawn", count, bench.relworker, sock, modules, "member")["ready_ms"]


def start_up(bench, count):
    """From the start of relupd to all workers ready, beside a bare loop of posix_spawn.  Not the first
    start of a root, which also makes a log file for each worker."""
    took, bare = [], []
    root = group_root(bench, count)
    with host(bench, root, count, keep=True):
        pass
    for _ in range(2 if bench.quick else 10):
        bare.append(bare_spawn(bench, root, count))
        begin = time.monotonic()
        with host(bench, root, count, keep=True):
            took.append((time.monotonic() - begin) * 1000)
    shutil.rmtree(root)
    ms, floor = statistics.median(took), statistics.median(bare)
    bench.figure(f"workers_ready_{count}", ms, "ms", round(1.3 * floor, 1), len(took),
                 bare_ms=round(floor, 1), ratio=round(ms / floor, 2),
                 note="with the start of relupd and the asking")


def adopt(bench, count):
    """kill -9 of relupd, start again: until all workers are known to run, none of them another."""
    took = []
    with host(bench, group_root(bench, count), count) as h:
        before = h.wait_running(count)
        for _ in range(2 if bench.quick else 10):
            h.kill()
            begin = time.monotonic()
            h.start()
            after = h.wait_running(count)
            took.append((time.monotonic() - begin) * 1000)
            if after != before:
                raise Failed(f"workers were lost: {set(before.items()) ^ set(after.items())}")
        want(h.relctl("upgrade", "0.1.1"), "upgraded")
    bench.figure(f"adopt_{count}", statistics.median(took), "ms", 250, len(took), lost=0,
                 note="with the start of relupd and the asking")


def measurements(bench):
    sizes = (10, 100) if bench.quick else (10, 100, 1000)
    yield "dispatch", lambda: dispatch(bench)
    for n in (1, 100, 1000) if bench.quick else (1, 100, 1000, 10000):
        yield f"gap_{n}", lambda n=n: gaps(bench, n)
    for n in sizes:
        yield f"group_{n}", lambda n=n: group(bench, n)
    yield "states", lambda: states(bench)
    for shape in ("array", "list"):
        yield f"records_{shape}", lambda shape=shape: records(bench, shape)
    for mb in (10, 100, 1024):
        yield f"rehearsal_{mb}", lambda mb=mb: rehearsal(bench, mb)
    yield "one_worker", lambda: one_worker(bench)
    for n in sizes[1:]:
        yield f"ready_{n}", lambda n=n: start_up(bench, n)
    yield f"adopt_{sizes[-1]}", lambda: adopt(bench, sizes[-1])
    yield "relup_make", lambda: relup.measure(bench, "1000x10", 1000, False, 300, say)
    yield "relup_make_chain", lambda: relup.measure(bench, "100x10_chain", 100, True, 100, say)
    yield "relup_make_growth", lambda: relup.linear(bench, "x10", (250, 500, 1000, 2000), False)
    yield "relup_make_chain_growth", lambda: relup.linear(bench, "x10_chain", (50, 100, 200, 400), True)


def machine():
    model = "?"
    with open("/proc/cpuinfo", encoding="utf-8") as f:
        model = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")),
                     platform.machine())
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return {"cpu": model, "cpus": len(os.sched_getaffinity(0)),
            "memory_gb": round(pages / 2**30, 1), "kernel": platform.release(), "load": round(os.getloadavg()[0], 2)}


def table(bench, here):
    print(f"\n{here['cpu']}, {here['cpus']} CPUs, {here['memory_gb']} GB, Linux {here['kernel']}\n")
    print(f"| {'figure':36} | {'value':>12} | {'target':>12} | runs | met |")
    print(f"|{'-' * 38}|{'-' * 13}:|{'-' * 13}:|-----:|-----|")
    for f in bench.figures:
        target = "" if f["target"] is None else f"{f['target']:.6g} {f['unit']}"
        met = {True: "yes", False: "NO", None: ""}[f["met"]]
        value = f"{f['value']:.4g} {f['unit']}"
        print(f"| {f['figure']:36} | {value:>12} | {target:>12} | {f['runs']:>4} | {met:3} |")


def main():
    p = argparse.ArgumentParser(description="figures of relup")
    p.add_argument("--build", required=True, help="build directory")
    p.add_argument("--source", required=True, help="source directory")
    p.add_argument("--quick", action="store_true", help="fewer laps, smaller groups")
    p.add_argument("--only", action="append", default=[], help="one measurement (repeatable)")
    a = p.parse_args()
    bench = Bench(os.path.abspath(a.build), os.path.abspath(a.source), a.quick, a.only)
    names = [name for name, _ in measurements(bench)]
    if unknown := [name for name in a.only if name not in names]:
        shutil.rmtree(bench.dir, ignore_errors=True)
        p.error(f"no measurement is called {', '.join(unknown)}; there are {', '.join(names)}")
    here = machine()
    print(json.dumps({"machine": here}), flush=True)
    if here["load"] > 0.5 * here["cpus"]:
        say(f"the machine is busy (load {here['load']}): expect noise")
    failures = 0
    try:
        for name, measure in measurements(bench):
            if bench.only and name not in bench.only:
                continue
            say(name)
            try:
                measure()
            except (Failed, subprocess.CalledProcessError) as e:
                failures += 1
                say(f"{name} could not be measured: {e}")
    finally:
        if failures and os.path.exists(log := os.path.join(bench.dir, "relupd.log")):
            with open(log, encoding="utf-8", errors="replace") as f:
                say("the end of relupd's log:\n" + "".join(f.readlines()[-20:]))
        shutil.rmtree(bench.dir, ignore_errors=True)
    table(bench, here)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
