#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run -- all .bats files; the last line is "cli: N passed, M failed".
set -u
cd "$(dirname "$0")/../.." || exit 70
: "${B:=build/release}"
TERRACECTL=$(realpath "$B/terracectl")
export TERRACECTL
log=$B/cli.tap
bats --tap tests/cli/*.bats | tee "$log" | grep -v '^ok '
passed=$(grep -c '^ok ' "$log")
failed=$(grep -c '^not ok ' "$log")
plan=$(sed -nE 's/^1\.\.([0-9]+)$/\1/p' "$log")
if [ $((passed + failed)) -ne "${plan:-0}" ] || [ "${plan:-0}" -eq 0 ]; then
	failed=$((failed + 1))
fi
echo "cli: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
