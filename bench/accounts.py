# SPDX-License-Identifier: GPL-2.0-only
"""What things cost, as the kernel counts it.

CPU: the workload and the tracer each run in a cgroup of their own, whose cpu.stat counts in microseconds what its
tasks ran, children and dead ones included. On loopback and veth, softirqs and with them the BPF programs run within the
task that sent the packet and are charged to it (this kernel has no separate accounting of interrupts); what is left
over to ksoftirqd is read from its schedstat. So the sum of the three is everything that a request cost, wherever, and
others who use the machine at the same time are not in it. /proc/stat, which has them, counts in ticks of 10 ms; it only
tells how much they took. perf has no hardware counters in a virtual machine.

BPF: run_time_ns and run_cnt of the programs whose descriptors a process holds, from its fdinfo; they count only
while kernel.bpf_stats_enabled is set, or as here somebody holds a descriptor of BPF_ENABLE_STATS, which ends with us.

Ring: the position of its producer, mapped read-only: bytes that went through it, headers and padding included.
"""
import ctypes
import glob
import json
import mmap
import os
import struct
import subprocess

BPF_MAP_TYPE_RINGBUF = 27
BPF_STATS_RUN_TIME = 0
USER_HZ = os.sysconf('SC_CLK_TCK')

_libbpf = ctypes.CDLL('libbpf.so.1', use_errno=True)


# --- CPU ------------------------------------------------------------------------------------------

def cgroup_cpu(cgroup):
    """Seconds."""
    with open(cgroup.dir + '/cpu.stat') as f:
        return int(f.readline().split()[1]) / 1e6


def _find_ksoftirqd():
    found = []
    for path in glob.glob('/proc/[0-9]*/comm'):
        try:
            with open(path) as f:
                if f.read().startswith('ksoftirqd/'):
                    found.append(os.path.dirname(path) + '/schedstat')
        except OSError:
            pass
    return found


_KSOFTIRQD = _find_ksoftirqd()


def ksoftirqd_cpu():
    """Seconds."""
    total = 0
    for path in _KSOFTIRQD:
        with open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def waited(pid):
    """Seconds that the threads of a process were ready to run and others did."""
    total = 0
    for path in glob.glob('/proc/%d/task/*/schedstat' % pid):
        with open(path) as f:
            total += int(f.read().split()[1])
    return total / 1e9


def machine_cpu():
    """Seconds that all processors were busy, to some ticks."""
    with open('/proc/stat') as f:
        user, nice, system, _, _, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / USER_HZ


def memory(pid):
    """The resident set in KiB: its peak, now, and how much of it now is neither files nor mapped rings."""
    with open('/proc/%d/status' % pid) as f:
        rows = dict(line.split(':', 1) for line in f)
    return {name: int(rows[key].split()[0]) for name, key in (
        ('rss_peak_kib', 'VmHWM'), ('rss_kib', 'VmRSS'), ('rss_anon_kib', 'RssAnon'))}


# --- BPF ------------------------------------------------------------------------------------------

class RunTimes:
    """The kernel counts the time of BPF programs while this is open (`with`). That alone costs about 100 ns per run."""

    def __enter__(self):
        self._fd = _libbpf.bpf_enable_stats(BPF_STATS_RUN_TIME)
        if self._fd < 0:
            raise OSError(ctypes.get_errno(), 'BPF_ENABLE_STATS')
        return self

    def __exit__(self, *_):
        os.close(self._fd)


def _fdinfo(pid):
    """A dictionary for each descriptor."""
    for path in glob.glob('/proc/%d/fdinfo/*' % pid):
        try:
            with open(path) as f:
                yield dict(line.rstrip('\n').split(':', 1) for line in f if ':' in line)
        except OSError:
            pass


# Those that run once for each packet at a hook: socket filter, tc, cgroup_skb.
PACKET_PROGRAMS = {1: 'socket', 3: 'tc', 8: 'cgroup'}


def program_runs(pid):
    """{program id: (nanoseconds, runs, type)} of what a process has loaded."""
    return {int(info['prog_id']): tuple(int(info[key]) for key in ('run_time_ns', 'run_cnt',
                                                                   'prog_type'))
            for info in _fdinfo(pid) if 'run_time_ns' in info}


def program_name(prog_id):
    done = subprocess.run(['bpftool', '-j', 'prog', 'show', 'id', str(prog_id)],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout).get('name', str(prog_id))


def ring_bytes(pid):
    """Bytes that have gone through the ring buffers of a process so far; None where it has none."""
    rings = {int(info['map_id']) for info in _fdinfo(pid)
             if int(info.get('map_type', 0)) == BPF_MAP_TYPE_RINGBUF}
    return sum(map(_producer_position, rings)) if rings else None


def _producer_position(map_id):
    fd = _libbpf.bpf_map_get_fd_by_id(map_id)
    if fd < 0:
        raise OSError(ctypes.get_errno(), 'BPF_MAP_GET_FD_BY_ID')
    try:
        with mmap.mmap(fd, mmap.PAGESIZE, mmap.MAP_SHARED, mmap.PROT_READ,
                       offset=mmap.PAGESIZE) as page:
            return struct.unpack_from('=Q', page)[0]
    finally:
        os.close(fd)
