#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Runs test programs one after the other: a line for each, the whole output of
# those that fail, a sum at the end.  Exit 1 if one failed.
set -u

limit=${UNIT_TIMEOUT:-120}
passed=0
failed=0

for bin in "$@"; do
	name=${bin##*/}
	log=$bin.log
	begin=$(date +%s%N)
	timeout -k 5 "$limit" "$bin" >"$log" 2>&1
	rc=$?
	ms=$((($(date +%s%N) - begin) / 1000000))
	if [ $rc -eq 0 ]; then
		count=$(grep -c '^\[       OK \]' "$log")
		printf '  ok    %-24s %3d tests %6d ms\n' "$name" "$count" "$ms"
		passed=$((passed + 1))
	else
		printf '  FAIL  %-24s exit %d\n' "$name" "$rc"
		sed 's/^/        | /' "$log"
		failed=$((failed + 1))
	fi
done

echo "unit: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
