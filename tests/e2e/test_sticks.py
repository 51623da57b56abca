# SPDX-License-Identifier: Apache-2.0
"""The exchange by file: lost, doubled, damaged and wrong sticks."""
from lib import case, check, until


def grow(world):
    """A hub, two streets; the first street's link is cut and it has ten cases."""
    hub = world.top()
    one = world.below(hub, "110101001")
    two = world.below(hub, "110101002")
    one.synced()
    two.synced()
    one.ok("peer", "pause", hub.unit)
    hub.ok("peer", "pause", one.unit)
    door = one.door()
    for i in range(10):
        check(door.put(case(i))["ok"], "put")
    door.close()
    return hub, one, two


def test_stick_there_and_back(world):
    hub, one, _ = grow(world)
    stick = world.dir / "a.bundle"
    one.ok("bundle", "export", "--for", hub.unit, "--out", stick)
    check(one.status()["upstream"]["waiting_records"] == 10, "export changed what waits")
    inspect = hub.json("bundle", "inspect", stick)
    check(inspect["to"] == hub.unit and inspect["from"] == one.unit, f"{inspect}")
    hub.ok("bundle", "import", stick)
    check(hub.export() == one.export(), "hub and street differ")
    hub.ok("bundle", "import", stick)
    check(hub.export() == one.export(), "the same stick again changed something")
    one.ok("bundle", "import", f"{stick}.reply")
    until(lambda: one.status()["upstream"]["waiting_records"] == 0, "acknowledged")
    one.ok("wait", "synced", "-t", "10")


def test_wrong_stick_is_refused(world):
    hub, one, two = grow(world)
    stick = world.dir / "a.bundle"
    one.ok("bundle", "export", "--for", hub.unit, "--out", stick)
    result = two.ctl("bundle", "import", stick)
    check(result.rc not in (0, 70), f"exit {result.rc} {result.out} {result.err}")
    check("TR-E-" in result.err, f"no code: {result.err}")
    check(two.records() == [], "another street's records came in")
    hub.ok("bundle", "import", stick)
    check(len(hub.records()) == 10, "the stick is spoilt")


def test_damaged_stick_is_refused_and_takes_nothing_wrong(world):
    hub, one, _ = grow(world)
    stick = world.dir / "a.bundle"
    one.ok("bundle", "export", "--for", hub.unit, "--out", stick)
    data = stick.read_bytes()
    broken = world.dir / "b.bundle"
    variants = [data[:len(data) // 2], data[:-1], b"", data[::-1], b"PK\3\4" + data]
    variants += [data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1:] for at in range(3, len(data), len(data) // 40)]
    refused = 0
    for variant in variants:
        broken.write_bytes(variant)
        result = hub.ctl("bundle", "import", broken)
        check(result.rc in (0, 1, 65, 66, 77), f"exit {result.rc}: {result.err}")
        refused += result.rc != 0
    check(refused == len(variants), f"only {refused} of {len(variants)} damaged sticks were refused")
    verify = hub.json("verify")
    check(verify["bad"] == [] and verify["values"]["bad"] == 0, f"{verify}")
    hub.ok("bundle", "import", stick)
    check(hub.export() == one.export(), "the good stick no longer works")
