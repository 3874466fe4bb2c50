# SPDX-License-Identifier: GPL-2.0-only
"""tools/mkbtf: the types of kernels, out of their images, and httplat with them where the kernel has
none of its own. Images of other kernels are those that tests/vm/fetch has left, if it has."""
import glob
import os
import shutil
import subprocess
import sys
import unittest

import harness
import match
from base import need, run, temp_dir

MKBTF = os.path.join(os.path.dirname(os.path.abspath(__file__)), '../../tools/mkbtf')
IMAGES = os.path.join(os.environ.get('HTTPLAT_VM_CACHE', '/var/cache/httplat-vm'), '*/vmlinuz')
OWN_BTF = '/sys/kernel/btf/vmlinux'
COMPRESSORS = ('gzip', 'bzip2', 'xz', 'zstd', 'lz4', 'lzop')


def image():
    found = sorted(glob.glob(IMAGES))
    if not found:
        raise unittest.SkipTest('there is no kernel image %s: tests/vm/fetch gets them' % IMAGES)
    return found[0]


class MkBtf(unittest.TestCase):
    def setUp(self):
        need('bpftool')
        self.dir = temp_dir(self)

    def make(self, *argv, status=0):
        done = run(MKBTF, '-o', self.dir + '/out', *argv, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        return done

    def made(self):
        return {name: open(os.path.join(self.dir, 'out', name), 'rb').read()
                for name in os.listdir(self.dir + '/out')}

    def release(self, path):
        with open(os.path.join(os.path.dirname(path), 'release'), encoding='ascii') as f:
            return f.read().strip() + '.btf'

    def test_images(self):
        """One file for each, small, which describes what httplat looks into."""
        image()
        images = sorted(glob.glob(IMAGES))
        self.make(*images)
        made = self.made()
        self.assertEqual(set(made), {self.release(path) for path in images})
        for name, btf in made.items():
            self.assertLess(len(btf), 8192)
            dump = run('bpftool', 'btf', 'dump', 'file', os.path.join(self.dir, 'out', name)).stdout
            for member in "'task_struct'", "'skc_cookie'", "'euid'", "'thread_pid'", "'owned'":
                self.assertIn(member, dump)

    def test_package(self):
        path = image()
        self.make(path)
        want = self.made()
        tree = self.dir + '/tree'
        os.makedirs(tree + '/DEBIAN')
        os.makedirs(tree + '/boot')
        shutil.copy(path, tree + '/boot/vmlinuz-1')
        with open(tree + '/DEBIAN/control', 'w', encoding='ascii') as f:
            f.write('Package: linux-image\nVersion: 1\nArchitecture: all\nMaintainer: nobody\n'
                    'Description: a kernel\n')
        run('dpkg-deb', '-Znone', '--build', tree, self.dir + '/kernel.deb')
        shutil.rmtree(self.dir + '/out')
        self.make(self.dir + '/kernel.deb')
        self.assertEqual(self.made(), want)

    def test_compressions(self):
        """Each that a kernel may be compressed with (whole, as on arm64)."""
        path = image()
        for tool in COMPRESSORS:
            need(tool)
        self.make(path)
        want = self.made()
        for tool in COMPRESSORS:
            with self.subTest(tool):
                packed = self.dir + '/Image.' + tool
                with open(packed, 'wb') as out:
                    subprocess.run([tool, '-1', '-c', path], stdout=out, check=True)
                shutil.rmtree(self.dir + '/out')
                self.make(packed)
                self.assertEqual(self.made(), want)

    def test_what_is_none(self):
        """The others are made all the same."""
        harness.kernel_btf(self)
        with open(self.dir + '/cut', 'wb') as f:
            f.write(b'\xfd7zXZ\0 and something else')
        done = self.make(self.dir + '/cut', '/bin/true', '/no/such/file', OWN_BTF, status=1)
        self.assertEqual(list(self.made()), ['vmlinux.btf'])
        rows = done.stderr.strip().split('\n')
        self.assertEqual(len(rows), 3, rows)
        for row, why in zip(rows, ('damaged', 'no image of a kernel', 'No such file')):
            self.assertIn(why, row)


@harness.per_hook
class WithSmallFile:
    """httplat takes it for its own kernel, and sees through another one's."""

    def setUp(self):
        super().setUp()
        need('bpftool', 'unshare')
        self.dir = temp_dir(self)

    def test_of_this_kernel(self):
        harness.kernel_btf(self)
        run(MKBTF, '-o', self.dir, OWN_BTF)
        cgroup = harness.Cgroup(self, 'client')
        server = harness.PyServer(self, harness.Cgroup(self, 'server'))
        tracer = self.trace('--btf', self.dir + '/vmlinux.btf', wrap=harness.HIDE_BTF)
        tracer.wait_for_note('owners come from raw tracepoints')
        rows = harness.fetch(self, {'host': '127.0.0.1', 'port': server.port, 'exchanges': [
            {'path': '/f/25/%s/%s' % (self.tag, harness.unique('n'))} for _ in range(3)]},
            cgroup=cgroup)
        records = tracer.stop()
        sides = {r['side']: r['process.pid'] for r in match.mine(records, self.tag)}
        self.assertEqual(sides, {'client': rows[0]['pid'], 'server': server.process.pid})

    def test_of_another_kernel(self):
        """With wrong places owners would be wrong: so it goes on as without."""
        run(MKBTF, '-o', self.dir, image())
        other, = glob.glob(self.dir + '/*.btf')
        tracer = self.trace('--btf', other, wrap=harness.HIDE_BTF)
        tracer.wait_for_note('owners come from classic tracepoints: %s is of another kernel' % other)
        tracer.stop()


if __name__ == '__main__':
    sys.exit('run tests/run live/test_mkbtf')
