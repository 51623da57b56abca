# SPDX-License-Identifier: Apache-2.0
"""Real nodes for the tests: one folder each, loopback, ended by their pid."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

PORTS = iter(range(32100 - os.getpid() % 2000 * 6, 32700))


class Fault(AssertionError):
    """What a test expected and did not get."""


def check(condition, text):
    if not condition:
        raise Fault(text)


def free_port():
    """Below the range that the kernel gives to clients."""
    for port in PORTS:
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Fault("no free port")


def until(condition, what, seconds=30):
    """Waits for a condition, not for a time."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Fault(f"not within {seconds} s: {what}")
        time.sleep(0.05)


class Result:
    def __init__(self, done):
        self.rc = done.returncode
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def json(self):
        return json.loads(self.out)


class World:
    """A folder with nodes; everything is ended and counted at its end."""

    def __init__(self, build, folder):
        self.build = pathlib.Path(build)
        self.dir = pathlib.Path(folder)
        self.nodes = []
        self.env = dict(os.environ, LC_ALL="C.UTF-8", LANGUAGE="", NO_COLOR="1")
        for name in [n for n in self.env if n.startswith("TERRACE_")]:
            del self.env[name]

    def ctl(self, *words, timeout=60, stdin=None, cwd=None, env=None):
        done = subprocess.run(
            [self.build / "terracectl", *words], input=stdin, capture_output=True, check=False,
            timeout=timeout, cwd=cwd or self.dir, env=dict(self.env, **(env or {})), stdin=None if stdin is not None else subprocess.DEVNULL)
        return Result(done)

    def ok(self, *words, **more):
        result = self.ctl(*words, **more)
        check(result.rc == 0, f"{' '.join(map(str, words))}: exit {result.rc}: {result.err}{result.out}")
        return result

    def top(self, unit="110101", name="hub", listen=True, **conf):
        return Node(self, name, unit, None, listen).make_top(**conf)

    def below(self, parent, code, name=None, listen=False, caps=None, **conf):
        unit = f"{parent.unit}/{code}"
        return Node(self, name or code, unit, parent, listen).make_below(caps, **conf)

    def end(self):
        for node in reversed(self.nodes):
            node.stop(check_exit=False)


class Node:
    def __init__(self, world, name, unit, parent, listen):
        self.world, self.name, self.unit, self.parent = world, name, unit, parent
        self.dir = world.dir / name
        self.listen = f"tcp://127.0.0.1:{free_port()}" if listen else None
        self.process = None
        self.env = {}  # beside the world's, for the daemon
        world.nodes.append(self)

    def make_top(self, **conf):
        words = ["init", self.unit, "--dir", self.dir, "--title", self.name]
        self.world.ok(*words, *(["--listen", self.listen] if self.listen else []))
        return self.configure(**conf).start()

    def make_below(self, caps=None, **conf):
        self.join(self.parent.token(self.unit, caps))
        return self.configure(**conf).start()

    def token(self, unit, caps=None):
        words = ["invite", unit, "--title", unit] + (["--caps", caps] if caps else [])
        return self.json(*words)["token"]

    def join(self, token):
        self.world.ok("join", token, "--dir", self.dir, *(["--listen", self.listen] if self.listen else []))

    def configure(self, **conf):
        """More settings by terrace.d, such as store_max_size="16MiB"."""
        if conf:
            folder = self.dir / "terrace.d"
            folder.mkdir(exist_ok=True)
            lines = []
            for key, value in conf.items():
                section, name = key.split("_", 1)
                lines.append(f"{section}: {{{name}: {value}}}\n")
            (folder / "test.yaml").write_text("".join(lines))
        return self

    def start(self, wait=True):
        with open(self.dir / "terraced.log", "ab") as log:
            self.process = subprocess.Popen(
                [self.world.build / "terraced", "-c", self.dir / "terrace.yaml"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=dict(self.world.env, **self.env),
                start_new_session=True)
        if wait:
            until(lambda: self.process.poll() is not None or self.ctl("health", "--ready").rc == 0, f"{self.name} ready")
            check(self.process.poll() is None, f"{self.name} ended at its start:\n{self.log()[-2000:]}")
        return self

    def later(self, days):
        """From the next start on its clock is ahead."""
        self.env = {"LD_PRELOAD": os.fspath(self.world.build / "tests/e2e/later.so"), "TERRACE_LATER": str(days * 86400)}
        return self

    def stop(self, how=signal.SIGTERM, check_exit=True):
        if self.process is None:
            return None
        self.process.send_signal(how)
        try:
            rc = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise Fault(f"{self.name} does not end on signal {how}") from None
        finally:
            self.process = None
        if check_exit and how == signal.SIGTERM:
            check(rc == 0, f"{self.name} ended with {rc} on SIGTERM:\n{self.log()[-2000:]}")
        return rc

    def kill(self):
        return self.stop(signal.SIGKILL)

    def log(self):
        paths = [self.dir / "terraced.log", self.world.dir / f"{self.name}.log"]
        return "".join(path.read_text(errors="replace") for path in paths if path.exists())

    def ctl(self, *words, **more):
        return self.world.ctl("-S", self.dir / "run/control.sock", *words, **more)

    def ok(self, *words, **more):
        return self.world.ok("-S", self.dir / "run/control.sock", *words, **more)

    def json(self, *words, **more):
        return self.ok("--json", *words, **more).json()

    def status(self):
        return self.json("status")

    def export(self, **more):
        words = [w for key, value in more.items() for w in (f"--{key}", value)]
        return self.ok("export", *words).out

    def records(self):
        return [json.loads(line) for line in self.export(kind="case").splitlines()]

    def synced(self, seconds=60):
        self.ok("wait", "synced", "-t", str(seconds), timeout=seconds + 20)
        return self

    def live(self):
        """Connected to its first peer, which is the parent if there is one."""
        until(lambda: self.json("peers")["peers"][0]["state"] == "up", f"{self.name} is connected")
        return self

    def door(self):
        return Door(self.dir / "run/ingest.sock")

    def events(self):
        lines = self.ok("--json", "events", "-n", "512").out.splitlines()
        found = []
        for line in lines:
            try:
                found.append(json.loads(line))
            except ValueError:
                return json.loads("\n".join(lines)).get("events", [])
        return found


class Door:
    """ingest.sock as an application uses it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(60)
        self.socket.connect(os.fspath(path))
        self.file = self.socket.makefile("rb")
        greeting = json.loads(self.file.readline())
        check(greeting.get("terrace") == "ingest", f"greeting {greeting}")

    def send(self, line):
        data = line if isinstance(line, bytes) else json.dumps(line, ensure_ascii=False).encode()
        self.socket.sendall(data + b"\n")

    def answer(self):
        line = self.file.readline()
        return json.loads(line) if line.endswith(b"\n") else None

    def put(self, line):
        self.send(line)
        return self.answer()

    def close(self):
        self.file.close()
        self.socket.close()


def case(number, **more):
    return {"kind": "case", "source": "test", "source_id": str(number), "category": "noise", **more}
