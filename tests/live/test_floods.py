# SPDX-License-Identifier: GPL-2.0-only
"""Who wants to fill the tracer's memory: half-open connections, headers that never end, a byte at a time, on many connections. Memory
stays within --max-memory, what that costs is counted, and requests beside it are seen as ever.
"""
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import echo
import harness

# Half-open connections, by hook.
SYNS = {'cgroup': 1000000, 'tc': 200000, 'socket': 200000}
LIMIT_KB = 8 << 10
# What is not under --max-memory: buffers of output, tables of names, the allocator's.
SLACK_KB = 6 << 10


def kb(pid, key):
    with open('/proc/%d/status' % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(key + ':'))


class Floods:
    def start(self, ns, device='lo'):
        tracer = self.trace('--max-memory', '%dK' % LIMIT_KB, '--header', 'x-id', device=device, netns=ns)
        self.base = {key: kb(tracer.pid, key) for key in ('VmRSS', 'RssAnon')}
        return tracer

    def check(self, tracer, sent):
        """Memory, and the requests beside it; returns all records."""
        most, heap = kb(tracer.pid, 'VmHWM'), kb(tracer.pid, 'RssAnon')
        records = tracer.stop()
        self.assertEqual(echo.wrong_pairs(records), [])
        seen = sorted((echo.id_of(r), r['side']) for r in records
                      if echo.id_of(r) in sent and 'latency_ns' in r)
        self.assertEqual(seen, sorted((name, side) for name in sent for side in ('client', 'server')))
        self.assertLessEqual(heap, self.base['RssAnon'] + LIMIT_KB + SLACK_KB)
        # The ring, 16 MB that are mapped twice, counts with the pages that were touched.
        self.assertLessEqual(most, self.base['VmRSS'] + LIMIT_KB + 2 * (16 << 10) + SLACK_KB)
        return records

    def test_half_open(self):
        """SYNs from everywhere, to a server that keeps them all."""
        program = harness.compile_c(self, 'flood')
        ns, far = harness.Netns(self, 'a'), harness.Netns(self, 'b')
        harness.veth(ns, far)
        for name, value in (('net.core.somaxconn', 1 << 20), ('net.ipv4.tcp_max_syn_backlog', 1 << 20),
                            ('net.ipv4.conf.all.rp_filter', 0), ('net.ipv4.conf.default.rp_filter', 0),
                            ('net.ipv4.tcp_syncookies', 0)):
            ns.sysctl(name, value)
        device, = re.findall(r'^\d+: (\S+?)[@:]', ns.ip('-o', 'link', 'show', 'type', 'veth'), re.M)
        other, = re.findall(r'^\d+: (\S+?)[@:]', far.ip('-o', 'link', 'show', 'type', 'veth'), re.M)
        mac, = re.findall(r'link/ether (\S+)', ns.ip('link', 'show', device))
        ns.ip('route', 'add', '10.0.0.0/8', 'via', '10.231.0.2')  # which drops what it gets
        listener = harness.Process(self, [harness.PYTHON, '-c', LISTENER, '10.231.0.1', '9'], netns=ns)
        harness.wait_until('listener', listener.stdout)
        echo.Server(self, ns)
        tracer = self.start(ns, 'any')
        count = SYNS[self.hook]
        flood = harness.Process(self, [program, other, mac, '10.231.0.1', '9', count], netns=far)
        load = echo.Load(self, ns, 1, 100, self.tag, pause=0.02)
        self.assertGreaterEqual(int(flood.succeed(120)), count)
        # Each was kept and answered.
        rows = [row.split() for row in ns.run('cat', '/proc/net/snmp').stdout.splitlines()
                if row.startswith('Tcp:')]
        self.assertGreaterEqual(int(rows[1][rows[0].index('OutSegs')]), count)
        self.check(tracer, load.finish())
        self.assertLess(tracer.summary['connections'], 1000)

    def hold(self, ns, kind, count):
        """`count` connections that do something endless."""
        program = harness.Process(self, [harness.PYTHON, os.path.join(harness.HERE, 'endless.py'), kind,
                                         count], netns=ns)
        harness.wait_until('what is endless', lambda: 'done' in program.stdout() or
                           program.proc.poll() is not None, 90)
        self.assertIn('done', program.stdout(), program.stderr())
        return program

    def endless(self, kind, count, status, flags):
        """What does not end is reported in the end, once at each end, for what it is."""
        ns = harness.Netns(self)
        echo.Server(self, ns)
        tracer = self.start(ns)
        before = echo.Load(self, ns, 1, 20, self.tag + 'before', pause=0.01).finish()
        self.hold(ns, kind, count)
        after = echo.Load(self, ns, 1, 20, self.tag + 'after', pause=0.01).finish()
        harness.wait_until('records', lambda: sum(self.tag + 'after' in r.get('url.original', '')
                                                  for r in tracer.objects()) == 40)
        records = self.check(tracer, dict(before, **after))
        got = sorted((r['side'], str(r.get('http.response.status_code')), r['flags']) for r in records
                     if r.get('url.original') == '/endless')
        self.assertEqual(got, [(side, str(status), flags) for side in ('client', 'server')
                               for _ in range(count)])
        return tracer.summary

    def test_header_bombs(self):
        """A header section of a megabyte, on 60 connections, at once. What is not asked for is not kept."""
        self.endless('headers', 60, None, ['truncated', 'no-response'])

    def test_slow_headers(self):
        """A thousand clients that send their header byte by byte, and none is done."""
        self.endless('slow', 1000, None, ['truncated', 'no-response'])

    def test_interim_responses(self):
        summary = self.endless('interim', 5, None, ['no-response'])
        self.assertEqual(summary['responses.interim'], 5 * 20000 * 2)

    def test_chunk_extensions(self):
        self.endless('extensions', 20, 200, ['truncated'])

    def test_trailers(self):
        self.endless('trailers', 20, 200, ['truncated'])


LISTENER = '''
import socket, sys, time
s = socket.socket()
s.bind((sys.argv[1], int(sys.argv[2])))
s.listen(1 << 20)
print('listening', flush=True)
time.sleep(300)
'''

harness.per_hook(Floods)

if __name__ == '__main__':
    unittest.main()
