# SPDX-License-Identifier: GPL-2.0-only
"""tools/demo: shows requests, and leaves nothing behind, also when it is interrupted."""
import glob
import os
import signal

import harness


class Demo(harness.LiveTest):
    demo = os.path.join(harness.ROOT, 'tools', 'demo')

    def leftovers(self, pid):
        """What a demo with this pid has made and not removed."""
        return (glob.glob(harness.cgroup2_mount() + '/httplat-demo-%d' % pid)
                + glob.glob('/run/netns/httplat-*-%d' % pid)
                + glob.glob(self.folder + '/*')
                + [p for p in map(int, filter(str.isdigit, os.listdir('/proc')))
                   if self.belongs(p)])

    def belongs(self, pid):
        try:
            with open('/proc/%d/cmdline' % pid, 'rb') as f:
                return self.folder.encode() in f.read()
        except OSError:
            return False

    def start(self):
        self.folder = harness.temp_dir(self)
        env = dict(os.environ, HTTPLAT=harness.HTTPLAT, TMPDIR=self.folder)
        return harness.Process(self, [self.demo], env=env)

    def test_demo(self):
        demo = self.start()
        text = demo.succeed(60)
        self.assertIn('picture.jpg', text)
        self.assertIn(' < ', text)
        self.assertIn(' > ', text)
        self.assertNotIn('s3cret', text.split('TIME', 1)[1])
        self.assertRegex(demo.stderr(), r'requests \d+, responses \d+, pairs \d+')
        self.assertEqual(self.leftovers(demo.pid), [])

    def test_interrupted(self):
        for sig, status in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            demo = self.start()
            harness.wait_until('tracing demo', lambda: 'tracing' in demo.stderr())
            self.assertNotEqual(self.leftovers(demo.pid), [])
            demo.send(sig)
            self.assertEqual(demo.wait(), status, demo.stderr())
            self.assertEqual(self.leftovers(demo.pid), [])

    def test_interrupted_early(self):
        demo = self.start()
        harness.wait_until('namespace of the demo', lambda: glob.glob(
            '/run/netns/httplat-*-%d' % demo.pid))
        demo.send(signal.SIGINT)
        self.assertEqual(demo.wait(), 130, demo.stderr())
        self.assertEqual(self.leftovers(demo.pid), [])
