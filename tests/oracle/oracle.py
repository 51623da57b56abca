# SPDX-License-Identifier: Apache-2.0
"""What a tree of nodes must show, said in the plainest way: each record is a set of ops, each op
knows the set of ops that its author had; everything else is computed from these sets at the moment
of the question (rules.py).  Nothing is folded, nothing is kept up to date.
"""
import moves
from canon import FIELD as NUMBER, Canon, root
from rules import (alive, candidates, CAPS, cells, check, creator, decided_by, elements, FIELDS, FIRST, given, is_shown, items,
                   LEVEL, NODES, Op, PARENT, percent_of, Policy, Record, Refused, rule_of, under, WHY, winner)


class Tree:
    def __init__(self):
        self.records, self.known, self.count = {}, [set() for _ in NODES], 0
        self.looked, self.sticks, self.backups, self.stamps = set(), {}, {}, {}
        self.ids = {}    # label -> id, an input
        self.policies = [Policy(0, 0, {}, {})]
        self.made = []   # ops of the last write, for their stamps

    def ops(self, node, record):
        return [op for op in record.ops if op.number in self.known[node]]

    def add(self, op):
        self.count += 1
        op.record.ops.append(op)
        self.known[op.author].add(op.number)
        self.made.append(op)

    def op(self, node, record, creates, by, imported, values, move=False):
        """A checked op on top of all that the node has."""
        ops = self.ops(node, record)
        op = Op(self.count + 1, node, record, creates, by, imported, values, {o.number for o in ops})
        op.copies, op.transfers = move and creates, move and not creates
        op.status = given(op, "status") or (FIRST[record.kind] if creates else None)
        for field, _, value in values:
            if FIELDS[record.kind][field][0] == "count":
                op.cells[field] = value  # and what its incarnation counted before, see known_as()
        check(op, ops)
        return op

    def put(self, node, kind, label, values, home=None, imported=False, by="", to=()):
        self.made = []
        try:
            if to:
                return self.direct(node, label, values, to, by)
            if label in self.records:
                return self.edit(node, self.records[label], values, imported, by)
            return self.create(node, kind, label, values, home, imported, by)
        except Refused as no:
            return {"rc": no.code, "why": WHY[no.why]}

    def create(self, node, kind, label, values, home, imported, by):
        home = node if home is None else home
        if not under(home, node):
            raise Refused("TR-E-SCOPE")
        record = Record(label, kind, home, self.ids)
        op = self.op(node, record, True, by, imported, [x for x in values if x[2] is not None])
        self.records[label] = record
        self.add(op)
        return {"rc": "", "created": True, "unchanged": False, "version": 1}

    def direct(self, node, label, values, to, by):
        if any(target == node or not under(target, node) for target in to):
            raise Refused("TR-E-SCOPE")
        if "DIRECT" not in CAPS[node]:
            raise Refused("TR-E-AUTH")
        for target in to:
            record = Record(f"{label}.{target}", "directive", target, self.ids, to)
            record.origin["issuer"] = str(node)
            op = self.op(node, record, True, by, False, values)
            self.records[record.label] = record
            self.add(op)
        return {"rc": ""}

    def shown_step(self, node, record, ops):
        return winner(alive(ops), "flow", record.kind, self.policy_of(node))

    def edit(self, node, record, values, imported, by):
        ops = self.ops(node, record)
        if not ops:
            raise Refused("TR-E-NOREC")
        if any(op.transfers for op in ops):
            raise Refused("TR-E-ELSEWHERE")
        kept = self.changes(node, record, ops, values)
        if kept:
            self.add(self.op(node, record, False, by, imported, kept))
        return {"rc": "", "created": False, "unchanged": not kept, "version": len(ops) + bool(kept)}

    def changes(self, node, record, ops, values):
        """Without what is shown already; whole groups, so that no mixture can come of it."""
        fields, kept, groups, policy = FIELDS[record.kind], [], [], self.policy_of(node)
        for field, act, value in values:
            rule, group = fields[field]
            by = policy.rule(record.kind, group, rule)
            shown = winner(candidates(ops, group), by, record.kind, policy, group) if group and rule != "flow" else None
            now = shown.group(group).get(field) if shown else None
            if rule == "flow":
                step = {f: v for f, _, v in values if fields[f][0] == "flow"}
                if "status" not in step or len(alive(ops)) > 1 or not is_shown(ops, record.kind, step, policy):
                    kept.append((field, act, value))
            elif rule == "set":
                if (value in elements(ops, field)) == (act == "-"):
                    kept.append((field, act, value))
            elif rule in ("list", "count"):
                if value is not None:
                    kept.append((field, act, value))
            elif rule == "fixed":
                if value != now:
                    raise Refused("TR-E-EXISTS")
            elif (value != now or len(candidates(ops, group)) > 1) and group not in groups:
                groups.append(group)
        for group in groups:
            by = policy.rule(record.kind, group, next(r for r, g in fields.values() if g == group))
            shown = winner(candidates(ops, group), by, record.kind, policy, group)
            whole = {f: v for f, v in (shown.group(group) if shown else {}).items() if v is not None}
            whole.update({f: v for f, _, v in values if fields[f][1] == group})
            kept += [(f, "=", whole[f]) for f in sorted(whole, key=NUMBER[record.kind].get)]
        return kept

    def side_by_side(self, node, record, group):
        ops = self.ops(node, record)
        return {op.number for op in (alive(ops) if group == "status" else candidates(ops, group))}

    def look(self, node, label, group):
        self.looked = self.side_by_side(node, self.records[label], group)
        return {"seen": len(self.looked)}

    def settle(self, node, label, group, values, by=""):
        self.made = []
        record = self.records[label]
        now = self.side_by_side(node, record, group)
        try:
            if not self.ops(node, record):
                raise Refused("TR-E-NOREC")
            if group != "status" and any(op.transfers for op in self.ops(node, record)):
                raise Refused("TR-E-ELSEWHERE")
            if len(now) < 2:
                raise Refused("TR-E-NOREC")
            if not now <= self.looked:
                raise Refused("TR-E-MOVED")
            if any(FIELDS[record.kind][f][1] != group for f, _, _ in values):
                raise Refused("TR-E-FIELD")
            if any(op.transfers for op in self.ops(node, record)):
                moves.settle(self, node, record, values, by)
            else:
                self.add(self.op(node, record, False, by, False, values))
        except Refused as no:
            return {"rc": no.code, "why": WHY[no.why]}
        return {"rc": "", "created": False, "unchanged": False, "version": len(self.ops(node, record))}

    def move(self, node, label, name, unit, values, by=""):
        self.made = []
        try:
            new = moves.move(self, node, self.records[label], name, unit, next((v for f, _, v in values if f == "reason"), None), by)
        except Refused as no:
            return {"rc": no.code, "why": WHY[no.why]}
        return {"rc": "", "created": True, "unchanged": False, "version": len(self.ops(node, new))}

    def known_as(self, op, hlc, clock, inc, seq):
        """The clock, the incarnation and the place in the log are inputs: they come with the answer."""
        op.hlc, op.clock, op.inc, op.seq = hlc, clock, inc, seq
        before = [other for other in op.record.ops if op.saw(other)]
        for field in op.cells:
            op.cells[field] += cells(before, field).get((op.author, inc), 0)

    # ---- policy ----

    def policy_of(self, node):
        return max((p for p in self.policies if p.number == 0 or p.number in self.known[node]), key=lambda p: p.version)

    def policy(self, node, rules, ranks):
        """It replaces what was before; the version is the next one."""
        old = self.policy_of(node)
        if node != 0:
            return {"rc": "TR-E-AUTH"}
        if old.version > 0 and (old.rules, old.ranks) == (rules, ranks):
            return {"rc": "", "version": old.version}
        self.count += 1
        self.policies.append(Policy(self.count, old.version + 1, rules, ranks))
        self.known[node].add(self.count)
        return {"rc": "", "version": old.version + 1}

    # ---- stores ----

    def backup(self, node):
        self.backups[node] = set(self.known[node])
        return {}

    def restore(self, node, unnoticed=False):
        if node in self.backups:
            self.known[node] = set(self.backups[node])
            if unnoticed:  # and the clock with it
                self.stamps = {at: stamp for at, stamp in self.stamps.items() if at[0] != node}
        return {}

    def swap(self, node):
        """Two machines with one key; only one of them is connected."""
        mine = set(self.known[node])
        if node in self.backups:
            self.restore(node, True)
            self.backups[node] = mine
        return {}

    # ---- exchange ----

    def shared(self, a, b):
        """Ops of the scopes that both may hold: those below the lower one; and policies go to all."""
        lower = a if LEVEL[a] > LEVEL[b] else b
        return {p.number for p in self.policies} | {op.number for record in self.records.values() if under(record.home, lower) for op in record.ops}

    def sync(self, child):
        parent = PARENT[child]
        both = (self.known[child] | self.known[parent]) & self.shared(child, parent)
        self.known[child] |= both
        self.known[parent] |= both
        return {"bad": 0}

    def write(self, stick, source, to):
        self.sticks[stick] = (source, to, self.known[source] & self.shared(source, to))
        return {}

    def read(self, stick, node, answer=None):
        source, _, ops = self.sticks[stick]
        self.known[node] |= ops
        if answer is not None:
            self.write(answer, node, source)
        return {}

    # ---- as bytes: what canon.py asks ----

    @staticmethod
    def groups(kind):
        return {g for rule, g in FIELDS[kind].values() if g and rule != "flow"}

    @staticmethod
    def rule_of(kind, field):
        return FIELDS[kind][field][0] if field in FIELDS[kind] else "fixed"

    @staticmethod
    def side(record, ops, group):
        side = candidates(ops, group)
        return [creator(ops)] if group == "origin" and record.origin and not side else side

    @staticmethod
    def alive(ops):
        return alive(ops)

    @staticmethod
    def adds(ops, field):
        """Adding again takes the place of what was seen, as taking away does."""
        touch = [(op, v) for op in ops for f, _, v in op.values if f == field]
        return [(op, v) for op in ops for f, act, v in op.values if f == field and act == "+"
                and not any(x == v and later.saw(op) for later, x in touch)]

    @staticmethod
    def listed(ops, field):
        return [(op, at, v, percent_of(op)) for op in ops for at, (f, act, v) in enumerate(op.values) if f == field and act == "+"]

    @staticmethod
    def counted(ops, field):
        best = {}
        for op in ops:
            if field in op.cells:
                cell = op.author, op.inc
                if cell not in best or (-op.cells[field], op.seq, op.hlc, op.at(), op.actor) < (
                        -best[cell].cells[field], best[cell].seq, best[cell].hlc, best[cell].at(), best[cell].actor):
                    best[cell] = op
        return [(op, op.cells[field]) for op in best.values()]

    def canon(self, node, record):
        return Canon(record, self.ops(node, record), self, self.ids, LEVEL)

    def root(self, node, home, lane):
        """Of all that the node has in one domain."""
        found = [self.canon(node, r) for r in self.records.values() if r.home == home and self.ops(node, r)
                 and (2 if r.kind == "directive" else 3) == lane]
        return {"count": len(found), "root": root(found, home, lane).hex()}

    # ---- the question ----

    def show(self, node, label):
        record = self.records[label]
        ops = self.ops(node, record)
        if not ops:
            return {"rc": "TR-E-NOTFOUND"}
        policy = self.policy_of(node)
        shown = winner(alive(ops), "flow", record.kind, policy)
        answer = {"rc": "", "home": record.home, "version": len(ops), "violations": 0, "groups": {}, "rows": {},
                  "steps": sum(op.creates or op.status is not None for op in ops)}
        answer["alive"] = [
            {"by": op.author, "shown": op is shown, "actor": op.actor, "values": {"status": op.status, **(op.group("status") or {})}}
            for op in sorted(alive(ops), key=Op.dot)]
        for group, rule in {g: r for r, g in FIELDS[record.kind].values() if g and r != "flow"}.items():
            self.show_group(answer, record, ops, group, policy.rule(record.kind, group, rule), policy)
        for field, (rule, _) in FIELDS[record.kind].items():
            rows = self.rows(ops, field, rule)
            if rows:
                answer["rows"][field] = rows
        answer["late"] = sorted([op.author, op.inc, op.seq, op.hlc] for op in moves.late(ops))
        answer["hash"] = self.canon(node, record).hash().hex()
        return answer

    @staticmethod
    def show_group(answer, record, ops, group, rule, policy):
        side = candidates(ops, group)
        origin = record.origin if group == "origin" else {}
        if origin and not side:
            side = [creator(ops)]
        if not side:
            return
        best = winner(side, rule, record.kind, policy, group)
        answer["groups"][group] = {"rule": decided_by(side, rule, record.kind, policy, group), "candidates": [
            {"by": op.author, "shown": op is best, "values": {**origin, **(op.group(group) or {})}}
            for op in sorted(side, key=lambda op: op.dot(group))]}

    @staticmethod
    def rows(ops, field, rule):
        if rule == "set":
            return elements(ops, field)
        if rule == "count":
            return [{"by": author, "i": total} for (author, _), total in sorted(cells(ops, field).items())]
        if rule == "list" and field != "percent":
            return [{"by": op.author, "actor": op.actor, "text": text,
                     "percent": percent_of(op)} for op, text in items(ops, field)]
        return []
