// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_segments.c - reassembly against a naive one. Input: four bytes a segment {flags, offset, offset, length} of one direction; the
 * naive one has an array with a byte for each offset, where the first copy wins. In the end what was delivered
 * must be the array, with the holes where nothing came, and nothing may be left over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/reasm.h"

#define SPACE 4096

struct naive {
	int byte[SPACE]; /* -1: never came */
	unsigned int end;  /* of what was delivered */
	bool began;
};

static void fail(const char *why, unsigned int at)
{
	fprintf(stderr, "%s at %u\n", why, at);
	abort();
}

static uint64_t origin;

static void on_chunk(void *ctx, unsigned int dir, const struct reasm_chunk *c)
{
	struct naive *n = ctx;
	unsigned int at, i;

	if (dir)
		return;
	at = (unsigned int)(c->off - origin);
	if (at + c->len > SPACE)
		fail("beyond the stream", at);
	if (at != n->end + c->missing)
		fail("not where the last chunk ended", at);
	for (i = n->end; i < at; i++)
		if (n->byte[i] >= 0)
			fail("a byte that came is told as missing", i);
	for (i = 0; i < c->len; i++)
		if (n->byte[at + i] < 0 || (i < c->cap_len && n->byte[at + i] != c->data[i]))
			fail("another byte", at + i);
	n->end = at + c->len;
	n->began = true;
}

static void on_old(void *ctx, unsigned int dir, uint64_t from, uint64_t to)
{
	if (!dir && from >= to)
		fail("empty old bytes", 0);
}

static const struct reasm_ops ops = { .chunk = on_chunk, .old_bytes = on_old };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct naive n;
	static uint8_t payload[256];
	struct counters cnt = { 0 };
	struct mem mem = { 0 };
	struct reasm_env env = { .ops = &ops, .mem = &mem, .cnt = &cnt, .max_conn_memory = 1 << 22 };
	struct reasm r;
	struct segment seg = { .flags = TCP_SYN };
	uint32_t base;
	uint64_t arrival = 1;

	if (size < 4)
		return 0;
	memset(&r, 0, sizeof(r));
	memset(&n, 0, sizeof(n));
	memset(n.byte, 0xff, sizeof(n.byte));
	base = data[0] & 1 ? 0u - 200 : 1000; /* it wraps */
	seg.seq = base - 1;
	reasm_push(&r, &env, &n, 0, &seg, arrival++);
	origin = r.half[0].next;
	for (data++, size--; size >= 4; data += 4, size -= 4) {
		unsigned int off = (data[1] << 8 | data[2]) % (SPACE - 256), len = data[3];

		/* A single byte just before the next one expected is a probe, whatever it is. */
		if (len == 1 && off + 1 == r.half[0].next - origin)
			continue;
		for (unsigned int i = 0; i < len; i++) {
			payload[i] = (uint8_t)(off + i + (data[0] & 0x80));
			if (n.byte[off + i] < 0 && off + i >= n.end)
				n.byte[off + i] = payload[i];
		}
		seg = (struct segment){ .time_ns = arrival, .seq = base + off, .payload = payload,
					.payload_len = len, .payload_cap = len };
		if (!len)
			seg.payload = NULL;
		reasm_push(&r, &env, &n, 0, &seg, arrival++);
		if (data[0] & 1)
			reasm_flush(&r, &env, &n, arrival - (data[0] >> 4 & 7));
	}
	reasm_finish(&r, &env, &n, REASM_GAP_END);
	for (unsigned int i = n.end; i < SPACE; i++)
		if (n.byte[i] >= 0)
			fail("never delivered", i);
	reasm_free(&r, &env);
	if (mem.used || r.buffered || r.buffered_cnt)
		fail("memory is left", 0);
	return 0;
}
