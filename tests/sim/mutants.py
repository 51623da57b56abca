#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutants -- plants one bug at a time into a copy of the core and asks the simulator to find it.

mutants/NAME.mut:  lines '#' say what the bug is, then
    file: replication/take.c
    seeds: 40                    at most so many seeds may pass before one fails
    -text that stands in the file exactly once (several '-' lines are one text)
    +text to put in its place
    flags: -DNAME                instead of a text: a switch for tests/sim/host.c
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
    mutant = {"name": path.stem, "seeds": 40, "flags": "", "old": [], "new": []}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("-"):
            mutant["old"].append(line[1:])
        elif line.startswith("+"):
            mutant["new"].append(line[1:])
        elif line and not line.startswith("#"):
            key, _, value = line.partition(":")
            mutant[key.strip()] = value.strip()
    return mutant


def build(mutant, args):
    """Compiles the one changed file and links a simulator of its own.  Returns its path."""
    folder = pathlib.Path(args.build) / "mutants" / mutant["name"]
    folder.mkdir(parents=True, exist_ok=True)
    source = ROOT / mutant["file"]
    text = source.read_text(encoding="utf-8")
    if mutant["old"]:
        old, new = "\n".join(mutant["old"]), "\n".join(mutant["new"])
        if text.count(old) != 1:
            raise RuntimeError(f"the text to change stands {text.count(old)} times in {mutant['file']}")
        text = text.replace(old, new)
    copy = folder / source.name
    copy.write_text(text, encoding="utf-8")
    own = folder / (source.stem + ".o")
    cflags = shlex.split(args.cflags)
    subprocess.run([args.cc, *cflags, *shlex.split(mutant["flags"]), "-w", "-iquote", str(ROOT), "-c", "-o", own, copy],
                   check=True, cwd=ROOT)
    original = str(pathlib.Path(args.build) / mutant["file"]).removesuffix(".c") + ".o"
    objects = [o for o in args.objects if os.path.normpath(o) != os.path.normpath(original)]
    program = folder / "sim"
    subprocess.run([args.cc, *shlex.split(args.ldflags), "-o", program, own, *objects, *shlex.split(args.libs)],
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
