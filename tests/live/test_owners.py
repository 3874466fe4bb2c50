# SPDX-License-Identifier: GPL-2.0-only
"""Whose socket is it: servers that accept in one task and read in another, whose listener somebody
else made, or whose connections change hands. The owner is who reads, in the cgroup that it is in.
"""
import json
import os
import sys
import unittest

import harness
import match
from base import PYTHON, Process, temp_dir, wait_until

WORKERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'workers.py')


class Workers:
    """A server of workers.py. Its workers are in `cgroup`, who makes the listener in `born`; what
    they execute has the comm `renamed`.

    program: another server, which takes the same arguments; wrap, netns: what it runs in."""

    comm = os.path.basename(PYTHON)
    renamed = 'other-python'

    def __init__(self, test, mode, cgroup, born=None, program=(PYTHON, WORKERS), wrap=(),
                 netns=None):
        self.dir = temp_dir(test)
        self.cgroup = cgroup
        self.exec_as = os.path.join(self.dir, self.renamed)
        os.symlink(PYTHON, self.exec_as)
        argv = list(wrap) + list(program) + [mode, '--log', self.dir + '/log',
                                             '--port-file', self.dir + '/port']
        if program[0] == PYTHON:
            argv += ['--exec-as', self.exec_as]
        if born:
            argv += ['--worker-cgroup', cgroup.procs]
        self.process = Process(test, argv, born or cgroup, netns)
        self.port = int(wait_until('port of the server, ' + mode, self._read_port))

    def _read_port(self):
        if self.process.proc.poll() == 77:
            raise unittest.SkipTest(self.process.stderr().strip())
        if self.process.proc.poll() is not None:
            raise AssertionError('the server ended: ' + self.process.stderr())
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


class Base:
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

    def serve(self, mode, each=3, apart=False, **kw):
        server = Workers(self, mode, self.far, self.near if apart else None, **kw)
        tracer = self.trace()
        rows = harness.fetch(self, self.plans(server, 6, each), cgroup=self.cgroup)
        return self.hold(server, tracer, rows)


class Common(Base):
    """What every source of owners has to get right."""

    def test_pool_of_threads(self):
        """One thread accepts and polls, the others read a request each."""
        log = self.serve('pool', each=5)
        self.assertGreater(len({row['tid'] for row in log}), 1)
        self.assertEqual({row['comm'][:5] for row in log}, {'pool-'})

    def test_executed_with_the_socket_open(self):
        """The process is the same; its name is that at the time of the request."""
        for row in self.serve('exec', apart=True):
            self.assertIn(row['comm'], (Workers.comm, Workers.renamed))

    def test_processes_in_turns(self):
        log = self.serve('turns', each=4, apart=True)
        self.assertEqual(len({row['pid'] for row in log}), 12)

    def test_exit_after_the_answer(self):
        log = self.serve('leave', each=1, apart=True)
        self.assertEqual(len({row['pid'] for row in log}), 6)

    def test_exit_with_a_full_send_queue(self):
        """Most of the answer is sent when the process has gone."""
        server = Workers(self, 'leave-full', self.far, self.near)
        plans = self.plans(server, 1, 1)
        plans[0]['exchanges'][0]['held'] = True
        tracer = self.trace()
        client = harness.Client(self, plans, cgroup=self.cgroup).ready()
        row, = server.log(1, self.tag)
        wait_until('end of the server process', lambda: row['pid'] not in self.far.pids())
        self.assertGreater(row['queued'], row['body'] / 2)
        client.go()
        self.hold(server, tracer, client.result())

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

    def test_grandchild(self):
        log = self.serve('daemon', apart=True)
        self.assertEqual(len({row['pid'] for row in log}), 6)

    def test_program_for_each_connection(self):
        """As inetd and systemd's Accept=yes do it: the program knows nothing but descriptor 0."""
        log = self.serve('inetd', apart=True)
        self.assertEqual({row['comm'] for row in log}, {Workers.renamed})
        self.assertEqual(len({row['pid'] for row in log}), 6)

    def test_program_at_the_first_connection(self):
        """As systemd's Accept=no does it: the first connections are older than the program."""
        log = self.serve('activate', apart=True)
        self.assertEqual({row['comm'] for row in log}, {Workers.renamed})

    def test_one_reads_others_answer(self):
        log = self.serve('handoff')
        self.assertEqual({row['comm'] for row in log}, {Workers.comm})

    def test_sendfile(self):
        self.serve('sendfile')

    def test_splice(self):
        self.serve('splice')

    def test_peek_by_another_thread(self):
        self.serve('recvmsg')


class HandedOver(Base):
    """A filter by name, while connections are read under one name and another."""

    def check_filter(self, mode, comm, each):
        server = Workers(self, mode, self.far, self.near if mode == 'exec' else None)
        tracer = self.trace('--comm', comm)
        rows = harness.fetch(self, self.plans(server, 6, each), cgroup=self.cgroup)
        log = [row for row in server.log(len(rows), self.tag) if row['comm'] == comm]
        self.assertTrue(0 < len(log) < len(rows))
        match.check(self, tracer, tracer.stop(), match.served(server, log))

    def test_executed(self):
        self.check_filter('exec', Workers.renamed, 5)

    def test_pool(self):
        self.check_filter('pool', 'pool-1', 20)


# A tap has no socket, and goes by the last reader's name.
harness.per_hook(HandedOver, ('cgroup', 'tc'))


class Uring(Base):
    """Both ends go through io_uring. Workers of the kernel (iou-wrk, iou-sqp) have names of their
    own, which nobody knows; they are threads of the process, in its cgroup, and go by its name."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = harness.compile_c(cls, 'uring')

    def exchange(self, mode):
        server = Workers(self, mode, self.far, program=(self.program, 'serve'))
        server.comm = 'uring'
        tracer = self.trace()
        clients = [Process(self, [self.program, 'fetch', mode, server.port] + [
            '/%s/%s' % (self.tag, harness.unique('n')) for _ in range(3)], self.cgroup)
            for _ in range(4)]
        rows = [json.loads(row) for one in clients for row in one.succeed().splitlines()]
        self.assertEqual(len(rows), 12)
        records = tracer.stop()
        wants = match.served(server, server.log(12, self.tag))
        wants += match.sent(clients[0], rows, 'uring')
        match.check(self, tracer, records, wants, (server.port,))

    def test_plain(self):
        self.exchange('plain')

    def test_worker_threads(self):
        self.exchange('async')

    def test_polling_thread(self):
        self.exchange('sqpoll')


class Old(Base):
    """Sockets older than the tracer, in another network namespace; and in a pid namespace, as in a
    container: the pid is the host's, process.vpid the one inside."""

    INSIDE = ('unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--')

    def check_older(self, mode, wrap=()):
        netns = harness.Netns(self)
        server = Workers(self, mode, self.far, wrap=wrap, netns=netns)
        plans = self.plans(server, 2, 3)
        for plan in plans:
            plan['thread'] = 0
        for one in plans[0]['exchanges'][1], plans[1]['exchanges'][0]:
            one['wait'] = True
        client = harness.Client(self, plans, self.cgroup, netns, wrap)
        client.ready()
        tracer = self.trace(netns=netns)
        client.go()
        wait_until('second connection', lambda: client.stdout().count('waiting') == 2)
        client.go()
        old = plans[0]['exchanges'][0]['path']
        rows = [row for row in client.result() if row['path'] != old]
        log = [row for row in server.log(6, self.tag) if row['uri'] != old]
        self.assertEqual((len(rows), len(log)), (5, 5))
        return server, client, tracer, rows, log

    def flags_of(self, wants, plans_port):
        """The first connection was there before."""
        for want in wants:
            want['flags'] = ['midstream'] if want['client.port'] == plans_port else []
        return wants

    def test_another_network_namespace(self):
        server, client, tracer, rows, log = self.check_older('prefork')
        wants = match.served(server, log) + match.sent(client, rows, Workers.comm)
        match.check(self, tracer, tracer.stop(), self.flags_of(wants, rows[0]['port']),
                    (server.port,))

    def test_pid_namespace(self):
        """Both ends are there in namespaces of their own, and stay until the tracer has ended."""
        server, client, tracer, rows, log = self.check_older('recvmsg', self.INSIDE)
        records = tracer.stop()
        server_pid, = harness.children_of(server.process.pid)
        wants = match.served(server, log) + match.sent(client, rows, Workers.comm)
        for want in self.flags_of(wants, rows[0]['port']):
            want['process.vpid'] = want.pop('process.pid')
            del want['thread.id']  # counted in the namespace
            if want['side'] == 'server':
                want['process.pid'] = server_pid
        match.check(self, tracer, records, wants, (server.port,))
        pids = {r['process.pid'] for r in match.mine(records, self.tag) if r['side'] == 'client'}
        self.assertEqual(len(pids), 1)
        self.assertNotIn(1, pids)


@harness.per_hook
class IoUring(Uring):
    pass


@harness.per_hook
class Older(Old):
    pass


class WithoutBtf:
    """The tracer does not find BTF in the kernel, and falls back on other tracepoints and /proc."""

    def trace(self, *options, **kw):
        harness.need('unshare')
        tracer = super().trace(*options, wrap=harness.HIDE_BTF, **kw)
        tracer.wait_for_note('owners come from %s tracepoints: no BTF' % self.source)
        return tracer


@harness.per_hook
class OwnersWithoutBtf(WithoutBtf, Common):
    source = 'classic'


class BtfFile(WithoutBtf):
    """It is given the kernel's BTF as a file."""

    source = 'raw'

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.btf = harness.kernel_btf(cls)

    def trace(self, *options, **kw):
        return super().trace('--btf', self.btf, *options, **kw)


@harness.per_hook
class OwnersWithBtfFile(BtfFile, Common):
    pass


class NoBtfFile(unittest.TestCase):
    """--btf of what is none: one sentence, and nothing is traced."""

    def check_refused(self, path, why):
        harness.need()
        done = harness.run(harness.HTTPLAT, '--btf', path, '-d', '1ms', check=False)
        self.assertEqual((done.returncode, done.stdout), (2, ''))
        self.assertIn(why, done.stderr)
        self.assertEqual(done.stderr.count('\n'), 1, done.stderr)

    def test_refused(self):
        self.check_refused('/no/such/file', 'No such file')
        self.check_refused(__file__, 'is no BTF')
        self.check_refused(PYTHON, 'is no BTF')  # ELF, without it

    def test_check_says_what_it_would_do(self):
        harness.need('unshare')
        harness.kernel_btf(self)
        for wrap, want in ((), r'ok +btf '), (harness.HIDE_BTF, r'warn +btf +no BTF: give --btf FILE'):
            out = harness.run(*wrap, harness.HTTPLAT, 'check').stdout
            self.assertRegex(out, '(?m)^' + want)
            self.assertRegex(out, r'(?m)^ok +raw tracepoint ')


@harness.per_hook
class OlderWithBtfFile(BtfFile, Old):
    pass


@harness.per_hook
class IoUringWithBtfFile(BtfFile, Uring):
    pass


if __name__ == '__main__':
    sys.exit('run tests/run live/test_owners')
