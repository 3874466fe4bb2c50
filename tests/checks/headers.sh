#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Every source file names its licence first, and every header can be included alone.
set -eu
cd "$(dirname "$0")/../.."
bad=0

for f in $(git ls-files '*.c' '*.h' '*.py' '*.sh' Makefile tools tests 2>/dev/null | sort -u); do
	[ -f "$f" ] || continue
	case $f in
	*.c | *.h | *.py | *.sh | Makefile | tools/* | tests/run | tests/vm/*) ;;
	*) continue ;;
	esac
	head -n 2 "$f" | grep -q 'SPDX-License-Identifier: GPL-2.0-only' || {
		echo "$f: the first line names no licence"
		bad=1
	}
done

deps=${HTTPLAT_DEPS:-/usr/local/lib/httplat-deps}/usr/include
for f in user/*.h user/*/*.h bpf/event.h; do
	echo "#include \"$f\"" | "${CC:-cc}" -std=gnu11 -D_GNU_SOURCE -I. -Iuser -I"${BUILD:-build}/bpf" \
		-isystem "$deps" -fsyntax-only -xc - || {
		echo "$f: cannot be included alone"
		bad=1
	}
done
exit $bad
