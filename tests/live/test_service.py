# SPDX-License-Identifier: GPL-2.0-only
"""httplat.service under a real systemd, which confines it as it would on a host.

systemd-nspawn boots this host's own /usr with what `make install` puts below it, an empty network and a cgroup2
hierarchy. There a script starts the service, has one unit ask another for a page that is not there, and
keeps what came of it."""
import glob
import json
import os
import shutil
import unittest

import harness
from base import ROOT, Process, need, run, temp_dir, undo_later

CAPABILITIES = {'CAP_DAC_READ_SEARCH': 2, 'CAP_NET_ADMIN': 12, 'CAP_SYS_PTRACE': 19,
                'CAP_PERFMON': 38, 'CAP_BPF': 39}

WEB = '''
[Service]
ExecStart=/usr/bin/python3 -m http.server --bind 127.0.0.1 8000
'''

ASK = '''
[Service]
Type=oneshot
ExecStart=/usr/bin/curl -s -o /dev/null --retry 20 --retry-connrefused http://127.0.0.1:8000/missing?token=s3cret
'''

# Whatever happens, it is over after that.
PROBE = '''
[Service]
Type=oneshot
StandardOutput=file:/kept/log
StandardError=inherit
ExecStart=/bin/sh -x /probe
ExecStopPost=/bin/systemctl --no-block --force poweroff
TimeoutStartSec=60
'''

SCRIPT = '''
ip link set lo up
systemctl is-enabled httplat >/kept/enabled
systemctl start httplat
for i in $(seq 100); do
	! journalctl -u httplat -o cat | grep -q "^tracing" || break
	sleep 0.1
done
systemctl start web
systemctl start ask
cp /proc/$(systemctl show -P MainPID httplat)/status /kept/status
systemctl stop httplat
journalctl -u httplat -o cat >/kept/journal
systemctl show -P Result httplat >/kept/result
cp -r /var/lib/httplat/ /kept/saved
stat -L -c '%a %U' /var/lib/httplat >/kept/mode
sed 's/ 2w$/ 0/' /usr/lib/tmpfiles.d/httplat.conf >/etc/tmpfiles.d/httplat.conf
systemd-tmpfiles --clean httplat.conf && ls -A /var/lib/httplat/ >/kept/old

ip netns add elsewhere
ip -n elsewhere link set lo up
echo 'OPTIONS="--netns elsewhere --hook socket --slow 1us"' >/etc/default/httplat
systemctl start httplat
systemctl is-active httplat
mkdir /etc/systemd/system/httplat.service.d
cp /more /etc/systemd/system/httplat.service.d/override.conf
systemctl daemon-reload
systemctl restart httplat
for i in $(seq 100); do
	[ "$(journalctl -u httplat -o cat | grep -c '^tracing')" -lt 2 ] || break
	sleep 0.1
done
journalctl -u httplat -o cat >/kept/more
'''


def documented():
    """What httplat.8 says that `systemctl edit` has to add."""
    with open(ROOT + '/httplat.8', encoding='utf-8') as f:
        text = f.read()
    section = text[text.index('.SH AS A SERVICE'):text.index('.SH FILES')]
    rows = section[section.index('.B [Service]'):].splitlines()
    return ''.join(row[3:].replace('\\-', '-') + '\n' for row in rows if row.startswith('.B '))


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='ascii') as f:
        f.write(text)


def new_cgroup(test):
    """One for the machine, in each hierarchy that systemd uses; it may leave others below. The files to join
    by."""
    name = harness.unique('httplat-test-machine')
    mounts = [harness.cgroup2_mount(), '/sys/fs/cgroup/systemd']
    made = [os.path.join(m, name) for m in mounts if os.path.exists(m + '/cgroup.procs')]

    def remove():
        for top in made:
            for at, _, _ in os.walk(top, topdown=False):
                os.rmdir(at)

    for path in made:
        os.mkdir(path)
    undo_later(test, remove)
    return [path + '/cgroup.procs' for path in made]


class Machine:
    def __init__(self, test):
        self.test = test
        self.installed, self.root = temp_dir(test), temp_dir(test)
        run('make', '-C', ROOT, '-s', 'install', 'DESTDIR=' + self.installed, 'PREFIX=/usr', timeout=60,
            env={k: v for k, v in os.environ.items() if not k.startswith('MAKE')})
        os.chmod(self.root, 0o755)
        for name in ('usr', 'var', 'dev', 'proc', 'sys', 'run', 'tmp', 'root', 'kept', 'etc/tmpfiles.d'):
            os.makedirs(os.path.join(self.root, name))
        for name in os.listdir('/'):
            if os.path.islink('/' + name) and os.readlink('/' + name).startswith('usr/'):
                os.symlink(os.readlink('/' + name), os.path.join(self.root, name))
        shutil.copy('/etc/os-release', self.root + '/etc')
        # Not its first boot: nobody is asked, and no unit of the host's is enabled.
        write(self.root + '/etc/machine-id', os.urandom(16).hex() + '\n')
        for name, text in (('web', WEB), ('ask', ASK), ('probe', PROBE)):
            write('%s/etc/systemd/system/%s.service' % (self.root, name), text)
        write(self.root + '/probe', SCRIPT)
        write(self.root + '/more', documented())
        self.argv = ['systemd-nspawn', '--quiet', '--register=no', '--keep-unit', '--private-network',
                     '--directory=' + self.root, '--overlay-ro=/usr:%s/usr:/usr' % self.installed,
                     '--capability=' + ','.join(CAPABILITIES),
                     '--system-call-filter=bpf perf_event_open']

    def run(self, *more, seconds):
        join = ''.join('echo $$ >"%s" && ' % procs for procs in new_cgroup(self.test))
        process = Process(self.test, ['/bin/sh', '-c', join + 'exec "$@"', 'sh', *self.argv, *more], env=dict(
            os.environ, SYSTEMD_NSPAWN_UNIFIED_HIERARCHY='1', SYSTEMD_LOG_TARGET='console'))
        return process.wait(seconds), process.stdout() + process.stderr()

    def boot(self):
        status, said = self.run('/bin/true', seconds=20)
        if status:
            raise unittest.SkipTest('systemd-nspawn does not work here: ' + said.strip()[-300:])
        _, self.said = self.run('--boot', 'systemd.unit=probe.service', seconds=90)

    def kept(self, name):
        try:
            with open(os.path.join(self.root, 'kept', name), encoding='utf-8') as f:
                return f.read()
        except FileNotFoundError:
            log = self.kept('log') if name != 'log' else ''
            raise AssertionError('the machine left no %s; %s\n%s' % (name, log, self.said[-2000:]))


class Service(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        need('systemd-nspawn', 'make', 'curl', 'ip')
        if not os.path.islink('/bin'):
            raise unittest.SkipTest('/bin is not in /usr here')
        if not harness.cgroup2_mount():
            raise unittest.SkipTest('no cgroup2 is mounted')
        cls.machine = Machine(cls)
        # Each request counts as slow.
        write(cls.machine.root + '/etc/default/httplat', 'OPTIONS="--slow=1us -o json"\n')
        cls.machine.boot()

    def test_traces(self):
        """The request with the units of both its ends, in the journal; and a clean end."""
        rows = self.machine.kept('journal').splitlines()
        said = [row for row in rows if row.startswith(('note:', 'httplat:', 'tracing'))]
        self.assertRegex(said[0], '^tracing HTTP at every local socket')
        self.assertEqual(len(said), 1, said)
        records = [json.loads(row) for row in rows if row.startswith('{"time"')]
        self.assertEqual(
            sorted((r['side'], r['systemd.unit'], r['process.executable.name'], r['linux.cgroup.path'],
                    r['http.response.status_code'], r['url.original']) for r in records),
            [(side, name + '.service', comm, '/system.slice/%s.service' % name, 404,
              '/missing?token=REDACTED') for side, name, comm in (('client', 'ask', 'curl'),
                                                                 ('server', 'web', 'python3'))], rows)
        self.assertTrue(all('latency_ns' in r for r in records))
        self.assertIn('queue_ns', next(r for r in records if r['side'] == 'server'))
        self.assertEqual(self.machine.kept('result'), 'success\n')

    def test_records(self):
        """Each is in a file of its own, which only root and the service may read."""
        files = glob.glob(self.machine.root + '/kept/saved/*.pcapng')
        self.assertEqual(len(files), 2, self.machine.kept('log'))
        records = [r for path in files for r in harness.offline(self, path)]
        self.assertEqual({r['systemd.unit'] for r in records}, {'ask.service', 'web.service'})
        mode, user = self.machine.kept('mode').split()
        self.assertEqual(mode, '700')
        self.assertNotEqual(user, 'root')
        self.assertEqual(self.machine.kept('old'), '')

    def test_confined(self):
        """Not root, with at most those capabilities, of which it has dropped those that attaching took; it can't get others,
        and has a system call filter of systemd's and its own."""
        status = dict(row.split(':\t', 1) for row in self.machine.kept('status').splitlines())
        self.assertNotIn('0', status['Uid'].split())
        self.assertEqual(int(status['CapBnd'], 16), sum(1 << bit for bit in CAPABILITIES.values()))
        for kind in ('CapPrm', 'CapEff', 'CapAmb'):
            for dropped in ('CAP_NET_ADMIN', 'CAP_PERFMON'):
                self.assertFalse(int(status[kind], 16) & 1 << CAPABILITIES[dropped], (kind, dropped))
        self.assertEqual(status['NoNewPrivs'].strip(), '1')
        self.assertEqual(status['Seccomp'].strip(), '2')

    def test_not_enabled(self):
        self.assertEqual(self.machine.kept('enabled'), 'disabled\n')

    def test_more_rights(self):
        """What httplat.8 says to add for --netns and --hook socket is enough, and needed."""
        rows = self.machine.kept('more').splitlines()[len(self.machine.kept('journal').splitlines()):]
        self.assertRegex('\n'.join(rows), '(?s)httplat: .*CAP_.*\ntracing HTTP at .*')
