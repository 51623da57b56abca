# SPDX-License-Identifier: Apache-2.0
"""Lines from applications: what is good is on disk when "ok" comes, what is bad costs nothing else."""
import json

from lib import case, check


def test_bad_lines_cost_no_other_line(world):
    hub = world.top()
    door = hub.door()
    bad = [
        (b"this is not json", "TR-E-INPUT", None),
        (b'{"kind":"case","source":"test"', "TR-E-INPUT", None),
        (b"[1,2,3]", None, None),
        (json.dumps(case(1, colour="red")).encode(), "TR-E-FIELD", "colour"),
        (json.dumps(case(2, satisfaction="five")).encode(), "TR-E-TYPE", "satisfaction"),
        (json.dumps(case(3, lat=999)).encode(), None, "lat"),
        (b'{"kind":"case","source":"test","source_id":"4","category":"\xff\xfe"}', "TR-E-UTF8", None),
        (json.dumps(case(5, description="a name")).encode(), "TR-E-PERSONAL", "description"),
        (json.dumps(case(6, title="x" * (2 * 1024 * 1024))).encode(), "TR-E-SIZE", None),
        (json.dumps({"id": "00000000-0000-7000-8000-000000000000", "status": "closed"}).encode(), "TR-E-NOREC", None),
        (b"[" * 5000, None, None),
    ]
    number = 0
    for line, code, field in bad:
        number += 1
        answer = door.put(line)
        check(answer["ok"] is False, f"taken: {line[:60]!r}")
        check(answer["line"] == number, f"line {number} answered as {answer['line']}")
        check(code is None or answer["error"]["code"] == code, f"{line[:60]!r}: {answer['error']}, not {code}")
        check(field is None or answer["error"].get("field") == field, f"{line[:60]!r}: field {answer['error']}")
        check(answer["error"].get("message"), f"no reason: {answer}")
        number += 1
        good = door.put(case(1000 + number))
        check(good["ok"] is True and good["line"] == number, f"good line after {line[:60]!r}: {good}")
    door.close()
    check(len(hub.records()) == len(bad), f"{len(hub.records())} records, not {len(bad)}")


def test_forbidden_steps_are_refused_with_reason(world):
    hub = world.top()
    door = hub.door()
    check(door.put(case(1))["ok"], "create")
    answer = door.put({"source": "test", "source_id": "1", "status": "closed"})
    check(answer["error"]["code"] == "TR-E-STEP", f"{answer}")
    check("reported" in json.dumps(answer), f"does not name the state: {answer}")
    for status in ("filed", "dispatched", "handling"):
        check(door.put({"source": "test", "source_id": "1", "status": status, "by": "a"})["ok"], status)
    check(door.put({"source": "test", "source_id": "1", "status": "handled", "by": "wang"})["ok"], "handled")
    answer = door.put({"source": "test", "source_id": "1", "status": "verified", "by": "wang"})
    check(answer["ok"] is False, "the handler verified his own work")
    check(door.put({"source": "test", "source_id": "1", "status": "verified", "by": "li"})["ok"], "verified by another")
    answer = door.put({"source": "test", "source_id": "1", "status": "colsed"})
    check(answer["ok"] is False and "closed" in json.dumps(answer), f"no did-you-mean: {answer}")
    door.close()


def test_key_and_version_make_lines_safe(world):
    hub = world.top()
    door = hub.door()
    first = door.put(case(1, key="k1"))
    again = door.put(case(1, key="k1"))
    check(again["ok"] and again.get("repeated") and again["id"] == first["id"], f"{again}")
    check(len(hub.records()) == 1, "a repeated line made a record")
    same = door.put(case(1))
    check(same["ok"] and same.get("unchanged"), f"{same}")
    edited = door.put({"id": first["id"], "title": "a"})
    check(edited["ok"] and edited["version"] > first["version"], f"{edited}")
    late = door.put({"id": first["id"], "title": "b", "if_version": first["version"]})
    check(late["error"]["code"] == "TR-E-VERSION", f"{late}")
    door.close()


def test_kill_9_loses_nothing_acknowledged(world):
    hub = world.top()
    acked, total = [], 0
    for cycle in range(4):
        door = hub.door()
        for i in range(400):
            door.send(case(f"{cycle}-{i}"))
        total += 400
        for _ in range(60 + 70 * cycle):
            answer = door.answer()
            check(answer["ok"], f"{answer}")
            acked.append(answer["id"])
        hub.kill()
        while True:
            try:
                answer = door.answer()
            except (OSError, ValueError):
                break
            if answer is None:
                break
            acked.append(answer["id"])
        door.close()
        hub.start()
    held = {record["id"] for record in hub.records()}
    missing = [i for i in acked if i not in held]
    check(not missing, f"{len(missing)} of {len(acked)} acknowledged records are missing")
    check(len(held) <= total, "records that nobody sent")
    verify = hub.json("verify")
    check(verify["bad"] == [] and verify["values"]["bad"] == 0, f"{verify}")


def test_full_map_refuses_and_loses_nothing(world):
    hub = world.top(store_max_size="16MiB")
    door = hub.door()
    acked, refused, number = [], None, 0
    while refused is None and number < 4000:
        number += 1
        answer = door.put(case(number, title="x" * 700, note="y" * 4000))
        if answer["ok"]:
            acked.append(answer["id"])
        elif answer["error"]["code"] != "TR-E-BUSY":
            refused = answer
    check(refused is not None, f"{number} lines and the store is not full")
    check(refused["error"]["code"] == "TR-E-FULL", f"{refused}")
    check(refused["error"].get("message"), "no reason")
    again = door.put(case("one more", title="z"))
    check(again["ok"] is False, "taken although full")
    door.close()
    status = hub.status()
    check(status["state"] in ("full", "degraded"), f"state {status['state']}")
    check(hub.ctl("health").rc == 0, "a full store is not dead")
    check(hub.ctl("health", "--ready").rc != 0, "ready although full")
    hub.stop()
    hub.start(wait=False)
    from lib import until
    until(lambda: hub.ctl("health").rc == 0, "hub is back")
    held = {record["id"] for record in hub.records()}
    check(set(acked) <= held, f"{len(set(acked) - held)} acknowledged records are missing")
