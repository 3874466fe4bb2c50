# SPDX-License-Identifier: GPL-2.0-only
"""What a live test needs, in one module: the world (base.py), servers and clients (servers.py),
tcpdump and the tracer. A test file does `import harness` and `import match`.
"""
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

from base import *  # noqa: F401,F403
from base import HTTPLAT, Process, need, temp_dir, unique, wait_until
from servers import *  # noqa: F401,F403

# --- tcpdump --------------------------------------------------------------------------------------

class Capture:
    """tcpdump to a file; stop() fails when the kernel dropped packets of it. The expression is no
    `tcp`: that would leave out IPv6 packets with an extension header, which BIG TCP has."""

    def __init__(self, test, device='lo', netns=None, expression='ip or ip6', snap=0,
                 options=()):
        need('tcpdump')
        self.file = temp_dir(test) + '/capture.pcap'
        # Packets come in blocks, at most a second later; those of one size, at once.
        self.patience = 6
        if snap:
            options, self.patience = ['--immediate-mode'] + list(options), 2
        self.process = Process(test, ['tcpdump', '-Z', 'root', '-n', '-i', device, '-s', snap, '-U',
                                      '-B', '262144', '-w', self.file] + list(options)
                               + [expression], netns=netns)
        wait_until('tcpdump that listens', lambda: 'listening on' in self.process.stderr()
                   or (self.process.proc.poll() is not None and self.process.succeed()))

    def stop(self):
        # Stopped before, it would lose what it hasn't been given yet.
        sizes = []
        while len(sizes) <= self.patience or len(set(sizes[-self.patience:])) > 1:
            time.sleep(0.25)
            sizes.append(os.path.getsize(self.file))
            if len(sizes) > 100:
                raise AssertionError('the traffic on %s does not end' % self.process.argv)
        self.process.send(signal.SIGINT)
        self.process.succeed()
        dropped = re.search(r'(\d+) packets? dropped by kernel', self.process.stderr())
        if dropped and int(dropped.group(1)):
            raise AssertionError('tcpdump lost %s packets' % dropped.group(1))
        return self.file


# --- the tracer -----------------------------------------------------------------------------------

HOOKS = ('cgroup', 'tc', 'socket')


def hook_options(hook, device='lo', netns=None):
    """The options that trace `device` in `netns` with `hook`; cgroup sees everything anyway."""
    options = ['--hook', hook]
    if hook != 'cgroup':
        options += ['-i', device]
        if netns:
            options += ['--netns', netns.name]
    return options


def per_hook(cls, hooks=HOOKS):
    """The tests of cls once for each hook: makes the classes NAME_cgroup, NAME_tc, NAME_socket in
    its module."""
    module = sys.modules[cls.__module__]
    for hook in hooks:
        name = '%s_%s' % (cls.__name__, hook)
        setattr(module, name, type(name, (cls, LiveTest), {'hook': hook,
                                                          '__module__': cls.__module__}))


HIDE_BTF = ('unshare', '-m', 'sh', '-c', 'mount -t tmpfs none /sys/kernel/btf && exec "$@"', 'sh')


def kernel_btf(test):
    """A copy of this kernel's BTF: what a tracer wrapped in HIDE_BTF can be given by --btf."""
    if not os.path.exists('/sys/kernel/btf/vmlinux'):
        raise unittest.SkipTest('this kernel has no BTF to make a file of')
    return shutil.copy('/sys/kernel/btf/vmlinux', temp_dir(test) + '/kernel.btf')


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

    def __init__(self, test, *options, json_output=True, wait=True, wrap=(), binary=HTTPLAT, **kw):
        argv = list(wrap) + [binary]
        if json_output:
            argv += ['-o', 'json', '--no-redact']
        super().__init__(test, argv + list(options), **kw)
        self.options = options
        if wait:
            wait_until('tracing httplat', self._tracing)

    def wait_for_note(self, text):
        """Notes follow the line that says that it is tracing."""
        wait_until('note: ' + text, lambda: text in self.stderr())

    def _tracing(self):
        if self.proc.poll() is not None:
            raise AssertionError('httplat %s ended with %d: %s' % (
                ' '.join(map(str, self.options)), self.proc.returncode, self.stderr()[-2000:]))
        return re.search(r'^tracing HTTP .*\n', self.stderr(), re.M)

    def stop(self, sig=signal.SIGINT):
        """Ends it as Ctrl-C does; returns all objects but the summary."""
        self.send(sig)
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


def anybodys_httplat(test):
    """A copy that users who may not look where the program was built can run."""
    folder = temp_dir(test)
    os.chmod(folder, 0o755)
    return shutil.copy(HTTPLAT, os.path.join(folder, 'httplat'))


def offline(test, path, *options, stdin=None):
    """`httplat -r path -o json`: the objects without the summary."""
    tracer = Tracer(test, '-r', path, *options, wait=False, stdin=stdin or subprocess.DEVNULL)
    tracer.succeed(120)
    return tracer.objects()
