# SPDX-License-Identifier: GPL-2.0-only
"""Each filter by request against jq over all of the records of the same capture."""
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from test_files import ACK, HTTPLAT, PSH, RST, Conversation, pcap

# Options, and the same for jq. Where a key is absent jq has null, which is less than any number.
LATENCY = '(.latency_ns // -1)'
FILTERS = (
    (['-m', 'post'], '.["http.request.method"] == "POST"'),
    (['-m', 'PUT,DELETE'], '.["http.request.method"] | IN("PUT", "DELETE")'),
    (['--path', '/api/*'], '(.["url.path"] // "") | startswith("/api/")'),
    (['--path', '*/1', '--path', '/other'], '(.["url.path"] // "") | test("/1$|^/other$")'),
    (['--host', 'SHOP.example'], '(.["http.request.header.host"] // [""])[0] | '
                                 'test("^shop\\\\.example(:[0-9]+)?$")'),
    (['--host', '*.example:8080'], '(.["http.request.header.host"] // [""])[0] | '
                                   'test("\\\\.example:8080$")'),
    (['--status', '404'], '.["http.response.status_code"] == 404'),
    (['--status', '5xx,201'], '.["http.response.status_code"] | . == 201 or '
                              '(. != null and . >= 500)'),
    (['--status', '200-299'], '.["http.response.status_code"] | . != null and '
                              '. >= 200 and . < 300'),
    (['--status', '>=404'], '.["http.response.status_code"] | . != null and . >= 404'),
    (['--status', '<300'], '.["http.response.status_code"] | . != null and . < 300'),
    (['--remote', '192.0.2.1'], '.["client.address"] == "192.0.2.1"'),
    (['--remote', '192.0.2.0/30'], 'true'),
    (['--remote', '198.51.100.0/24'], 'false'),
    (['--slow', '10ms'], LATENCY + ' >= 10000000'),
    (['--errors'], '(.["http.response.status_code"] // 0) >= 400 or '
                   '(.flags | any(. == "reset" or . == "no-response"))'),
    (['--port', '8080'], '.["server.port"] == 8080'),
)


def answer(conversation, status, body, **kw):
    conversation.add(1, PSH | ACK, b'HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n%s'
                     % (status, len(body), body), **kw)


def capture():
    """Every combination of some methods, paths, hosts and statuses, in different times; some
    without an answer, some reset."""
    frames = []
    kinds = itertools.product(('GET', 'POST', 'PUT', 'DELETE'), ('/api/1', '/api/2?q=/1', '/other'),
                              ('shop.example', 'shop.example:8080', 'example.org'),
                              (200, 201, 302, 404, 503, None))
    for n, (method, path, host, status) in enumerate(kinds):
        c = Conversation(port=20000 + n, server_port=8080 if n % 3 else 80,
                         start=1700000000000000000 + n * 10**9)
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
        done = subprocess.run(['jq', '-c', 'select(%s) | [.["tcp.stream"]]' % condition],
                              input='\n'.join(self.everything).encode(), timeout=30,
                              stdout=subprocess.PIPE, check=True)
        return [json.loads(line)[0] for line in done.stdout.decode().splitlines()]

    def check(self, options, condition):
        got = [json.loads(line)['tcp.stream'] for line in self.records(*options)]
        self.assertEqual(got, self.select(condition), options)
        self.assertEqual(self.summary['transactions'], len(got))
        self.assertEqual(self.summary['filtered.transactions'], len(self.everything) - len(got))
        return got

    def test_each(self):
        some = 0
        for options, condition in FILTERS:
            some += 0 < len(self.check(options, condition)) < len(self.everything)
        self.assertEqual(some, len(FILTERS) - 3)

    def test_each_two(self):
        """Of two kinds a request has to match both."""
        for (a, one), (b, two) in itertools.combinations(FILTERS, 2):
            if a[0] != b[0]:
                self.check(a + b, '(%s) and (%s)' % (one, two))


if __name__ == '__main__':
    unittest.main()
