# SPDX-License-Identifier: GPL-2.0-only
"""--har against the records of the same capture, and before a HAR reader."""
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from test_files import ACK, FIN, HTTPLAT, PSH, Conversation, pcap

VALIDATE = '''
const validate = require('har-validator');
validate.har(JSON.parse(require('fs').readFileSync(process.argv[1], 'utf8')))
    .then(() => console.log('valid'))
    .catch((why) => { console.error(JSON.stringify(why.errors || String(why))); process.exit(1); });
'''


def capture():
    c = Conversation()
    c.add(0, PSH | ACK, b'POST /a%20b?x=1&token=secret&y HTTP/1.1\r\nHost: shop.example\r\n'
                        b'Content-Length: 4\r\nCookie: a=b\r\n\r\nab')
    c.add(0, PSH | ACK, b'cd', after=3000000)
    c.add(1, PSH | ACK, b'HTTP/1.1 201 Created\r\nContent-Type: text/plain\r\n'
                        b'Content-Length: 10\r\n\r\n01234', after=20000001)
    c.add(1, PSH | ACK, b'56789', after=4000000)
    c.add(0, PSH | ACK, b'GET http://u:p@other.example/\x1b[31m HTTP/1.1\r\nHost: x\r\n\r\n')
    c.add(1, PSH | ACK, b'HTTP/1.1 204 No Content\r\n\r\n')
    c.add(0, PSH | ACK, b'GET /lost HTTP/1.1\r\n\r\n')
    c.add(1, FIN | ACK)
    c.add(0, FIN | ACK)
    return pcap(c.frames)


class Har(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix='httplat-test-')
        self.addCleanup(shutil.rmtree, self.dir)
        self.path = os.path.join(self.dir, 'capture')
        self.har = os.path.join(self.dir, 'out.har')
        with open(self.path, 'wb') as f:
            f.write(capture())

    def run_it(self, *options, status=0):
        done = subprocess.run([HTTPLAT, '-r', self.path, '-o', 'json', *options], timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, status, done.stderr)
        self.said = done.stderr.decode()
        return [json.loads(line) for line in done.stdout.decode().splitlines()][:-1]

    def entries(self, *options):
        self.records = self.run_it('--har', self.har, *options)
        with open(self.har, encoding='utf-8') as f:
            return json.load(f)['log']['entries']

    def test_entries(self):
        post, get, lost = self.entries('--header', 'cookie')
        record = self.records[0]
        self.assertEqual(post['startedDateTime'][:26], record['time'][:26])
        self.assertEqual(post['request']['method'], 'POST')
        self.assertEqual(post['request']['url'],
                         'http://shop.example/a%20b?x=1&token=REDACTED&y')
        self.assertEqual(post['request']['queryString'], [
            {'name': 'x', 'value': '1'}, {'name': 'token', 'value': 'REDACTED'},
            {'name': 'y', 'value': ''}])
        self.assertEqual(post['request']['headers'], [{'name': 'host', 'value': 'shop.example'},
                                                      {'name': 'cookie', 'value': 'REDACTED'}])
        self.assertEqual((post['response']['status'], post['response']['content']),
                         (201, {'size': 10, 'mimeType': 'text/plain'}))
        self.assertEqual((post['request']['bodySize'], post['response']['bodySize']), (4, 10))
        for name, part in (('send', 'request_ns'), ('wait', 'ttfb_ns'),
                           ('receive', 'response_ns')):
            self.assertAlmostEqual(post['timings'][name], record[part] / 1e6, 6)
        self.assertAlmostEqual(post['time'], record['total_ns'] / 1e6, 6)
        self.assertEqual(post['serverIPAddress'], '192.0.2.2')
        self.assertEqual(get['request']['url'], 'http://REDACTED@other.example/\x1b[31m')
        self.assertEqual((lost['response']['status'], lost['_error']), (0, 'no-response'))
        self.assertEqual(lost['request']['url'], 'http://192.0.2.2:80/lost')

    def test_a_reader_takes_it(self):
        self.entries()
        if not shutil.which('node') or not os.path.isdir('/usr/share/nodejs/har-validator'):
            self.skipTest('node-har-validator is not installed')
        done = subprocess.run(['node', '-e', VALIDATE, self.har], timeout=30, encoding='utf-8',
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(os.environ, NODE_PATH='/usr/share/nodejs'))
        self.assertEqual((done.returncode, done.stdout), (0, 'valid\n'), done.stderr)

    def test_without_requests(self):
        self.assertEqual(self.entries('--status', '404'), [])

    def test_count(self):
        """-n holds for both outputs."""
        self.assertEqual(len(self.entries('-n', '2')), 2)
        self.assertEqual(len(self.records), 2)

    def test_cannot_be_written(self):
        self.run_it('--har', self.dir, status=1)
        self.assertIn('cannot write', self.said)
        if os.path.exists('/dev/full'):
            self.run_it('--har', '/dev/full', status=1)
            self.assertIn("cannot write '/dev/full': No space left", self.said)


if __name__ == '__main__':
    unittest.main()
