# SPDX-License-Identifier: GPL-2.0-only
"""The shapes that HTTP messages have on the wire, each on every hook: sizes, bodies, codings, interim
responses, pipelining, broken ends, connections that are older than the tracer."""
import harness
import match

MEGA = 1000000
MEGA100 = 100000000


class Messages:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = harness.Nginx(cls, harness.Cgroup(cls, 'nginx'))
        cls.python = harness.PyServer(cls, harness.Cgroup(cls, 'python'))
        cls.python6 = harness.PyServer(cls, harness.Cgroup(cls, 'python'), address='::1')
        cls.group = harness.Cgroup(cls, 'client')
        cls.ports = (cls.nginx.port, cls.python.port, cls.python6.port)

    def plan(self, server, *exchanges, **more):
        out = {'host': '127.0.0.1', 'port': server.port, 'exchanges': [
            dict(e, path=e['path'].replace('ID', '%s/%d' % (self.tag, n)))
            for n, e in enumerate(exchanges)]}
        out.update(more)
        return out

    def exchange(self, server, *exchanges, client=(), both=(), **more):
        """Traces these exchanges on one connection and holds the records against both ends. client,
        both: dicts of wanted values by the exchange's number, beyond those that the ends tell."""
        tracer = self.trace()
        rows = harness.fetch(self, self.plan(server, *exchanges, **more), cgroup=self.group)
        records = tracer.stop()
        return self.hold(server, rows, tracer, records, dict(both))

    def hold(self, server, rows, tracer, records, both=None, flags=()):
        both = both or {}
        log = {row['uri']: row for row in server.log(len(rows), self.tag)}
        wants = []
        for n, row in enumerate(rows):
            more = dict({'flags': list(flags)}, **both.get(n, {}))
            if flags:  # numbered from the first that was seen
                more['tcp.stream.request'] = n + 1
            seen, = match.sent(self, [row], harness.PyServer.comm, **more)
            # The sizes are the same at both ends, and the client knows them best.
            for key in ('http.request.size', 'http.response.size', 'http.request.body.size',
                        'http.response.body.size', 'http.response.interim_count'):
                if key in seen:
                    more.setdefault(key, seen[key])
            wants += [seen] + match.served(server, [log[row['path']]], **more)
        match.check(self, tracer, records, wants, self.ports)
        match.check_exchanges(self, records)
        match.check_times(self, records)
        return match.mine(records, self.tag)

    @property
    def cgroup(self):
        return self.group

    def test_keep_alive(self):
        for server in (self.nginx, self.python):
            self.tag = harness.unique('id')
            records = self.exchange(server, *[{'path': '/f/%d/ID' % size}
                                              for size in (17, 0, 5000, 1, 1000)])
            for side in ('client', 'server'):
                mine = [r for r in records if r['side'] == side]
                self.assertEqual([r['tcp.stream.request'] for r in mine], [1, 2, 3, 4, 5])
                self.assertEqual(len({r['tcp.stream'] for r in mine}), 1)
                for r in mine:
                    self.assertEqual(r['network.protocol.version'], '1.1')
                    self.assertEqual(r['http.request.header.host'], ['test'])

    def test_large_download(self):
        self.exchange(self.nginx, {'path': '/f/%d/ID' % MEGA}, {'path': '/copied/%d/ID' % MEGA},
                      {'path': '/f/%d/ID' % MEGA100}, {'path': '/copied/%d/ID' % MEGA100},
                      {'path': '/f/17/ID'})

    def test_large_download_http_server(self):
        self.exchange(self.python, {'path': '/f/%d/ID' % MEGA}, {'path': '/f/%d/ID' % MEGA100},
                      {'path': '/f/17/ID'})

    def test_large_upload(self):
        self.exchange(self.nginx, {'method': 'PUT', 'path': '/put/ID', 'body': MEGA},
                      {'method': 'PUT', 'path': '/put/ID', 'body': MEGA100},
                      {'path': '/f/17/ID'},
                      both={0: {'http.response.status_code': 201}})

    def test_large_upload_http_server(self):
        self.exchange(self.python, {'method': 'POST', 'path': '/f/1/ID', 'body': MEGA},
                      {'method': 'POST', 'path': '/f/1/ID', 'body': MEGA100},
                      {'method': 'POST', 'path': '/f/1/ID', 'body': 10, 'joined': True})

    def test_head(self):
        for server in (self.nginx, self.python):
            self.tag = harness.unique('id')
            self.exchange(server, {'method': 'HEAD', 'path': '/f/5000/ID'}, {'path': '/f/17/ID'},
                          {'method': 'HEAD', 'path': '/f/%d/ID' % MEGA100}, {'path': '/f/1/ID'})

    def test_304_and_other_statuses(self):
        since = {'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT', 'If-None-Match': '"x"'}
        del_match = {'If-Modified-Since': since['If-Modified-Since']}
        records = self.exchange(self.nginx, {'path': '/f/5000/ID', 'headers': del_match},
                                {'path': '/f/17/ID'}, {'path': '/s/204/ID'}, {'path': '/s/301/ID'},
                                {'path': '/s/404/ID'}, {'path': '/s/503/ID'}, {'path': '/f/1/ID'})
        self.assertEqual([r['http.response.status_code'] for r in records if r['side'] == 'server'],
                         [304, 200, 204, 301, 404, 503, 200])
        self.tag = harness.unique('id')
        records = self.exchange(self.python, {'path': '/f/5000/ID', 'headers': since},
                                {'path': '/f/17/ID'}, {'path': '/s/204/ID'}, {'path': '/s/418/ID'})
        self.assertEqual([r['http.response.status_code'] for r in records if r['side'] == 'client'],
                         [304, 200, 204, 418])

    def test_chunked(self):
        self.exchange(self.python, {'path': '/chunked/5/ID'}, {'path': '/chunked/0/ID'},
                      {'path': '/chunked/300000/ID'}, {'path': '/chunked/%d/ID' % MEGA},
                      {'method': 'POST', 'path': '/chunked/10/ID', 'body': 100000, 'chunked': True},
                      {'path': '/f/17/ID'})

    def test_chunked_upload(self):
        self.exchange(self.nginx, {'method': 'PUT', 'path': '/put/ID', 'body': 300000,
                                   'chunked': True}, {'path': '/f/17/ID'})

    def test_until_close(self):
        self.exchange(self.python, {'path': '/until-close/300000/ID'})
        self.tag = harness.unique('id')
        records = self.exchange(self.nginx, {'path': '/f/5000/ID', 'version': '1.0'})
        self.assertEqual({r['network.protocol.version'] for r in records}, {'1.0'})

    def test_100_continue(self):
        for server, path in ((self.nginx, '/put/ID'), (self.python, '/f/17/ID')):
            self.tag = harness.unique('id')
            rows = self.exchange(server, {'method': 'PUT', 'path': path, 'body': 5000,
                                          'expect': True}, {'path': '/f/1/ID'})
            self.assertEqual([r.get('http.response.interim_count') for r in rows
                              if r['side'] == 'server'], [1, 0])

    def test_three_pipelined_in_one_segment(self):
        for server in (self.nginx, self.python):
            self.tag = harness.unique('id')
            tracer = self.trace()
            rows = harness.fetch(self, self.plan(server, {'path': '/f/5000/ID'},
                                                 {'path': '/f/17/ID'}, {'path': '/f/70000/ID'},
                                                 pipeline=True), cgroup=self.group)
            records = tracer.stop()
            got = self.hold(server, rows, tracer, records,
                            {1: {'flags': ['pipelined']}, 2: {'flags': ['pipelined']}})
            for side in ('client', 'server'):
                mine = [r for r in got if r['side'] == side]
                self.assertEqual([r['tcp.stream.request'] for r in mine], [1, 2, 3])

    def test_header_in_several_segments(self):
        for server in (self.nginx, self.python):
            self.tag = harness.unique('id')
            self.exchange(server, {'path': '/f/5000/ID', 'split': 7},
                          {'method': 'HEAD', 'path': '/f/17/ID', 'split': 2}, {'path': '/f/1/ID'})

    def test_ipv6(self):
        for server in (self.nginx, self.python6):
            self.tag = harness.unique('id')
            records = self.exchange(server, {'path': '/f/5000/ID'}, {'path': '/f/%d/ID' % MEGA},
                                    host='::1')
            for r in records:
                self.assertEqual((r['client.address'], r['server.address']), ('::1', '::1'))

    def test_no_response(self):
        """Closed without an answer, and reset in the middle of one."""
        tracer = self.trace()
        plans = [self.plan(self.python, {'path': '/f/17/ID/a'}, {'path': '/silent/0/ID'}),
                 self.plan(self.python, {'path': '/f/17/ID/b'}, {'path': '/reset/0/ID'})]
        harness.fetch(self, plans, cgroup=self.group)
        got = match.mine(tracer.stop(), self.tag, self.ports)
        silent = [r for r in got if r['url.original'].startswith('/silent/')]
        reset = [r for r in got if r['url.original'].startswith('/reset/')]
        self.assertEqual(sorted(r['side'] for r in silent), ['client', 'server'], got)
        self.assertEqual(sorted(r['side'] for r in reset), ['client', 'server'], got)
        for r in silent:
            self.assertEqual(r['flags'], ['no-response'])
            self.assertNotIn('http.response.status_code', r)
            self.assertNotIn('latency_ns', r)
        for r in reset:
            self.assertIn('reset', r['flags'])
            self.assertNotIn('latency_ns', r)
        for r in silent + reset:
            self.assertEqual(r['server.port'], self.python.port)
            self.assertEqual(r['linux.cgroup.path'], self.python.cgroup.path
                             if r['side'] == 'server' else self.group.path)
        self.assertEqual({r['process.pid'] for r in got if r['side'] == 'server'},
                         {self.python.pid})
        self.assertEqual(len(got), 8)

    def test_request_into_a_closed_connection(self):
        """As a client does that keeps a connection for too long: a request without a response."""
        plan = self.plan(self.python, {'path': '/f/17/ID', 'headers': {'Connection': 'close'}},
                         {'path': '/f/17/ID', 'wait': True})
        tracer = self.trace()
        client = harness.Client(self, plan, self.group).ready()
        self.python.log(1, self.tag)
        client.go()
        client.wait()
        got = match.mine(tracer.stop(), self.tag, (0, self.python.port))
        late = [r for r in got if r['url.original'] == plan['exchanges'][1]['path']]
        self.assertIn('client', [r['side'] for r in late])
        for r in late:
            self.assertIn('no-response', r['flags'])
            self.assertNotIn('latency_ns', r)
            self.assertNotIn('http.response.status_code', r)
            self.assertEqual(r['server.port'], self.python.port)
        self.assertEqual(len(got) - len(late), 2)

    def test_open_before_the_start(self):
        """A connection that has carried a request already and is idle when the tracer starts."""
        for server in (self.nginx, self.python):
            self.tag = harness.unique('id')
            client = harness.Client(self, self.plan(server, {'path': '/f/17/before'},
                                                    {'path': '/f/5000/ID', 'wait': True},
                                                    {'path': '/f/1/ID'}), self.group).ready()
            tracer = self.trace()
            client.go()
            rows = client.result()[1:]
            records = tracer.stop()
            self.hold(server, rows, tracer, records, flags=['midstream'])

    def test_opened_but_silent_before_the_start(self):
        """Connected before the start; its first request comes after."""
        for server in (self.nginx, self.python):
            self.tag = harness.unique('id')
            client = harness.Client(self, self.plan(server, {'path': '/f/5000/ID', 'wait': True},
                                                    {'path': '/f/1/ID'}), self.group).ready()
            tracer = self.trace()
            client.go()
            rows = client.result()
            records = tracer.stop()
            for r in match.mine(records, self.tag):
                # The socket may know that nothing had come before.
                self.assertLessEqual(set(r['flags']), {'midstream'})
                r['flags'] = []
            self.hold(server, rows, tracer, records)

    def test_started_between_request_and_response(self):
        """The response to a request that was never seen pairs with no other request."""
        client = harness.Client(self, self.plan(
            self.python, {'path': '/f/17/before'},
            {'path': '/held/1500/before', 'held': True}, {'path': '/f/5000/ID', 'wait': True}),
            self.group).ready()
        tracer = self.trace()
        client.go()
        harness.wait_until('held response', lambda: client.stdout().count('waiting') == 2)
        client.go()
        rows = client.result()[2:]
        records = tracer.stop()
        early = [r for r in records if 'url.original' not in r
                 and r.get('server.port') == self.python.port]
        for r in early:
            self.assertIn('orphan-response', r['flags'])
            self.assertNotIn('latency_ns', r)
        self.hold(self.python, rows, tracer, [r for r in records if r not in early],
                  flags=['midstream'])


harness.per_hook(Messages)
