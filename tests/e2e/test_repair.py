# SPDX-License-Identifier: Apache-2.0
"""Rot in a store: an audit between neighbours names the record, `verify --repair` mends it."""
import subprocess

from lib import case, check


def rot(world, node, table, number, how):
    subprocess.run([world.build / "tests/e2e/rot", node.dir / "store", table, str(number), how], check=True)


def pair(world, cases=12):
    hub = world.top()
    leaf = world.below(hub, "110101001")
    door = leaf.door()
    for i in range(cases):
        check(door.put(case(i))["ok"], "put")
    door.close()
    leaf.synced()
    return hub, leaf


def clean(node):
    result = node.ctl("--json", "verify")
    check(result.rc == 0 and result.json()["bad"] == [] and result.json()["values"]["bad"] == 0, f"{result.out}{result.err}")


def test_an_audit_between_equal_stores_finds_nothing(world):
    hub, leaf = pair(world)
    for node, peer in ((leaf, hub), (hub, leaf)):
        answer = node.json("verify", "--against", peer.unit)
        audit = answer["compared"]["audit"]
        check(audit["records"] >= 12 and audit["differ"] == 0 and audit["under_way"] == 0, f"{audit}")
        check(audit["equal"] == audit["domains"] > 0, f"{audit}")
    leaf.stop()
    result = hub.ctl("verify", "--against", leaf.unit)
    check("State was not compared" in result.out + result.err, result.out + result.err)


def test_a_wrong_record_is_named_and_made_again(world):
    hub, leaf = pair(world)
    before = leaf.export()
    leaf.stop()
    rot(world, leaf, "rec", 3, "swap")
    rot(world, leaf, "rec", 7, "flip")
    leaf.start()
    leaf.live()
    result = hub.ctl("--json", "verify", "--against", leaf.unit)
    audit = result.json()["compared"]["audit"]
    check(result.rc == 1 and audit["differ"] == 1, f"{result.rc} {audit}")
    named = {row["record"] for row in audit["records_differ"]}
    check(len(named) == 2, f"{audit}")
    result = leaf.ctl("--json", "verify")
    check(result.rc == 65 and {row["record"] for row in result.json()["bad"] if row["what"] == "record"} == named, result.out)
    result = leaf.ctl("--json", "verify", "--repair", "--dry-run")
    check(result.rc == 65 and len(result.json()["bad"]) >= 2 and "repaired" not in result.json(), result.out)
    result = leaf.ctl("--json", "verify", "--repair")
    check(result.rc == 0 and result.json()["repaired"] >= 2, f"{result.rc} {result.out}")
    clean(leaf)
    check(leaf.export() == before, "the records are not what they were")
    check(sum(e["event"] == "record-repaired" for e in leaf.events()) == 2, "two are in the events")
    audit = hub.json("verify", "--against", leaf.unit)["compared"]["audit"]
    check(audit["differ"] == 0, f"{audit}")


def test_a_damaged_segment_comes_from_the_neighbour(world):
    hub, leaf = pair(world)
    before = hub.export()
    leaf.stop()
    hub.stop()
    rot(world, hub, "seg", 1, "flip")
    rot(world, leaf, "seg", 2, "delete")
    hub.start()
    result = hub.ctl("--json", "verify", "--repair")
    check(result.rc == 65 and result.json()["bad"][0]["from"] == leaf.unit and result.json()["repaired"] == 0, result.out)
    leaf.start()
    leaf.live()
    for node in (hub, leaf):
        result = node.ctl("--json", "verify", "--repair", timeout=90)
        check(result.rc == 0 and result.json()["repaired"] >= 1, f"{result.rc} {result.out}")
        check(any(e["event"] == "segment-repaired" for e in node.events()), "it is in the events")
        clean(node)
    check(hub.export() == before == leaf.export(), "the records are not what they were")


def test_lost_indexes_are_made_again(world):
    hub, leaf = pair(world)
    leaf.stop()
    rot(world, leaf, "src", 0, "delete")
    rot(world, leaf, "src", 3, "swap")
    rot(world, leaf, "ops", 1, "delete")
    leaf.start()
    result = leaf.ctl("--json", "verify", "--repair")
    check(result.rc == 0 and result.json()["repaired"] >= 3, f"{result.rc} {result.out}")
    clean(leaf)
    door = leaf.door()
    for i in range(12):
        answer = door.put(case(i))
        check(answer["ok"] and not answer.get("created"), "it is found by its source")
    door.close()
