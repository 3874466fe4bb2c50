#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Under ThreadSanitizer: the cache of names with its helper thread, and the thread that watches cgroups.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}/tsan
mkdir -p "$build"

flags="-std=gnu11 -D_GNU_SOURCE -I. -Iuser -g -O1 -fsanitize=thread"
if ! echo 'int main(void){return 0;}' | ${CC:-cc} $flags -xc -o "$build/probe" - 2>/dev/null; then
	echo "the compiler has no ThreadSanitizer"
	exit 77
fi

# Where the kernel spreads addresses wider than the sanitizer expects (vm.mmap_rnd_bits), not at all.
run=
"$build/probe" 2>/dev/null || run="setarch -R"
if ! $run "$build/probe"; then
	echo "ThreadSanitizer does not run on this kernel"
	exit 77
fi

for name in names owner_cgroup; do
	${CC:-cc} $flags -o "$build/test_$name" "tests/unit/test_$name.c" \
		tests/unit/fixture_root.c user/owner/*.c user/caps.c user/diag.c user/report/escape.c user/report/buf.c -lyajl -lcmocka
	TSAN_OPTIONS=halt_on_error=1 $run "$build/test_$name"
done
