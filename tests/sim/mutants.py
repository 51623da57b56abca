#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutants -- plants one bug at a time into a copy of the core and asks the simulator to find it.

mutants/NAME.mut:  lines '#' say what the bug is, then
    file: replication/take.c     what follows is in this file; several files are planted together
    seeds: 40                    at most so many seeds may pass before one fails
    -text that stands in the file exactly once (several '-' lines are one text)
    +text to put in its place
    flags: -DNAME                instead of a text: a switch for that file
Prints "mutants: N passed, M failed"; passed = the bug was found.
"""
import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def parse(path):
    """A mutant: name, seeds, and per file its flags and (old, new) texts."""
    mutant = {"name": path.stem, "seeds": 40, "files": {}}
    current = None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-"):
            if not current["edits"] or current["edits"][-1][1]:
                current["edits"].append(([], []))
            current["edits"][-1][0].append(line[1:])
        elif line.startswith("+"):
            current["edits"][-1][1].append(line[1:])
        elif line and not line.startswith("#"):
            key, _, value = (part.strip() for part in line.partition(":"))
            if key == "file":
                current = mutant["files"].setdefault(value, {"flags": "", "edits": []})
            elif key == "flags":
                current["flags"] = value
            else:
                mutant[key] = value
    return mutant


def plant(name, change, folder, args):
    """Compiles one changed copy.  Returns the object."""
    text = (ROOT / name).read_text(encoding="utf-8")
    for old, new in change["edits"]:
        old, new = "\n".join(old), "\n".join(new)
        if text.count(old) != 1:
            raise RuntimeError(f"the text to change stands {text.count(old)} times in {name}: {old.strip()[:60]}")
        text = text.replace(old, new)
    copy = folder / pathlib.Path(name).name
    copy.write_text(text, encoding="utf-8")
    own = copy.with_suffix(".o")
    subprocess.run([args.cc, *shlex.split(args.cflags), *shlex.split(change["flags"]), "-w", "-iquote", str(ROOT),
                    "-c", "-o", own, copy], check=True, cwd=ROOT)
    return own


def build(mutant, args):
    """A simulator with the bug in it.  Returns its path."""
    folder = (ROOT / args.build / "mutants" / mutant["name"]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    own = [plant(name, change, folder, args) for name, change in mutant["files"].items()]
    replaced = {os.path.normpath(str(pathlib.Path(args.build) / name).removesuffix(".c") + ".o")
                for name in mutant["files"]}
    objects = [o for o in args.objects if os.path.normpath(o) not in replaced]
    program = folder / "sim"
    subprocess.run([args.cc, *shlex.split(args.ldflags), "-o", program, *own, *objects, *shlex.split(args.libs)],
                   check=True, cwd=ROOT)
    return program


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("build", "cc", "cflags", "ldflags", "libs"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--only")
    parser.add_argument("objects", nargs="+")
    args = parser.parse_args()
    passed = failed = 0
    for path in sorted((ROOT / "tests/sim/mutants").glob("*.mut")):
        if args.only and path.stem != args.only:
            continue
        mutant = parse(path)
        try:
            program = build(mutant, args)
        except (RuntimeError, subprocess.CalledProcessError) as error:
            print(f"  FAIL  {mutant['name']}: cannot be planted: {error}")
            failed += 1
            continue
        run = subprocess.run([program, "--seeds", str(mutant["seeds"]), "--first"],
                             capture_output=True, text=True, check=False)
        found = re.search(r"^seed \d+.*$|^.*assert.*$", run.stderr, re.M | re.I)
        if run.returncode == 1:
            print(f"  ok    {mutant['name']}: {found.group(0)[:110] if found else 'found'}")
            passed += 1
        else:
            print(f"  FAIL  {mutant['name']}: {mutant['seeds']} seeds passed with the bug")
            failed += 1
    print(f"mutants: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
