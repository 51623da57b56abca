# SPDX-License-Identifier: Apache-2.0
"""The rules: what is shown of a set of ops, what may be written on top of one.  Written from
docs/protocol.md section 5, docs/records.md and the tables of the record kinds; it shares no code
with the core.
"""

from canon import NID, content, item_key

PARENT = [None, 0, 0, 1, 1, 2]
PATH = ["9", "9/1", "9/2", "9/1/3", "9/1/4", "9/2/5"]
LEVEL = [0, 1, 1, 2, 2, 2]
NODES = range(len(PARENT))

LEAF = {"INTAKE", "HANDLE", "ROSTER"}
STREET = LEAF | {"COMMAND", "SUPERVISE", "DIRECT", "IMPORT"}
CAPS = [STREET, STREET, STREET, LEAF, LEAF, LEAF]

WHY = {"": 0, "cap": 1, "step": 2, "same-person": 3, "fixed": 5, "field": 7, "reason": 8, "target": 9, "import": 11,
       "moved": 12, "both": 13, "ended": 14, "home": 15}
CODE = {"cap": "TR-E-AUTH", "import": "TR-E-AUTH", "target": "TR-E-AUTH", "step": "TR-E-STEP", "same-person": "TR-E-STEP", "reason": "TR-E-STEP",
        "fixed": "TR-E-EXISTS", "field": "TR-E-TYPE", "moved": "TR-E-ELSEWHERE", "both": "TR-E-AUTH", "ended": "TR-E-ENDED",
        "home": "TR-E-HOME"}

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
        "moved_to": ("flow", "status"), "moved_unit": ("flow", "status"), "moved_path": ("flow", "status"),
        "moved_from": ("fixed", "came"), "from_unit": ("fixed", "came"), "from_path": ("fixed", "came"), "handled_by": ("fixed", "came"),
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
MACHINE = {"moved_to", "moved_unit", "moved_path", "moved_from", "from_unit", "from_path", "handled_by"}   # nobody writes them by hand
CREATOR = {"case": "INTAKE", "staff": "ROSTER", "directive": "DIRECT"}
FIRST = {"case": "reported", "staff": None, "directive": "issued"}

RANK = {
    "case": {"reported": 10, "filed": 20, "returned": 25, "dispatched": 30, "suspended": 35, "handling": 40, "rework": 45, "handled": 50,
             "self_handled": 50, "verified": 55, "closed": 60, "duplicate": 65, "reopened": 70, "voided": 80,
             "moved": 90},
    "directive": {"issued": 10, "acknowledged": 20, "accepted": 30, "declined": 35, "done": 50, "sent_back": 55, "confirmed": 60,
                  "withdrawn": 80, "superseded": 80},
}
CLOSED = {"closed", "duplicate", "voided", "moved"}
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
        self.transfers = self.copies = False   # a case goes to another home; it came from one

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
    rank = ("rank of the status", lambda op: (op.status == "moved", ranks[op.status]))   # no policy ranks above a move
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
    return next((name for name, key in keys if key(first) != key(second)), keys[-1][0])   # of two that say the same: the last


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


def check_both(op, unit, path, same_home):
    """Who moves a case stands over both homes, and is neither.  It holds one record; of the other home the op says the path."""
    if int(unit) == op.record.home and not same_home:
        raise rule_of("home")
    if op.author == op.record.home or not path.startswith(PATH[op.author] + "/"):
        raise rule_of("both")
    if "COMMAND" not in CAPS[op.author]:
        raise rule_of("cap")


def check_transfer(op, ops):
    """It goes elsewhere.  Of two copies of one case, one may go to the other."""
    check_both(op, given(op, "moved_unit"), given(op, "moved_path"), any(o.copies for o in ops))
    if not given(op, "reason"):
        raise rule_of("reason")
    if any(o.transfers for o in ops):
        op.restores = True
        side = alive(ops)
        if len(side) < 2 or not any(o.transfers and given(o, "moved_to") == given(op, "moved_to") for o in side):
            raise rule_of("moved")
    elif winner(alive(ops), "flow", "case").status in CLOSED:
        raise rule_of("ended")


def check_copy(op):
    check_both(op, given(op, "from_unit"), given(op, "from_path"), False)
    op.restores = True   # who wrote it did not handle it
    if op.status in CLOSED:
        raise rule_of("ended")


def handler(author, actor):
    """As handled_by says it."""
    return f"{NID + author:016x}{len(actor.encode())}:{actor};"


def entries(text):
    """Nid in 16 digits, length of the actor, ':', the actor, ';'."""
    found = []
    while text:
        size = 16 + text[16:].index(":") + 1 + int(text[16:16 + text[16:].index(":")]) + 1
        found.append(text[:size])
        text = text[size:]
    return found


def handled_before(op, ops):
    """In a former home, by the same person of the same unit."""
    return any(handler(op.author, op.actor) in entries(given(o, "handled_by") or "") for o in ops if o.copies)


def check_authority(op, ops):
    kind, caps = op.record.kind, set()
    if op.creates and not op.copies:
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
    if goes == "verified" and (handled_before(op, ops) or any(
            o.status in ("handled", "self_handled") and o.author == op.author and o.actor == op.actor
            and not o.imported and not o.restores for o in ops)):
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
    if op.status == "moved":   # said by a transfer only, not even by imported history
        raise rule_of("step")
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
    if op.transfers:
        return check_transfer(op, ops)
    if any(o.transfers for o in ops):
        raise rule_of("moved")
    if op.imported and "IMPORT" not in CAPS[op.author]:
        raise rule_of("import")
    flow = {f for f in fields if FIELDS[op.record.kind][f][0] == "flow"} - {"at"}
    if flow and not op.creates and "status" not in fields:
        raise rule_of("field")
    check_authority(op, ops)
    if op.copies:
        check_copy(op)
    elif op.status is not None:
        check_step(op, ops)
    check_units(op)
    return None
