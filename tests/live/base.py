# SPDX-License-Identifier: GPL-2.0-only
"""What the live tests stand on: throwaway processes, cgroups and network namespaces.

Everything made here is registered and undone in reverse order: by the test's cleanups, and when the
interpreter ends for whatever reason that lets it (exception, SIGINT, SIGTERM). Children die with us
even when we are killed (PR_SET_PDEATHSIG). Names carry our pid, so that two runs don't meet. Every
wait is bounded; no test asserts on a duration.
"""
import atexit
import ctypes
import os
import shutil
import signal
import socket
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


def compile_c(test, name, libs=()):
    """The path of a helper program, compiled from NAME.c beside this file."""
    need('gcc')
    out = os.path.join(temp_dir(test), name)
    run('gcc', '-std=gnu11', '-O2', '-Wall', '-o', out, os.path.join(HERE, name + '.c'), *libs,
        timeout=60)
    return out


def free_port(family=socket.AF_INET):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
        return s.getsockname()[1]


_serial = [0]


def unique(stem):
    """A name that no other has, nor has as a part of it."""
    _serial[0] += 1
    return '%s%d-%dx' % (stem, os.getpid(), _serial[0])


# --- cgroups --------------------------------------------------------------------------------------

def cgroup2_mount():
    with open('/proc/mounts') as mounts:
        for line in mounts:
            field = line.split()
            if field[2] == 'cgroup2':
                return field[1]
    return None


class Cgroup:
    """A throwaway child of the cgroup2 root. .path is what linux.cgroup.path has to say, .id its
    id."""

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


# --- processes ------------------------------------------------------------------------------------

_libc = ctypes.CDLL(None, use_errno=True)


def _die_with_parent():
    _libc.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


class Process:
    """A child in a cgroup and a network namespace; its pid is that of the program itself. Output
    goes to files, so that nobody waits for a full pipe."""

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
        undo_later(test, self._undo)

    def _undo(self):
        self.end()
        self._out.close()
        self._err.close()

    @staticmethod
    def _text(file):
        file.flush()
        return os.pread(file.fileno(), 1 << 28, 0).decode('utf-8', 'surrogateescape')

    def stdout(self):
        return self._text(self._out)

    def stderr(self):
        return self._text(self._err)

    def send(self, sig):
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
    pids = []
    for task in os.listdir('/proc/%d/task' % pid):
        with open('/proc/%d/task/%s/children' % (pid, task)) as f:
            pids += [int(p) for p in f.read().split()]
    return pids


# --- network namespaces ---------------------------------------------------------------------------

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
