#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""relupd and its workers are killed in the middle of operations, clients connected; then what must
hold is looked at.  Prints TAP.

    sweep.py points [MATCH]      at each fault point of src/base/fault_tbl.h (EXEC_*, STORE_*), where
                                 the build has them (--enable-faults); MATCH: only cases that hold it
    sweep.py long [MATCH]        the same, with more releases and numbers of workers
    sweep.py random LAPS [SEED]  relupd, or a worker, at random moments

What must hold after each: relctl's operation ended with one outcome, and the journal has the same;
exactly one release runs, the one the outcome says; each worker is one process, with that release's
modules and no others; no connection was dropped and no answer lost, but of a worker that died; and
the next operation works.
"""
import contextlib
import json
import os
import random
import re
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

BUILD = os.environ["top_builddir"]
SRC = os.environ["top_srcdir"]
LIMIT = 60.0  # seconds, for what must come; never for what must not
HEY = {"0.1.0": "Hey there!", "0.1.1": "Hey there, next version!"}
MODULES = {"0.1.0": {"listener": "0.1.0", "greeting": "0.1.0"},
           "0.1.1": {"listener": "0.1.1", "greeting": "0.1.1"}}
STATUS = {"upgraded": 0, "unchanged": 1, "rolled_back": 5}


class Wrong(Exception):
    pass


def must(what, text):
    if not what:
        raise Wrong(text)


def until(what, text):
    """Asks again until it is so.  Nothing tells of these events; the wait gives the processor away."""
    end = time.monotonic() + LIMIT
    gap = threading.Event()
    while True:
        found = what()
        if found:
            return found
        must(time.monotonic() < end, text)
        gap.wait(0.005)


# ---------------------------------------------------------------------------- the clients
class Clients(threading.Thread):
    """Connections that ask without a break, each its next question when the last was answered."""

    def __init__(self, port, count):
        super().__init__(daemon=True)
        self.selector = selectors.DefaultSelector()
        self.conns = []
        self.ending = threading.Event()
        self.failed = None
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", port), timeout=LIMIT)
            c = {"socket": s, "buffer": b"", "asked": 0, "answers": [], "dropped": False}
            self.conns.append(c)
            self.ask(c)
            self.selector.register(s, selectors.EVENT_READ, c)
        self.start()

    def ask(self, c):
        c["asked"] += 1
        with contextlib.suppress(OSError):  # the read says what became of it
            c["socket"].sendall(b"hello\n")

    def read(self, c):
        try:
            data = c["socket"].recv(4096)
        except OSError:
            data = b""
        if not data:
            c["dropped"] = True
            self.selector.unregister(c["socket"])
            return
        c["buffer"] += data
        while b"\n" in c["buffer"]:
            line, c["buffer"] = c["buffer"].split(b"\n", 1)
            c["answers"].append((time.monotonic(), line.decode()))
            if not self.ending.is_set():
                self.ask(c)

    def run(self):
        try:
            while not self.ending.is_set() or self.open_questions():
                for key, _ in self.selector.select(0.05):
                    self.read(key.data)
                self.ending.wait(0.001)
        except Exception as e:  # pylint: disable=broad-except
            self.failed = e

    def open_questions(self):
        return any(not c["dropped"] and len(c["answers"]) < c["asked"] for c in self.conns)

    def answered_since(self, when):
        """Each connection that lives was answered after that moment; the texts."""
        live = [c for c in self.conns if not c["dropped"]]
        texts = set()
        for c in live:
            late = [t for at, t in c["answers"][-50:] if at > when]
            if not late:
                return None
            texts.add(late[-1])
        return texts or {""}

    def await_round(self):
        now = time.monotonic()
        return until(lambda: self.answered_since(now), "a connection is not answered")

    def dropped(self):
        return sum(c["dropped"] for c in self.conns)

    def end(self):
        self.ending.set()
        self.join(LIMIT)
        must(not self.is_alive(), "an answer is lost")
        must(self.failed is None, f"the clients failed: {self.failed}")
        for c in self.conns:
            c["socket"].close()


# ---------------------------------------------------------------------------- the host
def port_free():
    """Below the ports that the kernel gives to clients: those of other tests come and go."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        low = int(f.read().split()[0])
    ports = [random.SystemRandom().randrange(10000, low) for _ in range(200)] if low > 11000 else []
    for port in ports + [0]:
        with socket.socket() as s:
            with contextlib.suppress(OSError):
                s.bind(("127.0.0.1", port))
                return s.getsockname()[1]
    raise Wrong("no free port")


def instructions(way, version, up):
    """Two steps: the greeting in a bracket of its own, then the listener."""
    one = [{"suspend": [{"module": "greeting"}]}, {"load": {"module": "greeting"}},
           {"resume": ["greeting"]}]
    two = [{"suspend": [{"module": "listener"}]}, {"load": {"module": "listener"}},
           {"code_change": {"mode": way, "modules": [{"module": "listener", "extra": {}}]}},
           {"resume": ["listener"]}]
    code = {"load_object_code": {"application": "hello", "version": version,
                                 "modules": ["greeting", "listener"]}}
    return [code, "point_of_no_return"] + (one + two if up else two + one)


class Host:
    """A demo root in a directory of its own, with relupd and clients."""

    def __init__(self, count, connections, two_steps=False, release="0.1.0"):
        self.dir = tempfile.mkdtemp(prefix="relup-crash.")
        self.root = os.path.join(self.dir, "root")
        self.port = port_free()
        self.count = count
        self.daemon = None
        self.clients = None
        self.connections = connections
        made = subprocess.run(["sh", f"{SRC}/releases/demo-root.sh", BUILD, SRC, self.root,
                               str(self.port), str(count), release], check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        must(made.returncode == 0, made.stdout)
        if two_steps:
            for version in ("0.1.1", "0.1.1-refuse"):
                self.rewrite(version)

    def rewrite(self, version):
        path = f"{self.root}/releases/{version}/relup.json"
        with open(path, encoding="utf-8") as f:
            relup = json.load(f)
        relup["up"][0]["instructions"] = instructions("up", version, True)
        relup["down"][0]["instructions"] = instructions("down", "0.1.0", False)
        with open(path, "w", encoding="utf-8") as f:
            json.dump(relup, f)

    def many_restarts(self):
        """Kills beyond the sample's intensity would make it back off."""
        for app in os.listdir(f"{self.root}/lib"):
            path = f"{self.root}/lib/{app}/app.yaml"
            with open(path, encoding="utf-8") as f:
                text = f.read()
            must("supervisor:\n" in text, f"{path} has no supervisor")
            with open(path, "w", encoding="utf-8") as f:
                f.write(text.replace("supervisor:\n", "supervisor:\n  intensity: 1000\n"))

    def start(self, fault=None):
        """Returns when relupd is ready."""
        path = os.path.join(self.dir, "notify")
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s, \
                open(f"{self.dir}/log", "a", encoding="utf-8") as log:
            s.bind(path)
            s.settimeout(LIMIT)
            env = dict(os.environ, NOTIFY_SOCKET=path)
            env.pop("RELUP_FAULT", None)
            if fault:
                env["RELUP_FAULT"] = fault
            self.daemon = subprocess.Popen([f"{BUILD}/relupd", "--root", self.root, "--foreground"],
                                           env=env, stderr=log, stdin=subprocess.DEVNULL)
            try:
                s.recv(4096)
            except TimeoutError:
                raise Wrong("relupd is not ready") from None

    def connect(self):
        self.clients = Clients(self.port, self.connections)
        self.clients.await_round()

    def relctl(self, *args):
        return subprocess.Popen([f"{BUILD}/relctl", "--root", self.root, "-o", "json", *args],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, *args, ok=(0,)):
        p = self.relctl(*args)
        out, err = p.communicate(timeout=LIMIT)
        must(p.returncode in ok, f"relctl {' '.join(args)}: status {p.returncode}: {out} {err}")
        return json.loads(out)

    def processes(self):
        """The pids whose command line names this root's socket, by worker."""
        found = {}
        want = f"{self.root}/run/workers.sock".encode()
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):
                with open(f"/proc/{pid}/cmdline", "rb") as f:
                    args = f.read().split(b"\0")
                if want in args:
                    found.setdefault(args[args.index(want) + 1].decode(), []).append(int(pid))
        return found

    def stop(self):
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.send_signal(signal.SIGTERM)
            must(self.daemon.wait(LIMIT) == 0, "relupd did not end well")
        until(lambda: not self.processes(), "a worker outlives relupd's end")

    def close(self, keep_log):
        if self.clients is not None:
            self.clients.ending.set()
        if self.daemon is not None and self.daemon.poll() is None:
            self.daemon.kill()
            self.daemon.wait()
        for pids in self.processes().values():
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        if keep_log:
            with open(f"{self.dir}/log", encoding="utf-8", errors="replace") as f:
                for line in f.read().splitlines()[-40:]:
                    print("# " + line)
        shutil.rmtree(self.dir, ignore_errors=True)


# ---------------------------------------------------------------------------- what must hold
def settled(host, dead=None):
    """The status when nothing is under way, all workers run, and what they heard of the end late
    (relupd died before it could tell them) is obeyed.  A process that was killed is seen to be."""
    def look():
        s = host.ask("status", ok=(0, 1))
        well = s["operation"] is None and all(
            w["state"] == "running" and w["pid"] != dead and all(m["old"] is None for m in w["modules"])
            for w in s["workers"])
        return s if well else None
    return until(look, "the workers do not come to run, or keep old code")


def check_release(host, version):
    s = settled(host)
    must(s["release"]["version"] == version, f"{s['release']['version']} runs and not {version}")
    must(len(s["workers"]) == host.count, f"{len(s['workers'])} workers")
    for w in s["workers"]:
        have = {m["module"]: m["current"] for m in w["modules"]}
        must(have == MODULES[version], f"{w['worker']} runs {have}, and the release is {version}")
    pids = {w["worker"]: [w["pid"]] for w in s["workers"]}
    have = host.processes()
    must(have == pids, f"processes {have}, and the status says {pids}")
    texts = host.clients.await_round()
    must(texts in ({HEY[version]}, {""}), f"the clients hear {texts}, and the release is {version}")
    held = 0
    for name in pids:
        held += host.ask("call", name, "{}")["connections"]
    live = len(host.clients.conns) - host.clients.dropped()
    must(held == live, f"the workers hold {held} connections, the clients {live}")
    return {name: p[0] for name, p in pids.items()}


def check_history(host, result):
    history = host.ask("history")
    must(all(h["outcome"] for h in history), "an operation has no outcome")
    if result is not None:
        must(history[0]["operation"] == result["operation"], "the last operation is another one")
        must(history[0]["outcome"] == result["outcome"],
             f"the journal says {history[0]['outcome']}, the client heard {result['outcome']}")
    return history


def check_order(host, texts):
    """No connection hears these texts in another order."""
    for c in host.clients.conns:
        at = 0
        for _, text in c["answers"]:
            while at < len(texts) and texts[at] != text:
                at += 1
            must(at < len(texts), f"'{text}' came too late")


def check_next(host, version):
    """The other release can be reached from here, and nobody notices."""
    verb, to = ("upgrade", "0.1.1") if version == "0.1.0" else ("downgrade", "0.1.0")
    r = host.ask(verb, to)
    must(r["outcome"] == "upgraded", f"{verb} {to}: {r['outcome']}")
    check_history(host, r)
    return check_release(host, to)


def outcome_of(relctl, host):
    """The result; None of an operation that was never begun: then the journal knows of none."""
    out, err = relctl.communicate(timeout=LIMIT)
    must(out, f"relctl said nothing: status {relctl.returncode}: {err}")
    r = json.loads(out)
    if "outcome" not in r:
        must(relctl.returncode in (1, 69), f"status {relctl.returncode} without an outcome: {out}")
        must(host.ask("history") == [], f"begun, and relctl did not wait for its end: {out} {err}")
        return None
    must(r["outcome"] in STATUS, f"the outcome is {r['outcome']}: {r['error']}")
    must(relctl.returncode == STATUS[r["outcome"]],
         f"{r['outcome']} with status {relctl.returncode}: {r['error']}")
    return r


# ---------------------------------------------------------------------------- fault points
def fault_points():
    with open(f"{SRC}/src/base/fault_tbl.h", encoding="utf-8") as f:
        names = re.findall(r"^X\(([A-Z_]+),", f.read(), re.M)
    return [n for n in names if n.startswith(("EXEC_", "STORE_"))]


def has_faults():
    with open(f"{BUILD}/config.h", encoding="utf-8") as f:
        return re.search(r"^#define RELUP_FAULTS", f.read(), re.M) is not None


class Case:
    """One operation with one fault; `to` that refuses is tried without its rehearsal."""

    def __init__(self, point, nth, kind, count, to, two_steps):
        self.point, self.nth, self.kind = point, nth, kind
        self.count, self.to, self.two_steps = count, to, two_steps
        self.passed = False

    def remark(self):
        return " (not passed)" if self.kind == "kill" and not self.passed else ""

    def __str__(self):
        steps = ", in two steps" if self.two_steps else ""
        return (f"{self.point}:{self.nth}:{self.kind}, {self.count} worker"
                f"{'s' if self.count > 1 else ''}, 0.1.0 to {self.to}{steps}")

    def operation(self, host):
        args = ["upgrade", self.to] + (["--rehearse", "never"] if self.to not in HEY else [])
        relctl = host.relctl(*args)
        # Either relupd dies at the point or, where it was not passed, relctl ends.
        until(lambda: host.daemon.poll() is not None or relctl.poll() is not None,
              "neither relupd nor relctl ended")
        if self.kind == "kill" and host.daemon.poll() is not None:
            must(host.daemon.returncode == -signal.SIGKILL, f"relupd ended: {host.daemon.returncode}")
            self.passed = True
            host.start()
        return outcome_of(relctl, host)

    def check(self, host, before):
        r = self.operation(host)
        check_history(host, r)
        version = "0.1.1" if r is not None and r["outcome"] == "upgraded" else "0.1.0"
        must(r is None or r["killed"] == [], f"killed: {r and r['killed']}")
        must(check_release(host, version) == before, "a worker was restarted")
        if version == "0.1.1":
            check_order(host, [HEY["0.1.0"], HEY["0.1.1"]])
        must(self.to in HEY or version == "0.1.0", f"{self.to} runs")
        if not self.passed:  # nothing stood in its way, or an error was overcome; no worker loads
            # new code before that is recorded
            goes = self.to in HEY and (self.point, self.kind) != ("STORE_STEP", "error")
            must(r is None or (r["outcome"] == "upgraded") == goes, f"{r}")
        if not self.passed and self.kind == "kill":  # it would strike in the next operation
            host.daemon.kill()
            host.daemon.wait()
            host.start()
        must(check_next(host, version) == before, "a worker was restarted by the next upgrade")
        must(host.clients.dropped() == 0, f"{host.clients.dropped()} connections were dropped")
        host.clients.end()
        host.stop()

    def run(self):
        host = Host(self.count, 6 * self.count, self.two_steps)
        failed = True
        try:
            host.start(f"{self.point}:{self.nth}:{self.kind}")
            host.connect()
            s = settled(host)
            self.check(host, {w["worker"]: w["pid"] for w in s["workers"]})
            failed = False
        finally:
            host.close(failed)


class Restarted(Case):
    """The workers die too, while they prepare, and have started by the new map when relupd dies:
    they know nothing of the operation, and what they run is its outcome all the same."""

    def __init__(self, count):
        super().__init__("STORE_OUTCOME", 1, "kill", count, "0.1.1", False)

    def __str__(self):
        return "killed workers are back, " + super().__str__()

    def operation(self, host):
        pids = [p for each in host.processes().values() for p in each]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        relctl = host.relctl("upgrade", self.to, "--rehearse", "never")
        until(lambda: (host.ask("status")["operation"] or {}).get("phase") == "prepare",
              "the upgrade does not begin")
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        host.daemon.wait(LIMIT)
        self.passed = True
        host.start()
        return outcome_of(relctl, host)

    def check(self, host, before):
        r = self.operation(host)
        check_history(host, r)
        version = "0.1.1" if r["outcome"] == "upgraded" else "0.1.0"
        after = check_release(host, version)
        must(not set(after.values()) & set(before.values()), "who was killed lives")
        host.clients.end()
        host.connect()
        must(check_next(host, version) == after, "a worker was restarted by the next upgrade")
        host.clients.end()
        host.stop()


def cases(long):
    yield Restarted(1)
    yield Restarted(3)
    """A point is passed again in further steps: the sweep goes on until it is not."""
    sets = [(1, "0.1.1", False), (3, "0.1.1", False), (3, "0.1.1-refuse", True)]
    if long:
        sets += [(1, "0.1.1-refuse", False), (1, "0.1.1-refuse", True), (3, "0.1.1-refuse", False),
                 (1, "0.1.1", True), (3, "0.1.1", True), (20, "0.1.1", True)]
    for count, to, two_steps in sets:
        for point in fault_points():
            for kind in ("kill", "error") if point.startswith("STORE_") else ("kill",):
                for nth in range(1, 10):
                    case = Case(point, nth, kind, count, to, two_steps)
                    yield case
                    if not case.passed or not two_steps or kind == "error":
                        break


# ---------------------------------------------------------------------------- at random
def spin(seconds):
    """To the microsecond, which no timer is."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def operation_ended(host, before, dead):
    """The operation that was under way, from the journal; None where it had not begun."""
    settled(host, dead)
    history = host.ask("history")
    return history[0] if len(history) > before else None


def random_lap(host, rng, version):
    """The release that runs afterwards."""
    verb, to = ("upgrade", "0.1.1") if version == "0.1.0" else ("downgrade", "0.1.0")
    begun = len(host.ask("history"))
    pids = {name: p[0] for name, p in host.processes().items()}
    who = rng.choice(["relupd", "worker", "both"])
    victim = rng.choice(list(pids.values()))
    dropped = host.clients.dropped()
    relctl = host.relctl(verb, to)
    # relctl comes up and connects in some milliseconds; an upgrade takes one or two.
    until(lambda: relctl.poll() is not None or len(host.ask("history")) > begun
          or rng.random() < 0.3, "the upgrade does not begin")
    spin(rng.random() * 0.02)
    if who != "relupd":
        os.kill(victim, signal.SIGKILL)
    if who != "worker":
        spin(rng.choice([0, rng.random() * 0.02]))
        host.daemon.kill()
        host.daemon.wait()
        host.start()
    relctl.communicate(timeout=LIMIT)
    must(relctl.returncode in (0, 1, 5, 69), f"relctl ended with {relctl.returncode}")
    h = operation_ended(host, begun, victim if who != "relupd" else None)
    must(h is None or h["outcome"] in STATUS, f"the outcome is {h and h['outcome']}")
    if h is not None and h["outcome"] == "upgraded":
        version = to
    after = check_release(host, version)
    changed = {n for n in after if after[n] != pids[n]}
    dead = {n for n in pids if pids[n] == victim and who != "relupd"}
    must(changed == dead, f"{dead} was killed, {changed} were restarted")
    must(dead or host.clients.dropped() == dropped, "connections were dropped")
    if host.clients.dropped() > dropped:
        host.clients.end()
        host.connect()
    return version


def random_laps(laps, seed, count):
    rng = random.Random(seed)
    host = Host(count, 6 * count)
    failed = True
    lap = 0
    try:
        host.many_restarts()
        host.start()
        host.connect()
        settled(host)
        version = "0.1.0"
        for lap in range(laps):
            version = random_lap(host, rng, version)
        host.clients.end()
        host.stop()
        failed = False
    except (Wrong, subprocess.TimeoutExpired) as e:
        raise Wrong(f"lap {lap}: {e}") from e
    finally:
        host.close(failed)


# ---------------------------------------------------------------------------- TAP
class Tap:
    def __init__(self):
        self.n = self.failures = 0

    def report(self, name, run, more=None):
        self.n += 1
        try:
            run()
            print(f"ok {self.n} - {name}{more() if more else ''}", flush=True)
        except (Wrong, subprocess.SubprocessError, OSError, ValueError, KeyError) as e:
            self.failures += 1
            print(f"not ok {self.n} - {name}")
            for line in f"{type(e).__name__}: {e}".splitlines():
                print("# " + line, flush=True)

    def end(self):
        print(f"1..{self.n}")
        return self.failures != 0


def main(args):
    if args[:1] == ["random"] and len(args) in (2, 3):
        seed = int(args[2]) if len(args) > 2 else random.SystemRandom().randrange(1 << 32)
        tap = Tap()
        for n in (1, 3):
            tap.report(f"{args[1]} random kills with {n} worker{'s' if n > 1 else ''}, seed {seed}",
                       lambda n=n: random_laps(int(args[1]), seed, n))
        return tap.end()
    if args[:1] not in (["points"], ["long"]) or len(args) > 2:
        print(__doc__, file=sys.stderr)
        return 64
    if not has_faults():
        print("1..0 # SKIP the build has no fault points: configure --enable-faults")
        return 0
    tap = Tap()
    passed = set()
    for case in cases(args[0] == "long"):
        if len(args) < 2 or args[1] in str(case):
            tap.report(case, case.run, lambda c=case: c.remark())
            if case.passed:
                passed.add(case.point)
    print(f"# points passed: {' '.join(sorted(passed))}")
    return tap.end()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
