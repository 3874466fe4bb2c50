// SPDX-License-Identifier: GPL-2.0-only
#include "explain.h"

#include <errno.h>
#include <inttypes.h>

#include "../units.h"
#include "parts.h"

#define BAR 48 /* characters */

static void add_duration(struct buf *b, const char *before, uint64_t ns)
{
	char text[UNITS_DURATION_MAX];

	buf_printf(b, "%s%s", before, units_format_duration(ns, text));
}

/* --- the head --------------------------------------------------------------------------------- */

static void add_whose(struct text *t, const struct view *v, struct buf *b)
{
	static const char *const sides[] = {"", " client", " server", " transit"};
	const struct transaction *tx = v->tx;

	text_add_time(t, b, v);
	buf_puts(b, sides[tx->side]);
	if (t->owners) {
		buf_puts(b, " ");
		text_add_comm(b, tx->owner.comm);
		if (tx->owner.pid)
			buf_printf(b, "[%" PRIu32 "]", tx->owner.pid);
		buf_puts(b, " ");
		text_add_owner(b, &v->names);
	}
	buf_puts(b, "\n");
}

static void add_what(const struct view *v, struct buf *b)
{
	const struct transaction *tx = v->tx;

	if (tx->method.len)
		text_add_hostile(b, tx->method.ptr, tx->method.len);
	else
		buf_puts(b, "-");
	buf_puts(b, " ");
	text_add_url(b, v);
	if (tx->status)
		buf_printf(b, " -> %u", tx->status);
	buf_puts(b, ", ");
	text_add_endpoint(b, &tx->client);
	buf_puts(b, " > ");
	text_add_endpoint(b, &tx->server);
	text_add_flags(b, tx->flags);
	buf_puts(b, "\n");
	if (!tx->has_latency)
		return;
	add_duration(b, "latency ", tx->latency_ns);
	add_duration(b, ", total ", tx->total_ns);
	buf_puts(b, "\n");
}

/* --- the drawing ------------------------------------------------------------------------------ */

/* Why a part is not there. NULL: it would not be expected. */
static const char *why_absent(const struct transaction *tx, enum part part)
{
	if (part == PART_CONNECT)
		return NULL;
	if (part == PART_REQUEST || part == PART_RESPONSE)
		return "not complete";
	if (tx->flags & TX_EARLY_RESPONSE)
		return "the response began before the request was complete";
	if (part == PART_APP && !tx->resp.seen)
		return tx->has_queue ? "read, and not answered" : NULL;
	if (part == PART_TTFB)
		return tx->resp.seen ? "not known" : "not answered";
	return part == PART_READ && !tx->resp.complete ? NULL : "it was not seen being read";
}

static void add_bar(struct buf *b, uint64_t from, uint64_t ns, uint64_t whole)
{
	unsigned int begin = (unsigned int)((double)from / (double)whole * BAR);
	unsigned int end = (unsigned int)((double)(from + ns) / (double)whole * BAR + 0.5);
	unsigned int i;

	/* A mark at least, but none for nothing. */
	if (begin >= BAR)
		begin = BAR - 1;
	if (!ns)
		end = begin;
	else if (end <= begin)
		end = begin + 1;
	buf_puts(b, "|");
	for (i = 0; i < BAR; i++)
		buf_puts(b, i >= begin && i < end ? "#" : " ");
	buf_puts(b, "|");
}

static uint64_t sum_of(const struct transaction *tx, const enum part *parts)
{
	uint64_t ns, sum = 0;

	for (; *parts != PARTS; parts++)
		if (part_get(tx, *parts, &ns))
			sum += ns;
	return sum;
}

static void add_name(struct buf *b, const char *name)
{
	buf_printf(b, "  %-9s ", name);
}

/* Where a part is missing the others stand together: what is drawn is what was seen. */
static void add_parts(const struct transaction *tx, struct buf *b)
{
	const enum part *part = parts_of_side(tx->side);
	uint64_t ns, from = 0, whole = sum_of(tx, part);
	char text[UNITS_DURATION_MAX];

	for (; *part != PARTS; part++) {
		if (!part_get(tx, *part, &ns)) {
			if (!why_absent(tx, *part))
				continue;
			add_name(b, part_name(*part));
			buf_printf(b, "%9s       %s\n", "-", why_absent(tx, *part));
			continue;
		}
		add_name(b, part_name(*part));
		buf_printf(b, "%9s", units_format_duration(ns, text));
		if (whole) {
			buf_printf(b, " %3" PRIu64 " %% ", ns * 100 / whole);
			add_bar(b, from, ns, whole);
		}
		buf_puts(b, "\n");
		from += ns;
	}
	if (!tx->has_ack)
		return;
	add_name(b, part_name(PART_ACK));
	buf_printf(b, "%9s       until the client had acknowledged all of it\n",
		   units_format_duration(tx->ack_ns, text));
}

/* --- what TCP did ----------------------------------------------------------------------------- */

static void add_counts(struct buf *b, const char *what, uint64_t request, uint64_t response)
{
	if (request || response)
		buf_printf(b, "; %s %" PRIu64 " + %" PRIu64, what, request, response);
}

static void add_times(struct buf *b, const char *what, uint64_t request, uint64_t response)
{
	if (!request && !response)
		return;
	buf_printf(b, "; %s", what);
	add_duration(b, " ", request);
	add_duration(b, " + ", response);
}

static void add_tcp(const struct transaction *tx, struct buf *b)
{
	const struct message *req = &tx->req, *resp = &tx->resp;

	add_name(b, "tcp");
	buf_printf(b, "segments %" PRIu32 " + %" PRIu32, req->segments, resp->segments);
	add_counts(b, "retransmitted", req->retransmits, resp->retransmits);
	add_counts(b, "out of order", req->out_of_order, resp->out_of_order);
	add_counts(b, "bytes not captured", req->lost_bytes, resp->lost_bytes);
	add_times(b, "no window", req->zero_window_ns, resp->zero_window_ns);
	add_times(b, "waiting for lost segments", req->stall_ns, resp->stall_ns);
	if (tx->side == SIDE_SERVER && resp->idle_ns)
		add_duration(b, "; nothing to send ", resp->idle_ns);
	if (tx->has_srtt)
		add_duration(b, "; srtt ", tx->srtt_ns);
	if (tx->has_rtt_min)
		add_duration(b, ", min ", tx->rtt_min_ns);
	if (view_end_name(tx->fin))
		buf_printf(b, "; FIN %s", view_end_name(tx->fin));
	if (view_end_name(tx->rst))
		buf_printf(b, "; RST %s", view_end_name(tx->rst));
	buf_puts(b, "\n");
}

static void add_verdict(const struct transaction *tx, struct buf *b)
{
	static const char *const means[] = {
		[VERDICT_APP] = "the application took most of it",
		[VERDICT_QUEUE] = "it waited to be read by the server",
		[VERDICT_NETWORK] = "the way took most of it: round trips, or what was lost on it",
		[VERDICT_CLIENT] = "the client was slow to take what came",
		[VERDICT_SERVER] = "the other end took most of it, not the way",
		[VERDICT_UPLOAD] = "the request was slow to come",
		[VERDICT_DOWNLOAD] = "the response was slow to go",
		[VERDICT_CONNECT] = "connecting took most of it",
		[VERDICT_HOL] = "it waited behind earlier responses on its connection",
	};

	if (tx->verdict == VERDICT_NONE)
		return;
	add_name(b, "verdict");
	buf_printf(b, "%s: %s\n", view_verdict_name(tx->verdict), means[tx->verdict]);
}

int explain_transaction(struct text *t, const struct view *v, struct buf *out)
{
	if (t->header_done)
		buf_puts(out, "\n");
	t->header_done = true;
	add_whose(t, v, out);
	add_what(v, out);
	add_parts(v->tx, out);
	add_tcp(v->tx, out);
	add_verdict(v->tx, out);
	return out->failed ? -ENOMEM : 0;
}
