#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# `make install` puts everything where programs look for it, below DESTDIR and PREFIX; `make uninstall` leaves
# nothing. The man page has no error, and the installed completions are found by their shells.
set -u
cd "$(dirname "$0")/../.." || exit 1
httplat=${HTTPLAT:-./httplat}
failed=0
top=$(mktemp -d)
trap 'rm -rf "$top"' EXIT
dest="$top/a place"
share="$dest/usr/share"

say()
{
	echo "$@" >&2
	failed=1
}

run_make()
{
	env -u MAKEFLAGS -u MAKELEVEL -u V make -s --no-print-directory "$@" \
		DESTDIR="$dest" PREFIX=/usr || say "make $* failed"
}

files()
{
	(cd "$dest" && find . ! -type d -printf '%m %P\n' | LC_ALL=C sort)
}

want=$(
	cat <<-END
		644 usr/lib/systemd/system/httplat.service
		644 usr/lib/tmpfiles.d/httplat.conf
		644 usr/share/bash-completion/completions/httplat
		644 usr/share/doc/httplat/CHANGELOG.md
		644 usr/share/doc/httplat/LICENSE
		644 usr/share/doc/httplat/README.md
	END
	printf '644 usr/share/doc/httplat/%s\n' docs/*.md
	cat <<-END
		644 usr/share/fish/vendor_completions.d/httplat.fish
		644 usr/share/man/man8/httplat.8
		644 usr/share/zsh/site-functions/_httplat
		755 usr/sbin/httplat
	END
)
umask 077
run_make install
[ "$(files)" = "$want" ] || say "installed: $(diff <(echo "$want") <(files))"
[ "$("$dest/usr/sbin/httplat" --version)" = "$("$httplat" --version)" ] || say "another program is installed"
grep -q '^ExecStart=/usr/sbin/httplat ' "$dest/usr/lib/systemd/system/httplat.service" ||
	say "the unit starts something else"
grep -r '@[A-Z]*@' "$dest/usr/lib" && say "the unit was not filled in"
# What a page refers to is there.
for page in README.md docs/OUTPUT.md docs/DESIGN.md docs/RECORDINGS.md; do
	for link in $(grep -oE '\]\([A-Za-z][A-Za-z/]*\.md\)' "$page" | tr -d '()]'); do
		[ -e "$share/doc/httplat/$(dirname "$page")/$link" ] || say "$page refers to $link"
	done
done

version=$("$httplat" --version)
grep -q "\"$version\"" "$share/man/man8/httplat.8" || say "httplat.8 is of another version than $version"
if command -v mandoc >/dev/null; then
	mandoc -Tlint -W warning "$share/man/man8/httplat.8" || say "mandoc finds fault with httplat.8"
fi
if command -v man >/dev/null; then
	warnings=$(LC_ALL=C.UTF-8 MANWIDTH=80 man --warnings -l "$share/man/man8/httplat.8" 2>&1 >/dev/null)
	[ -z "$warnings" ] || say "man: $warnings"
fi

options=$("$httplat" --help | grep -oE '^ +(-[a-zA-Z], +)?--[a-z-]+' | grep -oE -- '--[a-z-]+' | sort -u)
loader=/usr/share/bash-completion/bash_completion
if [ -e $loader ]; then
	got=$(XDG_DATA_DIRS="$share" bash --norc -c ". $loader; _completion_loader httplat; complete -p httplat" 2>&1)
	[[ $got == *_httplat* ]] || say "bash-completion does not find it: $got"
fi
if command -v zsh >/dev/null; then
	# shellcheck disable=SC2016 # zsh expands it
	got=$(HOME=$top zsh -f -c 'fpath=("$1" $fpath); autoload -Uz compinit; compinit -u -D
		autoload +X "$_comps[httplat]" && print -r -- "$_comps[httplat]"' zsh \
		"$share/zsh/site-functions" 2>&1)
	[ "$got" = _httplat ] || say "zsh does not find it: $got"
fi
if command -v fish >/dev/null; then
	# shellcheck disable=SC2016 # fish expands it
	got=$(HOME=$top PATH="$dest/usr/sbin:$PATH" fish --no-config -c 'set -g fish_complete_path $argv[1]
		complete -C "httplat stat --"; complete -C "httplat trace --"' \
		"$share/fish/vendor_completions.d" | cut -f1 | grep '^--' | sort -u)
	[ "$got" = "$options" ] || say "fish offers: $(diff <(echo "$options") <(echo "$got"))"
fi

: >"$dest/usr/sbin/another"
run_make uninstall
[ "$(files)" = "600 usr/sbin/another" ] || say "left by uninstall: $(files)"
[ ! -e "$share/doc/httplat" ] || say "left by uninstall: share/doc/httplat"
exit $failed
