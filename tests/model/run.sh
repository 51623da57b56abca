#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run BUILD CC FAULTS -- every order of steps of the link model, then the planted
# errors, each of which must be found.  Ends with "model: N passed, M failed".
set -u
dir=$1/tests/model
cc=$2
faults=$3
mutants=9
model=$PWD/tests/model/link.pml
if ! command -v spin >/dev/null; then
	echo "model: spin is not installed here (tests/deps.sh test); skipped"
	echo "model: 0 passed, 0 failed"
	exit 0
fi
mkdir -p "$dir"
cd "$dir" || exit 1

# run NAME LEVEL OPTION... : one search into NAME.log.
run() {
	local name=$1 level=$2
	shift 2
	spin "$@" -a "$model" >"$name.log" 2>&1 || return 1
	"$cc" -w "$level" -DSAFETY -DCOLLAPSE -DMEMLIM=2000 -o "pan-$name" pan.c >>"$name.log" 2>&1 || return 1
	timeout 300 "./pan-$name" -m200000 >>"$name.log" 2>&1
	grep -q "errors: " "$name.log"
}

passed=0
failed=0
if run whole -O2 "-DFAULTS=$faults" && grep -q "errors: 0" whole.log && ! grep -qE "Search not completed|max search depth" whole.log; then
	states=$(sed -nE 's/^ *([0-9]+) states, stored.*/\1/p' whole.log)
	memory=$(sed -nE 's/^ *([0-9.]+)\ttotal actual memory.*/\1/p' whole.log)
	echo "  ok    whole: $states states with $faults faults, nothing wrong, $memory MB"
	passed=1
else
	grep -E "^pan:|Error|error" whole.log | head -5
	echo "  FAIL  whole (log: $dir/whole.log; spin -t -p -g $model shows the way)"
	failed=1
fi
for ((mutant = 1; mutant <= mutants; mutant++)); do
	if run "mutant-$mutant" -O0 -DFAULTS=2 "-DMUTANT=$mutant" && grep -q "assertion violated" "mutant-$mutant.log"; then
		echo "  ok    mutant $mutant is found:$(sed -nE 's/^pan:1: assertion violated(.*) \(at depth.*/\1/p' "mutant-$mutant.log")"
		passed=$((passed + 1))
	else
		echo "  FAIL  mutant $mutant is not found (log: $dir/mutant-$mutant.log)"
		failed=$((failed + 1))
	fi
done
echo "model: $passed passed, $failed failed"
[ $failed -eq 0 ]
