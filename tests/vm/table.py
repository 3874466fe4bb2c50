# SPDX-License-Identifier: GPL-2.0-only
"""The table of docs/HOSTS.md: a line for each kernel and run, made by tests/vm/run and nobody else."""
import collections
import os

import guest

PATH = os.path.join(guest.ROOT, 'docs/HOSTS.md')
BEGIN, END = '<!-- made by make vmtest -->\n', '<!-- to here -->\n'
HEAD = ('kernel', 'lockdown', '`--hook`', 'with', 'capture', 'owners from', 'owners', 'seconds')

# `key`: the kernel's name in tests/vm/guest.py, which is not shown.
Line = collections.namedtuple('Line', 'key cells')


def _render(lines):
    out = ['| ' + ' | '.join(HEAD) + ' |\n', '| ' + ' | '.join(['---'] * (len(HEAD) - 1) + ['---:']) + ' |\n']
    for line in lines:
        out.append('| ' + ' | '.join(line.cells) + ' | <!-- %s -->\n' % line.key)
    return ''.join(out)


def _parse(text):
    lines = []
    for row in text.splitlines():
        if row.endswith(' -->') and '<!-- ' in row:
            cells, key = row[:-len(' -->')].rsplit('<!-- ', 1)
            lines.append(Line(key, [c.strip() for c in cells.strip().strip('|').split('|')]))
    return lines


def update(new, order):
    """Puts the lines of the kernels that ran in the place of those that were there; order: all keys."""
    with open(PATH, encoding='utf-8') as f:
        text = f.read()
    head, rest = text.split(BEGIN)
    old, tail = rest.split(END)
    ran = {line.key for line in new}
    lines = [line for line in _parse(old) if line.key not in ran and line.key in order] + new
    lines.sort(key=lambda line: order.index(line.key))
    with open(PATH, 'w', encoding='utf-8') as f:
        f.write(head + BEGIN + _render(lines) + END + tail)


def show(lines):
    rows = [HEAD] + [line.cells for line in lines]
    width = [max(len(r[i]) for r in rows) for i in range(len(HEAD))]
    for row in rows:
        print('  '.join(c.ljust(w) for c, w in zip(row, width)).rstrip())
