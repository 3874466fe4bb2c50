# SPDX-License-Identifier: GPL-2.0-only
"""Another program at the same hook, another httplat, and an end at any moment: nobody notices."""
import json
import os
import random
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import echo
import harness

MARK = 0xbad
KILLS = 20


class Neighbours(harness.LiveTest):
    """Whoever comes first and whoever goes first: both see everything, and the other's verdict holds."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.program = harness.compile_c(cls, 'neighbour', libs=('-lbpf', '-lelf', '-lz'))

    def setUp(self):
        super().setUp()
        self.ns = harness.Netns(self)
        self.group = harness.Cgroup(self)
        self.server = echo.Server(self, self.ns, self.group)

    def start_other(self, kind):
        where = harness.cgroup2_mount() + self.group.path if kind == 'cgroup' else 'lo'
        other = harness.Process(self, [self.program, kind, where], netns=self.ns)
        harness.wait_until('neighbour', lambda: other.stdout() or other.proc.poll() is not None)
        self.assertTrue(other.stdout(), other.stderr())
        return other

    def count(self, other):
        """As it is now: the line after the next."""
        lines = len(other.stdout().splitlines())
        harness.wait_until('count', lambda: len(other.stdout().splitlines()) > lines + 1)
        return int(other.stdout().splitlines()[-1])

    def requests(self, stem):
        return echo.Load(self, self.ns, 1, 10, self.tag + stem, cgroup=self.group).finish()

    def is_dropped(self):
        """What carries the mark doesn't arrive."""
        code = 'import socket\ns = socket.socket()\ns.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, %d)\n' \
               's.settimeout(0.5)\ns.connect(("127.0.0.1", %d))\n' % (MARK, echo.PORT)
        done = harness.Process(self, [harness.PYTHON, '-c', code], self.group, self.ns)
        return done.wait() != 0

    def seen(self, tracer, stem):
        return sum(self.tag + stem in r.get('url.original', '') for r in tracer.objects())

    def check(self, kind, hook, other_first):
        self.hook = hook
        if other_first:
            other = self.start_other(kind)
            tracer = self.trace(netns=self.ns)
        else:
            tracer = self.trace(netns=self.ns)
            other = self.start_other(kind)
        before = self.count(other)
        self.requests('both')
        harness.wait_until('records', lambda: self.seen(tracer, 'both') == 20)
        self.assertGreaterEqual(self.count(other), before + 10)
        self.assertTrue(self.is_dropped())
        if other_first:
            tracer.stop()
            before = self.count(other)
            self.requests('alone')
            self.assertGreaterEqual(self.count(other), before + 10)
            self.assertTrue(self.is_dropped())
        else:
            other.end()
            self.requests('alone')
            harness.wait_until('records', lambda: self.seen(tracer, 'alone') == 20)
            self.assertFalse(self.is_dropped())
            tracer.stop()


def _add_neighbours():
    for kind, hook in (('cgroup', 'cgroup'), ('tcx', 'tc'), ('clsact', 'tc'), ('clsact', 'cgroup')):
        for first in (True, False):
            name = 'test_%s_with_%s_%s' % (hook, kind, 'before' if first else 'after')
            setattr(Neighbours, name, lambda self, k=kind, h=hook, f=first: self.check(k, h, f))


_add_neighbours()


class AllAtOnce(harness.LiveTest):
    """Two on each hook: each sees everything, until it ends."""

    def test_two_on_each_hook(self):
        ns = harness.Netns(self)
        echo.Server(self, ns)
        tracers = [harness.Tracer(self, *harness.hook_options(hook, 'lo', ns)) for hook in harness.HOOKS * 2]
        while tracers:
            self.tag = harness.unique('id')
            echo.Load(self, ns, 1, 10, self.tag).finish()
            for tracer in tracers:
                harness.wait_until('records of ' + ' '.join(tracer.options), lambda t=tracer: sum(
                    self.tag in r.get('url.original', '') for r in t.objects()) == 20)
            tracers.pop().stop()


class Kill(harness.LiveTest):
    """kill -9 at any moment, from the first instruction to full load. HTTPLAT_SEED repeats a run."""

    def ours(self):
        """Ids of programs, maps and links that have our names."""
        out = {}
        for kind in ('prog', 'map', 'link'):
            shown = json.loads(harness.run('bpftool', '-j', kind, 'show').stdout or '[]')
            out[kind] = {(o['id'], o.get('name', o.get('type'))) for o in shown
                         if kind == 'link' or self.is_our_name(o.get('name', ''))}
        return out

    @staticmethod
    def is_our_name(name):
        return name.startswith(('httplat_', 'owner_', 'conns', 'owners'))

    def leavings(self):
        """Everything that could be left, of which nothing may grow."""
        with open('/proc/self/mountinfo') as mounts:
            mounted = len(mounts.readlines())
        return {'bpf': self.ours(), 'mounts': mounted, 'netns': set(os.listdir('/run/netns')),
                'tmp': {n for n in os.listdir('/tmp') if n.startswith('httplat') and 'test' not in n},
                'bpffs': set(os.listdir('/sys/fs/bpf')) if os.path.isdir('/sys/fs/bpf') else set(),
                'qdisc': harness.run('ip', 'netns', 'exec', self.ns.name, 'tc', 'qdisc', 'show').stdout}

    def test_twenty_moments(self):
        harness.need('bpftool', 'tc')
        seed = int(os.environ.get('HTTPLAT_SEED') or random.SystemRandom().randrange(1 << 32))
        print('HTTPLAT_SEED=%d' % seed)
        choose = random.Random(seed)
        self.ns = harness.Netns(self)
        echo.Server(self, self.ns)
        load = echo.Load(self, self.ns, 2, 4000, self.tag, pause=0.005)
        before = self.leavings()
        for n in range(KILLS):
            hook = choose.choice(harness.HOOKS)
            tracer = harness.Tracer(self, *harness.hook_options(hook, 'lo', self.ns), wait=False)
            # Half of them while they start.
            time.sleep(choose.uniform(0, 0.4) if n % 2 else choose.uniform(0.4, 1.5))
            tracer.send(signal.SIGKILL)
            tracer.wait()
        # The kernel frees programs and maps a moment later.
        harness.wait_until('end of what they had', lambda: self.leavings() == before)
        self.assertEqual(len(load.finish()), 8000)
        # And the next one sees everything.
        tracer = harness.Tracer(self, *harness.hook_options('tc', 'lo', self.ns))
        sent = echo.Load(self, self.ns, 1, 20, self.tag + 'next', pause=0.01).finish()
        got = [r for r in tracer.stop() if self.tag + 'next' in r.get('url.original', '')]
        self.assertEqual(len(got), 2 * len(sent))


if __name__ == '__main__':
    unittest.main()
