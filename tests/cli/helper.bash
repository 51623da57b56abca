# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# helper -- one fake daemon for each .bats file, and a terracectl that sees nothing of this
# machine's settings.
HERE=${BATS_TEST_DIRNAME:-tests/cli}
: "${TERRACECTL:=$HERE/../../build/release/terracectl}"
TERRACECTL=$(realpath "$TERRACECTL")

# fake NAME [MODE]: starts one in $BATS_FILE_TMPDIR/NAME and waits until it listens.
fake() {
	local dir=$BATS_FILE_TMPDIR/$1
	mkdir -p "$dir"
	python3 "$HERE/fake.py" "$dir" "${2-plain}" 3>&- &
	echo $! >"$dir/pid"
	local until=$((SECONDS + 20))
	until [ -e "$dir/ready" ]; do
		[ "$SECONDS" -lt "$until" ] || return 1
		read -r -t 0.02 _ <> <(:) || true
	done
}

stop_fakes() {
	local pid
	for pid in "$BATS_FILE_TMPDIR"/*/pid; do
		[ -e "$pid" ] && kill "$(cat "$pid")" 2>/dev/null
	done
	return 0
}

# plain environment; VARIABLES=... before the name of the function go through.
t() {
	env -i PATH="$PATH" HOME=/ TZ=Asia/Shanghai LANG="${LANG_OF-C.UTF-8}" ${COLUMNS_OF:+COLUMNS="$COLUMNS_OF"} \
		${SOCKET_OF:+TERRACE_SOCKET="$SOCKET_OF"} "$TERRACECTL" "$@"
}

# on NAME ARGS...: terracectl at that fake.
on() {
	local name=$1
	shift
	t --dir "$BATS_FILE_TMPDIR/$name" "$@"
}

# The last request that a fake got, as sorted JSON.
last_request() {
	tail -1 "$BATS_FILE_TMPDIR/$1/requests"
}

# golden FILE ARGS...: stdout and exit code of both languages at two widths.
golden() {
	local file=$1 lang width want got
	shift
	for lang in en zh_CN; do
		for width in 80 120; do
			want=$HERE/golden/$file.$lang.$width
			got=$(COLUMNS_OF=$width on plain --lang "$lang" "$@" 2>&1) && got+=$'\n[0]' || got+=$'\n['$?']'
			if [ -n "${UPDATE_GOLDEN-}" ]; then
				printf '%s\n' "$got" >"$want"
			fi
			diff -u "$want" <(printf '%s\n' "$got") || return 1
		done
	done
}

# shellcheck disable=SC2154 # output and status are set by run of bats
has() {
	[[ $output == *"$1"* ]] || {
		echo "not there: $1"
		echo "in: $output"
		return 1
	}
}

# shellcheck disable=SC2154 # set by run of bats
code() {
	[ "$status" -eq "$1" ] || {
		echo "exit $status, not $1: $output"
		return 1
	}
}
