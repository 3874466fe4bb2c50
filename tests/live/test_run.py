# SPDX-License-Identifier: GPL-2.0-only
"""How a run ends, what stays behind, what is refused and with which exit status."""
import json
import os
import signal
import subprocess
import unittest

import harness
import match


def small(test, server, count, **more):
    """`count` requests, one connection each."""
    plans = [dict({'host': '127.0.0.1', 'port': server.port, 'exchanges': [
        {'path': '/f/17/%s/%d' % (test.tag, n)}]}, **more) for n in range(count)]
    return harness.fetch(test, plans, netns=test.ns)


class Ending:
    """In a namespace of its own: with tc and socket there is no traffic but the test's."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.ns = harness.Netns(cls)
        cls.server = harness.PyServer(cls, harness.Cgroup(cls), cls.ns)

    def start(self, *options, **kw):
        # -g: the cgroup hook would see the machine's other traffic.
        return self.trace('-g', self.server.cgroup.path, *options, netns=self.ns, **kw)

    def mine(self, tracer):
        return match.mine(tracer.objects(), self.tag)

    def test_signals(self):
        """SIGINT, SIGTERM and SIGHUP: what is complete is printed, then the counts; status 0."""
        for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            self.tag = harness.unique('id')
            tracer = self.start()
            small(self, self.server, 5)
            tracer.stop(sig)
            self.assertEqual(len(self.mine(tracer)), 5)
            for word in ('requests', 'responses', 'pairs', 'unpaired', 'segments', 'bytes copied',
                         'bytes elided', 'events lost', 'gaps'):
                self.assertIn(word, tracer.stderr())
            self.assertGreaterEqual(tracer.summary['pairs'], 5)
            self.assertGreaterEqual(tracer.summary['requests'], tracer.summary['pairs'])
            self.assertEqual(tracer.summary['events_lost'], 0)

    def test_signal_while_a_request_waits(self):
        """A request whose response hasn't come is reported as what it is."""
        tracer = self.start()
        client = harness.Client(self, {'host': '127.0.0.1', 'port': self.server.port, 'exchanges': [
            {'path': '/held/20000/' + self.tag, 'held': True}]}, netns=self.ns).ready()
        small(self, self.server, 1)
        tracer.stop()
        client.end()
        flags = {r['url.original'].split('/')[1]: r['flags'] for r in self.mine(tracer)}
        self.assertEqual(flags['f'], [])
        self.assertIn('no-response', flags['held'])

    def test_lines_appear_while_it_runs(self):
        tracer = self.start()
        small(self, self.server, 3)
        harness.wait_until('line of output', lambda: len(self.mine(tracer)) == 3)
        tracer.stop()

    def test_count(self):
        tracer = self.start('-n', '3')
        small(self, self.server, 8)
        self.assertEqual(tracer.wait(), 0)
        self.assertEqual(len(self.mine(tracer)), 3)
        self.assertTrue(tracer.summary)

    def test_duration(self):
        """-d ends it; -n that isn't reached is no failure."""
        tracer = self.start('-d', '1500ms', '-n', '1000000')
        small(self, self.server, 2)
        self.assertEqual(tracer.wait(), 0)
        self.assertEqual(len(self.mine(tracer)), 2)

    def test_head(self):
        """The reader of its output goes away: it ends quietly."""
        for options in ((), ('-o', 'json')):
            tracer = self.start(*options, json_output=False, stdout=subprocess.PIPE)
            small(self, self.server, 2)
            self.assertTrue(tracer.proc.stdout.readline())
            tracer.proc.stdout.close()
            # It notices when it writes the next time.
            for _ in range(20):
                small(self, self.server, 2)
                if tracer.proc.poll() is not None:
                    break
            self.assertEqual(tracer.wait(), 0)
            self.assertNotIn('roken pipe', tracer.stderr())

    def test_text(self):
        tracer = self.start(json_output=False)
        small(self, self.server, 4)
        tracer.send(signal.SIGINT)
        self.assertEqual(tracer.wait(), 0)
        lines = tracer.stdout().splitlines()
        heads = [line for line in lines if line.startswith('TIME')]
        self.assertEqual(len(heads), 1)
        self.assertEqual(lines[0], heads[0])
        mine = [line for line in lines if self.tag in line]
        self.assertEqual(len(mine), 4)
        for line in mine:
            self.assertEqual(line.split()[1], '<')
            self.assertIn(str(self.server.pid), line.split())
            self.assertIn(' 200 ', line)

    def test_silence_is_explained(self):
        tracer = self.start(json_output=False)
        tracer.send(signal.SIGINT)
        self.assertEqual(tracer.wait(), 0)
        self.assertEqual(tracer.stdout().count('\n'), tracer.stdout().startswith('TIME'))
        self.assertRegex(tracer.stderr(), r'(?i)no (request|transaction|HTTP|packet)')

    def attached(self):
        """What is attached at the interfaces of the namespace, and ids of programs at the cgroup
        root."""
        net = self.ns.run('bpftool', '-j', 'net', 'show').stdout
        tree = harness.run('bpftool', '-j', 'cgroup', 'show', harness.cgroup2_mount(),
                           check=False).stdout.strip()
        return net, {row['id'] for row in (json.loads(tree) if tree else [])}

    @staticmethod
    def programs():
        """Program ids that are loaded now."""
        return {p['id'] for p in json.loads(harness.run('bpftool', '-j', 'prog', 'show').stdout)}

    @staticmethod
    def programs_of(pid):
        """Ids of the programs that this process holds open."""
        ids = set()
        folder = '/proc/%d/fdinfo' % pid
        for fd in os.listdir(folder):
            with open(os.path.join(folder, fd)) as f:
                for line in f:
                    if line.startswith('prog_id:'):
                        ids.add(int(line.split()[1]))
        return ids

    def start_and_look(self):
        """A tracer, what was attached before it, and the ids of its programs."""
        harness.need('bpftool')
        before = self.attached()
        tracer = self.start()
        ids = self.programs_of(tracer.pid)
        self.assertTrue(ids, 'it holds no program: the test cannot show anything')
        if self.hook == 'cgroup':
            self.assertTrue(ids & self.attached()[1])
        return tracer, before, ids

    def gone(self, before, ids):
        harness.wait_until('end of its programs', lambda: not ids & self.programs())
        net, group = self.attached()
        self.assertEqual(net, before[0])
        self.assertFalse(ids & group)

    def test_nothing_stays(self):
        tracer, before, ids = self.start_and_look()
        tracer.stop()
        self.gone(before, ids)

    def test_kill(self):
        """After kill -9 nothing stays attached, or the next run removes it."""
        tracer, before, ids = self.start_and_look()
        small(self, self.server, 2)
        tracer.send(signal.SIGKILL)
        tracer.wait()
        if self.hook == 'tc' and 'clsact' in self.ns.run('tc', 'qdisc', 'show').stdout:
            self.start().stop()
        self.gone(before, ids)
        # And the next run sees everything.
        self.tag = harness.unique('id')
        tracer = self.start()
        small(self, self.server, 3)
        tracer.stop()
        self.assertEqual(len(self.mine(tracer)), 3)

    def test_two_at_once(self):
        first, second = self.start(), self.start()
        small(self, self.server, 5)
        first.stop()
        self.assertEqual(len(self.mine(first)), 5)
        self.tag = harness.unique('id')
        small(self, self.server, 5)
        second.stop()
        self.assertEqual(len(self.mine(second)), 5)

    def test_filters(self):
        """-p, --comm, --port, --side, -g: what they leave, and nothing else."""
        other = harness.PyServer(self, harness.Cgroup(self), self.ns)
        waiting = {'exchanges': [{'path': '/f/1/ID/a', 'wait': True}, {'path': '/f/17/ID/b'}],
                   'host': '127.0.0.1', 'port': other.port}
        for option, sides in (('-p', {'client'}), ('--comm', {'client', 'server'}),
                              ('--port', {'client', 'server'}), ('--side', {'server'}),
                              ('-g', {'server'}), ('-p server', {'server'})):
            with self.subTest(option=option):
                self.tag = harness.unique('id')
                plan = json.loads(json.dumps(waiting).replace('ID', self.tag))
                client = harness.Client(self, plan, netns=self.ns).ready()
                value = {'-p': client.pid, '-p server': other.pid, '--comm': other.comm,
                         '--port': other.port, '--side': 'server',
                         '-g': other.cgroup.path}[option]
                tracer = self.trace(option.split()[0], value, netns=self.ns)
                small(self, self.server, 3)
                client.go()
                client.wait()
                got = match.mine(tracer.stop(), self.tag)
                inside = [r for r in got if r['server.port'] == other.port]
                outside = [r for r in got if r['server.port'] != other.port]
                self.assertEqual({r['side'] for r in inside}, sides)
                self.assertEqual(len(inside), 2 * len(sides), inside)
                if option in ('--comm', '--side'):  # the others run python as well
                    self.assertEqual(len(outside), 3 * len(sides))
                else:
                    self.assertEqual(outside, [])

    def test_no_such_comm(self):
        tracer = self.trace('--comm', 'nobody-has-this', netns=self.ns)
        small(self, self.server, 3)
        self.assertEqual(match.mine(tracer.stop(), self.tag), [])

    def test_verbose(self):
        """-v: every segment, decoded, and the requests besides."""
        tracer = self.trace('-v', '--port', self.server.port, netns=self.ns, json_output=False)
        rows = small(self, self.server, 2)
        tracer.send(signal.SIGINT)
        self.assertEqual(tracer.wait(), 0)
        text = tracer.stdout()
        self.assertEqual(sum(self.tag in line and ' 200 ' in line for line in text.splitlines()), 4)
        for row in rows:
            # SYN, SYN-ACK, ACK, request, ACK, response ..., FINs: more than six segments.
            lines = [line for line in text.splitlines() if str(row['port']) in line]
            self.assertGreater(len(lines), 6)
            self.assertTrue(any('SYN' in line for line in lines))
            self.assertTrue(any('FIN' in line for line in lines))

    def test_snaplen(self):
        """Bodies are cut; their sizes are known all the same."""
        tracer = self.start('-s', '200')
        plan = {'host': '127.0.0.1', 'port': self.server.port, 'exchanges': [
            {'path': '/f/70000/%s/%d' % (self.tag, n)} for n in range(3)]}
        harness.fetch(self, plan, netns=self.ns)
        tracer.stop()
        self.assertEqual([r['http.response.body.size'] for r in self.mine(tracer)], [70000] * 3)

    def test_fail_if(self):
        """Status 4 when it holds, and which one; 0 when not."""
        for condition, status in (('errors>0', 0), ('count<6', 4), ('max<10h', 4), ('lost>0', 0)):
            tracer = self.start('--fail-if', 'p99>10h', '--fail-if', condition, '--side', 'server',
                                '-n', '5')
            small(self, self.server, 5)
            self.assertEqual(tracer.wait(), status, tracer.stderr())
            self.assertEqual('--fail-if %s holds' % condition in tracer.stderr(), status == 4)

    def test_until_slow(self):
        tracer = self.start('--side', 'server', '--until-slow', '150ms')
        small(self, self.server, 5)
        plan = {'host': '127.0.0.1', 'port': self.server.port,
                'exchanges': [{'path': '/held/200/' + self.tag}]}
        harness.fetch(self, [plan], netns=self.ns)
        self.assertEqual(tracer.wait(), 0)
        rows = self.mine(tracer)
        self.assertEqual(len(rows), 6)
        self.assertGreater(rows[-1]['latency_ns'], 150000000)

    def test_stat(self):
        """A table at the end, that counts what the records would be."""
        tracer = harness.Tracer(self, 'stat', *harness.hook_options(self.hook, 'lo', self.ns), '-g',
                                self.server.cgroup.path, '--by', 'route,status', '--side', 'server',
                                '-o', 'json', json_output=False)
        small(self, self.server, 7)
        harness.wait_until('answers', lambda: len(self.server.log(7, self.tag)) == 7)
        rows = tracer.stop()
        self.assertEqual([(r['side'], r['count'], r['errors'], r['http.response.status_code'])
                          for r in rows if self.tag in r['url.route']], [('server', 7, 0, 200)])
        self.assertEqual(tracer.summary['transactions'], 7)


class Interfaces:
    """Of the hooks that have them."""
    ns = None

    def test_any(self):
        near, self.ns = harness.Netns(self, 'a'), harness.Netns(self, 'b')
        harness.veth(near, self.ns)
        server = harness.PyServer(self, harness.Cgroup(self), self.ns, '0.0.0.0')
        tracer = self.trace(device='any', netns=self.ns)
        small(self, server, 3)
        harness.fetch(self, [{'host': '10.231.0.2', 'port': server.port, 'exchanges': [
            {'path': '/f/17/%s/far' % self.tag}]}], netns=near)
        got = match.mine(tracer.stop(), self.tag)
        self.assertEqual(sorted(r['side'] for r in got), ['client'] * 3 + ['server'] * 4)

    def test_no_such_interface(self):
        done = harness.run(harness.HTTPLAT, '--hook', self.hook, '-i', 'nowhere0', check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn('nowhere0', done.stderr)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    def test_one_interface_of_two_does_not_exist(self):
        """Refused as a whole: at the one that exists nothing stays attached."""
        harness.need('bpftool')
        ns = harness.Netns(self)
        before = ns.run('bpftool', '-j', 'net', 'show').stdout
        done = harness.run(harness.HTTPLAT, '--hook', self.hook, '-i', 'lo', '-i', 'nowhere0',
                           '--netns', ns.name, check=False)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertIn('nowhere0', done.stderr)
        self.assertEqual(ns.run('bpftool', '-j', 'net', 'show').stdout, before)

    def test_routed_traffic(self):
        """What a router forwards belongs to no process of it: side transit."""
        a, router, b = harness.Netns(self, 'a'), harness.Netns(self, 'r'), harness.Netns(self, 'b')
        router.ip('link', 'add', 'toa', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', a.name)
        router.ip('link', 'add', 'tob', 'type', 'veth', 'peer', 'name', 'eth0', 'netns', b.name)
        router.sysctl('net.ipv4.ip_forward', 1)
        for ns, device, address in ((router, 'toa', '10.232.1.1/24'), (a, 'eth0', '10.232.1.2/24'),
                                    (router, 'tob', '10.232.2.1/24'), (b, 'eth0', '10.232.2.2/24')):
            ns.ip('addr', 'add', address, 'dev', device)
            ns.ip('link', 'set', device, 'up')
        a.ip('route', 'add', 'default', 'via', '10.232.1.1')
        b.ip('route', 'add', 'default', 'via', '10.232.2.1')
        server = harness.PyServer(self, harness.Cgroup(self), b, '10.232.2.2')
        tracer = self.trace(device='toa', netns=router)
        rows = harness.fetch(self, {'host': '10.232.2.2', 'port': server.port, 'exchanges': [
            {'path': '/f/70000/%s/%d' % (self.tag, n)} for n in range(5)]}, netns=a)
        got = tracer.stop()
        wants = [{'side': 'transit', 'url.original': row['path'], 'flags': [],
                  'http.response.status_code': 200, 'http.response.body.size': 70000,
                  'process.pid': match.ABSENT} for row in rows]
        match.check(self, tracer, got, wants)


class Refused(harness.LiveTest):
    """One sentence, and the exit status of its kind."""

    @classmethod
    def setUpClass(cls):
        harness.need('setpriv', 'unshare')
        cls.binary = harness.anybodys_httplat(cls)

    def refused(self, status, *argv, words=()):
        done = harness.run(*argv, check=False)
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertEqual(done.stdout, '')
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_not_root(self):
        for options in ((), ('-i', 'lo'), ('--hook', 'socket', '-i', 'lo')):
            with self.subTest(options=options):
                self.refused(3, 'setpriv', '--reuid', '65534', '--regid', '65534',
                             '--clear-groups', self.binary, '-d', '1s', *options, words=['root'])

    def test_no_cgroup2_mounted(self):
        """Where no cgroup2 is mounted it mounts one for itself, seen by nobody else."""
        before = open('/proc/mounts').read()
        server = harness.PyServer(self, harness.Cgroup(self))
        wrap = ['unshare', '--mount', '--', 'sh', '-c', 'umount -l "$0" && exec "$@"',
                harness.cgroup2_mount()]
        tracer = harness.Tracer(self, '--hook', 'cgroup', wrap=wrap)
        self.ns = None
        small(self, server, 3)
        got = match.mine(tracer.stop(), self.tag)
        self.assertEqual(sorted(r['side'] for r in got), ['client'] * 3 + ['server'] * 3)
        self.assertEqual({r.get('process.pid') for r in got if r['side'] == 'server'}, {server.pid})
        self.assertEqual(open('/proc/mounts').read(), before)

    def test_no_cgroup2_to_be_had(self):
        """Nor a way to mount it: the default goes on at every interface and says so, --hook cgroup does not."""
        server = harness.PyServer(self, harness.Cgroup(self))
        wrap = ['unshare', '--mount', '--', 'sh', '-c',
                'umount -l "$0" && exec setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$@"',
                harness.cgroup2_mount()]
        self.refused(3, *wrap, self.binary, '--hook', 'cgroup', words=['cgroup2', 'CAP_SYS_ADMIN'])
        tracer = harness.Tracer(self, wrap=wrap)
        self.assertRegex(tracer.stderr(), 'every interface .tc hook')
        self.assertRegex(tracer.stderr(), 'note: every interface instead of .*cgroup2')
        self.ns = None
        small(self, server, 3)
        got = match.mine(tracer.stop(), self.tag)
        self.assertEqual(sorted((r['side'], r['hook']) for r in got),
                         [('client', 'tc')] * 3 + [('server', 'tc')] * 3)
        self.assertEqual({r.get('process.pid') for r in got if r['side'] == 'server'}, {server.pid})

    def test_interface_and_hook_that_do_not_exist(self):
        self.refused(2, self.binary, '-i', 'nowhere0', words=['nowhere0'])
        self.refused(2, self.binary, '--hook', 'kprobe', words=['kprobe'])

    def test_namespace_that_does_not_exist(self):
        done = harness.run(self.binary, '--netns', 'nowhere', '-i', 'lo', check=False)
        self.assertIn(done.returncode, (1, 2), done.stderr)
        self.assertIn('nowhere', done.stderr)

    def test_cgroup_that_does_not_exist(self):
        """It may come yet."""
        done = harness.run(self.binary, '-g', '/no/such/group', '-d', '100ms')
        self.assertIn('no cgroup /no/such/group yet; waiting', done.stderr)

    def test_process_that_does_not_exist(self):
        done = harness.run(self.binary, '-p', '4194303', '-d', '100ms')
        self.assertIn('there is no process 4194303', done.stderr)

    def test_expression_that_does_not_parse(self):
        self.refused(2, self.binary, '-f', 'tcp porrt 80', '-d', '1s', words=['porrt'])

    def test_live_expression(self):
        """-f works live, or says that it doesn't."""
        server, other = harness.PyServer(self), harness.PyServer(self)
        tracer = harness.Tracer(self, '-f', 'tcp port %d' % server.port)
        self.ns = None
        small(self, server, 3)
        small(self, other, 3)
        got = match.mine(tracer.stop(), self.tag)
        self.assertEqual([r['server.port'] for r in got], [server.port] * 6)

    def test_check(self):
        """`httplat check` on a host where these tests run: everything that is needed is there."""
        done = harness.run(self.binary, 'check', check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for word in ('cgroup', 'tc', 'socket', 'btf'):
            self.assertIn(word, done.stdout)
        self.assertEqual(done.stdout.count('decides on -f'), 3, done.stdout)

    def test_check_without_root(self):
        done = harness.run('setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups',
                           self.binary, 'check', check=False)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)


class Command(harness.LiveTest):
    """-- COMMAND: it is run where httplat is, traced with its children, and the run ends with it."""

    def command(self, *argv, options=()):
        return harness.Tracer(self, *options, '--', *argv, wait=False)

    def test_children_are_traced(self):
        server = harness.PyServer(self, harness.Cgroup(self))
        urls = tuple('http://127.0.0.1:%d/f/%d/%s' % (server.port, n, self.tag) for n in (17, 1000))
        tracer = self.command('sh', '-c', 'curl -s -o /dev/null %s & wait; '
                              'exec curl -s -o /dev/null %s' % urls)
        self.assertEqual(tracer.wait(), 0, tracer.stderr())
        rows = [r for r in tracer.objects() if self.tag in r['url.original']]
        self.assertEqual([(r['side'], r['process.executable.name']) for r in rows],
                         [('client', 'curl')] * 2)
        self.assertNotEqual(rows[0]['process.pid'], rows[1]['process.pid'])

    def test_its_status_is_said(self):
        tracer = self.command('sh', '-c', 'exit 7')
        self.assertEqual(tracer.wait(), 0)
        self.assertIn('the command ended with status 7', tracer.stderr())

    def test_no_such_program(self):
        tracer = self.command('/nonexistent/program')
        self.assertEqual(tracer.wait(), 2)
        self.assertIn('cannot run the command: No such file', tracer.stderr())

    def test_it_ends_with_the_run(self):
        tracer = self.command('sleep', '1000', options=('-d', '300ms'))
        harness.wait_until('sleep', lambda: harness.children_of(tracer.pid))
        child, = harness.children_of(tracer.pid)
        self.assertEqual(tracer.wait(), 0)
        self.assertFalse(os.path.exists('/proc/%d' % child))


harness.per_hook(Ending)
harness.per_hook(Interfaces, ('tc', 'socket'))


if __name__ == '__main__':
    unittest.main()
