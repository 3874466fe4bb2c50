# SPDX-License-Identifier: GPL-2.0-only
"""Where a packet's socket is not what one would think, and where a packet is not what one would think:
requests that carry the listener's socket, NAT, inherited listeners, namespaces, super-segments."""
import harness
import match
import pcap

MEGA = 1000000
A4, B4, A6, B6 = '10.231.0.1', '10.231.0.2', 'fd31::1', 'fd31::2'


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
        """`count` connections with `each` requests."""
        return [dict({'host': host, 'port': server.port, 'exchanges': [
            {'path': '/f/%d/%s/%s' % (size, self.tag, harness.unique('n'))} for _ in range(each)]},
            **more) for _ in range(count)]

    @property
    def cgroup(self):
        return self.group

    def fetch(self, plans, netns=None):
        return harness.fetch(self, plans, cgroup=self.group, netns=netns or self.far)

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

    def on_loopback(self, server, plans):
        """Traces lo of the server's namespace; returns the packets as well."""
        capture = harness.Capture(self, netns=self.far, snap=256)
        tracer = self.trace(netns=self.far)
        rows = self.fetch(plans)
        records = tracer.stop()
        packets = pcap.read(capture.stop())
        self.hold(tracer, records, server, rows)
        self.assertEqual(len(to_server(packets, server.port)), len(plans))
        return packets

    def seen_from(self, where, end):
        """The sides that are local where the tracer looks."""
        return ('client', 'server') if self.hook == 'cgroup' else (end,)


def to_server(packets, port):
    """By connection, the packets that the client sent."""
    out = {}
    for packet in packets:
        if packet.dport == port:
            out.setdefault(packet.sport, []).append(packet)
    return out


class Listeners(Namespaces):
    """The first request carries the listener's socket, not that of the connection."""

    def late_accept(self, server):
        packets = self.on_loopback(server, self.plans(server, 15) + self.plans(server, 1, 3))
        self.assertTrue(packets)

    def test_defer_accept_nginx(self):
        self.late_accept(self.nginx('deferred'))

    def test_defer_accept_http_server(self):
        self.late_accept(self.python('127.0.0.1', '--defer-accept'))

    def with_data_on_ack(self, server):
        packets = self.on_loopback(server, self.plans(server, 15, 2, data_on_ack=True))
        for sent in to_server(packets, server.port).values():
            self.assertTrue(sent[0].flags & pcap.SYN)
            self.assertGreater(sent[1].payload, 0, 'the handshake ended with a bare ACK')

    def test_data_on_third_ack_nginx(self):
        self.with_data_on_ack(self.nginx())

    def test_data_on_third_ack_deferred(self):
        self.with_data_on_ack(self.nginx('deferred'))

    def test_data_on_third_ack_http_server(self):
        self.with_data_on_ack(self.python())

    def fast_open(self, server):
        # The first connection fetches the cookie.
        plans = self.plans(server, 12, 2, fastopen=True)
        packets = self.on_loopback(server, plans)
        in_syn = [p for p in packets if p.flags & pcap.SYN and p.dport == server.port
                  and p.payload > 0]
        self.assertGreaterEqual(len(in_syn), 11, 'the requests did not travel in the SYN')

    def test_fast_open_nginx(self):
        self.far.sysctl('net.ipv4.tcp_fastopen', 3)
        self.fast_open(self.nginx('fastopen=64'))

    def test_fast_open_http_server(self):
        self.far.sysctl('net.ipv4.tcp_fastopen', 3)
        self.fast_open(self.python('127.0.0.1', '--fastopen'))

    def test_socket_activation(self):
        """Made by a process in one cgroup, used by another process in another: the owner is who
        reads."""
        maker = harness.Cgroup(self, 'maker')
        server = harness.PyServer(self, self.server_group, self.far, options=('--fd', '3'), wrap=(
            harness.PYTHON, harness.PEER, 'listen', '--join', self.server_group.procs), born=maker)
        self.on_loopback(server, self.plans(server, 10) + self.plans(server, 1, 3))
        self.assertNotIn(server.process.pid, self.server_group.pids())

        filters = [self.server_group.path]
        if self.hook == 'cgroup':
            filters.append(maker.path)  # a filter matches the socket's creator as well
        for path in filters:
            self.tag = harness.unique('id')
            tracer = self.trace('-g', path, netns=self.far)
            rows = self.fetch(self.plans(server, 5, 2))
            self.hold(tracer, tracer.stop(), server, rows, ('server',))


class Across(Namespaces):
    """Client and server talk over the veth."""

    def across(self, server, end, rows_of, **more):
        """Traces eth0 at one end while rows_of() runs, and holds what can be seen there."""
        netns = self.far if end == 'server' else self.near
        tracer = self.trace(device='eth0', netns=netns)
        rows = rows_of()
        records = tracer.stop()
        self.hold(tracer, records, server, rows, self.seen_from(netns, end), **more)
        return records

    def super_segments(self, server, host, size, over):
        capture = harness.Capture(self, 'eth0', self.far, snap=256)
        self.across(server, 'server', lambda: self.fetch(self.plans(server, 3, 2, host, size),
                                                         self.near))
        self.tag = harness.unique('id')
        self.across(server, 'client', lambda: self.fetch(self.plans(server, 3, 2, host, size),
                                                         self.near))
        largest = max(p.wire for p in pcap.read(capture.stop()))
        if largest <= over:
            self.skipTest('the largest packet on veth was one of %d bytes' % largest)


class Veth(Across):
    def test_both_ends(self):
        for server in (self.nginx(), self.python(B4)):
            for end in ('server', 'client'):
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
        for end in ('server', 'client'):
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
                      'ip daddr %s tcp dport %d dnat to %s:%d; }; }\n' % (public, port, B4, server.port))
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
        """A server and a client with pid namespace and cgroup of their own: the pid is the host's."""
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
    """Super-segments over 64 KiB, whose IP length field says 0. From http.server, which copies: what
    sendfile() sends is limited by the number of pages in a packet."""

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
            server = self.python(host)
            self.tag = harness.unique('id')
            packets = self.on_loopback(server, self.plans(server, 2, 2, host, 5 * MEGA))
            largest = max(p.wire for p in packets)
            if largest < 65600:
                self.skipTest('the largest packet on lo was one of %d bytes' % largest)


for case in (Listeners, Veth, BigTcp):
    harness.per_hook(case)
