# SPDX-License-Identifier: GPL-2.0-only
"""Container runtimes' state as they write it, trimmed, in a folder that stands for "/"
(HTTPLAT_ROOT), and the cgroup paths that they give their containers."""
import json
import os
import secrets
import uuid


def new_id():
    return secrets.token_hex(32)


def write(root, path, what):
    full = os.path.join(root, path)
    os.makedirs(os.path.dirname(full), exist_ok=True)
    with open(full, 'w') as f:
        f.write(what if isinstance(what, str) else json.dumps(what))


class Workload:
    """A container to be: its cgroup path, and what has to be said of it, by JSON key."""

    # What its path alone says; __init__ of those below fills in what state files say.
    keys = ('container.id', 'container.name', 'container.runtime.name', 'container.image.name',
            'k8s.pod.uid', 'k8s.pod.name', 'k8s.namespace.name', 'k8s.container.name',
            'systemd.unit')

    def __init__(self, root, tag):
        self.id = new_id()
        self.name = 'web-' + tag
        self.image = 'registry.example/%s:1.27' % tag
        self.uid = str(uuid.uuid4())
        self.names = self.lay_out(root)
        if self.path.endswith('.scope'):
            self.names['systemd.unit'] = os.path.basename(self.path)

    @property
    def pod_slice(self):
        return '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod%s.slice' \
            % self.uid.replace('-', '_')

    def container(self, runtime, **more):
        return dict({'container.id': self.id, 'container.name': self.name,
                     'container.runtime.name': runtime, 'container.image.name': self.image},
                    **more)

    def pod(self):
        return {'k8s.pod.uid': self.uid, 'k8s.pod.name': self.name + '-0',
                'k8s.namespace.name': 'shop', 'k8s.container.name': self.name}


class Docker(Workload):
    def lay_out(self, root):
        write(root, 'var/lib/docker/containers/%s/config.v2.json' % self.id, {
            'State': {'Running': True, 'Pid': 0}, 'ID': self.id,
            'Config': {'Image': self.image, 'Labels': {}}, 'Image': 'sha256:' + new_id(),
            'Name': '/' + self.name, 'Driver': 'overlay2'})
        return self.container('docker')

    @property
    def path(self):
        return '/docker/' + self.id


class DockerSystemd(Docker):
    @property
    def path(self):
        return '/system.slice/docker-%s.scope' % self.id


class DockerSystemdUnit(Docker):
    """A container with systemd in it."""

    def lay_out(self, root):
        return dict(super().lay_out(root), **{'systemd.unit': 'nginx.service'})

    @property
    def path(self):
        return '/system.slice/docker-%s.scope/system.slice/nginx.service' % self.id


class Containerd(Workload):
    """By the kubelet, with the systemd driver."""

    task = 'run/containerd/io.containerd.runtime.v2.task/k8s.io/%s/config.json'

    def lay_out(self, root):
        cri = 'io.kubernetes.cri.'
        write(root, self.task % self.id, {'ociVersion': '1.1.0', 'annotations': {
            cri + 'container-type': 'container', cri + 'container-name': self.name,
            cri + 'image-name': self.image, cri + 'sandbox-id': new_id(),
            cri + 'sandbox-name': self.name + '-0', cri + 'sandbox-namespace': 'shop',
            cri + 'sandbox-uid': self.uid}})
        return self.container('containerd', **self.pod())

    @property
    def path(self):
        return '%s/cri-containerd-%s.scope' % (self.pod_slice, self.id)


class ContainerdCgroupfs(Containerd):
    @property
    def path(self):
        return '/kubepods/burstable/pod%s/%s' % (self.uid, self.id)


class ContainerdMixed(Containerd):
    """The kubelet has the systemd driver and containerd hasn't."""

    @property
    def path(self):
        return '/%s:cri-containerd:%s' % (os.path.basename(self.pod_slice), self.id)


class Kind(Containerd):
    """A node of kind: containerd within a container of docker's."""

    def lay_out(self, root):
        self.node, pid = new_id(), secrets.randbelow(1 << 20) + (1 << 24)
        write(root, 'var/lib/docker/containers/%s/config.v2.json' % self.node, {
            'State': {'Pid': pid}, 'Config': {'Image': 'kindest/node'}, 'Name': '/kind'})
        return super().lay_out('%s/proc/%d/root' % (root, pid))

    @property
    def path(self):
        return '/docker/%s/kubelet.slice%s/cri-containerd-%s.scope' % (
            self.node, self.pod_slice.replace('kubepods', 'kubelet-kubepods'), self.id)


class Nerdctl(Workload):
    def lay_out(self, root):
        write(root, 'run/containerd/io.containerd.runtime.v2.task/default/%s/config.json' % self.id,
              {'ociVersion': '1.1.0', 'annotations': {'nerdctl/name': self.name,
                                                     'nerdctl/namespace': 'default'}})
        names = self.container('containerd')
        del names['container.image.name']
        return names

    @property
    def path(self):
        return '/default/' + self.id


class Crio(Workload):
    def lay_out(self, root):
        write(root, 'run/containers/storage/overlay-containers/%s/userdata/config.json' % self.id, {
            'ociVersion': '1.1.0', 'annotations': {
                'io.container.manager': 'cri-o', 'io.kubernetes.container.name': self.name,
                'io.kubernetes.cri-o.ImageName': self.image, 'io.kubernetes.pod.uid': self.uid,
                'io.kubernetes.pod.name': self.name + '-0', 'io.kubernetes.pod.namespace': 'shop'}})
        return self.container('cri-o', **self.pod())

    @property
    def path(self):
        return '%s/crio-%s.scope' % (self.pod_slice, self.id)


class CrioByLogs(Crio):
    """Without CRI-O's own state: what the kubelet's logs are called says who it is."""

    def lay_out(self, root):
        write(root, 'var/log/containers/%s-0_shop_%s-%s.log' % (self.name, self.name, self.id), '')
        names = self.container('cri-o', **self.pod())
        del names['container.image.name']
        return names


class PodmanRootless(Workload):
    """User 1000's, whose home the folder's own /etc/passwd says."""

    def lay_out(self, root):
        write(root, 'etc/passwd', 'ann:x:1000:1000::/home/ann:/bin/sh\n')
        store = 'home/ann/.local/share/containers/storage/overlay-containers/containers.json'
        rows = []
        if os.path.exists(os.path.join(root, store)):
            with open(os.path.join(root, store)) as f:
                rows = json.load(f)
        rows.append({'id': self.id, 'names': [self.name], 'image': new_id(), 'layer': new_id(),
                     'metadata': json.dumps({'image-name': self.image, 'name': self.name})})
        write(root, store, rows)
        return self.container('podman')

    @property
    def path(self):
        return '/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-%s.scope' % self.id


class Lxc(Workload):
    def lay_out(self, root):
        return {'container.name': self.name, 'container.runtime.name': 'lxc'}

    @property
    def path(self):
        return '/lxc.payload.' + self.name


class Nspawn(Workload):
    def lay_out(self, root):
        return {'container.name': self.name, 'container.runtime.name': 'nspawn'}

    @property
    def path(self):
        return '/machine.slice/machine-%s.scope' % self.name.replace('-', '\\x2d')


class Unit(Workload):
    def lay_out(self, root):
        return {'systemd.unit': self.name + '.service'}

    @property
    def path(self):
        return '/system.slice/%s.service' % self.name


class UserUnit(Unit):
    @property
    def path(self):
        return '/user.slice/user-1000.slice/user@1000.service/app.slice/%s.service' % self.name


ALL = (Docker, DockerSystemd, DockerSystemdUnit, Containerd, ContainerdCgroupfs, ContainerdMixed,
       Kind, Nerdctl, Crio, CrioByLogs, PodmanRootless, Lxc, Nspawn, Unit, UserUnit)
