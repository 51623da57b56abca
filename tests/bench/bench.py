#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench -- figures of real daemons beside the raw limits of this machine, taken in one run.

Everything runs on this one machine: feeder, every daemon's core and carrier share its processors.
"durable at both" starts with the first byte at the leaf's door and ends when the leaf holds the
hub's RECEIPT for all of it (`wait synced`): written and fsynced at both ends, and known to be.
Prints a table and writes DIR/bench.json (and one JSON file per part).
"""
import argparse
import json
import os
import pathlib
import platform
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import cases  # noqa: E402
from node import Failed, Node, private_kib, pss_kib  # noqa: E402
from table import show  # noqa: E402

HUB, STREET, LEAF = "110101", "110101/110101001", "110101/110101001/110101001001"
LIGHT_RATE, LIGHT_SECONDS = 20, 10
SYNC_S, POLL_S = 600, 0.01
IDLE_S = 3


def run_json(*command):
    run = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Failed(f"{pathlib.Path(str(command[0])).name}: exit {run.returncode}: {run.stderr.strip()}")
    return json.loads(run.stdout)


class Bench:
    def __init__(self, args):
        self.build, self.n = pathlib.Path(args.build).resolve(), args.records
        self.children = args.children
        self.dir = pathlib.Path(args.dir).resolve()
        self.run_dir = self.dir / "run"
        self.keep = args.keep
        self.only = set(args.only.split(",")) if args.only else None
        self.figures, self.nodes, self.files = {}, [], {}
        shutil.rmtree(self.run_dir, ignore_errors=True)
        self.run_dir.mkdir(parents=True)

    # ------------------------------------------------------------ helpers
    def say(self, text):
        print(f"bench: {text}", file=sys.stderr, flush=True)

    def node(self, name, unit, parent=None, listens=True):
        node = Node(self.build, self.run_dir, name, unit, parent, listens)
        self.nodes.append(node)
        return node

    def stop_all(self):
        for node in reversed(self.nodes):
            node.stop()
        self.nodes = []
        if not self.keep:
            shutil.rmtree(self.run_dir, ignore_errors=True)
            self.run_dir.mkdir(parents=True, exist_ok=True)

    def cases(self, shuffled=False):
        """A file of self.n cases, made once; every part has fresh stores."""
        if shuffled not in self.files:
            path = self.dir / ("shuffled.ndjson" if shuffled else "cases.ndjson")
            self.figures["line_bytes"] = cases.write(path, self.n, "bench", shuffled)
            self.files[shuffled] = path
        return self.files[shuffled]

    def feed(self, node, shuffled=False):
        result = run_json(self.build / "tests/bench/feed", node.socket("ingest"), self.cases(shuffled))
        if result["refused"] != 0:
            raise Failed(f"{result['refused']} lines refused, first: {result['first_error']}")
        return result

    def row(self, node, unit):
        for row in node.ask("tree")["units"]:
            if row["unit"] == unit:
                return row
        raise Failed(f"{unit} is not in the tree of {node.name}")

    def until(self, what, seconds, test):
        end = time.monotonic() + seconds
        while not test():
            if time.monotonic() > end:
                raise Failed(f"{what}: not reached in {seconds} s")
            time.sleep(POLL_S)

    def ready(self, node):
        def up():
            status = node.ask("status")
            return status["registered"] and status["upstream"]["state"] in ("up", "live")
        self.until(f"{node.name} ready", 60, up)
        node.ask("wait", what="synced", timeout_seconds=60)

    def wire(self, parent):
        """Bytes of TCP to and from a parent with one child: compressed, encrypted, as the line carries them."""
        if shutil.which("ss") is None:
            return []
        port = parent.listen.rsplit(":", 1)[1]
        run = subprocess.run(["ss", "-tinH", f"dport = :{port}"], capture_output=True, text=True, check=True)
        return [sum(int(w.split(":")[1]) for w in run.stdout.split() if w.startswith(name + ":"))
                for name in ("bytes_sent", "bytes_received")]

    def timed(self, leaf, hub, unit, start):
        """Seconds until the hub holds all of the leaf's, and until the leaf knows it."""
        goal = leaf.ask("status")["receipt"]["own_records"]
        self.until("held by the hub", SYNC_S, lambda: self.row(hub, unit)["held_here"] >= goal)
        held = time.monotonic() - start
        leaf.ask("wait", what="synced", timeout_seconds=SYNC_S)
        return held, time.monotonic() - start

    def cpu(self, count):
        used = {}
        for node in self.nodes:
            used.update(node.cpu())
        return {name: 1e6 * seconds / count for name, seconds in used.items()}

    def load(self, leaf, hub, unit, shuffled=False):
        """The whole run of self.n cases while the links are up."""
        self.cases(shuffled)
        for node in self.nodes:
            node.cpu_start()
        start = time.monotonic()
        self.feed(leaf, shuffled)
        _, synced = self.timed(leaf, hub, unit, start)
        return self.n / synced, self.cpu(self.n)

    # -------------------------------------------------------------- parts
    def part_raw(self):
        raw = self.build / "tests/bench/raw"
        folder = self.run_dir / "raw"
        folder.mkdir()
        out = run_json(raw, "lmdb", folder, 6)
        for words in (("verify", 1), ("sign", 1), ("blake2b", 1), ("curve", 3)):
            out.update(run_json(raw, *words))
        return out

    def part_live(self):
        hub = self.node("hub", HUB)
        leaf = self.node("leaf", STREET, hub, listens=False)
        self.ready(leaf)
        time.sleep(IDLE_S)
        idle = {"idle_leaf_pss_kib": pss_kib(leaf.pids()), "idle_hub_pss_kib": pss_kib(hub.pids())}
        self.cases()
        before = self.wire(hub)
        rate, cpu = self.load(leaf, hub, STREET)
        names = ("wire_bytes_per_record", "wire_down_bytes_per_record")
        wire = {name: (now - was) / self.n for name, now, was in zip(names, self.wire(hub), before)}
        return {"leaf_to_hub_records_per_s": rate, "leaf_to_hub_cpu_us": cpu, "leaf_to_hub_cpu_us_sum": sum(cpu.values()),
                **wire,
                "busy_leaf_pss_kib": pss_kib(leaf.pids()),
                "busy_hub_pss_kib": pss_kib(hub.pids()), **idle}

    def part_shuffled(self):
        """As live, but the source ids come in no order: the index by source has no warm end."""
        hub = self.node("hub", HUB)
        leaf = self.node("leaf", STREET, hub, listens=False)
        self.ready(leaf)
        rate, cpu = self.load(leaf, hub, STREET, shuffled=True)
        return {"shuffled_records_per_s": rate, "shuffled_cpu_us_sum": sum(cpu.values())}

    def part_catchup(self):
        """The leaf's link is paused: the door and the disk alone.  Then it resumes."""
        hub = self.node("hub", HUB)
        leaf = self.node("leaf", STREET, hub, listens=False)
        self.ready(leaf)
        self.cases()
        leaf.ask("peer pause", peer=HUB)
        leaf.cpu_start()
        fed = self.feed(leaf)
        out = {"ingest_records_per_s": fed["ok"] / fed["seconds"],
               "ingest_cpu_us_sum": 1e6 * sum(leaf.cpu().values()) / self.n}
        for node in self.nodes:
            node.cpu_start()
        start = time.monotonic()
        leaf.ask("peer resume", peer=HUB)
        held, synced = self.timed(leaf, hub, STREET, start)
        cpu = self.cpu(self.n)
        return {**out, "catch_up_records_per_s": self.n / held, "catch_up_seconds": held,
                "catch_up_receipt_seconds": synced, "catch_up_cpu_us": cpu, "catch_up_cpu_us_sum": sum(cpu.values())}

    def part_tiers(self):
        hub = self.node("hub", HUB)
        street = self.node("street", STREET, hub)
        self.ready(street)
        leaf = self.node("leaf", LEAF, street, listens=False)
        self.ready(leaf)
        light = self.light(leaf, hub)
        rate, cpu = self.load(leaf, hub, LEAF)
        return {"three_tiers_records_per_s": rate, "three_tiers_cpu_us": cpu,
                "three_tiers_cpu_us_sum": sum(cpu.values()), **light}

    def part_children(self):
        """Real daemons, enrolled one by one, then left alone.

        The children share the libraries with the hub and would make its part of them small: so
        it is the PSS of the hub before they came, and what it holds alone in addition with them.
        """
        hub = self.node("hub", HUB)
        alone, own = pss_kib(hub.pids()), private_kib(hub.pids())
        leaves = [self.node(f"c{i}", f"{HUB}/{110101001 + i}", hub, listens=False) for i in range(self.children)]
        for leaf in leaves:
            self.ready(leaf)
        self.until("children up", 60, lambda: hub.ask("status")["children"]["up"] == self.children)
        time.sleep(IDLE_S)
        for node in (hub, leaves[0]):
            node.cpu_start()
        time.sleep(IDLE_S)
        hub_cpu, leaf_cpu = hub.cpu().values(), leaves[0].cpu().values()
        grown = private_kib(hub.pids()) - own
        return {"children": self.children, "hub_with_children_kib": alone + grown,
                "kib_per_child": grown / self.children, "hub_300_children_kib": alone + 300 * grown / self.children,
                "idle_hub_cpu_percent": 100 * sum(hub_cpu) / IDLE_S, "idle_leaf_cpu_percent": 100 * sum(leaf_cpu) / IDLE_S}

    # ------------------------------------------------------- light load
    def light(self, leaf, hub):
        """Propagation at a light rate: from the leaf's door to the hub's disk, three tiers."""
        count, arrived = LIGHT_RATE * LIGHT_SECONDS, []
        lines = self.cases().read_bytes().splitlines(keepends=True)[:count]
        base = self.row(hub, LEAF)["held_here"]
        lines = [json.dumps({**json.loads(line), "source": "light"}).encode() + b"\n" for line in lines]
        stop = threading.Event()

        def watch():
            seen = base
            while not stop.is_set():
                held, now = self.row(hub, LEAF)["held_here"], time.monotonic()
                if held != seen:
                    arrived.append((now, held))
                    seen = held
                time.sleep(0.001)

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            sent = self.send_slowly(leaf, lines)
            leaf.ask("wait", what="synced", timeout_seconds=60)
        finally:
            stop.set()
            watcher.join()
        delays = []
        for number, at in enumerate(sent):
            there = next((t for t, held in arrived if held >= base + number + 1), None)
            if there is None:
                raise Failed("a record of the light load did not arrive")
            delays.append(max(0.0, there - at))
        delays.sort()
        return {"propagation_ms_p50": 1000 * delays[len(delays) // 2],
                "propagation_ms_p99": 1000 * delays[int(len(delays) * 0.99)]}

    def send_slowly(self, leaf, lines):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(leaf.socket("ingest")))
        answers = sock.makefile("rb")
        answers.readline()  # greeting
        sent, start = [], time.monotonic()
        for number, line in enumerate(lines):
            time.sleep(max(0.0, start + number / LIGHT_RATE - time.monotonic()))
            sent.append(time.monotonic())
            sock.sendall(line)
            if b'"ok":true' not in answers.readline():
                raise Failed("a line of the light load was refused")
        answers.close()
        sock.close()
        return sent

    # ---------------------------------------------------------------- run
    def run(self):
        parts = {"raw": self.part_raw, "live": self.part_live, "shuffled": self.part_shuffled,
                 "catchup": self.part_catchup, "tiers": self.part_tiers, "children": self.part_children}
        failed = False
        for name, part in parts.items():
            if self.only and name not in self.only:
                continue
            self.say(f"{name} ...")
            try:
                result = part()
                (self.dir / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
                self.figures.update(result)
            except (Failed, OSError, KeyError, StopIteration, ValueError) as error:
                self.say(f"{name}: no figure: {type(error).__name__}: {error}")
                failed = True
            finally:
                self.stop_all()
        for path in self.files.values():
            path.unlink()
        self.figures["machine"] = {"cpus": os.cpu_count(), "kernel": platform.release(), "records": self.n}
        (self.dir / "bench.json").write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")
        show(self.figures)
        return 1 if failed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="folder with terraced, terracectl and tests/bench")
    parser.add_argument("--dir", required=True, help="where stores and results go; on the disk to be measured")
    parser.add_argument("--records", type=int, default=200000)
    parser.add_argument("--children", type=int, default=60)
    parser.add_argument("--only", help="comma list of raw, live, shuffled, catchup, tiers, children")
    parser.add_argument("--keep", action="store_true", help="leave the stores")
    return Bench(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
