#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The same script through the core (driver) and through the oracle; each answer is compared.

usage: differ.py DRIVER [--seeds N] [--first SEED] [--steps N]     generated histories
       differ.py DRIVER --script FILE                              one script, as a failure prints it
"""
import argparse
import json
import random
import subprocess
import sys

from oracle import Tree
from rules import FIELDS, NODES, NUMBERS, PARENT, RANK, alive, candidates, under


IMAGES_MAX = 3   # of one history: a log may have eight branches


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
        """The clock is an input; but it never goes back."""
        stamps = {r["label"]: r for r in said["records"]} if "records" in said else {}
        for label, answer in stamps.items():
            self.tree.ids[label] = bytes.fromhex(answer["id"])
            self.tree.ids[label.rpartition(".")[0]] = bytes.fromhex(said["directive"])
        said.pop("directive", None)
        if "id" in said:
            self.tree.ids[self.tree.made[0].record.label if self.tree.made else None] = bytes.fromhex(said.pop("id"))
        made, self.tree.made = self.tree.made, []
        for op in made:
            at = stamps.get(op.record.label, said)
            if "hlc" not in at:
                return
            self.tree.known_as(op, at["hlc"], at["clock"], at["inc"], at["seq"])
            # In milliseconds: ops of one segment share the counter behind them.
            if op.hlc >> 16 < self.tree.stamps.get((op.author, op.inc), 0):
                raise Differs(f"the clock of node {op.author} goes back: {op.hlc}")
            self.tree.stamps[op.author, op.inc] = op.hlc >> 16
        if stamps:
            said["records"] = set(stamps)
        said.pop("hlc", None)
        said.pop("clock", None)
        said.pop("inc", None)
        said.pop("seq", None)


class Writer:
    """Histories: a few records, much at the same time."""

    TEXTS = {"category": "noise lamp waste", "nature": "event thing", "subcategory": "a b", "title": "t1 t2 t3 t4", "agency": "gas power",
             "grid": "g1 g2 g3", "area": "north south", "assignee": "li wang", "limit_unit": "hours days", "channel": "phone web",
             "post": "lead worker", "on_duty": "day night", "priority": "low normal urgent emergency", "state": "active leave"}

    def __init__(self, pair, seed):
        self.pair, self.tree, self.rng = pair, pair.tree, random.Random(seed)
        self.sticks, self.records, self.number, self.images = [], 0, 0, 0
        self.doubted = set()   # (node that was restored, neighbour that did not hear of it yet)

    def run(self, steps):
        for _ in range(steps):
            dice = self.rng.random()
            if dice < 0.10 or not self.tree.records:
                self.pair.do(self.new())
            elif dice < 0.50:
                self.pair.do(self.edit())
            elif dice < 0.68:
                self.pair.do(self.step())
            elif dice < 0.76:
                self.settle()
            elif dice < 0.88:
                self.sync()
            elif dice < 0.94:
                self.stick()
            elif dice < 0.955:
                self.store()
            elif dice < 0.97:
                self.image()
            elif dice < 0.975 and not any(0 in pair for pair in self.doubted):
                self.pair.do(self.policy())
            elif dice < 0.985:
                self.pair.do(f"show {self.rng.choice(NODES)} {self.label()}")
            else:
                self.pair.do(self.rng.choice([f"wait {self.rng.randrange(60000)}",
                                              f"skew {self.rng.choice(NODES)} {self.rng.randrange(-10**7, 10**7)}"]))
        self.end()

    def end(self):
        for child in (3, 4, 5, 1, 2, 1, 2, 3, 4, 5) * (2 if self.images else 1):
            self.pair.do(f"sync {child}")
        for label, record in self.tree.records.items():
            for node in NODES:
                if under(record.home, node):
                    self.pair.do(f"show {node} {label}")
        for home in NODES:
            for node in NODES:
                if under(home, node):
                    self.pair.do(f"root {node} {home} {self.rng.choice((2, 3))}")

    # ---- choices ----

    def label(self):
        return self.rng.choice(list(self.tree.records))

    def place_of(self, label):
        """A node that may write there, mostly one that has it."""
        home = self.tree.records[label].home
        path = [node for node in NODES if under(home, node)]
        have = [node for node in path if self.tree.ops(node, self.tree.records[label])]
        return self.rng.choice(have if have and self.rng.random() < 0.97 else path)

    def by(self):
        return self.rng.choice(["", " by=ann", " by=bo"])

    def value(self, kind, field):
        if field in self.TEXTS:
            return self.rng.choice(self.TEXTS[field].split())
        if field in ("lat", "lon"):
            return self.rng.randrange(400000000, 400000003)
        if field in NUMBERS:
            return self.rng.randrange(1, 4)
        if field in ("duplicate_of", "parent_case"):
            return self.label()
        if field == "responsible_unit":
            return self.rng.choice(NODES)
        if field == "support_units":
            return ",".join(str(n) for n in sorted(self.rng.sample(NODES, self.rng.randrange(1, 3))))
        self.number += 1
        return f"x{self.number}"

    def words(self, kind, count, fresh):
        """Some fields with values; of a group sometimes only a part."""
        pool = [f for f, (rule, _) in FIELDS[kind].items() if rule != "flow" and f != "percent" and (fresh or rule != "fixed" or self.rng.random() < 0.1)]
        if not self.tree.records:
            pool = [f for f in pool if f not in ("duplicate_of", "parent_case")]
        words = []
        for field in self.rng.sample(pool, min(count, len(pool))):
            rule = FIELDS[kind][field][0]
            value = self.value(kind, field)
            if rule == "set":
                words.append(f"{field}{'+' if fresh or self.rng.random() < 0.6 else '-'}={self.rng.choice('abc')}")
            elif rule == "list":
                words.append(f"{field}+={value}")
                if field == "progress" and self.rng.random() < 0.5:
                    words.append(f"percent+={self.rng.randrange(101)}")
            elif rule not in ("count", "fixed") and self.rng.random() < 0.08:
                words.append(f"{field}=")
            else:
                words.append(f"{field}={value}")
        return words

    # ---- commands ----

    def new(self):
        self.records += 1
        node = self.rng.choice(NODES)
        kind = self.rng.choices(["case", "staff", "directive"], [7, 1, 2])[0]
        if kind == "directive":
            node = self.rng.choice([0, 1, 2])
            below = [n for n in NODES if n != node and under(n, node)]
            to = ",".join(str(n) for n in sorted(self.rng.sample(below, self.rng.randrange(1, len(below) + 1))))
            return f"put {node} directive d{self.records} to={to} title=do{self.records}" + self.rng.choice(["", " due_at=7", " body=text"])
        homes = [n for n in NODES if under(n, node)]
        words = self.words(kind, self.rng.randrange(0, 4), True) if self.rng.random() < 0.7 else []
        if kind == "case" and self.rng.random() < 0.1:
            words += ["imported", f"status={self.rng.choice(list(RANK['case']))}"]
        home = self.rng.choice(homes) if self.rng.random() < 0.95 else self.rng.choice(NODES)
        # Sibling units are not known to each other: their names mean nothing there.
        if not under(home, node) and not under(node, home):
            home = node
        return " ".join([f"put {node} {kind} r{self.records} home={home}", *words]) + self.by()

    def edit(self):
        label = self.label()
        kind = self.tree.records[label].kind
        words = self.words(kind, self.rng.randrange(1, 4), False) or ["title=t1"]
        return " ".join([f"put {self.place_of(label)} {kind} {label}", *words]) + self.by()

    def step(self):
        """Mostly one that the machine has here; sometimes any, sometimes without a reason."""
        label = self.rng.choice([x for x, r in self.tree.records.items() if r.kind != "staff"] or [self.label()])
        record = self.tree.records[label]
        if record.kind == "staff":
            return self.edit()
        node = self.place_of(label)
        states = list(RANK[record.kind])
        status = self.rng.choice(states)
        if self.rng.random() < 0.75:
            status = self.likely(node, record, states) or status
        words = [f"status={status}"]
        if self.rng.random() < 0.85:
            words.append("reason=because")
        if status == "suspended" and self.rng.random() < 0.9:
            words.append("until=99")
        if record.kind == "case" and self.rng.random() < 0.1:
            words.append(self.rng.choice(["imported", "at=5", "role=lead", "title=t9"]))
        return " ".join([f"put {node} {record.kind} {label}", *words]) + self.by()

    def likely(self, node, record, states):
        """A step that this node may take now, asked from the rules by trying."""
        can = []
        for status in states:
            try:
                self.tree.op(node, record, False, "cy", False, [("status", "=", status), ("reason", "=", "x"), ("until", "=", 9)]
                             if record.kind == "case" else [("status", "=", status), ("reason", "=", "x")])
                can.append(status)
            except Exception:  # refused, or the node has nothing of it
                continue
        return self.rng.choice(can) if can else None

    def settle(self):
        """A person looks at a conflict; meanwhile something may come in."""
        open_groups = []
        for label, record in self.tree.records.items():
            for node in NODES:
                ops = self.tree.ops(node, record)
                if len(alive(ops)) > 1:
                    open_groups.append((label, node, "status"))
                open_groups += [(label, node, g) for g in {g for r, g in FIELDS[record.kind].values() if g and r not in ("flow", "fixed")}
                                if len(candidates(ops, g)) > 1]
        if not open_groups:
            self.pair.do(self.edit())
            return
        label, node, group = self.rng.choice(sorted(open_groups))
        record = self.tree.records[label]
        self.pair.do(f"look {node} {label} {group}")
        if self.rng.random() < 0.3:
            self.sync()
        ops = self.tree.ops(node, record)
        side = alive(ops) if group == "status" else candidates(ops, group)
        choice = self.rng.choice(side)
        values = {"status": choice.status} if group == "status" else choice.group(group)
        if group == "status":
            values["reason"] = "because"
        words = [f"{f}={'' if v is None else v}" for f, v in values.items()]
        self.pair.do(" ".join([f"settle {node} {label} {group}", *words]) + self.by())

    def policy(self):
        """Of the top node; now and then of another, which has no right to."""
        words = []
        for kind, field in self.rng.sample([("case", "title"), ("case", "category"), ("case", "grid"), ("case", "priority"),
                                            ("case", "assignee"), ("case", "duplicate_of"), ("staff", "post"), ("directive", "due_at")], 3):
            words.append(f"{kind}.{field}={self.rng.choice(['auth', 'ground', 'lww', 'ask'])}")
        for kind in ("case", "directive"):
            words += [f"{kind}@{status}={self.rng.randrange(1, 100)}" for status in self.rng.sample(list(RANK[kind]), 3)]
        return " ".join([f"policy {0 if self.rng.random() < 0.9 else self.rng.choice(NODES)}", *words])

    def name(self):
        self.number += 1
        return f"s{self.number}"

    def sync(self):
        child = self.rng.choice(NODES[1:])
        self.doubted -= {(child, PARENT[child]), (PARENT[child], child)}
        self.pair.do(f"sync {child}")

    def store(self):
        """A backup, or a store that is put back.  What sticks bring to it may then build on what it
        lost and has to wait for a link, which is not a matter of merging: no such sticks here."""
        node = self.rng.choice(NODES)
        if node not in self.tree.backups or self.rng.random() < 0.3:
            self.pair.do(f"backup {node}")
            return
        self.doubted |= {(node, n) for n in NODES if n == PARENT[node] or PARENT[n] == node}
        self.sticks = [(name, source, to) for name, source, to in self.sticks if to != node]
        self.pair.do(f"restore {node}")

    def image(self):
        """The whole machine goes back, with what is kept outside of its store, so that it cannot know; or
        a copy of it goes on beside it.  Both histories are true."""
        node = self.rng.choice(NODES)
        labels = [x for x, r in self.tree.records.items() if under(r.home, node) and self.tree.ops(node, r)]
        if not labels or self.images == IMAGES_MAX or any(node in pair for pair in self.doubted):
            return
        self.images += 1
        self.pair.do(f"backup {node}")
        self.at(node, labels)
        for child in self.rng.sample([n for n in NODES[1:] if n == node or PARENT[n] == node],
                                     1 if self.rng.random() < 0.8 else 0) or [None]:
            if child is not None:
                self.pair.do(f"sync {child}")
        self.sticks = [(name, source, to) for name, source, to in self.sticks if node not in (source, to)]
        for _ in range(self.rng.choice((1, 1, 2, 3))):
            self.pair.do(f"swap {node}" if self.rng.random() < 0.5 else f"restore {node} unnoticed")
            self.doubted |= {(node, n) for n in NODES if n == PARENT[node] or PARENT[n] == node}
            self.at(node, labels)
            if self.rng.random() < 0.3:
                self.sync()

    def at(self, node, labels):
        """A few writes of one node."""
        for _ in range(self.rng.randrange(1, 4)):
            label = self.rng.choice(labels)
            if not self.tree.ops(node, self.tree.records[label]):
                continue
            kind = self.tree.records[label].kind
            words = self.words(kind, self.rng.randrange(1, 3), False) or ["title=t1"]
            self.pair.do(" ".join([f"put {node} {kind} {label}", *words]) + self.by())

    def stick(self):
        if self.sticks and self.rng.random() < 0.6:
            name, source, to = self.rng.choice(self.sticks)
            if self.rng.random() < 0.5 and not any(node in (source, to) for node, _ in self.doubted):
                answer = self.name()
                self.sticks.append((answer, to, source))
                self.pair.do(f"read {name} {to} {answer}")
            else:
                self.pair.do(f"read {name} {to}")
            return
        a = self.rng.choice(NODES[1:])
        b = self.rng.choice([n for n in NODES if n != a and under(a, n)])
        source, to = self.rng.choice([(a, b), (b, a)])
        if any(node in (a, b) for node, _ in self.doubted):
            self.sync()
            return
        name = self.name()
        self.sticks.append((name, source, to))
        self.pair.do(f"write {name} {source} {to}")


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
