#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# check BUILD -- a few streets for two days; ends with "city: N passed, M failed".
set -u

city=$1/tests/city/city
out=$1/city
mkdir -p "$out"
passed=0
failed=0
small=(--districts 1 --streets 4 --days 3 --ops 6 --seed 7)

said() { # NAME RC
	if [ "$2" -eq 0 ]; then
		echo "  ok    $1"
		passed=$((passed + 1))
	else
		echo "  FAIL  $1"
		failed=$((failed + 1))
	fi
}

"$city" "${small[@]}" >"$out/first" 2>"$out/first.err" && grep -q '^city: OK$' "$out/first"
said "4 streets, 3 days: all equal, nothing lost" $?
"$city" "${small[@]}" >"$out/second" 2>"$out/second.err" &&
	cmp -s <(grep -v 'heap of the core' "$out/first") <(grep -v 'heap of the core' "$out/second") # the allocator's affair
said "the same seed prints the same" $?
"$city" "${small[@]}" --memory 0.002 >"$out/bound" 2>"$out/bound.err"
[ $? -eq 1 ] && grep -q 'stops before it takes more than' "$out/bound.err"
said "the bound of memory stops it with a message" $?
[ "$failed" -eq 0 ] || cat "$out"/*.err
echo "city: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
