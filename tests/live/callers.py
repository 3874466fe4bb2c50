# SPDX-License-Identifier: GPL-2.0-only
"""HTTP clients that differ in who connects and who sends.

  callers.py MODE --port PORT PATH...

  gone      connects without waiting, sends and exits before there is an answer
  renamed   takes another name between connect() and the request
  exec      executes another program (--exec-as) between connect() and the request
  fork      a child sends on its parent's connection
  pass      ... on one that it got through a Unix socket, from a process that has gone since
  threads   one thread connects, another sends, a third reads; two take turns as the sender

Prints each exchange as a JSON line: who sent the request, and what came back.
"""
import argparse
import array
import json
import os
import select
import socket
import sys
import threading

from workers import set_comm, whoami


def connect(options):
    return socket.create_connection(('127.0.0.1', options.port))


def send(sock, path, method='GET'):
    """Sends a request; returns who did, as a row without a result."""
    sock.sendall(('%s %s HTTP/1.1\r\nHost: test\r\n\r\n' % (method, path)).encode())
    return dict(whoami(), path=path, port=sock.getsockname()[1])


def receive(sock, row):
    got = b''
    while b'\r\n\r\n' not in got:
        piece = sock.recv(4096)
        if not piece:
            raise ConnectionError('closed')
        got += piece
    head, _, body = got.partition(b'\r\n\r\n')
    size = int(head.lower().split(b'content-length:')[1].split(b'\r\n')[0])
    while len(body) < size:
        body += sock.recv(size - len(body))
    print(json.dumps(dict(row, status=int(head.split(b' ')[1]), body=size)), flush=True)


def ask(sock, paths):
    for path in paths:
        receive(sock, send(sock, path))


def in_child(work):
    pid = os.fork()
    if not pid:
        work()
        os._exit(0)
    if os.waitpid(pid, 0)[1]:
        sys.exit('the child failed')


def in_thread(name, work):
    """Runs work() in a thread of that name; returns what it returns."""
    result = []

    def run():
        set_comm(name)
        result.append(work())

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return result[0]


def mode_gone(options):
    sock = socket.socket()
    sock.setblocking(False)
    sock.connect_ex(('127.0.0.1', options.port))
    poll = select.poll()
    poll.register(sock, select.POLLOUT)
    poll.poll(10000)
    print(json.dumps(dict(send(sock, options.path[0]), status=None, body=0)), flush=True)
    os._exit(0)


def mode_renamed(options):
    sock = connect(options)
    for n, path in enumerate(options.path):
        set_comm('asker-%d' % n)
        ask(sock, [path])


def mode_exec(options):
    sock = connect(options)
    ask(sock, options.path[:1])
    os.set_inheritable(sock.fileno(), True)
    os.execv(options.exec_as, [options.exec_as, __file__, 'go-on', '--fd', str(sock.fileno())]
             + options.path[1:])


def mode_go_on(options):
    ask(socket.socket(fileno=options.fd), options.path)


def mode_fork(options):
    sock = connect(options)
    for path in options.path:
        in_child(lambda: ask(sock, [path]))


def mode_pass(options):
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def hand_over():
        sock = connect(options)
        far.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS,
                              array.array('i', [sock.fileno()]))])

    in_child(hand_over)
    anc = near.recvmsg(1, socket.CMSG_SPACE(4))[1]
    ask(socket.socket(fileno=array.array('i', anc[0][2])[0]), options.path)


def mode_threads(options):
    sock = in_thread('connects', lambda: connect(options))
    for n, path in enumerate(options.path):
        row = in_thread('sends-%d' % (n % 2), lambda: send(sock, path))
        in_thread('reads', lambda: receive(sock, row))


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('mode')
    ap.add_argument('--port', type=int)
    ap.add_argument('--exec-as', default=sys.executable)
    ap.add_argument('--fd', type=int)
    ap.add_argument('path', nargs='+')
    options = ap.parse_args()
    globals()['mode_' + options.mode.replace('-', '_')](options)


if __name__ == '__main__':
    main()
