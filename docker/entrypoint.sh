#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# entrypoint -- makes the node at the first start, then becomes terraced.
#
# TERRACE_DIR        the node's folder, in a volume; made at the first start
# TERRACE_UNIT       top node: its code; TERRACE_TITLE its title
# TERRACE_TOKEN      every other node: the token itself, or
# TERRACE_TOKEN_FILE a file that the parent writes (waited for)
# TERRACE_LISTEN     address for children, such as tcp://0.0.0.0:7400
# TERRACE_INVITE     parent: one "unit title" a line; a token for each is written to
# TERRACE_TOKENS     this folder, once
# TERRACE_ADDRESS    parent: the address that its children shall dial
#
# PID 1 is terraced itself (exec), so that signals reach it.
set -eu

dir=${TERRACE_DIR:-/var/lib/terrace/node}
terracectl=${TERRACECTL:-terracectl}
terraced=${TERRACED:-terraced}

say() {
	echo "entrypoint: $*" >&2
}

# wait_file FILE: a token is there when its file is; the parent renames it into place.
wait_file() {
	tries=0
	while [ ! -s "$1" ]; do
		tries=$((tries + 1))
		if [ "$tries" -gt "${TERRACE_WAIT_S:-120}" ]; then
			say "no token in $1 after $tries s"
			exit 75
		fi
		sleep 1
	done
}

make_node() {
	listen=${TERRACE_LISTEN:+--listen "$TERRACE_LISTEN"}
	if [ -n "${TERRACE_UNIT-}" ]; then
		# shellcheck disable=SC2086 # two words or none
		"$terracectl" init "$TERRACE_UNIT" --dir "$dir" --title "${TERRACE_TITLE:-$TERRACE_UNIT}" $listen
		return
	fi
	token=${TERRACE_TOKEN-}
	if [ -n "${TERRACE_TOKEN_FILE-}" ]; then
		wait_file "$TERRACE_TOKEN_FILE"
		token=$(cat "$TERRACE_TOKEN_FILE")
	fi
	if [ -z "$token" ]; then
		say "set TERRACE_UNIT (top node) or TERRACE_TOKEN or TERRACE_TOKEN_FILE"
		exit 64
	fi
	# shellcheck disable=SC2086
	"$terracectl" join "$token" --dir "$dir" $listen
	if [ -n "${TERRACE_TOKEN_FILE-}" ]; then
		rm -f "$TERRACE_TOKEN_FILE" || true
	fi
}

# Tokens for units that have none yet.  Runs beside the daemon.
invite_units() {
	tokens=${TERRACE_TOKENS:-/tokens}
	tries=0
	until "$terracectl" -S "$dir/run/control.sock" health --ready >/dev/null 2>&1; do
		tries=$((tries + 1))
		[ "$tries" -le 60 ] || exit 75
		sleep 1
	done
	echo "$TERRACE_INVITE" | while read -r unit title; do
		code=${unit##*/}
		if [ -z "$unit" ] || [ -e "$dir/invited.$code" ]; then
			continue
		fi
		if "$terracectl" -S "$dir/run/control.sock" -q invite "$unit" \
			--title "${title:-$code}" ${TERRACE_ADDRESS:+--address "$TERRACE_ADDRESS"} >"$tokens/.$code"; then
			: >"$dir/invited.$code"
			mv "$tokens/.$code" "$tokens/$code"
			say "token for $unit is in $tokens/$code"
		fi
	done
}

umask 077
if [ "${1-}" = ctl ]; then # docker run IMAGE ctl status
	shift
	exec "$terracectl" "$@"
fi
if [ ! -e "$dir/terrace.yaml" ]; then
	make_node
fi
if [ -n "${TERRACE_INVITE-}" ]; then
	invite_units &
fi
# The daemon reads TERRACE_ variables as settings; these were for this script.
unset TERRACE_UNIT TERRACE_TITLE TERRACE_TOKEN TERRACE_TOKEN_FILE TERRACE_INVITE TERRACE_TOKENS TERRACE_ADDRESS TERRACE_DIR TERRACE_WAIT_S
exec "$terraced" -c "$dir/terrace.yaml" "$@"
