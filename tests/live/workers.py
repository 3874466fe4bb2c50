# SPDX-License-Identifier: GPL-2.0-only
"""HTTP servers that differ in who accepts a connection, who reads it, and who made the listener.

  workers.py MODE --log FILE --port-file FILE [--worker-cgroup PROCS]

  fork        a process for each connection, accepted by the parent
  prefork     two processes accept from one listener
  reuseport   two processes with a listener each, on one port (SO_REUSEPORT)
  pass        one process accepts and passes the descriptor on to another, which serves it
  relay       each request of a connection is served by another thread, in turns
  splice      the request is read with splice(2)
  recvmsg     ... with recvmsg(2) after a look at it with MSG_PEEK by another thread

With --worker-cgroup the process that serves joins that cgroup first. Each answer is logged as a JSON
line with the pid and tid that read the request.
"""
import argparse
import array
import ctypes
import json
import os
import queue
import signal
import socket
import threading


class Worker:
    def __init__(self, options):
        self.options = options
        self.log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def move_in(self):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        if self.options.worker_cgroup:
            with open(self.options.worker_cgroup, 'w') as procs:
                procs.write('0')

    def answer(self, sock, request):
        uri = request.split(b' ', 2)[1].decode()
        body = b'hello' * 5
        row = {'pid': os.getpid(), 'tid': threading.get_native_id(), 'method': 'GET', 'uri': uri,
               'status': 200, 'body': len(body), 'port': sock.getpeername()[1]}
        sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body) + body)
        os.write(self.log, (json.dumps(row) + '\n').encode())

    def read_plain(self, sock):
        got = b''
        while not got.endswith(b'\r\n\r\n'):
            piece = sock.recv(4096)
            if not piece:
                return None
            got += piece
        return got

    def read_splice(self, sock):
        out, into = os.pipe()
        got = b''
        while not got.endswith(b'\r\n\r\n'):
            count = os.splice(sock.fileno(), into, 4096)
            if not count:
                break
            got += os.read(out, count)
        os.close(out)
        os.close(into)
        return got or None

    def read_recvmsg(self, sock):
        peek = threading.Thread(target=lambda: sock.recv(1, socket.MSG_PEEK))
        peek.start()
        peek.join()
        got = b''
        while not got.endswith(b'\r\n\r\n'):
            piece = sock.recvmsg(4096)[0]
            if not piece:
                return None
            got += piece
        return got

    def serve(self, sock, read=None):
        with sock:
            while True:
                request = (read or self.read_plain)(sock)
                if not request:
                    return
                self.answer(sock, request)

    def accept_all(self, listener, read=None):
        while True:
            sock = listener.accept()[0]
            threading.Thread(target=self.serve, args=(sock, read), daemon=True).start()

    def relay(self, sock):
        """Two threads, which take turns at one connection."""
        turns = [queue.Queue(), queue.Queue()]

        def turn(n):
            while turns[n].get():
                request = self.read_plain(sock)
                if request:
                    self.answer(sock, request)
                turns[1 - n].put(request)
            turns[1 - n].put(None)

        for n in range(2):
            threading.Thread(target=turn, args=(n,), daemon=True).start()
        turns[0].put(True)


def in_child(worker, work):
    if not os.fork():
        worker.move_in()
        work()
        os._exit(0)


def mode_fork(worker, listener):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        sock = listener.accept()[0]
        in_child(worker, lambda: worker.serve(sock))
        sock.close()


def mode_prefork(worker, listener):
    for _ in range(2):
        in_child(worker, lambda: worker.accept_all(listener))
    signal.pause()


def mode_reuseport(worker, listener):
    other = new_listener(listener.getsockname()[1])
    in_child(worker, lambda: worker.accept_all(other))
    in_child(worker, lambda: worker.accept_all(listener))
    # A listener that nobody accepts from would take its share of the connections.
    other.close()
    listener.close()
    signal.pause()


def mode_pass(worker, listener):
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def receive():
        while True:
            _, anc, _, _ = far.recvmsg(1, socket.CMSG_SPACE(4))
            fd = array.array('i', anc[0][2])[0]
            sock = socket.socket(fileno=fd)
            threading.Thread(target=worker.serve, args=(sock,), daemon=True).start()

    in_child(worker, receive)
    while True:
        with listener.accept()[0] as sock:
            near.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                                   array.array('i', [sock.fileno()]))])


def mode_relay(worker, listener):
    while True:
        worker.relay(listener.accept()[0])


def mode_splice(worker, listener):
    worker.accept_all(listener, worker.read_splice)


def mode_recvmsg(worker, listener):
    worker.accept_all(listener, worker.read_recvmsg)


def new_listener(port=0):
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.bind(('127.0.0.1', port))
    sock.listen(64)
    return sock


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('mode')
    ap.add_argument('--log', required=True)
    ap.add_argument('--port-file', required=True)
    ap.add_argument('--worker-cgroup')
    options = ap.parse_args()
    listener = new_listener()
    with open(options.port_file + '.new', 'w') as f:
        f.write(str(listener.getsockname()[1]))
    os.rename(options.port_file + '.new', options.port_file)
    globals()['mode_' + options.mode](Worker(options), listener)


if __name__ == '__main__':
    main()
