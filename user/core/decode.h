/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * decode.h - from the bytes of an IP packet to a segment.
 *
 * The same decoder serves ring records and capture files: both hold a packet from its IP header on,
 * pkt_len bytes on the wire of which cap_len were captured. Pure: no state, no allocation.
 */
#ifndef HTTPLAT_DECODE_H
#define HTTPLAT_DECODE_H

#include <stddef.h>
#include <stdint.h>

#include "counters.h"
#include "segment.h"

enum decode_result {
	DECODE_OK = 0,
	DECODE_NOT_IP,	  /* version is neither 4 nor 6 */
	DECODE_NOT_TCP,	  /* another protocol; ip_proto tells which */
	DECODE_FRAGMENT,  /* part of a fragmented datagram (first fragment included) */
	DECODE_TRUNCATED, /* the capture ends inside the IP or the TCP header */
	DECODE_MALFORMED, /* lengths contradict each other */
};

/* What the IP layer said; filled for every result but DECODE_NOT_IP, as far as it was read. */
struct ip_info {
	uint8_t version;	  /* 4, 6 */
	uint8_t proto;		  /* of the payload, after IPv6 extension headers */
	struct endpoint src, dst; /* ports are 0 */
	uint32_t hdr_len;	  /* IP header with options or extension headers */
	uint32_t
		total_len; /* header and payload as the IP header says; pkt_len where that says 0 */
	uint32_t frag_id;  /* with DECODE_FRAGMENT */
	uint32_t frag_off; /* in bytes */
	bool frag_more;
	uint32_t frag_hdr_off; /* IPv6: where the fragment header lies in the packet */
};

/*
 * Reads the IP headers of pkt. pkt_len is the packet's length on the wire as the capture says
 * (link-layer padding may be included; a total length of 0, as BIG TCP super-segments have, means
 * pkt_len: RFC 2675, kernel commit b1a78b9b9886). cap_len <= pkt_len.
 * Returns DECODE_OK (whatever the protocol is: see info->proto), DECODE_NOT_IP, DECODE_FRAGMENT,
 * DECODE_TRUNCATED or DECODE_MALFORMED.
 */
enum decode_result decode_ip(const uint8_t *pkt, uint32_t cap_len, uint32_t pkt_len,
			     struct ip_info *info);

/*
 * Reads a whole TCP/IP packet. Fills the packet-derived members of *seg (src to tcp_hdr_len);
 * time_ns, frame, hook, dir and note are left alone. On anything but DECODE_OK *seg is untouched.
 * info may be NULL.
 */
enum decode_result decode_packet(const uint8_t *pkt, uint32_t cap_len, uint32_t pkt_len,
				 struct segment *seg, struct ip_info *info);

/* The same of a packet whose IP headers decode_ip() has read, to *info: with DECODE_OK and IPPROTO_TCP. */
enum decode_result decode_segment(const uint8_t *pkt, uint32_t cap_len, const struct ip_info *info,
				  struct segment *seg);

/*
 * Reads a TCP header that stands alone (`httplat decode`). Fills seq to payload_len of *seg,
 * ports of src and dst, tcp_hdr_len; addresses are zero. DECODE_TRUNCATED, DECODE_MALFORMED.
 */
enum decode_result decode_tcp(const uint8_t *tcp, uint32_t cap_len, uint32_t len,
			      struct segment *seg);

enum checksum_state {
	CHECKSUM_UNKNOWN = 0, /* not all of the packet was captured, or it is a super-segment */
	CHECKSUM_GOOD,
	CHECKSUM_BAD,
	CHECKSUM_PARTIAL, /* holds only the pseudo header's sum: left to the network card */
};

/* Whether the TCP checksum is right (RFC 9293 §3.1). The packet must have been decoded. */
enum checksum_state decode_checksum(const struct segment *seg);

/* One TCP option. kind 0 (end) and 1 (no-op) have no data. */
struct tcp_option {
	uint8_t kind;
	uint8_t len; /* of data */
	const uint8_t *data;
};

/*
 * Walks the options: *pos starts at 0 and is advanced. Returns 1 with *opt filled, 0 at the end,
 * -EINVAL when an option's length is impossible (the rest cannot be read).
 */
int decode_next_option(const uint8_t *options, uint32_t len, uint32_t *pos, struct tcp_option *opt);

/* Counts a packet that is no segment, by cause. */
void decode_count(enum decode_result result, struct counters *cnt);

#endif
