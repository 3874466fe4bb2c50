# SPDX-License-Identifier: GPL-2.0-only
"""-f decides in the kernel: what it leaves out is not copied."""
import harness
import match


class Expression:
    """Two servers in a network namespace, over IPv4 and IPv6."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ns = harness.Netns(cls)
        cls.servers = [harness.PyServer(cls, None, cls.ns, address)
                       for address in ('127.0.0.1', '127.0.0.1', '::1')]

    def fetch(self):
        """Ten requests to each server, of 100 kB."""
        for server, host in zip(self.servers, ('127.0.0.1', '127.0.0.1', '::1')):
            harness.fetch(self, [{'host': host, 'port': server.port, 'exchanges': [
                {'path': '/f/100000/%s/%s' % (self.tag, harness.unique('n'))}
                for _ in range(10)]}], netns=self.ns)

    def watch(self, expression, *options):
        self.tracer = self.trace('-f', expression, *options, netns=self.ns)
        self.fetch()
        return match.mine(self.tracer.stop(), self.tag)

    def ports(self, records):
        return sorted({r['server.port'] for r in records})

    def test_port(self):
        wanted, other, six = self.servers
        got = self.watch('tcp port %d' % wanted.port)
        self.assertEqual(self.ports(got), [wanted.port])
        self.assertEqual(len(got), 20)
        self.assertEqual({r['http.response.status_code'] for r in got}, {200})
        self.assertNotIn('note: -f', self.tracer.stderr())
        summary = self.tracer.summary
        # Nothing crosses for user space to leave out; what the kernel left out is told as ever.
        self.assertEqual(summary['packets'], summary['kernel.segments'])
        self.assertGreater(summary['kernel.unmatched'], 80)
        self.assertEqual(summary['filtered.packets'], summary['kernel.unmatched'])
        self.assertEqual(summary['connections'], 2)

    def test_nothing(self):
        got = self.watch('host 192.0.2.1')
        self.assertEqual(got, [])
        summary = self.tracer.summary
        self.assertEqual((summary['kernel.segments'], summary['bytes_copied']), (0, 0))
        self.assertEqual(summary['kernel.unmatched'], summary['kernel.tcp'])
        self.assertIn('-f expression left out every packet', self.tracer.stderr())

    def test_protocol(self):
        self.assertEqual(self.ports(self.watch('ip6 and port %d' % self.servers[2].port)),
                         [self.servers[2].port])

    def test_payload(self):
        """Packets with payload, as tcpdump's manual finds them: at tc this takes the most of the kernel's stack."""
        port = self.servers[0].port
        got = self.watch('tcp port %d and (((ip[2:2] - ((ip[0]&0xf)<<2)) - ((tcp[12]&0xf0)>>2)) != 0)' % port,
                         '-g', '/*')
        self.assertEqual(self.ports(got), [port])
        self.assertEqual(len(got), 20)
        self.assertNotIn('note: -f', self.tracer.stderr())
        self.assertEqual(self.tracer.summary['filtered.packets'],
                         self.tracer.summary['kernel.unmatched'])

    def test_with_other_filters(self):
        """--port for one, -f for the other: nothing is left."""
        self.assertEqual(self.watch('port %d' % self.servers[0].port, '--port',
                                    self.servers[1].port), [])
        got = self.watch('ip', '--port', self.servers[1].port, '--side', 'server')
        self.assertEqual([r['server.port'] for r in got], [self.servers[1].port] * 10)

    def test_loop(self):
        """A protochain cannot be translated: it is applied all the same, and that is said."""
        got = self.watch('ip protochain 6 and port %d' % self.servers[0].port)
        self.assertEqual(len(got), 20)
        self.assertEqual(self.ports(got), [self.servers[0].port])
        self.assertIn('note: -f is applied to what was copied, and saves no copying: the '
                      'expression has a loop', self.tracer.stderr())
        self.assertEqual(self.tracer.summary['kernel.unmatched'], 0)
        self.assertGreater(self.tracer.summary['filtered.packets'], 80)

    def test_too_long(self):
        ports = ' or '.join('port %d' % port for port in range(1, 400))
        got = self.watch('(%s) or port %d' % (ports, self.servers[0].port))
        self.assertEqual(self.ports(got), [self.servers[0].port])
        self.assertIn('the expression is too long for the kernel', self.tracer.stderr())


harness.per_hook(Expression)
