#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""left BRANCHES.txt LEFT.txt GOAL -- holds gcovr's table of branches against the list of what is left.

A line of the list: FILE BRANCHES REASON.  Wrong is a file below the goal that is not
named or misses more branches than were named, and a file that is named and has reached the goal."""
import re
import sys


def main():
    table, listed, goal = sys.argv[1], sys.argv[2], float(sys.argv[3])
    left, bad = {}, 0
    with open(listed, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, count, _reason = line.split(None, 2)
                left[name] = int(count)
    with open(table, encoding="utf-8") as f:
        rows = [m.groups() for m in (re.match(r"replication/(\S+)\s+(\d+)\s+(\d+)\s", line) for line in f) if m]
    for name, branches, taken in rows:
        missed, reached = int(branches) - int(taken), int(taken) * 100 >= goal * int(branches)
        if not reached and missed > left.get(name, 0):
            print(f"left: {name} misses {missed} of {branches} branches, {listed} names {left.get(name, 0)}")
            bad += 1
        if reached and name in left:
            print(f"left: {name} has reached {goal:g} %: strike it from {listed}")
            bad += 1
    for name in set(left) - {row[0] for row in rows}:
        print(f"left: there is no {name}: strike it from {listed}")
        bad += 1
    return bad != 0


if __name__ == "__main__":
    sys.exit(main())
