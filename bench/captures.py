# SPDX-License-Identifier: GPL-2.0-only
"""The captures that the offline benchmark reads: wrk and nginx, in two network namespaces with a veth pair
between them, recorded by tcpdump. Made once, in $BUILD/bench; a capture from which packets are missing is made
again."""
import json
import os
import shutil
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, 'tests', 'live'))
import harness  # noqa: E402

NGINX_CONF = '''
worker_processes 2;
daemon off;
pid @DIR@/pid;
events { worker_connections 8192; }
http {
    access_log @DIR@/log combined buffer=256k flush=1s;
    error_log /dev/null;
    keepalive_requests 100000;
    client_body_temp_path @DIR@/tmp; proxy_temp_path @DIR@/tmp; fastcgi_temp_path @DIR@/tmp;
    uwsgi_temp_path @DIR@/tmp; scgi_temp_path @DIR@/tmp;
    sendfile on; tcp_nopush on;
    server { listen @ADDRESS@:80 backlog=8192; root @DIR@/www; }
}
'''
SIZES = {'100': 100, '10k': 10240, '1m': 1048576}
# name: response, transactions (about), connections, headers, over lo with super-segments
KINDS = {
    'small': ('100', 390000, 16, (), False),
    'medium': ('10k', 30000, 16, (), False),
    'large': ('1m', 300, 8, (), False),
    'close': ('100', 50000, 16, ('Connection: close',), False),
    'c1000': ('100', 100000, 1000, (), False),
    'medium-lo': ('10k', 60000, 16, (), True),
    'large-lo': ('1m', 400, 8, (), True),
}


class Scope:
    """What harness wants of a test: something that undoes at its end what was set up."""

    def __init__(self):
        self.undo = []

    def addCleanup(self, function):
        self.undo.append(function)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        while self.undo:
            self.undo.pop()()


class Bench:
    """nginx in one namespace, wrk in another, or both in one over its loopback device."""

    def __init__(self, scope, directory, loopback=False):
        self.scope, self.dir = scope, directory
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory + '/www')
        for name, size in SIZES.items():
            with open('%s/www/%s' % (directory, name), 'wb') as f:
                f.write(os.urandom(size))
        self.far = harness.Netns(scope, 'far')
        self.near = self.far if loopback else harness.Netns(scope, 'near')
        self.device = 'lo' if loopback else 'eth0'
        self.address = '127.0.0.1' if loopback else '10.232.0.2'
        if not loopback:
            harness.veth(self.near, self.far, ('10.232.0.1', self.address))
            for end in (self.near, self.far):
                end.run('ethtool', '-K', 'eth0', 'tso', 'off', 'gso', 'off', 'gro', 'off')
        with open(directory + '/conf', 'w') as f:
            f.write(NGINX_CONF.replace('@DIR@', directory).replace('@ADDRESS@', self.address))
        self.nginx = harness.Process(scope, ['nginx', '-p', directory, '-e', directory + '/errors',
                                             '-c', directory + '/conf'], netns=self.far)
        harness.wait_until('nginx that answers', lambda: self.wrk('100', 1, seconds=1) > 0)

    def wrk(self, path, connections, headers=(), seconds=2):
        """Requests that were answered."""
        argv = ['nsenter', '--net=' + self.near.file, '--', 'wrk', '-t', '1', '-c',
                str(max(connections, 1)), '-d', '%ds' % seconds]
        for header in headers:
            argv += ['-H', header]
        done = subprocess.run(argv + ['http://%s/%s' % (self.address, path)],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, encoding='utf-8',
                              timeout=seconds + 30)
        for line in done.stdout.splitlines():
            if ' requests in ' in line:
                return int(line.split()[0])
        return 0

    def answered(self):
        """By nginx' log, which is complete a second after the last request."""
        with open(self.dir + '/log') as f:
            return sum('" 200 ' in line for line in f)

    def forget(self):
        """The log begins anew."""
        self.settle()
        os.truncate(self.dir + '/log', 0)

    def settle(self):
        harness.wait_until('end of the log', self._settled, 10)

    def _settled(self):
        before = os.path.getsize(self.dir + '/log')
        subprocess.run(['sleep', '1.2'], check=True)
        return os.path.getsize(self.dir + '/log') == before


def make(kind, path, directory):
    """One capture; returns how many transactions nginx answered in it."""
    response, count, connections, headers, loopback = KINDS[kind]
    with Scope() as scope:
        bench = Bench(scope, directory, loopback)
        bench.forget()
        capture = harness.Capture(scope, bench.device, netns=bench.near, expression='tcp')
        sent = 0
        while sent < count:
            sent += bench.wrk(response, connections, headers, 1 if count < 1000 else 2)
        file = capture.stop()
        bench.settle()
        answered = bench.answered()
        shutil.move(file, path)
    return answered


def get(kind, build):
    """(path, transactions) of a capture, made now if it isn't there."""
    directory = os.path.join(build, 'bench')
    os.makedirs(directory, exist_ok=True)
    path, facts = ('%s/%s%s' % (directory, kind, end) for end in ('.pcap', '.json'))
    if not os.path.exists(facts) or not os.path.exists(path):
        for attempt in range(4):
            try:
                answered = make(kind, path, os.path.join(directory, 'nginx'))
                break
            except AssertionError as why: # the kernel dropped some
                print('bench: %s: %s; once more' % (kind, why), file=sys.stderr)
        else:
            raise SystemExit('bench: no complete capture of ' + kind)
        with open(facts, 'w') as f:
            json.dump({'transactions': answered, 'bytes': os.path.getsize(path)}, f)
    with open(facts) as f:
        return path, json.load(f)
