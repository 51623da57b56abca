#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Views in both languages at 80 and 120 columns against the expected outputs; formats for machines.
load helper

setup_file() {
	fake plain
	fake hostile hostile
}

teardown_file() {
	stop_fakes
}

@test "status shows what is wrong in its first line" { golden status status; }
@test "tree lists every unit, also one never seen" { golden tree tree; }
@test "peers" { golden peers peers; }
@test "queue" { golden queue queue; }
@test "queue of one peer shows its logs" { golden queue-peer queue leaf-tianlin; }
@test "lag is a time" { golden lag lag; }
@test "events" { golden events events; }
@test "health with a reason" { golden health health; }
@test "record show with history" { golden record-show record show 0193a7c2 --history; }
@test "record list" { golden record-list record list; }
@test "trace" { golden trace trace 0193a7c2; }
@test "conflicts with both values and who wrote them" { golden conflicts conflicts; }
@test "directive list" { golden directive-list directive list; }
@test "directive status" { golden directive-status directive status 0193b000; }
@test "unit list" { golden unit-list unit list; }
@test "verify that repairs" {
	run on plain verify --repair
	code 65
	has "1 of 2 repaired."
	has "who has it is not connected"
	[[ $(last_request plain) == *'"cmd": "repair"'* ]]
	run on plain verify --repair --dry-run --json
	[[ $(last_request plain) == *'"dry_run": true'* ]]
}
@test "verify against a peer" { golden verify verify --against 110101; }
@test "store stat" { golden store-stat store stat; }
@test "store history" { golden store-history store history; }
@test "bundle inspect" { golden bundle-inspect bundle inspect "$BATS_TEST_DIRNAME/replies.json"; }
@test "reload" { golden reload reload; }
@test "config show" { golden config-show config show; }
@test "errors have Chinese text and a stable code" { golden error-norec record show ffffffff; }
@test "help of a command" { golden help-import help import; }
@test "all help" { golden help help; }
@test "exit codes" { golden help-exit-codes help exit-codes; }
@test "all error codes" { golden help-errors help errors; }

@test "--json is the daemon's reply, byte for byte" {
	run on plain queue --json
	code 0
	want=$(python3 -c 'import json,sys
print(json.dumps(json.load(open(sys.argv[1]))["queue"], ensure_ascii=False, separators=(",",":")))' "$BATS_TEST_DIRNAME/replies.json")
	[ "$output" = "$want" ]
}

@test "every reading command has a schema in its JSON" {
	for cmd in status tree peers queue lag health "record show 0193a7c2" "record list" "trace 0193a7c2" conflicts \
		"directive list" "directive status 0193b000" verify "store stat" "store history" "unit list" "config show" metrics; do
		# shellcheck disable=SC2086 # words
		on plain $cmd --json | python3 -c 'import json,sys
assert json.load(sys.stdin)["schema"].startswith("terrace.")' || { echo "$cmd"; return 1; }
	done
}

@test "plain has TABs, full paths and numbers" {
	run on plain queue -o plain
	code 0
	[ "${lines[0]}" = $'110101/110101001/110101001002\tdown\t412\t1887436\t11520\tretrying\t41\tconnect: no route to host' ]
	[ "${#lines[@]}" -eq 3 ]
}

@test "plain of a status is key and value" {
	run on plain status -o plain
	code 0
	has $'upstream.state\tup'
	has $'children.waiting_records\t412'
}

@test "rows for machines: that older ones are gone goes to stderr, and into the JSON" {
	on plain trace 0193a7c2 -o plain >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 2 ]
	grep -q "3 older changes" "$BATS_TEST_TMPDIR/err"
	on plain trace 0193a7c2 -o plain -q >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err"
	[ ! -s "$BATS_TEST_TMPDIR/err" ]
	on plain trace 0193a7c2 --json | grep -q '"dropped": *{"changes": *3'
}

@test "csv has a heading and quotes" {
	run on plain record list -o csv
	code 0
	[ "${lines[0]}" = "id,status,title,home,source,source_id,changed,conflict" ]
	[ "${#lines[@]}" -eq 3 ]
}

@test "ndjson has one line for each row" {
	run on plain tree -o ndjson
	code 0
	[ "${#lines[@]}" -eq 5 ]
	[[ ${lines[0]} == '{"unit":"110101",'* ]]
}

@test "-w in a pipe prints one document a tick" {
	run bash -c "$(declare -f on t); BATS_FILE_TMPDIR='$BATS_FILE_TMPDIR' TERRACECTL='$TERRACECTL'; on plain lag -w0.1 | head -3"
	[ "${#lines[@]}" -eq 3 ]
	[[ ${lines[2]} == '{"schema":"terrace.lag/1"'* ]]
}

@test "options stand in any position" {
	run on plain -o plain queue
	code 0
	first=$output
	run on plain queue -oplain
	[ "$output" = "$first" ]
	run on plain queue --output=plain
	[ "$output" = "$first" ]
}

@test "-q drops remarks" {
	run on plain conflicts -q
	code 0
	[[ $output != *Settle* ]]
}

@test "no colour in a pipe; --color=always has it, with the word" {
	run on plain tree
	[[ $output != *$'\033'* ]]
	run on plain tree --color=always
	[[ $output == *$'\033[31mDOWN'* ]]
}

@test "a name from outside does not drive the terminal" {
	for cmd in status tree "record show 0193a7c2"; do
		for format in table plain; do
			# shellcheck disable=SC2086 # words
			run on hostile $cmd -o $format
			code 0
			# ESC, BEL, C1 and bidi controls
			if printf '%s' "$output" | grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]'; then
				echo "$cmd $format: $(printf '%s' "$output" | od -c | head)"
				return 1
			fi
		done
	done
}

@test "JSON on a terminal escapes what could drive it" {
	command -v script >/dev/null || skip "no script(1)"
	run script -qec "$TERRACECTL --no-pager --dir $BATS_FILE_TMPDIR/hostile status --json" /dev/null
	[[ $output == *'\u009b31m'* ]]
	[[ $output == *'\u202eeman'* ]]
}

@test "times are local with their offset, or UTC" {
	run on plain events
	has "2026-11-22 11:03:20+08:00"
	run on plain events --utc
	has "2026-11-22 03:03:20Z"
}

@test "a locale that is not generated still shows its language" {
	run env -i PATH="$PATH" LANG=zh_CN.UTF-8 "$TERRACECTL" --dir "$BATS_FILE_TMPDIR/plain" lag
	code 0
	has "当前"
	run env -i PATH="$PATH" LANG=C "$TERRACECTL" --dir "$BATS_FILE_TMPDIR/plain" tree
	code 0
	has "东华门街道"
	has "LAST SEEN"
}

@test "check: one line, figures, exit code" {
	run on plain check
	code 1
	has "WARNING: 110101001002 3h12m behind | oldest=11520s;900;14400 waiting=415 store=15%;80;85 conflicts=2 overdue=1"
	run on plain check --crit 1h
	code 2
	has "CRITICAL: "
	run on plain check --warn 10d --crit 20d
	code 1 # the state is degraded all the same
	run t --dir "$BATS_FILE_TMPDIR/nothing" check
	code 3
	has "UNKNOWN: "
	run on plain check --warn soon
	code 3
}

@test "health --ready is 1 when no writes are taken" {
	run on plain health
	code 0
	run on plain health --ready
	code 1
	run on plain health --ready --json
	code 1
}

@test "wait" {
	run on plain wait synced
	code 0
	run on plain wait idle
	code 75
	run on plain wait for-godot
	code 64
	run on plain wait synced -t 7
	code 0
	[[ $(last_request plain) == *'"timeout_seconds": 7'* ]]
}

@test "metrics are plain text" {
	run on plain metrics
	code 0
	[ "${lines[2]}" = "terrace_ready 1" ]
}

@test "version of both; also without a daemon" {
	run on plain version
	code 0
	has "terraced 0.1.0"
	run t --dir "$BATS_FILE_TMPDIR/nothing" version
	code 0
	has "no daemon answers here"
	run t --version
	code 0
}
