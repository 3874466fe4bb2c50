# SPDX-License-Identifier: GPL-2.0-only
"""What runs of the live benchmark come to, and the tables that people read. A run is the dictionary that bench/live
makes of it; bench/live says what the columns mean."""
import os
import statistics
import sys


def cost(run):
    """Microseconds of CPU per transaction."""
    return 1e6 * (run['load_cpu_s'] + run['softirq_cpu_s'] + run['tracer_cpu_s']) \
        / max(run['transactions'], 1)


def median(runs, figure):
    values = [v for v in map(figure, runs) if v is not None]
    return statistics.median(values) if values else None


def ratio(runs, base):
    """The median of what each run costs beside that of the same round."""
    pairs = [cost(a) / cost(b) for a, b in zip(runs, base) if cost(b)]
    return statistics.median(pairs) if pairs else None


def per_transaction(run, key):
    return run[key] / max(run['transactions'], 1) if key in run else None


def bpf_ns(run):
    return sum(ns for _, ns, _, _ in run['programs']) / max(run['transactions'], 1)


def bpf_ns_per_packet(run):
    """All programs, those for owners too; packets as the hook counts them."""
    packets = sum(cnt for _, _, cnt, per_packet in run['programs'] if per_packet)
    return sum(ns for _, ns, _, _ in run['programs']) / max(packets, 1)


def spread(runs, base):
    """Half of what the middle half of the ratios lies within, in percent of 1."""
    pairs = [cost(a) / cost(b) for a, b in zip(runs, base) if cost(b)]
    if len(pairs) < 4:
        return None
    first, _, third = statistics.quantiles(pairs)
    return 100 * (third - first) / 2


def total(runs, key):
    values = [run[key] for run in runs if run.get(key) is not None]
    return sum(values) if values else None


def row(name, floor, runs, timed):
    """Of the table: what came out for `name`, whose floor is that other tracer."""
    mine = runs[name]
    beside = runs.get(floor) or runs.get('none', ())
    return {
        'requests_per_s': median(mine, lambda r: r['requests'] / r['seconds']),
        'p50_us': median(mine, lambda r: r['p50_us']),
        'p99_us': median(mine, lambda r: r['p99_us']),
        'cpu_us': median(mine, cost),
        'x_none': ratio(mine, runs.get('none', ())),
        'x_empty': ratio(mine, runs.get(floor, ())) if floor != 'none' else None,
        'spread': spread(mine, beside) if name != 'none' else None,
        'tracer_us': median(mine, lambda r: 1e6 * per_transaction(r, 'tracer_cpu_s')),
        'bpf_ns': median(timed[name], bpf_ns),
        'bpf_ns_per_packet': median(timed[name], bpf_ns_per_packet),
        'ring_bytes': median(mine, lambda r: per_transaction(r, 'ring_bytes')),
        'rss_mb': median(mine, lambda r: r['rss_peak_kib'] / 1024 if 'rss_peak_kib' in r else None),
        'transactions': total(mine, 'transactions'),
        'missed': total(mine, 'missed'),
        'lost': total(mine, 'lost'),
        'errors': total(mine, 'errors'),
    }


# head, key, width, decimals
COLUMNS = (('req/s', 'requests_per_s', 7, 0), ('p50', 'p50_us', 7, 0), ('p99', 'p99_us', 7, 0),
           ('CPU/tr', 'cpu_us', 7, 2), ('x none', 'x_none', 6, 2), ('x empty', 'x_empty', 7, 2),
           ('+-%', 'spread', 4, 1), ('tracer', 'tracer_us', 7, 2), ('BPF ns', 'bpf_ns', 6, 0),
           ('ns/pkt', 'bpf_ns_per_packet', 6, 0), ('ring B', 'ring_bytes', 6, 0),
           ('RSS MB', 'rss_mb', 6, 0), ('missed', 'missed', 6, 0), ('lost', 'lost', 6, 0))


def print_programs(title, timed):
    """Which BPF program takes how much, in the last round in which that was measured."""
    print('\n%-18s %-16s %8s %8s %8s' % (title, '', 'ns/run', 'runs/tr', 'ns/tr'))
    for name, runs in timed.items():
        for program, ns, cnt, _ in sorted(runs[-1]['programs']) if runs else ():
            per = runs[-1]['transactions'] or 1
            print('%-18s %-16s %8.0f %8.2f %8.0f' % (name, program, ns / cnt, cnt / per, ns / per))


def print_table(title, rows, runs, seconds):
    print('\n' + title)
    print('%-18s' % '' + ''.join(' %*s' % (width, head) for head, _, width, _ in COLUMNS))
    for name, cells in rows.items():
        print('%-18s' % name + ''.join(
            ' %*s' % (width, '-' if cells[key] is None else '%.*f' % (decimals, cells[key]))
            for _, key, width, decimals in COLUMNS))
        if cells['errors']:
            print('%18s %d of %d requests failed' % ('', cells['errors'], cells['transactions']))
    everything = [run for one in runs.values() for run in one]
    shares = [max(run['others_cpu_s'], 0) / (seconds * os.cpu_count()) for run in everything]
    print('others took %.0f %% of the machine (median; %.0f %% at most)'
          % (100 * statistics.median(shares), 100 * max(shares)))
    for key, text in (('disturbed', 'with tracers or traffic of others'), ('late', 'not caught up')):
        if any(run[key] for run in everything):
            print('%d of %d runs: %s' % (sum(run[key] for run in everything), len(everything), text))
    sys.stdout.flush()
