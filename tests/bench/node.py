# SPDX-License-Identifier: Apache-2.0
"""node -- real daemons for the measurements: init, invite, join, start, ask, stop."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import time

PORT_FIRST = 21000


class Failed(Exception):
    """A figure could not be taken; the message says why."""


def free_port():
    for port in range(PORT_FIRST + os.getpid() % 7000, 65000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise Failed("no free port")


class Control:
    """JSON lines on a control socket, one connection kept open."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(600)
        self.sock.connect(str(path))
        self.file = self.sock.makefile("rb")
        json.loads(self.file.readline())  # greeting
        self.next_id = 0

    def ask(self, cmd, **args):
        self.next_id += 1
        request = {"id": self.next_id, "proto": 1, "cmd": cmd, "args": args}
        self.sock.sendall(json.dumps(request).encode() + b"\n")
        reply = json.loads(self.file.readline())
        if not reply["ok"]:
            raise Failed(f"{cmd}: {reply['error']}")
        return reply["data"]

    def close(self):
        self.file.close()
        self.sock.close()


class Node:
    """One folder, one daemon (core and carrier)."""

    def __init__(self, build, root, name, unit, parent=None, listens=True):
        self.build, self.name, self.unit, self.parent = pathlib.Path(build).resolve(), name, unit, parent
        self.dir = pathlib.Path(root) / name
        self.listen = f"tcp://127.0.0.1:{free_port()}" if listens else None
        self.process = None
        self.control = None
        self.cpu_from = {}
        self.make()
        self.start()

    def tool(self, *words, node=None):
        command = [str(self.build / "terracectl"), "--json", "--no-input"]
        if node is not None:
            command += ["--dir", str(node.dir)]
        run = subprocess.run(command + list(words), capture_output=True, text=True, check=False)
        if run.returncode != 0:
            raise Failed(f"terracectl {' '.join(words[:2])}: exit {run.returncode}: {run.stderr.strip()}")
        return run.stdout

    def make(self):
        listen = ["--listen", self.listen] if self.listen else []
        if self.parent is None:
            self.tool("init", self.unit, "--dir", str(self.dir), "--title", self.name, "--name", self.name, *listen)
            return
        answer = self.tool("invite", self.unit, "--title", self.name, node=self.parent)
        self.tool("join", json.loads(answer)["token"], "--dir", str(self.dir), "--name", self.name, *listen)

    def start(self):
        env = dict(os.environ, TERRACE_STORE_MAX_SIZE="8GiB", TERRACE_LOG_LEVEL="warn")
        with open(self.dir / "terraced.log", "ab") as log:
            self.process = subprocess.Popen(
                [str(self.build / "terraced"), "-c", str(self.dir / "terrace.yaml")],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=env, start_new_session=True)
        end = time.monotonic() + 20
        while True:
            try:
                self.control = Control(self.socket("control"))
                if self.listen is None or self.control.ask("status")["listen"]:
                    return
            except (OSError, ValueError):
                pass
            if self.process.poll() is not None or time.monotonic() > end:
                raise Failed(f"{self.name} does not start, see {self.dir}/terraced.log")
            time.sleep(0.02)

    def socket(self, which):
        return self.dir / "run" / f"{which}.sock"

    def ask(self, cmd, **args):
        try:
            return self.control.ask(cmd, **args)
        except (OSError, ValueError):  # a client that was silent for long was let go
            self.control.close()
            self.control = Control(self.socket("control"))
            return self.control.ask(cmd, **args)

    def pids(self):
        """Core and its children (the carrier)."""
        core = self.process.pid
        out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(core)], capture_output=True, text=True, check=False)
        return [core] + [int(pid) for pid in out.stdout.split()]

    def cpu_start(self):
        self.cpu_from = {pid: cpu_s(pid) for pid in self.pids()}

    def cpu(self):
        """Seconds of processor since cpu_start(): core, carrier."""
        pids = self.pids()
        used = [cpu_s(pid) - self.cpu_from.get(pid, 0) for pid in pids]
        return {f"{self.name}_core": used[0], f"{self.name}_carrier": sum(used[1:])}

    def stop(self):
        if self.control is not None:
            self.control.close()
            self.control = None
        if self.process is None or self.process.poll() is not None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(25)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def cpu_s(pid):
    with open(f"/proc/{pid}/schedstat", encoding="utf-8") as stat:
        main = int(stat.read().split()[0])
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():  # of every thread that lives
        total += int((task / "schedstat").read_text(encoding="utf-8").split()[0])
    return max(main, total) / 1e9


def smaps_kib(pids, *names):
    """Sum of these lines of smaps without the LMDB map, all processes together."""
    total = 0
    for pid in pids:
        is_map = False
        with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="replace") as smaps:
            for line in smaps:
                words = line.split()
                if "-" in words[0] and not words[0].endswith(":"):
                    is_map = line.rstrip().endswith(".mdb")
                elif words[0] in names and not is_map:
                    total += int(words[1])
    return total


def pss_kib(pids):
    return smaps_kib(pids, "Pss:")


def private_kib(pids):
    """What nobody shares: does not shrink when more daemons share the libraries."""
    return smaps_kib(pids, "Private_Clean:", "Private_Dirty:")
