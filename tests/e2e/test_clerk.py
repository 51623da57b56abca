# SPDX-License-Identifier: Apache-2.0
"""Files that a clerk brings: old tables, sticks in both directions, wrong words."""
import json

from lib import case, check


def paused(world):
    """A hub, and a unit whose link is stopped: only a stick goes between them."""
    hub = world.top()
    one = world.below(hub, "110101001")
    one.synced()
    hub.ok("peer", "pause", one.unit)
    return hub, one


def test_a_stick_is_answered_until_nothing_is_new(world):
    hub, one = paused(world)
    one.ok("record", "put", "source=v", "source_id=1", "category=litter")
    hub.ok("directive", "send", "--title", "t", "--to", one.unit)
    stick = world.dir / "a.trc"
    one.ok("bundle", "export", "--for", hub.unit, "--out", stick)
    answer, at = hub.json("bundle", "import", stick), [one, hub]
    files = 0
    while answer["reply_file"] is not None:
        files += 1
        check(files < 4, "answers to answers without end")
        check(f"{stick}{'.reply' * files}" == answer["reply_file"], f"{answer}")
        answer = at[0].json("bundle", "import", answer["reply_file"])
        at.reverse()
    check(files >= 1, "no answer at all")
    check(len(one.json("directive", "list")["directives"]) == 1, "the directive did not come")
    left = sorted(p.name for p in world.dir.glob("a.trc*"))
    check(len(left) == files + 1, f"files left: {left}")


def test_inspect_names_damage(world):
    hub, one = paused(world)
    one.ok("record", "put", "source=v", "source_id=1", "category=litter")
    stick, short = world.dir / "a.trc", world.dir / "b.trc"
    one.ok("bundle", "export", "--for", hub.unit, "--out", stick)
    data = stick.read_bytes()
    short.write_bytes(data[:len(data) - 20])
    for verb in ("inspect", "import"):
        result = hub.ctl("bundle", verb, short)
        check(result.rc == 65, f"{verb}: exit {result.rc}: {result.out}{result.err}")
        check("refused" in result.out, f"{verb} does not name the damage: {result.out}")


def test_a_table_in_another_character_set_loses_no_cell(world):
    hub = world.top()
    table = world.dir / "old.csv"
    table.write_bytes("source,source_id,category,title\nold,1,噪音,夜间施工\nold,2,x,y\n".encode("gb18030"))
    rejects = world.dir / "rejects"
    result = hub.ctl("import", table, "--rejects", rejects)
    check(result.rc == 65, f"exit {result.rc}: {result.out}")
    check("TR-E-UTF8" in rejects.read_text() and "gb18030" in result.err, f"{result.err}")
    check(len(hub.records()) == 1, "the row was taken without its cells")
    hub.ok("import", table, "--encoding", "gb18030")
    titles = {r["source_id"]: r.get("title") for r in hub.records()}
    check(titles == {"1": "夜间施工", "2": "y"}, f"{titles}")
    head = world.dir / "head.csv"
    head.write_bytes("来源,source_id\na,1\n".encode("gb18030"))
    result = hub.ctl("import", head)
    check(result.rc == 65 and "TR-E-UTF8" in result.err, f"{result.rc} {result.err}")


def test_words_that_are_no_utf8_are_named(world):
    hub = world.top()
    hub.door().put(case(1))
    for words in (["record", "list", "--kind", b"\xff"], ["conflicts", b"\xff"], ["directive", "send", "--to", "x", "--title", b"\xc4\xe3"]):
        result = hub.ctl(*words)
        check(result.rc == 65 and "TR-E-UTF8" in result.err, f"{words}: {result.rc} {result.err}")
    check(hub.ctl("record", "put", world.dir / "none").rc == 66, "a file that is not there is 66")


def test_values_and_rights_that_do_not_fit_are_explained(world):
    hub = world.top()
    one = world.below(hub, "110101001", caps="-IMPORT")
    door = one.door()
    check(door.put(case(1))["ok"], "a case")
    for number, value in ((2, 0), (3, 6), (4, -1)):
        answer = door.put(case(number, satisfaction=value))
        check(not answer["ok"] and answer["error"]["field"] == "satisfaction" and "1 to 5" in answer["error"]["message"], f"{answer}")
    check(door.put(case(5, satisfaction=5))["ok"], "five is the best")
    answer = door.put(case(6, imported=True))
    check(answer["error"]["code"] == "TR-E-AUTH" and "IMPORT" in answer["error"]["message"], f"{answer}")
    door.close()


def test_what_lies_elsewhere_by_design_is_no_difference(world):
    hub = world.top()
    one = world.below(hub, "110101001")
    two = world.below(hub, "110101002")
    one.door().put(case(1))
    hub.door().put(case(2))
    one.synced()
    answer = hub.json("verify", "--against-socket", one.dir / "run/status.sock")
    states = {row["scope"]: row["state"] for row in answer["scopes"]}
    check(states == {hub.unit: "not held there", one.unit: "equal", two.unit: "not held there"}, f"{states}")
    check(answer["outside"] == 2 and answer["differ"] == 0, f"{answer}")
    result = one.ctl("verify", "--against-socket", two.dir / "run/status.sock")
    check(result.rc == 1 and "no scope in common" in result.out + result.err, f"{result.rc} {result.out}{result.err}")


def test_an_import_that_fills_the_store_leaves_the_link_alive(world):
    hub = world.top()
    one = world.below(hub, "110101001", store_max_size="16MiB")
    table = world.dir / "much.ndjson"
    with open(table, "w", encoding="utf-8") as file:
        for number in range(30000):
            file.write(json.dumps(case(number, title="x" * 600, key=f"k{number}")) + "\n")
    result = one.ctl("import", table)
    check(result.rc == 74 and "TR-E-FULL" in result.err, f"exit {result.rc}: {result.err}")
    check(one.status()["state"] == "full" and one.ctl("health", "--ready").rc != 0, f"refused, and says {one.status()['state']}")
    one.synced(60)
    check(len(hub.records()) == len(one.records()) > 0, "not all that was taken is above")
