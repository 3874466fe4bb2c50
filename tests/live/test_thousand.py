# SPDX-License-Identifier: GPL-2.0-only
"""A thousand requests with an id each, for each pair of server and client: the records are exactly
what the servers logged and what the clients saw. None missing, none doubled, right pid, right
cgroup."""
import harness
import match

# Between them: no body, a body in the header's segment, in several segments, by sendfile.
SIZES = (0, 1, 17, 1000, 5000, 70000)


def paths(tag, count, first=0):
    return ['/f/%d/%s/%d?n=%d' % (SIZES[n % len(SIZES)], tag, n, n)
            for n in range(first, first + count)]


class Thousand:
    """On the host's loopback, every process in a cgroup of its own kind."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = harness.Nginx(cls, harness.Cgroup(cls, 'nginx'))
        cls.python = harness.PyServer(cls, harness.Cgroup(cls, 'python'))

    def setUp(self):
        super().setUp()
        self.client_group = harness.Cgroup(self, 'client')

    def hold(self, server, clients, comm, tracer):
        seen = [row for client in clients for row in client.result()]
        records = tracer.stop()
        self.assertEqual(len(seen), 1000)
        log = server.log(1000, self.tag)
        self.assertEqual(len(log), 1000)
        wants = match.served(server, log) + match.sent(clients[0], seen, comm)
        match.check(self, tracer, records, wants, (server.port,))
        match.check_exchanges(self, records)
        match.check_times(self, records)
        return log

    def by_curl(self, server):
        """Two curls that keep their connection, two that open one for each request."""
        tracer = self.trace()
        base = 'http://127.0.0.1:%d' % server.port
        clients = [harness.Curl(self, base, paths(self.tag, 250, 250 * n), options=(
            ('header = "Connection: close"',) if n & 1 else ()), cgroup=self.client_group)
            for n in range(4)]
        return self.hold(server, clients, 'curl', tracer)

    def by_sockets(self, server):
        """Four threads; 100 connections for one request each, 100 for nine."""
        tracer = self.trace()
        todo = paths(self.tag, 1000)
        plans = []
        for n in range(200):
            mine = [todo.pop() for _ in range(9 if n & 1 else 1)]
            plans.append({'host': '127.0.0.1', 'port': server.port, 'thread': 1 + n % 4,
                          'exchanges': [{'path': path} for path in mine]})
        client = harness.Client(self, plans, self.client_group)
        return self.hold(server, [client], server_comm(), tracer)

    def test_nginx_curl(self):
        log = self.by_curl(self.nginx)
        self.assertLessEqual({row['pid'] for row in log}, set(self.nginx.workers))

    def test_nginx_sockets(self):
        log = self.by_sockets(self.nginx)
        self.assertEqual({row['pid'] for row in log}, set(self.nginx.workers),
                         'one worker served everything: the test shows less than it should')

    def test_http_server_curl(self):
        self.by_curl(self.python)

    def test_http_server_sockets(self):
        self.by_sockets(self.python)


def server_comm():
    return harness.PyServer.comm


harness.per_hook(Thousand)
