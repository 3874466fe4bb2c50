# SPDX-License-Identifier: GPL-2.0-only
"""What is traced goes away while it is traced, and comes back: interfaces, network namespaces, cgroups."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import match

SERVER, CLIENT = '10.231.0.1', '10.231.0.2'


# A device tun9 in each of two namespaces, and what carries packets between them.
TUNNEL = """
import ctypes, fcntl, os, select, struct, sys
ends = []
for path in sys.argv[1:]:
    ns = os.open(path, os.O_RDONLY)
    assert not ctypes.CDLL(None).setns(ns, 0)
    end = os.open('/dev/net/tun', os.O_RDWR)
    fcntl.ioctl(end, 0x400454ca, struct.pack('16sH22x', b'tun9', 0x1001))  # TUNSETIFF: IFF_TUN, IFF_NO_PI
    ends.append(end)
print('there', flush=True)
while True:
    for end in select.select(ends, [], [])[0]:
        packet = os.read(end, 65536)
        try:
            os.write(ends[1 - ends.index(end)], packet)
        except OSError:
            pass  # the other end is not up yet
"""


class Interfaces:
    """A veth pair between two namespaces, of which one end is traced."""

    def setUp(self):
        super().setUp()
        self.near, self.far = harness.Netns(self, 'a'), harness.Netns(self, 'b')
        self.connect()
        self.server = harness.PyServer(self, netns=self.near, address='0.0.0.0')

    def connect(self):
        harness.veth(self.near, self.far)
        self.device = next(row.split(':')[1].split('@')[0].strip() for row in self.near.ip(
            '-o', 'link', 'show', 'type', 'veth').splitlines())

    def requests(self, stem):
        harness.fetch(self, [{'host': SERVER, 'port': self.server.port, 'exchanges': [
            {'path': '/f/17/%s%s/%d' % (self.tag, stem, n)} for n in range(3)]}], netns=self.far)

    def count(self, tracer, stem):
        return sum(self.tag + stem in r.get('url.original', '') for r in tracer.objects())

    def start(self, device):
        return self.trace(device=device, netns=self.near)

    def remove(self):
        self.near.ip('link', 'del', self.device)

    def test_removed_and_added(self):
        tracer = self.start(self.device)
        self.requests('before')
        harness.wait_until('records', lambda: self.count(tracer, 'before') == 3)
        name = self.device
        for turn in ('once', 'twice'):
            self.remove()
            harness.wait_until('word of it', lambda t=turn: tracer.stderr().count(
                'httplat: interface %s is gone;' % name) == (1 if t == 'once' else 2))
            self.near.ip('link', 'add', name, 'type', 'veth', 'peer', 'name', 'vb', 'netns',
                         self.far.name)
            harness.wait_until('word of it', lambda t=turn: tracer.stderr().count(
                'httplat: interface %s is back, and is traced again' % name) == (1 if t == 'once' else 2))
            self.near.ip('addr', 'add', SERVER + '/24', 'dev', name)
            self.far.ip('addr', 'add', CLIENT + '/24', 'dev', 'vb')
            self.near.ip('link', 'set', name, 'up')
            self.far.ip('link', 'set', 'vb', 'up')
            self.requests(turn)
            harness.wait_until('records', lambda t=turn: self.count(tracer, t) == 3)
        got = match.mine(tracer.stop(), self.tag)
        self.assertEqual([r['flags'] for r in got], [[]] * 9)

    def test_any(self):
        """Those that come later are traced, too; nothing is said of it."""
        self.remove()
        tracer = self.start('any')
        self.connect()
        self.requests('later')
        harness.wait_until('records', lambda: self.count(tracer, 'later') == 3)
        self.remove()
        self.connect()
        self.requests('again')
        harness.wait_until('records', lambda: self.count(tracer, 'again') == 3)
        tracer.stop()
        self.assertNotIn('interface', tracer.stderr().split('\n', 1)[1])

    def test_any_of_another_kind(self):
        """A tunnel has no Ethernet header, and came when there were only interfaces that have one."""
        tracer = self.start('any')
        tunnel = harness.Process(self, [harness.PYTHON, '-c', TUNNEL, self.near.file, self.far.file])
        harness.wait_until('tunnel', lambda: tunnel.stdout() or tunnel.proc.poll() is not None)
        for ns, address in ((self.near, '10.232.0.1'), (self.far, '10.232.0.2')):
            ns.ip('addr', 'add', address + '/24', 'dev', 'tun9')
            ns.ip('link', 'set', 'tun9', 'up')
        harness.fetch(self, [{'host': '10.232.0.1', 'port': self.server.port, 'exchanges': [
            {'path': '/f/17/%stunnel' % self.tag}]}], netns=self.far)
        harness.wait_until('record', lambda: self.count(tracer, 'tunnel') == 1)
        tracer.stop()
        self.assertNotIn('interface', tracer.stderr().split('\n', 1)[1])

    def test_namespace_deleted(self):
        """It lives as long as it is traced, and no longer."""
        tracer = self.start(self.device)
        self.requests('before')
        harness.wait_until('records', lambda: self.count(tracer, 'before') == 3)
        self.near.remove()
        self.requests('after')
        harness.wait_until('records', lambda: self.count(tracer, 'after') == 3)
        self.server.process.end()
        tracer.stop()
        harness.wait_until('end of the namespace', lambda: 'veth' not in self.far.ip(
            '-d', 'link', 'show'))


harness.per_hook(Interfaces, ('tc', 'socket'))


class Cgroups(harness.LiveTest):
    hook = 'cgroup'

    def requests(self, server, stem):
        return harness.fetch(self, [{'host': '127.0.0.1', 'port': server.port, 'exchanges': [
            {'path': '/f/17/%s%s' % (self.tag, stem)}]}], netns=self.ns)

    def check(self, *options):
        """The server's cgroup is removed under it, and made again."""
        self.ns = harness.Netns(self)
        group = harness.Cgroup(self)
        options = [group.path if o == 'PATH' else o for o in options]
        tracer = harness.Tracer(self, '--side', 'server', *options)
        server = harness.PyServer(self, group, netns=self.ns)
        self.requests(server, 'first')
        server.process.end()
        group.remove()
        os.mkdir(group.dir)  # the same name, another id
        server = harness.PyServer(self, group, netns=self.ns)
        # Who is in it leaves, and it goes while its sockets live on.
        self.requests(server, 'second')
        with open(harness.cgroup2_mount() + '/cgroup.procs', 'w') as f:
            f.write(str(server.pid))
        os.rmdir(group.dir)
        self.requests(server, 'third')
        got = match.mine(tracer.stop(), self.tag)
        self.assertEqual([r['url.original'][len('/f/17/' + self.tag):] for r in got],
                         ['first', 'second', 'third'])
        self.assertEqual([r.get('linux.cgroup.path') for r in got[:2]], [group.path] * 2)
        self.assertEqual([r['flags'] for r in got], [[]] * 3)
        self.assertNotEqual(got[0]['linux.cgroup.id'], got[1]['linux.cgroup.id'])

    def test_removed_and_made_again(self):
        self.check()

    def test_asked_for(self):
        """With -g: the socket is still one that was made there."""
        self.check('-g', 'PATH')


if __name__ == '__main__':
    unittest.main()
