#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only
#
# Captures that others made, with what they hold, where such a collection lies beside this clone
# (../shared). Accepted deviations are in tests/corpus-known.tsv, with a reason each.
set -u
cd "$(dirname "$0")/../.." || exit 1
check=../shared/tools/check-corpus

if [ ! -x "$check" ] && [ ! -f "$check" ]; then
	echo "there is no collection of captures beside this clone ($check)"
	exit 77
fi
if [ -e tests/corpus-known.tsv ]; then
	exec /usr/bin/python3 "$check" --httplat "${HTTPLAT:-./httplat}" --known tests/corpus-known.tsv
fi
exec /usr/bin/python3 "$check" --httplat "${HTTPLAT:-./httplat}"
