# SPDX-License-Identifier: GPL-2.0-only
"""What does not cross the ring segment by segment is known all the same: two tracers watch the same traffic, over a
link that is slow and loses packets, one of them with -w, with which every segment crosses. Their records say the
same.
"""
import harness
import match

A4, B4 = '10.51.0.1', '10.51.0.2'
MS = 1000000
# Of a file that is written, or of the tracer; times of day; and what a difference of microseconds may decide.
OWN = {'exchange.id', 'request.frame', 'response.frame', 'tcp.stream', 'time', 'verdict', 'srtt_ns'}


class Quiet:
    LOSS = '''table inet loss {
        chain in {
            type filter hook prerouting priority -300;
            tcp flags & (syn | fin | rst) == 0 numgen random mod 1000 < 20 drop
        }
    }'''

    def setUp(self):
        super().setUp()
        self.near, self.far = harness.Netns(self, 'c'), harness.Netns(self, 's')
        harness.veth(self.near, self.far, (A4, B4))
        for end in (self.near, self.far):
            end.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate', '200mbit',
                    'burst', '128k', 'latency', '50ms')

    def test_long_bodies(self):
        self.compare()

    def test_without_offloads(self):
        for end in (self.near, self.far):
            end.run('ethtool', '-K', 'eth0', 'tso', 'off', 'gso', 'off', 'gro', 'off')
        self.compare()

    def test_loss(self):
        for end in (self.near, self.far):
            end.nft(self.LOSS)
        self.compare()

    def compare(self):
        server = harness.PyServer(self, harness.Cgroup(self, 'server'), self.far, B4)
        options = ['--port', str(server.port)]
        quiet = self.trace(*options, device='eth0', netns=self.far)
        every = self.trace(*options, '-w', harness.temp_dir(self) + '/all.pcapng', device='eth0',
                           netns=self.far)
        plans = [{'host': B4, 'port': server.port, 'exchanges': [
            {'path': '/f/%d/%s/%s' % (size, self.tag, harness.unique('n'))}
            for size in (300000, 100, 3000000, 20000, 0, 700000)]} for _ in range(3)]
        harness.fetch(self, plans, cgroup=harness.Cgroup(self, 'client'), netns=self.near)
        mine = [self.by_request(tracer) for tracer in (quiet, every)]
        self.assertEqual(len(mine[0]), (2 if self.hook == 'cgroup' else 1) * 18)
        self.assertEqual(mine[0].keys(), mine[1].keys())
        self.assertGreater(quiet.summary['kernel.quiet'], 50)
        self.assertEqual(every.summary['kernel.quiet'], 0)
        for key in mine[0]:
            self.hold(mine[0][key], mine[1][key])

    def by_request(self, tracer):
        records = match.mine(tracer.stop(), self.tag)
        self.assertEqual(tracer.summary['kernel.events_lost'], 0)
        return {(r['side'], r['url.path']): r for r in records}

    def hold(self, got, want):
        """Times are of one clock, read by two programs one after the other."""
        self.assertEqual(got.keys() - OWN, want.keys() - OWN)
        for key in got.keys() - OWN:
            if key.endswith('_ns'):
                self.assertLess(abs(got[key] - want[key]), 10 * MS, (key, got, want))
            else:
                self.assertEqual(got[key], want[key], (key, got, want))


harness.per_hook(Quiet)
