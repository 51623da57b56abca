# SPDX-License-Identifier: Apache-2.0
"""A person settles a conflict while others write on."""
from lib import check, until
from test_policy import conflict, title


def apart(hub, leaf):
    hub.ok("peer", "pause", "110101001")
    until(lambda: leaf.status()["upstream"]["state"] != "up", "paused")


def together(hub, leaf):
    hub.ok("peer", "resume", "110101001")
    leaf.ok("peer", "retry", "110101")


def titles(node):
    """Values side by side, with who wrote them."""
    found = node.json("conflicts")["conflicts"]
    return {(c["values"]["title"], c["unit"]) for c in found[0]["candidates"]} if found else set()


def test_a_decision_does_not_cover_what_it_had_not_seen(world):
    hub, leaf, record = conflict(world)
    first = hub.json("conflicts")["conflicts"][0]
    check({c["values"]["title"] for c in first["candidates"]} == {"from the hub", "from the leaf"}, f"{first}")
    units = {c["values"]["title"]: c["unit"] for c in first["candidates"]}
    check(units["from the hub"] != units["from the leaf"] and first["rule"], f"{first}")

    apart(hub, leaf)
    leaf.ok("record", "put", f'{{"kind":"case","id":"{record}","title":"later at the leaf"}}')
    hub.ok("conflict", "resolve", first["id"], "--value", "title=decided", "--by", "ann")
    check(not hub.json("conflicts")["conflicts"], "the hub had seen both")
    together(hub, leaf)
    want = {("decided", units["from the hub"]), ("later at the leaf", units["from the leaf"])}
    until(lambda: titles(hub) == want and titles(leaf) == want, "the later value stands beside the decision", 60)

    stale = leaf.ctl("conflict", "resolve", first["id"], "--keep", "A", "--if-version", str(first["version"]))
    check(stale.rc != 0 and "TR-E-VERSION" in stale.err, f"exit {stale.rc} {stale.err}")
    second = leaf.json("conflicts")["conflicts"][0]
    check(second["record"] == record and second["version"] == first["version"] + 2, f"{second}")
    leaf.ok("conflict", "resolve", second["id"], "--value", "title=settled", "--if-version", str(second["version"]))
    until(lambda: not hub.json("conflicts")["conflicts"] and not leaf.json("conflicts")["conflicts"], "settled at both", 60)
    check(title(hub, record) == title(leaf, record) == "settled", f"{title(hub, record)}")
    check(hub.export() == leaf.export(), "hub and leaf differ")
    again = hub.ctl("conflict", "resolve", first["id"], "--keep", "A")
    check(again.rc != 0 and "settled already" in again.err, f"exit {again.rc} {again.err}")
