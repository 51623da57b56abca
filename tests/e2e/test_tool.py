# SPDX-License-Identifier: Apache-2.0
"""Exit codes and messages of what goes wrong outside, and installation."""
import os
import pathlib
import signal
import subprocess

from lib import Node, check, until

ROOT = pathlib.Path(__file__).resolve().parents[2]


def test_each_trouble_has_its_own_exit_code(world):
    hub = world.top()
    table = [
        (("-S", world.dir / "none.sock", "status"), 69),
        (("-S", hub.dir / "run/control.sock", "record", "show", "00000000-0000-7000-8000-000000000000"), 66),
        (("-S", hub.dir / "run/control.sock", "invite", "999/888"), 65),
        (("-S", hub.dir / "run/control.sock", "peer", "pause", "nobody"), 66),
        (("-S", hub.dir / "run/control.sock", "stauts"), 64),
        (("-S", hub.dir / "run/control.sock", "status", "--colour"), 64),
        (("-S", hub.dir / "run/control.sock", "import", world.dir / "missing.ndjson"), 66),
        (("check", "-S", world.dir / "none.sock"), 3),
        (("config", "check", world.dir / "bad.yaml"), 78),
    ]
    (world.dir / "bad.yaml").write_text("node:\n  unti: 110101\n  name: [a]\nstore: {max_size: soon}\n")
    for words, code in table:
        result = world.ctl(*words)
        check(result.rc == code, f"{words}: exit {result.rc}, not {code}: {result.err}")
        check(result.rc == 3 or result.err.strip() or result.out.strip(), f"{words}: no message")
    hub.stop()
    check(hub.ctl("status").rc == 69, "daemon not running")


def test_reader_may_not_write(world):
    hub = world.top()
    result = world.ctl("-S", hub.dir / "run/status.sock", "stop")
    check(result.rc == 77, f"exit {result.rc}: {result.err}")
    world.ok("-S", hub.dir / "run/status.sock", "status")
    if os.geteuid() == 0:
        os.chmod(world.dir, 0o755)
        os.chmod(hub.dir, 0o755)
        os.chmod(hub.dir / "run", 0o755)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", world.build / "terracectl", "-S",
             hub.dir / "run/control.sock", "status"], capture_output=True, check=False, env=world.env)
        if b"terracectl" in done.stderr and b"setpriv" not in done.stderr:
            check(done.returncode == 77, f"exit {done.returncode}: {done.stderr}")
            check(b"TR-E-PERM" in done.stderr, f"{done.stderr}")


def test_reload_keeps_the_old_configuration_if_the_new_is_bad(world):
    hub = world.top()
    conf = hub.dir / "terrace.yaml"
    good = conf.read_text()
    conf.write_text(good + "\nlog: {level: loud}\ncolour: red\n")
    result = hub.ctl("reload")
    check(result.rc == 78, f"exit {result.rc}: {result.err}")
    check(hub.status()["unit"] == hub.unit, "daemon suffers")
    conf.write_text(good)
    hub.ok("reload")
    check(subprocess.run([world.build / "terraced", "--check", "-c", conf], check=False, env=world.env).returncode == 0, "--check")


def test_two_daemons_on_one_store_are_refused(world):
    hub = world.top()
    second = subprocess.run([world.build / "terraced", "-c", hub.dir / "terrace.yaml"], capture_output=True,
                            timeout=30, check=False, env=world.env)
    check(second.returncode not in (0, 70) and second.returncode > 0, f"exit {second.returncode}")
    check(hub.status()["unit"] == hub.unit, "the first one suffers")


def test_entry_point_of_the_image(world):
    """No container engine here: the script, its signals and its health check without one."""
    tokens = world.dir / "tokens"
    tokens.mkdir()
    hub = Node(world, "hub", "110101", None, True)
    leaf = Node(world, "leaf", "110101/110101001", hub, False)
    common = {"TERRACECTL": str(world.build / "terracectl"), "TERRACED": str(world.build / "terraced"), "TERRACE_WAIT_S": "60"}
    plans = [
        (hub, {"TERRACE_UNIT": "110101", "TERRACE_TITLE": "hub", "TERRACE_LISTEN": hub.listen,
               "TERRACE_ADDRESS": hub.listen, "TERRACE_TOKENS": str(tokens), "TERRACE_INVITE": "110101/110101001 leaf\n"}),
        (leaf, {"TERRACE_TOKEN_FILE": str(tokens / "110101001")}),
    ]
    for node, more in plans:
        with open(world.dir / f"{node.name}.log", "ab") as log:
            node.process = subprocess.Popen(
                [ROOT / "docker/entrypoint.sh"], stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env=dict(world.env, TERRACE_DIR=str(node.dir), **common, **more))
    for node, _ in plans:
        until(lambda n=node: n.ctl("health").rc == 0, f"{node.name} healthy", 60)
        name = pathlib.Path(f"/proc/{node.process.pid}/exe").resolve().name
        check(name == "terraced", f"PID 1 would be {name}")
    until(lambda: leaf.status()["upstream"]["state"] == "up", "leaf is up")
    check(not (tokens / "110101001").exists(), "the token is still there")
    for node in (leaf, hub):
        check(node.stop(signal.SIGTERM) == 0, f"{node.name} on SIGTERM")
    check(hub.ctl("health").rc != 0, "healthy although ended")


def test_install_puts_files_where_they_belong(world):
    out = world.dir / "out"
    done = subprocess.run(
        ["make", "-s", "-C", ROOT, f"B={os.path.relpath(world.build, ROOT)}", "install", f"DESTDIR={out}", "PREFIX=/usr"],
        capture_output=True, check=False, env={k: v for k, v in world.env.items() if not k.startswith("MAKE")})
    check(done.returncode == 0, done.stderr.decode())
    for name in ("bin/terracectl", "sbin/terraced", "share/man/man1/terracectl.1", "share/man/man8/terraced.8",
                 "share/man/man5/terrace.yaml.5", "share/terrace/demo/110101.csv", "lib/systemd/system/terraced.service"):
        check((out / "usr" / name).is_file(), f"{name} is missing")
    check("@" not in (out / "usr/lib/systemd/system/terraced.service").read_text().split("[Unit]")[1].split("SystemCallFilter")[0],
          "the unit file has a place to fill")
