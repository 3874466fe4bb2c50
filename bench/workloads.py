# SPDX-License-Identifier: GPL-2.0-only
"""Traffic, by its name: SIZE[-close][/CONNECTIONS][+IDLE][@RATE], or `stream`, or `pingpong`.

SIZE is small (100 bytes), medium (10 KB) or large (1 MB); one connection for each request with -close; CONNECTIONS
that are used (16) and IDLE ones besides, each of which had one request; RATE requests a second, else as many as can
be. At a rate it is bench/rate.c that asks, else wrk.
"""
import json
import os
import re

from world import BIN, SESSION, TAG, harness

PATHS = {'small': '100', 'medium': '10k', 'large': '1m'}
NAME = re.compile(r'(small|medium|large)(-close)?(?:/(\d+))?(?:\+(\d+))?(?:@(\d+))?$')
IDLE_PORT = 1100  # and the ones that follow: below those that clients get


class Load:
    """What a run of some traffic came to, in the client's eyes: requests answered and failed, seconds, latencies in
    microseconds."""

    def __init__(self, requests, errors, seconds, p50_us, p99_us):
        self.requests, self.errors, self.seconds = requests, errors, seconds
        self.p50_us, self.p99_us = p50_us, p99_us


def traffic(name):
    """The traffic of that name; None where there is none."""
    if name in ('stream', 'pingpong'):
        return Plain(name)
    match = NAME.match(name)
    return Http(name, *match.groups()) if match else None


class Http:
    def __init__(self, name, size, close, connections, idle, rate):
        self.name, self.size, self.close = name, size, bool(close)
        self.connections, self.idle, self.rate = int(connections or 16), int(idle or 0), int(rate or 0)
        self.path = '/%s/%s' % (TAG, PATHS[size])

    http = True

    def describe(self):
        text = '%s responses, %s, ' % ({'small': '100 B', 'medium': '10 KB', 'large': '1 MB'}[self.size],
                                       '%d requests/s' % self.rate if self.rate else 'wrk')
        text += '%d connections' % self.connections
        text += ', one connection per request' if self.close else ''
        return text + (', %d idle ones' % self.idle if self.idle else '')

    def prepare(self, scope, world):
        """What has to be there before; after the tracer, so that it sees these connections begin."""
        if not self.idle:
            return
        harness.wait_until('end of the last holder', lambda: not world.rest.pids(), 60)
        holder = harness.Process(scope, [BIN + 'holder', self.idle, world.address, IDLE_PORT],
                                 world.rest, world.far)
        harness.wait_until('%d idle connections' % self.idle, lambda: 'ready' in holder.stdout()
                           or (holder.proc.poll() is not None and holder.succeed()), 120)

    def run(self, scope, world, seconds):
        if self.rate:
            argv = [BIN + 'rate'] + ['--close'] * self.close + [
                world.address, 80, self.path, self.rate, seconds, self.connections]
        else:
            argv = ['wrk', '-t', min(2, self.connections), '-c', self.connections, '-d',
                    '%ds' % seconds, '--latency'] + ['-H', 'Connection: close'] * self.close + [
                        'http://%s%s' % (world.address, self.path)]
        client = harness.Process(scope, SESSION + argv, world.load, world.near)
        text = client.succeed(seconds + 60)
        return Load(**json.loads(text)) if self.rate else read_wrk(text)


class Plain:
    """Bytes that are not HTTP, between two processes: transactions are blocks of 64 KiB, or messages and their
    answers."""

    http, idle = False, 0

    def __init__(self, name):
        self.name = name

    def describe(self):
        return {'stream': 'not HTTP: one stream, blocks of 64 KiB',
                'pingpong': 'not HTTP: messages of 64 bytes to and fro'}[self.name]

    def prepare(self, scope, world):
        pass

    def run(self, scope, world, seconds):
        client = harness.Process(scope, [BIN + 'plain', self.name, seconds], world.load, world.far)
        return Load(**json.loads(client.succeed(seconds + 60)))


UNITS = {'us': 1, 'ms': 1e3, 's': 1e6, 'm': 60e6}


def _microseconds(text):
    number, unit = re.match(r'([\d.]+)(us|ms|s|m)$', text).groups()
    return float(number) * UNITS[unit]


def read_wrk(text):
    """What `wrk --latency` says."""
    count, length = re.search(r'(\d+) requests in (\S+),', text).groups()
    errors = sum(map(int, re.findall(r'(?:connect|read|write|timeout|responses:) (\d+)', text)))
    p50, p99 = (_microseconds(re.search(r'^ +%s%% +(\S+)' % part, text, re.M).group(1))
                for part in ('50', '99'))
    return Load(int(count), errors, _microseconds(length) / 1e6, p50, p99)
