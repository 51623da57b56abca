# SPDX-License-Identifier: Apache-2.0
"""store.keep: old changes go below a checkpoint, records stay, and every view says so."""
import json
import shutil

from lib import Node, case, check, until

CASES = 1100  # the top node writes a checkpoint after 1,000 changes of a unit


def fill(leaf, first, count):
    door = leaf.door()
    for i in range(first, first + count):
        door.send(case(i))
    for i in range(first, first + count):
        answer = door.answer()
        check(answer is not None and answer["ok"], f"case {i}: {answer}")
    door.close()


def past_of(node, unit, lane="R"):
    rows = node.json("store", "history", "--all")["domains"]
    return next((row for row in rows if row["unit"] == unit and row["lane"] == lane), None)


def checkpointed(hub, leaf):
    """Both hold a checkpoint of the leaf's cases, and nothing is dropped."""
    for node in (hub, leaf):
        until(lambda node=node: (past_of(node, leaf.unit) or {}).get("checkpoint"), f"{node.name} has a checkpoint", 60)
        row = past_of(node, leaf.unit)
        check(row["dropped"] == 0 and row["dropped_until"] is None and not row["diverged"], f"{row}")
        check(node.json("store", "history")["keep_seconds"] is None, "nothing was configured")


def later(days, *nodes):
    """Restarted, the settings read again, that much time gone by."""
    for node in nodes:
        node.stop()
    for node in nodes:
        node.later(days).start()


def truncated(*nodes):
    for node in nodes:
        until(lambda node=node: any(e["event"] == "truncated" for e in node.events()), f"{node.name} drops", 60)


def pair(world):
    hub = world.top()
    leaf = world.below(hub, "110101001")
    fill(leaf, 0, CASES)
    leaf.synced()
    checkpointed(hub, leaf)
    return hub, leaf


def oldest(node):
    return node.json("record", "list", "--limit", "1")["records"][0]["id"]


def test_old_changes_go_and_it_is_said(world):
    hub, leaf = pair(world)
    before, record = hub.export(), oldest(hub)
    shown = hub.json("record", "show", record, "--history")
    check(len(shown["history"]) == 1 and shown["dropped"] is None, f"{shown}")
    for node in (hub, leaf):
        node.configure(store_keep="1d")
    later(2, hub, leaf)
    truncated(hub, leaf)
    for node in (hub, leaf):
        row = past_of(node, leaf.unit)
        check(row["dropped"] >= 1000 and row["dropped_until"] is not None and row["kept"] is None, f"{row}")
        whole = node.json("store", "history")
        check(whole["keep_seconds"] == 86400 and whole["dropped"] >= row["dropped"] and whole["freed_bytes"] > 0, f"{whole}")
        check("changes dropped below checkpoints" in node.ok("store", "history").out, "the summary names it")
        status = node.status()
        check(status["history"]["dropped"] >= 1000 and status["state"] == "ok", f"{status}")
        check("changes dropped" in node.ok("status").out, "status names it")
        event = next(e for e in node.events() if e["event"] == "truncated")
        check(event["peer"] == leaf.unit and event["a"] >= 1000 and event["b"] > 0, f"{event}")
        shown = node.json("record", "show", record, "--history")
        check(shown["history"] == [] and shown["dropped"]["changes"] == 1, f"{shown['history']} {shown['dropped']}")
        check(shown["dropped"]["until"] <= shown["dropped"]["checkpoint"], f"{shown['dropped']}")
        check("1 older change" in node.ok("record", "show", record, "--history").out, "the history says what it lacks")
        traced = node.json("trace", record)
        check(traced["ops"] == [] and traced["dropped"]["changes"] == 1, f"{traced}")
        checked = node.json("verify")
        check(checked["bad"] == [] and checked["dropped"] >= 1000 and checked["values"]["bad"] == 0, f"{checked}")
        check(node.export() == before, "records are another ones than before")
        metrics = node.ok("metrics").out
        check("terrace_diverged_domains 0" in metrics and "terrace_dropped_records 0" not in metrics, metrics)
    # Work goes on, on top of what is left.
    leaf.ok("record", "put", json.dumps({"kind": "case", "id": record, "title": "a lamp"}))
    fill(leaf, CASES, 5)
    leaf.synced()
    check(leaf.export() == hub.export() != before, "leaf and hub differ")
    shown = hub.json("record", "show", record, "--history")
    check(len(shown["history"]) == 1 and shown["dropped"]["changes"] == 1, f"{shown['history']} {shown['dropped']}")
    answer = hub.json("verify", "--against", leaf.unit)["compared"]["audit"]
    check(answer["differ"] == 0 and answer["under_way"] == 0, f"{answer}")


def test_nothing_goes_that_is_young_or_not_asked_for(world):
    hub, leaf = pair(world)
    hub.configure(store_keep="3d")
    later(2, hub, leaf)
    hub.live()
    check(hub.json("verify", "--against", leaf.unit)["compared"]["audit"]["differ"] == 0, "they differ")
    for node in (hub, leaf):
        check(past_of(node, leaf.unit)["dropped"] == 0, f"{node.name} dropped something")
    # The same at once by a reload, and the leaf keeps what is its own.
    hub.configure(store_keep="1d")
    check(hub.json("reload")["changed"] == ["store.keep"], "a reload is enough")
    truncated(hub)
    check(past_of(leaf, leaf.unit)["dropped"] == 0, "each node has its own setting")
    check(hub.export() == leaf.export(), "leaf and hub differ")


def test_a_dark_neighbour_keeps_it_all(world):
    hub = world.top()
    leaf = world.below(hub, "110101001")
    fill(leaf, 0, CASES)
    leaf.synced()
    checkpointed(hub, leaf)
    leaf.stop()
    hub.configure(store_keep="1d")
    later(2, hub)
    until(lambda: past_of(hub, leaf.unit)["kept"] == "not acknowledged", "it says what it waits for")
    check(past_of(hub, leaf.unit)["dropped"] == 0, "dropped before the leaf was heard")
    leaf.start()
    truncated(hub)
    check(leaf.json("record", "show", oldest(leaf), "--history")["dropped"] is None, "the leaf has it all")


def dropped(world):
    """A hub and a leaf that both dropped what is old."""
    hub, leaf = pair(world)
    for node in (hub, leaf):
        node.configure(store_keep="1d")
    later(2, hub, leaf)
    truncated(hub, leaf)
    return hub, leaf


def equal(hub, node, records):
    until(lambda: len(node.records()) == records, f"{records} records come back", 60)
    node.synced()
    check(node.export() == hub.export(), f"{node.name} and the hub differ")
    checked = node.json("verify")
    check(checked["bad"] == [] and checked["values"]["bad"] == 0, f"{checked}")
    answer = hub.json("verify", "--against", node.unit)["compared"]["audit"]
    check(answer["differ"] == 0, f"{answer}")


def test_an_old_backup_comes_back(world):
    """The store of before it all was put back: its neighbour has not got the changes any more."""
    hub = world.top()
    leaf = world.below(hub, "110101001")
    fill(leaf, 0, 3)
    leaf.synced()
    leaf.stop()
    shutil.copytree(leaf.dir / "store", leaf.dir / "backup")
    leaf.start()
    fill(leaf, 3, CASES - 3)
    leaf.synced()
    checkpointed(hub, leaf)
    here, gone = (next(r["id"] for r in hub.records() if r["source_id"] == number) for number in ("1", "500"))
    hub.configure(store_keep="1d")
    later(2, hub, leaf)
    truncated(hub)
    leaf.stop()
    shutil.rmtree(leaf.dir / "store")
    (leaf.dir / "backup").rename(leaf.dir / "store")
    leaf.start()
    equal(hub, leaf, CASES)
    check(any(e["event"] == "snapshot" for e in leaf.events()), "it came as a snapshot")
    shown = leaf.json("record", "show", gone, "--history")
    check(shown["history"] == [] and shown["dropped"]["changes"] == 1, f"{shown['history']} {shown['dropped']}")
    shown = leaf.json("record", "show", here, "--history")
    check(len(shown["history"]) == 1 and shown["dropped"] is None, "what the backup had is whole")
    fill(leaf, CASES, 5)
    equal(hub, leaf, CASES + 5)


def test_a_replaced_machine_comes_back(world):
    hub, leaf = dropped(world)
    leaf.stop()
    after = Node(world, "after", leaf.unit, hub, False)
    after.join(hub.json("invite", leaf.unit, "--rejoin")["token"])
    after.later(2).start()
    equal(hub, after, CASES)
    row = past_of(after, leaf.unit)
    check(row["dropped"] >= 1000 and row["dropped_until"] is not None, f"{row}")
    fill(after, CASES, 5)
    equal(hub, after, CASES + 5)
