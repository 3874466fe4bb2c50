# SPDX-License-Identifier: GPL-2.0-only
"""Holds the tracer's records against what servers and clients say themselves.

A wanted record is a dict of the JSON keys that matter. Each wanted record has a target that is
unique on its side, so records and wishes meet by (side, url.original).
"""
ABSENT = object()  # the key may not be there


def key_of(row):
    return row.get('side'), row.get('url.original')


def differences(record, want):
    wrong = []
    for key, value in want.items():
        if value is ABSENT:
            if key in record:
                wrong.append('%s: is %r, expected none' % (key, record[key]))
        elif record.get(key, ABSENT) != value:
            wrong.append('%s: is %r, expected %r' % (key, record.get(key, 'absent'), value))
    return wrong


def compare(records, wants):
    """Returns a list of sentences; empty when records are exactly what was wanted."""
    pool = {}
    for record in records:
        pool.setdefault(key_of(record), []).append(record)
    missing, doubled, wrong = [], [], []
    for want in wants:
        got = pool.pop(key_of(want), None)
        if got is None:
            missing.append('missing: %s %s' % key_of(want))
            continue
        if len(got) > 1:
            doubled.append('%d times: %s %s' % ((len(got),) + key_of(want)))
        faults = differences(got[0], want)
        if faults:
            wrong.append('%s %s: %s' % (key_of(want) + ('; '.join(faults),)))
    extra = ['extra: %s %s (status %s, flags %s)' % (
        row.get('side'), row.get('url.original'), row.get('http.response.status_code'),
        row.get('flags')) for rows in pool.values() for row in rows]
    out = []
    for what in (missing, doubled, wrong, extra):
        out += what[:4] + (['... and %d more like this' % (len(what) - 4)] if len(what) > 4 else [])
    if out:
        out.insert(0, '%d wanted, %d recorded: %d missing, %d doubled, %d wrong, %d extra' % (
            len(wants), len(records), len(missing), len(doubled), len(wrong), len(extra)))
    return out


def mine(records, tag, ports=()):
    """The records of this test: its tag in the target; and whatever else is said about its servers'
    ports, so that an orphan doesn't go unnoticed."""
    return [r for r in records if tag in r.get('url.original', '')
            or (r.get('server.port') in ports and 'url.original' not in r)]


def check(test, tracer, records, wants, ports=()):
    """Fails unless the records with the test's tag are exactly those wanted."""
    faults = compare(mine(records, test.tag, ports), wants)
    if faults:
        test.fail('\n'.join(faults + ['standard error: ' + tracer.stderr()[-1500:],
                                      'summary: %s' % tracer.summary]))


def owner(side, pid, cgroup, comm=None, tid=None):
    want = {'side': side, 'process.pid': pid}
    if cgroup:
        want['linux.cgroup.path'] = cgroup.path
        want['linux.cgroup.id'] = cgroup.id
    if comm:
        want['process.executable.name'] = comm
    if tid:
        want['thread.id'] = tid
    return want


def served(server, rows, **more):
    """Wanted server-side records, from the server's own log."""
    out = []
    for row in rows:
        want = owner('server', row['pid'], server.cgroup, row.get('comm', server.comm),
                     row.get('tid'))
        want.update({'url.original': row['uri'], 'http.request.method': row['method'],
                     'http.response.status_code': row['status'], 'client.port': row['port'],
                     'server.port': server.port, 'flags': []})
        want['http.response.body.size'] = row['body']
        if 'bytes' in row:  # nginx
            want['http.response.size'] = row['bytes']
            want['http.request.size'] = row['length']
            want['tcp.stream.request'] = row['nth']
        want.update(more)
        out.append(want)
    return out


def sent(client, rows, comm, **more):
    """Wanted client-side records, from what the client saw."""
    out = []
    for row in rows:
        want = owner('client', row['pid'], client.cgroup, row.get('comm', comm), row.get('tid'))
        want.update({'url.original': row['path'], 'http.response.status_code': row['status'],
                     'http.response.body.size': row['body'], 'client.port': row['port'],
                     'flags': []})
        if 'size' in row:  # the client of plain sockets
            want.update({'http.request.method': row['method'], 'http.response.size': row['size'],
                         'http.request.size': row['request_size'],
                         'http.request.body.size': row['request_body'],
                         'client.address': row['address']})
            if row['interim']:
                want['http.response.interim_count'] = row['interim']
        want.update(more)
        out.append(want)
    return out


def check_exchanges(test, records):
    """The two records of one exchange carry the same exchange.id and the same addresses; exchanges
    differ."""
    by_target = {}
    for record in mine(records, test.tag):
        by_target.setdefault(record['url.original'], []).append(record)
    ids = set()
    for target, pair in by_target.items():
        got = {r['exchange.id'] for r in pair}
        test.assertEqual(len(got), 1, '%s: exchange.id differs: %s' % (target, got))
        ids |= got
    test.assertEqual(len(ids), len(by_target), 'exchange.id is not unique')


def check_times(test, records):
    """What must hold of the times, whatever they are."""
    for r in mine(records, test.tag):
        if r['flags']:
            continue
        what = '%s %s: %s' % (r['side'], r['url.original'], r)
        test.assertIn('latency_ns', r, what)
        test.assertLessEqual(0, r['ttfb_ns'], what)
        test.assertLessEqual(r['ttfb_ns'], r['latency_ns'], what)
        test.assertLessEqual(r['latency_ns'], r['total_ns'], what)
        test.assertEqual(r['ttfb_ns'] + r['response_ns'], r['latency_ns'], what)
        test.assertEqual(r['latency_ns'] + r['request_ns'], r['total_ns'], what)
