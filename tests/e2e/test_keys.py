# SPDX-License-Identifier: Apache-2.0
"""Machines that are replaced, keys that are cut off."""
import json

from lib import Node, case, check, until


def ids(node):
    return {record["source_id"] for record in node.records()}


def state(node, unit):
    return next(key for key in node.json("key", "show")["keys"] if key["unit"] == unit)


def test_a_replaced_machine(world):
    hub = world.top()
    street = world.below(hub, "110101001", listen=True)
    leaf = world.below(street, "110101001001")
    check(leaf.door().put(case(1))["ok"], "put")
    leaf.synced()
    leaf.stop()
    by_accident = street.ctl("invite", leaf.unit)
    check(by_accident.rc == 65 and "TR-E-EXISTS" in by_accident.err, f"invited by accident: {by_accident.err}")
    nobody = street.ctl("invite", f"{street.unit}/110101001009", "--rejoin")
    check(nobody.rc == 66, f"nobody can join again: exit {nobody.rc} {nobody.err}")

    after = Node(world, "after", leaf.unit, street, False)
    after.join(street.json("invite", leaf.unit, "--rejoin")["token"])
    after.start()
    until(lambda: state(hub, leaf.unit)["waiting_serial"] == 2, "the key waits at the top")
    answer = after.door().put(case(2))
    check(answer["error"]["code"] == "TR-E-UNAPPROVED", f"written before it was approved: {answer}")
    check(street.ctl("unit", "approve", leaf.unit).rc == 77, "a street approved a key")
    hub.ok("unit", "approve", leaf.unit)
    until(lambda: after.json("key", "show")["own_state"] == "registered", "its key is registered")
    until(lambda: len(ids(after)) == 1, "what it had sent is back")
    check(after.door().put(case(2))["ok"], "put")
    after.synced()
    check(len(ids(hub)) == 2, "both are at the top")

    leaf.start()
    until(lambda: "key refused" in json.dumps(leaf.status()["upstream"]), "the old machine is refused")
    check(leaf.door().put(case(3))["ok"], "it works alone, and is told so")
    check(after.door().put(case(4))["ok"], "put")
    after.synced()
    check(ids(hub) == {"1", "2", "4"}, f"at the top: {ids(hub)}")


def test_a_stolen_key(world):
    hub = world.top()
    leaf = world.below(hub, "110101001")
    check(leaf.door().put(case(1))["ok"], "put")
    leaf.synced()
    check(hub.ctl("key", "revoke", leaf.unit).rc == 64, "revoked without --yes")
    hub.ok("key", "revoke", leaf.unit, "--yes")
    until(lambda: leaf.status()["upstream"]["state"] != "up", "it has no session")
    check(leaf.door().put(case(2))["ok"], "the thief writes on his own disk")
    stick = world.dir / "thief.tb"
    leaf.ok("bundle", "export", "--for", hub.unit, "--out", stick)
    hub.ok("bundle", "import", stick)
    check(state(hub, leaf.unit)["set_aside"] == 1, f"set aside: {state(hub, leaf.unit)}")
    check(len(ids(hub)) == 1, "what the thief wrote counts")
    check(hub.ctl("key", "revoke", leaf.unit, "--yes").rc == 65, "revoked twice")
    hub.ok("key", "accept", leaf.unit)
    check(len(ids(hub)) == 2 and state(hub, leaf.unit)["set_aside"] == 0, "let in after all")


def test_a_street_is_replaced(world):
    """Its children know the old machine's key only; a stick tells them the new one."""
    hub = world.top()
    street = world.below(hub, "110101001", listen=True)
    leaf = world.below(street, "110101001001")
    check(leaf.door().put(case(1))["ok"], "put")
    leaf.synced()
    street.stop()
    after = Node(world, "after", street.unit, hub, True)
    after.listen = street.listen
    after.join(hub.json("invite", street.unit, "--rejoin")["token"])
    after.start()
    until(lambda: len(ids(after)) == 1, "the street's records are back")
    stick = world.dir / "street.tb"
    after.ok("bundle", "export", "--for", leaf.unit, "--out", stick)
    leaf.ok("bundle", "import", stick)
    until(lambda: leaf.status()["upstream"]["state"] == "up", "the child found the new machine", 120)
    check(leaf.door().put(case(2))["ok"], "put")
    leaf.synced()
    check(len(ids(hub)) == 2, "all is at the top")
