#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# lint -- no text without its Chinese: a missing or fuzzy string fails.
set -euo pipefail
cd "$(dirname "$0")/.."
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
po/extract.sh "$tmp/terrace.pot"
rc=0
for catalogue in po/*.po; do
	msgfmt --check -o /dev/null "$catalogue" || rc=1
	msgmerge --quiet --no-fuzzy-matching -o "$tmp/merged.po" "$catalogue" "$tmp/terrace.pot"
	msgattrib --untranslated --no-obsolete -o "$tmp/missing.po" "$tmp/merged.po"
	msgattrib --only-fuzzy --no-obsolete -o "$tmp/fuzzy.po" "$tmp/merged.po"
	for list in missing fuzzy; do
		if grep -q '^msgid "..*"\|^msgid ""$' "$tmp/$list.po" 2>/dev/null && [ -s "$tmp/$list.po" ]; then
			# The header alone is no text.
			count=$(msgattrib --no-obsolete "$tmp/$list.po" | grep -c '^msgid ' || true)
			if [ "$count" -gt 1 ]; then
				echo "$catalogue: $((count - 1)) $list; make po-update, then fill them in:"
				grep -A3 '^msgid' "$tmp/$list.po" | grep -v '^msgid ""$' | sed -n '1,60p'
				rc=1
			fi
		fi
	done
done
exit $rc
