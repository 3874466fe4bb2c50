# SPDX-License-Identifier: GPL-2.0-only
"""Both ends of the live tests' plain traffic; each runs as a process of its own.

  peer.py serve ...    python3's http.server (threading or forking); logs each response as JSON
  peer.py fetch PLAN   a client of plain sockets; prints each exchange that it made as a JSON line
  peer.py listen ...   makes a listening socket, joins a cgroup in a child and runs a command there,
                       which finds the listener at descriptor 3

Paths that the server knows (the rest of the path is the test's own):
  /f/SIZE/         SIZE bytes, with Content-Length; 304 where the request has If-None-Match
  /s/CODE/         that status, with a short body where the status allows one
  /chunked/SIZE/   chunked transfer coding, in pieces, with a trailer
  /until-close/SIZE/   neither: the body ends with the connection
  /held/MS/        answers after MS milliseconds
  /silent/         closes the connection without an answer
  /reset/          begins an answer and resets the connection
Requests with a body are read whole first, 100-continue included.
"""
import argparse
import ctypes
import http.server
import json
import os
import signal
import socket
import socketserver
import struct
import sys
import threading
import time

PIECE = b'0123456789abcdef' * 4096


def blob(size):
    """size bytes, in pieces."""
    while size > 0:
        piece = PIECE[:min(size, len(PIECE))]
        yield piece
        size -= len(piece)


def set_rst_on_close(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))


# --- the server -----------------------------------------------------------------------------------

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'

    def setup(self):
        super().setup()
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def log_message(self, *args):
        pass

    def log_done(self, status, body):
        row = {'pid': os.getpid(), 'tid': threading.get_native_id(), 'method': self.command,
               'uri': self.path, 'status': status, 'body': body, 'request_body': self.received,
               'port': self.client_address[1]}
        self.server.write_log(row)

    def read_body(self):
        if 'chunked' in self.headers.get('Transfer-Encoding', ''):
            total = 0
            while True:
                size = int(self.rfile.readline().split(b';')[0], 16)
                if not size:
                    while self.rfile.readline().strip():
                        pass
                    return total
                total += len(self.rfile.read(size))
                self.rfile.readline()
        left = total = int(self.headers.get('Content-Length', 0))
        while left:
            got = self.rfile.read(min(left, 1 << 20))
            if not got:
                raise ConnectionError('the request ended early')
            left -= len(got)
        return total

    def answer(self):
        self.received = self.read_body()
        part = self.path.split('/')
        kind, arg = part[1], part[2]
        if kind == 'silent':
            self.close_connection = True
            return
        if kind == 'reset':
            set_rst_on_close(self.connection)
            self.wfile.write(b'HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf')
            self.close_connection = True
            # Only close(2) of the last descriptor resets; the buffered reader holds one, too.
            self.rfile.close()
            self.wfile.close()
            self.connection.close()
            return
        if kind == 'held':
            time.sleep(int(arg) / 1000)
            arg = '5'
        status, size = (int(arg), 6) if kind == 's' else (200, int(arg))
        if kind == 'f' and self.headers.get('If-None-Match'):
            status = 304
        bare = status in (204, 304)
        # One segment for the header, then the body: send_response() buffers until end_headers().
        self.send_response(status)
        if kind == 'chunked':
            self.send_header('Transfer-Encoding', 'chunked')
        elif kind != 'until-close' and not bare:
            self.send_header('Content-Length', str(size))
        if kind == 'until-close' or self.close_connection:
            # send_header() takes this to heart. A client that isn't told may send another request
            # into the closing connection, which is traffic as well.
            self.send_header('Connection', 'close')
        self.end_headers()
        if self.command == 'HEAD' or bare:
            self.log_done(status, 0)
            return
        for piece in blob(size):
            if kind == 'chunked':
                self.wfile.write(b'%x;x=y\r\n%s\r\n' % (len(piece), piece))
            else:
                self.wfile.write(piece)
        if kind == 'chunked':
            self.wfile.write(b'0\r\nX-Trailer: yes\r\n\r\n')
        self.log_done(status, size)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer


class Threads(socketserver.ThreadingMixIn):
    daemon_threads = True


class Processes(socketserver.ForkingMixIn):
    """The parent accepts, a child for each connection reads."""
    max_children = 200


class Server(http.server.HTTPServer):
    request_queue_size = 512

    def __init__(self, options):
        self.address_family = socket.AF_INET6 if ':' in options.address else socket.AF_INET
        super().__init__((options.address, options.port), Handler, bind_and_activate=False)
        self.log = os.open(options.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
        if options.fd is not None:
            self.socket.close()
            self.socket = socket.socket(fileno=options.fd)
            self.server_address = self.socket.getsockname()
            return
        self.server_bind()
        if options.defer_accept:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 5)
        if options.fastopen:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 64)
        self.server_activate()

    def server_bind(self):
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()

    def write_log(self, row):
        os.write(self.log, (json.dumps(row) + '\n').encode())

    def handle_error(self, request, client_address):
        pass  # clients of the tests go away in the middle on purpose


def serve(options):
    kind = Processes if options.fork else Threads
    server = type('Any', (kind, Server), {})(options)
    with open(options.port_file + '.new', 'w') as f:
        f.write(str(server.server_address[1]))
    os.rename(options.port_file + '.new', options.port_file)
    server.serve_forever()


# --- the client -----------------------------------------------------------------------------------

class Counting:
    """A socket's bytes, buffered, counted as they are taken."""

    def __init__(self, sock):
        self.file = sock.makefile('rb', buffering=1 << 16)
        self.taken = 0

    def line(self):
        row = self.file.readline(65536)
        if not row:
            raise ConnectionError('closed')
        self.taken += len(row)
        return row

    def skip(self, size):
        """Takes size bytes, or all that come when size is None; returns how many."""
        total = 0
        while size is None or total < size:
            piece = self.file.read1(1 << 20 if size is None else min(size - total, 1 << 20))
            if not piece:
                if size is None:
                    break
                raise ConnectionError('closed')
            total += len(piece)
        self.taken += total
        return total


def read_header(stream):
    status = int(stream.line().split(b' ')[1])
    fields = {}
    while True:
        row = stream.line().strip()
        if not row:
            return status, fields
        name, _, value = row.partition(b':')
        fields[name.strip().lower()] = value.strip().lower()


def read_response(stream, method):
    """Returns status, body size (decoded), wire size of the final response, number of 1xx."""
    interim = 0
    while True:
        begin = stream.taken
        status, fields = read_header(stream)
        if status >= 200 or status == 101:
            break
        interim += 1
    body = 0
    if method == 'HEAD' or status in (101, 204, 304):
        pass
    elif fields.get(b'transfer-encoding') == b'chunked':
        while True:
            size = int(stream.line().split(b';')[0], 16)
            if not size:
                while stream.line().strip():
                    pass
                break
            body += stream.skip(size)
            stream.line()
    elif b'content-length' in fields:
        body = stream.skip(int(fields[b'content-length']))
    else:
        body = stream.skip(None)
    return status, body, stream.taken - begin, interim


def head_of(plan, what):
    method = what.get('method', 'GET')
    rows = ['%s %s HTTP/%s' % (method, what['path'], what.get('version', '1.1')),
            'Host: %s' % what.get('host', 'test')]
    if what.get('chunked'):
        rows.append('Transfer-Encoding: chunked')
    elif 'body' in what:
        rows.append('Content-Length: %d' % what['body'])
    if what.get('expect'):
        rows.append('Expect: 100-continue')
    rows += ['%s: %s' % pair for pair in what.get('headers', {}).items()]
    return ('\r\n'.join(rows) + '\r\n\r\n').encode()


def send_body(sock, what):
    sent = 0
    for piece in blob(what.get('body', 0)):
        if what.get('chunked'):
            piece = b'%x\r\n%s\r\n' % (len(piece), piece)
        sock.sendall(piece)
        sent += len(piece)
    if what.get('chunked'):
        sock.sendall(b'0\r\n\r\n')
        sent += 5
    return sent


def send_split(sock, data, size):
    for at in range(0, len(data), size):
        sock.sendall(data[at:at + size])
        time.sleep(0.002)  # a segment of its own each; nothing depends on how long this is


def open_socket(plan):
    """The connected socket, or one whose first send will connect it (fastopen)."""
    family = socket.AF_INET6 if ':' in plan['host'] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.settimeout(60)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if plan.get('data_on_ack'):
        # On the connecting side this holds the handshake's ACK back until there is data.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, 1)
    if not plan.get('fastopen'):
        sock.connect((plan['host'], plan['port']))
    return sock


def wait_for_go():
    print(json.dumps({'waiting': os.getpid()}), flush=True)
    sys.stdin.readline()


def row_of(what, sock, got, request_size):
    status, body, size, interim = got
    local = sock.getsockname()
    return {'path': what['path'], 'method': what.get('method', 'GET'), 'status': status,
            'body': body, 'size': size, 'interim': interim, 'request_size': request_size,
            'request_body': what.get('body', 0), 'pid': os.getpid(),
            'tid': threading.get_native_id(), 'address': local[0], 'port': local[1]}


def exchange(plan, sock, stream, what, first):
    head = head_of(plan, what)
    size = len(head)
    if first and plan.get('fastopen'):
        # Without a cookie a socket with a timeout would send nothing yet (EINPROGRESS).
        sock.settimeout(None)
        if sock.sendto(head, socket.MSG_FASTOPEN, (plan['host'], plan['port'])) != len(head):
            raise OSError('short send')
        sock.settimeout(60)
    elif what.get('split'):
        send_split(sock, head, what['split'])
    elif what.get('joined'):
        # Header and body in one call.
        body = b''.join(blob(what['body']))
        sock.sendall(head + body)
        size += len(body)
    else:
        sock.sendall(head)
    interim = 0
    if what.get('expect'):
        status, _ = read_header(stream)
        if status != 100:
            raise ConnectionError('%d instead of 100' % status)
        interim = 1
    if not what.get('joined'):
        size += send_body(sock, what)
    if what.get('held'):
        wait_for_go()
    if what.get('abandon'):
        return row_of(what, sock, (None, 0, 0, 0), size)
    status, body, wire, more = read_response(stream, what.get('method', 'GET'))
    return row_of(what, sock, (status, body, wire, interim + more), size)


def one_connection(plan, tell):
    sock = open_socket(plan)
    stream = Counting(sock)
    try:
        if plan.get('pipeline'):
            heads = [head_of(plan, what) for what in plan['exchanges']]
            sock.sendall(b''.join(heads))
            for what, head in zip(plan['exchanges'], heads):
                got = read_response(stream, what.get('method', 'GET'))
                tell(row_of(what, sock, got, len(head)))
            return
        for n, what in enumerate(plan['exchanges']):
            if what.get('wait'):
                wait_for_go()
            try:
                tell(exchange(plan, sock, stream, what, not n))
            except (ConnectionError, ValueError, IndexError):
                tell(row_of(what, sock, (None, 0, 0, 0), 0))
                return
        if plan.get('rst'):
            set_rst_on_close(sock)
    finally:
        stream.file.close()
        sock.close()


def fetch(plans):
    if isinstance(plans, dict):
        plans = [plans]
    lock = threading.Lock()
    failures = []

    def tell(row):
        with lock:
            print(json.dumps(row), flush=True)

    def work(mine):
        try:
            for plan in mine:
                one_connection(plan, tell)
        except Exception as why:
            failures.append('%s: %s' % (type(why).__name__, why))

    threads = [t for t in sorted({plan.get('thread', 0) for plan in plans})]
    if threads == [0]:
        work(plans)
    else:
        crowd = [threading.Thread(target=work, args=([p for p in plans
                                                      if p.get('thread', 0) == t],))
                 for t in threads]
        for one in crowd:
            one.start()
        for one in crowd:
            one.join()
    sys.exit('; '.join(failures) if failures else 0)


# --- socket activation ----------------------------------------------------------------------------

def listen(options):
    """What an init system does: the listener is made here, and another process runs with it."""
    sock = socket.create_server((options.address, 0), backlog=512)
    child = os.fork()
    if not child:
        ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)  # PR_SET_PDEATHSIG
        with open(options.join, 'w') as procs:
            procs.write('0')
        os.dup2(sock.fileno(), 3)
        os.set_inheritable(3, True)
        os.execvp(options.command[0], options.command)
    os.waitpid(child, 0)


def main():
    ap = argparse.ArgumentParser()
    sub = ap.add_subparsers(dest='what', required=True)
    one = sub.add_parser('serve')
    one.add_argument('--address', default='127.0.0.1')
    one.add_argument('--port', type=int, default=0)
    one.add_argument('--log', required=True)
    one.add_argument('--port-file', required=True)
    one.add_argument('--fd', type=int)
    one.add_argument('--defer-accept', action='store_true')
    one.add_argument('--fastopen', action='store_true')
    one.add_argument('--fork', action='store_true')
    two = sub.add_parser('fetch')
    two.add_argument('plan', type=json.loads)
    three = sub.add_parser('listen')
    three.add_argument('--address', default='127.0.0.1')
    three.add_argument('--join', required=True)
    three.add_argument('command', nargs=argparse.REMAINDER)
    options = ap.parse_args()
    if options.what == 'serve':
        serve(options)
    elif options.what == 'fetch':
        fetch(options.plan)
    else:
        listen(options)


if __name__ == '__main__':
    main()
