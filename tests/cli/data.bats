#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# export, bundles, verify between two sockets; help and completion.
load helper

setup_file() {
	fake plain
	fake busy busy
}

teardown_file() {
	stop_fakes
}

@test "export prints canonical objects as the daemon wrote them" {
	run on plain export
	code 0
	[ "${#lines[@]}" -eq 2 ]
	[[ ${lines[0]} == '{"category":"noise","home":"110101/110101001/110101001001",'* ]]
	[[ ${lines[1]} == *'"lat":51.465,'* ]]
	run on plain export --kind case --owner 110101001 --since 2026-11-22T00:00:00Z
	[[ $(last_request plain) == *'"args": {"kind": "case", "owner": "110101001", "since": "2026-11-22T00:00:00Z"}'* ]]
}

@test "bundle export writes the whole file or none" {
	cd "$BATS_TEST_TMPDIR"
	run on plain bundle export --for 110101001005 -o stick.trc
	code 0
	[ "$(od -An -c stick.trc | tr -d ' \n')" = 'terracebundle\0001002' ]
	has "2 frames"
	run on plain bundle export --for 110101/110101001/110101001005
	code 0
	[ -e terrace-street-001-110101001005-1.trc ]
	run on plain bundle export --for 110101001005 --json
	code 0
	has '"file":"terrace-street-001-110101001005-2.trc"'
	run on plain bundle export --for x -o missing/folder/x.trc
	code 66
	# Nothing half-written stays.
	[ -z "$(find . -name '*.part-*')" ]
}

@test "bundle import sends the bytes, writes the answer, then frees the stick" {
	cd "$BATS_TEST_TMPDIR"
	head -c 100000 /dev/urandom >in.trc
	run on plain bundle import in.trc
	code 0
	cmp in.trc "$BATS_FILE_TMPDIR/plain/bundle"
	[ "$(cat in.trc.reply)" = reply ]
	has "9 new segments"
	[ "${lines[2]}" = "You may remove the stick." ]
}

@test "a forged bundle: 65, and no answer file" {
	cd "$BATS_TEST_TMPDIR"
	echo "forged" >bad.trc
	run on plain bundle import bad.trc
	code 65
	has "TR-E-FORGED"
	[ ! -e bad.trc.reply ]
	[[ $output != *"may remove"* ]]
	run on plain bundle import nothing.trc
	code 66
	[ ! -e nothing.trc.reply ]
}

@test "verify of this store" {
	run on plain verify
	code 1
	has "CLEAN"
}

@test "verify between two sockets: equal, differ, missing" {
	run on plain verify --against-socket "$BATS_FILE_TMPDIR/plain/run/status.sock"
	code 0
	has "Scopes: 3 equal, 0 differ, 0 missing"
	run on plain verify --against-socket "$BATS_FILE_TMPDIR/busy/run/control.sock"
	code 1
	has "DIFFER"
	has "missing there"
	run on plain verify --against-socket "$BATS_FILE_TMPDIR/busy/run/control.sock" --json
	code 1
	has '"equal":1,"differ":1,"missing":1'
	run on plain verify --against-socket /nonexistent
	code 69
}

@test "bare terracectl: short help with the daily commands" {
	run t
	code 0
	[ "${#lines[@]}" -le 12 ]
	has "record list"
}

@test "every command has help, in both languages" {
	t help | sed -nE 's/^  ([a-z]+( [a-z]+)?)( .*)?$/\1/p' | while read -r cmd; do
		cmd=$(sed 's/ *$//' <<<"$cmd")
		# shellcheck disable=SC2086 # words
		t help $cmd >/dev/null && t $cmd --help --lang zh_CN >/dev/null || { echo "$cmd"; return 1; }
	done
	run t help status
	has "Usage: terracectl status"
	run t help record
	has "record put"
	run t help nothing
	code 64
}

@test "every verb of the protocol has its command" {
	sed -nE 's/^C\("([a-z ]+)".*/\1/p' "$BATS_TEST_DIRNAME/../../proto/commands.def" | while read -r cmd; do
		[[ $cmd = digests || $cmd = repair ]] && continue # of verify
		# shellcheck disable=SC2086 # words
		t help $cmd >/dev/null || { echo "$cmd"; return 1; }
	done
}

@test "completion: commands, options, values, live names" {
	run t --complete st
	[ "$output" = $'status\nstore\nstop' ]
	run t --complete record ""
	[ "$output" = $'put\nshow\nlist\ntransfer' ]
	run t --complete import --dr
	[ "$output" = "--dry-run" ]
	run t --complete -o js
	[ "$output" = json ]
	run t --complete import x
	code 65
	run t --complete --dir "$BATS_FILE_TMPDIR/plain" queue 11010100100
	has "110101001002"
	run t --complete --dir "$BATS_FILE_TMPDIR/plain" directive ack 0193
	has "0193b000-0000-7000-8000-000000000001"
	run t --complete --dir "$BATS_FILE_TMPDIR/nothing" queue ""
	code 0
	[ -z "$output" ]
}

@test "completion scripts" {
	t completion bash | bash -n
	for shell in zsh fish; do
		run t completion $shell
		code 0
		has "--complete"
	done
	# The shim works with a terracectl in PATH.
	run bash -c "PATH='$(dirname "$TERRACECTL")':\$PATH; eval \"\$(terracectl completion bash)\"
		COMP_WORDS=(terracectl directive c) COMP_CWORD=2; _terracectl; printf '%s\n' \"\${COMPREPLY[@]}\""
	[ "$output" = $'confirm\ncancel' ]
}
