# SPDX-License-Identifier: GPL-2.0-only
"""Where the live benchmark happens: a network namespace with nginx (or two, joined by veth), and a cgroup each for
the workload, for the tracer, and for what only has to be there."""
import os
import resource
import shutil
import subprocess

from captures import ROOT, SIZES, Scope, harness  # noqa: F401

BUILD = os.path.join(ROOT, os.environ.get('BUILD', 'build'))
BIN = os.path.join(BUILD, 'bench', '')
# Descriptors per process, of nginx' workers as of wrk.
DESCRIPTORS = 16384
# In the path of each request: tracers see the traffic of others too.
TAG = str(os.getpid())
# Server, client and tracer each get a fair share, as services and terminals do (sched_autogroup_enabled).
SESSION = ['setsid']

NGINX_CONF = '''
worker_processes 2;
worker_rlimit_nofile @DESCRIPTORS@;
daemon off;
pid @DIR@/pid;
events { worker_connections @DESCRIPTORS@; }
http {
    access_log off;
    error_log @DIR@/errors;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path @DIR@/tmp; proxy_temp_path @DIR@/tmp; fastcgi_temp_path @DIR@/tmp;
    uwsgi_temp_path @DIR@/tmp; scgi_temp_path @DIR@/tmp;
    sendfile on; tcp_nopush on;
    server { listen @ADDRESS@:80 backlog=16384; root @DIR@/www; }
    server { listen @ADDRESS@:81; location / { stub_status; } }
}
'''
# One connection per request leaves many in TIME_WAIT.
SYSCTLS = {'net.ipv4.ip_local_port_range': '2048 65535', 'net.ipv4.tcp_tw_reuse': '1',
           'net.ipv4.tcp_max_tw_buckets': '400000', 'net.core.somaxconn': '16384',
           'net.ipv4.tcp_max_syn_backlog': '16384'}


def build():
    """The programs of this folder."""
    os.makedirs(BIN, exist_ok=True)
    here = os.path.join(ROOT, 'bench', '')
    for name, libraries in (('rate', ()), ('holder', ()), ('plain', ()), ('empty', ('-lbpf',))):
        subprocess.run(['gcc', '-O2', '-Wall', '-D_GNU_SOURCE', '-o', BIN + name,
                        here + name + '.c', *libraries], check=True)
    subprocess.run(['clang', '-target', 'bpf', '-mcpu=v3', '-O2', '-g', '-Wall', '-idirafter',
                    '/usr/include/%s-linux-gnu' % os.uname().machine, '-c', here + 'empty.bpf.c',
                    '-o', BIN + 'empty.bpf.o'], check=True)


def raise_descriptors():
    """Children inherit it."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < DESCRIPTORS + 100:
        raise SystemExit('bench: %d descriptors per process are too few: ulimit -n' % hard)


class World:
    """nginx, listening at .address: over loopback, or (veth) with its clients in another namespace. Tracers sit
    where nginx is."""

    def __init__(self, scope, veth=False):
        top = harness.Cgroup(scope, 'bench')
        self.load, self.tracer, self.rest = (harness.Cgroup(scope, stem, top)
                                             for stem in ('load', 'tracer', 'rest'))
        self.far = harness.Netns(scope, 'far')
        self.near = harness.Netns(scope, 'near') if veth else self.far
        self.device = 'eth0' if veth else 'lo'
        self.address = '10.232.0.2' if veth else '127.0.0.1'
        if veth:
            harness.veth(self.near, self.far, ('10.232.0.1', self.address))
        for ns in {self.near, self.far}:
            for name, value in SYSCTLS.items():
                ns.sysctl(name, value)
        self._serve(scope)

    def _serve(self, scope):
        self.dir = BIN + 'nginx-live'
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs('%s/www/%s' % (self.dir, TAG))
        for name, size in SIZES.items():
            with open('%s/www/%s/%s' % (self.dir, TAG, name), 'wb') as f:
                f.write(os.urandom(size))
        with open(self.dir + '/conf', 'w') as f:
            f.write(NGINX_CONF.replace('@DIR@', self.dir).replace('@ADDRESS@', self.address)
                    .replace('@DESCRIPTORS@', str(DESCRIPTORS)))
        nginx = harness.Process(scope, SESSION + ['nginx', '-p', self.dir, '-e', self.dir + '/errors', '-c',
                                        self.dir + '/conf'], self.load, self.far)
        harness.wait_until('nginx that listens', lambda: harness.listening(nginx.pid, 80)
                           or (nginx.proc.poll() is not None and nginx.succeed()))

    def served(self):
        """Requests that nginx has begun to answer so far. The question itself is one of them."""
        text = self.near.run('curl', '-sS', 'http://%s:81/' % self.address).stdout
        return int(text.splitlines()[2].split()[2])
