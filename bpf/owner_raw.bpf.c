// SPDX-License-Identifier: GPL-2.0-only
/*
 * owner_raw.bpf.c - which task uses a socket, through raw tracepoints: for kernels whose BTF comes
 * from a file, and those whose own BTF is too old for owner.bpf.c (before 5.12).
 *
 *	connect()         inet_sock_set_state CLOSE -> SYN_SENT   pending, by the socket's address
 *	                  ... SYN_SENT -> ESTABLISHED             owners
 *	recv()...         tcp_rcv_space_adjust                    owners; event
 *	mkdir in cgroup2  cgroup_mkdir                            paths
 *
 * These programs may read the socket and the task, by bpf_probe_read_kernel() at offsets that
 * libbpf takes from the BTF it is given; so lockdown=confidentiality refuses them. They may not
 * hand a socket to a helper: socket storage is out of reach, hence the `owners` hash. Nor can they
 * make a cookie, only see the one that a capture program has made: where there is none yet, the
 * tuple stands in for it. Of a hook that is in one network namespace tuples have the namespace;
 * the cgroup hook, which sees all of them, goes by cookies.
 *
 * Beyond what classic tracepoints tell there are the network namespace, kernel threads and workers
 * of io_uring by their flags, the effective user id, and the pid in its own namespace. What only
 * storage tells is lacking as there: whether a connection is HTTP, hence what was read of it, and
 * who sends.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include "vmlinux/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "event.h"
#include "conn.h"
#include "owner_common.h"

/* include/linux/pid_namespace.h */
#define MAX_PID_NS_LEVEL 32

/* Clients between connect() and ESTABLISHED, by the socket's address, which is unique that long. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct conn_owner);
} pending SEC(".maps");

const volatile struct owner_config owner_cfg;

static __always_inline __u64 cookie_of(struct sock *sk)
{
	return BPF_CORE_READ(sk, __sk_common.skc_cookie.counter);
}

static __always_inline bool is_tcp(struct sock *sk)
{
	__u16 family = BPF_CORE_READ(sk, __sk_common.skc_family);

	return (family == AF_INET || family == AF_INET6) &&
	       BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP;
}

/* Into a zeroed tuple. The port of a socket that closes was given back already (skc_num is 0), but
 * inet_sport still knows it. */
static __always_inline void fill_tuple(struct sock *sk, struct conn_tuple *t)
{
	struct sock_common *skc = &sk->__sk_common;

	t->local_port = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	t->remote_port = bpf_ntohs(BPF_CORE_READ(skc, skc_dport));
	if (owner_cfg.netns)
		t->netns = BPF_CORE_READ(skc, skc_net.net, ns.inum);
	if (BPF_CORE_READ(skc, skc_family) == AF_INET6 &&
	    bpf_core_field_exists(skc->skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&t->local_addr, skc, skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&t->remote_addr, skc, skc_v6_daddr.in6_u.u6_addr8);
		return;
	}
	t->local_addr[10] = t->local_addr[11] = 0xff;
	t->remote_addr[10] = t->remote_addr[11] = 0xff;
	bpf_core_read(t->local_addr + 12, 4, &skc->skc_rcv_saddr);
	bpf_core_read(t->remote_addr + 12, 4, &skc->skc_daddr);
}

static __always_inline struct task_struct *current_task(void)
{
	return (struct task_struct *)bpf_get_current_task();
}

/* The process' pid in its own pid namespace; 0 where that can't be told. */
static __always_inline __u32 inner_pid(struct task_struct *task)
{
	struct pid *pid = BPF_CORE_READ(task, group_leader, thread_pid);
	unsigned int level = BPF_CORE_READ(pid, level);
	__u32 nr = 0;

	if (!level)
		return BPF_CORE_READ(task, tgid);
	if (level > MAX_PID_NS_LEVEL)
		return 0;
	bpf_probe_read_kernel(&nr, sizeof(nr),
			      (void *)pid + bpf_core_field_offset(pid->numbers) +
				      level * bpf_core_type_size(struct upid) +
				      bpf_core_field_offset(((struct upid *)0)->nr));
	return nr;
}

/* An io_uring worker is called "iou-wrk-PID", which nobody knows: it goes by its process' name. */
static __always_inline void fill_comm(char comm[16], struct task_struct *task, unsigned int flags)
{
	struct task_struct *leader;

	if (!(flags & PF_IO_WORKER)) {
		bpf_get_current_comm(comm, 16);
		return;
	}
	leader = BPF_CORE_READ(task, group_leader);
	bpf_core_read_str(comm, 16, &leader->comm);
}

/* Fills a zeroed *owner as far as is_same() looks; false when the task is no owner. */
static __always_inline bool fill_current(struct conn_owner *owner)
{
	struct task_struct *task = current_task();
	__u64 pid_tgid = bpf_get_current_pid_tgid();
	unsigned int flags = BPF_CORE_READ(task, flags);

	if (!(pid_tgid >> 32) || flags & PF_KTHREAD)
		return false;
	owner->id.pid = pid_tgid >> 32;
	owner->id.tid = (__u32)pid_tgid;
	owner->id.cgroup_id = bpf_get_current_cgroup_id();
	owner->uid = BPF_CORE_READ(task, cred, euid.val);
	fill_comm(owner->id.comm, task, flags);
	return true;
}

static __always_inline void fill_rest(struct conn_owner *owner)
{
	owner->flags = owner_flags(owner->id.pid, owner_cfg.follow);
	owner->vpid = inner_pid(current_task());
}

/* Whether a capture program is to find an owner by tuple: see the head of this file. */
static __always_inline bool needs_tuple(__u64 cookie)
{
	return !cookie || owner_cfg.netns || owner_cfg.to_tuple;
}

static __always_inline void put_owner(__u64 cookie, const struct conn_tuple *tuple,
				      const struct conn_owner *owner)
{
	if (cookie)
		put_by_cookie(cookie, owner);
	if (needs_tuple(cookie))
		put_by_tuple(tuple, owner);
}

/* The source port isn't chosen yet. */
static __always_inline int on_connect(struct sock *sk)
{
	__u64 address = (__u64)sk;
	struct conn_owner owner = {};

	if (!fill_current(&owner))
		return 0;
	fill_rest(&owner);
	bpf_map_update_elem(&pending, &address, &owner, BPF_ANY);
	return 0;
}

/* Softirq: the task of the moment is a stranger, but the owner waits in `pending`. */
static __always_inline int on_established(struct sock *sk)
{
	__u64 address = (__u64)sk, cookie = cookie_of(sk);
	struct conn_owner *owner = bpf_map_lookup_elem(&pending, &address);
	struct conn_tuple tuple = {};

	if (!owner)
		return 0;
	fill_tuple(sk, &tuple);
	if (cookie)
		put_by_cookie(cookie, owner);
	if (needs_tuple(cookie))
		put_client(&tuple, owner);
	bpf_map_delete_elem(&pending, &address);
	return 0;
}

/* What owner_seed() wrote has no namespace. */
static __always_inline int on_close(struct sock *sk)
{
	__u64 address = (__u64)sk;
	struct conn_tuple tuple = {};

	bpf_map_delete_elem(&pending, &address);
	fill_tuple(sk, &tuple);
	forget_tuple(&tuple);
	if (!tuple.netns)
		return 0;
	tuple.netns = 0;
	forget_tuple(&tuple);
	return 0;
}

SEC("raw_tp/inet_sock_set_state")
int BPF_PROG(owner_set_state, struct sock *sk, int oldstate, int newstate)
{
	if (!is_tcp(sk))
		return 0;
	if (oldstate == TCP_CLOSE && newstate == TCP_SYN_SENT)
		return on_connect(sk);
	if (oldstate == TCP_SYN_SENT && newstate == TCP_ESTABLISHED)
		return on_established(sk);
	if (newstate == TCP_CLOSE)
		return on_close(sk);
	return 0;
}

static __always_inline bool is_same(const struct conn_owner *a, const struct conn_owner *b)
{
	const __u64 *x = (const void *)&a->id, *y = (const void *)&b->id;

	return a->uid == b->uid && x[0] == y[0] && x[1] == y[1] && x[2] == y[2] && x[3] == y[3];
}

/*
 * Runs for each buffer that a task has read. kTLS and sockmap call it from softirq too: there the
 * socket isn't locked by a task (sk_lock.owned), while every system call that reads locks it.
 */
SEC("raw_tp/tcp_rcv_space_adjust")
int BPF_PROG(owner_read, struct sock *sk)
{
	const struct owner_reading none = {};
	struct conn_tuple tuple = {};
	struct conn_owner owner = {};
	struct owner_key key = {};
	struct conn_owner *known;

	if (!BPF_CORE_READ(sk, sk_lock.owned) || !fill_current(&owner))
		return 0;
	key.cookie = cookie_of(sk);
	if (!key.cookie) {
		fill_tuple(sk, &tuple);
		key.tuple = tuple;
	}
	known = bpf_map_lookup_elem(&owners, &key);
	if (known && is_same(known, &owner))
		return 0;
	fill_rest(&owner);
	fill_tuple(sk, &tuple);
	put_owner(key.cookie, &tuple, &owner);
	/* Events have no namespace. Of a socket without a cookie the cgroup hook has seen
	 * nothing. */
	if (!key.cookie && (!owner_cfg.netns || tuple.netns != owner_cfg.netns))
		return 0;
	emit_owner(key.cookie, EVENT_DIR_INGRESS, &tuple, &owner, &none);
	return 0;
}

/* The kernel has put the path together for this tracepoint. */
SEC("raw_tp/cgroup_mkdir")
int BPF_PROG(owner_cgroup, struct cgroup *cgrp, const char *path)
{
	if (!BPF_CORE_READ(cgrp, root, hierarchy_id))
		emit_cgroup(BPF_CORE_READ(cgrp, kn, id), path);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
