# SPDX-License-Identifier: Apache-2.0
"""The top node chooses which of concurrent values is shown; all below follow."""
from lib import case, check, until


def conflict(world):
    """Hub and leaf set another title while they do not see each other."""
    hub = world.top()
    leaf = world.below(hub, "110101001")
    door = leaf.door()
    made = door.put(case(1))
    door.close()
    check(made["ok"], f"{made}")
    leaf.synced()
    hub.ok("peer", "pause", "110101001")
    until(lambda: leaf.status()["upstream"]["state"] != "up", "paused")
    hub.ok("record", "put", f'{{"kind":"case","id":"{made["id"]}","title":"from the hub"}}')
    leaf.ok("record", "put", f'{{"kind":"case","id":"{made["id"]}","title":"from the leaf"}}')
    hub.ok("peer", "resume", "110101001")
    leaf.ok("peer", "retry", "110101")
    until(lambda: len(hub.json("conflicts")["conflicts"]) == 1 and len(leaf.json("conflicts")["conflicts"]) == 1,
          "both know the conflict", 60)
    return hub, leaf, made["id"]


def title(node, record):
    return next(r for r in node.records() if r["id"] == record)["title"]


def test_policy_decides_what_is_shown(world):
    hub, leaf, record = conflict(world)
    check(hub.json("policy", "show")["version"] == 0, "a policy from nowhere")
    for rule, want in (("ground", "from the leaf"), ("auth", "from the hub")):
        file = world.dir / f"{rule}.yaml"
        file.write_text(f"merge:\n  case.title: {rule}\nranks:\n  case.reopened: 71\n")
        before = hub.export()
        dry = hub.json("policy", "send", file, "--dry-run")
        check(dry["dry_run"] and dry["conflicts"] == 1, f"{dry}")
        check(hub.export() == before, "a dry run changed something")
        sent = hub.json("policy", "send", file)
        check(sent["records_changed"] == dry["records_changed"], f"{dry} {sent}")
        until(lambda v=sent["version"]: leaf.json("policy", "show")["version"] == v, "policy comes down")
        for node in (hub, leaf):
            check(title(node, record) == want, f"{rule}: {title(node, record)}")
            found = node.json("conflicts")["conflicts"][0]
            check(found["merge"] == rule and found["policy"] == sent["version"], f"{found}")
            check(found["state"] == "settled by rule", f"{found}")
        check(hub.export() == leaf.export(), "hub and leaf differ")
        again = hub.json("policy", "send", file)
        check(again["unchanged"] and again["version"] == sent["version"], f"{again}")
    until(lambda: hub.status()["policy"] == {"version": 2, "units_behind": 0}, "nobody lags")
    check(any("policy-new" in e.values() for e in leaf.events()), "no event")
    file.write_text("notify: [case.title]\n")
    hub.ok("policy", "send", file)
    until(lambda: leaf.json("conflicts")["conflicts"][0]["state"] == "undecided", "a person decides")
    leaf.stop()
    leaf.start()
    check(leaf.json("policy", "show")["version"] == 3, "forgotten at a restart")
    shown = leaf.ok("policy", "show").out
    check("Policy 3 of 110101" in shown and "case" in shown, shown)


def test_only_the_top_node_sends(world):
    hub = world.top()
    leaf = world.below(hub, "110101001")
    file = world.dir / "policy.yaml"
    file.write_text("merge: {case.title: auth}\n")
    result = leaf.ctl("policy", "send", file)
    check(result.rc == 77 and "TR-E-AUTH" in result.err, f"exit {result.rc} {result.err}")


def test_faults_have_a_place(world):
    hub = world.top()
    rows = [
        ("merge:\n  case.titel: auth\n", ":2:3:", "did you mean 'title'"),
        ("merge:\n  case.title: auht\n", ":2:15:", "did you mean 'auth'"),
        ("merge:\n  case.title: flow\n", ":2:15:", "rank of a status"),
        ("merge:\n  case.notes: lww\n", ":2:3:", "not a value to choose"),
        ("merge:\n  unit.title: lww\n", ":2:3:", "unknown kind"),
        ("merge:\n  case.lat: lww\n  case.lon: auth\n", ":3:3:", "one group"),
        ("merge:\n  case.title: lww\n  case.title: auth\n", ":3:3:", "twice"),
        ("rules:\n  case.title: lww\n", ":2:3:", "unknown key 'rules'"),
        ("ranks:\n  case.closed: 0\n", ":2:16:", "1 to 1000"),
        ("ranks:\n  case.close: 5\n", ":2:3:", "did you mean 'closed'"),
        ("notify: case.title\n", ":1:1:", "is a list"),
        ("notify: [case.title, case.title]\n", ":1:22:", "twice"),
        ("merge: [\n", ":", "error"),
    ]
    for text, place, words in rows:
        file = world.dir / "bad.yaml"
        file.write_text(text)
        result = hub.ctl("policy", "send", file)
        check(result.rc == 65 and place in result.err and words in result.err,
              f"{text!r}: exit {result.rc} {result.err}")
    file.write_bytes(b"merge:\n  case.title: \xc4\xe3\n")
    check(hub.ctl("policy", "send", file).rc == 65, "GBK")
    check(hub.json("policy", "show")["version"] == 0, "something was sent")
