# SPDX-License-Identifier: GPL-2.0-only
# bash completion for httplat(8). Uses nothing but bash; tests/checks/completions.sh holds it to --help.

_httplat_words()
{
	local IFS=$'\n'
	# shellcheck disable=SC2207 # one word a line
	COMPREPLY=($(compgen -W "$1" -- "$cur"))
}

# A list with commas: what is typed before the last one stays.
_httplat_list()
{
	local before=
	[[ $cur == *,* ]] && before=${cur%,*},
	local IFS=$'\n'
	# shellcheck disable=SC2207
	COMPREPLY=($(compgen -P "$before" -W "$1" -- "${cur##*,}"))
}

# The values of an option; false: it takes none that could be told.
_httplat_value()
{
	case $1 in
	-r | --read | -w | --write | --har | --btf) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
	--save-slow) mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
	-i | --interface) _httplat_words "any"$'\n'"$(command ls /sys/class/net 2>/dev/null)" ;;
	--netns) _httplat_words "$(command ls /run/netns 2>/dev/null)" ;;
	--hook) _httplat_words $'auto\ncgroup\ntc\nsocket' ;;
	--side) _httplat_words $'client\nserver\ntransit' ;;
	-m | --method) _httplat_list $'GET\nPOST\nPUT\nDELETE\nHEAD\nPATCH\nOPTIONS\nCONNECT' ;;
	--status) _httplat_list $'2xx\n3xx\n4xx\n5xx\n404\n400-499' ;;
	-p | --pid) _httplat_words "$(cd /proc && command ls -d [1-9]* 2>/dev/null)" ;;
	-o | --output)
		case $command in
		stat) _httplat_words $'text\njson\ncsv' ;;
		trace) _httplat_words $'text\nwide\njson' ;;
		*) _httplat_words $'text\njson' ;;
		esac
		;;
	--by) _httplat_list $'process\npid\ncontainer\npod\nunit\ncgroup\nhost\nroute\npath\nmethod\nstatus\nremote\nport\nside' ;;
	--time) _httplat_words $'latency\nttfb\ntotal\nconnect\nrequest\nqueue\napp\nhol\nresponse\nack\nread' ;;
	--sort) _httplat_words $'count\nerrors\np50\np90\np99\np999\nmax\nmean\nbytes\nrate\nin\nout\nkey' ;;
	-f | --filter | -s | --snaplen | --ring-size | --comm | --uid | -c | --container | --pod | --unit | -g | \
		--cgroup | --port | --remote | --path | --host | --slow | -d | --duration | -n | \
		--count | --until-slow | --fail-if | --header | --body | --gap-timeout | --idle-timeout | \
		--max-memory | --interval | -C | -W) ;;
	*) return 1 ;;
	esac
}

_httplat()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command=trace i options
	local common=$'--btf\n--filter\n--hook\n--interface\n--netns\n--read\n--snaplen\n--ring-size\n--comm\n--container\n--errors\n--follow\n--cgroup\n--host\n--method\n--path\n--pod\n--port\n--pid\n--remote\n--side\n--slow\n--status\n--uid\n--unit\n--duration\n--fail-if\n--count\n--until-slow\n--gap-timeout\n--har\n--header\n--body\n--save-slow\n--write\n--idle-timeout\n--max-memory\n--no-redact\n--help\n--version'

	COMPREPLY=()
	case ${COMP_WORDS[1]} in
	trace | stat | top | ps | check | decode) ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]} ;;
	esac
	for ((i = 1; i < COMP_CWORD; i++)); do
		# A command to run, with its own completion where there is one.
		if [[ ${COMP_WORDS[i]} == -- ]]; then
			if declare -F _command_offset >/dev/null; then
				_command_offset $((i + 1))
			elif ((COMP_CWORD == i + 1)); then
				mapfile -t COMPREPLY < <(compgen -c -- "$cur")
			fi
			return
		fi
	done
	# --option=value: bash takes the '=' for a word of its own.
	if [[ $prev == = ]]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	elif [[ $cur == = ]]; then
		cur=
	fi
	_httplat_value "$prev" && return
	case $command in
	trace) options=$common$'\n--output\n--explain\n--joined\n--verbose' ;;
	stat) options=$common$'\n--output\n--by\n--heat\n--histogram\n--interval\n--sort\n--time' ;;
	top) options=$common$'\n--by\n--interval\n--sort\n--time' ;;
	ps | decode) options=$'--output\n--help' ;;
	check) options=--help ;;
	esac
	if ((COMP_CWORD == 1)) && [[ $cur != -* ]]; then
		options=$'trace\nstat\ntop\nps\ncheck\ndecode'
	fi
	_httplat_words "$options"
}

complete -F _httplat httplat
