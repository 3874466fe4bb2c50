# SPDX-License-Identifier: GPL-2.0-only
"""--body: the first bytes of each body, at both ends, although the rest of it is elided."""
import base64
import os

import harness
import match
import peer

LARGE = 5000001


class Bodies:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = harness.Nginx(cls, harness.Cgroup(cls, 'nginx'))
        cls.python = harness.PyServer(cls, harness.Cgroup(cls, 'python'))
        cls.cgroup = harness.Cgroup(cls, 'client')
        # Of random bytes: zeros could be what was not captured.
        cls.download, cls.upload = os.urandom(LARGE), os.urandom(300000)
        with open('%s/www/%d.bin' % (cls.nginx.dir, LARGE), 'wb') as f:
            f.write(cls.download)
        cls.file = harness.temp_dir(cls) + '/upload'
        with open(cls.file, 'wb') as f:
            f.write(cls.upload)

    def start(self, server, *options):
        # At the cgroup hook there would be the machine's other traffic as well.
        return self.trace('--port', str(server.port), *options)

    def curl(self, server, *jobs):
        harness.Curl(self, 'http://127.0.0.1:%d' % server.port, jobs, cgroup=self.cgroup).result()

    def of_records(self, tracer):
        """The records by their path's beginning, two of each."""
        out = {}
        for record in match.mine(tracer.stop(), self.tag):
            out.setdefault(record['url.path'].replace(self.tag, 'ID'), []).append(record)
        for path, records in out.items():
            self.assertEqual(sorted(r['side'] for r in records), ['client', 'server'], path)
        return out

    def check(self, records, which, whole, n):
        for record in records:
            what = (self.hook, n, record['url.path'], record['side'])
            self.assertEqual(record['http.%s.body.size' % which], len(whole), what)
            self.assertTrue(base64.b64decode(record[which + '.body'], validate=True) == whole[:n],
                            what)
            self.assertNotIn(which + '.body_cut', record, what)
            self.assertEqual(record['flags'], [], what)

    def test_beginnings(self):
        """Known lengths, large both ways: from one byte to the most that can be asked for."""
        for n in (1, 1000, 65536):
            self.tag = harness.unique('id')
            tracer = self.start(self.nginx, '--body', str(n))
            self.curl(self.nginx, '/f/%d/%s' % (LARGE, self.tag),
                      ('/put/' + self.tag, ('upload-file = "%s"' % self.file,)),
                      '/copied/%d/%s' % (LARGE, self.tag))
            got = self.of_records(tracer)
            self.assertEqual(len(got), 3)
            for path in ('/f/%d/ID' % LARGE, '/copied/%d/ID' % LARGE):
                self.check(got[path], 'response', self.download, n)
            self.check(got['/put/ID'], 'request', self.upload, n)
            # Both ends of both downloads and of the upload, 20.6 MB, less what is asked for.
            self.assertGreater(tracer.summary['bytes_elided'], 16000000)
            self.assertEqual(tracer.summary['events_lost'], 0)

    def test_other_framings(self):
        """Chunked both ways, and up to the connection's end."""
        self.tag = harness.unique('id')
        size = 300000
        whole = b''.join(peer.blob(size))
        tracer = self.start(self.python, '--body', '5000')
        self.curl(self.python, '/until-close/%d/%s' % (size, self.tag),
                  ('/chunked/%d/%s' % (size, self.tag),
                   ('upload-file = "%s"' % self.file, 'request = "POST"',
                    'header = "Transfer-Encoding: chunked"')),
                  '/chunked/17/' + self.tag)
        got = self.of_records(tracer)
        self.assertEqual(len(got), 3)
        self.check(got['/until-close/%d/ID' % size], 'response', whole, 5000)
        self.check(got['/chunked/%d/ID' % size], 'response', whole, 5000)
        self.check(got['/chunked/%d/ID' % size], 'request', self.upload, 5000)
        self.check(got['/chunked/17/ID'], 'response', b''.join(peer.blob(17)), 5000)

    def test_no_more_than_was_copied(self):
        """-s cuts: what was not copied is said to be missing."""
        self.tag = harness.unique('id')
        tracer = self.start(self.nginx, '--body', '65536', '-s', '400')
        self.curl(self.nginx, '/f/%d/%s' % (LARGE, self.tag))
        for record in self.of_records(tracer)['/f/%d/ID' % LARGE]:
            self.assertIs(record['response.body_cut'], True)
            body = base64.b64decode(record.get('response.body', ''))
            self.assertLess(len(body), 400)
            self.assertTrue(self.download.startswith(body))
            self.assertEqual(record['http.response.body.size'], LARGE)

    def test_not_asked_for(self):
        self.tag = harness.unique('id')
        tracer = self.start(self.nginx)
        self.curl(self.nginx, '/f/%d/%s' % (LARGE, self.tag))
        for record in self.of_records(tracer)['/f/%d/ID' % LARGE]:
            self.assertEqual([key for key in record if 'response.body' in key],
                             ['http.response.body.size'])


harness.per_hook(Bodies)
