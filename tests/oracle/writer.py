# SPDX-License-Identifier: Apache-2.0
"""Histories for differ.py: who writes what, where, and who hears of it."""
import random

from moves import movers
from rules import alive, candidates, FIELDS, MACHINE, NODES, NUMBERS, PARENT, RANK, under

IMAGES_MAX = 3   # of one history: a log may have eight branches


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
            elif dice < 0.80:
                self.move()
            elif dice < 0.89:
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
        pool = [f for f, (rule, _) in FIELDS[kind].items() if rule != "flow" and f != "percent" and f not in MACHINE and (fresh or rule != "fixed" or self.rng.random() < 0.1)]
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

    def move(self):
        """A case goes to another home; often somebody writes to it who does not know, or moves it, too."""
        cases = [r for r in self.tree.records.values() if r.kind == "case" and any(self.tree.ops(n, r) for n in NODES)]
        if not cases:
            self.pair.do(self.edit())
            return
        dice, record = self.rng.random(), self.rng.choice(cases)
        if self.rng.random() < 0.2 and not any(0 in pair for pair in self.doubted):
            self.pair.do(self.policy())
        if dice < 0.25:
            record = self.rng.choice([r for r in cases if r.home in (3, 4) and self.tree.ops(1, r)] or [record])
            self.moved_twice(record)
        elif dice < 0.4:
            self.torn(record)
        else:
            self.moved(record)

    def moved(self, record, among=NODES):
        can = [(n, u) for n, u in movers(record.home) if n in among and self.tree.ops(n, record)]
        if can and self.rng.random() < 0.15:
            self.notes(can[0][0], record)
        node, unit = self.rng.choice(can) if can and self.rng.random() < 0.9 else (self.place_of(record.label), self.rng.choice(NODES))
        self.records += 1
        self.pair.do(f"move {node} {record.label} r{self.records} {unit}" + (" reason=road" if self.rng.random() < 0.95 else "") + self.by())
        if self.rng.random() < 0.4:
            step = self.likely(record.home, record, list(RANK["case"])) if self.rng.random() < 0.6 else None
            late = f"status={step} reason=because until=9" if step else "title=late"
            self.pair.do(f"put {record.home} case {record.label} {late}" + self.by())

    def notes(self, node, record):
        """More than a copy takes along, or longer ones."""
        count, pad = self.rng.choice(((20, ""), (40, ""), (5, "y" * 1500)))
        for _ in range(self.rng.choice((1, 1, 2))):
            self.number += 1
            words = [f"notes+=n{self.number}.{i}{pad}" for i in range(count)]
            self.pair.do(" ".join([f"put {node} case {record.label}", *words]) + self.by())

    def moved_twice(self, record):
        """By two who do not know of each other; and a person looks at it, perhaps before both copies have come."""
        if not self.tree.ops(0, record):
            self.pair.do("sync 1")
        self.moved(record, (1,))
        self.moved(record, (0,))
        if self.rng.random() < 0.3 and not any(self.doubted):
            self.pair.do(f"sync {record.home or 1}")
            self.carry(record.home or 1, 0)
        else:
            self.pair.do("sync 1")
        side = alive(self.tree.ops(0, record))
        if len(side) > 1 and self.rng.random() < 0.7:
            self.settled(self.rng.choice((0, 0, 0, 1)), record, "status")

    def carry(self, source, to):
        """A stick that is read at once."""
        name = self.name()
        self.pair.do(f"write {name} {source} {to}")
        self.pair.do(f"read {name} {to}")

    def torn(self, record):
        """Who moved it loses one half of that, and is asked again."""
        can = [(n, u) for n, u in movers(record.home) if self.tree.ops(n, record)]
        if not can or any(node in pair for pair in self.doubted for node in (0, 1, 2)):
            self.pair.do(self.edit())
            return
        node, unit = self.rng.choice(can)
        way = next(n for n in NODES if PARENT[n] == node and under(record.home, n))   # the child that holds the old home
        self.records += 1
        again = f"move {node} {record.label} r{self.records} {unit} reason=road"
        self.pair.do(f"backup {node}")
        self.pair.do(again)
        if self.rng.random() < 0.5:   # the other half is somewhere, too
            name, to = self.name(), next(n for n in NODES if PARENT[n] == node and under(unit, n))
            self.sticks.append((name, node, to))
            self.pair.do(f"write {name} {node} {to}")
        self.pair.do(f"sync {way}")
        self.sticks = [(name, source, to) for name, source, to in self.sticks if to != node]
        self.pair.do(f"restore {node}")
        self.pair.do(f"sync {way}")
        self.doubted |= {(node, n) for n in NODES if (n == PARENT[node] or PARENT[n] == node) and n != way}
        self.pair.do(again + self.by())

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
        self.settled(node, self.tree.records[label], group)

    def settled(self, node, record, group):
        label = record.label
        self.pair.do(f"look {node} {label} {group}")
        if self.rng.random() < 0.3:
            self.sync()
        ops = self.tree.ops(node, record)
        side = alive(ops) if group == "status" else candidates(ops, group)
        if not side:
            return
        choice = self.rng.choice(side)
        values = {"status": choice.status} if group == "status" and not choice.transfers else choice.group(group)
        if group == "status" and self.rng.random() < 0.95:
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
            words += [f"{kind}@{status}={self.rng.randrange(1, self.rng.choice((100, 1001)))}" for status in self.rng.sample([x for x in RANK[kind] if x != "moved"], 3)]
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
        """A few writes of one node; each by somebody else, or two machines may write the same to the byte: one op, not two."""
        for _ in range(self.rng.randrange(1, 4)):
            label = self.rng.choice(labels)
            if not self.tree.ops(node, self.tree.records[label]):
                continue
            kind = self.tree.records[label].kind
            words = self.words(kind, self.rng.randrange(1, 3), False) or ["title=t1"]
            self.number += 1
            self.pair.do(" ".join([f"put {node} {kind} {label}", *words]) + f" by=p{self.number}")

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
