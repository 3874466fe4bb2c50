# SPDX-License-Identifier: GPL-2.0-only
"""Boots a kernel in QEMU with tests/vm/init, and takes apart what that says on the serial line."""
import collections
import json
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.join(ROOT, os.environ.get('BUILD', 'build'), 'vm')
CACHE = os.environ.get('HTTPLAT_VM_CACHE', '/var/cache/httplat-vm')
STATIC = os.path.join(ROOT, os.environ.get('HTTPLAT_STATIC', 'httplat-static'))
BUSYBOX = '/bin/busybox'
BOOT_SECONDS = 900

# `image`: the folder in CACHE.
Kernel = collections.namedtuple('Kernel', 'name image options lockdown')
KERNELS = (
    Kernel('5.10', '5.10', '', 'none'),
    Kernel('6.1', '6.1', '', 'none'),
    Kernel('6.12', '6.12', '', 'none'),
    Kernel('6.12-confidentiality', '6.12', 'lsm=lockdown,bpf lockdown=confidentiality',
           'confidentiality'),
    Kernel('newest', 'newest', '', 'none'),
)

Sent = collections.namedtuple('Sent', 'target status pid size')


def initramfs(kernel):
    """A cpio archive: busybox, the modules, httplat, and tests/vm/init as the first process."""
    tree = os.path.join(BUILD, kernel.name)
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ('bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'modules'):
        os.makedirs(os.path.join(tree, folder))
    shutil.copy(BUSYBOX, os.path.join(tree, 'bin/busybox'))
    for applet in subprocess.check_output([BUSYBOX, '--list'], text=True).split():
        if applet != 'busybox':
            os.symlink('busybox', os.path.join(tree, 'bin', applet))
    shutil.copy(STATIC, os.path.join(tree, 'bin/httplat'))
    shutil.copy(os.path.join(ROOT, 'tests/vm/init'), os.path.join(tree, 'init'))
    os.chmod(os.path.join(tree, 'init'), 0o755)
    # A static glibc would otherwise look for modules that aren't there.
    with open(os.path.join(tree, 'etc/nsswitch.conf'), 'w', encoding='ascii') as f:
        f.write(''.join(db + ': files\n' for db in ('passwd', 'group', 'hosts', 'services')))
    source = os.path.join(CACHE, kernel.image)
    for name in os.listdir(source):
        if name.endswith('.ko'):
            shutil.copy(os.path.join(source, name), os.path.join(tree, 'modules'))
    names = [os.path.relpath(os.path.join(at, n), tree)
             for at, folders, files in os.walk(tree) for n in folders + files]
    image = tree + '.cpio'
    with open(image, 'wb') as out:
        subprocess.run(['cpio', '-o', '-H', 'newc', '--quiet', '-R', '0:0'], cwd=tree, check=True,
                       input='\n'.join(names).encode(), stdout=out)
    return image


def log_of(kernel):
    return os.path.join(BUILD, kernel.name + '.log')


def boot(kernel):
    """Runs the guest to its end. Returns the lines of its serial line, and a sentence when it did not end
    well."""
    qemu = os.path.join(CACHE, 'qemu')
    env = dict(os.environ)
    env['LD_LIBRARY_PATH'] = ':'.join(os.path.join(qemu, d, 'x86_64-linux-gnu')
                                      for d in ('usr/lib', 'lib'))
    argv = [
        os.path.join(qemu, 'usr/bin/qemu-system-x86_64'),
        '-L', os.path.join(qemu, 'usr/share/qemu'), '-L', os.path.join(qemu, 'usr/share/seabios'),
        '-accel', 'tcg', '-cpu', 'max', '-machine', 'q35', '-smp', '1', '-m', '1024', '-nodefaults',
        '-display', 'none', '-serial', 'file:' + log_of(kernel), '-no-reboot',
        '-kernel', os.path.join(CACHE, kernel.image, 'vmlinuz'), '-initrd', initramfs(kernel),
        '-append', 'console=ttyS0 loglevel=2 panic=-1 mitigations=off tsc=reliable no_timer_check '
                   + kernel.options]
    try:
        subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, timeout=BOOT_SECONDS, check=True)
        end = None
    except subprocess.TimeoutExpired:
        end = 'the guest did not end within %d s' % BOOT_SECONDS
    except (subprocess.CalledProcessError, OSError) as why:
        end = 'QEMU: %s' % why
    shutil.rmtree(os.path.join(BUILD, kernel.name), ignore_errors=True)
    with open(log_of(kernel), encoding='utf-8', errors='backslashreplace') as f:
        rows = f.read().replace('\r\n', '\n').split('\n')
    return rows, end


class Guest:
    """What the guest said, see tests/vm/init."""

    def __init__(self, rows):
        self.facts = {}
        self.status = {}
        self.seconds = {}
        self.files = {}
        self.sent = collections.defaultdict(list)
        self.notes = []
        self.done = False
        into = None
        for row in rows:
            word = row.split()
            if word[:2] == ['@@', 'end']:
                into = None
            elif into is not None:
                into.append(row)
            elif word[:1] == ['@@'] and len(word) > 1:
                into = self._take(word[1], word[2:])

    def _take(self, key, word):
        """One line; returns where those that follow go."""
        if key == 'begin':
            return self.files.setdefault(word[0], [])
        if key == 'status':
            self.status[word[0]] = int(word[1])
        elif key == 'seconds':
            self.seconds[word[0]] = int(word[1])
        elif key == 'sent':
            self.sent[word[0]].append(Sent(word[1], int(word[2]), int(word[3]),
                                           None if word[4] == '-' else int(word[4])))
        elif key == 'note':
            self.notes.append(' '.join(word))
        elif key == 'done':
            self.done = True
        else:
            self.facts[key] = ' '.join(word)
        return None

    def banner(self, run):
        return '\n'.join(self.files.get(run + '.err', []))

    def objects(self, run):
        """The records of a run, and its summary."""
        records, summary = [], {}
        for row in self.files.get(run + '.out', []):
            if not row.strip():
                continue
            try:
                one = json.loads(row)
            except ValueError:
                raise ValueError('not JSON: ' + row[:200]) from None
            if 'http.request.method' in one:
                records.append(one)
            summary = one.get('httplat.summary', summary)
        return records, summary
