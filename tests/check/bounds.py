#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What relctl does with hostile input, and what that costs it.

Each body (a text, a cut-off file, something that is no file) takes the place of each file of a release,
and each command that reads this file runs.  It must end by itself, in time, with an exit status of a
refusal, an error at a place in that file, and at most 64 MiB of memory.  TAP on stdout; a verdict a body.
"""
import json
import os
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import threading

BUILD = os.environ["top_builddir"]
RELCTL = os.path.join(BUILD, "relctl")
MEMORY = 64 * 1024  # KiB
SECONDS = 60        # nothing comes near it; it is for what would never end
NODES = 50000
MODULE_MAX = 24 * 1024 * 1024
RELUP_NODES, RELUP_MEMORY = 4000000, 1024 * 1024  # KiB

OLD, NEW = "lib/hello-0.1.0", "lib/hello-0.1.1"
APPUP = f"{NEW}/appup.yaml"
RELUP = "releases/0.1.1/relup.json"
MAKE = ["relup", "make", "releases/0.1.1/release.yaml", "--lib", "lib", "--from", "releases/0.1.0/release.yaml"]
GRAPH = ["graph", "releases/0.1.1/release.yaml", "--lib", "lib"]
APPUP_MAKE = ["appup", "make", OLD, NEW]
DIFF = ["diff", OLD, NEW]
RELEASES = ["diff", "releases/0.1.0", "releases/0.1.1"]

# The file that is replaced, and the commands that read it there.
SEATS = {
    f"{NEW}/app.yaml": [["check", NEW], ["check", f"{NEW}/app.yaml"], MAKE, APPUP_MAKE, DIFF, GRAPH],
    f"{OLD}/app.yaml": [MAKE, APPUP_MAKE, DIFF],
    APPUP: [["check", NEW], ["check", APPUP], MAKE, APPUP_MAKE],
    "releases/0.1.1/release.yaml": [["check", "releases/0.1.1"], MAKE, GRAPH, RELEASES],
    "releases/0.1.0/release.yaml": [MAKE, RELEASES],
    RELUP: [["relup", "show", RELUP], ["check", RELUP]],
    "any.yaml": [["check", "any.yaml"]],
    "any.json": [["check", "any.json"]],
}
MODULE = f"{NEW}/modules/listener.so"
MODULE_COMMANDS = [["check", NEW], ["check", MODULE], APPUP_MAKE, DIFF, RELEASES, GRAPH]

DEEP = 32000


def laughs():
    lines = ['a: &a [x, x, x, x, x, x, x, x, x, x]']
    for before, name in zip("abcdefgh", "bcdefghi"):
        lines.append(f"{name}: &{name} [{', '.join(['*' + before] * 10)}]")
    return "\n".join(lines) + "\n"


def keys(size):
    lines, total = [], 0
    while total < size - 16:
        lines.append(f"k{len(lines)}: v\n")
        total += len(lines[-1])
    return "".join(lines)


def texts():
    """Bodies of any document, by name.  None of them is a valid one of any kind."""
    name = "n" * 10000
    return {
        "32,000 lists, flow": "[" * DEEP + "]" * DEEP,
        "32,000 lists, never closed": "[" * DEEP,
        "32,000 maps, flow": "{a: " * DEEP + "}" * DEEP,
        "32,000 lists in JSON, under a key": '{"a": ' + "[" * DEEP + "]" * DEEP + "}",
        "32,000 maps in JSON": '{"a":' * DEEP + "1" + "}" * DEEP,
        "32,000 lists, block": "- " * DEEP + "x\n",
        "1,400 maps, block": "".join(" " * i + "a:\n" for i in range(1400)),
        "32,000 keys that are lists": "? " * DEEP + "x\n",
        "aliases of aliases": laughs(),
        "an anchor that holds itself": "a: &a [*a]\n",
        "1 MiB of keys": keys(1024 * 1024),
        "1 MiB in a scalar": "a: " + "x" * (1024 * 1024 - 4) + "\n",
        "1 MiB in a key": "x" * (1024 * 1024 - 4) + ": a\n",
        "1 MiB of the same key": "a: 1\n" * (1024 * 1024 // 5),
        "1 MiB of blanks": " " * (1024 * 1024),
        "1 MiB of empty lines": "\n" * (1024 * 1024),
        "1 MiB of dashes": "-\n" * (512 * 1024),
        "1 MiB of flow commas": "[" + "," * (1024 * 1024 - 2) + "]",
        "1 MiB of documents": "---\n" * (256 * 1024),
        "1 MiB of comment": "#" * (1024 * 1024),
        "1 MiB of quotes": "'" * (1024 * 1024),
        "1 MiB of escapes": '"' + "\\x41" * (256 * 1024 - 1) + '"',
        "1 MiB of tags": "!a " * (340 * 1024),
        "1 MiB of directives": "%TAG !a! tag:x\n" * (64 * 1024),
        f"{NODES} nodes": "[" + "1," * (NODES - 2) + "1]\n",
        f"{NODES + 1} nodes": "[" + "1," * (NODES - 1) + "1]\n",
        f"{NODES} nodes under a key": "a: [" + "1," * (NODES - 4) + "1]\n",
        "a key of 10,000 characters": f"{name}: {name}\n",
        "a NUL": "application: hello\0\nversion: 0.1.1\n",
        "bytes that are not UTF-8": b"application: hello\nversion: \xff\xfe\xc0\x80\n",
        "nothing but the mark of UTF-16": b"\xff\xfea\0:\0 \0",
        "all bytes": bytes(range(256)) * 64,
    }


NAMES = {
    "a name with ../": "../../../etc/passwd",
    "a name with a line's end": "hello\nversion: 9",
    "a name with a NUL": "hello\0x",
    "a name of 10,000 characters": "n" * 10000,
    "a name with the escapes of a terminal": "\x1b[2J\x1b]0;x\x07",
    "a name of dots": "..",
    "no name": "",
    "a name like an option": "--out",
    "a name with a format": "%s%n%1000000d",
}


def named(name):
    """The documents again, each with the name or version in a place of its own."""
    q = json.dumps(name)
    app = "application: hello\nversion: 0.1.1\nmodules: [listener, greeting]\n"
    release = 'release: hello\nversion: 0.1.1\nruntime: "1"\n'
    return {
        "app.yaml": [f"application: {q}\nversion: 0.1.1\n", f"application: hello\nversion: {q}\n",
                     f"application: hello\nversion: 0.1.1\nmodules: [{q}]\n", f"{app}depends: [{q}]\n",
                     f"{app}supervisor: {{children: [{{id: {q}, module: listener}}]}}\n",
                     f"{app}supervisor: {{children: [{{id: listener, module: {q}}}]}}\n"],
        "appup.yaml": [f"application: hello\nversion: {q}\nup: []\n",
                       f"application: hello\nversion: 0.1.1\nup: [{{from: {q}, instructions: []}}]\n",
                       "application: hello\nversion: 0.1.1\nup: [{from: 0.1.0, instructions: "
                       f"[load_module: {{module: {q}}}]}}]\n"],
        "release.yaml": [f'release: {q}\nversion: 0.1.1\nruntime: "1"\napplications: []\n',
                         f'release: hello\nversion: {q}\nruntime: "1"\napplications: []\n',
                         f"{release}applications: [{{application: {q}, version: 0.1.1}}]\n",
                         f"{release}applications: [{{application: hello, version: {q}}}]\n"],
        "relup.json": ['{"release":"hello","version":%s,"up":[],"down":[]}' % q,
                       '{"release":"hello","version":"0.1.1","up":[{"from":%s,"instructions":'
                       '["point_of_no_return"]}],"down":[]}' % q,
                       '{"release":"hello","version":"0.1.1","up":[{"from":"0.1.0","instructions":'
                       '[{"load_object_code":{"application":%s,"version":"0.1.1","modules":[]}},'
                       '"point_of_no_return"]}],"down":[]}' % q],
        "any.yaml": [],
        "any.json": [],
    }


class Run:
    """One relctl: how it ended and what it took."""

    def __init__(self, cwd, argv):
        self.argv, self.late = argv, False
        out, err = (os.path.join(cwd, x) for x in ("stdout", "stderr"))
        with open(out, "wb") as o, open(err, "wb") as e:
            p = subprocess.Popen([RELCTL, "--no-color", *argv], cwd=cwd, stdin=subprocess.DEVNULL, stdout=o, stderr=e)
            timer = threading.Timer(SECONDS, self.end, [p])
            timer.start()
            _, status, usage = os.wait4(p.pid, 0)
            timer.cancel()
            p.returncode = self.status = os.waitstatus_to_exitcode(status)
        self.kib = usage.ru_maxrss  # of the child, or of this script before it became the child
        self.cpu = usage.ru_utime + usage.ru_stime
        self.said = ""
        for path in (out, err):
            with open(path, encoding="utf-8", errors="replace") as f:
                self.said += f.read(100000)

    def end(self, p):
        self.late = True
        p.kill()

    def complaint(self, where, statuses=(1,), memory=MEMORY):
        """What is wrong with it; `where`: a pattern of the place that it must name."""
        for wrong, ok in ((f"did not end in {SECONDS} s", not self.late),
                          (f"exit status {self.status}", self.status in statuses),
                          (f"{self.kib} KiB", self.kib <= memory),
                          (f"no error at {where}", re.search(where, self.said))):
            if not ok:
                return f"{' '.join(self.argv)}: {wrong}\n{self.said[:600]}"
        return ""


class Tests:
    def __init__(self):
        self.count = self.failed = self.runs = self.most = 0
        self.slowest = 0.0
        self.dir = tempfile.mkdtemp(prefix="relup-bounds.")
        for part in ("lib", "releases"):
            os.mkdir(os.path.join(self.dir, part))
        for folder in (OLD, NEW, "releases/0.1.0", "releases/0.1.1"):
            shutil.copytree(os.path.join(BUILD, "releases", "tree", folder), os.path.join(self.dir, folder))

    def path(self, name):
        return os.path.join(self.dir, name)

    def run(self, argv):
        r = Run(self.dir, argv)
        self.runs += 1
        self.most = max(self.most, r.kib)
        self.slowest = max(self.slowest, r.cpu)
        return r

    def verdict(self, title, complaints):
        self.count += 1
        self.failed += bool(complaints)
        print(f"{'not ok' if complaints else 'ok'} {self.count} - {title}", flush=True)
        for line in "\n".join(complaints).splitlines():
            print(f"# {line}")

    def seated(self, seat, put, commands, where=None, **bounds):
        """Complaints of the commands while what `put` makes stands in place of the file.  `where`: left out,
        a line and column of it; with it see Run.complaint()."""
        where = re.escape(seat) + ":[0-9]+:[0-9]+: " if where is None else where
        path, kept = self.path(seat), self.path("kept")
        if os.path.exists(path):
            os.rename(path, kept)
        put(path)
        complaints = [c for argv in commands if (c := self.run(argv).complaint(where, **bounds))]
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)
        if os.path.exists(kept):
            os.rename(kept, path)
        return complaints

    @staticmethod
    def writer(body):
        def put(path):
            with open(path, "wb") as f:
                f.write(body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body)
        return put

    # -------------------------------------------------------------- the parts
    def whole(self):
        argv = {" ".join(a): a for commands in SEATS.values() for a in commands}
        complaints = []
        for a in argv.values():
            if a[-1].startswith("any."):
                continue
            r = self.run(a)
            if r.status != 0 or r.kib > MEMORY:
                complaints.append(f"{a}: {r.status}, {r.kib} KiB\n{r.said}")
        self.verdict("every command is content with the files as they are", complaints)

    def documents(self):
        for title, body in texts().items():
            put = self.writer(body)
            self.verdict(title, [c for seat, commands in SEATS.items() for c in self.seated(seat, put, commands)])
        for seat, commands in SEATS.items():
            if seat != RELUP:
                self.verdict(f"{seat}, a byte more than 1 MiB", self.seated(
                    seat, self.writer("#" * (1024 * 1024 + 1)), commands, where=re.escape(seat)))
            if seat != APPUP:  # `appup make` drafts it anew
                self.verdict(f"{seat}, empty", self.seated(seat, self.writer(""), commands))

    def names(self):
        for title, name in NAMES.items():
            self.verdict(title, [c for seat, commands in SEATS.items()
                                 for body in named(name)[os.path.basename(seat)]
                                 for c in self.seated(seat, self.writer(body), commands)])

    def arguments(self):
        """The names as paths on the command line."""
        for title, name in NAMES.items():
            if "\0" in name:
                continue
            complaints = []
            for argv in (["check", "--", name], ["relup", "show", "--", name], ["graph", "--lib", name, "--", name],
                         ["relup", "make", "--lib", name, "--from", name, "--", name], ["diff", "--", name, name],
                         ["appup", "make", "--", name, name]):
                complaints.append(self.run(argv).complaint("error: ", statuses=(1, 4, 64)))
            self.verdict(f"{title} as a path", [c for c in complaints if c])

    def cut_documents(self):
        for seat, commands in SEATS.items():
            if not os.path.exists(self.path(seat)):
                continue
            with open(self.path(seat), "rb") as f:
                whole = f.read()
            # At a bracket: what is left is never whole.
            ends = [i for i in range(len(whole)) if whole[i:i + 1] in (b"}", b"]")] or [len(whole) // 2]
            self.verdict(f"{seat}, cut off", [c for end in (ends[0], ends[-1]) for c in self.seated(
                seat, self.writer(whole[:end]), commands)])

    def no_files(self):
        def unreadable(path):
            self.writer("application: hello\n")(path)  # not empty: that is for a shell that has just made it
            os.chmod(path, 0)
        things = {"a directory": os.mkdir, "a FIFO": os.mkfifo,
                  "a device": lambda path: os.symlink("/dev/zero", path),
                  "a link to itself": lambda path: os.symlink(os.path.basename(path), path)}
        if os.geteuid() != 0:
            things["an unreadable file"] = unreadable
        for title, put in things.items():
            complaints = []
            for seat, commands in {**SEATS, MODULE: MODULE_COMMANDS}.items():
                # A folder in which the file cannot be seen may be named instead of it.
                where = "|".join(re.escape(x) for x in (seat, os.path.dirname(seat) or seat))
                complaints += self.seated(seat, put, commands, where=where, statuses=(1, 10))
            self.verdict(f"{title} in place of a file", complaints)

    def modules(self):
        """A module that is cut off is refused by all: what is left of it would differ from a whole one."""
        with open(self.path(MODULE), "rb") as f:
            whole = f.read()

        def padded(length, size):
            def put(path):
                self.writer(whole[:length])(path)
                os.truncate(path, size)
            return put
        bodies = {f"a module of which {size} bytes are left": self.writer(whole[:size])
                  for size in (0, 1, 4, 16, 63, 64, 100, 1000, len(whole) // 2, len(whole) - 1)}
        bodies["half a module and 4 GiB of nothing"] = padded(len(whole) // 2, 1 << 32)
        for size in (512 * 1024 * 1024, MODULE_MAX + 1):
            bodies[f"a module that is padded to {size} bytes"] = padded(len(whole), size)
        for title, put in bodies.items():
            self.verdict(title, self.seated(MODULE, put, MODULE_COMMANDS, where=re.escape(MODULE), statuses=(1, 10)))
        self.verdict("a module of the largest size", self.seated(
            MODULE, padded(len(whole), MODULE_MAX), MODULE_COMMANDS, where="", statuses=(0,)))

    def many_names(self):
        """A module with 200,000 variables of the same long name: one text in the file, many in what is told."""
        with open(self.path(MODULE), "rb") as f:
            whole = f.read()
        sections, = struct.unpack_from("<Q", whole, 40)
        size, count, _ = struct.unpack_from("<HHH", whole, 58)
        heads = [list(struct.unpack_from("<IIQQQQIIQQ", whole, sections + i * size)) for i in range(count)]
        table = next(h for h in heads if h[1] == 2)  # SHT_SYMTAB
        bss = next(i for i, h in enumerate(heads) if h[1] == 8 and h[2] == 3)  # SHT_NOBITS, written to
        names = b"\0" + b"n" * 4000 + b"\0"
        symbols = struct.pack("<IBBHQQ", 1, 0x11, 0, bss, heads[bss][3], 1) * 200000
        texts = heads[table[6]]
        texts[4], texts[5] = len(whole), len(names)
        table[4], table[5] = len(whole) + len(names), len(symbols)
        body = bytearray(whole)
        for i, h in enumerate(heads):
            struct.pack_into("<IIQQQQIIQQ", body, sections + i * size, *h)
        self.verdict("a module with 200,000 long names", self.seated(
            MODULE, self.writer(bytes(body) + names + symbols), MODULE_COMMANDS, where=re.escape(MODULE)))

    def generated(self):
        """A generated relup.json may be large, and its tree then takes what it needs; what is refused by its
        size has no tree."""
        head, item = b'{"release":"hello","version":"0.1.1","down":[],"up":[', b"1," * 100000

        def nodes(count, pad=b""):
            def put(path):
                with open(path, "wb") as f:
                    f.write(head)
                    for _ in range(count // 100000):
                        f.write(item)
                    f.write(b"1," * (count % 100000) + b"1]" + pad + b"}")
            return put

        def long(path):
            nodes(0)(path)
            os.truncate(path, 64 * 1024 * 1024 + 1)
        for seat in (RELUP, "any.json"):  # which begins as a relup
            self.verdict(f"a relup in {seat} of 64 MiB and a byte",
                         self.seated(seat, long, SEATS[seat], where=re.escape(seat)))
            # The nodes around them are six.
            for count in (RELUP_NODES - 6, RELUP_NODES - 5):
                complaints = self.seated(seat, nodes(count), SEATS[seat], memory=RELUP_MEMORY)
                self.verdict(f"a relup in {seat} of {count + 6} nodes", complaints)

    def all(self):
        for part in (self.whole, self.documents, self.names, self.arguments, self.cut_documents, self.no_files,
                     self.modules, self.many_names, self.generated):
            part()
        print(f"# {self.runs} runs, at most {self.most} KiB and {self.slowest:.2f} s of processor")
        print(f"1..{self.count}")


def main():
    t = Tests()
    try:
        t.all()
    finally:
        shutil.rmtree(t.dir)
    return t.failed > 0


if __name__ == "__main__":
    sys.exit(main())
