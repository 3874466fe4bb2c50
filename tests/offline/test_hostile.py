# SPDX-License-Identifier: GPL-2.0-only
"""Traffic that means to harm who reads the output: in every view nothing of it reaches the terminal as
a command, a line stays a line, and JSON, CSV and HAR stay what they are."""
import csv
import io
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from test_files import ACK, HTTPLAT, PSH, Conversation, pcap

LONG = 65536

# What may stand in any place of a message but a line's end; unique by what comes before.
HOSTILE = (
    b'\x1b]0;title\x07', b'\x1b[2J', b'\x1bP1$q\x1b\\', b'\x9b31m', b'\xc2\x9b31m', b'\x85', b'\xc2\x85',
    b'\xff\xfe', b'\xc3', b'\xe2\x80', b'\xf0\x9f\x98',                 # broken UTF-8
    b'\xc0\xaf', b'\xe0\x80\xaf', b'\xf0\x80\x80\xaf', b'\xc0\x80',      # overlong
    b'\xed\xa0\x80', b'\xed\xb2\x80', b'\xf4\x90\x80\x80', b'\xf8\x88',  # no characters
    b'\xe2\x80\xae', b'\xe2\x81\xa6', b'\xe2\x80\x8f', b'\xd8\x9c',      # bidirectional controls
    b'\xe2\x80\xa8', b'\xe2\x80\xa9', b'\xef\xbb\xbf', b'\xe2\x80\x8b',  # line ends, what is not seen
    b'\x00', b'a\x00b', b'\t', b'\x0b\x0c', b'\x08\x7f', b'\r', b'\x01\x1f',
    b'"', b"'", b'\\', b'\\x1b', b'\\u001b', b'",":{}[]', b'a,b;c', b'{id}', b'%s%n%99999d',
    b'=1+1', b'+1', b'-1', b'@SUM(A1)', b'=cmd|\'/C calc\'!A0', b'|pipe', b'$(id)`id`',
    b'a' * LONG, b'\x1b' * 2000, b'\xe2\x80\xae' * 1000, b'\xf0\x9f\x98\x80' * 3000,
)
METHODS = (b'GET', b'DELETE', b'M-SEARCH', b'-FORMULA', b'X_Y', b'ABCDEFGHIJKLMNOPQRSTUVWXYZABCDE')


def message(n, what):
    line = what.replace(b'\n', b'')
    value = line.replace(b'\r', b'')
    target = (b'/%d/' % n + line, line + b'/%d' % n, b'http://%s/%d' % (line, n),
              b'/%d?q=' % n + line, b'/%d;a=' % n + line)[n % 5]
    return (b'%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\ntraceparent: %s\r\nX-Request-Id: %s\r\n'
            b'X-Any: %s\r\nX-Any: \r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s' % (
                METHODS[n % len(METHODS)], target, value, value, value, value, value, value,
                len(what), what))


def answer(n, what):
    value = what.replace(b'\r', b'').replace(b'\n', b'')
    return (b'HTTP/1.1 %d %s\r\nContent-Type: %s\r\nX-Any: %s\r\nContent-Length: %d\r\n\r\n%s' % (
        (200, 404, 500)[n % 3], value, value, value, len(what), what))


def capture():
    """A connection for each, so that what a parser refuses takes no other along. The header section may
    come without the body: then there is no end."""
    frames = []
    for n, what in enumerate(HOSTILE):
        c = Conversation(port=20000 + n, server_port=8000 + n % 2,
                         start=1700000000000000000 + n * 10**9)
        for end, text in ((0, message(n, what)), (1, answer(n, what))):
            for at in range(0, len(text), 32768):
                c.add(end, PSH | ACK, text[at:at + 32768])
        if n % 4:
            c.close()
        frames += c.frames
    return pcap(frames)


# Characters that no output may hold: C0, DEL and C1 controls, bidirectional ones, line ends, and what
# cannot be seen.
FORBIDDEN = set(range(0x20)) | set(range(0x7f, 0xa0)) | {0x61c, 0xad, 0xfeff, 0x180e} \
    | set(range(0x200b, 0x2010)) | set(range(0x2028, 0x202f)) | set(range(0x2060, 0x2070))

TABLE_KEYS = ('host', 'route', 'path', 'method', 'status', 'remote', 'port', 'side',
              'path,host', 'route,host,method')


class Hostile(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix='httplat-test-')
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.path = os.path.join(cls.dir, 'capture')
        cls.har = os.path.join(cls.dir, 'out.har')
        with open(cls.path, 'wb') as f:
            f.write(capture())

    def clean(self, data, what, allowed='\n'):
        """It is UTF-8, and nothing in it is a command to a terminal."""
        bad = {ord(c) for c in data.decode('utf-8')} & FORBIDDEN - set(map(ord, allowed))
        self.assertFalse(bad, what)

    def run_it(self, *argv, allowed='\n'):
        done = subprocess.run([HTTPLAT, *argv, '-r', self.path], timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.clean(done.stdout, argv, allowed)
        self.clean(done.stderr, argv)
        return done.stdout.decode()

    def test_lines(self):
        """One line each, of bounded width."""
        for options in ([], ['-o', 'wide'], ['--no-redact'], ['--header', 'x-any']):
            lines = self.run_it(*options).splitlines()
            self.assertEqual(len(lines), len(HOSTILE) + 1, options)
            for line in lines[1:]:
                self.assertRegex(line, r'^\d\d:\d\d:\d\d\.\d{6} - 192\.0\.2\.1:\d+ ')
                self.assertLess(len(line.encode()), 9000, options)

    def test_flags_of_its_own(self):
        """A target can't look as if httplat had flagged it, nor as if there were no more of it."""
        frames = []
        targets = (b'/a  [reset]', b'/a\xc2\xa0\xc2\xa0[gap]', b'/a\xe3\x80\x80[conflict] x', b'/ ')
        for n, target in enumerate(targets):
            c = Conversation(port=20000 + n, start=1700000000000000000 + n * 10**9)
            c.add(0, PSH | ACK, b'GET %s HTTP/1.1\r\nHost: a b\r\n\r\n' % target)
            c.add(1, PSH | ACK, b'HTTP/1.1 204 No\r\n\r\n')
            c.close()
            frames += c.frames
        path = os.path.join(self.dir, 'blanks')
        with open(path, 'wb') as f:
            f.write(pcap(frames))
        for options in ([], ['--explain']):
            done = subprocess.run([HTTPLAT, '-r', path, *options], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, timeout=30, check=True)
            text = done.stdout.decode()
            for flag in ('reset', 'gap', 'conflict'):
                self.assertNotIn(' [%s' % flag, text)
            self.assertIn('a\\x20b/a\\x20\\x20[reset]', text)
            self.assertIn('a\\x20b/a\\u{a0}\\u{a0}[gap]', text)
            self.assertIn('a\\x20b/a\\u{3000}[conflict]\\x20x', text)

    def test_explained(self):
        for options in ([], ['--no-redact']):
            blocks = self.run_it('--explain', *options).split('\n\n')
            self.assertEqual(len(blocks), len(HOSTILE))
            for block in blocks:
                lines = block.splitlines()
                self.assertRegex(lines[0], r'^\d\d:\d\d:\d\d\.\d{6} transit$')
                self.assertLess(max(len(line.encode()) for line in lines), 9000)
                self.assertLess(len(lines), 12)

    def test_bodies(self):
        lines = self.run_it('--body', '4096').splitlines()
        self.assertEqual(len(lines), 3 * len(HOSTILE) + 1)
        for line in lines[1:]:
            self.assertRegex(line, r'^(\d\d:\d\d:\d\d\.\d{6} - |  (request|response) body, )')
            self.assertLess(len(line), 4 * 4096 + 100)

    def test_verbose(self):
        for options in ([], ['-o', 'wide'], ['--explain']):
            for line in self.run_it('-v', *options).splitlines():
                self.assertLess(len(line.encode()), 9000)
        for line in self.run_it('-v', '-o', 'json').splitlines():
            json.loads(line)

    def strict(self, text):
        """One object a line, without a key twice, a NaN or anything behind it."""
        def no_twice(pairs):
            self.assertEqual(len({key for key, _ in pairs}), len(pairs))
            return dict(pairs)

        def no_constant(name):
            raise AssertionError(name)

        return [json.loads(line, object_pairs_hook=no_twice, parse_constant=no_constant)
                for line in text.split('\n')[:-1]]

    def test_json(self):
        """The exact bytes come back."""
        for options in ([], ['--no-redact']):
            records = self.strict(self.run_it('-o', 'json', '--header', 'x-any', '--header',
                                              'user-agent', '--body', '64K', *options))[:-1]
            self.assertEqual(len(records), len(HOSTILE))
            compared = 0
            for record in records:
                n = record['tcp.stream']
                value = HOSTILE[n].replace(b'\r', b'').strip(b'\t ')
                for key in ('http.request.header.x-any', 'http.response.header.x-any',
                            'http.request.header.traceparent'):
                    if key not in record or 'malformed' in record['flags'] \
                            or 'truncated' in record['flags']:
                        continue
                    self.assertEqual(record[key][0].encode('utf-8', 'surrogateescape'), value,
                                     (n, key))
                    compared += 1
            self.assertGreater(compared, 2.5 * len(HOSTILE))

    def test_har(self):
        for options in ([], ['--no-redact', '--body', '64K']):
            self.run_it('--har', self.har, '--header', 'x-any', *options)
            with open(self.har, 'rb') as f:
                data = f.read()
            self.clean(data, 'har')
            entries = json.loads(data)['log']['entries']
            self.assertEqual(len(entries), len(HOSTILE))

    def test_tables(self):
        for keys in TABLE_KEYS:
            groups = self.strict(self.run_it('stat', '--by', keys, '-o', 'json'))[:-1]
            self.assertEqual(sum(g['count'] for g in groups), len(HOSTILE))
            lines = self.run_it('stat', '--by', keys).splitlines()
            self.assertEqual(len(lines), len(groups) + 1, keys)
            for line in lines:
                self.assertLess(len(line.encode()), 1000, keys)
            for more in (['--histogram'], ['--heat'], ['--interval', '10s']):
                for line in self.run_it('stat', '--by', keys, *more).splitlines():
                    self.assertLess(len(line.encode()), 1000, keys)

    def test_csv(self):
        """RFC 4180: CRLF ends a line, so many fields in each; no field is a formula."""
        for keys in TABLE_KEYS:
            text = self.run_it('stat', '--by', keys, '-o', 'csv', allowed='\r\n')
            self.assertEqual(text.count('\n'), text.count('\r\n'))
            self.assertEqual(text.count('\r'), text.count('\r\n'))
            rows = list(csv.reader(io.StringIO(text, newline=''), strict=True))
            groups = self.strict(self.run_it('stat', '--by', keys, '-o', 'json'))[:-1]
            self.assertEqual(len(rows), len(groups) + 1)
            for row in rows:
                self.assertEqual(len(row), len(rows[0]), keys)
                for field in row:
                    self.assertFalse(field.startswith(tuple('=+-@\t\r')), field[:80])

    def test_different_paths_are_different_groups(self):
        """Also where they differ behind a NUL."""
        frames = []
        for n, path in enumerate((b'/a', b'/a\0', b'/a\0b', b'/a\0c')):
            c = Conversation(port=20000 + n)
            c.add(0, PSH | ACK, b'GET %s HTTP/1.1\r\n\r\n' % path)
            c.add(1, PSH | ACK, b'HTTP/1.1 204 No\r\n\r\n')
            frames += c.frames
        path = os.path.join(self.dir, 'nul')
        with open(path, 'wb') as f:
            f.write(pcap(frames))
        done = subprocess.run([HTTPLAT, 'stat', '-r', path, '--by', 'path', '-o', 'json'],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=30, check=True)
        paths = [g['url.path'] for g in self.strict(done.stdout.decode())[:-1]]
        self.assertEqual(len(set(paths)), 4, paths)

    def test_secrets_in_tables(self):
        """What a line does not show, a table doesn't either."""
        c = Conversation()
        for target in (b'/a;token=hunter2/b', b'http://bob:hunter2@h/c', b'/login;password=hunter2'):
            c.add(0, PSH | ACK, b'GET %s HTTP/1.1\r\nHost: eve:hunter2@shop\r\nUser-Agent: '
                                b'http://u:hunter2@agent/\r\n\r\n' % target)
            c.add(1, PSH | ACK, b'HTTP/1.1 204 No\r\n\r\n')
        c.add(0, PSH | ACK, b'CONNECT bob:hunter2@h:443 HTTP/1.1\r\nHost: x\r\n\r\n')
        c.add(1, PSH | ACK, b'HTTP/1.1 200 Go\r\n\r\n')
        path = os.path.join(self.dir, 'secrets')
        with open(path, 'wb') as f:
            f.write(pcap(c.frames))
        views = [['stat', '--by', keys, '-o', form] for keys in ('path', 'route', 'host', 'path,host')
                 for form in ('text', 'json', 'csv')]
        views += [[], ['-o', 'wide'], ['--explain'], ['-o', 'json'], ['-v']]
        for view in views:
            for more, shown in (([], False), (['--no-redact'], True)):
                done = subprocess.run([HTTPLAT, *view, *more, '-r', path], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, timeout=30, check=True)
                self.assertEqual(b'hunter2' in done.stdout, shown, view)
                self.assertEqual(b'REDACTED' in done.stdout, not shown, view)

    def test_what_the_command_line_says(self):
        """A file's name, as a shell's * gives it, is no friend either."""
        for argv in (['-r', self.dir + '/\x1b]0;x\x07\x9b'], ['-r', self.path, '--har', '/\x1b[2J/x'],
                     ['\x1b[2J'], ['stat', '--by', '\x1b[2J'], ['-f', '\x1b[2J', '-r', self.path]):
            done = subprocess.run([HTTPLAT, *argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  timeout=30)
            self.assertNotEqual(done.returncode, 0)
            self.clean(done.stderr, argv)
            self.assertEqual(done.stderr.count(b'\n'), 1)


if __name__ == '__main__':
    unittest.main()
