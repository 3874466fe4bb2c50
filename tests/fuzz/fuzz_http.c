// SPDX-License-Identifier: GPL-2.0-only
/*
 * fuzz_http.c - how a stream is cut into segments changes nothing: the same bytes whole, a byte at
 * a time, and in pieces give the same transactions. Input: a byte that picks the pieces, two bytes of
 * the requests' length, requests, responses.
 *
 * Where a position was lost the next message is looked for at the beginning of segments, so only inputs that
 * parse from end to end when they come whole are compared.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/flow.h"

struct run {
	char log[8192];
	size_t len;
	uint64_t told;
	struct counters cnt;
};

/* FNV-1a of what was kept of a body. */
static uint32_t sum_of(const struct body_bytes *body)
{
	uint32_t sum = 2166136261u ^ body->cut;

	for (uint32_t i = 0; i < body->len; i++)
		sum = (sum ^ (uint8_t)body->ptr[i]) * 16777619u;
	return sum;
}

static void on_transaction(void *ctx, const struct transaction *tx)
{
	struct run *r = ctx;

	r->told++;
	check_transaction(tx);
	if (r->len + 400 > sizeof(r->log))
		return;
	r->len += snprintf(r->log + r->len, 400,
			   "%.*s %.*s %u %x %u req %d %llu %llu %u %x resp %d %llu %llu %u %x\n",
			   (int)tx->method.len, tx->method.ptr,
			   tx->target.len < 60 ? (int)tx->target.len : 60, tx->target.ptr,
			   tx->status, tx->flags, tx->interim_cnt, tx->req.complete,
			   (unsigned long long)tx->req.size, (unsigned long long)tx->req.body_size,
			   tx->req.header_cnt, sum_of(&tx->req_body), tx->resp.complete,
			   (unsigned long long)tx->resp.size,
			   (unsigned long long)tx->resp.body_size, tx->resp.header_cnt,
			   sum_of(&tx->resp_body));
}

static void push(struct flow_table *ft, unsigned int dir, uint32_t seq, uint32_t ack, uint16_t flags,
		 const uint8_t *data, uint32_t len)
{
	static uint64_t now;
	uint8_t *own = len ? malloc(len) : NULL;
	struct segment seg = {
		.time_ns = ++now, .hook = HOOK_FILE, .seq = seq, .ack = ack, .flags = flags,
		.payload = own, .payload_len = len, .payload_cap = len,
	};

	if (own)
		memcpy(own, data, len);
	seg.src.port = dir ? 80 : 4000;
	seg.dst.port = dir ? 4000 : 80;
	flow_push(ft, &seg);
	free(own);
}

/* cut 0: whole; 1: single bytes; else pieces up to that length. The first line stays whole: an unknown method is
 * recognised by it. */
static void send(struct flow_table *ft, unsigned int dir, const uint8_t *data, uint32_t len,
		 uint32_t other_len, unsigned int cut)
{
	const uint8_t *line = len ? memchr(data, '\n', len) : NULL;
	uint32_t rnd = cut, at = 0;

	while (at < len) {
		uint32_t n = len - at;

		rnd = rnd * 1103515245 + 12345;
		if (cut == 1)
			n = 1;
		else if (cut && n > 1 + (rnd >> 16) % cut)
			n = 1 + (rnd >> 16) % cut;
		if (!at && line && n < line - data + 1)
			n = line - data + 1;
		push(ft, dir, 1 + at, 1 + (dir ? other_len : 0), TCP_ACK, data + at, n);
		at += n;
	}
}

static void run(struct run *r, const uint8_t *req, uint32_t req_len, const uint8_t *resp,
		uint32_t resp_len, unsigned int cut)
{
	struct flow_sink sink = { .ctx = r, .transaction = on_transaction };
	struct flow_config config = flow_config_default;
	struct flow_table *ft;

	memset(r, 0, sizeof(*r));
	config.body_bytes = 40;
	ft = flow_table_new(&config, &sink, &r->cnt);
	demand(ft);
	push(ft, 0, 0, 0, TCP_SYN, NULL, 0);
	push(ft, 1, 0, 1, TCP_SYN | TCP_ACK, NULL, 0);
	send(ft, 0, req, req_len, resp_len, cut);
	send(ft, 1, resp, resp_len, req_len, cut);
	push(ft, 1, 1 + resp_len, 1 + req_len, TCP_FIN | TCP_ACK, NULL, 0);
	push(ft, 0, 1 + req_len, 2 + resp_len, TCP_FIN | TCP_ACK, NULL, 0);
	flow_finish(ft);
	check_counts(&r->cnt, r->told);
	flow_table_free(ft);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct run whole, cut;
	uint32_t req_len;

	if (size < 3 || size > 16384)
		return 0;
	req_len = data[1] << 8 | data[2];
	if (req_len > size - 3)
		req_len = size - 3;
	run(&whole, data + 3, req_len, data + 3 + req_len, size - 3 - req_len, 0);
	for (unsigned int way = 0; way < 2; way++) {
		run(&cut, data + 3, req_len, data + 3 + req_len, size - 3 - req_len,
		    way ? 2 + data[0] : 1);
		if (whole.cnt.resyncs || whole.cnt.malformed || whole.cnt.skipped_bytes)
			continue;
		if (strcmp(whole.log, cut.log)) {
			fprintf(stderr, "whole:\n%scut:\n%s", whole.log, cut.log);
			abort();
		}
	}
	return 0;
}
