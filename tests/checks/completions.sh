#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The completions offer what --help lists, and nothing else. bash's are run; zsh's and fish's are read by their shells
# where these are installed, and their options compared.
set -u
cd "$(dirname "$0")/../.." || exit 1
httplat=${HTTPLAT:-./httplat}
failed=0

say()
{
	echo "$@" >&2
	failed=1
}

help=$("$httplat" --help)
options=$(grep -oE '^ +(-[a-zA-Z], +)?--[a-z-]+' <<<"$help" | grep -oE -- '--[a-z-]+' | sort -u)
[ "$(wc -l <<<"$options")" -gt 30 ] || say "--help lists too few options: $options"

# What bash offers for a command line; the last word is being typed.
offers()
{
	COMP_WORDS=("$@")
	COMP_CWORD=$(($# - 1))
	_httplat
	printf '%s\n' "${COMPREPLY[@]}"
}

expect()
{
	local want=$1 got
	shift
	got=$(offers "$@" | sort | tr '\n' ' ')
	[ "$got" = "$want " ] || say "'$*' offers '$got', not '$want'"
}

# shellcheck source=../../completions/httplat.bash
. completions/httplat.bash
got=$({ offers httplat trace --; offers httplat stat --; } | grep '^--' | sort -u)
[ "$got" = "$options" ] || say "bash: $(diff <(echo "$options") <(echo "$got"))"
expect "check decode ps stat top trace" httplat ''
expect "stat" httplat st
expect "top trace" httplat t
expect "client" httplat --side c
expect "client" httplat --side = c
expect "csv json text" httplat stat -o ''
expect "json text wide" httplat -o ''
expect "json text" httplat ps -o ''
expect "route,path route,pid route,pod route,port route,process" httplat stat --by route,p
expect "--interface --interval" httplat top --inter
expect "" httplat top --outp
expect "--header" httplat top --hea
got=$(offers httplat -i '')
grep -qx any <<<"$got" && grep -qx lo <<<"$got" || say "no interfaces in '$got'"
got=$(offers httplat --duration '')
[ -z "$got" ] || say "--duration offers '$got'"

# Their options, compared by name.
zsh_options=$(grep -oE -- '--[a-z-]+' completions/_httplat | sort -u)
[ "$zsh_options" = "$options" ] || say "zsh: $(diff <(echo "$options") <(echo "$zsh_options"))"
fish_options=$(grep '^complete' completions/httplat.fish | grep -oE -- ' -l [a-z-]+' | sed 's/ -l /--/' | sort -u)
[ "$fish_options" = "$options" ] || say "fish: $(diff <(echo "$options") <(echo "$fish_options"))"
if command -v zsh >/dev/null; then
	zsh -n completions/_httplat || say "zsh does not read completions/_httplat"
fi
if command -v fish >/dev/null; then
	fish -n completions/httplat.fish || say "fish does not read completions/httplat.fish"
fi
exit $failed
