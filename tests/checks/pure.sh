#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# The pure middle (user/core) touches no clock, no file, no kernel: it includes nothing but its own
# headers, plain C ones and llhttp's, and its archive asks for nothing but memory, strings and llhttp.
set -eu
cd "$(dirname "$0")/../.."
build=${BUILD:-build}
bad=0

allowed_include='<(assert|ctype|errno|inttypes|limits|stdbool|stddef|stdint|stdio|stdlib|string|llhttp)\.h>|"[a-z0-9_]+\.h"|"\.\./core/[a-z0-9_]+\.h"|<(linux/types|netinet/in|sys/queue)\.h>'
for f in user/core/*.[ch]; do
	sed -n 's/^[ \t]*#[ \t]*include[ \t]*\([<"][^>"]*[>"]\).*/\1/p' "$f" |
		grep -vxE "$allowed_include" | sed "s|^|$f includes |" || :
done >"$build/pure.txt"

# What the objects want and none of them has.
nm -A --defined-only "$build/libcore.a" | awk '{print $NF}' | sort -u >"$build/pure.defined"
nm -u "$build/libcore.a" | awk '$1 == "U" {print $2}' | sort -u |
	comm -23 - "$build/pure.defined" |
	grep -vxE 'llhttp_[a-z_]+|mem[a-z]+|str(len|nlen|cmp|ncmp|casecmp|ncasecmp|chr|rchr|str|spn|cspn|toul|toull|tol|toll)|malloc|calloc|realloc|reallocarray|free|qsort|bsearch|abort|v?snprintf|__ctype_[a-z_]+_loc|__v?snprintf_chk|__mem[a-z]+_chk|__stack_chk_fail|__assert_fail|_GLOBAL_OFFSET_TABLE_' |
	sed "s|^|libcore.a needs |" >>"$build/pure.txt" || :

if [ -s "$build/pure.txt" ]; then
	cat "$build/pure.txt"
	bad=1
fi
exit $bad
