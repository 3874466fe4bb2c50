# SPDX-License-Identifier: GPL-2.0-only
"""--joined: both ends of a request on one line, each request once, against what servers and clients
say themselves."""
import re
import signal
import unittest

import harness

# Of somebody else's: it doesn't say which ends were local.
CAPTURE = harness.ROOT + '/tests/fuzz/seeds/fuzz_capture/exchange'
DURATION = r'\d+(?:\.\d+)?(?:ns|us|ms|s)'
TIMES = r'(?P<%%s>%s|-)' % DURATION
LINE = re.compile(
    r'\d\d:\d\d:\d\d\.\d{6} (?P<client>\S+ +\S+) +(?P<server>\S+ +\S+) +(?P<method>[A-Z]+) +'
    r'(?P<status>\d+|-) +' + ' +'.join(TIMES % n for n in ('latency', 'served', 'between'))
    + r' +(?P<size>\d+|-) (?P<url>\S+?)(?:  \[(?P<flags>.*)\])?$')


class Setting:
    """Servers, clients and nothing else in a network namespace; cgroups tell who is who."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ns = harness.Netns(cls, 'join')
        cls.far = harness.Cgroup(cls, 'server')
        cls.near = harness.Cgroup(cls, 'client')
        cls.nginx = harness.Nginx(cls, cls.far, cls.ns, addresses=('127.0.0.1',))
        cls.python = harness.PyServer(cls, cls.far, cls.ns)

    def start(self, *options, **kw):
        return self.trace('--joined', *options, netns=self.ns, json_output=False, **kw)

    def plan(self, server, count, size=17, **more):
        return dict({'host': '127.0.0.1', 'port': server.port, 'exchanges': [
            {'path': '/f/%d/%s/%s' % (size, self.tag, harness.unique('n'))}
            for _ in range(count)]}, **more)

    def fetch(self, plans):
        return harness.fetch(self, plans, cgroup=self.near, netns=self.ns)

    def lines(self, tracer):
        """This test's lines so far, taken apart."""
        text = tracer.stdout()
        lines = [line for line in text[:text.rfind('\n') + 1].splitlines() if self.tag in line]
        parsed = [LINE.match(line) for line in lines]
        self.assertNotIn(None, parsed, text)
        return [dict(m.groupdict(), path=m['url'][m['url'].index('/'):]) for m in parsed]

    def stop(self, tracer):
        tracer.send(signal.SIGINT)
        self.assertEqual(tracer.wait(), 0, tracer.stderr())
        lines = self.lines(tracer)
        self.assertEqual(len({line['path'] for line in lines}), len(lines), tracer.stdout())
        return {line['path']: line for line in lines}

    def end(self, comm, pid, cgroup):
        """The process and its owner, which is a cgroup whose name may have lost its beginning."""
        return r'^%s\[%d\] +\S*%s$' % (re.escape(comm), pid,
                                      re.escape(cgroup.path.rsplit('/', 1)[1][-20:]))

    def check(self, lines, sent, served, server, comm):
        """A line for each request, with both processes and the time between their sockets."""
        self.assertEqual(set(lines), {row['path'] for row in sent})
        at_server = {row['uri']: row for row in served}
        for row in sent:
            line, there = lines[row['path']], at_server[row['path']]
            self.assertRegex(line['client'], self.end(comm, row['pid'], self.near))
            self.assertRegex(line['server'], self.end(server.comm, there['pid'], self.far))
            self.assertEqual((line['method'], line['status'], line['size'], line['flags']),
                             (there['method'], str(row['status']), str(row['body']), None))
            for key in ('latency', 'served', 'between'):
                self.assertNotEqual(line[key], '-', line)


class Joined(Setting):
    def test_curl_and_nginx(self):
        jobs = ['/f/%d/%s/%d' % (size, self.tag, n) for n, size in
                enumerate((17, 0, 70000, 1000000, 5000))]
        jobs += ['/s/404/' + self.tag, '/s/204/' + self.tag]
        tracer = self.start('--port', str(self.nginx.port))
        curl = harness.Curl(self, 'http://127.0.0.1:%d' % self.nginx.port, jobs,
                            cgroup=self.near, netns=self.ns)
        sent = curl.result()
        lines = self.stop(tracer)
        self.assertEqual(len(sent), len(jobs))
        self.check(lines, sent, self.nginx.log(len(jobs), self.tag), self.nginx, 'curl')

    def test_many_connections(self):
        """Keep-alive, pipelined, one request each, several at once."""
        plans = [self.plan(self.python, 20, thread=0), self.plan(self.python, 5, pipeline=True,
                                                                 thread=1)]
        plans += [self.plan(self.python, 1, 5000, thread=2 + n % 3) for n in range(30)]
        count = sum(len(plan['exchanges']) for plan in plans)
        tracer = self.start()
        sent = self.fetch(plans)
        lines = self.stop(tracer)
        self.assertEqual(len(sent), count)
        for line in lines.values():
            if line['flags'] == 'pipelined':
                line['flags'] = None
        self.check(lines, sent, self.python.log(count, self.tag), self.python, self.python.comm)

    def test_no_answer(self):
        """Neither end saw a response: still one line."""
        path = '/silent/0/' + self.tag
        tracer = self.start()
        self.fetch({'host': '127.0.0.1', 'port': self.python.port, 'exchanges': [{'path': path}]})
        line = self.stop(tracer)[path]
        self.assertEqual((line['status'], line['latency'], line['served'], line['between']),
                         ('-', '-', '-', '-'))
        self.assertIn('no-response', line['flags'])
        self.assertRegex(line['server'], self.end(self.python.comm, self.python.pid, self.far))
        self.assertRegex(line['client'], r'^%s\[\d+\] ' % re.escape(self.python.comm))

    def test_one_end_alone(self):
        """The client is left out: its requests come alone, while it runs and when it ends."""
        tracer = self.start('-g', self.far.path)
        self.fetch(self.plan(self.python, 3))
        harness.wait_until('line of each request', lambda: len(self.lines(tracer)) == 3)
        self.fetch(self.plan(self.python, 2))
        sent = self.python.log(5, self.tag)
        lines = self.stop(tracer)
        self.assertEqual(set(lines), {row['uri'] for row in sent})
        for row in sent:
            line = lines[row['uri']]
            self.assertEqual(line['client'].split(), ['127.0.0.1:%d' % row['port'], '-'])
            self.assertRegex(line['server'], self.end(self.python.comm, row['pid'], self.far))
            self.assertEqual((line['latency'], line['between']), ('-', '-'))
            self.assertNotEqual(line['served'], '-')

    def test_count(self):
        """-n counts lines, not records."""
        # The cgroup hook sees the machine's other traffic.
        tracer = self.start('-n', '3', '--port', str(self.python.port))
        sent = self.fetch([self.plan(self.python, 1) for _ in range(8)])
        self.assertEqual(tracer.wait(), 0)
        self.assertEqual(tracer.stdout().count('\n'), 4, tracer.stdout())
        lines = self.lines(tracer)
        self.assertEqual(len({line['path'] for line in lines}), 3, tracer.stdout())
        self.assertLessEqual({line['path'] for line in lines}, {row['path'] for row in sent})
        for line in lines:
            self.assertNotEqual(line['between'], '-')


class Translated(Setting):
    """Of sockets: a tap sees packets, which say nothing of the address that the client has."""

    def test_translated(self):
        """The client's address of the server is not the server's own."""
        harness.need('nft')
        self.ns.nft('table ip httplat { chain out { type nat hook output priority -100; '
                    'tcp dport 79 redirect to :%d; }; }\n' % self.python.port)
        self.addCleanup(self.ns.nft, 'delete table ip httplat')
        tracer = self.start()
        sent = self.fetch([self.plan(self.python, 2, port=79) for _ in range(2)])
        lines = self.stop(tracer)
        self.assertEqual(len(sent), 4)
        self.check(lines, sent, self.python.log(4, self.tag), self.python, self.python.comm)


class Refused(unittest.TestCase):
    def test_refused(self):
        for options, word in ((('-o', 'json'), 'exchange.id'), (('--side', 'client'), '--side'),
                              (('-r', CAPTURE), '-r')):
            done = harness.run(harness.HTTPLAT, '--joined', *options, check=False)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(word, done.stderr)
            self.assertEqual((done.stdout, done.stderr.count('\n')), ('', 1))


harness.per_hook(Joined)
harness.per_hook(Translated, ('cgroup',))


if __name__ == '__main__':
    unittest.main()
