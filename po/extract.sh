#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# extract -- every text that people see, of both programs, as a gettext template.
#
# usage: po/extract.sh OUTPUT.pot
# In the .def tables the message stands at a fixed place of X(...): the fifth in errors.def, the
# fourth in trace.def.  The English text is the key.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$1
mkdir -p "$(dirname "$out")"
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT

common=(--from-code=UTF-8 --language=C --add-location=file --package-name=terrace --msgid-bugs-address=terrace --foreign-user)
mapfile -t sources < <(printf '%s\n' admin/*.c admin/*.def daemon/*.c | sort)
xgettext "${common[@]}" --keyword=_ --keyword=N_ --keyword=ngettext:1,2 -o "$tmp/code.pot" "${sources[@]}"
xgettext "${common[@]}" --keyword --keyword=X:5 -o "$tmp/errors.pot" proto/errors.def
xgettext "${common[@]}" --keyword --keyword=X:4 -o "$tmp/trace.pot" replication/trace.def
msgcat --use-first -o "$tmp/all.pot" "$tmp/code.pot" "$tmp/errors.pot" "$tmp/trace.pot"
# The date would make every build another file.
sed '/^"POT-Creation-Date:/d' "$tmp/all.pot" >"$out"
