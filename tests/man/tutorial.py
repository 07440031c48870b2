# SPDX-License-Identifier: Apache-2.0
"""relup-tutorial.7 is followed to the letter (TAP).

tutorial.py SRCDIR BUILDDIR

Its marks, in the order of the page:

	.\\" file: PATH      a file as it is written
	.\\" patch: PATH     a difference that is applied to the file before it
	.\\" session: WHAT   what is typed into one shell, and what it answers

An answer is what a command prints, standard error last, but for blanks, times, places in code and
what depends on the machine.  Port 9000 is a free one, `cc` is $CC, and relup is the one just built.
"""

import os
import re
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import displays
from displays import Fail, need

SRC, BUILD = (os.path.abspath(p) for p in sys.argv[1:3])
PAGE = "relup-tutorial.7"
WAIT = 60  # seconds: for what is a matter of milliseconds


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return str(s.getsockname()[1])


def patched(text, diff):
    """A unified difference applied as patch(1) does, but without any leniency."""
    old, new, at = text.splitlines(), [], 0
    for line in diff.splitlines()[2:]:
        head = re.match(r"@@ -(\d+)", line)
        if head:
            new += old[at:int(head[1]) - 1]
            at = int(head[1]) - 1
        elif line[0] == "+":
            new.append(line[1:])
        else:
            need(at < len(old) and old[at] == line[1:], f"line {at + 1} is not: {line[1:]}")
            at += 1
            if line[0] == " ":
                new.append(line[1:])
    return "".join(f"{line}\n" for line in new + old[at:])


def plain(text):
    """Without blanks, what differs from run to run, and what a sanitizer or a kernel cannot have."""
    text = re.sub(r".*: the sandbox of its copy is not complete: .*\n", "", text)
    text = re.sub(r"\d+(\.\d+)? (us|ms|s|kB|MB)\b", "N", text)
    text = re.sub(r"\+0x[0-9a-f]+", "+0x", text)
    return " ".join(text.split())


class Shell:
    """One bash; each command's output goes to a file, its status is told on a pipe."""

    def __init__(self, work):
        self.work, self.port = work, free_port()
        self.bin = os.path.join(work, "bin")
        self.home = os.path.join(work, "home")
        os.mkdir(self.bin)
        os.mkdir(self.home)
        compiler, *flags = shlex.split(os.environ.get("CC") or "cc")
        self.program("cc", shlex.join([shutil.which(compiler) or compiler, *flags]))
        for name in ("relctl", "relupd"):
            self.program(name, shlex.quote(os.path.join(BUILD, name)))
        self.program("pkg-config", f"echo -I{shlex.quote(SRC)}/src/worker #")
        env = {k: v for k, v in os.environ.items() if not k.startswith("RELUP_")}
        env.update(PATH=f"{self.bin}:{env['PATH']}", LC_ALL="C.UTF-8")
        self.bash = subprocess.Popen(["bash", "--norc"], cwd=self.home, env=env, encoding="utf-8",
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def program(self, name, command):
        path = os.path.join(self.bin, name)
        with open(path, "w", encoding="utf-8") as f:
            f.write(f'#!/bin/sh\nexec {command} "$@"\n')
        os.chmod(path, 0o755)

    def type(self, command):
        """(status, what was printed)"""
        out = [os.path.join(self.work, n) for n in ("out", "err")]
        self.bash.stdin.write(f"{{ {command}\n}} >{out[0]} 2>{out[1]} </dev/null\necho $?\n")
        self.bash.stdin.flush()
        need(select.select([self.bash.stdout], [], [], WAIT)[0], f"`{command}` does not end")
        status = self.bash.stdout.readline()
        need(status, f"`{command}` ended the shell")
        text = ""
        for path in out:
            with open(path, encoding="utf-8") as f:
                text += f.read()
        return int(status), text

    def until_served(self):
        """A server in the background is ready when one can connect to it; bash is told of its end."""
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", int(self.port))) == 0:
                    return
            need(self.type("kill -0 $!")[0] == 0, "the server ended at once")

    def session(self, text):
        text = text.replace("\\\n", "").replace("9000", self.port)
        for part in re.split(r"^\$ ", text, flags=re.M)[1:]:
            command, want = part.split("\n", 1)
            status, have = self.type(command)
            need(plain(have) == plain(want), f"`{command}` prints\n{have}and not\n{want}")
            need((status != 0) == ("error: " in have), f"`{command}`: status {status}\n{have}")
            if command.endswith("&"):
                self.until_served()

    def daemon(self):
        """The pid of relupd, if there is one."""
        found = re.search(r"^daemon.*, pid (\d+),", self.type(f"relctl --root {self.home}/root status")[1], re.M)
        return int(found[1]) if found else None

    def file(self, name, text):
        path = os.path.join(self.home, name)
        need(os.path.isdir(os.path.dirname(path)) or "/lib/" in path, f"{name}: no such directory")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text.replace("9000", self.port))

    def patch(self, name, text):
        with open(os.path.join(self.home, name), encoding="utf-8") as f:
            before = f.read()
        self.file(name, patched(before, text.replace("9000", self.port)))

    def close(self):
        """Ends what still runs."""
        self.bash.stdin.close()
        try:
            self.bash.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.bash.kill()
            self.bash.wait()
        self.bash.stdout.close()


def wait_for_end(pid):
    fd = os.pidfd_open(pid)
    try:
        need(select.select([fd], [], [], WAIT)[0], f"process {pid} does not end")
    finally:
        os.close(fd)


def logs(shell):
    where = os.path.join(shell.home, "root", "log")
    for name in sorted(os.listdir(where) if os.path.isdir(where) else []):
        with open(os.path.join(where, name), encoding="utf-8", errors="replace") as f:
            for line in f:
                print(f"# {name}: {line.rstrip()}")


def follow(shell, steps):
    """Whether all went as the page says; a step that fails is the last one."""
    kinds = {"file": shell.file, "patch": shell.patch, "session": lambda _, text: shell.session(text)}
    for number, (kind, arg, text) in enumerate(steps, 1):
        last = number == len(steps)
        try:
            pid = shell.daemon() if last else None
            kinds[kind](arg, text)
            if last:
                need(pid is not None, "no relupd runs at the end")
                wait_for_end(pid)
        except (Fail, OSError, ValueError) as e:
            print(f"not ok {number} - {kind}: {arg}")
            for line in str(e).splitlines():
                print(f"#   {line}")
            logs(shell)
            return False
        print(f"ok {number} - {kind}: {arg}")
    return True


def end(shell):
    try:
        shell.type("kill $(jobs -p)")
        pid = shell.daemon()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            wait_for_end(pid)
    except (Fail, OSError) as e:
        print(f"# at the end: {e}")
    shell.close()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of the cleanup below
    if shutil.which("bash") is None:
        print("1..0 # SKIP bash is not installed")
        return
    steps = displays.displays(SRC, PAGE)
    need([k for k, _, _ in steps].count("patch") >= 5, f"{PAGE} shows hardly a difference")
    with tempfile.TemporaryDirectory(prefix="relup-tutorial.") as work:
        shell = Shell(work)
        try:
            good = follow(shell, steps)
        finally:
            end(shell)
    print(f"1..{len(steps)}")
    sys.exit(0 if good else 1)


main()
