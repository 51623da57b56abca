#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""words -- nothing left for later in the code, no waiting by the clock in tests,
and no path of somebody's machine."""
import pathlib
import re
import sys

LATER = re.compile(r"\b(TODO|FIXME|XXX|HACK|WIP)\b")
SLEEP = re.compile(r"^\s*(sleep|usleep|time\.sleep)\b[ (]*[1-9]")
HOME = re.compile(r"/(home|root|Users)/[a-z]+")
bad = []
for top in ("proto", "replication", "daemon", "admin", "tests", "docs", "docker"):
    for path in sorted(pathlib.Path(top).rglob("*")):
        if not path.is_file() or path.suffix in (".zst", ".csv", ".bin", ".mo") or "corpus" in path.parts:
            continue
        if path.parts[:2] == ("tests", "lint"):
            continue
        may_wait = path.parts[:2] == ("tests", "bench")  # measures over a time
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if LATER.search(line):
                bad.append(f"{path}:{number}: left for later: {line.strip()}")
            if HOME.search(line):
                bad.append(f"{path}:{number}: a path of one machine: {line.strip()}")
            if top == "tests" and not may_wait and path.suffix in (".sh", ".bats", ".py") and SLEEP.match(line):
                bad.append(f"{path}:{number}: waits by the clock; wait for a condition: {line.strip()}")
print("\n".join(bad))
sys.exit(1 if bad else 0)
