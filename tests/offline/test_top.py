# SPDX-License-Identifier: GPL-2.0-only
"""`httplat top -r` in a terminal: whole screens after each key, windows that change, hostile traffic, and a terminal
that is left as it was found. Needs tmux, neither root nor the network."""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from terminal import Terminal, need_tmux  # noqa: E402
from test_files import ACK, HTTPLAT, PSH, Conversation, pcap  # noqa: E402

PROGRAM = os.path.abspath(HTTPLAT)
START = 1700000000000000000  # 22:13:20 UTC

# What a terminal would do something about, and what none may be given.
HOSTILE = (b'/\x1b]0;pwned\x07', b'/\x1b[2J\x1b[31mred', b'/\xff\xfe\x9b31m', b'/\xe2\x80\xaegnp.exe',
           b'/' + b'a' * 65000, '/日本語/語'.encode(), b'/back\\slash')


def shop():
    """Three paths of two hosts, of 4, 3 and 1 requests; some fail."""
    frames = []
    for n, (path, host, status, ms) in enumerate((
            ('/cart', 'shop.example', 200, 10), ('/cart', 'shop.example', 200, 20),
            ('/cart', 'shop.example', 503, 900), ('/cart', 'shop.example', 200, 30),
            ('/item/17', 'shop.example', 200, 1), ('/item/18', 'shop.example', 404, 2),
            ('/item/17', 'shop.example', 200, 3), ('/login?token=hunter2', 'id.example', 302, 50))):
        c = Conversation(port=20000 + n, start=START + n * 10**9)
        c.add(0, PSH | ACK, b'GET %s HTTP/1.1\r\nHost: %s\r\n\r\n' % (path.encode(), host.encode()))
        c.add(1, PSH | ACK, b'HTTP/1.1 %d X\r\nContent-Length: 2\r\n\r\nok' % status,
              after=ms * 10**6)
        c.close()
        frames += c.frames
    return pcap(sorted(frames, key=lambda frame: frame[0]))


def hostile():
    frames = []
    for n, path in enumerate(HOSTILE):
        c = Conversation(port=30000 + n, start=START + n * 10**9)
        head = b'GET %s HTTP/1.1\r\nHost: %s\r\n\r\n' % (path, b'ex\x1b]0;host\x07' if n == 1 else b'h')
        for at in range(0, len(head), 1400):
            c.add(0, PSH | ACK, head[at:at + 1400])
        c.response(b'x')
        c.close()
        frames += c.frames
    return pcap(frames)


HEAD = """\
httplat top capture                                                     00:00:07
transit avg 1.1/s  8 requests  2 errors 25.0 %  p50 10.027ms  p99 900.000ms
events lost 0, gaps 0
"""
FOOT = 'q quit  ? help  / filter  s sort  g group  t time  Enter open  p pause  z reset'
ROW = {
    'cart': 'transit /cart          4 0.6/s      1 20.054ms 900.000ms 900.000ms 900.000ms 156\n',
    'item': 'transit /item/{id}     3 0.4/s      1  2.007ms   3.000ms   3.000ms   3.000ms 117\n',
    'login': 'transit /login         1 0.1/s      0 50.000ms  50.000ms  50.000ms  50.000ms  39\n',
}


def page(text, foot=FOOT, rows=24):
    """A whole screen: the head that all have, this, blank lines, the foot."""
    lines = (HEAD + text.strip('\n')).split('\n')
    return '\n'.join(lines + [''] * (rows - 1 - len(lines)) + [foot])


def routes(*names, how='by route, latency, sorted by count, 3 rows', foot=FOOT):
    return page(how + '\nSIDE    ROUTE      COUNT  RATE ERRORS      P50       P90       P99'
                '       MAX OUT\n' + ''.join(ROW[name] for name in names), foot)


class Top(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        need_tmux()

    def start(self, *options, data=None, **kw):
        directory = tempfile.mkdtemp(prefix='httplat-test-')
        self.addCleanup(shutil.rmtree, directory, True)
        with open(os.path.join(directory, 'capture'), 'wb') as f:
            f.write(data or shop())
        if 'pipe' not in kw:
            options += ('-r', 'capture')
        return Terminal(self, PROGRAM, 'top', *options, directory=directory, **kw)

    def test_table(self):
        top = self.start('--by', 'route')
        top.expect(routes('cart', 'item', 'login'))
        top.keys('r')
        top.expect(routes('login', 'item', 'cart',
                          how='by route, latency, sorted by count (reversed), 3 rows'))
        top.keys('r', 'Right', '>')
        top.expect(routes('cart', 'item', 'login',
                          how='by route, latency, sorted by errors, 3 rows'))
        top.keys('s', 'Down', 'Down', 'Down', 'Down', 'Down', 'Enter')  # errors ... max
        top.expect(routes('cart', 'login', 'item',
                          how='by route, latency, sorted by max, 3 rows'))
        top.keys('<', '<', '<', '<', '<', 'Left', 'Left', 'Left')
        top.expect(routes('cart', 'item', 'login', how='by route, latency, sorted by key, 3 rows'))
        top.keys('q')
        self.assertEqual(top.status(), 0)
        self.assertIn('requests 8, responses 8', top.stderr())
        top.check_restored(self)

    def test_filter(self):
        top = self.start('--by', 'route')
        top.expect(routes('cart', 'item', 'login'))
        top.keys('/')
        top.type('ITEM')
        how = 'by route, latency, sorted by count, 1 row'
        top.expect(routes('item', how=how, foot='/ITEM'))
        self.assertEqual(top.flag('cursor_flag'), '1')
        top.type('zz')
        top.expect(page('by route, latency, sorted by count, 0 rows\nSIDE    ROUTE      COUNT  RATE '
                        'ERRORS      P50       P90       P99       MAX OUT\nno row has that text',
                        foot='/ITEMzz'))
        top.keys('BSpace', 'BSpace', 'Enter')
        top.expect(routes('item', how="by route, latency, sorted by count, 1 of 3 rows with 'ITEM'"))
        self.assertEqual(top.flag('cursor_flag'), '0')
        top.keys('Escape')
        top.expect(routes('cart', 'item', 'login'))
        top.keys('/')
        top.type('cart')
        top.expect(routes('cart', how=how, foot='/cart'))
        top.keys('Escape')
        top.expect(routes('cart', 'item', 'login'))

    def test_group_and_time(self):
        top = self.start('--by', 'route')
        top.expect(routes('cart', 'item', 'login'))
        top.keys('g')
        top.expect(page("""A row for each
   process
   pid
   container
   pod
   unit
   cgroup
   host
   route
   path
   method
   status
   remote
   port
   side""", foot='Enter choose  Space choose several  Esc back'))
        top.keys('Up', 'Space')  # host
        for _ in range(4):
            top.keys('Down')
        top.keys('Space')
        top.see(' 1 host', ' 2 status')
        top.keys('Enter')
        top.expect(page("""by host,status, latency, sorted by count, 4 rows
SIDE    HOST         STATUS COUNT  RATE ERRORS       P50       P99       MAX OUT
transit shop.example 200        5 0.7/s      0  10.027ms  30.000ms  30.000ms 195
transit id.example   302        1 0.1/s      0  50.000ms  50.000ms  50.000ms  39
transit shop.example 404        1 0.1/s      1   2.000ms   2.000ms   2.000ms  39
transit shop.example 503        1 0.1/s      1 900.000ms 900.000ms 900.000ms  39"""))
        top.keys('b', 'End', 'Enter', 't', 'End', 'Up', 'Up', 'Enter')
        top.expect(page("""by side, response, sorted by count, 1 row
SIDE    COUNT  RATE ERRORS P50 P90 P99 P99.9 MAX MEAN  IN OUT
transit     8 1.1/s      2 0ns 0ns 0ns   0ns 0ns  0ns 358 312""").replace(
            'p50 10.027ms  p99 900.000ms', 'p50 0ns  p99 0ns'))

    def test_rows_are_opened(self):
        top = self.start('--by', 'route')
        top.expect(routes('cart', 'item', 'login'))
        top.keys('End', 'Enter')
        foot = 'Esc back  Enter where its time went  p pause  ? help'
        top.expect(page("""side transit  route /login
COUNT=1 RATE=0.1/s ERRORS=0 P50=50.000ms P90=50.000ms P99=50.000ms
P99.9=50.000ms MAX=50.000ms MEAN=50.000ms IN=55 OUT=39
LAST      ST  LATENCY REQUEST     TTFB RESPONSE METHOD URL
22:13:27 302 50.000ms     0ns 50.000ms      0ns GET id.example/login?token=RED..
SLOWEST   ST  LATENCY REQUEST     TTFB RESPONSE METHOD URL
22:13:27 302 50.000ms     0ns 50.000ms      0ns GET id.example/login?token=RED..""", foot))
        top.keys('q', 'Home', 'Enter')
        cart = """side transit  route /cart
COUNT=4 RATE=0.6/s ERRORS=1 P50=20.054ms P90=900.000ms P99=900.000ms
P99.9=900.000ms MAX=900.000ms MEAN=240.000ms IN=168 OUT=156
LAST      ST   LATENCY REQUEST      TTFB RESPONSE METHOD URL
22:13:23 200  30.000ms     0ns  30.000ms      0ns GET shop.example/cart
22:13:22 503 900.000ms     0ns 900.000ms      0ns GET shop.example/cart
22:13:21 200  20.000ms     0ns  20.000ms      0ns GET shop.example/cart
22:13:20 200  10.000ms     0ns  10.000ms      0ns GET shop.example/cart
SLOWEST   ST   LATENCY REQUEST      TTFB RESPONSE METHOD URL
22:13:22 503 900.000ms     0ns 900.000ms      0ns GET shop.example/cart
22:13:23 200  30.000ms     0ns  30.000ms      0ns GET shop.example/cart
22:13:21 200  20.000ms     0ns  20.000ms      0ns GET shop.example/cart
22:13:20 200  10.000ms     0ns  10.000ms      0ns GET shop.example/cart"""
        top.expect(page(cart, foot))
        for _ in range(4):  # to the slowest
            top.keys('Down')
        top.keys('Enter')
        top.expect(page("""22:13:22.004000 transit
GET shop.example/cart -> 503, 192.0.2.1:20002 > 192.0.2.2:80
latency 900.000ms, total 900.000ms
  request         0ns   0 % |                                                |
  ttfb      900.000ms 100 % |################################################|
  response        0ns   0 % |                                                |
  tcp       segments 1 + 1""", 'Esc back  Up Down scroll  ? help'))
        top.keys('Escape')
        top.expect(page(cart, foot))
        top.keys('Escape')
        top.expect(routes('cart', 'item', 'login'))

    def test_help(self):
        top = self.start()
        top.see('8 requests')
        top.keys('?')
        top.see('Up Down PgUp PgDn Home End', 'Esc back')
        top.keys('End')
        top.see('16 last and 16 slowest requests.')
        top.keys('q')
        top.see('by host, latency, sorted by count, 2 rows')
        top.keys('q')
        self.assertEqual(top.status(), 0)

    def test_window_that_changes(self):
        """Columns come and go with its width, and the one that it is sorted by stays."""
        top = self.start('--by', 'route', '--sort', 'in')
        top.see(' MAX  IN')
        top.resize(140, 30)
        screen = top.see('P99.9', 'MEAN', ' IN OUT')
        self.assertEqual(len(screen.split('\n')), 30)
        top.resize(45, 9)
        screen = top.see('SIDE    ROUTE      COUNT  RATE ERRORS  IN OUT\ntransit /cart')
        self.assertNotIn('P50', screen)
        top.resize(5, 3)
        top.see('httpl')
        top.resize(1, 1)
        top.wait('small window', lambda: top.flag('window_width') == '1')
        top.resize(80, 24)
        top.see('SIDE    ROUTE ', ' IN', FOOT)
        top.keys('q')
        self.assertEqual(top.status(), 0)
        top.check_restored(self)

    def test_redraw(self):
        """Ctrl-L brings back what something else has spoilt."""
        top = self.start('--by', 'route')
        top.expect(routes('cart', 'item', 'login'))
        with open(top.flag('pane_tty'), 'w') as tty:
            tty.write('\x1b[H\x1b[2Jspoilt')
        top.see('spoilt')
        top.keys('C-l')
        top.expect(routes('cart', 'item', 'login'))

    def hold_safe(self, path):
        """What was written to the terminal has no sequence but those of ncurses, and no broken character."""
        with open(path, 'rb') as f:
            data = f.read()
        text = data.decode('utf-8')  # whole
        self.assertNotIn('\x1b]', text)
        self.assertNotIn('\u202e', text)
        self.assertNotRegex(text, '[\x80-\x9f]')
        self.assertNotIn('\x1b[31mred', text)

    def check_hostile(self, locale, cart):
        top = self.start('--by', 'path,host', data=hostile(), locale=locale)
        record = os.path.join(top.dir, 'output')
        top.record(record)
        top.see('7 rows', '/\\x1b]0;pwned..', '/\\x1b[2J\\x1b[3..', '/\\xff\\xfe\\x9b31m',
                '/\\u{202e}gnp.exe', '/aaaaaaaaaaaaa..', cart, '/back\\\\slash', 'ex\\x1b]0;host..')
        top.resize(200, 24)
        top.see('/\\x1b]0;pwned\\x07 ', 'MEAN')
        top.keys('s', 'End', 'Enter')
        top.see('sorted by key')
        for n in range(len(HOSTILE)):
            top.keys('Enter')
            top.see('LAST ')
            top.keys('Enter')
            top.see('latency 1.000ms' if n != 2 else 'tcp ')
            top.keys('q', 'q')
            top.see('sorted by key')
            top.keys('Down')
        top.keys('/')
        top.type('aaaa')
        top.keys('Enter')
        top.see('1 of 7')
        top.keys('Enter', 'Enter')
        top.see('..(65001 bytes) -> 200')
        top.resize(40, 10)
        top.see('GET h/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n    aaaa')
        top.keys('End')
        top.see('tcp ')
        top.keys('q', 'q', 'q')
        self.assertEqual(top.status(), 0)
        top.check_restored(self)
        self.hold_safe(record)

    def test_hostile(self):
        self.check_hostile('C.UTF-8', '/日本語/語 ')

    def test_hostile_without_utf8(self):
        self.check_hostile('C', '/\\u{65e5}.. ')

    def test_signals(self):
        """However it ends, the terminal is as it was; what kills at once is still what it died of."""
        for sig, want in ((signal.SIGTERM, 0), (signal.SIGINT, 0), (signal.SIGHUP, 0),
                          (signal.SIGQUIT, 128 + signal.SIGQUIT),
                          (signal.SIGSEGV, 128 + signal.SIGSEGV),
                          (signal.SIGABRT, 128 + signal.SIGABRT)):
            with self.subTest(sig):
                if sig == signal.SIGABRT and os.environ.get('EMULATOR'):
                    self.skipTest('QEMU keeps this signal for itself')
                top = self.start('--by', 'route')
                top.expect(routes('cart', 'item', 'login'))
                self.assertEqual(top.flag('alternate_on'), '1')
                os.kill(top.pid(), sig)
                self.assertEqual(top.status(), want)
                top.check_restored(self)
                self.assertEqual('requests 8, ' in top.stderr(), not want)
                top.close()

    def test_suspended(self):
        """Ctrl-Z gives the terminal to the shell, fg gives it back."""
        top = self.start(shell=True)
        top.see('$')
        top.type('stty -g; %s top -r capture --by route; stty -g; echo ended' % PROGRAM)
        top.keys('Enter')
        top.expect(routes('cart', 'item', 'login'))
        top.keys('C-z')
        screen = top.see('Stopped')
        self.assertEqual(top.flag('alternate_on'), '0')
        self.assertEqual(top.flag('cursor_flag'), '1')
        top.type('fg')
        top.keys('Enter')
        top.expect(routes('cart', 'item', 'login'))
        top.keys('r')
        top.see('reversed', FOOT)
        top.keys('q')
        screen = top.wait('prompt', lambda: top.flag('alternate_on') == '0' and top.text())
        top.see('requests 8, ')
        modes = re.findall('^[0-9a-f:]{20,}', top.text().replace('\n', ' '), re.M)
        self.assertNotIn('\x1b', screen)
        self.assertLessEqual(len(set(modes)), 1)

    def test_pipe(self):
        """A capture that comes through a pipe is shown as it comes, and keys are taken meanwhile."""
        top = self.start('--by', 'route', '-r', '-',
                         pipe='{ head -c 2000 capture; until [ -e go ]; do sleep 0.05; done; '
                              'tail -c +2001 capture; }')
        top.see('standard input', 'reading', '/cart')
        top.keys('?')
        top.see('Ctrl-L')
        top.keys('q')
        top.see('1 row')
        open(os.path.join(top.dir, 'go'), 'w').close()
        top.see('3 rows', '8 requests')
        top.wait('end of the file', lambda: 'reading' not in top.text())
        top.keys('q')
        self.assertEqual(top.status(), 0)
        top.check_restored(self)

    def test_named_pipe(self):
        """The same as -r FILE, or -r <(...): the keys don't wait for it."""
        top = self.start(shell=True)
        top.see('$')
        top.type('mkfifo p; { head -c 2000 capture; sleep 60; } >p & clear; %s top -r p; echo "ended $?"'
                 % PROGRAM)
        top.keys('Enter')
        top.see('httplat top p ', 'reading', 'shop.example')
        top.keys('?')
        top.see('Ctrl-L')
        top.keys('q', 'q')
        top.see('requests ', 'ended 0')
        self.assertEqual(top.flag('alternate_on'), '0')

    def test_pipe_that_waits(self):
        top = self.start('-r', '-', pipe='{ head -c 2000 capture; exec sleep 60; }')
        top.see('reading')
        os.kill(top.pid(), 0)
        top.keys('q')
        top.wait('end', lambda: top.flag('alternate_on') == '0')
        self.assertIn('requests ', top.wait('counts', top.stderr))

    def test_with_others(self):
        """--har, --fail-if, filters and -n do what they do elsewhere."""
        top = self.start('--by', 'route', '--har', 'out.har', '--fail-if', 'count>2', '--path',
                         '/item/*', '-n', '3')
        top.see('3 requests', '/item/{id}', '1 row')
        top.keys('q')
        self.assertEqual(top.status(), 4)
        self.assertIn('--fail-if count>2 holds', top.stderr())
        with open(os.path.join(top.dir, 'out.har')) as f:
            self.assertEqual(f.read().count('"startedDateTime"'), 3)

    def refused(self, *options, **env):
        done = subprocess.run([PROGRAM, 'top', *options], timeout=30, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=dict(os.environ, **env))
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, b'')
        return done.stderr.decode()

    def test_refused(self):
        self.assertIn('standard output is none', self.refused('-r', '/dev/null'))
        for name, said in (('no-such-terminal', "TERM is 'no-such-terminal'"),
                           ('dumb', 'cannot move its cursor')):
            top = self.start(term=name)
            self.assertEqual(top.status(), 2)
            self.assertIn(said, top.stderr())
            top.close()
        for options in (('-o', 'json'), ('--heat',), ('--histogram',), ('--explain',), ('-v',)):
            self.assertIn(options[0] + " doesn't go with top", self.refused(*options))

    def test_unknown_to_terminfo(self):
        """A terminal whose description isn't on this host is driven as xterm, where its name says that it can be."""
        top = self.start('--by', 'route', term='xterm-of-tomorrow')
        top.expect(routes('cart', 'item', 'login'))
        top.keys('Down', 'Enter')
        top.see('/item/18')
        top.keys('Escape', 'q')
        self.assertEqual(top.status(), 0)
        top.check_restored(self)

    def test_empty(self):
        top = self.start(data=pcap([]))
        top.see('no HTTP request to show', 'the capture holds no packets')
        top.keys('q')
        self.assertEqual(top.status(), 0)

    def test_damaged(self):
        """What was read is shown; the sentence comes at the end."""
        top = self.start('--by', 'route', data=shop()[:-7])
        top.expect(routes('cart', 'item', 'login'))
        top.keys('q')
        self.assertEqual(top.status(), 1)
        self.assertIn('cut short', top.stderr())


if __name__ == '__main__':
    unittest.main()
