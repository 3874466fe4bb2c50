# SPDX-License-Identifier: GPL-2.0-only
"""`httplat stat` against what the records of the same capture say, put together here."""
import csv
import io
import json
import os
import shutil
import subprocess
import tempfile
import unittest

from test_files import HTTPLAT, pcap
from test_filters import capture

# What stat calls a key, its key in JSON, and its value in a record.
KEYS = {
    'host': ('http.request.header.host', lambda r: r['http.request.header.host'][0]),
    'path': ('url.path', lambda r: r['url.path']),
    'method': ('http.request.method', lambda r: r['http.request.method']),
    'status': ('http.response.status_code', lambda r: r.get('http.response.status_code')),
    'remote': ('network.peer.address', lambda r: r['client.address']),
    'port': ('network.local.port', lambda r: r['server.port']),
}
PERCENTILES = {'p50_ns': 500, 'p90_ns': 900, 'p99_ns': 990, 'p999_ns': 999}


def is_error(record):
    return record.get('http.response.status_code', 0) >= 400 or \
        any(flag in record['flags'] for flag in ('reset', 'no-response'))


class Stat(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.dir = tempfile.mkdtemp(prefix='httplat-test-')
        cls.addClassCleanup(shutil.rmtree, cls.dir)
        cls.path = os.path.join(cls.dir, 'capture')
        with open(cls.path, 'wb') as f:
            f.write(capture())
        cls.records = cls.json()

    @classmethod
    def run_it(cls, *argv):
        return subprocess.run([HTTPLAT, *argv, '-r', cls.path], timeout=30, check=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout.decode()

    @classmethod
    def json(cls, *argv):
        rows = [json.loads(line) for line in cls.run_it(*argv, '-o', 'json').splitlines()]
        cls.summary = rows.pop()['httplat.summary']
        return rows

    def check(self, keys, time, *options):
        groups = {}
        for record in self.records:
            groups.setdefault(tuple(KEYS[k][1](record) for k in keys), []).append(record)
        rows = self.json('stat', '--by', ','.join(keys), '--time', time, *options)
        self.assertEqual(len(rows), len(groups))
        self.assertEqual(self.summary['transactions'], len(self.records))
        for row in rows:
            members = groups[tuple(row.get(KEYS[k][0]) for k in keys)]
            self.assertEqual(row['side'], 'transit')
            self.assertEqual(row['time'], time)
            self.assertEqual(row['count'], len(members))
            self.assertEqual(row['errors'], sum(map(is_error, members)))
            for size in ('http.request.size', 'http.response.size'):
                self.assertEqual(row[size], sum(r.get(size, 0) for r in members))
            times = sorted(r[time + '_ns'] for r in members if time + '_ns' in r)
            if not times:
                self.assertNotIn('max_ns', row)
                continue
            self.assertEqual(row['max_ns'], times[-1])
            self.assertEqual(row['mean_ns'], sum(times) // len(times))
            for name, per_mille in PERCENTILES.items():
                want = times[(len(times) * per_mille + 999) // 1000 - 1]
                self.assertTrue(want <= row[name] <= min(want * 1.01, times[-1]), (row, want))
        counts = [row['count'] for row in rows]
        if not options:
            self.assertEqual(counts, sorted(counts, reverse=True))
        return rows

    def test_each_key(self):
        for key in KEYS:
            self.check([key], 'latency')

    def test_two_keys(self):
        self.check(['method', 'status'], 'ttfb')
        self.check(['host', 'port', 'path'], 'total')

    def test_a_time_that_is_not_there(self):
        for row in self.check(['method'], 'app'):
            self.assertNotIn('p50_ns', row)

    def test_sorted(self):
        rows = self.check(['status'], 'latency', '--sort', 'max')
        times = [row.get('max_ns', 0) for row in rows]
        self.assertEqual(times, sorted(times, reverse=True))

    def test_csv(self):
        rows = self.json('stat', '--by', 'method,status')
        table = list(csv.DictReader(io.StringIO(self.run_it('stat', '--by', 'method,status',
                                                            '-o', 'csv'), newline='')))
        self.assertEqual(len(table), len(rows))
        for got, want in zip(table, rows):
            for key, value in got.items():
                if key == 'rate':
                    self.assertAlmostEqual(float(value), want['rate'], 2)
                else:
                    self.assertEqual(value, str(want.get(key, '')), key)

    def test_intervals(self):
        """Each request is in one table, and each table covers what it says."""
        rows = self.json('stat', '--by', 'method', '--interval', '100s')
        self.assertEqual(sum(row['count'] for row in rows), len(self.records))
        text = self.run_it('stat', '--by', 'method', '--interval', '100s')
        self.assertEqual(text.count('COUNT'), 3)

    def test_heat(self):
        """Each request with a latency is in one row, and the table covers the whole run."""
        lines = self.run_it('stat', '--heat', '--by', 'method').splitlines()
        rows = [line for line in lines if line.endswith(tuple('0123456789')) and '|' in line]
        self.assertEqual(sum(int(row.split()[-1]) for row in rows),
                         sum('latency_ns' in record for record in self.records))
        counts = [line.split()[2] for line in lines[-4:]]
        self.assertEqual(sum(map(int, counts)), len(self.records))

    def test_filters_narrow_it(self):
        rows = self.json('stat', '--by', 'status', '--status', '5xx')
        self.assertEqual([row['http.response.status_code'] for row in rows], [503])


if __name__ == '__main__':
    unittest.main()
