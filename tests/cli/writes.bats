#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What commands send: the request that reaches the daemon, and what they say.
load helper

setup_file() {
	fake plain
}

teardown_file() {
	stop_fakes
}

# sends JSON ARGS...: the command's request has these args (python dict as JSON).
sends() {
	local want=$1
	shift
	run on plain "$@"
	code 0
	last_request plain | python3 -c 'import json,sys
got, want = json.load(sys.stdin)["args"], json.loads(sys.argv[1])
sys.exit(None if got == want else f"sent {got}")' "$want"
}

@test "record put: NAME=VALUE with the types of the fields" {
	sends '{"record":{"category":"noise","lat":39.9149,"source":"hotline","source_id":"7","campaign":["a","b"],"visits":2}}' \
		record put category=noise lat=39.9149 source=hotline source_id=7 "campaign=a;b" visits=2
	has "created, version 1"
}

@test "record put: NAME:=JSON and clearing a field" {
	sends '{"record":{"source":"x","source_id":"1","tags":{"add":["k"]},"area":null}}' \
		record put source=x source_id=1 'tags:={"add":["k"]}' area=
}

@test "record put: JSON, a file, stdin, options" {
	sends '{"record":{"source":"x","source_id":"1","status":"filed","by":"li","kind":"case"}}' \
		record put '{"source":"x","source_id":"1"}' --status filed --by li --kind case
	echo '{"source":"f","source_id":"2"}' >"$BATS_TEST_TMPDIR/r.json"
	sends '{"record":{"source":"f","source_id":"2","bulk":true,"if_version":3}}' \
		record put "$BATS_TEST_TMPDIR/r.json" --bulk --if-version 3
	run bash -c "echo '{\"source\":\"s\"}' | '$TERRACECTL' --dir '$BATS_FILE_TMPDIR/plain' record put - -q"
	code 0
	[ "$output" = "0193a7c2-5e41-7c90-b7f3-0a6c11d2e84b" ]
}

@test "record put: not a pair" {
	run on plain record put a=1 b
	code 64
	run on plain record put 'tags:={'
	code 64
}

@test "record list: filters" {
	run on plain record list --owner 110101001 --status filed --limit 5 --since 2026-11-22T08:00:00+08:00 --kind case
	code 0
	[[ $(last_request plain) == *'"args": {"kind": "case", "limit": 5, "owner": "110101001", "since": "2026-11-22T00:00:00Z", "status": "filed"}'* ]]
}

@test "local and relative times become UTC" {
	run on plain record list --since "2026-11-22 08:00"
	[[ $(last_request plain) == *'"since": "2026-11-22T00:00:00Z"'* ]]
	run on plain record list --since 24h
	last_request plain | python3 -c 'import json,sys,datetime as d
t = d.datetime.fromisoformat(json.load(sys.stdin)["args"]["since"].replace("Z", "+00:00"))
age = (d.datetime.now(d.timezone.utc) - t).total_seconds()
sys.exit(None if 86390 < age < 86430 else f"{age} s ago")'
}

@test "conflict resolve: a letter or a value" {
	sends '{"id":"0193a7c2.status","keep":"B","by":"zhao.m"}' conflict resolve 0193a7c2.status --keep B --by zhao.m
	has "record 0193a7c2-5e41-7c90 is now version 4"
	sends '{"id":"0193a7c2.area","value":{"area":"x"}}' conflict resolve 0193a7c2.area --value x
	sends '{"id":"0193a7c2.place","value":{"lat":1.5,"lon":2.5}}' conflict resolve 0193a7c2.place --value lat=1.5 --value lon=2.5
	sends '{"id":"0193a7c2.place","value":{"lat":1.5}}' conflict resolve 0193a7c2.place --value '{"lat":1.5}'
	run on plain conflict resolve 0193a7c2.status --keep A --value x
	code 64
	run on plain conflict resolve 0193a7c2 --value x
	code 64
}

@test "directive send: options, several targets" {
	sends '{"title":"t","to":["110101001/*","110101002"],"due":"2026-11-22T10:00:00Z","priority":"urgent","by":"z","receipt_required":"done","number":"D-1","lead":"110101"}' \
		directive send --title t --to '110101001/*' --to 110101002 --due 2026-11-22T18:00:00+08:00 --priority urgent \
		--by z --receipt "done" --number D-1 --lead 110101
	has "sent to 3 units"
}

@test "directive send: a file as the body, or all of it" {
	printf '第一行\n第二行\n' >"$BATS_TEST_TMPDIR/body"
	sends '{"title":"t","to":["x"],"body":"第一行\n第二行"}' directive send "$BATS_TEST_TMPDIR/body" --title t --to x
	echo '{"title":"a","to":["x"],"body":"b"}' >"$BATS_TEST_TMPDIR/all"
	sends '{"title":"over","to":["x"],"body":"b"}' directive send "$BATS_TEST_TMPDIR/all" --title over
}

@test "rungs of a directive" {
	for rung in ack start progress done decline confirm return cancel; do
		run on plain directive $rung 0193b000 --note n --by li
		code 0
		[[ $(last_request plain) == *"\"args\": {\"by\": \"li\", \"id\": \"0193b000\", \"note\": \"n\"}, \"cmd\": \"directive $rung\""* ]]
	done
	sends '{"id":"0193b000","percent":40}' directive progress 0193b000 --percent 40
}

@test "invite: the token alone with -q" {
	sends '{"unit":"110101001006","title":"智德社区居委会","caps":["+IMPORT","-HANDLE"],"expires_seconds":172800,"address":"tcp://10.0.0.1:7400"}' \
		invite 110101001006 --title 智德社区居委会 --caps +IMPORT,-HANDLE --expires 48h --address tcp://10.0.0.1:7400
	has "terracectl join TOKEN --dir DIR"
	run on plain invite x -q
	[ "${#lines[@]}" -eq 1 ]
	[[ $output == TR1-* ]]
}

@test "keys: another machine, a cut key" {
	sends '{"unit":"110101001006","rejoin":true}' invite 110101001006 --rejoin
	sends '{"unit":"110101001006"}' unit approve 110101001006
	has "is refused from now on"
	run on plain key revoke 110101001006
	[ "$status" -eq 64 ]
	has "say --yes"
	sends '{"unit":"110101001006"}' key revoke 110101001006 --yes
	has "invite 110101/110101001/110101001006 --rejoin"
	sends '{"unit":"110101001006"}' key accept 110101001006
	run on plain key show 110101001006
	[ "$status" -eq 0 ]
	has "waits for approval"
	has "was cut off by 110101"
	has "certified two different keys"
}

@test "units, peers, daemon" {
	sends '{"unit":"110101001","title":"新名"}' unit rename 110101001 新名
	sends '{"peer":"110101"}' peer pause 110101
	sends '{"peer":"110101"}' peer resume 110101
	sends '{"peer":"110101"}' peer retry 110101
	sends '{"level":"debug"}' log level debug
	sends '{"defaults":true}' config show --defaults
	run on plain stop
	code 0
	[[ $(last_request plain) == *'"cmd": "stop"'* ]]
}

@test "store backup: the daemon gets an absolute path" {
	cd "$BATS_TEST_TMPDIR"
	sends "{\"dir\":\"$BATS_TEST_TMPDIR/copy\"}" store backup copy
	sends '{"dir":"/srv/copy"}' store backup /srv/copy
}

@test "config check, init and join hand over to terraced" {
	bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	cp "$TERRACECTL" "$bin/terracectl"
	# shellcheck disable=SC2016 # for the other shell
	printf '#!/bin/sh\nprintf "<%%s>" "$@"\nexit 7\n' >"$bin/terraced"
	chmod +x "$bin/terraced"
	run "$bin/terracectl" config check /x/y.yaml
	code 7
	[ "$output" = "<--check><-c></x/y.yaml>" ]
	run "$bin/terracectl" --dir d init 110101 --title 东城区 --listen tcp://0.0.0.0:7400
	code 7
	[ "$output" = "<--init><110101><--dir><d><--title><东城区><--listen><tcp://0.0.0.0:7400>" ]
	run "$bin/terracectl" join TR1-x --dir d --profile metered
	[ "$output" = "<--join><TR1-x><--dir><d><--profile><metered>" ]
}

@test "-H runs the same words by ssh, quoted" {
	bin=$BATS_TEST_TMPDIR/bin
	mkdir "$bin"
	# shellcheck disable=SC2016 # for the other shell
	printf '#!/bin/sh\nprintf "<%%s>" "$@"\n' >"$bin/ssh"
	chmod +x "$bin/ssh"
	PATH=$bin:$PATH run t -H li@hub record list --since "it's 1"
	code 0
	[ "$output" = "<-T><--><li@hub><terracectl><'record'><'list'><'--since'><'it'\\''s 1'>" ]
}
