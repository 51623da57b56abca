#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""includes -- the arrows between the rooms, and no circle inside one.

proto <- replication <- daemon; admin sees only proto. A room's file (x.c and
x.h are one) must not include, also over others, a file that includes it. A
private header (x_int.h) belongs to several files by design: it stands in the
graph of headers, not in that of files. The pure rooms include only the system headers named here.
"""
import pathlib
import re
import sys

ROOMS = {
    "proto": {"proto"},
    "replication": {"proto", "replication"},
    "daemon": {"proto", "replication", "daemon"},
    "admin": {"proto", "admin"},
}
# admin speaks the control words only; it never touches a node's frames.
ADMIN_PROTO = {"control", "err", "vocab", "limits", "errors.def"}
PURE_SYSTEM = {
    "assert.h", "stdbool.h", "stddef.h", "stdint.h", "stdlib.h", "string.h",
    "limits.h", "inttypes.h", "sodium.h", "protobuf-c/protobuf-c.h",
}
PURE_EXCEPT = {"proto/err.c", "proto/control.c", "proto/control.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s+(?:"([^"]+)"|<([^>]+)>)', re.M)
bad = []


def stem(path):
    """A file and its header are one node of the graph."""
    return str(pathlib.PurePath(path).with_suffix(""))


def check_file(path, graph, headers):
    room = path.parts[0]
    text = path.read_text(encoding="utf-8")
    for ours, system in INCLUDE.findall(text):
        if system:
            if room in ("proto", "replication") and str(path) not in PURE_EXCEPT and not system.startswith("sodium/"):
                if system not in PURE_SYSTEM:
                    bad.append(f"{path}: <{system}> has no place in a pure room")
            continue
        target = pathlib.PurePath(ours)
        other = target.parts[0]
        if len(target.parts) < 2 or other not in ROOMS:
            bad.append(f'{path}: "{ours}": include project files by their full path')
            continue
        if other not in ROOMS[room]:
            bad.append(f'{path}: "{ours}": {room} does not look into {other}')
        if room == "admin" and other == "proto" and target.stem not in ADMIN_PROTO and target.name not in ADMIN_PROTO:
            bad.append(f'{path}: "{ours}": admin sees only the control words')
        if other != room or target.suffix != ".h":
            continue
        if path.suffix == ".h":
            headers.setdefault(str(path), set()).add(ours)
        private = stem(path).endswith("_int") or stem(ours).endswith("_int")
        if not private and stem(path) != stem(ours):
            graph.setdefault(stem(path), set()).add(stem(ours))


def find_circle(graph):
    """First circle found by depth-first search, as a list of nodes."""
    done, trail = set(), []

    def visit(node):
        if node in trail:
            return trail[trail.index(node):] + [node]
        if node in done:
            return None
        trail.append(node)
        for nxt in sorted(graph.get(node, ())):
            circle = visit(nxt)
            if circle:
                return circle
        trail.pop()
        done.add(node)
        return None

    for node in sorted(graph):
        circle = visit(node)
        if circle:
            return circle
    return None


def main():
    graph, headers = {}, {}
    for room in ROOMS:
        for path in sorted(pathlib.Path(room).rglob("*.[ch]")):
            check_file(path, graph, headers)
    for circle in (find_circle(graph), find_circle(headers)):
        if circle:
            bad.append("circle: " + " -> ".join(circle))
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
