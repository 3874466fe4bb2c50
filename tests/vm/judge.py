# SPDX-License-Identifier: GPL-2.0-only
"""What a guest has to have said. Each function returns sentences: what is wrong; none when all is well."""
import collections

# `hook`: that of --hook; `sees`: targets of which no end, or one, is to be recorded: a function of target and side.
# `what`: for people.
Run = collections.namedtuple('Run', 'name hook what leaves_out')


def _nothing(target, side):
    return False


def _servers(target, side):
    return side == 'server'


def _ipv6(target, side):
    return target.endswith('-v6')


RUNS = (
    Run('cgroup', 'cgroup', '', _nothing),
    Run('tc', 'tc', '', _nothing),
    Run('socket', 'socket', '', _nothing),
    Run('body', 'tc', '--body', _nothing),
    Run('filter', 'cgroup', '-p --follow --uid -g', _servers),
    Run('f-cgroup', 'cgroup', '-f', _ipv6),
    Run('f-tc', 'tc', '-f -g', _ipv6),
    Run('f-socket', 'socket', '-f', _ipv6),
    Run('btf-cgroup', 'cgroup', 'no BTF, --btf', _nothing),
    Run('btf-tc', 'tc', 'no BTF, --btf', _nothing),
    Run('btf-socket', 'socket', 'no BTF, --btf', _nothing),
    Run('nobtf-cgroup', 'cgroup', 'no BTF', _nothing),
    Run('nobtf-tc', 'tc', 'no BTF', _nothing),
    Run('nobtf-socket', 'socket', 'no BTF', _nothing),
    Run('nocgroup2', 'cgroup', 'cgroup2 not mounted', _nothing),
)

# Those that are to sum bodies up in the kernel.
SUMS = {run.name for run in RUNS if run.what in ('', 'no BTF', 'no BTF, --btf', 'cgroup2 not mounted')}

# How owners are learned, by what the banner says of it.
BTF, RAW, CLASSIC, NONE = 'BTF tracepoints', 'raw tracepoints', 'classic tracepoints', 'none'


def owner_mode(guest, run):
    said = guest.banner(run.name)
    if 'tracing HTTP' not in said:
        return '-'
    for mode, words in ((NONE, 'processes are unknown'), (CLASSIC, 'owners come from classic'),
                        (RAW, 'owners come from raw')):
        if words in said:
            return mode
    return BTF


def expected_mode(kernel, run):
    given = run.name.startswith('btf')
    if not given and not run.name.startswith('nobtf'):
        return RAW if kernel.name.startswith('5.10') else BTF
    # There kernel memory is not to be read, and what classic tracepoints need, tracefs, is not to be had.
    if kernel.lockdown == 'confidentiality':
        return NONE
    return RAW if given else CLASSIC


def guest(kernel, said, rows, end):
    """The guest as a whole."""
    problems = [end] if end else []
    if not said.done:
        problems.append('the guest did not finish; its last words: %s' % ' / '.join(
            r for r in rows[-6:] if r.strip()))
    lockdown = said.facts.get('lockdown', '')
    if kernel.lockdown != 'none' and '[%s]' % kernel.lockdown not in lockdown:
        problems.append('lockdown is "%s"' % lockdown)
    return problems + said.notes


def check(kernel, said):
    """`httplat check` against what came of it: as the guest begins, without BTF, without cgroup2."""
    tracing = 'ok' if expected_mode(kernel, RUNS[0]) == BTF else 'warn'
    usual = {'tp_btf': tracing, 'iter/task_file': tracing,
             # A link goes with the process, a filter stays.
             'tcx': 'warn' if said.facts.get('left-by-kill') == '1' else 'ok',
             'cgroup2': 'ok', 'btf': 'ok', 'seccomp': 'ok',
             '--hook cgroup': 'ok', '--hook tc': 'ok', '--hook socket': 'ok'}
    hidden = {'btf': 'warn', 'tp_btf': 'warn', 'iter/task_file': 'warn'}
    return (_verdicts(said, 'check', usual) +
            _verdicts(said, 'check-nobtf', dict(usual, **hidden)) +
            _verdicts(said, 'check-nocgroup2', dict(usual, cgroup2='warn')))


def _verdicts(said, name, wanted):
    got = {}
    for row in said.files.get(name + '.out', []):
        word = row.split(None, 1)
        if len(word) == 2 and word[0] in ('ok', 'warn', 'no'):
            got.setdefault(word[1][:20].strip(), word[0])  # notes follow it
    problems = [] if said.status.get(name) == 0 else ['exit status %s' % said.status.get(name)]
    problems += ['%s: %s, expected %s' % (what, got.get(what), want) for what, want in wanted.items()
                 if got.get(what) != want]
    return [name + ': ' + problem for problem in problems]


def leavings(said):
    """What a killed tracer left is gone when the next one has ended."""
    left = said.facts.get('left-at-end')
    return [] if left == '0' else ['clsact at lo in the end: %s' % left]


def _record(run, sent, side, record):
    problems = []
    if record.get('http.response.status_code') != sent.status:
        problems.append('status %s' % record.get('http.response.status_code'))
    if sent.size is not None and record.get('http.response.body.size') != sent.size:
        problems.append('%s bytes' % record.get('http.response.body.size'))
    if record.get('latency_ns', -1) < 0:
        problems.append('no latency')
    if record.get('hook') != run.hook:
        problems.append('hook %s' % record.get('hook'))
    if record.get('flags') != []:
        problems.append('flags %s' % record.get('flags'))
    if run.name == 'body' and sent.size == 6 and record.get('response.body') != 'aGVs':
        problems.append('body %s' % record.get('response.body'))
    return ['%s, %s side: %s' % (sent.target, side, p) for p in problems]


def capture(said, run):
    """The records themselves: each request once at each end, with its status and size."""
    if run.name not in said.status:
        return ['the guest did not come this far']
    problems = [] if not said.status[run.name] else ['exit status %d' % said.status[run.name]]
    try:
        records, summary = said.objects(run.name)
    except ValueError as why:
        return problems + [str(why)]
    for sent in said.sent[run.name]:
        for side in ('client', 'server'):
            mine = [r for r in records if r.get('url.original') == sent.target and r.get('side') == side]
            if len(mine) != (0 if run.leaves_out(sent.target, side) else 1):
                problems.append('%s, %s side: %d records' % (sent.target, side, len(mine)))
            for record in mine:
                problems += _record(run, sent, side, record)
    banner = said.banner(run.name)
    if '-f' in run.what and 'note: -f' in banner:
        problems.append('-f is not applied in the kernel')
    if run.name in SUMS and (not summary.get('kernel.quiet') or 'verifier' in banner):
        problems.append('nothing was summed up')
    if summary.get('events_lost'):
        problems.append('%d events lost' % summary['events_lost'])
    return problems


def _owner(run, sent, record, mode):
    client = record.get('side') == 'client'
    want = {'process.executable.name': 'wget' if client else 'httpd'}
    if client:
        want['process.pid'] = sent.pid
    # Not told where the cgroup hook mounts its own: the client left no trace.
    if run.name != 'nocgroup2':
        want['linux.cgroup.path'] = '/vm-client' if client else '/vm-server'
    problems = ['%s is %s, expected %s' % (key, record.get(key), value)
                for key, value in want.items() if record.get(key) != value]
    if not record.get('process.pid'):
        problems.append('no pid')
    if mode == BTF and run.hook != 'socket' and not client:
        problems += ['no ' + key for key in ('queue_ns', 'app_ns') if key not in record]
    return ['%s, %s side: %s' % (sent.target, record.get('side'), p) for p in problems]


def owner(kernel, said, run):
    """Process, name and cgroup at each end, and the application's time; or, where nothing can know them, none."""
    mode = owner_mode(said, run)
    problems = []
    if mode != expected_mode(kernel, run):
        problems.append('owners come from %s, expected %s' % (mode, expected_mode(kernel, run)))
    try:
        records, _ = said.objects(run.name)
    except ValueError as why:
        return problems + [str(why)]
    seen = 0
    for sent in said.sent[run.name]:
        for record in (r for r in records if r.get('url.original') == sent.target):
            seen += 1
            if mode != NONE:
                problems += _owner(run, sent, record, mode)
            elif 'process.pid' in record:
                problems.append('%s: a pid from nowhere' % sent.target)
    return problems if seen else problems + ['no record']
