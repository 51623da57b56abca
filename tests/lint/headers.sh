#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# headers -- every header compiles alone.
set -uo pipefail
: "${B:=build/release}" "${CC:=gcc}" "${PKG_CFLAGS:=}"
rc=0
for header in proto/*.h replication/*.h daemon/*.h admin/*.h; do
	[ -e "$header" ] || continue
	gnu=
	case $header in daemon/* | admin/*) gnu=-D_GNU_SOURCE ;; esac
	# shellcheck disable=SC2086 # flags are words, and so is a compiler behind ccache
	if ! printf '#include "%s"\nextern int lint_unit;\n' "$header" |
		$CC -std=c17 -Wall -Wextra -Wpedantic -Werror $gnu $PKG_CFLAGS -I. "-I$B" -x c -fsyntax-only -; then
		echo "$header does not compile alone"
		rc=1
	fi
done
exit $rc
