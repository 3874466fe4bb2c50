/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * sum.h - segments that need not cross one by one: the inside of a body that is withheld anyhow, and
 * acknowledgments that say nothing new.
 *
 *	crosses        stay quiet            crosses
 *	head ┊ body │ body │ body │ … │ body │ end of the body
 *	└──────────┘└────────────────────────┘└──── with a struct event_sum before it
 *
 * A segment stays quiet where user space would learn nothing from it but that it was there: in
 * order, with no hole before it in either direction, no flag but ACK, as much room as before, and an
 * acknowledgment that tells neither of bytes that nobody has seen nor when something that crossed
 * was received. What was quiet is told before whatever crosses next, in either direction: so user
 * space knows then what it would know otherwise, with the same times. Something crosses at least
 * once in QUIET_NS, if anything comes.
 *
 * The two directions of a socket may be handled at the same time on two CPUs. So each member of
 * struct conn_stream has one writer, nothing is ever taken back, and a sum only counts up.
 */
#ifndef HTTPLAT_SUM_H
#define HTTPLAT_SUM_H

#define QUIET_NS 1000000000ull
/* Sequence numbers are compared within half of their range. */
#define QUIET_BYTES (1u << 29)

/*
 * What follows is arithmetic on ones and zeros, and not branches: the verifier would follow each
 * combination of them to the program's end.
 */
typedef __u32 bit;

/* Whether a is behind b (RFC 9293 §3.4). */
static __always_inline bit seq_after(__u32 a, __u32 b)
{
	return (b - a) >> 31;
}

/* The compiler is not to know that the upper half is empty: it would make a branch of this. */
static __always_inline bit is_zero(__u32 x)
{
	__u64 wide = x;

	asm volatile("" : "+r"(wide));
	return -wide >> 63 ^ 1;
}

static __always_inline __u32 choose(bit which, __u32 yes, __u32 no)
{
	return (yes & -which) | (no & ~-which);
}

static __always_inline __u64 choose_ns(bit which, __u64 yes, __u64 no)
{
	__u64 mask = -(__u64)which;

	return (yes & mask) | (no & ~mask);
}

/* The bounds of the index have to reach the verifier. */
static __always_inline struct conn_stream *stream_of(struct conn_state *st, __u32 way)
{
	__u64 i = way;

	asm volatile("" : "+r"(i));
	return &st->stream[i & 1];
}

static __always_inline __u32 segment_length(struct __sk_buff *skb, const struct packet *p)
{
	__u32 cnt = skb->gso_segs;

	return p->payload_len / (cnt + is_zero(cnt));
}

/* Whether who sends it has room for a segment of the other end's. As user space has it, where the
 * scale is not known, any window but zero has. */
static __always_inline bit has_room(const struct context *c, const struct packet *p,
				    const struct conn_stream *other)
{
	__u32 shift = (c->way & 1) * 4, least = other->mss * c->st->has_wscale;
	__u32 window = (__u32)p->window << (c->st->wscale >> shift & 15);

	return (is_zero(window) | seq_after(least, window)) ^ 1;
}

/* Whether bytes of `own` may be missing that the other direction has not acknowledged yet. */
static __always_inline bit has_hole(const struct conn_stream *own, const struct conn_stream *other)
{
	return own->has_hole &
	       ((other->has_told_ack ^ 1) | seq_after(own->hole_end, other->told_ack));
}

/* Returns whether the segment begins where what went by before ended. */
static __always_inline bit follow_stream(struct conn_stream *own, const struct conn_stream *other,
					 __u32 seq, __u32 end)
{
	bit known = own->has_next, ahead = known & seq_after(seq, own->next);
	bit follows = known & is_zero(seq ^ own->next);

	own->hole_end = choose(ahead, end, own->hole_end);
	own->has_hole = ahead | has_hole(own, other);
	own->next = choose((known ^ 1) | seq_after(end, own->next), end, own->next);
	own->has_next = 1;
	return follows;
}

/* The local end sends on, with everything acknowledged since: it had no more to send. Where both that
 * acknowledgment and this segment cross, user space sees it. */
static __always_inline void note_idle(const struct context *c, const struct conn_stream *other,
				      __u32 seq, __u64 now, bit next_of_body, bit quiet)
{
	bit told = other->has_told_ack & is_zero(other->told_ack ^ seq);
	bit idle = next_of_body & (other->no_room ^ 1) & other->has_ack &
		   is_zero(other->ack ^ seq) & (quiet | (told ^ 1)) &
		   is_zero(c->dir ^ EVENT_DIR_EGRESS);

	c->st->idle_ns += (now - other->ack_ns) & -(__u64)idle;
}

/* Whether user space waits for this acknowledgment: of what the local end sent, and crossed. */
static __always_inline bit is_awaited(const struct context *c, __u32 ack,
				      const struct conn_stream *own,
				      const struct conn_stream *other)
{
	bit news = (own->has_told_ack ^ 1) |
		   (seq_after(other->cross_end, own->told_ack) & seq_after(ack, own->told_ack));

	return is_zero(c->dir ^ EVENT_DIR_INGRESS) & other->has_cross &
	       seq_after(ack, other->cross_from) & news;
}

static __always_inline void note_ack(struct conn_stream *own, __u32 ack, bit room, __u64 now)
{
	bit news = (own->has_ack ^ 1) | seq_after(ack, own->ack);

	own->ack_ns = choose_ns(news | (own->no_room & room), now, own->ack_ns);
	own->ack = choose(news, ack, own->ack);
	own->has_ack = 1;
	own->no_room = room ^ 1;
}

static __always_inline void note_crossing(struct conn_stream *own, const struct conn_stream *other,
					  const struct packet *p, __u32 length, __u64 now)
{
	__u32 seq = payload_seq(p), end = seq + p->payload_len;
	bit data = is_zero(p->payload_len) ^ 1, acks = p->tcp_flags / TCP_F_ACK & 1;
	bit first = own->has_cross ^ 1;
	bit received = other->has_told_ack & (seq_after(own->cross_end, other->told_ack) ^ 1);

	own->cross_from = choose(data & (first | received), seq, own->cross_from);
	own->cross_end = choose(data & (first | seq_after(end, own->cross_end)), end, own->cross_end);
	own->has_cross |= data;
	own->mss = choose(seq_after(length, own->mss), length, own->mss);
	own->told_ack = choose(acks & ((own->has_told_ack ^ 1) | seq_after(p->ack, own->told_ack)),
			       p->ack, own->told_ack);
	own->has_told_ack |= acks;
	own->cross_ns = now;
}

/*
 * Takes note of a segment of an HTTP connection, whose state c->st is. Returns whether it need not
 * cross. payload: what of it would be copied, or PAYLOAD_INSIDE.
 */
static __always_inline bool stays_quiet(const struct context *c, struct __sk_buff *skb,
					const struct packet *p, bool message, __u32 payload)
{
	struct conn_stream *own = stream_of(c->st, c->way), *other = stream_of(c->st, c->way ^ 1);
	__u32 seq = payload_seq(p), end = seq + p->payload_len, length = segment_length(skb, p);
	__u32 flags = p->tcp_flags &
		      (TCP_F_SYN | TCP_F_FIN | TCP_F_RST | TCP_F_URG | TCP_F_ACK);
	bit room = has_room(c, p, other), empty = is_zero(p->payload_len);
	bit inside = is_zero(payload ^ PAYLOAD_INSIDE), follows;
	struct forgotten quiet;
	__u64 now = c->now_ns;

	follows = follow_stream(own, other, seq, end);
	own->stray = follows ^ 1;
	/* One after the other, for there is little stack. */
	quiet.v = follows & room & (own->no_room ^ 1) & (message ^ 1);
	quiet.v &= empty | (inside & (seq_after(length, own->mss) ^ 1));
	quiet.v &= is_zero(c->st->lost_events) & is_zero(flags ^ TCP_F_ACK);
	quiet.v &= other->has_next & (seq_after(p->ack, other->next) ^ 1);
	quiet.v &= (has_hole(own, other) | has_hole(other, own)) ^ 1;
	quiet.v &= is_awaited(c, p->ack, own, other) ^ 1;
	quiet.v &= seq_after(own->cross_end + QUIET_BYTES, end);
	quiet.v &= (now - own->cross_ns - QUIET_NS) >> 63;
	note_idle(c, other, seq, now, follows & (empty ^ 1) & (message ^ 1), quiet.v);
	if (flags & TCP_F_ACK)
		note_ack(own, p->ack, room, now);
	if (!quiet.v) {
		note_crossing(own, other, p, length, now);
		return false;
	}
	own->quiet_ns = now;
	count(EVENT_CNT_QUIET, 1);
	if (empty)
		return true;
	own->sum_ns = now;
	own->sum_end = end;
	asm volatile("" ::: "memory");
	own->sum_cnt++;
	count(EVENT_CNT_ELIDED_BYTES, p->payload_len);
	return true;
}

/* Forgets what went by, for a connection that begins. */
static __always_inline void begin_streams(struct conn_state *st)
{
	__builtin_memset(st->stream, 0, sizeof(st->stream));
	st->idle_ns = st->told_idle_ns = 0;
}

/* Before a segment that crosses: tells what did not. Returns false if the ring is full. */
static __always_inline bool tell_quiet(const struct context *c, const struct packet *p)
{
	struct conn_stream *own = stream_of(c->st, c->way), *other = stream_of(c->st, c->way ^ 1);
	__u32 own_cnt = own->sum_cnt, other_cnt = other->sum_cnt;
	__u64 idle_ns = c->st->idle_ns;
	struct event_sum *ev;

	asm volatile("" ::: "memory");
	if (!((own->told_sum_cnt[0] ^ own_cnt) | (own->told_sum_cnt[1] ^ other_cnt) | own->stray |
	      (c->st->told_idle_ns ^ idle_ns)))
		return true;
	ev = bpf_ringbuf_reserve(&ring, sizeof(*ev), 0);
	if (!ev)
		return false;
	ev->type = EVENT_SUM;
	ev->hook = c->hook;
	ev->dir = c->dir;
	ev->pad = ev->pad2 = 0;
	ev->cookie = c->cookie;
	copy_addr(ev->saddr, p->saddr);
	copy_addr(ev->daddr, p->daddr);
	ev->sport = p->sport;
	ev->dport = p->dport;
	ev->cnt[0] = own_cnt;
	ev->cnt[1] = other_cnt;
	ev->end[0] = own->sum_end;
	ev->end[1] = other->sum_end;
	ev->last_ns[0] = own->sum_ns;
	ev->last_ns[1] = other->sum_ns;
	ev->quiet_ns = own->quiet_ns > other->quiet_ns ? own->quiet_ns : other->quiet_ns;
	ev->idle_ns = idle_ns;
	bpf_ringbuf_submit(ev, BPF_RB_NO_WAKEUP);
	own->told_sum_cnt[0] = own_cnt;
	own->told_sum_cnt[1] = other_cnt;
	c->st->told_idle_ns = idle_ns;
	return true;
}

#endif
