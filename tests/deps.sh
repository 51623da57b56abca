#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# deps -- the one list of Debian packages; installs what is missing.
#
# usage: tests/deps.sh [--check] build|test|all
# Exit 0 = all is there (or now is); 1 = missing and not installed; 69 = no apt here.
# Tried on fresh Debian 12 and 13 and Ubuntu 24.04.
set -euo pipefail

# To build the two programs and to run the demo.
build=(
	binutils gcc libc6-dev make pkg-config
	libev-dev libfyaml-dev libjansson-dev liblmdb-dev libprotobuf-c-dev
	libseccomp-dev libsmartcols-dev libsodium-dev libunistring-dev
	libxxhash-dev libzmq3-dev libzstd-dev
	protobuf-c-compiler gettext scdoc
)
# To run `make check` as well.
test=(
	bats codespell gcovr libcmocka-dev python3 shellcheck socat spin yamllint zstd
)

check_only=no
if [ "${1-}" = --check ]; then
	check_only=yes
	shift
fi
case ${1-all} in
build) want=("${build[@]}") ;;
test) want=("${test[@]}") ;;
all) want=("${build[@]}" "${test[@]}") ;;
*)
	echo "usage: $0 [--check] build|test|all" >&2
	exit 64
	;;
esac

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "deps: this is not a Debian or Ubuntu system (no apt). Install what tests/deps.sh lists by hand," >&2
	echo "deps: then call make with DEPS=no." >&2
	exit 69
fi

missing=()
for package in "${want[@]}"; do
	state=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
	case $state in
	"install ok installed") ;;
	*)
		# pkg-config is a virtual name of pkgconf on newer releases.
		if [ "$package" = pkg-config ] && command -v pkg-config >/dev/null; then
			continue
		fi
		missing+=("$package")
		;;
	esac
done
if [ ${#missing[@]} -eq 0 ]; then
	exit 0
fi

echo "deps: missing: ${missing[*]}"
if [ $check_only = yes ]; then
	exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "deps: not root and no sudo here. As root: apt-get install ${missing[*]}" >&2
		exit 1
	fi
	as_root=(sudo)
fi
echo "deps: installing them with apt-get"
export DEBIAN_FRONTEND=noninteractive
# The index of a fresh image is often empty or old: refresh it only if needed.
install() {
	"${as_root[@]}" apt-get install -y --no-install-recommends "${missing[@]}"
}
if ! "${as_root[@]}" apt-get install -s --no-install-recommends "${missing[@]}" >/dev/null 2>&1; then
	"${as_root[@]}" apt-get update
fi
install || { "${as_root[@]}" apt-get update && install; }
