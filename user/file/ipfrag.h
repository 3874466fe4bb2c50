/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * ipfrag.h - puts fragmented IP datagrams together (RFC 791 §3.2, RFC 8200 §4.5).
 *
 *	fragments, in any order:   [hdr|  b  ]  [hdr|a]  [hdr|c]
 *	what comes out:            [hdr|a|  b  |c]
 *
 * Where fragments overlap the first copy wins; a fragment whose end contradicts those before it is
 * left out. The rebuilt packet has the header of the fragment with offset 0, as if it had never been cut
 * up. If the capture has only a part of a fragment's bytes, the rebuilt packet is captured up to the
 * first byte that is missing.
 *
 * Bounds: at most IPFRAG_DATAGRAMS wait, each with at most 64 KiB (so 17 MiB in all); the oldest goes
 * when there are more; a datagram not complete IPFRAG_TIMEOUT_NS after its first fragment is given up
 * (Linux' net.ipv4.ipfrag_time). Time is packet time. One thread.
 */
#ifndef HTTPLAT_IPFRAG_H
#define HTTPLAT_IPFRAG_H

#include <stdbool.h>
#include <stdint.h>

#include "../core/counters.h"
#include "../core/decode.h"

#define IPFRAG_DATAGRAMS  256
#define IPFRAG_TIMEOUT_NS 30000000000ull

struct ipfrag;

/* A whole packet, from its IP header on. */
struct ipfrag_packet {
	const uint8_t *pkt;
	uint32_t cap, len;
};

/* NULL without memory. Counts in cnt->fragments_lost and cnt->malformed_packets; *cnt is borrowed. */
struct ipfrag *ipfrag_new(struct counters *cnt);

/*
 * Takes a fragment: a packet that decode_ip() described as *info and called DECODE_FRAGMENT. Returns true
 * when it completed its datagram; *out then is borrowed until the next datagram completes. Without
 * memory the fragment counts as lost.
 */
bool ipfrag_push(struct ipfrag *fr, const uint8_t *pkt, uint32_t cap, uint32_t len,
		 const struct ip_info *info, uint64_t now_ns, struct ipfrag_packet *out);

/* Gives up everything that waits: the end of the input. */
void ipfrag_finish(struct ipfrag *fr);

/* NULL is fine. */
void ipfrag_free(struct ipfrag *fr);

#endif
