// SPDX-License-Identifier: GPL-2.0-only
#include "reasm.h"

#include <errno.h>
#include <string.h>

/* Far enough above 0 that bytes before the first one seen still have an offset. */
#define REASM_ORIGIN (1ull << 32)

/* RFC 9293 §3.4 allows windows up to 2^30 (RFC 7323 §2.3); what lies further off is not this stream. */
#define REASM_WINDOW (1 << 30)

struct reasm_buf {
	struct reasm_buf *next;
	uint64_t off;
	uint32_t len, cap_len;
	bool conflict, seg_start, has_ack, out_of_order;
	uint64_t ack;
	struct reasm_mark seen;
	uint8_t data[];
};

/* A piece of a segment on its way to delivery or to the list. */
struct piece {
	uint64_t off;
	uint32_t len, cap_len;
	const uint8_t *data;
	bool seg_start, has_ack;
	bool out_of_order; /* it came before its predecessor */
	uint64_t ack;
	struct reasm_mark seen;
};

static uint64_t reasm_offset(const struct reasm_half *h, uint32_t seq)
{
	return h->next + (int32_t)(seq - (uint32_t)h->next);
}

static void half_start(struct reasm_half *h, uint32_t seq, bool known)
{
	h->started = true;
	h->start_known = known;
	h->origin = h->next = REASM_ORIGIN + seq;
}

static size_t buf_size(uint32_t cap_len)
{
	return sizeof(struct reasm_buf) + cap_len;
}

static void buf_free(struct reasm *r, const struct reasm_env *env, struct reasm_buf *b)
{
	r->buffered -= buf_size(b->cap_len);
	r->buffered_cnt--;
	mem_free(env->mem, b, buf_size(b->cap_len));
}

static void piece_trim_front(struct piece *p, uint64_t to)
{
	uint32_t cut = to - p->off;

	if (cut > p->len)
		cut = p->len;
	p->off += cut;
	p->len -= cut;
	if (cut >= p->cap_len) {
		p->data = NULL;
		p->cap_len = 0;
	} else {
		p->data += cut;
		p->cap_len -= cut;
	}
	if (cut)
		p->seg_start = false;
}

/* The part of p before `to`, which lies inside it. */
static struct piece piece_before(const struct piece *p, uint64_t to)
{
	struct piece front = *p;

	front.len = to - p->off;
	if (front.cap_len > front.len)
		front.cap_len = front.len;
	return front;
}

static void deliver(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir,
		    const struct piece *p, bool conflict)
{
	struct reasm_half *h = &r->half[dir];
	struct reasm_chunk c = {
		.data = p->data,
		.cap_len = p->cap_len,
		.len = p->len,
		.off = p->off,
		.skip = h->skipped,
		.missing = h->skipped,
		.start = !h->delivered,
		.out_of_order = p->out_of_order,
		.conflict = conflict,
		.seg_start = p->seg_start,
		.seen = p->seen,
		.has_ack = p->has_ack,
		.ack = p->ack,
	};

	if (!h->delivered && !h->start_known)
		c.skip = -1;
	if (p->seen.arrival > h->done.arrival)
		h->done = p->seen;
	c.done = h->done;
	h->next = p->off + p->len;
	c.end = h->fin_known && h->next >= h->fin_off;
	h->skipped = 0;
	h->delivered = true;
	h->acked_hole_ns = 0;
	if (c.end)
		h->ended = true;
	env->cnt->hollow_bytes += p->len - p->cap_len;
	env->ops->chunk(ctx, dir, &c);
}

/* Bytes that are missing, with nothing behind them yet: told at once, so that nothing that was sent later, of the
 * other direction, comes first. */
static void deliver_gap(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir)
{
	struct reasm_half *h = &r->half[dir];
	struct reasm_chunk c = {
		.off = h->next,
		.skip = !h->delivered && !h->start_known ? -1 : (int64_t)h->skipped,
		.missing = h->skipped,
		.start = !h->delivered,
		.seen = h->done,
		.done = h->done,
	};

	h->skipped = 0;
	h->delivered = true;
	env->ops->chunk(ctx, dir, &c);
}

/* FIN without data of its own: says only that the stream ended. */
static void deliver_end(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir)
{
	struct reasm_half *h = &r->half[dir];
	struct reasm_chunk c = {
		.off = h->next,
		.skip = h->skipped,
		.missing = h->skipped,
		.end = true,
		.start = !h->delivered,
		.seen = h->done,
		.done = h->done,
	};

	h->skipped = 0;
	h->ended = true;
	env->ops->chunk(ctx, dir, &c);
}

/* One byte beyond everything seen, with nothing behind it, is a FIN that the capture missed; where the FIN was
 * seen, it is a byte before it. */
static bool beyond_fin(const struct reasm_half *h, uint64_t ack)
{
	return !h->fin_known && !h->head && ack == h->next + 1;
}

static bool half_held(const struct reasm_half *other, bool has_ack, uint64_t ack)
{
	return has_ack && other->started && !other->ended && ack > other->next &&
	       !beyond_fin(other, ack);
}

/* Compares the captured bytes that two copies share. */
static bool copies_differ(const struct reasm_buf *b, const struct piece *p)
{
	uint64_t from = b->off > p->off ? b->off : p->off;
	uint64_t b_end = b->off + b->cap_len, p_end = p->off + p->cap_len;
	uint64_t to = b_end < p_end ? b_end : p_end;

	return from < to && memcmp(b->data + (from - b->off), p->data + (from - p->off), to - from);
}

static int buf_insert(struct reasm *r, const struct reasm_env *env, struct reasm_half *h,
		      struct reasm_buf *prev, const struct piece *p)
{
	struct reasm_buf *b, **link = prev ? &prev->next : &h->head;

	b = mem_alloc(env->mem, buf_size(p->cap_len));
	if (!b)
		return -ENOMEM;
	b->off = p->off;
	b->len = p->len;
	b->cap_len = p->cap_len;
	b->seg_start = p->seg_start;
	b->has_ack = p->has_ack;
	b->ack = p->ack;
	b->out_of_order = p->out_of_order;
	b->seen = p->seen;
	if (p->cap_len)
		memcpy(b->data, p->data, p->cap_len);
	b->next = *link;
	*link = b;
	if (!b->next)
		h->tail = b;
	r->buffered += buf_size(p->cap_len);
	r->buffered_cnt++;
	return 0;
}

/*
 * Puts what is new of p into the sorted list. Walking the list from its first buffer:
 *
 *	p ends before the buffer   → insert the rest here
 *	p begins before the buffer → insert the front, go on with what lies at or after the buffer
 *	p begins inside the buffer → compare the shared bytes, cut them off
 *
 * *added tells whether any byte was new.
 */
static int buf_add(struct reasm *r, const struct reasm_env *env, struct reasm_half *h,
		   struct piece p, bool *added)
{
	struct reasm_buf *b, *prev = NULL;
	int err;

	*added = false;
	if (h->tail && p.off >= h->tail->off + h->tail->len) {
		*added = true;
		return buf_insert(r, env, h, h->tail, &p);
	}
	for (b = h->head; b && p.len; prev = b, b = b->next) {
		if (b->off >= p.off + p.len)
			break;
		if (b->off > p.off) {
			struct piece front = piece_before(&p, b->off);

			err = buf_insert(r, env, h, prev, &front);
			if (err)
				return err;
			*added = true;
			piece_trim_front(&p, b->off);
		}
		if (p.off < b->off + b->len) {
			if (copies_differ(b, &p)) {
				env->cnt->conflicts++;
				b->conflict = true;
			}
			piece_trim_front(&p, b->off + b->len);
		}
	}
	if (!p.len)
		return 0;
	*added = true;
	return buf_insert(r, env, h, prev, &p);
}

static void count_gap(const struct reasm_env *env, enum reasm_cause cause, uint64_t bytes)
{
	env->cnt->gaps++;
	env->cnt->gap_bytes += bytes;
	switch (cause) {
	case REASM_GAP_ACKED:
		env->cnt->gaps_acked++;
		break;
	case REASM_GAP_LOST:
		env->cnt->gaps_lost++;
		break;
	case REASM_GAP_TIMEOUT:
		env->cnt->gaps_timeout++;
		break;
	case REASM_GAP_MEMORY:
		env->cnt->gaps_memory++;
		break;
	default:
		env->cnt->gaps_end++;
		break;
	}
}

/* Moves over the first hole of a direction: up to the first waiting byte, or to `limit` where nothing waits. */
static bool skip_hole(struct reasm_half *h, const struct reasm_env *env, uint64_t limit,
		      enum reasm_cause cause)
{
	uint64_t to = h->head ? h->head->off : limit;

	if (limit > h->next && limit < to)
		to = limit;
	if (!h->started || to <= h->next)
		return false;
	count_gap(env, cause, to - h->next);
	h->skipped += to - h->next;
	h->next = to;
	h->acked_hole_ns = 0;
	return true;
}

/* Delivers the first waiting buffer, which is in order. */
static void deliver_head(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir)
{
	struct reasm_half *h = &r->half[dir];
	struct reasm_buf *b = h->head;
	struct piece p = {
		.off = b->off,
		.len = b->len,
		.cap_len = b->cap_len,
		.data = b->data,
		.seg_start = b->seg_start,
		.has_ack = b->has_ack,
		.out_of_order = b->out_of_order,
		.ack = b->ack,
		.seen = b->seen,
	};

	if (p.off < h->next)
		piece_trim_front(&p, h->next);
	h->head = b->next;
	if (!h->head)
		h->tail = NULL;
	if (p.len)
		deliver(r, env, ctx, dir, &p, b->conflict);
	buf_free(r, env, b);
}

/* Delivers everything that is in order and not held back by the other direction. */
static bool drain_half(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir)
{
	struct reasm_half *h = &r->half[dir], *o = &r->half[!dir];
	bool progress = false;

	while (h->head && h->head->off <= h->next) {
		if (half_held(o, h->head->has_ack, h->head->ack))
			return progress;
		deliver_head(r, env, ctx, dir);
		progress = true;
	}
	if (h->fin_known && !h->ended && h->next >= h->fin_off) {
		deliver_end(r, env, ctx, dir);
		progress = true;
	}
	return progress;
}

static void drain(struct reasm *r, const struct reasm_env *env, void *ctx)
{
	bool progress;

	do {
		progress = drain_half(r, env, ctx, 0);
		progress |= drain_half(r, env, ctx, 1);
	} while (progress);
}

/* Gives up the first hole of a direction and delivers what was behind it. False: there is none. */
static bool give_up(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir,
		    uint64_t limit, enum reasm_cause cause)
{
	struct reasm_half *h = &r->half[dir];

	if (!skip_hole(h, env, limit, cause))
		return false;
	drain_half(r, env, ctx, dir);
	if (h->skipped)
		deliver_gap(r, env, ctx, dir);
	drain(r, env, ctx);
	return true;
}

/* Whether bytes at the front of a direction were acknowledged without having been delivered. */
static bool acked_hole(const struct reasm_half *h)
{
	if (!h->started || !h->acked_known || h->acked <= h->next || beyond_fin(h, h->acked))
		return false;
	return !h->head || h->head->off > h->next;
}

/* A FIN takes a sequence number: its acknowledgement is no missing byte. */
static uint64_t acked_limit(const struct reasm_half *h)
{
	return h->fin_known && h->acked > h->fin_off ? h->fin_off : h->acked;
}

static bool resolve_acked(struct reasm *r, const struct reasm_env *env, void *ctx,
			  unsigned int dir, const struct segment *seg)
{
	struct reasm_half *h = &r->half[dir];
	uint64_t grace = seg->dir == SEG_DIR_UNKNOWN ? env->ack_grace_ns : 0;
	enum reasm_cause cause = r->lost_pending ? REASM_GAP_LOST : REASM_GAP_ACKED;

	if (!acked_hole(h) || acked_limit(h) <= h->next)
		return false;
	if (!h->acked_hole_ns)
		h->acked_hole_ns = seg->time_ns ? seg->time_ns : 1;
	if (!r->lost_pending && seg->time_ns < h->acked_hole_ns + grace)
		return false;
	return give_up(r, env, ctx, dir, acked_limit(h), cause);
}

/* Nothing waits, nothing is known to be missing, and no end is to be told. */
static bool half_is_quiet(const struct reasm_half *h)
{
	return !h->head && (!h->fin_known || h->ended) && !(h->acked_known && h->acked > h->next);
}

/* Gives up what may be given up now, oldest reason first, delivering after each step. */
static void resolve(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir,
		    const struct segment *seg)
{
	struct reasm_half *h = &r->half[dir];

	if (half_is_quiet(&r->half[0]) && half_is_quiet(&r->half[1])) {
		r->lost_pending = false;
		return;
	}
	drain(r, env, ctx);
	while (resolve_acked(r, env, ctx, 0, seg) || resolve_acked(r, env, ctx, 1, seg))
		;
	if (r->lost_pending && h->head && h->head->off > h->next)
		give_up(r, env, ctx, dir, 0, REASM_GAP_LOST);
	r->lost_pending = false;
	if (r->buffered > env->max_conn_memory)
		reasm_finish(r, env, ctx, REASM_GAP_MEMORY);
}

static void start_half(struct reasm_half *h, const struct segment *seg, uint32_t data_seq)
{
	const struct annotation *note = &seg->note;

	if (seg->flags & TCP_SYN) {
		if (!h->delivered)
			half_start(h, data_seq, true);
		return;
	}
	if (!h->delivered && !h->head && seg->payload_len && note->has_stream_start &&
	    note->stream_start == data_seq) {
		half_start(h, data_seq, true);
		return;
	}
	/* It came behind others, but what is expected is the stream's first byte. */
	if (h->started && !h->delivered && note->has_stream_start &&
	    note->stream_start == (uint32_t)h->next)
		h->start_known = true;
	if (!h->started)
		half_start(h, data_seq, false);
	else if (!h->delivered && !h->start_known && seg->payload_len &&
		 reasm_offset(h, data_seq) < h->next)
		h->origin = h->next = reasm_offset(h, data_seq);
}

/* Notes what the segment acknowledges; *ack becomes an offset of the other direction. */
static bool take_ack(struct reasm_half *o, const struct segment *seg, uint64_t *ack)
{
	int32_t ahead;

	if (!(seg->flags & TCP_ACK))
		return false;
	if (!o->started)
		half_start(o, seg->ack, !!(seg->flags & TCP_SYN));
	ahead = seg->ack - (uint32_t)o->next;
	if (ahead > REASM_WINDOW || ahead < -REASM_WINDOW)
		return false;
	*ack = o->next + ahead;
	if (!o->acked_known || *ack > o->acked)
		o->acked = *ack;
	o->acked_known = true;
	return true;
}

static int push_payload(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir,
			const struct segment *seg, struct piece *p)
{
	struct reasm_half *h = &r->half[dir];
	uint64_t from = p->off;
	bool added;
	int err;

	if (p->off + p->len <= h->next) {
		/* RFC 9293 §3.8.4 (keep-alive) and §3.8.6.1 (zero-window probe): one byte before the window */
		if (p->len == 1 && p->off + 1 == h->next) {
			env->cnt->keepalives++;
			return 0;
		}
		env->cnt->retransmits++;
		env->ops->old_bytes(ctx, dir, seg, from, from + p->len);
		return 0;
	}
	if (p->off < h->next)
		piece_trim_front(p, h->next);
	if (p->off == h->next && !half_held(&r->half[!dir], p->has_ack, p->ack)) {
		/* Bytes that wait already came first: they win, and the rest of p goes behind them. */
		if (!h->head || h->head->off >= p->off + p->len) {
			deliver(r, env, ctx, dir, p, false);
			return 0;
		}
	}
	p->out_of_order = p->off > h->next;
	env->cnt->out_of_order += p->out_of_order;
	err = buf_add(r, env, h, *p, &added);
	if (err) {
		env->cnt->memory_dropped++;
		return err;
	}
	if (!added) {
		env->cnt->retransmits++;
		env->ops->old_bytes(ctx, dir, seg, from, p->off + p->len);
	}
	return 0;
}

int reasm_push(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir,
	       const struct segment *seg, uint64_t arrival)
{
	struct reasm_half *h = &r->half[dir];
	uint32_t data_seq = seg->seq + !!(seg->flags & TCP_SYN);
	struct piece p = {
		.len = seg->payload_len,
		.cap_len = seg->payload_cap,
		.data = seg->payload,
		.seg_start = true,
		.seen = { arrival, seg->time_ns, seg->frame },
	};
	int err = 0;

	if (seg->flags & TCP_RST) {
		r->reset = true;
		p.len = 0; /* RFC 9293 §3.5.2: text in a reset is a diagnostic, not data */
	}
	if (seg->note.lost_events)
		r->lost_pending = true;
	p.has_ack = take_ack(&r->half[!dir], seg, &p.ack);
	if (p.len || seg->flags & (TCP_SYN | TCP_FIN) || !h->started)
		start_half(h, seg, data_seq);
	p.off = reasm_offset(h, data_seq);
	if (p.off > h->next + REASM_WINDOW || p.off + REASM_WINDOW < h->next)
		return 0;
	if (!p.len && p.off > h->sent)
		h->sent = p.off;
	/* A reset stands behind all that was sent, or acknowledged (RFC 9293 §3.5.2). */
	if (seg->flags & TCP_RST && p.off > h->next && !(h->acked_known && h->acked >= p.off)) {
		h->acked_known = true;
		h->acked = p.off;
	}
	if (seg->flags & TCP_FIN && !(seg->flags & TCP_RST) && !h->fin_known &&
	    p.off + p.len >= h->next) {
		h->fin_known = true;
		h->fin_off = p.off + p.len;
	}
	if (p.len)
		err = push_payload(r, env, ctx, dir, seg, &p);
	else if (!(seg->flags & (TCP_SYN | TCP_FIN | TCP_RST)) && p.off + 1 == h->next &&
		 h->delivered)
		env->cnt->keepalives++;
	resolve(r, env, ctx, dir, seg);
	return err;
}

/*
 * Gives up what the first waiting buffer of a direction waits for: the hole before it, or the bytes of the
 * other direction that it acknowledges. Where that direction waits for this one in turn, which a later copy
 * with a later acknowledgement can bring about, it goes first.
 */
static void unblock(struct reasm *r, const struct reasm_env *env, void *ctx, unsigned int dir,
		    enum reasm_cause cause)
{
	struct reasm_half *h = &r->half[dir];

	if (h->head->off > h->next) {
		give_up(r, env, ctx, dir, 0, cause);
	} else if (!give_up(r, env, ctx, !dir, h->head->ack, cause)) {
		deliver_head(r, env, ctx, dir);
		drain(r, env, ctx);
	}
}

void reasm_flush(struct reasm *r, const struct reasm_env *env, void *ctx, uint64_t older_than_ns)
{
	for (unsigned int dir = 0; dir < 2; dir++) {
		struct reasm_half *h = &r->half[dir];

		/* Each round delivers or moves on; what it sets free may be of either direction. */
		while (h->head && h->head->seen.ns < older_than_ns) {
			unblock(r, env, ctx, dir, REASM_GAP_TIMEOUT);
			dir = 0;
			h = &r->half[0];
		}
	}
}

/* Of two directions that wait, the one whose first buffer arrived first is the cause of the other. */
static int oldest_half(const struct reasm *r)
{
	const struct reasm_buf *a = r->half[0].head, *b = r->half[1].head;

	if (!a || !b)
		return a ? 0 : b ? 1 : -1;
	return a->seen.arrival < b->seen.arrival ? 0 : 1;
}

void reasm_finish(struct reasm *r, const struct reasm_env *env, void *ctx, enum reasm_cause cause)
{
	int dir;

	drain(r, env, ctx);
	while ((dir = oldest_half(r)) >= 0)
		unblock(r, env, ctx, dir, cause);
	for (dir = 0; dir < 2 && cause == REASM_GAP_END; dir++) {
		struct reasm_half *h = &r->half[dir];
		uint64_t limit = h->fin_known ? h->fin_off : h->acked_known ? h->acked : 0;

		/* Bytes that were acknowledged, or lie before the FIN or an empty segment, existed. */
		if (!h->fin_known && h->sent > limit)
			limit = h->sent;
		if (h->started && !h->ended && !beyond_fin(h, limit))
			give_up(r, env, ctx, dir, limit, cause);
		if (h->started && !h->ended && h->skipped)
			deliver_end(r, env, ctx, dir);
	}
}

void reasm_free(struct reasm *r, const struct reasm_env *env)
{
	for (unsigned int dir = 0; dir < 2; dir++) {
		struct reasm_half *h = &r->half[dir];

		while (h->head) {
			struct reasm_buf *b = h->head;

			h->head = b->next;
			buf_free(r, env, b);
		}
		h->tail = NULL;
	}
}

bool reasm_waiting(const struct reasm *r)
{
	return r->buffered_cnt || acked_hole(&r->half[0]) || acked_hole(&r->half[1]);
}
