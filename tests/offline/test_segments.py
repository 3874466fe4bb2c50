# SPDX-License-Identifier: GPL-2.0-only
"""`-v` against Wireshark: the same TCP segments, field by field, in frames of many link types, in tunnels and
in fragments. Needs neither root nor the network."""
import json
import os
import shutil
import socket
import struct
import subprocess
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HTTPLAT = os.environ.get('HTTPLAT', os.path.join(ROOT, 'httplat'))
TCP, UDP = 6, 17
FIELDS = ['tcp.srcport', 'tcp.dstport', 'tcp.seq_raw', 'tcp.ack_raw', 'tcp.hdr_len', 'tcp.flags',
          'tcp.window_size_value', 'tcp.checksum', 'tcp.checksum.status', 'tcp.urgent_pointer', 'tcp.len']
STATUS = {'0': 'bad', '1': 'good', '2': 'unknown', '3': 'unknown'}
OPTIONS = bytes.fromhex('020405b4' '0402080a0000000100000002' '01030307')


def checksum(data):
    data += b'\0' * (len(data) % 2)
    total = sum(struct.unpack('!%dH' % (len(data) // 2), data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def tcp(src, dst, family, flags=0x18, payload=b'hello', options=b'', wrong=0, seq=4294967290):
    head = struct.pack('!HHIIHHHH', 40000, 8080, seq, 7, (5 + len(options) // 4) << 12 | flags, 502, 0,
                       3) + options + payload
    pseudo = (socket.inet_pton(family, src) + socket.inet_pton(family, dst) +
              struct.pack('!II', len(head), TCP))
    return head[:16] + struct.pack('!H', checksum(pseudo + head) ^ wrong) + head[18:]


def ip4(body, proto=TCP, src='10.0.0.1', dst='10.0.0.2', frag=0, ident=0, options=b''):
    head = struct.pack('!BBHHHBBH4s4s', 0x45 + len(options) // 4, 0, 20 + len(options) + len(body), ident,
                       frag, 64, proto, 0, socket.inet_aton(src), socket.inet_aton(dst)) + options
    return head[:10] + struct.pack('!H', checksum(head)) + head[12:] + body


def ip6(body, proto=TCP, src='2001:db8::1', dst='2001:db8::2'):
    return (struct.pack('!IHBB', 6 << 28, len(body), proto, 64) + socket.inet_pton(socket.AF_INET6, src) +
            socket.inet_pton(socket.AF_INET6, dst) + body)


def udp(body, port):
    return struct.pack('!HHHH', 50000, port, 8 + len(body), 0) + body


def ether(body, kind=0x0800):
    return b'\x02\0\0\0\0\x02' b'\x02\0\0\0\0\x01' + struct.pack('!H', kind) + body


def packet4(**kw):
    return ip4(tcp('10.0.0.1', '10.0.0.2', socket.AF_INET, **kw))


def packet6(**kw):
    return ip6(tcp('2001:db8::1', '2001:db8::2', socket.AF_INET6, **kw))


def in_ethernet():
    """Frames of link type 1."""
    four, six = packet4(), packet6()
    for flags in range(0x200):
        yield ether(packet4(flags=flags, options=OPTIONS if flags % 2 else b''))
    yield ether(packet4(wrong=1))
    yield ether(packet4(payload=b'')) + b'\0' * 6
    yield ether(packet6(options=OPTIONS), 0x86dd)
    yield ether(ip4(tcp('10.0.0.1', '10.0.0.2', socket.AF_INET), options=b'\x94\x04\0\0'))
    yield ether(ip6(b'\x06\0\1\4\0\0\0\0' + six[40:], 0), 0x86dd)
    yield ether(struct.pack('!HH', 5, 0x0800) + four, 0x8100)
    yield ether(struct.pack('!HHHH', 5, 0x8100, 6, 0x86dd) + six, 0x88a8)
    yield ether(struct.pack('!BBHHH', 0x11, 0, 1, len(four) + 2, 0x21) + four, 0x8864)
    yield ether(struct.pack('!II', 100 << 12 | 64, 101 << 12 | 0x140) + four, 0x8847)
    yield ether(b'\xaa\xaa\x03\0\0\0\x08\0' + four, len(four) + 8)
    yield ether(ip4(four, 4, '192.0.2.1', '192.0.2.2'))
    yield ether(ip4(six, 41, '192.0.2.1', '192.0.2.2'))
    yield ether(ip6(four, 4, '2001:db8:1::1', '2001:db8:1::2'), 0x86dd)
    yield ether(ip4(struct.pack('!HHI', 0x2000, 0x0800, 9) + four, 47, '192.0.2.1', '192.0.2.2'))
    yield ether(ip4(struct.pack('!HH', 0, 0x6558) + ether(four), 47, '192.0.2.1', '192.0.2.2'))
    yield ether(ip4(udp(b'\x08\0\0\0\0\0\x64\0' + ether(four), 4789), UDP, '192.0.2.1', '192.0.2.2'))
    yield ether(ip4(udp(b'\0\0\x65\x58\0\0\x64\0' + ether(six, 0x86dd), 6081), UDP))
    yield ether(ip4(udp(b'\x30\xff' + struct.pack('!HI', len(four), 1) + four, 2152), UDP))


def fragments(proto, body, size, order):
    parts = [(off, body[off:off + size]) for off in range(0, len(body), size)]
    return [ether(ip4(part, proto, frag=off // 8 | (0x2000 if off + size < len(body) else 0), ident=77))
            for off, part in (parts[n] for n in order)]


def pcap(path, frames, link_type=1):
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b23c4d, 2, 4, 0, 0, 262144, link_type))
        for n, frame in enumerate(frames):
            f.write(struct.pack('<IIII', 1700000000, n, len(frame), len(frame)) + frame)


def pcapng(path, interfaces):
    """Interfaces that differ in link type, each with its frames."""
    def block(kind, body):
        body += b'\0' * (-len(body) % 4)
        return struct.pack('<II', kind, len(body) + 12) + body + struct.pack('<I', len(body) + 12)
    with open(path, 'wb') as f:
        f.write(block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1)))
        for link_type, _ in interfaces:
            f.write(block(1, struct.pack('<HHI', link_type, 0, 0)))
        for n, (_, frames) in enumerate(interfaces):
            for frame in frames:
                f.write(block(6, struct.pack('<IIIII', n, 0, 1, len(frame), len(frame)) + frame))


@unittest.skipUnless(shutil.which('tshark'), 'tshark is not installed')
class Segments(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)
        self.path = os.path.join(self.dir.name, 'capture')

    def ours(self):
        run = subprocess.run([HTTPLAT, '-r', self.path, '-v', '-o', 'json'], capture_output=True,
                             timeout=60, check=True)
        rows = {}
        for line in run.stdout.decode().splitlines():
            seg = json.loads(line)
            if 'tcp.seq_raw' in seg:
                rows[seg['frame.number']] = [seg[name] for name in FIELDS]
        return rows

    def wireshark(self):
        argv = ['tshark', '-r', self.path, '-T', 'fields', '-E', 'occurrence=l', '-o',
                'tcp.check_checksum:TRUE', '-o', 'tcp.desegment_tcp_streams:FALSE', '-e', 'frame.number']
        for name in FIELDS:
            argv += ['-e', name]
        run = subprocess.run(argv, capture_output=True, timeout=120, check=True)
        rows = {}
        for line in run.stdout.decode().splitlines():
            cells = line.split('\t')
            if len(cells) <= len(FIELDS) or not cells[1]:
                continue
            status = STATUS[cells[1 + FIELDS.index('tcp.checksum.status')]]
            rows[int(cells[0])] = [status if name == 'tcp.checksum.status' else int(cell, 0)
                                   for name, cell in zip(FIELDS, cells[1:])]
        return rows

    def agree(self, frames):
        ours, theirs = self.ours(), self.wireshark()
        self.assertEqual(sorted(ours), frames)
        self.assertEqual(ours, theirs)

    def test_ethernet(self):
        frames = list(in_ethernet())
        pcap(self.path, frames)
        self.agree(list(range(1, len(frames) + 1)))

    def test_fragments(self):
        body = packet4(payload=b'x' * 500, options=OPTIONS)[20:]
        inner = udp(b'\x08\0\0\0\0\0\x64\0' + ether(packet4(payload=b'y' * 300)), 4789)
        pcap(self.path, fragments(TCP, body, 200, [0, 1, 2]) + fragments(TCP, body, 200, [2, 0, 1]) +
             fragments(UDP, inner, 160, [1, 0, 2]) + fragments(TCP, body, 200, [0, 2]))
        ours = self.ours()
        self.assertEqual(sorted(ours), [3, 6, 9])
        self.assertEqual([row[-1] for row in ours.values()], [500, 500, 300])
        # tshark takes the second datagram's fragments, of the same number, for repetitions
        self.assertEqual(ours[3], self.wireshark()[3])

    def test_link_types(self):
        four, six = packet4(), packet6()
        pcapng(self.path, [
            (0, [b'\x02\0\0\0' + four, b'\x1e\0\0\0' + six]),
            (1, [ether(four)]),
            (9, [b'\xff\x03\x00\x21' + four]),
            (101, [four, six]),
            (104, [b'\x0f\0\x08\0' + four]),
            (113, [struct.pack('!HHH8sH', 0, 1, 6, b'', 0x0800) + four]),
            (276, [struct.pack('!HHIHBB8s', 0x86dd, 0, 2, 1, 0, 6, b'') + six]),
            (228, [four]),
            (229, [six]),
        ])
        self.agree(list(range(1, 12)))

    def test_decode(self):
        header = packet4(payload=b'', options=OPTIONS)[20:]
        run = subprocess.run([HTTPLAT, 'decode', '-o', 'json', header.hex(':')], capture_output=True,
                             timeout=60, check=True)
        pcap(self.path, [ether(packet4(payload=b'', options=OPTIONS))])
        fields = json.loads(run.stdout)
        theirs = dict(zip(FIELDS, self.wireshark()[1]))
        theirs['tcp.checksum.status'] = 'unknown'
        self.assertEqual({name: fields[name] for name in FIELDS}, theirs)


if __name__ == '__main__':
    unittest.main()
