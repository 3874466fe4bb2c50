# SPDX-License-Identifier: GPL-2.0-only
"""The ring is full: because it is as small as can be, or because the tracer does not get to run. What is lost is counted, what is
counted is missing, nothing is paired with another's response, and what comes afterwards is complete.
"""
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import echo
import harness

CLIENTS, COUNT = 4, 1500
PAUSE_SECONDS = 5


class Overload:
    def setUp(self):
        super().setUp()
        self.ns = harness.Netns(self)
        self.server = echo.Server(self, self.ns)

    def start(self, *options):
        # With -w every segment crosses, so that segments can be counted against each other.
        return self.trace('--header', 'x-id', '--port', str(echo.PORT), '-w', '/dev/null', *options,
                          netns=self.ns)

    def check(self, tracer, records, sent):
        """What holds in every case; returns {(id, side)} of the complete records."""
        self.assertEqual(echo.wrong_pairs(records), [])
        places = [(echo.id_of(r), r.get('side')) for r in records if 'url.original' in r]
        self.assertEqual(len(places), len(set(places)), 'reported twice')
        complete = set()
        for record in records:
            if 'url.original' not in record:
                self.assertIn('orphan-response', record['flags'])
            elif record.get('http.response.status_code') == 200 and 'latency_ns' in record:
                complete.add((echo.id_of(record), record['side']))
            else:
                self.assertTrue(record['flags'], 'incomplete, and says nothing: %s' % record)
        self.assertLessEqual(complete, {(name, side) for name in sent for side in ('client', 'server')})
        return complete

    def check_counts(self, small, large):
        """Of the same packets one lost some, the other none."""
        self.assertEqual(large['kernel.events_lost'], 0)
        self.assertGreater(small['kernel.events_lost'], 0)
        self.assertEqual(small['kernel.segments'] + small['kernel.events_lost'], large['kernel.segments'])
        self.assertEqual(small['segments'], small['kernel.segments'])
        # What was lost last of a connection nobody tells.
        self.assertLessEqual(small['events_lost'], small['kernel.events_lost'])

    def test_smallest_ring(self):
        large, small = self.start(), self.start('--ring-size', '4K')
        sent = echo.Load(self, self.ns, CLIENTS, COUNT, 'a').finish()
        self.assertEqual(len(sent), CLIENTS * COUNT)
        all_of_it = self.check(large, large.stop(), sent)
        self.assertEqual(len(all_of_it), 2 * len(sent))
        some = self.check(small, small.stop(), sent)
        self.assertLess(len(some), len(all_of_it))
        self.check_counts(small.summary, large.summary)

    def test_stopped_tracer(self):
        """By SIGSTOP, for seconds; then it goes on. 64 KB are less than what comes meanwhile."""
        large, small = self.start(), self.start('--ring-size', '64K')
        before = echo.Load(self, self.ns, 1, 50, 'before', pause=0.01).finish()
        harness.wait_until('records', lambda: len(small.objects()) >= 2 * len(before))
        small.send(signal.SIGSTOP)
        during = echo.Load(self, self.ns, CLIENTS, COUNT, 'during').finish()
        time.sleep(PAUSE_SECONDS)
        small.send(signal.SIGCONT)
        after = echo.Load(self, self.ns, 2, 50, 'after', pause=0.01).finish()
        sent = dict(before, **during, **after)
        self.assertEqual(len(self.check(large, large.stop(), sent)), 2 * len(sent))
        some = self.check(small, small.stop(), sent)
        for known in (before, after):
            self.assertLessEqual({(name, side) for name in known for side in ('client', 'server')}, some)
        self.check_counts(small.summary, large.summary)


harness.per_hook(Overload)

if __name__ == '__main__':
    unittest.main()
