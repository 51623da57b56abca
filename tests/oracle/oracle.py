# SPDX-License-Identifier: Apache-2.0
"""What a tree of nodes must show, said in the plainest way: each record is a set of ops, each op
knows the set of ops that its author had; everything else is computed from these sets at the moment
of the question.  Nothing is folded, nothing is kept up to date.  Written from docs/protocol.md
section 5, docs/records.md and the tables of the record kinds; it shares no code with the core.
"""

from canon import FIELD as NUMBER, Canon, content, item_key, root

PARENT = [None, 0, 0, 1, 1, 2]
LEVEL = [0, 1, 1, 2, 2, 2]
NODES = range(len(PARENT))

LEAF = {"INTAKE", "HANDLE", "ROSTER"}
STREET = LEAF | {"COMMAND", "SUPERVISE", "DIRECT", "IMPORT"}
CAPS = [STREET, STREET, STREET, LEAF, LEAF, LEAF]

WHY = {"": 0, "cap": 1, "step": 2, "same-person": 3, "fixed": 5, "field": 7, "reason": 8, "target": 9, "import": 11}
CODE = {"cap": "TR-E-AUTH", "import": "TR-E-AUTH", "target": "TR-E-AUTH", "step": "TR-E-STEP", "same-person": "TR-E-STEP", "reason": "TR-E-STEP",
        "fixed": "TR-E-EXISTS", "field": "TR-E-TYPE"}

# kind -> field -> (rule, group)
FIELDS = {
    "case": {
        "channel": ("fixed", "origin"),
        "nature": ("lww", "class"), "category": ("lww", "class"), "subcategory": ("lww", "class"), "code_version": ("lww", "class"),
        "title": ("lww", "title"), "agency": ("lww", "agency"), "satisfaction": ("lww", "satisfaction"),
        "lat": ("ground", "place"), "lon": ("ground", "place"), "grid": ("ground", "grid"), "area": ("ground", "area"),
        "priority": ("auth", "priority"),
        "responsible_unit": ("auth", "assignment"), "support_units": ("auth", "assignment"), "assignee": ("auth", "assignment"),
        "limit_value": ("auth", "assignment"), "limit_unit": ("auth", "assignment"), "due_at": ("auth", "assignment"),
        "status": ("flow", "status"), "at": ("flow", "status"), "role": ("flow", "status"), "reason": ("flow", "status"),
        "applicant": ("flow", "status"), "approver": ("flow", "status"), "until": ("flow", "status"),
        "duplicate_of": ("ask", "duplicate_of"), "parent_case": ("ask", "parent_case"),
        "campaign": ("set", None), "notes": ("list", None), "visits": ("count", None),
    },
    "staff": {
        "staff_id": ("fixed", "origin"), "post": ("auth", "post"), "on_duty": ("ground", "on_duty"),
        "valid_from": ("auth", "validity"), "valid_until": ("auth", "validity"), "state": ("auth", "state"),
        "grids": ("set", None), "skills": ("set", None),
    },
    "directive": {
        "title": ("fixed", "origin"), "body": ("fixed", "origin"), "number": ("fixed", "origin"), "due_at": ("auth", "due"),
        "status": ("flow", "status"), "at": ("flow", "status"), "reason": ("flow", "status"),
        "progress": ("list", None), "percent": ("list", None),
    },
}
NUMBERS = {"code_version", "satisfaction", "lat", "lon", "limit_value", "due_at", "at", "until", "visits", "valid_from", "valid_until", "percent"}
CREATOR = {"case": "INTAKE", "staff": "ROSTER", "directive": "DIRECT"}
FIRST = {"case": "reported", "staff": None, "directive": "issued"}

RANK = {
    "case": {"reported": 10, "filed": 20, "returned": 25, "dispatched": 30, "suspended": 35, "handling": 40, "rework": 45, "handled": 50,
             "self_handled": 50, "verified": 55, "closed": 60, "duplicate": 65, "reopened": 70, "voided": 80},
    "directive": {"issued": 10, "acknowledged": 20, "accepted": 30, "declined": 35, "done": 50, "sent_back": 55, "confirmed": 60,
                  "withdrawn": 80, "superseded": 80},
}
CLOSED = {"closed", "duplicate", "voided"}
CASE_STEPS = {
    ("reported", "filed"), ("filed", "dispatched"), ("dispatched", "handling"), ("handling", "handled"), ("handled", "verified"),
    ("verified", "closed"), ("reported", "voided"), ("reported", "duplicate"), ("dispatched", "returned"), ("returned", "dispatched"),
    ("handled", "rework"), ("rework", "handling"), ("closed", "reopened"), ("reopened", "dispatched"), ("reported", "self_handled"),
    ("self_handled", "verified"),
} | {(state, "suspended") for state in RANK["case"] if state not in CLOSED | {"suspended"}}
CASE_CAP = {step: cap for cap, steps in {
    "SUPERVISE": "filed voided duplicate verified closed rework reopened", "COMMAND": "dispatched suspended",
    "HANDLE": "handling handled returned self_handled"}.items() for step in steps.split()}
TARGET_STEPS = {
    "issued": "acknowledged accepted declined", "acknowledged": "accepted declined done", "accepted": "declined done",
    "declined": "accepted", "sent_back": "acknowledged accepted declined done"}
ISSUER_STEPS = {"done": "confirmed sent_back", "declined": "confirmed sent_back"}
CALLED_OFF = {"withdrawn", "superseded"}
NEED_REASON = {"voided", "returned", "rework", "suspended", "declined", "sent_back"}


class Refused(Exception):
    """A write that is not done: error code, and the reason in the rules."""

    def __init__(self, code, why=""):
        super().__init__(code)
        self.code, self.why = code, why


def rule_of(why):
    return Refused(CODE[why], why)


def under(node, above):
    while node is not None and node != above:
        node = PARENT[node]
    return node == above


class Op:
    def __init__(self, number, author, record, creates, actor, imported, values, seen):
        self.number, self.author, self.record, self.creates = number, author, record, creates
        self.actor, self.imported, self.seen = actor, imported, seen
        self.values = values        # [(field, act, value)]
        self.hlc = self.clock = self.inc = self.seq = 0
        self.restores = False       # brought back a state: its author handled nothing
        self.status = None          # the step that it makes
        self.cells = {}             # count fields: running total of its author

    def dot(self, group="status"):
        """Its place; of two branches of one log, which have two ops for one place, what tells them apart."""
        return self.author, self.inc, self.seq, self.hlc, content(self, group)

    def at(self):
        """Business time."""
        at = given(self, "at")
        return self.hlc >> 16 if at is None else at

    def saw(self, other):
        return other.number in self.seen

    def group(self, name):
        """Its values of one group; None if it has none."""
        found = {f: v for f, act, v in self.values if act == "=" and FIELDS[self.record.kind][f][1] == name}
        return found or None


class Policy:
    """A document of the top node: other rules for groups, other ranks.  Held and passed on like an op."""

    def __init__(self, number, version, rules, ranks):
        self.number, self.version, self.rules, self.ranks = number, version, rules, ranks

    def rule(self, kind, group, rule):
        return self.rules.get((kind, group), rule)


class Record:
    def __init__(self, label, kind, home, ids, targets=()):
        self.ids = ids   # of all labels
        self.label, self.kind, self.home, self.ops = label, kind, home, []
        self.origin = {"directive_id": label.rpartition(".")[0], "targets_n": len(targets), "target": str(home)} if kind == "directive" else {}


# ---- what is shown ----

def order(rule, kind, policy, group):
    """Names and keys of what decides between two values, first to last; the larger key wins."""
    ranks = {**RANK.get(kind, {}), **(policy.ranks.get(kind, {}) if policy else {})}
    level = LEVEL.__getitem__
    root = ("nearest to the root", lambda op: -level(op.author))
    ground = ("nearest to the ground", lambda op: level(op.author))
    time = ("the later one", lambda op: op.hlc)
    clock = ("a clock that was set", lambda op: op.clock > 0)
    rank = ("rank of the status", lambda op: ranks[op.status])
    author = ("order of authors", lambda op: op.dot(group))
    return {"fixed": [root, time, author], "auth": [root, time, author], "ground": [ground, time, author],
            "flow": [rank, root, time, author], "lww": [clock, time, root, author], "ask": [clock, time, root, author]}[rule]


def winner(ops, rule, kind, policy=None, group="status"):
    """Without a policy: for verdicts, which none touches."""
    keys = order(rule, kind, policy, group)
    return max(ops, key=lambda op: [key(op) for _, key in keys]) if ops else None


def decided_by(ops, rule, kind, policy, group):
    if len(ops) < 2:
        return "the only value"
    keys = order(rule, kind, policy, group)
    first, second = sorted(ops, key=lambda op: [key(op) for _, key in keys])[:-3:-1]
    return next(name for name, key in keys if key(first) != key(second))


def unseen(ops):
    """Those that no other of them had seen: the values that live side by side."""
    return [op for op in ops if not any(later.saw(op) for later in ops)]


def candidates(ops, group):
    return unseen([op for op in ops if op.group(group) is not None])


def alive(ops):
    return unseen([op for op in ops if op.status is not None])


def is_shown(ops, kind, step, policy):
    """The step that is shown says all of that already: the same status, reason, time."""
    shown = winner(alive(ops), "flow", kind, policy)
    now = {**(shown.group("status") or {}), "status": shown.status} if shown else {}
    return all(now.get(field) == value for field, value in step.items())


def elements(ops, field):
    """A set: an add stands until somebody who saw it takes it away."""
    gone = [(op, v) for op in ops for f, act, v in op.values if f == field and act == "-"]
    return sorted({v for op in ops for f, act, v in op.values if f == field and act == "+"
                   and not any(x == v and taker.saw(op) for taker, x in gone)})


def items(ops, field):
    found = [(at, op, v) for op in ops for at, (f, act, v) in enumerate(op.values) if f == field and act == "+"]
    return [(op, v) for at, op, v in sorted(found, key=lambda item: item_key(*item, percent_of(item[1])))]


def percent_of(op):
    return next((v for f, _, v in op.values if f == "percent"), -1)


def cells(ops, field):
    """A count: one cell a writer and incarnation, its largest total."""
    totals = {}
    for op in ops:
        if field in op.cells:
            cell = op.author, op.inc
            totals[cell] = max(totals.get(cell, 0), op.cells[field])
    return totals


# ---- what may be written ----

def creator(ops):
    return next(op for op in ops if op.creates)


def check_issuer(op, ops):
    if LEVEL[op.author] > LEVEL[creator(ops).author]:
        raise rule_of("target")
    if "DIRECT" not in CAPS[op.author]:
        raise rule_of("cap")


def given(op, field):
    return next((v for f, _, v in op.values if f == field), None)


def check_authority(op, ops):
    kind, caps = op.record.kind, set()
    if op.creates:
        caps.add(CREATOR[kind])
    commands = any(FIELDS[kind][f][0] == "auth" for f, _, _ in op.values)
    if kind == "case" and commands:
        caps.add("COMMAND")
    if kind == "staff":
        caps.add("ROSTER")
    if kind == "directive":
        if any(FIELDS[kind][f][0] == "list" for f, _, _ in op.values) and op.author != op.record.home:
            raise rule_of("target")
        if commands and not op.creates:
            check_issuer(op, ops)
            return
    if not op.imported and not caps <= CAPS[op.author]:
        raise rule_of("cap")


def before_suspension(op, ops):
    """The state that a suspension interrupted."""
    while op is not None and op.status == "suspended":
        op = winner(alive([other for other in ops if op.saw(other)]), "flow", "case")
    return op.status if op else None


def check_case_step(op, ops, shown):
    came, goes = shown.status, op.status
    if came == "suspended":
        back = before_suspension(shown, ops)
        if goes != back and not (back is None and goes not in CLOSED | {"suspended"}):
            raise rule_of("step")
        op.restores = True
        cap = "COMMAND"
    elif (came, goes) in CASE_STEPS:
        cap = CASE_CAP[goes]
    else:
        raise rule_of("step")
    if op.imported:
        return
    if cap not in CAPS[op.author]:
        raise rule_of("cap")
    if came == "suspended":
        return
    if goes in NEED_REASON and not given(op, "reason"):
        raise rule_of("reason")
    if goes == "suspended" and given(op, "until") is None:
        raise rule_of("reason")
    if goes == "verified" and any(o.status in ("handled", "self_handled") and o.author == op.author and o.actor == op.actor
                                  and not o.imported and not o.restores for o in ops):
        raise rule_of("same-person")


def check_directive_step(op, ops, shown):
    came, goes = shown.status, op.status
    if goes in TARGET_STEPS.get(came, "").split():
        if op.author != op.record.home:
            raise rule_of("target")
    elif goes in ISSUER_STEPS.get(came, "").split() or (goes in CALLED_OFF and RANK["directive"][came] < 60):
        check_issuer(op, ops)
    else:
        raise rule_of("step")
    if goes in NEED_REASON and not given(op, "reason"):
        raise rule_of("reason")


def check_choice(op, ops):
    """Among states side by side one may be stated again, by a supervisor or the issuer."""
    side = alive(ops)
    if len(side) < 2 or op.status not in [other.status for other in side]:
        raise rule_of("step")
    if op.record.kind == "directive":
        check_issuer(op, ops)
    elif not op.imported and "SUPERVISE" not in CAPS[op.author]:
        raise rule_of("cap")


def check_step(op, ops):
    kind = op.record.kind
    if op.creates:
        if op.status != FIRST[kind] and not op.imported:
            raise rule_of("step")
        return
    shown = winner(alive(ops), "flow", kind)
    try:
        (check_case_step if kind == "case" else check_directive_step)(op, ops, shown)
    except Refused as first:
        op.restores = False
        try:
            check_choice(op, ops)
        except Refused as second:
            raise (second if first.why == "step" else first) from None
        op.restores = True


def check_units(op):
    """Who answers for a case lies on the path from its home to the top."""
    for field, _, value in op.values:
        if field in ("responsible_unit", "support_units") and value is not None:
            if any(not under(op.record.home, int(unit)) for unit in value.split(",")):
                raise Refused("TR-E-SCOPE")


def check(op, ops):
    fields = {f for f, _, _ in op.values}
    if op.imported and "IMPORT" not in CAPS[op.author]:
        raise rule_of("import")
    flow = {f for f in fields if FIELDS[op.record.kind][f][0] == "flow"} - {"at"}
    if flow and not op.creates and "status" not in fields:
        raise rule_of("field")
    check_authority(op, ops)
    if op.status is not None:
        check_step(op, ops)
    check_units(op)


# ---- the tree ----

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

    def op(self, node, record, creates, by, imported, values):
        """A checked op on top of all that the node has."""
        ops = self.ops(node, record)
        op = Op(self.count + 1, node, record, creates, by, imported, values, {o.number for o in ops})
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
        return {"rc": "", "records": {f"{label}.{target}" for target in to}}

    def edit(self, node, record, values, imported, by):
        ops = self.ops(node, record)
        if not ops:
            raise Refused("TR-E-NOREC")
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
            if len(now) < 2:
                raise Refused("TR-E-NOREC")
            if not now <= self.looked:
                raise Refused("TR-E-MOVED")
            if any(FIELDS[record.kind][f][1] != group for f, _, _ in values):
                raise Refused("TR-E-FIELD")
            self.add(self.op(node, record, False, by, False, values))
        except Refused as no:
            return {"rc": no.code, "why": WHY[no.why]}
        return {"rc": "", "created": False, "unchanged": False, "version": len(self.ops(node, record))}

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
