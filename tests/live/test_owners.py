# SPDX-License-Identifier: GPL-2.0-only
"""Whose socket is it: servers that accept in one task and read in another, whose listener somebody
else made, or whose connections change hands. The owner is who reads, in the cgroup that it is in."""
import json
import os
import sys

import harness
import match
from base import PYTHON, Process, temp_dir, wait_until

WORKERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'workers.py')


class Workers:
    """A server of workers.py. Its workers are in `cgroup`, who makes the listener in `born`."""

    comm = os.path.basename(PYTHON)

    def __init__(self, test, mode, cgroup, born=None):
        self.dir = temp_dir(test)
        self.cgroup = cgroup
        argv = [PYTHON, WORKERS, mode, '--log', self.dir + '/log',
                '--port-file', self.dir + '/port']
        if born:
            argv += ['--worker-cgroup', cgroup.procs]
        self.process = Process(test, argv, born or cgroup)
        self.port = int(wait_until('port of workers.py ' + mode, self._read_port))

    def _read_port(self):
        if self.process.proc.poll() is not None:
            raise AssertionError('workers.py ended: ' + self.process.stderr())
        try:
            with open(self.dir + '/port') as f:
                return f.read()
        except FileNotFoundError:
            return None

    def log(self, count, tag):
        def rows():
            try:
                with open(self.dir + '/log') as f:
                    got = [json.loads(row) for row in f if tag in row and row.endswith('\n')]
            except FileNotFoundError:
                got = []
            return got if len(got) >= count else None
        return wait_until('%d lines with %s in the log' % (count, tag), rows)


class Common:
    def setUp(self):
        super().setUp()
        self.cgroup = harness.Cgroup(self, 'client')
        self.near, self.far = harness.Cgroup(self, 'server'), harness.Cgroup(self, 'worker')

    def plans(self, server, connections, each, **more):
        paths = [['/f/25/%s/%s' % (self.tag, harness.unique('n')) for _ in range(each)]
                 for _ in range(connections)]
        return [dict({'host': '127.0.0.1', 'port': server.port, 'thread': n % 2,
                      'exchanges': [{'path': path} for path in mine]}, **more)
                for n, mine in enumerate(paths)]

    def hold(self, server, tracer, rows, **more):
        records = tracer.stop()
        log = server.log(len(rows), self.tag)
        match.check(self, tracer, records,
                    match.served(server, log, **more) + match.sent(self, rows, Workers.comm),
                    (server.port,))
        return log

    def serve(self, mode, each=3, apart=False):
        server = Workers(self, mode, self.far, self.near if apart else None)
        tracer = self.trace()
        rows = harness.fetch(self, self.plans(server, 6, each), cgroup=self.cgroup)
        return self.hold(server, tracer, rows)

    def test_forked_for_each_connection(self):
        log = self.serve('fork', apart=True)
        self.assertEqual(len({row['pid'] for row in log}), 6)

    def test_preforked(self):
        self.serve('prefork', apart=True)

    def test_another_thread_for_each_request(self):
        log = self.serve('relay', each=4)
        self.assertEqual(len({row['tid'] for row in log}), 12)

    def test_filter_by_the_readers_cgroup(self):
        """Asked for by cgroup, a server is found by who reads, not only by who made the socket."""
        server = Workers(self, 'prefork', self.far, self.near)
        for group in self.far, self.near:
            tracer = self.trace('-g', group.path)
            rows = harness.fetch(self, self.plans(server, 3, 2), cgroup=self.cgroup)
            log = server.log(len(rows), self.tag)
            records = [r for r in tracer.stop() if self.tag in r.get('url.original', '')]
            self.assertFalse([r for r in records if r['side'] != 'server'])
            paths = {row['path'] for row in rows}
            if group is self.far or self.hook != 'socket':
                wants = match.served(server, [row for row in log if row['uri'] in paths])
                match.check(self, tracer, records, wants, (server.port,))

    def test_open_before_the_start(self):
        """Named by the iterator, or /proc: the process, until another thread reads."""
        server = Workers(self, 'pass', self.far, self.near)
        plan = self.plans(server, 1, 3)
        plan[0]['exchanges'][1]['wait'] = True
        client = harness.Client(self, plan, cgroup=self.cgroup).ready()
        tracer = self.trace()
        client.go()
        rows = [row for row in client.result() if not row['path'].endswith(
            plan[0]['exchanges'][0]['path'])]
        records = tracer.stop()
        log = [row for row in server.log(3, self.tag)
               if not row['uri'].endswith(plan[0]['exchanges'][0]['path'])]
        self.assertEqual(len(rows), 2)
        self.assertEqual(len(log), 2)
        match.check(self, tracer, records,
                    match.served(server, log, flags=['midstream'])
                    + match.sent(self, rows, Workers.comm, flags=['midstream']), (server.port,))


@harness.per_hook
class Owners(Common):
    def test_reuseport(self):
        self.serve('reuseport', apart=True)

    def test_passed_descriptor(self):
        self.serve('pass', apart=True)

    def test_splice(self):
        self.serve('splice')

    def test_peek_by_another_thread(self):
        self.serve('recvmsg')


@harness.per_hook
class OwnersWithoutBtf(Common):
    """The tracer does not find BTF, and falls back on classic tracepoints and /proc."""

    HIDE = ('unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', 'sh')

    def trace(self, *options, **kw):
        harness.need('unshare')
        tracer = super().trace(*options, wrap=self.HIDE, **kw)
        self.assertIn('no BTF', tracer.stderr())
        return tracer


if __name__ == '__main__':
    sys.exit('run tests/run live/test_owners')
