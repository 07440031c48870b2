#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the scenarios need and a shell cannot do: events of processes, sockets, questions to JSON.

    tool.py port                      a free port of 127.0.0.1
    tool.py get EXPR                  a Python expression over the JSON document d on stdin, printed
    tool.py holds EXPR...             each must be true of d, else 1 and a text that says which is not
    tool.py gone PID...               waits until these processes have ended
    tool.py unburied COMMAND...       runs it; what it leaves behind ends as zombies while this runs on
    tool.py descriptors PID N         it may have so many from now on, whatever its hard limit
    tool.py room PID N                it may write no file beyond N bytes from now on, as on a full disk
    tool.py memory PID MB             it may have so much more of private memory than now
    tool.py idle PID COMMAND...       it computes for less than half of the time that COMMAND takes
    tool.py busy PID                  waits until a worker that was idle computes without an end
    tool.py kill-sweep SOCKET STEP LAPS   kills a worker at LAPS moments of upgrades, STEP us apart
    tool.py ask PORT                  one connection, one line; prints the answer
    tool.py crash-ask PORT PID        kills the process and connects as soon as it is gone
    tool.py notified PATH             waits for READY=1 on a socket of this name
    tool.py patch FILE OFFSET HEX     overwrites bytes
    tool.py control SOCKET WHAT       a bad client of relupd's control socket (control_* below)
    tool.py worker SOCKET WHAT        a bad client of its workers' socket (worker_* below)

No time is waited for but as the limit of an event that must come.  Exit status 0, or 1 with a line
on stderr.
"""
import array
import ctypes
import json
import os
import random
import resource
import select
import signal
import socket
import subprocess
import sys
import time

LIMIT = 60.0  # seconds; generous, for sanitized builds on busy machines


class Failed(Exception):
    pass


# ---------------------------------------------------------------------------- processes
def wait_gone(pids):
    poll = select.poll()
    waiting = {}
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        waiting[fd] = pid
        poll.register(fd, select.POLLIN)
    end = time.monotonic() + LIMIT
    while waiting:
        ready = poll.poll(max(0, end - time.monotonic()) * 1000)
        if not ready:
            raise Failed(f"still running: {sorted(waiting.values())}")
        for fd, _ in ready:
            poll.unregister(fd)
            del waiting[fd]
            os.close(fd)


def unburied(command):
    PR_SET_CHILD_SUBREAPER = 36
    if ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise Failed("no subreaper")
    subprocess.run(command, check=True)
    while True:
        signal.pause()


def cpu_ticks(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as f:
        return sum(map(int, f.read().rpartition(")")[2].split()[11:13]))


def limit_descriptors(pid, n):
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (n, hard))


def limit_memory(pid, mb):
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        now = next(int(line.split()[1]) for line in f if line.startswith("VmData:"))
    limit = now * 1024 + (mb << 20)
    resource.prlimit(pid, resource.RLIMIT_DATA, (limit, limit))


def limit_files(pid, n):
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (n, hard))


def idle(pid, command):
    begin, ticks = time.monotonic(), cpu_ticks(pid)
    subprocess.run(command, check=False)
    ticks = cpu_ticks(pid) - ticks
    if ticks > (time.monotonic() - begin) * os.sysconf("SC_CLK_TCK") / 2:
        raise Failed(f"process {pid} computed for {ticks} ticks")


def wait_busy(pid):
    begin, end = cpu_ticks(pid), time.monotonic() + LIMIT
    while cpu_ticks(pid) < begin + 5:
        if time.monotonic() > end:
            raise Failed(f"process {pid} does not compute")


# ---------------------------------------------------------------------------- the service
def port_free():
    """Below the ports that the kernel gives to clients: those of other tests come and go."""
    with open("/proc/sys/net/ipv4/ip_local_port_range", encoding="ascii") as f:
        low = int(f.read().split()[0])
    ports = [random.randrange(10000, low) for _ in range(200)] if low > 11000 else []
    for port in ports + [0]:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
            return s.getsockname()[1]
    raise Failed("no free port")


def ask(port):
    with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as s:
        s.sendall(b"hello\n")
        with s.makefile("rb") as f:
            return f.readline().decode().rstrip("\n")


def crash_ask(port, pid):
    os.kill(pid, signal.SIGKILL)
    wait_gone([pid])
    return ask(port)


# ---------------------------------------------------------------------------- unix sockets
def at(path):
    """A socket's address is shorter than a path may be: it is named from its own directory."""
    os.chdir(os.path.dirname(path) or ".")
    return os.path.basename(path)


def connect(path, kind):
    s = socket.socket(socket.AF_UNIX, kind)
    s.settimeout(LIMIT)
    s.connect(at(path))
    return s


def notified(path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(at(path))
        s.settimeout(LIMIT)
        print("listening", flush=True)
        if b"READY=1" not in s.recv(4096).split(b"\n"):
            raise Failed("not READY=1")


def until_closed(s):
    """What the other side says until it closes; a reset is a close as well."""
    said = b""
    try:
        while more := s.recv(65536):
            said += more
    except ConnectionResetError:
        pass
    return said


def request(method="status", ident=1, **more):
    return (json.dumps({"jsonrpc": "2.0", "id": ident, "method": method, **more}) + "\n").encode()


def must_refuse(s, line):
    """One line in, one error out; and the connection still works, or is closed."""
    s.sendall(line)
    with s.makefile("rb") as f:
        reply = f.readline()
    if not reply or "error" not in json.loads(reply):
        raise Failed(f"{line[:60]!r} was answered with {reply[:200]!r}")


# Each says how a client goes wrong.  relupd's answer is an error, or the end of the connection.
def control_garbage(s):
    rng = random.Random(1)
    s.sendall(bytes(rng.randrange(256) for _ in range(30000)) + b"\n")
    s.shutdown(socket.SHUT_WR)
    until_closed(s)


def control_half(s):
    s.sendall(request("upgrade", params={"version": "0.1.1"})[:-1])


def control_half_and_end(s):
    """Half a line and the end of the stream: what is not whole is not obeyed."""
    control_half(s)
    s.shutdown(socket.SHUT_WR)
    if until_closed(s):
        raise Failed("half a line was answered")


def control_long(s):
    chunk = b"x" * 65536
    try:
        for _ in range(160):
            s.sendall(chunk)
    except (BrokenPipeError, ConnectionResetError):
        return
    s.settimeout(LIMIT)
    until_closed(s)


def control_long_json(s):
    """A line that would be right, but for its length."""
    try:
        s.sendall(request("status", params={"worker": "x" * 10_000_000}))
    except (BrokenPipeError, ConnectionResetError):
        return
    if b'"result"' in until_closed(s):
        raise Failed("10 MB were taken")


def control_invalid(s):
    lines = [b"\n", b"nonsense\n", b"null\n", b"5\n", b'"text"\n', b"[]\n", b"{}\n", b"[[[]]]\n",
             b'{"jsonrpc":"2.0","method":"status"}\n', b'{"id":1}\n', b'{"id":1,"method":5}\n',
             b'{"id":1,"method":null}\n', b'{"id":{},"method":"status"}\n',
             b'{"id":null,"method":"status"}\n', b'{"id":1,"method":"status","params":[]}\n',
             b'{"id":1,"id":2,"method":"status"}\n', b'{"id":1,"method":"status"} x\n',
             b'{"id":1,"method":"status"\0}\n', b'{"id":1,"method":"\xff"}\n',
             b"[" * 60000 + b"\n", b'{"a":' * 10000 + b"\n", b'{"id":' + b"9" * 5000 + b"}\n"]
    for line in lines:
        must_refuse(s, line)
    s.sendall(request())
    if b'"result"' not in s.recv(65536):
        raise Failed("a good request after the bad ones is not answered")


def control_params(s):
    for method, params in [
            ("nonsense", {}), ("", {}), ("x" * 1000, {}),
            ("upgrade", {}), ("upgrade", {"version": 5}), ("upgrade", {"version": None}),
            ("upgrade", {"version": ""}), ("upgrade", {"version": "../../etc"}),
            ("upgrade", {"version": "v" * 60000}), ("upgrade", {"version": "a\nb"}),
            ("upgrade", {"version": "0.1.1", "rehearse": "perhaps"}),
            ("upgrade", {"version": "0.1.1", "rehearse": 7}),
            ("upgrade", {"version": "0.1.1", "max_pause_ms": 0}),
            ("upgrade", {"version": "0.1.1", "max_pause_ms": -1}),
            ("upgrade", {"version": "0.1.1", "max_pause_ms": "1"}),
            ("upgrade", {"version": "0.1.1", "max_pause_ms": 2**62}),
            ("upgrade", {"version": "0.1.1", "max_pause_ms": 1e300}),
            ("downgrade", {}), ("plan", {}), ("plan", {"version": []}),
            ("status", {"worker": "nobody"}), ("call", {}), ("call", {"worker": "x" * 50000}),
            ("call", {"worker": "hello/listener/0", "request": [[[["deep"]]]]}),
            ("attach", {"operation": 4711}), ("attach", {"operation": 2**62})]:
        must_refuse(s, request(method, params=params))


def control_not_reading(s):
    """Asks and asks and never reads: a full socket is its own problem."""
    s.settimeout(0.2)
    try:
        while True:
            s.sendall(request() * 200)
    except (TimeoutError, BrokenPipeError, ConnectionResetError):
        pass


def control_many(s):
    """More clients than are let in: those too many are told so, the others are served."""
    more = []
    for _ in range(100):
        c = socket.socket(socket.AF_UNIX)
        c.settimeout(LIMIT)
        c.connect("control.sock")  # connect() went to its directory
        more.append(c)
    refused = 0
    for c in more:
        try:
            c.sendall(request())
            refused += b'"result"' not in c.recv(65536)
        except (BrokenPipeError, ConnectionResetError):
            refused += 1
    if not 0 < refused < 100:
        raise Failed(f"{refused} of 100 were refused")


def control_flood(s):
    """More calls than a worker that does not read can be sent: those too many are refused at once."""
    call = {"worker": "hello/listener/0", "request": {"x": "y" * 2000}}
    for _ in range(600):
        s.sendall(request("call", params=call))
    with s.makefile("rb") as f:
        while b"does not read" not in (line := f.readline()):
            if not line:
                raise Failed("all calls were taken")


def control_leaves(s):
    """Begins an upgrade and goes away as soon as it has begun."""
    s.sendall(request("upgrade", params={"version": "0.1.1"}))
    if not s.recv(65536):
        raise Failed("no word of progress")


# ---------------------------------------------------------------------------- kills in upgrades
def answer_to(f, method, **params):
    """The reply to one request; progress before it is passed over."""
    f.write(request(method, params=params))
    while "id" not in (m := json.loads(f.readline())):
        pass
    return m


def spin(microseconds):
    """A timer would come late by more than the difference that counts."""
    end = time.monotonic_ns() + microseconds * 1000
    while time.monotonic_ns() < end:
        pass


def running(f, dead=None):
    """The version, the pid and the modules of the one worker, as soon as it runs (anew)."""
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        d = answer_to(f, "status")["result"]
        w = d["workers"][0]
        if w["state"] == "running" and w["pid"] != dead and d["operation"] is None:
            return d["release"]["version"], w["pid"], {m["current"] for m in w["modules"]}
    raise Failed(f"the worker does not run: {d}")


def kill_one(f, delay, rehearse):
    """Whatever comes of the upgrade, it is told truly: the outcome is what the worker then runs."""
    _, pid, _ = running(f)
    if (child := os.fork()) == 0:  # this process may be asleep in the answer at that moment
        spin(delay)
        os.kill(pid, signal.SIGKILL)
        os._exit(0)
    m = answer_to(f, "upgrade", version="0.1.1", rehearse=rehearse)
    os.waitpid(child, 0)
    wait_gone([pid])
    outcome = m["result"]["outcome"] if "result" in m else "refused"
    told = "0.1.1" if outcome == "upgraded" else "0.1.0"
    version, _, modules = running(f, pid)
    if version != told or modules != {told} or outcome == "mixed":
        raise Failed(f"after {delay} us: {outcome}, but {version} runs with {modules}: {m}")
    return outcome


def kill_sweep(path, step, laps):
    seen = set()
    with connect(path, socket.SOCK_STREAM) as s, s.makefile("rwb", buffering=0) as f:
        for lap in range(laps):
            outcome = kill_one(f, lap * step, ("auto", "never")[lap % 2])
            seen.add(outcome)
            verb = "downgrade" if outcome == "upgraded" else "status"
            if "error" in (m := answer_to(f, verb, version="0.1.0")):
                raise Failed(f"{verb} after {outcome}: {m}")
            # Nobody is quicker than this to ask what runs when the answer is out.
            w = answer_to(f, "status")["result"]["workers"][0]
            if {m["current"] for m in w["modules"]} != {"0.1.0"}:
                raise Failed(f"0.1.0 was reached, status shows {w}")
    print(*sorted(seen))


# ---------------------------------------------------------------------------- workers' socket
FRAME = b"\x01" + b"\x02" + bytes(200)


def packet(name, **body):
    return json.dumps({name: body}).encode()


def hello(pid, name="hello/listener/0", **more):
    return packet("hello", **{"worker": name, "pid": pid, "abi": 1, "root": "/", "job": None,
                              "operation": None, **more})


def job(vsn="6.6.6"):
    module = {"module": "listener", "application": "hello", "version": vsn, "vsn": vsn,
              "digest": "0" * 64, "old": None}
    return {"application": "hello", "child": "listener", "release": vsn, "modules": [module]}


def turned_away(s, data):
    """The packet is followed by the end of the connection, at most after a word to stop."""
    s.send(data)
    said = until_closed(s)
    if said and "stop" not in json.loads(said):
        raise Failed(f"it was told {said[:200]!r}")


def worker_garbage(s):
    rng = random.Random(2)
    turned_away(s, bytes(rng.randrange(256) for _ in range(5000)))


def worker_empty_object(s):
    turned_away(s, b"{}")


def worker_two_names(s):
    turned_away(s, b'{"hello":{},"ready":{}}')


def worker_array(s):
    turned_away(s, b'[{"hello":{}}]')


def worker_no_object(s):
    turned_away(s, b'{"hello":7}')


def worker_frame(s):
    turned_away(s, FRAME)


def worker_short_frame(s):
    turned_away(s, b"\x01")


def worker_large(s):
    s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
    turned_away(s, b'{"hello":"' + b"x" * 170000 + b'"}')


def worker_speaks_first(s):
    turned_away(s, packet("ready", modules=[]))


def worker_stranger(s):
    turned_away(s, hello(os.getpid(), "hello/listener/99"))


def worker_forged_name(s):
    """A name that would write a line of its own into the log."""
    turned_away(s, hello(os.getpid(), "x\n2026-01-01T00:00:00Z notice relupd: forged"))


def worker_other_pid(s):
    turned_away(s, hello(1))


def worker_twin(s):
    """A worker's name under a pid that is its own: another process is that worker."""
    turned_away(s, hello(os.getpid()))


def worker_twin_at_work(s):
    turned_away(s, hello(os.getpid(), job=job(), operation={"operation": 1, "steps": [
        {"step": 0, "state": "committed"}, {"step": -5, "state": 3}]}))


def worker_with_descriptors(s):
    fds = [os.open("/dev/null", os.O_RDWR) for _ in range(60)]
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
    s.sendmsg([hello(os.getpid(), job=job())], ancillary)
    until_closed(s)


def worker_mute(s):
    """Connects and says nothing: relupd does not wait for it without an end."""
    if until_closed(s):
        raise Failed("it was told something")


def worker_silent(s):
    """Connects, says nothing, and goes."""


def bad_client(kind, path, what):
    sort = socket.SOCK_STREAM if kind == "control" else socket.SOCK_SEQPACKET
    with connect(path, sort) as s:
        globals()[f"{kind}_{what}"](s)


# ---------------------------------------------------------------------------- JSON
def get(expression):
    d = json.load(sys.stdin)
    value = eval(expression, {"d": d})  # the tests' own expressions
    print(value if isinstance(value, str) else json.dumps(value))


def holds(expressions):
    text = sys.stdin.read()
    d = json.loads(text)
    for e in expressions:
        try:
            so = eval(e, {"d": d})  # as above
        except (LookupError, TypeError) as error:
            so, e = False, f"{e} ({error!r})"
        if not so:
            raise Failed(f"not so: {e}\n{text}")


def patch(path, offset, data):
    with open(path, "r+b") as f:
        f.seek(offset)
        f.write(data)


def main(verb, *a):
    if verb == "port":
        print(port_free())
    elif verb == "get":
        get(*a)
    elif verb == "holds":
        holds(a)
    elif verb == "gone":
        wait_gone([int(pid) for pid in a])
    elif verb == "unburied":
        unburied(a)
    elif verb == "descriptors":
        limit_descriptors(int(a[0]), int(a[1]))
    elif verb == "room":
        limit_files(int(a[0]), int(a[1]))
    elif verb == "memory":
        limit_memory(int(a[0]), int(a[1]))
    elif verb == "idle":
        idle(int(a[0]), a[1:])
    elif verb == "busy":
        wait_busy(int(a[0]))
    elif verb == "kill-sweep":
        kill_sweep(a[0], int(a[1]), int(a[2]))
    elif verb == "ask":
        print(ask(int(a[0])))
    elif verb == "crash-ask":
        print(crash_ask(int(a[0]), int(a[1])))
    elif verb == "notified":
        notified(*a)
    elif verb == "patch":
        patch(a[0], int(a[1]), bytes.fromhex(a[2]))
    elif verb in ("control", "worker"):
        bad_client(verb, *a)
    else:
        raise Failed(f"no such command: {verb}")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except (Failed, OSError) as e:
        print(f"tool.py {' '.join(sys.argv[1:3])}: {e}", file=sys.stderr)
        sys.exit(1)
