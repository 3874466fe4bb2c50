/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * copy.h - one copy, from the skb into the ring.
 *
 * The verifier of 5.10 wants a constant size for a reservation, so there are size classes; a
 * record tells its true length in cap_len. The reader is not woken for each record (that costs
 * more than all the rest) but each time another wake_bytes have come.
 */
#ifndef HTTPLAT_COPY_H
#define HTTPLAT_COPY_H

/* Of a connection that found the ring full: remembered until a record gets through. */
static __always_inline void note_lost(struct conn_state *st, __u32 bytes)
{
	count(EVENT_CNT_LOST_EVENTS, 1);
	count(EVENT_CNT_LOST_BYTES, bytes);
	if (!st)
		return;
	__sync_fetch_and_add(&st->lost_bytes, bytes);
	__sync_fetch_and_add(&st->lost_events, 1);
	/* What they acknowledged may have been awaited, see sum.h. */
	st->stream[0].has_told_ack = st->stream[1].has_told_ack = 0;
}

static __always_inline void take_lost(struct conn_state *st, struct event_segment *ev)
{
	if (!st || !st->lost_events)
		return;
	ev->lost_events = st->lost_events;
	ev->lost_bytes = st->lost_bytes;
	ev->flags |= EVENT_F_LOST;
	__sync_fetch_and_add(&st->lost_bytes, -ev->lost_bytes);
	__sync_fetch_and_add(&st->lost_events, -ev->lost_events);
}

static __always_inline void give_back_lost(struct conn_state *st, struct event_segment *ev)
{
	if (!(ev->flags & EVENT_F_LOST) || !st)
		return;
	__sync_fetch_and_add(&st->lost_bytes, ev->lost_bytes);
	__sync_fetch_and_add(&st->lost_events, ev->lost_events);
	ev->flags &= ~EVENT_F_LOST;
}

/* Two fill levels that lie in different multiples of wake_bytes: the record made it cross one. */
static __always_inline __u64 wake_flag(__u32 size, bool urgent)
{
	__u64 filled;

	if (urgent)
		return BPF_RB_FORCE_WAKEUP;
	if (!cfg.wake_bytes)
		return 0;
	filled = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	if (filled / cfg.wake_bytes != (filled + size) / cfg.wake_bytes)
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

enum copy_result {
	COPY_DONE = 0,
	COPY_FULL,
	COPY_BAD, /* the skb is shorter than its headers say */
};

/*
 * The verifier must see 1 <= length <= room at the call. That of 5.10 learns nothing from `!= 0`
 * or from 32-bit comparisons, and forgets the bounds of what is spilled to the stack: so `last`
 * (the length less one, in 64 bits) is bounded from above, again right before the call, and the
 * asm keeps the compiler from undoing the detour.
 */
#define COPY_CLASS(size)                                                                           \
	if (last < (size) - sizeof(*ev)) {                                                         \
		rec = bpf_ringbuf_reserve(&ring, (size), 0);                                       \
		if (!rec)                                                                          \
			return COPY_FULL;                                                          \
		*(struct event_segment *)rec = *ev;                                                \
		asm volatile("" : "+r"(last));                                                     \
		if (last >= (size) - sizeof(*ev) ||                                                \
		    bpf_skb_load_bytes(skb, l3_off, rec + sizeof(*ev), last + 1)) {                \
			bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);                                \
			return COPY_BAD;                                                           \
		}                                                                                  \
		bpf_ringbuf_submit(rec, wake_flag((size), urgent));                                \
		return COPY_DONE;                                                                  \
	}

#define COPY_MAX ((512 << 10) + 4096)

static __always_inline enum copy_result copy_record(struct __sk_buff *skb, __u32 l3_off,
						    const struct event_segment *ev, bool urgent)
{
	__u64 last = (__u64)ev->cap_len - 1;
	void *rec;

	asm volatile("" : "+r"(last));
	COPY_CLASS(256);
	COPY_CLASS(384);
	COPY_CLASS(512);
	COPY_CLASS(768);
	COPY_CLASS(1024);
	COPY_CLASS(2048); /* a packet of 1500 bytes */
	COPY_CLASS(8192);
	COPY_CLASS(32768);
	COPY_CLASS((64 << 10) + 512);
	COPY_CLASS((128 << 10) + 4096);
	COPY_CLASS(COPY_MAX);
	return COPY_BAD;
}

/* The same for what is all but always less than one small record. */
static __always_inline enum copy_result copy_headers(struct __sk_buff *skb, __u32 l3_off,
						     const struct event_segment *ev)
{
	const bool urgent = true;
	__u64 last = (__u64)ev->cap_len - 1;
	void *rec;

	asm volatile("" : "+r"(last));
	COPY_CLASS(512);
	return COPY_FULL;
}

/*
 * Writes *ev and the packet's first ev->cap_len bytes. If they do not fit, the headers alone are
 * tried: the sequence numbers survive, and with them the knowledge of what is missing.
 */
static __always_inline void copy_segment(struct __sk_buff *skb, const struct packet *p,
					 struct conn_state *st, struct event_segment *ev,
					 bool urgent)
{
	enum copy_result result;
	__u32 missed = 0;

	if (ev->cap_len > COPY_MAX - sizeof(*ev))
		ev->cap_len = COPY_MAX - sizeof(*ev);
	take_lost(st, ev);
	result = copy_record(skb, p->l3_off, ev, urgent);
	if (result == COPY_FULL && ev->cap_len > p->hdr_len) {
		missed = ev->cap_len - p->hdr_len;
		ev->cap_len = p->hdr_len;
		result = copy_headers(skb, p->l3_off, ev);
	}
	if (result == COPY_DONE) {
		count_copied(ev->cap_len);
		if (missed)
			count(EVENT_CNT_LOST_BYTES, missed);
		return;
	}
	give_back_lost(st, ev);
	if (result == COPY_FULL)
		note_lost(st, p->payload_len);
	else
		count(EVENT_CNT_MALFORMED, 1);
}

#endif
