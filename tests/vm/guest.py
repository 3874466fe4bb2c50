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
DEPS = os.environ.get('HTTPLAT_DEPS', '/usr/local/lib/httplat-deps')
BUSYBOX = '/bin/busybox'
BOOT_SECONDS = 900

# What is emulated. `qemu`: the folder in CACHE, and the program; `busybox`, `static`: what runs on it.
Machine = collections.namedtuple('Machine', 'qemu program arguments console static busybox remedy')
AMD64 = Machine('qemu', 'qemu-system-x86_64', ('-machine', 'q35', '-cpu', 'max'),
                'console=ttyS0 tsc=reliable no_timer_check', STATIC, BUSYBOX,
                'make static; tools/setup --vm')
# Pointers are authenticated by an algorithm that is quick to emulate.
ARM64 = Machine('qemu-arm64', 'qemu-system-aarch64', ('-machine', 'virt', '-cpu', 'max,pauth-impdef=on'),
                'console=ttyAMA0', STATIC + '-arm64', os.path.join(DEPS, 'arm64/bin/busybox'),
                'tools/setup --vm --arm64; make static ARCH=arm64')

# `image`: the folder in CACHE.
Kernel = collections.namedtuple('Kernel', 'name image options lockdown machine')
KERNELS = (
    Kernel('5.10', '5.10', '', 'none', AMD64),
    Kernel('6.1', '6.1', '', 'none', AMD64),
    Kernel('6.12', '6.12', '', 'none', AMD64),
    Kernel('6.12-confidentiality', '6.12', 'lsm=lockdown,bpf lockdown=confidentiality',
           'confidentiality', AMD64),
    Kernel('newest', 'newest', '', 'none', AMD64),
    Kernel('5.10-arm64', '5.10-arm64', '', 'none', ARM64),
    Kernel('6.1-arm64', '6.1-arm64', '', 'none', ARM64),
    Kernel('6.12-arm64', '6.12-arm64', '', 'none', ARM64),
    # Pages of 16 KB.
    Kernel('6.12-arm64-16k', '6.12-arm64-16k', '', 'none', ARM64),
)

Sent = collections.namedtuple('Sent', 'target status pid size')


def emulator(machine):
    return os.path.join(CACHE, machine.qemu, 'usr/bin', machine.program)


def lacks(kernel):
    """A sentence when something that it takes is not there, else ''."""
    for path in (emulator(kernel.machine), os.path.join(CACHE, kernel.image, 'vmlinuz'),
                 kernel.machine.static, kernel.machine.busybox, BUSYBOX):
        if not os.path.exists(path):
            return '%s is not there: run %s' % (path, kernel.machine.remedy)
    return ''


def small_btf(kernel):
    """What httplat asks of the kernel's types, made of its image."""
    folder = os.path.join(BUILD, kernel.name + '.btf')
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    subprocess.run([os.path.join(ROOT, 'tools/mkbtf'), '-o', folder,
                    os.path.join(CACHE, kernel.image, 'vmlinuz')], cwd=ROOT, check=True,
                   stdout=subprocess.DEVNULL)
    name, = os.listdir(folder)
    return os.path.join(folder, name)


def initramfs(kernel):
    """A cpio archive: busybox, the modules, httplat, and tests/vm/init as the first process."""
    tree = os.path.join(BUILD, kernel.name)
    shutil.rmtree(tree, ignore_errors=True)
    for folder in ('bin', 'dev', 'etc', 'proc', 'sys', 'tmp', 'modules'):
        os.makedirs(os.path.join(tree, folder))
    shutil.copy(kernel.machine.busybox, os.path.join(tree, 'bin/busybox'))
    for applet in subprocess.check_output([BUSYBOX, '--list'], text=True).split():
        if applet != 'busybox':
            os.symlink('busybox', os.path.join(tree, 'bin', applet))
    shutil.copy(kernel.machine.static, os.path.join(tree, 'bin/httplat'))
    shutil.copy(small_btf(kernel), os.path.join(tree, 'btf'))
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
    machine = kernel.machine
    qemu = os.path.join(CACHE, machine.qemu)
    env = dict(os.environ)
    env['LD_LIBRARY_PATH'] = ':'.join(os.path.join(qemu, d, 'x86_64-linux-gnu')
                                      for d in ('usr/lib', 'lib'))
    argv = [
        emulator(machine),
        '-L', os.path.join(qemu, 'usr/share/qemu'), '-L', os.path.join(qemu, 'usr/share/seabios'),
        '-accel', 'tcg', *machine.arguments, '-smp', '1', '-m', '1024', '-nodefaults',
        '-display', 'none', '-serial', 'file:' + log_of(kernel), '-no-reboot',
        '-kernel', os.path.join(CACHE, kernel.image, 'vmlinuz'), '-initrd', initramfs(kernel),
        '-append', 'loglevel=2 panic=-1 mitigations=off %s %s' % (machine.console, kernel.options)]
    try:
        subprocess.run(argv, env=env, stdin=subprocess.DEVNULL, timeout=BOOT_SECONDS, check=True)
        end = None
    except subprocess.TimeoutExpired:
        end = 'the guest did not end within %d s' % BOOT_SECONDS
    except (subprocess.CalledProcessError, OSError) as why:
        end = 'QEMU: %s' % why
    for name in (kernel.name, kernel.name + '.btf'):
        shutil.rmtree(os.path.join(BUILD, name), ignore_errors=True)
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
