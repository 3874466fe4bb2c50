# SPDX-License-Identifier: GPL-2.0-only
"""The program that was built for arm64 says of each capture what the native one says, byte for byte: of the
fuzzer's seeds, and of the collection beside this clone where there is one. `make arm64test` runs it.

Environment: HTTPLAT, which runs the arm64 program; NATIVE, the native one.
"""
import concurrent.futures
import glob
import os
import subprocess
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HTTPLAT = os.environ.get('HTTPLAT', '')
NATIVE = os.environ.get('NATIVE', '')
# A program that hangs is to be stopped; nothing is timed.
PATIENCE = 120


def ran(program, options, path):
    done = subprocess.run([program, '-r', path] + options, stdin=subprocess.DEVNULL, timeout=PATIENCE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    # Each is told by what name it was called.
    err = done.stderr.replace(os.path.basename(program).encode() + b':', b'httplat:')
    return done.returncode, done.stdout, err


def files_below(path):
    return sorted(f for f in glob.glob(os.path.join(path, '**'), recursive=True)
                  if os.path.isfile(f) and not f.endswith(('.tsv', '.md', '.txt')))


@unittest.skipUnless(NATIVE, 'make arm64test runs this: it takes a build for arm64')
class Same(unittest.TestCase):
    def compare(self, files, options):
        """Returns how many records there were."""
        def differ(path):
            native, arm = (ran(p, options, path) for p in (NATIVE, HTTPLAT))
            return native[1].count(b'\n'), None if native == arm else \
                '%s:\n native %r\n arm64  %r' % ((path,) + tuple(
                    (code, out[:300], err[:300]) for code, out, err in (native, arm)))

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            results = list(pool.map(differ, files))
        bad = [why for _, why in results if why]
        if bad:
            self.fail('%d of %d captures\n%s' % (len(bad), len(files), '\n'.join(bad[:5])))
        return sum(cnt for cnt, _ in results)

    def test_seeds(self):
        files = files_below(os.path.join(ROOT, 'tests/fuzz/seeds/fuzz_capture'))
        self.assertTrue(files)
        self.assertTrue(self.compare(files, ['-o', 'json', '--no-redact']))

    def test_seeds_verbose(self):
        files = files_below(os.path.join(ROOT, 'tests/fuzz/seeds/fuzz_capture'))
        self.assertTrue(self.compare(files, ['-v', '-o', 'wide', '--body', '20']))

    def test_collection(self):
        files = files_below(os.path.join(ROOT, '../shared/corpus'))
        if not files:
            self.skipTest('there is no collection of captures beside this clone (../shared/corpus)')
        self.assertTrue(self.compare(files, ['-o', 'json', '--no-redact']))
