# SPDX-License-Identifier: GPL-2.0-only
"""Filters by who uses the socket: what they leave, what they don't copy, and what comes later.

Server and clients are in cgroups, users and containers of their own; containers are real (runc), as
in test_containers.py. Counts are of one port, so that the host's other traffic doesn't matter."""
import json
import os
import subprocess
import time
import unittest

import harness
import match
import runtimes
from base import PEER, PYTHON, Process, cgroup2_mount, need, temp_dir, undo_later, wait_until
from test_containers import Box


class NamedCgroup(harness.Cgroup):
    """A cgroup below another one, of a name of one's choice."""

    def __init__(self, test, below, name):
        self.path = below.path + '/' + name
        self.dir = cgroup2_mount() + self.path
        os.mkdir(self.dir)
        undo_later(test, self.remove)
        self.id = os.stat(self.dir).st_ino


class Common:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not cgroup2_mount():
            raise unittest.SkipTest('no cgroup2 is mounted')
        cls.netns = harness.Netns(cls, 'filter')
        cls.far = harness.Cgroup(cls, 'server')
        cls.server = harness.PyServer(cls, cls.far, cls.netns)

    def setUp(self):
        super().setUp()
        self.root = temp_dir(self)

    def trace(self, *options, **kw):
        env = dict(os.environ, HTTPLAT_ROOT=self.root)
        return super().trace(*options, netns=self.netns, env=env, **kw)

    def plan(self, count=2, wait=False, hold=False, server=None):
        exchanges = [{'path': '/f/25/%s/%s' % (self.tag, harness.unique('n'))}
                     for _ in range(count)]
        exchanges[0]['wait'] = wait
        exchanges[-1]['wait'] = hold or (wait and count == 1)
        return {'host': '127.0.0.1', 'port': (server or self.server).port, 'exchanges': exchanges}

    def client(self, cgroup=None, wrap=(), **kw):
        """One that stands before its first request; of its own network where `wrap` brings one."""
        netns = None if wrap and wrap[0] == PYTHON else self.netns
        return harness.Client(self, self.plan(wait=True, **kw), cgroup=cgroup, netns=netns,
                              wrap=wrap).ready()

    def ask(self, cgroup=None, **kw):
        return harness.fetch(self, self.plan(**kw), cgroup=cgroup, netns=self.netns)

    def box(self, kind, name=None):
        workload = kind(self.root, name or harness.unique('c'))
        box = Box(self, workload, self.netns)
        box.workload = workload
        return box

    def mine(self, tracer):
        return match.mine(tracer.objects(), self.tag)

    def check(self, records, rows, side='client'):
        """Exactly one record of that side for each row."""
        got = match.mine(records, self.tag)
        self.assertEqual(sorted((r['side'], r['url.original']) for r in got),
                         sorted((side, row['path']) for row in rows))
        self.assertFalse([r for r in got if set(r['flags']) - {'midstream'}], got)


class Basic(Common):
    owner_events = True

    def run_two(self, options, ours, others):
        """What two clients do is told of the first one alone."""
        tracer = self.trace(*options)
        for client in others, ours:
            client.go()
        others.result()
        rows = ours.result()
        self.check(tracer.stop(), rows)

    def test_pid(self):
        ours = self.client()
        self.run_two(['-p', ours.pid], ours, self.client())

    def test_uid(self):
        need('setpriv')
        ours = self.client(wrap=('setpriv', '--reuid=65534', '--clear-groups', '--'))
        self.run_two(['--uid', 65534], ours, self.client())

    def test_uid_of_the_server(self):
        """Of a socket that was open before, too."""
        ours = self.client()
        tracer = self.trace('--uid', '0', '--side', 'server')
        ours.go()
        rows = ours.result()
        self.check(tracer.stop(), rows, 'server')

    def test_together(self):
        """Filters of different kinds all have to match."""
        ours = self.client()
        group = harness.Cgroup(self, 'here')
        within = self.client(group)
        tracer = self.trace('-p', within.pid, '-g', group.path)
        none = self.trace('-p', ours.pid, '-g', group.path)
        for client in ours, within:
            client.go()
            rows = client.result()
        self.check(tracer.stop(), rows)
        self.check(none.stop(), [])

    # --- cgroups

    def test_subtree(self):
        """What is below, also what is made later; the path as it is mounted, too."""
        top = harness.Cgroup(self, 'top')
        old = harness.Cgroup(self, 'old', below=top)
        for path in top.path, cgroup2_mount() + top.path:
            tracer = self.trace('-g', path)
            new = harness.Cgroup(self, 'new', below=old)
            beside = harness.Cgroup(self, 'beside')
            rows = []
            for group in top, old, new:
                rows += self.ask(group)
            self.ask(beside)
            self.check(tracer.stop(), rows)
            self.tag = harness.unique('id')

    # --- what isn't asked for isn't copied

    def traffic(self, *options):
        """200 requests of a cgroup that isn't asked for, 2 of one that is, of one server's. Returns
        the counts."""
        ours, other = harness.Cgroup(self, 'ours'), harness.Cgroup(self, 'other')
        server = harness.PyServer(self, self.far, self.netns)
        tracer = self.trace('-g', ours.path, '--port', server.port, *options)
        self.ask(other, count=200, server=server)
        rows = self.ask(ours, server=server)
        self.check(tracer.stop(), rows)
        return tracer.summary

    def test_not_copied(self):
        """Of the others no more crosses than the first request of a connection, whose reader nobody
        knows yet. One of them is two packets at both ends, each at two hooks on lo."""
        counts = self.traffic()
        self.assertLess(counts['kernel.segments'], 40, counts)
        self.assertLess(counts['kernel.bytes_copied'], 8000, counts)
        if self.owner_events:
            self.assertLess(counts['kernel.owner_events'], 10, counts)
        # A request and its response, at both ends.
        self.assertGreater(counts['kernel.filtered'], 200 * 4 - 40, counts)

    def test_not_copied_when_it_is_made_later(self):
        """As soon as it is known that a new cgroup isn't asked for."""
        ours = harness.Cgroup(self, 'ours')
        server = harness.PyServer(self, self.far, self.netns)
        tracer = self.trace('-g', ours.path, '--port', server.port)
        other = harness.Cgroup(self, 'later')
        client = self.client(other, count=200, server=server)
        time.sleep(0.5)  # ten of the tracer's ticks: it has to come by, nothing shows that it did
        client.go()
        client.result()
        self.check(tracer.stop(), [])
        self.assertLess(tracer.summary['kernel.segments'], 40, tracer.summary)


class WithTypes(Basic):
    """What takes BTF, be it the kernel's own or a file."""

    def test_uid_is_the_effective_one(self):
        need('setpriv')
        ours = self.client(wrap=('setpriv', '--euid=65534', '--clear-groups', '--'))
        self.run_two(['--uid', 65534], ours, self.client())

    # --- descendants

    def family(self, *options):
        """A shell whose child's child makes requests; a stranger makes others."""
        plan = self.plan()
        # 'true' keeps each shell from becoming its last command.
        inner = '%s %s fetch "$0"; true' % (PYTHON, PEER)
        outer = 'read line; sh -c \'%s\' "$0"; true' % inner
        shell = Process(self, ['sh', '-c', outer, json.dumps(plan)], netns=self.netns,
                        stdin=subprocess.PIPE)
        tracer = self.trace('-p', shell.pid, *options)
        self.ask()
        shell.proc.stdin.write(b'\n')
        shell.proc.stdin.flush()
        rows = [row for row in map(json.loads, shell.succeed().splitlines())
                if 'path' in row]
        self.assertEqual(len(rows), 2)
        return tracer, rows

    def test_follow(self):
        tracer, rows = self.family('--follow')
        self.assertNotIn('forks cannot be seen', tracer.stderr())
        self.check(tracer.stop(), rows)

    def test_without_follow(self):
        tracer, _ = self.family()
        self.check(tracer.stop(), [])


class Who(WithTypes):
    def test_glob(self):
        top = harness.Cgroup(self, 'top')
        web = NamedCgroup(self, top, 'web-1')
        below = NamedCgroup(self, web, 'worker')
        other = NamedCgroup(self, top, 'db-1')
        tracer = self.trace('-g', top.path + '/web-*', '-g', '/no/such/*')
        self.assertIn('no cgroup /no/such/* yet; waiting', tracer.stderr())
        late = NamedCgroup(self, top, 'web-2')
        rows = []
        for group in web, below, late:
            rows += self.ask(group)
        self.ask(other)
        self.ask(top)
        self.check(tracer.stop(), rows)

    def test_made_later(self):
        """A path that isn't there yet is waited for."""
        top = harness.Cgroup(self, 'top')
        tracer = self.trace('-g', top.path + '/late')
        self.assertIn('yet; waiting', tracer.stderr())
        self.ask(top)
        late = NamedCgroup(self, top, 'late')
        rows = self.ask(late)
        self.check(tracer.stop(), rows)

    def test_unit(self):
        top = harness.Cgroup(self, 'top')
        web = NamedCgroup(self, top, self.tag + '.service')
        other = NamedCgroup(self, top, self.tag + '-other.service')
        for name in self.tag, self.tag + '.service':
            tracer = self.trace('--unit', name)
            self.ask(other)
            rows = self.ask(web)
            self.check(tracer.stop(), rows)
            self.tag = harness.unique('id')

    def test_follow_those_that_are_there(self):
        """A grandchild that began before the tracer, and is still there."""
        plan = self.plan(3, wait=True, hold=True)
        inner = '%s %s fetch "$0" <&3; true' % (PYTHON, PEER)
        outer = 'exec 3<&0; sh -c \'%s\' "$0"; true' % inner
        shell = Process(self, ['sh', '-c', outer, json.dumps(plan)], netns=self.netns,
                        stdin=subprocess.PIPE)
        wait_until('client that waits', lambda: '"waiting"' in shell.stdout())
        tracer = self.trace('-p', shell.pid, '--follow')
        by_proc = self.trace('-p', shell.pid, '--follow', wrap=harness.HIDE_BTF)
        by_proc.wait_for_note('forks cannot be seen')
        for _ in range(2):
            shell.proc.stdin.write(b'\n')
            shell.proc.stdin.flush()
            wait_until('records while it lives', lambda: len(self.mine(by_proc)) >= 2)
        rows = [row for row in map(json.loads, shell.succeed().splitlines())
                if 'path' in row]
        self.check(tracer.stop(), rows)
        self.check(by_proc.stop(), rows)


class WhatRuns(Common):
    """-c and --pod, with real containers."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        need('runc')

    def two(self, ours, other, options):
        """Requests from our container and from another one; told of ours alone."""
        ours, other = self.client(wrap=ours.wrap), self.client(wrap=self.box(other).wrap)
        tracer = self.trace(*options)
        for client in other, ours:
            client.go()
            rows = client.result()
        self.check(tracer.stop(), rows)

    def test_container(self):
        for take in (lambda w: w.name, lambda w: w.id[:8], lambda w: w.id):
            ours = self.box(runtimes.Docker)
            self.two(ours, runtimes.DockerSystemd, options=['-c', take(ours.workload)])
            self.tag = harness.unique('id')

    def test_pod(self):
        for take in (lambda w: w.name + '-0', lambda w: 'shop/%s-0' % w.name):
            ours = self.box(runtimes.Containerd)
            self.two(ours, runtimes.Crio, options=['--pod', take(ours.workload)])
            self.tag = harness.unique('id')

    def test_names_of_other_runtimes(self):
        for kind in runtimes.Crio, runtimes.Lxc, runtimes.Kind:
            ours = self.box(kind)
            self.two(ours, runtimes.Docker, options=['-c', ours.workload.name])
            self.tag = harness.unique('id')

    def test_unit_within_a_container(self):
        ours = self.box(runtimes.DockerSystemdUnit)
        self.two(ours, runtimes.Docker, options=['--unit', 'nginx', '-c', ours.workload.name])

    def test_started_later(self):
        """It is matched when it appears, and what runs beside isn't copied."""
        name = 'web-' + harness.unique('late')
        tracer = self.trace('-c', name, '--port', self.server.port)
        self.assertIn('no container %s yet; waiting' % name, tracer.stderr())
        other = self.client(wrap=self.box(runtimes.Docker).wrap, count=100)
        other.go()
        other.result()
        client = self.client(wrap=self.box(runtimes.Docker, name[4:]).wrap)
        client.go()
        rows = client.result()
        self.check(tracer.stop(), rows)

    def test_name_that_comes_late(self):
        """State that is written only after the container's first requests."""
        ours = self.box(runtimes.Docker)
        state = self.root + '/var/lib/docker'
        os.rename(state, self.root + '/aside')
        plan = self.plan(400)
        for exchange in plan['exchanges'][1:]:
            exchange['wait'] = True
        tracer = self.trace('-c', ours.workload.name, '--side', 'client')
        client = harness.Client(self, plan, wrap=ours.wrap).ready()
        os.rename(self.root + '/aside', state)

        def found():
            if client.proc.poll() is None:
                client.go()
            return self.mine(tracer)
        wait_until('record of the container', found)

    def test_ambiguous(self):
        class Twin(runtimes.Docker):
            prefix = runtimes.new_id()[:10]

            def lay_out(self, root):
                self.id = self.prefix + self.id[10:]
                return super().lay_out(root)

        one, two = self.box(Twin), self.box(Twin)
        clients = [self.client(wrap=box.wrap) for box in (one, two)]
        env = dict(os.environ, HTTPLAT_ROOT=self.root)
        done = harness.run(harness.HTTPLAT, '-c', Twin.prefix[:6], '-d', '1s', check=False,
                           env=env)
        self.assertEqual(done.returncode, 2, done.stderr)
        for box in one, two:
            self.assertIn('%s (%s)' % (box.workload.id[:16], box.workload.name), done.stderr)
        tracer = self.trace('-c', two.workload.id[:14])
        for client in clients:
            client.go()
            rows = client.result()
        self.check(tracer.stop(), rows)

    def test_known_by_v1_alone(self):
        """Where cgroup2 says nothing the path comes from /proc/PID/cgroup."""
        mount = '/sys/fs/cgroup/systemd'
        if not os.path.isfile(mount + '/cgroup.procs'):
            self.skipTest('there is no v1 hierarchy of systemd')
        workload = runtimes.Docker(self.root, harness.unique('v1'))
        made = [mount + '/docker', mount + workload.path]
        for path in made:
            if not os.path.isdir(path):
                os.mkdir(path)
                undo_later(self, lambda path=path: wait_until('end of ' + path,
                                                              lambda: self.gone(path)))
        tracer = self.trace('-c', workload.name)
        join = ('sh', '-c', 'echo $$ >"$0" && exec "$@"', mount + workload.path + '/cgroup.procs')
        client = self.client(wrap=join, count=3, hold=True)
        self.ask()
        client.go()
        wait_until('records while it lives', lambda: len(self.mine(tracer)) == 2)
        client.go()
        rows = client.result()
        self.check(tracer.stop(), rows)

    @staticmethod
    def gone(path):
        try:
            os.rmdir(path)
        except FileNotFoundError:
            pass
        except OSError:
            return os.listdir(path) and False
        return True


harness.per_hook(Who, ('cgroup', 'tc'))
class WhoWithoutBtf(Basic):
    """Owners come from classic tracepoints, which tell the readers of every connection."""

    owner_events = False

    def trace(self, *options, **kw):
        need('unshare')
        tracer = super().trace(*options, wrap=harness.HIDE_BTF, **kw)
        tracer.wait_for_note('owners come from classic tracepoints: no BTF')
        return tracer


class WhoWithBtfFile(WithTypes):
    """Owners come from raw tracepoints."""

    owner_events = False

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.btf = harness.kernel_btf(cls)

    def trace(self, *options, **kw):
        need('unshare')
        tracer = super().trace('--btf', self.btf, *options, wrap=harness.HIDE_BTF, **kw)
        tracer.wait_for_note('owners come from raw tracepoints: no BTF')
        return tracer


harness.per_hook(WhoWithBtfFile, ('cgroup', 'tc'))
harness.per_hook(WhoWithoutBtf, ('cgroup', 'tc'))
harness.per_hook(WhatRuns, ('cgroup', 'tc'))

if __name__ == '__main__':
    raise SystemExit('run tests/run live/test_filters')
