#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# unit-file -- the systemd unit keeps its exposure below 1.5 of 10.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
# The programs need not be installed for this: any existing ones will do.
sed 's|@SBINDIR@/terraced|/bin/true|;s|@BINDIR@/terracectl|/bin/true|' docker/terraced.service >"$tmp/terraced.service"
systemd-analyze security --offline=true --threshold=15 "$tmp/terraced.service" | tail -1
systemd-analyze verify --man=no "$tmp/terraced.service"
