# SPDX-License-Identifier: GPL-2.0-only
"""The container image of `make image`, run by podman with the rights that README.md tells: it traces the host,
and knows other containers by name."""
import json
import os
import re
import signal
import unittest

import harness
import match
import test_containers
from base import ROOT, Process, need, run, temp_dir, wait_until

ULIMITS = ['--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096']


def documented():
    """The options of the `podman run` in README.md."""
    with open(ROOT + '/README.md', encoding='utf-8') as f:
        text = f.read()
    command = re.search(r'^podman run ((?:.*\\\n)*.*) httplat:', text, re.M).group(1)
    return command.replace('\\\n', ' ').split()


class Image(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need('podman', 'runc', 'make', 'curl')
        if not harness.cgroup2_mount():
            raise unittest.SkipTest('no cgroup2 is mounted')
        cls.root = temp_dir(cls)
        cls.podman = test_containers.Podman(cls, cls.root)
        env = {k: v for k, v in cls.podman.env.items() if not k.startswith('MAKE')}
        run('make', '-C', ROOT, '--no-print-directory', 'image', 'PODMAN=' + ' '.join(cls.podman.argv),
            env=env, timeout=250)
        [cls.image] = [name for row in json.loads(cls.podman('images', '--format', 'json'))
                       for name in row['Names'] if '/httplat:' in name]
        cls.options = documented()

    def setUp(self):
        self.tag = harness.unique('id')

    def container(self, *argv, more=()):
        argv = [*self.podman.argv, 'run', *self.options, *ULIMITS, *more, self.image, *argv]
        return Process(self, argv, env=self.podman.env)

    def test_small(self):
        """Nothing in it but the program, which has this tree's version."""
        said = run(harness.HTTPLAT, '--version').stdout
        self.assertEqual(self.container('--version').succeed(), said)
        self.assertTrue(self.image.endswith(':' + said.split()[1]))
        files = temp_dir(self) + '/files'
        name = harness.unique('c')
        self.podman('create', '--name', name, self.image)
        self.podman('export', '-o', files, name)
        have = run('tar', '-tf', files).stdout.split()
        self.assertEqual([f for f in have if not f.endswith('/') and not f.startswith(('dev/', 'etc/', 'run/'))],
                         ['httplat'])

    def test_check(self):
        """The hooks that README.md promises work with these rights."""
        said = self.container('check').succeed()
        for hook in ('cgroup', 'tc'):
            self.assertRegex(said, r'(?m)^ok +--hook %s ' % hook)

    def test_traces_the_host(self):
        """A process of the host's asks one in another container."""
        netns = harness.Netns(self)
        server = self.podman.run(netns, '/bin/httpd', '-f', '-p', '127.0.0.1:8080')
        wait_until('listening httpd', lambda: harness.listening(server.pid, 8080))
        # podman's files are in a folder here; on a host they are below the image's default, /proc/1/root. Some
        # hosts' first process lets nobody in.
        first = 1 if os.access('/proc/1/root/', os.R_OK) else os.getpid()
        tracer = self.container('-o', 'json', more=(
            '--env', 'HTTPLAT_ROOT=/proc/%d/root%s' % (first, self.root)))
        wait_until('tracing httplat', lambda: 'tracing HTTP' in tracer.stderr() or
                   (tracer.proc.poll() is not None and tracer.succeed()))
        near = harness.Cgroup(self, 'client')
        client = Process(self, ['curl', '-s', 'http://127.0.0.1:8080/' + self.tag], cgroup=near,
                         netns=netns)
        client.succeed()
        wait_until('two records', lambda: sum(self.tag in row for row in tracer.stdout().splitlines()) > 1)
        tracer.send(signal.SIGINT)
        rows = [json.loads(row) for row in tracer.succeed().splitlines()]
        records = {r['side']: r for r in match.mine(rows, self.tag)}
        self.assertFalse(match.differences(records['server'], server.want), records)
        self.assertFalse(match.differences(records['client'], {
            'process.pid': client.pid, 'process.executable.name': 'curl',
            'linux.cgroup.path': near.path, 'container.id': match.ABSENT}), records)
