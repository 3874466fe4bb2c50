# SPDX-License-Identifier: GPL-2.0-only
"""Capture files made here, byte by byte: what is refused, what is cut short, what filters leave.
Needs neither root nor the network."""
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HTTPLAT = os.environ.get('HTTPLAT', os.path.join(ROOT, 'httplat'))
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16
ETHERNET = 1


def tcp(src, dst, sport, dport, seq, ack, flags, payload=b''):
    """An Ethernet frame. Checksums are 0, as a capture on the sending host has them."""
    header = struct.pack('!HHIIBBHHH', sport, dport, seq & 0xffffffff, ack & 0xffffffff, 5 << 4,
                         flags, 65535, 0, 0)
    family = socket.AF_INET6 if ':' in src else socket.AF_INET
    ends = socket.inet_pton(family, src), socket.inet_pton(family, dst)
    if family == socket.AF_INET6:
        kind, ip = b'\x86\xdd', struct.pack('!IHBB16s16s', 6 << 28, 20 + len(payload), 6, 64, *ends)
    else:
        kind, ip = b'\x08\x00', struct.pack('!BBHHHBBH4s4s', 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0,
                                            *ends)
    return b'\x02' * 6 + b'\x04' * 6 + kind + ip + header + payload


class Conversation:
    """One connection's frames with their times, in ns."""

    def __init__(self, port=40000, server_port=80, start=1700000000000000000, client='192.0.2.1',
                 server='192.0.2.2'):
        self.ends = (client, port), (server, server_port)
        self.next = [1000, 5000]
        self.now = start
        self.frames = []
        self.add(0, SYN)
        self.add(1, SYN | ACK)
        self.add(0, ACK)

    def add(self, end, flags, payload=b'', after=1000000):
        (src, sport), (dst, dport) = self.ends[end], self.ends[1 - end]
        self.now += after
        ack = self.next[1 - end] if flags & ACK else 0
        self.frames.append((self.now, tcp(src, dst, sport, dport, self.next[end], ack, flags,
                                          payload)))
        self.next[end] += len(payload) + bool(flags & (SYN | FIN))

    def request(self, path, **kw):
        self.add(0, PSH | ACK, b'GET %s HTTP/1.1\r\nHost: example\r\n\r\n' % path.encode(), **kw)

    def response(self, body, **kw):
        self.add(1, PSH | ACK, b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s'
                 % (len(body), body), **kw)

    def close(self):
        self.add(0, FIN | ACK)
        self.add(1, FIN | ACK)
        self.add(0, ACK)


def pcap(frames, nano=True, big=False, link=ETHERNET):
    order = '>' if big else '<'
    out = [struct.pack(order + 'IHHiIII', 0xa1b23c4d if nano else 0xa1b2c3d4, 2, 4, 0, 0, 262144,
                       link)]
    for time, frame in frames:
        out.append(struct.pack(order + 'IIII', time // 10**9,
                               time % 10**9 // (1 if nano else 1000), len(frame), len(frame)))
        out.append(frame)
    return b''.join(out)


def pcapng(frames, link=ETHERNET):
    def block(kind, body):
        body += b'\0' * (-len(body) % 4)
        size = struct.pack('<I', len(body) + 12)
        return struct.pack('<I', kind) + size + body + size

    out = block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1))
    # if_tsresol 9: nanoseconds
    out += block(1, struct.pack('<HHI', link, 0, 0) + struct.pack('<HHB3xHH', 9, 1, 9, 0, 0))
    for time, frame in frames:
        out += block(6, struct.pack('<IIIII', 0, time >> 32, time & 0xffffffff, len(frame),
                                    len(frame)) + frame)
    return out


def two_requests(**kw):
    c = Conversation(**kw)
    c.request('/first?x=1')
    c.response(b'hello', after=5000123)
    c.request('/second')
    c.response(b'x' * 1000, after=7000000)
    c.close()
    return c


class Files(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='httplat-test-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.path = os.path.join(self.dir, 'capture')

    def httplat(self, *options, **kw):
        return subprocess.run([HTTPLAT] + list(options), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, encoding='utf-8', timeout=30, **kw)

    def read(self, data, *options, status=0, output='json'):
        with open(self.path, 'wb') as f:
            f.write(data)
        done = self.httplat('-r', self.path, '-o', output, *options)
        self.assertEqual(done.returncode, status, done.stderr)
        self.said = done.stderr
        if output != 'json':
            return done.stdout
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        self.summary = rows.pop()['httplat.summary'] if rows else None
        return rows

    def refused(self, status, data, *options, words=()):
        with open(self.path, 'wb') as f:
            f.write(data)
        done = self.httplat('-r', self.path, *options)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, '')
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_what_a_record_says(self):
        first, second = self.read(pcap(two_requests().frames))
        for key, value in {
                'time': '2023-11-14T22:13:20.004000000Z', 'side': 'transit', 'hook': 'file',
                'client.address': '192.0.2.1', 'client.port': 40000,
                'server.address': '192.0.2.2', 'server.port': 80,
                'http.request.method': 'GET', 'url.original': '/first?x=1', 'url.path': '/first',
                'url.query': 'x=1', 'network.protocol.version': '1.1',
                'http.request.header.host': ['example'], 'http.response.status_code': 200,
                'http.request.body.size': 0, 'http.response.body.size': 5,
                'http.request.size': 42, 'http.response.size': 43, 'latency_ns': 5000123,
                'ttfb_ns': 5000123, 'total_ns': 5000123, 'request.frame': 4, 'response.frame': 5,
                'request.segments': 1, 'response.segments': 1, 'tcp.stream': 0,
                'tcp.stream.request': 1, 'flags': []}.items():
            self.assertEqual(first.get(key), value, key)
        self.assertEqual((second['tcp.stream.request'], second['latency_ns']), (2, 7000000))
        self.assertNotEqual(first['exchange.id'], second['exchange.id'])
        for key in ('process.pid', 'linux.cgroup.path', 'srtt_ns', 'connect_ns', 'queue_ns'):
            self.assertNotIn(key, first)
        self.assertEqual((self.summary['requests'], self.summary['pairs']), (2, 2))

    def test_progress(self):
        """On a terminal a long read says how far it is, and takes that away at the end."""
        frames = []
        for n in range(3000):
            frames += two_requests(port=1024 + n, start=1700000000000000000 + n * 10**8).frames
        data = pcap(frames)
        half = len(data) // 2

        def run(terminal):
            ours, theirs = os.openpty()
            self.addCleanup(os.close, ours)
            proc = subprocess.Popen([HTTPLAT, 'stat', '-r', '-'], stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE,
                                    stderr=theirs if terminal else subprocess.PIPE)
            os.close(theirs)
            for piece in (data[:half], data[half:]):
                proc.stdin.write(piece)
                proc.stdin.flush()
                time.sleep(0.4)
            table, err = proc.communicate(timeout=30)
            said = b''
            while terminal:
                try:
                    piece = os.read(ours, 65536)
                except OSError:  # the other end is closed
                    break
                if not piece:
                    break
                said += piece
            self.assertEqual(proc.returncode, 0)
            self.assertIn(b' 6000 ', table)
            return said if terminal else err

        said = run(True)
        self.assertRegex(said, rb'\r\x1b\[K\d+\.\d MB, \d+\.\d MB/s')
        self.assertRegex(said, rb'\r\x1b\[Krequests 6000')
        self.assertNotIn(b'\x1b', run(False))

    def test_headers(self):
        """--header, in any case and as often as it occurs; trace ids always; secrets never."""
        c = Conversation()
        c.add(0, PSH | ACK, b'GET / HTTP/1.1\r\nHost: h\r\nX-One: 1\r\nx-one:  2 \r\n'
                            b'Authorization: Basic YTpi\r\nReferer: http://u:p@h/?token=t&a=b\r\n'
                            b'traceparent: 00-ab-cd-01\r\nX-Request-Id: r7\r\n\r\n')
        c.add(1, PSH | ACK, b'HTTP/1.1 204 No\r\nServer: s\r\nSet-Cookie: a=1\r\n'
                            b'Set-Cookie: b=2\r\nX-One: 3\r\n\r\n')
        c.close()
        asked = [word for name in ('X-ONE', 'authorization', 'referer', 'server', 'set-cookie')
                 for word in ('--header', name)]
        plain, = self.read(pcap(c.frames))
        self.assertEqual(plain['http.request.header.traceparent'], ['00-ab-cd-01'])
        self.assertEqual(plain['http.request.header.x-request-id'], ['r7'])
        self.assertNotIn('http.request.header.x-one', plain)
        for options, secret in (((), True), (('--no-redact',), False)):
            row, = self.read(pcap(c.frames), *asked, *options)
            for key, value in {
                    'request.header.x-one': ['1', '2'], 'response.header.x-one': ['3'],
                    'response.header.server': ['s'],
                    'request.header.authorization': ['REDACTED' if secret else 'Basic YTpi'],
                    'response.header.set-cookie': ['REDACTED'] * 2 if secret else ['a=1', 'b=2'],
                    'request.header.referer': ['http://REDACTED@h/?token=REDACTED&a=b' if secret
                                               else 'http://u:p@h/?token=t&a=b'],
                    'request.header.traceparent': ['00-ab-cd-01']}.items():
                self.assertEqual(row.get('http.' + key), value, key)

    def test_formats(self):
        frames = two_requests().frames
        want = self.read(pcap(frames))
        self.assertEqual(self.read(pcap(frames, big=True)), want)
        self.assertEqual(self.read(pcapng(frames)), want)
        micro = self.read(pcap(frames, nano=False))
        self.assertEqual([r['latency_ns'] for r in micro], [5000000, 7000000])

    def test_standard_input(self):
        frames = two_requests().frames
        want = self.read(pcap(frames))
        for data in (pcap(frames), pcapng(frames)):
            done = subprocess.run([HTTPLAT, '-r', '-', '-o', 'json'], input=data, timeout=30,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual([json.loads(r) for r in done.stdout.splitlines()][:-1], want)

    def test_text(self):
        lines = self.read(pcap(two_requests().frames), output='text').splitlines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[0].startswith('TIME'))
        self.assertIn('/first', lines[1])
        self.assertIn('5.000ms', lines[1])
        self.assertIn('requests 2, responses 2, pairs 2', self.said)

    def test_nothing_hostile_reaches_the_terminal(self):
        c = Conversation()
        c.add(0, PSH | ACK, b'GET /a\x1b[2J\x07\xff HTTP/1.1\r\nHost: x\x1b]0;owned\x07\r\n\r\n')
        c.response(b'')
        text = self.read(pcap(c.frames), output='text')
        self.assertFalse(set(text) - set(map(chr, range(32, 127))) - {'\n'}, text)
        done = self.httplat('-r', self.path, '-o', 'json')
        self.assertFalse(set(done.stdout) & set(map(chr, range(32))) - {'\n'})
        for row in done.stdout.splitlines():
            json.loads(row)

    def test_secrets_are_redacted(self):
        c = Conversation()
        c.request('http://me:hunter2@example/?token=hunter2&q=1')
        c.response(b'')
        for output in ('json', 'text'):
            self.read(pcap(c.frames), output=output)
            shown = self.httplat('-r', self.path, '-o', output).stdout
            self.assertNotIn('hunter2', shown)
            self.assertIn('hunter2', self.httplat('-r', self.path, '-o', output,
                                                  '--no-redact').stdout)

    def test_no_capture(self):
        self.refused(1, b'this is no capture, but text that is long enough\n' * 10,
                     words=[self.path])
        self.refused(1, b'', words=[self.path])
        self.refused(1, b'\xa1\xb2', words=[self.path])

    def test_no_such_file(self):
        done = self.httplat('-r', self.dir + '/nowhere')
        self.assertEqual(done.returncode, 1)
        self.assertIn('nowhere', done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1)
        self.assertEqual(self.httplat('-r', self.dir).returncode, 1)

    def test_cut_short(self):
        """What was there before the cut is reported; the exit status says that the file is
        damaged."""
        frames = two_requests().frames
        whole = pcap(frames)
        last = len(frames[-1][1]) + 16
        rows = self.read(whole[:-last + 20], status=1)
        self.assertEqual(len(rows), 2)
        self.assertIn(self.path, self.said)
        rows = self.read(whole[:-last + 7], status=1)
        self.assertEqual(len(rows), 2)
        rows = self.read(pcapng(frames)[:-30], status=1)
        self.assertEqual(len(rows), 2)
        self.assertEqual(self.read(whole[:24]), [])  # no packets is no damage

    def test_every_cut(self):
        """Cut anywhere it ends, with status 0 or 1, and invents nothing."""
        data = pcap(two_requests().frames)
        for size in range(24, len(data), 13):
            with open(self.path, 'wb') as f:
                f.write(data[:size])
            done = self.httplat('-r', self.path, '-o', 'json')
            self.assertIn(done.returncode, (0, 1))
            for row in done.stdout.splitlines()[:-1]:
                self.assertIn(json.loads(row)['url.original'], ('/first?x=1', '/second'))

    def test_expression(self):
        frames = sorted(two_requests().frames + two_requests(port=40001, server_port=8080).frames)
        self.assertEqual(len(self.read(pcap(frames))), 4)
        got = self.read(pcap(frames), '-f', 'tcp port 8080')
        self.assertEqual([r['server.port'] for r in got], [8080, 8080])
        self.assertGreater(self.summary['filtered.packets'], 0)
        got = self.read(pcapng(frames), '-f', 'tcp port 8080')
        self.assertEqual([r['server.port'] for r in got], [8080, 8080])
        self.assertEqual(self.read(pcap(frames), '-f', 'udp'), [])

    def test_expression_that_does_not_parse(self):
        for expression in ('tcp porrt 80', '(tcp', 'port 99999999'):
            self.refused(2, pcap(two_requests().frames), '-f', expression, words=['-f'])

    def test_expression_for_which_a_file_has_no_answer(self):
        """libpcap takes them, for its live captures; over a file they and their negations match nothing."""
        for expression in ('inbound', 'not outbound', 'tcp port 80 and inbound'):
            self.refused(2, pcap(two_requests().frames), '-f', expression, words=['--side'])

    def test_port_and_count(self):
        frames = sorted(two_requests().frames + two_requests(port=40001, server_port=8080).frames)
        got = self.read(pcap(frames), '--port', '80')
        self.assertEqual([r['server.port'] for r in got], [80, 80])
        self.assertEqual(len(self.read(pcap(frames), '-n', '3')), 3)
        # A file doesn't say which end was local.
        self.refused(2, pcap(frames), '--side', 'server', words=['--side'])

    def test_head(self):
        """The reader goes away: it ends quietly, with status 0."""
        frames = []
        for n in range(400):
            frames += two_requests(port=10000 + n).frames
        with open(self.path, 'wb') as f:
            f.write(pcap(frames))
        for output in ('text', 'json'):
            proc = subprocess.Popen([HTTPLAT, '-r', self.path, '-o', output],
                                    stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            proc.stdout.readline()
            proc.stdout.close()
            said = proc.stderr.read().decode()
            proc.stderr.close()
            self.assertEqual(proc.wait(30), 0, said)
            self.assertNotIn('roken pipe', said)

    def test_full_disk(self):
        with open(self.path, 'wb') as f:
            f.write(pcap(two_requests().frames))
        with open('/dev/full', 'w') as full:
            done = subprocess.run([HTTPLAT, '-r', self.path], stdout=full, stderr=subprocess.PIPE,
                                  encoding='utf-8', timeout=30)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn('No space left', done.stderr)

    def test_interrupted_while_it_reads_a_pipe(self):
        data = pcap(two_requests().frames)
        proc = subprocess.Popen([HTTPLAT, '-r', '-', '-o', 'json'], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.addCleanup(proc.kill)
        proc.stdin.write(data)
        proc.stdin.flush()
        self.assertIn(b'/first', proc.stdout.readline())
        # This line says that it has read what there is.
        self.assertIn(b'/second', proc.stdout.readline())
        proc.send_signal(signal.SIGINT)
        out, said = proc.communicate(timeout=30)
        self.assertEqual(proc.returncode, 0, said)
        self.assertIn(b'httplat.summary', out)

    def test_without_a_response(self):
        c = Conversation()
        c.request('/waits')
        c.close()
        row, = self.read(pcap(c.frames))
        self.assertEqual(row['flags'], ['no-response'])
        c = Conversation()
        c.request('/reset')
        c.add(1, RST | ACK)
        row, = self.read(pcap(c.frames))
        self.assertIn('reset', row['flags'])
        for key in ('http.response.status_code', 'latency_ns', 'ttfb_ns', 'total_ns'):
            self.assertNotIn(key, row)

    def test_reset_in_the_middle_of_a_response(self):
        c = Conversation()
        c.request('/half')
        c.add(1, PSH | ACK, b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf')
        c.add(1, RST | ACK)
        row, = self.read(pcap(c.frames))
        self.assertIn('reset', row['flags'])
        self.assertNotIn('latency_ns', row)

    def test_usage(self):
        for options in (['--no-such-option'], ['-d', 'soon'], ['-n', '-1'], ['-o', 'yaml'],
                        ['--port', '70000'], ['nonsense'], ['-r']):
            done = self.httplat(*options)
            self.assertEqual(done.returncode, 2, options)
            self.assertEqual(done.stdout, '')
            self.assertTrue(done.stderr)
        for options in (['--help'], ['--version']):
            done = self.httplat(*options)
            self.assertEqual((done.returncode, done.stderr), (0, ''))
            self.assertTrue(done.stdout)

    def test_decode(self):
        done = self.httplat('decode', '1f90f04f3747d146dcae23f3801831bf14ef0000'
                            '0101080a3176450b31764503')
        self.assertEqual(done.returncode, 0, done.stderr)
        for word in ('8080', '61519', '927453510', '3702399987', '12735', '0x14ef', '829834507',
                     '829834499'):
            self.assertIn(word, done.stdout)
        for bad in ('', 'xyz', '1f90f04f'):
            self.assertEqual(self.httplat('decode', bad).returncode, 2, bad)


if __name__ == '__main__':
    unittest.main()
