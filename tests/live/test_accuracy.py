# SPDX-License-Identifier: GPL-2.0-only
"""Ten thousand requests against a server that writes down its own times: how far the parts are from
them. The table is printed; what is asserted is only that the parts are those of the server."""
import datetime
import sys

import harness

CONNECTIONS, REQUESTS = 10, 1000
# A part that were measured between the wrong events would be off by what the server spends in others.
WRONG_NS = 80000


def wall_ns(text):
    """Nanoseconds since 1970."""
    whole, fraction = text.rstrip('Z').split('.')
    when = datetime.datetime.fromisoformat(whole + '+00:00')
    return int(when.timestamp()) * 1000000000 + int(fraction)


def rank(values, share):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * share))]


class Accuracy(harness.LiveTest):
    hook = 'cgroup'

    def test_parts(self):
        port = harness.free_port()
        program = harness.compile_c(self, 'timed')
        tracer = self.trace('--port', port, '--side', 'server')
        timed = harness.Process(self, [program, port, CONNECTIONS, REQUESTS])
        told = {}
        for line in timed.succeed(60).splitlines():
            n, read, first, last = map(int, line.split())
            told['/%d' % n] = read, first, last
        records = {r['url.original']: r for r in tracer.stop()}
        self.assertEqual(len(records), CONNECTIONS * REQUESTS)
        self.assertEqual(set(records), set(told))
        off = {'end of queue': [], 'app': [], 'response': []}
        for path, record in records.items():
            read, first, last = told[path]
            end = wall_ns(record['time']) + record['request_ns'] + record['queue_ns']
            off['end of queue'].append(end - read)
            off['app'].append(record['app_ns'] - (first - read))
            off['response'].append(record['response_ns'] - (last - first))
        rows = ['%-14s %10s %10s' % ('us, %d requests' % len(records), 'median', 'p99 of |x|')]
        for part, values in off.items():
            rows.append('%-14s %10.1f %10.1f' % (part, rank(values, 0.5) / 1000,
                                                 rank(map(abs, values), 0.99) / 1000))
        sys.stdout.write('\n'.join(rows) + '\n')
        for part, values in off.items():
            self.assertLess(abs(rank(values, 0.5)), WRONG_NS, part)
