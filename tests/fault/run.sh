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
failed=0

"$program" kill "$dir/kill" "$cycles" || failed=1

mkdir "$dir/small"
inside='mount -t tmpfs -o size=12m none "$1" && exec "$2" full "$1/store"'
if unshare -rm sh -c 'mount -t tmpfs -o size=12m none "$1"' sh "$dir/small" 2>/dev/null; then
	unshare -rm sh -c "$inside" sh "$dir/small" "$program" || failed=1
else
	echo "store-full: skipped (no right to mount a small file system here)"
fi
exit $failed
