// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_flow.c - the whole middle from a byte-coded list of segments of one connection:
 *
 *	control  bits 0..2 direction, kind of flags; bits 3..4 how seq moves; bits 5..6 how ack moves; bit 7 hollow
 *	length   of the payload that follows (0..255, 255: the next byte times 16)
 *
 * In some modes the application reads after each segment. Whatever comes in: no crash, no leak, memory within the limit, and no time that runs backwards.
 */
#include <string.h>

#include "check.h"
#include "core/flow.h"

#define LIMIT	     (1u << 20)
#define LITTLE_LIMIT (1u << 14)

struct reader {
	const uint8_t *at, *end;
};

static uint8_t take(struct reader *r)
{
	return r->at < r->end ? *r->at++ : 0;
}

static void on_transaction(void *ctx, const struct transaction *tx)
{
	uint64_t *cnt = ctx;

	(*cnt)++;
	check_transaction(tx);
}

static void next_segment(struct reader *r, struct segment *seg, uint32_t seq[2])
{
	static const uint16_t kinds[4] = { TCP_ACK, TCP_ACK | TCP_FIN, TCP_SYN, TCP_RST };
	uint8_t control = take(r), length = take(r);
	uint32_t len = length == 255 ? take(r) * 16u : length;
	unsigned int dir = control & 1;

	memset(seg, 0, sizeof(*seg));
	seg->src.port = dir ? 80 : 4000;
	seg->dst.port = dir ? 4000 : 80;
	seg->src.addr[15] = dir ? 2 : 1;
	seg->dst.addr[15] = dir ? 1 : 2;
	seg->flags = kinds[control >> 1 & 3];
	seg->seq = seq[dir];
	if ((control >> 3 & 3) == 1)
		seg->seq += take(r); /* a hole */
	else if ((control >> 3 & 3) == 2)
		seg->seq -= take(r); /* old bytes */
	else if ((control >> 3 & 3) == 3)
		seg->seq += take(r) << 20;
	seg->ack = seq[!dir];
	if ((control >> 5 & 3) == 1)
		seg->ack += take(r);
	else if ((control >> 5 & 3) == 2)
		seg->ack -= take(r);
	if (len > (size_t)(r->end - r->at))
		len = r->end - r->at;
	seg->payload = r->at;
	seg->payload_len = len;
	seg->payload_cap = control & 0x80 ? len / 2 : len;
	if (!seg->payload_cap)
		seg->payload = NULL;
	r->at += len;
	seq[dir] = seg->seq + len + !!(seg->flags & (TCP_SYN | TCP_FIN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reader r = { data, data + size };
	struct flow_config config = flow_config_default;
	struct counters cnt = { 0 };
	uint32_t seq[2] = { 0xffffff00u, 7 };
	uint64_t reported = 0;
	struct flow_sink sink = { &reported, on_transaction, NULL };
	struct flow_table *ft;
	struct segment seg;
	uint64_t now = 1000;
	uint8_t mode = take(&r);

	config.max_memory = mode & 16 ? LITTLE_LIMIT : LIMIT;
	config.max_conn_memory = config.max_memory / 4;
	config.sees_reads = mode & 32;
	config.body_bytes = mode & 128 ? 50 : 0;
	ft = flow_table_new(&config, &sink, &cnt);
	demand(ft);
	while (r.at < r.end) {
		next_segment(&r, &seg, seq);
		seg.time_ns = now += 1000000;
		if (mode & 1)
			seg.dir = seg.src.port == 80 ? SEG_DIR_EGRESS : SEG_DIR_INGRESS;
		if (mode & 2)
			seg.note.cookie = 42;
		seg.window = seg.payload_len;
		flow_push(ft, &seg);
		if (mode & 32) {
			const struct reading reading = {.cookie = seg.note.cookie,
							.has_tuple = mode & 64,
							.local = seg.dst,
							.remote = seg.src,
							.seq = seq[seg.src.port == 80] - seg.ack % 8,
							.time_ns = now,
							.lost_before = seg.payload_len % 16 == 1};

			flow_read(ft, &reading);
			if (seg.payload_len % 8 == 3)
				flow_settle(ft, now += 6000000000ull);
		}
		if (mode & 4 && !(now / 1000000 % 16))
			flow_flush(ft, now - 5000000, 0);
	}
	if (!(mode & 8)) {
		flow_finish(ft);
		check_counts(&cnt, reported);
	}
	flow_table_free(ft);
	return 0;
}
