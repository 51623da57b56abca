# SPDX-License-Identifier: Apache-2.0
"""The demo as a person runs it: twice at once, and interrupted."""
import os
import signal
import subprocess
import tempfile

from lib import check, until


def run(world, *words):
    return subprocess.Popen([world.build / "terracectl", "demo", *words], cwd=world.dir, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
                            env=dict(world.env, TMPDIR=str(world.dir)))


def test_demo_ends_ok_and_leaves_nothing(world):
    with run(world) as demo:
        out = demo.communicate(timeout=400)[0].decode()
    check(demo.returncode == 0 and out.endswith("demo: OK\n"), f"exit {demo.returncode}\n{out[-3000:]}")
    check(not [name for name in os.listdir(world.dir) if name.startswith("terrace-demo")], "a folder is left")


def test_demo_cleans_up_after_ctrl_c(world):
    with tempfile.TemporaryFile() as seen:
        with run(world) as demo:
            while True:
                line = demo.stdout.readline()
                seen.write(line)
                if not line or line.startswith(b"[2/"):
                    break
            check(line, "ended before its second step")
            os.kill(demo.pid, signal.SIGINT)
            rest = demo.communicate(timeout=60)[0].decode()
        check(demo.returncode == 130, f"exit {demo.returncode}\n{rest[-2000:]}")
    until(lambda: not [n for n in os.listdir(world.dir) if n.startswith("terrace-demo")], "the folder is gone", 5)
