// SPDX-License-Identifier: GPL-2.0-only
/* The cgroup hook: at the root of the cgroup2 hierarchy, so that it sees every local socket in
 * every network namespace. */
#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>

#include "live/attach.h"

static int attach_one(struct attach *at, int prog_fd, int cgroup_fd, enum bpf_attach_type type,
		      struct diag *d)
{
	int fd = bpf_link_create(prog_fd, cgroup_fd, type, NULL);
	int err = -errno;

	if (fd >= 0)
		return attach_keep_fd(at, fd);
	if (err == -EPERM)
		return diag_set(d, EXIT_UNSUPPORTED, err,
				"cannot attach to the cgroup root: not permitted; another program "
				"may claim it for itself (`bpftool cgroup tree`), or this runs in "
				"a container: try --hook socket");
	if (err == -EINVAL)
		return diag_set(d, EXIT_UNSUPPORTED, err,
				"this kernel has no BPF links for cgroups (CONFIG_CGROUP_BPF, "
				"Linux 5.10): try --hook socket");
	return diag_set(d, EXIT_UNSUPPORTED, err,
			"cannot attach to the cgroup root: %s; try --hook socket", strerror(-err));
}

int attach_cgroup(struct attach *at, const struct attach_progs *progs, int cgroup_fd,
		  struct diag *d)
{
	int err = attach_one(at, progs->cg_in, cgroup_fd, BPF_CGROUP_INET_INGRESS, d);

	return err ? err : attach_one(at, progs->cg_out, cgroup_fd, BPF_CGROUP_INET_EGRESS, d);
}
