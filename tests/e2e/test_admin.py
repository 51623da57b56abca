# SPDX-License-Identifier: Apache-2.0
"""What the admin of a district is told."""
from lib import case, check, until


def test_reload_says_what_changed_and_every_fault(world):
    hub = world.top()
    extra = hub.dir / "terrace.d"
    extra.mkdir()
    check(hub.json("reload")["changed"] == [], "nothing was changed")
    (extra / "a.yaml").write_text("log: {level: warn}\nalerts: {lag_warn: 1m}\nstore: {max_size: 1GiB}\n")
    answer = hub.json("reload")
    check(answer["changed"] == ["log.level", "alerts.lag_warn"], f"{answer}")
    check(answer["restart_needed"] == ["store.max_size"], f"{answer}")
    (extra / "a.yaml").write_text("log: {level: loud}\nalerts: {lag_wran: 1m}\nnode: {titel: x}\nlisten: nonsense\nstore: {max_size: soon}\n")
    result = hub.ctl("reload")
    check(result.rc == 78 and "TR-E-CONF" in result.err, f"{result.rc} {result.err}")
    for fault in ("loud", "lag_wran", "lag_warn", "titel", "title", "nonsense", "soon", ":5:"):
        check(fault in result.err, f"{fault} is not named:\n{result.err}")
    check("lag_warn: 1m" in hub.ok("config", "show").out, "the old settings are gone")


def unit_of(node, unit):
    return next(u for u in node.json("tree")["units"] if u["unit"] == unit)


def test_the_tree_tells_news_from_old_news(world):
    hub = world.top()
    street = world.below(hub, "110101001", listen=True)
    village = world.below(street, "110101001001")
    village.synced()
    until(lambda: unit_of(hub, village.unit)["state"] == "up", "the hub hears of the village")
    street.ok("peer", "pause", village.unit)
    hub.ok("directive", "send", "--title", "t", "--to", village.unit)
    until(lambda: unit_of(hub, village.unit)["waiting_records"] > 0, "the hub hears what waits at the street")
    until(lambda: unit_of(hub, village.unit)["oldest_age_seconds"] > 0, "what waits grows older")
    check(unit_of(hub, village.unit)["state"] == "down", f"{unit_of(hub, village.unit)}")
    village.stop()
    street.stop()
    until(lambda: unit_of(hub, street.unit)["state"] == "down", "the hub misses the street")
    row = unit_of(hub, village.unit)
    check(row["state"] == "unknown" and street.unit in row["note"], f"news of a unit behind one that is down: {row}")
    street.start()
    row = unit_of(street, village.unit)
    check(row["state"] == "down" and row["last_seen"], f"seen before the restart: {row}")
    until(lambda: unit_of(hub, village.unit)["state"] == "down", "the hub hears again")
    street.ok("peer", "resume", village.unit)
    village.start()
    until(lambda: unit_of(hub, village.unit)["state"] == "up" and unit_of(hub, village.unit)["waiting_records"] == 0, "all came")


def test_delivered_keeps_its_time_and_is_known_of_who_acted(world):
    hub = world.top()
    street = world.below(hub, "110101001", listen=True)
    village = world.below(street, "110101001001")
    village.synced()
    sent = hub.json("directive", "send", "--title", "one", "--to", village.unit)["id"]

    def target():
        return hub.json("directive", "status", sent)["targets"][0]

    first = until(lambda: target()["delivered"], "delivered")
    # Records make new HEADs, each with a later stamp.
    for number in range(3):
        heads = unit_of(hub, village.unit)["head_at"]
        village.door().put(case(number))
        until(lambda: unit_of(hub, village.unit)["head_at"] != heads, "a newer head")
    check(target()["delivered"] == first, f"delivered at {first}, now {target()['delivered']}")
    hub.stop()
    hub.start()
    check(target()["delivered"] == first, f"after a restart: {target()['delivered']}")
    later = hub.json("directive", "send", "--title", "two", "--to", village.unit)["id"]
    until(lambda: village.json("directive", "list")["directives"][1:], "the second directive")
    village.ok("directive", "ack", later, "--by", "w")
    row = until(lambda: [t for t in hub.json("directive", "status", later)["targets"] if t["rung"] == "acknowledged"], "ack")[0]
    check(row["delivered"] and row["delivered"] <= row["at"], f"acknowledged, not delivered: {row}")
