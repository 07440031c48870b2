#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A release goes back and forth under load for as long as one likes: does anything grow?  Prints TAP.

    growth.py LAPS LOOP_LAPS     so many operations (multiples of 40) 0.1.1 <-> 0.1.2, and 0.1.1-loop <->
                                 0.1.2-loop, in which each connection is a thread

A real relupd, a demo root and bench/client with its connections busy all the time.  After each
operation every connection asks once, and hears the release that runs now.  At intervals worker and
relupd are looked at: resident memory (and what of it is theirs alone), lines of /proc/PID/maps,
descriptors, threads.  The first part of the laps is to warm up; what was not there by then has to be
there for a reason.  What lies on the disk grows with the history of operations, by design: it is told.
"""
import contextlib
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True  # the source may be read-only
sys.path.insert(0, os.path.join(os.environ["top_srcdir"], "tests", "crash"))
from sweep import BUILD, HEY, LIMIT, Host, Wrong, must  # noqa: E402  pylint: disable=wrong-import-position

RATE = 2000  # requests a second, all connections together
LOOKS = 20   # looks at the processes, over all laps
WARM_UP = 2  # of them
HEY = dict(HEY, **{"0.1.2": "Hey there, third version!"})

# By how much the median of the last third of the looks may lie above that of the first third.  Memory, in
# KB an operation and once.  A heap grows by 132 KB at a time, which a worker makes real at once (pages.c):
# one such step may come late, when more than before happens to be held at the same moment; two may not.
# Over 10,000 operations, 6,000 of which lie between the two medians, 44 bytes lost in each are surely seen.
KB_EACH, KB_NOISE = 0.01, 136
# The worker keeps some ranges closed of code that is gone (64 at most); neighbours of these merge.
MAPS_NOISE = 16


# A sanitizer keeps what was freed for a while, and its own notes.
with open(f"{BUILD}/config.h", encoding="ascii") as config:
    SANITIZED = re.search("^#define RELUP_SANITIZED", config.read(), re.MULTILINE) is not None


# ---------------------------------------------------------------------------- what is looked at
def smaps(pid):
    with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as f:
        kb = dict(re.findall(r"^(\w+): +(\d+) kB$", f.read(), re.MULTILINE))
    return {"rss": int(kb["Rss"]), "pss": int(kb["Pss"]), "anonymous": int(kb["Anonymous"])}


def look(pid):
    found = smaps(pid)
    with open(f"/proc/{pid}/maps", encoding="utf-8", errors="replace") as f:
        found["maps"] = sum(1 for _ in f)
    found["fds"] = len(os.listdir(f"/proc/{pid}/fd"))
    found["threads"] = len(os.listdir(f"/proc/{pid}/task"))
    return found


def bytes_below(path):
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(FileNotFoundError):  # of SQLite, gone meanwhile
                total += os.lstat(os.path.join(folder, name)).st_size
    return total


# ---------------------------------------------------------------------------- the load
class Load:
    """bench/client; a watch ends it where it says nothing for too long."""

    def __init__(self, port, connections):
        self.process = subprocess.Popen(
            [f"{BUILD}/bench/client", "--port", str(port), "--connections", str(connections),
             "--rate", str(RATE)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.connections = connections
        must(self.report().get("ready"), "the client is not ready")

    def tell(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def report(self):
        watch = threading.Timer(LIMIT, self.process.kill)
        watch.start()
        line = self.process.stdout.readline()
        watch.cancel()
        must(line, "the client says nothing")
        return json.loads(line)

    def expect(self, old, new):
        """Returns when the client knows it."""
        self.tell(f"expect old={old} new={new}")
        must(self.report().get("expected"), "the client reports something else")

    def round(self):
        """Each connection asks once more, and all hear the new release."""
        self.tell("round all")
        r = self.report()
        must(r["window"] == "all" and r["new"] == r["sent"] >= self.connections, f"a round: {r}")
        must(r["lost"] == r["disorder"] == 0, f"a round: {r}")

    def end(self):
        self.tell("quit")
        total = self.report()
        status = self.process.wait(LIMIT)
        bad = {k: total[k] for k in ("wrong", "disorder", "lost", "dropped", "skipped")}
        must(status == 0 and not any(bad.values()) and total["answered"] == total["sent"], f"failed: {total}")
        return total["answered"]

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


# ---------------------------------------------------------------------------- the operations
def operate(root, verb, version):
    """As relctl does it, a connection for each, without the time that a process takes to start."""
    run = os.open(os.path.join(root, "run"), os.O_PATH)
    try:
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(LIMIT)
            s.connect(f"/proc/self/fd/{run}/control.sock")  # its path may be too long
            with s.makefile("rwb") as f:
                f.write(json.dumps({"jsonrpc": "2.0", "id": 1, "method": verb,
                                    "params": {"version": version}}).encode() + b"\n")
                f.flush()
                for line in f:
                    m = json.loads(line)
                    if m.get("id") == 1:
                        must(m.get("result", {}).get("outcome") == "upgraded", f"{verb} {version}: {m}")
                        return m["result"]
    finally:
        os.close(run)
    raise Wrong(f"{verb} {version}: relupd says nothing")


def bare(version):
    return version.removesuffix("-loop")


class Course:
    """All the operations of one pair of releases, and what was seen on the way."""

    def __init__(self, low, high, connections, laps):
        self.low, self.high, self.connections, self.laps = low, high, connections, laps
        self.every = laps // LOOKS  # even, so that every look finds the same release
        self.seen = {"worker": [], "relupd": []}
        self.disk = []
        self.pauses = []

    def look(self, host, pid):
        for name, process in (("worker", pid), ("relupd", host.daemon.pid)):
            self.seen[name].append(look(process))
        self.disk.append((bytes_below(f"{host.root}/state"), bytes_below(f"{host.root}/log") +
                          os.stat(f"{host.dir}/log").st_size))

    def run(self, host, load):
        pid = host.processes()["hello/listener/0"][0]
        here, there = self.low, self.high
        for lap in range(self.laps):
            load.expect(HEY[bare(here)], HEY[bare(there)])
            verb = "upgrade" if there == self.high else "downgrade"
            self.pauses.append(operate(host.root, verb, there)["longest_pause_us"])
            load.round()
            here, there = there, here
            if (lap + 1) % self.every == 0:
                self.look(host, pid)
        must(host.processes() == {"hello/listener/0": [pid]}, "the worker is another one")

    # ------------------------------------------------------------------ what came of it
    def thirds(self, name, key):
        """Medians of the first and the last third of what was seen after the warm-up, and the
        operations between them."""
        values = [s[key] for s in self.seen[name]]
        values = values[WARM_UP:]
        third = max(1, len(values) // 3)
        return (statistics.median(values[:third]), statistics.median(values[-third:]),
                (len(values) - third) * self.every)

    def judge(self, name):
        grown = []
        keys = ("fds", "threads") if SANITIZED else ("rss", "anonymous", "maps", "fds", "threads")
        for key in keys:
            first, last, between = self.thirds(name, key)
            room = {"rss": KB_NOISE + KB_EACH * between, "anonymous": KB_NOISE + KB_EACH * between,
                    "maps": MAPS_NOISE}.get(key, 0)
            each = f", {1024 * (last - first) / between:.1f} bytes an operation" if room > MAPS_NOISE else ""
            print(f"# {name} {key}: {first:g} -> {last:g} (within {room:g}){each}")
            if last - first > room:
                grown.append(f"{key} {first:g} -> {last:g}")
        must(not grown, f"{name} grows: {', '.join(grown)}: {self.seen[name]}")

    def tell(self, seconds, answered):
        print(f"# {self.laps} operations in {seconds:.0f} s, {answered} requests answered, "
              f"pause {statistics.median(self.pauses):g} us (longest {max(self.pauses)})")
        if os.environ.get("GROWTH_VERBOSE"):
            for name, list_ in self.seen.items():
                for i, s in enumerate(list_):
                    print(f"# {name} {(i + 1) * self.every}: {s}")
        between = (len(self.disk) - 1) * self.every
        if between > 0:
            state, log = ((self.disk[-1][i] - self.disk[0][i]) / between for i in (0, 1))
            print(f"# on the disk, bytes an operation: state/ {state:.0f}, log/ {log:.0f}")


def course(low, high, connections, laps):
    c = Course(low, high, connections, laps)
    host = Host(1, 0, release=low)
    load, well = None, False
    try:
        host.start()
        load = Load(host.port, connections)
        begin = time.monotonic()
        c.run(host, load)
        seconds = time.monotonic() - begin
        c.tell(seconds, load.end())
        for name in c.seen:
            c.judge(name)
        host.stop()
        well = True
    finally:
        if load is not None:
            load.close()
        host.close(not well)


def main():
    laps, loop_laps = int(sys.argv[1]), int(sys.argv[2])
    if laps % (2 * LOOKS) or loop_laps % (2 * LOOKS):
        sys.exit(f"laps are a multiple of {2 * LOOKS}")
    courses = [("0.1.1", "0.1.2", 100, laps), ("0.1.1-loop", "0.1.2-loop", 100, loop_laps)]
    failed = 0
    print(f"1..{len(courses)}")
    for i, (low, high, connections, n) in enumerate(courses):
        title = f"{n} operations {low} <-> {high} under load: nothing grows, no request fails"
        try:
            course(low, high, connections, n)
            print(f"ok {i + 1} - {title}", flush=True)
        except (Wrong, OSError, subprocess.TimeoutExpired) as e:
            failed += 1
            print(f"not ok {i + 1} - {title}\n# {e}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
