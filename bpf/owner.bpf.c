// SPDX-License-Identifier: GPL-2.0-only
/*
 * owner.bpf.c - which task uses a socket, through BTF tracepoints.
 *
 *	connect()            inet_sock_set_state CLOSE -> SYN_SENT  the client's owner
 *	recv(), splice()...  tcp_rcv_space_adjust                   whoever reads: the server's
 *	at the start         iter/task_file                          sockets that were open before
 *
 * The owner goes into the socket's storage (conns), where the capture programs pick it up with each
 * segment; and as an event to user space when the reader of an HTTP connection changes, because the
 * request that it reads has crossed already.
 *
 * Kernel memory is read by direct dereference of BTF pointers alone, never with
 * bpf_probe_read_kernel(): so this loads under lockdown=confidentiality as well. Needs Linux 5.12
 * (cookies in tracing programs).
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include "vmlinux/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h> /* bpf_core_field_exists() only */
#include <bpf/bpf_endian.h>

#include "event.h"
#include "conn.h"
#include "owner_common.h"

/* include/linux/sched.h */
#define PF_IO_WORKER 0x00000010
#define PF_KTHREAD   0x00200000

const volatile struct owner_config owner_cfg;

static __always_inline void fill_tuple(struct sock *sk, struct conn_tuple *t)
{
	struct sock_common *skc = &sk->__sk_common;

	t->local_port = skc->skc_num;
	t->remote_port = bpf_ntohs(skc->skc_dport);
	t->netns = skc->skc_net.net->ns.inum;
	if (skc->skc_family == AF_INET6 && bpf_core_field_exists(skc->skc_v6_daddr)) {
		__u32 *local = (__u32 *)t->local_addr, *remote = (__u32 *)t->remote_addr;

		for (int i = 0; i < 4; i++) {
			local[i] = skc->skc_v6_rcv_saddr.in6_u.u6_addr32[i];
			remote[i] = skc->skc_v6_daddr.in6_u.u6_addr32[i];
		}
	} else {
		__u32 local = skc->skc_rcv_saddr, remote = skc->skc_daddr;

		t->local_addr[10] = t->local_addr[11] = 0xff;
		t->remote_addr[10] = t->remote_addr[11] = 0xff;
		__builtin_memcpy(t->local_addr + 12, &local, 4);
		__builtin_memcpy(t->remote_addr + 12, &remote, 4);
	}
}

static __always_inline void copy_comm(char to[16], struct task_struct *from)
{
	__u64 *half = (__u64 *)to;

	half[0] = *(__u64 *)&from->comm[0];
	half[1] = *(__u64 *)&from->comm[8];
}

/* An io_uring worker is called "iou-wrk-PID", which nobody knows: it goes by its process' name. */
static __always_inline void fill_owner(struct conn_owner *owner, struct task_struct *task)
{
	owner->id.cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	owner->uid = task->cred->euid.val;
	owner->flags = owner_flags(task->tgid, owner_cfg.follow);
	owner->id.tid = task->pid;
	owner->id.pid = task->tgid;
	if (task->flags & PF_IO_WORKER)
		copy_comm(owner->id.comm, task->group_leader);
	else
		copy_comm(owner->id.comm, task);
}

/* A kernel thread, or the idle task: never an owner. */
static __always_inline bool is_kernel(struct task_struct *task)
{
	return !task->tgid || task->flags & PF_KTHREAD;
}

/* What the capture programs can't always know by themselves. */
static __always_inline __u64 note_cookie(struct conn_state *st, struct sock *sk)
{
	if (!st->cookie)
		st->cookie = bpf_get_socket_cookie(sk);
	return st->cookie;
}

static __always_inline bool is_tcp(struct sock *sk)
{
	return sk->sk_protocol == IPPROTO_TCP &&
	       (sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6);
}

/*
 * CLOSE -> SYN_SENT: in connect(), or in sendmsg() with TCP Fast Open. The source port isn't
 * chosen yet.
 */
static __always_inline int on_connect(struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct conn_state *st;

	if (is_kernel(task))
		return 0;
	st = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st) {
		count(EVENT_CNT_NO_STATE, 1);
		return 0;
	}
	fill_owner(&st->owner, task);
	note_cookie(st, sk);
	return 0;
}

/* Softirq: the task of the moment is a stranger, but the owner waits in storage. */
static __always_inline int on_established(struct sock *sk)
{
	struct conn_state *st = bpf_sk_storage_get(&conns, sk, 0, 0);
	struct conn_tuple tuple = {};

	if (!st || !st->owner.id.pid)
		return 0;
	fill_tuple(sk, &tuple);
	put_client(&tuple, &st->owner);
	return 0;
}

/* The port was given back already (skc_num is 0), but inet_sport still knows it. */
static __always_inline int on_close(struct sock *sk)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	struct conn_tuple tuple = {};

	if (!tp)
		return 0;
	fill_tuple(sk, &tuple);
	tuple.local_port = bpf_ntohs(tp->inet_conn.icsk_inet.inet_sport);
	forget_tuple(&tuple);
	return 0;
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(owner_set_state, struct sock *sk, int oldstate, int newstate)
{
	if (!is_tcp(sk))
		return 0;
	if (oldstate == TCP_CLOSE && newstate == TCP_SYN_SENT)
		return on_connect(sk);
	if (!owner_cfg.to_tuple)
		return 0;
	if (oldstate == TCP_SYN_SENT && newstate == TCP_ESTABLISHED)
		return on_established(sk);
	if (newstate == TCP_CLOSE)
		return on_close(sk);
	return 0;
}

/*
 * Runs for each buffer that a task has read, so what is no longer of interest leaves at once. kTLS
 * and sockmap call it from softirq too, where the current task has nothing to do with it: there
 * the socket isn't locked by a task (sk_lock.owned), while every system call that reads locks it.
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(owner_read, struct sock *sk)
{
	__u64 pid_tgid = bpf_get_current_pid_tgid(), cookie;
	struct conn_tuple tuple = {};
	struct task_struct *task;
	struct conn_state *st;

	st = bpf_sk_storage_get(&conns, sk, 0, 0);
	if (st) {
		if (st->proto == CONN_PROTO_OTHER)
			return 0;
		if (st->owner.id.pid == pid_tgid >> 32 && st->owner.id.tid == (__u32)pid_tgid)
			return 0;
	}
	task = bpf_get_current_task_btf();
	if (is_kernel(task) || !sk->sk_lock.owned)
		return 0;
	if (!st)
		st = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st) {
		count(EVENT_CNT_NO_STATE, 1);
		return 0;
	}
	fill_owner(&st->owner, task);
	cookie = note_cookie(st, sk);
	if (st->proto != CONN_PROTO_HTTP && !owner_cfg.to_tuple)
		return 0;
	/* Left out by the filters, which another thread of the same process doesn't change. */
	if (st->verdict.result == FILTER_NO && st->verdict.pid == st->owner.id.pid &&
	    !owner_cfg.by_comm && !owner_cfg.to_tuple)
		return 0;
	fill_tuple(sk, &tuple);
	if (owner_cfg.to_tuple)
		put_by_tuple(&tuple, &st->owner);
	emit_owner(cookie, EVENT_DIR_INGRESS, &tuple, &st->owner);
	return 0;
}

/*
 * Once, at the start: each open file of each process. A socket that a tracepoint has met already
 * keeps what it said, and of several processes that hold a socket the first in order of pids
 * counts, until one of them reads.
 */
SEC("iter/task_file")
int owner_iterate(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct conn_tuple tuple = {};
	struct conn_state *st;
	struct socket *sock;
	struct sock *sk;

	if (!task || !file || is_kernel(task))
		return 0;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return 0;
	sk = sock->sk;
	if (!sk || sk->sk_type != SOCK_STREAM || !is_tcp(sk))
		return 0;
	if (sk->__sk_common.skc_state == TCP_LISTEN || sk->__sk_common.skc_state == TCP_CLOSE)
		return 0;
	st = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st || st->owner.id.pid)
		return 0;
	fill_owner(&st->owner, task);
	note_cookie(st, sk);
	if (!owner_cfg.to_tuple)
		return 0;
	fill_tuple(sk, &tuple);
	put_by_tuple(&tuple, &st->owner);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
