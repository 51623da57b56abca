#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""spdx -- every source file names its licence in its first three lines."""
import pathlib
import sys

WANT = "SPDX-License-Identifier: Apache-2.0"
SUFFIX = {".c", ".h", ".def", ".proto", ".py", ".sh", ".bats", ".bash", ".mk", ".yaml", ".yml", ".service", ".scd"}
NAMES = {"Makefile", "Dockerfile", ".ci/run"}
bad = []
for path in sorted(pathlib.Path(".").rglob("*")):
    parts = path.parts
    if parts[0] in ("build", ".git") or not path.is_file() or "corpus" in parts:
        continue
    if path.suffix not in SUFFIX and path.name not in NAMES and str(path) not in NAMES:
        continue
    with path.open(encoding="utf-8", errors="replace") as handle:
        head = "".join(handle.readline() for _ in range(3))
    if WANT not in head:
        bad.append(str(path))
if bad:
    print("no SPDX line in: " + " ".join(bad))
sys.exit(1 if bad else 0)
