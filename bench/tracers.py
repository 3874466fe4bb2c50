# SPDX-License-Identifier: GPL-2.0-only
"""What is measured, by name. HOOK is cgroup, tc or socket.

none            nothing
empty-HOOK      BPF programs that do nothing, at the same places: the floor of any tracer there
httplat-HOOK    httplat -o json, into a file; stat-HOOK: httplat stat --by cgroup
httplat-cgroup-gN   the same with N cgroups named (-g), the workload's among them; g0: another one only
also-...        any of httplat's with the other httplat of --also
tcpdump         -w into a file; tcpdump-128: with -s 128
tshark          -Y http.response -T fields -e http.time, into a file

There is nothing of bcc (bpfcc-tools) or bpftrace: what they have for TCP wants kprobes or the kernel's headers, and
nothing of it tells one HTTP transaction from another.
"""
import json
import os
import re
import signal

import accounts
from world import BIN, ROOT, SESSION, harness

HTTPLAT = os.path.abspath(os.environ.get('HTTPLAT', os.path.join(ROOT, 'httplat')))
OUT = BIN + 'out'  # what they write; bench/live --out has it elsewhere
HOOKS = ('cgroup', 'tc', 'socket')


class Tracer:
    """Nothing: what the others change. A tracer is started once per run, and is made anew for it."""

    floor = 'none'
    pid = None
    bpf = False

    def __init__(self, name):
        self.name = name

    def start(self, scope, world):
        """Returns when it is tracing."""

    def stop(self):
        """Ends it and reads what it says; it has to have caught up before."""

    def found(self, traffic):
        """Transactions of `traffic` that it recorded at the server, with their latency; None: it tells nothing of
        the kind."""

    def foreign(self, traffic):
        """The part of its work that was for the traffic of others, as far as it tells."""
        return 0

    def lost(self):
        """What it says it lost, in its own unit."""

    def notes(self):
        """The rest of what it says, for the JSON file."""
        return {}


class Program(Tracer):
    """A process; it is tracing when `ready` appears in its standard error."""

    ready = ''
    stop_signal = signal.SIGINT

    def argv(self, world):
        raise NotImplementedError

    def start(self, scope, world):
        os.makedirs(OUT, exist_ok=True)
        self.file = '%s/%s' % (OUT, self.name)
        with open(self.file, 'wb') as stdout:
            self.process = harness.Process(scope, SESSION + self.argv(world), world.tracer,
                                           world.far, stdout=stdout)
        self.pid = self.process.pid
        harness.wait_until(self.name + ' that traces', lambda: self.ready in self.process.stderr()
                           or (self.process.proc.poll() is not None and self.process.succeed()))

    def stop(self):
        self.process.send(self.stop_signal)
        status = self.process.wait(60)
        if status not in (0, -self.stop_signal):
            raise AssertionError('%s: exit status %d: %s' % (self.name, status,
                                                             self.process.stderr()[-2000:]))


class Empty(Program):
    ready = 'attached'
    bpf = True

    def __init__(self, name, hook):
        super().__init__(name)
        self.hook = hook

    def argv(self, world):
        where = harness.cgroup2_mount() if self.hook == 'cgroup' else world.device
        return [BIN + 'empty', BIN + 'empty.bpf.o', self.hook, where]


class Httplat(Program):
    """Its records in JSON."""

    ready = 'tracing HTTP'
    bpf = True
    command = ()

    def __init__(self, name, hook, binary, cgroups=None):
        super().__init__(name)
        self.hook, self.floor, self.binary, self.cgroups = hook, 'empty-' + hook, binary, cgroups
        self.summary = {}

    def start(self, scope, world):
        self.named = []
        if self.cgroups is not None:
            others = [harness.Cgroup(scope, 'other').path for _ in range(max(self.cgroups - 1, 1))]
            self.named = (others + [world.load.path])[-self.cgroups:] if self.cgroups else others
        super().start(scope, world)

    def argv(self, world):
        argv = [self.binary, *self.command, '-o', 'json', '--hook', self.hook]
        if self.hook != 'cgroup':
            argv += ['-i', world.device]
        for path in self.named:
            argv += ['-g', path]
        return argv

    def stop(self):
        super().stop()
        with open(self.file, 'rb') as f:
            f.seek(max(0, os.path.getsize(self.file) - 65536))
            last = f.read().splitlines()[-1]
        self.summary = json.loads(last).get('httplat.summary', {})

    def found(self, traffic):
        path = b'"url.path":"%s"' % traffic.path.encode()
        with open(self.file, 'rb') as f:
            return sum(b'"side":"server"' in line and path in line and b'"latency_ns":' in line
                       for line in f)

    def foreign(self, traffic):
        """The part of what it recorded that is neither of `traffic` nor of the idle connections; 0 where so much
        is lost that it can't be told."""
        if self.lost():
            return 0
        mine = 2 * (self.found(traffic) + traffic.idle)
        everything = self.summary.get('transactions', 0)
        return max(0, everything - mine) / max(everything, 1)

    def lost(self):
        return sum(self.summary.get(key, 0) for key in (
            'kernel.events_lost', 'kernel.owner_events_lost', 'kernel.read_events_lost',
            'memory.dropped', 'memory.evicted'))

    def notes(self):
        return {'summary': self.summary, 'stderr': self.process.stderr()[-2000:]}


class Stat(Httplat):
    """Its table in JSON. It counts requests without a response and responses without a request as well."""

    command = ('stat', '--by', 'cgroup')
    asked = 2  # by World.served(), while it was tracing

    def start(self, scope, world):
        self.served_by = world.load.path
        super().start(scope, world)

    def found(self, traffic):
        with open(self.file) as f:
            rows = [json.loads(line) for line in f]
        return sum(row['count'] for row in rows if row.get('side') == 'server'
                   and row.get('linux.cgroup.path') == self.served_by) - self.asked


class Tcpdump(Program):
    ready = 'listening on'

    def __init__(self, name, snap=None):
        super().__init__(name)
        self.snap = ['-s', snap] if snap else []

    def argv(self, world):
        return ['tcpdump', '-Z', 'root', '-n', '-i', world.device, *self.snap, '-w', '-', 'tcp']

    def lost(self):
        return int(re.search(r'(\d+) packets? dropped by kernel', self.process.stderr()).group(1))


class Tshark(Program):
    """Its standard error is of little use: it appears when the run is over, or not at all."""

    ready = 'Capturing on'

    def argv(self, world):
        return ['tshark', '-n', '-i', world.device, '-f', 'tcp', '-Y', 'http.response', '-T',
                'fields', '-e', 'http.time', '-e', 'tcp.srcport']

    def found(self, traffic):
        with open(self.file, 'rb') as f:
            return sum(line.endswith(b'\t80\n') for line in f)

    def lost(self):
        dropped = re.search(r'(\d+) packets? dropped', self.process.stderr())
        return int(dropped.group(1)) if dropped else 0


def tracer(name, also=None):
    """The tracer of that name, not started; None where there is none."""
    binary, plain = HTTPLAT, name
    if name.startswith('also-') and also:
        binary, plain = os.path.abspath(also), name[5:]
    match = re.match(r'(httplat|stat|empty)-(cgroup|tc|socket)(?:-g(\d+))?$', plain)
    if match and match.group(1) == 'empty' and plain == name and not match.group(3):
        return Empty(name, match.group(2))
    if match and match.group(1) != 'empty':
        kind = Httplat if match.group(1) == 'httplat' else Stat
        return kind(name, match.group(2), binary,
                    None if match.group(3) is None else int(match.group(3)))
    simple = {'none': Tracer, 'tcpdump': Tcpdump, 'tshark': Tshark,
              'tcpdump-128': lambda n: Tcpdump(n, 128)}
    return simple[name](name) if name in simple else None


def others(mine):
    """Tracers that somebody else runs, with BPF programs that run on our packets as well; `mine` is ours."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir('/proc'))):
        try:
            with open('/proc/%d/comm' % pid) as f:
                name = f.read().strip()
        except OSError:
            continue
        if name.startswith(('httplat', 'empty')) and pid != mine and accounts.program_runs(pid):
            found.append(pid)
    return found
