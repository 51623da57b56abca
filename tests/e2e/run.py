#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs every function test_* of tests/e2e/test_*.py in a world of its own.

usage: run.py BUILD [part of a name ...]
"""
import importlib
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback

import lib


def leftovers(folder):
    """Processes that still work in a folder; a test must leave none."""
    found = []
    for proc in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            line = (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if folder in line and "run.py" not in line:
            found.append(f"{proc.name}: {line}")
    return found


def run_one(build, name, function):
    folder = tempfile.mkdtemp(prefix="terrace-e2e.")
    world = lib.World(build, folder)
    start = time.monotonic()
    fault = None
    try:
        function(world)
    except lib.Fault as what:
        fault = f"{what}\n{''.join(traceback.format_tb(what.__traceback__)[1:2])}"
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, subprocess.SubprocessError):
        fault = traceback.format_exc()
    finally:
        try:
            world.end()
        except lib.Fault as what:
            fault = fault or str(what)
    left = leftovers(folder)
    if left and not fault:
        fault = "processes left behind: " + "; ".join(left)
    print(f"  {'FAIL' if fault else 'ok  '}  {name}  ({time.monotonic() - start:.1f} s)", flush=True)
    if fault:
        print("        " + fault.strip().replace("\n", "\n        "))
        for node in world.nodes:
            tail = node.log()[-1500:].strip()
            if tail:
                print(f"        -- {node.name}:\n        " + tail.replace("\n", "\n        "))
    shutil.rmtree(folder, ignore_errors=True)
    return fault is None


def main():
    build, wanted = sys.argv[1], sys.argv[2:]
    passed = failed = 0
    for path in sorted(pathlib.Path(__file__).parent.glob("test_*.py")):
        module = importlib.import_module(path.stem)
        for name in [n for n in dir(module) if n.startswith("test_")]:
            label = f"{path.stem[5:]}.{name[5:]}"
            if wanted and not any(w in label for w in wanted):
                continue
            if run_one(build, label, getattr(module, name)):
                passed += 1
            else:
                failed += 1
    print(f"e2e: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
