#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run PROGRAM -- two processes, each with every second history; what they covered, together.
set -u
program=$1
log=$(dirname "$program")
for part in 0 1; do
	"$program" $part 2 >"$log/small.$part.log" &
	pids[part]=$!
done
failed=0
for part in 0 1; do
	wait "${pids[part]}" || failed=1
done
grep -hv "  ok    \|^totals" "$log"/small.[01].log | head -40
# A family is passed if both parts passed it.
cat "$log"/small.[01].log | awk -v bad=$failed '
	/^  ok    / { split($0, name, ": [0-9]"); ok[name[1]]++; match($0, /: [0-9]+ histories, [0-9]+ orders/)
		split(substr($0, RSTART + 2), n, " "); h[name[1]] += n[1]; o[name[1]] += n[3]
		if (!(name[1] in at)) { at[name[1]] = ++count; names[count] = name[1] } }
	/^totals: / { histories += $2; orders += $4; states += $6; merges += $8; violations += $10; conflicts += $12
		total = $14 + $16 }
	END { for (i = 1; i <= count; i++) if (ok[names[i]] == 2) { passed++
			printf "%s: %d histories, %d orders\n", names[i], h[names[i]], o[names[i]] }
		printf "  %d histories in %d orders, %d merges of three; %d states, %d violations, %d conflicts explained\n",
			histories, orders, merges, states, violations, conflicts
		failed = total - passed; if (failed == 0 && bad) failed = 1
		printf "small: %d passed, %d failed\n", passed, failed; exit failed != 0 }'
