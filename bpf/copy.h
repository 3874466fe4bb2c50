/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * copy.h - one copy, from the skb into the ring; the event before it is written where it stays.
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
}

/* *ev is all zero there. */
static __always_inline void take_lost(struct conn_state *st, struct event_segment *ev)
{
	__u64 bytes;
	__u32 events;

	if (!st || !st->lost_events)
		return;
	events = st->lost_events;
	bytes = st->lost_bytes;
	ev->lost_events = events;
	ev->lost_bytes = bytes;
	ev->flags |= EVENT_F_LOST;
	__sync_fetch_and_add(&st->lost_bytes, -bytes);
	__sync_fetch_and_add(&st->lost_events, -events);
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

/*
 * The verifier must see 1 <= length <= room at the call. That of 5.10 learns nothing from `!= 0`
 * or from 32-bit comparisons, and forgets the bounds of what is spilled to the stack: so `last`
 * (the length less one, in 64 bits) is bounded from above, again right before the call, and the
 * asm keeps the compiler from undoing the detour.
 */
#define COPY_CLASS(bytes)                                                                          \
	if (last < (bytes) - sizeof(struct event_segment)) {                                       \
		rec = bpf_ringbuf_reserve(&ring, (bytes), 0);                                      \
		if (!rec)                                                                          \
			return NULL;                                                               \
		asm volatile("" : "+r"(last));                                                     \
		if (last >= (bytes) - sizeof(struct event_segment) ||                              \
		    bpf_skb_load_bytes(skb, l3_off, rec + sizeof(struct event_segment),            \
				       last + 1)) {                                                \
			bpf_ringbuf_discard(rec, BPF_RB_NO_WAKEUP);                                \
			return NULL;                                                               \
		}                                                                                  \
		*size = (bytes);                                                                   \
		return rec;                                                                        \
	}

#define COPY_MAX ((512 << 10) + 4096)

/*
 * A record with the packet's first cap_len bytes in it, behind room for the event; *size is its
 * own. NULL: the ring is full.
 */
static __always_inline void *copy_packet(struct __sk_buff *skb, __u32 l3_off, __u32 cap_len,
					 volatile __u32 *size)
{
	__u64 last = (__u64)cap_len - 1;
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
	return NULL;
}

/* The same for headers alone. */
static __always_inline void *copy_headers(struct __sk_buff *skb, __u32 l3_off, __u32 cap_len,
					  volatile __u32 *size)
{
	__u64 last = (__u64)cap_len - 1;
	void *rec;

	asm volatile("" : "+r"(last));
	COPY_CLASS(512);
	return NULL;
}

#endif
