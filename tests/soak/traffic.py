# SPDX-License-Identifier: GPL-2.0-only
"""The clients of tests/soak/run: traffic.py PORT SECONDS HOST. On standard output a line for each request that was sent whole:
its id, which is in its target, and the status that came back, `-` when the client broke off."""
import socket
import struct
import sys
import threading
import time

PORT, SECONDS, HOST = int(sys.argv[1]), float(sys.argv[2]), sys.argv[3]
END = time.monotonic() + SECONDS
_lock = threading.Lock()


def tell(name, status):
    with _lock:
        sys.stdout.write('%s %s\n' % (name, status))
        sys.stdout.flush()


def names(stem):
    count = 0
    while time.monotonic() < END:
        count += 1
        yield '%s-%d' % (stem, count)


class Connection:
    def __init__(self):
        self.sock = socket.create_connection(('127.0.0.1', PORT), 20)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.have = b''

    def send(self, folder, name, close=False, pause=0):
        request = ('GET /%s/%s HTTP/1.1\r\nHost: %s\r\n%s\r\n' % (
            folder, name, HOST, 'Connection: close\r\n' if close else '')).encode()
        if not pause:
            self.sock.sendall(request)
            return
        for n in range(len(request)):
            self.sock.sendall(request[n:n + 1])
            time.sleep(pause)

    def _more(self):
        got = self.sock.recv(1 << 16)
        if not got:
            raise ConnectionError('closed by the server')
        self.have += got

    def receive(self):
        """The status of one response with a Content-Length."""
        while b'\r\n\r\n' not in self.have:
            self._more()
        head, self.have = self.have.split(b'\r\n\r\n', 1)
        length = next(int(row[15:]) for row in head.split(b'\r\n')
                      if row.lower().startswith(b'content-length:'))
        while len(self.have) < length:
            self._more()
        self.have = self.have[length:]
        return int(head.split(None, 2)[1])

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.sock.close()


def keep_alive(stem):
    connection = Connection()
    for count, name in enumerate(names(stem)):
        if count % 5000 == 4999:  # now and then a new one
            connection.sock.close()
            connection = Connection()
        connection.send('id', name)
        tell(name, connection.receive())
        time.sleep(0.03)


def one_each(stem, folder, pause, between=0.0):
    for name in names(stem):
        connection = Connection()
        connection.send(folder, name, close=True, pause=between)
        tell(name, connection.receive())
        connection.sock.close()
        time.sleep(pause)


def broken_off(stem):
    """In the middle of a megabyte."""
    for name in names(stem):
        connection = Connection()
        connection.send('big', name)
        connection.sock.recv(1000)
        connection.reset()
        tell(name, '-')
        time.sleep(0.5)


def main():
    jobs = [(keep_alive, 'k%d' % n) for n in range(4)]
    jobs += [(one_each, 'c', 'id', 0.03), (one_each, 'b', 'big', 1), (one_each, 'e', 'missing', 0.2),
             (one_each, 's', 'id', 0.1, 0.03), (broken_off, 'r')]
    threads = [threading.Thread(target=job[0], args=job[1:]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


main()
