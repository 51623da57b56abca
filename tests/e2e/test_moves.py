# SPDX-License-Identifier: Apache-2.0
"""A case goes to another home over an outage; a community is closed and its work goes on."""
from lib import case, check, until


def shown(node, record):
    return node.json("record", "show", record)


def listed(node):
    return [r["id"] for r in node.json("record", "list", "--limit", "1000")["records"]]


def test_a_case_moves_over_an_outage(world):
    hub = world.top()
    old = world.below(hub, "110101001")
    new = world.below(hub, "110101002")
    door = old.door()
    check(door.put(case(1, title="a pothole", note="deep"))["ok"], "put")
    door.close()
    old.synced()
    record = old.records()[0]["id"]
    until(lambda: len(hub.records()) == 1, "the case is at the hub")

    hub.ok("peer", "pause", old.unit)
    moved = hub.json("record", "transfer", record, "--to", new.unit, "--reason", "across the road", "--key", "k1")
    again = hub.json("record", "transfer", record, "--to", new.unit, "--reason", "across the road", "--key", "k1")
    check(again["id"] == moved["id"] and again["repeated"], "the same key moved it twice")
    copy = moved["id"]
    until(lambda: listed(new) == [copy], "the new home has it")
    check(shown(new, copy)["record"]["title"] == "a pothole", "what was copied")
    check([n["text"] for n in shown(new, copy)["notes"]] == ["deep"], "the note came along")

    # The old home does not know, and writes on.
    door = old.door()
    check(door.put(case(1, title="two potholes"))["ok"], "a late write")
    door.close()
    hub.ok("peer", "resume", old.unit)
    old.ok("peer", "retry", hub.unit)
    until(lambda: shown(old, record).get("moved", {}).get("to") == copy, "the old home hears of it")
    until(lambda: shown(hub, copy)["came"]["late"], "what came late is shown with the new one")
    late = shown(hub, copy)["came"]["late"]
    check([e["changes"].get("title") for e in late] == ["two potholes"], "late: %s" % late)
    check(shown(new, copy)["record"]["title"] == "a pothole", "nothing was mixed in")
    door = old.door()
    error = door.put(case(1, title="three potholes"))["error"]
    door.close()
    check(error["code"] == "TR-E-ELSEWHERE" and copy in error["message"], "refused by name: %s" % error)
    check(not listed(old), "a moved case is hidden")
    old.synced()
    check({"case-moved", "case-late"} <= {e["event"] for e in hub.events()}, "events")
    check(hub.ctl("record", "transfer", copy, "--to", new.unit, "--reason", "x").rc == 65, "it is at home there")
    check(old.ctl("record", "transfer", record, "--to", old.unit, "--reason", "x").rc == 65, "it is gone from there")


def test_a_community_is_closed_and_its_work_goes_on(world):
    hub = world.top()
    old = world.below(hub, "110101001")
    new = world.below(hub, "110101002")
    door = old.door()
    for i in range(40):
        check(door.put(case(i))["ok"], "put")
    door.close()
    old.synced()
    count = hub.json("unit", "move", old.unit, "--to", new.unit, "--dry-run")
    check(count["cases"] == 40, "dry run: %s" % count)
    hub.ok("unit", "rename", old.unit, "the old village")
    until(lambda: any(u["title"] == "the old village" for u in old.json("tree")["units"]), "a unit hears its new name")
    hub.ok("unit", "move", old.unit, "--to", new.unit, "--reason", "reform")
    hub.stop()
    hub.start()
    until(lambda: len(listed(new)) == 40, "the work arrives")
    until(lambda: any(u.get("successor") == new.unit for u in old.json("tree")["units"]), "the old unit knows")
    door = old.door()
    error = door.put(case(99))["error"]
    door.close()
    check(error["code"] == "TR-E-SUCCEEDED" and new.unit in error["message"], "refused by name: %s" % error)
    until(lambda: not listed(old), "nothing open is left")
