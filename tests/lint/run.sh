#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# run -- every gate, one after the other; a gate prints only what is wrong.
set -u
cd "$(dirname "$0")/../.." || exit 70
: "${B:=build/release}"
export B
passed=0
failed=0

gate() {
	local name=$1 out
	shift
	if out=$("$@" 2>&1); then
		echo "  ok    $name"
		passed=$((passed + 1))
	else
		echo "  FAIL  $name"
		while IFS= read -r line; do echo "        $line"; done <<<"$out"
		failed=$((failed + 1))
	fi
}

mapfile -t scripts < <(git ls-files '*.sh' '*.bash' .ci/run 2>/dev/null || find . -name '*.sh' -not -path './build/*')
mapfile -t yamls < <(git ls-files '*.yaml' '*.yml' 2>/dev/null | grep -v '^tests/fuzz/\|^tests/.*/bad' || true)

gate pure tests/lint/pure.sh
gate includes python3 tests/lint/includes.py
gate circles python3 tests/lint/circles.py
gate headers tests/lint/headers.sh
gate prefix python3 tests/lint/prefix.py
gate size python3 tests/lint/size.py
gate spdx python3 tests/lint/spdx.py
gate words python3 tests/lint/words.py
gate shellcheck shellcheck -x -e SC2016 "${scripts[@]}"
gate codespell codespell -q 3 -L "$(paste -sd, tests/lint/words.allow)" -S '*.zst,*.csv,*.po,README.zh-CN.md,tests/cli/golden,./build,./.git,tests/fuzz,tests/*/corpus' \
	proto replication daemon admin tests docs docker README.md CHANGELOG.md Makefile
if [ ${#yamls[@]} -gt 0 ]; then
	gate yaml yamllint -s -c tests/lint/yamllint.conf "${yamls[@]}"
fi
if command -v systemd-analyze >/dev/null; then
	gate unit-file tests/lint/unit-file.sh
else
	echo "  skip  unit-file (no systemd-analyze here)"
fi
for extra in tests/lint/extra/*.sh po/lint.sh; do
	[ -x "$extra" ] && gate "$(basename "$extra" .sh)" "$extra"
done
echo "lint: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
