// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_segments.c - reassembly against a naive one, which has an array with a place for each offset
 * of each direction, where the first copy wins. Input: a byte {bit 0: sequence numbers wrap, bit 1:
 * little memory}, then six bytes a segment:
 *
 *	flags   bit 0 direction, 1 acknowledges, 2 other content, 3 only half was copied,
 *	        4 the kernel lost something, 5 FIN, 6 time goes on afterwards, 7 for long
 *	offset  two bytes, in its direction's stream
 *	length
 *	ack     two bytes, in the other direction's stream
 *
 * What is delivered has to be the arrays, with holes where nothing came before the hole was given
 * up; no chunk may come before what it acknowledges, unless time or memory ran out; nothing may be
 * left over.
 */
#include <string.h>

#include "check.h"
#include "core/bytes.h"
#include "core/reasm.h"

enum { SPACE = 1024, SEGMENT_BYTES = 6, LITTLE_MEMORY = 1024 };
enum {
	FROM_SERVER = 1,
	ACKS = 2,
	OTHER = 4,
	HOLLOW = 8,
	LOST = 16,
	FIN = 32,
	FLUSH = 64,
	LONG = 128
};
enum { NOT_COPIED = 0x100, NEVER = -1 };

struct naive {
	struct {
		/* NEVER, or the first copy's; with NOT_COPIED only its length is known. */
		int16_t byte[SPACE];
		unsigned int end;    /* of what was delivered */
		unsigned int acked;  /* by the other end */
		unsigned int fin_at; /* where the first FIN that counts stands, with fin */
		bool fin, ended;
		uint64_t origin;
	} half[2];
	bool lost;   /* the kernel said so, with the segment that is being taken */
	bool forced; /* by time, memory or the end: holes are given up, order may suffer */
};

static bool fin_reached(const struct naive *n, unsigned int dir)
{
	return n->half[dir].fin && n->half[dir].end >= n->half[dir].fin_at;
}

static void on_chunk(void *ctx, unsigned int dir, const struct reasm_chunk *c)
{
	struct naive *n = ctx;
	unsigned int at = (unsigned int)(c->off - n->half[dir].origin), i;
	unsigned int other_end = n->half[!dir].end;
	uint64_t ack;

	demand(at + c->len <= SPACE);
	demand(c->cap_len <= c->len);
	demand(c->skip == (int64_t)c->missing); /* both beginnings are known */
	demand(at == n->half[dir].end + c->missing);
	for (i = n->half[dir].end; i < at; i++)
		demand(n->half[dir].byte[i] == NEVER);
	for (i = 0; i < c->len; i++) {
		demand(n->half[dir].byte[at + i] != NEVER);
		demand(n->half[dir].byte[at + i] & NOT_COPIED
			       ? i >= c->cap_len
			       : i < c->cap_len && n->half[dir].byte[at + i] == c->data[i]);
	}
	if (c->has_ack && !n->forced && !n->half[!dir].ended) {
		ack = c->ack - n->half[!dir].origin;
		demand(ack <= other_end + 1); /* one more may be a FIN */
	}
	demand(!c->missing || at <= n->half[dir].acked || n->lost || n->forced);
	n->half[dir].end = at + c->len;
	demand(!c->end || fin_reached(n, dir) || n->forced);
	demand(c->end || !c->len || !fin_reached(n, dir));
	n->half[dir].ended |= c->end;
}

static void on_old(void *ctx, unsigned int dir, const struct segment *seg, uint64_t from,
		   uint64_t to)
{
	struct naive *n = ctx;
	uint64_t i, at;

	demand(from < to);
	for (i = from; i < to; i++) {
		at = i - n->half[dir].origin;
		demand(at < n->half[dir].end || n->half[dir].byte[at] != NEVER);
	}
}

static const struct reasm_ops ops = {.chunk = on_chunk, .old_bytes = on_old};

static void naive_push(struct naive *n, unsigned int dir, unsigned int off, unsigned int ack,
		       const struct segment *seg)
{
	unsigned int end = off + seg->payload_len, i, at;

	for (i = 0; i < seg->payload_len; i++) {
		at = off + i;
		if (at < n->half[dir].end || n->half[dir].byte[at] != NEVER)
			continue;
		n->half[dir].byte[at] = i < seg->payload_cap ? seg->payload[i] : NOT_COPIED;
	}
	/* One that stands before what was delivered is an old one. */
	if (seg->flags & TCP_FIN && !n->half[dir].fin && end >= n->half[dir].end) {
		n->half[dir].fin = true;
		n->half[dir].fin_at = end;
	}
	if (seg->flags & TCP_ACK && ack > n->half[!dir].acked)
		n->half[!dir].acked = ack;
	n->lost = seg->note.lost_events;
}

static void begin(struct reasm *r, const struct reasm_env *env, struct naive *n, uint32_t base)
{
	struct segment syn = {.seq = base - 1, .flags = TCP_SYN};
	struct segment syn_ack = {.seq = base - 1, .ack = base, .flags = TCP_SYN | TCP_ACK};

	memset(n, 0, sizeof(*n));
	memset(n->half[0].byte, 0xff, sizeof(n->half[0].byte));
	memset(n->half[1].byte, 0xff, sizeof(n->half[1].byte));
	reasm_push(r, env, n, 0, &syn, 1);
	reasm_push(r, env, n, 1, &syn_ack, 2);
	n->half[0].origin = r->half[0].next;
	n->half[1].origin = r->half[1].next;
}

static void take(struct reasm *r, const struct reasm_env *env, struct naive *n, uint32_t base,
		 const uint8_t *in, uint64_t arrival)
{
	uint8_t payload[255];
	unsigned int flags = in[0], dir = flags & FROM_SERVER;
	unsigned int off = get_be16(in + 1) % (SPACE - 255), ack = get_be16(in + 4) % SPACE;
	struct segment seg = {
		.time_ns = arrival,
		.dir = SEG_DIR_INGRESS,
		.seq = base + off,
		.ack = base + ack,
		.flags = (flags & ACKS ? TCP_ACK : 0) | (flags & FIN ? TCP_FIN : 0),
		.payload = payload,
		.payload_len = in[3],
		.payload_cap = flags & HOLLOW ? in[3] / 2 : in[3],
		.note = {.lost_events = !!(flags & LOST)},
	};

	for (unsigned int i = 0; i < in[3]; i++)
		payload[i] = (uint8_t)(off + i + (flags & OTHER ? 0x80 : 0));
	if (!seg.payload_cap)
		seg.payload = NULL;
	naive_push(n, dir, off, ack, &seg);
	reasm_push(r, env, n, dir, &seg, arrival);
	if (flags & FLUSH) {
		n->forced = true;
		reasm_flush(r, env, n, flags & LONG ? arrival + 1 : arrival - 2);
		n->forced = env->max_conn_memory == LITTLE_MEMORY;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct naive n;
	struct counters cnt = {0};
	struct mem mem = {0};
	struct reasm_env env = {.ops = &ops, .mem = &mem, .cnt = &cnt, .max_conn_memory = 1 << 22};
	struct reasm r = {0};
	uint64_t arrival = 3;
	bool other = false;
	uint32_t base;

	if (!size)
		return 0;
	base = data[0] & 1 ? 0u - 200 : 1000;
	begin(&r, &env, &n, base);
	if (data[0] & 2)
		env.max_conn_memory = LITTLE_MEMORY;
	n.forced = data[0] & 2;
	for (data++, size--; size >= SEGMENT_BYTES; data += SEGMENT_BYTES, size -= SEGMENT_BYTES) {
		other |= data[0] & OTHER;
		take(&r, &env, &n, base, data, arrival++);
		demand(r.buffered <= env.max_conn_memory);
	}
	n.forced = true;
	reasm_finish(&r, &env, &n, REASM_GAP_END);
	for (unsigned int i = 0; i < SPACE; i++) {
		demand(i < n.half[0].end || n.half[0].byte[i] == NEVER);
		demand(i < n.half[1].end || n.half[1].byte[i] == NEVER);
	}
	demand(n.half[0].ended || !n.half[0].fin);
	demand(n.half[1].ended || !n.half[1].fin);
	demand(other || !cnt.conflicts);
	reasm_free(&r, &env);
	demand(!mem.used && !r.buffered && !r.buffered_cnt);
	return 0;
}
