# SPDX-License-Identifier: GPL-2.0-only
"""What the live tests stand on: throwaway cgroups, network namespaces, servers, clients, captures and
the tracer itself.

Everything made here is registered and undone in reverse order: by the test's cleanups, and when the
interpreter ends for whatever reason that lets it (exception, SIGINT, SIGTERM). Children die with us even
when we are killed (PR_SET_PDEATHSIG). Names carry our pid, so that two runs don't meet. Every wait is
bounded; no test asserts on a duration.
"""
import atexit
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HTTPLAT = os.environ.get('HTTPLAT', os.path.join(ROOT, 'httplat'))
PEER = os.path.join(HERE, 'peer.py')
PYTHON = '/usr/bin/python3' if os.path.exists('/usr/bin/python3') else sys.executable
# Bounds how long anything is waited for; a test that needs it all has failed.
PATIENCE = 20

os.environ['PATH'] = '/usr/sbin:/usr/bin:/sbin:/bin:' + os.environ.get('PATH', '')

_undo = []  # (token, function), last first


def _undo_all():
    while _undo:
        _, function = _undo.pop()
        try:
            function()
        except Exception as why:  # the rest has to go all the same
            sys.stderr.write('cleanup: %s\n' % why)


atexit.register(_undo_all)
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def undo_later(test, function):
    """Has function run once: when `test` (a TestCase, or a TestCase class) ends, or at exit."""
    entry = (object(), function)
    _undo.append(entry)

    def once():
        if entry in _undo:
            _undo.remove(entry)
            function()

    if isinstance(test, type):
        test.addClassCleanup(once)
    else:
        test.addCleanup(once)


def wait_until(what, condition, seconds=PATIENCE):
    """Polls condition until it returns something true, and returns that."""
    end = time.monotonic() + seconds
    while True:
        got = condition()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError('in %d s there was no ' % seconds + what)
        time.sleep(0.02)


def need(*tools):
    """Skips the test when one of these programs isn't installed, or when we are not root."""
    if os.geteuid():
        raise unittest.SkipTest('needs root')
    for tool in tools:
        if not shutil.which(tool):
            raise unittest.SkipTest('%s is not installed' % tool)
    if not os.access(HTTPLAT, os.X_OK):
        raise AssertionError(HTTPLAT + ' is not built')


def run(*argv, check=True, timeout=PATIENCE, **kw):
    """Runs a program to its end; returns what it wrote."""
    done = subprocess.run([str(a) for a in argv], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          encoding='utf-8', errors='replace', timeout=timeout, **kw)
    if check and done.returncode:
        raise AssertionError('%s: exit status %d: %s' % (' '.join(done.args), done.returncode,
                                                         done.stderr.strip()))
    return done


def temp_dir(test):
    path = tempfile.mkdtemp(prefix='httplat-test-')
    undo_later(test, lambda: shutil.rmtree(path, ignore_errors=True))
    return path


def free_port(family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
        return s.getsockname()[1]


_serial = [0]


def unique(stem):
    _serial[0] += 1
    return '%s%d-%d' % (stem, os.getpid(), _serial[0])


# --- cgroups ---------------------------------------------------------------------------------------

def cgroup2_mount():
    with open('/proc/mounts') as mounts:
        for line in mounts:
            field = line.split()
            if field[2] == 'cgroup2':
                return field[1]
    return None


class Cgroup:
    """A throwaway child of the cgroup2 root. .path is what linux.cgroup.path has to say, .id its id."""

    def __init__(self, test, stem='t', below=None):
        mount = cgroup2_mount()
        if not mount:
            raise unittest.SkipTest('no cgroup2 is mounted')
        self.path = (below.path if below else '') + '/' + unique('httplat-test-' + stem)
        self.dir = mount + self.path
        os.mkdir(self.dir)
        undo_later(test, self.remove)
        self.id = os.stat(self.dir).st_ino

    @property
    def procs(self):
        return os.path.join(self.dir, 'cgroup.procs')

    def pids(self):
        try:
            with open(self.procs) as f:
                return [int(line) for line in f]
        except FileNotFoundError:
            return []

    def _empty(self):
        for pid in self.pids():
            if pid > 0:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        try:
            os.rmdir(self.dir)
        except FileNotFoundError:
            pass
        except OSError:
            return False
        return True

    def remove(self):
        wait_until('end of the processes in ' + self.dir, self._empty, 5)


# --- processes -------------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Process:
    """A child in a cgroup and a network namespace; its pid is that of the program itself. Output goes
    to files, so that nobody waits for a full pipe."""

    def __init__(self, test, argv, cgroup=None, netns=None, env=None, stdin=subprocess.DEVNULL,
                 stdout=None, pass_fds=(), cwd=None):
        self.argv = [str(a) for a in argv]
        launch = list(self.argv)
        if netns:
            launch = ['nsenter', '--net=' + netns.file, '--'] + launch
        if cgroup:
            launch = ['/bin/sh', '-c', 'echo $$ >"$0" && exec "$@"', cgroup.procs] + launch
        self._out = tempfile.TemporaryFile()
        self._err = tempfile.TemporaryFile()
        self.cgroup = cgroup
        self.proc = subprocess.Popen(launch, stdin=stdin, stdout=stdout or self._out,
                                     stderr=self._err, env=env, pass_fds=pass_fds, cwd=cwd,
                                     preexec_fn=_die_with_parent)
        self.pid = self.proc.pid
        undo_later(test, self.end)

    @staticmethod
    def _text(file):
        file.flush()
        return os.pread(file.fileno(), 1 << 28, 0).decode('utf-8', 'surrogateescape')

    def stdout(self):
        return self._text(self._out)

    def stderr(self):
        return self._text(self._err)

    def signal(self, sig):
        if self.proc.poll() is None:
            self.proc.send_signal(sig)

    def wait(self, seconds=PATIENCE):
        """Its exit status; fails when it doesn't end."""
        try:
            return self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError('%s did not end in %d s; it says: %s'
                                 % (' '.join(self.argv), seconds, self.stderr()[-2000:]))

    def succeed(self, seconds=PATIENCE):
        status = self.wait(seconds)
        if status:
            raise AssertionError('%s: exit status %d: %s'
                                 % (' '.join(self.argv), status, self.stderr()[-2000:]))
        return self.stdout()

    def end(self, sig=signal.SIGTERM):
        """Ends it, one way or another."""
        for attempt in (sig, signal.SIGKILL):
            if self.proc.poll() is not None:
                break
            self.proc.send_signal(attempt)
            try:
                self.proc.wait(3)
            except subprocess.TimeoutExpired:
                pass
        if self.proc.stdin:
            try:
                self.proc.stdin.close()
            except BrokenPipeError:
                pass


def children_of(pid):
    with open('/proc/%d/task/%d/children' % (pid, pid)) as f:
        return [int(p) for p in f.read().split()]


# --- network namespaces ----------------------------------------------------------------------------

class Netns:
    """A named network namespace with lo up."""

    def __init__(self, test, stem='n'):
        need('ip', 'nsenter')
        self.name = unique('ht' + stem)
        self.file = '/run/netns/' + self.name
        run('ip', 'netns', 'add', self.name)
        undo_later(test, self.remove)
        self.ip('link', 'set', 'lo', 'up')

    def remove(self):
        run('ip', 'netns', 'del', self.name, check=False)

    def ip(self, *argv):
        return run('ip', '-n', self.name, *argv).stdout

    def run(self, *argv, **kw):
        return run('nsenter', '--net=' + self.file, '--', *argv, **kw)

    def sysctl(self, name, value):
        self.run('sysctl', '-qw', '%s=%s' % (name, value))

    def nft(self, rules):
        need('nft')
        self.run('nft', '-f', '-', input=rules)


def veth(a, b, v4=('10.231.0.1', '10.231.0.2'), v6=('fd31::1', 'fd31::2')):
    """Joins two namespaces by veth; each end is called eth0."""
    a.ip('link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b.name)
    for ns, ip4, ip6 in ((a, v4[0], v6[0]), (b, v4[1], v6[1])):
        ns.ip('addr', 'add', ip4 + '/24', 'dev', 'eth0')
        ns.ip('addr', 'add', ip6 + '/64', 'dev', 'eth0', 'nodad')
        ns.ip('link', 'set', 'eth0', 'up')
    return v4, v6


# if_link.h; Debian 12's ip(8) doesn't know the IPv4 ones.
IFLA_GSO_MAX_SIZE, IFLA_GRO_MAX_SIZE = 41, 58
IFLA_GSO_IPV4_MAX_SIZE, IFLA_GRO_IPV4_MAX_SIZE = 63, 64

_BIG_TCP = '''
import socket, struct, sys
name, size, attrs = sys.argv[1], int(sys.argv[2]), [int(a) for a in sys.argv[3:]]
body = struct.pack('=BxHiII', 0, 0, socket.if_nametoindex(name), 0, 0)
body += b''.join(struct.pack('=HHI', 8, a, size) for a in attrs)
s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
s.send(struct.pack('=IHHII', 16 + len(body), 16, 5, 1, 0) + body)
err = struct.unpack_from('=i', s.recv(4096), 16)[0]
sys.exit(0 if not err else 'netlink: error %d' % -err)
'''


def big_tcp(ns, device, size=185000):
    """Lets super-segments on `device` grow past 64 KiB; skips where the kernel can't."""
    for attr in (IFLA_GSO_MAX_SIZE, IFLA_GRO_MAX_SIZE, IFLA_GSO_IPV4_MAX_SIZE,
                 IFLA_GRO_IPV4_MAX_SIZE):
        done = ns.run(PYTHON, '-c', _BIG_TCP, device, size, attr, check=False)
        if done.returncode:
            raise unittest.SkipTest('no BIG TCP on this kernel: ' + done.stderr.strip())


def listening(pid, port):
    """Whether a TCP socket listens at `port` in the network namespace of `pid`."""
    for table in ('tcp', 'tcp6'):
        try:
            with open('/proc/%d/net/%s' % (pid, table)) as f:
                for line in f:
                    field = line.split()
                    if field[3] == '0A' and int(field[1].rsplit(':', 1)[1], 16) == port:
                        return True
        except (OSError, ValueError):
            pass
    return False


# --- servers ---------------------------------------------------------------------------------------

# Sizes of the files that both servers have, as /f/SIZE/...
SIZES = (0, 1, 17, 1000, 5000, 70000, 1000000, 100000000)

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
        location /slow/ { limit_rate 100k; try_files /70000.bin =404; }
    }
}
'''


class Nginx:
    """nginx with two workers, in the foreground, with its own prefix and configuration.

    listen: what follows `listen ADDRESS:PORT` ('deferred', 'fastopen=16')."""

    def __init__(self, test, cgroup=None, netns=None, addresses=('127.0.0.1', '[::1]'), listen=''):
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
            conf = NGINX_CONF.replace('@DIR@', self.dir).replace('@LISTEN@', '\n'.join(rows))
            with open(self.dir + '/nginx.conf', 'w') as f:
                f.write(conf)
            self.process = Process(test, ['nginx', '-p', self.dir, '-e', self.dir + '/error.log',
                                          '-c', self.dir + '/nginx.conf'], cgroup, netns)
            # SIGTERM to the master ends the workers too; nobody but us knows this pid.
            wait_until('listening nginx', lambda: self.process.proc.poll() is not None
                       or listening(self.process.pid, self.port))
            if self.process.proc.poll() is None:
                break  # else somebody took the port meanwhile
        else:
            raise AssertionError('nginx does not start: ' + self.process.stderr())
        self.workers = wait_until('nginx workers', self._two_workers)

    def _two_workers(self):
        pids = children_of(self.process.pid)
        return pids if len(pids) == 2 else None

    comm = 'nginx'

    def log(self, count, tag):
        """The `count` log lines with `tag` in the path; waits for them: nginx logs after sending."""
        def rows():
            with open(self.dir + '/access.log') as f:
                got = [json.loads(line) for line in f if tag in line and line.endswith('\n')]
            return got if len(got) >= count else None
        return wait_until('%d lines with %s in the log of nginx' % (count, tag), rows)


class PyServer:
    """python3's http.server, threading, at a port of its own choice (see peer.py)."""

    def __init__(self, test, cgroup=None, netns=None, address='127.0.0.1', options=(), fd=None,
                 wrap=()):
        self.dir = temp_dir(test)
        self.cgroup = cgroup
        self._log = self.dir + '/log'
        argv = list(wrap) + [PYTHON, PEER, 'serve', '--address', address, '--log', self._log,
                             '--port-file', self.dir + '/port'] + list(options)
        if fd is not None:
            argv += ['--fd', fd]
        self.process = Process(test, argv, cgroup, netns, pass_fds=() if fd is None else (fd,))
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


# --- clients ---------------------------------------------------------------------------------------

class Client(Process):
    """The client of plain sockets: peer.py run with a list of exchanges. result() tells what it saw."""

    def __init__(self, test, plan, cgroup=None, netns=None, wrap=()):
        super().__init__(test, list(wrap) + [PYTHON, PEER, 'fetch', json.dumps(plan)], cgroup, netns,
                         stdin=subprocess.PIPE)

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


# --- tcpdump ---------------------------------------------------------------------------------------

class Capture:
    """tcpdump to a file; stop() fails when the kernel dropped packets of it."""

    def __init__(self, test, device='lo', netns=None, expression='tcp', options=()):
        need('tcpdump')
        self.file = temp_dir(test) + '/capture.pcap'
        self.process = Process(test, ['tcpdump', '-Z', 'root', '-n', '-i', device, '-s', '0', '-U',
                                      '-B', '262144', '-w', self.file] + list(options)
                               + [expression], netns=netns)
        wait_until('tcpdump that listens', lambda: 'listening on' in self.process.stderr()
                   or (self.process.proc.poll() is not None and self.process.succeed()))

    def stop(self):
        # Its buffer is handed over in blocks, after at most a second.
        size = -1
        for _ in range(15):
            time.sleep(0.3)
            if os.path.getsize(self.file) == size:
                break
            size = os.path.getsize(self.file)
        self.process.signal(signal.SIGINT)
        self.process.succeed()
        dropped = re.search(r'(\d+) packets? dropped by kernel', self.process.stderr())
        if dropped and int(dropped.group(1)):
            raise AssertionError('tcpdump lost %s packets' % dropped.group(1))
        return self.file


# --- the tracer ------------------------------------------------------------------------------------

HOOKS = ('cgroup', 'tc', 'socket')


def hook_options(hook, device='lo', netns=None):
    """The options that trace `device` in `netns` with `hook`; cgroup sees everything anyway."""
    options = ['--hook', hook]
    if hook != 'cgroup':
        options += ['-i', device]
        if netns:
            options += ['--netns', netns.name]
    return options


def per_hook(cls):
    """Class decorator: the tests of cls, once for each hook, as NAME_cgroup, NAME_tc, NAME_socket."""
    module = sys.modules[cls.__module__]
    for hook in HOOKS:
        name = '%s_%s' % (cls.__name__, hook)
        setattr(module, name, type(name, (cls, LiveTest), {'hook': hook,
                                                          '__module__': cls.__module__}))
    return cls


class LiveTest(unittest.TestCase):
    maxDiff = None
    hook = None

    @classmethod
    def setUpClass(cls):
        need('ip', 'nginx', 'curl')

    def setUp(self):
        self.tag = unique('id')

    def trace(self, *options, device='lo', netns=None, **kw):
        return Tracer(self, *hook_options(self.hook, device, netns), *options, **kw)


class Tracer(Process):
    """./httplat; the constructor returns when it says on standard error that it is tracing."""

    def __init__(self, test, *options, json_output=True, wait=True, wrap=(), **kw):
        argv = list(wrap) + [HTTPLAT]
        if json_output:
            argv += ['-o', 'json', '--no-redact']
        super().__init__(test, argv + list(options), **kw)
        self.options = options
        if wait:
            wait_until('tracing httplat', self._tracing)

    def _tracing(self):
        if self.proc.poll() is not None:
            raise AssertionError('httplat %s ended with %d: %s' % (
                ' '.join(map(str, self.options)), self.proc.returncode, self.stderr()[-2000:]))
        return re.search(r'^tracing HTTP .*\n', self.stderr(), re.M)

    def stop(self, sig=signal.SIGINT):
        """Ends it as Ctrl-C does; returns all objects but the summary."""
        self.signal(sig)
        status = self.wait(10)
        if status:
            raise AssertionError('httplat ended with %d: %s' % (status, self.stderr()[-2000:]))
        return self.objects()

    def objects(self):
        """The complete lines so far, parsed; .summary is the last object when the run has ended."""
        text = self.stdout()
        rows = []
        for line in text[:text.rfind('\n') + 1].splitlines():
            try:
                rows.append(json.loads(line))
            except ValueError:
                raise AssertionError('not JSON: ' + line[:300])
        self.summary = rows.pop()['httplat.summary'] \
            if rows and 'httplat.summary' in rows[-1] else None
        return rows


def offline(test, path, *options, stdin=None):
    """`httplat -r path -o json`: the objects without the summary."""
    tracer = Tracer(test, '-r', path, *options, wait=False, stdin=stdin or subprocess.DEVNULL)
    tracer.succeed(120)
    return tracer.objects()
