#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run-check -- runs the suites one after the other and sums up.
#
# A suite is `make check-NAME`; its last line is "NAME: N passed, M failed".
# A suite that ends badly without such a line counts as one failure.
# The last line of this script is "N passed, M failed", alone.
set -u

make=${MAKE:-make}
build=${B:-build/release}
logs=$build/check
mkdir -p "$logs"
passed=0
failed=0
bad=()
for suite in "$@"; do
	start=$SECONDS
	echo "== $suite"
	$make --no-print-directory "check-$suite" 2>&1 | tee "$logs/$suite.log"
	rc=${PIPESTATUS[0]}
	line=$(grep -E "^$suite: [0-9]+ passed, [0-9]+ failed$" "$logs/$suite.log" | tail -1)
	p=$(sed -nE 's/.*: ([0-9]+) passed, ([0-9]+) failed$/\1/p' <<<"$line")
	f=$(sed -nE 's/.*: ([0-9]+) passed, ([0-9]+) failed$/\2/p' <<<"$line")
	p=${p:-0}
	f=${f:-0}
	if [ "$rc" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
	elif [ -z "$line" ]; then
		echo "$suite: no result line" >&2
		f=1
	fi
	passed=$((passed + p))
	failed=$((failed + f))
	if [ "$f" -ne 0 ]; then
		bad+=("$suite (log: $logs/$suite.log)")
	fi
	echo "   $suite took $((SECONDS - start)) s"
done
for suite in "${bad[@]}"; do
	echo "failed: $suite"
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
