# SPDX-License-Identifier: Apache-2.0
"""What the admin of a district is told."""
from lib import check


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
