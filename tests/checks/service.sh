#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# systemd takes the unit without a complaint, and finds it well confined (10 would be not at all). That it also
# works so is what live/test_service tries.
set -u
cd "$(dirname "$0")/../.." || exit 1
EXPOSURE=2.5

command -v systemd-analyze >/dev/null || {
	echo "systemd is not installed"
	exit 77
}
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
chmod 755 "$top"
env -u MAKEFLAGS -u MAKELEVEL -u V make -s --no-print-directory install PREFIX="$top" || exit 1
unit="$top/lib/systemd/system/httplat.service"
said=$(systemd-analyze verify --man=no "$unit" 2>&1) || {
	echo "systemd-analyze verify: $said"
	exit 1
}
# Of a key that it doesn't know it only warns. Other units of the host are not our matter.
if grep "httplat" <<<"$said"; then
	exit 1
fi
systemd-analyze security --no-pager --offline=yes --threshold="${EXPOSURE/./}" "$unit" | tail -n 1
exit "${PIPESTATUS[0]}"
