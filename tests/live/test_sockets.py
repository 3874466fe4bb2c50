# SPDX-License-Identifier: GPL-2.0-only
"""Where a packet's socket is not what one would think, and where a packet is not what one would
think: requests that carry the listener's socket, NAT, inherited listeners, namespaces,
super-segments."""
import harness
import match
import pcap

MEGA = 1000000
A4, B4, A6, B6 = '10.231.0.1', '10.231.0.2', 'fd31::1', 'fd31::2'


def plans_of(tag, server, count, each=1, host='127.0.0.1', size=17, **more):
    """`count` connections with `each` requests."""
    return [dict({'host': host, 'port': server.port, 'exchanges': [
        {'path': '/f/%d/%s/%s' % (size, tag, harness.unique('n'))} for _ in range(each)]}, **more)
        for _ in range(count)]


class Namespaces:
    """The client's namespace, the server's, and a veth between them; its ends are called eth0."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.near, cls.far = harness.Netns(cls, 'c'), harness.Netns(cls, 's')
        harness.veth(cls.near, cls.far, (A4, B4), (A6, B6))
        cls.group = harness.Cgroup(cls, 'client')
        cls.server_group = harness.Cgroup(cls, 'server')

    def nginx(self, listen='', addresses=('127.0.0.1', '[::1]', B4, '[%s]' % B6)):
        return harness.Nginx(self, self.server_group, self.far, addresses, listen)

    def python(self, address='127.0.0.1', *options):
        return harness.PyServer(self, self.server_group, self.far, address, options)

    def plans(self, server, count, each=1, host='127.0.0.1', size=17, **more):
        return plans_of(self.tag, server, count, each, host, size, **more)

    @property
    def cgroup(self):
        return self.group

    def fetch(self, plans, netns):
        return harness.fetch(self, plans, cgroup=self.group, netns=netns)

    def hold(self, tracer, records, server, rows, sides=('client', 'server'), **more):
        """The records are those of the sides that this hook can see, and no others."""
        wants = []
        if 'server' in sides:
            wants += match.served(server, server.log(len(rows), self.tag), **more)
        if 'client' in sides:
            wants += match.sent(self, rows, harness.PyServer.comm, **more)
        match.check(self, tracer, records, wants, (server.port,))
        match.check_times(self, records)
        if len(sides) == 2:
            match.check_exchanges(self, records)

    @property
    def ends(self):
        """Where to look so that each side is seen."""
        return ('server',) if self.hook == 'cgroup' else ('server', 'client')

    def seen_from(self, end):
        """The sides that are local at this end."""
        return ('client', 'server') if self.hook == 'cgroup' else (end,)


class Listeners(Namespaces):
    """The first request carries the listener's socket, not that of the connection. All kinds in one
    run of the tracer; a test for each holds its own records."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.far.sysctl('net.ipv4.tcp_fastopen', 3)
        cls.maker = harness.Cgroup(cls, 'maker')

        def nginx(listen=''):
            return harness.Nginx(cls, cls.server_group, cls.far, ['127.0.0.1'], listen)

        def python(*options, **kw):
            return harness.PyServer(cls, cls.server_group, cls.far, options=options, **kw)

        plain, deferred = nginx(), nginx('deferred')
        cls.activated = python('--fd', '3', born=cls.maker, wrap=(
            harness.PYTHON, harness.PEER, 'listen', '--join', cls.server_group.procs))
        # Name: server, connections, requests on each, more about the connections.
        kinds = {
            'defer accept nginx': (deferred, 15, 2, {}),
            'defer accept python': (python('--defer-accept'), 15, 2, {}),
            'ack nginx': (plain, 15, 2, {'data_on_ack': True}),
            'ack deferred': (deferred, 15, 2, {'data_on_ack': True}),
            'ack python': (python(), 15, 2, {'data_on_ack': True}),
            'open nginx': (nginx('fastopen=64'), 12, 2, {'fastopen': True}),
            'open python': (python('--fastopen'), 12, 2, {'fastopen': True}),
            'activated': (cls.activated, 10, 2, {}),
            'forking': (python('--fork'), 10, 2, {}),
        }
        cls.kinds, plans = {}, []
        for name, (server, count, each, more) in kinds.items():
            tag = harness.unique('id')
            cls.kinds[name] = server, tag, count
            plans += plans_of(tag, server, count, each, **more)
        capture = harness.Capture(cls, netns=cls.far, snap=256)
        cls.tracer = harness.Tracer(cls, *harness.hook_options(cls.hook, 'lo', cls.far))
        cls.rows = harness.fetch(cls, plans, cgroup=cls.group, netns=cls.far)
        cls.records = cls.tracer.stop()
        cls.packets = pcap.read(capture.stop())

    def kind(self, name):
        """Holds the records of this kind; returns its packets by connection: those that the client
        sent."""
        server, self.tag, count = self.kinds[name]
        rows = [row for row in self.rows if self.tag in row['path']]
        self.assertGreaterEqual(len(rows), count)
        self.hold(self.tracer, self.records, server, rows)
        ports = {row['port'] for row in rows}
        sent = {}
        for packet in self.packets:
            if packet.dport == server.port and packet.sport in ports:
                sent.setdefault(packet.sport, []).append(packet)
        self.assertEqual(len(sent), count)
        return sent.values()

    def test_defer_accept_nginx(self):
        self.kind('defer accept nginx')

    def test_defer_accept_http_server(self):
        self.kind('defer accept python')

    def with_data_on_ack(self, name):
        for sent in self.kind(name):
            self.assertTrue(sent[0].flags & pcap.SYN)
            self.assertGreater(sent[1].payload, 0, 'the handshake ended with a bare ACK')

    def test_data_on_third_ack_nginx(self):
        self.with_data_on_ack('ack nginx')

    def test_data_on_third_ack_deferred(self):
        self.with_data_on_ack('ack deferred')

    def test_data_on_third_ack_http_server(self):
        self.with_data_on_ack('ack python')

    def fast_open(self, name):
        # The first connection to a host fetches the cookie.
        in_syn = [sent for sent in self.kind(name)
                  if sent[0].flags & pcap.SYN and sent[0].payload > 0]
        self.assertGreaterEqual(len(in_syn), 11, 'the requests did not travel in the SYN')

    def test_fast_open_nginx(self):
        self.fast_open('open nginx')

    def test_fast_open_http_server(self):
        self.fast_open('open python')

    def test_socket_activation(self):
        """Made by a process in one cgroup, used by another process in another: the owner is who
        reads."""
        self.kind('activated')
        self.assertNotIn(self.activated.process.pid, self.server_group.pids())

    def test_forking_server(self):
        """The parent accepts, a child of its own for each connection reads and answers."""
        self.kind('forking')
        server, tag, count = self.kinds['forking']
        pids = {row['pid'] for row in server.log(count, tag)}
        self.assertEqual(len(pids), count)
        self.assertNotIn(server.pid, pids)

    def test_socket_activation_and_cgroup_filter(self):
        """-g matches the reader's cgroup, and the socket's creator's where there is a socket."""
        for group in [self.server_group] + [self.maker] * (self.hook == 'cgroup'):
            self.tag = harness.unique('id')
            tracer = self.trace('-g', group.path, netns=self.far)
            rows = self.fetch(self.plans(self.activated, 5, 2), self.far)
            self.hold(tracer, tracer.stop(), self.activated, rows, ('server',))


class Proxy(Namespaces):
    """A process that is server and client at once."""

    def test_proxy(self):
        back = self.python()
        front = harness.Nginx(self, harness.Cgroup(self, 'proxy'), self.far, ['127.0.0.1'],
                              upstream='127.0.0.1:%d' % back.port)
        plans = self.plans(front, 20, 2, size=5000)
        for plan in plans:
            for what in plan['exchanges']:
                what['path'] = what['path'].replace('/f/', '/proxied/')
        tracer = self.trace(netns=self.far)
        rows = self.fetch(plans, self.far)
        records = tracer.stop()
        asked = front.log(len(rows), self.tag)
        wants = match.sent(self, rows, harness.PyServer.comm) + match.served(front, asked)
        wants += match.served(back, back.log(len(rows), self.tag))
        for row in asked:
            want = match.owner('client', row['pid'], front.cgroup, 'nginx')
            want.update({'url.original': row['uri'].replace('/proxied/', '/f/'), 'flags': [],
                         'http.response.status_code': 200, 'server.port': back.port,
                         'http.response.body.size': 5000, 'network.protocol.version': '1.0'})
            wants.append(want)
        match.check(self, tracer, records, wants, (front.port, back.port))
        match.check_exchanges(self, records)


class Across(Namespaces):
    """Client and server talk over the veth."""

    def across(self, server, end, rows_of, **more):
        """Traces eth0 at one end while rows_of() runs, and holds what can be seen there."""
        netns = self.far if end == 'server' else self.near
        tracer = self.trace(device='eth0', netns=netns)
        rows = rows_of()
        records = tracer.stop()
        self.hold(tracer, records, server, rows, self.seen_from(end), **more)
        return records

    def super_segments(self, server, host, size, over):
        capture = harness.Capture(self, 'eth0', self.far, snap=256)
        for end in self.ends:
            self.tag = harness.unique('id')
            self.across(server, end, lambda: self.fetch(self.plans(server, 3, 2, host, size),
                                                        self.near))
        self.check_size(capture, over)

    def check_size(self, capture, over):
        largest = max(p.wire for p in pcap.read(capture.stop()))
        if largest <= over:
            self.skipTest('the largest packet was one of %d bytes' % largest)


class Veth(Across):
    def test_both_ends(self):
        for server in (self.nginx(), self.python(B4)):
            for end in self.ends:
                self.tag = harness.unique('id')
                self.across(server, end, lambda: self.fetch(
                    self.plans(server, 10, 3, B4), self.near),
                    **{'client.address': A4, 'server.address': B4})

    def test_ipv6(self):
        server = self.nginx()
        self.across(server, 'server', lambda: self.fetch(self.plans(server, 5, 3, B6), self.near),
                    **{'client.address': A6, 'server.address': B6})

    def test_upload(self):
        server = self.nginx()
        plan = {'host': B4, 'port': server.port, 'exchanges': [
            {'method': 'PUT', 'path': '/put/%s/%d' % (self.tag, n), 'body': size}
            for n, size in enumerate((10, 100000, 20 * MEGA, 10))]}
        for end in self.ends:
            self.tag = harness.unique('id')
            plan['exchanges'] = [dict(e, path='/put/%s/%d' % (self.tag, n))
                                 for n, e in enumerate(plan['exchanges'])]
            self.across(server, end, lambda: self.fetch(plan, self.near))

    def test_a_megabyte_in_super_segments(self):
        self.super_segments(self.nginx(), B4, MEGA, 10000)

    def test_a_megabyte_in_super_segments_ipv6(self):
        self.super_segments(self.nginx(), B6, MEGA, 10000)

    def test_output_dnat(self):
        """The client connects to an address that its own host translates: what is printed are the
        addresses of its socket."""
        public, port = '10.99.0.9', 80
        server = self.nginx()
        self.near.ip('route', 'replace', '10.99.0.0/24', 'via', B4)
        self.near.nft('table ip httplat { chain out { type nat hook output priority -100; '
                      'ip daddr %s tcp dport %d dnat to %s:%d; }; }\n'
                      % (public, port, B4, server.port))
        self.addCleanup(self.near.nft, 'delete table ip httplat')
        plans = self.plans(server, 5, 3, public, 5000, port=port)
        tracer = self.trace(device='eth0', netns=self.near)
        rows = self.fetch(plans, self.near)
        records = tracer.stop()
        wants = match.sent(self, rows, harness.PyServer.comm)
        for want in wants:
            want['client.address'] = A4
            if self.hook != 'socket':  # a tap sees packets, not sockets
                want['server.address'], want['server.port'] = public, port
        if self.hook == 'cgroup':
            wants += match.served(server, server.log(len(rows), self.tag),
                                  **{'server.address': B4, 'client.address': A4})
        match.check(self, tracer, records, wants, (server.port,))

    def test_container(self):
        """A server and a client with pid namespace and cgroup of their own: the pid is the
        host's."""
        inside = ('unshare', '--pid', '--fork', '--kill-child', '--mount-proc', '--')
        pod = harness.Cgroup(self, 'pod')
        group = harness.Cgroup(self, 'container', below=pod)
        server = harness.PyServer(self, group, self.far, B4, wrap=inside)
        pid, = harness.children_of(server.process.pid)
        tracer = self.trace(device='eth0', netns=self.far)
        rows = self.fetch(self.plans(server, 10, 3, B4), self.near)
        client = harness.Client(self, self.plans(server, 1, 2, B4), group, self.far, inside)
        inner = client.result()
        records = tracer.stop()
        log = server.log(len(rows) + len(inner), self.tag)
        for row in log:
            self.assertEqual(row['pid'], 1)
            row['pid'] = pid
            del row['tid']
        # Its own client goes over lo, which only the cgroup hook sees here.
        if self.hook != 'cgroup':
            outside = {row['path'] for row in rows}
            log = [row for row in log if row['uri'] in outside]
        wants = match.served(server, log)
        if self.hook == 'cgroup':
            wants += match.sent(self, rows, harness.PyServer.comm)
            for row in inner:
                del row['tid']
            for want in match.sent(client, inner, harness.PyServer.comm):
                del want['process.pid']  # of a process in the namespace, gone by now
                wants.append(want)
            got = {r['process.pid'] for r in match.mine(records, self.tag)
                   if r['url.original'] in {row['path'] for row in inner}
                   and r['side'] == 'client'}
            self.assertEqual(len(got), 1)
            self.assertNotIn(1, got)
        match.check(self, tracer, records, wants, (server.port,))


class BigTcp(Across):
    """Super-segments over 64 KiB, whose IP length field says 0. From http.server, which copies:
    what sendfile() sends is limited by the number of pages in a packet."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for ns in (cls.near, cls.far):
            for device in ('lo', 'eth0'):
                harness.big_tcp(ns, device)

    def test_veth_ipv6(self):
        self.super_segments(self.python(B6), B6, 5 * MEGA, 65600)

    def test_veth_ipv4(self):
        self.super_segments(self.python(B4), B4, 5 * MEGA, 65600)

    def test_loopback(self):
        for host in ('::1', '127.0.0.1'):
            self.tag = harness.unique('id')
            server = self.python(host)
            capture = harness.Capture(self, netns=self.far, snap=256)
            tracer = self.trace(netns=self.far)
            rows = self.fetch(self.plans(server, 2, 2, host, 5 * MEGA), self.far)
            records = tracer.stop()
            self.hold(tracer, records, server, rows)
            self.check_size(capture, 65600)


for case in (Listeners, Proxy, Veth, BigTcp):
    harness.per_hook(case)
