#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Real daemons, killed and hurt; a ledger outside of them says what they owe.

usage: run.py BUILD all|slice|kills|calls [--cycles N] [--seed N]
"""
import argparse
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))

from lib import Fault, World, check, until  # noqa: E402
from ledger import Ledger, Load, Writer  # noqa: E402

# What no crash may ever cause.
NEVER = ("fork", "fork-limit", "segment-forged", "segment-scope", "frame-bad", "op-violation", "cert-bad", "head-bad", "receipt-bad", "internal-error")


class City(World):
    """A hub and its leaves, with daemons that may die at any time."""

    def __init__(self, build, folder, leaves):
        super().__init__(build, folder)
        self.hub = self.top()
        self.leaves = [self.below(self.hub, f"11010100{i + 1}") for i in range(leaves)]
        self.ledger = Ledger()
        for leaf in self.leaves:
            leaf.synced()

    def launch(self, node, **env):
        """Starts without waiting; env is for this daemon alone."""
        with open(node.dir / "terraced.log", "ab") as log:
            node.process = subprocess.Popen(
                [self.build / "terraced", "-c", node.dir / "terrace.yaml"], stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, env={**self.env, **env}, start_new_session=True)

    def ready(self, node):
        until(lambda: node.process.poll() is not None or node.ctl("health", "--ready").rc == 0, f"{node.name} ready")
        check(node.process.poll() is None, f"{node.name} does not start again:\n{node.log()[-1500:]}")

    def retry(self):
        """Nobody waits for a back-off here."""
        for leaf in self.leaves:
            leaf.ctl("peer", "retry", self.hub.unit)

    def look(self):
        """Compares each node with the ledger; how many cases were looked for."""
        looked = self.ledger.compare("hub", self.hub.records(), {leaf.unit for leaf in self.leaves})[0]
        for leaf in self.leaves:
            looked += self.ledger.compare(leaf.name, leaf.records(), {leaf.unit})[0]
        return looked

    def settle(self):
        """All links up, all work at the hub, all stores the same and whole."""
        self.retry()
        for leaf in self.leaves:
            leaf.synced(60)
            until(lambda leaf=leaf: leaf.export() == self.hub.export(owner=leaf.unit), f"{leaf.name} like the hub")
        looked = self.look()
        for node in self.nodes:
            bad = node.json("verify")
            check(bad["bad_count"] == 0 and bad["values"]["bad"] == 0, f"{node.name}: verify {bad}")
            lines = [line for line in node.log().splitlines() if any(f" {word} " in line for word in NEVER)]
            check(not lines, f"{node.name}: " + "\n".join(lines[:5]))
        return looked


# ---- kill -9 at random moments ----

def kills(city, cycles, rng):
    """Returns what was looked for at the end."""
    load = Load([Writer(city.ledger, city.hub, leaf.unit, 1) for leaf in city.leaves] +
                [Writer(city.ledger, leaf, leaf.unit, i) for leaf in city.leaves for i in (2, 3)], pace=0.02)
    both = startups = 0
    try:
        for cycle in range(1, cycles + 1):
            victims = [rng.choice(city.nodes)]
            if rng.random() < 0.2:
                victims = [city.hub, rng.choice(city.leaves)]
                both += 1
            time.sleep(rng.random() * 0.4)  # the random moment
            for node in victims:
                node.kill()
            for node in victims:
                city.launch(node)
            if rng.random() < 0.2:  # again, while it starts
                startups += 1
                time.sleep(rng.random() * 0.08)
                for node in victims:
                    node.kill()
                    city.launch(node)
            for node in victims:
                city.ready(node)
            if city.hub in victims:
                city.retry()
            if cycle % 50 == 0:
                halfway(city, load, cycle, cycles)
    finally:
        load.pause()
        load.end()
    check(not load.faults, "\n".join(load.faults[:5]))
    check(not any(" new-incarnation " in node.log() for node in city.nodes), "a killed process is no restored store")
    print(f"  {cycles} cycles: {both} of both sides at once, {startups} again while starting")
    return city.settle()


def halfway(city, load, cycle, cycles):
    load.pause()
    looked = city.settle()
    print(f"  {cycle} of {cycles} cycles, {city.ledger.acknowledged} acknowledged, {looked} cases looked for, "
          f"{len(city.ledger.lost)} lost", flush=True)
    load.resume()


# ---- each system call in turn ----

class Calls:
    """One victim; the shim strikes at call N of its life."""

    def __init__(self, city, victim):
        self.city, self.victim = city, victim
        self.shim = city.build / "tests/crash/shim.so"
        self.report = city.dir / "strike"
        leaf = city.leaves[0]
        self.writers = [Writer(city.ledger, leaf, leaf.unit, 7), Writer(city.ledger, city.hub, leaf.unit, 8)]
        self.lines = [writer.line() for writer in self.writers]

    def launch(self, mode, number, seed=1):
        self.report.unlink(missing_ok=True)
        self.city.launch(self.victim, LD_PRELOAD=str(self.shim), TERRACE_CRASH=f"{mode}:{number}:{seed}:{self.report}")

    def struck(self):
        """(call, path) of the strike, or None."""
        try:
            words = self.report.read_text().split()
        except FileNotFoundError:
            return None
        return (words[1], words[2]) if len(words) >= 3 and words[1] != "total" else None

    def is_over(self):
        return self.victim.process.poll() is not None

    def work(self, rounds, seconds=8):
        """Lines at both doors, and their way to the other side; ends early with the victim."""
        after = 0
        for _ in range(rounds):
            for i, writer in enumerate(self.writers):
                end = time.monotonic() + seconds
                while not self.is_over() and time.monotonic() < end:
                    late = self.struck() is not None
                    answer = writer.put(self.lines[i])
                    if answer is not None and answer["ok"]:
                        after += late and writer.node is self.victim
                        self.lines[i] = writer.line()
                        break
                    time.sleep(0.005)
                    if late and answer is not None:
                        return after  # refused: that is a good answer
                    if late:
                        end = min(end, time.monotonic() + 1)
            if self.is_over():
                return after
        while not self.is_over() and time.monotonic() < end and not self.arrived():
            time.sleep(0.02)
        return after

    def arrived(self):
        waiting = self.city.leaves[0].ctl("--json", "status")
        return waiting.rc == 0 and (waiting.json()["upstream"] or {}).get("waiting_records") == 0

    def end(self):
        for writer in self.writers:
            writer.close()
        if self.victim.process is not None:
            if self.is_over():
                rc = self.victim.process.returncode
                self.victim.process = None
                return rc
            return self.victim.stop(check_exit=False)
        return None

    def total(self):
        """How many calls there are in a life with a little work in it."""
        self.launch("count", 0)
        self.city.ready(self.victim)
        self.city.retry()
        self.work(3)
        self.end()
        return int(self.report.read_text().split()[0])

    def fresh_parent(self):
        """A parent answers ten HELLOs of a child in ten seconds; here there are more."""
        if self.victim is self.city.hub:
            return
        self.city.hub.kill()
        self.city.launch(self.city.hub)
        self.city.ready(self.city.hub)

    def one(self, mode, number, seed):
        """True when the strike came.  Afterwards everything acknowledged is there."""
        self.launch(mode, number, seed)
        until(lambda: self.is_over() or self.victim.ctl("health", "--ready").rc == 0 or self.struck(), "a start or a strike")
        self.city.retry()
        after = self.work(3)
        struck = self.struck()
        rc = self.end()
        where = f"{self.victim.name}: {mode} at call {number} ({' '.join(struck) if struck else 'not reached'})"
        if struck and mode in ("kill", "power"):
            check(rc == -9, f"{where}: ended with {rc}")
        if struck and mode == "eio-on" and struck[1].endswith("data.mdb"):
            check(rc not in (0, -9), f"{where}: went on with a store that cannot write, ended with {rc}")
            check(after <= 1, f"{where}: {after} times ok after it")
        check(struck or rc == 0, f"{where}: ended with {rc}")
        self.fresh_parent()
        self.city.launch(self.victim)
        self.city.ready(self.victim)
        before = len(self.city.ledger.lost)
        self.city.settle()
        # The other side may have given back what this one had lost: that shows, too.
        check(" new-incarnation " not in self.victim.log(), f"{where}: its store fell behind what it had said")
        check(len(self.city.ledger.lost) == before, f"{where}: {self.city.ledger.lost[before:][:3]}")
        self.victim.stop()
        return struck is not None


MODES = ("kill", "power", "eio", "eio-on", "enospc", "enospc-on")


def calls(city, victim, rng, sample):
    """Each call in turn, or a sample of them.  (strikes, calls of a life)"""
    victim.stop()
    turn = Calls(city, victim)
    total = turn.total()
    numbers = range(1, total + 1)
    strikes = 0
    for mode in MODES:
        some = numbers if sample is None else sorted(rng.sample(numbers, min(sample, total)))
        for number in some:
            strikes += turn.one(mode, number, rng.randrange(1 << 30))
    city.launch(victim)
    city.ready(victim)
    # The two lines that are still owed an answer get one.
    for writer, line in zip(turn.writers, turn.lines):
        until(lambda writer=writer, line=line: (writer.put(line) or {}).get("ok"), "the last line")
        writer.close()
    city.settle()
    return strikes, total


# ---- together ----

class Run:
    def __init__(self, build):
        self.build = build
        self.passed = self.failed = self.acknowledged = self.lost = 0

    def part(self, name, leaves, function):
        """function(city) returns what to print."""
        folder = tempfile.mkdtemp(prefix="terrace-crash.")
        start, city, text, fault = time.monotonic(), None, "", None
        try:
            city = City(self.build, folder, leaves)
            text = function(city)
        except (Fault, OSError, ValueError, KeyError, subprocess.SubprocessError) as what:
            fault = f"{type(what).__name__}: {what}"
        if city is not None:
            city.end()
            self.acknowledged += city.ledger.acknowledged
            self.lost += len(city.ledger.lost)
            if city.ledger.lost and not fault:
                fault = "\n        ".join(city.ledger.lost[:10])
        print(f"  {'FAIL' if fault else 'ok  '}  {name}  {text}  ({time.monotonic() - start:.1f} s)", flush=True)
        if fault:
            print(f"        {fault}\n        kept: {folder}", flush=True)
            self.failed += 1
        else:
            self.passed += 1
            shutil.rmtree(folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("what", choices=("all", "slice", "kills", "calls"))
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    run = Run(args.build)
    sample = 2 if args.what == "slice" else None

    if args.what != "calls":
        run.part("kills", 2, lambda city: f"{kills(city, args.cycles, random.Random(args.seed))} cases looked for")
    for place in ("leaf", "hub") if args.what != "kills" else ():
        def each(city, place=place):
            victim = city.hub if place == "hub" else city.leaves[0]
            strikes, total = calls(city, victim, random.Random(args.seed), sample)
            return f"{strikes} strikes, {total} calls in a life"
        run.part(f"calls-{place}", 1, each)
    cycles = args.cycles if args.what != "calls" else 0
    print(f"crash: {cycles} cycles, {run.acknowledged} acknowledged, {run.lost} lost")
    print(f"crash: {run.passed} passed, {run.failed} failed")
    return 1 if run.failed else 0


if __name__ == "__main__":
    sys.exit(main())
