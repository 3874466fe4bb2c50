# SPDX-License-Identifier: GPL-2.0-only
"""A server whose responses name their requests, and clients that keep accounts: who pairs a request with another's response is
found out.

As a program, `echo.py PORT COUNT STEM [PAUSE]`: the client; COUNT requests on one connection. On standard output a line `ID STATUS`
for each response.
"""
import os
import socket
import sys
import time

BIG = 1 << 20
PORT = 8080

CONF = '''
user root;
daemon off;
worker_processes 2;
pid @DIR@/nginx.pid;
error_log @DIR@/error.log crit;
events { worker_connections 4096; }
http {
    access_log off;
    client_body_temp_path @DIR@/body;
    proxy_temp_path @DIR@/proxy;
    fastcgi_temp_path @DIR@/fastcgi;
    uwsgi_temp_path @DIR@/uwsgi;
    scgi_temp_path @DIR@/scgi;
    keepalive_requests 1000000;
    large_client_header_buffers 4 16m;
    server {
        listen 127.0.0.1:@PORT@ backlog=4096;
        add_header X-Id $request_uri always;
        location /id/ { return 200 "hello\\n"; }
        location /missing/ { return 404 "none\\n"; }
        location /big/ { try_files /big.bin =404; root @DIR@; }
    }
}
'''


class Server:
    """nginx at 127.0.0.1:PORT of a namespace: /id/ID, /missing/ID (404), /big/ID (a megabyte)."""

    def __init__(self, test, netns, cgroup=None):
        import harness
        harness.need('nginx')
        self.dir, self.port = harness.temp_dir(test), PORT
        with open(self.dir + '/big.bin', 'wb') as f:
            f.truncate(BIG)
        with open(self.dir + '/nginx.conf', 'w') as f:
            f.write(CONF.replace('@DIR@', self.dir).replace('@PORT@', str(self.port)))
        self.process = harness.Process(test, ['nginx', '-p', self.dir, '-e', self.dir + '/error.log',
                                              '-c', self.dir + '/nginx.conf'], cgroup, netns)
        harness.wait_until('listening nginx', lambda: harness.listening(self.process.pid, self.port))


class Load:
    """Clients; .sent is what they got answered, by id."""

    def __init__(self, test, netns, clients, count, stem, pause=0.0, cgroup=None):
        import harness
        self.processes = [
            harness.Process(test, [harness.PYTHON, __file__, PORT, count, '%s-%d' % (stem, n), pause],
                            cgroup, netns) for n in range(clients)]
        self.sent = {}

    def finish(self, seconds=120):
        for process in self.processes:
            for line in process.succeed(seconds).splitlines():
                name, status = line.split()
                self.sent[name] = int(status)
        return self.sent


def id_of(record):
    return record.get('url.original', '').rsplit('/', 1)[-1]


def wrong_pairs(records):
    """Those whose response names another request. Wants --header x-id."""
    return ['%s paired with %s' % (r['url.original'], r['http.response.header.x-id']) for r in records
            if 'url.original' in r and r.get('http.response.header.x-id', [r['url.original']])
            != [r['url.original']]]


def client(port, count, stem, pause):
    sock = socket.create_connection(('127.0.0.1', port), 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    have = b''
    for n in range(count):
        sock.sendall(('GET /id/%s-%d HTTP/1.1\r\nHost: x\r\n\r\n' % (stem, n)).encode())
        while b'hello\n' not in have:
            got = sock.recv(1 << 16)
            if not got:
                raise ConnectionError('closed by the server')
            have += got
        have = have.split(b'hello\n', 1)[1]
        sys.stdout.write('%s-%d 200\n' % (stem, n))
        time.sleep(pause)


if __name__ == '__main__':
    client(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], float((sys.argv + ['0'])[4]))
