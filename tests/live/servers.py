# SPDX-License-Identifier: GPL-2.0-only
"""The servers and clients of the live tests, each of which keeps its own account of what it did."""
import json
import os
import subprocess

from base import (PEER, PYTHON, Process, children_of, free_port, listening, need, temp_dir,
                  wait_until)

# Sizes of the files that both servers have, as /f/SIZE/...
SIZES = (0, 1, 17, 1000, 5000, 70000, 1000000, 5000000, 100000000)

NGINX_CONF = '''
user root;
daemon off;
worker_processes 2;
pid @DIR@/nginx.pid;
error_log @DIR@/error.log warn;
events { worker_connections 512; }
http {
    log_format test escape=json '{"pid":$pid,"conn":$connection,"nth":$connection_requests,'
        '"method":"$request_method","uri":"$request_uri","status":$status,'
        '"body":$body_bytes_sent,"bytes":$bytes_sent,"length":$request_length,'
        '"port":$remote_port}';
    access_log @DIR@/access.log test;
    client_body_temp_path @DIR@/body;
    proxy_temp_path @DIR@/proxy;
    fastcgi_temp_path @DIR@/fastcgi;
    uwsgi_temp_path @DIR@/uwsgi;
    scgi_temp_path @DIR@/scgi;
    client_max_body_size 0;
    sendfile on;
    keepalive_requests 100000;
    default_type application/octet-stream;
    server {
@LISTEN@
        root @DIR@/www;
        location ~ "^/f/(\\d+)/" { if_modified_since before; try_files /$1.bin =404; }
        location ~ "^/copied/(\\d+)/" { sendfile off; try_files /$1.bin =404; }
        location /s/204/ { return 204; }
        location /s/301/ { return 301 /elsewhere; }
        location /s/404/ { return 404; }
        location /s/500/ { return 500; }
        location /s/503/ { return 503 "later\\n"; }
        location /put/ { dav_methods PUT; create_full_put_path on; root @DIR@/up; }
@PROXY@
    }
}
'''


class Nginx:
    """nginx with two workers, in the foreground, with its own prefix and configuration.

    listen: what follows `listen ADDRESS:PORT` ('deferred', 'fastopen=16'). upstream: 'ADDRESS:PORT'
    that /proxied/... is passed on to, as /f/... wrap: the command that starts it as its child."""

    def __init__(self, test, cgroup=None, netns=None, addresses=('127.0.0.1', '[::1]'), listen='',
                 upstream=None, wrap=()):
        need('nginx', 'curl')
        self.dir = temp_dir(test)
        os.mkdir(self.dir + '/www')
        os.mkdir(self.dir + '/up')
        for size in SIZES:
            with open('%s/www/%d.bin' % (self.dir, size), 'wb') as f:
                f.truncate(size)
        self.cgroup = cgroup
        for _ in range(5):
            self.port = free_port()
            rows = ['        listen %s:%d %s;' % (a, self.port, listen) for a in addresses]
            proxy = '        location /proxied/ { proxy_pass http://%s/f/; }' % upstream
            conf = NGINX_CONF.replace('@LISTEN@', '\n'.join(rows)) \
                .replace('@PROXY@', proxy if upstream else '').replace('@DIR@', self.dir)
            with open(self.dir + '/nginx.conf', 'w') as f:
                f.write(conf)
            self.process = Process(test, list(wrap) + ['nginx', '-p', self.dir,
                                                       '-e', self.dir + '/error.log',
                                                       '-c', self.dir + '/nginx.conf'],
                                   cgroup, netns)
            self.wrapped = bool(wrap)
            # SIGTERM to the master ends the workers too; nobody but us knows this pid.
            wait_until('listening nginx', lambda: self.process.proc.poll() is not None
                       or listening(self.master, self.port))
            if self.process.proc.poll() is None:
                break  # else somebody took the port meanwhile
        else:
            raise AssertionError('nginx does not start: ' + self.process.stderr())
        self.workers = wait_until('nginx workers', self._two_workers)

    @property
    def master(self):
        """The pid of nginx, or of what will be nginx."""
        children = children_of(self.process.pid) if self.wrapped else []
        return children[0] if children else self.process.pid

    def _two_workers(self):
        pids = children_of(self.master)
        return pids if len(pids) == 2 else None

    comm = 'nginx'

    def log(self, count, tag):
        """The `count` log lines with `tag` in the path; waits for them: nginx logs after
        sending."""
        def rows():
            with open(self.dir + '/access.log') as f:
                got = [json.loads(line) for line in f if tag in line and line.endswith('\n')]
            return got if len(got) >= count else None
        return wait_until('%d lines with %s in the log of nginx' % (count, tag), rows)


class PyServer:
    """python3's http.server, threading, at a port of its own choice (see peer.py).

    wrap: the command that starts it; born: the cgroup that this command begins in, where it isn't
    the one that the server will be in."""

    def __init__(self, test, cgroup=None, netns=None, address='127.0.0.1', options=(), wrap=(),
                 born=None):
        self.dir = temp_dir(test)
        self.cgroup = cgroup
        self._log = self.dir + '/log'
        argv = list(wrap) + [PYTHON, PEER, 'serve', '--address', address, '--log', self._log,
                             '--port-file', self.dir + '/port'] + list(options)
        self.process = Process(test, argv, born or cgroup, netns)
        self.port = int(wait_until('port of http.server', self._read_port))
        self.pid = self.process.pid

    comm = os.path.basename(PYTHON)

    def _read_port(self):
        if self.process.proc.poll() is not None:
            raise AssertionError('http.server ended: ' + self.process.stderr())
        try:
            with open(self.dir + '/port') as f:
                return f.read().strip()
        except FileNotFoundError:
            return None

    def log(self, count, tag):
        def rows():
            with open(self._log) as f:
                got = [json.loads(line) for line in f if tag in line and line.endswith('\n')]
            return got if len(got) >= count else None
        return wait_until('%d lines with %s in the log of http.server' % (count, tag), rows)


# --- clients --------------------------------------------------------------------------------------

class Client(Process):
    """The client of plain sockets: peer.py run with a list of exchanges. result() tells what it
    saw."""

    def __init__(self, test, plan, cgroup=None, netns=None, wrap=()):
        argv = list(wrap) + [PYTHON, PEER, 'fetch', json.dumps(plan)]
        super().__init__(test, argv, cgroup, netns, stdin=subprocess.PIPE)

    def ready(self):
        """Waits until it stands at a `wait` step."""
        wait_until('client that waits', lambda: '"waiting"' in self.stdout()
                   or (self.proc.poll() is not None and self.succeed()))
        return self

    def go(self):
        self.proc.stdin.write(b'\n')
        self.proc.stdin.flush()

    def result(self, seconds=60):
        rows = [json.loads(line) for line in self.succeed(seconds).splitlines()]
        return [row for row in rows if 'path' in row]


def fetch(test, plan, **kw):
    return Client(test, plan, **kw).result()


class Curl(Process):
    """curl over a list of (path, extra curl options in its configuration syntax)."""

    def __init__(self, test, base, jobs, options=(), cgroup=None, netns=None):
        self.dir = temp_dir(test)
        with open(self.dir + '/config', 'w') as f:
            for n, job in enumerate(jobs):
                path, extra = job if isinstance(job, tuple) else (job, ())
                f.write('next\n' if n else '')
                for option in ('silent', 'show-error', 'globoff', 'max-time = 60',
                               'output = "/dev/null"', 'write-out = "%{http_code} %{size_download} '
                               '%{local_port} %{url_effective}\\n"') + tuple(options) + extra:
                    f.write(option + '\n')
                f.write('url = "%s%s"\n' % (base, path))
        super().__init__(test, ['curl', '-q', '-K', self.dir + '/config'], cgroup, netns)
        self.base = base

    def result(self, seconds=60):
        rows = []
        for line in self.succeed(seconds).splitlines():
            code, size, port, url = line.split(' ', 3)
            rows.append({'path': url[len(self.base):], 'status': int(code), 'body': int(size),
                         'port': int(port), 'pid': self.pid})
        return rows
