# SPDX-License-Identifier: GPL-2.0-only
"""HTTP servers that differ in who accepts a connection, who reads it, and who made the listener.

  workers.py MODE --log FILE --port-file FILE [--worker-cgroup PROCS] [--exec-as PROGRAM]

  fork        a process for each connection, accepted by the parent
  daemon      ... a grandchild of the parent, whose own parent has gone
  prefork     two processes accept from one listener
  reuseport   two processes with a listener each, on one port (SO_REUSEPORT)
  pass        one process accepts and passes the descriptor on to another, which serves it
  relay       each request of a connection is served by another thread, in turns
  turns       ... by another process, in turns
  pool        one thread accepts and polls, each request is read by a thread of a pool
  handoff     one thread reads, others answer
  inetd       for each connection a program is executed, which has it at descriptor 0
  activate    a program is executed when the first connection comes, and accepts by itself
  exec        after the first request of a connection its process executes another program
  splice      the request is read with splice(2)
  recvmsg     ... with recvmsg(2) after a look at it with MSG_PEEK by another thread
  sendfile    the body is sent with sendfile(2)
  leave       a process for each connection, which exits right after its one answer, without a close
  leave-full  ... while most of a large answer is still in the send queue

With --worker-cgroup the process that serves joins that cgroup first. Each answer is logged as a
JSON line with the pid, tid and comm that read the request. What is executed is this file, by
PROGRAM: a python3 of another name.
"""
import argparse
import array
import ctypes
import fcntl
import json
import os
import queue
import select
import signal
import socket
import struct
import sys
import tempfile
import termios
import threading

BODY = b'hello' * 5
BIG_BODY = b'0123456789abcdef' * (2 << 16)
SO_SNDBUFFORCE = 32


def set_comm(name):
    ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)  # PR_SET_NAME


def whoami():
    with open('/proc/thread-self/comm') as f:
        comm = f.read()[:-1]
    return {'pid': os.getpid(), 'tid': threading.get_native_id(), 'comm': comm}


class Worker:
    def __init__(self, options):
        self.options = options
        self.log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def move_in(self):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        if self.options.worker_cgroup:
            with open(self.options.worker_cgroup, 'w') as procs:
                procs.write('0')

    def answer(self, sock, request, body=BODY, reader=None, file=None):
        """Answers and logs; reader: who read the request, where we did not."""
        uri = request.split(b' ', 2)[1].decode()
        row = dict(reader or whoami(), method='GET', uri=uri, status=200, body=len(body),
                   port=sock.getpeername()[1])
        head = b'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n' % len(body)
        if file:
            sock.sendall(head)
            os.sendfile(sock.fileno(), file.fileno(), 0, len(body))
        else:
            sock.sendall(head + body)
        row['queued'] = struct.unpack('i', fcntl.ioctl(sock, termios.TIOCOUTQ, bytes(4)))[0]
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


    def execute(self, mode, fd):
        """Goes on as another program, which has the socket."""
        os.set_inheritable(fd, True)
        os.execv(self.options.exec_as, [self.options.exec_as, __file__, mode, '--fd', str(fd),
                                        '--log', self.options.log])


def in_child(worker, work):
    """Runs work() in a child, until the end of the latter; returns its pid."""
    pid = os.fork()
    if not pid:
        try:
            worker.move_in()
            work()
        finally:
            os._exit(0)
    return pid


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


def mode_sendfile(worker, listener):
    with tempfile.TemporaryFile() as file:
        file.write(BODY)
        file.flush()
        while True:
            with listener.accept()[0] as sock:
                for request in iter(lambda: worker.read_plain(sock), None):
                    worker.answer(sock, request, file=file)


def mode_daemon(worker, listener):
    def serve(sock):
        signal.alarm(60)  # nobody else will end it
        if worker.options.worker_cgroup:
            with open(worker.options.worker_cgroup, 'w') as procs:
                procs.write('0')
        worker.serve(sock)

    while True:
        with listener.accept()[0] as sock:
            middle = os.fork()
            if not middle:
                if not os.fork():
                    while os.getppid() == middle:
                        pass
                    serve(sock)
                os._exit(0)
            os.waitpid(middle, 0)


def mode_leave(worker, listener, body=BODY):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def serve(sock):
        worker.answer(sock, worker.read_plain(sock), body)
        os._exit(0)

    listener.setsockopt(socket.SOL_SOCKET, SO_SNDBUFFORCE, 4 * len(body) + 65536)
    while True:
        with listener.accept()[0] as sock:
            in_child(worker, lambda: serve(sock))


def mode_leave_full(worker, listener):
    mode_leave(worker, listener, BIG_BODY)


def mode_turns(worker, listener):
    """A byte in a process' pipe says that it is its turn, or that it is over."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def turn(sock, mine, others):
        while os.read(mine, 1) == b'x':
            request = worker.read_plain(sock)
            if request:
                worker.answer(sock, request)
            os.write(others, b'x' if request else b'q')

    while True:
        with listener.accept()[0] as sock:
            pipes = os.pipe(), os.pipe()
            for n in range(2):
                in_child(worker, lambda: turn(sock, pipes[n][0], pipes[1 - n][1]))
            os.write(pipes[0][1], b'x')
            for fd in pipes[0] + pipes[1]:
                os.close(fd)


def mode_pool(worker, listener):
    ready, poll = queue.Queue(), select.epoll()
    socks = {listener.fileno(): listener}

    def work(name):
        set_comm(name)
        while True:
            sock = ready.get()
            request = worker.read_plain(sock)
            if not request:
                socks.pop(sock.fileno()).close()
                continue
            worker.answer(sock, request)
            poll.modify(sock, select.EPOLLIN | select.EPOLLONESHOT)

    for n in range(3):
        threading.Thread(target=work, args=('pool-%d' % n,), daemon=True).start()
    poll.register(listener, select.EPOLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd != listener.fileno():
                ready.put(socks[fd])
                continue
            sock = listener.accept()[0]
            socks[sock.fileno()] = sock
            poll.register(sock, select.EPOLLIN | select.EPOLLONESHOT)


def mode_handoff(worker, listener):
    todo = queue.Queue()

    def work():
        set_comm('answers')
        while True:
            sock, request, reader, done = todo.get()
            worker.answer(sock, request, reader=reader)
            done.set()

    for _ in range(2):
        threading.Thread(target=work, daemon=True).start()
    while True:
        with listener.accept()[0] as sock:
            for request in iter(lambda: worker.read_plain(sock), None):
                done = threading.Event()
                todo.put((sock, request, whoami(), done))
                done.wait()


def mode_inetd(worker, listener):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        with listener.accept()[0] as sock:
            in_child(worker, lambda: (os.dup2(sock.fileno(), 0), worker.execute('serve-fd', 0)))


def mode_activate(worker, listener):
    select.select([listener], [], [])
    os.waitpid(in_child(worker, lambda: worker.execute('accept-fd', listener.fileno())), 0)


def mode_exec(worker, listener):
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)

    def serve(sock):
        worker.answer(sock, worker.read_plain(sock))
        worker.execute('serve-fd', sock.fileno())

    while True:
        with listener.accept()[0] as sock:
            in_child(worker, lambda: serve(sock))


def mode_serve_fd(worker, sock):
    worker.serve(sock)


def mode_accept_fd(worker, listener):
    worker.accept_all(listener)


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
    ap.add_argument('--port-file')
    ap.add_argument('--worker-cgroup')
    ap.add_argument('--exec-as', default=sys.executable)
    ap.add_argument('--fd', type=int)
    options = ap.parse_args()
    if options.fd is not None:
        sock = socket.socket(fileno=options.fd)
    else:
        sock = new_listener()
        with open(options.port_file + '.new', 'w') as f:
            f.write(str(sock.getsockname()[1]))
        os.rename(options.port_file + '.new', options.port_file)
    globals()['mode_' + options.mode.replace('-', '_')](Worker(options), sock)


if __name__ == '__main__':
    main()
