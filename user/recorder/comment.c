// SPDX-License-Identifier: GPL-2.0-only
#include "comment.h"

#include <inttypes.h>
#include <string.h>

#include "../report/parts.h"
#include "../report/text.h"
#include "../units.h"

/* Of the target so many bytes at most. */
#define TARGET_SHOWN 120

static unsigned int mark_message(const struct message *m, const char *const what[3],
				 struct comment_mark *out)
{
	if (!m->seen || !m->first_frame)
		return 0;
	if (m->first_frame == m->last_frame) {
		out[0] = (struct comment_mark){m->first_frame, what[0]};
		return 1;
	}
	out[0] = (struct comment_mark){m->first_frame, what[1]};
	if (!m->complete)
		return 1;
	out[1] = (struct comment_mark){m->last_frame, what[2]};
	return 2;
}

unsigned int comment_marks(const struct transaction *tx, struct comment_mark out[COMMENT_MARKS])
{
	static const char *const request[] = {"request", "request begins", "request ends"};
	static const char *const response[] = {"response", "response begins", "response ends"};
	unsigned int n = mark_message(&tx->req, request, out);

	return n + mark_message(&tx->resp, response, out + n);
}

static void add_time(struct buf *b, const char *before, const struct transaction *tx,
		     enum part part)
{
	char text[UNITS_DURATION_MAX];
	uint64_t ns;

	if (part_get(tx, part, &ns))
		buf_printf(b, "%s%s %s", before, part_name(part), units_format_duration(ns, text));
}

static void add_times(struct buf *b, const struct transaction *tx)
{
	/* ttfb is queue and app together, where these are known. */
	static const enum part parts[] = {PART_CONNECT, PART_REQUEST, PART_QUEUE, PART_APP,
					  PART_TTFB,	PART_HOL,     PART_RESPONSE, PART_ACK,
					  PART_READ};
	size_t start = b->len, i;

	add_time(b, " ", tx, PART_LATENCY);
	if (b->len == start)
		buf_puts(b, " no latency");
	start = b->len;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i] != PART_TTFB || !tx->has_app)
			add_time(b, b->len == start ? " (" : ", ", tx, parts[i]);
	if (b->len > start)
		buf_puts(b, ")");
}

static void add_outcome(struct buf *b, const struct transaction *tx)
{
	const char *verdict = view_verdict_name(tx->verdict);

	if (verdict)
		buf_printf(b, ", verdict %s", verdict);
	if (tx->status)
		buf_printf(b, ", status %u", tx->status);
	for (unsigned int bit = 0; view_flag_name(bit); bit++)
		if (tx->flags & 1u << bit)
			buf_printf(b, ", %s", view_flag_name(bit));
}

static void add_owner(struct buf *b, const struct view *v)
{
	static const char *const sides[] = {NULL, "client", "server", NULL};
	const struct transaction *tx = v->tx;
	size_t start;

	if (!sides[tx->side])
		return;
	buf_printf(b, ", %s ", sides[tx->side]);
	start = b->len;
	if (tx->owner.pid) {
		text_add_comm(b, tx->owner.comm);
		buf_printf(b, "[%" PRIu32 "]", tx->owner.pid);
	}
	if (v->names.container_id || v->names.pod || v->names.unit || v->names.cgroup_path) {
		buf_puts(b, b->len > start ? " " : "");
		text_add_owner(b, &v->names);
	}
}

void comment_add(struct buf *b, const char *what, uint64_t number, const struct view *v)
{
	uint32_t shown = v->target.len < TARGET_SHOWN ? v->target.len : TARGET_SHOWN;

	buf_printf(b, "transaction %" PRIu64 ", %s:", number, what);
	add_times(b, v->tx);
	add_outcome(b, v->tx);
	add_owner(b, v);
	if (v->tx->method.len) {
		buf_puts(b, ", ");
		text_add_hostile(b, v->tx->method.ptr, v->tx->method.len);
		buf_puts(b, " ");
		text_add_hostile(b, v->target.ptr, shown);
		buf_puts(b, shown < v->target.len ? "..." : "");
	}
	buf_add(b, "", 1);
}
