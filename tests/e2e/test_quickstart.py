# SPDX-License-Identifier: Apache-2.0
"""The commands of docs/quickstart.md, word by word, in one shell."""
import os
import pathlib
import re
import signal
import subprocess

from lib import check, free_port

TEXT = pathlib.Path(__file__).resolve().parents[2] / "docs/quickstart.md"


def commands():
    for block in re.findall(r"^```console\n(.*?)^```", TEXT.read_text(encoding="utf-8"), re.M | re.S):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield line[2:]


def script(ports):
    """A person waits for the prompt of a daemon that he started; so does this."""
    lines = ["set -eu", "set -o pipefail", "trap 'kill $(jobs -p) 2>/dev/null; wait' EXIT"]
    for command in commands():
        for old, new in ports.items():
            command = command.replace(old, new)
        lines.append(f"echo {quote('$ ' + command)}")
        lines.append(command)
        started = re.match(r"terraced -c (\w+)/terrace.yaml &$", command)
        if started:
            lines.append(f"for i in $(seq 200); do terracectl --dir {started[1]} health --ready >/dev/null 2>&1 && break; sleep 0.1; done")
    return "\n".join(lines + ["trap - EXIT", "wait", "echo quickstart-done"])


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def test_quickstart_word_by_word(world):
    ports = {"127.0.0.1:7400": f"127.0.0.1:{free_port()}", "127.0.0.1:7401": f"127.0.0.1:{free_port()}"}
    env = dict(world.env, PATH=f"{world.build}:{os.environ['PATH']}")
    shell = subprocess.Popen(["bash", "-c", script(ports)], cwd=world.dir, env=env, stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
    try:
        out = shell.communicate(timeout=180)[0].decode()
    except subprocess.TimeoutExpired:
        os.killpg(shell.pid, signal.SIGTERM)
        out = shell.communicate(timeout=30)[0].decode() + "\n(no end after 180 s)"
    check(shell.returncode == 0 and out.endswith("quickstart-done\n"), f"exit {shell.returncode}\n{out[-3000:]}")
    (world.build / "check").mkdir(exist_ok=True)
    (world.build / "check/quickstart.out").write_text(out, encoding="utf-8")
