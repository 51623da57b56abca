# SPDX-License-Identifier: Apache-2.0
"""The canonical state of a record as bytes, its hash, and the root of a domain: written from
docs/protocol.md section 15 and the numbers of schema.def, status.h and vocab.h.
"""
import hashlib

STATE_VER = 1
KIND = {"case": 1, "staff": 2, "directive": 3}
LANE = {"case": 3, "staff": 3, "directive": 2}
NID = 1000   # of node 0; the driver counts on

FIELD = {
    "case": {"channel": 3, "nature": 10, "category": 11, "subcategory": 12, "code_version": 13, "title": 14, "agency": 15, "satisfaction": 16,
             "lat": 20, "lon": 21, "grid": 22, "area": 23, "priority": 30, "responsible_unit": 31, "support_units": 32, "assignee": 33,
             "limit_value": 34, "limit_unit": 35, "due_at": 37, "status": 40, "at": 41, "role": 42, "reason": 43, "applicant": 44,
             "approver": 45, "until": 46, "duplicate_of": 50, "parent_case": 51, "moved_to": 52, "moved_unit": 53, "moved_path": 54,
             "moved_from": 55, "from_unit": 56, "from_path": 57, "handled_by": 58, "campaign": 60, "notes": 61, "visits": 62},
    "staff": {"staff_id": 1, "post": 10, "grids": 11, "on_duty": 12, "skills": 13, "valid_from": 14, "valid_until": 15, "state": 16},
    "directive": {"directive_id": 1, "targets_n": 2, "target": 3, "issuer": 4, "number": 5, "title": 6, "body": 7, "due_at": 20,
                  "status": 40, "at": 41, "reason": 43, "progress": 61, "percent": 62},
}
# A group has the number of its smallest field.
GROUP = {"case": {"origin": 1, "class": 10, "place": 20, "assignment": 31, "status": 40, "came": 55}, "staff": {"origin": 1, "validity": 14, "status": 40},
         "directive": {"origin": 1, "due": 20, "status": 40}}
STATUS = {"case": "reported filed returned dispatched suspended handling rework handled self_handled verified closed duplicate reopened voided "
                  "moved".split(),
          "directive": "issued acknowledged accepted declined done confirmed sent_back withdrawn superseded".split()}
WORDS = {"priority": "low normal urgent emergency".split(), "state": "active leave left".split()}
IDS = {"duplicate_of", "parent_case", "directive_id", "moved_to", "moved_from"}
UNITS = {"responsible_unit", "target", "issuer", "moved_unit", "from_unit"}

INT, TEXT, BYTES = 1, 2, 3
IMPORTED, CREATE, RESTORED, OVER = 2, 4, 8, 16


def number(v):
    return (v & (1 << 64) - 1).to_bytes(8, "big")


def span(b):
    return number(len(b)) + b


def blake(b, size=32):
    return hashlib.blake2b(b, digest_size=size).digest()


def group_number(kind, group):
    return GROUP[kind].get(group) or FIELD[kind][group]


def value(kind, field, v, ids):
    """Type and content; ids: of what a label stands for."""
    if v is None:
        return 0, None
    if field == "status":
        return INT, STATUS[kind].index(v) + 1
    if field in WORDS:
        return INT, WORDS[field].index(v) + 1
    if field in IDS:
        return BYTES, ids[v]
    if field == "support_units":
        return BYTES, b"".join(number(NID + int(n)) for n in v.split(","))
    if field in UNITS:
        return INT, NID + int(v)
    return (INT, v) if isinstance(v, int) else (TEXT, v.encode())


def values(kind, pairs, ids):
    out = number(len(pairs))
    for field, v in pairs:
        what, content = value(kind, field, v, ids)
        out += number(FIELD[kind][field]) + number(what)
        out += number(content) if what == INT else b"" if content is None else span(content)
    return out


def group_values(op, group):
    """In the order in which they were written; a step says its status first."""
    kind = op.record.kind
    number_of = group_number(kind, group)
    found = [(f, v) for f, act, v in op.values if act == "=" and f != "status" and smallest(kind, f) == number_of]
    if group == "status":
        found = ([("status", op.status)] if op.status is not None else []) + found
    return found + (list(op.record.origin.items()) if group == "origin" and op.creates else [])


def smallest(kind, field):
    """Number of a field's group."""
    at = FIELD[kind][field]
    for first, last in {"case": [(1, 4), (10, 13), (20, 21), (31, 37), (40, 46), (52, 54), (55, 58)],
                        "staff": [(14, 15)], "directive": [(1, 14), (40, 43)]}[kind]:
        if first <= at <= last:
            return 40 if first == 52 else first
    return at


def content(op, group):
    """What orders two ops that stand in one place of one log."""
    ids = op.record.ids
    said = [(FIELD[op.record.kind][f], *value(op.record.kind, f, v, ids)) for f, v in group_values(op, group)]
    return op.actor.encode(), len(said), [(f, t, b"" if c is None else c) for f, t, c in said]


def said_hash(op, i, text):
    return blake(number(op.at()) + number(i) + number(len(op.actor.encode())) + op.actor.encode() + text.encode(), 16)[:8]


def item_key(at, op, text, i):
    return op.hlc, NID + op.author, op.seq, op.inc, at, said_hash(op, i, text)


class Canon:
    """What of an op goes into the state.  `tree` tells what was seen."""

    def __init__(self, record, ops, tree, ids, levels):
        self.record, self.ops, self.tree, self.ids, self.levels = record, ops, tree, ids, levels
        self.kind = record.kind

    def dot(self, op):
        return NID + op.author, op.inc, op.seq

    def head(self, op):
        return b"".join(number(n) for n in (*self.dot(op), op.hlc))

    def candidate(self, group, op):
        return (number(group_number(self.kind, group)) + self.head(op) + number(self.levels[op.author]) + number(op.clock) +
                span(op.actor.encode()) + values(self.kind, group_values(op, group), self.ids))

    def candidates(self):
        found = [(group_number(self.kind, group), op.dot(group), self.candidate(group, op))
                 for group in self.tree.groups(self.kind) for op in self.tree.side(self.record, self.ops, group)]
        return number(len(found)) + b"".join(c for _, _, c in sorted(found))

    def flags(self, op):
        over = any(later.saw(op) and later is not op and not later.creates for later in self.steps())
        return (IMPORTED * op.imported + CREATE * op.creates + RESTORED * op.restores + OVER * over)

    def steps(self):
        return [op for op in self.ops if op.creates or op.status is not None]

    def under(self, op):
        """The states that it took the place of."""
        if op.creates:
            return []
        return sorted(self.tree.alive([other for other in self.ops if op.saw(other)]), key=op.__class__.dot)

    def step(self, op):
        numbers = [op.at(), self.levels[op.author], op.clock, STATUS[self.kind].index(op.status) + 1 if op.status else 0, self.flags(op)]
        under = self.under(op)
        return (self.head(op) + b"".join(number(n) for n in numbers) + span(op.actor.encode()) + values(self.kind, group_values(op, "status"), self.ids) +
                number(len(under)) + b"".join(self.head(u) for u in under))

    def row(self, field, op, i, text):
        return (number(field) + self.head(op) + number(op.at()) + number(i) + span(op.actor.encode()) +
                span(text.encode()))

    def rows(self):
        out = b""
        for field, at in sorted(FIELD[self.kind].items(), key=lambda item: item[1]):
            rule = self.tree.rule_of(self.kind, field)
            found = []
            if rule == "set":
                for op, text in self.tree.adds(self.ops, field):
                    raw = text.encode()
                    key = raw[:8].ljust(8, b"\0"), blake(raw, 16)[:8], self.dot(op), op.hlc, said_hash(op, -1, text)
                    found.append((key, self.row(at, op, -1, text)))
            elif rule == "list" and field != "percent":
                for op, index, text, i in self.tree.listed(self.ops, field):
                    found.append((item_key(index, op, text, i), self.row(at, op, i, text)))
            elif rule == "count":
                for op, total in self.tree.counted(self.ops, field):
                    found.append((self.dot(op)[:2], self.row(at, op, total, "")))
            out += b"".join(row for _, row in sorted(found))
        return out

    def bytes(self):
        steps = sorted(self.steps(), key=lambda op: (op.dot(), self.flags(op), len(self.under(op))))
        return (number(STATE_VER) + number(KIND[self.kind]) + span(self.ids[self.record.label]) + number(NID + self.record.home) +
                number(LANE[self.kind]) + number(0) + self.candidates() + number(len(steps)) + b"".join(self.step(op) for op in steps) +
                self.rows())

    def hash(self):
        return blake(self.bytes())

    def entry(self):
        items = sum(1 for f in FIELD[self.kind] if self.tree.rule_of(self.kind, f) == "list" and f != "percent"
                    for _ in self.tree.listed(self.ops, f))
        return (self.ids[self.record.label] + bytes([KIND[self.kind]]) + number(len(self.ops)) + number(max(op.hlc for op in self.ops)) +
                number(items) + self.hash())


def root(canons, home, lane):
    """Of the records of one domain."""
    buckets = [hashlib.blake2b(digest_size=32) for _ in range(256)]
    for canon in sorted(canons, key=lambda c: (c.ids[c.record.label], KIND[c.kind])):
        buckets[blake(canon.ids[canon.record.label])[0]].update(canon.entry())
    return blake(number(STATE_VER) + number(NID + home) + number(lane) + b"".join(b.digest() for b in buckets))
