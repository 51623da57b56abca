#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""prefix -- a symbol's name tells its room: what an object exports starts so."""
import os
import pathlib
import subprocess
import sys

PREFIX = {
    "proto": ("wire_", "tr_", "terrace__"),
    "replication": ("rep_",),
    "daemon": ("td_",),
    "admin": ("tc_",),
}
bad = []
build = pathlib.Path(os.environ.get("B", "build/release"))
for room, allowed in PREFIX.items():
    for source in sorted(pathlib.Path(room).rglob("*.c")):
        obj = build / source.with_suffix(".o")
        if not obj.exists():
            bad.append(f"{obj}: not built")
            continue
        out = subprocess.run(["nm", "-g", "--defined-only", obj], capture_output=True, text=True, check=True).stdout
        for line in out.splitlines():
            name = line.split()[-1]
            if not name.startswith(allowed) and not (name == "main" and room in ("daemon", "admin")):
                bad.append(f"{source}: exports {name}")
print("\n".join(bad))
sys.exit(1 if bad else 0)
