# SPDX-License-Identifier: GPL-2.0-only
"""Whose request is it: clients that connect in one task and send in another. The owner is who sends
the request, by the name that it has then, and in the cgroup that it is in."""
import json
import os
import sys

import harness
import match
from base import PYTHON, Process
from test_owners import Workers

CALLERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'callers.py')


@harness.per_hook
class Clients:
    def setUp(self):
        super().setUp()
        self.cgroup, self.group = harness.Cgroup(self, 'client'), harness.Cgroup(self, 'server')

    def call(self, mode, clients=3, each=3):
        self.server = Workers(self, 'fork', self.group)
        self.tracer = self.trace()
        crowd = [Process(self, [PYTHON, CALLERS, mode, '--port', self.server.port, '--exec-as',
                                self.server.exec_as]
                         + ['/%s/%s' % (self.tag, harness.unique('n')) for _ in range(each)],
                         self.cgroup) for _ in range(clients)]
        rows = [json.loads(row) for one in crowd for row in one.succeed().splitlines()]
        self.assertEqual(len(rows), clients * each)
        return crowd[0], rows

    def hold(self, mode):
        client, rows = self.call(mode)
        log = self.server.log(len(rows), self.tag)
        match.check(self, self.tracer, self.tracer.stop(), match.served(self.server, log)
                    + match.sent(client, rows, Workers.comm), (self.server.port,))
        return rows

    def test_gone_before_the_answer(self):
        """Whatever becomes of the exchange: the client's side names it, in full."""
        client, rows = self.call('gone', 10, 1)
        records = [r for r in match.mine(self.tracer.stop(), self.tag) if r['side'] == 'client']
        wants = [dict(match.owner('client', row['pid'], client.cgroup, row['comm'], row['tid']),
                      **{'url.original': row['path'], 'client.port': row['port']})
                 for row in rows]
        self.assertEqual(match.compare(records, wants), [])

    def test_renamed_after_connect(self):
        rows = self.hold('renamed')
        self.assertEqual({row['comm'] for row in rows}, {'asker-0', 'asker-1', 'asker-2'})

    def test_executed_after_connect(self):
        rows = self.hold('exec')
        self.assertEqual({row['comm'] for row in rows}, {Workers.comm, Workers.renamed})

    def test_child_sends(self):
        rows = self.hold('fork')
        self.assertEqual(len({row['pid'] for row in rows}), 9)

    def test_passed_descriptor(self):
        self.hold('pass')

    def test_threads(self):
        rows = self.hold('threads')
        self.assertEqual({row['comm'] for row in rows}, {'sends-0', 'sends-1'})


if __name__ == '__main__':
    sys.exit('run tests/run live/test_owner_clients')
