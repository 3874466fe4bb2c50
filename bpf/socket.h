/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * socket.h - what a socket, or the tuple that stands in for it, tells about a connection.
 *
 * `sk` is always a full TCP socket that is not listening. Storage is never written on a listener:
 * its children would be confused with it.
 */
#ifndef HTTPLAT_SOCKET_H
#define HTTPLAT_SOCKET_H

#include <linux/in6.h>

#define SOCK_TYPE_RAW		3  /* of the kernel's own control sockets, which send RSTs */
#define SOCK_STATE_NEW_SYN_RECV 12 /* a request socket: the handshake is not over */
#define SOCK_FAMILY_INET	2

/* Where there is no socket: forwarded and mirrored packets, and everything on the socket hook. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct conn_tuple);
	__type(value, struct conn_state);
} conns_by_tuple SEC(".maps");

/* tc: addresses on the wire -> the socket's own, where output NAT made them differ, so that the
 * answers find the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, struct conn_tuple);
	__type(value, struct conn_tuple);
} wire_tuples SEC(".maps");

/* Most hosts need no look-up there. */
volatile __u32 wire_tuples_used;

static const struct conn_state conn_state_new;

static __always_inline void copy_addr(void *to, const void *from)
{
	__builtin_memcpy(to, from, 16);
}

static __always_inline void tuple_of_packet(const struct packet *p, bool local_is_src,
					    struct conn_tuple *t)
{
	copy_addr(t->local_addr, local_is_src ? p->saddr : p->daddr);
	copy_addr(t->remote_addr, local_is_src ? p->daddr : p->saddr);
	t->local_port = local_is_src ? p->sport : p->dport;
	t->remote_port = local_is_src ? p->dport : p->sport;
	t->netns = 0;
}

/* An address of a socket, which keeps IPv4 apart also where it is an IPv6 socket. Without a branch:
 * loads in two branches are merged by the compiler into arithmetic on the pointer, which the
 * verifier refuses for sockets. */
static __always_inline void socket_addr(volatile __u32 *to, __u8 version, __u32 ip4,
					const volatile __u32 *ip6)
{
	__u32 a = ip6[0], b = ip6[1], c = ip6[2], d = ip6[3];

	__u32 six = -(version >> 1 & 1u); /* 6 and not 4: all ones */

	asm volatile("" : "+r"(six));
	to[0] = a & six;
	to[1] = b & six;
	to[2] = (c & six) | (bpf_htonl(0xffff) & ~six);
	to[3] = (d & six) | (ip4 & ~six);
}

/* The socket's own addresses. sk may be a request socket. */
static __always_inline void tuple_of_socket(struct bpf_sock *sk, __u8 version, struct conn_tuple *t)
{
	const volatile struct bpf_sock *s = sk;

	socket_addr((__u32 *)(void *)t->local_addr, version, s->src_ip4, s->src_ip6);
	socket_addr((__u32 *)(void *)t->remote_addr, version, s->dst_ip4, s->dst_ip6);
	t->local_port = s->src_port;
	t->remote_port = bpf_ntohs(s->dst_port);
	t->netns = 0;
}

static __always_inline void socket_tuple(struct bpf_sock *sk, const struct packet *p,
					 struct event_segment *ev)
{
	const volatile struct bpf_sock *s = sk;

	socket_addr((__u32 *)(void *)ev->local_addr, p->version, s->src_ip4, s->src_ip6);
	socket_addr((__u32 *)(void *)ev->remote_addr, p->version, s->dst_ip4, s->dst_ip6);
	ev->local_port = s->src_port;
	ev->remote_port = bpf_ntohs(s->dst_port);
	ev->flags |= EVENT_F_SOCK_TUPLE;
}

static __always_inline void socket_tcp_info(struct bpf_sock *sk, struct event_segment *ev)
{
	struct bpf_tcp_sock *tp = bpf_tcp_sock(sk);

	if (!tp)
		return;
	ev->srtt_us = tp->srtt_us >> 3;
	ev->rtt_min_us = tp->rtt_min;
	ev->total_retrans = tp->total_retrans;
	ev->flags |= EVENT_F_TCP_INFO;
}

/* The creator's cgroup, which never changes. tc has it for what a local socket sends only. */
static __always_inline void socket_cgroup(struct __sk_buff *skb, enum event_hook hook,
					  struct bpf_sock *sk, struct conn_state *st)
{
	if (hook == EVENT_HOOK_CGROUP) {
		st->sock_cgroup_id = bpf_sk_cgroup_id(sk);
	} else if (hook == EVENT_HOOK_TC) {
		st->sock_cgroup_id = bpf_skb_cgroup_id(skb);
	}
}

static __always_inline struct conn_state *socket_state(struct bpf_sock *sk, bool create)
{
	struct conn_state *st;

	st = bpf_sk_storage_get(&conns, sk, NULL, create ? BPF_SK_STORAGE_GET_F_CREATE : 0);
	if (!st && create)
		count(EVENT_CNT_NO_STATE, 1);
	return st;
}

/*
 * Where the streams of a connection begin, when its SYN was not seen here: asked of the socket
 * once.
 *
 * rcv_nxt - bytes_received is the peer's first payload byte, with and without a FIN (a FIN counts
 * in both). snd_una - bytes_acked is ours only at the end that accepted: the SYN of the end that
 * connected counts in its bytes_acked. Nothing tells the two apart later, but bytes_acked is 0 in
 * an established socket only at the accepting end, before anything was acknowledged.
 *
 * What a socket sends, it sends locked, so that the pair is consistent there. What arrives may find
 * the socket busy on another CPU: then the pair counts only while nothing has been received, which
 * the order of the loads makes safe (the kernel raises bytes_received before rcv_nxt).
 */
static __always_inline void socket_probe(struct bpf_sock *sk, enum event_dir dir,
					 struct conn_state *st)
{
	__u32 rcv_nxt, snd_una, received, acked, state;
	struct bpf_tcp_sock *tp;

	if (st->probed || (st->has_start[CONN_IN] && st->has_start[CONN_OUT]))
		return;
	state = sk->state;
	if (state == BPF_TCP_SYN_SENT || state == BPF_TCP_CLOSE)
		return;
	tp = bpf_tcp_sock(sk);
	if (!tp)
		return;
	rcv_nxt = tp->rcv_nxt;
	snd_una = tp->snd_una;
	asm volatile("" ::: "memory");
	received = tp->bytes_received;
	acked = tp->bytes_acked;
	if (!st->has_start[CONN_IN] && (dir == EVENT_DIR_EGRESS || !received)) {
		st->stream_start[CONN_IN] = rcv_nxt - received;
		st->has_start[CONN_IN] = 1;
	}
	if (!st->has_start[CONN_OUT] && !acked) {
		st->stream_start[CONN_OUT] = snd_una;
		st->has_start[CONN_OUT] = 1;
	}
	if (dir == EVENT_DIR_EGRESS)
		st->probed = 1;
}

/* Whether the packet's source stands as the local end of its tuple. */
static __always_inline bool local_is_source(const struct packet *p, enum event_dir dir)
{
	if (dir != EVENT_DIR_UNKNOWN)
		return dir == EVENT_DIR_EGRESS;
	if (p->saddr[3] != p->daddr[3])
		return p->saddr[3] < p->daddr[3];
	if (p->saddr[2] != p->daddr[2])
		return p->saddr[2] < p->daddr[2];
	if (p->saddr[1] != p->daddr[1])
		return p->saddr[1] < p->daddr[1];
	if (p->saddr[0] != p->daddr[0])
		return p->saddr[0] < p->daddr[0];
	return p->sport < p->dport;
}

static __always_inline struct conn_state *tuple_state(const struct packet *p, bool local_is_src,
						      bool create)
{
	struct conn_tuple key;
	struct conn_state *st;

	tuple_of_packet(p, local_is_src, &key);
	st = bpf_map_lookup_elem(&conns_by_tuple, &key);
	if (st || !create)
		return st;
	bpf_map_update_elem(&conns_by_tuple, &key, (const void *)&conn_state_new, BPF_NOEXIST);
	st = bpf_map_lookup_elem(&conns_by_tuple, &key);
	if (!st)
		count(EVENT_CNT_NO_STATE, 1);
	return st;
}

/* tc egress: remembers the socket's addresses where they are not those on the wire. */
static __always_inline void learn_wire_tuple(const struct packet *p, struct bpf_sock *sk)
{
	struct conn_tuple own, wire;
	const __u64 *a = (const void *)&own, *b = (const void *)&wire;

	tuple_of_socket(sk, p->version, &own);
	tuple_of_packet(p, true, &wire);
	if (a[0] == b[0] && a[1] == b[1] && a[2] == b[2] && a[3] == b[3] && a[4] == b[4])
		return;
	bpf_map_update_elem(&wire_tuples, &wire, &own, BPF_ANY);
	wire_tuples_used = 1;
}

static __always_inline struct bpf_sock *lookup_tuple(struct __sk_buff *skb, __u8 version,
						     const struct conn_tuple *t)
{
	struct bpf_sock_tuple st = {};

	if (version == 4) {
		__builtin_memcpy(&st.ipv4.saddr, t->remote_addr + 12, 4);
		__builtin_memcpy(&st.ipv4.daddr, t->local_addr + 12, 4);
		st.ipv4.sport = bpf_htons(t->remote_port);
		st.ipv4.dport = bpf_htons(t->local_port);
		return bpf_skc_lookup_tcp(skb, &st, sizeof(st.ipv4), BPF_F_CURRENT_NETNS, 0);
	}
	copy_addr(&st.ipv6.saddr, t->remote_addr);
	copy_addr(&st.ipv6.daddr, t->local_addr);
	st.ipv6.sport = bpf_htons(t->remote_port);
	st.ipv6.dport = bpf_htons(t->local_port);
	return bpf_skc_lookup_tcp(skb, &st, sizeof(st.ipv6), BPF_F_CURRENT_NETNS, 0);
}

/* The socket's own tuple, where it is known to differ from the wire's. */
static __always_inline struct conn_tuple *own_tuple(const struct conn_tuple *wire)
{
	return wire_tuples_used ? bpf_map_lookup_elem(&wire_tuples, wire) : NULL;
}

static __always_inline bool has_own_tuple(const struct packet *p)
{
	struct conn_tuple wire;

	tuple_of_packet(p, false, &wire);
	return own_tuple(&wire);
}

/*
 * tc ingress: whose socket will get this packet. The caller releases it.
 *
 * One call for IPv4 and IPv6, and for both tuples: to the verifier of 5.10 each call that returns a
 * reference is a world of its own, up to the program's end.
 */
static __always_inline struct bpf_sock *lookup_socket(struct __sk_buff *skb, const struct packet *p)
{
	struct conn_tuple wire, *own;
	struct bpf_sock_tuple st = {};
	struct forgotten size;
	__u64 n;

	tuple_of_packet(p, false, &wire);
	own = own_tuple(&wire);
	if (own)
		wire = *own;
	if (p->version == 4) {
		__builtin_memcpy(&st.ipv4.saddr, wire.remote_addr + 12, 4);
		__builtin_memcpy(&st.ipv4.daddr, wire.local_addr + 12, 4);
		st.ipv4.sport = bpf_htons(wire.remote_port);
		st.ipv4.dport = bpf_htons(wire.local_port);
		size.v = sizeof(st.ipv4);
	} else {
		copy_addr(&st.ipv6.saddr, wire.remote_addr);
		copy_addr(&st.ipv6.daddr, wire.local_addr);
		st.ipv6.sport = bpf_htons(wire.remote_port);
		st.ipv6.dport = bpf_htons(wire.local_port);
		size.v = sizeof(st.ipv6);
	}
	n = size.v - 1;
	asm volatile("" : "+r"(n));
	if (n >= sizeof(st))
		return NULL;
	asm volatile("" : "+r"(n));
	return bpf_skc_lookup_tcp(skb, &st, n + 1, BPF_F_CURRENT_NETNS, 0);
}

/*
 * tc ingress: whether a packet that a listener would match is for this host at all. A wildcard
 * listener matches the traffic that a router forwards, too.
 */
static __always_inline bool is_for_this_host(struct __sk_buff *skb, const struct packet *p)
{
	struct bpf_fib_lookup fib = {};
	long ret;

	if (skb->pkt_type != PACKET_HOST)
		return false;
	fib.ifindex = skb->ingress_ifindex;
	fib.l4_protocol = IPPROTO_TCP;
	fib.tot_len = 0;
	if (p->version == 4) {
		fib.family = SOCK_FAMILY_INET;
		fib.ipv4_src = p->saddr[3];
		fib.ipv4_dst = p->daddr[3];
	} else {
		fib.family = 10;
		copy_addr(fib.ipv6_src, p->saddr);
		copy_addr(fib.ipv6_dst, p->daddr);
	}
	ret = bpf_fib_lookup(skb, &fib, sizeof(fib), 0);
	return ret != BPF_FIB_LKUP_RET_SUCCESS && ret != BPF_FIB_LKUP_RET_NO_NEIGH;
}

#endif
