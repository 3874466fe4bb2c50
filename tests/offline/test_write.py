# SPDX-License-Identifier: GPL-2.0-only
"""-w and --save-slow on capture files: what tshark reads back, and what -r makes of it again."""
import glob
import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from test_files import ACK, FIN, HTTPLAT, PSH, Conversation, pcap, two_requests

MS = 1000000


def slow_and_failed():
    """Four requests on one connection, the second slow, the third failed; the last has no response."""
    c = Conversation()
    for n, (wait, status) in enumerate(((1, 200), (300, 200), (1, 500))):
        c.request('/%d' % n)
        c.add(1, PSH | ACK, b'HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\n' % status,
              after=wait * MS)
        c.add(1, PSH | ACK, b'abc')
    c.request('/3')
    c.add(1, FIN | ACK)
    c.add(0, FIN | ACK)
    return c


class Write(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        if not shutil.which('tshark'):
            self.skipTest('tshark is not installed')
        self.dir = tempfile.mkdtemp(prefix='httplat-test-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.out = os.path.join(self.dir, 'out.pcapng')

    def input(self, frames):
        path = os.path.join(self.dir, 'in')
        with open(path, 'wb') as f:
            f.write(pcap(frames))
        return path

    def httplat(self, path, *options, status=0, **kw):
        done = subprocess.run([HTTPLAT, '-r', path] + list(options), stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=60, **kw)
        self.assertEqual(done.returncode, status, done.stderr)
        self.said = done.stderr.decode()
        return done.stdout

    def records(self, path, *options, **kw):
        text = self.httplat(path, '-o', 'json', *options, **kw).decode()
        rows = [json.loads(line) for line in text.splitlines()]
        self.summary = rows.pop()['httplat.summary']
        return rows

    def tshark(self, path, *fields, condition='frame'):
        argv = ['tshark', '-r', path, '-n', '-Y', condition, '-T', 'fields', '-E', 'separator=/t']
        for field in fields:
            argv += ['-e', field]
        done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              encoding='utf-8')
        self.assertEqual(done.returncode, 0, done.stderr)
        return [line.split('\t') for line in done.stdout.splitlines()]

    def comments(self, path):
        return {int(frame): text for frame, text in
                self.tshark(path, 'frame.number', 'frame.comment', condition='frame.comment')}

    def test_packets_and_comments(self):
        path = self.input(two_requests().frames)
        first = self.records(path, '-w', self.out)
        self.assertEqual(self.tshark(self.out, 'frame.time_epoch', 'tcp.seq_raw', 'tcp.len', 'tcp.flags'),
                         self.tshark(path, 'frame.time_epoch', 'tcp.seq_raw', 'tcp.len', 'tcp.flags'))
        self.assertEqual(self.records(self.out), first)
        self.assertEqual(self.comments(self.out), {
            4: 'transaction 1, request: latency 5.000ms (request 0ns, ttfb 5.000ms, response 0ns), '
               'status 200, GET /first?x=1',
            5: 'transaction 1, response: latency 5.000ms (request 0ns, ttfb 5.000ms, response 0ns), '
               'status 200, GET /first?x=1',
            6: 'transaction 2, request: latency 7.000ms (request 0ns, ttfb 7.000ms, response 0ns), '
               'status 200, GET /second',
            7: 'transaction 2, response: latency 7.000ms (request 0ns, ttfb 7.000ms, response 0ns), '
               'status 200, GET /second'})

    def test_messages_of_several_packets(self):
        c = Conversation()
        c.add(0, PSH | ACK, b'POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n')
        for piece in (b'a', b'b', b'c'):
            c.add(0, PSH | ACK, piece)
        c.add(1, PSH | ACK, b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n', after=5 * MS)
        c.add(1, PSH | ACK, b'a')
        c.add(1, PSH | ACK, b'b')
        self.records(self.input(c.frames), '-w', self.out)
        self.assertEqual({n: text.split(':')[0] for n, text in self.comments(self.out).items()}, {
            4: 'transaction 1, request begins', 7: 'transaction 1, request ends',
            8: 'transaction 1, response begins', 10: 'transaction 1, response ends'})

    def test_pipelined(self):
        """Each packet has the comments of all its requests, and no more than there is room for."""
        c = Conversation()
        c.add(0, PSH | ACK, b''.join(b'GET /%d HTTP/1.1\r\n\r\n' % n for n in range(3)))
        c.add(1, PSH | ACK, b'HTTP/1.1 204 No Content\r\n\r\n' * 3)
        self.records(self.input(c.frames), '-w', self.out)
        comments = self.comments(self.out)
        self.assertEqual(set(comments), {4, 5})
        for n in range(3):
            self.assertIn('transaction %d, response: ' % (n + 1), comments[5])
        self.assertIn('transaction 1, request: ', comments[4])
        self.assertIn('transaction 2, request: ', comments[4])
        self.assertEqual(self.summary['recorded'], 5)
        lost = sum('transaction %d, request' % n not in comments[4] for n in (1, 2, 3))
        self.assertEqual(self.summary['recorded.comments_lost'], lost)

    def test_hostile_and_secret(self):
        c = Conversation()
        target = b'/\x1b]0;owned\x07\xff\xe2\x80\xae?token=secret&' + b'x' * 60000
        for at in range(0, len(target), 1000):
            piece = target[at:at + 1000]
            c.add(0, PSH | ACK, (b'GET ' if not at else b'') + piece)
        c.add(0, PSH | ACK, b' HTTP/1.1\r\n\r\n')
        c.response(b'ok')
        self.records(self.input(c.frames), '-w', self.out)
        for text in self.comments(self.out).values():
            self.assertLess(len(text), 400)
            self.assertIn(r'GET /\x1b]0;owned\x07\xff\u{202e}?token=REDACTED', text)
            self.assertNotIn('secret', text)

    def test_only_what_is_asked_for_has_comments(self):
        path = self.input(slow_and_failed().frames)
        self.records(path, '-w', self.out, '--slow', '200ms')
        self.assertEqual({text.split(',')[0] for text in self.comments(self.out).values()},
                         {'transaction 1'})
        self.assertEqual(len(self.records(self.out)), 4)

    def many(self):
        frames = []
        for n in range(60):
            c = Conversation(port=30000 + n, start=1700000000000000000 + n * 10**9)
            c.request('/%d' % n)
            c.response(b'x' * 1300)
            c.response(b'y' * 30000) if n % 7 == 0 else None
            c.close()
            frames += c.frames
        return self.input(frames)

    def test_rotation(self):
        """Named as tcpdump does; every file stands alone, and together they are all."""
        path = self.many()
        whole = self.records(path, '-w', self.out, '-C', '64K')
        names = sorted(glob.glob(self.out + '*'), key=lambda n: int(n[len(self.out):] or 0))
        self.assertGreater(len(names), 3)
        self.assertEqual(names, [self.out] + [self.out + str(n) for n in range(1, len(names))])
        frames = 0
        for name in names:
            self.assertLessEqual(os.path.getsize(name), 65536)
            frames += len(self.tshark(name, 'frame.number'))
        self.assertEqual(frames, len(self.tshark(path, 'frame.number')))
        joined = b''.join(open(name, 'rb').read() for name in names)
        self.assertEqual(self.records('-', input=joined), whole)

    def test_ring_of_files(self):
        path = self.many()
        self.records(path, '-w', self.out, '-C', '64K', '-W', '11')
        self.assertEqual(sorted(glob.glob(self.out + '*')),
                         [self.out + '%02d' % n for n in range(len(glob.glob(self.out + '*')))])
        for name in glob.glob(self.out + '*'):
            os.unlink(name)
        self.records(path, '-w', self.out, '-C', '64K', '-W', '2')
        self.assertEqual(sorted(glob.glob(self.out + '*')), [self.out + '0', self.out + '1'])
        last = sorted((name for name in glob.glob(self.out + '*')), key=os.path.getmtime)[-1]
        self.assertTrue(any('/59' in text for name in glob.glob(self.out + '*')
                            for text in self.comments(name).values()), last)

    def test_standard_output(self):
        """The packets alone; what is printed goes to standard error. Comments that come later have no room."""
        path = self.input(two_requests().frames)
        data = self.httplat(path, '-w', '-')
        with open(self.out, 'wb') as f:
            f.write(data)
        self.assertEqual(set(self.comments(self.out)), {5, 7})
        self.assertIn('/second', self.said)
        self.assertIn('recorded: 10 packets, 2 comments without room', self.said)
        self.assertEqual(len(self.records(self.out)), 2)

    def test_reader_that_goes_away(self):
        """No failure, as with `| head`."""
        path = self.many()
        done = subprocess.run(['bash', '-c', '"$0" -r "$1" -w - | head -c 1000 | wc -c; '
                               'echo ${PIPESTATUS[0]}', HTTPLAT, path], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=30)
        self.assertEqual(done.stdout.split(), [b'1000', b'0'], done.stderr)
        self.assertNotIn(b'cannot write', done.stderr)

    def test_what_cannot_be_written(self):
        path = self.input(two_requests().frames)
        self.httplat(path, '-w', path, status=2)
        self.assertIn('is the file that -r reads', self.said)
        self.assertEqual(len(self.records(path)), 2)
        self.httplat(path, '-w', os.path.join(self.dir, 'no', 'such'), status=1)
        self.assertIn("cannot write '", self.said)
        self.httplat(path, '-w', '/dev/full', status=1)
        self.assertIn("cannot write '/dev/full': No space left on device", self.said)
        self.httplat(path, '--save-slow', path, '--slow', '1ms', status=1)
        self.assertIn("cannot write into '", self.said)

    # --- the flight recorder

    def saved(self):
        return sorted(glob.glob(os.path.join(self.dir, 'slow', '*')))

    def save(self, path, *options):
        return self.records(path, '--save-slow', os.path.join(self.dir, 'slow'), '--slow', '200ms',
                            *options)

    def test_save_slow(self):
        """The slow one is shown; that, the failed one and the one without a response have files."""
        other = Conversation(port=50000, start=1700000000000000000 + MS // 2)
        for n in range(100):
            other.request('/other/%d' % n, after=2 * MS)
            other.response(b'z', after=MS)
        shown = self.save(self.input(sorted(slow_and_failed().frames + other.frames)))
        self.assertEqual([r['url.path'] for r in shown], ['/1'])
        self.assertEqual((self.summary['saved'], self.summary['saved.cut']), (3, 0))
        self.assertIn('saved: 3 captures', self.said)
        names = self.saved()
        self.assertEqual([re.sub(r'.*Z-', '', name) for name in names],
                         ['0-2.pcapng', '0-3.pcapng', '0-4.pcapng'])
        for name, path, marks in zip(names, ('/1', '/2', '/3'), (3, 3, 1)):
            records = self.records(name)
            self.assertEqual(records[0]['url.path'], path)
            self.assertEqual({r['client.port'] for r in records}, {40000})
            comments = self.comments(name)
            self.assertEqual(len(comments), marks, comments)
            self.assertTrue(all('GET ' + path in text for text in comments.values()))
            self.assertEqual(min(comments), 1) # from its first packet on

    def test_save_slow_with_filters(self):
        self.save(self.input(slow_and_failed().frames), '--path', '/2')
        self.assertEqual([re.sub(r'.*Z-', '', name) for name in self.saved()], ['0-3.pcapng'])

    def test_save_slow_keeps_the_newest(self):
        self.save(self.input(slow_and_failed().frames), '-W', '2')
        self.assertEqual(self.summary['saved'], 3)
        self.assertEqual([re.sub(r'.*Z-', '', name) for name in self.saved()],
                         ['0-3.pcapng', '0-4.pcapng'])

    def test_save_slow_in_bounded_memory(self):
        """Of a response that is too long to be kept there is the end."""
        c = Conversation()
        c.request('/long')
        c.add(1, PSH | ACK, b'HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n', after=300 * MS)
        for _ in range(3000):
            c.add(1, ACK, b'.' * 1000, after=1000)
        self.save(self.input(c.frames))
        self.assertEqual((self.summary['saved'], self.summary['saved.cut']), (1, 1))
        name, = self.saved()
        self.assertLess(os.path.getsize(name), 3 << 19)
        self.assertIn('response ends', ''.join(self.comments(name).values()))


if __name__ == '__main__':
    unittest.main()
