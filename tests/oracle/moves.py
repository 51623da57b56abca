# SPDX-License-Identifier: Apache-2.0
"""Cases that go to another home: what is refused, what the copy says, what came late.  Written from
docs/protocol.md section 5 (Moves) and docs/records.md (To another home).
"""
from canon import FIELD as NUMBER
from rules import (alive, candidates, cells, CLOSED, elements, entries, FIELDS, given, handler, items, LEVEL, NODES, PATH, Record, Refused,
                   under, winner)

NOTES_MAX, TEXT_MAX = 32, 12 * 1024   # of a copy


def late(ops):
    """Written by those who did not know."""
    return [op for op in ops if not op.transfers and any(move.transfers and not move.saw(op) for move in ops)]


def knows(node, unit):
    """Those on its path, and those below it."""
    return under(unit, node) or under(node, unit)


def move(tree, node, record, name, unit, reason, by):
    """The new record."""
    ops = tree.ops(node, record)
    if not ops:
        raise Refused("TR-E-NOREC")
    if record.kind != "case":
        raise Refused("TR-E-TYPE")
    gone = tree.shown_step(node, record, ops)
    if gone.transfers:
        # A move whose other half was lost is made whole by asking for it again.
        new = tree.records[given(gone, "moved_to")]
        if given(gone, "moved_unit") != str(unit) or not under(unit, node) or tree.ops(node, new):
            raise Refused("TR-E-ELSEWHERE")
        copy(tree, node, record, new, by)
        return new
    if not knows(node, unit):
        raise Refused("TR-E-NOUNIT")
    if unit == record.home:
        raise Refused("TR-E-HOME")
    if not under(unit, node):
        raise Refused("TR-E-SCOPE")
    if node in (unit, record.home):
        raise Refused("TR-E-AUTH", "both")
    if gone.status in CLOSED:
        raise Refused("TR-E-ENDED")
    new = Record(name, "case", unit, tree.ids)
    leaves = transfer(tree, node, record, new, reason, by)
    copy(tree, node, record, new, by)
    tree.records[name] = new
    leaves.number = tree.count + 1
    tree.add(leaves)
    return new


def transfer(tree, node, record, new, reason, by):
    """Not yet added."""
    values = [("status", "=", "moved"), ("moved_to", "=", new.label), ("moved_unit", "=", str(new.home)), ("moved_path", "=", PATH[new.home])]
    return tree.op(node, record, False, by, False, values + ([("reason", "=", reason)] if reason is not None else []), move=True)


def seen_by(op, ops):
    """The step that it stands on, whatever a policy shows."""
    return winner(alive([o for o in ops if op.saw(o)]), "flow", "case")


def copy(tree, node, record, new, by):
    """The ops that make it: the record, the suspension on top of it, campaigns, notes."""
    ops = tree.ops(node, record)
    shown = tree.shown_step(node, record, ops)
    while shown is not None and shown.status == "moved":
        shown = seen_by(shown, ops)
    state = shown
    while state is not None and state.status == "suspended":
        state = seen_by(state, ops)
    if state is None or state.status in CLOSED or not given(shown, "reason") or given(shown, "until") is None:
        state = shown   # it could not be written on top of the copy: the copy begins with it
    values = registers(tree, node, record, new, ops) + step(state)
    values += [("moved_from", "=", record.label), ("from_unit", "=", str(record.home)), ("from_path", "=", PATH[record.home])]
    handlers = handled_by(ops)
    if handlers:
        values.append(("handled_by", "=", handlers))
    visits = sum(cells(ops, "visits").values())
    if visits > 0:
        values.append(("visits", "=", visits))
    tree.add(tree.op(node, new, True, by, False, values, move=True))
    if shown is not state:
        tree.add(tree.op(node, new, False, by, False, step(shown)))
    campaigns = elements(ops, "campaign")
    if campaigns:
        tree.add(tree.op(node, new, False, by, False, [("campaign", "+", name) for name in campaigns]))
    for op, text in newest(items(ops, "notes")):
        tree.add(tree.op(node, new, False, op.actor, False, [("notes", "+", text), ("at", "=", op.at())]))


def newest(notes):
    size = taken = 0
    for op, text in reversed(notes[-NOTES_MAX:]):
        size += len(text.encode()) + len(op.actor.encode())
        if size > TEXT_MAX:
            break
        taken += 1
    return notes[len(notes) - taken:]


def step(op):
    """A state with its business time and all that was said with it."""
    rest = [(f, act, v) for f, act, v in op.values if FIELDS["case"][f][1] == "status" and f not in ("status", "at")]
    return [("status", "=", op.status), ("at", "=", op.at()), *rest]


def registers(tree, node, record, new, ops):
    """What is shown, in the order of the fields' numbers."""
    policy, found = tree.policy_of(node), {}
    for group, rule in {g: r for r, g in FIELDS["case"].values() if g and r != "flow" and g != "came"}.items():
        best = winner(candidates(ops, group), policy.rule("case", group, rule), "case", policy, group)
        found.update({f: v for f, v in (best.group(group) if best else {}).items() if v is not None})
    answers = found.get("responsible_unit")
    if answers is not None and not under(new.home, int(answers)):
        found["responsible_unit"] = str(new.home)
        found.pop("assignee", None)
    if "support_units" in found:
        stay = [unit for unit in found.pop("support_units").split(",") if under(new.home, int(unit))]
        if stay:
            found["support_units"] = ",".join(stay)
    return [(f, "=", found[f]) for f in sorted(found, key=NUMBER["case"].get)]


def handled_by(ops):
    """Who handled it here or before, each once."""
    told = {entry for op in ops if op.copies for entry in entries(given(op, "handled_by") or "")}
    told |= {handler(op.author, op.actor) for op in ops if op.status in ("handled", "self_handled") and not op.imported and not op.restores}
    return "".join(sorted(told))


def settle(tree, node, record, values, by):
    """Of several moves one is stated again; the other copies that are still worked on go there, too."""
    said = {f: v for f, _, v in values}
    if said.get("status") != "moved":
        raise Refused("TR-E-ELSEWHERE")
    chosen = tree.records[said["moved_to"]]
    others = {given(op, "moved_to"): tree.records[given(op, "moved_to")] for op in tree.ops(node, record)
              if op.transfers and given(op, "moved_to") != chosen.label}
    go = []
    for other in others.values():
        if not under(other.home, node) or not knows(node, chosen.home):
            raise Refused("TR-E-SCOPE")
        if not tree.ops(node, other):
            raise Refused("TR-E-GAP")   # it is on its way
        if tree.shown_step(node, other, tree.ops(node, other)).status not in CLOSED:
            transfer(tree, node, other, chosen, said.get("reason"), by)
            go.append(other)
    tree.add(tree.op(node, record, False, by, False, values, move=True))
    for other in go:
        tree.add(transfer(tree, node, other, chosen, said.get("reason"), by))


def movers(home):
    """Those who may move a case from there, each with where it may go."""
    return [(node, unit) for node in NODES for unit in NODES if LEVEL[node] < 2 and node not in (home, unit) and under(home, node)
            and under(unit, node) and unit != home]
