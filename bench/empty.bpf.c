// SPDX-License-Identifier: GPL-2.0-only
/* empty.bpf.c - programs that do nothing, one for each hook: what a hook costs before anything is done at it. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("cgroup_skb/ingress")
int empty_cgroup_in(struct __sk_buff *skb)
{
	return 1; /* let through */
}

SEC("cgroup_skb/egress")
int empty_cgroup_out(struct __sk_buff *skb)
{
	return 1;
}

SEC("tc")
int empty_tc_in(struct __sk_buff *skb)
{
	return -1; /* TCX_NEXT */
}

SEC("tc")
int empty_tc_out(struct __sk_buff *skb)
{
	return -1;
}

SEC("socket")
int empty_socket(struct __sk_buff *skb)
{
	return 0; /* nothing goes to the socket itself */
}
