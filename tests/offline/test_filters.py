# SPDX-License-Identifier: GPL-2.0-only
"""Each filter by request against jq over all of the records of the same capture."""
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from test_files import ACK, HTTPLAT, PSH, RST, Conversation, pcap

# Options, and the same for jq. Where a key is absent jq has null, which is less than any number.
LATENCY = '(.latency_ns // -1)'
STATUS = '.["http.response.status_code"]'
HOST = '(.["http.request.header.host"] // [""])[0]'
ADDRESSES = '(.["client.address"], .["server.address"])'
PORTS = '(.["client.port"], .["server.port"])'
FILTERS = (
    (['-m', 'post'], '.["http.request.method"] == "POST"'),
    (['-m', 'PUT,DELETE'], '.["http.request.method"] | IN("PUT", "DELETE")'),
    (['-m', 'GET', '-m', 'put'], '.["http.request.method"] | IN("GET", "PUT")'),
    (['--path', '/api/*'], '(.["url.path"] // "") | startswith("/api/")'),
    (['--path', '/api/?'], '(.["url.path"] // "") | test("^/api/.$")'),
    (['--path', '*/1', '--path', '/other'], '(.["url.path"] // "") | test("/1$|^/other$")'),
    (['--host', 'SHOP.example'], HOST + ' | test("^shop[.]example(:[0-9]+)?$")'),
    (['--host', '*.example:8080'], HOST + ' | test("[.]example:8080$")'),
    (['--host', 'example.???,nobody'], HOST + ' | test("^example[.]...$")'),
    (['--status', '404'], STATUS + ' == 404'),
    (['--status', '5xx,201'], STATUS + ' | . == 201 or (. != null and . >= 500)'),
    (['--status', '200-299'], STATUS + ' | . != null and . >= 200 and . < 300'),
    (['--status', '>=404'], STATUS + ' | . != null and . >= 404'),
    (['--status', '>404'], STATUS + ' | . != null and . > 404'),
    (['--status', '<300'], STATUS + ' | . != null and . < 300'),
    (['--status', '<=302', '--status', '503'], STATUS + ' | . != null and (. <= 302 or . == 503)'),
    (['--remote', '192.0.2.1'], 'any(%s; . == "192.0.2.1")' % ADDRESSES),
    (['--remote', '192.0.2.0/30'], 'any(%s; test("^192[.]0[.]2[.][0-3]$"))' % ADDRESSES),
    (['--remote', '198.51.100.0/24,203.0.113.9'],
     'any(%s; test("^198[.]51[.]100[.]"))' % ADDRESSES),
    (['--remote', '2001:db8::/32'], 'any(%s; startswith("2001:db8:"))' % ADDRESSES),
    (['--remote', '203.0.113.0/24'], 'false'),
    (['--slow', '10ms'], LATENCY + ' >= 10000000'),
    (['--slow', '10001us'], LATENCY + ' >= 10001000'),
    (['--errors'],
     '(%s // 0) >= 400 or (.flags | any(. == "reset" or . == "no-response"))' % STATUS),
    (['--port', '8080'], 'any(%s; . == 8080)' % PORTS),
    (['--side', 'transit'], 'true'),
    (['-f', 'tcp port 8080'], 'any(%s; . == 8080)' % PORTS),
    (['-f', 'host 192.0.2.1 or ip6'], 'any(%s; test("^192[.]0[.]2[.]1$|:"))' % ADDRESSES),
)
# Those that take all of the capture's requests, or none.
EXTREMES = 2
CLIENTS = (('192.0.2.1', '192.0.2.7'), ('198.51.100.7', '192.0.2.7'), ('192.0.2.3', '198.51.100.1'),
           ('2001:db8::1', '2001:db8::2'), ('fd00::1', 'fd00::2'))


def answer(conversation, status, body, **kw):
    conversation.add(1, PSH | ACK, b'HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s'
                     % (status, len(body), body), **kw)


def capture():
    """Every combination of some methods, paths, hosts and statuses, in different times, from several
    addresses; some without an answer, some reset. Each has a client's port of its own."""
    frames = []
    kinds = itertools.product(('GET', 'POST', 'PUT', 'DELETE'), ('/api/1', '/api/2?q=/1', '/other'),
                              ('shop.example', 'shop.example:8080', 'example.org'),
                              (200, 201, 302, 404, 503, None))
    for n, (method, path, host, status) in enumerate(kinds):
        client, server = CLIENTS[n % len(CLIENTS)]
        c = Conversation(port=20000 + n, server_port=8080 if n % 3 else 80,
                         start=1700000000000000000 + n * 10**9, client=client, server=server)
        c.add(0, PSH | ACK, ('%s %s HTTP/1.1\r\nHost: %s\r\nContent-Length: 0\r\n\r\n'
                             % (method, path, host)).encode())
        if status:
            answer(c, status, b'x' * n, after=(1 + n % 20) * 10**6)
            c.close()
        elif n % 2:
            c.add(1, RST)
        else:
            c.close()
        frames += c.frames
    return pcap(frames)


class Filters(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which('jq'):
            raise unittest.SkipTest('jq is not installed')
        cls.dir = tempfile.mkdtemp(prefix='httplat-test-')
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.path = os.path.join(cls.dir, 'capture')
        with open(cls.path, 'wb') as f:
            f.write(capture())
        cls.everything = cls.records()

    @classmethod
    def records(cls, *options):
        done = subprocess.run([HTTPLAT, '-r', cls.path, '-o', 'json', *options], timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True)
        lines = done.stdout.decode().splitlines()
        cls.summary = json.loads(lines.pop())['httplat.summary']
        return lines

    def select(self, condition):
        done = subprocess.run(['jq', '-c', 'select(%s) | [.["client.port"]]' % condition],
                              input='\n'.join(self.everything).encode(), timeout=30,
                              stdout=subprocess.PIPE, check=True)
        return [json.loads(line)[0] for line in done.stdout.decode().splitlines()]

    def check(self, options, condition):
        got = [json.loads(line)['client.port'] for line in self.records(*options)]
        self.assertEqual(got, self.select(condition), options)
        self.assertEqual(self.summary['transactions'], len(got))
        # What -f leaves out is not looked into.
        if '-f' not in options:
            self.assertEqual(self.summary['filtered.transactions'], len(self.everything) - len(got))
        return got

    def test_each(self):
        some = 0
        for options, condition in FILTERS:
            some += 0 < len(self.check(options, condition)) < len(self.everything)
        self.assertEqual(some, len(FILTERS) - EXTREMES)

    def test_each_two(self):
        """Of two kinds a request has to match both."""
        for (a, one), (b, two) in itertools.combinations(FILTERS, 2):
            if a[0] != b[0]:
                self.check(a + b, '(%s) and (%s)' % (one, two))

    def test_alternatives(self):
        """Of one kind, one."""
        for (a, one), (b, two) in itertools.combinations(FILTERS, 2):
            if a[0] == b[0] and a[0] in ('-m', '--path', '--host', '--status', '--remote'):
                self.check(a + b, '(%s) or (%s)' % (one, two))

    def test_all_at_once(self):
        """And with a limit, which counts what is left."""
        options, conditions, kinds = [], [], set()
        for option, condition in reversed(FILTERS):
            if option[0] not in kinds | {'--errors'} and condition != 'false':
                kinds.add(option[0])
                options += option
                conditions.append('(%s)' % condition)
        got = self.check(options, ' and '.join(conditions))
        self.assertGreater(len(got), 1, options)
        self.assertEqual([json.loads(line)['client.port'] for line in self.records(*options, '-n', '1')],
                         got[:1])

    def test_help_has_no_other(self):
        """Whoever adds a filter adds it here, or says why it can't be tried on a file."""
        live = {'--pid', '--follow', '--comm', '--uid', '--container', '--pod', '--unit', '--cgroup'}
        text = subprocess.run([HTTPLAT, '--help'], stdout=subprocess.PIPE, check=True,
                              timeout=30).stdout.decode()
        what = text[text.index('What:'):text.index('How long:')]
        short = dict(re.findall(r'(-\w), (--[a-z]+)', what))
        tried = {short.get(options[0], options[0]) for options, _ in FILTERS} - {'-f'}
        self.assertEqual(set(re.findall(r'^ .{0,9}(--[a-z]+)', what, re.M)), tried | live)


if __name__ == '__main__':
    unittest.main()
