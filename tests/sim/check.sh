#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check BUILD SEEDS FROM STEPS JOBS -- stories and scenarios, refused scenario files, the sweep, then the seeds; ends
# with "sim: N passed, M failed".
set -u

dir=$1/tests/sim
passed=0
failed=0
ok() {
	echo "  ok    $1"
	passed=$((passed + 1))
}
bad() {
	echo "  FAIL  $1"
	failed=$((failed + 1))
}
for source in tests/sim/story_*.c; do
	story=$dir/$(basename "$source" .c)
	if "$story" >"$story.log" 2>&1; then
		ok "$(basename "$story"): $(tail -1 "$story.log")"
	else
		tail -5 "$story.log"
		bad "$(basename "$story") (log: $story.log)"
	fi
done
for scenario in tests/sim/scenarios/*.scn; do
	log=$dir/$(basename "$scenario").log
	if "$dir/sim" --scenario "$scenario" >"$log" 2>&1; then
		passed=$((passed + 1))
	else
		cat "$log"
		bad "$scenario"
	fi
done
echo "  ok    $(find tests/sim/scenarios -maxdepth 1 -name '*.scn' | wc -l) scenarios"
# Each refused file says in its first line, behind "#! ", where and what: LINE:COL: TEXT
for scenario in tests/sim/scenarios/refused/*.scn; do
	want="$scenario:$(sed -n '1s/^#! //p' "$scenario")"
	got=$("$dir/sim" --scenario "$scenario" 2>&1)
	rc=$?
	if [ $rc -eq 65 ] && [ "$got" = "$want" ]; then
		passed=$((passed + 1))
	else
		bad "$scenario: exit $rc, says: $got"
	fi
done
# A seed that needs more than its bound of memory ends with a message and an exit code of its own.
got=$("$dir/sim" --seed 2 --memory 4 2>&1 >/dev/null)
rc=$?
if [ $rc -eq 75 ] && [[ $got == "seed 2 time "*"stopped, it needs more memory than its bound of 4 MiB"*"MiB held: nodes "* ]]; then
	ok "a seed stops at its bound of memory"
else
	bad "bound of memory: exit $rc, says: $got"
fi
# Each call of the store and each allocation fails in turn, wherever it is made from.
# A load comes through the same places a thousand times: it would take minutes and find nothing that others do not.
mapfile -t swept < <(find tests/sim/scenarios -maxdepth 1 -name '*.scn' ! -name thin-link.scn | sort)
if "$dir/sim" --sweep --jobs "$5" "${swept[@]}" --seeds 8 >"$dir/sweep.log" 2>&1; then
	ok "$(tail -1 "$dir/sweep.log")"
else
	grep -v '^  ok' "$dir/sweep.log" | tail -40
	bad "sweep (log: $dir/sweep.log)"
fi
"$dir/sim" --seeds "$2" --from "$3" --steps "$4" --jobs "$5" >"$dir/seeds.log" 2>&1
sed '$d' "$dir/seeds.log"
read -r p f < <(sed -nE '$s/^sim: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$dir/seeds.log")
echo "sim: $((passed + ${p:-0})) passed, $((failed + ${f:-1})) failed"
[ $((failed + ${f:-1})) -eq 0 ]
