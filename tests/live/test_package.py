# SPDX-License-Identifier: GPL-2.0-only
"""The Debian package as `make deb` builds it: lintian accepts it, it holds what it should, it is the same from
every folder, and the program in it reads captures and traces."""
import glob
import os
import unittest

import harness
from base import ROOT, need, run, temp_dir

TESTS = os.path.join(ROOT, 'debian/tests')
HAVE = '''
etc/default/httplat
usr/lib/tmpfiles.d/httplat.conf
usr/sbin/httplat
usr/share/bash-completion/completions/httplat
usr/share/doc/httplat/CHANGELOG.md.gz
usr/share/doc/httplat/README.md.gz
usr/share/doc/httplat/changelog.gz
usr/share/doc/httplat/copyright
usr/share/doc/httplat/docs/OUTPUT.md.gz
usr/share/fish/vendor_completions.d/httplat.fish
usr/share/man/man8/httplat.8.gz
usr/share/zsh/vendor-completions/_httplat
'''.split()


def build(folder, **env):
    """The folder with what `make deb` made."""
    env = dict({k: v for k, v in os.environ.items() if k not in ('HTTPLAT', 'MAKEFLAGS', 'MAKELEVEL')},
               BUILD=folder, **env)
    run('make', '-C', ROOT, '--no-print-directory', 'deb', env=env, timeout=250)
    return folder + '/deb'


class Package(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need('dpkg-buildpackage', 'dh', 'make', 'readelf')
        cls.made = build(temp_dir(cls))
        [cls.deb] = glob.glob(cls.made + '/httplat_*.deb')
        cls.tree = temp_dir(cls)
        run('dpkg-deb', '-x', cls.deb, cls.tree)
        cls.program = cls.tree + '/usr/sbin/httplat'
        cls.env = dict(os.environ, PATH=cls.tree + '/usr/sbin:' + os.environ['PATH'])

    def test_lintian(self):
        """Source and binaries, without an override."""
        need('lintian')
        [changes] = glob.glob(self.made + '/*.changes')
        done = run('lintian', '--allow-root', '--fail-on', 'error,warning', '--show-overrides', changes,
                   check=False, timeout=120)
        self.assertEqual((done.returncode, done.stdout), (0, ''), done.stderr)

    def test_contents(self):
        have = {os.path.relpath(os.path.join(at, name), self.tree)
                for at, _, names in os.walk(self.tree) for name in names}
        self.assertFalse(set(HAVE) - have)
        units = {name for name in have if name.endswith('.service')}
        self.assertEqual(len(units), 1)
        self.assertLessEqual(units, {prefix + 'lib/systemd/system/httplat.service' for prefix in ('', 'usr/')})
        self.assertLessEqual({name for name in have - set(HAVE) - units},
                             {name for name in have if name.startswith('usr/share/doc/httplat/docs/')})
        version = run('dpkg-deb', '-f', self.deb, 'Version').stdout.strip()
        self.assertEqual(run(self.program, '--version').stdout, 'httplat %s\n' % version)

    def test_hardened(self):
        """The flags of dpkg-buildflags have reached compiler and linker."""
        header = run('readelf', '-hlW', self.program).stdout
        self.assertIn('DYN (', header)
        self.assertIn('GNU_RELRO', header)
        self.assertIn('NOW', run('readelf', '-dW', self.program).stdout)
        symbols = run('readelf', '--dyn-syms', '-W', self.program).stdout
        self.assertIn('__stack_chk_fail', symbols)
        self.assertIn('__fprintf_chk', symbols)

    def test_reproducible(self):
        """In another folder, time zone and language, for another group of readers: byte for byte the same."""
        old = os.umask(0o027)
        try:
            again = build(os.path.join(temp_dir(self), 'other'), TZ='Asia/Tokyo', LC_ALL='C')
        finally:
            os.umask(old)
        names = [os.path.basename(name) for name in glob.glob(self.made + '/*.deb')]
        self.assertEqual(len(names), 2)  # with the debug symbols
        for name in names:
            with open(os.path.join(self.made, name), 'rb') as one, \
                    open(os.path.join(again, name), 'rb') as other:
                self.assertEqual(one.read() == other.read(), True, name)

    def test_tree_stays(self):
        self.assertEqual(sorted(os.listdir(ROOT + '/debian')), [
            'changelog', 'control', 'copyright', 'httplat.default', 'httplat.postrm', 'rules', 'source',
            'tests'])

    def test_offline(self):
        """As a user without any privilege."""
        os.chmod(self.tree, 0o755)
        run('setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', TESTS + '/offline', env=self.env)

    def test_live(self):
        netns = harness.Netns(self)
        done = netns.run(TESTS + '/live', env=self.env, check=False, timeout=60)
        if done.returncode == 77:
            self.skipTest('live capture does not work here: ' + done.stdout.splitlines()[-1])
        self.assertEqual(done.returncode, 0, done.stderr)
        netns.run('httplat', 'check', env=self.env)
