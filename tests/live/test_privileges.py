# SPDX-License-Identifier: GPL-2.0-only
"""What httplat needs to start, and how little of it is left once it runs.

The capabilities are those that `httplat check` lists: what that says is taken at its word.
"""
import glob
import os
import re
import struct
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness
import match

NOBODY = 65534
NAMES = {'sys_ptrace', 'dac_read_search'}


def listed():
    """{name as setpriv has it: the sentence} of the capabilities that `httplat check` knows."""
    done = harness.run(harness.HTTPLAT, 'check', check=False)
    rows = re.findall(r'^(?:ok|warn|no) +CAP_(\w+) +(.*)$', done.stdout, re.M)
    return {name.lower(): text for name, text in rows}


def names():
    """The capabilities of this kernel, by their numbers."""
    with open('/proc/sys/kernel/cap_last_cap') as f:
        return harness.run('setpriv', '--list-caps').stdout.split()[:int(f.read()) + 1]


def status(path, key):
    with open(path) as f:
        return next(line.split()[1:] for line in f if line.startswith(key + ':'))


def caps_in(path, which):
    mask = int(status(path, which)[0], 16)
    return {name for n, name in enumerate(names()) if mask >> n & 1}


def without(*dropped):
    """How to run a program as root without these."""
    drop = ','.join('-' + name for name in dropped)
    return ['setpriv', '--bounding-set', drop, '--inh-caps', drop]


def with_only(kept):
    return without(*sorted(caps_in('/proc/self/status', 'CapBnd') - set(kept)))


def as_nobody(kept):
    caps = ','.join('+' + name for name in sorted(kept))
    return ['setpriv', '--reuid', str(NOBODY), '--regid', str(NOBODY), '--clear-groups',
            '--inh-caps', caps, '--ambient-caps', caps]


class Privileges:
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        harness.need('setpriv')
        cls.binary = harness.anybodys_httplat(cls)
        cls.listed = listed()

    def setUp(self):
        super().setUp()
        self.ns = harness.Netns(self)
        self.served, self.asked = harness.Cgroup(self), harness.Cgroup(self)
        self.server = harness.PyServer(self, self.served, netns=self.ns)

    def start(self, *options, **kw):
        return self.trace(*options, netns=self.ns, binary=self.binary, **kw)

    def check_traced(self, tracer):
        """Three requests of one cgroup to another's server, both ends with their owner."""
        plan = [{'host': '127.0.0.1', 'port': self.server.port,
                 'exchanges': [{'path': '/f/17/%s/%d' % (self.tag, n)}]} for n in range(3)]
        harness.fetch(self, plan, netns=self.ns, cgroup=self.asked)
        got = match.mine(tracer.stop(), self.tag)
        self.assertEqual(sorted((r['side'], r.get('linux.cgroup.path')) for r in got),
                         [('client', self.asked.path)] * 3 + [('server', self.served.path)] * 3)
        self.assertEqual({r.get('process.pid') for r in got if r['side'] == 'server'},
                         {self.server.pid})

    def needs(self):
        """Of what is listed, what this hook takes, here, where cgroup2 is mounted."""
        return set(self.listed) - {
            'cgroup': {'net_raw', 'sys_admin'}, 'tc': {'net_raw'}, 'socket': {'net_admin'},
        }[self.hook]

    def test_only_what_is_listed(self):
        tracer = self.start(wrap=with_only(self.needs()))
        self.assertNotIn('missing', tracer.stderr())
        self.check_traced(tracer)

    def test_another_user(self):
        """With the same, and not as root."""
        tracer = self.start(wrap=as_nobody(self.needs()))
        self.assertNotIn('missing', tracer.stderr())
        self.check_traced(tracer)

    def test_without_each(self):
        """Refused, or less is known: in both cases the capability is named."""
        for cap in sorted(self.needs()):
            with self.subTest(without=cap):
                name = 'CAP_' + cap.upper()
                if cap not in NAMES:
                    # CAP_SYS_ADMIN stands for some of them.
                    rest = self.needs() - {cap} - ({'sys_admin'} if cap in ('bpf', 'perfmon') else set())
                    tracer = self.start(wrap=with_only(rest), wait=False)
                    self.assertEqual(tracer.wait(), 3, tracer.stderr())
                    self.assertIn(name, tracer.stderr())
                    self.assertEqual(len(tracer.stderr().splitlines()), 1, tracer.stderr())
                    continue
                tracer = self.start(wrap=with_only(self.needs() - {cap}))
                self.assertRegex(tracer.stderr(), 'note: %s is missing: ' % name)
                self.assertEqual(match.mine(tracer.stop(), self.tag), [])

    def test_after_the_start(self):
        """Each thread keeps what it needs for what it does from then on."""
        tracer = self.start()
        plan = [{'host': '127.0.0.1', 'port': self.server.port,
                 'exchanges': [{'path': '/f/17/' + self.tag}]}]
        harness.fetch(self, plan, netns=self.ns)  # by now it does
        harness.wait_until('record', lambda: match.mine(tracer.objects(), self.tag))
        more = {'cgroup': set(), 'tc': {'net_admin'}, 'socket': {'net_raw'}}[self.hook]
        tasks = sorted(glob.glob('/proc/%d/task/*' % tracer.pid))
        self.assertGreater(len(tasks), 1)
        for task in tasks:
            path = task + '/status'
            for which in ('CapEff', 'CapPrm'):
                self.assertEqual(caps_in(path, which), NAMES |
                                 (more if task.endswith('/%d' % tracer.pid) else set()))
            self.assertEqual(status(path, 'CapInh'), ['0' * 16])
            self.assertEqual(status(path, 'CapAmb'), ['0' * 16])
            self.assertEqual(status(path, 'NoNewPrivs'), ['1'])
            self.assertEqual(status(path, 'Seccomp'), ['2'])
            self.assertEqual(status(path, 'Uid')[3], str(NOBODY))  # to files
        tracer.stop()


harness.per_hook(Privileges)


# As a container's seccomp profile does: bpf(2) is EPERM, whoever calls it.
WITHOUT_BPF = """
import ctypes, os, sys
lib = ctypes.CDLL('libseccomp.so.2')
lib.seccomp_init.restype = ctypes.c_void_p
rules = ctypes.c_void_p(lib.seccomp_init(0x7fff0000))
assert not lib.seccomp_rule_add(rules, 0x00050001, lib.seccomp_syscall_resolve_name(b'bpf'), 0)
assert not lib.seccomp_load(rules)
os.execv(sys.argv[1], sys.argv[1:])
"""


class Profile(harness.LiveTest):
    """In a container whose profile forbids bpf(2)."""

    def run_without_bpf(self, *options):
        return harness.run(harness.PYTHON, '-c', WITHOUT_BPF, harness.HTTPLAT, *options, check=False)

    def test_trace(self):
        done = self.run_without_bpf('-d', '1s')
        self.assertEqual(done.returncode, 3, done.stderr)
        self.assertEqual(done.stdout, '')
        self.assertRegex(done.stderr, r'^httplat: bpf\(2\) is not permitted, .*seccomp=unconfined.*\n$')

    def test_check(self):
        done = self.run_without_bpf('check')
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertRegex(done.stdout, '(?m)^no +ring buffer +not permitted, although the capabilities')
        self.assertRegex(done.stdout, '(?m)^no +--hook cgroup +bpf.2. is not permitted')


class Files(harness.LiveTest):
    """Files that are made on the way: in a folder of somebody else, as root may."""

    def test_rotation_in_a_folder_of_another(self):
        folder = harness.temp_dir(self)
        os.chown(folder, NOBODY, NOBODY)
        os.chmod(folder, 0o755)
        server = harness.PyServer(self)
        tracer = harness.Tracer(self, '--save-slow', folder, '--slow', '1ns')
        plan = [{'host': '127.0.0.1', 'port': server.port,
                 'exchanges': [{'path': '/f/17/' + self.tag}]}]
        harness.fetch(self, plan)
        self.assertEqual(len(match.mine(tracer.stop(), self.tag)), 2)
        self.assertTrue(glob.glob(folder + '/*.pcapng'))

    def test_a_capture_file(self):
        """Nothing is kept where nothing is looked up."""
        read, write = os.pipe()
        tracer = harness.Tracer(self, '-r', '-', wait=False, stdin=read)
        os.close(read)
        # The header of a pcap file with raw IP packets, and then nothing for now.
        os.write(write, struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65536, 101))
        harness.wait_until('sandbox', lambda: status('/proc/%d/status' % tracer.pid,
                                                     'Seccomp') == ['2'])
        self.assertEqual(caps_in('/proc/%d/status' % tracer.pid, 'CapPrm'), set())
        os.close(write)
        tracer.succeed()


if __name__ == '__main__':
    unittest.main()
