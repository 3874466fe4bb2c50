/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ring.h - reads a BPF_MAP_TYPE_RINGBUF (Documentation/bpf/ringbuf.rst). What its records say is record.h's.
 *
 *	                consumer              here                    looked at
 *	─── free ──────────┼─── taken ─────────┼─────────────────────────┼──── not yet ──── producer
 *	                                       └─ up to RING_AHEAD records ┘
 *
 * Not through libbpf, which maps the data twice, so that 16 MB count as 32 in what is resident; and hands over one
 * record at a time, while here the sink is told of those that come next. Where there are more connections than the
 * processor's cache holds, most of a record's cost is waiting for memory, which so is under way already.
 */
#ifndef HTTPLAT_RING_H
#define HTTPLAT_RING_H

#include <stddef.h>
#include <stdint.h>

#include "live/live.h"
#include "live/localaddr.h"

struct ring;

/*
 * fd: of the map, or of a file with the same content; size: of its data, a power of two of pages. local tells which
 * end of a tap's packet is this host; NULL: as the hook says. All three are borrowed, as *cnt is. 0 or -errno.
 */
int ring_open(int fd, size_t size, struct counters *cnt, struct localaddr *local,
	      struct ring **out);
void ring_close(struct ring *rg);

/* Pushes what is there into *sink, a bounded number of records, and returns how many. */
int ring_consume(struct ring *rg, const struct live_sink *sink);

#endif
