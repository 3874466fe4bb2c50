/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * vmlinux.h - the few kernel types that the owner programs look into, written by hand.
 *
 * Only the members that are used are declared. `preserve_access_index` makes the compiler record
 * each access by name; libbpf finds the real offset in the running kernel's BTF when it loads the
 * program. So neither order nor completeness matters here, only names and kinds. Members that not
 * every kernel has are asked for with bpf_core_field_exists() first.
 *
 * Types as of Linux 5.5 to 7.x.
 */
#ifndef HTTPLAT_VMLINUX_H
#define HTTPLAT_VMLINUX_H

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	union {
		__u8 u6_addr8[16];
		__u32 u6_addr32[4];
	} in6_u;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	__s64 counter;
} atomic64_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num; /* local port, host order */
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr; /* CONFIG_IPV6 */
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie; /* 0: nobody has asked for it yet */
};

typedef struct {
	int owned; /* a task holds the socket, no softirq is at work on it */
} socket_lock_t;

struct sock {
	struct sock_common __sk_common;
	socket_lock_t sk_lock;
	__u16 sk_type;
	__u16 sk_protocol;
};

struct inet_sock {
	__be16 inet_sport;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
};

struct tcp_options_received {
	__u16 saw_tstamp : 1, snd_wscale : 4, rcv_wscale : 4;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	__u32 copied_seq; /* first byte that the application has not read */
};

struct socket {
	struct sock *sk;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup_root {
	int hierarchy_id; /* 0: cgroup2 */
};

struct cgroup {
	struct kernfs_node *kn;
	struct cgroup_root *root;
};

struct css_set {
	struct cgroup *dfl_cgrp; /* in cgroup2 */
};

struct upid {
	int nr;
};

struct pid {
	unsigned int level;    /* of the innermost name space; 0: the initial one */
	struct upid numbers[]; /* by level; once declared with one element */
};

struct pid_namespace {
	struct ns_common ns;
};

struct nsproxy {
	struct pid_namespace *pid_ns_for_children;
};

typedef struct {
	__u32 val; /* in the initial user name space */
} kuid_t;

struct cred {
	kuid_t euid;
};

typedef struct {
	int counter;
} atomic_t;

struct signal_struct {
	atomic_t live; /* threads that have not ended */
};

struct task_struct {
	unsigned int flags; /* PF_* */
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct nsproxy *nsproxy;
	char comm[16];
	struct css_set *cgroups;
	const struct cred *cred; /* what it acts as; real_cred is what others see */
	struct signal_struct *signal;
};

struct file;

struct bpf_iter__task_file {
	struct task_struct *task;
	__u32 fd;
	struct file *file;
};

#pragma clang attribute pop

#endif
