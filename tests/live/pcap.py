# SPDX-License-Identifier: GPL-2.0-only
"""A small reader of what tcpdump wrote: it shows that a test has made the packets that it claims to
be about, and with which frame a message ended. Ethernet, IPv4, IPv6 with extension headers, TCP."""
import collections
import struct

Packet = collections.namedtuple(
    'Packet', 'frame time src dst sport dport seq ack flags payload wire')
FIN, SYN, RST, PSH, ACK = 1, 2, 4, 8, 16


def tcp_at(frame, wire):
    kind = frame[12:14]
    if kind == b'\x08\x00':
        ip = frame[14:]
        if ip[9] != 6:
            return None
        at, addresses = (ip[0] & 15) * 4, (ip[12:16], ip[16:20])
    elif kind == b'\x86\xdd':
        ip = frame[14:]
        proto, at, addresses = ip[6], 40, (ip[8:24], ip[24:40])
        while proto in (0, 43, 60):
            proto, at = ip[at], at + (ip[at + 1] + 1) * 8
        if proto != 6:
            return None
    else:
        return None
    sport, dport, seq, ack, offset, flags = struct.unpack_from('!HHIIBB', ip, at)
    # By the packet's length: the length field of a BIG TCP super-segment is 0.
    total = wire - 14
    if kind == b'\x08\x00' and struct.unpack_from('!H', ip, 2)[0]:
        total = struct.unpack_from('!H', ip, 2)[0]
    return addresses + (sport, dport, seq, ack, flags, total - at - (offset >> 4) * 4, wire)


def read(path):
    """The TCP packets of a classic pcap file."""
    out = []
    with open(path, 'rb') as f:
        data = f.read()
    magic = struct.unpack_from('<I', data)[0]
    scale = {0xa1b2c3d4: 1000, 0xa1b23c4d: 1}[magic]
    at, frame = 24, 0
    while at + 16 <= len(data):
        sec, frac, cap, wire = struct.unpack_from('<IIII', data, at)
        frame += 1
        got = tcp_at(data[at + 16:at + 16 + cap], wire)
        if got:
            out.append(Packet(frame, sec * 1000000000 + frac * scale, *got))
        at += 16 + cap
    return out
