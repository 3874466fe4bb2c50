# SPDX-License-Identifier: GPL-2.0-only
"""The disk is full: one sentence that names what could not be written, the counts all the same, and what was written stays readable."""
import json
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import echo
import harness

FULL = 'No space left on device'


class DiskFull(harness.LiveTest):
    def setUp(self):
        super().setUp()
        self.ns = harness.Netns(self)
        self.server = echo.Server(self, self.ns)
        self.disk = harness.temp_dir(self)
        harness.run('mount', '-t', 'tmpfs', '-o', 'size=128k', 'none', self.disk)
        harness.undo_later(self, lambda: harness.run('umount', self.disk, check=False))

    def fill(self, *options, out=None):
        """Runs it until it ends by itself; returns what it said, the last line first."""
        tracer = harness.Tracer(self, '--port', str(echo.PORT), '--header', 'x-id', *options,
                                stdout=out)
        load = echo.Load(self, self.ns, 2, 1500, self.tag, pause=0.001)
        status = tracer.wait(60)
        load.finish()
        self.assertEqual(status, 1, tracer.stderr())
        said = tracer.stderr().splitlines()
        self.assertEqual(sum(FULL in line for line in said), 1, said)
        self.assertRegex(said[-2], '^requests [1-9].*events lost [0-9]+, gaps [0-9]+$')
        return said[-1]

    def test_recording(self):
        path = self.disk + '/run.pcapng'
        self.assertEqual(self.fill('-w', path), "httplat: cannot write '%s': %s" % (path, FULL))
        again = harness.Tracer(self, '-r', path, '--header', 'x-id', wait=False)
        self.assertEqual(again.wait(), 1)
        self.assertIn('is cut short after frame', again.stderr())
        records = again.objects()
        self.assertGreater(sum('latency_ns' in r for r in records), 10)
        self.assertEqual(echo.wrong_pairs(records), [])
        harness.need('tshark')
        shown = harness.run('tshark', '-r', path, '-Y', 'http.request', check=False, timeout=60)
        self.assertGreater(len(shown.stdout.splitlines()), 10, shown.stderr)

    def test_flight_recorder(self):
        folder = self.disk + '/slow'
        self.assertRegex(self.fill('--save-slow', folder, '--slow', '1ns'),
                         "^httplat: cannot write '%s/httplat-[^']*': %s$" % (folder, FULL))
        names = sorted(os.listdir(folder))
        self.assertGreater(len(names), 2)
        # All but the one for which there was no room.
        whole = [harness.run(harness.HTTPLAT, '-r', os.path.join(folder, name), '-o', 'json',
                             check=False).returncode for name in names]
        self.assertGreaterEqual(whole.count(0), len(names) - 1)

    def test_json(self):
        path = self.disk + '/out.json'
        with open(path, 'w') as out:
            said = self.fill(out=out)
        self.assertEqual(said, 'httplat: cannot write to standard output: ' + FULL)
        with open(path) as f:
            text = f.read()
        records = [json.loads(line) for line in text[:text.rfind('\n') + 1].splitlines()]
        self.assertGreater(len(records), 10)
        self.assertEqual(echo.wrong_pairs(records), [])

    def test_archive(self):
        path = self.disk + '/out.har'
        with open('/dev/null', 'w') as out:
            tracer = harness.Tracer(self, '--port', str(echo.PORT), '--har', path, stdout=out)
        echo.Load(self, self.ns, 2, 500, self.tag).finish()
        tracer.send(2)
        self.assertEqual(tracer.wait(), 1)
        self.assertEqual(tracer.stderr().splitlines()[-1],
                         "httplat: cannot write '%s': %s" % (path, FULL))


if __name__ == '__main__':
    unittest.main()
