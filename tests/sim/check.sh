#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check BUILD SEEDS FROM STEPS JOBS -- the stories, then the seeds; ends with
# "sim: N passed, M failed".
set -u

dir=$1/tests/sim
passed=0
failed=0
for source in tests/sim/story_*.c; do
	story=$dir/$(basename "$source" .c)
	if "$story" >"$story.log" 2>&1; then
		echo "  ok    $(basename "$story"): $(tail -1 "$story.log")"
		passed=$((passed + 1))
	else
		tail -5 "$story.log"
		echo "  FAIL  $(basename "$story") (log: $story.log)"
		failed=$((failed + 1))
	fi
done
"$dir/sim" --seeds "$2" --from "$3" --steps "$4" --jobs "$5" >"$dir/seeds.log" 2>&1
sed '$d' "$dir/seeds.log"
read -r p f < <(sed -nE '$s/^sim: ([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$dir/seeds.log")
echo "sim: $((passed + ${p:-0})) passed, $((failed + ${f:-1})) failed"
[ $((failed + ${f:-1})) -eq 0 ]
