/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * conn_tcp.h - what TCP did while a message was under way: times without room at the receiver, and
 * without anything to send at the sender.
 *
 *	announced window ─ conn_note_window ─┐
 *	scales, from a read ─ conn_note_scales ┴─► shut or open ─► zero_window_ns of the message under way
 *	acknowledgements ─ conn_note_acked ─► conn_note_idle ─► idle_ns of the local end's message
 *
 * A part of struct conn, for conn.c.
 */
#ifndef HTTPLAT_CONN_TCP_H
#define HTTPLAT_CONN_TCP_H

#include "conn.h"

/* Of each segment, `dir` being its sender's. RFC 9293 §3.8.6.1; §3.8.6.2.1: senders wait for
 * room for a whole segment. */
void conn_note_window(struct conn *c, unsigned int dir, const struct segment *seg);

/* Of each read: the first one that is known tells the scales. */
void conn_note_scales(struct conn *c, const struct reading *reading);

/* Of a segment that the local end sends, before it is reassembled; c->http is there. */
void conn_note_idle(struct conn *c, const struct segment *seg);

/* After a segment that came for the local end; c->http is there. */
void conn_note_acked(struct conn *c, uint64_t now_ns);

#endif
