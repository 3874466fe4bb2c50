# SPDX-License-Identifier: GPL-2.0-only
"""`httplat ps` against what runs: containers, units, processes, what traces them, their ports."""
import json
import os
import socket
import sys
import unittest

import harness
import match
import runtimes
from base import HTTPLAT, cgroup2_mount, need, run, temp_dir
from test_containers import Box
from test_filters import NamedCgroup


class Ps(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need('ip', 'nginx', 'curl')
        if not cgroup2_mount():
            raise unittest.SkipTest('no cgroup2 is mounted')
        cls.netns = harness.Netns(cls, 'ps')

    def setUp(self):
        self.root = temp_dir(self)

    def ps(self, *options, **kw):
        env = dict(os.environ, HTTPLAT_ROOT=self.root)
        return run(HTTPLAT, 'ps', *options, env=env, **kw)

    def rows(self, kind):
        rows = [json.loads(line) for line in self.ps('-o', 'json').stdout.splitlines()]
        return [row for row in rows if row['kind'] == kind]

    def row(self, kind, key, value):
        found = [row for row in self.rows(kind) if row.get(key) == value]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def start_box(self, kind, stem):
        workload = kind(self.root, harness.unique(stem))
        return workload, Box(self, workload, self.netns)

    def test_container_that_listens(self):
        need('runc')
        workload, box = self.start_box(runtimes.ContainerdCgroupfs, 'nginx')
        server = harness.Nginx(self, netns=self.netns, addresses=['127.0.0.1', '[::1]'],
                               wrap=box.wrap)
        box.learn()
        row = self.row('container', 'container.id', workload.id)
        for key, value in workload.names.items():
            self.assertEqual(row.get(key), value, row)
        self.assertEqual(row['linux.cgroup.path'], workload.path)
        self.assertEqual(row['pids'], sorted(box.pids.values()))
        listens = [{'address': address, 'port': server.port} for address in ('127.0.0.1', '::1')]
        self.assertEqual(sorted(row['listen'], key=str), sorted(listens, key=str))
        self.assertFalse([key for key, value in row.items() if value is None])
        # Each of nginx' processes holds the listeners.
        processes = [row for row in self.rows('process')
                     if row.get('container.id') == workload.id]
        self.assertEqual([row['process.pid'] for row in processes], sorted(box.pids.values()))
        for row in processes:
            self.assertEqual(len(row['listen']), 2)
            self.assertEqual(row['process.executable.name'], 'nginx')
            self.assertEqual(row['process.user.id'], 0)
        text = self.ps().stdout
        [line] = [line for line in text.splitlines() if line.startswith('-c ' + workload.name)]
        self.assertIn(' shop/%s-0 ' % workload.name, line)
        self.assertIn('127.0.0.1:%d' % server.port, line)
        self.assertIn('[::1]:%d' % server.port, line)
        self.assertIn(workload.id[:12], line)

    def test_what_it_names_can_be_traced(self):
        """The options that it prints are taken."""
        need('runc')
        workload, box = self.start_box(runtimes.Docker, 'web')
        server = harness.PyServer(self, wrap=box.wrap)
        box.learn()
        [line] = [line for line in self.ps().stdout.splitlines() if workload.id[:12] in line]
        option, name = line.split()[:2]
        self.assertEqual(option, '-c')
        env = dict(os.environ, HTTPLAT_ROOT=self.root)
        tag = harness.unique('id')
        tracer = harness.Tracer(self, option, name, env=env)
        self.assertNotIn('waiting', tracer.stderr())
        harness.fetch(self, {'host': '127.0.0.1', 'port': server.port,
                             'exchanges': [{'path': '/f/25/' + tag}]}, netns=self.netns)
        self.assertEqual([r['side'] for r in match.mine(tracer.stop(), tag)], ['server'])

    def test_container_without_sockets(self):
        need('runc')
        workload, box = self.start_box(runtimes.Lxc, 'idle')
        harness.Process(self, box.wrap + ['sleep', '60'])
        harness.wait_until('container', lambda: os.path.exists(
            cgroup2_mount() + workload.path + '/cgroup.procs'))
        harness.wait_until('process in it', lambda: [
            row for row in self.rows('container')
            if row.get('container.name') == workload.name])
        row = self.row('container', 'container.name', workload.name)
        self.assertEqual(row['listen'], [])
        self.assertEqual(row['connections'], 0)
        self.assertNotIn('container.id', row)

    def test_unit_and_connections(self):
        top = harness.Cgroup(self, 'top')
        name = harness.unique('unit') + '.service'
        server = harness.PyServer(self, NamedCgroup(self, top, name), self.netns)
        plan = {'host': '127.0.0.1', 'port': server.port,
                'exchanges': [{'path': '/f/25/a'}, {'path': '/f/25/b', 'wait': True}]}
        client = harness.Client(self, plan, cgroup=top, netns=self.netns).ready()
        row = self.row('unit', 'systemd.unit', name)
        self.assertEqual(row['pids'], [server.pid])
        self.assertEqual(row['listen'], [{'address': '127.0.0.1', 'port': server.port}])
        self.assertEqual(row['connections'], 1)
        row = self.row('process', 'process.pid', client.pid)
        self.assertEqual((row['listen'], row['connections']), ([], 1))
        self.assertEqual(row['linux.cgroup.path'], top.path)
        self.assertIn('--unit ' + name, self.ps().stdout)
        self.assertIn('-p %d ' % client.pid, self.ps().stdout)

    def test_hostile_names(self):
        """A container may be called anything."""
        need('runc')
        workload = runtimes.Docker(self.root, harness.unique('c'))
        state = self.root + '/var/lib/docker/containers/%s/config.v2.json' % workload.id
        with open(state, 'w') as f:
            json.dump({'Name': '/\x1b[2Jweb\n', 'Config': {'Image': 'i\u202ex'}}, f)
        server = harness.PyServer(self, wrap=Box(self, workload, self.netns).wrap)
        self.assertTrue(server.port)
        text = self.ps().stdout
        self.assertFalse([c for c in text if ord(c) < 32 and c != '\n'])
        self.assertIn('\\x1b[2Jweb\\x0a', text)
        row = self.row('container', 'container.id', workload.id)
        self.assertEqual(row['container.name'], '\x1b[2Jweb\n')

    def test_command_line(self):
        self.assertIn('Usage: httplat ps', self.ps('--help').stdout)
        for wrong in (['x'], ['-o', 'xml'], ['--bogus']):
            done = self.ps(*wrong, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertEqual(done.stdout, '')
            self.assertEqual(len(done.stderr.splitlines()), 1)

    def test_output_that_fails(self):
        server = socket.create_server(('127.0.0.1', 0))
        with open('/dev/full', 'w') as full:
            done = harness.Process(self, [HTTPLAT, 'ps'], stdout=full)
            self.assertEqual(done.wait(), 1)
        self.assertIn('cannot write', done.stderr())
        server.close()


if __name__ == '__main__':
    sys.exit('run tests/run live/test_ps')
