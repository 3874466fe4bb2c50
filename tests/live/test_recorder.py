# SPDX-License-Identifier: GPL-2.0-only
"""What is recorded live, read again: the same transactions with their owners, and what Wireshark makes
of it."""
import glob
import os
import subprocess

import harness
import runtimes
import test_containers
import test_same


def tshark(path, *fields, condition='frame', options=()):
    argv = ['tshark', '-r', path, '-n', '-Y', condition, '-T', 'fields', '-E', 'separator=/t']
    argv += options
    for field in fields:
        argv += ['-e', field]
    return [row.split('\t') for row in harness.run(*argv, timeout=60).stdout.splitlines()]


def plain(record):
    return {key: value for key, value in record.items() if key != 'hook'}


def in_order(records):
    return sorted(map(plain, records),
                  key=lambda r: (r['tcp.stream'], r['tcp.stream.request'], r['time']))


class Recorded:
    """One run with traffic of all kinds; -w is read again as often as there are tests."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        harness.need('tshark')
        cls.ns = harness.Netns(cls)
        cls.ns.sysctl('net.ipv4.tcp_fastopen', 3)
        cls.far, cls.near = harness.Cgroup(cls, 'server'), harness.Cgroup(cls, 'client')
        cls.nginx = harness.Nginx(cls, cls.far, cls.ns, listen='fastopen=16')
        cls.python = harness.PyServer(cls, cls.far, cls.ns, options=['--fastopen'])
        cls.python6 = harness.PyServer(cls, cls.far, cls.ns, '::1')
        cls.tag = harness.unique('id')
        plans = test_same.kinds(cls.nginx, cls.python, cls.python6, cls.tag)
        cls.total = sum(len(plan['exchanges']) for plan in plans)
        cls.file = harness.temp_dir(cls) + '/run.pcapng'
        tracer = harness.Tracer(cls, *harness.hook_options(cls.hook, 'lo', cls.ns), '-w', cls.file)
        harness.fetch(cls, plans, cgroup=cls.near, netns=cls.ns)
        cls.live = tracer.stop()
        cls.summary = tracer.summary

    def setUp(self):
        pass  # one tag for all

    def again(self, *options):
        self.reader = harness.Tracer(self, '-r', self.file, *options, wait=False,
                                     stdin=subprocess.DEVNULL)
        self.reader.succeed(120)
        return self.reader.objects()

    def test_the_same_again(self):
        """Every key but the hook: owners, times to the nanosecond, frames. On one connection in the same
        order."""
        records = self.again()
        self.assertGreaterEqual(len(self.live), 2 * self.total)
        self.assertEqual(in_order(records), in_order(self.live))
        self.assertEqual({r['hook'] for r in records}, {'file'})
        summary = self.reader.summary
        self.assertEqual(self.summary['recorded'], self.summary['segments'])
        lasting = [k for k in summary if not k.startswith(('bytes_copied', 'recorded', 'ring_bytes'))]
        self.assertEqual({k: summary[k] for k in lasting}, {k: self.summary[k] for k in lasting})
        self.assertEqual(summary['connections'], len({r['tcp.stream'] for r in records}))

    def test_filters_by_owner(self):
        for options, keep in (
                (('--side', 'server'), lambda r: r['side'] == 'server'),
                (('-p', self.python.pid), lambda r: r.get('process.pid') == self.python.pid),
                (('--comm', 'nginx'), lambda r: r.get('process.executable.name') == 'nginx'),
                (('-g', self.near.path), lambda r: r.get('linux.cgroup.path') == self.near.path),
                (('-g', self.far.path, '--slow', '1ms'),
                 lambda r: r.get('linux.cgroup.path') == self.far.path and
                 r.get('latency_ns', 0) >= 1000000)):
            want = in_order(filter(keep, self.live))
            self.assertTrue(want or '--slow' in options, options)
            self.assertEqual(in_order(self.again(*options)), want, options)

    def test_joined(self):
        done = harness.run(harness.HTTPLAT, '-r', self.file, '--joined', '--port', self.python.port)
        both = [r['exchange.id'] for r in self.live if r['server.port'] == self.python.port]
        self.assertEqual(len(done.stdout.splitlines()) - 1, len(set(both)))

    def test_wireshark(self):
        """The comments of a transaction are on its packets, and say what its record says."""
        comments = {int(n): text for n, text in tshark(self.file, 'frame.number', 'frame.comment',
                                                       condition='frame.comment')}
        checked = 0
        for record in self.live:
            mine = [comments.get(record[key], '') for key in ('request.frame', 'response.frame')
                    if key in record]
            if 'latency_ns' not in record or 'pipelined' in record['flags']:
                continue
            checked += 1
            for text, what in zip(mine, ('request', 'response')):
                self.assertIn(', %s' % what, text)
                self.assertIn('%s %s[%d] ' % (record['side'], record['process.executable.name'],
                                              record['process.pid']), text)
                self.assertIn(record['http.request.method'] + ' ' + record['url.original'][:100],
                              text)
                self.assertIn(', status %d' % record['http.response.status_code'], text)
                self.assertIn('latency ', text)
        self.assertGreater(checked, self.total)

    def test_packets(self):
        """Wireshark sees valid packets, those of each end with their direction. Where both ends are local each
        packet is there twice; those that enter are a whole conversation."""
        rows = tshark(self.file, 'frame.packet_flags_direction')
        self.assertEqual(len(rows), self.summary['segments'])
        self.assertEqual({row[0] for row in rows}, {'0x00000001', '0x00000002'})
        entering = harness.temp_dir(self) + '/entering.pcapng'
        harness.run('tshark', '-r', self.file, '-Y', 'frame.packet_flags_direction == 1', '-w',
                    entering, timeout=60)
        once = tshark(entering, 'http.request.method', '_ws.malformed', options=[
            option for server in (self.nginx, self.python, self.python6)
            for option in ('-d', 'tcp.port==%d,http' % server.port)])
        self.assertEqual({row[1] for row in once}, {''})
        requests = [method for row in once for method in row[0].split(',') if method]
        self.assertEqual(len(requests), self.total)


harness.per_hook(Recorded)


class Owned:
    """A container that is known while it runs, and what is left of it in a recording."""

    def trace(self, *options, **kw):
        return super().trace(*options, netns=self.netns, env=dict(
            os.environ, HTTPLAT_ROOT=self.root), **kw)

    def setUp(self):
        super().setUp()
        harness.need('runc', 'tshark')
        if not harness.cgroup2_mount():
            self.skipTest('no cgroup2 is mounted')
        self.root, self.dir = harness.temp_dir(self), harness.temp_dir(self)
        self.netns = harness.Netns(self, 'box')
        self.box = test_containers.Box(self, runtimes.Docker(self.root, harness.unique('s')),
                                       self.netns)
        self.server = harness.PyServer(self, wrap=self.box.wrap)
        self.box.learn()

    def fetch(self, *paths):
        exchanges = [{'path': path % self.tag} for path in paths]
        return harness.fetch(self, [{'host': '127.0.0.1', 'port': self.server.port,
                                     'exchanges': exchanges}], netns=self.netns)

    def test_container(self):
        path = self.dir + '/run.pcapng'
        tracer = self.trace('-w', path)
        self.fetch('/f/25/%s/a', '/f/25/%s/b')
        live = tracer.stop()
        self.box.delete()
        name = self.box.names['container.name']
        served = [r for r in live if r['side'] == 'server']
        self.assertEqual([r['container.name'] for r in served], [name] * 2)
        for options, want in (((), live), (('-c', name), served),
                              (('-c', served[0]['container.id'][:12]), served)):
            self.assertEqual(in_order(harness.offline(self, path, *options)), in_order(want))
        comments = tshark(path, 'frame.comment', condition='frame.comment')
        self.assertIn(' %s, GET /f/25/%s/a' % (name, self.tag), comments[0][0] + comments[1][0])

    def test_files_stand_alone(self):
        """Each of a ring has the names of the owners that it tells of."""
        path = self.dir + '/ring.pcapng'
        tracer = self.trace('-w', path, '-C', '64K')
        for n in range(5):
            self.fetch(*['/f/15000/%s/' + '%d/%d' % (n, i) for i in range(2)])
        live = tracer.stop()
        self.assertEqual([r for r in live if 'request.frame' in r], [])
        files = glob.glob(path + '*')
        self.assertGreater(len(files), 3)
        records = [r for name in files for r in harness.offline(self, name, '--side', 'server')]
        whole = [r for r in records if 'latency_ns' in r]
        self.assertTrue(whole)
        self.assertEqual({r.get('container.name') for r in whole},
                         {self.box.names['container.name']})

    def test_save_slow(self):
        folder = self.dir + '/slow'
        tracer = self.trace('--save-slow', folder, '--slow', '250ms', '--side', 'server')
        self.fetch('/f/25/%s/fast', '/held/300/%s/slow', '/s/500/%s/failed', '/f/25/%s/fast2')
        live = tracer.stop()
        self.assertEqual([r['url.path'].split('/')[-1] for r in live], ['slow'])
        self.assertEqual(tracer.summary['saved'], 2)
        told = []
        for name in sorted(glob.glob(folder + '/*')):
            records = harness.offline(self, name)
            self.assertEqual({r['container.name'] for r in records},
                             {self.box.names['container.name']})
            told.append([r['url.path'].split('/')[-1] for r in records])
            comment = tshark(name, 'frame.comment', condition='frame.comment')[0][0]
            self.assertIn(told[-1][0], comment)
        self.assertEqual(told, [['slow'], ['failed']])
        again = harness.offline(self, sorted(glob.glob(folder + '/*'))[0])[0]
        for key in ('latency_ns', 'queue_ns', 'app_ns', 'process.pid', 'exchange.id', 'time'):
            self.assertEqual(again[key], live[0][key], key)


harness.per_hook(Owned, ('cgroup', 'tc'))
