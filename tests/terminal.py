# SPDX-License-Identifier: GPL-2.0-only
"""A terminal to test in: a tmux server of our own with one window, whose screen can be read and whose
keys can be pressed. Waits are bounded, and wait for what is to be seen."""
import atexit
import os
import shlex
import shutil
import subprocess
import tempfile
import time
import unittest

PATIENCE = 20
_serial = [0]

# The terminal's modes before and after, the program's pid, its exit status; then the terminal is kept.
WRAPPER = '''
cd "$1" && shift
stty -g >before
sh -c 'echo $$ >pid.new && mv pid.new pid && exec "$@" 2>stderr' sh "$@"
echo $? >status.new
stty -g >after
mv status.new status
exec cat
'''


def need_tmux():
    if not shutil.which('tmux'):
        raise unittest.SkipTest('tmux is not installed')


class Terminal:
    """Runs argv in it, in the directory .dir, with standard error in a file. shell: an interactive bash
    instead, for job control."""

    def __init__(self, test, *argv, cols=80, rows=24, shell=False, directory=None, term=None,
                 locale='C.UTF-8', pipe=None):
        need_tmux()
        _serial[0] += 1
        self.socket = 'httplat-test-%d-%d' % (os.getpid(), _serial[0])
        self.own = directory is None
        self.dir = directory or tempfile.mkdtemp(prefix='httplat-test-')
        env = ['env', 'TZ=UTC', 'LC_ALL=' + locale] + (['TERM=' + term] if term else [])
        if shell:
            command = env + ['PS1=$ ', 'bash', '--norc', '--noprofile', '-i']
        else:
            for name in ('pid', 'status', 'stderr', 'before', 'after'):
                if os.path.exists(os.path.join(self.dir, name)):
                    os.unlink(os.path.join(self.dir, name))
            if pipe:
                argv = ['sh', '-c', pipe + ' | exec "$@"', 'sh'] + list(argv)
            command = env + ['sh', '-c', WRAPPER, 'sh', self.dir] + list(argv)
        self.tmux('-f', '/dev/null', 'new-session', '-d', '-x', cols, '-y', rows, '-c', self.dir,
                  ' '.join(shlex.quote(str(a)) for a in command))
        atexit.register(self.close)
        test.addCleanup(self.close)

    def tmux(self, *argv, check=True):
        done = subprocess.run(['tmux', '-L', self.socket] + [str(a) for a in argv], timeout=PATIENCE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if check and done.returncode:
            raise AssertionError('tmux %s: %s' % (argv, done.stderr.decode()))
        return done.stdout.decode('utf-8', 'replace')

    def close(self):
        atexit.unregister(self.close)
        self.tmux('kill-server', check=False)
        if self.own:
            shutil.rmtree(self.dir, ignore_errors=True)

    def record(self, path):
        """Every byte that is written to the terminal from now on goes to that file as well."""
        self.tmux('pipe-pane', '-o', 'cat >' + shlex.quote(path))

    def screen(self):
        """The lines without the blanks at their end."""
        return self.tmux('capture-pane', '-p').rstrip('\n').split('\n')

    def text(self):
        return '\n'.join(self.screen())

    def flag(self, name):
        return self.tmux('display-message', '-p', '#{%s}' % name).strip()

    def keys(self, *names):
        """As tmux calls them: Enter, Escape, Down, NPage, C-l; or characters."""
        for name in names:
            self.tmux('send-keys', *(['-l'] if len(name) == 1 else []), '--', name)

    def type(self, text):
        self.tmux('send-keys', '-l', '--', text)

    def resize(self, cols, rows):
        self.tmux('resize-window', '-x', cols, '-y', rows)

    def _file(self, name):
        try:
            with open(os.path.join(self.dir, name), errors='replace') as f:
                return f.read()
        except FileNotFoundError:
            return ''

    def stderr(self):
        return self._file('stderr')

    def wait(self, what, condition):
        end = time.monotonic() + PATIENCE
        while True:
            got = condition()
            if got:
                return got
            if time.monotonic() > end:
                raise AssertionError('in %d s there was no %s; the screen is\n%s\n%s'
                                     % (PATIENCE, what, self.text(), self.stderr()))
            time.sleep(0.05)

    def see(self, *texts):
        """Waits until all of these are on the screen at once; returns it."""
        def seen():
            screen = self.text()
            return screen if all(text in screen for text in texts) else None
        return self.wait('screen with %s' % (texts,), seen)

    def expect(self, want):
        """Waits for exactly this screen; `want` may leave out empty lines at its end."""
        want = want.strip('\n').split('\n')
        end = time.monotonic() + PATIENCE
        while True:
            got = self.screen()
            while got and not got[-1]:
                got.pop()
            if got == want:
                return
            if time.monotonic() > end:
                raise AssertionError('expected\n%s\nand got\n%s' % ('\n'.join(want), '\n'.join(got)))
            time.sleep(0.05)

    def pid(self):
        return int(self.wait('process', lambda: self._file('pid')))

    def status(self):
        """The exit status, once it has ended."""
        return int(self.wait('end', lambda: self._file('status')))

    def check_restored(self, test):
        """After the end: the modes are what they were, the alternate screen is left, the cursor is there."""
        test.assertTrue(self._file('before'))
        test.assertEqual(self._file('before'), self._file('after'))
        test.assertEqual(self.flag('alternate_on'), '0')
        test.assertEqual(self.flag('cursor_flag'), '1')
        test.assertEqual(self.flag('keypad_flag'), '0')
