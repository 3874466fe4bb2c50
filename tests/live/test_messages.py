# SPDX-License-Identifier: GPL-2.0-only
"""The shapes that HTTP messages have on the wire, each on every hook: sizes, bodies, codings,
interim responses, pipelining, broken ends, connections that are older than the tracer."""
import harness
import match

MEGA = 1000000
MEGA100 = 100000000
SINCE = {'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT'}

FILE, BYTE = {'path': '/f/17/ID'}, {'path': '/f/1/ID'}


def put(size, path='/put/ID', **more):
    return dict({'method': 'PUT', 'path': path, 'body': size}, **more)


def head(size):
    return {'method': 'HEAD', 'path': '/f/%d/ID' % size}


# Name: the connections that show it, as (server, exchanges, more about the connection).
CASES = {
    'keep alive': [(server, [{'path': '/f/%d/ID' % size} for size in (17, 0, 5000, 1, 1000)], {})
                   for server in ('nginx', 'python')],
    'large download': [
        ('nginx', [{'path': '/f/%d/ID' % MEGA}, {'path': '/copied/%d/ID' % MEGA},
                   {'path': '/f/%d/ID' % MEGA100}, {'path': '/copied/%d/ID' % MEGA100}, FILE], {}),
        ('python', [{'path': '/f/%d/ID' % MEGA}, {'path': '/f/%d/ID' % MEGA100}, FILE], {})],
    'large upload': [
        ('nginx', [put(MEGA), put(MEGA100), FILE], {}),
        ('python', [put(MEGA, '/f/1/ID'), put(MEGA100, '/f/1/ID'),
                    put(10, '/f/1/ID', joined=True)], {})],
    'head': [(server, [head(5000), FILE, head(MEGA100), BYTE], {})
             for server in ('nginx', 'python')],
    'status': [
        ('nginx', [{'path': '/f/5000/ID', 'headers': SINCE}, FILE, {'path': '/s/204/ID'},
                   {'path': '/s/301/ID'}, {'path': '/s/404/ID'}, {'path': '/s/503/ID'}, BYTE], {}),
        ('python', [{'path': '/f/5000/ID', 'headers': {'If-None-Match': '"x"'}}, FILE,
                    {'path': '/s/204/ID'}, {'path': '/s/418/ID'}], {})],
    'chunked': [
        ('python', [{'path': '/chunked/5/ID'}, {'path': '/chunked/0/ID'},
                    {'path': '/chunked/300000/ID'}, {'path': '/chunked/%d/ID' % MEGA},
                    put(100000, '/chunked/10/ID', chunked=True), FILE], {}),
        ('nginx', [put(300000, chunked=True), FILE], {})],
    'until close': [
        ('python', [{'path': '/until-close/300000/ID'}], {}),
        ('nginx', [{'path': '/f/5000/ID', 'version': '1.0'}], {})],
    '100-continue': [
        ('nginx', [put(5000, expect=True), BYTE], {}),
        ('python', [put(5000, '/f/17/ID', expect=True), BYTE], {})],
    'pipelined': [(server, [{'path': '/f/5000/ID'}, FILE, {'path': '/f/70000/ID'}],
                   {'pipeline': True}) for server in ('nginx', 'python')],
    'split header': [(server, [{'path': '/f/5000/ID', 'split': 7}, dict(head(17), split=3), BYTE],
                      {}) for server in ('nginx', 'python')],
    'ipv6': [(server, [{'path': '/f/5000/ID'}, {'path': '/f/%d/ID' % MEGA}], {'host': '::1'})
             for server in ('nginx', 'python6')],
}


def plan_of(server, tag, exchanges, more):
    return dict({'host': '127.0.0.1', 'port': server.port, 'exchanges': [
        dict(e, path=e['path'].replace('ID', '%s/%d' % (tag, n)))
        for n, e in enumerate(exchanges)]}, **more)


class Servers:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = harness.Nginx(cls, harness.Cgroup(cls, 'nginx'))
        cls.python = harness.PyServer(cls, harness.Cgroup(cls, 'python'))
        cls.python6 = harness.PyServer(cls, harness.Cgroup(cls, 'python'), address='::1')
        cls.cgroup = harness.Cgroup(cls, 'client')
        cls.ports = (cls.nginx.port, cls.python.port, cls.python6.port)

    def hold(self, server, rows, tracer, records, flags=(), own=None):
        """The records with this test's tag are those that both ends tell. flags: of all; own: of
        the requests with these numbers."""
        log = {row['uri']: row for row in server.log(len(rows), self.tag)}
        wants = []
        for n, row in enumerate(rows):
            more = {'flags': list((own or {}).get(n, flags))}
            if 'midstream' in flags:  # numbered from the first that was seen
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


class Messages(Servers):
    """All cases in one run of the tracer; a test for each holds its own records."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tags = {}
        plans = []
        for name, connections in CASES.items():
            for n, (server, exchanges, more) in enumerate(connections):
                tag = cls.tags[name, n] = harness.unique('id')
                plans.append(plan_of(getattr(cls, server), tag, exchanges, more))
        cls.tracer = harness.Tracer(cls, *harness.hook_options(cls.hook))
        cls.rows = harness.fetch(cls, plans, cgroup=cls.cgroup)
        cls.records = cls.tracer.stop()

    def case(self, name, own=None):
        """Holds the records of this case; returns them by connection and side."""
        out = []
        for n, (server, exchanges, _) in enumerate(CASES[name]):
            self.tag = self.tags[name, n]
            rows = [row for row in self.rows if self.tag in row['path']]
            self.assertEqual(len(rows), len(exchanges))
            # Those without a target are of no case: test_nothing_else.
            mine = [r for r in self.records if 'url.original' in r]
            got = self.hold(getattr(self, server), rows, self.tracer, mine, own=own)
            for side in ('client', 'server'):
                out.append([r for r in got if r['side'] == side])
        return out

    def test_keep_alive(self):
        for mine in self.case('keep alive'):
            self.assertEqual([r['tcp.stream.request'] for r in mine], [1, 2, 3, 4, 5])
            self.assertEqual(len({r['tcp.stream'] for r in mine}), 1)
            for r in mine:
                self.assertEqual(r['network.protocol.version'], '1.1')
                self.assertEqual(r['http.request.header.host'], ['test'])

    def test_large_download(self):
        self.case('large download')

    def test_large_upload(self):
        self.case('large upload')

    def test_head(self):
        self.case('head')

    def test_304_and_other_statuses(self):
        by_nginx, _, _, of_python = self.case('status')
        self.assertEqual([r['http.response.status_code'] for r in by_nginx],
                         [304, 200, 204, 301, 404, 503, 200])
        self.assertEqual([r['http.response.status_code'] for r in of_python], [304, 200, 204, 418])

    def test_chunked(self):
        self.case('chunked')

    def test_until_close(self):
        got = self.case('until close')
        self.assertEqual({r['network.protocol.version'] for r in got[2] + got[3]}, {'1.0'})

    def test_100_continue(self):
        for mine in self.case('100-continue'):
            self.assertEqual([r['http.response.interim_count'] for r in mine], [1, 0])

    def test_three_pipelined_in_one_segment(self):
        for mine in self.case('pipelined', {1: ['pipelined'], 2: ['pipelined']}):
            self.assertEqual([r['tcp.stream.request'] for r in mine], [1, 2, 3])

    def test_header_in_several_segments(self):
        for mine in self.case('split header'):
            self.assertGreater(mine[0]['request.segments'], 3)

    def test_ipv6(self):
        for mine in self.case('ipv6'):
            self.assertEqual({(r['client.address'], r['server.address']) for r in mine},
                             {('::1', '::1')})

    def test_nothing_else(self):
        tags = set(self.tags.values())
        extra = [r for r in self.records if r['server.port'] in self.ports
                 and not any(tag in r.get('url.original', '') for tag in tags)]
        self.assertEqual(extra, [])
        self.assertEqual(self.tracer.summary['events_lost'], 0)


class Broken(Servers):
    """Requests without a response."""

    def test_no_response(self):
        """Closed without an answer, and reset in the middle of one."""
        tracer = self.trace()
        plans = [plan_of(self.python, self.tag + which, [FILE, {'path': path}], {})
                 for which, path in (('a', '/silent/0/ID'), ('b', '/reset/0/ID'))]
        harness.fetch(self, plans, cgroup=self.cgroup)
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
                             if r['side'] == 'server' else self.cgroup.path)
        self.assertEqual({r['process.pid'] for r in got if r['side'] == 'server'},
                         {self.python.pid})
        self.assertEqual(len(got), 8)

    def test_request_into_a_closed_connection(self):
        """As a client does that keeps a connection for too long: a request without a response."""
        plan = plan_of(self.python, self.tag, [dict(FILE, headers={'Connection': 'close'}),
                                               dict(FILE, wait=True)], {})
        tracer = self.trace()
        client = harness.Client(self, plan, self.cgroup).ready()
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


class OpenBefore(Servers):
    """Connections that are older than the tracer."""

    def waiting(self, server, *exchanges):
        """A client that stands at its first `wait`; its targets carry a tag of their own."""
        tag = harness.unique('id')
        client = harness.Client(self, plan_of(server, tag, exchanges, {}), self.cgroup).ready()
        return tag, client

    def test_idle(self):
        """A connection that has carried a request already, and is idle when the tracer starts; and
        one that was opened but is silent until then."""
        later = {'path': '/f/5000/ID', 'wait': True}
        clients = [(server, used) + self.waiting(server, *([{'path': '/f/17/before'}] * used),
                                                 later, BYTE)
                   for server in (self.nginx, self.python) for used in (1, 0)]
        tracer = self.trace()
        for _, _, _, client in clients:
            client.go()
        rows = [client.result() for _, _, _, client in clients]
        records = tracer.stop()
        for (server, used, self.tag, _), seen in zip(clients, rows):
            mine = [r for r in records if self.tag in r.get('url.original', '')]
            if not used:
                # The socket may know that nothing had come before.
                for r in mine:
                    self.assertLessEqual(set(r['flags']), {'midstream'})
                    r['flags'] = []
            self.hold(server, seen[used:], tracer, mine, flags=['midstream'] if used else [])
        extra = [r for r in records if r['server.port'] in self.ports
                 and not any(tag in r.get('url.original', '') for _, _, tag, _ in clients)]
        self.assertEqual(extra, [])

    def test_started_between_request_and_response(self):
        """The response to a request that was never seen pairs with no other request."""
        self.tag, client = self.waiting(
            self.python, {'path': '/f/17/before'},
            {'path': '/held/2500/before', 'held': True}, {'path': '/f/5000/ID', 'wait': True})
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


for case in (Messages, Broken, OpenBefore):
    harness.per_hook(case)
