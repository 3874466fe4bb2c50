# SPDX-License-Identifier: GPL-2.0-only
"""--body on captures made here, against the payload that is in them, and against tshark."""
import base64
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest

from test_files import ACK, FIN, HTTPLAT, PSH, Conversation, pcap
from test_har import VALIDATE

LETTERS = b'abcdefghijklmnopqrstuvwxyz'


def chunks(rng, body):
    out, at = [], 0
    while at < len(body):
        n = rng.randint(1, 3000)
        out.append(b'%x\r\n%s\r\n' % (len(body[at:at + n]), body[at:at + n]))
        at += n
    return b''.join(out) + b'0\r\n\r\n'


def send(rng, c, end, message):
    """In segments of any size."""
    at = 0
    while at < len(message):
        n = rng.choice((1, 7, 536, 1460, 1460, 20000))
        c.add(end, PSH | ACK, message[at:at + n])
        at += n


def framed(rng, first_line, body, how):
    head = first_line + b'\r\nContent-Type: application/octet-stream\r\n'
    if how == 'chunked':
        return head + b'Transfer-Encoding: chunked\r\n\r\n' + chunks(rng, body)
    if how == 'length':
        head += b'Content-Length: %d\r\n' % len(body)
    return head + b'\r\n' + body


def conversations(seed, alphabet, sizes):
    """(frames, [(request body, response body)] by stream)"""
    rng = random.Random(seed)
    frames, bodies = [], []
    for n, size in enumerate(sizes):
        up, down = (bytes(rng.choice(alphabet) for _ in range(size)) for size in size)
        c = Conversation(port=20000 + n, start=1700000000000000000 + n * 10**9)
        send(rng, c, 0, framed(rng, b'POST /%d HTTP/1.1' % n, up, ('chunked', 'length')[n % 2]))
        send(rng, c, 1, framed(rng, b'HTTP/1.1 200 OK', down, ('length', 'close', 'chunked')[n % 3]))
        c.add(1, FIN | ACK)
        c.add(0, FIN | ACK)
        frames += c.frames
        bodies.append((up, down))
    return frames, bodies


class Bodies(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='httplat-test-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.path = os.path.join(self.dir, 'capture')
        self.har = os.path.join(self.dir, 'out.har')

    def write(self, frames):
        with open(self.path, 'wb') as f:
            f.write(pcap(frames))

    def run_it(self, *argv):
        done = subprocess.run([HTTPLAT, '-r', self.path, *argv], timeout=60, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.stdout

    def records(self, *options):
        rows = self.run_it('-o', 'json', *options).decode().splitlines()
        return [json.loads(row) for row in rows][:-1]

    def check(self, record, which, whole, n):
        what = (record['tcp.stream'], which, n)
        if not whole:
            self.assertNotIn(which + '.body', record, what)
        else:
            self.assertEqual(base64.b64decode(record[which + '.body'], validate=True), whole[:n],
                             what)
        self.assertNotIn(which + '.body_cut', record, what)
        self.assertEqual(record['http.%s.body.size' % which], len(whole), what)

    def test_against_the_payload(self):
        """Any bytes, in any framing and segments; fewer and more than there are."""
        sizes = [(s, t) for s in (0, 1, 2, 3, 100, 5000) for t in (0, 1, 1000, 70000)]
        frames, bodies = conversations(1, range(256), sizes)
        self.write(frames)
        for n in (1, 2, 3, 99, 1000, 65536):
            records = self.records('--body', str(n))
            self.assertEqual(len(records), len(bodies))
            for record in records:
                up, down = bodies[record['tcp.stream']]
                self.check(record, 'request', up, n)
                self.check(record, 'response', down, n)
        self.assertFalse([key for r in self.records() for key in r if key.endswith('.body')])

    @unittest.skipUnless(shutil.which('tshark'), 'tshark is not installed')
    def test_against_tshark(self):
        """Its http.file_data is text up to 4.0, hexadecimal from then on: letters serve for both."""
        sizes = [(1 + 37 * n % 400, 1 + 4001 * n % 30000) for n in range(24)]
        frames, _ = conversations(2, LETTERS, sizes)
        self.write(frames)
        done = subprocess.run(['tshark', '-r', self.path, '-Y', 'http', '-T', 'fields', '-e',
                               'tcp.stream', '-e', 'http.request.method', '-e', 'http.file_data'],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, timeout=60,
                              check=True)
        theirs = {}
        for line in done.stdout.decode().splitlines():
            stream, method, data = line.split('\t')
            data = data.encode()
            theirs[int(stream), 'request' if method else 'response'] = data
        ours = {(r['tcp.stream'], which): base64.b64decode(r[which + '.body'])
                for r in self.records('--body', '64K') for which in ('request', 'response')}
        self.assertEqual(len(ours), 48)
        self.assertEqual(set(ours), set(theirs))
        for key, data in ours.items():
            self.assertIn(theirs[key], (data, data.hex().encode()), key)

    def test_text(self):
        """Below its record, on one line, and nothing in it that a terminal could take for a command."""
        c = Conversation()
        c.add(0, PSH | ACK, b'POST /a HTTP/1.1\r\nContent-Length: 9\r\n\r\na=1\n\x1b[2Jz')
        c.add(1, PSH | ACK, b'HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n\xff\x00\xc3\xa9\xc3\xa9')
        c.close()
        self.write(c.frames)
        lines = self.run_it('--body', '5').decode().splitlines()
        self.assertEqual(lines[2:], ['  request body, 5 of 9 bytes: a=1\\x0a\\x1b',
                                     '  response body, 5 of 6 bytes: \\xff\\x00\u00e9\\xc3'])
        self.assertEqual(len(self.run_it('--body', '5', '-o', 'wide').decode().splitlines()), 4)
        explained = self.run_it('--body', '5', '--explain').decode().splitlines()
        self.assertEqual(explained[-2:], lines[2:])

    def test_missing(self):
        """A frame that the capture lost."""
        c = Conversation()
        c.request('/hole')
        for piece in (b'HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n0123456789', b'x' * 10,
                      b'0123456789'):
            c.add(1, PSH | ACK, piece)
        c.close()
        del c.frames[5]
        self.write(c.frames)
        record, = self.records('--body', '20')
        self.assertEqual(base64.b64decode(record['response.body']), b'0123456789')
        self.assertIs(record['response.body_cut'], True)
        self.assertIn('gap', record['flags'])
        record, = self.records('--body', '10')
        self.assertNotIn('response.body_cut', record)
        self.assertIn(b'  response body, 10 of 30 bytes, the next are missing: 0123456789\n',
                      self.run_it('--body', '20'))

    def archive(self, n):
        c = Conversation()
        c.add(0, PSH | ACK, b'POST /1 HTTP/1.1\r\nContent-Type: application/json\r\n'
                            b'Content-Length: 9\r\n\r\n{"a": 1}\n')
        c.add(1, PSH | ACK, b'HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 4\r\n'
                            b'\r\n\x89PNG')
        c.add(0, PSH | ACK, b'PUT /2 HTTP/1.1\r\nContent-Length: 3\r\n\r\n\xff\x00\x01')
        c.add(1, PSH | ACK, b'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n\xc3\xa9\x1b!')
        c.request('/3')
        c.add(1, PSH | ACK, b'HTTP/1.1 204 No Content\r\n\r\n')
        c.close()
        self.write(c.frames)
        self.run_it('--har', self.har, *(('--body', str(n)) if n else ()))
        with open(self.har, encoding='utf-8') as f:
            return json.load(f)['log']['entries']

    def test_har(self):
        first, second, third = self.archive(100)
        self.assertEqual(first['request']['postData'],
                         {'mimeType': 'application/json', 'text': '{"a": 1}\n'})
        self.assertEqual(first['response']['content'], {
            'size': 4, 'mimeType': 'image/png', 'text': 'iVBORw==', 'encoding': 'base64'})
        self.assertEqual(second['request']['postData'],
                         {'mimeType': '', 'text': '/wAB', '_encoding': 'base64'})
        self.assertEqual(second['response']['content'],
                         {'size': 4, 'mimeType': '', 'text': '\u00e9\x1b!'})
        self.assertNotIn('postData', third['request'])
        self.assertNotIn('text', third['response']['content'])
        first = self.archive(3)[0]
        self.assertEqual(first['request']['postData']['text'], '{"a')
        self.assertEqual(first['request']['postData']['comment'], '3 of 9 bytes')
        self.assertNotIn('postData', self.archive(0)[0]['request'])

    def test_a_har_reader_takes_it(self):
        self.archive(3)
        if not shutil.which('node') or not os.path.isdir('/usr/share/nodejs/har-validator'):
            self.skipTest('node-har-validator is not installed')
        done = subprocess.run(['node', '-e', VALIDATE, self.har], timeout=30, encoding='utf-8',
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(os.environ, NODE_PATH='/usr/share/nodejs'))
        self.assertEqual((done.returncode, done.stdout), (0, 'valid\n'), done.stderr)

    def test_with_stat(self):
        """A table shows no request; the archive beside it does."""
        self.archive(3)
        done = subprocess.run([HTTPLAT, 'stat', '-r', self.path, '--body', '3'], timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual((done.returncode, done.stdout), (2, b''))
        done = subprocess.run([HTTPLAT, 'stat', '-r', self.path, '--body', '3', '--har', self.har],
                              timeout=30, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(self.har, encoding='utf-8') as f:
            entry = json.load(f)['log']['entries'][0]
        self.assertEqual(entry['request']['postData']['text'], '{"a')


if __name__ == '__main__':
    unittest.main()
