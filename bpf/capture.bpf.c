// SPDX-License-Identifier: GPL-2.0-only
/*
 * capture.bpf.c - from packets at a hook to segment events in the ring.
 *
 * One body, handle(), instantiated for cgroup_skb, tc and an AF_PACKET socket filter; the entry
 * points only say where the IP header begins and whose socket it is:
 *
 *	entry point ─ parse ─ -f ─ port ─ whose socket ─ filters ─ is it HTTP? ─ elide? ─ copy
 *
 * Only __sk_buff, UAPI headers and helpers of 5.10 are used: no BTF of the kernel, no probe_read,
 * so that it loads on kernels without BTF and under lockdown=confidentiality. Nothing is ever
 * dropped, changed or redirected.
 */
#include <stdbool.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <bpf/bpf_helpers.h>

#include "event.h"
#include "conn.h"
#include "config.h"
#include "expression.h"
#include "packet.h"
#include "context.h"
#include "socket.h"
#include "body.h"
#include "copy.h"
#include "filter.h"
#include "sum.h"

/* Of a connection that isn't HTTP: enough for a TLS server name. */
#define OTHER_BYTES_MAX 1024
/* A message with this much behind it is read at once: user space may want to elide the rest. */
#define URGENT_BYTES 16384

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, EVENT_CONTROL_SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} control SEC(".maps");

/* What the handshake tells: the first sequence numbers, and how long it took at the client. */
static __always_inline void note_handshake(const struct context *c, const struct packet *p)
{
	struct conn_state *st = c->st;

	if (!(p->tcp_flags & TCP_F_SYN))
		return;
	if (!(p->tcp_flags & TCP_F_ACK) && st->syn_seq != p->seq) {
		/* A new connection, whatever the socket or the tuple was used for before. */
		st->has_start[CONN_IN] = st->has_start[CONN_OUT] = 0;
		st->has_body[CONN_IN] = st->has_body[CONN_OUT] = 0;
		st->has_connect = st->asked_head = st->probed = 0;
		st->proto = CONN_PROTO_UNKNOWN;
		begin_streams(st);
		st->syn_seq = p->seq;
		st->syn_ns = c->dir == EVENT_DIR_EGRESS ? bpf_ktime_get_ns() : 0;
	}
	st->stream_start[c->way & 1] = p->seq + 1;
	st->has_start[c->way & 1] = 1;
	if (c->dir == EVENT_DIR_INGRESS && p->tcp_flags & TCP_F_ACK && st->syn_ns &&
	    !st->has_connect) {
		st->connect_ns = bpf_ktime_get_ns() - st->syn_ns;
		st->has_connect = 1;
	}
}

/* Whether and why a packet crosses. */
enum verdict {
	VERDICT_NO = 0,
	VERDICT_HTTP,	 /* of a connection on which HTTP is under way */
	VERDICT_MESSAGE, /* begins with a message's first line */
	VERDICT_OTHER,	 /* the one specimen of a connection that is not HTTP */
};

static __always_inline enum verdict classify(const struct context *c, struct __sk_buff *skb,
					     const struct packet *p)
{
	__u32 proto = c->st ? c->st->proto : CONN_PROTO_UNKNOWN;
	struct forgotten look;

	if (!p->payload_len)
		return proto == CONN_PROTO_HTTP ? VERDICT_HTTP : VERDICT_NO;
	look.v = look_at(skb, p->l3_off + p->hdr_len, p->payload_len);
	if (look.v > LOOK_PREFIX || (look.v == LOOK_PREFIX && proto == CONN_PROTO_UNKNOWN)) {
		if (c->st)
			c->st->proto = CONN_PROTO_HTTP;
		return look.v > LOOK_PREFIX ? VERDICT_MESSAGE : VERDICT_HTTP;
	}
	if (proto == CONN_PROTO_HTTP)
		return VERDICT_HTTP;
	count(EVENT_CNT_NOT_HTTP, 1);
	if (!c->st || proto == CONN_PROTO_OTHER)
		return VERDICT_NO;
	c->st->proto = CONN_PROTO_OTHER;
	return VERDICT_OTHER;
}

/* What user space has said of this payload: 0 or PAYLOAD_INSIDE where it is body. */
static __always_inline __u32 elided(const struct context *c, const struct packet *p)
{
	__u32 slot = EVENT_CONTROL_SLOT(c->cookie, 0) + (c->way & 1), ahead;
	__u64 *word, w;

	word = bpf_map_lookup_elem(&control, &slot);
	if (!word)
		return p->payload_len;
	w = *(volatile __u64 *)word;
	if (w >> 32 != EVENT_CONTROL_TAG(c->cookie))
		return p->payload_len;
	ahead = (__u32)w - payload_seq(p);
	if (ahead >> 31 || ahead < p->payload_len)
		return p->payload_len;
	return ahead > p->payload_len ? PAYLOAD_INSIDE : 0;
}

/* How much of the payload is to be copied; or PAYLOAD_INSIDE. */
static __always_inline __u32 wanted_payload(const struct context *c, struct __sk_buff *skb,
					    const struct packet *p, enum verdict verdict)
{
	struct forgotten told;

	if (cfg.all_segments || !p->payload_len)
		return p->payload_len;
	if (verdict == VERDICT_OTHER)
		return p->payload_len < OTHER_BYTES_MAX ? p->payload_len : OTHER_BYTES_MAX;
	told.v = elided(c, p);
	if (told.v != p->payload_len)
		return told.v;
	if (!cfg.find_bodies || !c->st)
		return p->payload_len;
	if (verdict == VERDICT_MESSAGE)
		return begin_body(skb, p, c->st, c->way);
	return outside_body(p, c->st, c->way);
}

/* In the namespace of the hook, or in one that is not known (classic tracepoints do not tell it).
 * */
static __always_inline struct conn_owner *owner_by_tuple(struct owner_key *key)
{
	struct conn_owner *owner;

	key->tuple.netns = cfg.netns;
	owner = bpf_map_lookup_elem(&owners, key);
	if (owner || !cfg.netns)
		return owner;
	key->tuple.netns = 0;
	return bpf_map_lookup_elem(&owners, key);
}

/* From the `owners` hash, which stands in for the socket's storage. */
static __always_inline struct conn_owner *look_up_owner(const struct context *c,
							const struct packet *p)
{
	struct conn_owner *owner = NULL;
	struct owner_key key = {};

	if (cfg.owner_lookup & OWNER_LOOKUP_COOKIE) {
		key.cookie = c->cookie;
		owner = bpf_map_lookup_elem(&owners, &key);
		key.cookie = 0;
	}
	if (owner || !(cfg.owner_lookup & OWNER_LOOKUP_TUPLE) || c->dir == EVENT_DIR_UNKNOWN)
		return owner;
	if (c->sk)
		tuple_of_socket(c->sk, p->version, &key.tuple);
	else
		tuple_of_packet(p, c->dir == EVENT_DIR_EGRESS, &key.tuple);
	owner = owner_by_tuple(&key);
	if (owner || c->sk)
		return owner;
	/* NAT on output: a client is known by its own end, see put_client(). */
	__builtin_memset(key.tuple.remote_addr, 0, sizeof(key.tuple.remote_addr));
	key.tuple.remote_port = 0;
	return owner_by_tuple(&key);
}

static __always_inline struct conn_owner *find_owner(const struct context *c,
						     const struct packet *p)
{
	if (has_owner(c->st))
		return &c->st->owner;
	return cfg.owner_lookup ? look_up_owner(c, p) : NULL;
}

/* What is not valid is written all the same, and a flag says so: that saves branches. */
static __always_inline void annotate(const struct context *c, const struct packet *p,
				     struct event_segment *ev)
{
	const struct conn_state *st = c->st;

	if (c->sk) {
		socket_tuple(c->sk, p, ev);
		socket_tcp_info(c->sk, ev);
	}
	if (st) {
		ev->sock_cgroup_id = st->sock_cgroup_id;
		ev->stream_start = st->stream_start[c->way & 1];
		ev->connect_ns = st->connect_ns;
		ev->flags |= st->has_start[c->way & 1] * EVENT_F_STREAM_START;
		ev->flags |= st->has_connect * EVENT_F_CONNECT;
	}
}

static __always_inline void put_owner(struct event_segment *ev, const struct conn_owner *owner)
{
	if (!owner)
		return;
	ev->owner = owner->id;
	ev->owner_vpid = owner->vpid;
	ev->owner_uid = owner->uid;
	ev->flags |= (owner->flags & EVENT_OWNER_FOLLOWED) * EVENT_F_FOLLOWED;
}

/* All zero, and never written. The verifier does not know that, see struct forgotten: a copy of it
 * is the same to it as a record in which anything has been filled in. */
struct event_segment event_blank;

/* Built here and not where it stays, in the ring: once a record is reserved the verifier compares
 * no two paths any more. */
static __always_inline void write_event(const struct context *c, struct __sk_buff *skb,
					const struct packet *p, enum verdict verdict, __u32 payload)
{
	struct event_segment ev = event_blank;
	struct conn_owner *owner;
	struct forgotten keep;

	ev.type = EVENT_SEGMENT;
	ev.hook = c->hook;
	ev.dir = c->dir;
	ev.cookie = c->cookie;
	ev.ifindex = skb->ifindex;
	ev.gso_segs = skb->gso_segs;
	ev.pkt_len = p->pkt_len;
	ev.flags = c->listener * EVENT_F_LISTENER;
	if (verdict == VERDICT_OTHER)
		ev.flags |= EVENT_F_NOT_HTTP;
	annotate(c, p, &ev);
	owner = find_owner(c, p);
	if (cfg.by_owner && owner && !has_owner(c->st) && left_out(c->st, c->hook, owner))
		return;
	put_owner(&ev, owner);
	if (payload < p->payload_len && verdict != VERDICT_OTHER) {
		ev.flags |= EVENT_F_ELIDED;
		count(EVENT_CNT_ELIDED_BYTES, p->payload_len - payload);
	}
	keep.v = p->hdr_len + payload;
	if (cfg.snaplen && keep.v > cfg.snaplen)
		keep.v = cfg.snaplen;
	ev.cap_len = keep.v;
	keep.v = ev.flags;
	ev.flags = keep.v;
	ev.time_ns = c->now_ns;
	copy_segment(skb, p, c->st, &ev, verdict == VERDICT_MESSAGE && payload >= URGENT_BYTES);
}

static __always_inline void emit(const struct context *c, struct __sk_buff *skb,
				 const struct packet *p, enum verdict verdict, __u32 payload)
{
	if (cfg.sum_up && c->st && !tell_quiet(c, p))
		note_lost(c->st, p->payload_len);
	else
		write_event(c, skb, p, verdict, payload);
}

/* p->payload_len, seq and so on are checked; c has everything but st, cookie and way. */
static __always_inline void handle(struct context *c, struct __sk_buff *skb, const struct packet *p)
{
	bool needs_state = p->payload_len || p->tcp_flags & TCP_F_SYN || cfg.all_segments;
	bool local_is_src = local_is_source(p, c->dir);
	struct forgotten verdict, payload, way;

	way.v = local_is_src ? CONN_OUT : CONN_IN;
	c->way = way.v;
	c->cookie = 0;
	c->st = NULL;
	if (c->sk)
		c->st = socket_state(c->sk, needs_state);
	else if (!c->listener && c->hook != EVENT_HOOK_CGROUP)
		c->st = tuple_state(p, local_is_src, needs_state);

	if (c->sk && c->st) {
		/* tc ingress found the socket by its tuple, and cannot ask for its cookie. */
		if (c->hook == EVENT_HOOK_CGROUP || c->dir == EVENT_DIR_EGRESS) {
			if (!c->st->cookie)
				c->st->cookie = bpf_get_socket_cookie(skb);
			if (!c->st->sock_cgroup_id)
				socket_cgroup(skb, c->hook, c->sk, c->st);
		}
		c->cookie = c->st->cookie;
	}
	if (c->st)
		note_handshake(c, p);
	if (cfg.by_owner && has_owner(c->st) && left_out(c->st, c->hook, &c->st->owner))
		return;
	if (c->sk && c->st)
		socket_probe(c->sk, c->dir, c->st);
	verdict.v = classify(c, skb, p);
	if (cfg.all_segments && verdict.v == VERDICT_OTHER)
		verdict.v = VERDICT_HTTP; /* nothing special: all of them cross */
	if (verdict.v == VERDICT_NO && !cfg.all_segments)
		return;
	c->now_ns = bpf_ktime_get_ns();
	payload.v = wanted_payload(c, skb, p, verdict.v);
	if (cfg.sum_up && c->st && stays_quiet(c, skb, p, verdict.v == VERDICT_MESSAGE, payload.v))
		return;
	if (payload.v == PAYLOAD_INSIDE)
		payload.v = 0;
	emit(c, skb, p, verdict.v, payload.v);
}

/* The part before the socket is known. Returns whether the packet goes on. */
static __always_inline bool begin(struct __sk_buff *skb, __u32 l3_off, struct packet *p)
{
	enum parse_result result;

	count(EVENT_CNT_PACKETS, 1);
	result = skip_vlan(skb, &l3_off);
	if (result == PARSE_TCP)
		result = parse_packet(skb, l3_off, p);
	if (result != PARSE_TCP) {
		if (result == PARSE_FRAGMENT)
			count(EVENT_CNT_FRAGMENTS, 1);
		else if (result == PARSE_MALFORMED)
			count(EVENT_CNT_MALFORMED, 1);
		else
			count(EVENT_CNT_OTHER, 1);
		return false;
	}
	if (cfg.expression && !expression_matches(skb, p->l3_off, p->pkt_len)) {
		count(EVENT_CNT_UNMATCHED, 1);
		return false;
	}
	return true;
}

static __always_inline bool port_matches(__u32 a, __u32 b)
{
	return a == cfg.filter_port || b == cfg.filter_port;
}

/*
 * The filter by port. With a socket its own ports count and not those on the wire: under NAT the
 * latter differ from one direction to the other, and one half of a connection is of no use. A
 * socket that resets its connection in close() has given up its port before.
 */
static __always_inline bool port_filtered(const struct context *c, const struct packet *p)
{
	const volatile struct bpf_sock *sk = c->sk;

	if (!cfg.filter_port)
		return false;
	if (sk && sk->src_port ? port_matches(sk->src_port, bpf_ntohs(sk->dst_port))
			       : port_matches(p->sport, p->dport))
		return false;
	count(EVENT_CNT_FILTERED, 1);
	return true;
}

/* Sorts out what skb->sk can be: a connection, a listener (also as a request socket), or nothing
 * that says anything (TIME_WAIT, the kernel's control socket). */
static __always_inline void own_socket(struct context *c, struct bpf_sock *sk)
{
	struct bpf_sock *full;

	c->sk = NULL;
	c->listener = false;
	if (!sk)
		return;
	if (sk->state == SOCK_STATE_NEW_SYN_RECV) {
		c->listener = true;
		return;
	}
	full = bpf_sk_fullsock(sk);
	if (!full || full->type == SOCK_TYPE_RAW || full->protocol != IPPROTO_TCP)
		return;
	if (full->state == BPF_TCP_LISTEN)
		c->listener = true;
	else
		c->sk = full;
}

static __always_inline int on_cgroup(struct __sk_buff *skb, enum event_dir dir)
{
	struct context c = {.hook = EVENT_HOOK_CGROUP, .dir = dir};
	struct packet p;

	if (!begin(skb, 0, &p))
		return 1;
	own_socket(&c, skb->sk);
	if (!port_filtered(&c, &p))
		handle(&c, skb, &p);
	return 1; /* let it pass */
}

SEC("cgroup_skb/ingress")
int httplat_cg_in(struct __sk_buff *skb)
{
	return on_cgroup(skb, EVENT_DIR_INGRESS);
}

SEC("cgroup_skb/egress")
int httplat_cg_out(struct __sk_buff *skb)
{
	return on_cgroup(skb, EVENT_DIR_EGRESS);
}

static __always_inline int on_tc_ingress(struct __sk_buff *skb, __u32 l2_len)
{
	struct context c = {.hook = EVENT_HOOK_TC};
	struct forgotten dir = {.v = EVENT_DIR_UNKNOWN}, listener;
	struct bpf_sock *sk;
	struct packet p;

	if (!begin(skb, l2_len, &p))
		return TC_ACT_UNSPEC;
	/* Most of what a filter leaves out should not cost the look-up of its socket. */
	if (cfg.filter_port && !port_matches(p.sport, p.dport) && !has_own_tuple(&p)) {
		count(EVENT_CNT_FILTERED, 1);
		return TC_ACT_UNSPEC;
	}
	/* skb->sk is of no use here: across a veth pair it is still the sender's. */
	sk = lookup_socket(skb, &p);
	own_socket(&c, sk);
	listener.v = c.listener;
	if (sk) {
		if (c.listener && sk->state == BPF_TCP_LISTEN && !is_for_this_host(skb, &p))
			listener.v = 0;
		else
			dir.v = EVENT_DIR_INGRESS;
		if (!c.sk)
			bpf_sk_release(sk);
	}
	c.dir = dir.v;
	c.listener = listener.v;
	if (!port_filtered(&c, &p))
		handle(&c, skb, &p);
	if (c.sk)
		bpf_sk_release(sk);
	return TC_ACT_UNSPEC;
}

static __always_inline int on_tc_egress(struct __sk_buff *skb, __u32 l2_len)
{
	struct context c = {.hook = EVENT_HOOK_TC, .dir = EVENT_DIR_UNKNOWN};
	struct bpf_sock *sk;
	struct packet p;

	if (!begin(skb, l2_len, &p))
		return TC_ACT_UNSPEC;
	sk = skb->sk;
	own_socket(&c, sk);
	if (sk) {
		c.dir = EVENT_DIR_EGRESS;
		if (p.tcp_flags & TCP_F_SYN && (c.sk || c.listener))
			learn_wire_tuple(&p, sk);
	}
	if (!port_filtered(&c, &p))
		handle(&c, skb, &p);
	return TC_ACT_UNSPEC;
}

SEC("tc")
int httplat_tc_in(struct __sk_buff *skb)
{
	return on_tc_ingress(skb, ETH_HLEN);
}

SEC("tc")
int httplat_tc_out(struct __sk_buff *skb)
{
	return on_tc_egress(skb, ETH_HLEN);
}

/* For devices without a link-layer header. */
SEC("tc")
int httplat_tc_in3(struct __sk_buff *skb)
{
	return on_tc_ingress(skb, 0);
}

SEC("tc")
int httplat_tc_out3(struct __sk_buff *skb)
{
	return on_tc_egress(skb, 0);
}

/* The kernel charges a filter's size to its socket, and before 6.7 allows 20 KB: so what is
 * attached is a few instructions that go on in the program proper. */
struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} tap_body SEC(".maps");

SEC("socket")
int httplat_tap(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &tap_body, 0);
	return 0;
}

/* On an AF_PACKET SOCK_DGRAM socket, whose data begins after the link-layer header whatever that
 * is. Returns 0: nothing is queued to the socket. */
SEC("socket")
int httplat_tap_body(struct __sk_buff *skb)
{
	struct context c = {.hook = EVENT_HOOK_SOCKET, .dir = EVENT_DIR_UNKNOWN};
	struct packet p;

	if (skb->pkt_type == PACKET_LOOPBACK)
		return 0;
	if (!begin(skb, 0, &p))
		return 0;
	if (skb->pkt_type == PACKET_OUTGOING)
		c.dir = EVENT_DIR_EGRESS;
	else if (skb->pkt_type == PACKET_HOST)
		c.dir = EVENT_DIR_INGRESS;
	if (!port_filtered(&c, &p))
		handle(&c, skb, &p);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
