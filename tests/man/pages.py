# SPDX-License-Identifier: Apache-2.0
"""What the manual pages show is true (TAP).

pages.py SRCDIR BUILDDIR

A comment before a literal display says what it is:

	.\\" example: PATH   a file; all of them together are a release that is built and run
	.\\" result: PATH    a file that relctl makes of them
	.\\" command: WHAT   how the examples are compiled, and how the relup is made
	.\\" output: ARGS    what `relctl ARGS` prints on the running example, but for numbers
	.\\" json: VERB      the keys of what `relctl VERB -o json` prints
	.\\" message: relupd what relupd says, but for names and numbers
	.\\" check: appup    an appup of other modules, for the generator alone

Beside that: the synopsis and the options of relctl.1 are those of --help, its error codes those of
src/base/err_tbl.h, and relworker.3 names what relworker.h declares.
"""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import displays
from displays import Fail, need

SRC, BUILD = (os.path.abspath(p) for p in sys.argv[1:3])
RELCTL = os.path.join(BUILD, "relctl")
VERSIONS = ("1.0.0", "1.1.0")
PAIR = ("clock.h", "clock.c", "teller.c")  # of a release of their own
HOST = "uv_host.c"  # in tests/host, where a scenario runs it
PART = ("tally.h", "tally.c", "meter.c", "meter-appup.yaml")  # likewise
WAIT = 60  # seconds: for what is a matter of milliseconds


def page(name):
    return displays.page(SRC, name)


def shown(kind):
    return {arg: text for p in displays.PAGES for k, arg, text in displays.displays(SRC, p)
            if k == kind}


def run(*argv, status=0, **kw):
    p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=WAIT,
                       encoding="utf-8", check=False, **kw)
    need(p.returncode == status,
         f"{shlex.join(argv)}: status {p.returncode}, not {status}\n{p.stdout}{p.stderr}")
    return p.stdout


# ---------------------------------------------------------------- what needs nothing to run
def verbs():
    """The commands that --help names."""
    return re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", run(RELCTL, "--help"), re.M)


def check_synopsis():
    mandoc = os.environ.get("MANDOC") or "mandoc"
    if shutil.which(mandoc) is None:
        return "SKIP mandoc is not installed"
    text = run(mandoc, "-T", "utf8", "-O", "width=1000", os.path.join(SRC, "man", "relctl.1"))
    text = re.sub(".\b", "", text).split("\nDESCRIPTION")[0].split("\nSYNOPSIS\n")[1]
    have = [" ".join(line.split()) for line in text.splitlines() if line.strip()]
    want = []
    for words in ([], *(v.split() for v in verbs())):
        usage = run(RELCTL, *words, "--help").splitlines()[0]
        want.append(usage.removeprefix("usage: ").replace("…", "..."))
    need(len(want) > 10, "--help names hardly a command")
    need(have == want, "\n".join(["the page:", *have, "--help:", *want]))
    return None


def options_in_help():
    texts = [run(RELCTL, *v.split(), "--help") for v in ("", *verbs())]
    return set(re.findall(r"(?<![\w-])--([a-z][a-z-]*)", "".join(texts)))


def check_options():
    have = set(re.findall(r"\bFl -([a-z][a-z-]*)", page("relctl.1")))
    want = options_in_help()
    need(have == want, f"not in the page: {sorted(want - have)}; not in --help: {sorted(have - want)}")


def check_errors():
    with open(os.path.join(SRC, "src", "base", "err_tbl.h"), encoding="utf-8") as f:
        want = set(re.findall(r'^X\(\w+,\s*"([a-z_]+)",\s*(\d+),', f.read(), re.M))
    section = page("relctl.1").split("\n.Sh EXIT STATUS\n")[1].split("\n.Sh ")[0]
    have = set()
    for item in section.split("\n.It ")[1:]:
        status, body = item.split("\n", 1)
        have |= {(name, status) for name in re.findall(r"^\.Ql ([a-z_]+) [,.]$", body, re.M)}
    outcomes = {"rolled_back", "mixed", "unchanged", "upgraded", "blocked"}
    have = {h for h in have if h[0] not in outcomes or h in want}
    need(len(want) > 50, "err_tbl.h was not understood")
    need(have == want, f"not in the page: {sorted(want - have)}; not in the table: {sorted(have - want)}")


def check_header():
    with open(os.path.join(SRC, "src", "worker", "relworker.h"), encoding="utf-8") as f:
        text = f.read()
    want = set(re.findall(r"^(?:int |void )?(relw_[a-z_]+)\(", text, re.M))
    want |= set(re.findall(r"^#define (RELW_[A-Z]+)\(", text, re.M))
    synopsis = page("relworker.3").split("\n.Sh DESCRIPTION")[0]
    have = set(re.findall(r"^\.F[no] ((?:relw|RELW)_\w+)", synopsis, re.M))
    need(len(want) > 15, "relworker.h was not understood")
    need(have == want, f"not in the page: {sorted(want - have)}; not in the header: {sorted(have - want)}")
    fields = text.split("\nstruct relw_module {")[1].split("\n};")[0]
    for field in re.findall(r"(\w+)(?:\)\([^;]*)?;", re.sub(r"/\*.*?\*/", "", fields, flags=re.S)):
        need(re.search(rf"\b{field}\b", page("relworker.3")), f"the page does not name {field}")


def check_limits():
    """The messages that relup.7 quotes are made by the daemon, whatever the names in them."""
    source = ""
    path = os.path.join(SRC, "src")
    for name in (os.path.join(f, n) for f in ("daemon", "exec") for n in os.listdir(os.path.join(path, f))):
        with open(os.path.join(path, name), encoding="utf-8") as f:
            source += f.read()
    source = re.sub(r'"\s*\n\s*"', "", source)  # a literal over several lines
    value = re.compile(r"%(?:zu|[ds])")
    literals = re.findall(r'"((?:[^"\\\n]|\\.)*)"', source)
    formats = [".*".join(map(re.escape, value.split(t))) for t in literals if len(t) > 20]
    messages = [" ".join(text.split()) for kind, _, text in displays.displays(SRC, "relup.7") if kind == "message"]
    need(len(messages) > 8, "relup.7 quotes hardly a message")
    for m in messages:
        need(any(re.fullmatch(f, m) for f in formats), f"relupd never says: {m}")


# ---------------------------------------------------------------- the example, built and run
def compile_command():
    """The compiler, and the arguments that the page shows for module counter."""
    command = shown("command")["cc"].replace("\\\n", " ").removeprefix("$ cc ")
    flags = "$(pkg-config --cflags relworker)"
    need(flags in command, "the command does not ask pkg-config")
    command = command.replace(flags, f"-Werror -I{shlex.quote(SRC)}/src/worker")
    compiler = shlex.split(os.environ.get("CC") or "cc")
    return compiler, command


class Example:
    def __init__(self, work):
        self.work = work
        self.root = os.path.join(work, "root")
        self.socket = os.path.join(work, "counter.sock")
        self.daemon = None

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w", encoding="utf-8") as f:
            f.write(text)

    def lay_out(self):
        """The pages show 1.1.0; 1.0.0 differs by its number and has no appup."""
        examples = shown("example")
        examples.pop(HOST, None)  # no part of the release
        need(set(examples) == {*PAIR, *PART, "counter-1.0.0.c", "counter-1.1.0.c", "releases/1.1.0/release.yaml",
                               "releases/1.1.0/config.yaml", "lib/counter-1.1.0/app.yaml",
                               "lib/counter-1.1.0/appup.yaml"}, f"examples: {sorted(examples)}")
        config = "releases/1.1.0/config.yaml"
        examples[config], n = re.subn(r"socket: [^}]*", f"socket: {self.socket}", examples[config])
        need(n == 1, "config.yaml names no socket")
        for path, text in examples.items():
            if path in PAIR + PART:
                continue
            self.write(path, text)
            if path.endswith((".c", "appup.yaml")):
                continue
            self.write(path.replace("1.1.0", "1.0.0"), text.replace("version: 1.1.0", "version: 1.0.0"))

    def compile(self):
        compiler, command = compile_command()
        for v in VERSIONS:
            where = self.path("lib", f"counter-{v}", "modules")
            os.makedirs(where)
            shutil.copy(self.path(f"counter-{v}.c"), os.path.join(where, "counter.c"))
            run(*compiler, *shlex.split(command), cwd=where)
            os.remove(os.path.join(where, "counter.c"))
            os.remove(self.path(f"counter-{v}.c"))

    def make_relup(self):
        command = shown("command")["relup make"].replace("\\\n", " ").split()
        need(command[:2] == ["$", "relctl"], "the command is none of relctl")
        run(RELCTL, *command[2:], cwd=self.root)
        for path, text in shown("result").items():
            with open(self.path(path), encoding="utf-8") as f:
                have = f.read()
            need(have == text, f"{path} is\n{have}and not\n{text}")

    def start(self):
        run(RELCTL, "root", "init", self.root, "--release", VERSIONS[0])
        notify = os.path.join(self.work, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind(notify)
            s.settimeout(WAIT)
            with open(os.path.join(self.work, "relupd.log"), "w", encoding="utf-8") as log:
                self.daemon = subprocess.Popen(
                    [os.path.join(BUILD, "relupd"), "--root", self.root, "--foreground"],
                    stderr=log, env=dict(os.environ, NOTIFY_SOCKET=notify))
            need(s.recv(100) == b"READY=1\n", "relupd does not say that it is ready")

    def wait(self):
        """relupd is ready when it answers relctl; the workers may take a moment longer."""
        until = time.monotonic() + WAIT
        while time.monotonic() < until:
            workers = json.loads(self.relctl("status", "-o", "json"))["workers"]
            if all(w["state"] == "running" for w in workers):
                return
        raise Fail("the workers do not start")

    def stop(self):
        if self.daemon is None:
            return
        self.daemon.terminate()
        status = self.daemon.wait(WAIT)
        self.daemon = None
        need(status == 0, f"relupd ended with status {status}")

    def logs(self):
        text = ""
        for where in (self.work, self.path("log")):
            for name in sorted(os.listdir(where) if os.path.isdir(where) else []):
                if name.endswith(".log"):
                    with open(os.path.join(where, name), encoding="utf-8", errors="replace") as f:
                        text += "".join(f"{name}: {line}" for line in f)
        return text

    def relctl(self, *args, status=0):
        return run(RELCTL, "--root", self.root, *args, status=status)

    def client(self):
        """What a client is told."""
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(WAIT)
            s.connect(self.socket)
            text = b""
            while chunk := s.recv(100):
                text += chunk
        return int(text)

    def counts(self):
        return [json.loads(self.relctl("call", f"counter/counter/{i}", "{}")) for i in (0, 1)]

    @staticmethod
    def plain(text):
        """Without what differs from run to run."""
        text = re.sub(r"(pause|suspended|all|forecast) \d+ (us|ms|s)\b", r"\1 N", text)
        return [line.rstrip() for line in text.strip().splitlines()]

    def compare_output(self, args):
        text = shown("output")[args]
        first, rest = text.split("\n", 1)
        need(first == f"$ relctl {args}", f"the display of `{args}` begins with {first}")
        have = self.relctl(*args.split())
        need(self.plain(have) == self.plain(rest), f"`relctl {args}` prints\n{have}and not\n{rest}")


def keys(value, at=""):
    """The keys of a JSON document, with the kind of what they hold."""
    if isinstance(value, dict):
        return {k2 for k, v in value.items() for k2 in {f"{at}.{k}"} | keys(v, f"{at}.{k}")}
    if isinstance(value, list):
        return {k for v in value for k in keys(v, f"{at}[]")}
    return set()


def compare_json(verb, have):
    want = json.loads(shown("json")[verb])
    free = re.compile(r"\.instructions\[\]")  # a script's own keys
    a, b = ({k for k in keys(v) if not free.search(k)} for v in (have, want))
    need(a == b, f"{verb}: not in the page: {sorted(a - b)}; not printed: {sorted(b - a)}")


def check_pair(work):
    """The two modules of which one calls the other."""
    pair = Example(os.path.join(work, "pair"))
    compiler, command = compile_command()
    app = pair.path("lib", "pair-1", "modules")
    os.makedirs(app)
    for name in PAIR:
        pair.write(name, shown("example")[name])
    for name in ("clock", "teller"):
        run(*compiler, *shlex.split(command.replace("counter", name)), cwd=pair.root)
        shutil.move(pair.path(f"{name}.so"), app)
    for name in PAIR:
        os.remove(pair.path(name))
    pair.write("lib/pair-1/app.yaml", "application: pair\nversion: '1'\nmodules: [clock, teller]\nsupervisor:\n"
               "  children:\n    - {id: teller, module: teller}\n")
    pair.write(f"releases/{VERSIONS[0]}/release.yaml", f"release: pair\nversion: {VERSIONS[0]}\nruntime: '1'\n"
               "applications:\n  - {application: pair, version: '1'}\n")
    run(RELCTL, "check", pair.root)
    try:
        pair.start()
        pair.wait()
        told = int(pair.relctl("call", "pair/teller/0", "{}"))
        need(abs(told - time.time()) < 3600, f"teller says that it is {told}")
    finally:
        pair.stop()


def check_host():
    """The host is the one that is tested, and builds by the command of the page."""
    listing = shown("example")[HOST]
    with open(os.path.join(SRC, "tests", "host", HOST), encoding="utf-8") as f:
        head, text = f.read().split("\n", 1)
    need(head == "/* SPDX-License-Identifier: Apache-2.0 */" and text == listing,
         f"the page's {HOST} is another than that of tests/host")
    command = shown("command")["host"].replace("\\\n", " ").removeprefix("$ cc ")
    flags = "$(pkg-config --cflags --libs relworker libuv)"
    need(flags in command, "the command does not ask pkg-config")
    uv = run(os.environ.get("PKG_CONFIG") or "pkg-config", "--cflags", "--libs", "libuv")
    # What a sanitizer adds to the library comes with programs that are built with it.
    ours = f"-Werror -I{shlex.quote(SRC)}/src/worker -L{shlex.quote(BUILD)}/src/worker/.libs -lrelworker"
    command = command.replace(flags, f"{ours} -Wl,--allow-shlib-undefined {uv}")
    with tempfile.TemporaryDirectory(prefix="relup-man.") as work:
        with open(os.path.join(work, HOST), "w", encoding="utf-8") as f:
            f.write(listing)
        run(*shlex.split(os.environ.get("CC") or "cc"), *shlex.split(command), cwd=work)
        need(os.access(os.path.join(work, "relworker-1"), os.X_OK), "the command makes no relworker-1")


def first_of(name, text):
    """Version 1.0.0 of the modules that the page shows in 2.0.0, as it tells."""
    def cut(pattern, by=""):
        nonlocal text
        text, n = re.subn(pattern, by, text, flags=re.S | re.M)
        need(n > 0, f"{name}.c has no {pattern}")
    cut(r"2\.0\.0", "1.0.0")
    if name == "meter":
        cut(r"^static int\ncode_change\(.*?^}\n")
        cut(r"^\t\.code_change = code_change,\n")
        return text
    cut(r"^static int\nconvert\(.*?^}\n")
    cut(r"^\t *\.convert = convert,\n")
    cut(r"^struct tally_v2 {.*?^};\n")
    cut(r"tally_v2", "tally_v1")
    cut(r"version = 2", "version = 1")
    cut(r"^\tt->count\+\+;\n")
    cut(r"\[%ld,%ld\]", "[%ld]")
    cut(r", t->count\)", ")")
    return text


def lay_out_part(part):
    compiler, command = compile_command()
    shows = shown("example")
    part.write("tally.h", shows["tally.h"])
    for v in ("1.0.0", "2.0.0"):
        where = part.path("lib", f"meter-{v}", "modules")
        os.makedirs(where)
        for name in ("tally", "meter"):
            text = shows[f"{name}.c"]
            part.write(f"{name}.c", text if v == "2.0.0" else first_of(name, text))
            run(*compiler, *shlex.split(command.replace("counter", name)), cwd=part.root)
            shutil.move(part.path(f"{name}.so"), where)
            os.remove(part.path(f"{name}.c"))
        part.write(f"lib/meter-{v}/app.yaml", f"application: meter\nversion: {v}\nmodules: [tally, meter]\n"
                   "supervisor:\n  children:\n    - {id: meter, module: meter}\n")
        part.write(f"releases/{v}/release.yaml", f"release: part\nversion: {v}\nruntime: '1'\n"
                   f"applications:\n  - {{application: meter, version: {v}}}\n")
    os.remove(part.path("tally.h"))
    part.write("lib/meter-2.0.0/appup.yaml", shows["meter-appup.yaml"])
    run(RELCTL, "relup", "make", "releases/2.0.0/release.yaml", "--lib", "lib", "--from",
        "releases/1.0.0/release.yaml", "--out", "releases/2.0.0/relup.json", cwd=part.root)


def check_part(work):
    """The owner of a part and its holder: up, with the part, and back."""
    part = Example(os.path.join(work, "part"))
    lay_out_part(part)
    run(RELCTL, "check", part.root)

    def told(number):
        return json.loads(part.relctl("call", "meter/meter/0", number))
    try:
        part.start()
        part.wait()
        need(told("5") == [5], "meter 1.0.0 does not add up")
        part.relctl("upgrade", "2.0.0", "-q")
        need(told("3") == [8, 1], "the tally did not go up")
        part.relctl("downgrade", "1.0.0", "-q")
        need(told("1") == [9], "the tally did not go back")
    finally:
        part.stop()


def check_run(example):
    example.start()
    example.wait()
    need(example.client() == 0, "the first client is told another number than 0")
    for _ in range(4):
        example.client()
    before = example.counts()
    need(sum(c["clients"] for c in before) == 5, f"five clients are counted as {before}")
    example.compare_output("plan 1.1.0")
    compare_json("plan", json.loads(example.relctl("plan", "1.1.0", "-o", "json")))
    compare_json("rehearse", json.loads(example.relctl("rehearse", "1.1.0", "-o", "json")))
    example.compare_output("upgrade 1.1.0 -q")
    after = example.counts()
    need([c["clients"] for c in after] == [c["clients"] for c in before],
         f"the state was {before} and is {after}")
    need([c["calls"] for c in after] == [1, 1], f"1.1.0 does not count calls: {after}")
    example.client()
    need(sum(c["clients"] for c in example.counts()) == 6, "a client is not counted in 1.1.0")


def check_json(example):
    for verb in ("status", "list", "history"):
        compare_json(verb, json.loads(example.relctl(verb, "-o", "json")))
    compare_json("upgrade", json.loads(example.relctl("attach", "-o", "json")))
    compare_json("error", json.loads(example.relctl("upgrade", "9", "-o", "json", status=4)))


def check_back(example):
    example.compare_output("rollback -q")
    now = example.counts()
    need(sum(c["clients"] for c in now) == 6 and "calls" not in now[0], f"1.0.0 says {now}")
    example.stop()


def check_appup():
    """The second example of appup.5, up from a version that its expression fits."""
    text = shown("check")["appup"]
    with tempfile.TemporaryDirectory() as work:
        def write(path, body):
            path = os.path.join(work, path)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as f:
                f.write(body)
        for v in ("0.1.0-rc1", "0.1.1"):
            write(f"hello-{v}/app.yaml",
                  f"application: hello\nversion: {v}\nmodules: [listener, greeting]\n")
            write(f"{v}.yaml", f"release: hello\nversion: {v}\nruntime: '1'\n"
                               f"applications: [{{application: hello, version: {v}}}]\n")
        write("hello-0.1.1/appup.yaml", text)
        relup = json.loads(run(RELCTL, "relup", "make", "0.1.1.yaml", "--lib", ".", "--up-from",
                               "0.1.0-rc1.yaml", cwd=work))
    script = relup["up"][0]["instructions"]
    need({"suspend": [{"module": "listener", "timeout": 10000}]} in script and
         any(i.get("code_change", {}).get("modules") == [{"module": "listener", "extra": {"limit": 100}}]
             for i in script if isinstance(i, dict)), f"the script is {script}")


# ---------------------------------------------------------------- TAP
def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # by way of the cleanup below
    number = 0
    broken = False

    def test(title, fn, *args):
        nonlocal number, broken
        number += 1
        try:
            skip = fn(*args)
            print(f"ok {number} - {title}" + (f" # {skip}" if skip else ""))
            return True
        except Exception as e:  # whatever it is, the tests behind it run and relupd is stopped
            broken = True
            print(f"not ok {number} - {title}")
            for line in f"{type(e).__name__}: {e}".splitlines():
                print(f"#   {line}")
            return False

    test("relctl.1: the synopsis is that of --help", check_synopsis)
    test("relctl.1: the options are those of --help", check_options)
    test("relctl.1: the error codes and their statuses", check_errors)
    test("relworker.3: the calls and the table are those of relworker.h", check_header)
    test("relup.7: the errors under LIMITS are those of relupd", check_limits)
    test("appup.5: the second example", check_appup)
    test("relworker.3: the host with libuv", check_host)
    with tempfile.TemporaryDirectory(prefix="relup-man.") as work:
        test("relworker.3: the two modules of which one calls the other", check_pair, work)
        test("relworker.3: the owner of a part and its holder", check_part, work)
    steps = [("release.5, app.5, appup.5: the example can be laid out", Example.lay_out),
             ("relworker.3: the examples compile, without a warning", Example.compile),
             ("relup.5: the relup is what relctl makes", Example.make_relup),
             ("relworker.3, relctl.1: relupd runs the example and upgrades it", check_run),
             ("relctl.1: the keys of the JSON", check_json),
             ("relctl.1: and back", check_back)]
    with tempfile.TemporaryDirectory(prefix="relup-man.") as work:
        example = Example(work)
        try:
            ok = True
            for title, fn in steps:
                ok = ok and test(title, fn, example)
            if not ok:
                for line in example.logs().splitlines():
                    print(f"#   {line}")
        finally:
            example.stop()
    print(f"1..{number}")
    sys.exit(1 if broken else 0)


main()
