# SPDX-License-Identifier: GPL-2.0-only
"""Processes and cgroups whose names mean to harm who reads the output: nothing of them reaches the
terminal as a command, in any view."""
import csv
import io
import json
import re
import signal
import subprocess
import unittest

import harness
from base import HTTPLAT, PYTHON, Process, temp_dir, wait_until
from test_filters import NamedCgroup

NAMES = ('\x1b]0;t\x07', '\x1b[2J\udc9b', '\u202ea\u2066\u009b', '\udcff\udcc0\udcaf', '",\'a\\',
         '=1+1', "$(id)`id`'", ' a  b\t', '\x7f\x01\x1f', 'a\rb')
FORBIDDEN = set(range(0x20)) | set(range(0x7f, 0xa0)) | {0x61c, 0xfeff} \
    | set(range(0x200b, 0x2010)) | set(range(0x2028, 0x202f)) | set(range(0x2060, 0x2070))

# A thread of this name that serves, and one that asks, in one process.
BOTH = r'''
import ctypes, http.server, os, sys, threading, urllib.request
ctypes.CDLL(None).prctl(15, os.fsencode(sys.argv[1]), 0, 0, 0)
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header('Content-Length', '2')
        self.end_headers()
        self.wfile.write(b'ok')
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
print(server.server_address[1], flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
while sys.stdin.readline():
    print(urllib.request.urlopen('http://127.0.0.1:%d/x' % server.server_address[1]).read(), flush=True)
'''

VIEWS = ([], ['-o', 'wide'], ['--explain'], ['--joined'], ['-v'], ['-o', 'json'], ['-v', '-o', 'json'],
         *(['stat', '--by', keys, '-o', form] for keys in ('process,cgroup,unit', 'pid,container,pod')
           for form in ('text', 'json', 'csv')),
         ['stat', '--by', 'cgroup', '--histogram', '--heat'])


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        harness.need()

    def start(self, name, cgroup):
        process = Process(self, [PYTHON, '-c', BOTH, name], cgroup, stdin=subprocess.PIPE)
        port = wait_until('port', lambda: process.stdout().split('\n')[0])
        return process, int(port)

    def clean(self, text, what, allowed='\n'):
        self.assertFalse({ord(c) for c in text} & FORBIDDEN - set(map(ord, allowed)),
                         (what, text[-2000:]))

    def test_names(self):
        for name in NAMES:
            cgroup = harness.Cgroup(self, name)
            process, port = self.start(name, cgroup)
            har = temp_dir(self) + '/har'
            tracers = [Process(self, [HTTPLAT, *(view or ['trace']), '--port', port])
                       for view in VIEWS] + [Process(self, [HTTPLAT, '--har', har, '--port', port])]
            for tracer in tracers:
                wait_until('tracing httplat', lambda t=tracer: 'tracing HTTP' in t.stderr())
            process.proc.stdin.write(b'\n')
            process.proc.stdin.flush()
            wait_until('answer', lambda p=process: "b'ok'" in p.stdout())
            for tracer in tracers:
                tracer.send(signal.SIGINT)
            for tracer, view in zip(tracers, list(VIEWS) + [['har']]):
                text = tracer.succeed()
                what = (name, view)
                self.clean(text, what, '\r\n' if 'csv' in view else '\n')
                self.clean(tracer.stderr(), what)
                self.check(view, text, name, cgroup)
            with open(har, encoding='utf-8') as f:
                text = f.read()
            self.clean(text, 'har')
            self.assertEqual(len(json.loads(text)['log']['entries']), 2)

    def check(self, view, text, name, cgroup):
        if 'csv' in view:
            rows = list(csv.reader(io.StringIO(text, newline=''), strict=True))
            self.assertEqual({len(row) for row in rows}, {len(rows[0])})
            self.assertFalse([field for row in rows for field in row if field[:1] in tuple('=+-@')
                              and field])
        elif 'json' in view:
            records = [json.loads(line) for line in text.split('\n')[:-1]]
            records = [r for r in records if 'tcp.flags' not in r and 'hook' in r or 'count' in r]
            self.assertEqual(len(records), 2)
            for record in records:
                if 'process.executable.name' in record:
                    self.assertEqual(record['process.executable.name'], name[:15])
                if 'linux.cgroup.path' in record:
                    self.assertEqual(record['linux.cgroup.path'], cgroup.path)
        elif view in ([], ['-o', 'wide']):
            self.assertEqual(len(text.splitlines()), 3, text)
        elif view == ['--joined']:
            self.assertEqual(len(text.splitlines()), 2, text)

    def ps(self, *options):
        out = subprocess.run([HTTPLAT, 'ps', *options], stdout=subprocess.PIPE, timeout=30,
                             check=True).stdout.decode()
        self.clean(out, options)
        return out.splitlines()

    def test_ps(self):
        """What is to be pasted is one word to a shell: the container's name, to the byte."""
        for name in NAMES:
            name = harness.unique(name)
            below = harness.Cgroup(self)
            self.start(name, NamedCgroup(self, below, 'lxc.payload.' + name))
            rows = [json.loads(row) for row in self.ps('-o', 'json')]
            self.assertIn(name, [row.get('container.name') for row in rows])
            pasted = []
            for line in self.ps():
                if line.startswith('-c '):
                    # A cell ends where two blanks follow that are not within quotes.
                    word = re.match(r"-c (\$'(?:[^'\\]|\\.)*'|\S+)", line)[1]
                    pasted.append(subprocess.run(
                        ['/bin/bash', '-c', "printf %s " + word], stdout=subprocess.PIPE,
                        timeout=10, check=True).stdout.decode('utf-8', 'surrogateescape'))
            self.assertIn(name, pasted)


if __name__ == '__main__':
    unittest.main()
