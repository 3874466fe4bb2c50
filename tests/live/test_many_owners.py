# SPDX-License-Identifier: GPL-2.0-only
"""Ten thousand short connections over fifty cgroups, as fast as processes can be made: each record
has the pid, the name and the cgroup that the process itself wrote down, and nothing is lost."""
import collections
import os
import sys

import harness
import match
from base import Process, compile_c, temp_dir, wait_until

CGROUPS, EACH = 50, 200
AT_ONCE = 4
MOMENTS = 1000
Done = collections.namedtuple('Done', 'end number pid comm port')


class Many:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = compile_c(cls, 'crowd')

    def setUp(self):
        super().setUp()
        self.servers = []
        for mode in ('keep', 'fork') * 2:
            group = harness.Cgroup(self, 'server')
            port_file = temp_dir(self) + '/port'
            process = Process(self, [self.program, 'serve', mode, port_file], group)
            wait_until('port of a server', lambda: os.path.exists(port_file))
            with open(port_file) as f:
                self.servers.append((group, process, f.read()))
        self.ports = [port for _, _, port in self.servers]
        self.wants = []

    @staticmethod
    def done(process):
        for line in process.stdout().splitlines():
            end, number, pid, comm, port = line.split()
            yield Done(end, int(number), int(pid), comm, int(port))

    def want(self, done, path, cgroup_id=None):
        side = {'c': 'client', 's': 'server'}[done.end]
        want = {'side': side, 'url.original': '/%s/%d' % (self.tag, done.number),
                'process.pid': done.pid, 'process.executable.name': done.comm,
                'client.port': done.port, 'linux.cgroup.path': path, 'flags': [],
                'http.response.status_code': 200}
        if cgroup_id:
            want['linux.cgroup.id'] = cgroup_id
        self.wants.append(want)

    def crowd(self, number, group, count, move=False):
        argv = ['move', group.dir] if move else ['call']
        return Process(self, [self.program] + argv + [
            self.tag, 'c%d' % number, number * count, count] + self.ports, group)

    def run_crowds(self, cgroups, count, ended, **kw):
        """AT_ONCE crowds at a time, each in a cgroup of its own; calls ended() for each."""
        at_work, left = [], list(enumerate(cgroups))
        while left or at_work:
            while left and len(at_work) < AT_ONCE:
                number, group = left.pop(0)
                at_work.append((group, self.crowd(number, group, count, **kw)))
            group, process = at_work.pop(0)
            process.succeed(60)
            ended(group, process)

    def check(self, tracer, count):
        records = tracer.stop()
        for group, process, _ in self.servers:
            for done in self.done(process):
                self.want(done, group.path, group.id)
        self.assertEqual(len(self.wants), 2 * count)
        match.check(self, tracer, records, self.wants, [int(port) for port in self.ports])
        for key, value in tracer.summary.items():
            if 'lost' in key:
                self.assertFalse(value, (key, tracer.summary))

    def call_and_remove(self, remove):
        def ended(group, process):
            for done in self.done(process):
                self.want(done, group.path, group.id)
            if remove:
                group.remove()

        tracer = self.trace()
        self.run_crowds([harness.Cgroup(self, 'c') for _ in range(CGROUPS)], EACH, ended)
        self.check(tracer, CGROUPS * EACH)

    def test_ten_thousand(self):
        self.call_and_remove(False)

    def test_ten_thousand_in_cgroups_that_go(self):
        """Each cgroup is removed as soon as its last process has ended."""
        self.call_and_remove(True)

    def test_a_cgroup_for_each(self):
        """Each client is in a cgroup of its own, which is there for as long as it is."""
        def ended(group, process):
            for done in self.done(process):
                self.want(done, group.path + '/' + done.comm)

        tracer = self.trace()
        self.run_crowds([harness.Cgroup(self, 'c') for _ in range(AT_ONCE)], MOMENTS // AT_ONCE,
                        ended, move=True)
        self.check(tracer, MOMENTS)


harness.per_hook(Many, ('cgroup', 'tc'))


if __name__ == '__main__':
    sys.exit('run tests/run live/test_many_owners')
