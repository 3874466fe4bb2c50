/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * record.h - from one record of the ring buffer to a segment, or to news of an owner.
 *
 *	record (bpf/event.h) ─ record_take ─ sink.segment  a packet that decodes, with its annotations
 *	                                   ├ sink.owner    another thread began to use a socket
 *	                                   └ counters      neither
 *
 * A record is checked before it is believed, as everything from outside is: one of an unknown type, or
 * whose lengths contradict each other, is bad; it is counted and skipped. What its annotations claim
 * (sequence numbers, losses, addresses, times) cannot be checked here, and is taken as hostile by
 * those who get it. Knows nothing of libbpf; keeps nothing between two records.
 */
#ifndef HTTPLAT_RECORD_H
#define HTTPLAT_RECORD_H

#include <stddef.h>

#include "live/live.h"
#include "live/localaddr.h"

struct record_env {
	struct counters *cnt;
	/* Which end of a tap's packet is this host; NULL: as the hook says. */
	struct localaddr *local;
};

/*
 * Takes one record of size bytes, aligned to 8 as the ring's are. It calls members of *sink, `who`
 * before the others; their arguments point into the record and the stack: they are borrowed for that call.
 */
void record_take(const struct record_env *env, const struct live_sink *sink, const void *data,
		 size_t size);

/* The socket that the record is about, of which size bytes are at hand; 0: not known. */
uint64_t record_cookie(const void *data, size_t size);

#endif
