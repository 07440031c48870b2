#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands between relctl and relupd, and does what a kill at the worst moment does.

    peer.py full SOCKET               takes all places that relupd has for clients; prints "full" and
                                      holds them until its standard input ends
    peer.py between SOCKET TARGET WHEN PID
        listens on SOCKET and passes lines on to the control socket TARGET of relupd (PID).  Once, WHEN
          asked     a request came: relupd is killed before it hears of it
          begun     relupd told the operation's id: it is killed, relctl hears neither
          over      relupd told the result: relctl has heard nothing, and loses the connection
        Before and after that it only passes on.  Prints "listening", and "lost" when it was done.
    peer.py answers SOCKET JSON...    is a relupd that answers the first request with these lines
"""
import json
import os
import select
import signal
import socket
import sys

LIMIT = 60.0
CLIENTS = 64


def at(path):
    """A socket's address is shorter than a path may be: it is named from its own directory."""
    fd = os.open(os.path.dirname(path) or ".", os.O_PATH)
    return f"/proc/self/fd/{fd}/{os.path.basename(path)}"


def full(path):
    held = []
    for _ in range(CLIENTS):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(LIMIT)
        s.connect(at(path))
        s.sendall(b'{"jsonrpc":"2.0","id":1,"method":"version"}\n')
        if b'"result"' not in s.recv(65536):
            raise SystemExit("a place was taken before")
        held.append(s)
    print("full", flush=True)
    sys.stdin.read()


def until_gone(pid):
    fd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    select.select([fd], [], [], LIMIT)


class Between:
    def __init__(self, target, when, pid):
        self.target, self.when, self.pid = at(target), when, pid

    def lose(self):
        if self.when != "over":
            until_gone(self.pid)
        self.when = None
        print("lost", flush=True)

    def is_now(self, what, m):
        if what == "asked":
            return self.when == "asked"
        if self.when == "begun":
            return m.get("params", {}).get("operation", 0) != 0
        return self.when == "over" and "result" in m

    def serve(self, client):
        """Until one of the two is gone, or the moment came."""
        with socket.socket(socket.AF_UNIX) as daemon:
            try:
                daemon.connect(self.target)
            except OSError:
                return
            pairs = {client: (daemon, "asked"), daemon: (client, "told")}
            rest = {client: b"", daemon: b""}
            while True:
                for s in select.select(list(pairs), [], [])[0]:
                    try:
                        more = s.recv(1 << 20)
                    except ConnectionResetError:
                        return
                    if not more:
                        return
                    *lines, rest[s] = (rest[s] + more).split(b"\n")
                    to, what = pairs[s]
                    for line in lines:
                        m = json.loads(line)
                        if self.is_now(what, m):
                            self.lose()
                            return
                        if self.when != "over" or what == "asked":
                            to.sendall(line + b"\n")


def between(path, target, when, pid):
    b = Between(target, when, int(pid))
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(at(path))
        s.listen()
        print("listening", flush=True)
        while True:
            client, _ = s.accept()
            with client:
                b.serve(client)


def answers(path, *lines):
    with socket.socket(socket.AF_UNIX) as s:
        s.bind(at(path))
        s.listen()
        print("listening", flush=True)
        client, _ = s.accept()
        with client, client.makefile("rwb") as f:
            f.readline()
            for line in lines:
                f.write(line.encode() + b"\n")


if __name__ == "__main__":
    {"full": full, "between": between, "answers": answers}[sys.argv[1]](*sys.argv[2:])
