# SPDX-License-Identifier: GPL-2.0-only
"""One end of a scripted conversation over TCP; each runs as a process of its own.

  talk.py serve ADDRESS PORT BACKLOG   accepts one connection after the other
  talk.py ask ADDRESS PORT             makes one

Standard input holds what it does on each connection, a JSON array of steps:
  ["head"]            reads until a header section has ended
  ["body", N]         reads N bytes more
  ["slowly", N, PIECE, MS]   the same, PIECE at a time, with a pause before each
  ["peek"]            waits for bytes and leaves them there
  ["send", TEXT]  ["fill", N]   N bytes of no meaning
  ["sleep", MS]
  ["say", TEXT]       a line on standard output
  ["acked"]           waits until all that was sent is acknowledged
  ["reset"]  ["finish"]   an RST; a FIN, with the other direction left open
  ["linger"]          waits for the other end's FIN
Before: ["buffer", BYTES] (SO_RCVBUF, before connecting), ["late", MS] (a server's first accept waits).
At the end of each connection: {"retransmits": of this socket, as the kernel counts them}.
"""
import fcntl
import json
import socket
import struct
import sys
import termios
import time

SIOCOUTQ = termios.TIOCOUTQ


def say(line):
    print(line, flush=True)


class Talk:
    def __init__(self, sock):
        self.sock, self.buffer, self.open = sock, b'', True
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def more(self, size=65536):
        piece = self.sock.recv(size)
        if not piece:
            raise EOFError
        self.buffer += piece

    def head(self):
        while b'\r\n\r\n' not in self.buffer:
            self.more()
        self.buffer = self.buffer[self.buffer.index(b'\r\n\r\n') + 4:]

    def body(self, size):
        self.slowly(size, 1 << 20, 0)

    def slowly(self, size, piece, ms):
        size -= len(self.buffer)
        self.buffer = b''
        while size > 0:
            time.sleep(ms / 1000)
            got = len(self.sock.recv(min(piece, size)))
            if not got:
                raise EOFError
            size -= got

    def peek(self):
        self.sock.recv(65536, socket.MSG_PEEK)

    def send(self, text):
        self.sock.sendall(text.encode())

    def fill(self, size):
        while size > 0:
            piece = b'.' * min(size, 1 << 20)
            self.sock.sendall(piece)
            size -= len(piece)

    def sleep(self, ms):
        time.sleep(ms / 1000)

    def say(self, text):
        say(text)

    def acked(self):
        for _ in range(2000):
            if not struct.unpack('i', fcntl.ioctl(self.sock, SIOCOUTQ, b'\0' * 4))[0]:
                return
            time.sleep(0.01)
        raise TimeoutError('not acknowledged')

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()
        self.open = False

    def finish(self):
        self.sock.shutdown(socket.SHUT_WR)

    def linger(self):
        while self.sock.recv(65536):
            pass

    def retransmits(self):
        # struct tcp_info: 8 bytes, then 32-bit words, of which tcpi_total_retrans is the 24th
        info = self.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)
        return struct.unpack_from('I', info, 8 + 4 * 23)[0]

    def run(self, steps):
        try:
            for step in steps:
                if step[0] not in ('buffer', 'late'):
                    getattr(self, step[0])(*step[1:])
        except (EOFError, ConnectionError):
            pass
        if self.open:
            say(json.dumps({'retransmits': self.retransmits()}))
            self.sock.close()


def option(steps, name, default=0):
    return next((step[1] for step in steps if step[0] == name), default)


def serve(address, port, backlog, steps):
    listener = socket.create_server((address, int(port)), backlog=int(backlog))
    say('ready')
    time.sleep(option(steps, 'late') / 1000)
    while True:
        Talk(listener.accept()[0]).run(steps)


def ask(address, port, steps):
    sock = socket.socket()
    sock.settimeout(20)
    if option(steps, 'buffer'):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, option(steps, 'buffer'))
    sock.connect((address, int(port)))
    Talk(sock).run(steps)


if __name__ == '__main__':
    {'serve': serve, 'ask': ask}[sys.argv[1]](*sys.argv[2:], json.load(sys.stdin))
