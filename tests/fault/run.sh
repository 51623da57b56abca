#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Faults against the store: run.sh PROGRAM [CYCLES].  The full disk needs a small
# file system of its own; without the right to mount one that part is skipped,
# and says so.
set -u
program=$1
cycles=${2:-20}
dir=$(mktemp -d /tmp/terrace-fault-XXXXXX)
trap 'rm -rf "$dir"' EXIT
passed=0
failed=0

say() {
	if "$@"; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
	fi
}

say "$program" kill "$dir/kill" "$cycles"

mkdir "$dir/small"
inside='mount -t tmpfs -o size=12m none "$1" && exec "$2" full "$1/store"'
if unshare -rm sh -c 'mount -t tmpfs -o size=12m none "$1"' sh "$dir/small" 2>/dev/null; then
	say unshare -rm sh -c "$inside" sh "$dir/small" "$program"
else
	echo "store-full: skipped (no right to mount a small file system here)"
fi
echo "fault: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
