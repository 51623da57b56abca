#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# pure -- what libreplication.a calls outside itself must be on replication.allow.
# The archive is linked into one object first, so that calls inside the room vanish.
set -euo pipefail
: "${B:=build/release}"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
ld -r --whole-archive "$B/libreplication.a" -o "$tmp/room.o"
# -fstack-protector and _FORTIFY_SOURCE rename calls; the checked name counts as the plain one.
nm -u "$tmp/room.o" | awk '{print $2}' | sed -E 's/^__(mem[a-z]+|str[a-z]+)_chk$/\1/' | sort -u >"$tmp/uses"
grep -v '^#' tests/lint/replication.allow | sed '/^$/d' | sort -u >"$tmp/allow"
# wire_* and tr_* are the words of proto/, checked as a room of their own below.
grep -vE '^(wire|tr|terrace)_' "$tmp/uses" | comm -23 - "$tmp/allow" >"$tmp/extra"
if [ -s "$tmp/extra" ]; then
	echo "replication/ calls what it must not (tests/lint/replication.allow):"
	while read -r symbol; do
		echo "  $symbol  in: $(nm -A -u "$B/libreplication.a" 2>/dev/null | awk -v s="$symbol" '$NF == s {print $1}' | sed -E 's/.*:([^:]+):.*/\1/' | sort -u | paste -sd' ')"
	done <"$tmp/extra"
	exit 1
fi
# No file-scope data that changes: no symbol in .data, .bss or common.  Constant
# tables of pointers lie in .data.rel.ro: the loader writes them, then locks them.
state=$(objdump -t "$B/libreplication.a" 2>/dev/null |
	awk 'NF > 3 && $(NF-2) ~ /^(\.(data|bss|tdata|tbss)|\*COM\*)/ && $(NF-2) !~ /^\.data\.rel\.ro/ && $NF !~ /^(\.|__)/ {print "  " $NF}')
if [ -n "$state" ]; then
	echo "replication/ has data that changes at file scope:"
	echo "$state"
	exit 1
fi
