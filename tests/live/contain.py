# SPDX-License-Identifier: GPL-2.0-only
"""Runs a command in a real container: runc's, in a cgroup of any path.

  contain.py --id ID --cgroup PATH --state DIR [--netns FILE] [--bind DIR]... -- COMMAND...

The container has name spaces of its own for pids, mounts, IPC and the host name, and the network
that --netns names. It sees the host's programs read-only, and each --bind at the same place. Its
command has our standard input and output; we become runc, and end when it does. DIR is where runc
keeps its state, so that `runc --root DIR` finds the container.
"""
import argparse
import json
import os

SHARED = ('/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/etc')


def mount(kind, where, options=(), source=None):
    return {'destination': where, 'type': kind, 'source': source or kind, 'options': list(options)}


def bind(path, access):
    return mount('bind', path, ('rbind', access), path)


def config(options):
    spaces = [{'type': kind} for kind in ('pid', 'mount', 'ipc', 'uts')]
    if options.netns:
        spaces.append({'type': 'network', 'path': options.netns})
    mounts = [mount('proc', '/proc'), mount('tmpfs', '/dev', ('mode=755',))]
    # A link (Debian's /bin) is mounted as what it stands for.
    mounts += [bind(path, 'ro') for path in SHARED if os.path.isdir(path)]
    mounts += [bind(path, 'rw') for path in options.bind]
    return {
        'ociVersion': '1.0.2',
        'process': {'user': {'uid': 0, 'gid': 0}, 'cwd': '/', 'args': options.command,
                    'env': ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8',
                            'PYTHONDONTWRITEBYTECODE=1']},
        'root': {'path': 'rootfs'},
        'hostname': options.id[:12],
        'mounts': mounts,
        'linux': {'cgroupsPath': options.cgroup, 'namespaces': spaces},
    }


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument('--id', required=True)
    ap.add_argument('--cgroup', required=True)
    ap.add_argument('--state', required=True)
    ap.add_argument('--netns')
    ap.add_argument('--bind', action='append', default=[])
    ap.add_argument('command', nargs='+')
    options = ap.parse_args()
    bundle = os.path.join(options.state, 'bundle-' + options.id)
    os.makedirs(bundle + '/rootfs')
    with open(bundle + '/config.json', 'w') as f:
        json.dump(config(options), f)
    os.execvp('runc', ['runc', '--root', options.state, 'run', '--bundle', bundle, options.id])


if __name__ == '__main__':
    main()
