// SPDX-License-Identifier: GPL-2.0-only
#include "check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *what, const char *file, int line)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
	abort();
}

static void touch(const void *ptr, uint32_t len)
{
	const volatile uint8_t *byte = ptr;
	uint32_t i;

	for (i = 0; i < len; i++)
		(void)byte[i];
}

void check_segment(const struct segment *seg)
{
	demand(seg->pkt_cap <= seg->pkt_len);
	demand(seg->payload_cap <= seg->payload_len);
	demand(seg->tcp_hdr_len >= 20 && seg->tcp_hdr_len <= 60);
	demand(seg->tcp_off + seg->tcp_hdr_len <= seg->pkt_cap);
	demand(seg->tcp_off + seg->tcp_hdr_len + seg->payload_len == seg->pkt_len);
	demand(!seg->payload == !seg->payload_cap);
	touch(seg->pkt, seg->pkt_cap);
	touch(seg->payload, seg->payload_cap);
}

static void check_message(const struct message *m)
{
	uint32_t i;

	demand(m->seen || !m->complete);
	demand(m->seen || !m->header_cnt);
	demand(m->body_size <= m->size);
	for (i = 0; i < m->header_cnt; i++) {
		touch(m->headers[i].name.ptr, m->headers[i].name.len);
		touch(m->headers[i].value.ptr, m->headers[i].value.len);
	}
}

/* Each lies where it should, and together they are the whole. */
static void check_parts(const struct transaction *tx)
{
	const struct message *req = &tx->req, *resp = &tx->resp;
	uint64_t request, response;

	demand(!tx->has_queue || (req->complete && tx->side == SIDE_SERVER));
	demand(!tx->has_app || (tx->has_queue && resp->seen));
	demand(!tx->has_ack || (resp->complete && tx->side == SIDE_SERVER));
	demand(!tx->has_read || (resp->complete && tx->side == SIDE_CLIENT));
	demand(!tx->verdict || tx->has_latency);
	demand(resp->stall_late_ns <= resp->stall_ns && req->stall_late_ns <= req->stall_ns);
	if (!tx->has_latency || !message_time(req, &request) || !message_time(resp, &response))
		return;
	demand(!tx->has_ttfb || request + tx->ttfb_ns + response == tx->total_ns);
	demand(!tx->has_app ||
	       request + tx->queue_ns + tx->app_ns + response == tx->total_ns);
}

static void check_body(const struct body_bytes *body, const struct message *m)
{
	touch(body->ptr, body->len);
	demand(body->len <= m->body_size);
	demand(!!body->ptr == !!body->len);
}

void check_transaction(const struct transaction *tx)
{
	const struct message *req = &tx->req, *resp = &tx->resp;

	demand(req->seen || resp->seen);
	demand(req->seen == !!tx->method.len);
	demand(req->seen == !!tx->stream_request);
	demand(req->seen == !(tx->flags & TX_ORPHAN_RESPONSE));
	demand(resp->seen == !(tx->flags & TX_NO_RESPONSE));
	demand(!tx->method.len || tx->target.len);
	demand(resp->seen || !tx->status);
	check_message(req);
	check_message(resp);
	check_body(&tx->req_body, req);
	check_body(&tx->resp_body, resp);
	touch(tx->method.ptr, tx->method.len);
	touch(tx->target.ptr, tx->target.len);

	demand(!tx->has_latency || (req->seen && resp->seen));
	demand(!tx->has_ttfb || (req->seen && resp->seen));
	demand(!tx->has_latency || tx->latency_ns == resp->last_ns - req->last_ns);
	/* The clock of a capture may step back. */
	demand(!tx->has_latency || req->last_ns < req->first_ns || tx->latency_ns <= tx->total_ns);
	check_parts(tx);
}

void check_counts(const struct counters *cnt, uint64_t told)
{
	demand(cnt->requests + cnt->orphans == told);
	demand(cnt->requests == cnt->pairs + cnt->no_response);
	demand(cnt->responses == cnt->pairs + cnt->orphans);
	demand(cnt->flows_http + cnt->flows_other + cnt->flows_tls + cnt->flows_http2 <= cnt->flows);
	demand(cnt->gaps == cnt->gaps_acked + cnt->gaps_lost + cnt->gaps_timeout +
				    cnt->gaps_memory + cnt->gaps_end);
}
