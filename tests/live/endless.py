# SPDX-License-Identifier: GPL-2.0-only
"""endless.py KIND COUNT: both ends of COUNT connections over loopback, on which something does not end. Says `done` when it has
sent what it is to send, and holds the connections.

headers     the client sends a megabyte of header fields
slow        the client sends its header byte by byte
interim     the server sends 20,000 interim responses
extensions  the server sends a chunk with a megabyte of extensions
trailers    the server sends a megabyte of trailer fields
"""
import socket
import sys
import time

KIND, COUNT = sys.argv[1], int(sys.argv[2])
MEGABYTE = 1 << 20
GET = b'GET /endless HTTP/1.1\r\nHost: x\r\n\r\n'
CHUNKED = b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n'
FIELD = b'x-field: ' + b'a' * 1000 + b'\r\n'

REQUEST = {'headers': b'GET /endless HTTP/1.1\r\n' + FIELD * (MEGABYTE // len(FIELD)),
           'slow': b'GET /endless HTTP/1.1\r\nx-slow: aaaaaaaa'}.get(KIND, GET)
RESPONSE = {'interim': b'HTTP/1.1 103 Early Hints\r\nlink: <a>\r\n\r\n' * 20000,
            'extensions': CHUNKED + b'5' + b';name=value' * (MEGABYTE // 11),
            'trailers': CHUNKED + b'5\r\nhello\r\n0\r\n' + FIELD * (MEGABYTE // len(FIELD))}.get(KIND, b'')


def pairs():
    listener = socket.socket()
    listener.bind(('127.0.0.1', 0))
    listener.listen(4096)
    out = []
    for _ in range(COUNT):
        client = socket.create_connection(listener.getsockname())
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        out.append((client, listener.accept()[0]))
    return out


def carry(source, sink, data):
    """One process is both ends: no more is sent than the other end has taken. Nor more than a tracer can keep up with on a
    machine that is busy: this is about memory, not about the ring."""
    for at in range(0, len(data), 32768):
        part = data[at:at + 32768]
        source.sendall(part)
        left = len(part)
        while left:
            left -= len(sink.recv(left))
        time.sleep(0.002)


def main():
    connections = pairs()
    if KIND == 'slow':
        for at in range(len(REQUEST)):
            for client, server in connections:
                client.send(REQUEST[at:at + 1])
                server.recv(1)
    else:
        for client, server in connections:
            carry(client, server, REQUEST)
            carry(server, client, RESPONSE)
    print('done', flush=True)
    time.sleep(120)


main()
