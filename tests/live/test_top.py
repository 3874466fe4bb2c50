# SPDX-License-Identifier: GPL-2.0-only
"""`httplat top` on live traffic: http.server serves it, the terminal is tmux's."""
import http.client
import os
import signal
import unittest

import harness
from terminal import Terminal, need_tmux


class Top(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        harness.need()
        need_tmux()
        cls.dir = harness.temp_dir(cls)
        for name in ('one', 'two'):
            with open(os.path.join(cls.dir, name), 'w') as f:
                f.write(name)
        cls.port = harness.free_port()
        cls.server = harness.Process(cls, [harness.PYTHON, '-m', 'http.server', '--bind', '127.0.0.1',
                                           cls.port], cwd=cls.dir)
        harness.wait_until('http.server', lambda: cls.try_get('/') is not None)

    @classmethod
    def try_get(cls, path):
        connection = http.client.HTTPConnection('127.0.0.1', cls.port, timeout=10)
        try:
            connection.request('GET', path)
            response = connection.getresponse()
            response.read()
            return response.status
        except ConnectionError:
            return None
        finally:
            connection.close()

    def get(self, path, times=1):
        for _ in range(times):
            self.assertIsNotNone(self.try_get(path))

    def start(self, *options, **kw):
        top = Terminal(self, os.path.abspath(harness.HTTPLAT), 'top', '--port', self.port, *options,
                       **kw)
        top.see('httplat top at every local socket (cgroup hook)', 'events lost 0, gaps 0')
        return top

    @staticmethod
    def rows(top):
        """What stands in the columns of the table: {path: {title: text}}."""
        lines = top.screen()
        titles = [n for n, line in enumerate(lines) if line.startswith('SIDE')]
        if not titles:
            return {}
        names = lines[titles[0]].split()
        rows = [dict(zip(names, line.split())) for line in lines[titles[0] + 1:-1] if line]
        return {row.get('PATH'): row for row in rows}

    def count(self, top, path):
        return int(self.rows(top).get(path, {}).get('COUNT', 0))

    def wait_count(self, top, path, n):
        top.wait('%d of %s' % (n, path), lambda: self.count(top, path) == n)

    def test_counts(self):
        """Rates, counts, errors, pausing, beginning anew; the order follows what comes."""
        top = self.start('--side', 'server', '--by', 'path', '--interval', '2s')
        top.see('no request yet')
        self.get('/one', 3)
        self.get('/missing', 2)
        self.wait_count(top, '/one', 3)
        self.wait_count(top, '/missing', 2)
        self.assertEqual(list(self.rows(top)), ['/one', '/missing'])
        self.assertEqual(self.rows(top)['/missing']['ERRORS'], '2')
        top.see('5 requests  2 errors 40.0 %')
        # The rate is that of the last interval: it comes, and goes.
        top.wait('no rate', lambda: self.rows(top)['/one']['RATE'] == '0.0/s')
        self.get('/two', 9)
        top.wait('a rate', lambda: self.rows(top).get('/two', {}).get('RATE', '0.0/s') != '0.0/s')
        self.wait_count(top, '/two', 9)
        self.assertEqual(list(self.rows(top)), ['/two', '/one', '/missing'])
        top.keys('p')
        top.see('PAUSED')
        self.get('/one', 20)
        before = top.screen()[0]
        top.wait('seconds that go on', lambda: top.screen()[0] != before)
        self.assertEqual(self.count(top, '/one'), 3)
        top.keys('p')
        self.wait_count(top, '/one', 23)
        top.keys('z')
        top.see('since ', 'no request since then')
        self.get('/one', 2)
        self.wait_count(top, '/one', 2)
        top.keys('q')
        self.assertEqual(top.status(), 0)
        self.assertIn('requests 72, ', top.stderr())  # both ends of 36
        top.check_restored(self)

    def test_requests(self):
        """A row that is opened goes on; the parts of the time are those of its side."""
        top = self.start('--by', 'path')
        self.get('/one')
        top.wait('two rows', lambda: len([line for line in top.screen() if '/one' in line]) == 2)
        top.keys('/')
        top.type('server')
        top.keys('Enter')
        top.see("1 of 2 rows with 'server'")
        top.keys('Enter')
        top.see('side server  path /one', 'COUNT=1 ', 'QUEUE', 'APP', 'GET 127.0.0.1:%d/one' % self.port)
        self.get('/one', 2)
        top.see('COUNT=3 ')
        top.wait('three requests', lambda: top.text().count('GET 127.0.0.1') == 6)
        top.keys('Down', 'Enter')
        screen = top.see('server python3[%d]' % self.server.pid, '/one -> 200', 'latency', 'app ')
        self.assertIn('queue', screen)
        top.keys('q', 'q', 'Escape')
        top.see('2 rows')
        top.keys('q')
        self.assertEqual(top.status(), 0)

    def test_signals(self):
        for sig in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with self.subTest(sig):
                top = self.start('--by', 'path', '--side', 'server')
                self.get('/two')
                self.wait_count(top, '/two', 1)
                os.kill(top.pid(), sig)
                self.assertEqual(top.status(), 0)
                self.assertIn('requests ', top.stderr())
                top.check_restored(self)
                top.close()

    def test_stopped_terminal(self):
        """One that takes no output (Ctrl-S) holds up neither what is captured nor the end."""
        top = self.start('--by', 'path', '--side', 'server', '-d', '6s')
        top.keys('C-s')
        self.get('/one', 50)
        self.assertEqual(top.status(), 0)
        self.assertIn('requests 100, ', top.stderr())
        self.assertIn('events lost 0, gaps 0', top.stderr())
        top.check_restored(self)

    def test_interval_and_ends(self):
        """-d, -n and a command end it; --fail-if has its say; the command's output spoils nothing."""
        top = self.start('--interval', '200ms', '-d', '1s', '--side', 'server', '--fail-if', 'count<1')
        self.assertEqual(top.status(), 4)
        top.check_restored(self)
        top.close()
        top = self.start('-n', '3', '--side', 'server')
        self.get('/one', 3)
        self.assertEqual(top.status(), 0)
        top.close()
        top = Terminal(self, os.path.abspath(harness.HTTPLAT), 'top', '--by', 'path', '--',
                       '/bin/sh', '-c', 'echo spoilt; curl -s http://127.0.0.1:%d/two; sleep 5; '
                       'tty' % self.port)
        screen = top.see('httplat top', '/two')
        self.assertNotIn('spoilt', screen)
        self.assertEqual(top.status(), 0)
        self.assertIn('the command ended with status 1', top.stderr())  # no tty
        top.check_restored(self)

    def test_command_is_told_of(self):
        """On the terminal that standard error is as well, when that is free again."""
        top = Terminal(self, shell=True)
        top.see('$')
        top.type(os.path.abspath(harness.HTTPLAT) + " top -- sh -c 'sleep 1; exit 3'")
        top.keys('Enter')
        top.see('httplat: the command ended with status 3', 'requests ')
        self.assertEqual(top.flag('alternate_on'), '0')

    def test_same_as_stat(self):
        """The numbers are those of stat."""
        top = self.start('--side', 'server', '--by', 'path')
        stat = harness.Tracer(self, 'stat', '--side', 'server', '--by', 'path', '--port', self.port,
                              json_output=False)
        self.get('/one', 7)
        self.get('/two', 5)
        self.wait_count(top, '/one', 7)
        self.wait_count(top, '/two', 5)
        top.resize(160, 24)
        top.see('P99.9', 'MEAN', ' IN ', ' OUT')
        rows = self.rows(top)
        stat.send(signal.SIGINT)
        self.assertEqual(stat.wait(), 0)
        table = [line.split() for line in stat.stdout().splitlines()]
        self.assertEqual(len(table), 3)
        for line in table[1:]:
            want = dict(zip(table[0], line))
            for name in ('SIDE', 'COUNT', 'ERRORS', 'IN', 'OUT'):
                self.assertEqual(rows[want['PATH']][name], want[name], name)


if __name__ == '__main__':
    unittest.main()
