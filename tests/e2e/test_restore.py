# SPDX-License-Identifier: Apache-2.0
"""A store put back from a backup: the lost past returns, nothing forks."""
import shutil

from lib import case, check, until


def logs_of(node, unit):
    """How many incarnations of a unit wrote cases, by the events of a record's history."""
    logs = set()
    for record in node.records():
        shown = node.json("record", "show", record["id"], "--history")
        logs |= {step["incarnation"] for step in shown["history"] if step["unit"] == unit}
    return logs


def test_a_restored_store_begins_a_new_incarnation(world):
    hub = world.top()
    leaf = world.below(hub, "110101001")
    door = leaf.door()
    check(door.put(case("before"))["ok"], "put")
    door.close()
    leaf.synced()
    leaf.stop()
    shutil.copytree(leaf.dir / "store", leaf.dir / "backup")
    leaf.start()
    door = leaf.door()
    for i in range(20):
        check(door.put(case(i))["ok"], "put")
    door.close()
    leaf.synced()
    leaf.stop()

    shutil.rmtree(leaf.dir / "store")
    (leaf.dir / "backup").rename(leaf.dir / "store")
    hub.ok("peer", "pause", leaf.unit)
    leaf.start()
    check(any(e["event"] == "new-incarnation" for e in leaf.events()), "the restore went unnoticed")
    door = leaf.door()
    for i in range(100, 110):
        check(door.put(case(i))["ok"], "put after the restore")
    door.close()
    check(len(leaf.records()) == 11, "the backup has one case, ten are new")

    hub.ok("peer", "resume", leaf.unit)
    leaf.ok("peer", "retry", hub.unit)
    until(lambda: len(leaf.records()) == 31, "what the backup lacked comes back")
    leaf.synced()
    check(leaf.export() == hub.export(), "leaf and hub differ")
    check(len(logs_of(hub, leaf.unit)) == 2, "one log before the restore, one after")
    check(not any("parted" in e["event"] for e in hub.events() + leaf.events()), "a log forked")


def test_an_ordinary_restart_keeps_the_incarnation(world):
    hub = world.top()
    leaf = world.below(hub, "110101001")
    for i in range(3):
        door = leaf.door()
        check(door.put(case(i))["ok"], "put")
        door.close()
        leaf.kill()
        leaf.start()
    leaf.synced()
    check(len(logs_of(hub, leaf.unit)) == 1, "a restart is no reason for a new log")
    check(not any(e["event"] == "new-incarnation" for e in leaf.events()), "new incarnation")


def test_a_backup_of_work_that_waits_is_no_fork(world):
    """What was not signed yet when the backup was made was signed later, with more behind it."""
    hub = world.top()
    leaf = world.below(hub, "110101001")
    leaf.synced()
    hub.ok("peer", "pause", leaf.unit)
    door = leaf.door()
    check(door.put(case(1))["ok"], "put")
    leaf.ok("store", "backup", leaf.dir / "backup")
    check(door.put(case(2))["ok"], "put")
    door.close()
    hub.ok("peer", "resume", leaf.unit)
    leaf.ok("peer", "retry", hub.unit)
    leaf.synced()
    leaf.stop()

    shutil.rmtree(leaf.dir / "store")
    (leaf.dir / "backup").rename(leaf.dir / "store")
    leaf.start()
    door = leaf.door()
    check(door.put(case(3))["ok"], "put after the restore")
    door.close()
    until(lambda: len(leaf.records()) == 3, "what the backup lacked comes back")
    leaf.synced()
    check(leaf.export() == hub.export(), "leaf and hub differ")
    check(" fork " not in leaf.log() + hub.log(), "a log forked")
