# SPDX-License-Identifier: GPL-2.0-only
"""Where the time went: a cause that is known, real sockets, and the part that it must show in. What is
compared is which part grew by what was imposed, never how fast anything is."""
import json
import os
import signal
import time

import harness

A4, B4 = '10.231.0.1', '10.231.0.2'
TALK = os.path.join(harness.HERE, 'talk.py')
MS = 1000000

SERVER_PARTS = ('request_ns', 'queue_ns', 'app_ns', 'response_ns')
CLIENT_PARTS = ('request_ns', 'ttfb_ns', 'response_ns')
BEYOND = {'server': (), 'client': ('connect_ns', 'read_ns')}
OK = 'HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n'
ANSWER = ['send', OK % 2 + 'ok']
READ_ANSWER = [['head'], ['body', 2]]


def request(path, body=0):
    if not body:
        return ['send', 'GET %s HTTP/1.1\r\nHost: h\r\n\r\n' % path]
    return ['send', 'POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: %d\r\n\r\n' % (path, body)]


class Causes:
    """A client's namespace, a server's, and a veth between them."""

    def setUp(self):
        super().setUp()
        self.near, self.far = harness.Netns(self, 'c'), harness.Netns(self, 's')
        harness.veth(self.near, self.far, (A4, B4))
        self.port = harness.free_port()
        self.path = '/' + self.tag

    def talk(self, netns, *argv, steps):
        plan = open(harness.temp_dir(self) + '/plan', 'w+')
        self.addCleanup(plan.close)
        json.dump(steps, plan)
        plan.seek(0)
        return harness.Process(self, [harness.PYTHON, TALK, *argv], netns=netns, stdin=plan)

    def serve(self, *steps, backlog=16):
        server = self.talk(self.far, 'serve', B4, self.port, backlog, steps=steps)
        harness.wait_until('server that listens', lambda: 'ready' in server.stdout())
        return server

    def ask(self, *steps):
        return self.talk(self.near, 'ask', B4, self.port, steps=steps)

    def watch(self):
        """At the cgroup hook one tracer sees both ends; at tc each namespace has its own."""
        ends = [None] if self.hook == 'cgroup' else [self.near, self.far]
        return [self.trace('--port', self.port, device='eth0', netns=end) for end in ends]

    def records(self, tracers):
        """By side; all that is asked of every record is checked here."""
        found = {'client': [], 'server': []}
        for tracer in tracers:
            for record in tracer.stop():
                found[record['side']].append(record)
                self.check_sums(record)
        self.late = sum(tracer.summary['retransmits_late'] for tracer in tracers)
        self.assertEqual([r.get('exchange.id') for r in found['client']],
                         [r.get('exchange.id') for r in found['server']])
        return found

    def check_sums(self, record):
        for key, value in record.items():
            if key.endswith('_ns'):
                self.assertGreaterEqual(value, 0, key)
        if 'total_ns' not in record:
            return
        parts = SERVER_PARTS if record['side'] == 'server' else CLIENT_PARTS
        if all(part in record for part in parts):
            self.assertEqual(sum(record[part] for part in parts), record['total_ns'], record)

    def converse(self, server_steps, client_steps, meanwhile=None):
        """One client's conversation, watched; the records by side."""
        server = self.serve(*server_steps)
        tracers = self.watch()
        client = self.ask(*client_steps)
        if meanwhile:
            meanwhile(server, client)
        client.succeed()
        self.told = [json.loads(line) for line in client.stdout().splitlines() if '{' in line]
        harness.wait_until('end of the conversation at the server',
                           lambda: '{' in server.stdout() or ['reset'] in server_steps)
        self.server_told = [json.loads(line) for line in server.stdout().splitlines()
                            if '{' in line]
        return self.records(tracers)

    def assert_slow(self, record, part, ms, verdict):
        """That part took what was imposed (a timer may be a little early by another clock), and all
        others together took less than half of it."""
        parts = SERVER_PARTS if record['side'] == 'server' else CLIENT_PARTS
        others = [p for p in parts + BEYOND[record['side']] if p != part]
        shown = {k: v for k, v in record.items() if k.endswith('_ns') or k == 'verdict'}
        self.assertGreaterEqual(record[part], (ms - 1) * MS, shown)
        self.assertLess(sum(record.get(p, 0) for p in others), record[part] // 2, shown)
        self.assertEqual(record.get('verdict'), verdict, shown)

    def test_application(self):
        """The server sleeps before it answers."""
        got = self.converse([['head'], ['sleep', 250], ANSWER],
                            [request(self.path)] + READ_ANSWER)
        self.assert_slow(got['server'][0], 'app_ns', 250, 'app')
        self.assert_slow(got['client'][0], 'ttfb_ns', 250, 'server')
        for side in got.values():
            self.assertEqual(len(side), 1)

    def test_stopped_server(self):
        """Its request waits in the socket."""
        def stop(server, client):
            harness.wait_until('first answer', lambda: 'first' in client.stdout())
            server.send(signal.SIGSTOP)
            harness.wait_until('second request', lambda: 'second' in client.stdout())
            time.sleep(0.3)
            server.send(signal.SIGCONT)

        got = self.converse([['head'], ANSWER, ['head'], ANSWER],
                            [request('/1')] + READ_ANSWER + [['say', 'first'], ['sleep', 200],
                                                            request('/2'), ['say', 'second']]
                            + READ_ANSWER, stop)
        self.assert_slow(got['server'][1], 'queue_ns', 300, 'queue')
        self.assert_slow(got['client'][1], 'ttfb_ns', 300, 'server')

    def test_not_accepted(self):
        """The connection waits in the accept queue, with its request."""
        got = self.converse([['late', 3000], ['head'], ANSWER],
                            [request(self.path)] + READ_ANSWER)
        self.assertGreater(got['server'][0]['queue_ns'], 100 * MS)
        self.assertEqual(got['server'][0]['verdict'], 'queue')

    def test_accept_queue_is_full(self):
        """The handshake itself has to wait: the client's SYN is dropped and sent again."""
        server = self.serve(['late', 3000], ['head'], ANSWER, backlog=0)
        tracers = self.watch()
        fillers = [self.ask(['say', 'in'], ['sleep', 3500]) for _ in range(2)]
        harness.wait_until('full queue', lambda: 'in' in fillers[0].stdout()
                           or 'in' in fillers[1].stdout())
        time.sleep(0.3)
        client = self.ask(request(self.path), *READ_ANSWER)
        client.succeed()
        harness.wait_until('answer', lambda: '{' in server.stdout())
        records = [r for tracer in tracers for r in tracer.stop()]
        mine = [r for r in records if r.get('url.original') == self.path]
        verdicts = {r['side']: r.get('verdict') for r in mine}
        self.assertTrue(verdicts.get('client') == 'connect' or verdicts.get('server') == 'queue',
                        mine)
        slow = max(r.get(part, 0) for r in mine for part in ('connect_ns', 'queue_ns'))
        self.assertGreater(slow, 500 * MS)

    def test_body_comes_late(self):
        """`queue` only from the body's end on."""
        got = self.converse([['head'], ['body', 4], ANSWER],
                            [request(self.path, 4), ['sleep', 250], ['send', 'body']] + READ_ANSWER)
        self.assert_slow(got['server'][0], 'request_ns', 250, 'upload')
        self.assert_slow(got['client'][0], 'request_ns', 250, 'upload')

    def test_upload_in_pieces(self):
        steps = [request(self.path, 5)]
        for _ in range(5):
            steps += [['sleep', 50], ['send', '.']]
        got = self.converse([['head'], ['body', 5], ANSWER], steps + READ_ANSWER)
        self.assert_slow(got['server'][0], 'request_ns', 250, 'upload')

    def test_peek_is_no_read(self):
        got = self.converse([['peek'], ['sleep', 250], ['head'], ANSWER],
                            [request(self.path)] + READ_ANSWER)
        self.assert_slow(got['server'][0], 'queue_ns', 250, 'queue')

    def test_shaped_download(self):
        self.far.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'tbf', 'rate', '16mbit',
                     'burst', '16k', 'latency', '2s')
        got = self.converse([['head'], ['send', OK % 500000], ['fill', 500000], ['acked']],
                            [request(self.path), ['head'], ['body', 500000]])
        self.assert_slow(got['client'][0], 'response_ns', 150, 'download')
        self.assert_slow(got['server'][0], 'response_ns', 50, 'download')

    def test_shaped_upload(self):
        self.near.run('tc', 'qdisc', 'add', 'dev', 'eth0', 'root', 'handle', '1:', 'htb',
                      'default', '1')
        self.near.run('tc', 'class', 'add', 'dev', 'eth0', 'parent', '1:', 'classid', '1:1', 'htb',
                      'rate', '16mbit', 'burst', '16k')
        got = self.converse([['head'], ['body', 500000], ANSWER],
                            [request(self.path, 500000), ['fill', 500000]] + READ_ANSWER)
        self.assert_slow(got['server'][0], 'request_ns', 150, 'upload')
        # The last bytes leave the socket for the queue before they leave the queue.
        self.assertGreater(got['client'][0]['request_ns'], 50 * MS)
        self.assertEqual(got['client'][0]['verdict'], 'upload')

    def drop(self, netns):
        """One data packet of twenty that reaches this namespace is lost. Each holds up to four
        segments, which the kernel counts one by one."""
        for end in (self.near, self.far):
            end.ip('link', 'set', 'eth0', 'gso_max_size', '6000')
        netns.nft('''table inet loss {
            chain in {
                type filter hook prerouting priority -300;
                tcp flags & (syn | fin | rst) == 0 meta length > 100 \\
                    numgen random mod 100 < 5 drop
            }
        }''')

    def assert_retransmits(self, records, kernel):
        """Together they have what the kernel counted, but for what was sent when the capture had seen the
        acknowledgement already and the socket, busy, had not."""
        self.assertLessEqual(records, kernel)
        self.assertGreaterEqual(records, kernel * 9 // 10)
        self.assertGreaterEqual(records + self.late, kernel)

    def test_lost_responses(self):
        """Retransmissions are those that the sender's kernel counts."""
        self.drop(self.near)
        server, client = [], []
        for i in range(15):
            server += [['head'], ['send', OK % 200000], ['fill', 200000]]
            client += [request('%s/%d' % (self.path, i)), ['head'], ['body', 200000]]
        got = self.converse(server + [['acked']], client)
        self.assertEqual(len(got['server']), 15)
        want = sum(told['retransmits'] for told in self.server_told)
        self.assertGreater(want, 0)
        self.assert_retransmits(sum(r['response.retransmits'] for r in got['server']), want)
        # Before they are lost, where they arrive, tc still sees them.
        seen = 'response.retransmits' if self.hook == 'tc' else 'response.out_of_order'
        self.assertGreater(sum(r[seen] for r in got['client']), 0)
        self.assert_retransmits(sum(r['request.retransmits'] for r in got['client']),
                                sum(told['retransmits'] for told in self.told))

    def test_lost_requests(self):
        self.drop(self.far)
        server, client = [], []
        for i in range(15):
            server += [['head'], ['body', 200000], ANSWER]
            client += [request('%s/%d' % (self.path, i), 200000), ['fill', 200000]] + READ_ANSWER
        got = self.converse(server, client)
        self.assertEqual(len(got['client']), 15)
        want = sum(told['retransmits'] for told in self.told)
        self.assertGreater(want, 0)
        self.assert_retransmits(sum(r['request.retransmits'] for r in got['client']), want)

    def test_slow_reader(self):
        """Its window closes: the server has to wait. The pauses are longer than the delay of an
        acknowledgement, without which the server isn't told."""
        got = self.converse([['head'], ['send', OK % 500000], ['fill', 500000], ['acked']],
                            [['buffer', 65536], request(self.path), ['head'],
                             ['slowly', 500000, 50000, 150]])
        for side in ('client', 'server'):
            record = got[side][0]
            self.assertGreater(record['response.zero_window_ns'], 100 * MS, record)
            self.assertEqual(record['request.zero_window_ns'], 0)
            self.assertEqual(record['verdict'], 'client', record)

    def test_response_is_read_late(self):
        got = self.converse([['head'], ANSWER, ['linger']],
                            [request(self.path), ['sleep', 350]] + READ_ANSWER)
        self.assert_slow(got['client'][0], 'read_ns', 300, 'client')
        self.assertNotIn('read_ns', got['server'][0])

    def test_head_of_line(self):
        """The first of three pipelined requests is slow."""
        pipelined = ['send', ''.join(request('%s/%d' % (self.path, i))[1] for i in range(3))]
        got = self.converse([['head'], ['sleep', 250], ANSWER, ['head'], ANSWER, ['head'], ANSWER],
                            [pipelined] + READ_ANSWER * 3)
        self.assert_slow(got['server'][0], 'app_ns', 250, 'app')
        for side in ('client', 'server'):
            self.assertEqual([r.get('verdict') for r in got[side][1:]], ['head-of-line'] * 2)
            for record in got[side][1:]:
                self.assertGreaterEqual(record['hol_ns'], 249 * MS)

    def test_response_in_two_halves(self):
        """Between them the server does something else, longer than an acknowledgement is delayed."""
        got = self.converse([['head'], ['send', OK % 2 + 'o'], ['sleep', 400], ['send', 'k']],
                            [request(self.path)] + READ_ANSWER)
        self.assert_slow(got['server'][0], 'response_ns', 400, 'app')
        self.assertGreater(got['server'][0]['response.idle_ns'], 200 * MS)

    def test_reset_by_server(self):
        got = self.converse([['head'], ['send', OK % 2 + 'o'], ['acked'], ['reset']],
                            [request(self.path), ['head'], ['body', 2]])
        for side in ('client', 'server'):
            self.assertEqual(got[side][0].get('tcp.rst'), 'server', got[side][0])
            self.assertIn('reset', got[side][0]['flags'])
            self.assertNotIn('latency_ns', got[side][0])
            self.assertNotIn('verdict', got[side][0])

    def test_reset_by_client(self):
        got = self.converse([['head'], ['sleep', 300], ANSWER],
                            [request(self.path), ['sleep', 100], ['reset']])
        for side in ('client', 'server'):
            self.assertEqual(got[side][0]['tcp.rst'], 'client')
        self.assertLess(got['server'][0]['queue_ns'], 50 * MS)

    def test_finished_by_client(self):
        """It says that it has no more to ask before it is answered."""
        got = self.converse([['head'], ['sleep', 50], ANSWER],
                            [request(self.path), ['finish']] + READ_ANSWER)
        for side in ('client', 'server'):
            self.assertIn(got[side][0]['tcp.fin'], ('client', 'both'))
            self.assertIn('latency_ns', got[side][0])

    def lines(self, *options, requests=3):
        """What a traced conversation looks like in text; the pids of client and server beside."""
        server = self.serve(*[['head'], ANSWER] * requests)
        tracer = self.trace('--port', self.port, *options, device='any', netns=self.far,
                            json_output=False)
        client = self.ask(*[step for i in range(requests) for step in
                            [request('%s/%d' % (self.path, i))] + READ_ANSWER])
        client.succeed()
        harness.wait_until('end of the conversation at the server',
                           lambda: '{' in server.stdout())
        tracer.send(signal.SIGINT)
        tracer.succeed()
        return tracer.stdout(), client.pid, server.pid

    def test_joined(self):
        """Both ends in one line, with both owners and the time between; one end alone as it is."""
        text, client, server = self.lines('--joined')
        rows = [line for line in text.splitlines() if self.path in line]
        self.assertEqual(len(rows), 3)
        for row in rows:
            self.assertIn('python3[%d]' % server, row)
            cells = row.split()
            status = cells.index('200')
            latency, at_server, between = cells[status + 1:status + 4]
            self.assertNotEqual(at_server, '-')
            if self.hook == 'cgroup':
                self.assertIn('python3[%d]' % client, row)
                self.assertNotIn('-', (latency, between))
            else:
                self.assertIn(A4 + ':', row)
                self.assertEqual((latency, between), ('-', '-'))

    def test_explained(self):
        text, _, server = self.lines('--explain', '--side', 'server', requests=2)
        blocks = text.split('\n\n')
        self.assertEqual(len(blocks), 2)
        for block in blocks:
            self.assertIn(' server python3[%d] ' % server, block)
            for part in ('request', 'queue', 'app', 'response', 'ack', 'tcp'):
                self.assertIn('\n  %-9s ' % part, block)
            for line in block.splitlines()[3:]:
                self.assertLessEqual(len(line), 80)


harness.per_hook(Causes, ('cgroup', 'tc'))
