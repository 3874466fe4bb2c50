/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * verbose.h - one TCP segment, decoded, as a line of text or a JSON object (`-v`).
 *
 *	12:00:00.123456789 #7 10.0.0.1:8080 > 10.0.0.2:49152 [PSH,ACK] seq 3524719139 ack 4160756787
 *	    hdr 32 win 12591 sum 0x14ef good urg 0 opts nop,nop,timestamps 829834507 829834499 len 0
 *
 * (on one line). Everything printed is a number, a name of ours or hex: hostile bytes cannot get out.
 */
#ifndef HTTPLAT_VERBOSE_H
#define HTTPLAT_VERBOSE_H

#include <stdint.h>
#include <stdio.h>

#include "../core/segment.h"

/*
 * Writes one line. clock_offset_ns is added to seg->time_ns to give nanoseconds since 1970: 0 for a
 * capture file, CLOCK_REALTIME - CLOCK_MONOTONIC live. The time of day is UTC. 0, or -errno when
 * writing failed.
 */
int verbose_print(FILE *out, const struct segment *seg, int64_t clock_offset_ns);

/* The same as one JSON object on a line, {"time": ..., "tcp.srcport": ...}, with the names that
 * Wireshark gives the fields. */
int verbose_print_json(FILE *out, const struct segment *seg, int64_t clock_offset_ns);

#endif
