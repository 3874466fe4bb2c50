# SPDX-License-Identifier: GPL-2.0-only
"""Containers have the names that their runtime gave them.

The containers are real: runc starts them in the cgroups that docker, containerd, CRI-O, Kubernetes,
podman, LXC, nspawn and systemd would use, by either driver. The state of the runtimes that cannot
run here is laid out in a folder (runtimes.py); podman is itself."""
import glob
import json
import os
import shutil
import unittest

import harness
import match
import runtimes
from base import HERE, PYTHON, Process, need, run, temp_dir, undo_later, wait_until

CONTAIN = os.path.join(HERE, 'contain.py')


def cgroup_mounts():
    with open('/proc/mounts') as mounts:
        return [f[1] for f in (line.split() for line in mounts) if f[2] in ('cgroup', 'cgroup2')]


def tidy_later(test, path):
    """Has the cgroups that do not exist yet on the way to `path` removed at the end, if empty."""
    made = []
    for mount in cgroup_mounts():
        at = mount + path
        while at != mount and not os.path.exists(at):
            made.append(at)
            at = os.path.dirname(at)

    def tidy():
        for at in made:
            try:
                os.rmdir(at)
            except OSError:
                pass  # gone already, or shared with another that isn't
    undo_later(test, tidy)


class Box:
    """A container of runc's for a workload; `wrap` before a command has it run in there. What
    match.py asks of a cgroup: .path and .id."""

    def __init__(self, test, workload, netns):
        need('runc')
        self.test, self.names, self.path = test, workload.names, workload.path
        self.runc_id = harness.unique('httplat-test-')
        self.state = temp_dir(test)
        tidy_later(test, self.path)
        undo_later(test, self.delete)
        self.wrap = [PYTHON, CONTAIN, '--id', self.runc_id, '--cgroup', self.path,
                     '--state', self.state, '--netns', netns.file, '--bind', '/tmp',
                     '--bind', HERE, '--']

    def delete(self):
        run('runc', '--root', self.state, 'delete', '--force', self.runc_id, check=False)

    def learn(self):
        """Once it runs: the cgroup's id, and the host's pids of its processes by their own."""
        # Before the process that waits for it is: the first of a pid name space takes no SIGTERM.
        undo_later(self.test, self.delete)
        self.id = os.stat(harness.cgroup2_mount() + self.path).st_ino
        self.pids = {}
        with open(harness.cgroup2_mount() + self.path + '/cgroup.procs') as f:
            for pid in map(int, f):
                with open('/proc/%d/status' % pid) as status:
                    row = next(line for line in status if line.startswith('NSpid:')).split()
                self.pids[int(row[-1])] = pid
        return self

    def want(self, row):
        """What a record has to say, from what a process within says of itself."""
        want = {key: self.names.get(key, match.ABSENT) for key in runtimes.Workload.keys}
        want.update({'linux.cgroup.path': self.path, 'process.vpid': row['pid']})
        return want


def in_container(wants, box, rows):
    """The pids that a process within tells are its own; the host's are others."""
    for want, row in zip(wants, rows):
        want.pop('thread.id', None)
        want['process.pid'] = box.pids[row['pid']]
        want.update(box.want(row))
    return wants


def names_of(box):
    """What has to be said of each record, whatever else is."""
    want = box.want({'pid': 1})
    del want['process.vpid']
    return want


class Podman:
    """podman with all its files below a folder, and one image, of busybox."""

    class Container:
        def __init__(self, podman, name, row):
            self.pid = row['State']['Pid']
            self.want = dict.fromkeys(runtimes.Workload.keys, match.ABSENT)
            self.want.update({'container.id': row['Id'], 'container.name': name,
                              'container.runtime.name': 'podman',
                              'container.image.name': podman.image,
                              'linux.cgroup.path': '/libpod_parent/libpod-' + row['Id']})

    def __init__(self, test, root):
        need('podman', 'runc', 'busybox', 'conmon')
        self.image = 'localhost/httplat-test:1'
        self.env = dict(os.environ, HOME=temp_dir(test))
        self.root = root
        self.argv = ['podman', '--root', root + '/var/lib/containers/storage',
                     '--runroot', root + '/run/containers/storage', '--tmpdir', root + '/tmp',
                     '--runtime', 'runc', '--cgroup-manager', 'cgroupfs',
                     '--storage-driver', 'vfs', '--events-backend', 'none']
        tidy_later(test, '/libpod_parent')
        if not os.path.exists('/var/lib/containers'):  # `import` leaves a cache there, always
            undo_later(test, lambda: shutil.rmtree('/var/lib/containers', ignore_errors=True))
        files = temp_dir(test)
        os.makedirs(files + '/bin')
        shutil.copy(shutil.which('busybox'), files + '/bin')
        for name in ('httpd', 'wget'):
            os.symlink('busybox', files + '/bin/' + name)
        run('tar', '-C', files, '-cf', files + '.tar', '.')
        undo_later(test, lambda: os.remove(files + '.tar'))
        self('import', files + '.tar', self.image)
        undo_later(test, self.remove)

    def __call__(self, *argv):
        return run(*self.argv, *argv, env=self.env).stdout

    def remove(self):
        self('rm', '--all', '--force', '--time', '0')
        # What podman starts at the end of a container would make its folders anew.
        wait_until('end of podman', lambda: not self._running())

    def _running(self):
        found = []
        for path in glob.glob('/proc/[0-9]*/cmdline'):
            try:
                with open(path, 'rb') as f:
                    found += [path] if self.root.encode() in f.read() else []
            except (FileNotFoundError, ProcessLookupError):
                pass
        return found

    def run(self, netns, *command):
        name = harness.unique('web')
        self('run', '--detach', '--name', name, '--network', 'ns:' + netns.file,
             '--ulimit', 'nofile=1024:1024', '--ulimit', 'nproc=4096:4096', self.image, *command)
        return self.Container(self, name, json.loads(self('inspect', name))[0])


class Common:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not harness.cgroup2_mount():
            raise unittest.SkipTest('no cgroup2 is mounted')
        need('runc')
        cls.netns = harness.Netns(cls, 'box')

    def setUp(self):
        super().setUp()
        self.root = temp_dir(self)

    def trace(self, *options, **kw):
        env = dict(os.environ, HTTPLAT_ROOT=self.root)
        return super().trace(*options, netns=self.netns, env=env, **kw)

    def plan(self, server, *paths, wait=False):
        """One connection; with `wait` the client stops before the last request."""
        exchanges = [{'path': path} for path in paths]
        exchanges[-1]['wait'] = wait
        return [{'host': '127.0.0.1', 'port': server.port, 'exchanges': exchanges}]

    def new_paths(self, count=2):
        return ['/f/25/%s/%s' % (self.tag, harness.unique('n')) for _ in range(count)]


class Containers(Common):
    def check_one(self, kind):
        near = Box(self, kind(self.root, harness.unique('c')), self.netns)
        far = Box(self, kind(self.root, harness.unique('s')), self.netns)
        server = harness.PyServer(self, wrap=far.wrap)
        server.cgroup = far.learn()
        tracer = self.trace()
        # The client has to be there when its first requests are read, to be asked for its pid.
        paths = self.new_paths(3)
        client = harness.Client(self, self.plan(server, *paths, wait=True), wrap=near.wrap).ready()
        self.cgroup = near.learn()
        wait_until('four records', lambda: len(match.mine(tracer.objects(), self.tag)) == 4)
        client.go()
        rows = client.result()
        log = server.log(3, self.tag)
        wants = in_container(match.served(server, log), far, log) \
            + in_container(match.sent(self, rows, harness.PyServer.comm), near, rows)
        match.check(self, tracer, tracer.stop(), wants, (server.port,))

    def check_names(self, records, wants):
        """One record for each side, which says who that is."""
        records = match.mine(records, self.tag)
        self.assertEqual(sorted(r['side'] for r in records), sorted(wants), records)
        for record in records:
            self.assertFalse(match.differences(record, wants[record['side']]), record)

    def test_nginx_and_curl(self):
        """Workers of nginx; and a client that is gone, with its cgroup, before anybody looks."""
        far = Box(self, runtimes.ContainerdCgroupfs(self.root, 'nginx'), self.netns)
        server = harness.Nginx(self, netns=self.netns, addresses=['127.0.0.1'], wrap=far.wrap)
        server.cgroup = far.learn()
        tracer = self.trace()
        path = self.new_paths()[0]
        near = Box(self, runtimes.DockerSystemd(self.root, 'curl'), self.netns)
        Process(self, near.wrap + ['curl', '-s', 'http://127.0.0.1:%d%s' % (server.port, path)]
                ).succeed()
        self.assertFalse(os.path.exists(harness.cgroup2_mount() + near.path))
        log = server.log(1, self.tag)
        records = tracer.stop()
        [served] = in_container(match.served(server, log), far, log)
        self.check_names(records, {'server': served, 'client': names_of(near)})

    def test_deleted_before_the_report(self):
        """Container, cgroup and state files are gone when the unanswered request is reported."""
        far = Box(self, runtimes.Docker(self.root, 'server'), self.netns)
        near = Box(self, runtimes.Containerd(self.root, 'client'), self.netns)
        server = harness.PyServer(self, wrap=far.wrap)
        far.learn()
        tracer = self.trace('-v')
        harness.Client(self, self.plan(server, '/held/60000/' + self.tag), wrap=near.wrap)
        wait_until('request', lambda: [r for r in tracer.objects() if r.get('tcp.len')
                                       and r.get('tcp.dstport') == server.port])
        near.delete()
        far.delete()
        wait_until('end of both cgroups', lambda: not os.path.exists(
            harness.cgroup2_mount() + far.path) and not os.path.exists(
            harness.cgroup2_mount() + near.path))
        shutil.rmtree(self.root)
        records = [r for r in tracer.stop() if 'hook' in r]
        self.check_names(records, {'server': names_of(far), 'client': names_of(near)})

    def test_text(self):
        """The column OWNER shows what people call it."""
        far = Box(self, runtimes.Crio(self.root, 'server'), self.netns)
        near = Box(self, runtimes.Docker(self.root, 'client'), self.netns)
        server = harness.PyServer(self, wrap=far.wrap)
        far.learn()
        tracer = self.trace(json_output=False)
        harness.Client(self, self.plan(server, '/f/25/' + self.tag), wrap=near.wrap).result()
        tracer.send(2)
        rows = [row for row in tracer.succeed().splitlines() if self.tag in row]
        self.assertEqual(len(rows), 2, rows)
        for row in rows:
            self.assertIn(' shop/web-server-0/web-server ' if ' < ' in row else ' web-client ', row)

    def test_podman(self):
        """podman's own containers and state files."""
        podman = Podman(self, self.root)
        server = podman.run(self.netns, '/bin/httpd', '-f', '-p', '127.0.0.1:8080')
        wait_until('listening httpd', lambda: harness.listening(server.pid, 8080))
        tracer = self.trace()
        client = podman.run(self.netns, '/bin/wget', '-q', '-O', '-',
                            'http://127.0.0.1:8080/' + self.tag)
        wait_until('two records', lambda: len(match.mine(tracer.objects(), self.tag)) == 2)
        self.check_names(tracer.stop(), {'server': server.want, 'client': client.want})


def test_of(kind):
    return lambda self: self.check_one(kind)


for kind in runtimes.ALL:
    name = ''.join('_' + c.lower() if c.isupper() else c for c in kind.__name__)
    setattr(Containers, 'test' + name, test_of(kind))
harness.per_hook(Containers, ('cgroup', 'tc'))
