// SPDX-License-Identifier: GPL-2.0-only
/* Whether a segment is of another connection with the same addresses. */
#include "conn.h"

/*
 * Payload of a later connection with the same addresses, whose SYN did not cross. Its sequence
 * numbers may be anything: a client whose own end was in TIME_WAIT goes on 65,537 after its last
 * one, another may begin below. What continues the stream, or repeats some of it, is never taken
 * for that.
 */
static bool is_of_another(const struct conn *c, unsigned int dir, const struct segment *seg)
{
	const struct parked_half h = conn_half(c, dir);
	const struct annotation *note = &seg->note;

	/* What lies before the beginning is far behind it. */
	if (!seg->payload_len || !h.started || seg->seq - h.origin <= (uint32_t)h.next - h.origin)
		return false;
	if (c->closed && h.fin_known && !c->rst[0] && !c->rst[1])
		return true;
	/* Where the kernel saw another beginning. */
	if (note->has_stream_start && h.start_known && note->stream_start != h.origin)
		return true;
	/* At tc a socket has no cookie before it has sent something. This one has not, the
	 * flow's has. */
	return c->cookie && !note->cookie && seg->hook == HOOK_TC && seg->dir == SEG_DIR_INGRESS;
}

bool conn_is_reuse(const struct conn *c, unsigned int dir, const struct segment *seg)
{
	const struct reasm_half *h;

	if (!(seg->flags & TCP_SYN))
		return is_of_another(c, dir, seg);
	if (c->isn_known[dir])
		return c->isn[dir] != seg->seq;
	if (c->closed)
		return true;
	h = &c->tcp->reasm.half[dir];
	/* A capture may have it behind the data that it begins. */
	if (h->delivered)
		return (uint32_t)h->origin != seg->seq + 1;
	/* Or a straggler of the last connection with these addresses came before it. Not where
	 * the other end's SYN did: with TCP Fast Open (RFC 7413) that acknowledges data. */
	return h->started && !h->head && !c->isn_known[!dir] &&
	       (uint32_t)h->origin != seg->seq + 1;
}
