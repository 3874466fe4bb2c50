# SPDX-License-Identifier: GPL-2.0-only
"""Each view of one capture, whole, against tests/golden: what a change does to what people see is to be seen
in its diff. The capture is made here and holds one of each thing that a record can say.

    UPDATE_GOLDEN=1 tests/run offline/test_views

writes them anew. JSON is laid out there, so that it can be read, and CSV has plain line ends; how these come
is for test_hostile.py.
"""
import difflib
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from test_files import ACK, FIN, HTTPLAT, PSH, ROOT, RST, Conversation, pcap, tcp

GOLDEN = os.path.join(ROOT, 'tests/golden')
START = 1700000000000000000  # 2023-11-14T22:13:20Z
MS = 10**6


def request(path, method='GET', host='shop.example', body=b'', more=''):
    length = 'Content-Length: %d\r\n' % len(body) if body else ''
    return ('%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: curl/7.88.1\r\n%s%s\r\n'
            % (method, path, host, more, length)).encode() + body


def response(status, body=b'', more=''):
    return ('HTTP/1.1 %d X\r\nContent-Type: text/plain\r\n%sContent-Length: %d\r\n\r\n'
            % (status, more, len(body))).encode() + body


def ordinary(n):
    """A connection that is used again, and closed."""
    c = Conversation(port=40000 + n, start=START + n * 10**9)
    c.add(0, PSH | ACK, request('/users/%d/orders?page=2&token=abc%d' % (100 + n, n)))
    c.add(1, PSH | ACK, response(200, b'x' * 100 * n), after=(1 + n * n) * MS)
    c.add(0, PSH | ACK, request('/cart', 'POST', body=b'item=%d&password=secret' % n))
    c.add(1, PSH | ACK, response(201, b'{"id": %d}\n' % n), after=2 * MS + 345678)
    c.close()
    return c


def failing(n):
    c = Conversation(port=41000 + n, server_port=8080, start=START + (10 + n) * 10**9)
    c.add(0, PSH | ACK, request('/api/v1/items/3f2a9c1d', 'DELETE', 'api.example:8080'))
    c.add(1, PSH | ACK, response((404, 503, 500)[n], b'no\n'), after=(10, 200, 1500)[n] * MS)
    c.close()
    return c


def large(start):
    """In several segments, of which one comes twice and two change places."""
    c = Conversation(port=42000, start=start)
    c.add(0, PSH | ACK, request('/big.bin'))
    c.add(1, PSH | ACK, b'HTTP/1.1 200 X\r\nContent-Length: 4000\r\n\r\n' + b'0' * 960, after=30 * MS)
    for _ in range(3):
        c.add(1, PSH | ACK, b'1' * 1000)
    c.frames.insert(-1, (c.frames[-2][0] + 100000, c.frames[-2][1]))
    c.add(1, ACK, b'2' * 40)
    at, swapped = len(c.frames) - 4, c.frames[-4]
    c.frames[at] = (swapped[0], c.frames[at - 1][1])
    c.frames[at - 1] = (c.frames[at - 1][0], swapped[1])
    c.close()
    return c


def pipelined(start):
    c = Conversation(port=43000, start=start)
    c.add(0, PSH | ACK, request('/1') + request('/2') + request('/3', 'HEAD'))
    c.add(1, PSH | ACK, response(200, b'one'), after=5 * MS)
    c.add(1, PSH | ACK, b'HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n',
          after=20 * MS)
    c.add(1, PSH | ACK, b'HTTP/1.1 200 X\r\nContent-Length: 1000\r\n\r\n', after=MS)
    c.close()
    return c


def odd(start):
    """One connection each."""
    out = []

    def begin(**kw):
        out.append(Conversation(port=44000 + len(out), start=start + len(out) * 10**8, **kw))
        return out[-1]

    c = begin()  # no response
    c.add(0, PSH | ACK, request('/never'))
    c.close()
    c = begin()  # reset
    c.add(0, PSH | ACK, request('/reset'))
    c.add(1, PSH | ACK, b'HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\nabc')
    c.add(1, RST)
    c = begin()  # early
    c.add(0, PSH | ACK, b'POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 20\r\n\r\n0123456789')
    c.add(1, PSH | ACK, response(413))
    c.add(0, PSH | ACK, b'0123456789')
    c.close()
    c = begin()  # another protocol
    c.add(0, PSH | ACK, request('/chat', more='Connection: upgrade\r\nUpgrade: websocket\r\n'))
    c.add(1, PSH | ACK, b'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x02hi')
    c.close()
    c = begin()  # a tunnel
    c.add(0, PSH | ACK, b'CONNECT db.example:5432 HTTP/1.1\r\nHost: db.example:5432\r\n\r\n')
    c.add(1, PSH | ACK, b'HTTP/1.1 200 X\r\n\r\n')
    c.close()
    c = begin()  # bytes that the capture lost
    c.add(0, PSH | ACK, request('/gap'))
    for piece in (b'HTTP/1.1 200 X\r\nContent-Length: 300\r\n\r\n', b'a' * 100, b'b' * 100, b'c' * 100):
        c.add(1, PSH | ACK, piece)
    del c.frames[-2]
    c.close()
    c = begin()  # interim responses
    c.add(0, PSH | ACK, b'PUT /f HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n')
    c.add(1, PSH | ACK, b'HTTP/1.1 100 X\r\n\r\n')
    c.add(0, PSH | ACK, b'abc')
    c.add(1, PSH | ACK, b'HTTP/1.1 204 X\r\n\r\n')
    c.close()
    c = begin()  # framing that contradicts itself
    c.add(0, PSH | ACK, b'POST /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5'
                        b'\r\n\r\n1234')
    c.add(1, PSH | ACK, response(400))
    c.close()
    c = begin()  # its beginning was not seen; a response without its request
    c.frames.clear()
    c.add(1, PSH | ACK, response(200, b'orphan'))
    c.add(0, PSH | ACK, b'GET /\x1b[31mred\xe2\x80\xae HTTP/1.0\r\n\r\n')
    c.add(1, PSH | ACK, b'HTTP/1.0 200 X\r\n\r\nup to the end')
    c.close()
    return [c.frames for c in out]


def capture():
    frames = []
    for c in [ordinary(n) for n in range(1, 7)] + [failing(n) for n in range(3)] \
            + [large(START + 20 * 10**9), pipelined(START + 21 * 10**9)]:
        frames += c.frames
    for more in odd(START + 22 * 10**9):
        frames += more
    # Not HTTP: a TLS handshake
    frames.append((START + 30 * 10**9, tcp('192.0.2.1', '192.0.2.3', 50000, 443, 1, 1, PSH | ACK,
                                           b'\x16\x03\x01\x00\x05hello')))
    return pcap(sorted(frames, key=lambda frame: frame[0]))


VIEWS = {
    'text': [],
    'wide': ['-o', 'wide'],
    'explain': ['--explain'],
    'verbose': ['-v', '-n', '12'],
    'json': ['-o', 'json', '--header', 'upgrade'],
    'verbose-json': ['-v', '-o', 'json', '-n', '2'],
    'no-redact': ['--no-redact', '-n', '3'],
    'body': ['--body', '16'],
    'body-json': ['-o', 'json', '--body', '16', '--status', '4xx'],
    'filtered': ['--host', '*.example', '--slow', '20ms'],
    'nothing': ['-m', 'TRACE'],
    'nothing-json': ['-m', 'TRACE', '-o', 'json'],
    'stat': ['stat'],
    'stat-by': ['stat', '--by', 'route,method,status', '--sort', 'max'],
    'stat-ttfb': ['stat', '--by', 'remote,port', '--time', 'ttfb'],
    'stat-histogram': ['stat', '--by', 'method', '--histogram'],
    'stat-heat': ['stat', '--by', 'side', '--heat'],
    'stat-interval': ['stat', '--by', 'method', '--interval', '10s'],
    'stat-json': ['stat', '--by', 'host,status', '-o', 'json'],
    'stat-csv': ['stat', '--by', 'host,path', '-o', 'csv'],
    'stat-nothing': ['stat', '-m', 'TRACE'],
}


def laid_out(text):
    return ''.join(json.dumps(json.loads(line), indent=1, ensure_ascii=True) + '\n'
                   for line in text.splitlines())


def plain(text):
    return text.replace('\r\n', '\n')


class Golden(unittest.TestCase):
    maxDiff = None
    wanted = set()

    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix='httplat-test-')
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        with open(os.path.join(cls.dir, 'capture'), 'wb') as f:
            f.write(capture())

    def run_it(self, *argv):
        env = dict(os.environ, TZ='UTC', LC_ALL='C.UTF-8', COLUMNS='80')
        done = subprocess.run([HTTPLAT, *argv], cwd=self.dir, env=env, timeout=30,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def compare(self, name, text):
        path = os.path.join(GOLDEN, name)
        if os.environ.get('UPDATE_GOLDEN'):
            os.makedirs(GOLDEN, exist_ok=True)
            with open(path, 'w', encoding='utf-8', newline='') as f:
                f.write(text)
        self.assertTrue(os.path.exists(path), path + ' is not there: ' + __doc__)
        with open(path, encoding='utf-8', newline='') as f:
            want = f.read()
        if text != want:
            diff = difflib.unified_diff(want.splitlines(), text.splitlines(), 'golden/' + name,
                                        'now', lineterm='')
            self.fail('\n'.join(diff) + '\n' + __doc__.split('\n\n', 1)[1])

    def show(self, argv, layout=str):
        """What a reviewer reads: the command, then what it wrote to both outputs."""
        status, out, err = self.run_it(*argv)
        self.assertEqual(status, 0, err)
        return '$ httplat %s\n%s--- standard error\n%s' % (' '.join(argv), layout(out), err)

    def test_views(self):
        for name, options in VIEWS.items():
            with self.subTest(view=name):
                layout = laid_out if 'json' in options else plain if 'csv' in options else str
                self.compare(name + '.txt', self.show(options + ['-r', 'capture'], layout))

    def test_har(self):
        """As it is but for the version."""
        for name, options in (('har', []), ('har-body', ['--body', '16', '--status', '4xx'])):
            with self.subTest(view=name):
                status, _, err = self.run_it('-r', 'capture', '--har', 'har', *options)
                self.assertEqual(status, 0, err)
                with open(os.path.join(self.dir, 'har'), encoding='utf-8') as f:
                    har = json.load(f)
                self.assertRegex(har['log']['creator'].pop('version'), r'^\d+\.\d+\.\d+$')
                self.compare(name + '.json', json.dumps(har, indent=1, ensure_ascii=True) + '\n')

    def test_help(self):
        for command in ('', 'ps', 'check', 'decode'):
            with self.subTest(command=command):
                argv = [command, '--help'] if command else ['--help']
                status, out, err = self.run_it(*argv)
                self.assertEqual((status, err), (0, ''))
                self.assertLess(max(map(len, out.splitlines())), 80)
                self.compare('help%s.txt' % ('-' + command if command else ''), out)
        for command in ('trace', 'stat'):  # one command line, and one help
            self.assertEqual(self.run_it(command, '--help'), self.run_it('--help'))

    def test_version(self):
        for argv in (['--version'], ['stat', '--version'], ['--version', '-r', 'none']):
            status, out, err = self.run_it(*argv)
            self.assertEqual((status, err), (0, ''))
            self.assertTrue(re.fullmatch(r'httplat \d+\.\d+\.\d+\n', out), out)

    def test_nothing_is_left_over(self):
        """Each file there belongs to a view."""
        names = {name + '.txt' for name in VIEWS} | {'har.json', 'har-body.json', 'help.txt'} \
            | {'help-%s.txt' % command for command in ('ps', 'check', 'decode')}
        if os.environ.get('UPDATE_GOLDEN'):
            for name in set(os.listdir(GOLDEN)) - names:
                os.remove(os.path.join(GOLDEN, name))
        else:
            self.assertEqual(set(os.listdir(GOLDEN)), names)


if __name__ == '__main__':
    unittest.main()
