// SPDX-License-Identifier: GPL-2.0-only
/*
 * owner.bpf.c - which task uses a socket, through BTF tracepoints.
 *
 *	connect()            inet_sock_set_state CLOSE -> SYN_SENT  the client's owner, until somebody
 *	send(), sendfile()   tcp_sendmsg_locked                     else sends; since 6.16, before
 *	                     sock_send_length                       that in its stead, since 6.3
 *	recv(), splice()...  tcp_rcv_space_adjust                   whoever reads: the server's
 *	at the start         iter/task_file                          sockets that were open before
 *	mkdir in cgroup2     cgroup_mkdir                           paths, also of cgroups that are
 *	                                                            gone when their id is read
 *
 * So a request belongs to who sends it at one end and to who reads it at the other. Where sending
 * cannot be seen, a client's owner is who connected, until somebody reads. Of a socket that was
 * open before it is not known which end it is: whoever reads.
 *
 * The owner goes into the socket's storage (conns), where the capture programs pick it up with each
 * segment; and as an event to user space when the reader of an HTTP connection changes, because the
 * request that it reads has crossed already. A task that executes another program, renames itself
 * or is moved to another cgroup is another owner.
 *
 * The same tracepoint tells how far an application has read, and when: on HTTP connections each
 * read is an event, but for those that end within a body of known length.
 *
 * Kernel memory is read by direct dereference of BTF pointers alone, never with
 * bpf_probe_read_kernel(): so this loads under lockdown=confidentiality as well, but for the last
 * of these, which is not missed much. Needs Linux 5.12 (cookies in tracing programs).
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include "vmlinux/vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h> /* but for bpf_core_read() and what uses it */
#include <bpf/bpf_endian.h>

#include "event.h"
#include "conn.h"
#include "owner_common.h"

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

/* As the capture programs look it up: where they have sockets and are in all namespaces, without one. */
static __always_inline void fill_key(struct sock *sk, struct conn_tuple *t)
{
	fill_tuple(sk, t);
	if (!owner_cfg.to_tuple && !owner_cfg.netns)
		t->netns = 0;
}

static __always_inline void copy_comm(char to[16], struct task_struct *from)
{
	__u64 *half = (__u64 *)to;

	half[0] = *(__u64 *)&from->comm[0];
	half[1] = *(__u64 *)&from->comm[8];
}

/*
 * The same by the helper, which is for the current task and wants to be told its namespace: that of
 * its children, unless it has just made another one for them.
 */
static __always_inline __u32 ask_inner_pid(struct task_struct *current)
{
	__u64 ino = current->nsproxy->pid_ns_for_children->ns.inum;
	struct bpf_pidns_info info;

	if (bpf_get_ns_current_pid_tgid(owner_cfg.pidns_dev, ino, &info, sizeof(info)))
		return 0;
	return info.tgid;
}

/*
 * The process' pid in its own pid namespace; 0 where that can't be told. The verifier allows no
 * variable index, and lets nobody read past the end of an array that is declared with one: so it
 * is in older kernels (6.1), where only the current task can be asked for.
 */
static __always_inline __u32 inner_pid(struct task_struct *task, bool current)
{
	struct pid *pid = task->group_leader->thread_pid;
	unsigned int level = pid->level;

	if (!level)
		return task->tgid;
	if (bpf_core_field_size(pid->numbers))
		return current ? ask_inner_pid(task) : 0;
	if (level == 1)
		return pid->numbers[1].nr;
	if (level == 2)
		return pid->numbers[2].nr;
	if (level == 3)
		return pid->numbers[3].nr;
	if (level == 4)
		return pid->numbers[4].nr;
	return 0;
}

/* An io_uring worker is called "iou-wrk-PID", which nobody knows: it goes by its process' name. */
static __always_inline struct task_struct *named_task(struct task_struct *task)
{
	return task->flags & PF_IO_WORKER ? task->group_leader : task;
}

static __always_inline void fill_owner(struct conn_owner *owner, struct task_struct *task,
				       bool current)
{
	owner->id.cgroup_id = task->cgroups->dfl_cgrp->kn->id;
	owner->uid = task->cred->euid.val;
	owner->flags = owner_flags(task->tgid, owner_cfg.follow);
	owner->id.tid = task->pid;
	owner->id.pid = task->tgid;
	owner->vpid = inner_pid(task, current);
	copy_comm(owner->id.comm, named_task(task));
}

/* Whether *owner says of the task what fill_owner() would. */
static __always_inline bool is_same(const struct conn_owner *owner, struct task_struct *task)
{
	const __u64 *comm = (const __u64 *)owner->id.comm;
	struct task_struct *named;

	if (owner->id.tid != task->pid || owner->id.pid != task->tgid ||
	    owner->uid != task->cred->euid.val ||
	    owner->id.cgroup_id != task->cgroups->dfl_cgrp->kn->id)
		return false;
	named = named_task(task);
	return comm[0] == *(__u64 *)&named->comm[0] && comm[1] == *(__u64 *)&named->comm[8];
}

/* Whether another process takes a socket over, or what a filter may ask of it has changed. */
static __always_inline bool changes_hands(const struct conn_owner *owner, struct task_struct *task)
{
	return owner->id.pid &&
	       (owner->id.pid != task->tgid || owner->uid != task->cred->euid.val ||
		owner->id.cgroup_id != task->cgroups->dfl_cgrp->kn->id);
}

/* The verdict of the filters, if there is one, is about the owner of before. */
static __always_inline void take_over(struct conn_state *st, struct task_struct *task)
{
	fill_owner(&st->owner, task, true);
	st->verdict.pid = 0;
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
	fill_owner(&st->owner, task, true);
	st->sender_owns = owner_cfg.sees_send;
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
	fill_key(sk, &tuple);
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
	if (owner_cfg.to_tuple && oldstate == TCP_SYN_SENT && newstate == TCP_ESTABLISHED)
		return on_established(sk);
	if (newstate == TCP_CLOSE && (owner_cfg.to_tuple || owner_cfg.seeded))
		return on_close(sk);
	return 0;
}

/* Whether what was read ends within a body whose length the capture programs know. */
static __always_inline bool ends_in_body(const struct conn_state *st, __u32 seq)
{
	return st->has_body[CONN_IN] &&
	       seq - st->body_start[CONN_IN] < st->body_end[CONN_IN] - st->body_start[CONN_IN];
}

/* See struct event_read. */
static __always_inline __u8 window_scales(struct tcp_sock *tp)
{
	struct tcp_options_received *opt = &tp->rx_opt;

	return BPF_CORE_READ_BITFIELD(opt, snd_wscale) | BPF_CORE_READ_BITFIELD(opt, rcv_wscale)
								 << 4;
}

/*
 * Fills a zeroed *reading when bytes were taken off the socket that user space wants to know of.
 * MSG_PEEK takes none. Of a connection that isn't known to be HTTP, what came with the handshake
 * may be: it reached the listener, so that user space has it under no cookie.
 */
static __always_inline void note_read(struct conn_state *st, struct sock *sk,
				      struct owner_reading *reading)
{
	struct tcp_sock *tp = bpf_skc_to_tcp_sock(sk);
	__u32 seq;

	if (!tp || (st->proto == CONN_PROTO_UNKNOWN && st->read_seq))
		return;
	seq = tp->copied_seq;
	if (seq == st->read_seq)
		return;
	st->read_seq = seq;
	if (ends_in_body(st, seq))
		return;
	reading->seq = seq;
	reading->wscale = window_scales(tp);
	reading->flags = EVENT_OWNER_READ;
	if (st->read_lost)
		reading->flags |= EVENT_OWNER_READ_LOST;
}

static __always_inline bool emit_read(__u64 cookie, const struct owner_reading *reading)
{
	struct event_read *ev = bpf_ringbuf_reserve(&ring, sizeof(*ev), 0);

	if (!ev) {
		count(EVENT_CNT_READ_LOST, 1);
		return false;
	}
	ev->type = EVENT_READ;
	ev->flags = reading->flags & EVENT_OWNER_READ_LOST ? EVENT_READ_LOST : 0;
	ev->wscale = reading->wscale;
	ev->seq = reading->seq;
	ev->time_ns = bpf_ktime_get_ns();
	ev->cookie = cookie;
	bpf_ringbuf_submit(ev, BPF_RB_NO_WAKEUP);
	count(EVENT_CNT_READ_EVENTS, 1);
	return true;
}

/* By the filters, which another thread of the same process doesn't change. */
static __always_inline bool is_left_out(const struct conn_state *st, struct task_struct *task)
{
	return st->verdict.result == FILTER_NO && st->verdict.pid == task->tgid && !st->shared;
}

/* Another task reads. Returns whether the event got through, or none was due. */
static __always_inline bool on_reader(struct conn_state *st, struct sock *sk,
				      struct task_struct *task, const struct owner_reading *reading)
{
	struct conn_tuple tuple = {};
	bool left_out;
	__u64 cookie;

	if (changes_hands(&st->owner, task))
		st->shared = 1;
	left_out = is_left_out(st, task);
	take_over(st, task);
	cookie = note_cookie(st, sk);
	if (st->proto != CONN_PROTO_HTTP && !reading->flags && !owner_cfg.to_tuple)
		return true;
	if (left_out && !owner_cfg.to_tuple)
		return true;
	fill_tuple(sk, &tuple);
	if (owner_cfg.to_tuple)
		put_by_tuple(&tuple, &st->owner);
	return emit_owner(cookie, EVENT_DIR_INGRESS, &tuple, &st->owner, reading);
}

/*
 * Runs for each buffer that a task has read, so what is no longer of interest leaves at once. kTLS
 * and sockmap call it from softirq too, where the current task has nothing to do with it: there
 * the socket isn't locked by a task (sk_lock.owned), while every system call that reads locks it.
 */
SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(owner_read, struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct owner_reading reading = {};
	struct conn_state *st;
	bool same, told;

	st = bpf_sk_storage_get(&conns, sk, 0, 0);
	if (st && st->proto == CONN_PROTO_OTHER)
		return 0;
	if (is_kernel(task) || !sk->sk_lock.owned)
		return 0;
	if (!st)
		st = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st) {
		count(EVENT_CNT_NO_STATE, 1);
		return 0;
	}
	/* The socket hook's connections have no cookie that reads could be told by. */
	if (!owner_cfg.to_tuple)
		note_read(st, sk, &reading);
	same = st->sender_owns || is_same(&st->owner, task);
	if (!same)
		told = on_reader(st, sk, task, &reading);
	else if (reading.flags && !is_left_out(st, task))
		told = emit_read(note_cookie(st, sk), &reading);
	else
		return 0;
	if (reading.flags)
		st->read_lost = !told;
	if (reading.flags && told) {
		st->wscale = reading.wscale;
		st->has_wscale = 1;
	}
	return 0;
}

/* Whether this task is to take a client's socket over from another one: *out is its state. */
static __always_inline bool is_new_sender(struct sock *sk, struct task_struct *task,
					  struct conn_state **out)
{
	struct conn_state *st = bpf_sk_storage_get(&conns, sk, 0, 0);

	if (!st || !st->sender_owns || st->proto == CONN_PROTO_OTHER || is_same(&st->owner, task))
		return false;
	*out = st;
	return !is_kernel(task);
}

/*
 * In sendmsg() and the like, socket locked, before anything of it is sent: the segments will carry
 * the owner, so there is no event. Runs for each buffer that is filled, about 32 KB.
 */
SEC("tp_btf/tcp_sendmsg_locked")
int BPF_PROG(owner_send, struct sock *sk)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct conn_tuple tuple = {};
	struct conn_state *st;

	if (!is_new_sender(sk, task, &st))
		return 0;
	take_over(st, task);
	if (!owner_cfg.to_tuple)
		return 0;
	fill_tuple(sk, &tuple);
	put_client(&tuple, &st->owner);
	return 0;
}

/*
 * The next best: at the end of sendmsg() and the like, of any protocol. The segments have crossed,
 * hence an event, which as a rule is before the answer.
 */
SEC("tp_btf/sock_send_length")
int BPF_PROG(owner_sent, struct sock *sk, int ret)
{
	struct task_struct *task = bpf_get_current_task_btf();
	const struct owner_reading none = {};
	struct conn_tuple tuple = {};
	struct conn_state *st;

	if (ret <= 0 || !is_tcp(sk) || !is_new_sender(sk, task, &st))
		return 0;
	st->shared |= changes_hands(&st->owner, task);
	take_over(st, task);
	fill_tuple(sk, &tuple);
	if (owner_cfg.to_tuple)
		put_client(&tuple, &st->owner);
	emit_owner(note_cookie(st, sk), EVENT_DIR_EGRESS, &tuple, &st->owner, &none);
	return 0;
}

/* The kernel has put the path together for this tracepoint. */
SEC("tp_btf/cgroup_mkdir")
int BPF_PROG(owner_cgroup, struct cgroup *cgrp, const char *path)
{
	if (!cgrp->root->hierarchy_id)
		emit_cgroup(cgrp->kn->id, path);
	return 0;
}

/* The connection that an iterator over files has come to; NULL: it is something else. */
static __always_inline struct sock *connection_of(struct task_struct *task, struct file *file)
{
	struct socket *sock;
	struct sock *sk;

	if (!task || !file || is_kernel(task))
		return NULL;
	sock = bpf_sock_from_file(file);
	if (!sock)
		return NULL;
	sk = sock->sk;
	if (!sk || sk->sk_type != SOCK_STREAM || !is_tcp(sk))
		return NULL;
	if (sk->__sk_common.skc_state == TCP_LISTEN || sk->__sk_common.skc_state == TCP_CLOSE)
		return NULL;
	return sk;
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
	struct sock *sk = connection_of(task, ctx->file);
	struct conn_tuple tuple = {};
	struct conn_state *st;

	if (!sk)
		return 0;
	st = bpf_sk_storage_get(&conns, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!st || st->owner.id.pid)
		return 0;
	fill_owner(&st->owner, task, false);
	note_cookie(st, sk);
	if (!owner_cfg.to_tuple)
		return 0;
	fill_tuple(sk, &tuple);
	put_by_tuple(&tuple, &st->owner);
	return 0;
}

/*
 * The same where the verifier lets nobody but readers have a socket that was found through its
 * file: the capture programs look into `owners` while its storage names nobody.
 */
SEC("iter/task_file")
int owner_iterate_tuples(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct sock *sk = connection_of(task, ctx->file);
	struct conn_owner owner = {};
	struct owner_key key = {};

	if (!sk)
		return 0;
	fill_owner(&owner, task, false);
	fill_key(sk, &key.tuple);
	bpf_map_update_elem(&owners, &key, &owner, BPF_NOEXIST);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
