# SPDX-License-Identifier: GPL-2.0-only
"""Connections that have the addresses and ports of others before them: what ends in TIME_WAIT is taken again at once on loopback
(net.ipv4.tcp_tw_reuse), and on hosts that make many connections to one address. Their sequence numbers lie above or below the
last one's, and no SYN of theirs crosses.
"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import match

PORTS, TIMES = 10, 20

# One client for each port that it was given: request, response, close; and again from the same port.
CLIENT = """
import socket, sys, time
port, times, tag, first = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
enough = bytes(17) if sys.argv[5] == 'all' else b'\\r\\n\\r\\n'
for n in range(times):
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1', first))
    for _ in range(100):
        try:
            s.connect(('127.0.0.1', port))
            break
        except OSError:
            time.sleep(0.05)
    s.sendall(b'GET /f/17/%s-%d-%d HTTP/1.1\\r\\nHost: x\\r\\nConnection: close\\r\\n\\r\\n'
              % (tag.encode(), first, n))
    got = b''
    while enough not in got:
        got += s.recv(4096)
    s.close()
"""


class Reuse:
    def reuse(self, reads):
        """The records of all of it."""
        ns = harness.Netns(self)
        server = harness.Nginx(self, netns=ns)
        tracer = self.trace(netns=ns)
        clients = [harness.Process(self, [harness.PYTHON, '-c', CLIENT, server.port, TIMES, self.tag,
                                          41000 + n, reads], netns=ns) for n in range(PORTS)]
        for client in clients:
            client.succeed(60)
        return tracer, match.mine(tracer.stop(), self.tag, [server.port])

    def wanted(self, **more):
        return [dict({'side': side, 'url.original': '/f/17/%s-%d-%d' % (self.tag, 41000 + port, n),
                      'http.response.status_code': 200, 'tcp.stream.request': 1}, **more)
                for side in ('client', 'server') for port in range(PORTS) for n in range(TIMES)]

    def test_closed(self):
        tracer, records = self.reuse('all')
        match.check(self, tracer, records, self.wanted(flags=[]))

    def test_closed_before_the_end(self):
        """The client leaves when it has the headers: what comes then, is answered by a reset."""
        tracer, records = self.reuse('headers')
        match.check(self, tracer, records, self.wanted())


harness.per_hook(Reuse)

if __name__ == '__main__':
    unittest.main()
