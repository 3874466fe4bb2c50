// SPDX-License-Identifier: GPL-2.0-only
/* The tc hook: a TCX link where the kernel has it, a clsact filter elsewhere. */
#include <bpf/bpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "live/attach.h"
#include "live/clsact.h"

/* enum bpf_attach_type of Linux 6.6; older headers lack them. */
#define ATTACH_TCX_INGRESS 46
#define ATTACH_TCX_EGRESS  47

static int tcx_link(int prog_fd, unsigned int ifindex, int type)
{
	int fd = bpf_link_create(prog_fd, (int)ifindex, (enum bpf_attach_type)type, NULL);

	return fd < 0 ? -errno : fd;
}

/* -EINVAL: the kernel does not know TCX. */
static int attach_tcx(struct attach *at, int prog_in, int prog_out, unsigned int ifindex)
{
	int in, out, err;

	in = tcx_link(prog_in, ifindex, ATTACH_TCX_INGRESS);
	if (in < 0)
		return in;
	out = tcx_link(prog_out, ifindex, ATTACH_TCX_EGRESS);
	if (out < 0) {
		close(in);
		return out;
	}
	err = attach_keep_fd(at, in);
	if (err) {
		close(out);
		return err;
	}
	return attach_keep_fd(at, out);
}

static int attach_legacy(struct attach *at, int prog_in, int prog_out, unsigned int ifindex)
{
	struct clsact **filters = reallocarray(at->filters, at->filter_cnt + 1, sizeof(*filters));
	int err;

	if (!filters)
		return -ENOMEM;
	at->filters = filters;
	err = clsact_attach(ifindex, prog_in, prog_out, &filters[at->filter_cnt]);
	if (!err)
		at->filter_cnt++;
	return err;
}

int attach_tc(struct attach *at, const struct attach_progs *progs, const struct iface *ifaces,
	      size_t cnt, bool legacy, struct diag *d)
{
	size_t i;

	for (i = 0; i < cnt; i++) {
		const struct iface *ifc = &ifaces[i];
		int in = ifc->has_l2 ? progs->tc_in : progs->tc_in3;
		int out = ifc->has_l2 ? progs->tc_out : progs->tc_out3;
		int err = -EINVAL;

		if (!legacy)
			err = attach_tcx(at, in, out, ifc->ifindex);
		if (err == -EINVAL || err == -EOPNOTSUPP)
			err = attach_legacy(at, in, out, ifc->ifindex);
		if (err == -ENODEV)
			return diag_set(d, EXIT_USAGE, err,
					"the interface %s has disappeared; `ip link` lists those "
					"that are there",
					ifc->name);
		if (err == -EBUSY)
			return diag_set(d, EXIT_UNSUPPORTED, err,
					"%d instances of httplat already watch %s; end one",
					CLSACT_SLOTS, ifc->name);
		if (err)
			return diag_set(d, EXIT_UNSUPPORTED, err,
					"cannot attach to %s with tc: %s; is the kernel built with "
					"CONFIG_NET_CLS_BPF and CONFIG_NET_SCH_INGRESS? try --hook "
					"socket",
					ifc->name, strerror(-err));
	}
	return 0;
}
