# SPDX-License-Identifier: GPL-2.0-only
"""One run seen three ways: live by the tracer, from tcpdump's capture by `httplat -r`, and by
tshark. Live and file have to give the same transactions; file and tshark the same pairs, frames and
times."""
import harness
import match
import pcap

# What a record says of the exchange itself, whoever saw it. Times are of different clocks.
SAME = ('url.original', 'url.path', 'url.query', 'http.request.method', 'http.response.status_code',
        'network.protocol.version', 'http.request.body.size', 'http.response.body.size',
        'http.request.size', 'http.response.size', 'http.response.interim_count',
        'http.request.header.host', 'http.response.header.content-type', 'client.address',
        'client.port', 'server.address', 'server.port', 'tcp.stream.request', 'exchange.id',
        'flags')


def kinds(nginx, python, python6, tag):
    """Connections with all kinds of messages: a list of plans for harness.fetch()."""
    serial = iter(range(1000000))

    def plan(server, *exchanges, **more):
        return dict({'host': '127.0.0.1', 'port': server.port, 'exchanges': [
            dict(e, path=e['path'].replace('ID', '%s/%d?q=%d' % (tag, next(serial), len(e))))
            for e in exchanges]}, **more)

    get = [{'path': '/f/%d/ID' % size} for size in (17, 0, 5000, 1, 70000)]
    mega, back = {'path': '/f/1000000/ID'}, {'path': '/f/17/ID'}
    out = []
    for server in (nginx, python):
        put = '/put/ID' if server is nginx else '/f/1/ID'
        out += [
            plan(server, *get),
            plan(server, mega, back, {'path': '/f/5000000/ID'}, back),
            plan(server, {'method': 'PUT', 'path': put, 'body': 1000000}, back,
                 {'method': 'PUT', 'path': put, 'body': 100, 'joined': True}, back),
            plan(server, {'method': 'HEAD', 'path': '/f/5000/ID'}, back),
            plan(server, {'path': '/s/404/ID'}, {'path': '/s/204/ID'}, {'path': '/s/500/ID'}, back),
            plan(server, {'path': '/f/5000/ID', 'split': 11}, back),
            plan(server, *get, data_on_ack=True),
            plan(server, *get, fastopen=True), plan(server, back, back, fastopen=True),
            plan(server, {'method': 'PUT', 'path': put, 'body': 5000, 'expect': True}, back),
            plan(server, *get, pipeline=True),
            plan(server, {'method': 'PUT', 'path': put, 'body': 200000, 'chunked': True}, back),
        ]
    later = {'If-Modified-Since': 'Fri, 01 Jan 2100 00:00:00 GMT'}
    out += [
        plan(nginx, {'path': '/f/5000/ID', 'headers': later}, back),
        plan(python, {'path': '/f/5000/ID', 'headers': {'If-None-Match': '"x"'}}, back),
        plan(nginx, *get, host='::1'), plan(python6, mega, back, host='::1'),
        plan(python, {'path': '/chunked/0/ID'}, {'path': '/chunked/100000/ID'}, back),
        plan(python, {'path': '/until-close/100000/ID'}),
        plan(nginx, {'path': '/f/5000/ID', 'version': '1.0'}),
        plan(python, back, {'path': '/silent/0/ID'}),
        plan(python, back, {'path': '/reset/0/ID'}),
    ]
    return out


class Same:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        harness.need('tcpdump', 'tshark')
        cls.ns = harness.Netns(cls)
        cls.ns.sysctl('net.ipv4.tcp_fastopen', 3)
        cls.nginx = harness.Nginx(cls, None, cls.ns, listen='fastopen=16')
        cls.python = harness.PyServer(cls, None, cls.ns, options=['--fastopen'])
        cls.python6 = harness.PyServer(cls, None, cls.ns, '::1')
        cls.tag = harness.unique('id')
        plans = kinds(cls.nginx, cls.python, cls.python6, cls.tag)
        # Streams of which tshark 4.0 makes something else: it takes a 1xx for the response, and
        # pairs with the most recent request.
        cls.odd = {e['path'] for plan in plans for e in plan['exchanges'] if plan.get('pipeline')
                   or any(x.get('expect') for x in plan['exchanges'])}
        cls.until_close = {e['path'] for plan in plans for e in plan['exchanges']
                           if e['path'].startswith('/until-close/')}
        cls.total = sum(len(plan['exchanges']) for plan in plans)
        capture = harness.Capture(cls, netns=cls.ns)
        tracer = harness.Tracer(cls, *harness.hook_options(cls.hook, 'lo', cls.ns))
        harness.fetch(cls, plans, netns=cls.ns)
        cls.live = match.mine(tracer.stop(), cls.tag)
        cls.said = tracer.stderr()
        cls.file = capture.stop()
        cls.offline = harness.offline(cls, cls.file)

    def setUp(self):
        pass  # one tag for all

    def test_live_and_file(self):
        self.assertEqual(len(self.offline), self.total)
        by_path = {r['url.original']: r for r in self.offline}
        self.assertEqual(len(by_path), self.total)
        wants = []
        for path, record in by_path.items():
            want = {key: record.get(key, match.ABSENT) for key in SAME}
            wants += [dict(want, side=side) for side in ('client', 'server')]
        self.assertEqual(match.compare(self.live, wants), [], self.said)
        self.assertEqual({r['side'] for r in self.offline}, {'transit'})
        self.assertEqual({r['hook'] for r in self.offline}, {'file'})
        self.assertEqual({r['hook'] for r in self.live}, {self.hook})

    def tshark(self, what, *fields):
        argv = ['tshark', '-r', self.file, '-n', '-o', 'tcp.desegment_tcp_streams:TRUE',
                '-o', 'tcp.reassemble_out_of_order:TRUE', '-o', 'http.desegment_body:TRUE',
                '-Y', what, '-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=|']
        for field in fields:
            argv += ['-e', field]
        ports = ','.join(str(s.port) for s in (self.nginx, self.python, self.python6))
        argv += ['-d', 'tcp.port==%d,http' % self.nginx.port,
                 '-d', 'tcp.port==%d,http' % self.python.port,
                 '-d', 'tcp.port==%d,http' % self.python6.port]
        rows = harness.run(*argv, timeout=60).stdout.splitlines()
        self.assertTrue(rows, ports)
        for row in rows:
            columns = [column.split('|') for column in row.split('\t')]
            for n in range(max(len(column) for column in columns)):
                yield [column[n] if n < len(column) else column[0] for column in columns]

    def test_file_and_tshark_requests(self):
        """The same requests, in the same frames of the same streams."""
        wants = sorted((int(frame), int(stream), method, uri) for frame, stream, method, uri in
                       self.tshark('http.request', 'frame.number', 'tcp.stream',
                                   'http.request.method', 'http.request.uri'))
        got = sorted((r['request.frame'], r['tcp.stream'], r['http.request.method'],
                      r['url.original']) for r in self.offline)
        self.assertEqual(got, wants)

    def test_file_and_tshark_pairs(self):
        """The same pairs: frames, status, and latency to the microsecond."""
        uri_at = {}
        for frame, uri in self.tshark('http.request', 'frame.number', 'http.request.uri'):
            uri_at.setdefault(int(frame), uri)
        wants = {}
        for frame, stream, status, request, time in self.tshark(
                'http.response', 'frame.number', 'tcp.stream', 'http.response.code',
                'http.request_in', 'http.time'):
            if request:
                wants[uri_at[int(request)]] = (int(frame), int(stream), int(request), int(status),
                                               round(float(time) * 1e9))
        compared = 0
        for r in self.offline:
            uri = r['url.original']
            if uri in self.odd or 'latency_ns' not in r or uri in self.until_close:
                continue
            frame, stream, request, status, latency = wants.pop(uri)
            self.assertEqual((r['response.frame'], r['tcp.stream'], r['request.frame'],
                              r['http.response.status_code']), (frame, stream, request, status), r)
            self.assertLess(abs(r['latency_ns'] - latency), 1000, r)
            compared += 1
        self.assertGreater(compared, 60)
        # What tshark pairs and we don't is a response that was cut short.
        left = [uri for uri in wants if uri not in self.odd and uri not in self.until_close]
        self.assertLessEqual({uri.split('/')[1] for uri in left}, {'reset'})

    def test_until_close(self):
        """A body that ends with the connection ends with its last data, not with the FIN."""
        packets = pcap.read(self.file)
        mine = [r for r in self.offline if r['url.original'] in self.until_close]
        self.assertTrue(mine)
        for r in mine:
            last = [p for p in packets if p.sport == r['server.port']
                    and p.dport == r['client.port'] and p.payload][-1]
            first = [p for p in packets if p.dport == r['server.port']
                     and p.sport == r['client.port'] and p.payload][-1]
            self.assertEqual((r['request.frame'], r['response.frame']), (first.frame, last.frame))
            self.assertEqual(r['latency_ns'], last.time - first.time)
            self.assertEqual(r['http.response.body.size'], 100000)

    def test_other_formats(self):
        """pcapng, and standard input: the same objects, byte for byte."""
        harness.need('editcap')
        other = harness.temp_dir(self) + '/capture.pcapng'
        harness.run('editcap', '-F', 'pcapng', self.file, other)
        self.assertEqual(harness.offline(self, other), self.offline)
        with open(self.file, 'rb') as f:
            self.assertEqual(harness.offline(self, '-', stdin=f), self.offline)


harness.per_hook(Same)
