#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same script through the core (driver) and through the oracle; each answer is compared.

usage: differ.py DRIVER [--seeds N] [--first SEED] [--steps N]     generated histories
       differ.py DRIVER --script FILE                              one script, as a failure prints it
"""
import argparse
import collections
import json
import subprocess
import sys

from oracle import Tree
from rules import FIELDS, NUMBERS
from writer import Writer


class Differs(Exception):
    """What the two said to one command."""


class Core:
    def __init__(self, driver, quiet):
        self.process = subprocess.Popen([driver], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        stderr=subprocess.DEVNULL if quiet else None)

    def ask(self, line):
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise Differs(f"the driver ended with {self.process.wait()}")
        return json.loads(answer)

    def end(self):
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.wait()
        self.process.stdout.close()


def values_of(words):
    """FIELD=VALUE, FIELD+=VALUE, FIELD-=VALUE."""
    found = []
    for word in words:
        name, _, value = word.partition("=")
        act = name[-1] if name[-1] in "+-" else "="
        name = name.rstrip("+-")
        found.append((name, act, None if value == "" else int(value) if name in NUMBERS else value))
    # An item of a list is an item, whatever sign it came with.
    return [(f, "+" if f in ("progress", "notes") else act, v) for f, act, v in found]


def options(words):
    more, rest = {}, []
    for word in words:
        name, _, value = word.partition("=")
        if word == "imported":
            more["imported"] = True
        elif name == "home":
            more["home"] = int(value)
        elif name == "by":
            more["by"] = value
        elif name == "to":
            more["to"] = sorted(int(n) for n in value.split(","))
        else:
            rest.append(word)
    return values_of(rest), more


def policy_of(words):
    """KIND.FIELD=RULE, KIND@STATUS=RANK."""
    rules, ranks = {}, {}
    for word in words:
        name, _, value = word.partition("=")
        if "@" in name:
            kind, _, status = name.partition("@")
            ranks.setdefault(kind, {})[status] = int(value)
        else:
            kind, _, field = name.partition(".")
            rules[kind, FIELDS[kind][field][1]] = value
    return rules, ranks


class Pair:
    """Core and oracle, side by side."""

    def __init__(self, driver, quiet=False):
        self.core, self.tree, self.script = Core(driver, quiet), Tree(), []

    def do(self, line):
        self.script.append(line)
        said = self.core.ask(line)
        expected = self.oracle(line.split())
        self.stamp(said)
        if said != expected:
            raise Differs(f"core:   {json.dumps(said, sort_keys=True)}\noracle: {json.dumps(expected, sort_keys=True)}")
        return said

    def oracle(self, words):
        tree, what = self.tree, words[0]
        if what == "put":
            values, more = options(words[4:])
            return tree.put(int(words[1]), words[2], words[3], values, **more)
        if what == "settle":
            values, more = options(words[4:])
            return tree.settle(int(words[1]), words[2], words[3], values, **more)
        if what == "move":
            values, more = options(words[5:])
            return tree.move(int(words[1]), words[2], words[3], int(words[4]), values, **more)
        if what == "look":
            return tree.look(int(words[1]), words[2], words[3])
        if what == "sync":
            return tree.sync(int(words[1]))
        if what == "write":
            return tree.write(words[1], int(words[2]), int(words[3]))
        if what == "read":
            return tree.read(words[1], int(words[2]), *words[3:4])
        if what == "backup":
            return tree.backup(int(words[1]))
        if what == "restore":
            return tree.restore(int(words[1]), words[2:] == ["unnoticed"])
        if what == "swap":
            return tree.swap(int(words[1]))
        if what == "show":
            return tree.show(int(words[1]), words[2])
        if what == "policy":
            return tree.policy(int(words[1]), *policy_of(words[2:]))
        if what == "root":
            return tree.root(int(words[1]), int(words[2]), int(words[3]))
        return {}

    def stamp(self, said):
        """Ids, incarnations, places in logs and the clock are inputs; but the clock never goes back, and
        each op that was expected was made, no other."""
        places = collections.defaultdict(list)
        for place in said.pop("made", []):
            self.tree.ids[place["label"]] = bytes.fromhex(place["id"])
            if "directive" in said:
                self.tree.ids[place["label"].rpartition(".")[0]] = bytes.fromhex(said["directive"])
            places[place["label"]].append(place)
        said.pop("directive", None)
        made, self.tree.made = self.tree.made, []
        expected = collections.Counter(op.record.label for op in made)
        if expected != {label: len(found) for label, found in places.items()}:
            raise Differs(f"ops of the core: { {label: len(found) for label, found in places.items()} }, of the oracle: {dict(expected)}")
        for op in made:
            at = places[op.record.label].pop(0)
            self.tree.known_as(op, at["hlc"], at["clock"], at["inc"], at["seq"])
            # In milliseconds: ops of one segment share the counter behind them.
            if op.hlc >> 16 < self.tree.stamps.get((op.author, op.inc), 0):
                raise Differs(f"the clock of node {op.author} goes back: {op.hlc}")
            self.tree.stamps[op.author, op.inc] = op.hlc >> 16
        if "late" in said:
            said["late"].sort()


# ---- failures ----

def replay(driver, script):
    """(script up to the first difference, what it was), or None."""
    pair = Pair(driver, quiet=True)
    try:
        for line in script:
            pair.do(line)
    except Differs as what:
        return pair.script, str(what)
    except Exception:  # a script that makes no sense after something was taken out
        return None
    finally:
        pair.core.end()
    return None


def shrink(driver, script, what, tries=400):
    """Takes out what is not needed, from the end to the beginning."""
    at = len(script) - 1
    while at >= 0 and tries > 0:
        tries -= 1
        less = replay(driver, script[:at] + script[at + 1:])
        if less is not None and not less[1].startswith("the driver ended"):
            script, what = less
            at = min(at, len(script))
        at -= 1
    return script, what


def one(driver, seed, steps):
    """None, or (script, difference)."""
    pair = Pair(driver)
    try:
        Writer(pair, seed).run(steps)
    except Differs as what:
        return pair.script, str(what)
    finally:
        pair.core.end()
    return None


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("driver")
    parser.add_argument("--seeds", type=int, default=200)
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--script")
    args = parser.parse_args()
    if args.script:
        with open(args.script, encoding="utf-8") as file:
            found = replay(args.driver, [line.strip() for line in file if line.strip()])
        print("the same" if found is None else f"{found[0][-1]}\n{found[1]}")
        return 0 if found is None else 1
    passed = failed = 0
    for seed in range(args.first, args.first + args.seeds):
        found = one(args.driver, seed, args.steps)
        if found is None:
            passed += 1
            continue
        failed += 1
        if failed > 3:
            continue
        script, what = shrink(args.driver, *found)
        print(f"seed {seed} ({len(found[0])} commands, {len(script)} needed):")
        print("    " + "\n    ".join(script) + "\n" + what)
    print(f"oracle: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
