# SPDX-License-Identifier: Apache-2.0
"""Who may come in, and what happens to those who may not."""
import os
import socket
import subprocess

from lib import Node, case, check, until


def test_token_works_once(world):
    hub = world.top()
    token = hub.token("110101/110101001")
    node = Node(world, "s1", "110101/110101001", hub, False)
    node.join(token)
    node.start()
    again = world.ctl("join", token, "--dir", world.dir / "s2", timeout=90)
    check(again.rc not in (0, 70), f"a used token joined: exit {again.rc} {again.err}")
    check("TR-E-" in again.err, f"no code: {again.err}")
    check(not (world.dir / "s2/terrace.yaml").exists(), "a refused join left a node behind")
    until(lambda: node.status()["upstream"]["state"] == "up", "first node is up")


def test_mistyped_token_is_told_apart(world):
    hub = world.top()
    token = hub.token("110101/110101001")
    middle = len(token) // 2
    wrong = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1:]
    for text in (wrong, token[:-5], "TRC1", "hello"):
        result = world.ctl("join", text, "--dir", world.dir / "s2")
        check(result.rc == 65, f"{text[:12]}...: exit {result.rc} {result.err}")
    check(not (world.dir / "s2/terrace.yaml").exists(), "a node was made")


def test_unknown_key_is_refused(world):
    hub = world.top()
    node = world.below(hub, "110101001")
    node.synced()
    key = hub.dir / "node.key"
    check(oct(key.stat().st_mode & 0o777) == "0o600", "mode of node.key")
    public = next(unit for unit in [hub.token("110101/110101002")])
    stranger = subprocess.run(
        [world.build / "tests/e2e/stranger", "key", hub.listen, public], capture_output=True, timeout=60, check=False)
    check(b"refused" in stranger.stdout, f"{stranger.stdout} {stranger.stderr}")
    check(node.status()["upstream"]["state"] == "up", "the child noticed")


def test_rubbish_on_the_port_disturbs_nobody(world):
    hub = world.top()
    node = world.below(hub, "110101001")
    port = int(hub.listen.rsplit(":", 1)[1])
    talks = [b"", b"GET / HTTP/1.1\r\n\r\n", os.urandom(4096), b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0NULL" + bytes(52),
             b"\xff" + b"\xff" * 100000]
    for talk in talks * 4:
        with socket.create_connection(("127.0.0.1", port)) as line:
            try:
                line.sendall(talk)
            except OSError:
                pass
    door = node.door()
    check(door.put(case(1))["ok"], "put")
    door.close()
    node.synced()
    check(hub.export() == node.export(), "hub and node differ")


def test_hostile_peer_is_refused_counted_and_named(world):
    hub = world.top()
    good = world.below(hub, "110101001")
    token = hub.token("110101/110101002")
    bad = Node(world, "bad", "110101/110101002", hub, False)
    bad.join(token)
    # The other unit's machine is in hostile hands: its own key, rubbish frames.
    talk = subprocess.run(
        [world.build / "tests/e2e/stranger", "frames", hub.listen, token, bad.dir / "node.key"],
        capture_output=True, timeout=90, check=False)
    check(talk.returncode == 0, f"{talk.stdout} {talk.stderr}")
    until(lambda: hub.status()["trust"]["bad_frames"] > 0, "bad frames are counted")
    named = [event for event in hub.events() if event.get("event") == "frame-bad"]
    check(named, "no frame-bad event")
    check(any("110101002" in str(event.get("peer")) for event in named), f"not named: {named[:2]}")
    door = good.door()
    check(door.put(case(1))["ok"], "put")
    door.close()
    good.synced()
    check(hub.export() == good.export(), "the good child suffers")


def test_provisional_until_the_hub_countersigns(world):
    hub = world.top()
    street = world.below(hub, "110101001", listen=True)
    street.synced()
    hub.stop()
    leaf = world.below(street, "110101001001")
    status = leaf.status()
    check(status["registered"] is False, "registered without the hub")
    until(lambda: leaf.status()["state"] == "provisional", "it says so")
    door = leaf.door()
    check(door.put(case(1))["ok"], "a provisional node takes lines")
    door.close()
    until(lambda: len(street.records()) == 1, "segments flow")
    hub.start()
    until(lambda: leaf.status()["registered"], "countersigned", 60)
    leaf.synced()
