/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * totals.h - what the closing line and the JSON summary say of both sources alike, and the kernel
 * counters' names.
 */
#ifndef HTTPLAT_TOTALS_H
#define HTTPLAT_TOTALS_H

#include <stdint.h>

#include "../../bpf/event.h"
#include "../core/counters.h"

/* X(index, JSON key under httplat.summary, what it counts): enum event_counter of bpf/event.h. */
#define KERNEL_COUNTERS(X)                                                                         \
	X(EVENT_CNT_PACKETS, "kernel.packets", "packets that the hook saw")                        \
	X(EVENT_CNT_TCP, "kernel.tcp", "of them TCP")                                              \
	X(EVENT_CNT_OTHER, "kernel.other", "of them neither TCP nor a part of it")                 \
	X(EVENT_CNT_FRAGMENTS, "kernel.fragments", "IP fragments without a TCP header")            \
	X(EVENT_CNT_MALFORMED, "kernel.malformed", "headers that end before they should")          \
	X(EVENT_CNT_FILTERED, "kernel.filtered", "packets left out by the filters")                \
	X(EVENT_CNT_UNMATCHED, "kernel.unmatched", "packets left out by -f")                       \
	X(EVENT_CNT_NOT_HTTP, "kernel.not_http", "payload segments of other protocols")            \
	X(EVENT_CNT_SEGMENTS, "kernel.segments", "segments handed to user space")                  \
	X(EVENT_CNT_COPIED_BYTES, "kernel.bytes_copied", "packet bytes copied")                    \
	X(EVENT_CNT_ELIDED_BYTES, "kernel.bytes_elided", "payload bytes withheld on purpose")      \
	X(EVENT_CNT_LOST_EVENTS, "kernel.events_lost", "segments that found the ring full")        \
	X(EVENT_CNT_LOST_BYTES, "kernel.bytes_lost", "payload bytes in them")                      \
	X(EVENT_CNT_NO_STATE, "kernel.no_state", "no memory for a connection's state")             \
	X(EVENT_CNT_OWNER_EVENTS, "kernel.owner_events", "owner events")                           \
	X(EVENT_CNT_OWNER_LOST, "kernel.owner_events_lost",                                        \
	  "owner events that found the ring full")                                                 \
	X(EVENT_CNT_READ_EVENTS, "kernel.read_events", "reads by applications")                    \
	X(EVENT_CNT_READ_LOST, "kernel.read_events_lost", "reads that found the ring full")        \
	X(EVENT_CNT_QUIET, "kernel.quiet", "TCP segments that were summed up, or told nothing new")

struct totals {
	uint64_t bytes_copied, bytes_elided, events_lost, bytes_lost;
};

/* kernel is NULL for a capture file: nothing is elided there, and what was copied is what was captured. Live,
 * the kernel's own count of losses is exact; user space hears of a loss only with the socket's next
 * segment. */
static inline struct totals totals_of(const struct counters *cnt,
				      const uint64_t kernel[EVENT_CNT_MAX])
{
	if (!kernel)
		return (struct totals){cnt->captured_bytes, 0, cnt->lost_events, cnt->lost_bytes};
	return (struct totals){kernel[EVENT_CNT_COPIED_BYTES], kernel[EVENT_CNT_ELIDED_BYTES],
			       kernel[EVENT_CNT_LOST_EVENTS], kernel[EVENT_CNT_LOST_BYTES]};
}

#endif
