#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""circles -- no two files of a room that need each other's names.

includes.py sees a circle that the headers write down. Files that share one
private header can call each other all the same, so this gate asks the objects:
file A uses a name that B defines, B (also over others) one of A's.
Needs the objects of the two programs in $B.
"""
import os
import pathlib
import subprocess
import sys

ROOMS = ("proto", "replication", "daemon", "admin")
BUILD = pathlib.Path(os.environ.get("B", "build/release"))
bad = []


def read_names(room):
    """Per file of a room: the names that it gives to others, and those that it takes."""
    gives, takes = {}, {}
    objects = [BUILD / source.with_suffix(".o") for source in sorted(pathlib.Path(room).glob("*.c"))]
    for path in objects:
        if not path.exists():
            bad.append(f"{path} is not there; make all first")
    objects = [str(path) for path in objects if path.exists()]
    if not objects:
        return {}, {}
    listing = subprocess.run(["nm", "-A", "-P", "-g", *objects], check=True, capture_output=True, text=True)
    for line in listing.stdout.splitlines():
        where, name, kind = line.split()[:3]
        file = str(pathlib.Path(where.rstrip(":")).relative_to(BUILD).with_suffix(".c"))
        if kind in "Uw":
            takes.setdefault(file, set()).add(name)
        else:
            gives[name] = file
    return gives, takes


def find_circles(graph):
    """Groups of files that all reach each other (Tarjan), each sorted."""
    index, low, trail, found = {}, {}, [], []

    def visit(file):
        index[file] = low[file] = len(index)
        trail.append(file)
        for other in sorted(graph.get(file, ())):
            if other not in index:
                visit(other)
                low[file] = min(low[file], low[other])
            elif other in trail:
                low[file] = min(low[file], index[other])
        if low[file] == index[file]:
            at = trail.index(file)
            if len(trail) - at > 1:
                found.append(sorted(trail[at:]))
            del trail[at:]

    for file in sorted(graph):
        if file not in index:
            visit(file)
    return found


def check_room(room):
    gives, takes = read_names(room)
    graph = {}
    for file, names in takes.items():
        for name in names:
            if gives.get(name, file) != file:
                graph.setdefault(file, {}).setdefault(gives[name], []).append(name)
    for circle in find_circles(graph):
        bad.append("circle: " + ", ".join(circle))
        for file in circle:
            for other in sorted(set(graph[file]) & set(circle)):
                bad.append(f"  {file} takes from {other}: {', '.join(sorted(graph[file][other]))}")


def main():
    for room in ROOMS:
        check_room(room)
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
