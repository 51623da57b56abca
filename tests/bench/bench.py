#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bench -- figures of real daemons beside the raw limits of this machine, taken in one run.

Everything runs on this one machine: feeder, every daemon's core and carrier share its processors.
"durable at both" = acknowledged by the leaf's door (after its fsync) and counted by the hub as held.
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
from node import Failed, Node, pss_kib  # noqa: E402

HUB, STREET, LEAF = "110101", "110101/110101001", "110101/110101001/110101001001"
LIGHT_RATE, LIGHT_SECONDS = 20, 15
CATCH_UP_S, POLL_S = 900, 0.05


def run_json(*command):
    run = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Failed(f"{pathlib.Path(str(command[0])).name}: exit {run.returncode}: {run.stderr.strip()}")
    return json.loads(run.stdout)


class Bench:
    def __init__(self, args):
        self.build, self.n = pathlib.Path(args.build).resolve(), args.records
        self.dir = pathlib.Path(args.dir).resolve()
        self.run_dir = self.dir / "run"
        self.keep = args.keep
        self.only = set(args.only.split(",")) if args.only else None
        self.figures, self.nodes = {}, []
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

    def feed(self, node, count, source):
        path = self.dir / f"{source}.ndjson"
        line_bytes = cases.write(path, count, source)
        result = run_json(self.build / "tests/bench/feed", node.socket("ingest"), path)
        path.unlink()
        if result["refused"] != 0:
            raise Failed(f"{result['refused']} lines refused, first: {result['first_error']}")
        return result, line_bytes

    def held(self, hub, unit):
        for row in hub.ask("tree")["units"]:
            if row["unit"] == unit:
                return row["held_here"]
        raise Failed(f"{unit} is not in the hub's tree")

    def until(self, what, seconds, test):
        end = time.monotonic() + seconds
        while not test():
            if time.monotonic() > end:
                raise Failed(f"{what}: not reached in {seconds} s")
            time.sleep(POLL_S)

    def own(self, node):
        return next(u["own_records"] for u in node.ask("tree")["units"] if u["state"] == "self")

    def wait_registered(self, node):
        self.until(f"{node.name} registered", 60, lambda: node.ask("status")["registered"])
        self.until(f"{node.name} link", 60, lambda: node.ask("status")["upstream"]["state"] in ("up", "live"))

    def peer(self, node, direction="up"):
        return next(p for p in node.ask("peers")["peers"] if p["direction"] == direction)

    # -------------------------------------------------------------- parts
    def part_raw(self):
        raw = self.build / "tests/bench/raw"
        folder = self.run_dir / "raw"
        folder.mkdir()
        out = run_json(raw, "lmdb", folder, 6)
        for words in (("verify", 1), ("sign", 1), ("blake2b", 1), ("curve", 3)):
            out.update(run_json(raw, *words))
        return out

    def part_ingest(self):
        """One leaf, its link stopped: the door and the disk; then the link opens: catch-up."""
        hub = self.node("hub", HUB)
        leaf = self.node("leaf", STREET, hub, listens=False)
        self.wait_registered(leaf)
        idle = {"idle_leaf_pss_kib": pss_kib(leaf.pids()), "idle_hub_pss_kib": pss_kib(hub.pids())}
        leaf.ask("peer pause", peer=HUB)
        before = self.peer(leaf)["sent_bytes"]
        held = self.held(hub, STREET)
        fed, line_bytes = self.feed(leaf, self.n, "ingest")
        leaf.ask("peer resume", peer=HUB)
        start = time.monotonic()
        goal = self.own(leaf)
        self.until("catch-up", CATCH_UP_S, lambda: self.held(hub, STREET) >= goal)
        caught = time.monotonic() - start
        leaf.ask("wait", what="synced", timeout_seconds=120)
        sent = self.peer(leaf)["sent_bytes"] - before
        return {
            "line_bytes": line_bytes, "ingest_records_per_s": fed["ok"] / fed["seconds"],
            "catch_up_records": goal - held, "catch_up_seconds": caught,
            "catch_up_records_per_s": self.n / caught, "wire_bytes_per_record": sent / self.n,
            "ops_per_record": (goal - held) / self.n,
            "busy_leaf_pss_kib": pss_kib(leaf.pids()), "busy_hub_pss_kib": pss_kib(hub.pids()), **idle}

    def live(self, leaf, hub, unit, source):
        fed, _ = self.feed(leaf, self.n, source)
        start = time.monotonic() - fed["seconds"]
        goal = self.own(leaf)
        self.until("leaf to hub", CATCH_UP_S, lambda: self.held(hub, unit) >= goal)
        return self.n / (time.monotonic() - start)

    def part_two_tiers(self):
        hub = self.node("hub", HUB)
        leaf = self.node("leaf", STREET, hub, listens=False)
        self.wait_registered(leaf)
        rate = self.live(leaf, hub, STREET, "two")
        return {"leaf_to_hub_records_per_s": rate}

    def part_three_tiers(self):
        hub = self.node("hub", HUB)
        street = self.node("street", STREET, hub)
        self.wait_registered(street)
        leaf = self.node("leaf", LEAF, street, listens=False)
        self.wait_registered(leaf)
        rate = self.live(leaf, hub, LEAF, "three")
        light = self.light(leaf, hub)
        return {"three_tiers_records_per_s": rate, **light}

    def light(self, leaf, hub):
        """Propagation at a light rate: door of the leaf to the hub's disk, three tiers."""
        count, sent, arrived = LIGHT_RATE * LIGHT_SECONDS, [], []
        path = self.dir / "light.ndjson"
        cases.write(path, count, "light")
        lines = path.read_bytes().splitlines(keepends=True)
        path.unlink()
        base_held, base_own = self.held(hub, LEAF), self.own(leaf)
        stop = threading.Event()

        def watch():
            seen = base_held
            while not stop.is_set():
                held, now = self.held(hub, LEAF), time.monotonic()
                if held != seen:
                    arrived.append((now, held))
                    seen = held
                time.sleep(0.001)

        watcher = threading.Thread(target=watch)
        watcher.start()
        ops = self.send_slowly(leaf, lines, sent, base_own)
        time.sleep(3)
        stop.set()
        watcher.join()
        delays = []
        for at, ops_after in zip(sent, ops):
            there = next((t for t, held in arrived if held - base_held >= ops_after - base_own), None)
            if there is None:
                raise Failed("a record of the light load did not arrive")
            delays.append(max(0.0, there - at))
        delays.sort()
        return {"propagation_ms_p50": 1000 * delays[len(delays) // 2],
                "propagation_ms_p99": 1000 * delays[int(len(delays) * 0.99)]}

    def send_slowly(self, leaf, lines, sent, base_own):
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(str(leaf.socket("ingest")))
        answers = sock.makefile("rb")
        answers.readline()  # greeting
        ops, start = [], time.monotonic()
        per_line = None
        for number, line in enumerate(lines):
            time.sleep(max(0.0, start + number / LIGHT_RATE - time.monotonic()))
            sent.append(time.monotonic())
            sock.sendall(line)
            if b'"ok":true' not in answers.readline():
                raise Failed("a line of the light load was refused")
            if per_line is None:
                per_line = self.own(leaf) - base_own
            ops.append(base_own + per_line * (number + 1))
        sock.close()
        return ops

    # ---------------------------------------------------------------- run
    def run(self):
        parts = {"raw": self.part_raw, "ingest": self.part_ingest, "two": self.part_two_tiers,
                 "three": self.part_three_tiers}
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
        self.figures["machine"] = {"cpus": os.cpu_count(), "kernel": platform.release(), "records": self.n}
        (self.dir / "bench.json").write_text(json.dumps(self.figures, indent=1) + "\n", encoding="utf-8")
        self.table()
        return 1 if failed else 0

    def table(self):
        f = self.figures
        rows = [
            ("local ingest", "ingest_records_per_s", "records/s", "lmdb_256_rows_per_s"),
            ("leaf to hub, durable at both", "leaf_to_hub_records_per_s", "records/s", "lmdb_256_rows_per_s"),
            ("three tiers", "three_tiers_records_per_s", "records/s", "lmdb_256_rows_per_s"),
            (f"catch-up of {self.n:,} waiting", "catch_up_records_per_s", "records/s", "curve_450_records_per_s"),
            ("propagation at 20/s, 3 tiers, p50", "propagation_ms_p50", "ms", None),
            ("propagation at 20/s, 3 tiers, p99", "propagation_ms_p99", "ms", None),
            ("on the wire", "wire_bytes_per_record", "bytes/record", "line_bytes"),
            ("idle leaf, PSS of core and carrier", "idle_leaf_pss_kib", "KiB", None),
            ("leaf after the load", "busy_leaf_pss_kib", "KiB", None),
            ("hub after the load", "busy_hub_pss_kib", "KiB", None),
            ("raw: LMDB, 256 rows a synced commit", "lmdb_256_rows_per_s", "rows/s", None),
            ("raw: LMDB, 1,024 rows a synced commit", "lmdb_1024_rows_per_s", "rows/s", None),
            ("raw: LMDB, synced commits", "lmdb_synced_commits_per_s", "commits/s", None),
            ("raw: Ed25519 verify", "ed25519_verify_per_s", "/s", None),
            ("raw: Ed25519 sign", "ed25519_sign_per_s", "/s", None),
            ("raw: BLAKE2b-256 of 450 bytes", "blake2b_450_per_s", "/s", None),
            ("raw: ZeroMQ + CURVE, 450 bytes in 64 KiB frames", "curve_450_records_per_s", "records/s", None),
        ]
        print(f"{'':50} {'figure':>12} {'unit':14} of the raw limit")
        for title, key, unit, limit in rows:
            if key not in f:
                print(f"{title:50} {'-':>12}")
                continue
            share = f"{100 * f[key] / f[limit]:5.1f} % of {limit}" if limit in f else ""
            print(f"{title:50} {f[key]:12,.1f} {unit:14} {share}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", required=True, help="folder with terraced, terracectl and tests/bench")
    parser.add_argument("--dir", required=True, help="where stores and results go; on the disk to be measured")
    parser.add_argument("--records", type=int, default=200000)
    parser.add_argument("--only", help="comma list of raw, ingest, two, three")
    parser.add_argument("--keep", action="store_true", help="leave the stores")
    return Bench(parser.parse_args()).run()


if __name__ == "__main__":
    sys.exit(main())
