#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every error path: its own message, its own exit code.
load helper

setup_file() {
	fake plain
	fake old old
	fake garbage garbage
	fake silent silent
	fake closes closes
}

teardown_file() {
	stop_fakes
}

@test "no socket: 69, which one and what to do" {
	run t -S "$BATS_TEST_TMPDIR/control.sock" status
	code 69
	has "the socket $BATS_TEST_TMPDIR/control.sock does not exist (TR-E-DOWN)"
	has "Start it: "
}

@test "a socket that was left over: 69, another message" {
	python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$BATS_TEST_TMPDIR/control.sock"
	run t -S "$BATS_TEST_TMPDIR/control.sock" status
	code 69
	has "nobody answers on"
}

@test "no permission: 77, who you are and which group" {
	[ "$(id -u)" -eq 0 ] || skip "needs root, to be nobody"
	command -v setpriv >/dev/null || skip "no setpriv"
	dir=$(mktemp -d /tmp/terrace-cli.XXXXXX)
	chmod 755 "$dir"
	cp "$TERRACECTL" "$dir/terracectl"
	mkdir -m 700 "$dir/run"
	run setpriv --reuid=65534 --regid=65534 --clear-groups "$dir/terracectl" --dir "$dir" stop
	rm -r "$dir"
	code 77
	has "permission denied on $dir/run/control.sock (TR-E-PERM)"
	has "Changing commands need group 'terrace-admin'"
	has "sudo adduser"
}

@test "reading falls back to the status socket" {
	dir=$BATS_TEST_TMPDIR/half
	mkdir -p "$dir/run"
	ln -s "$BATS_FILE_TMPDIR/plain/run/status.sock" "$dir/run/status.sock"
	run t --dir "$dir" lag
	code 0
	run t --dir "$dir" stop
	code 69
}

@test "a changing command on the status socket: 77" {
	run t -S "$BATS_FILE_TMPDIR/plain/run/status.sock" stop
	code 77
	has "only reads"
	run t -S "$BATS_FILE_TMPDIR/plain/run/status.sock" status
	code 0
}

@test "TERRACE_SOCKET names the daemon" {
	SOCKET_OF=$BATS_FILE_TMPDIR/plain/run/control.sock run t lag
	code 0
}

@test "unknown record: 66" {
	run on plain record show ffffffff
	code 66
	has "no such record (TR-E-NOREC)"
}

@test "an ambiguous id: 66" {
	run on plain record show 01
	code 66
	has "TR-E-AMBIGUOUS"
}

@test "unknown peer: 66, with a guess" {
	run on plain queue leaf-tianlim
	code 66
	has "no such peer (TR-E-NOPEER)"
	has "Did you mean leaf-tianlin?"
}

@test "unknown unit: 66" {
	run on plain record list --owner 999
	code 66
	has "TR-E-NOUNIT"
}

@test "a step that is not legal: 65, field and next steps" {
	run on plain record put source=x source_id=1 status=closed
	code 65
	has "TR-E-STEP"
	has "Field: status"
	has "next: filed"
}

@test "no authority: 77" {
	run on plain directive ack eeeeeeee
	code 77
	has "TR-E-AUTH"
}

@test "more values came in meanwhile: 1" {
	run on plain conflict resolve 0193a7c2.status --keep Z
	code 1
}

@test "another protocol version: 76, which ones" {
	run on old status
	code 76
	has "speaks protocol 2 to 3, this tool 1 (TR-E-PROTO)"
}

@test "something else answers: 76" {
	run on garbage status
	code 76
}

@test "no answer in time: 75" {
	run on silent status -t 1
	code 75
	has "did not answer in time (TR-E-TIMEOUT)"
}

@test "a daemon that hangs up: 69" {
	run on closes status
	code 69
	has "closed the connection"
}

@test "Ctrl-C: 130" {
	run python3 - "$TERRACECTL" "$BATS_FILE_TMPDIR/silent" <<'PY'
import os, signal, subprocess, sys
p = subprocess.Popen([sys.argv[1], "--dir", sys.argv[2], "status"])
def is_connected():
    """Then its handlers are there."""
    try:
        folder = f"/proc/{p.pid}/fd"
        return any("socket" in os.readlink(f"{folder}/{n}") for n in os.listdir(folder) if int(n) > 2)
    except FileNotFoundError:
        return False
while not is_connected():
    pass
p.send_signal(signal.SIGINT)
sys.exit(p.wait())
PY
	code 130
}

@test "unknown command: 64, did you mean" {
	run t statsu
	code 64
	has "Did you mean 'status'?"
	run t record showw
	code 64
	has "Did you mean 'record show'?"
	run t directive
	code 64
	has "goes with: send, list"
	run t xyzzy
	code 64
	has "Try: terracectl help"
}

@test "unknown option: 64, did you mean" {
	run t status --jsno
	code 64
	has "Did you mean '--json'?"
	run t record list --keep A
	code 64
	has "'record list' has no option '--keep'"
	run t status -X
	code 64
}

@test "missing and surplus arguments: 64" {
	run t record show
	code 64
	has "'record show' needs: ID"
	run t lag now
	code 64
	run t record show --history=yes x
	code 64
	run t -S
	code 64
	has "needs a value"
}

@test "bad values: 64" {
	run t -o xml status
	code 64
	run t -t soon status
	code 64
	run t -w0 status
	code 64
	run t --color=blue status
	code 64
	run on plain record list --since yesterday-ish
	code 64
	has "is no time"
	run on plain invite x --expires soon
	code 64
	run on plain directive progress 0193b000 --percent 101
	code 64
	run on plain conflict resolve 0193a7c2.status
	code 64
	run on plain directive send --title x
	code 64
	run on plain record put
	code 64
	run on plain bundle export
	code 64
	run t init 110101
	code 64
	run t completion tcsh
	code 64
	run t -H -oProxyCommand=x status
	code 64
}

@test "a socket path that is too long: 64" {
	run t -S "/tmp/$(printf 'x%.0s' {1..200})" status
	code 64
	has "too long"
}

@test "bad files: 66 and 65" {
	run on plain record put /nonexistent/file
	code 66
	run on plain import /nonexistent/file
	code 66
	echo 'no json' >"$BATS_TEST_TMPDIR/x.json"
	run on plain record put "$BATS_TEST_TMPDIR/x.json"
	code 65
	has "not JSON, line 1"
	run on plain import "$BATS_TEST_TMPDIR/x.json" --encoding klingon
	code 64
	run on plain import "$BATS_TEST_TMPDIR/x.json" --map "$BATS_TEST_TMPDIR/x.json"
	code 65
}

@test "an answer that cannot be written: 74" {
	[ -e /dev/full ] || skip "no /dev/full"
	run bash -c "'$TERRACECTL' --dir '$BATS_FILE_TMPDIR/plain' lag >/dev/full"
	code 74
	run bash -c "'$TERRACECTL' --dir '$BATS_FILE_TMPDIR/plain' export >/dev/full"
	code 74
}
