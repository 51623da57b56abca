#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""mutants -- plants one bug at a time into a copy of the core and asks the simulator to find it.

mutants/NAME.mut:  lines '#' say what the bug is, then
    file: replication/take.c     what follows is in this file; several files are planted together
    seeds: 40                    one of so many seeds, from 1 on, must fail
    faults: image,crash,cut      only these faults; without this line all of them
    scenario: gap.scn            in place of seeds: this one must fail
    -text that stands in the file exactly once (several '-' lines are one text)
    +text to put in its place
    flags: -DNAME                instead of a text: a switch for that file
Prints "mutants: N passed, M failed"; passed = the bug was found.  --table prints what found each, for docs/testing.md.
"""
import argparse
import concurrent.futures
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
    subprocess.run([*shlex.split(args.cc), *shlex.split(args.cflags), *shlex.split(change["flags"]), "-w", "-iquote", str(ROOT),
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
    subprocess.run([*shlex.split(args.cc), *shlex.split(args.ldflags), "-o", program, *own, *objects, *shlex.split(args.libs)],
                   check=True, cwd=ROOT)
    return program


def hunt(mutant, args):
    """Plants and looks for one.  Returns (found, what to say, row of the table)."""
    try:
        program = build(mutant, args)
    except (RuntimeError, subprocess.CalledProcessError) as error:
        return False, f"cannot be planted: {error}", None
    if "scenario" in mutant:
        command = [program, "--scenario", ROOT / "tests/sim/scenarios" / mutant["scenario"]]
        within = mutant["scenario"]
    else:
        command = [program, "--seeds", str(mutant["seeds"]), "--first"]
        within = f"{mutant['seeds']} seeds"
    if "faults" in mutant:
        command += ["--faults", mutant["faults"]]
        within += f" of {mutant['faults']}"
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    if run.returncode != 1:
        return False, f"exit {run.returncode}: {within} passed with the bug", None
    said = re.search(r"^seed (\d+).*?(invariant [\w-]+).*$|^seed (\d+): .*$", run.stderr, re.M)
    broken = re.search(r"^.*assert.*$", run.stderr, re.M | re.I)
    seed = (said.group(1) or said.group(3)) if said else "?"
    how = broken.group(0) if broken else said.group(0) if said else "found"
    checker = "an assertion of the core" if broken else said.group(2) if said and said.group(2) else "found"
    if "scenario" in mutant:
        seed = "-"
        checker = checker if checker != "invariant line" and said else "the scenario"
    return True, how[:110], f"| {mutant['name']} | {within} | {seed} | {checker} |"


def replays(name, args):
    """What a failure prints is one command that fails in the same way.  Returns (good, what to say)."""
    program = (ROOT / args.build / "mutants" / name / "sim").resolve()
    first = subprocess.run([program, "--seeds", "60", "--first"], capture_output=True, text=True, check=False)
    seed = re.search(r"^seed (\d+) ", first.stderr, re.M)
    if not seed:
        return False, "no seed failed"
    shrunk = subprocess.run([program, "--seeds", "1", "--from", seed.group(1)], capture_output=True, text=True, check=False)
    command = re.search(r"^replay: (.*?)( -v)?$", shrunk.stdout, re.M)
    was = re.search(r"invariant [\w-]+", shrunk.stderr)
    if not command or not was:
        return False, f"seed {seed.group(1)} prints no replay"
    again = subprocess.run(shlex.split(command.group(1)), capture_output=True, text=True, check=False)
    now = re.search(r"invariant [\w-]+", again.stderr)
    good = again.returncode == 1 and now is not None and now.group(0) == was.group(0)
    steps = re.search(r"--steps (\d+)", command.group(1))
    return good, f"replay of seed {seed.group(1)}, {steps.group(1)} actions of 120: {now.group(0) if now else 'passes'}"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("build", "cc", "cflags", "ldflags", "libs"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--only", help="names, with commas between them")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--table", action="store_true")
    parser.add_argument("--name", default="mutants", help="of the suite")
    parser.add_argument("--replay", help="one of them: its failure is shrunk, and what is printed must fail again")
    parser.add_argument("objects", nargs="+")
    args = parser.parse_args()
    only = args.only.split(",") if args.only else []
    mutants = [parse(p) for p in sorted((ROOT / "tests/sim/mutants").glob("*.mut")) if not only or p.stem in only]
    unknown = set(only) - {m["name"] for m in mutants}
    failed = len(unknown)
    for name in unknown:
        print(f"  FAIL  {name}: there is no such mutant")
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for mutant, (found, how, row) in zip(mutants, pool.map(lambda m: hunt(m, args), mutants)):
            failed += not found
            print(row if args.table and row else f"  {'ok  ' if found else 'FAIL'}  {mutant['name']}: {how}", flush=True)
    if args.replay:
        good, said = replays(args.replay, args)
        failed += not good
        print(f"  {'ok  ' if good else 'FAIL'}  {args.replay}: {said}")
    passed = len(mutants) + len(unknown) + bool(args.replay) - failed
    print(f"{args.name}: {passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
