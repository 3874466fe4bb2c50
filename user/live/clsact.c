// SPDX-License-Identifier: GPL-2.0-only
#include "live/clsact.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define NAME_PREFIX "httplat_tc_"

struct clsact {
	unsigned int ifindex;
	unsigned int slot;
	int lock; /* the bound socket */
	bool made_qdisc;
	bool has[2]; /* ingress, egress */
};

static const enum bpf_tc_attach_point points[2] = {BPF_TC_INGRESS, BPF_TC_EGRESS};

static int lock_slot(unsigned int ifindex, unsigned int slot)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd, len, err;

	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	len = snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "httplat.tc.%u.%u", ifindex,
		       slot);
	if (bind(fd, (struct sockaddr *)&addr,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)len))) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static uint32_t handle_of(bool made_qdisc)
{
	return made_qdisc ? CLSACT_HANDLE_MADE : CLSACT_HANDLE;
}

static int detach_one(unsigned int ifindex, int point, unsigned int slot, bool made_qdisc)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex, .attach_point = points[point]);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle_of(made_qdisc),
		    .priority = CLSACT_PRIO + slot);

	return bpf_tc_detach(&hook, &opts);
}

/* --- what is attached there, from a netlink dump ---------------------------------------------- */

struct found {
	unsigned int all;   /* filters of anybody */
	uint32_t our_slots; /* bit per slot that holds a filter of ours */
	uint32_t made;	    /* of these: with the qdisc */
};

static const struct rtattr *attr_find(const struct rtattr *rta, int len, unsigned short type)
{
	for (; RTA_OK(rta, len); rta = RTA_NEXT(rta, len))
		if ((rta->rta_type & NLA_TYPE_MASK) == type)
			return rta;
	return NULL;
}

static bool attr_starts_with(const struct rtattr *rta, const char *prefix)
{
	size_t n = strlen(prefix);

	return rta && RTA_PAYLOAD(rta) >= n && !memcmp(RTA_DATA(rta), prefix, n);
}

static void note_filter(const struct nlmsghdr *nh, struct found *found)
{
	const struct tcmsg *tcm = NLMSG_DATA(nh);
	int len = (int)nh->nlmsg_len - (int)NLMSG_LENGTH(sizeof(*tcm));
	const struct rtattr *options;
	uint32_t prio = tcm->tcm_info >> 16;

	if (nh->nlmsg_type != RTM_NEWTFILTER || len < 0 || !tcm->tcm_handle)
		return;
	found->all++;
	if (prio < CLSACT_PRIO || prio >= CLSACT_PRIO + CLSACT_SLOTS ||
	    (tcm->tcm_handle != CLSACT_HANDLE && tcm->tcm_handle != CLSACT_HANDLE_MADE))
		return;
	if (!attr_starts_with(attr_find(TCA_RTA(tcm), len, TCA_KIND), "bpf"))
		return;
	options = attr_find(TCA_RTA(tcm), len, TCA_OPTIONS);
	if (!options ||
	    !attr_starts_with(attr_find(RTA_DATA(options), (int)RTA_PAYLOAD(options), TCA_BPF_NAME),
			      NAME_PREFIX))
		return;
	found->our_slots |= 1u << (prio - CLSACT_PRIO);
	if (tcm->tcm_handle == CLSACT_HANDLE_MADE)
		found->made |= 1u << (prio - CLSACT_PRIO);
}

/* Reads one dump to its end. */
static int read_dump(int fd, struct found *found)
{
	char buf[16384] __attribute__((aligned(NLMSG_ALIGNTO)));
	const struct nlmsghdr *nh;
	ssize_t n;
	unsigned int len;

	for (;;) {
		n = recv(fd, buf, sizeof(buf), 0);
		if (n <= 0)
			return n ? -errno : -EIO;
		len = (unsigned int)n;
		for (nh = (const void *)buf; NLMSG_OK(nh, len); nh = NLMSG_NEXT(nh, len)) {
			if (nh->nlmsg_type == NLMSG_DONE)
				return 0;
			if (nh->nlmsg_type == NLMSG_ERROR)
				return ((const struct nlmsgerr *)NLMSG_DATA(nh))->error;
			note_filter(nh, found);
		}
	}
}

static int dump_filters(unsigned int ifindex, int point, struct found *found)
{
	struct {
		struct nlmsghdr nh;
		struct tcmsg tcm;
	} req = {
		.nh = {.nlmsg_len = sizeof(req),
		       .nlmsg_type = RTM_GETTFILTER,
		       .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.tcm = {.tcm_ifindex = (int)ifindex,
			.tcm_parent = TC_H_MAKE(TC_H_CLSACT,
						point ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS)},
	};
	int fd, err;

	memset(found, 0, sizeof(*found));
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	err = send(fd, &req, sizeof(req), 0) < 0 ? -errno : read_dump(fd, found);
	close(fd);
	return err;
}

/* --- attach, detach, sweep -------------------------------------------------------------------- */

static bool qdisc_is_empty(unsigned int ifindex)
{
	struct found in, out;

	return !dump_filters(ifindex, 0, &in) && !dump_filters(ifindex, 1, &out) && !in.all &&
	       !out.all;
}

static void remove_qdisc(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);

	if (qdisc_is_empty(ifindex))
		bpf_tc_hook_destroy(&hook);
}

/* Those of one direction. Adds to *made when one of them had the qdisc made. Returns how many. */
static int sweep_point(unsigned int ifindex, int point, bool *made)
{
	struct found found;
	unsigned int slot;
	int lock, cnt = 0, err = dump_filters(ifindex, point, &found);

	if (err)
		return err;
	for (slot = 0; slot < CLSACT_SLOTS; slot++) {
		bool is_made = found.made & 1u << slot;

		if (!(found.our_slots & 1u << slot))
			continue;
		lock = lock_slot(ifindex, slot);
		if (lock < 0)
			continue; /* its owner lives */
		if (!detach_one(ifindex, point, slot, is_made)) {
			*made |= is_made;
			cnt++;
		}
		close(lock);
	}
	return cnt;
}

int clsact_sweep(unsigned int ifindex)
{
	bool made = false;
	int in = sweep_point(ifindex, 0, &made);
	int out = in < 0 ? in : sweep_point(ifindex, 1, &made);

	if (out < 0)
		return out;
	if (made)
		remove_qdisc(ifindex);
	return in + out;
}

void clsact_detach(struct clsact *ca)
{
	int point;

	if (!ca)
		return;
	for (point = 0; point < 2; point++)
		if (ca->has[point])
			detach_one(ca->ifindex, point, ca->slot, ca->made_qdisc);
	if (ca->made_qdisc)
		remove_qdisc(ca->ifindex);
	if (ca->lock >= 0)
		close(ca->lock);
	free(ca);
}

static int attach_one(struct clsact *ca, int point, int prog_fd)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ca->ifindex, .attach_point = points[point]);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = handle_of(ca->made_qdisc),
		    .priority = CLSACT_PRIO + ca->slot, .prog_fd = prog_fd);
	int err = bpf_tc_attach(&hook, &opts);

	ca->has[point] = !err;
	return err;
}

static int take_slot(struct clsact *ca)
{
	for (ca->slot = 0; ca->slot < CLSACT_SLOTS; ca->slot++) {
		ca->lock = lock_slot(ca->ifindex, ca->slot);
		if (ca->lock != -EADDRINUSE)
			return ca->lock < 0 ? ca->lock : 0;
	}
	return -EBUSY;
}

int clsact_attach(unsigned int ifindex, int prog_in, int prog_out, struct clsact **out)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
		    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	struct clsact *ca = calloc(1, sizeof(*ca));
	int err;

	if (!ca)
		return -ENOMEM;
	ca->ifindex = ifindex;
	ca->lock = -1;
	err = take_slot(ca);
	if (err)
		goto fail;
	err = bpf_tc_hook_create(&hook);
	ca->made_qdisc = !err;
	if (err && err != -EEXIST)
		goto fail;
	err = attach_one(ca, 0, prog_in);
	if (!err)
		err = attach_one(ca, 1, prog_out);
	if (err)
		goto fail;
	*out = ca;
	return 0;
fail:
	clsact_detach(ca);
	return err;
}
