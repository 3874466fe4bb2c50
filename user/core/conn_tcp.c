// SPDX-License-Identifier: GPL-2.0-only
#include "conn_tcp.h"

/* end[dir] had no room from c->tcp->window_ns[dir] on: the message under way to it could not be sent. */
static void open_window(struct conn *c, unsigned int dir, uint64_t now_ns)
{
	struct http_msg *msg = c->http ? c->http->stream[!dir].cur : NULL;
	uint64_t since = c->tcp->window_ns[dir];

	if (!c->tcp->window_shut[dir])
		return;
	c->tcp->window_shut[dir] = false;
	c->tcp->window_ns[dir] = now_ns;
	if (!msg)
		return;
	if (since < msg->m.first_ns)
		since = msg->m.first_ns;
	if (now_ns > since)
		msg->m.zero_window_ns += now_ns - since;
}

/* As far as is known: where the scale is not, any window but zero has room. */
static bool has_room(const struct conn *c, unsigned int dir, uint16_t window)
{
	return window && !(c->has_wscale && (uint32_t)window << c->wscale[dir] < c->tcp->mss[!dir]);
}

static void shut_window(struct conn *c, unsigned int dir)
{
	if (c->tcp->window_shut[dir])
		return;
	c->tcp->window_shut[dir] = true;
	c->tcp->window_ns[dir] = c->tcp->announced_ns[dir];
}

void conn_note_window(struct conn *c, unsigned int dir, const struct segment *seg)
{
	uint32_t len = seg->payload_len;

	if (seg->note.gso_segs > 1)
		len /= seg->note.gso_segs;

	if (len > c->tcp->mss[dir])
		c->tcp->mss[dir] = len;
	if (!(seg->flags & TCP_ACK) || seg->flags & (TCP_SYN | TCP_RST))
		return;
	c->tcp->window[dir] = seg->window;
	c->tcp->announced_ns[dir] = seg->time_ns;
	if (has_room(c, dir, seg->window))
		open_window(c, dir, seg->time_ns);
	else
		shut_window(c, dir);
}

/* The scales are known from the first read on: what they make of the windows that stand. */
void conn_note_scales(struct conn *c, const struct reading *reading)
{
	if (c->has_wscale)
		return;
	c->has_wscale = true;
	c->wscale[0] = reading->wscale_out;
	c->wscale[1] = reading->wscale_in;
	for (unsigned int dir = 0; dir < 2; dir++)
		if (c->tcp->announced_ns[dir] && !has_room(c, dir, c->tcp->window[dir]))
			shut_window(c, dir);
}

/* The local end sends on after all that it had sent was acknowledged, and there was room for
 * more: it had no more. */
void conn_note_idle(struct conn *c, const struct segment *seg)
{
	struct http_msg *msg = c->http->stream[0].cur;
	const struct mark *acked = marks_last(&c->http->settle.acked);
	uint64_t since;

	if (!msg || !seg->payload_len || !acked || acked->off != c->tcp->reasm.half[0].next ||
	    acked->off <= msg->start_off || c->tcp->window_shut[1])
		return;
	since = acked->ns > c->tcp->window_ns[1] ? acked->ns : c->tcp->window_ns[1];
	if (seg->time_ns > since)
		msg->m.idle_ns += seg->time_ns - since;
}

void conn_note_acked(struct conn *c, uint64_t now_ns)
{
	const struct reasm_half *out = &c->tcp->reasm.half[0];

	if (out->acked_known)
		marks_add(&c->http->settle.acked, &c->env->mem, out->acked, now_ns,
			  c->http->last_end[0], c->http->stream[0].off);
}
