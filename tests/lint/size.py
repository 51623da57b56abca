#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""size -- no file over 600 lines, no function over 70 ('{' to '}' in column 0)."""
import pathlib
import sys

FILE_MAX, FUNCTION_MAX = 600, 70
bad = []
paths = []
for top in ("proto", "replication", "daemon", "admin", "tests"):
    for pattern in ("*.c", "*.h", "*.def", "*.proto", "*.py", "*.sh", "*.bats", "*.mk"):
        paths += sorted(pathlib.Path(top).rglob(pattern))
for path in paths:
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > FILE_MAX:
        bad.append(f"{path}: {len(lines)} lines (at most {FILE_MAX})")
    if path.suffix != ".c":
        continue
    start = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start is not None:
            if number - start + 1 > FUNCTION_MAX:
                bad.append(f"{path}:{start}: a function of {number - start + 1} lines (at most {FUNCTION_MAX})")
            start = None
print("\n".join(bad))
sys.exit(1 if bad else 0)
