# SPDX-License-Identifier: GPL-2.0-only
# fish completion for httplat(8). tests/checks/completions.sh holds it to --help.

set -l commands trace stat top ps check decode
set -l none "not __fish_seen_subcommand_from $commands"
set -l run "not __fish_seen_subcommand_from ps check decode"
set -l trace "not __fish_seen_subcommand_from stat top ps check decode"
set -l stat "__fish_seen_subcommand_from stat"
set -l table "__fish_seen_subcommand_from stat top"

complete -c httplat -f
complete -c httplat -n $none -a trace -d 'One line per HTTP request'
complete -c httplat -n $none -a stat -d 'A table: rate, errors, percentiles'
complete -c httplat -n $none -a top -d 'The same, live on the terminal'
complete -c httplat -n $none -a ps -d 'What could be traced now'
complete -c httplat -n $none -a check -d 'What works on this host'
complete -c httplat -n $none -a decode -d 'The fields of a TCP header'

complete -c httplat -n $run -s r -l read -rF -d 'A capture file'
complete -c httplat -n $run -s i -l interface -x -a 'any (command ls /sys/class/net)' -d 'At this interface'
complete -c httplat -n $run -l netns -x -a '(command ls /run/netns 2>/dev/null)' -d 'Of that network namespace'
complete -c httplat -n $run -l btf -rF -d 'Types of a kernel without BTF'
complete -c httplat -n $run -l hook -x -a 'auto cgroup tc socket' -d 'Where in the kernel'
complete -c httplat -n $run -s f -l filter -x -d 'pcap-filter expression'
complete -c httplat -n $run -s s -l snaplen -x -d 'Copy at most so many bytes'
complete -c httplat -n $run -l ring-size -x -d 'Room between kernel and httplat'
complete -c httplat -n $run -s p -l pid -x -a '(__fish_complete_pids)' -d 'Only this process'
complete -c httplat -n $run -l follow -d 'And its children'
complete -c httplat -n $run -l comm -x -d 'Threads of this name'
complete -c httplat -n $run -l uid -x -d 'Processes of this user'
complete -c httplat -n $run -s c -l container -x -d 'Only this container'
complete -c httplat -n $run -l pod -x -d 'Only this pod'
complete -c httplat -n $run -l unit -x -d 'Only this systemd unit'
complete -c httplat -n $run -s g -l cgroup -x -d 'Only this cgroup'
complete -c httplat -n $run -l port -x -d 'This TCP port'
complete -c httplat -n $run -l side -x -a 'client server transit' -d 'Seen as'
complete -c httplat -n $run -l remote -x -d 'Address of the other end'
complete -c httplat -n $run -s m -l method -x -a 'GET POST PUT DELETE HEAD PATCH OPTIONS CONNECT' -d 'This method'
complete -c httplat -n $run -l path -x -d 'These paths'
complete -c httplat -n $run -l host -x -d 'This Host'
complete -c httplat -n $run -l status -x -a '2xx 3xx 4xx 5xx 404 400-499' -d 'This status'
complete -c httplat -n $run -l slow -x -d 'Latency at least'
complete -c httplat -n $run -l errors -d '4xx, 5xx, resets, no response'
complete -c httplat -n $run -s d -l duration -x -d 'Stop after'
complete -c httplat -n $run -s n -l count -x -d 'Stop after so many'
complete -c httplat -n $run -l until-slow -x -d 'Stop at the first that slow'
complete -c httplat -n $run -l fail-if -x -d 'Exit with status 4 if'
complete -c httplat -n $run -s w -l write -rF -d 'Write the packets'
complete -c httplat -n $run -s C -x -d 'Size of each file'
complete -c httplat -n $run -s W -x -d 'Number of files'
complete -c httplat -n $run -l save-slow -xa '(__fish_complete_directories)' -d 'Write the packets of what is slow'
complete -c httplat -n $run -l har -rF -d 'Write an HTTP Archive'
complete -c httplat -n $run -l header -x -d 'Show this header'
complete -c httplat -n $run -l body -x -d 'Show the first bytes of each body'
complete -c httplat -n $run -l no-redact -d 'Show credentials'
complete -c httplat -n $run -l gap-timeout -x -d 'Wait for missing bytes'
complete -c httplat -n $run -l idle-timeout -x -d 'Forget silent connections'
complete -c httplat -n $run -l max-memory -x -d 'What connections may hold'
complete -c httplat -n $run -l help -d 'Print help'
complete -c httplat -n $run -l version -d 'Print the version'

complete -c httplat -n $trace -s o -l output -x -a 'text wide json' -d Format
complete -c httplat -n $trace -l explain -d 'Draw where the time went'
complete -c httplat -n $trace -l joined -d 'One line for both ends'
complete -c httplat -n $trace -s v -l verbose -d 'Every segment'

complete -c httplat -n $stat -s o -l output -x -a 'text json csv' -d Format
complete -c httplat -n $table -l by -x -a 'process pid container pod unit cgroup host route path method status remote port side' -d 'A row for each'
complete -c httplat -n $table -l time -x -a 'latency ttfb total connect request queue app hol response ack read' -d 'Percentiles of'
complete -c httplat -n $table -l sort -x -a 'count errors p50 p90 p99 p999 max mean bytes rate in out key' -d 'By'
complete -c httplat -n $table -l interval -x -d 'How often'
complete -c httplat -n $stat -l histogram -d 'Draw the times'
complete -c httplat -n $stat -l heat -d 'A row each second'
