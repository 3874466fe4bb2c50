#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The static program (`make static`): under 5 MB, asks for no library and no loader, and in a file system with nothing
# else in it says what the other one says.
set -eu
cd "$(dirname "$0")/../.."
static=${HTTPLAT:-./httplat}-static
bad=0

if [ ! -x "$static" ]; then
	echo "$static is not there: run make static"
	exit 77
fi
size=$(stat -c %s "$static")
if [ "$size" -ge 5000000 ]; then
	echo "$static has $size bytes"
	bad=1
fi
if readelf -lW "$static" | grep INTERP || readelf -dW "$static" | grep NEEDED; then
	echo "$static is not static"
	bad=1
fi

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp "$static" "$root/httplat"
alone="chroot $root"
if [ "$(id -u)" != 0 ]; then
	alone="unshare -rR $root"
	if ! $alone /httplat --version >/dev/null 2>&1; then
		echo "this user may not change the root directory: run as root"
		exit 77
	fi
fi
TZ=UTC
export TZ
records=0
for seed in tests/fuzz/seeds/fuzz_capture/*; do
	cp "$seed" "$root/capture"
	"${HTTPLAT:-./httplat}" -r "$root/capture" -o wide >"$root/want" 2>/dev/null || :
	$alone /httplat -r /capture -o wide >"$root/got" 2>/dev/null || :
	if ! cmp -s "$root/want" "$root/got"; then
		echo "$seed: alone it says something else"
		bad=1
	fi
	records=$((records + $(wc -l <"$root/want")))
done
if [ "$records" = 0 ]; then
	echo "no capture gave anything to compare"
	bad=1
fi
exit $bad
